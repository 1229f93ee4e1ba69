"""The page of one request, and the page that asks once more before a decision.

Each reads, draws, and decides nothing. A reviewer's look at an unprotected table is an audit event
before it is a page; `?view=released` shows only what an outsider would get, and is no such look.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from egress_review import permissions
from egress_review.conversation import Manner, Said
from egress_review.methods.privacy_budget import shown, spending
from egress_review.model import Request, Vote
from egress_review.policy import MEANING, Act, can
from egress_review.service import (
    ReviewService,
    available_until,
    is_over,
    released_names,
    waiting_for,
)
from egress_review.web import viewing
from egress_review.web.acts import service_of
from egress_review.web.lineage import Origin, origin
from egress_review.web.queue import first_of, lists
from egress_review.web.room import (
    Names,
    Tone,
    age,
    due_cell,
    is_changed,
    names_of,
    refusal,
    state_cell,
)
from enclave.errors import EnclaveError, Invalid
from enclave.model import Person, Role
from enclave.web.app import render, require_recent_login, signed_in
from enclave.web.tables import Cell
from enclave.web.words import count


def request_page(request: HttpRequest) -> Response:
    """Show one request to its author or to a reviewer; the table only to reviewers."""
    person, service = signed_in(request), service_of(request)
    found = service.reviews.request(request.path_params["id"])
    permissions.check_see(person, found)
    context = _common(service, person, found)
    if permissions.may_see_raw(person, found) and found.shown:
        context |= _reviewed(request, service, person, found)
        return render(request, "review.html", **context)
    quoted = json.dumps(found.title, ensure_ascii=False)
    return render(request, "own.html", quoted_title=quoted, **context)


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
    return render(
        request,
        "confirm.html",
        decision=decision,
        shown=request.query_params.get("shown", found.shown),
        not_checked=viewing.NOT_CHECKED,
        **context,
    )


def opinion(request: HttpRequest) -> Response:
    """Ask an output checker for their opinion, after a fresh log-in."""
    person, service = signed_in(request), service_of(request)
    found = service.reviews.request(request.path_params["id"])
    permissions.check_find(person, found)
    require_recent_login(request)
    version = request.query_params.get("shown", found.shown)
    context = _common(service, person, found)
    return render(request, "opinion.html", shown=version, **context)


# What everyone who may see a request is shown -----------------------------------------------------


def _common(service: ReviewService, person: Person, found: Request) -> dict[str, Any]:
    votes, names = service.reviews.votes(found.id), names_of(service)
    undecided = waiting_for(found, votes)
    is_mine = permissions.is_author(person, found)
    may_vote = permissions.may_vote(person, found) and can(found, Act.VOTE)
    return {
        "one": found,
        "state": state_cell(found),
        "meaning": MEANING[found.state],
        "author": names.person(found.person),
        "refusal": refusal(found.sentence),
        "changed": [one for one in found.files if is_changed(one)],
        "age": age(found.submitted_at),
        "votes": [_vote_line(names, agency, votes, found) for agency in found.agencies],
        "undecided": undecided,
        "due": due_cell(found),
        "thread": [_remark(names, said) for said in service.thread(person, found.id)],
        "rounds": _rounds(service.rounds(person, found.id), found),
        "may_speak_privately": permissions.may_speak_privately(person, found),
        "agency_names": [names.agency(agency) for agency in found.agencies],
        "may_vote": may_vote and person.agency in undecided,
        "may_return": permissions.may_return(person, found) and can(found, Act.RETURN),
        "may_find": _may_find(service, person, found),
        "may_withdraw": permissions.may_withdraw(person, found) and can(found, Act.WITHDRAW),
        "may_comment": can(found, Act.COMMENT),
        "may_download": can(found, Act.DOWNLOAD) and not is_over(found),
        "files": released_names(found),
        "until": available_until(found).timestamp(),
        "mine": is_mine,
        "needs_opinions": found.checkers_needed,
        "opinions": len(service.opinions(person, found)) if not is_mine else 0,
        "next": None if is_mine or may_vote else _next(service, person, names),
        "crumbs": (
            ("My requests", "/mine") if is_mine else ("Queue", "/"),
            (found.title, f"/requests/{found.id}"),
        ),
    }


def _may_find(service: ReviewService, person: Person, found: Request) -> bool:
    """Say whether an output checker's opinion is still to come."""
    if not (permissions.may_find(person, found) and can(found, Act.CHECK)):
        return False
    return all(given.person != person.id for given in service.reviews.opinions(found.id))


