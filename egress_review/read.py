"""Reads what a researcher submits: one CSV table, nothing else for now, and says why not.

The bytes are never served again as they came. Formulas, hidden columns and surplus cells do not
survive: what is released is written anew from the recomputation (`render`).
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from pathlib import PurePosixPath

from egress_review.errors import OutputRefused
from egress_review.files.model import Sheet

__all__ = ["MOST_BYTES", "MOST_ROWS", "Sheet", "read_csv", "safe_name"]

MOST_BYTES = 5 * 1024 * 1024
MOST_ROWS = 20_000
MOST_COLUMNS = 50
MOST_CHARACTERS = 500  # in one cell
_KEEP = re.compile(r"[^A-Za-z0-9._-]+")


def safe_name(filename: str) -> str:
    """Return a file name of plain characters without a path. Raises unless it ends in .csv."""
    name = _KEEP.sub("-", PurePosixPath(filename.replace("\\", "/")).name).strip("-.")[:80]
    if not name.lower().endswith(".csv") or len(name) <= len(".csv"):
        raise OutputRefused(
            "Only CSV tables can be submitted for now.",
            hint="Write the table with to_csv(..., index=False) and submit the .csv file; "
            "for a plot, submit the table it is drawn from.",
        )
    return name


def read_csv(content: bytes) -> Sheet:
    """Return the table in a CSV file. Raises `OutputRefused` with what is wrong and where."""
    if len(content) > MOST_BYTES:
        raise OutputRefused(
            f"The file has {len(content):,} bytes; at most {MOST_BYTES:,} can be reviewed.",
            hint="Group more coarsely, or submit the table in parts.",
        )
    lines = csv.reader(io.StringIO(_decode(content), newline=""), strict=True)
    try:
        columns, *rows = [tuple(line) for line in lines if line]
    except csv.Error:
        raise OutputRefused(f"Line {lines.line_num} is not readable as CSV.") from None
    except ValueError:
        raise OutputRefused("The file is empty.", hint="It needs a line of column names.") from None
    _check_shape(columns, rows)
    return Sheet(columns, tuple(rows))


def _decode(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise OutputRefused(
            "The file is not UTF-8 text.", hint="Write it with encoding='utf-8'."
        ) from None
    if any(_is_hidden(character) for character in text):
        raise OutputRefused(
            "The file contains invisible or control characters.",
            hint="A released table holds only what a reviewer can see.",
        )
    return text


def _is_hidden(character: str) -> bool:
    return character not in "\r\n\t" and unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs")


def _check_shape(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    if len(rows) > MOST_ROWS or len(columns) > MOST_COLUMNS:
        raise OutputRefused(
            f"The table has {len(rows):,} rows and {len(columns)} columns; at most "
            f"{MOST_ROWS:,} and {MOST_COLUMNS} can be reviewed.",
            hint="Group more coarsely.",
        )
    for number, row in enumerate(rows, start=2):
        if len(row) != len(columns):
            raise OutputRefused(
                f"Row {number} has {len(row)} cells where the heading has {len(columns)}."
            )
        if any(len(cell) > MOST_CHARACTERS for cell in row):
            raise OutputRefused(
                f"A cell in row {number} is longer than {MOST_CHARACTERS} characters."
            )
