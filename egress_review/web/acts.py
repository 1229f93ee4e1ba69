"""What the review site's forms do: read the form, call the service, say what happened.

No rule is decided here. Every act answers with a redirect, so that reloading repeats nothing.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response

from egress_review.model import State
from egress_review.notices import Notice
from egress_review.reviewing import Ballot
from egress_review.service import ReviewService
from enclave.web.app import Attachment, flash, require_recent_login, signed_in
from enclave.web.forms import with_form

SEE_OTHER = 303


class VoteForm(BaseModel):
    """The confirm page's form."""

    model_config = ConfigDict(extra="forbid")
    decision: Literal["approve", "reject"]
    shown: str
    comment: str = ""
    ticked: Literal["yes", ""] = ""


class CommentForm(BaseModel):
    """The form below a request; `to` says who may read it."""

    model_config = ConfigDict(extra="forbid")
    comment: str
    to: Literal["all", "reviewers"] = "all"


class ReturnForm(BaseModel):
    """The form that asks for changes."""

    model_config = ConfigDict(extra="forbid")
    shown: str
    reason: str


class OpinionForm(BaseModel):
    """An output checker's form."""

    model_config = ConfigDict(extra="forbid")
    opinion: Literal["fit", "unfit"]
    shown: str
    comment: str = ""


OUTCOMES = {
    State.PROTECTED: "Your approval is recorded. Other agencies still have to decide.",
    State.APPROVED: "Your approval is recorded. Every agency agreed; the release is being written.",
    State.RELEASED: "Your approval is recorded. Every agency agreed, and the file is released.",
    State.REJECTED: "Your rejection is recorded. Nothing leaves.",
}


def service_of(request: HttpRequest) -> ReviewService:
    """Return the service behind the site."""
    service: ReviewService = request.app.state.service
    return service


@with_form(VoteForm)
def vote(request: HttpRequest, form: VoteForm) -> Response:
    """Cast the vote of the confirm page: only with a log-in of the last minutes."""
    id = request.path_params["id"]
    back = f"/requests/{id}/confirm?decision={form.decision}"
    require_recent_login(request, back=back)
    ballot = Ballot(
        approve=form.decision == "approve",
        shown=form.shown,
        comment=form.comment,
        ticked=form.ticked == "yes",
    )
    decided = service_of(request).vote(signed_in(request), id, ballot)
    flash(request, OUTCOMES[decided.state])
    return RedirectResponse(f"/requests/{id}", SEE_OTHER)


@with_form(CommentForm)
def comment(request: HttpRequest, form: CommentForm) -> Response:
    """Add a comment."""
    id = request.path_params["id"]
    private = form.to == "reviewers"
    service_of(request).comment(signed_in(request), id, form.comment, private=private)
    who = "the reviewers alone" if private else "everyone who may see this request"
    flash(request, f"Your comment is there for {who}.")
    return RedirectResponse(f"/requests/{id}#comments", SEE_OTHER)


@with_form(ReturnForm)
def ask_for_changes(request: HttpRequest, form: ReturnForm) -> Response:
    """Send a request back to its author with what should change."""
    id = request.path_params["id"]
    service_of(request).ask_for_changes(signed_in(request), id, form.reason, shown=form.shown)
    flash(request, "The request is with its author again. Nothing leaves.", "info")
    return RedirectResponse(f"/requests/{id}", SEE_OTHER)


@with_form(OpinionForm)
def give_opinion(request: HttpRequest, form: OpinionForm) -> Response:
    """Give an output checker's opinion: only with a log-in of the last minutes."""
    id = request.path_params["id"]
    require_recent_login(request, back=f"/requests/{id}")
    fit = form.opinion == "fit"
    service_of(request).find(signed_in(request), id, fit=fit, shown=form.shown, text=form.comment)
    flash(request, "Your opinion is recorded. The other checkers read it once theirs is in.")
    return RedirectResponse(f"/requests/{id}", SEE_OTHER)


class NoticesForm(BaseModel):
    """Which mails one wants: a box each."""

    model_config = ConfigDict(extra="forbid")
    review: Literal["yes", ""] = ""
    comment: Literal["yes", ""] = ""
    returned: Literal["yes", ""] = ""
    rejected: Literal["yes", ""] = ""
    released: Literal["yes", ""] = ""


@with_form(NoticesForm)
def choose_notices(request: HttpRequest, form: NoticesForm) -> Response:
    """Choose which mails one gets."""
    kinds = [kind for kind in Notice if getattr(form, kind.value)]
    service_of(request).choose_notices(signed_in(request), kinds)
    flash(request, "Your choice is recorded.")
    return RedirectResponse("/notices", SEE_OTHER)


def withdraw(request: HttpRequest) -> Response:
    """Take one's own request back."""
    id = request.path_params["id"]
    service_of(request).withdraw(signed_in(request), id)
    flash(request, "The request is withdrawn. Nothing leaves.", "info")
    return RedirectResponse("/mine", SEE_OTHER)


def download(request: HttpRequest) -> Response:
    """Hand out a released file as an attachment that no browser will run."""
    name, content = service_of(request).download(
        signed_in(request), request.path_params["id"], request.path_params["name"]
    )
    return Attachment(content, name)
