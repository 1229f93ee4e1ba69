"""A workspace lives as long as the store lists its session, and a lost store kills nobody's work.

R3: agencies revoke at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import text
from tornado import web
from typing_extensions import override

from enclave.audit_client import AuditClient
from enclave.events import Action
from enclave.sessions import close_session, open_session
from enclave.settings import Settings
from enclave.store import ControlStore
from hub_config.workspace import SURE_SECONDS, Hands, Workspace
from tests.support.hub import fill
from tests.support.watching import Book


class Held(Workspace):
    """A workspace without a container: it notes how it was ended, and with what reason."""

    _log_name = "rosa:credential-pay"

    def __init__(self) -> None:
        super().__init__()
        self.said: list[object] = []

    @override
    async def stop(self, now: bool = False) -> None:
        self.said.append(now)

    @override
    async def close(self, reason: str = "ended") -> None:
        self.said.append(reason)


@pytest.fixture
def hands(settings: Settings, audit: AuditClient) -> Iterator[Hands]:
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    store = ControlStore(settings.database_url)
    fill(store, audit)
    yield Hands(settings, store, audit)
    store.close()


@pytest.fixture
def held(hands: Hands, monkeypatch: pytest.MonkeyPatch) -> Held:
    monkeypatch.setattr(Workspace, "hands", hands, raising=False)
    found = Held()
    where = {"person": "rosa", "project": "credential-pay"}
    found.session = open_session(hands.store, hands.audit, hands.settings, **where).id
    return found


def asked(held: Held) -> bool:
    return asyncio.run(held.end_if_due())


def test_an_open_session_s_workspace_goes_on(held: Held):
    assert not asked(held) and held.said == []


def test_a_session_closed_from_outside_takes_its_workspace_along_at_once(held: Held, hands: Hands):
    close_session(hands.store, hands.audit, hands.settings, session=held.session)
    assert asked(held)
    assert held.said == [True, "its session was closed"]


def test_a_workspace_without_a_session_has_no_ground(held: Held):
    held.session = ""
    assert asked(held)


def test_a_hub_that_starts_again_ends_it_in_its_first_check(held: Held):
    held.session, held._check_pending = "", True
    assert asked(held)


@pytest.mark.parametrize("pending", ["_spawn_pending", "_stop_pending"])
def test_one_that_is_opening_or_ending_is_left_to_that(held: Held, pending: str):
    setattr(held, pending, True)
    held.session = ""
    assert not asked(held)


def test_a_store_that_cannot_be_read_ends_nothing(held: Held, hands: Hands):
    with hands.store.engine.begin() as connection:
        connection.execute(text("ALTER TABLE sessions RENAME TO lost"))
    assert not asked(held)
    hands.store.close()
    database = Path(hands.settings.database_url.removeprefix("sqlite:///"))
    for file in database.parent.glob(f"{database.name}*"):
        file.write_bytes(b"no database at all" * 300)
    assert not asked(held) and held.said == []


@pytest.mark.parametrize(("away", "status"), [(False, 403), (True, 503)])
def test_what_may_not_be_opened_is_refused_in_a_sentence(
    held: Held, hands: Hands, monkeypatch: pytest.MonkeyPatch, away: bool, status: int
):
    """Also while audit is away, which has to take the refusal."""
    book = Book()
    book.is_away = away
    monkeypatch.setattr(Workspace, "hands", replace(hands, audit=book))
    monkeypatch.setattr(Held, "name", "early-start")
    held.user = SimpleNamespace(name="rosa")
    with pytest.raises(web.HTTPError) as refused:
        asyncio.run(held.get_options_form())
    assert refused.value.status_code == status
    assert [event.action for event in book.events] == ([] if away else [Action.ACCESS_DENIED])


class Remembered:
    """What the hub's database holds of a server."""

    server = None

    def __init__(self) -> None:
        self.started = self.last_activity = datetime.now(UTC).replace(tzinfo=None)


def at(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr("hub_config.workspace.monotonic", lambda: seconds)


def test_what_is_idle_ends_once_that_is_sure(held: Held, monkeypatch: pytest.MonkeyPatch):
    held.orm_spawner = Remembered()
    assert not asked(held)
    held.orm_spawner.last_activity -= timedelta(hours=2)
    held.orm_spawner.started -= timedelta(hours=2)
    at(monkeypatch, 1000.0)
    assert not asked(held)
    at(monkeypatch, 1000.0 + SURE_SECONDS)
    assert asked(held)
    assert held.said == [False, "idle"]


def test_a_clock_that_jumps_an_hour_ends_no_workspace_in_use(
    held: Held, monkeypatch: pytest.MonkeyPatch
):
    """The clock is corrected or the host slept: to the hub that is an hour without activity."""
    held.orm_spawner = Remembered()
    held.orm_spawner.last_activity -= timedelta(hours=1, seconds=5)
    held.orm_spawner.started -= timedelta(hours=2)
    at(monkeypatch, 1000.0)
    assert not asked(held)
    held.orm_spawner.last_activity = datetime.now(UTC).replace(tzinfo=None)  # heard of again
    at(monkeypatch, 1030.0)
    assert not asked(held)
    held.orm_spawner.last_activity -= timedelta(hours=2)  # idle anew: the first time counts no more
    at(monkeypatch, 1000.0 + SURE_SECONDS)
    assert not asked(held)


def test_the_longest_time_counts_whatever_activity_is_reported(
    held: Held, monkeypatch: pytest.MonkeyPatch
):
    held.orm_spawner = Remembered()
    held.orm_spawner.started -= timedelta(hours=13)
    at(monkeypatch, 1000.0)
    asked(held)
    at(monkeypatch, 1000.0 + SURE_SECONDS)
    assert asked(held)
    assert held.said == [False, "open for too long"]
