"""The auditor's site: who may enter, what it shows, what it logs, and that everyone can read it."""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from playwright.sync_api import Page, expect

from audit.log import open_reader
from audit.note import Checkpoint, Verifier
from audit.web.app import add_filters, make_audit_app, make_site, routes
from audit.web.room import Room
from enclave.audit_client import AuditClient
from enclave.events import Action, Event, Verdict
from enclave.settings import Settings
from enclave.store import ControlStore
from tests.support import audit_story
from tests.support.audit import AuditProcess
from tests.support.audit_bulk import write_log
from tests.support.axe import assert_accessible
from tests.support.browser import NARROW, WIDE, console_errors, log_in, screenshot
from tests.support.idp import IdentityProviderProcess
from tests.support.rewrites import tamper
from tests.support.web import Visitor, serving

pytestmark = pytest.mark.browser

DAYS = 9


@pytest.fixture(scope="module")
def people() -> Iterator[IdentityProviderProcess]:
    claims = {id: {"name": person.name} for id, person in audit_story.PEOPLE.items()}
    process = IdentityProviderProcess(claims).start()
    yield process
    process.stop()


class AuditSite:
    """The site over a log with a few days of work in it."""

    def __init__(self, settings: Settings, service: AuditProcess, store: ControlStore):
        self.settings, self.service, self.store = settings, service, store
        self.client = AuditClient(settings, "audit-web")
        self.rooms = service.client()  # what other rooms say
        audit_story.enter_people(store, self.rooms)

    def looks(self) -> list[dict[str, object]]:
        actions = ("audit.searched", "audit.verified")
        return [fact for fact in self.service.facts() if fact["action"] in actions]


@contextmanager
def _site(settings: Settings, people: IdentityProviderProcess, days: int) -> Iterator[AuditSite]:
    ours = settings.model_copy(update={"oidc_issuer": people.issuer})
    if days:
        audit_story.tell(ours, days=days)
    service = AuditProcess(ours).start()
    store = ControlStore(ours.database_url)
    site = AuditSite(ours, service, store)
    try:
        yield site
    finally:
        site.rooms.close()
        site.client.close()
        store.close()
        service.stop()


@pytest.fixture
def site(settings: Settings, people: IdentityProviderProcess) -> Iterator[AuditSite]:
    with _site(settings, people, DAYS) as made:
        yield made


@pytest.fixture
def new_site(settings: Settings, people: IdentityProviderProcess) -> Iterator[AuditSite]:
    with _site(settings, people, 0) as made:
        yield made


@pytest.fixture
def url(site: AuditSite) -> Iterator[str]:
    yield from _serve(site)


@pytest.fixture
def new_url(new_site: AuditSite) -> Iterator[str]:
    yield from _serve(new_site)


def _serve(site: AuditSite) -> Iterator[str]:
    room = Room(site.settings, site.store, site.client)
    room.index.catch_up()
    running = serving(
        make_site,
        routes(room),
        settings=site.settings,
        store=site.store,
        audit=site.client,
        host="audit.localhost",
    )
    with running as app:
        add_filters(app)
        yield app.state.web.site.url


@pytest.fixture
def visitor(site: AuditSite, people: IdentityProviderProcess) -> Visitor:
    return Visitor(make_audit_app(site.settings, site.store, site.client), people)


def enter(page: Page, url: str, who: str = "alma") -> None:
    page.goto(url)
    log_in(page, who)
    page.wait_for_url(f"{url}/**")


PAGES = {
    "overview": "/",
    "events": "/events",
    "events-last-page": "/events?page=4",
    "events-filtered": "/events?project=credential-pay&verdict=denied",
    "events-none": "/events?words=nosuchword",
    "events-words": "/events?words=employer_id",
    "events-bad-day": "/events?since=yesterday",
    "entry": "/events/12",
    "entry-missing": "/events/999999",
    "proof": "/events/12/proof",
    "projects": "/projects",
    "project": "/projects/credential-pay",
    "project-unknown": "/projects/nothing",
    "people": "/people",
    "person": "/people/rosa",
    "columns": "/columns",
    "column": "/columns/wages.wage",
    "column-unknown": "/columns/nothing.at-all",
    "agencies": "/agencies",
    "agency": "/agencies/dol",
    "verification": "/verification",
}


