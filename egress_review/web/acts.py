"""What the review site's forms do: read the form, call the service, say what happened.

No rule is decided here. Every act answers with a redirect, so that reloading repeats nothing.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response

from egress_review.model import State
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


class CommentForm(BaseModel):
    """The form below a request."""

    model_config = ConfigDict(extra="forbid")
    comment: str


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
    decided = service_of(request).vote(
        signed_in(request),
        id,
        approve=form.decision == "approve",
        shown=form.shown,
        comment=form.comment,
    )
    flash(request, OUTCOMES[decided.state])
    return RedirectResponse(f"/requests/{id}", SEE_OTHER)


@with_form(CommentForm)
def comment(request: HttpRequest, form: CommentForm) -> Response:
    """Add a comment."""
    id = request.path_params["id"]
    service_of(request).comment(signed_in(request), id, form.comment)
    flash(request, "Your comment is there for everyone who may see this request.")
    return RedirectResponse(f"/requests/{id}#comments", SEE_OTHER)


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
