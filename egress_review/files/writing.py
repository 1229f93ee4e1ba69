"""Writes a protected table anew in the format it was submitted in, from its cells alone.

No byte of the submitted file is at hand here. A number column in which a number is hidden is text
in Parquet: a missing value already means something else. Workbooks have one sheet of values.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq

from egress_review.files.names import ending
from egress_review.files.workbook import NUMBER, Rows, is_numeric, numeric_columns, write_xlsx
from egress_review.render import MARK, write_csv

_MOST_DIGITS = 38


def write(columns: Sequence[str], rows: Rows, name: str) -> bytes:
    """Return the table in the format of its name (.csv, .xlsx, .parquet, .json).

    Raises `OutputRefused` for a name that is not a table's.
    """
    return {
        ".csv": write_csv,
        ".xlsx": write_xlsx,
        ".parquet": write_parquet,
        ".json": write_json,
    }[ending(name)](columns, rows)


def write_json(columns: Sequence[str], rows: Rows) -> bytes:
    """Return {"columns": [...], "data": [[...]]}, as pandas reads with orient="split"."""
    numeric = numeric_columns(columns, rows)
    lines = [
        ", ".join(_json(cell, is_number=is_one) for cell, is_one in zip(row, numeric, strict=True))
        for row in rows
    ]
    head = json.dumps(list(columns), ensure_ascii=False)
    body = ",\n  ".join(f"[{line}]" for line in lines)
    return f'{{"columns": {head},\n "data": [\n  {body}\n ]}}\n'.encode()


def write_parquet(columns: Sequence[str], rows: Rows) -> bytes:
    """Return Parquet without statistics, dictionaries or key-value metadata."""
    arrays = [_array([row[place] for row in rows]) for place in range(len(columns))]
    out = io.BytesIO()
    pq.write_table(
        pa.Table.from_arrays(arrays, names=list(columns)),
        out,
        compression="zstd",
        use_dictionary=False,
        write_statistics=False,
        store_schema=False,
    )
    return out.getvalue()


def _json(text: str, *, is_number: bool) -> str:
    if not text:
        return "null"
    if is_number and NUMBER.fullmatch(text):
        return text
    return json.dumps(text, ensure_ascii=False)


def _array(cells: Sequence[str]) -> pa.Array:
    """Return a column in the narrowest type that gives back the very text of each cell."""
    if is_numeric(cells) and MARK not in cells:
        for read in (_int, _float, _decimal):
            found = read([cell or None for cell in cells])
            if found is not None:
                return found
    return pa.array([cell or None for cell in cells], pa.string())


def _int(cells: Sequence[str | None]) -> pa.Array | None:
    exact = all(
        c is None or (str(int(c)) == c if "." not in c and "e" not in c.lower() else False)
        for c in cells
    )
    small = exact and all(c is None or abs(int(c)) < 2**63 for c in cells)
    return pa.array([None if c is None else int(c) for c in cells], pa.int64()) if small else None


def _float(cells: Sequence[str | None]) -> pa.Array | None:
    if any(c is not None and str(float(c)) != c for c in cells):
        return None
    return pa.array([None if c is None else float(c) for c in cells], pa.float64())


def _decimal(cells: Sequence[str | None]) -> pa.Array | None:
    plain = [c for c in cells if c is not None and "e" not in c.lower()]
    scales = {len(c.partition(".")[2]) for c in plain}
    digits = max((sum(map(str.isdigit, c)) for c in plain), default=0)
    if len(scales) != 1 or digits > _MOST_DIGITS or len(plain) < sum(c is not None for c in cells):
        return None
    kind = pa.decimal128(_MOST_DIGITS, scales.pop())
    return pa.array([None if c is None else Decimal(c) for c in cells], kind)