def test_every_page_meets_wcag_2_1_aa_wide_and_narrow(page: Page, url: str) -> None:
    enter(page, url)
    for name, path in PAGES.items():
        page.goto(url + path)
        for width, size in (("wide", WIDE), ("narrow", NARROW)):
            page.set_viewport_size(size)
            screenshot(page, f"audit-{name}-{width}")
            assert_accessible(page)
            overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert overflow <= 0, f"{path} is {overflow}px too wide at {size}"


def test_no_page_breaks_its_own_content_security_policy(page: Page, url: str) -> None:
    enter(page, url)
    seen = console_errors(page)
    for name, path in PAGES.items():
        if "missing" not in name and "unknown" not in name and "bad" not in name:
            page.goto(url + path)
    assert seen == []


def test_an_auditor_finds_a_refusal_and_proves_it_without_scripts(
    plain_page: Page, url: str
) -> None:
    page = plain_page
    enter(page, url)
    page.get_by_role("link", name="Events", exact=True).click()
    page.get_by_label("Verdict").select_option("denied")
    page.get_by_label("Person").select_option(label="Rosa Rivera")
    page.get_by_role("button", name="Filter").click()
    row = page.get_by_role("row").filter(has_text="was refused a query").first
    expect(row).to_contain_text(audit_story.CLAUSE)
    row.get_by_role("link").click()
    expect(page.get_by_text("Refused under:")).to_be_visible()
    expect(page.locator("#sql + pre")).to_have_text("SELECT employer_id FROM wages")
    page.get_by_role("link", name="Verify this entry").click()
    expect(page.get_by_role("heading", name="Yes")).to_be_visible()
    last = page.locator(".aud-path li").last.locator("code").text_content()
    before = page.locator(".aud-path li").nth(-2).locator("code").last.text_content()
    assert last == before


def test_the_whole_way_can_be_walked_by_keyboard(page: Page, url: str) -> None:
    enter(page, url)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to main content")).to_be_focused()
    reached: list[str] = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent.trim()"))
    sites = {"Events", "Projects", "People", "Columns", "Agencies", "Verification"}
    assert sites | {"What this means"} <= set(reached)
    page.goto(f"{url}/events")
    page.get_by_label("Words in the event").focus()
    page.keyboard.type("employer_id")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row").filter(has_text="was refused")).not_to_have_count(0)


def test_an_empty_log_still_gives_pages_one_can_read(page: Page, new_url: str) -> None:
    enter(page, new_url)
    paths = ("/", "/events", "/projects", "/people", "/columns", "/agencies", "/verification")
    for path in (*paths, "/events/0"):
        answer = page.goto(new_url + path)
        assert answer is not None
        assert answer.status == 200
        assert_accessible(page)
    page.goto(f"{new_url}/projects")
    expect(page.get_by_text("No project has been provisioned yet.")).to_be_visible()


def test_a_story_tells_a_query_once_and_in_order(page: Page, url: str) -> None:
    enter(page, url)
    page.goto(f"{url}/projects/credential-pay")
    told = page.locator(".aud-story li").all_text_contents()
    assert not any("began a query" in line for line in told)
    assert any("interrupted" in line for line in told)
    order = [int(re.search(r"Entry ([\d,]+)", line)[1].replace(",", "")) for line in told]
    assert order == sorted(order)


def test_a_story_shows_the_text_that_was_asked_and_the_clause_that_decided(
    visitor: Visitor,
) -> None:
    visitor.log_in("alma")
    text = visitor.get("/projects/credential-pay").text
    assert "SELECT industry, avg(wage) FROM wages WHERE year = ? GROUP BY industry" in text
    assert f"Refused under {audit_story.CLAUSE}" in text
    assert "Allowed under dsa-credential-pay" in text


def test_who_has_touched_a_column_is_answered_with_persons_projects_and_times(
    page: Page, url: str
) -> None:
    enter(page, url)
    page.get_by_role("link", name="Columns", exact=True).click()
    page.get_by_role("link", name="wages.wage", exact=True).click()
    expect(page.get_by_role("heading", name="Who has touched wages.wage?")).to_be_visible()
    expect(page.get_by_text("began a query").first).to_be_visible()
    people = page.get_by_role("table", name=re.compile("Persons"))
    row = people.get_by_role("row").filter(has_text="rosa")
    number = row.get_by_role("link").nth(1)
    told = number.text_content()
    number.click()
    expect(page.get_by_text(f"of {told}").or_(page.get_by_text(f"to {told}")).first).to_be_visible()


