"""The engine's own reading of a text as JSON: its syntax tree, and the plan it binds to.

On tables without a row, in a database with nothing else in it. Prepared once for each connection
and with the optimizer off, which saved a fifth of the time (measured); it would only have folded
the constants of these two statements. Never runs the text.
"""

from __future__ import annotations

from typing import Any

import duckdb
from pydantic_core import from_json

from enclave.gateway.inspector.catalogue import Catalogue
from enclave.gateway.inspector.parameters import literal
from enclave.gateway.refusals import NotUnderstood


def open_empty(catalogue: Catalogue) -> duckdb.DuckDBPyConnection:
    """Return a database of its own with the catalogue's tables, empty, and its settings locked."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "enable_external_access": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "python_enable_replacements": "false",
        "max_expression_depth": "250",
        "memory_limit": "256MB",
        "threads": "1",
    }
    empty = duckdb.connect(":memory:", config=config)
    for name, schema in catalogue.tables.items():
        empty.from_arrow(schema.empty_table()).create(name)
    steps = empty.execute("SELECT name FROM duckdb_optimizers()").fetchall()
    empty.execute(f"SET disabled_optimizers = '{','.join(name for (name,) in steps)}'")
    empty.execute("SET lock_configuration = true")
    return empty


def open_reader(empty: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Return a connection of one thread's own, ready for `tree_of` and `plan_of`."""
    cursor = empty.cursor()
    cursor.execute("PREPARE tree_of AS SELECT json_serialize_sql($1)")
    cursor.execute("PREPARE plan_of AS SELECT json_serialize_plan($1, optimize := false)")
    return cursor


def tree_of(reader: duckdb.DuckDBPyConnection, sql: str) -> dict[str, Any]:
    """Return the syntax tree of a text, or what the engine's parser says is wrong with it."""
    return _told(reader, f"EXECUTE tree_of({literal(sql)})")


def plan_of(reader: duckdb.DuckDBPyConnection, sql: str) -> dict[str, Any]:
    """Return the plan of a text, not optimised, or what the engine's binder says is wrong."""
    return _told(reader, f"EXECUTE plan_of({literal(sql)})")


def text_of(reader: duckdb.DuckDBPyConnection, tree: str) -> str:
    """Return the engine's own text of a syntax tree, which is JSON. Raises NotUnderstood."""
    try:
        row = reader.execute("SELECT json_deserialize_sql($1::JSON)", [tree]).fetchone()
    except duckdb.Error:
        row = None
    if row is None or not row[0]:
        raise NotUnderstood(
            "The engine cannot write the query out.", hint="Write it in plainer SQL, in steps."
        )
    return str(row[0])


def _told(reader: duckdb.DuckDBPyConnection, statement: str) -> dict[str, Any]:
    try:
        row = reader.execute(statement).fetchone()
    except duckdb.Error:
        row = None
    # No text comes when the engine's sentence cuts a character of the query in two.
    if row is None or not row[0]:
        raise NotUnderstood(
            "The engine cannot read the query.", hint="Write it in plainer SQL, in smaller steps."
        )
    try:
        tree: dict[str, Any] = from_json(row[0])
    except ValueError:  # the engine writes a NaN as it is, which is no JSON
        raise NotUnderstood(
            "The engine's reading of the query holds a value that cannot be told.",
            hint="Leave out constants such as 'nan'; compare with isnan(x) instead.",
        ) from None
    return tree
