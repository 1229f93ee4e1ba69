"""DuckDB's own answer to a query, and which columns it cannot do without: found by removing them.

Shares nothing with the gateway: plain tables in a plain engine, no inspector, no plan.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from enclave.gateway.service import Gateway
from tests.support.gateway import ROSA


@dataclass(frozen=True, slots=True)
class Plain:
    """Two plain engines: one with the rows, one with empty tables to take columns from."""

    full: duckdb.DuckDBPyConnection
    empty: duckdb.DuckDBPyConnection
    columns: Mapping[str, tuple[str, ...]]

    def answer(self, sql: str) -> pa.Table:
        """DuckDB's own answer."""
        return self.full.sql(sql).to_arrow_table()

    def suffices(self, sql: str, read: Collection[str]) -> bool:
        """Whether the query means the same with all columns gone but these.

        A table keeps its first column where none is named: there is no table without columns. What
        EXCLUDE and REPLACE take out of a star stays too: it is named there, and not read.
        """
        taken_out = set(re.findall(r"EXCLUDE \((\w+)\)|AS (\w+)\)", sql))
        spared = {name for names in taken_out for name in names}
        gone = [
            (table, column)
            for table, columns in self.columns.items()
            for column in columns[1 if not _of(table, read) else 0 :]
            if f"{table}.{column}" not in read and column not in spared
        ]
        return self._shape(sql, gone) == self._shape(sql, [])

    def needless(self, sql: str, read: Collection[str]) -> list[str]:
        """The columns whose removal changes nothing: neither does the query fail nor its answer."""
        whole = self._shape(sql, [])
        return [
            name
            for name in sorted(read)
            if self._shape(sql, [tuple(name.split(".", maxsplit=1))]) == whole  # type: ignore[list-item]
        ]

    def _shape(
        self, sql: str, gone: Collection[tuple[str, str]]
    ) -> list[tuple[object, ...]] | None:
        """Names and types of the answer with some columns gone; None where it cannot be bound."""
        self.empty.execute("BEGIN")
        try:
            for table, column in gone:
                self.empty.execute(f'ALTER TABLE "{table}" DROP COLUMN "{column}"')
            return self.empty.execute(f"DESCRIBE {sql}").fetchall()
        except duckdb.BinderException:
            return None
        finally:
            self.empty.execute("ROLLBACK")


def plain(tables: Mapping[str, pa.Table]) -> Plain:
    """Plain engines over some tables, single-threaded so that ties come in one order."""
    full, empty = (duckdb.connect(config={"threads": "1"}) for _ in range(2))
    for name, table in tables.items():
        full.from_arrow(table).create(name)
        empty.from_arrow(table.schema.empty_table()).create(name)
    return Plain(full, empty, {name: tuple(t.column_names) for name, t in tables.items()})


def through(gateway: Gateway, sql: str) -> pa.Table:
    """The gateway's answer, as a client gets its batches."""
    answer = gateway.answer(ROSA, sql)
    return pa.Table.from_batches(list(answer), answer.schema)


def differs(ours: pa.Table, theirs: pa.Table, *, ordered: bool) -> str | None:
    """Say how two answers differ in names, types or rows; None where they do not."""
    if ours.column_names != theirs.column_names:
        return f"names {ours.column_names} for {theirs.column_names}"
    if ours.schema.types != theirs.schema.types:
        return f"types {ours.schema.types} for {theirs.schema.types}"
    rows, own = _rows(ours), _rows(theirs)
    if rows == own or (not ordered and Counter(rows) == Counter(own)):
        return None
    return f"{len(rows)} rows for {len(own)}, or other values or another order"


def _rows(table: pa.Table) -> list[str]:
    columns = [column.to_pylist() for column in table.columns]
    return [repr(row) for row in zip(*columns, strict=True)]


def _of(table: str, read: Collection[str]) -> list[str]:
    return [name for name in read if name.startswith(f"{table}.")]
