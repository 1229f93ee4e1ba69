"""The readers of tables: CSV, JSON, XLSX and Parquet all become the same columns and rows of text.

CSV and JSON are read here; the other two by a child process (`sandbox`), whose answer is checked
like any other stranger's. Never keeps the bytes.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from typing import Any

from egress_review.errors import OutputRefused
from egress_review.files import archive, sandbox
from egress_review.files.characters import check_seen, decode
from egress_review.files.model import MOST_CHARACTERS, MOST_COLUMNS, MOST_ROWS, Sheet

_JSON_FORMS = (
    'Write it with to_json(..., orient="records"), or with orient="split" and index=False.'
)
_PARQUET = b"PAR1"
_MARKUP = re.compile(r"</?[a-z!][^<>]*>", re.IGNORECASE)


def read_csv(content: bytes) -> Sheet:
    """Return the table in a CSV file. Raises `OutputRefused` with what is wrong and where."""
    lines = csv.reader(io.StringIO(decode(content), newline=""), strict=True)
    try:
        columns, *rows = [tuple(line) for line in lines if line]
    except csv.Error:
        raise OutputRefused(f"Line {lines.line_num} is not readable as CSV.") from None
    except ValueError:
        raise OutputRefused("The file is empty.", hint="It needs a line of column names.") from None
    if len(columns) == 1 and re.search(r"[;\t|]", columns[0]):
        raise OutputRefused(
            "The table's values are not separated by commas.",
            hint="Write it with to_csv(index=False), or write.csv in R: a comma between values, a "
            "point in decimals.",
        )
    return _sheet(columns, rows)


def read_json(content: bytes) -> Sheet:
    """Return a table written as JSON, by records or split. Raises `OutputRefused`."""
    found = load_json(content, numbers_as_text=True)
    if isinstance(found, dict) and set(found) == {"columns", "data"}:
        columns, rows = found["columns"], found["data"]
        if not isinstance(columns, list) or not isinstance(rows, list):
            raise OutputRefused("The JSON is not a table.", hint=_JSON_FORMS)
        return _sheet([_cell(c) for c in columns], [_cells(row) for row in rows])
    if isinstance(found, list) and found and all(isinstance(one, dict) for one in found):
        columns = tuple(found[0])
        if any(tuple(one) != columns for one in found):
            raise OutputRefused("The JSON's records do not all have the same columns.")
        return _sheet(columns, [_cells(list(one.values())) for one in found])
    raise OutputRefused("The JSON is not a table.", hint=_JSON_FORMS)


def load_json(content: bytes, *, numbers_as_text: bool = False) -> Any:
    """Return JSON whose every name is there once and every number finite.

    Raises `OutputRefused`. Hidden characters are looked for after escapes are undone, too.
    """
    text = decode(content)
    number: dict[str, Any] = {"parse_int": str, "parse_float": str} if numbers_as_text else {}
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_not_finite, **number)
        _check_texts(found)
    except (ValueError, RecursionError):
        raise OutputRefused("The file is not readable as JSON.", hint=_JSON_FORMS) from None
    return found


def read_xlsx(content: bytes) -> Sheet:
    """Return the one sheet of a workbook. Raises `OutputRefused`."""
    archive.check(content)
    return _of_child("xlsx", content)


def read_parquet(content: bytes) -> Sheet:
    """Return the table in a Parquet file. Raises `OutputRefused`."""
    if content[:4] != _PARQUET or content[-4:] != _PARQUET or len(content) < 12:
        raise OutputRefused("The file is not a plain Parquet file.")
    return _of_child("parquet", content)


def _of_child(form: str, content: bytes) -> Sheet:
    said = sandbox.parse(form, content).said
    columns, rows = said.get("columns"), said.get("rows")
    if not isinstance(columns, list) or not isinstance(rows, list):
        raise OutputRefused("The file does not hold a table.")
    for line in (columns, *rows):
        if not isinstance(line, list) or not all(isinstance(cell, str) for cell in line):
            raise OutputRefused("The file does not hold a table.")
        check_seen("".join(line))
    return _sheet(columns, rows)


def _sheet(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Sheet:
    """Return the table, once its shape is checked. Raises `OutputRefused`."""
    if len(rows) > MOST_ROWS or len(columns) > MOST_COLUMNS:
        raise OutputRefused(
            f"The table has {len(rows):,} rows and {len(columns)} columns; at most "
            f"{MOST_ROWS:,} and {MOST_COLUMNS} can be reviewed.",
            hint="Group more coarsely.",
        )
    if any(_MARKUP.search(name) for name in columns):
        raise OutputRefused("The file is a web page, not a table.", hint="Write it as .csv.")
    for number, row in enumerate((columns, *rows), start=1):
        if len(row) != len(columns):
            raise OutputRefused(
                f"Row {number} has {len(row)} cells where the heading has {len(columns)}.",
                hint="One line of column names, then the rows: titles, notes and sources belong in "
                "the context.",
            )
        if any(len(cell) > MOST_CHARACTERS for cell in row):
            raise OutputRefused(
                f"A cell in row {number} is longer than {MOST_CHARACTERS} characters."
            )
    return Sheet(tuple(columns), tuple(tuple(row) for row in rows))


def _cells(row: object) -> list[str]:
    if not isinstance(row, list):
        raise OutputRefused("The JSON is not a table.", hint=_JSON_FORMS)
    return [_cell(value) for value in row]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        raise OutputRefused("A cell of the JSON holds more than one value.", hint=_JSON_FORMS)
    return value


def _check_texts(value: Any) -> None:
    """Raise `OutputRefused` if a text anywhere in it holds a hidden character."""
    if isinstance(value, str):
        check_seen(value)
    elif isinstance(value, dict):
        _check_texts([*value, *value.values()])
    elif isinstance(value, list):
        for one in value:
            _check_texts(one)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise OutputRefused("A name stands twice in one object of the JSON.")
    return found


def _not_finite(word: str) -> None:
    raise OutputRefused(f"The JSON holds {word}, which is no number.", hint="Write null instead.")
