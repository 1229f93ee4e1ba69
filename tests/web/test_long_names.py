"""Names of 200 letters without a break: no page scrolls sideways, no link is out of sight.

Every page that a site has is visited: a route that nobody added here fails the test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page
from starlette.applications import Starlette
from starlette.routing import Match, Route

from audit.outbox import Hit, Outbox
from audit.saved import Channel, Rule, Search, Trigger, new_id, now_ms
from audit.web.app import PAGES, add_filters, make_site, routes
from audit.web.room import Room
from enclave.audit_client import AuditClient
from enclave.events import Action, Event
from enclave.model import Review
from enclave.settings import Settings
from enclave.store import ControlStore
from tests.support import audit_story, review, reviewing
from tests.support.audit import AuditProcess
from tests.support.axe import assert_accessible
from tests.support.browser import log_in
from tests.support.idp import IdentityProviderProcess
from tests.support.review import BOTH, table
from tests.support.reviewing import ReviewSite, enlarged, review_site
from tests.support.web import serving

pytestmark = pytest.mark.browser

WORD = ("Verwaltungsgemeinschaftsvorsitzendenstellvertretung" * 4)[:200]
COLUMN = ("employment_status_at_the_end_of_the_quarter_" * 5)[:200]
WIDTHS = (360, 768, 1280)
# what is sent, or leads elsewhere: nothing to read
NO_PAGES = {"files", "pictures", "oidc", "healthz", "favicon.ico", "login"}
DOWNLOADS = {
    "/events.jsonl", "/checkpoint", "/public-key", "/policy", "/export", "/verify.pyz", "/report",
    "/closed/{name}/{file}",
}  # fmt: skip

SIDEWAYS = "document.documentElement.scrollWidth - innerWidth"
# what can be pressed or read in a list, unless it lies in a table of numbers, which may scroll
OUT_OF_SIGHT = """() => [...document.querySelectorAll(
    "main a, main button, main h1, main h2, .enc-stack td, nav a")].filter(e =>
    !e.closest(".rev-compare, .rev-grid, .enc-chart") && e.checkVisibility() &&
    !e.classList.contains("usa-sr-only") && e.getBoundingClientRect().right > innerWidth + 1)
    .map(e => e.outerHTML.slice(0, 90))"""


def too_wide(page: Page) -> list[str]:
    """Say where the page is wider than its window, with letters as they are or twice as large."""
    found = []
    for letters in ("100%", "200%"):
        page.evaluate("size => { document.documentElement.style.fontSize = size }", letters)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 740})
            over, hidden = page.evaluate(SIDEWAYS), page.evaluate(OUT_OF_SIGHT)
            if over > 0 or (hidden and width == WIDTHS[0]):
                found.append(f"{page.url[:80]}: {over} px at {width}, letters {letters}: {hidden}")
    return found


def unvisited(app: Starlette, paths: set[str]) -> list[str]:
    """Return the pages of a site that none of these paths leads to."""
    pages = [route for route in app.routes if isinstance(route, Route)]
    readable = [route for route in pages if "GET" in (route.methods or ())]

    def leads(route: Route, path: str) -> bool:
        found, _ = route.matches({"type": "http", "method": "GET", "path": path})
        return found is Match.FULL

    return [one.path for one in readable if not any(leads(one, path) for path in paths)]


@contextmanager
def long_review() -> Iterator[ReviewSite]:
    """The review site of an enclave where everything has a long name."""
    agreed = review.policy
    with pytest.MonkeyPatch.context() as patch:
        people = {id: replace(one, name=one.name[:4] + WORD) for id, one in review.PEOPLE.items()}
        agencies = {id: replace(one, name=one.id + WORD) for id, one in review.AGENCIES.items()}
        patch.setattr(review, "AGENCIES", agencies)
        patch.setattr(review, "PEOPLE", people)
        patch.setattr(reviewing, "PEOPLE", people)
        patch.setattr(reviewing, "LONG", WORD)
        patch.setattr(review, "policy", lambda *of: replace(agreed(*of), title=WORD, purpose=WORD))
        with review_site() as site:
            yield site


@pytest.fixture
def look(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Log somebody in at a site and return their page."""
    contexts = []

    def enter(url: str, person: str) -> Page:
        contexts.append(chromium.new_context(viewport={"width": 360, "height": 740}))
        page = contexts[-1].new_page()
        page.goto(url)
        log_in(page, person)
        page.wait_for_url(lambda at: at.startswith(url))
        return page

    yield enter
    for context in contexts:
        context.close()


def visits(site: ReviewSite) -> Mapping[str, tuple[str, ...]]:
    """Say who looks at which pages, of requests in every state."""
    world = site.world
    file = WORD[:190] + ".csv"
    given = {"title": WORD, "filename": file, "context": f"It shows the pay of all: {WORD}"}
    pay = enlarged(world, world.submit(**given), 300)
    old = world.submit(BOTH, agencies=("dol", "cscu"), **given)
    world.service.ask_for_changes(review.PEOPLE["dora"], old.id, WORD, shown=old.shown)
    query, answer = world.ask(BOTH, agencies=("dol", "cscu"))
    new = world.hand_in(table(answer, query, name=file), title=WORD, replaces=old.id)
    for person in ("dora", "carl"):
        world.vote(person, new, comment=WORD)
    world.agree(review=Review(checkers=1, persons=frozenset({"otto"})))
    opined = world.submit(BOTH, agencies=("dol", "cscu"), **given)
    refused = world.submit(content=b"county,industry,n\nTolland,Health,30\n", **given)
    mine, checked = f"/requests/{new.id}", f"/requests/{pay.id}"
    return {
        "dora": (
            "/", "/?list=decided", "/turnaround", "/notices", "/account", "/nowhere",
            "/logged-out", mine, checked, f"{checked}?view=released",
            f"{checked}/confirm?decision=reject", f"{mine}/changes",
        ),
        "otto": (f"/requests/{opined.id}/opinion",),
        "rosa": (
            "/mine", mine, f"{mine}/certificate", f"/requests/{old.id}", f"/requests/{refused.id}",
        ),
    }  # fmt: skip


