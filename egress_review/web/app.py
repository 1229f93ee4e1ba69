"""Puts the review site together: its routes, its roles, its folder of templates."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from egress_review.service import ReviewService
from egress_review.web import (
    acts,
    certified,
    changes,
    mails,
    measures,
    own,
    pages,
    queue,
    viewing,
)
from enclave.model import Role
from enclave.settings import Settings
from enclave.web.app import Site, make_app
from enclave.web.oidc import IdentityProvider
from enclave.web.sessions import WebSessions

HERE = Path(__file__).parent
NAV = (
    ("Queue", "/"),
    ("My requests", "/mine"),
    ("Turnaround", "/turnaround"),
    ("Mails", "/notices"),
)


def make_site(
    settings: Settings,
    service: ReviewService,
    *,
    sessions: WebSessions | None = None,
    provider: IdentityProvider | None = None,
) -> Starlette:
    """Return the review site's app; `sessions` and `provider` are for tests."""
    site = Site(
        name="review",
        url=settings.review_url,
        title="Egress review",
        nav=NAV,
        only_for={"/": Role.REVIEWER, "/mine": Role.RESEARCHER},
        roles=frozenset({Role.REVIEWER, Role.RESEARCHER}),
        templates=HERE / "templates",
    )
    routes = [
        Route("/", queue.queue),
        Route("/mine", own.mine),
        Route("/requests/{id}", pages.request_page),
        Route("/requests/{id}/confirm", pages.confirm),
        Route("/requests/{id}/vote", acts.vote, methods=["POST"]),
        Route("/requests/{id}/comment", acts.comment, methods=["POST"]),
        Route("/requests/{id}/return", acts.ask_for_changes, methods=["POST"]),
        Route("/requests/{id}/opinion", pages.opinion, methods=["GET"]),
        Route("/requests/{id}/opinion", acts.give_opinion, methods=["POST"]),
        Route("/requests/{id}/withdraw", acts.withdraw, methods=["POST"]),
        Route("/requests/{id}/certificate", certified.certificate),
        Route("/requests/{id}/pictures/{number:int}", viewing.picture),
        Route("/requests/{id}/files/{name}", acts.download),
        Route("/requests/{id}/changes", changes.changes),
        Route("/turnaround", measures.turnaround),
        Route("/notices", mails.choice, methods=["GET"]),
        Route("/notices", acts.choose_notices, methods=["POST"]),
        Mount("/review-static", StaticFiles(directory=HERE / "static")),
    ]
    app = make_app(
        site,
        routes,
        settings=settings,
        store=service.control,
        audit=service.audit,
        sessions=sessions,
        provider=provider,
    )
    app.state.service = service
    return app
