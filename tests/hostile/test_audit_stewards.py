"""A data steward tries to see what is not on the own agency's data: every page, every filter.

The log holds entries on another agency's data alone, with words found nowhere else. Whatever a
steward asks, none of them comes back, and what may not be seen is not found rather than forbidden.
Each control is then taken away, and the same attack must succeed. R31.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

import audit.web.room
from audit.anomalies import EVERYTHING
from audit.custody import AuditFiles
from audit.findings import Reader, Sought
from audit.log import open_reader
from audit.outbox import Outbox
from audit.saved import Channel, Rule, Search, Trigger, new_id, now_ms
from audit.scope import Sight
from audit.search import Browser
from audit.sentences import Fact, read
from audit.verify import Check, Report
from audit.web.alerts import alerts_of
from audit.web.app import FORMS, add_filters, make_site, routes
from audit.web.room import Room
from enclave.events import Action, Event, Verdict
from enclave.model import ProjectState, Role
from enclave.settings import Settings
from enclave.store import ControlStore, ProjectRow
from enclave.web.app import make_app
from tests.support import audit_story
from tests.support.idp import IdentityProviderProcess
from tests.support.watching import Watched
from tests.support.web import Visitor

# Words that stand in no entry on data of the steward's agency.
MARKERS = (
    "secret-project", "zoe", "Zoe", "benefits", "secretword", "dsa-secret", "q-secret",
    "s-secret", "dss", "DSS",
)  # fmt: skip
SECRET = Event(
    Action.QUERY_DENIED, "zoe", Verdict.DENIED, project="secret-project", agencies=("dss",),
    datasets=("benefits",), columns=("benefits.amount",), clause="dsa-secret", session="s-secret",
    detail={"sql": "SELECT secretword FROM benefits", "code": "secret.code"},
)  # fmt: skip
BEGUN = Event(  # a query whose end is on the steward's data, its beginning on another's alone
    Action.QUERY_INTENT, "rosa", project="credential-pay", agencies=("dss",), intent="half",
    detail={"sql": "SELECT secretword"},
)  # fmt: skip
FILTERS = (
    "", "agency=dss", "agency=dol&agency=dss", "person=zoe", "project=secret-project",
    "dataset=benefits", "column=benefits.amount", "action=query.denied", "verdict=denied",
    "words=secretword", "words=secretword+amount", "words=zoe", "since=2000-01-01",
    "until=2100-01-01", "lookups=yes", "intent=q-secret-0", "session=s-secret",
    "scope=dss", "scope=", "confined=", "kind=denial-burst", "kind=denial-burst&person=zoe",
    "size=100&page=2", "size=100&sort=index", "sort=-agency", "asked=agency%3Ddss",
    "folded=no&lookups=yes&size=100",
)  # fmt: skip
LISTS = (
    "/", "/events", "/events.jsonl", "/projects", "/people", "/columns", "/agencies", "/anomalies",
    "/saved", "/saved/new", "/alerts", "/alerts/new", "/verification",
)  # fmt: skip
NOT_FOUND = (
    "/projects/secret-project", "/people/zoe", "/columns/benefits.amount", "/agencies/dss",
    "/export", "/report", "/closed", "/closed/a-year/entries.jsonl",
)  # fmt: skip
OUTSIDE = ("rosa", "dora", "adam")  # a researcher, a reviewer, an administrator
OPEN = ("/checkpoint", "/public-key", "/policy", "/verify.pyz")
# Pages of one thing, tried below with other people's ids.
OF_ONE = (
    "/events/{index:int}", "/events/{index:int}/proof", "/anomalies/{id}", "/saved/{id}",
    "/alerts/{id}", "/projects/{project:path}", "/people/{person:path}", "/columns/{column:path}",
    "/agencies/{agency:path}", "/closed/{name}/{file}",
)  # fmt: skip


class Hunt:
    """The site over such a log, and what of it is whose."""

    def __init__(self, settings: Settings, people: IdentityProviderProcess):
        ours = settings.model_copy(
            update={
                "oidc_issuer": people.issuer, "smtp_host": "127.0.0.1",
                "alert_interval_seconds": 0.0,
            }
        )  # fmt: skip
        audit_story.tell(ours, days=5)
        self.settings, self._people = ours, people
        self.watched = Watched(ours)
        for number in range(12):
            self.watched.happen(replace(SECRET, intent=f"q-secret-{number}"))
        self.watched.happen(replace(SECRET, action=Action.DELIVERY_REFUSED, intent=None))
        ended = replace(BEGUN, action=Action.QUERY_OUTCOME, agencies=("dol",), detail={})
        self.watched.happen(BEGUN, ended)
        self.room = Room(ours, self.watched.store, self.watched.book)
        self.facts = self._facts()
        self.secret = [fact.index for fact in self.facts if fact.actor == "zoe"]
        self.own = [fact for fact in self.facts if "dol" in fact.agencies]

    def _facts(self) -> list[Fact]:
        with closing(open_reader(self.settings)) as log:
            return [read(entry.index, entry.body or b"") for entry in log.entries()]

    def app(self) -> Starlette:
        site = make_site(self.settings.audit_url)
        app = make_app(
            site, routes(self.room), settings=self.settings, store=self.watched.store,
            audit=self.watched.book,
        )  # fmt: skip
        add_filters(app)
        return app

    def visitor(self, who: str) -> Visitor:
        visitor = Visitor(self.app(), self._people)
        visitor.log_in(who)
        return visitor


@pytest.fixture(scope="module")
def hunt() -> Iterator[Hunt]:
    place = Path(tempfile.mkdtemp(prefix="enc-"))
    people = IdentityProviderProcess(
        {id: {} for id in ("stella", "stan", "nora", "alma", *OUTSIDE)}
    ).start()
    settings = Settings(state_dir=place / "s", run_dir=place / "r")
    made = Hunt(settings, people)
    projects = [ProjectRow("secret-project", ProjectState.ACTIVE, "00", None)]
    patch = pytest.MonkeyPatch()
    patch.setattr(ControlStore, "projects", lambda _: projects)
    yield made
    patch.undo()
    made.watched.close()
    people.stop()
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="module")
def stella(hunt: Hunt) -> Visitor:
    return hunt.visitor("stella")


@pytest.fixture(scope="module")
def alma(hunt: Hunt) -> Visitor:
    return hunt.visitor("alma")


def told(text: str, query: str) -> list[str]:
    """Return the markers on a page, but for what the visitor typed and gets back in its form."""
    typed = {word for _, value in parse_qsl(query) for word in (value, *re.split(r"\W+", value))}
    plain = unescape(text)
    for word in sorted((query, *typed), key=len, reverse=True):
        plain = plain.replace(word, "") if len(word) > 2 else plain
    return [marker for marker in MARKERS if re.search(rf"\b{re.escape(marker)}\b", plain)]


def crawl(visitor: Visitor, hunt: Hunt) -> None:
    """Ask every list with every filter; fail on anything of another agency's."""
    links = {f"/events/{index}" for index in hunt.secret}
    for path in LISTS:
        for query in FILTERS:
            answer = visitor.get(f"{path}?{query}")
            assert answer.status_code == 200, f"{path}?{query}"
            assert told(answer.text, query) == [], f"{path}?{query}"
            assert not links & set(re.findall(r"/events/\d+", answer.text)), f"{path}?{query}"


