"""The reviewer's queue: what waits for their agency, what waits for others, what is decided.

One list at a time, filtered, sorted and cut by the address. Asks the store the same few questions
however many requests there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response

from egress_review import permissions
from egress_review.model import Request, State, Vote
from egress_review.policy import Act, can
from egress_review.service import ReviewService, waiting_for
from egress_review.web.acts import SEE_OTHER, service_of
from egress_review.web.room import (
    TURN,
    Names,
    age,
    due_cell,
    is_changed,
    names_of,
    state_cell,
)
from enclave.model import Person, Role
from enclave.web import tables
from enclave.web.app import render, signed_in
from enclave.web.tables import Cell, Column, Filter

OPEN = frozenset(TURN)


@dataclass(frozen=True, slots=True)
class Listed:
    """A request as lists show it: with its votes, its author's name and who is still to decide."""

    request: Request
    votes: tuple[Vote, ...]
    author: str

    @property
    def undecided(self) -> tuple[str, ...]:
        """Return the agencies still to decide; none once the request is closed."""
        return waiting_for(self.request, self.votes) if can(self.request, Act.VOTE) else ()


@dataclass(frozen=True, slots=True)
class Lists:
    """What is open: waiting for the reviewer's own agency, and for anybody else.

    `barred` are projects of others, whose reviewer this person does not become as a researcher.
    """

    mine: tuple[Listed, ...]
    others: tuple[Listed, ...]
    barred: tuple[str, ...]


EMPTY = {
    "mine": "Nothing waits for your agency. A request appears here as soon as a researcher submits "
    "an output made from your agency's data.",
    "others": "Nothing waits for anybody else. What your agency has agreed to stands here until "
    "the other agencies have decided too.",
    "decided": "Nothing has been decided yet. What is released, rejected or withdrawn stands here.",
}


def queue(request: HttpRequest) -> Response:
    """Show a reviewer one of the three lists, what is most urgent first."""
    person, service = signed_in(request), service_of(request)
    if Role.REVIEWER not in person.roles:
        return RedirectResponse("/mine", SEE_OTHER)
    names = names_of(service)
    open_ones = lists(service, person, names)
    asked = request.query_params.get("list", "mine")
    which = asked if asked in EMPTY else "mine"
    chosen = {
        "mine": lambda: open_ones.mine,
        "others": lambda: open_ones.others,
        "decided": lambda: closed(service, person, names),
    }[which]()
    table = _table(request, which, chosen, names)
    if open_ones.barred and which == "mine":
        table = replace(table, empty="Nothing else waits for your agency.")
    return render(
        request,
        "queue.html",
        table=table,
        which=which,
        counts={"mine": len(open_ones.mine), "others": len(open_ones.others)},
        first=first_of(open_ones.mine),
        agency=names.agency(person.agency or ""),
        barred=open_ones.barred,
    )


def lists(service: ReviewService, person: Person, names: Names) -> Lists:
    """Return the open requests a reviewer may decide on or check, what is due first before all."""
    found = sorted(service.reviews.requests(states=OPEN), key=_urgency)
    listed = _listed(service, person, found, names)
    mine = tuple(one for one in listed if _is_mine(service, person, one))
    rest = {one.request.id for one in mine}
    others = tuple(one for one in listed if one.request.id not in rest)
    barred = {one.project for one in found if permissions.is_barred(person, one)}
    return Lists(mine, others, tuple(sorted(barred)))


def _urgency(one: Request) -> tuple[bool, datetime]:
    """Return what open requests are sorted by: when they are due; without a date, their age."""
    return one.due_at is None, one.due_at or one.submitted_at


def _is_mine(service: ReviewService, person: Person, one: Listed) -> bool:
    """Say whether a request waits for this reviewer: their agency's vote, or their opinion."""
    if permissions.may_vote(person, one.request) and person.agency in one.undecided:
        return True
    if not (permissions.may_find(person, one.request) and can(one.request, Act.CHECK)):
        return False
    return all(given.person != person.id for given in service.reviews.opinions(one.request.id))


def closed(service: ReviewService, person: Person, names: Names) -> tuple[Listed, ...]:
    """Return the requests that are over, of those a reviewer may decide on or check."""
    found = service.reviews.requests(states=frozenset(State) - OPEN)
    return _listed(service, person, found, names)


def first_of(waiting: Sequence[Listed]) -> Request | None:
    """Return the request to open next: the oldest."""
    return waiting[0].request if waiting else None


