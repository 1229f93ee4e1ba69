"""Sessions open only for named researchers of active projects in force, and end with their ground.

R3 (revoke at once), R20, R21 (authorized users are named).
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta

import pytest
from typing_extensions import override

from enclave import sessions
from enclave import store as changing
from enclave.audit_client import AuditClient
from enclave.errors import AuditUnavailable, Denied, NotFound, Unavailable
from enclave.events import Action, Event
from enclave.model import Person, Policy, ProjectState, QueryMode, Role, Session
from enclave.settings import Settings
from enclave.store import ControlStore
from tests.support.audit import AuditProcess

TODAY = date.today()


class Stopped(date):
    """The product's calendar, stopped: midnight comes in the middle of some runs."""

    @classmethod
    @override
    def today(cls) -> date:
        return TODAY


DAY = timedelta(days=1)
EVENT = Event(Action.AGREEMENT_APPLIED, "os:test")
ROSA = Person("rosa", "Rosa", "rosa@x.example", frozenset({Role.RESEARCHER}))
POLICY = Policy(
    project="one",
    title="One",
    purpose="A purpose",
    agreement="dsa-one",
    agreement_sha256="0" * 64,
    researchers=frozenset({"rosa"}),
    views=(),
    rules={},
    mode=QueryMode.ROW_LEVEL,
    starts=TODAY - DAY,
    ends=TODAY + DAY,
    destroy_by=TODAY + 2 * DAY,
)


class Enclave:
    """A store with one active project, and the words to work on it."""

    def __init__(self, settings: Settings, store: ControlStore, audit: AuditClient):
        self.settings, self.store, self.audit = settings, store, audit
        with store.record(audit, EVENT) as connection:
            changing.put(connection, "person", "rosa", ROSA)
            changing.provision(connection, POLICY)
            changing.move(connection, "one", ProjectState.ACTIVE, epoch=1)

    def open(self, person: str = "rosa", project: str = "one") -> Session:
        return sessions.open_session(
            self.store, self.audit, self.settings, person=person, project=project
        )

    def close(self, session: str) -> None:
        sessions.close_session(self.store, self.audit, self.settings, session=session)

    def put(self, person: Person | None = None, policy: Policy | None = None) -> None:
        with self.store.record(self.audit, EVENT) as connection:
            if person:
                changing.put(connection, "person", person.id, person)
            if policy:
                changing.amend(connection, policy)


@pytest.fixture
def enclave(
    settings: Settings,
    store: ControlStore,
    audit: AuditClient,
    monkeypatch: pytest.MonkeyPatch,
) -> Enclave:
    monkeypatch.setattr(sessions, "date", Stopped)
    return Enclave(settings, store, audit)


