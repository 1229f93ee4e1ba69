"""Puts the auditor's site together: its address, its routes, who may enter (auditors only)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from audit.watch import spoken
from audit.web import events, evidence, stories
from audit.web.room import Room
from audit.web.stories import clock
from enclave.model import Role
from enclave.settings import Settings
from enclave.store import ControlStore
from enclave.web.app import Site, make_app
from enclave.web.visit import EventLog

HERE = Path(__file__).parent
NAV = (
    ("Overview", "/"),
    ("Events", "/events"),
    ("Projects", "/projects"),
    ("People", "/people"),
    ("Verification", "/verification"),
)

Page = Callable[[Room, Request], Response]


def make_site(url: str) -> Site:
    """Return the site's description."""
    return Site(
        name="audit",
        url=url,
        title="Audit",
        nav=NAV,
        roles=frozenset({Role.AUDITOR}),
        templates=HERE / "templates",
    )


def routes(room: Room) -> list[Route | Mount]:
    """Return the site's routes."""

    def route(path: str, page: Page, method: str = "GET") -> Route:
        def endpoint(request: Request) -> Response:
            return page(room, request)

        return Route(path, endpoint, methods=[method])

    return [
        route("/", events.overview),
        route("/events", events.listing),
        route("/events/{index:int}", events.entry),
        route("/events/{index:int}/proof", events.proof),
        route("/projects", stories.projects),
        route("/projects/{project}", stories.project),
        route("/people", stories.people),
        route("/people/{person}", stories.person),
        route("/verification", evidence.verification),
        route("/verification", evidence.verify_all, "POST"),
        route("/checkpoint", evidence.checkpoint),
        route("/public-key", evidence.public_key),
        Mount("/style", StaticFiles(directory=HERE / "static")),
    ]


def add_filters(app: Starlette) -> None:
    """Teach the site's templates our own words."""
    app.state.web.pages.filters.update(spoken=spoken, clock=clock)


def make_audit_app(
    settings: Settings, store: ControlStore, audit: EventLog, **parts: Any
) -> Starlette:
    """Return the auditor's site; `parts` go to `make_app`, for tests with their own clock."""
    room = Room(settings, store, audit)
    site = make_site(settings.audit_url)
    app = make_app(site, routes(room), settings=settings, store=store, audit=audit, **parts)
    add_filters(app)
    app.state.room = room
    return app
