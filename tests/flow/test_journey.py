"""One row travels all the way, in a browser, through the real hub, engine, gateway and review.

Nothing here is a stand-in but the identity provider (someone else's) and the people. R2.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import time
from pathlib import Path

import docker
import pytest
from playwright.sync_api import Browser, expect

from benchmarks.memory import descendants
from enclave.demo.services import SERVICES
from tests.support import leaks
from tests.support.attacker import HIDDEN, bounds_of_hidden_cells
from tests.support.demo import RunningDemo
from tests.support.journey import (
    ALLOWED,
    COOKIES,
    DENIED,
    SUBMIT,
    TITLE,
    Notebook,
    Visit,
    approve,
    download,
    enter,
    open_workspace,
    visit,
)

pytestmark = [pytest.mark.docker, pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1500)]
PROJECT = "credential-pay"


@pytest.fixture(scope="module")
def kept(demo: RunningDemo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an auditor took home before the journey began: a checkpoint and the public key."""
    home, audit = tmp_path_factory.mktemp("auditor"), demo.settings.state_dir / "audit"
    shutil.copy(audit / "checkpoint", home / "checkpoint")
    shutil.copy(audit / "public.key", home / "key")
    return home


@pytest.fixture(scope="module")
def travelled(demo: RunningDemo, chromium: Browser, kept: Path) -> dict[str, bytes]:
    """Make the journey once; the released files by name."""
    with visit(chromium, "rosa") as rosa:
        notebook = open_workspace(rosa, demo.settings, PROJECT, picture="1-projects")
        work_in_notebook(rosa, notebook)
    with visit(chromium, "carl") as carl:
        approve(carl, demo.settings, "5-review")
        expect(carl.page.get_by_text("Other agencies still have to decide")).to_be_visible()
    with visit(chromium, "rosa") as rosa:
        enter(rosa, demo.settings.review_url)
        rosa.page.get_by_role("link", name=TITLE).first.click()
        assert rosa.page.locator("a[download]").count() == 0, "released one vote too early"
    with visit(chromium, "dora") as dora:
        approve(dora, demo.settings)
        expect(dora.page.get_by_text("the file is released")).to_be_visible()
    with visit(chromium, "rosa") as rosa:
        files = download(rosa, demo.settings)
        return {name: path.read_bytes() for name, path in files.items()}


def work_in_notebook(rosa: Visit, notebook: Notebook) -> None:
    """Welcome notebook, one allowed query, one denied, one output."""
    welcome = notebook.run_all()
    expect(welcome.get_by_text("Quarterly wage records").first).to_be_visible()
    notebook.to_the_top(welcome)
    rosa.picture("2-welcome")
    notebook.new()
    notebook.run("from enclave_client import query, submit")
    expect(notebook.run(ALLOWED)).to_contain_text("associate")
    denied = notebook.run(DENIED)
    expect(denied).to_contain_text("[query.not-granted]")
    expect(denied).to_contain_text("dsa-credential-pay, view wages")
    rosa.picture("3-query")
    submitted = notebook.run(SUBMIT)
    expect(submitted).to_contain_text("Waiting for CSCU, DOL")
    expect(submitted).to_contain_text("threshold")
    expect(submitted).to_contain_text("complementary")
    submitted.get_by_role("heading").first.evaluate("it => it.scrollIntoView()")
    rosa.picture("4-submit")


def events(demo: RunningDemo) -> list[dict]:
    """Read the log's own bytes, past every service."""
    log = demo.settings.state_dir / "audit" / "log.db"
    with sqlite3.connect(f"file:{log}?mode=ro", uri=True) as database:
        bodies = database.execute("SELECT body FROM entry ORDER BY idx").fetchall()
    return [json.loads(body) for (body,) in bodies]


def ours(event: dict) -> dict:
    return event["unmapped"]["enclave"]


