"""The pages of the review site. Each reads, draws, and decides nothing.

A reviewer's look at an unprotected table is an audit event before it is a page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response

from egress_review import permissions
from egress_review.custody import Piece
from egress_review.ledger import load
from egress_review.model import Request, State, Vote
from egress_review.policy import MEANING, Act, can
from egress_review.service import (
    CERTIFICATE,
    ReviewService,
    available_until,
    conflicts,
    waiting_for,
)
from egress_review.web.acts import SEE_OTHER, service_of
from egress_review.web.shown import WHY, ShownRow, lay_out
from enclave.errors import EnclaveError, Invalid
from enclave.model import Person, Role
from enclave.web import tables
from enclave.web.app import render, require_recent_login, signed_in
from enclave.web.tables import Cell, Column, Filter

TONES: Mapping[State, Any] = {
    State.SUBMITTED: "neutral",
    State.PROTECTED: "info",
    State.APPROVED: "good",
    State.RELEASED: "good",
    State.REJECTED: "bad",
    State.WITHDRAWN: "neutral",
    State.REFUSED: "warn",
}
IN_WORDS: Mapping[State, str] = {
    State.SUBMITTED: "being checked",
    State.PROTECTED: "in review",
    State.APPROVED: "approved",
    State.RELEASED: "released",
    State.REJECTED: "rejected",
    State.WITHDRAWN: "withdrawn",
    State.REFUSED: "refused",
}
ROWS_A_PAGE = 100


@dataclass(frozen=True, slots=True)
class Listed:
    """A request with its votes and how old it is, as lists show it."""

    request: Request
    votes: tuple[Vote, ...]
    author: str

    @property
    def undecided(self) -> tuple[str, ...]:
        """Return the agencies still to decide."""
        return waiting_for(self.request, self.votes)


def queue(request: HttpRequest) -> Response:
    """Show a reviewer what waits for their agency, oldest first, and what was decided."""
    person, service = signed_in(request), service_of(request)
    if Role.REVIEWER not in person.roles:
        return RedirectResponse("/mine", SEE_OTHER)
    seen = [one for one in service.reviews.requests() if permissions.may_vote(person, one)]
    listed = [_listed(service, one) for one in seen]
    waiting = [o for o in listed if can(o.request, Act.VOTE) and person.agency in o.undecided]
    others = [o for o in reversed(listed) if o not in waiting]
    return render(
        request,
        "queue.html",
        waiting=_queue_table(request, waiting),
        others=_others_table(request, others),
        count=len(waiting),
        agency=_agency(service, person.agency or ""),
    )


def mine(request: HttpRequest) -> Response:
    """Show a researcher their own requests, newest first."""
    person, service = signed_in(request), service_of(request)
    own = [_listed(service, one) for one in service.reviews.requests(person=person.id)]
    columns: tuple[Column[Listed], ...] = (
        _title_column(),
        Column("status", "Status", _status_cell, sort=lambda one: one.request.state.value),
        Column("project", "Project", lambda one: one.request.project),
        Column("decided", "Decided", _decided),
        Column("submitted", "Submitted", _age_cell, sort=lambda one: one.request.submitted_at),
    )
    at = tables.state(request, columns, sort="-submitted")
    table = tables.of(
        own,
        columns,
        at,
        caption="My requests",
        empty="You have not asked for anything to be released yet.",
    )
    return render(request, "mine.html", table=table)


def request_page(request: HttpRequest) -> Response:
    """Show one request to its author or to a reviewer; the table only to reviewers."""
    person, service = signed_in(request), service_of(request)
    found = service.reviews.request(request.path_params["id"])
    permissions.check_see(person, found)
    context = _common(service, person, found)
    if permissions.may_see_raw(person, found) and found.shown:
        context |= _reviewed(request, service, person, found)
        return render(request, "review.html", **context)
    return render(request, "own.html", **context)


def confirm(request: HttpRequest) -> Response:
    """Ask once more, after a fresh log-in, naming exactly what is decided on."""
    person, service = signed_in(request), service_of(request)
    found = service.reviews.request(request.path_params["id"])
    permissions.check_vote(person, found)
    decision = request.query_params.get("decision", "")
    if decision not in ("approve", "reject"):
        raise Invalid("Choose to approve or to reject.", hint="Go back to the request.")
    require_recent_login(request)
    context = _common(service, person, found)
    shown = request.query_params.get("shown", found.shown)
    return render(request, "confirm.html", decision=decision, shown=shown, **context)


# What the pages show ---------------------------------------------------------------------------


def _common(service: ReviewService, person: Person, found: Request) -> dict[str, Any]:
    votes = service.reviews.votes(found.id)
    people = service.control.people()
    return {
        "one": found,
        "state": Cell(IN_WORDS[found.state], tone=TONES[found.state]),
        "meaning": MEANING[found.state],
        "author": _name(people, found.person),
        "age": _age(found.submitted_at),
        "votes": [_vote_line(service, people, agency, votes) for agency in found.agencies],
        "undecided": waiting_for(found, votes),
        "comments": [
            (_name(people, said.person), said.text, said.at.timestamp())
            for said in service.reviews.comments(found.id)
        ],
        "agency_names": [_agency(service, agency) for agency in found.agencies],
        "reasons": _reasons(found),
        "may_vote": permissions.may_vote(person, found)
        and can(found, Act.VOTE)
        and person.agency in waiting_for(found, votes),
        "may_withdraw": permissions.may_withdraw(person, found) and can(found, Act.WITHDRAW),
        "may_comment": can(found, Act.COMMENT),
        "may_download": can(found, Act.DOWNLOAD) and datetime.now(UTC) <= available_until(found),
        "files": (found.filename, CERTIFICATE),
        "until": available_until(found).timestamp(),
        "mine": permissions.is_author(person, found),
        "crumbs": (
            (("My requests", "/mine") if permissions.is_author(person, found) else ("Queue", "/")),
            (found.title, f"/requests/{found.id}"),
        ),
    }


def _reviewed(
    request: HttpRequest, service: ReviewService, person: Person, found: Request
) -> dict[str, Any]:
    full, protected = service.view_raw(person, found)
    table = lay_out(full, protected, load(service.custody.open(found.id, Piece.LEDGER)))
    only_hidden = request.query_params.get("rows") == "hidden"
    rows = [row for row in table.rows if row.hidden or not only_hidden]
    columns: tuple[Column[ShownRow], ...] = (
        Column("row", "row", lambda row: None, sortable=False),
    )
    query = {k: v for k, v in request.query_params.items() if k == "rows"}
    page = min(_page(request), max(1, -(-len(rows) // ROWS_A_PAGE)))
    at = tables.State(request.url.path, query, "row", False, page, ROWS_A_PAGE)
    here = rows[at.offset : at.offset + at.size]
    pages = tables.page_of(here, columns, at, total=len(rows), caption=found.title, empty="")
    return {
        "table": table,
        "rows": here,
        "pages": pages,
        "only_hidden": only_hidden,
        "queries": _queries(service, found),
        "conflicts": conflicts(service, found),
    }


def _page(request: HttpRequest) -> int:
    asked = request.query_params.get("page", "")
    return max(1, int(asked)) if asked.isascii() and asked.isdigit() and len(asked) < 8 else 1


def _queries(service: ReviewService, found: Request) -> list[tuple[str, str, str]]:
    """Return (id, SQL, what it read) of each query; the journal may be gone with its project."""
    try:
        lineages = service.checker.lineages(found)
    except EnclaveError as error:
        return [(query, error.sentence, "") for query in found.queries]
    return [(one.query, one.sql, ", ".join(one.columns)) for one in lineages]


def _reasons(found: Request) -> list[tuple[str, int]]:
    summary = found.summary
    counted = [
        (WHY[name.removeprefix("reason ")], int(count or 0))
        for name, count in summary.items()
        if name.startswith("reason ")
    ]
    hidden_for_others = int(summary.get("complementary") or 0)
    return [*counted, (WHY["complementary"], hidden_for_others)] if summary else []


def _vote_line(
    service: ReviewService, people: Mapping[str, Person], agency: str, votes: Sequence[Vote]
) -> dict[str, Any]:
    vote = next((vote for vote in votes if vote.agency == agency), None)
    words = "waiting" if vote is None else ("approved" if vote.approve else "rejected")
    tone = "neutral" if vote is None else ("good" if vote.approve else "bad")
    return {
        "agency": _agency(service, agency),
        "state": Cell(words, tone=tone),  # type: ignore[arg-type]  # one of the three above
        "who": _name(people, vote.person) if vote else None,
        "at": vote.at.timestamp() if vote else None,
        "comment": vote.comment if vote else "",
    }


# Lists -----------------------------------------------------------------------------------------


def _listed(service: ReviewService, one: Request) -> Listed:
    return Listed(one, service.reviews.votes(one.id), _name(service.control.people(), one.person))


def _queue_table(request: HttpRequest, waiting: Sequence[Listed]) -> tables.Table:
    columns: tuple[Column[Listed], ...] = (
        _title_column(),
        Column("project", "Project", lambda one: one.request.project),
        Column("author", "Asked by", lambda one: one.author),
        Column("hidden", "Rows hidden", _hidden, numeric=True),
        Column("decided", "Decided", _decided),
        Column("age", "Waiting for", _age_cell, sort=lambda o: o.request.submitted_at),
    )
    at = tables.state(request, columns, sort="age", prefix="w-")
    return tables.of(
        waiting,
        columns,
        at,
        caption="Waiting for your agency",
        empty="Nothing waits for your agency. New requests appear here, oldest first.",
        filters=(
            Filter(
                "find",
                "Title, project or person",
                keeps=tables.contains(
                    lambda one: one.request.title,
                    lambda one: one.request.project,
                    lambda one: one.author,
                ),
            ),
        ),
    )


def _others_table(request: HttpRequest, others: Sequence[Listed]) -> tables.Table:
    columns: tuple[Column[Listed], ...] = (
        _title_column(),
        Column("status", "Status", _status_cell, sort=lambda one: one.request.state.value),
        Column("project", "Project", lambda one: one.request.project),
        Column("author", "Asked by", lambda one: one.author),
        Column("changed", "Last change", _change_cell, sort=lambda o: o.request.changed_at),
    )
    at = tables.state(request, columns, sort="-changed", prefix="o-")
    return tables.of(
        others,
        columns,
        at,
        caption="Decided by your agency, or closed",
        empty="Nothing has been decided yet.",
    )


def _title_column() -> Column[Listed]:
    return Column(
        "title",
        "Request",
        lambda one: Cell(one.request.title, href=f"/requests/{one.request.id}"),
    )


def _status_cell(one: Listed) -> Cell:
    return Cell(IN_WORDS[one.request.state], tone=TONES[one.request.state])


def _decided(one: Listed) -> str:
    if not one.request.agencies:
        return ""
    return f"{len(one.votes)} of {len(one.request.agencies)} agencies"


def _hidden(one: Listed) -> str:
    return f"{one.request.summary.get('hidden', 0)} of {one.request.summary.get('rows', 0)}"


def _age_cell(one: Listed) -> Cell:
    return Cell(_age(one.request.submitted_at), note=f"{one.request.submitted_at:%Y-%m-%d %H:%M}")


def _change_cell(one: Listed) -> Cell:
    return Cell(f"{one.request.changed_at:%Y-%m-%d %H:%M} UTC")


def _age(since: datetime) -> str:
    """Return how long ago something was, in the largest unit that says enough."""
    minutes = int((datetime.now(UTC) - since).total_seconds() // 60)
    for size, unit in ((24 * 60, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size:
            count = minutes // size
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "just now"


def _name(people: Mapping[str, Person], person: str) -> str:
    return people[person].name if person in people else person


def _agency(service: ReviewService, agency: str) -> str:
    known = service.control.agencies()
    return known[agency].name if agency in known else agency