def test_every_route_of_the_site_is_attacked_here(hunt: Hunt) -> None:
    known = {*LISTS, *NOT_FOUND, *OPEN, *OF_ONE}
    found = {
        route.path for route in routes(hunt.room)
        if isinstance(route, Route) and "GET" in (route.methods or ())
    }  # fmt: skip
    assert found - known == set()


def test_the_attack_would_see_what_an_auditor_sees(hunt: Hunt, alma: Visitor) -> None:
    with pytest.raises(AssertionError):
        crawl(alma, hunt)
    for path in ("/projects/secret-project", "/people/zoe", "/agencies/dss"):
        assert alma.get(path).status_code == 200
    assert alma.get(f"/events/{hunt.secret[0]}").status_code == 200


def test_no_list_with_any_filter_shows_another_agencys_entries(hunt: Hunt, stella: Visitor) -> None:
    crawl(stella, hunt)


def test_a_download_holds_the_own_agencys_entries_and_no_other(hunt: Hunt, stella: Visitor) -> None:
    for query in FILTERS:
        lines = stella.get(f"/events.jsonl?{query}").text.splitlines()
        agencies = [json.loads(line)["unmapped"]["enclave"]["agencies"] for line in lines]
        assert all("dol" in each for each in agencies), query
    everything = stella.get("/events.jsonl?lookups=yes").text.splitlines()
    assert len(everything) == len(hunt.own)


