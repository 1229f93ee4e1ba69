"""A table drawn for a reviewer: every number twice, as it is and as it would be released.

Built from the two files a vote is bound to, and from nothing the browser sent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from egress_review.ledger import Entry
from egress_review.read import read_csv
from egress_review.render import MARK
from egress_review.sdc.tables import Cell, Kind, Measure

WHY: Mapping[str, str] = {
    "threshold": "too few people",
    "missing-values": "too few people without a value",
    "dominance": "one or two contributors dominate",
    "p-ratio": "a contributor could be estimated",
    "differencing": "would single out people beside something released before",
    "complementary": "protects other rows",
}


@dataclass(frozen=True, slots=True)
class Number:
    """One number: as it is, as released, and whether it is hidden."""

    full: str
    released: str
    hidden: bool


@dataclass(frozen=True, slots=True)
class Label:
    """A label as it stands in the file, or (not `plain`) what a blank one means."""

    text: str
    plain: bool


@dataclass(frozen=True, slots=True)
class ShownRow:
    """One row: its labels, its numbers, the people in it, and if hidden why and how well.

    `bounds` are sentences on what the attacker is left with.
    """

    labels: tuple[Label, ...]
    numbers: tuple[Number, ...]
    persons: int
    why: tuple[str, ...]
    bounds: tuple[str, ...]

    @property
    def hidden(self) -> bool:
        """Whether the row's numbers are hidden."""
        return bool(self.why)


@dataclass(frozen=True, slots=True)
class ShownTable:
    """All rows, and which columns are labels and which numbers."""

    labels: tuple[str, ...]
    numbers: tuple[str, ...]
    rows: tuple[ShownRow, ...]


def lay_out(full: bytes, protected: bytes, entry: Entry) -> ShownTable:
    """Return the two files row by row beside each other."""
    left, right = read_csv(full), read_csv(protected)
    is_number = entry.numbers
    rows = [
        _row(index, (one, other), is_number, entry)
        for index, (one, other) in enumerate(zip(left.rows, right.rows, strict=True))
    ]
    return ShownTable(
        labels=tuple(n for n, number in zip(left.columns, is_number, strict=True) if not number),
        numbers=tuple(n for n, number in zip(left.columns, is_number, strict=True) if number),
        rows=tuple(rows),
    )


def _row(
    index: int,
    lines: tuple[tuple[str, ...], tuple[str, ...]],
    is_number: tuple[bool, ...],
    entry: Entry,
) -> ShownRow:
    full, released = lines
    cell = entry.table.cells[index]
    hidden = index in entry.table.hidden
    why = entry.reasons.get(index, ("complementary",)) if hidden else ()
    pairs = list(zip(full, released, is_number, strict=True))
    return ShownRow(
        labels=tuple(
            _label(text, dimension, cell)
            for text, dimension in zip(
                (text for text, _, number in pairs if not number), entry.labels, strict=True
            )
        ),
        numbers=tuple(Number(a, b, b == MARK) for a, b, number in pairs if number),
        persons=cell.persons,
        why=tuple(WHY[reason] for reason in why),
        bounds=tuple(
            _bound(entry.table.measure(name), interval)
            for name, interval in entry.bounds.get(index, {}).items()
        ),
    )


def _label(text: str, dimension: int | None, cell: Cell) -> Label:
    """Return a label; a blank one is a total or a missing value, which the file cannot tell."""
    if text:
        return Label(text, plain=True)
    if dimension is None:
        return Label("blank", plain=False)
    return Label("no value" if dimension in cell.level else "all", plain=False)


def _bound(measure: Measure, interval: tuple[float, float]) -> str:
    low, high = interval
    name = {Kind.ROWS: "rows", Kind.PERSONS: "people", Kind.NONNULL: "values"}.get(
        measure.kind, measure.name.partition(".")[2] or "sum"
    )
    whole = measure.kind is not Kind.SUM
    least = _figure(math.ceil(low - 1e-6) if whole and math.isfinite(low) else low)
    if math.isinf(high):
        return f"{name}: {least} or more" if math.isfinite(low) else f"{name}: anything"
    return f"{name}: {least} to {_figure(math.floor(high + 1e-6) if whole else high)}"


def _figure(value: float) -> str:
    if math.isinf(value):
        return "no limit"
    return f"{value:,.0f}"
