"""Anomalies, saved searches and alerts as people use them: by keyboard, narrow, without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from audit.outbox import Hit
from audit.saved import Channel, Rule, Search, Trigger, new_id, now_ms
from audit.web.app import add_filters, make_audit_app, make_site, routes
from enclave.events import Action, Event
from enclave.settings import Settings
from tests.support import audit_story
from tests.support.axe import assert_accessible
from tests.support.browser import NARROW, WIDE, console_errors, log_in, screenshot
from tests.support.idp import IdentityProviderProcess
from tests.support.receivers import MailServer, key_file
from tests.support.watching import Watched, denied
from tests.support.web import Visitor, serving

pytestmark = pytest.mark.browser

LONG = "Everything refused on quarterly wages, credentials and benefits of the network this year, "
LONG += "by anybody, at whatever hour"


@pytest.fixture(scope="module")
def people() -> Iterator[IdentityProviderProcess]:
    process = IdentityProviderProcess({id: {} for id in ("alma", "stella")}).start()
    yield process
    process.stop()


@pytest.fixture
def watched(settings: Settings, people: IdentityProviderProcess) -> Iterator[Watched]:
    mail = MailServer()
    ours = settings.model_copy(
        update={
            "oidc_issuer": people.issuer, "smtp_host": "127.0.0.1", "smtp_port": mail.port,
            "smtp_starttls": False, "alert_webhook_hosts": "hooks.example",
            "alert_interval_seconds": 0.0,
        }
    )  # fmt: skip
    ours.audit_dir.mkdir(parents=True)
    key_file(ours.state_dir / "key")
    made = Watched(ours)
    yield made
    made.close()
    mail.close()


@pytest.fixture
def url(watched: Watched) -> Iterator[str]:
    running = serving(
        make_site, routes(watched.room), settings=watched.settings, store=watched.store,
        audit=watched.book, host="audit.localhost",
    )  # fmt: skip
    with running as app:
        add_filters(app)
        yield app.state.web.site.url


def enter(page: Page, url: str, who: str = "alma") -> None:
    page.goto(url)
    log_in(page, who)
    page.wait_for_url(f"{url}/**")


def fill(watched: Watched, many: int) -> Rule:
    """Plant an anomaly, and so many searches and rules with a history; return one that fails."""
    series = [replace(denied(number=n), agencies=("dol", "cscu")) for n in range(9)]
    watched.happen(*series)
    saved, event = watched.room.saved, Event(Action.AUDIT_RULE_CHANGED, "alma")
    for number in range(many):
        name = LONG if number == 0 else f"Refusals {number}"
        asked = "verdict=denied&words=employer_id"
        search = Search(new_id(), "alma", name, asked, bool(number % 2), now_ms())
        saved.save_search(watched.book, event, search)
        channel, link = (
            (Channel.MAIL, "") if number % 2 else (Channel.WEBHOOK, "https://hooks.example/")
        )
        rule = Rule(
            new_id(), "alma", Trigger.SEARCH, search.id, channel, link, number != 3, 0, now_ms()
        )
        saved.save_rule(watched.book, event, rule)
        hits = [Hit(f"entry:{n}", f"Entry {n}: query denied.", f"/events/{n}") for n in range(30)]
        watched.outbox.found(rule, hits, 9)
        with saved.write() as connection:
            message = watched.outbox.gather(connection, rule.id, now_ms())
        if number % 2 == 0:
            watched.outbox.failed(message.id, "The receiver answered with status 500.", 1 << 50)
        else:
            watched.outbox.taken(message.id, now_ms())
    return saved.rules()[0] if many else rule_of_nothing()


def rule_of_nothing() -> Rule:
    return Rule("0" * 16, "alma", Trigger.ANOMALY, None, Channel.MAIL, "", True, 0, 0)


@pytest.mark.parametrize("many", [0, 1, 60])
def test_every_page_meets_wcag_2_1_aa_wide_and_narrow(
    page: Page, watched: Watched, url: str, many: int
) -> None:
    if many:
        audit_rule = fill(watched, many)
        search = audit_rule.search or ""
    enter(page, url)
    seen = console_errors(page)
    paths = {
        "anomalies": "/anomalies", "saved": "/saved", "saved-new": "/saved/new?verdict=denied",
        "alerts": "/alerts", "alert-new": "/alerts/new",
    }  # fmt: skip
    if many:
        page.goto(f"{url}/anomalies")
        link = page.get_by_role("link", name="Many refusals in a short time").first
        paths |= {
            "anomaly": link.get_attribute("href") or "",
            "alert": f"/alerts/{audit_rule.id}", "saved-one": f"/saved/{search}",
            "anomalies-filtered": "/anomalies?kind=dormant-account",
        }  # fmt: skip
    for name, path in paths.items():
        for width, size in (("wide", WIDE), ("narrow", NARROW)):
            page.set_viewport_size(size)
            answer = page.goto(url + path)
            assert answer is not None
            assert answer.status == 200, path
            screenshot(page, f"audit-{name}-{many}-{width}")
            assert_accessible(page)
            overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert overflow <= 0, f"{path} is {overflow}px too wide at {size}"
    assert seen == []


def test_while_the_log_is_being_read_nothing_is_found_so_far(
    page: Page, watched: Watched, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: the sentence of a log that was read to its end."""
    enter(page, url)
    page.goto(f"{url}/anomalies")
    expect(page.get_by_text("Nothing out of the ordinary has been found.")).to_be_visible()
    monkeypatch.setattr(watched.room.findings, "keep_level", lambda _most: 5_000)
    page.reload()
    expect(page.get_by_text("5,000 entries are still being read")).to_be_visible()
    expect(page.get_by_text("found in what has been read so far.")).to_be_visible()


