"""What is running: each query's run, how many there may be at once, and the clock that ends them.

A run is stopped by its deadline, its session's end, its client or its budget, at any moment and
from any thread. The clock waits for no disk: what is written down of a run has a clock of its own.
Never decides what a query may read.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from enclave.errors import EnclaveError
from enclave.events import Receipt
from enclave.gateway.budgets import Lease, Meter
from enclave.gateway.engine import Work
from enclave.gateway.inspector import Inspection
from enclave.gateway.refusals import QueryStopped, TooMany
from enclave.model import Session

log = logging.getLogger(__name__)

TICK_SECONDS = 0.25
_IDLE_TICKS = 40  # how long the clock goes on with nothing to look at: starting it costs time


@dataclass(eq=False, slots=True)
class Run:
    """One query on its way. `until` is its deadline on the monotonic clock."""

    query: str
    session: Session
    inspection: Inspection
    work: Work
    lease: Lease
    until: float
    why: EnclaveError | None = None
    wake: Callable[[], None] | None = None
    intent: Future[Receipt] | None = None
    is_noted: bool = False  # does the journal have it?
    noted: tuple[int, int] = (0, 0)  # rows and bytes the journal has of it
    is_over: bool = False
    deaf: float = 0.0  # seconds it has gone on since it was told to stop
    lock: threading.Lock = field(default_factory=threading.Lock)  # of `is_over`
    noting: threading.Lock = field(default_factory=threading.Lock)  # held while it is written down
    _elsewhere: float = 0.0

    def stop(self, why: EnclaveError | None = None) -> None:
        """Make the engine and the stream give up; the first reason is the one that is told."""
        self.why = self.why or why or QueryStopped("The query was stopped.")
        self.work.interrupt()
        if self.wake is not None:
            self.wake()

    def failure(self, error: Exception) -> EnclaveError:
        """Return what a researcher may be told of an error while running."""
        if self.why is not None:
            return self.why
        return error if isinstance(error, EnclaveError) else self.work.failure(error)

    def end(self) -> bool:
        """Say whether this is the first time that somebody ends the run: only that one counts."""
        with self.lock:
            first, self.is_over = not self.is_over, True
            return first

    def draw(self, rows: int, bytes: int) -> None:
        """Count what is about to be handed out; raises, if the run has been ended meanwhile.

        Under the lock of `end`: what an outcome does not count is not handed out after it.
        """
        with self.lock:
            if self.is_over:
                raise self.why or QueryStopped("The query was stopped.")
            self.lease.draw(rows, bytes)

    def receipt(self) -> Receipt | None:
        """Return the receipt of the intent, if it has come."""
        if self.intent is None or not self.intent.done() or self.intent.exception():
            return None
        return self.intent.result()

    def is_ahead(self) -> bool:
        """Say whether more is about to be handed out than the journal has."""
        return self.lease.rows > self.noted[0] or self.lease.bytes > self.noted[1]

    def look(self, now: float) -> None:
        """Stop the run if its time or its budget is over; interrupt again what did not hear."""
        used = self.work.cpu_seconds()
        self.lease.work(used - self._elsewhere)
        self._elsewhere = used
        if self.why is not None:
            self.work.interrupt()  # it may have come before the engine had begun
            if not self.noting.locked():  # who waits for the journal is not deaf
                self.deaf += TICK_SECONDS
        elif now > self.until:
            self.stop(_out_of_time())
        elif spent := self.lease.overdrawn():
            self.stop(spent)


@dataclass(frozen=True, slots=True)
class Most:
    """How many queries may run at once, and how many seconds another waits for its turn."""

    session: int = 8
    project: int = 32
    wait: float = 10.0


class Running:
    """A project's runs, in turn. Safe to use from many threads."""

    def __init__(self, most: Most, note: Callable[[Run], None]):
        self.meter = Meter()
        self._most, self._note = most, note
        self._changed = threading.Condition()
        self._places: dict[str, int] = {}
        self._runs: set[Run] = set()
        self._clocks: set[str] = set()

    def take_place(self, session: str) -> None:
        """Wait for a place; raises TooMany when none came free in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._is_free(session), self._most.wait):
                mine = self._places.get(session, 0) >= self._most.session
                whose, number = (
                    ("This session has", self._most.session)
                    if mine
                    else ("This project has", self._most.project)
                )
                raise TooMany(
                    f"{whose} {number} queries running, as many as it may.",
                    hint="Wait for one of them, or close an answer that is not read to its end.",
                )
            self._places[session] = self._places.get(session, 0) + 1

    def leave_place(self, session: str) -> None:
        """Give a place back."""
        with self._changed:
            self._places[session] -= 1
            if not self._places[session]:
                del self._places[session]
            self._changed.notify_all()

    def enter(self, run: Run) -> None:
        """Watch and measure a run until it leaves."""
        with self._changed:
            self._start("runs", self._look)
            self._start("notes", self._write)
            self._runs.add(run)
        self.meter.enter(run.lease)

    def leave(self, run: Run) -> None:
        """Watch a run no more, and give its place back; only the first time counts."""
        self.meter.leave(run.lease)
        with self._changed:
            if run not in self._runs:
                return
            self._runs.discard(run)
        self.leave_place(run.session.id)

    def deaf(self) -> float:
        """Return for how many seconds a query has gone on since it was told to stop."""
        with self._changed:
            return max((run.deaf for run in self._runs), default=0.0)

    def stop_session(self, session: str, why: EnclaveError) -> None:
        """Stop everything a session has running."""
        with self._changed:
            runs = [run for run in self._runs if run.session.id == session]
        for run in runs:
            run.stop(why)

    def _is_free(self, session: str) -> bool:
        most = self._most
        return (
            self._places.get(session, 0) < most.session
            and sum(self._places.values()) < most.project
        )

    def _start(self, name: str, tick: Callable[[Sequence[Run]], None]) -> None:
        """Start one of the clocks if it does not go."""
        if name not in self._clocks:
            threading.Thread(target=self._go, args=(name, tick), name=name, daemon=True).start()
            self._clocks.add(name)  # only once it goes: short of memory, no thread may start

    def _go(self, name: str, tick: Callable[[Sequence[Run]], None]) -> None:
        idle = 0
        while True:
            time.sleep(TICK_SECONDS)
            with self._changed:
                runs = list(self._runs)
                idle = 0 if runs else idle + 1
                if idle >= _IDLE_TICKS:  # under the lock: whoever comes now starts another clock
                    self._clocks.discard(name)
                    return
            tick(runs)

    def _look(self, runs: Sequence[Run]) -> None:
        """Share out what was worked since the last tick, once, and see who is over it or late."""
        _try(self.meter.share)
        for run in runs:
            _try(run.look, time.monotonic())

    def _write(self, runs: Sequence[Run]) -> None:
        for run in runs:
            _try(self._note, run)


def _try(do: Callable[..., None], *given: object) -> None:
    try:
        do(*given)
    except Exception as error:  # the clock goes on for the others, and for this one next time
        log.warning("a run could not be looked at: %s", type(error).__name__)


def _out_of_time() -> QueryStopped:
    return QueryStopped(
        "The query was stopped: its time is over.", hint="Ask for less at once, or aggregate."
    )
