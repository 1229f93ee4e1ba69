"""What an agreement's last day ends, ends by itself: no command has to be typed (R3, R15)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest

from enclave import sessions
from enclave import store as control
from enclave.audit_client import AuditClient
from enclave.events import Action, Event
from enclave.gateway import ending
from enclave.model import Policy, Session
from enclave.settings import Settings
from enclave.store import ControlStore
from tests.support.audit import AuditProcess
from tests.support.gateway import GatewayProcess, make_policy, make_project, wait_until

YESTERDAY = date.today() - timedelta(days=1)
EVENT = Event(Action.PROJECT_AMENDED, actor="adam")


class Ended:
    """Two projects with a session each; one agreement's last day was yesterday."""

    def __init__(self, settings: Settings, audit: AuditClient):
        self.settings, self.store = settings, ControlStore(settings.database_url)
        self.sessions: dict[str, Session] = {}
        for name in ("ended", "in-force"):
            policy = make_project(
                settings, self.store, audit, policy=replace(make_policy(), project=name)
            )
            self.sessions[name] = sessions.open_session(
                self.store, audit, settings, person="rosa", project=name
            )
            if name == "ended":
                self.end(audit, policy)

    def end(self, audit: AuditClient, policy: Policy) -> None:
        """Let time pass, as the store sees it."""
        with self.store.record(audit, EVENT) as connection:
            control.amend(connection, replace(policy, ends=YESTERDAY))

    @property
    def left(self) -> list[str]:
        return [session.project for session in self.store.sessions()]


@pytest.fixture
def ended(settings: Settings, audit: AuditClient) -> Iterator[Ended]:
    made = Ended(settings, audit)
    assert sorted(made.left) == ["ended", "in-force"]
    yield made
    made.store.close()


def test_the_clock_closes_what_has_ended_and_nothing_else(
    ended: Ended, audit_service: AuditProcess
) -> None:
    with ending.running(ended.settings, ended.store, seconds=0.05):
        wait_until(lambda: ended.left == ["in-force"], "the ended session stayed open")
    closed = [fact for fact in audit_service.facts() if fact["action"] == "session.closed"]
    assert [fact["session"] for fact in closed] == [ended.sessions["ended"].id]
    assert str(YESTERDAY) in closed[0]["detail"]["reason"]
    assert not sessions.directory(ended.settings, ended.sessions["ended"].id).exists()
    assert ending.close_ended(ended.settings, ended.store) == 0


def test_without_audit_it_stays_open_and_is_closed_when_audit_is_back(
    ended: Ended,
    audit_service: AuditProcess,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def hasty(settings: Settings, source: str) -> AuditClient:
        return AuditClient(settings, source, timeout=0.2)

    monkeypatch.setattr(ending, "AuditClient", hasty)
    audit_service.kill()
    with ending.running(ended.settings, ended.store, seconds=0.05):
        wait_until(lambda: "not closed yet" in caplog.text, "nothing was said")
        assert sorted(ended.left) == ["ended", "in-force"]
        audit_service.start()
        wait_until(lambda: ended.left == ["in-force"], "the ended session stayed open")


def test_the_gateways_own_process_carries_the_clock(ended: Ended) -> None:
    """Checked by removing the boundary: without `ending.running` in `serve` it stays open."""
    gateway = GatewayProcess(ended.settings).start()
    try:
        wait_until(lambda: ended.left == ["in-force"], "the ended session stayed open")
    finally:
        gateway.stop()
