"""SHOW TABLES and DESCRIBE, answered from the catalogue: the text that lists what there is.

The engine is asked for constants only, so these answers read no row, show no older version and are
the same on every engine.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from enclave.gateway.inspector.catalogue import Catalogue
from enclave.gateway.inspector.parameters import literal
from enclave.gateway.refusals import NotUnderstood

_DESCRIBED = ("column_name", "column_type", "null", "key", "default", "extra")


def tables(catalogue: Catalogue) -> str:
    """Return the query whose answer is the list of views, as SHOW TABLES has it."""
    return _constants(("name",), [(name,) for name in sorted(catalogue.schemas)])


def described(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    """Return the query whose answer describes the columns of another query's, unread.

    `sql` has passed every reader; `connection` is on the empty tables. Raises NotUnderstood.
    """
    try:
        rows = connection.execute(f"DESCRIBE {sql}").fetchall()
    except duckdb.Error:
        raise NotUnderstood(
            "The query cannot be described.", hint="Ask it with LIMIT 0 instead."
        ) from None
    return _constants(_DESCRIBED, rows)


def _constants(names: Sequence[str], rows: Sequence[Sequence[str | None]]) -> str:
    written = ", ".join(f"({', '.join(map(_text, row))})" for row in rows)
    columns = ", ".join(f'"{name}"' for name in names)
    return "".join(("SELECT * FROM (VALUES ", written, ") AS listed(", columns, ")"))


def _text(value: str | None) -> str:
    return "CAST(NULL AS VARCHAR)" if value is None else literal(value)
