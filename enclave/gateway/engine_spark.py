"""Spark as the gateway's engine: inspected text, translated and checked again, types as DuckDB's.

For extracts that one machine's DuckDB cannot hold; opt-in by the agreement (`engine: spark`). Never
gets a researcher's text: only what `portable` made of an inspected one. Its rows lie in a memory
file system, never on a disk. Spark's own error text is never passed on.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from typing_extensions import override

from enclave.errors import EnclaveError
from enclave.gateway.duck import DuckEngine
from enclave.gateway.engine import Work
from enclave.gateway.engine_duckdb import Table
from enclave.gateway.inspector import Inspection, Inspector
from enclave.gateway.inspector.rewriting import STOP
from enclave.gateway.refusals import ExtractUnreadable, NotPortable, QueryFailed, QueryStopped
from enclave.gateway.spark import client, portable, server

log = logging.getLogger(__name__)

ROW_GROUP = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Translated(Inspection):
    """An allowed query with its text for Spark, which need not be made again to run it."""

    text: portable.Text


@dataclass(frozen=True, slots=True)
class SparkInspector(Inspector):
    """The same inspector, which also refuses what Spark would not answer as DuckDB does."""

    @override
    def inspect(self, sql: str) -> Inspection:
        inspection = Inspector.inspect(self, sql)
        if asks_the_catalogue(inspection):
            return inspection
        if f"'{STOP}'" in inspection.sql:
            raise NotPortable(
                "Where one small group refuses the whole answer, groups are not answered on Spark.",
                hint="The agreement may drop small groups or fold them, or name DuckDB instead.",
            )
        text = portable.translate(inspection.sql, self.empty, self.catalogue.schemas)
        found = {field.name: getattr(inspection, field.name) for field in fields(Inspection)}
        return Translated(**found, text=text)


def asks_the_catalogue(inspection: Inspection) -> bool:
    """Say whether a query asks for names and types: a list of constants answers it, not Spark.

    It runs over the empty tables, so it could not tell of a row in any case.
    """
    words = inspection.asked.split(maxsplit=1)
    return bool(words) and words[0].lower() in ("show", "describe", "desc")


@dataclass(slots=True)
class SparkEngine:
    """One project's views in one Spark. `empty` has the same tables in DuckDB, without a row."""

    running: server.Server
    client: client.Client
    place: Path
    empty: duckdb.DuckDBPyConnection
    schemas: Mapping[str, pa.Schema]

    def start(self, inspection: Inspection) -> Work:
        """Return a query's work. Raises NotPortable for what `SparkInspector` would refuse."""
        if asks_the_catalogue(inspection):
            return DuckEngine(self.empty).start(inspection)
        if isinstance(inspection, Translated):
            text = inspection.text
        else:
            text = portable.translate(inspection.sql, self.empty, self.schemas)
        return SparkWork(self.running, self.client.query(text.sql), text.schema)

    def close(self) -> None:
        """End Spark and let go of the rows."""
        self.running.stop()
        shutil.rmtree(self.place, ignore_errors=True)


@dataclass(slots=True)
class SparkWork:
    """One query in Spark; `schema` is what DuckDB would answer with."""

    running: server.Server
    query: client.Query
    schema: pa.Schema
    _began: float = field(default=0.0)
    _reader: pa.RecordBatchReader | None = None

    @property
    def reader(self) -> pa.RecordBatchReader:
        """Run the query the first time, up to its first batch; see `Work.reader`."""
        if self._reader is None:
            self._began = self.running.cpu_seconds()
            self._reader = pa.RecordBatchReader.from_batches(self.schema, self._batches())
        return self._reader

    def _batches(self) -> Iterator[pa.RecordBatch]:
        for batch in self.query.batches():
            yield as_duckdb(batch, self.schema)

    def interrupt(self) -> None:
        """Stop the query in Spark and the stream here."""
        self.query.interrupt()

    def close(self) -> None:
        """Give back what the query holds, in Spark too."""
        if self._reader is not None:
            self.query.interrupt()
            self._reader.close()

    def failure(self, error: Exception) -> EnclaveError:
        """Return the kind of failure and what to do about it."""
        if self.query.stopped.is_set():
            hint = "It ran too long, or its session ended."
            return QueryStopped("The query was stopped.", hint=hint)
        if isinstance(error, EnclaveError):
            return error
        kind = error.kind if isinstance(error, client.SparkError) else type(error).__name__
        for beginning, failed in _FAILURES.items():
            if kind.startswith(beginning):
                return failed
        log.warning("a query failed in Spark: %s", kind or "no class given")
        sentence, hint = "The engine could not finish the query.", "Try it in smaller steps."
        return QueryFailed(sentence, hint=hint)

    def cpu_seconds(self) -> float:
        """Return what Spark has used since the query began; others' queries count in, if any."""
        if self._reader is None:
            return 0.0
        return max(0.0, self.running.cpu_seconds() - self._began)


