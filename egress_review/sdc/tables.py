"""What a released table is made of: dimensions, cells, margins and the equations between them.

Pure: it knows no file, no query and no database. A margin is told from a real NULL by `Cell.level`
(from GROUPING(), see `egress_review.evidence.recompute`), never by looking at a label.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import combinations

Mark = tuple[int, int]
Level = frozenset[int]
Sum = tuple[Mark, tuple[Mark, ...]]  # a cell, and the cells that make it up

EXPLORED_DIMENSIONS = 5  # 2^5 margins; beyond it only the margins that a table itself shows


class Kind(StrEnum):
    """What a measure counts; it decides units, bounds and the protection that is owed."""

    ROWS = "rows"
    PERSONS = "persons"
    NONNULL = "nonnull"
    SUM = "sum"


@dataclass(frozen=True, slots=True)
class Measure:
    """One released number a cell carries.

    `adds_up`: a cell's value is the sum of its parts (False for persons who are in several parts).
    `signed`: values below zero occur in the source, so no lower bound is known to anyone.
    """

    name: str
    kind: Kind
    adds_up: bool = True
    signed: bool = False


ROWS = Measure("rows", Kind.ROWS)


@dataclass(frozen=True, slots=True)
class Contributors:
    """Who stands behind one measure of one cell.

    `persons`: distinct persons who contribute (a value that is not NULL; for sums, not zero).
    `missing`: persons of the cell who do not. `top`: the largest absolute contributions, largest
    first; `total`: the sum of all absolute contributions, in the measure's own unit.
    """

    persons: int
    missing: int = 0
    top: tuple[float, ...] = ()
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class Cell:
    """One row of a table: the group it describes, what is published of it, and who is in it.

    `mark` identifies the set of source rows (their number and the sum of their hashes): two cells
    with one mark are one cell, in whatever table they stand. `level` holds the indices of the
    dimensions this row is broken down by; the others are totals.
    """

    mark: Mark
    level: Level
    key: tuple[str, ...]
    persons: int
    values: Mapping[str, float]
    contributors: Mapping[str, Contributors] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    """Cells over the same dimensions, and which of them (by index) are hidden in what is released.

    `sums` are those that its labels do not say, with cells of earlier tables too; `held` are cells
    and others that lie inside them, together no more than they are (`nesting`).
    """

    dimensions: tuple[str, ...]
    measures: tuple[Measure, ...]
    cells: tuple[Cell, ...]
    hidden: frozenset[int] = frozenset()
    primary: frozenset[int] = frozenset()
    sums: tuple[Sum, ...] = ()
    held: tuple[Sum, ...] = ()

    def levels(self) -> frozenset[Level]:
        """Return the groupings this table shows."""
        return frozenset(cell.level for cell in self.cells)

    def measure(self, name: str) -> Measure:
        """Return the measure of that name."""
        return next(measure for measure in self.measures if measure.name == name)


@dataclass(frozen=True, slots=True)
class Margin:
    """`total` is the sum of `parts`: the total's mark, its level, and indices of the part cells."""

    total: Mark
    level: Level
    parts: tuple[int, ...]


def adding(tables: Iterable[Table]) -> frozenset[str]:
    """Return the measures that add up in each table that has them: what `Table.sums` hold for."""
    measures = [measure for table in tables for measure in table.measures]
    return frozenset(m.name for m in measures) - {m.name for m in measures if not m.adds_up}


def with_rows(table: Table) -> Table:
    """Return the table with its numbers of rows too, where another of its numbers is that.

    Where each person has one row, or each row a value, who reads the one knows the other.
    """
    if all(measure.kind is not Kind.ROWS for measure in table.measures):
        for measure in table.measures:
            counts = measure.kind in (Kind.PERSONS, Kind.NONNULL)
            if counts and all(cell.values[measure.name] == cell.mark[0] for cell in table.cells):
                cells = (
                    replace(cell, values={**cell.values, ROWS.name: float(cell.mark[0])})
                    for cell in table.cells
                )
                return replace(table, measures=(*table.measures, ROWS), cells=tuple(cells))
    return table


def margins(table: Table) -> Iterator[Margin]:
    """Yield every margin one can derive from a table: shown ones and those only implied.

    A margin of level L is derived from each level F that contains L with no shown level between.
    """
    shown = table.levels()
    for level in _explored(table, shown):
        for finer in _nearest(level, shown):
            yield from _project(table, level, finer)


def _explored(table: Table, shown: frozenset[Level]) -> frozenset[Level]:
    if len(table.dimensions) > EXPLORED_DIMENSIONS:
        return shown | {frozenset()}
    every = range(len(table.dimensions))
    return frozenset(
        frozenset(chosen) for size in range(len(every) + 1) for chosen in combinations(every, size)
    )


def _nearest(level: Level, shown: Iterable[Level]) -> list[Level]:
    finer = [other for other in shown if other > level]
    return [one for one in finer if not any(other < one for other in finer)]


def _project(table: Table, level: Level, finer: Level) -> Iterator[Margin]:
    order = sorted(level)
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, cell in enumerate(table.cells):
        if cell.level == finer:
            groups[tuple(cell.key[dimension] for dimension in order)].append(index)
    for parts in groups.values():
        marks = [table.cells[index].mark for index in parts]
        total = (sum(rows for rows, _ in marks), sum(hashes for _, hashes in marks))
        yield Margin(total, level, tuple(parts))