def test_the_released_file_is_the_certified_one(travelled: dict[str, bytes]):
    """R22, SATRE 3.3.09: what leaves is exactly what was approved, with its record."""
    certificate = json.loads(travelled["certificate.json"])
    assert hashlib.sha256(travelled["table.csv"]).hexdigest() == certificate["files"][0]["sha256"]
    assert {vote["agency"] for vote in certificate["votes"]} == {"cscu", "dol"}
    assert certificate["rules"]["safe_threshold"] == 11, "the strictest agency's threshold wins"


@pytest.mark.parametrize("number", ["records", "wages"])
def test_no_suppressed_cell_can_be_recovered_from_the_release(
    travelled: dict[str, bytes], number: str, tmp_path
):
    path = tmp_path / "table.csv"
    path.write_bytes(travelled["table.csv"])
    ranges = bounds_of_hidden_cells(path, ["credential", "county"], number)
    assert ranges, "the demo's table must have something to hide"
    for cell, (low, high) in ranges.items():
        assert high - low >= max(1.0, 0.01 * high), f"{cell} is pinned to {low}..{high}"


def test_the_original_never_leaves(demo: RunningDemo, travelled: dict[str, bytes]):
    """Every released number that the rules hide is hidden, and quarantine is not plain text."""
    assert HIDDEN.encode() in travelled["table.csv"]
    quarantine = demo.settings.state_dir / "egress" / "quarantine"
    kept = [path.read_bytes() for path in quarantine.rglob("*") if path.is_file()]
    assert kept
    assert not any(b"associate" in content for content in kept)


def test_a_denied_query_ends_in_its_refusal_and_nothing_else(
    demo: RunningDemo, travelled: dict[str, bytes]
):
    told = events(demo)
    denied = [event for event in told if ours(event)["action"] == "query.denied"]
    assert len(denied) == 1
    clause = denied[0]["authorizations"][0]["policy"]["desc"]
    assert clause == "dsa-credential-pay, view wages"
    intent = ours(denied[0])["intent"]
    assert [e for e in told if ours(e)["intent"] == intent] == denied


def test_every_allowed_query_has_an_intent_before_its_outcome(
    demo: RunningDemo, travelled: dict[str, bytes]
):
    order: dict[str, list[str]] = {}
    for event in map(ours, events(demo)):
        if event["action"] in ("query.intent", "query.outcome"):
            order.setdefault(event["intent"], []).append(event["action"])
    assert len(order) > 3
    assert set(map(tuple, order.values())) == {("query.intent", "query.outcome")}


def test_no_part_of_the_journey_was_a_stand_in(demo: RunningDemo, travelled: dict[str, bytes]):
    """The programs that answered are the product's.

    A stand-in would have another command line, no DuckDB in the gateway's worker or no HiGHS in the
    review's process.
    """
    for service in SERVICES:
        words = command(demo.pid(service.name)).decode().split("\0")[:-1]
        if service.name == "witness":  # makes its key and policy, then becomes the real program
            assert [Path(words[1]).name, *words[2:4]] == ["audit", "witness", "serve"]
            continue
        assert words[-len(service.argv) :] == list(service.argv)
    workers = [pid for pid in descendants(demo.pid("gateway")) if b"worker" in command(pid)]
    assert len(workers) == 2, "one worker for each active project"
    assert all("_duckdb" in maps(pid) for pid in workers)
    assert "highs" in maps(demo.pid("review"))


def test_the_workspace_was_a_container_without_network(
    demo: RunningDemo, travelled: dict[str, bytes]
):
    if demo.settings.isolation != "docker":
        pytest.skip("workspaces are not in containers here: test_spawn_bubblewrap looks at those")
    client = docker.from_env()
    try:
        names = client.containers.list(filters={"name": f"{demo.settings.instance}-workspace-rosa"})
        (container,) = names
        assert container.attrs["HostConfig"]["NetworkMode"] == "none"
        assert "researcher" in container.attrs["Config"]["Image"]
    finally:
        client.close()


