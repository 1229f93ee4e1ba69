"""Writers take turns on both databases, and a database that is away is said to be away."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, select

from enclave import database, tables
from enclave import store as changing
from enclave.audit_client import AuditClient
from enclave.errors import Unavailable
from enclave.events import Action, Event
from enclave.model import Agency
from enclave.store import ControlStore
from tests.support.postgres import Postgres

EVENT = Event(Action.AGREEMENT_APPLIED, "os:test")
NOT_SEEN_SECONDS = 0.5  # long enough for the other writer to read, were it let in


def rename(store: ControlStore, audit: AuditClient, name: str) -> None:
    with store.record(audit, EVENT) as connection:
        changing.put(connection, "agency", "dol", Agency("dol", name))


def test_what_a_writer_has_read_stays_true_until_it_commits(
    store: ControlStore, audit: AuditClient
) -> None:
    """Control: database's one-writer lock. Without it PostgreSQL lets the second writer read "old".

    A closed project was then made active again by a build that had read it as active.
    """
    rename(store, audit, "old")
    second_has_read, first_is_done = threading.Event(), threading.Event()

    def second() -> tuple[str, str]:
        with store.record(audit, EVENT) as connection:
            before = _name(connection)
            second_has_read.set()
            first_is_done.wait(30)
            return before, _name(connection)

    with ThreadPoolExecutor(1) as pool:
        with store.record(audit, EVENT) as connection:
            changing.put(connection, "agency", "dol", Agency("dol", "new"))
            waiting = pool.submit(second)
            second_has_read.wait(NOT_SEEN_SECONDS)
        first_is_done.set()
        before, after = waiting.result()
    assert before == after
    assert "new" in before


def _name(connection: Connection) -> str:
    body: str = connection.execute(select(tables.documents.c.body)).scalar_one()
    return body


def test_a_writer_does_not_wait_for_ever(
    url: str, audit: AuditClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_MS", 100)
    store = ControlStore(url)
    with (
        store.record(audit, EVENT),
        pytest.raises(Unavailable, match="control store does not answer"),
    ):
        rename(store, audit, "Labor")
    rename(store, audit, "Labor")
    store.close()


@pytest.mark.postgres
def test_a_server_that_goes_away_is_named_and_found_again_when_it_is_back(
    postgres: Postgres, audit: AuditClient
) -> None:
    url = postgres.database()
    store = ControlStore(url)
    rename(store, audit, "Labor")
    with postgres.away(url):
        with pytest.raises(Unavailable, match="control store does not answer"):
            store.agencies()
        with pytest.raises(Unavailable, match="control store does not answer"):
            rename(store, audit, "Work")
        with pytest.raises(Unavailable, match="control store does not answer"):
            ControlStore(url)
    assert store.agencies() == {"dol": Agency("dol", "Labor")}
    rename(store, audit, "Work")
    store.close()


@pytest.mark.postgres
def test_a_change_whose_server_goes_away_before_the_commit_is_not_made(
    postgres: Postgres, audit: AuditClient
) -> None:
    url = postgres.database()
    store = ControlStore(url)
    with (
        pytest.raises(Unavailable, match="control store does not answer"),
        store.record(audit, EVENT) as connection,
    ):
        changing.put(connection, "agency", "dol", Agency("dol", "Labor"))
        with postgres.away(url):
            pass
    assert store.agencies() == {}
    store.close()