@contextmanager
def service(settings: Settings, name: str, answer: str) -> Iterator[list[str]]:
    """A service at the other end of a control socket that answers every line with `answer`."""
    asked: list[str] = []
    path = settings.run_dir / name / "control.sock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            while True:
                try:
                    channel, _ = listener.accept()
                except OSError:
                    return
                with channel, channel.makefile("rw") as lines:
                    asked.append(lines.readline())
                    lines.write(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield asked
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    path.unlink()


def test_a_session_opens_with_its_directories_and_closes_without(
    enclave: Enclave, audit_service: AuditProcess
) -> None:
    session = enclave.open()
    assert enclave.store.sessions() == enclave.store.sessions("one") == (session,)
    place = sessions.directory(enclave.settings, session.id)
    assert {path.name for path in place.iterdir()} == {"gateway", "egress", "server"}
    enclave.close(session.id)
    assert enclave.store.sessions() == ()
    assert not place.exists()
    enclave.close(session.id)  # again: nothing to do
    told = [(fact["action"], fact["session"]) for fact in audit_service.facts()[-2:]]
    assert told == [("session.opened", session.id), ("session.closed", session.id)]


def test_the_longest_socket_path_of_a_session_fits_a_unix_socket(enclave: Enclave) -> None:
    place = sessions.directory(Settings(), enclave.open().id)
    assert len(str(place / "gateway" / "gateway.sock")) <= 107


@pytest.mark.parametrize(
    ("person", "policy", "clause"),
    [
        (replace(ROSA, roles=frozenset({Role.REVIEWER})), None, "researchers"),
        (None, replace(POLICY, researchers=frozenset({"ravi"})), "researchers"),
        (None, replace(POLICY, ends=TODAY - DAY), "starts and ends"),
        (None, replace(POLICY, starts=TODAY + DAY), "starts and ends"),
    ],
)
def test_who_the_agreement_does_not_let_in_is_denied_and_logged(
    enclave: Enclave,
    audit_service: AuditProcess,
    person: Person | None,
    policy: Policy | None,
    clause: str,
) -> None:
    open_before = enclave.open()
    enclave.put(person, policy)
    with pytest.raises(Denied) as denied:
        enclave.open()
    assert denied.value.clause == f"dsa-one, {clause}"
    fact = audit_service.facts()[-1]
    assert (fact["action"], fact["actor"], fact["project"]) == ("access.denied", "rosa", "one")
    # And whoever was in already is put out.
    arguments = (enclave.store, enclave.audit, enclave.settings)
    assert sessions.close_groundless(*arguments) == 1
    assert sessions.close_groundless(*arguments) == 0
    assert not sessions.directory(enclave.settings, open_before.id).exists()


def test_nobody_the_network_does_not_know_is_let_in(enclave: Enclave) -> None:
    with pytest.raises(Denied):
        enclave.open(person="mallory")
    with pytest.raises(NotFound):
        enclave.open(project="two")
    assert enclave.store.sessions() == ()


@pytest.mark.parametrize("state", [ProjectState.PROVISIONED, ProjectState.CLOSED])
def test_a_project_that_is_not_active_opens_no_session(
    enclave: Enclave, state: ProjectState
) -> None:
    with enclave.store.record(enclave.audit, EVENT) as connection:
        changing.provision(connection, replace(POLICY, project="two"))
        if state is ProjectState.CLOSED:
            changing.move(connection, "two", state, epoch=None)
    with pytest.raises(Denied, match="not active"):
        enclave.open(project="two")


def test_a_project_that_closes_while_a_session_opens_wins(
    enclave: Enclave, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = sessions.make_directories

    def close_in_between(settings: Settings, session: str) -> None:
        checked(settings, session)
        with enclave.store.record(enclave.audit, EVENT) as connection:
            changing.move(connection, "one", ProjectState.CLOSED, epoch=None)

    monkeypatch.setattr(sessions, "make_directories", close_in_between)
    with pytest.raises(Denied, match="not active"):
        enclave.open()
    assert enclave.store.sessions() == ()
    assert not list((enclave.settings.run_dir / "sessions").iterdir())


def test_a_sessions_directories_can_be_passed_under_the_strictest_umask(settings: Settings) -> None:
    """Under 077 the container's user could not come to the sockets mounted for it."""
    before = os.umask(0o077)
    try:
        sessions.make_directories(settings, "one")
    finally:
        os.umask(before)
    home = sessions.directory(settings, "one")
    for path in (home.parent, home, *home.iterdir()):
        assert path.stat().st_mode & 0o777 == 0o755


def test_without_audit_no_session_opens_and_none_closes(
    enclave: Enclave, audit_service: AuditProcess
) -> None:
    session = enclave.open()
    audit_service.kill()
    with audit_service.client(timeout=0.3) as audit:
        enclave.audit = audit
        with pytest.raises(AuditUnavailable):
            enclave.open()
        with pytest.raises(AuditUnavailable):
            enclave.close(session.id)
    assert enclave.store.sessions() == (session,)


def test_gateway_and_egress_are_told_of_every_opening_and_closing(enclave: Enclave) -> None:
    settings = enclave.settings
    with service(settings, "gateway", "ok\n") as gateway, service(settings, "egress", "ok\n") as e:
        enclave.close(enclave.open().id)
    assert gateway == e == ["sync\n", "sync\n"]


def test_a_service_that_cannot_let_go_keeps_no_other_session_open_and_no_other_service_untold(
    enclave: Enclave,
) -> None:
    settings = enclave.settings
    for _ in range(3):
        enclave.open()
    enclave.put(policy=replace(POLICY, researchers=frozenset({"ravi"})))
    with (
        service(settings, "gateway", "error no\n"),
        service(settings, "egress", "ok\n") as egress,
        pytest.raises(Unavailable, match="gateway service could not follow"),
    ):
        sessions.close_groundless(enclave.store, enclave.audit, settings)
    assert enclave.store.sessions() == ()
    assert egress == ["sync\n"] * 3


@pytest.mark.parametrize("answer", ["error no memory left\n", "", "what?\n"])
def test_a_session_a_service_cannot_serve_is_not_left_open(enclave: Enclave, answer: str) -> None:
    with (
        service(enclave.settings, "gateway", answer),
        pytest.raises(Unavailable, match="gateway"),
    ):
        enclave.open()
    assert enclave.store.sessions() == ()
    assert not list((enclave.settings.run_dir / "sessions").iterdir())


def test_a_service_that_never_answers_is_not_waited_for_for_ever(
    enclave: Enclave, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "POKE_SECONDS", 0.2)
    path = enclave.settings.run_dir / "egress" / "control.sock"
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with pytest.raises(Unavailable, match="does not answer"):
            sessions.poke(enclave.settings, "egress")


def test_a_service_that_is_away_is_only_noted(settings: Settings) -> None:
    with pytest.raises(ConnectionError):
        sessions.poke(settings, "gateway")
    sessions.tell(settings)
