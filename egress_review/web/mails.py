"""Which mails one wants: a page of boxes; `acts.choose_notices` writes them down."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from egress_review import notices
from egress_review.notices import Notice
from egress_review.web.acts import service_of
from enclave.model import Role
from enclave.web.app import render, signed_in
from enclave.web.visit import web_of

WORDS: Mapping[Notice, str] = {
    Notice.REVIEW: "A request waits for my review",
    Notice.COMMENT: "Somebody commented on a request I am concerned with",
    Notice.RETURNED: "A reviewer asks me for changes",
    Notice.REJECTED: "A request of mine was rejected",
    Notice.RELEASED: "A request of mine is released",
}
OF_REVIEWERS = frozenset({Notice.REVIEW, Notice.COMMENT})


def choice(request: HttpRequest) -> Response:
    """Show which notices a person gets, and let them choose."""
    person, service = signed_in(request), service_of(request)
    chosen = notices.wanted(service.control.engine, person.id)
    asks = Role.RESEARCHER in person.roles
    offered = [kind for kind in Notice if asks or kind in OF_REVIEWERS]
    return render(
        request,
        "notices.html",
        boxes=[(kind.value, WORDS[kind], kind in chosen) for kind in offered],
        kept=[kind.value for kind in chosen if kind not in offered],
        email=person.email,
        sends=bool(web_of(request).settings.smtp_host),
    )
