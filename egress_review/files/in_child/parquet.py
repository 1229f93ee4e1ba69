"""Parquet in the child: values as text, nothing of the file's own metadata or statistics."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from egress_review.errors import OutputRefused
from egress_review.files.in_child.values import text
from egress_review.files.model import MOST_COLUMNS, MOST_ROWS

_FLAT = (
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_boolean,
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_decimal,
    pa.types.is_date,
    pa.types.is_timestamp,
    pa.types.is_null,
)


def warm() -> None:
    """Have Arrow load what it loads late, while files can still be opened."""
    moments = pa.array([0], pa.timestamp("us"))
    words = pa.array(["a"]).dictionary_encode()
    money = pa.array([1]).cast(pa.decimal128(38, 2))
    out = pa.BufferOutputStream()
    pq.write_table(pa.table({"a": moments, "b": words, "c": money}), out)
    read(out.getvalue().to_pybytes())


def read(content: bytes) -> tuple[dict[str, object], bytes]:
    """Return columns and rows. Raises `OutputRefused`."""
    try:
        table = _table(content)
        columns = [[text(v) for v in _plain(column).to_pylist()] for column in table.columns]
    except (pa.ArrowException, OSError, ValueError):
        raise OutputRefused("The file is not readable as Parquet.") from None
    rows = list(zip(*columns, strict=True))
    return {"columns": table.column_names, "rows": rows}, b""


def _table(content: bytes) -> pa.Table:
    source = pq.ParquetFile(pa.BufferReader(content), memory_map=False)
    shape = source.metadata
    if shape.num_rows > MOST_ROWS or shape.num_columns > MOST_COLUMNS:
        raise OutputRefused(
            f"The table has more than {MOST_ROWS:,} rows or {MOST_COLUMNS} columns.",
            hint="Group more coarsely.",
        )
    for field in source.schema_arrow:
        _check_flat(field.type)
    return source.read(use_threads=False)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return moments to the microsecond: smaller parts would want another library."""
    return column.cast(pa.timestamp("us")) if pa.types.is_timestamp(column.type) else column


def _check_flat(kind: pa.DataType) -> None:
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not any(is_one(plain) for is_one in _FLAT) or getattr(plain, "tz", None):
        raise OutputRefused(
            "A column holds lists, bytes, zoned times or other values that are not plain.",
            hint="Keep one plain value in each cell.",
        )
