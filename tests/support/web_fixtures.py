"""Fixtures for pages: a gallery site with everything real behind it, and a Chromium to look at it.

Loaded by tests/conftest.py, so any room's page tests may use them. The house (audit service,
control store, identity provider) is started once a run; who breaks it asks for a `fragile` one.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from enclave.audit_client import AuditClient
from enclave.settings import Settings
from enclave.store import ControlStore
from enclave.web.app import make_app
from enclave.web.sessions import WebSessions
from tests.support import gallery
from tests.support.audit import AuditProcess
from tests.support.browser import WIDE, chromium_browser
from tests.support.idp import IdentityProviderProcess
from tests.support.web import Clock, Visitor, serving


@dataclass(frozen=True)
class House:
    """What a site stands on."""

    settings: Settings
    audit_service: AuditProcess
    audit: AuditClient
    store: ControlStore
    idp: IdentityProviderProcess

    def visitor(self, clock: Callable[[], float]) -> Visitor:
        """A browser without a screen, before a gallery of its own."""
        app = make_app(
            gallery.site("http://review.localhost:8001"),
            gallery.routes(),
            settings=self.settings,
            store=self.store,
            audit=self.audit,
            sessions=WebSessions(self.store.engine, clock=clock),
        )
        return Visitor(app, self.idp)


def _house(
    settings: Settings, service: AuditProcess, audit: AuditClient, idp: IdentityProviderProcess
) -> House:
    settings = settings.model_copy(update={"oidc_issuer": idp.issuer})
    store = ControlStore(settings.database_url)
    gallery.enter_people(store, audit)
    return House(settings, service, audit, store, idp)


@pytest.fixture(scope="session")
def idp() -> Iterator[IdentityProviderProcess]:
    """A real identity provider that knows the gallery's visitors."""
    people = {id: {"name": person.name} for id, person in gallery.PEOPLE.items()}
    process = IdentityProviderProcess(people).start()
    yield process
    process.stop()


@pytest.fixture(scope="session")
def house(idp: IdentityProviderProcess) -> Iterator[House]:
    """The house of the whole run."""
    place = Path(tempfile.mkdtemp(prefix="enc-web-"))
    service = AuditProcess(Settings(state_dir=place / "s", run_dir=place / "r")).start()
    with service.client() as audit:
        house = _house(service.settings, service, audit, idp)
        yield house
        house.store.close()
    service.stop()
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def fragile_house(
    settings: Settings,
    audit_service: AuditProcess,
    audit: AuditClient,
    idp: IdentityProviderProcess,
) -> Iterator[House]:
    """A house of this test's own."""
    house = _house(settings, audit_service, audit, idp)
    yield house
    house.store.close()


@pytest.fixture
def clock() -> Clock:
    """The sessions' time, which the test may move on."""
    return Clock()


@pytest.fixture
def visitor(house: House, clock: Clock) -> Visitor:
    """A browser without a screen; log in with `visitor.log_in("dora")`."""
    return house.visitor(clock)


@pytest.fixture
def logged(house: House) -> Callable[[], list[Mapping[str, Any]]]:
    """Return what audit has logged since the test began."""
    before = len(house.audit_service.bodies())
    return lambda: list(house.audit_service.facts()[before:])


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One headless Chromium a module: while it lives, no test can start an event loop."""
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
def gallery_url(house: House, clock: Clock) -> Iterator[str]:
    """The gallery on a port, for a real browser."""
    with serving(
        gallery.site,
        gallery.routes(),
        settings=house.settings,
        store=house.store,
        audit=house.audit,
        clock=clock,
    ) as app:
        yield app.state.web.site.url
