"""Pages that ask from the data's side: who touched a column, what an agency's data took part in.

Counts, tables and charts come from the index through `Room.browse`, so a steward's are made of
entries on their own agency's data alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from audit.search import Browser, Kind, Tally, Wanted
from audit.sentences import is_person
from audit.web import asking, charting
from audit.web.events import words_of
from audit.web.room import Room
from enclave.errors import NotFound
from enclave.events import Action, Verdict
from enclave.web import tables, words
from enclave.web.tables import Cell, Column, Table

LATEST = 10


@dataclass(frozen=True, slots=True)
class Number:
    """A number at the head of a page, and where its entries are."""

    name: str
    value: int
    href: str
    bad: bool = False


# What is counted of an agency's data, and under which name.
TAKEN_PART = (
    ("deliveries", Action.DELIVERY_STORED),
    ("linkage runs", Action.LINKAGE_RUN),
    ("extracts built", Action.PROJECT_BUILT),
    ("queries", Action.QUERY_INTENT),
    ("outputs submitted", Action.OUTPUT_SUBMITTED),
    ("outputs released", Action.OUTPUT_RELEASED),
)


def columns(room: Room, request: Request) -> Response:
    """List the columns that occur in the log."""
    return _list(room, request, Kind.COLUMN, "Columns", "Who has touched which column, and when.")


def agencies(room: Room, request: Request) -> Response:
    """List the agencies whose data occurs in the log."""
    lead = "What each agency's data took part in: projects, queries, outputs, releases, linkage."
    return _list(room, request, Kind.AGENCY, "Agencies", lead)


def _list(room: Room, request: Request, kind: Kind, heading: str, lead: str) -> Response:
    room.look(request, heading.lower())
    with room.browse(request) as browser:
        found = browser.tally(kind)
    table = _table(request, found, kind)
    return room.show(request, "subjects.html", table=table, heading=heading, lead=lead)


def column(room: Room, request: Request) -> Response:
    """Answer who has touched a column: persons, projects, queries, when, allowed or refused."""
    name = request.path_params["column"]
    asked = Wanted(column=name)
    room.look(request, "column", asking.logged(asked))
    with room.browse(request) as browser:
        _known(browser, asked)
        queries = replace(asked, action=Action.QUERY_INTENT.value)
        refused = replace(asked, verdict=Verdict.DENIED.value)
        numbers = [_number(browser, "queries", queries), _number(browser, "refused", refused)]
        kinds = (Kind.ACTOR, Kind.PROJECT)
        shown = {
            "tables": tables_of(browser, request, asked, kinds, room.names()),
            **_drawn(browser, asked, folded=False),  # only a query's beginning names its columns
        }
    heading = f"Who has touched {name}?"
    crumbs = (("Columns", "/columns"), (name, ""))
    return _show(room, request, asked, heading=heading, numbers=numbers, crumbs=crumbs, **shown)


def agency(room: Room, request: Request) -> Response:
    """Answer what an agency's data took part in: projects, queries, outputs, releases, linkage."""
    name = request.path_params["agency"]
    asked = Wanted(agency=name)
    room.look(request, "agency", asking.logged(asked))
    with room.browse(request) as browser:
        _known(browser, asked)
        counted = [(n, replace(asked, action=action.value)) for n, action in TAKEN_PART]
        refused = replace(asked, verdict=Verdict.DENIED.value)
        numbers = [_number(browser, n, w) for n, w in (*counted, ("refused", refused))]
        kinds = (Kind.PROJECT, Kind.ACTOR, Kind.COLUMN)
        shown = {
            "tables": tables_of(browser, request, asked, kinds, room.names()),
            **_drawn(browser, asked),
        }
    heading = f"What did {name.upper()}'s data take part in?"
    crumbs = (("Agencies", "/agencies"), (name.upper(), ""))
    return _show(room, request, asked, heading=heading, numbers=numbers, crumbs=crumbs, **shown)


def _known(browser: Browser, asked: Wanted) -> None:
    if not browser.count(asked):
        raise NotFound("Nothing is known under this name.", hint="The lists show what exists.")


