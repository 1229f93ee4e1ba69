"""The pages of what is out of the ordinary: which findings there are, and one in full.

Shows each finding with the numbers that made it, the limits it passed and what would be innocent.
A steward sees findings made from entries on the own agency's data, of whatever kind, and no other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from audit.anomalies import EVERYTHING, Finding
from audit.explaining import events_link, explain
from audit.findings import Reader, Sought
from audit.scope import Sight
from audit.search import DAY_MS
from audit.sentences import Fact, sentence
from audit.thresholds import Kind
from audit.web import asking
from audit.web.events import TONES
from audit.web.room import Room
from enclave.errors import NotFound
from enclave.web import tables, words
from enclave.web.charts import Chart, bars, timeline
from enclave.web.tables import Cell, Column, Filter

AT_ONCE = 2_000  # entries a page reads before it answers; more are read in the background
DAYS_DRAWN = 30
MOST_DAYS = 3660
EMPTY = "Nothing out of the ordinary has been found."
SO_FAR = "Nothing out of the ordinary has been found in what has been read so far."


def listing(room: Room, request: Request) -> Response:
    """List the findings that fit the filters, the latest first, with their charts."""
    sought, names = _sought(room, request), room.names()
    columns = _columns(room, names)
    at = tables.state(request, columns, sort="-began")
    behind = room.findings.keep_level(AT_ONCE)
    with room.findings.read() as reader:
        total = reader.count(sought)
        kept = {"found": total, **asking.logged(asking.wanted(request))}
        room.look(request, "anomalies", {**kept, "asked_kind": sought.kind})
        table = tables.page_of(
            reader.find(sought, offset=at.offset, limit=at.size),
            columns,
            at,
            total=total,
            caption="Anomalies",
            empty=EMPTY if not behind else SO_FAR,
            filters=_filters(room, reader, sought.scope, names),
        )
        drawn = _charts(room, reader, sought) if total else ()
    return room.show(request, "anomalies.html", table=table, charts=drawn, unread=behind)


def one(room: Room, request: Request) -> Response:
    """Show one finding in full: words, numbers, limits with their reasons, entries."""
    scope, names = room.scope(request), room.names()
    room.findings.keep_level(AT_ONCE)
    with room.findings.read() as reader:
        found = reader.one(scope or EVERYTHING, request.path_params["id"])
    if found is None:
        raise NotFound("There is no such anomaly.", hint="The list shows what was found.")
    room.look(request, "anomaly", {"anomaly": found.id, "entry": found.first})
    told = explain(found, room.thresholds, names.get(found.person, found.person))
    crumbs = (("Anomalies", "/anomalies"), (told.title, ""))
    return room.show(
        request,
        "anomaly.html",
        told=told,
        facts=_facts(room, request, found, Sight(scope)),
        names=names,
        crumbs=crumbs,
        sentence=sentence,
        verdicts=asking.VERDICTS,
        tones=TONES,
    )


def _facts(room: Room, request: Request, found: Finding, sight: Sight) -> list[Fact]:
    """Return the first entries that made a finding."""
    with room.browse(request) as browser:
        facts = [browser.fact(index) for index in found.entries]
    return [fact for fact in facts if fact is not None and sight.sees(fact)]


def _sought(room: Room, request: Request) -> Sought:
    wanted, asked = asking.wanted(request), request.query_params
    return Sought(
        scope=room.scope(request) or EVERYTHING,
        kind=asked.get("kind") or None,
        person=wanted.person,
        since=wanted.since,
        until=wanted.until,
    )


def _columns(room: Room, names: Mapping[str, str]) -> list[Column[Finding]]:
    def what(found: Finding) -> Cell:
        told = explain(found, room.thresholds, names.get(found.person, found.person))
        return Cell(told.title, f"/anomalies/{found.id}", note=told.sentence)

    return [
        Column("what", "What was found", what, sortable=False),
        Column("began", "Began", lambda f: words.when_ms(f.began), sortable=False),
        Column("person", "Person", lambda f: names.get(f.person, f.person), sortable=False),
        Column("entries", "Entries", lambda f: Cell("Show", events_link(f)), sortable=False),
    ]


def _filters(
    room: Room, reader: Reader, scope: str, names: Mapping[str, str]
) -> tuple[Filter[Finding], ...]:
    kinds = tuple((kind.value, room.thresholds.rules[kind].title) for kind in Kind)
    people = [(id, names.get(id, id)) for id in reader.per(Sought(scope), "person")]
    return (
        Filter("kind", "Kind", "select", kinds),
        Filter(
            "person", "Person", "select", tuple(sorted(people, key=lambda p: tables.in_order(p[1])))
        ),
        Filter("since", "From day (UTC)", "date"),
        Filter("until", "To day (UTC)", "date"),
    )


def _charts(room: Room, reader: Reader, sought: Sought) -> tuple[Chart, ...]:
    began = Counter(at // DAY_MS for at in reader.began(sought))
    last = max(began)
    first = min(*began, last - DAYS_DRAWN + 1) if sought.since else last - DAYS_DRAWN + 1
    first = max(first, last - MOST_DAYS + 1)
    days = [(_day(day), float(began[day])) for day in range(first, last + 1)]
    kinds = reader.per(sought, "kind")
    named = [(room.thresholds.rules[Kind(k)].title, float(n)) for k, n in kinds.items()]
    return (
        timeline("Anomalies by day", days, label="Day (UTC)", unit="anomalies", id="by-day"),
        bars(
            "Anomalies by kind",
            sorted(named, key=lambda pair: -pair[1]),
            label="Kind",
            unit="anomalies",
            id="by-kind",
        ),
    )


def _day(day: int) -> str:
    return datetime.fromtimestamp(day * DAY_MS / 1000, tz=UTC).strftime("%Y-%m-%d")