def _listed(
    service: ReviewService, person: Person, found: Sequence[Request], names: Names
) -> tuple[Listed, ...]:
    seen = [one for one in found if permissions.may_see_raw(person, one)]
    votes = service.reviews.votes_on([one.id for one in seen])
    return tuple(Listed(one, votes[one.id], names.person(one.person)) for one in seen)


def _table(
    request: HttpRequest, which: str, chosen: Sequence[Listed], names: Names
) -> tables.Table:
    columns = _columns(names, is_open=which != "decided")
    at = tables.state(request, columns, sort="due" if which != "decided" else "-changed")
    captions = {
        "mine": "Waiting for your agency",
        "others": "Waiting for others",
        "decided": "Decided or closed",
    }
    return tables.of(
        chosen,
        columns,
        at,
        caption=captions[which],
        empty=EMPTY[which],
        next_step=None if which == "decided" else ("What was decided before", "/?list=decided"),
        filters=_filters(chosen),
    )


def _columns(names: Names, *, is_open: bool) -> tuple[Column[Listed], ...]:
    title: Column[Listed] = Column(
        "title", "Request", lambda o: titled(o.request), sort=lambda o: o.request.title
    )
    project: Column[Listed] = Column("project", "Project", lambda one: one.request.project)
    author: Column[Listed] = Column("author", "Asked by", lambda one: one.author)
    if not is_open:
        return (
            title,
            Column("status", "Status", lambda one: state_cell(one.request)),
            project,
            author,
            Column("changed", "Last change", _changed, sort=lambda one: one.request.changed_at),
        )
    return (
        title,
        project,
        author,
        Column("hidden", "Rows hidden", _hidden, numeric=True),
        Column("undecided", "Still to decide", lambda one: names.listed(one.undecided)),
        Column("turn", "Whose turn", _turn),
        Column("due", "Due", lambda one: due_cell(one.request), sort=lambda o: o.request.due_at),
        Column("age", "Submitted", _age, sort=lambda one: one.request.submitted_at),
    )


def _filters(chosen: Sequence[Listed]) -> tuple[Filter[Listed], ...]:
    agencies = sorted({agency for one in chosen for agency in one.undecided})
    words: Filter[Listed] = Filter(
        "find",
        "Title, file or person",
        keeps=tables.contains(
            lambda one: one.request.title,
            lambda one: one.request.filename,
            lambda one: one.author,
        ),
    )
    by_agency: Filter[Listed] = Filter(
        "agency",
        "Still to decide",
        "select",
        tuple((name, name.upper()) for name in agencies),
        keeps=lambda one, value: value in one.undecided,
    )
    by_date: Filter[Listed] = Filter(
        "due",
        "Due",
        "select",
        (("overdue", "overdue"), ("day", "within a day"), ("week", "within a week")),
        keeps=_is_due,
    )
    project = by_project(chosen)
    return (words, project, by_agency, by_date) if agencies else (words, project)


def by_project(listed: Sequence[Listed]) -> Filter[Listed]:
    """Return the filter of a list by the projects in it."""
    projects = sorted({one.request.project for one in listed})
    return Filter(
        "project",
        "Project",
        "select",
        tuple((name, name) for name in projects),
        keeps=lambda one, value: one.request.project == value,
    )


def _is_due(one: Listed, within: str) -> bool:
    days = {"overdue": 0, "day": 1, "week": 7}.get(within)
    at = one.request.due_at
    return days is not None and at is not None and at < datetime.now(UTC) + timedelta(days=days)


def titled(request: Request) -> Cell:
    """Return a request's title as a link, with what it holds and whether it is a newer version."""
    more = len(request.files) - 1
    files = request.filename + (f" and {more} more" if more else "")
    version = "; a new version" if request.replaces else ""
    unverified = "; not all verified" if request.unverified else ""
    return Cell(request.title, href=f"/requests/{request.id}", note=f"{files}{version}{unverified}")


def _turn(one: Listed) -> str:
    return TURN.get(one.request.state, "")


def _hidden(one: Listed) -> str:
    said = one.request.summary
    if any(is_changed(file) for file in one.request.files):
        return "none; changed"
    return f"{said.get('hidden', 0):,} of {said.get('rows', 0):,}"


def _age(one: Listed) -> Cell:
    return Cell(age(one.request.submitted_at), note=f"{one.request.submitted_at:%Y-%m-%d %H:%M}")


def _changed(one: Listed) -> Cell:
    return Cell(f"{one.request.changed_at:%Y-%m-%d %H:%M} UTC")
