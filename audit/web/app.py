"""Puts the auditor's site together: its address, its routes, who may enter.

Auditors and data stewards; what each of them sees is `Room.scope`'s to say.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from audit.scope import ADMITTED
from audit.watch import spoken
from audit.web import alerts, anomalies, closed, downloads, events, evidence, reach, saved, stories
from audit.web.room import Room
from audit.web.stories import clock
from enclave.settings import Settings
from enclave.store import ControlStore
from enclave.web.app import Site, make_app
from enclave.web.forms import Form, with_form
from enclave.web.visit import EventLog

HERE = Path(__file__).parent
NAV = (
    ("Overview", "/"),
    ("Events", "/events"),
    ("Projects", "/projects"),
    ("People", "/people"),
    ("Columns", "/columns"),
    ("Agencies", "/agencies"),
    ("Anomalies", "/anomalies"),
    ("Saved", "/saved"),
    ("Alerts", "/alerts"),
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
        roles=ADMITTED,
        templates=HERE / "templates",
    )


def routes(room: Room) -> list[Route | Mount]:
    """Return the site's routes."""

    def route(path: str, page: Page, method: str = "GET") -> Route:
        def endpoint(request: Request) -> Response:
            return page(room, request)

        return Route(path, endpoint, methods=[method])

    def form(
        path: str, model: type[Form], page: Callable[[Room, Request, Form], Response]
    ) -> Route:
        def handler(request: Request, filled: Form) -> Response:
            return page(room, request, filled)

        return Route(path, with_form(model)(handler), methods=["POST"])

    return [
        route("/", events.overview),
        route("/events", events.listing),
        route("/events.jsonl", downloads.events),
        route("/events/{index:int}", events.entry),
        route("/events/{index:int}/proof", events.proof),
        route("/projects", stories.projects),
        route("/projects/{project}", stories.project),
        route("/people", stories.people),
        route("/people/{person}", stories.person),
        route("/columns", reach.columns),
        route("/columns/{column}", reach.column),
        route("/agencies", reach.agencies),
        route("/agencies/{agency}", reach.agency),
        route("/anomalies", anomalies.listing),
        route("/anomalies/{id}", anomalies.one),
        route("/saved", saved.listing),
        route("/saved/new", saved.new),
        form("/saved", saved.NewSearch, saved.create),
        route("/saved/{id}", saved.one),
        form("/saved/{id}/share", saved.Sharing, saved.share),
        form("/saved/{id}/delete", saved.Nothing, saved.delete),
        route("/alerts", alerts.listing),
        route("/alerts/new", alerts.new),
        form("/alerts", alerts.NewRule, alerts.create),
        route("/alerts/{id}", alerts.one),
        form("/alerts/{id}/switch", alerts.Switch, alerts.switch),
        form("/alerts/{id}/delete", saved.Nothing, alerts.delete),
        route("/verification", evidence.verification),
        route("/verification", evidence.verify_all, "POST"),
        route("/checkpoint", evidence.checkpoint),
        route("/public-key", evidence.public_key),
        route("/policy", evidence.policy),
        route("/export", evidence.export),
        route("/verify.pyz", downloads.verifier),
        route("/report", downloads.report),
        route("/closed", closed.listing),
        route("/closed/{name}/{file}", closed.file),
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
