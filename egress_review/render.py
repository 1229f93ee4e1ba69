"""Writes the protected file from the recomputation, never from the bytes a researcher sent.

Rows stand in the order of their labels: an order by value would tell a hidden value's place. All
hidden numbers carry one mark, whatever the reason. Cells that a spreadsheet would run are quoted.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence
from decimal import Decimal

MARK = "[suppressed]"
_NUMBER = re.compile(r"[+-]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")  # 09001 is a code
_FAR = 15  # digits from the point up to which a number is written out
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # OWASP: CSV injection


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Return RFC 4180 CSV in UTF-8, each cell in the one form of its text, formulas neutralised."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([inert(one_form(name)) for name in columns])
    writer.writerows([[inert(one_form(cell)) for cell in row] for row in rows])
    return out.getvalue().encode()


def one_form(cell: str) -> str:
    """Return a text without what a reader does not see: how many blanks, of which kind, composed.

    Blanks at the end of a label, say, could count up to somebody's amount.
    """
    if cell.isalnum() and cell.isascii():
        return cell
    return " ".join(unicodedata.normalize("NFC", cell).split())


def one_number(cell: str) -> str:
    """Return a number without signs, zeros or powers that say nothing; codes as they are.

    How many zeros end a number, row by row, could be a message.
    """
    if not _NUMBER.fullmatch(cell):
        return cell
    number = Decimal(cell)
    if not number:
        return "0"
    plain = format(number, "f") if -_FAR < number.adjusted() < _FAR else format(number, "e")
    return plain.rstrip("0").rstrip(".") if "." in plain and "e" not in plain else plain


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
