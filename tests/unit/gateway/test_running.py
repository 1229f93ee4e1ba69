"""The clock that ends queries waits for no disk, and what is let in is let go of again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from unittest.mock import Mock

import pytest

from enclave.errors import EnclaveError, Unavailable
from enclave.events import Receipt, Verdict
from enclave.gateway.journal import Journal, Outcome
from enclave.gateway.records import Records
from enclave.gateway.refusals import QueryStopped, SessionEnded
from enclave.gateway.running import TICK_SECONDS, Most, Run, Running
from enclave.gateway.service import Gateway
from enclave.settings import Settings
from tests.support.gateway import ROSA, Collector, make_policy, open_gateway, wait_until

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


def test_what_was_worked_is_shared_out_once_a_tick_and_a_run_that_fails_ends_no_clock() -> None:
    running = Running(Most(), Mock())
    running.meter = Mock()
    broken, late = Mock(spec=Run), Mock(spec=Run)
    broken.look.side_effect = running.meter.share.side_effect = ValueError
    running._look([broken, late])
    running.meter.share.assert_called_once_with()
    late.look.assert_called_once()


def test_how_far_a_run_has_come_is_asked_for_when_it_is_written_down() -> None:
    """What was told before somebody else wrote is less: the journal would count too little."""
    run = Run("q", ROSA, Mock(), Mock(), Mock(), until=0.0)
    run.intent = Future()
    journal = Mock()
    records = Records(Mock(), journal, make_policy(), str, b"", epoch=1)
    never = Mock(side_effect=AssertionError)
    records.advance(run, never)  # without a receipt nothing is written
    run.intent.set_result(Receipt(0, "00"))
    run.is_noted = True
    records.advance(run, lambda: Outcome(None, rows=2, bytes=int(run.noting.locked())))
    journal.advance.assert_called_once_with("q", Outcome(None, rows=2, bytes=1))
    assert run.noted == (2, 1)
    assert run.end()
    records.advance(run, never)  # nor after the end
    records.end(run, Outcome(Verdict.FAILED, rows=3))
    journal.end.assert_called_once_with("q", Outcome(Verdict.FAILED, rows=3))


def is_let_go(gateway: Gateway) -> bool:
    running = gateway._running
    return not (running._runs or running._places or running.meter._working)


def test_a_query_whose_session_ends_as_it_comes_in_is_let_go_of(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is watched and never runs would soon be called deaf, and its worker be ended."""
    collector = Collector()
    with open_gateway(settings, collector) as gateway:
        enter = gateway._running.enter

        def entered(run: Run) -> None:
            enter(run)
            gateway.close_session(ROSA)

        monkeypatch.setattr(gateway._running, "enter", entered)
        with pytest.raises(SessionEnded):
            gateway.answer(ROSA, SMALL)
        assert collector.actions() == [("query.denied", "denied")]
        assert is_let_go(gateway)


def test_a_query_that_finds_no_journal_gives_its_place_back(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_gateway(settings, Collector()) as gateway:
        away = Mock(side_effect=Unavailable("The project's journal cannot be read."))
        monkeypatch.setattr(gateway.parts.journal, "spent", away)
        with pytest.raises(Unavailable):
            gateway.answer(ROSA, SMALL)
        assert is_let_go(gateway)
