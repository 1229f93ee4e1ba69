"""Whether a submitted table is exactly the answer of its query.

The order of rows is free. Numbers are compared as numbers, labels as text, NULL as blank.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from egress_review.errors import OutputRefused
from egress_review.files.model import Sheet
from egress_review.render import show

Line = tuple[Any, ...]
NULLS = frozenset({"", "na", "nan", "none", "null", "<na>", "nat"})
NEAR = 1e-9  # floating-point sums depend on their order, so also on the number of threads


def compare(sheet: Sheet, columns: tuple[str, ...], lines: Sequence[Line]) -> None:
    """Raise `OutputRefused` unless the submitted table has these columns and these lines."""
    if sheet.columns != columns:
        extra = sheet.columns[:1] in ((("",)), (("Unnamed: 0",)))
        raise OutputRefused(
            f"The table's columns are not those of its query: {', '.join(columns)[:200]}.",
            hint="Write it with index=False."
            if extra
            else "Choose, name (AS …) and work out columns in the query; submit its whole answer.",
        )
    if len(sheet.rows) != len(lines):
        raise OutputRefused(
            f"Rows in the table: {len(sheet.rows)}; in its query's answer: {len(lines)}.",
            hint="Submit the query's whole answer; filter in the query's WHERE.",
        )
    submitted = sorted((_canonical_text(row) for row in sheet.rows), key=repr)
    answered = sorted((_canonical(line) for line in lines), key=repr)
    if not _same(submitted, answered):
        raise OutputRefused(
            "The table's content is not what its query answers.",
            hint="Submit the query's answer as it is, or round in the query: round(…).",
        )


Canonical = tuple[str | float | None, ...]


def _canonical_text(row: Sequence[str]) -> Canonical:
    return tuple(_from_text(cell) for cell in row)


def _from_text(cell: str) -> str | float | None:
    if cell.strip().lower() in NULLS:
        return None
    if cell in ("True", "False"):
        return cell.lower()
    return _number(cell)


def _number(text: str) -> str | float:
    """Return text as a number if it is written as one; 16 figures are enough to compare."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return float(f"{number:.11e}") if number.is_finite() else text


def _canonical(line: Line) -> Canonical:
    return tuple(_from_text(_plain(value)) for value in line)


def _plain(value: object) -> str:
    if isinstance(value, datetime.date):
        return value.isoformat()
    return show(value)


def _same(left: list[Canonical], right: list[Canonical]) -> bool:
    return all(
        _alike(a, b)
        for one, other in zip(left, right, strict=True)
        for a, b in zip(one, other, strict=True)
    )


def _alike(left: str | float | None, right: str | float | None) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=NEAR, abs_tol=NEAR)
    return left == right