def test_counts_and_charts_are_made_of_the_own_entries(hunt: Hunt, stella: Visitor) -> None:
    page = stella.get("/").text
    denied = sum(fact.verdict is Verdict.DENIED for fact in hunt.own)
    numbers = re.findall(r"<b>([\d,]+)</b>", page)
    assert numbers[:2] == [f"{len(hunt.own):,}", f"{denied:,}"]
    listed = stella.get("/events?verdict=denied").text
    assert f"of {denied:,}" in listed
    projects = {fact.project for fact in hunt.own if fact.project}
    people = {fact.actor for fact in hunt.own}
    assert numbers[2:4] == [str(len(projects)), str(len(people))]


@pytest.mark.parametrize(
    ("path", "fits"),
    [
        ("/events", lambda fact: True),
        ("/agencies/dol", lambda fact: True),
        ("/people/rosa", lambda fact: fact.actor == "rosa"),
        ("/projects/credential-pay", lambda fact: fact.project == "credential-pay"),
        ("/columns/wages.wage", lambda fact: "wages.wage" in fact.columns),
    ],
)
def test_timelines_and_heat_maps_add_up_to_the_own_entries(
    hunt: Hunt, stella: Visitor, path: str, fits: Callable[[Fact], bool]
) -> None:
    own = sum(fits(fact) and fact.action is not Action.AUDIT_SEARCHED for fact in hunt.own)
    assert own < len(hunt.facts)
    drawn = re.findall(r"<desc[^>]*>([\d,]+) entr", stella.get(path).text)
    assert drawn == [f"{own:,}"] * 2


def test_a_story_tells_a_query_s_end_without_a_beginning_that_is_another_s(
    stella: Visitor, alma: Visitor
) -> None:
    for path in ("/people/rosa", "/projects/credential-pay"):
        pages = [f"{path}?page={number}" for number in range(1, 9)]
        assert any("secretword" in alma.get(page).text for page in pages), path
        assert not any(told(stella.get(page).text, "") for page in pages), path


def test_filters_offer_nothing_that_occurs_elsewhere_only(hunt: Hunt, stella: Visitor) -> None:
    offered = set(re.findall(r'<option value="([^"]+)"', stella.get("/events").text))
    own = {a for fact in hunt.own for a in (*fact.agencies, *fact.datasets, fact.actor)}
    assert {"dol", "wages"} <= offered
    others = {a for f in hunt.facts for a in (*f.agencies, *f.datasets, f.actor)} - own
    assert others
    assert not offered & others


def test_anothers_entries_and_their_proofs_are_not_found(hunt: Hunt, stella: Visitor) -> None:
    def page(path: str) -> tuple[int, str]:
        answer = stella.get(path)
        return answer.status_code, re.sub(r"\d+", "", answer.text)

    missing, lacking = page("/events/999999"), page("/events/999999/proof")
    assert missing[0] == lacking[0] == 404
    for fact in hunt.facts:
        if ("dol" not in fact.agencies and fact.index % 3 == 0) or fact.actor == "zoe":
            assert page(f"/events/{fact.index}") == missing
            assert page(f"/events/{fact.index}/proof") == lacking
    assert stella.get(f"/events/{hunt.own[0].index}").status_code == 200
    assert stella.get(f"/events/{hunt.own[0].index}/proof").status_code == 200


@pytest.mark.parametrize("path", NOT_FOUND)
def test_pages_of_other_agencies_things_are_not_found(stella: Visitor, path: str) -> None:
    answer = stella.get(path)
    assert answer.status_code == 404
    assert told(answer.text, path) == []


def test_a_full_verification_and_its_report_are_for_auditors(hunt: Hunt, stella: Visitor) -> None:
    assert stella.post("/verification").status_code == 404
    assert hunt.room.report is None


