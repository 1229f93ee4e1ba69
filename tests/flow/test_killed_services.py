"""kill -9 of every service in the middle of one journey: nothing acknowledged is lost."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.demo import RunningDemo
from tests.support.journey import Notebook, approve, download, enter, open_workspace, visit

pytestmark = [pytest.mark.docker, pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1500)]
TITLE = "Wages in a year of failures"

# What a person would do when a door is shut for a moment: try again.
AGAIN = """
import time
from enclave_client import query, submit

def again(ask, tries=40):
    for left in reversed(range(tries)):
        try:
            return ask()
        except Exception as error:
            if not left:
                raise
            time.sleep(1)

acknowledged = []
def count(year):
    answer = again(lambda: query(f"SELECT count(*) AS n FROM wages WHERE year = {year}"))
    acknowledged.append(answer.attrs["enclave.query"])
    print("rows:", answer["n"][0], "acknowledged:", *acknowledged)
""".strip()
TABLE = """
table = again(lambda: query('''
    SELECT c.credential, w.county, count(*) AS records
    FROM credentials AS c JOIN wages AS w ON w.person_id = c.person_id
    WHERE w.year = 2020 GROUP BY CUBE (c.credential, w.county) ORDER BY ALL
'''))
""".strip()


def entries(demo: RunningDemo) -> list[dict]:
    log = demo.settings.state_dir / "audit" / "log.db"
    with sqlite3.connect(f"file:{log}?mode=ro", uri=True) as database:
        bodies = database.execute("SELECT body FROM entry ORDER BY idx").fetchall()
    return [json.loads(body)["unmapped"]["enclave"] for (body,) in bodies]


def queries_in(text: str) -> set[str]:
    return set(re.findall(r"q-[0-9a-f]{16}", text))


def work(page: Page, demo: RunningDemo) -> set[str]:
    """Ask and submit while one service after another dies; return the acknowledged queries."""
    notebook = Notebook(page)
    notebook.new()
    notebook.run(AGAIN)
    acknowledged = queries_in(notebook.run("count(2019)").inner_text())
    for victim in ("hub", "gateway", "audit", "review", "login", "audit-web"):
        demo.kill(victim)
        told = notebook.run("count(2020)")
        expect(told).to_contain_text("rows:")
        acknowledged |= queries_in(told.inner_text())
    notebook.run(TABLE)
    demo.kill("review")
    words = "context='Pay by credential, for the annual report.'"
    said = notebook.run(f"again(lambda: submit(table, title='{TITLE}', {words}))")
    expect(said).to_contain_text("Waiting for CSCU, DOL")
    return acknowledged


@pytest.fixture(scope="module")
def survived(demo: RunningDemo, chromium: Browser) -> tuple[set[str], dict[str, bytes]]:
    """The journey through all those deaths: acknowledged queries and released files."""
    demo.kill("login")
    with visit(chromium, "ravi") as ravi:
        open_workspace(ravi, demo.settings, "credential-pay")
        acknowledged = work(ravi.page, demo)
    demo.kill("proxy")
    with visit(chromium, "ravi") as ravi:  # the workspace outlived hub and proxy
        enter(ravi, demo.settings.hub_url)
        expect(ravi.page.get_by_role("button", name="Go to workspace")).to_be_visible()
    with visit(chromium, "carl") as carl:
        approve(carl, demo.settings, title=TITLE)
    demo.kill("review")
    demo.kill("audit")
    with visit(chromium, "dora") as dora:
        approve(dora, demo.settings, title=TITLE)
        expect(dora.page.get_by_text("the file is released")).to_be_visible()
    demo.kill("review")
    with visit(chromium, "ravi") as ravi:
        files = download(ravi, demo.settings, title=TITLE)
        return acknowledged, {name: path.read_bytes() for name, path in files.items()}


def test_the_journey_is_finished_after_every_service_was_killed(survived):
    _, files = survived
    certificate = json.loads(files["certificate.json"])
    assert hashlib.sha256(files["table.csv"]).hexdigest() == certificate["files"][0]["sha256"]
    assert {vote["agency"] for vote in certificate["votes"]} == {"cscu", "dol"}


def test_every_acknowledged_query_and_receipt_is_in_the_log(demo: RunningDemo, survived):
    acknowledged, files = survived
    told = entries(demo)
    ended = {entry["intent"] for entry in told if entry["action"] == "query.outcome"}
    assert len(acknowledged) >= 7
    assert acknowledged <= ended
    for receipt in json.loads(files["certificate.json"])["audit"]:
        assert told[receipt["entry"]]["action"] == receipt["action"]


def test_the_log_still_verifies(demo: RunningDemo, survived):
    audit = demo.settings.state_dir / "audit"
    keep = ["--checkpoint", str(audit / "checkpoint"), "--key", str(audit / "public.key")]
    done = demo.run("audit", "verify", str(audit), *keep)
    assert done.returncode == 0, done.stdout + done.stderr