def test_what_an_agencys_data_took_part_in_is_counted_and_leads_to_the_entries(
    visitor: Visitor,
) -> None:
    visitor.log_in("alma")
    text = visitor.get("/agencies/dol").text
    counted = set(re.findall(r'<b>[\d,]+</b> <a href="[^"]*">([^<]+)</a>', text))
    assert {"queries", "outputs released", "deliveries", "refused"} <= counted
    address = re.search(r'href="(/events\?[^"]*output\.released)"', text)
    assert address is not None
    assert "released an output" in visitor.get(address[1].replace("&amp;", "&")).text


# Downloads ---------------------------------------------------------------------------------------


def test_what_a_filter_finds_is_downloaded_as_it_is_hashed_and_logged_first(
    visitor: Visitor, site: AuditSite
) -> None:
    visitor.log_in("alma")
    expected = [
        body
        for body in site.service.bodies()
        if b'"verdict":"denied"' in body and b'"project":"credential-pay"' in body
    ]
    answer = visitor.get("/events.jsonl?project=credential-pay&verdict=denied")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.content.splitlines() == expected
    look = site.looks()[-1]["detail"]
    assert isinstance(look, dict)
    assert (look["page"], look["found"]) == ("download", len(expected))
    everything = visitor.get("/events.jsonl?lookups=yes").content.splitlines()
    assert len(everything) >= len(expected)
    assert everything == site.service.bodies()[: len(everything)]


def test_nothing_is_downloaded_when_the_look_cannot_be_logged(
    visitor: Visitor, site: AuditSite
) -> None:
    visitor.log_in("alma")
    site.service.kill()
    answer = visitor.get("/events.jsonl")
    assert answer.status_code == 503
    assert b"unmapped" not in answer.content


def test_the_verifier_and_the_report_can_be_taken_along(visitor: Visitor) -> None:
    visitor.log_in("alma")
    assert visitor.get("/report").status_code == 404
    visitor.post("/verification")
    report = visitor.get("/report").text
    assert "VERIFIED" in report
    assert report.startswith("Made by the auditors' site, on the operator's own host")
    assert "What this cannot show" in report
    verifier = visitor.get("/verify.pyz")
    assert zipfile.is_zipfile(io.BytesIO(verifier.content))


# Stewards ----------------------------------------------------------------------------------------


def test_a_steward_sees_entries_on_the_own_agencys_data_and_nothing_of_others(
    settings: Settings, people: IdentityProviderProcess
) -> None:
    with _site(settings, people, 4) as site:
        secret = Event(
            Action.QUERY_DENIED, "zoe", Verdict.DENIED, project="oec-only", agencies=("oec",),
            datasets=("hidden-set",), columns=("hidden-set.field",), clause="secret-clause",
            intent="q-zoe", detail={"sql": "SELECT unheard"},
        )  # fmt: skip
        index = site.rooms.append(secret).index
        visitor = Visitor(make_audit_app(site.settings, site.store, site.client), people)
        visitor.log_in("stella")
        words = ("zoe", "oec-only", "hidden-set", "secret-clause", "unheard", "q-zoe")
        shown = ("/", "/events", "/people", "/projects", "/columns", "/agencies", "/agencies/dol")
        for path in (*shown, "/events?agency=dol", "/people/rosa", "/events.jsonl?lookups=yes"):
            answer = visitor.get(path)
            assert answer.status_code == 200, path
            assert not [word for word in words if word in answer.text], path
        for word in words:
            assert "Nothing fits these filters" in visitor.get(f"/events?words={word}").text
            assert visitor.get(f"/events.jsonl?words={word}").content == b""
        hidden = (f"/events/{index}", f"/events/{index}/proof", "/people/zoe", "/projects/oec-only")
        for path in (*hidden, "/columns/hidden-set.field", "/agencies/nobody", "/export"):
            assert visitor.get(path).status_code == 404, path
        assert visitor.post("/verification").status_code == 404
        bodies = visitor.get("/events.jsonl?lookups=yes").content.splitlines()
        own = [body for body in site.service.bodies() if b'"dol"' in body.split(b"detail")[0]]
        assert bodies == own