def _number(browser: Browser, name: str, asked: Wanted) -> Number:
    return Number(name, browser.count(asked), address(asked), asked.verdict == Verdict.DENIED)


def _drawn(browser: Browser, asked: Wanted, *, folded: bool = True) -> dict[str, Any]:
    return {
        "charts": charting.whole(browser, asked),
        "latest": browser.find(replace(asked, folded=folded), limit=LATEST),
    }


CAPTIONS = {
    Kind.ACTOR: "Persons and services",
    Kind.PROJECT: "Projects",
    Kind.COLUMN: "Columns",
    Kind.AGENCY: "Agencies",
}
TITLES = {
    Kind.ACTOR: "Person",
    Kind.PROJECT: "Project",
    Kind.COLUMN: "Column",
    Kind.AGENCY: "Agency",
}


def tables_of(
    browser: Browser,
    request: Request,
    asked: Wanted,
    kinds: Sequence[Kind],
    names: Mapping[str, str],
) -> list[Table]:
    """Return, for each kind, a table of what occurs among these entries, and how often."""
    return [
        _table(request, browser.tally(kind, asked), kind, within=asked, names=names)
        for kind in kinds
    ]


def _table(
    request: Request,
    found: Sequence[Tally],
    kind: Kind,
    *,
    within: Wanted | None = None,
    names: Mapping[str, str] | None = None,
) -> Table:
    """Return a table of tallies; its numbers lead to the entries they count."""
    asked = within or Wanted()

    def entries(one: Tally) -> str:
        return address(_also(asked, kind, one.name))

    def refused(one: Tally) -> Cell | int:
        wanted = replace(_also(asked, kind, one.name), verdict=Verdict.DENIED.value)
        return Cell(f"{one.denied:,}", address(wanted)) if one.denied else 0

    shown: list[Column[Tally]] = [
        Column("name", TITLES[kind], lambda one: _name(kind, one.name, names or {})),
        Column(
            "entries",
            "Entries",
            lambda one: Cell(f"{one.entries:,}", entries(one)),
            sort=lambda one: one.entries,
            numeric=True,
        ),
        Column("denied", "Denied", refused, sort=lambda one: one.denied, numeric=True),
        Column("last", "Last entry", lambda o: words.when_ms(o.last), sort=lambda o: o.last),
    ]
    order, prefix = ("-entries", f"{kind}-") if within else ("name", "")
    at = tables.state(request, shown, sort=order, prefix=prefix)
    empty = "None." if within else "Nothing has been logged yet."
    return tables.of(found, shown, at, caption=CAPTIONS[kind], empty=empty)


def _also(asked: Wanted, kind: Kind, name: str) -> Wanted:
    """Return the same entries, of those only the ones of one name."""
    match kind:
        case Kind.ACTOR:
            return replace(asked, person=name)
        case Kind.PROJECT:
            return replace(asked, project=name)
        case Kind.COLUMN:
            return replace(asked, column=name)
        case _:
            return replace(asked, agency=name)


PLACES = {
    Kind.ACTOR: "/people/",
    Kind.PROJECT: "/projects/",
    Kind.COLUMN: "/columns/",
    Kind.AGENCY: "/agencies/",
}


def _name(kind: Kind, name: str, names: Mapping[str, str]) -> Cell:
    if kind is Kind.ACTOR and not is_person(name):
        return Cell(name, note="a service")
    text = name.upper() if kind is Kind.AGENCY else name
    person = names.get(name) if kind is Kind.ACTOR else None
    note = name if person else None
    return Cell(person or text, f"{PLACES[kind]}{asking.segment(name)}", note=note)


def address(asked: Wanted) -> str:
    """Return where the list of these entries is."""
    filters = ("person", "project", "agency", "dataset", "column", "action", "verdict")
    named = {name: getattr(asked, name) for name in filters}
    return "/events?" + urlencode({name: value for name, value in named.items() if value})


def _show(room: Room, request: Request, asked: Wanted, **context: Any) -> Response:
    names = room.names()
    return room.show(
        request, "reach.html", all=address(asked), names=names, **words_of(), **context
    )
