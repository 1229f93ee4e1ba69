"""Reviewers decide on what they see, and researchers fetch what was released (SATRE 3.3, WCAG)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from egress_review.model import Request
from egress_review.web import make_site
from enclave.audit_client import AuditClient
from enclave.settings import Settings
from enclave.web.oidc import IdentityProvider
from enclave.web.serve import server
from enclave.web.sessions import WebSessions
from tests.support.axe import assert_accessible
from tests.support.browser import NARROW, console_errors, log_in, screenshot
from tests.support.idp import IdentityProviderProcess, free_port
from tests.support.review import PEOPLE, World, review_world
from tests.support.review_fixtures import egress_audit
from tests.support.web import Clock

__all__ = ["egress_audit"]


@pytest.fixture(scope="module")
def idp() -> Iterator[IdentityProviderProcess]:
    process = IdentityProviderProcess({id: {"name": p.name} for id, p in PEOPLE.items()}).start()
    yield process
    process.stop()


@pytest.fixture
def world(
    settings: Settings, idp: IdentityProviderProcess, egress_audit: AuditClient
) -> Iterator[World]:
    mine = settings.model_copy(
        update={"oidc_issuer": idp.issuer, "review_url": f"http://review.localhost:{free_port()}"}
    )
    with review_world(mine, egress_audit) as made:
        yield made


@pytest.fixture
def site(world: World, clock: Clock) -> Iterator[str]:
    """The review site on a port; yields its address."""
    app = make_site(
        world.settings,
        world.service,
        sessions=WebSessions(world.store.engine, clock=clock),
        provider=IdentityProvider(world.settings),
    )
    running = server(app)
    thread = threading.Thread(target=running.run)
    thread.start()
    while not running.started:
        time.sleep(0.02)
    yield world.settings.review_url
    running.should_exit = True
    thread.join(timeout=10)


def enter(page: Page, site: str, person: str, path: str = "/") -> None:
    page.goto(site + path)
    log_in(page, person)


def decide(page: Page, site: str, request: Request, person: str, *, answer: str) -> None:
    enter(page, site, person)
    page.get_by_role("link", name=request.title).first.click()
    page.get_by_role("button", name=f"{answer}…").click()
    page.get_by_role("button", name=f"{answer} for my agency").click()


def test_two_reviewers_approve_and_the_researcher_downloads(
    world: World, site: str, chromium
) -> None:
    request = world.in_review()
    for person, words in (("dora", "Other agencies still"), ("carl", "the file is released")):
        page = chromium.new_context(viewport={"width": 1280, "height": 900}).new_page()
        enter(page, site, person)
        errors = console_errors(page)
        assert_accessible(page)
        screenshot(page, f"review-queue-{person}")
        page.get_by_role("link", name=request.title).click()
        assert_accessible(page)
        screenshot(page, f"review-request-{person}")
        page.get_by_role("button", name="Approve…").click()
        assert_accessible(page)
        screenshot(page, f"review-confirm-{person}")
        page.get_by_role("button", name="Approve for my agency").click()
        expect(page.get_by_text(words)).to_be_visible()
        assert_accessible(page)
        screenshot(page, f"review-after-{person}")
        assert errors == []
        page.context.close()
    page = chromium.new_context(accept_downloads=True).new_page()
    enter(page, site, "rosa")
    assert_accessible(page)
    screenshot(page, "review-mine")
    page.get_by_role("link", name=request.title).click()
    assert_accessible(page)
    screenshot(page, "review-own")
    with page.expect_download() as got:
        page.get_by_role("link", name="pay.csv").click()
    assert got.value.path().read_text().startswith("institution,people")
    page.context.close()


def test_the_page_shows_each_number_beside_what_would_be_released(
    world: World, site: str, page: Page
) -> None:
    request = world.submit()
    enter(page, site, "dora", f"/requests/{request.id}")
    hidden = page.locator("tr.rev-hidden")
    expect(hidden).to_have_count(int(request.summary["hidden"] or 0))
    expect(hidden.first).to_contain_text("[suppressed]")
    expect(hidden.first).to_contain_text("attacker:")
    assert_accessible(page)
    screenshot(page, "review-compare")
    page.get_by_role("link", name="Show only the hidden rows").click()
    expect(page.locator(".rev-compare tbody tr")).to_have_count(int(request.summary["hidden"] or 0))
    page.set_viewport_size(NARROW)
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    screenshot(page, "review-compare-narrow")
