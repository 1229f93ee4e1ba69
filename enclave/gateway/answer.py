"""One answer on its way: read ahead of its client by a few batches, and ended one way or another.

An answer of one batch is whole, and its outcome logged, before anybody has it. Of a longer one the
last batch is held back until audit and the journal have the outcome. Never holds more than a few
batches of it, and never passes an engine's own error text on: it can hold a value of a row.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pyarrow as pa
from typing_extensions import override

from enclave.errors import EnclaveError
from enclave.events import Verdict
from enclave.gateway.journal import Outcome
from enclave.gateway.refusals import ClientGone
from enclave.gateway.running import Run

log = logging.getLogger(__name__)

QUERY_KEY = b"enclave.query"
AHEAD = 8  # batches read ahead, so that the engine and the socket work at the same time


@dataclass(slots=True)
class Beginning:
    """The first batches of an answer, or all of it, or why there is none."""

    schema: pa.Schema | None = None
    batches: list[pa.RecordBatch] = field(default_factory=list)
    is_whole: bool = False
    error: EnclaveError | None = None


def begin(run: Run) -> Beginning:
    """Run a query until two batches are there, or its end, or its failure. Raises nothing."""
    found = Beginning()
    try:
        reader = run.work.reader
        found.schema = reader.schema.with_metadata({QUERY_KEY: run.query.encode()})
        while len(found.batches) < 2:
            found.batches.append(reader.read_next_batch())
    except StopIteration:
        found.is_whole, found.error = True, run.why
    except Exception as error:  # an engine's, of whatever kind; the engine says what it means
        found.error = run.failure(error)
    return found


def outcome_of(run: Run, error: EnclaveError | None = None) -> Outcome:
    """Return how a run ends now: with all its rows, or with an error after some of them."""
    verdict = run.inspection.verdict if error is None else Verdict.FAILED
    return replace(standing(run), verdict=verdict, code=None if error is None else error.code)


def standing(run: Run, times: int = 1) -> Outcome:
    """Return how far a run has come, with its rows and bytes some times over."""
    lease = run.lease
    cpu = int(lease.cpu_seconds * 1000)
    return Outcome(None, lease.rows * times, lease.bytes * times, cpu_ms=cpu)


# Logs how a run ended: whole, or with an error. False: somebody else has ended it.
Finish = Callable[[Run, EnclaveError | None], bool]


class Answer(Iterator[pa.RecordBatch]):
    """The batches of one answer, whose outcome is durable already."""

    def __init__(self, query: str, schema: pa.Schema, batches: list[pa.RecordBatch]):
        self.query, self.schema = query, schema
        self._batches = deque(batches)

    @override
    def __next__(self) -> pa.RecordBatch:
        if not self._batches:
            raise StopIteration
        return self._dress(self._batches.popleft())

    def close(self) -> None:
        """End the query if it has not ended; what was handed out so far is logged."""

    def whole(self) -> pa.RecordBatchReader | None:
        """Return all that is left at once, if nothing is to be done when its end is reached."""
        return pa.RecordBatchReader.from_batches(self.schema, list(self))

    def _dress(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        return batch.replace_schema_metadata(self.schema.metadata)


class Stream(Answer):
    """An answer of many batches. The last comes only after its outcome has a receipt.

    Closing it early, or letting go of it, ends the query and logs how far it came. `advance` writes
    down what is about to be handed out; `finish` how the query ended.
    """

    def __init__(
        self, run: Run, begun: Beginning, *, advance: Callable[[Run], None], finish: Finish
    ):
        super().__init__(run.query, begun.schema, [])
        self._run, self._advance, self._finish = run, advance, finish
        self._over = False
        self._pump = _Pump(run, begun.batches, finish)

    @override
    def __next__(self) -> pa.RecordBatch:
        if self._over:
            raise StopIteration
        try:
            batch, is_last = self._pump.take()
            self._run.draw(batch.num_rows, batch.nbytes)
            if not is_last and self._run.is_ahead():
                self._advance(self._run)
        except EnclaveError as error:
            self._fail(error)
            raise
        if is_last:
            self._complete(batch)
        return self._dress(batch)

    @override
    def whole(self) -> None:
        return None

    @override
    def close(self) -> None:
        if not self._over:
            self._fail(ClientGone("The client closed the answer before its end."))

    def __del__(self) -> None:
        try:
            self.close()
        except EnclaveError as error:  # audit closes the dangling intent itself
            log.warning("an abandoned query could not be logged: %s", error.code)

    def _complete(self, last: pa.RecordBatch) -> None:
        self._over = True
        self._pump.end()
        try:
            if not self._finish(self._run, None):
                raise self._run.failure(ClientGone("The query was stopped before its end."))
        except EnclaveError:
            self._run.lease.give_back(last.num_rows, last.nbytes)
            raise

    def _fail(self, error: EnclaveError) -> None:
        self._over = True
        self._run.stop(error)
        self._pump.end()
        self._finish(self._run, error)


class _Pump:
    """Reads ahead of the client in a thread of its own, which lives until the answer is over.

    Ends a run that is stopped while its client stands still. Knows nothing of the `Stream`, which
    must be free to go when its client lets go of it.
    """

    def __init__(self, run: Run, first: list[pa.RecordBatch], finish: Finish):
        self._run, self._finish = run, finish
        self._ready = deque(first)
        self._change = threading.Condition()
        self._ended = self._over = False
        self._error: EnclaveError | None = None
        run.wake = self._wake
        threading.Thread(target=self._work, name=run.query, daemon=True).start()

    def take(self) -> tuple[pa.RecordBatch, bool]:
        """Return the next batch, and whether it is the last; raises why there is none."""
        with self._change:
            self._change.wait_for(lambda: len(self._ready) > 1 or self._is_done())
            if error := self._run.why or self._error:
                raise error
            batch = self._ready.popleft()
            self._change.notify_all()
            return batch, not self._ready

    def end(self) -> None:
        """Let the thread go: the answer is over."""
        with self._change:
            self._over = True
            self._change.notify_all()

    def _wake(self) -> None:
        with self._change:
            self._change.notify_all()

    def _is_done(self) -> bool:
        return self._ended or self._error is not None or self._run.why is not None

    def _work(self) -> None:
        error = self._read()
        self._run.work.close()
        with self._change:
            self._ended, self._error = error is None, error
            self._change.notify_all()
            self._change.wait_for(lambda: self._over or self._run.why is not None)
            self._ready.clear()
        if not self._over and self._run.why is not None:
            self._give_up(self._run.why)

    def _read(self) -> EnclaveError | None:
        try:
            while self._has_room():
                batch = self._run.work.reader.read_next_batch()
                with self._change:
                    self._ready.append(batch)
                    self._change.notify_all()
        except StopIteration:
            return None
        except Exception as error:  # as in `begin`
            return self._run.failure(error)
        return self._run.why or ClientGone("The client closed the answer before its end.")

    def _has_room(self) -> bool:
        """Wait until the client has taken a batch; say whether there is still a client."""
        lease = self._run.lease
        with self._change:
            lease.idle = len(self._ready) >= AHEAD
            self._change.wait_for(
                lambda: len(self._ready) < AHEAD or self._over or self._run.why is not None
            )
            lease.idle = False
            return not self._over and self._run.why is None

    def _give_up(self, why: EnclaveError) -> None:
        try:
            self._finish(self._run, why)
        except EnclaveError as error:  # audit closes the dangling intent itself
            log.warning("a stopped query could not be logged: %s", error.code)