def test_no_page_of_egress_review_is_wider_than_its_window(look: Callable[..., Page]) -> None:
    with long_review() as site:
        seen, wide = set(), []
        for person, paths in visits(site).items():
            page = look(site.url, person)
            for path in paths:
                page.goto(site.url + path)
                assert_accessible(page)
                wide += too_wide(page)
                seen.add(path.split("?")[0])
        assert wide == []
        missed = unvisited(site.app, seen)
        assert [path for path in missed if not NO_PAGES & set(path.split("/"))] == []


def told_at_length(settings: Settings) -> None:
    """Write nine days into a log, where project, dataset, column, agency and clause are long."""
    pair = replace(
        audit_story.PAIR, project=WORD, agencies=("cscu", WORD), datasets=(COLUMN, "wages"),
        clause=f"dsa-{WORD}",
    )  # fmt: skip
    asked = audit_story.query

    def query(*of: str) -> Iterator[tuple[str, Event]]:
        for source, event in asked(*of):
            sql = {**event.detail, "sql": f"SELECT {COLUMN} FROM {COLUMN} WHERE {COLUMN} = ?"}
            columns = (f"wages.{COLUMN}", f"{COLUMN}.wage") if event.columns else ()
            yield source, replace(event, columns=columns, detail=sql)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit_story, "PAIR", pair)
        patch.setattr(audit_story, "CLAUSE", f"dsa-{WORD}")
        patch.setattr(audit_story, "query", query)
        audit_story.tell(settings, days=9)


def watch_at_length(room: Room, audit: AuditClient) -> tuple[str, str]:
    """Save a search and an alert on it with long names; return their ids."""
    changed = Event(Action.AUDIT_RULE_CHANGED, "alma")
    search = Search(new_id(), "alma", WORD[:120], f"words={COLUMN}", True, now_ms())
    room.saved.save_search(audit, changed, search)
    link = f"https://hooks.example/{WORD}"
    rule = Rule(
        new_id(), "alma", Trigger.SEARCH, search.id, Channel.WEBHOOK, link, True, 0, now_ms()
    )
    room.saved.save_rule(audit, changed, rule)
    Outbox(room.saved).found(rule, [Hit("entry:3", "Entry 3: query denied.", "/events/3")], 9)
    return search.id, rule.id


@pytest.fixture
def long_audit(settings: Settings) -> Iterator[tuple[Starlette, tuple[str, str]]]:
    """The auditor's site over a log where everything has a long name."""
    named = {id: one.name[:4] + WORD for id, one in audit_story.PEOPLE.items()}
    people = {id: replace(one, name=named[id]) for id, one in audit_story.PEOPLE.items()}
    idp = IdentityProviderProcess({id: {"name": name} for id, name in named.items()}).start()
    ours = settings.model_copy(
        update={"oidc_issuer": idp.issuer, "alert_webhook_hosts": "hooks.example"}
    )
    told_at_length(ours)
    service, store = AuditProcess(ours).start(), ControlStore(ours.database_url)
    client, rooms = AuditClient(ours, "audit-web"), service.client()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit_story, "PEOPLE", people)
        audit_story.enter_people(store, rooms)
    room = Room(ours, store, client)
    room.index.catch_up()
    ids = watch_at_length(room, client)
    running = serving(
        make_site, routes(room), settings=ours, store=store, audit=client, host="audit.localhost"
    )
    with running as app:
        add_filters(app)
        yield app, ids
    rooms.close()
    client.close()
    store.close()
    service.stop()
    idp.stop()


def test_no_page_of_the_auditors_site_is_wider_than_its_window(
    look: Callable[..., Page], long_audit: tuple[Starlette, tuple[str, str]]
) -> None:
    app, (search, rule) = long_audit
    paths = (
        "/", "/events", f"/events?project={WORD}&words={COLUMN}", "/events/12", "/events/12/proof",
        "/projects", f"/projects/{WORD}", "/people", "/people/rosa", "/columns",
        f"/columns/wages.{COLUMN}", "/agencies", f"/agencies/{WORD}", "/anomalies",
        f"/anomalies/{WORD}", "/saved", f"/saved/new?words={COLUMN}", f"/saved/{search}", "/alerts",
        "/alerts/new", f"/alerts/{rule}", "/verification", "/closed", "/account",
    )  # fmt: skip
    url, wide = app.state.web.site.url, []
    page = look(url, "alma")
    for path in paths:
        page.goto(url + path)
        assert_accessible(page)
        wide += too_wide(page)
    assert wide == []
    missed = set(unvisited(app, {path.split("?")[0] for path in paths}))
    assert missed & set(PAGES) <= DOWNLOADS
