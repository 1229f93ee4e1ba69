"""The pages that tell a project's or a person's story from its first entry to its last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from audit.search import Kind, Tally, Wanted
from audit.sentences import Fact, is_person, sentence
from audit.web import asking, charting, reach
from audit.web.events import TONES, columns, under
from audit.web.room import Room
from enclave.errors import NotFound
from enclave.events import Verdict
from enclave.model import Person, Policy, ProjectState
from enclave.web import tables, words
from enclave.web.tables import Cell, Column

STORY_SIZE = 100  # entries on one page of a story
STATES = {
    ProjectState.PROVISIONED: "info",
    ProjectState.ACTIVE: "good",
    ProjectState.CLOSED: "neutral",
}


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a story."""

    name: str
    facts: tuple[Fact, ...]


def projects(room: Room, request: Request) -> Response:
    """List the projects with what the log holds on each."""
    with room.browse(request) as browser:
        tallies = {tally.name: tally for tally in browser.tally("project")}
    room.look(request, "projects")
    states = {row.id: row.state for row in room.store.projects()}
    # a steward is not told which projects there are beside those with the own agency's data
    rows = sorted(tallies if room.scope(request) else {*states, *tallies})
    shown: list[Column[str]] = [
        Column(
            "project",
            "Project",
            lambda p: Cell(p, f"/projects/{asking.segment(p)}", note=_title(room, p)),
        ),
        Column("state", "State", lambda p: _state(states.get(p))),
        *_counts(tallies),
    ]
    at = tables.state(request, shown, sort="project")
    table = tables.of(
        rows,
        shown,
        at,
        caption="Projects",
        empty="No project has been provisioned yet.",
    )
    return room.show(
        request,
        "subjects.html",
        table=table,
        heading="Projects",
        lead="Each project's story on one page: who did what, on whose data, under which clause.",
    )


def people(room: Room, request: Request) -> Response:
    """List the people with what the log holds on each: agency staff and administrators too."""
    with room.browse(request) as browser:
        tallies = {tally.name: tally for tally in browser.tally("actor")}
    room.look(request, "people")
    known = room.store.people()
    found = set(filter(is_person, tallies))
    rows = sorted(found if room.scope(request) else {*known, *found})
    shown: list[Column[str]] = [
        Column("person", "Person", lambda p: _person(p, known.get(p))),
        Column("roles", "Roles", lambda p: _roles(known.get(p))),
        *_counts(tallies),
    ]
    at = tables.state(request, shown, sort="person")
    table = tables.of(rows, shown, at, caption="People", empty="Nobody has been admitted yet.")
    return room.show(
        request,
        "subjects.html",
        table=table,
        heading="People",
        lead="Researchers, reviewers, agency staff and administrators are logged alike.",
    )


def _counts(tallies: Mapping[str, Tally]) -> tuple[Column[str], ...]:
    none = Tally("", 0, 0, 0)

    def last(name: str) -> object:
        return words.when_ms(tallies[name].last) if name in tallies else None

    return (
        Column("entries", "Entries", lambda n: tallies.get(n, none).entries, numeric=True),
        Column("denied", "Denied", lambda n: tallies.get(n, none).denied, numeric=True),
        Column("last", "Last entry", last, sort=lambda n: tallies.get(n, none).last),  # type: ignore[arg-type]
    )


def _state(state: ProjectState | None) -> Cell:
    if state is None:
        return Cell("not in the control store", tone="warn")
    return Cell(state.value, tone=STATES[state])  # type: ignore[arg-type]


def _title(room: Room, project: str) -> str | None:
    policy = _policy(room, project)
    return policy.title if policy else None


def _policy(room: Room, project: str) -> Policy | None:
    try:
        return room.store.policy(project)
    except NotFound:
        return None


def _person(id: str, person: Person | None) -> Cell:
    if person is None:
        return Cell(id, f"/people/{asking.segment(id)}", note="not registered")
    agency = f", {person.agency.upper()}" if person.agency else ""
    return Cell(person.name, f"/people/{asking.segment(id)}", note=f"{id}{agency}")


def _roles(person: Person | None) -> str | None:
    return ", ".join(sorted(role.value for role in person.roles)) if person else None


def project(room: Room, request: Request) -> Response:
    """Tell one project's story."""
    id = request.path_params["project"]
    policy = _policy(room, id)
    facts = (
        [
            ("Purpose", policy.purpose),
            ("Agreement", policy.agreement),
            ("Data of", ", ".join(sorted(agency.upper() for agency in policy.agencies))),
            ("In force", f"{policy.starts} to {policy.ends}; destroyed by {policy.destroy_by}"),
        ]
        if policy
        else []
    )
    heading = policy.title if policy else id
    return _story(room, request, Wanted(project=id, folded=True), heading, facts)


def person(room: Room, request: Request) -> Response:
    """Tell one person's story."""
    id = request.path_params["person"]
    known = room.store.people().get(id)
    facts = [("Identifier", id)]
    if known is not None:
        facts += [
            ("Roles", ", ".join(sorted(role.value for role in known.roles))),
            ("Agency", known.agency.upper() if known.agency else "none"),
        ]
    return _story(room, request, Wanted(person=id, folded=True), known.name if known else id, facts)


def _story(
    room: Room, request: Request, asked: Wanted, heading: str, facts: list[tuple[str, str]]
) -> Response:
    names = room.names()
    at = tables.state(request, columns(names), sort="-index")
    with room.browse(request) as browser:
        total = browser.count(asked)
        if not total and (not facts[1:] or room.scope(request)):
            raise NotFound("Nothing is known under this name.", hint="The lists show what exists.")
        pages = max(1, -(-total // STORY_SIZE))
        number = min(at.page, pages)
        kept = {"number": number, **asking.logged(asked)}
        room.look(request, "story", kept, project=asked.project)
        found = browser.find(
            asked, offset=(number - 1) * STORY_SIZE, limit=STORY_SIZE, newest_first=False
        )
        every = replace(asked, folded=False)  # as the lists count, which the numbers lead to
        charts = charting.whole(browser, every)
        others = Kind.ACTOR if asked.project else Kind.PROJECT
        kinds = (others, Kind.COLUMN)
        tables_shown = reach.tables_of(browser, request, every, kinds, names)
        entries = browser.count(every)
        denied = browser.count(replace(every, verdict=Verdict.DENIED.value))
        asked_texts = browser.beginnings(found)
    kind = ("Projects", "/projects") if asked.project else ("People", "/people")
    return room.show(
        request,
        "story.html",
        heading=heading,
        project=asked.project,
        facts=facts,
        days=_days(found),
        total=total,
        number=number,
        pages=pages,
        charts=charts,
        tables=tables_shown,
        entries=entries,
        denied=denied,
        asked_texts=asked_texts,
        slots=tables.page_slots(number, pages),
        names=names,
        events=_link(asked),
        crumbs=(kind, (heading, "")),
        sentence=sentence,
        verdicts=asking.VERDICTS,
        tones=TONES,
        under=under,
    )


def _link(asked: Wanted) -> str:
    return reach.address(replace(asked, folded=False))


def _days(facts: list[Fact]) -> list[Day]:
    def day(fact: Fact) -> str:
        return datetime.fromtimestamp(fact.time / 1000, tz=UTC).strftime("%A, %-d %B %Y")

    return [Day(name, tuple(found)) for name, found in groupby(facts, day)]


def clock(milliseconds: int) -> Markup:
    """Write a time of day under a heading that says the day."""
    at = datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        at.strftime("%Y-%m-%dT%H:%M:%SZ"), at.strftime("%H:%M:%S")
    )