def command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def maps(pid: int) -> str:
    return Path(f"/proc/{pid}/maps").read_text()


def test_the_doctor_finds_nothing_wrong(demo: RunningDemo, travelled: dict[str, bytes]):
    """Once the witness, which starts with the log, has cosigned it."""
    for _ in range(30):
        done = demo.run("enclave", "doctor")
        if "Not cosigned" not in done.stdout:
            break
        time.sleep(2)
    assert done.returncode == 0, done.stdout


JOURNEY = (
    "agreement.applied",
    "delivery.stored",
    "linkage.run",
    "linkage.crosswalk-published",
    "project.built",
    "login",
    "session.opened",
    "query.outcome",
    "query.denied",
    "output.submitted",
    "output.protected",
    "output.viewed",
    "output.voted",
    "output.released",
    "output.downloaded",
)


def test_the_auditor_finds_every_step_and_verifies_one(
    demo: RunningDemo, chromium: Browser, travelled: dict[str, bytes]
):
    """R4, R36, SATRE 2.5.03: by person, project, agency and dataset, and proved."""
    settings = demo.settings
    with visit(chromium, "alma") as alma:
        enter(alma, settings.audit_url)
        expect(alma.page.get_by_role("heading", level=1)).to_be_visible()
        alma.picture("7-audit")
        for action in JOURNEY:
            alma.page.goto(f"{settings.audit_url}/events?action={action}")
            assert alma.page.locator("tbody tr").count() >= 1, f"{action} is not found"
        alma.page.goto(f"{settings.audit_url}/events?project={PROJECT}&agency=dol&person=dora")
        expect(alma.page.locator("tbody tr").first).to_contain_text("Dora")
        alma.picture("8-search")
        alma.page.goto(f"{settings.audit_url}/events?action=output.released")
        entry = alma.page.locator("tbody a[href^='/events/']").first.get_attribute("href")
        alma.page.goto(f"{settings.audit_url}{entry}/proof")
        expect(alma.page.get_by_role("heading", name="Yes")).to_be_visible()
        alma.picture("9-verified")


def test_the_log_verifies_from_a_checkpoint_kept_before_the_journey(
    demo: RunningDemo, kept: Path, travelled: dict[str, bytes]
):
    """The auditor trusts nobody: an old checkpoint and the key, kept elsewhere, are enough."""
    old, new = kept / "checkpoint", demo.settings.state_dir / "audit" / "checkpoint"
    assert old.read_text() != new.read_text(), "the journey must have added to the log"
    done = demo.run(
        "audit", "verify", str(new.parent), "--checkpoint", str(old), "--key", str(kept / "key")
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_personal_and_no_credential_stands_in_the_log(
    demo: RunningDemo, travelled: dict[str, bytes]
):
    """Every identifier delivered, key, token, cookie and literal, searched for in every event."""
    deliveries = (demo.settings.state_dir / "demo" / "deliveries").glob("*.csv")
    personal, kept = leaks.of_deliveries(deliveries), leaks.of_instance(demo.settings)
    written = b" ".join(travelled.values()).decode(errors="replace")
    seen: leaks.Secrets = {
        "cookie": {value for value in COOKIES if len(value) >= 16},
        "value": set(leaks.SHAPES["value"].findall(written)),
        "literal": {"= 2021"},
    }
    assert len(personal["social security number"]) > 1000
    assert seen["cookie"]
    assert kept["project key"]
    assert leaks.found_in(events(demo), personal, kept, seen) == []
    for kind, values in (personal | kept | seen).items():
        for value in sorted(values, key=len)[-1:]:
            planted = json.loads(json.dumps(events(demo)[-1]))
            planted["unmapped"]["enclave"]["detail"]["planted"] = f"for {value} it is"
            assert leaks.found_in([planted], personal, kept, seen), kind
