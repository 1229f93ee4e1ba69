"""A site of ours with everything real behind it: store, audit service, identity provider."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx2
from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.testclient import TestClient

from enclave.settings import Settings
from enclave.store import Appends, ControlStore
from enclave.web.app import Site, make_app
from enclave.web.oidc import IdentityProvider
from enclave.web.serve import server
from enclave.web.sessions import WebSessions
from tests.support.idp import IdentityProviderProcess
from tests.support.ports import free_port


class Clock:
    """The time, which a test may move on."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead

    def forward(self, seconds: float) -> None:
        self.ahead += seconds


class Visitor:
    """A browser without a screen: keeps cookies, follows our redirects, logs in at the provider."""

    def __init__(self, app: Starlette, idp: IdentityProviderProcess):
        self.site: Site = app.state.web.site
        self.idp = idp
        # Python's cookie jar knows no loopback exception for Secure cookies, as browsers do
        self.client = TestClient(
            app,
            base_url=self.site.url.replace("http:", "https:"),
            follow_redirects=False,
            raise_server_exceptions=False,
        )

    def get(self, path: str, **more: Any) -> httpx2.Response:
        return self.client.get(path, **more)

    def post(self, path: str, **more: Any) -> httpx2.Response:
        headers = {"Origin": self.site.origin, "Sec-Fetch-Site": "same-origin"}
        return self.client.post(path, headers={**headers, **more.pop("headers", {})}, **more)

    def begin(self, path: str = "/login") -> str:
        """Start a log-in; return the provider's address."""
        answer = self.get(path)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    def log_in(self, subject: str, path: str = "/login") -> httpx2.Response:
        """Log in as somebody; return the answer to the callback."""
        return self.come_back(self.idp.authorize(self.begin(path), subject))

    def come_back(self, location: str) -> httpx2.Response:
        """Follow the provider's redirect to our callback."""
        parts = urlsplit(location)
        return self.get(f"{parts.path}?{parts.query}")

    def plant(self, value: str, name: str = "__Host-enclave") -> None:
        """Put a cookie into this browser, as a thief or a planter would."""
        self.client.cookies.set(name, value, domain=str(urlsplit(self.site.url).hostname))

    @property
    def session_cookie(self) -> str | None:
        return self.client.cookies.get("__Host-enclave")


@contextmanager
def serving(
    site: Callable[[str], Site],
    routes: Sequence[BaseRoute],
    *,
    settings: Settings,
    store: ControlStore,
    audit: Appends,
    clock: Callable[[], float] = time.time,
    host: str = "review.localhost",
) -> Iterator[Starlette]:
    """Serve a site on a free port for a real browser; yields the app."""
    port = free_port()
    app = make_app(
        site(f"http://{host}:{port}"),
        routes,
        settings=settings,
        store=store,
        audit=audit,
        sessions=WebSessions(store.engine, clock=clock),
        provider=IdentityProvider(settings),
    )
    with running(app):
        yield app


@contextmanager
def running(app: Starlette) -> Iterator[None]:
    """Serve an app at its site's address, on a thread, until the block ends."""
    served = server(app)
    thread = threading.Thread(target=served.run)
    thread.start()
    while not served.started:
        assert thread.is_alive(), "the site did not start"
        time.sleep(0.02)
    try:
        yield
    finally:  # a test that fails within would leave a thread that the process waits for at its end
        served.should_exit = True
        thread.join()