def _remark(names: Names, said: Said) -> dict[str, Any]:
    """Return one remark; who said it as what stands before its words."""
    votes = {True: "approved", False: "rejected", None: ""}
    opinions = {True: "found it fit", False: "found it unfit", None: ""}
    as_what = {
        Manner.COMMENT: "",
        Manner.PRIVATE: "to the reviewers alone",
        Manner.CHANGES: "asked for changes",
        Manner.VOTE: votes[said.yes],
        Manner.OPINION: f"{opinions[said.yes]} (output checker)",
    }[said.manner]
    return {
        "who": names.person(said.person),
        "as_what": as_what,
        "text": said.text,
        "at": said.at.timestamp(),
        "round": said.round,
        "private": said.manner in (Manner.PRIVATE, Manner.OPINION),
    }


def _rounds(chain: Sequence[Request], found: Request) -> list[dict[str, Any]]:
    """Return the versions of a request; none where there is only one."""
    if len(chain) < 2:
        return []
    return [
        {
            "number": number,
            "id": one.id,
            "here": one.id == found.id,
            "state": state_cell(one),
            "at": one.submitted_at.timestamp(),
        }
        for number, one in enumerate(chain, start=1)
    ]


def _next(service: ReviewService, person: Person, names: Names) -> tuple[Request, int] | None:
    """Return what a reviewer who is done here would open next, and how many wait."""
    if Role.REVIEWER not in person.roles:
        return None
    waiting = lists(service, person, names).mine
    first = first_of(waiting)
    return (first, len(waiting)) if first else None


def _vote_line(names: Names, agency: str, votes: Sequence[Vote], found: Request) -> dict[str, Any]:
    vote = next((vote for vote in votes if vote.agency == agency), None)
    words, tone = ("waiting", "neutral") if can(found, Act.VOTE) else ("no decision", "neutral")
    if vote is not None:
        words, tone = ("approved", "good") if vote.approve else ("rejected", "bad")
    return {
        "agency": names.agency(agency),
        "state": Cell(words, tone=cast(Tone, tone)),
        "who": names.person(vote.person) if vote else None,
        "at": vote.at.timestamp() if vote else None,
        "comment": vote.comment if vote else "",
    }


# What reviewers are shown ------------------------------------------------------------------------


def _reviewed(
    request: HttpRequest, service: ReviewService, person: Person, found: Request
) -> dict[str, Any]:
    return {
        "kinds": viewing.KINDS,
        "unverified": [one.name for one in found.files if viewing.is_unverified(one)],
        "origin": _origin(service, found),
        "spending": _spending(service, found),
        **viewing.view(request, service, person, found),
    }


def _spending(service: ReviewService, found: Request) -> list[tuple[str, str]]:
    """Return what of the agreement's privacy budget is spent; nothing where it has none."""
    budget = spending(service.control, found.project)
    if budget is None:
        return []
    bought, left = count(len(budget.answers), "answer"), count(budget.answers_left, "more answer")
    return [
        ("Budget of the agreement", f"ε {shown(budget.total)}"),
        ("Spent so far", f"ε {shown(budget.used)} in {bought}"),
        ("Left", f"ε {shown(budget.left)}, which is {left}"),
        ("An answer costs", f"ε {shown(budget.release)}"),
    ]


def _origin(service: ReviewService, found: Request) -> Origin | str:
    """Return where the output comes from, or why it cannot be told: the journal may be gone."""
    try:
        lineages = service.checker.lineages(found)
        views = {view.name: view for view in service.control.policy(found.project).views}
    except EnclaveError as error:
        return error.sentence
    agencies = {id: agency.name for id, agency in service.control.agencies().items()}
    queries = {one.name: one.queries for one in found.files}
    made_from = {one.name: one.queries or queries.get(one.drawn_from, ()) for one in found.files}
    return origin(lineages, views, agencies, made_from)
