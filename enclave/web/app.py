"""The factory of our web sites: one Starlette app with the doors, headers and pages all share.

A room brings its routes and templates; what it gets is in `__all__`. Never mounts a route that
the door does not guard.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope
from typing_extensions import override

from enclave.errors import EnclaveError, Invalid
from enclave.settings import Settings
from enclave.store import ControlStore
from enclave.web import login, pages
from enclave.web.door import HEALTH, Door
from enclave.web.headers import Attachment, SecureHeaders, security_headers
from enclave.web.oidc import IdentityProvider
from enclave.web.sessions import WebSessions
from enclave.web.visit import (
    STATIC,
    EventLog,
    Site,
    Web,
    flash,
    make_pages,
    render,
    require_recent_login,
    signed_in,
    static,
)

__all__ = [
    "Attachment",
    "Site",
    "flash",
    "make_app",
    "render",
    "require_recent_login",
    "signed_in",
]

MAX_BODY_BYTES = 1024 * 1024  # our forms are short; files come in through the egress intake


def make_app(
    site: Site,
    routes: Sequence[BaseRoute],
    *,
    settings: Settings,
    store: ControlStore,
    audit: EventLog,
    sessions: WebSessions | None = None,
    provider: IdentityProvider | None = None,
) -> Starlette:
    """Return the site's app. Every route of the room needs a log-in with one of `site.roles`.

    `sessions` and `provider` are for tests with a clock of their own. Raises `Invalid` when the
    site's URL would let its cookie travel in the clear.
    """
    _check_url(site.url)
    web = Web(
        site=site,
        settings=settings,
        people=store,
        audit=audit,
        sessions=sessions or WebSessions(store.engine),
        provider=provider or IdentityProvider(settings),
        pages=make_pages(site),
    )
    headers = security_headers(
        issuer=settings.oidc_issuer, https=urlsplit(site.url).scheme == "https"
    )
    shared: list[BaseRoute] = [
        Route(HEALTH, _healthz),
        Route("/favicon.ico", _favicon),
        Mount("/static", _Static(directory=STATIC)),
        *login.routes(),
    ]
    app = Starlette(
        routes=[*shared, *routes],
        middleware=[
            Middleware(SecureHeaders, headers=headers),
            Middleware(Door, web=web),
        ],
        exception_handlers={
            EnclaveError: pages.on_enclave_error,
            HTTPException: pages.on_http_error,
            Exception: pages.on_anything_else,
        },
        max_body_size=MAX_BODY_BYTES,
    )
    app.state.web = web
    app.state.headers = headers
    return app


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    host = parts.hostname or ""
    loopback = host in ("localhost", "127.0.0.1") or host.endswith(".localhost")
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
        raise Invalid(
            f"The site {url} must be served over https, since its cookie is a credential.",
            hint="Plain http is for *.localhost alone.",
        )


def _healthz(_request: Request) -> Response:
    return PlainTextResponse("ok\n")


def _favicon(_request: Request) -> Response:
    return RedirectResponse(static("enclave/mark.svg"), 308)


class _Static(StaticFiles):
    """Static files; an address that carries its content's hash may be kept for good."""

    @override
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        for_good = scope.get("query_string", b"").startswith(b"v=")
        keep = "max-age=31536000, immutable" if for_good else "max-age=3600"
        response.headers["Cache-Control"] = f"public, {keep}"
        return response
