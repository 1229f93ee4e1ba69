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
from tests.support.reviewing import enlarged
from tests.support.web import Clock, Visitor

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


@pytest.mark.parametrize("rows", [0, 10_000])
def test_a_table_of_any_length_is_shown_by_pages_without_javascript(
    world: World, site: str, plain_page: Page, page: Page, rows: int
) -> None:
    request = enlarged(world, world.submit(), rows)
    for one in (plain_page, page):
        enter(one, site, "dora", f"/requests/{request.id}?page={rows}")
        expect(one.locator(".rev-compare tbody tr")).to_have_count(min(rows, 100))
    assert_accessible(page)
    page.set_viewport_size(NARROW)
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    screenshot(page, f"review-{rows}-rows-narrow")


def test_an_empty_queue_says_so_and_a_researcher_is_led_to_their_own(
    world: World, site: str, chromium
) -> None:
    page = chromium.new_context().new_page()
    enter(page, site, "otto")
    expect(page.get_by_text("Nothing waits for your agency")).to_be_visible()
    assert_accessible(page)
    page.context.close()
    page = chromium.new_context().new_page()
    enter(page, site, "ravi")
    expect(page).to_have_url(f"{site}/mine")
    expect(page.get_by_text("not asked for anything")).to_be_visible()
    page.context.close()


def visitor(world: World, idp: IdentityProviderProcess, clock: Clock, person: str) -> Visitor:
    app = make_site(
        world.settings,
        world.service,
        sessions=WebSessions(world.store.engine, clock=clock),
        provider=IdentityProvider(world.settings),
    )
    made = Visitor(app, idp)
    made.log_in(person)
    return made


def test_a_vote_needs_a_log_in_of_the_last_minutes(
    world: World, idp: IdentityProviderProcess, clock: Clock
) -> None:
    request = world.in_review()
    dora = visitor(world, idp, clock, "dora")
    clock.forward(6 * 60)
    form = {"decision": "approve", "shown": request.shown}
    for answer in (
        dora.get(f"/requests/{request.id}/confirm?decision=approve"),
        dora.post(f"/requests/{request.id}/vote", data=form),
    ):
        assert answer.status_code == 303
        assert "again=1" in answer.headers["location"]
    assert world.service.reviews.votes(request.id) == ()


def test_administrators_and_auditors_do_not_enter(
    world: World, idp: IdentityProviderProcess, clock: Clock
) -> None:
    request = world.in_review()
    for person in ("adam", "alma", "gone"):
        stranger = visitor(world, idp, clock, person)
        answer = stranger.get(f"/requests/{request.id}")
        assert answer.status_code in (303, 403)
        assert request.title not in answer.text


def test_released_files_are_attachments_that_no_browser_runs(
    world: World, idp: IdentityProviderProcess, clock: Clock
) -> None:
    request = world.in_review()
    world.vote("dora", request)
    world.vote("carl", request)
    rosa = visitor(world, idp, clock, "rosa")
    answer = rosa.get(f"/requests/{request.id}/files/pay.csv")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["content-security-policy"]
    ravi = visitor(world, idp, clock, "ravi")
    assert ravi.get(f"/requests/{request.id}/files/pay.csv").status_code == 404
    assert ravi.get(f"/requests/{request.id}").status_code == 404


def test_the_authors_page_shows_no_number_of_the_table(
    world: World, idp: IdentityProviderProcess, clock: Clock
) -> None:
    request = world.submit()
    rosa = visitor(world, idp, clock, "rosa")
    text = rosa.get(f"/requests/{request.id}").text
    assert "Fairfield" not in text
    assert "[suppressed]" not in text
    other = visitor(world, idp, clock, "ravi")
    assert other.post(f"/requests/{request.id}/withdraw").status_code == 404


def test_comments_and_a_rejection_reach_the_author_as_text(
    world: World, idp: IdentityProviderProcess, clock: Clock
) -> None:
    request = world.submit()
    script = "<script>alert(1)</script>"
    dora = visitor(world, idp, clock, "dora")
    assert dora.post(f"/requests/{request.id}/comment", data={"comment": script}).status_code == 303
    form = {"decision": "reject", "shown": request.shown, "comment": "Too fine."}
    assert dora.post(f"/requests/{request.id}/vote", data=form).status_code == 303
    rosa = visitor(world, idp, clock, "rosa")
    text = rosa.get(f"/requests/{request.id}").text
    assert script not in text
    assert "&lt;script&gt;" in text
    assert "Too fine." in text
    assert "rejected" in text
