"""A table drawn for a reviewer: every number twice, as it is and as it would be released.

Built from the two files a vote is bound to, and from nothing the browser sent. Lays out only the
rows that a page shows: a table of ten thousand rows is as quick to open as one of ten.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from egress_review.earlier.ledger import Entry
from egress_review.render import MARK
from egress_review.sdc.tables import Cell, Kind, Measure

WHY: Mapping[str, str] = {
    "threshold": "too few people",
    "missing-values": "too few people without a value",
    "dominance": "one or two contributors dominate",
    "p-ratio": "a contributor could be estimated",
    "percentile": "too few people on one side of a percentile",
    "mode": "nearly everyone has the same value",
    "employers": "too few employers, or one of them dominates",
    "households": "too few households",
    "class-disclosure": "everyone of a group is alike",
    "left-out": "left out by the query itself",
    "differencing": "would single out people beside something released before",
    "complementary": "protects other rows",
}
Lines = tuple[tuple[str, ...], ...]
NEAR = 2  # a shown row of fewer people than this many thresholds is worth a second look


class Risk(StrEnum):
    """How much there is to fear from a row, most first; the reviewer's map is coloured by it."""

    RULE = "rule"
    PROTECTS = "protects"
    NEAR = "near"
    FREE = "free"
    CHANGED = "changed"  # every number was changed by chance
    HIDDEN = "hidden"  # an outsider cannot tell why
    SHOWN = "shown"


@dataclass(frozen=True, slots=True)
class Number:
    """One number: as it is (empty if it is not to be seen), as released, and whether hidden."""

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

    `bounds` are sentences on what the attacker is left with. `persons` is None for outsiders.
    """

    labels: tuple[Label, ...]
    numbers: tuple[Number, ...]
    persons: int | None
    why: tuple[str, ...]
    bounds: tuple[str, ...]
    risk: Risk

    @property
    def hidden(self) -> bool:
        """Whether the row's numbers are hidden."""
        return self.risk in (Risk.RULE, Risk.PROTECTS, Risk.HIDDEN)


@dataclass(frozen=True, slots=True)
class ShownTable:
    """Both files and what is known of each row; `full` is None for what an outsider would see."""

    full: Lines | None
    released: Lines
    entry: Entry
    risks: tuple[Risk, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the columns that hold labels."""
        return self._named(False)

    @property
    def numbers(self) -> tuple[str, ...]:
        """The names of the columns that hold numbers."""
        return self._named(True)

    def row(self, index: int) -> ShownRow:
        """Return one row, laid out."""
        released = self.released[index + 1]
        full = self.full[index + 1] if self.full else ("",) * len(released)
        triples = list(zip(full, released, self.entry.numbers, strict=True))
        cells = self.entry.table.cells  # none where nothing exact is known to anybody
        cell, risk = cells[index] if cells else None, self.risks[index]
        return ShownRow(
            labels=tuple(
                _label(text, dimension, cell)
                for text, dimension in zip(
                    (text for _, text, number in triples if not number),
                    self.entry.labels,
                    strict=True,
                )
            ),
            numbers=tuple(Number(a, b, b == MARK) for a, b, number in triples if number),
            persons=cell.persons if cell and self.full else None,
            why=self._why(index),
            bounds=tuple(
                _bound(self.entry.table.measure(name), interval)
                for name, interval in self.entry.bounds.get(index, {}).items()
            ),
            risk=risk,
        )

    def _why(self, index: int) -> tuple[str, ...]:
        if index not in self.entry.table.hidden or not self.full:
            return ()
        return tuple(WHY[one] for one in self.entry.reasons.get(index, ("complementary",)))

    def _named(self, number: bool) -> tuple[str, ...]:
        pairs = zip(self.released[0], self.entry.numbers, strict=True)
        return tuple(name for name, is_number in pairs if is_number is number)


def lay_out(
    full: bytes | None, protected: bytes, entry: Entry, *, threshold: int, changed: bool = False
) -> ShownTable:
    """Return the table for a reviewer, or without `full` as an outsider would come to see it.

    `changed`: its numbers were rounded, noised or drawn instead of hidden.
    """
    released, hidden = _lines(protected), entry.table.hidden
    places = range(len(released) - 1)
    if full is None:
        risks = tuple(Risk.HIDDEN if place in hidden else Risk.SHOWN for place in places)
        return ShownTable(None, released, entry, risks)
    risks = tuple(_risk(entry, place, threshold, changed=changed) for place in places)
    return ShownTable(_lines(full), released, entry, risks)


def _lines(content: bytes) -> Lines:
    """Return the lines of a file that we wrote ourselves: it was read as a stranger's once."""
    return tuple(tuple(line) for line in csv.reader(io.StringIO(content.decode(), newline="")))


def _risk(entry: Entry, index: int, threshold: int, *, changed: bool) -> Risk:
    if index in entry.table.hidden:
        return Risk.RULE if index in entry.reasons else Risk.PROTECTS
    if changed:
        return Risk.CHANGED
    return Risk.NEAR if entry.table.cells[index].persons < NEAR * threshold else Risk.FREE


def _label(text: str, dimension: int | None, cell: Cell | None) -> Label:
    """Return a label; a blank one is a total or a missing value, which the file cannot tell."""
    if text:
        return Label(text, plain=True)
    if dimension is None or cell is None:
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