# Many --------------------------------------------------------------------------------------------

MANY = int(os.environ.get("EVENTS", "26000"))  # so that page numbers reach four digits
MANY_PAGES = {
    "overview": "/",
    "events": "/events",
    "events-deep": f"/events?page={MANY // 50}",
    "events-words": "/events?words=wage&verdict=denied&agency=dol",
    "person": "/people/r001",
    "person-deep": "/people/r001?page=2",
    "project": "/projects/credential-pay",
    "column": "/columns/wages.wage",
    "agency": "/agencies/dol",
}


def test_pages_over_many_events_stay_readable_wide_and_narrow(
    page: Page, settings: Settings, people: IdentityProviderProcess
) -> None:
    write_log(settings, MANY)
    with _site(settings, people, 0) as site, contextmanager(_serve)(site) as url:
        enter(page, url)
        for name, path in MANY_PAGES.items():
            page.goto(url + path)
            expect(page.get_by_text("The site is still reading the log")).to_have_count(0)
            for width, size in (("wide", WIDE), ("narrow", NARROW)):
                page.set_viewport_size(size)
                screenshot(page, f"audit-many-{name}-{width}")
                overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert overflow <= 0, f"{path} is {overflow}px too wide at {size}"
            if "?page" not in path:  # later pages have the first one's marks
                assert_accessible(page)


