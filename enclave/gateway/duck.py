"""DuckDB as the gateway's engine: each query on a connection of its own, its errors translated.

`engine_duckdb` opens and locks the database; this runs inspected text on it and nothing else.
DuckDB's own error text is never passed on: it can hold a value of a row, even of one that a
filter took out.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from enclave.errors import EnclaveError
from enclave.gateway.inspector import Inspection
from enclave.gateway.inspector.rewriting import STOP
from enclave.gateway.refusals import GroupTooSmall, QueryFailed, QueryStopped

log = logging.getLogger(__name__)

# A quarter of the memory of 64k rows ahead of a slow client, and nowhere slower (measured).
BATCH_ROWS = 16 * 1024


@dataclass(frozen=True, slots=True)
class DuckEngine:
    """A hardened connection as an `Engine`; see `engine_duckdb.open_engine`."""

    connection: duckdb.DuckDBPyConnection
    batch_rows: int = BATCH_ROWS

    def start(self, inspection: Inspection) -> DuckWork:
        """Return a query's work on a new cursor."""
        return DuckWork(self.connection.cursor(), inspection.sql, self.batch_rows)


@dataclass(slots=True)
class DuckWork:
    """One query on one cursor."""

    cursor: duckdb.DuckDBPyConnection
    sql: str
    batch_rows: int
    has_begun: bool = False
    is_closed: bool = False
    _stopped: threading.Event = field(default_factory=threading.Event)
    _reader: pa.RecordBatchReader | None = None

    @property
    def reader(self) -> pa.RecordBatchReader:
        """Run the query the first time; see `Work.reader`."""
        if self._reader is None:
            if self._stopped.is_set():
                raise duckdb.InterruptException
            self.has_begun = True
            # What `.sql(…).to_arrow_reader(…)` calls in the end, without its relation layer, which
            # binds the query four times over: a third of a small query's time (measured, 2.0.0).
            result = self.cursor._submit(self.sql, None, "stream", self.batch_rows)
            self._reader = result.arrow_reader()
        return self._reader

    def interrupt(self) -> None:
        """Stop the engine; remembered, should it come before the query has begun."""
        self._stopped.set()
        with suppress(duckdb.ConnectionException):  # closed meanwhile: nothing runs
            self.cursor.interrupt()

    def close(self) -> None:
        """Give back the cursor."""
        if self._reader is not None:
            self._reader.close()
        self.cursor.close()
        self.is_closed = True

    def failure(self, error: Exception) -> EnclaveError:
        """Return the kind of failure and what to do about it."""
        if self._stopped.is_set() or isinstance(error, duckdb.InterruptException):
            hint = "It ran too long, or its session ended."
            return QueryStopped("The query was stopped.", hint=hint)
        text = str(error)
        if STOP in text:
            sentence = "A group of the answer has too few persons, so none is shown."
            return GroupTooSmall(sentence, hint="Ask for coarser groups.")
        for kind, sentence, hint in _SENTENCES:
            if isinstance(error, kind) or text.startswith(kind.__name__.removesuffix("Exception")):
                return QueryFailed(sentence, hint=hint)
        log.warning("a query failed in the engine: %s", type(error).__name__)
        sentence, hint = "The engine could not finish the query.", "Try it in smaller steps."
        return QueryFailed(sentence, hint=hint)

    def cpu_seconds(self) -> float:
        """Return 0.0: DuckDB runs in this process."""
        return 0.0


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
