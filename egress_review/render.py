"""Writes the protected file from the recomputation, never from the bytes a researcher sent.

Rows stand in the order of their labels: an order by value would tell a hidden value's place. All
hidden numbers carry one mark, whatever the reason. Cells that a spreadsheet would run are quoted.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal

MARK = "[suppressed]"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # OWASP: CSV injection


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Return RFC 4180 CSV in UTF-8 with formulas neutralised."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([inert(name) for name in columns])
    writer.writerows([[inert(cell) for cell in row] for row in rows])
    return out.getvalue().encode()


def inert(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula; numbers stay as they are."""
    return "'" + cell if cell.startswith(_FORMULA) and not _is_number(cell) else cell


def show(value: object) -> str:
    """Return the one text of a value, so that its form can carry no message of its own."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value)


def _is_number(cell: str) -> bool:
    try:
        return Decimal(cell).is_finite()
    except ArithmeticError:
        return False
