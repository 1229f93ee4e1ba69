"""One answer on its way: its batches, its deadline, and how it ended.

The last batch is held back until audit and the journal have the outcome. The engine's own error
text is never passed on: it can hold a value of a row.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa
from typing_extensions import override

from enclave.errors import EnclaveError
from enclave.events import Verdict
from enclave.gateway.inspector import Inspection
from enclave.gateway.journal import Outcome
from enclave.gateway.refusals import QueryFailed, QueryStopped, SessionEnded
from enclave.model import Session

log = logging.getLogger(__name__)

QUERY_KEY = b"enclave.query"


@dataclass(slots=True)
class Run:
    """One query on its way: its connection, so that it can be stopped, and what it is."""

    query: str
    session: Session
    inspection: Inspection
    cursor: duckdb.DuckDBPyConnection
    stopped: threading.Event = field(default_factory=threading.Event)
    deadline: threading.Timer | None = None

    def stop_after(self, seconds: float) -> None:
        """Stop the run when its time is over, whatever it is doing then.

        The engine's own `max_execution_time` did not stop a cross join that gave no row (measured).
        """
        self.deadline = threading.Timer(seconds, self.stop)
        self.deadline.daemon = True
        self.deadline.start()

    def stop(self) -> None:
        """Make the engine and the stream give up."""
        self.stopped.set()
        self.cursor.interrupt()

    def end(self) -> None:
        """Give back the connection and the deadline."""
        if self.deadline is not None:
            self.deadline.cancel()
        self.cursor.close()


Finish = Callable[[Run, Outcome], None]


class Answer(Iterator[pa.RecordBatch]):
    """The batches of one answer. The last comes only after its outcome has a receipt.

    Closing it early, or letting go of it, ends the query and logs how far it came. A stream that
    stands still longer than the deadline is stopped.
    """

    def __init__(self, run: Run, reader: pa.RecordBatchReader, finish: Finish):
        self._run, self._reader, self._end = run, reader, finish
        self._held: pa.RecordBatch | None = None
        self._finished = False
        self._rows = self._bytes = 0
        metadata = {QUERY_KEY: run.query.encode()}
        self.schema: pa.Schema = reader.schema.with_metadata(metadata)

    @property
    def query(self) -> str:
        """Return the query's id."""
        return self._run.query

    @override
    def __next__(self) -> pa.RecordBatch:
        while not self._finished:
            batch = self._read()
            ready, self._held = self._held, batch
            if batch is None:
                self._finish(Outcome(Verdict.ALLOWED, self._rows, self._bytes))
            else:
                self._rows += batch.num_rows
                self._bytes += batch.nbytes
            if ready is not None:
                return self._dress(ready)
        raise StopIteration

    def close(self) -> None:
        """End the query if it has not ended; what was handed out so far is logged."""
        if not self._finished:
            self._run.stop()
            self._fail("query.client-gone")

    def __del__(self) -> None:
        try:
            self.close()
        except EnclaveError as error:  # audit closes the dangling intent itself
            log.warning("an abandoned query could not be logged: %s", error.code)

    def _read(self) -> pa.RecordBatch | None:
        try:
            if self._run.stopped.is_set():
                raise duckdb.InterruptException
            return self._reader.read_next_batch()
        except StopIteration:
            return None
        except (duckdb.Error, pa.ArrowException, OSError, RuntimeError) as error:
            failed = failure(error, self._run)
            self._fail(failed.code)
            raise failed from None

    def _dress(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        return pa.RecordBatch.from_arrays(batch.columns, schema=self.schema)

    def _fail(self, code: str) -> None:
        handed = self._bytes - (self._held.nbytes if self._held is not None else 0)
        rows = self._rows - (self._held.num_rows if self._held is not None else 0)
        self._held = None
        self._finish(Outcome(Verdict.FAILED, rows, handed, code))

    def _finish(self, outcome: Outcome) -> None:
        self._finished = True
        self._reader.close()
        self._end(self._run, outcome)


_SENTENCES: tuple[tuple[type[Exception], str, str], ...] = (
    (
        duckdb.ConversionException,
        "A value could not be converted.",
        "TRY_CAST gives NULL instead.",
    ),
    (duckdb.OutOfRangeException, "A number left its range.", "Cast it to a wider type."),
    (
        duckdb.OutOfMemoryException,
        "The query needs more memory than it may have.",
        "Aggregate before you join or sort, or select fewer columns.",
    ),
    (
        duckdb.InvalidInputException,
        "A function was given a value that it does not take.",
        "Filter such rows out first.",
    ),
)


def failure(error: Exception, run: Run) -> EnclaveError:
    """Return what a researcher may be told: the kind of failure, never the engine's own text.

    The engine's text can hold a value of a row, even of one that a filter took out.
    """
    if isinstance(error, SessionEnded):
        return error
    if run.stopped.is_set() or isinstance(error, duckdb.InterruptException):
        return QueryStopped("The query was stopped.", hint="It ran too long, or its session ended.")
    text = str(error)
    for kind, sentence, hint in _SENTENCES:
        if isinstance(error, kind) or text.startswith(kind.__name__.removesuffix("Exception")):
            return QueryFailed(sentence, hint=hint)
    log.warning("a query failed in the engine: %s", type(error).__name__)
    return QueryFailed(
        "The engine could not finish the query.", hint="Try it in smaller steps; check the types."
    )
