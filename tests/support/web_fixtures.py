"""Fixtures for pages: a gallery site with everything real behind it, and a Chromium to look at it.

Loaded by tests/conftest.py, so any room's page tests may use them.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page
from starlette.applications import Starlette

from enclave.audit_client import AuditClient
from enclave.settings import Settings
from enclave.store import ControlStore
from enclave.web.app import make_app
from enclave.web.sessions import WebSessions
from tests.support import gallery
from tests.support.browser import WIDE, chromium_browser
from tests.support.idp import IdentityProviderProcess
from tests.support.web import Clock, Visitor, serving


@pytest.fixture(scope="session")
def idp() -> Iterator[IdentityProviderProcess]:
    """A real identity provider that knows the gallery's visitors."""
    people = {id: {"name": person.name} for id, person in gallery.PEOPLE.items()}
    process = IdentityProviderProcess(people).start()
    yield process
    process.stop()


@pytest.fixture
def web_settings(settings: Settings, idp: IdentityProviderProcess) -> Settings:
    """The test's settings, with the real identity provider in them."""
    return settings.model_copy(update={"oidc_issuer": idp.issuer})


@pytest.fixture
def web_store(web_settings: Settings, audit: AuditClient) -> Iterator[ControlStore]:
    """A control store that knows the gallery's visitors."""
    store = ControlStore(web_settings.database_url)
    gallery.enter_people(store, audit)
    yield store
    store.close()


@pytest.fixture
def clock() -> Clock:
    """The sessions' time, which the test may move on."""
    return Clock()


@pytest.fixture
def gallery_app(
    web_settings: Settings, web_store: ControlStore, audit: AuditClient, clock: Clock
) -> Starlette:
    """The gallery, to be visited without a browser."""
    return make_app(
        gallery.site("http://review.localhost:8001"),
        gallery.routes(),
        settings=web_settings,
        store=web_store,
        audit=audit,
        sessions=WebSessions(web_store.engine, clock=clock),
    )


@pytest.fixture
def visitor(gallery_app: Starlette, idp: IdentityProviderProcess) -> Visitor:
    """A browser without a screen; log in with `visitor.log_in("dora")`."""
    return Visitor(gallery_app, idp)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One headless Chromium for the whole run."""
    with chromium_browser() as browser:
        yield browser


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page in a context of its own: no cookies, 1280 by 900."""
    context = chromium.new_context(viewport=WIDE)
    yield context.new_page()
    context.close()


@pytest.fixture
def plain_page(chromium: Browser) -> Iterator[Page]:
    """A page with JavaScript off."""
    context = chromium.new_context(viewport=WIDE, java_script_enabled=False)
    yield context.new_page()
    context.close()


@pytest.fixture
def gallery_url(
    web_settings: Settings, web_store: ControlStore, audit: AuditClient, clock: Clock
) -> Iterator[str]:
    """The gallery on a port, for a real browser."""
    serving_it = serving(
        gallery.site,
        gallery.routes(),
        settings=web_settings,
        store=web_store,
        audit=audit,
        clock=clock,
    )
    with serving_it as app:
        yield app.state.web.site.url