def test_a_report_that_names_entries_is_shown_to_auditors_alone(
    hunt: Hunt, stella: Visitor, alma: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Findings of a verification name entries by number, whosoever data they are on."""
    wrong = Check("Is every text an event?", "1 found", ("entry 4,711: secretword",))
    monkeypatch.setattr(hunt.room, "report", (0.0, Report("", 1, "", 0, (wrong,))))
    assert "4,711" in alma.get("/verification").text
    assert "4,711" not in stella.get("/verification").text


def test_an_anomaly_shows_no_entry_of_others_even_if_it_were_counted_with_them(
    hunt: Hunt, stella: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    hunt.room.findings.catch_up()
    with hunt.room.findings.read() as reader:
        (found, *_) = reader.find(Sought(EVERYTHING))
    counted = replace(found, scope="dol", person="rosa", entries=tuple(hunt.secret))
    monkeypatch.setattr(Reader, "one", lambda *_: counted)
    page = stella.get("/anomalies/any")
    assert (page.status_code, told(page.text, "")) == (200, [])


def test_anomalies_of_others_are_not_found(hunt: Hunt, stella: Visitor, alma: Visitor) -> None:
    ids = set(re.findall(r"/anomalies/([0-9a-f]{16})", alma.get("/anomalies").text))
    assert ids  # twelve refusals in a row
    for id in ids:
        assert stella.get(f"/anomalies/{id}").status_code == 404
    with hunt.room.findings.read() as reader:
        others = [stored for (stored,) in _rows(reader, "SELECT id FROM finding WHERE scope='dss'")]
    assert others
    for id in others:
        assert stella.get(f"/anomalies/{id}").status_code == 404


def _rows(reader: Reader, query: str) -> list[tuple[str]]:
    return list(reader._connection.execute(query))


@pytest.fixture
def others(hunt: Hunt) -> Iterator[tuple[Search, Rule]]:
    """An auditor's search, shared, and the auditor's rule on it."""
    saved, book = hunt.room.saved, hunt.watched.book
    event = Event(Action.AUDIT_RULE_CHANGED, "alma")
    search = Search(new_id(), "alma", "Refusals of secretword", "agency=dss", True, now_ms())
    rule = Rule(new_id(), "alma", Trigger.SEARCH, search.id, Channel.MAIL, "", True, 0, now_ms())
    saved.save_search(book, event, search)
    saved.save_rule(book, event, rule)
    yield search, rule
    saved.delete_search(book, event, search.id)


def test_auditors_searches_and_alerts_are_not_found(
    hunt: Hunt, stella: Visitor, others: tuple[Search, Rule]
) -> None:
    search, rule = others
    assert "secretword" not in stella.get("/saved").text + stella.get("/alerts/new").text
    assert rule.id not in stella.get("/alerts").text
    for path in (f"/saved/{search.id}", f"/alerts/{rule.id}"):
        assert stella.get(path).status_code == 404
    tries = {
        f"/saved/{search.id}/share": {"shared": ""},
        f"/saved/{search.id}/delete": {},
        f"/alerts/{rule.id}/switch": {"on": ""},
        f"/alerts/{rule.id}/delete": {},
        "/alerts": {"what": search.id, "channel": "mail"},
    }
    for path, form in tries.items():
        assert stella.post(path, data=form).status_code == 404, path
    assert search in hunt.room.saved.searches()
    assert rule in hunt.room.saved.rules()


def lines_told(hunt: Hunt, owner: str, search: Search | None) -> list[str]:
    """Make a rule over everything from the first entry on; return the paths it would tell."""
    saved, book = hunt.room.saved, hunt.watched.book
    event = Event(Action.AUDIT_RULE_CHANGED, owner)
    trigger = Trigger.SEARCH if search else Trigger.ANOMALY
    rule = Rule(
        new_id(), owner, trigger, search.id if search else None, Channel.MAIL, "", True, 0, now_ms()
    )
    saved.save_rule(book, event, rule)
    alerts_of(hunt.room).collect()
    with saved.open() as connection:
        rows = connection.execute("SELECT path FROM hit WHERE rule = ?", (rule.id,)).fetchall()
    saved.delete_rule(book, event, rule.id)
    return [path for (path,) in rows]


def test_a_stewards_alert_tells_of_the_own_agencys_entries_alone(
    hunt: Hunt, others: tuple[Search, Rule]
) -> None:
    saved, event = hunt.room.saved, Event(Action.AUDIT_RULE_CHANGED, "stella")
    for asked in ("lookups=yes", "agency=dss", "words=secretword", "verdict=denied"):
        mine = Search(new_id(), "stella", "Mine", asked, False, now_ms())
        saved.save_search(hunt.watched.book, event, mine)
        paths = set(lines_told(hunt, "stella", mine))
        assert paths <= {f"/events/{fact.index}" for fact in hunt.own}, asked
        assert bool(paths) is (asked in ("lookups=yes", "verdict=denied"))
        saved.delete_search(hunt.watched.book, event, mine.id)
    assert lines_told(hunt, "stella", others[0]) == []  # planted on an auditor's search
    assert lines_told(hunt, "stella", None) == []  # no anomaly in the own agency's entries
    assert lines_told(hunt, "alma", None)


def test_a_role_taken_away_ends_what_its_alerts_tell(hunt: Hunt) -> None:
    saved, book = hunt.room.saved, hunt.watched.book
    event = Event(Action.AUDIT_RULE_CHANGED, "stan")
    mine = Search(new_id(), "stan", "Mine", "lookups=yes", False, now_ms())
    saved.save_search(book, event, mine)
    assert lines_told(hunt, "stan", mine)
    stan = hunt.watched.store.person("stan")
    for now in (replace(stan, roles=frozenset({Role.RESEARCHER})), replace(stan, agency=None)):
        with hunt.watched.store.record(book, event) as connection:
            audit_story.put(connection, "person", "stan", now)
        assert lines_told(hunt, "stan", mine) == []
    saved.delete_search(book, event, mine.id)


def test_a_steward_without_an_agency_sees_nothing(hunt: Hunt) -> None:
    nora = hunt.visitor("nora")
    for path in (*LISTS, *NOT_FOUND, f"/events/{hunt.own[0].index}"):
        answer = nora.get(path)
        assert answer.status_code == 404, path
        assert told(answer.text, "") == []


@pytest.mark.parametrize("who", [*OUTSIDE, None])
def test_nobody_else_gets_as_far_as_any_route(hunt: Hunt, who: str | None) -> None:
    visitor = Visitor(hunt.app(), hunt._people)
    if who is not None:
        visitor.log_in(who)
    entry = hunt.own[0].index
    ids = {"index:int": entry, "id": "0" * 16, "file": "entries.jsonl"}
    of_one = [re.sub(r"{([^}]+)}", lambda m: str(ids.get(m[1], "dol")), path) for path in OF_ONE]
    for path in (*LISTS, *NOT_FOUND, *OPEN, *of_one, f"/events/{entry}"):
        answer = visitor.get(path, follow_redirects=False)
        assert answer.status_code in (302, 303, 403, 404), path
        assert told(answer.text, path) == [], path
    for path in (*FORMS, "/verification"):
        answer = visitor.post(path.replace("{id}", "0" * 16), data={})
        assert answer.status_code in (303, 302, 401, 403, 404), path
    assert hunt.room.report is None


ODD = (
    "%00", "%ff", "%ED%A0%80", "-1", "99999999999999999999", "1e9", "'", "<script>", "..%2f..%2f",
    "2025-13-45", "10000-01-01", "NaN", "%0a%0d", "a" * 500,
)  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
def test_no_address_of_any_form_is_more_than_a_sentence(stella: Visitor, odd: str) -> None:
    """A value that nobody would type, in every filter and in every place of a path."""
    names = "page size sort agency person project dataset column action verdict words since until"
    filters = [f"{name}={odd}" for name in (*names.split(), "kind", "intent", "session")]
    for path in ("/events.jsonl", "/anomalies", "/saved/new"):
        assert stella.get(f"{path}?{'&'.join(filters)}").status_code < 500, path
    for each in filters:
        assert stella.get(f"/events?{each}").status_code < 500, each
    for path in OF_ONE:
        assert stella.get(re.sub(r"{[^}]+}", odd, path)).status_code < 500, path


# Each control taken away: the same attacks must succeed ------------------------------------------


def test_without_the_rooms_scope_the_attack_succeeds(
    hunt: Hunt, stella: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit.web.room, "sight_of", lambda _: Sight(None))
    with pytest.raises(AssertionError):
        crawl(stella, hunt)
    with pytest.raises(AssertionError):
        test_anothers_entries_and_their_proofs_are_not_found(hunt, stella)


def test_without_the_indexs_scope_the_attack_succeeds(
    hunt: Hunt, stella: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = Browser.__init__

    def open_to_all(self: Browser, *given: object, **_: object) -> None:
        genuine(self, *given[:2])  # type: ignore[arg-type]

    monkeypatch.setattr(Browser, "__init__", open_to_all)
    with pytest.raises(AssertionError):
        crawl(stella, hunt)
    with pytest.raises(AssertionError):
        test_a_download_holds_the_own_agencys_entries_and_no_other(hunt, stella)


def test_without_the_searches_sight_the_attack_succeeds(
    hunt: Hunt, stella: Visitor, others: tuple[Search, Rule], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit.saved, "same_sight", lambda *_: True)
    with pytest.raises(AssertionError):
        test_auditors_searches_and_alerts_are_not_found(hunt, stella, others)


def test_without_the_alerts_sight_the_attack_succeeds(
    hunt: Hunt, others: tuple[Search, Rule], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit.alerts, "sight_of", lambda _: Sight(None))
    with pytest.raises(AssertionError):
        test_a_stewards_alert_tells_of_the_own_agencys_entries_alone(hunt, others)


def test_nothing_of_this_changed_the_log(hunt: Hunt) -> None:
    assert AuditFiles.of(hunt.settings).log.exists()
    assert hunt._facts() == hunt.facts
    assert Outbox(hunt.room.saved).waiting() == {}