def test_an_auditor_saves_a_search_and_is_told_by_keyboard_alone(
    plain_page: Page, watched: Watched, url: str
) -> None:
    page = plain_page
    watched.happen(denied())
    enter(page, url)
    page.goto(f"{url}/events?verdict=denied")
    page.get_by_role("link", name="Save this search").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Name").focus()
    page.keyboard.type("Denied")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The search is saved.")).to_be_visible()
    page.get_by_role("link", name="Alert me").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Tell me of")).to_have_value(watched.room.saved.searches()[0].id)
    page.get_by_role("button", name="Switch on").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("The alert is on.")).to_be_visible()
    watched.happen(denied(number=1))
    watched.alerts.look()
    page.reload()
    expect(page.get_by_role("row").filter(has_text="taken")).to_have_count(1)
    page.get_by_role("button", name="Switch off").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("The alert is off")).to_be_visible()
    page.get_by_role("button", name="Delete").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("You have no alert rules yet.")).to_be_visible()
    changed = [e.detail["change"] for e in watched.book.events if "change" in e.detail]
    assert changed == ["saved", "made", "switched-off", "deleted"]


def test_an_anomaly_is_read_from_the_list_to_its_entries_without_scripts(
    plain_page: Page, watched: Watched, url: str
) -> None:
    page = plain_page
    fill(watched, 0)
    enter(page, url)
    page.get_by_role("link", name="Anomalies", exact=True).click()
    page.get_by_label("Kind", exact=True).select_option("denial-burst")
    page.get_by_role("button", name="Filter").click()
    page.get_by_role("link", name="Many refusals in a short time").first.click()
    expect(page.get_by_text("Rosa Rivera was refused 9 times within a minute.")).to_be_visible()
    expect(page.get_by_role("heading", name="What would be innocent")).to_be_visible()
    page.get_by_role("link", name="All entries of the person on these days").click()
    expect(page.get_by_role("row").filter(has_text="was refused a query")).to_have_count(9)


def test_a_steward_is_told_whose_entries_these_are(page: Page, watched: Watched, url: str) -> None:
    fill(watched, 1)
    enter(page, url, "stella")
    for path in ("/anomalies", "/saved", "/alerts"):
        page.goto(url + path)
        expect(page.get_by_text("You see the entries on data of DOL.")).to_be_visible()
        assert_accessible(page)
    page.goto(f"{url}/saved")
    expect(page.get_by_text("No search has been saved yet")).to_be_visible()
    screenshot(page, "audit-steward-saved")
    page.goto(f"{url}/anomalies")
    page.get_by_role("link", name="Many refusals in a short time").first.click()
    expect(page.get_by_text("on data of DOL alone")).to_be_visible()


def test_a_webhook_that_is_not_listed_is_refused_in_a_sentence(
    page: Page, watched: Watched, url: str
) -> None:
    enter(page, url)
    page.goto(f"{url}/alerts/new")
    page.get_by_label("How").select_option("webhook")
    page.get_by_label("Webhook's address").fill("https://evil.example/")
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_text("not on the list of hosts")).to_be_visible()
    assert_accessible(page)
    assert watched.room.saved.rules() == []


def test_a_form_from_elsewhere_changes_nothing(
    watched: Watched, people: IdentityProviderProcess
) -> None:
    fill(watched, 1)
    app = make_audit_app(watched.settings, watched.store, watched.book)
    visitor = Visitor(app, people)
    visitor.log_in("alma")
    rule = watched.room.saved.rules()[0]
    for path in (f"/alerts/{rule.id}/delete", f"/saved/{rule.search}/delete", "/alerts", "/saved"):
        assert visitor.post(path, headers={"Origin": "https://evil.example"}).status_code == 403
        assert visitor.client.post(path).status_code == 403
    assert watched.room.saved.rules() == [rule]


def test_markup_in_a_name_is_shown_and_never_run(page: Page, watched: Watched, url: str) -> None:
    script = "<img src=x onerror=alert(1)>"
    search = Search(new_id(), "alma", script, "words=%3Cb%3Ex", True, now_ms())
    watched.room.saved.save_search(watched.book, Event(Action.AUDIT_RULE_CHANGED, "alma"), search)
    enter(page, url)
    for path in ("/saved", f"/saved/{search.id}", "/alerts/new"):
        page.goto(url + path)
        assert page.locator("main img").count() == 0
        assert script in (page.locator("main").text_content() or "")
    assert audit_story.PEOPLE["alma"]
