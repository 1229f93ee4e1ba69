"""A researcher's own requests. The table itself is not here: inside, the workspace shows it."""

from __future__ import annotations

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from egress_review.model import Request, State
from egress_review.policy import Act, can
from egress_review.service import available_until, is_over
from egress_review.web.acts import service_of
from egress_review.web.queue import Listed, by_project, titled
from egress_review.web.room import TURN, Names, age, names_of, state_cell
from enclave.web import tables
from enclave.web.app import render, signed_in
from enclave.web.tables import Cell, Column, Filter
from enclave.web.visit import web_of


def mine(request: HttpRequest) -> Response:
    """Show a researcher their own requests, newest first."""
    person, service = signed_in(request), service_of(request)
    found = service.reviews.requests(person=person.id)
    votes, names = service.reviews.votes_on([one.id for one in found]), names_of(service)
    own = [Listed(one, votes[one.id], names.person(one.person)) for one in found]
    columns = _columns(names)
    words: Filter[Listed] = Filter(
        "find",
        "Title or file",
        keeps=tables.contains(lambda one: one.request.title, lambda one: one.request.filename),
    )
    table = tables.of(
        own,
        columns,
        tables.state(request, columns, sort="-submitted"),
        caption="My requests",
        empty="You have not asked for anything to be released yet. In your workspace, write a "
        "table to a file and call submit(); the request then stands here.",
        next_step=("Go to your workspaces", web_of(request).settings.hub_url),
        filters=(words, by_project(own)),
    )
    return render(request, "mine.html", table=table, hub=web_of(request).settings.hub_url)


def _columns(names: Names) -> tuple[Column[Listed], ...]:
    return (
        Column("title", "Request", lambda o: titled(o.request), sort=lambda o: o.request.title),
        Column("status", "Status", lambda one: state_cell(one.request)),
        Column("turn", "Whose turn", lambda one: _turn(one, names)),
        Column("project", "Project", lambda one: one.request.project),
        Column("until", "Download until", lambda one: _until(one.request)),
        Column("submitted", "Submitted", _submitted, sort=lambda one: one.request.submitted_at),
    )


def _turn(one: Listed, names: Names) -> str:
    if one.undecided:
        return f"reviewers of {names.listed(one.undecided)}"
    if one.request.state is State.RETURNED:
        return "yours: changes are asked for"
    return TURN.get(one.request.state, "nobody: it is closed")


def _until(request: Request) -> str | None:
    if not can(request, Act.DOWNLOAD):
        return None
    until = available_until(request)
    return f"over since {until:%Y-%m-%d}" if is_over(request) else f"{until:%Y-%m-%d}"


def _submitted(one: Listed) -> Cell:
    return Cell(age(one.request.submitted_at), note=f"{one.request.submitted_at:%Y-%m-%d %H:%M}")