def test_while_the_index_lags_behind_every_page_says_how_far_it_is(
    visitor: Visitor, site: AuditSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit.web.room.INDEX_STEP", 0)
    monkeypatch.setattr("audit.indexing.Indexer.build_in_background", lambda _self: None)
    monkeypatch.setattr("audit.indexing.Indexer.behind", lambda _self: 5000)
    visitor.log_in("alma")
    for path in ("/", "/events", "/people"):
        assert "The site is still reading the log" in visitor.get(path).text


def test_verifying_everything_in_front_of_the_auditor_passes(page: Page, url: str) -> None:
    enter(page, url)
    page.goto(f"{url}/verification")
    page.get_by_role("button", name="Verify every entry").click()
    expect(page.get_by_text("Everything passed")).to_be_visible()
    expect(page.get_by_text("Wrong", exact=True)).to_have_count(0)
    assert_accessible(page)


def test_a_verification_that_fails_says_so_in_its_own_words_at_any_width(
    page: Page, url: str, site: AuditSite
) -> None:
    files = site.service.files
    tamper(files, "UPDATE entry SET body = CAST('[]' AS BLOB) WHERE idx = 7")
    page.set_viewport_size(WIDE)
    enter(page, url)
    page.goto(f"{url}/verification")
    page.get_by_role("button", name="Verify every entry").click()
    expect(page.get_by_text("Something is wrong")).to_be_visible()
    expect(page.get_by_text("1 found.", exact=True).first).to_be_visible()
    expect(page.get_by_label("State of verification")).to_contain_text("something was wrong")
    replaced = page.locator("li", has_text="Is its own present checkpoint signed").last
    expect(replaced).to_contain_text("Yes, it covers")
    assert_accessible(page)
    screenshot(page, "audit-verification-failed")
    page.set_viewport_size({"width": 360, "height": 740})
    for _ in range(20):  # a checkpoint of the click's own event may put it right again
        files.checkpoint.write_text(f"Other {files.checkpoint.read_text()}")
        page.goto(f"{url}/verification")
        if page.get_by_text("Do not rely on this log").is_visible():
            break
    expect(page.get_by_text("Do not rely on this log")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert_accessible(page)
    screenshot(page, "audit-verification-red-360")


REWRITES: dict[bytes, bytes] = {
    b"": b"[]",
    b"{": b"\xff{",
    b'"action":"': b'"action":"un',
    b'"uid":"': b'"uid":7,"was":"',
    b'"time":1': b'"time":9999999991',
    b'"rows":': b'"rows":"many","were":',
    b'"intent":"': b'"intent":7,"was":"',
    b'"project":"': b'"project":{},"was":"',
    b'"time":': b'"time":1.5,"was":',
}


def test_a_text_that_somebody_has_rewritten_takes_no_page_away(
    visitor: Visitor, site: AuditSite, people: IdentityProviderProcess
) -> None:
    def started_anew() -> str:
        """The overview of the site in a new process, with none of the files it may lose."""
        for name in ("index.db*", "site.db*", "findings.db*", "seen*"):
            for file in site.settings.audit_dir.glob(name):
                file.unlink(missing_ok=True)  # SQLite may tidy up meanwhile
        anew = Visitor(make_audit_app(site.settings, site.store, site.client), people)
        anew.log_in("alma")
        for path in (
            *PAGES.values(),
            "/anomalies",
            "/events.jsonl",
            "/alerts",
            "/saved",
            "/closed",
        ):
            assert anew.get(path).status_code < 500, path
        return anew.get("/").text

    visitor.log_in("alma")
    assert visitor.get("/events").status_code == 200  # the index knows the honest texts
    with closing(open_reader(site.settings)) as log:
        told = [each for each in log.entries() if b'"query.outcome"' in (each.body or b"")]
    rewritten = dict(zip(REWRITES.items(), told, strict=False))
    assert len(rewritten) == len(REWRITES)
    for (old, new), entry in rewritten.items():
        text = (entry.body or b"").replace(old, new, 1) if old else new
        assert text != entry.body, (old, entry.body)
        tamper(
            site.service.files, f"UPDATE entry SET body = x'{text.hex()}' WHERE idx = {entry.index}"
        )
    for path in ("/", "/events", "/events?verdict=allowed", "/people/rosa", "/verification"):
        assert visitor.get(path).status_code == 200, path
    for (old, _), entry in rewritten.items():
        page = visitor.get(f"/events/{entry.index}").text
        assert ("No event" in page) is (old != b'"rows":')  # a detail is its sender's (0243)
        assert "No: this entry was changed" in visitor.get(f"/events/{entry.index}/proof").text
    assert "An entry was verified here, and it is not" in visitor.get("/").text
    assert "An entry was verified here, and it is not" in started_anew()
    visitor.post("/verification")
    assert "Something is wrong" in visitor.get("/verification").text
    assert "aud-bar--red" in visitor.get("/").text
    assert "and something was wrong" in started_anew()
    for entry in rewritten.values():
        honest = f"x'{(entry.body or b'').hex()}'"
        tamper(site.service.files, f"UPDATE entry SET body = {honest} WHERE idx = {entry.index}")
    assert "aud-bar--red" in started_anew()  # nothing has verified it yet
    visitor.post("/verification")
    assert "aud-bar--amber" in visitor.get("/").text  # as before: no witness here
    assert "No witness" in started_anew()


@pytest.mark.parametrize("who", ["rosa", "dora", "adam"])
def test_nobody_but_an_auditor_enters(visitor: Visitor, site: AuditSite, who: str) -> None:
    answer = visitor.log_in(who, "/login")
    assert answer.status_code == 403
    for path in PAGES.values():
        assert visitor.get(path).status_code in (303, 401, 403)
    assert not site.looks()


def test_a_stranger_sees_nothing(visitor: Visitor) -> None:
    for path in (*PAGES.values(), "/checkpoint", "/public-key", "/style/audit.css"):
        answer = visitor.get(path)
        assert (answer.status_code, answer.headers["location"][:6]) == (303, "/login")


def test_every_look_at_entries_is_itself_logged(visitor: Visitor, site: AuditSite) -> None:
    visitor.log_in("alma")
    for path in PAGES.values():
        before = len(site.looks())
        shown = visitor.get(path).status_code == 200  # what is not found may be logged as well
        assert len(site.looks()) - before in ((1,) if shown else (0, 1)), path
    assert all(look["actor"] == "alma" for look in site.looks())
    assert all(look["source"] == "audit-web" for look in site.looks())


def test_what_is_looked_for_in_words_is_counted_not_repeated(
    visitor: Visitor, site: AuditSite
) -> None:
    visitor.log_in("alma")
    visitor.get("/events?words=Jane+Doe&project=credential-pay")
    detail = site.looks()[-1]["detail"]
    assert isinstance(detail, dict)
    assert (detail["asked_words"], detail["asked_project"]) == (2, "credential-pay")
    assert not any(b"Jane" in body for body in site.service.bodies())


def test_without_the_audit_service_there_is_no_page(visitor: Visitor, site: AuditSite) -> None:
    visitor.log_in("alma")
    assert visitor.get("/events").status_code == 200
    site.service.kill()
    answer = visitor.get("/events")
    assert answer.status_code == 503
    assert "refused a query" not in answer.text
    assert "Try again</a>" in answer.text


def test_the_bar_turns_red_and_says_so_when_the_log_is_rewritten(
    visitor: Visitor, site: AuditSite
) -> None:
    visitor.log_in("alma")
    assert "aud-bar--amber" in visitor.get("/").text  # no witness here
    checkpoint, text = site.service.files.checkpoint, ""
    for _ in range(20):  # the log-in's own checkpoint may come in between and put it right again
        checkpoint.write_text(checkpoint.read_text().replace("enclave.demo/audit\n", "other\n", 1))
        text = visitor.get("/verification").text
        if "aud-bar--red" in text:
            break
    assert "aud-bar--red" in text
    assert "Do not rely on this log" in text


def test_an_entry_newer_than_the_checkpoint_is_said_to_be_unproved(
    settings: Settings, people: IdentityProviderProcess
) -> None:
    slow = settings.model_copy(update={"audit_checkpoint_seconds": 3600.0})
    with _site(slow, people, 2) as site:
        visitor = Visitor(make_audit_app(site.settings, site.store, site.client), people)
        visitor.log_in("alma")
        with closing(open_reader(site.service.files.place)) as log:
            newest = log.count() - 1
        assert "cannot be proved yet" in visitor.get(f"/events/{newest}/proof").text


ODD = {
    "/events?page=9999999&size=7&sort=drop": 200,
    "/events?words=%00%22%27%3B--&action=nothing&verdict=nothing": 200,
    "/events?since=0001-01-01&until=9999-12-31": 422,
    "/events?since=0001-01-01&until=2020-01-01": 200,
    "/events?since=9000-01-01": 200,
    "/events?since=2026-02-30": 422,
    f"/events/{10**30}": 404,
    "/events/-1": 404,
    f"/events/{10**30}/proof": 404,
    "/projects/%2e%2e": 404,
    "/people/%00": 404,
}


def test_an_odd_address_is_answered_in_a_sentence(visitor: Visitor) -> None:
    visitor.log_in("alma")
    assert {path: visitor.get(path).status_code for path in ODD} == ODD
    assert "Entries" in visitor.get("/events?page=9999999").text
    assert "Nothing has been logged" not in visitor.get("/events?page=9999999").text


def test_the_checkpoint_and_the_key_can_be_saved_and_verify(
    visitor: Visitor, site: AuditSite
) -> None:
    visitor.log_in("alma")
    key = Verifier.parse(visitor.get("/public-key").text)
    answer = visitor.get("/checkpoint")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert Checkpoint.open(answer.text, key).size > 0


def test_markup_in_an_event_is_shown_and_never_run(page: Page, site: AuditSite, url: str) -> None:
    script = "<script>document.title='owned'</script><img src=x onerror=alert(1)>"
    receipt = site.rooms.append(
        Event(Action.OUTPUT_COMMENTED, script, project=script, clause=script, detail={"t": script})
    )
    enter(page, url)
    for path in ("/", "/events", f"/events/{receipt.index}", "/people", "/projects"):
        page.goto(url + path)
        assert "owned" not in page.title()
        assert page.locator("main img, main script").count() == 0


def test_an_index_that_is_deleted_or_damaged_is_built_again(
    visitor: Visitor, site: AuditSite
) -> None:
    visitor.log_in("alma")
    before = visitor.get("/events?words=employer_id").text.count("was refused")
    assert before > 0
    for damage in (b"", b"not an index" * 1000):
        for path in site.settings.audit_dir.glob("index.db*"):
            path.unlink(missing_ok=True)
        if damage:
            site.service.files.index.write_bytes(damage)
        assert visitor.get("/events?words=employer_id").text.count("was refused") == before
