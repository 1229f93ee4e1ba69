"""Puts the auditor's site together: its address, its routes, who may enter.

Auditors and data stewards; what each of them sees is `Room.scope`'s to say.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from audit.scope import ADMITTED
from audit.sentences import visible
from audit.watch import spoken
from audit.web import alerts, anomalies, closed, downloads, events, evidence, reach, saved, stories
from audit.web.asking import segment
from audit.web.room import Room
from audit.web.stories import clock
from enclave.settings import Settings
from enclave.store import ControlStore
from enclave.web.app import Site, make_app
from enclave.web.forms import with_form
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

PAGES: dict[str, Page] = {
    "/": events.overview,
    "/events": events.listing,
    "/events.jsonl": downloads.events,
    "/events/{index:int}": events.entry,
    "/events/{index:int}/proof": events.proof,
    "/projects": stories.projects,
    "/projects/{project:path}": stories.project,
    "/people": stories.people,
    "/people/{person:path}": stories.person,
    "/columns": reach.columns,
    "/columns/{column:path}": reach.column,
    "/agencies": reach.agencies,
    "/agencies/{agency:path}": reach.agency,
    "/anomalies": anomalies.listing,
    "/anomalies/{id}": anomalies.one,
    "/saved": saved.listing,
    "/saved/new": saved.new,
    "/saved/{id}": saved.one,
    "/alerts": alerts.listing,
    "/alerts/new": alerts.new,
    "/alerts/{id}": alerts.one,
    "/verification": evidence.verification,
    "/checkpoint": evidence.checkpoint,
    "/public-key": evidence.public_key,
    "/policy": evidence.policy,
    "/export": evidence.export,
    "/verify.pyz": downloads.verifier,
    "/report": downloads.report,
    "/closed": closed.listing,
    "/closed/{name}/{file}": closed.file,
}
FORMS: dict[str, tuple[type[BaseModel], Callable[[Room, Request, Any], Response]]] = {
    "/saved": (saved.NewSearch, saved.create),
    "/saved/{id}/share": (saved.Sharing, saved.share),
    "/saved/{id}/delete": (saved.Nothing, saved.delete),
    "/alerts": (alerts.NewRule, alerts.create),
    "/alerts/{id}/switch": (alerts.Switch, alerts.switch),
    "/alerts/{id}/delete": (saved.Nothing, alerts.delete),
}


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
    return [
        *(Route(path, partial(page, room)) for path, page in PAGES.items()),
        *(
            Route(path, with_form(model)(partial(page, room)), methods=["POST"])
            for path, (model, page) in FORMS.items()
        ),
        Route("/verification", partial(evidence.verify_all, room), methods=["POST"]),
        Mount("/style", StaticFiles(directory=HERE / "static")),
    ]


def add_filters(app: Starlette) -> None:
    """Teach the site's templates our own words."""
    pages = app.state.web.pages
    pages.filters.update(spoken=spoken, clock=clock, visible=visible, segment=segment)
    pages.finalize = visible  # of every expression in a template, but for what is markup already


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
