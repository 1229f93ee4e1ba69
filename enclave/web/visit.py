"""What one request knows: which site, who is signed in, and how a page is rendered for them.

The functions rooms call from their handlers. Never decides what a room's page may show.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from enclave.events import Event, Receipt
from enclave.model import Person, Role
from enclave.settings import Settings
from enclave.web import words
from enclave.web.addresses import local_part
from enclave.web.errors import LoginNeeded, RecentLoginNeeded
from enclave.web.headers import origin_of
from enclave.web.oidc import IdentityProvider
from enclave.web.sessions import IDLE_SECONDS, Message, WebSession, WebSessions

HERE = Path(__file__).parent
STATIC = HERE / "static"


class EventLog(Protocol):
    """Whoever gives a receipt for an event: the audit client."""

    def append(self, event: Event) -> Receipt:
        """Return a receipt, or raise `AuditUnavailable`."""
        ...


class Registry(Protocol):
    """Whoever knows the people admitted here: the control store."""

    def person(self, id: str) -> Person:
        """Return the person, or raise `NotFound`."""
        ...


@dataclass(frozen=True)
class Site:
    """One web host: its address, its name, its navigation and who may enter at all.

    `public` are path prefixes that need no log-in; leave it empty unless a standard demands it.
    `only_for` names the roles that an entry of the navigation is of use to, by its address; it
    hides a link and guards nothing.
    """

    name: str
    url: str
    title: str
    nav: tuple[tuple[str, str], ...]
    roles: frozenset[Role]
    templates: Path
    public: tuple[str, ...] = ()
    only_for: Mapping[str, Role] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """Return scheme://host[:port]."""
        return origin_of(self.url)

    def nav_of(self, person: Person | None) -> tuple[tuple[str, str], ...]:
        """Return the entries of the navigation that lead this person somewhere."""
        roles = person.roles if person else frozenset()
        return tuple(
            (text, href) for text, href in self.nav if self.only_for.get(href) in (None, *roles)
        )


@dataclass(frozen=True)
class Web:
    """Everything the shared pages of one site work with; lies at `app.state.web`."""

    site: Site
    settings: Settings
    people: Registry
    audit: EventLog
    sessions: WebSessions
    provider: IdentityProvider
    pages: Environment


@dataclass(frozen=True)
class Visit:
    """Who is behind this request. Lies in the request's scope; empty on public pages."""

    person: Person | None = None
    session: WebSession | None = None


def web_of(request: Request) -> Web:
    """Return the site's shared parts."""
    web: Web = request.app.state.web
    return web


def visit_of(request: Request) -> Visit:
    """Return who is behind this request."""
    visit: Visit = request.scope.get("enclave.visit") or Visit()
    return visit


def signed_in(request: Request) -> Person:
    """Return the person who is logged in; raises `LoginNeeded`."""
    person = visit_of(request).person
    if person is None:
        raise LoginNeeded("Log in to see this page.")
    return person


def require_recent_login(request: Request, minutes: int = 5, *, back: str | None = None) -> None:
    """Pass when the identity provider saw the person in the last `minutes`.

    Otherwise raises `RecentLoginNeeded`, which sends the browser to log in again and then to
    `back`: by default this page, or after a POST the page its form stood on. So let a decision be
    confirmed on a page of its own: GET it with this call, POST from it with this call again.
    """
    session = visit_of(request).session
    if session is None:
        raise LoginNeeded("Log in to see this page.")
    if web_of(request).sessions.now() - session.authenticated_at <= minutes * 60:
        return
    raise RecentLoginNeeded(back or came_from(request))


def came_from(request: Request) -> str:
    """Return this page's own address, or after a POST that of the page with the form."""
    if request.method in ("GET", "HEAD"):
        query = f"?{request.url.query}" if request.url.query else ""
        return request.url.path + query
    return local_part(request.headers.get("referer"), origin=web_of(request).site.origin)


def flash(request: Request, text: str, kind: str = "success") -> None:
    """Say one sentence on the person's next page; kind is success, info, warning or error."""
    session = visit_of(request).session
    if session is not None:
        web_of(request).sessions.say(session, Message(text, kind))


def render(request: Request, template: str, /, **context: Any) -> HTMLResponse:
    """Return a page. `status_code` in the context is the response's; `crumbs` are (text, href)."""
    web, visit = web_of(request), visit_of(request)
    messages: tuple[Message, ...] = ()
    if visit.session is not None:
        messages = web.sessions.hear(visit.session)
    status = int(context.pop("status_code", 200))
    page = web.pages.get_template(template).render(
        {
            "request": request,
            "site": web.site,
            "person": visit.person,
            "nav": web.site.nav_of(visit.person),
            "messages": messages,
            "here": request.url.path,
            "crumbs": (),
            **context,
        }
    )
    return HTMLResponse(page, status_code=status)


def make_pages(site: Site) -> Environment:
    """Return the template environment: the room's folder first, then ours; always escaping."""
    pages = Environment(
        loader=ChoiceLoader(
            [FileSystemLoader(site.templates), FileSystemLoader(HERE / "templates")]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.globals.update(static=static, current=current, idle_seconds=IDLE_SECONDS)
    pages.filters.update(words.FILTERS)
    return pages


def static(path: str) -> str:
    """Return the address of a static file with its content's hash, so it can be cached for good."""
    return f"/static/{path}?v={_fingerprint(path)}"


@lru_cache
def _fingerprint(path: str) -> str:
    return hashlib.sha256((STATIC / path).read_bytes()).hexdigest()[:12]


def current(nav: tuple[tuple[str, str], ...], here: str) -> str | None:
    """Return the navigation entry a page belongs to: the longest address it starts with."""
    hrefs = [href for _, href in nav]
    fitting = [
        href for href in hrefs if here == href or (href != "/" and here.startswith(f"{href}/"))
    ]
    return max(fitting, key=len, default=None)
