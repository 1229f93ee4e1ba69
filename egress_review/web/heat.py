"""The map of risk above a table: a grid of two labels where that fits, else a small picture.

The words of each colour stand in the legend with their counts, and each leads to its rows. Never
draws one element a cell of a large table: a colour is one path, so ten thousand cells stay small.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from egress_review.web.shown import Label, Risk, ShownRow, ShownTable

MOST_ACROSS, MOST_CELLS = 10, 400
LEAST_DRAWN = 150
SQUARE = 6  # SVG units a cell of the small picture

WORDS: Mapping[Risk, str] = {
    Risk.RULE: "hidden by a rule",
    Risk.PROTECTS: "hidden to protect others",
    Risk.NEAR: "shown, fewer people than twice the threshold",
    Risk.FREE: "shown",
    Risk.CHANGED: "changed by chance",
    Risk.HIDDEN: "hidden",
    Risk.SHOWN: "shown",
}
SHORT: Mapping[Risk, str] = {
    Risk.RULE: "hidden: rule",
    Risk.PROTECTS: "hidden: protects",
    Risk.NEAR: "near",
    Risk.HIDDEN: "hidden",
}


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of two labels: what is across, what is down, and the row in each place."""

    down: str
    across: str
    head: tuple[Label, ...]
    lines: tuple[tuple[Label, tuple[ShownRow | None, ...]], ...]
    measure: str
    number: int


@dataclass(frozen=True, slots=True)
class Picture:
    """Every row as a small square, in the file's order, line by line; one path a colour."""

    width: int
    height: int
    paths: tuple[tuple[Risk, str], ...]
    across: int


def legend(table: ShownTable) -> list[tuple[Risk, str, int]]:
    """Return (risk, words, rows) of every risk that occurs, worst first."""
    counts = Counter(table.risks)
    return [(risk, WORDS[risk], counts[risk]) for risk in WORDS if counts[risk]]


def grid(table: ShownTable, *, measure: str = "") -> Grid | None:
    """Return the grid, or None where the table has not two labels or is too large for one."""
    size = len(table.risks)
    if len(table.labels) != 2 or not table.numbers or not 0 < size <= MOST_CELLS:
        return None
    rows = [table.row(index) for index in range(size)]
    side = _side_across(rows)
    if side is None:
        return None
    head = _in_order(row.labels[side] for row in rows)
    down = _in_order(row.labels[1 - side] for row in rows)
    places = {(row.labels[1 - side], row.labels[side]): row for row in rows}
    if len(places) != size:
        return None  # two rows of one place: a label's blank is both a total and a missing value
    chosen = measure if measure in table.numbers else table.numbers[0]
    return Grid(
        down=table.labels[1 - side],
        across=table.labels[side],
        head=head,
        lines=tuple((d, tuple(places.get((d, a)) for a in head)) for d in down),
        measure=chosen,
        number=table.numbers.index(chosen),
    )


def picture(risks: Sequence[Risk]) -> Picture | None:
    """Return the small picture of a table's risks; None of one that is seen at a glance anyway."""
    if len(risks) < LEAST_DRAWN:
        return None
    across = max(20, min(160, round((len(risks) * 2.5) ** 0.5)))
    paths: dict[Risk, list[str]] = defaultdict(list)
    lines = [risks[start : start + across] for start in range(0, len(risks), across)]
    for y, line in enumerate(lines):
        x = 0
        for risk, run in groupby(line):
            length = sum(1 for _ in run)
            edge = length * SQUARE - 1
            paths[risk].append(f"M{x * SQUARE} {y * SQUARE}h{edge}v{SQUARE - 1}h-{edge}z")
            x += length
    return Picture(
        width=across * SQUARE,
        height=len(lines) * SQUARE,
        paths=tuple((risk, "".join(parts)) for risk, parts in paths.items()),
        across=across,
    )


def _side_across(rows: Sequence[ShownRow]) -> int | None:
    """Return which of the two labels has few enough values to stand across: the later if both."""
    kinds = [len({row.labels[side] for row in rows}) for side in (0, 1)]
    fitting = [side for side in (1, 0) if kinds[side] <= MOST_ACROSS]
    return fitting[0] if fitting else None


def _in_order(labels: Iterable[Label]) -> tuple[Label, ...]:
    """Return each label once, totals last."""
    return tuple(sorted(dict.fromkeys(labels), key=lambda label: not label.plain))
