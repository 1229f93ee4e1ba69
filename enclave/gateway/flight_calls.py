"""The queries of one session that are on their way, so that they can be stopped.

A client that cancels or goes away is noticed within a tenth of a second, also while the engine has
not given a row yet. Keeps nothing of a query but its ticket.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pyarrow import flight

from enclave.gateway.refusals import ClientGone, QueryStopped, TooMany

WATCH_SECONDS = 0.05
MOST = 64  # streams of one session at a time; each holds a thread and a part of the engine


@dataclass(eq=False, slots=True)
class Call:
    """One stream: what was asked, whether its client is still there, and how to stop it."""

    ticket: bytes
    context: flight.ServerCallContext
    stop: Callable[[], None] | None = None
    stopped: bool = False

    def give_up(self) -> None:
        """Stop the query, now or as soon as it can be stopped."""
        self.stopped = True
        if self.stop is not None:
            self.stop()

    def started(self, stop: Callable[[], None]) -> None:
        """Take note of how to stop the query; stop it if that has been asked for already."""
        self.stop = stop
        if self.stopped:
            stop()


@dataclass(slots=True)
class Calls:
    """A session's calls. Watches them while there are any; safe to use from many threads."""

    _open: set[Call] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _watcher: threading.Thread | None = None

    def begin(self, ticket: bytes, context: flight.ServerCallContext) -> Call:
        """Watch a call until its `end`. Raises TooMany when the session has too many."""
        call = Call(ticket, context)
        with self._lock:
            if len(self._open) >= MOST:
                raise TooMany(
                    f"This session has {MOST} queries running.",
                    hint="Wait for one of them, or cancel it.",
                )
            self._open.add(call)
            if self._watcher is None:
                self._watcher = threading.Thread(target=self._watch, daemon=True)
                self._watcher.start()
        return call

    @contextmanager
    def begun(self, ticket: bytes, context: flight.ServerCallContext) -> Iterator[Call]:
        """Watch a call that is being begun; whoever goes on with it says when it ends.

        Watched no more when beginning it fails. Raises as `begin` does.
        """
        call = self.begin(ticket, context)
        try:
            yield call
        except BaseException:
            self.end(call)
            raise

    def end(self, call: Call) -> None:
        """Watch it no more: its context, which is pyarrow's, ends with the call."""
        with self._lock:
            self._open.discard(call)

    def cancel(self, ticket: bytes) -> bool:
        """Stop every call with this ticket; say whether there was one."""
        with self._lock:
            found = [call for call in self._open if call.ticket == ticket]
        for call in found:
            call.give_up()
        return bool(found)

    def cancel_all(self) -> None:
        """Stop every call there is."""
        with self._lock:
            found = list(self._open)
        for call in found:
            call.give_up()

    def _watch(self) -> None:
        pause = threading.Event()
        while not pause.wait(WATCH_SECONDS):
            with self._lock:
                if not self._open:
                    self._watcher = None
                    return
                gone = [
                    call for call in self._open if not call.stopped and call.context.is_cancelled()
                ]
                for call in gone:
                    call.stopped = True
            for call in gone:
                call.give_up()


def stopped() -> QueryStopped:
    """Return what a query says that its client has cancelled."""
    return ClientGone("The client cancelled or has gone.")
