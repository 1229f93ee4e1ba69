"""The door every request passes before any page: host, origin, session, admission.

Shut by default: a path is open to strangers only if it is listed here or in `Site.public`. Never
decides what a person may do inside; that is each room's business.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from enclave.errors import EnclaveError, NotFound
from enclave.events import Action, Event, Verdict
from enclave.model import Person
from enclave.web import cookies, csrf, typed
from enclave.web.errors import LoginNeeded, NotAdmitted, WrongHost
from enclave.web.pages import error_response
from enclave.web.visit import Visit, Web

HEALTH = "/healthz"
OPEN_PATHS = frozenset({"/login", "/oidc/callback", "/logged-out", HEALTH, "/favicon.ico"})


def admit(web: Web, person_id: str) -> Person:
    """Return the person if our own registry gives them a role on this site.

    Raises `NotAdmitted`. Asked anew at every request, so a role taken away counts at once.
    """
    try:
        person = web.people.person(person_id)
    except NotFound:
        person = None
    if person is None or not person.roles & web.site.roles:
        wanted = " or ".join(sorted(role.value for role in web.site.roles))
        raise NotAdmitted(
            f"You are logged in at the identity provider, but {web.site.title} is open to the role "
            f"{wanted} only, and you do not hold it.",
            hint="If you should, ask the operating group to enter you; then log in again.",
        )
    return person


class Door:
    """ASGI middleware; puts the `Visit` into the scope or answers with a refusal's page."""

    def __init__(self, app: ASGIApp, *, web: Web) -> None:
        self.app = app
        self.web = web

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request in or answer it here."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":  # no page of ours uses one
                await send({"type": "websocket.close", "code": 1008})
            else:
                await self.app(scope, receive, send)
            return
        try:
            scope["enclave.visit"] = await run_in_threadpool(self._let_in, scope)
        except EnclaveError as error:
            if isinstance(error, LoginNeeded):  # of this site's own pages: the origin was checked
                await typed.read(scope, receive)
            response = await run_in_threadpool(error_response, Request(scope), error)
            await response(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _let_in(self, scope: Scope) -> Visit:
        headers, path = Headers(scope=scope), scope["path"]
        if path == HEALTH:
            return Visit()
        if headers.get("host") != urlsplit(self.web.site.url).netloc:
            raise WrongHost(
                "This server does not answer to that host name.",
                hint=f"Use {self.web.site.url} instead.",
            )
        csrf.check(scope["method"], headers, self.web.site.origin)
        if path.startswith("/static/"):
            return Visit()
        return self._visit(headers, path)

    def _visit(self, headers: Headers, path: str) -> Visit:
        secret = cookies.read(headers, cookies.SESSION)
        session = self.web.sessions.find(secret, site=self.web.site.name)
        if session is None:
            if self._is_open(path):
                return Visit()
            raise LoginNeeded("Log in to see this page.")
        try:
            return Visit(person=admit(self.web, session.person), session=session)
        except NotAdmitted:
            self.web.sessions.end(secret)
            event = Event(
                action=Action.ACCESS_DENIED,
                actor=session.person,
                verdict=Verdict.DENIED,
                session=session.id,
                detail={"site": self.web.site.name, "reason": NotAdmitted.code},
            )
            self.web.audit.append(event)
            raise

    def _is_open(self, path: str) -> bool:
        return path in OPEN_PATHS or any(
            path == prefix or path.startswith(prefix.rstrip("/") + "/")
            for prefix in self.web.site.public
        )
