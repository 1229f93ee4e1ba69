"""What an auditor sees of witnesses: the bar's colour, who cosigned when, what to keep."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from audit.note import Checkpoint
from audit.policy import Policy
from audit.web.app import make_audit_app
from audit.witness_store import Seen
from enclave.settings import Settings
from tests.support.axe import assert_accessible
from tests.support.browser import NARROW, WIDE, console_errors, log_in, screenshot
from tests.support.idp import IdentityProviderProcess
from tests.support.web import Visitor
from tests.support.witnesses import RunningWitness, log_keys, witnesses, write_policy
from tests.web.test_audit_pages import AuditSite, _serve, _site, people

pytestmark = pytest.mark.browser
__all__ = ["people"]


@pytest.fixture
def running(settings: Settings) -> Iterator[list[RunningWitness]]:
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    with witnesses(settings.state_dir, "ab", log_keys(settings)) as made:
        write_policy(settings, made, "all")
        yield made


@pytest.fixture
def site(
    settings: Settings, people: IdentityProviderProcess, running: list[RunningWitness]
) -> Iterator[AuditSite]:
    quick = settings.model_copy(update={"audit_checkpoint_seconds": 0.3})
    with _site(quick, people, 2) as made:
        yield made


@pytest.fixture
def visitor(site: AuditSite, people: IdentityProviderProcess) -> Visitor:
    visitor = Visitor(make_audit_app(site.settings, site.store, site.client), people)
    visitor.log_in("alma")
    return visitor


def soon(visitor: Visitor, wanted: str, path: str = "/verification") -> str:
    """Return the page once it says `wanted`."""
    for _ in range(100):
        text = visitor.get(path).text
        if wanted in text:
            return text
        time.sleep(0.1)
    bar = text[:3000]
    pytest.fail(f"the page never said {wanted}: {bar}")


def test_the_bar_is_green_once_the_quorum_has_cosigned_and_names_who(visitor: Visitor) -> None:
    text = soon(visitor, "aud-bar--green")
    assert text.count("Checked here") == 2
    assert "b.example/witness" in text
    assert "cosigned by the witnesses&#39; quorum" in text.replace("'", "&#39;")


def test_a_witness_that_contradicts_the_log_turns_every_page_red(
    visitor: Visitor, site: AuditSite, running: list[RunningWitness]
) -> None:
    soon(visitor, "aud-bar--green")
    longer = Seen(site.settings.origin, 10**6, bytes(32), "", int(time.time()))
    store, seen = running[1].store, None
    while seen is None or not store.advance(longer, old_size=seen.size):
        seen = store.latest(longer.origin)  # the site's own next checkpoint may come in between
    text = soon(visitor, "aud-bar--red")
    assert "The witness b contradicts this log" in text
    assert "aud-bar--red" in visitor.get("/").text


def test_what_the_page_hands_out_verifies_together(visitor: Visitor, site: AuditSite) -> None:
    soon(visitor, "aud-bar--green")
    policy = Policy.parse(visitor.get("/policy").content)
    note = visitor.get("/checkpoint").text
    assert set(policy.open(note).cosigned) == {"a", "b"}
    answer = visitor.get("/export")
    assert answer.headers["content-type"] == "application/x-tar"
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as tar:
        names = tar.getnames()
        kept = tar.extractfile("log/checkpoint")
        assert kept is not None
        judged = policy.open(kept.read().decode())
    assert judged.checkpoint.size >= Checkpoint.parse(note.split("\n\n")[0] + "\n").size
    assert {"log/policy", "log/public.keys", "log/enclave/export.json"} <= set(names)
    assert any(
        "exported" in str(look) or look["detail"] == {"page": "export"} for look in site.looks()
    )


def test_the_page_is_readable_by_everyone_wide_and_narrow(
    page: Page, site: AuditSite, running: list[RunningWitness]
) -> None:
    running[1].stop()
    for url in _serve(site):
        page.set_viewport_size(WIDE)
        page.goto(f"{url}/verification")
        log_in(page, "alma")
        errors = console_errors(page)
        page.goto(f"{url}/verification")
        assert_accessible(page)
        screenshot(page, "audit-witness-away")
        running[1].start()
        for _ in range(80):
            page.goto(f"{url}/verification")
            if page.locator(".aud-bar--green").count():
                break
            time.sleep(0.2)
        screenshot(page, "audit-witnesses")
        page.set_viewport_size(NARROW)
        assert_accessible(page)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= NARROW["width"]
        screenshot(page, "audit-witnesses-narrow")
        assert errors == []
