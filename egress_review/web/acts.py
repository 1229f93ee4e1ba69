"""What the review site's forms do: read the form, call the service, say what happened.

No rule is decided here. Every act answers with a redirect, so that reloading repeats nothing.
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response

from egress_review.model import State
from egress_review.service import ReviewService
from enclave.errors import Invalid
from enclave.web.app import Attachment, flash, require_recent_login, signed_in

SEE_OTHER = 303


def service_of(request: HttpRequest) -> ReviewService:
    """Return the service behind the site."""
    service: ReviewService = request.app.state.service
    return service


async def vote(request: HttpRequest) -> Response:
    """Cast the vote of the confirm page: only with a log-in of the last minutes."""
    id = request.path_params["id"]
    form = await request.form()
    decision, shown = str(form.get("decision", "")), str(form.get("shown", ""))
    if decision not in ("approve", "reject"):
        raise Invalid("Choose to approve or to reject.")
    back = f"/requests/{id}/confirm?decision={decision}"
    require_recent_login(request, back=back)
    decided = await run_in_threadpool(
        service_of(request).vote,
        signed_in(request),
        id,
        approve=decision == "approve",
        shown=shown,
        comment=str(form.get("comment", "")),
    )
    flash(request, OUTCOMES[decided.state])
    return RedirectResponse(f"/requests/{id}", SEE_OTHER)


OUTCOMES = {
    State.PROTECTED: "Your approval is recorded. Other agencies still have to decide.",
    State.APPROVED: "Your approval is recorded. Every agency agreed; the release is being written.",
    State.RELEASED: "Your approval is recorded. Every agency agreed, and the file is released.",
    State.REJECTED: "Your rejection is recorded. Nothing leaves.",
}


async def comment(request: HttpRequest) -> Response:
    """Add a comment."""
    id, form = request.path_params["id"], await request.form()
    text = str(form.get("comment", ""))
    await run_in_threadpool(service_of(request).comment, signed_in(request), id, text)
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
