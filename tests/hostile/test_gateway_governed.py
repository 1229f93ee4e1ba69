"""What governance decides reaches what runs: a lost ground stops queries, a moved version is seen.

The real gateway process over a real extract. R3 (revoke at once), R13.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace

import adbc_driver_manager
import pyarrow as pa
import pytest
from pyarrow import flight

from enclave import documents, sessions
from enclave import store as control
from enclave import versions as rows
from enclave.audit_client import AuditClient
from enclave.events import Action, Event
from enclave.gateway import flight_sql_pb2 as sql
from enclave.gateway.flight_messages import pack
from enclave.governance import projects, versions
from enclave.governance.projects import Control
from enclave.model import Person, Policy, Role, Session
from enclave.settings import Settings
from enclave.store import ControlStore, Version
from tests.support.audit import AuditProcess
from tests.support.extracts import make_extract
from tests.support.gateway import (
    PROJECT,
    GatewayProcess,
    ask,
    make_project,
    make_tables,
    socket_of,
    wait_until,
)

EVENT = Event(Action.PROJECT_BUILT, actor="adam", project=PROJECT)
ENDLESS = "SELECT count(*) FROM wages a, wages b, wages c WHERE a.wage + b.wage > c.wage"
COUNT = "SELECT count(DISTINCT person_id) AS n FROM wages"


class Governed:
    """A gateway that serves a project with two versions, of 200 and of 150 people."""

    def __init__(self, settings: Settings, audit: AuditClient):
        self.settings, self.audit = settings, audit
        self.store = ControlStore(settings.database_url)
        self.policy: Policy = make_project(settings, self.store, audit)
        self.control = Control(settings, self.store, audit, "os:test")
        make_extract(settings, PROJECT, make_tables(150), self.policy, epoch=2)
        mark = documents.sha256(documents.canonical(self.policy))
        with self.store.record(audit, EVENT) as connection:
            for epoch in (1, 2):
                rows.register(connection, Version(PROJECT, epoch, mark, {}, None))
        self.session: Session = sessions.open_session(
            self.store, audit, settings, person="rosa", project=PROJECT
        )
        self.gateway = GatewayProcess(settings).start()
        self.settle()

    def settle(self) -> None:
        """Wait until the session's socket answers."""
        wait_until(lambda: self.try_(COUNT) is not None, "the gateway does not answer")

    def try_(self, query: str) -> list[Mapping[str, object]] | None:
        try:
            return ask(socket_of(self.settings, self.session.id), query).to_pylist()
        except (adbc_driver_manager.Error, OSError):
            return None

    def people(self, at: str = "") -> list[Mapping[str, object]] | None:
        return self.try_(COUNT.replace("wages", f"wages {at}"))


@pytest.fixture
def governed(settings: Settings, audit: AuditClient) -> Iterator[Governed]:
    made = Governed(settings, audit)
    try:
        yield made
    finally:
        made.gateway.stop()
        made.store.close()


def _lose_the_role(governed: Governed) -> None:
    """What `apply` does when a person's file no longer says researcher."""
    reviewer = Person("rosa", "Rosa", "rosa@example.org", frozenset({Role.REVIEWER}), "dol")
    with governed.store.record(governed.audit, EVENT) as connection:
        control.put(connection, "person", "rosa", reviewer)
    sessions.close_groundless(governed.store, governed.audit, governed.settings)


def _leave_the_agreement(governed: Governed) -> None:
    """What `apply` does when the amended agreement names one researcher less."""
    projects.amend(governed.control, replace(governed.policy, researchers=frozenset({"ravi"})))


@pytest.mark.parametrize("revoke", [_lose_the_role, _leave_the_agreement])
def test_a_running_query_stops_when_its_researcher_loses_the_ground(
    governed: Governed, audit_service: AuditProcess, revoke: object
) -> None:
    """At once: the gateway is told, and does not wait for its own look at the store."""
    ended: list[float] = []

    def run() -> None:
        ticket = pack(sql.TicketStatementQuery(statement_handle=ENDLESS.encode()))
        path = socket_of(governed.settings, governed.session.id)
        with flight.FlightClient(f"grpc+unix://{path}") as client:
            try:
                client.do_get(flight.Ticket(ticket)).read_all()
            except (flight.FlightError, pa.ArrowException):
                ended.append(time.monotonic())

    asker = threading.Thread(target=run)
    asker.start()
    wait_until(
        lambda: (
            [f["action"] for f in audit_service.facts()].count("query.intent")
            > [f["action"] for f in audit_service.facts()].count("query.outcome")
        ),
        "the query did not start",
    )
    began = time.monotonic()
    revoke(governed)  # type: ignore[operator]
    asker.join(timeout=30)
    assert not asker.is_alive()
    assert ended, "the query was answered"
    assert governed.store.sessions() == ()
    print(f"stopped {ended[0] - began:.2f} s after the word")


def test_a_moved_project_is_seen_by_the_sessions_it_has(
    governed: Governed, audit_service: AuditProcess
) -> None:
    assert governed.people() == [{"n": 200}]
    assert governed.people("AT (VERSION => 2)") is None, "a later version is not open"
    assert versions.move(governed.control, PROJECT, 2)
    wait_until(lambda: governed.people() == [{"n": 150}], "the project did not move")
    assert governed.people("AT (VERSION => 1)") == [{"n": 200}]
    assert versions.forget(governed.control, PROJECT, 1)
    wait_until(lambda: governed.people() == [{"n": 150}], "the gateway did not come back")
    assert governed.people("AT (VERSION => 1)") is None
    assert governed.store.sessions() == (governed.session,)
    intents = [f for f in audit_service.facts() if f["action"] == "query.intent"]
    assert {fact["detail"]["epoch"] for fact in intents} == {1, 2}
