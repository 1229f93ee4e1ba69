"""Fixtures every room's tests may use: fresh settings, a real audit service, a client of it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from enclave.audit_client import AuditClient
from enclave.settings import Settings
from tests.support.audit import AuditProcess
from tests.support.postgres import Postgres

# A Unix socket's path holds 107 bytes, of which an enclave's own part takes seventy.
if len(tempfile.gettempdir()) > 30:
    tempfile.tempdir = "/tmp"

# Where the host has a proxy for the network, the tests' own servers are asked without it.
for name in ("no_proxy", "NO_PROXY"):
    given = os.environ.get(name)
    os.environ[name] = ",".join(filter(None, (given, "127.0.0.1", "localhost", ".localhost")))

pytest_plugins = ("tests.support.web_fixtures",)

# Its clocks would tell of the machine's load: an example may take 200 ms, and making ten a second.
# The test command tries the same examples on the same code; those of each night are new (0271).
hypothesis_settings.register_profile(
    "enclave",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="ENCLAVE_NEW_EXAMPLES" not in os.environ,
)
hypothesis_settings.load_profile("enclave")


@pytest.fixture
def settings() -> Iterator[Settings]:
    """Settings of an enclave of this test's own; paths short enough for Unix sockets."""
    place = Path(tempfile.mkdtemp(prefix="enc-"))
    yield Settings(
        state_dir=place / "s",
        run_dir=place / "r",
        audit_checkpoint_seconds=0.2,
        audit_grace_seconds=1.0,
    )
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def audit_service(settings: Settings) -> Iterator[AuditProcess]:
    """A running `audit serve`; kill() and start() it at will, read events() from it."""
    service = AuditProcess(settings).start()
    yield service
    service.stop()


@pytest.fixture
def audit(audit_service: AuditProcess) -> Iterator[AuditClient]:
    """A client that speaks for every room."""
    with audit_service.client() as client:
        yield client


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL server for the whole run; each test asks it for a database of its own."""
    server = Postgres().start()
    yield server
    server.stop()


@pytest.fixture
def control_url(request: pytest.FixtureRequest) -> str | None:
    """The URL of an empty database where a test asks for it; None is the settings' own SQLite."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return None
    server: Postgres = request.getfixturevalue("postgres")
    return server.database()