_FAILURES: Mapping[str, EnclaveError] = {
    "DIVIDE_BY_ZERO": QueryFailed(
        "The query divides by zero, which Spark refuses.", hint="Write a / nullif(b, 0)."
    ),
    "REMAINDER_BY_ZERO": QueryFailed(
        "The query divides by zero, which Spark refuses.", hint="Write a % nullif(b, 0)."
    ),
    "ARITHMETIC_OVERFLOW": QueryFailed(
        "A number left its range.", hint="Cast it to a wider type, DOUBLE for instance."
    ),
    "NUMERIC_VALUE_OUT_OF_RANGE": QueryFailed(
        "A number left its range.", hint="Cast it to a wider type, DOUBLE for instance."
    ),
    "CAST_": QueryFailed("A value could not be converted.", hint="Filter such rows out first."),
    "SCALAR_SUBQUERY_TOO_MANY_ROWS": QueryFailed(
        "A subquery that stands for one value gave several rows.", hint="Aggregate it."
    ),
    "UNSUPPORTED_SUBQUERY": NotPortable(
        "Spark cannot run a subquery of this form.", hint="Write it as a join."
    ),
    "USER_RAISED_EXCEPTION": QueryFailed(
        "upper or lower met a letter that Spark changes differently, such as ß.",
        hint="Leave upper, lower and ILIKE out, or compare with the exact text.",
    ),
    "UNRESOLVED_COLUMN": NotPortable(
        "Spark resolves a name in the query differently.",
        hint="Put the name of the view before each column and use no alias twice.",
    ),
}


def open_spark(
    tables: Mapping[str, Table],
    *,
    running: server.Server,
    place: Path,
    empty: duckdb.DuckDBPyConnection,
) -> SparkEngine:
    """Write the tables into `place` (memory, private) and return the engine over them.

    `running` was started before this process gave its rights up. Raises Unavailable when Spark does
    not come up or the extract cannot be read.
    """
    views = place / "views"
    views.mkdir(mode=0o700, exist_ok=True)
    schemas = {name: _write(table, views / f"{name}.parquet") for name, table in tables.items()}
    talk = client.connect(running)
    talk.wait(running)
    for name in tables:
        talk.register(name, views / f"{name}.parquet")
    return SparkEngine(running, talk, place, empty, schemas)


def _write(table: Table, path: Path) -> pa.Schema:
    try:
        source = table.rows()
        names = list(table.columns or source.schema.names)
        schema = pa.schema([source.schema.field(name) for name in names]).remove_metadata()
        with pq.ParquetWriter(path, schema, compression="none") as writer:
            for batch in source:
                writer.write_batch(batch.select(names).cast(schema), row_group_size=ROW_GROUP)
    except (pa.ArrowException, OSError):
        raise ExtractUnreadable(
            "The extract could not be read into Spark.",
            hint="An administrator looks at free memory, or builds the extract again.",
        ) from None
    return schema


def as_duckdb(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return a batch with DuckDB's names and types; a value that does not fit raises ArrowInvalid.

    Only exact conversions: widths of integers, scales of decimals, dates to timestamps.
    """
    if batch.num_columns != len(schema):
        raise pa.ArrowInvalid("Spark answers with other columns.")
    columns = [column.cast(field.type) for column, field in zip(batch.columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
