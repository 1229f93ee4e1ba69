"""The clock that ends queries waits for no disk: a stalled journal delays no stop."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from unittest.mock import Mock

import pytest

from enclave.errors import EnclaveError
from enclave.gateway.journal import Journal
from enclave.gateway.refusals import QueryStopped
from enclave.gateway.running import TICK_SECONDS, Run
from enclave.gateway.service import Gateway
from enclave.settings import Settings
from tests.support.gateway import ROSA, Collector, open_gateway, wait_until

SMALL = "SELECT year, count(*) AS n FROM wages GROUP BY year ORDER BY year"
ENDLESS = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range = -1"
LONG = "SELECT r.range, 'x' || r.range AS s FROM range(3000000) r"
SOON = 15.0  # seconds until a stop that waits for the disk is called one that never came


@contextmanager
def stalled(journal: Journal) -> Iterator[None]:
    """Let everything that writes to a journal, or reads it, wait."""
    with journal._lock:
        yield


class Asking(threading.Thread):
    """A query asked, and read to its end, in a thread of its own."""

    def __init__(self, gateway: Gateway, sql: str):
        super().__init__(daemon=True)
        self.gateway, self.sql = gateway, sql
        self.error: EnclaveError | None = None
        self.start()

    def run(self) -> None:
        try:
            list(self.gateway.answer(ROSA, self.sql))
        except EnclaveError as error:
            self.error = error


@pytest.mark.parametrize("sql", [ENDLESS, LONG])
def test_a_query_is_stopped_in_time_while_the_journal_stands_still(
    settings: Settings, sql: str
) -> None:
    """Checked by removing the boundary: one clock that stops and writes stops nothing."""
    collector = Collector()
    with open_gateway(settings, collector, seconds=1) as gateway:
        with suppress(QueryStopped):  # on a busy machine its second may be over
            list(gateway.answer(ROSA, SMALL))  # the day's accounts are read
        runs = gateway._running._runs
        with stalled(gateway.parts.journal):
            asking = Asking(gateway, sql)
            wait_until(lambda: runs, "the query did not begin")
            (run,) = runs
            wait_until(lambda: run.why is not None, "the query was not stopped", SOON)
        asking.join(30)
        assert isinstance(asking.error, QueryStopped)
        assert collector.actions()[2:] == [("query.intent", "allowed"), ("query.outcome", "failed")]


def test_a_new_day_that_waits_for_the_journal_holds_up_nothing_that_runs(
    settings: Settings,
) -> None:
    with open_gateway(settings, Collector()) as gateway:
        ledger = gateway._ledger
        with stalled(gateway.parts.journal):
            first = Asking(gateway, SMALL)  # reads what was spent today
            first.join(0.2)
            assert first.is_alive()
            assert ledger.lock.acquire(timeout=SOON)
            ledger.lock.release()
        first.join(30)
        assert first.error is None


def test_who_waits_for_the_journal_is_not_deaf() -> None:
    run = Run("q", ROSA, Mock(), Mock(cpu_seconds=lambda: 0.0), Mock(), until=0.0)
    run.stop()
    with run.noting:
        run.look(1.0)
        assert run.deaf == 0.0
    run.look(1.0)
    assert run.deaf == TICK_SECONDS
