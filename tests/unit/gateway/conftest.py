"""A gateway in this process, and the real one with a built project behind it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from enclave.audit_client import AuditClient
from enclave.gateway.service import Gateway
from enclave.model import Session
from enclave.sessions import open_session
from enclave.settings import Settings
from enclave.store import ControlStore
from tests.support.gateway import (
    PROJECT,
    Collector,
    GatewayProcess,
    make_project,
    open_gateway,
    socket_of,
    wait_until,
)


@pytest.fixture
def collector() -> Collector:
    return Collector()


@pytest.fixture
def gateway(settings: Settings, collector: Collector) -> Iterator[Gateway]:
    with open_gateway(settings, collector) as opened:
        yield opened


@pytest.fixture
def store(settings: Settings) -> Iterator[ControlStore]:
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    opened = ControlStore(settings.database_url)
    yield opened
    opened.close()


@pytest.fixture
def served(settings: Settings, audit: AuditClient, store: ControlStore) -> Iterator[GatewayProcess]:
    """The real service with the project `credential-pay` built and active."""
    make_project(settings, store, audit)
    process = GatewayProcess(settings).start()
    yield process
    process.stop()


@pytest.fixture
def rosa(
    settings: Settings, audit: AuditClient, store: ControlStore, served: GatewayProcess
) -> Session:
    """Rosa's open session on the real service."""
    session = open_session(store, audit, settings, person="rosa", project=PROJECT)
    wait_until(socket_of(settings, session.id).exists, "the session's socket did not come")
    return session
