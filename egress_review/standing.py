"""Who stands behind each cell: persons, their rows and what they give, cell by cell, as arrays.

Pure arithmetic on the rows a query read. Cells are lines of the answer; persons are places in one
order, and no more than that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from egress_review.sdc.tables import Contributors

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Hashes = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Pairs:
    """The rows of one grouping, ordered by cell and then by whom they belong to.

    `first` is where each (cell, owner) begins in `order`; `cell` and `owner` say which they are.
    """

    order: Ints
    first: Ints
    cell: Ints
    owner: Ints

    def sums(self, amounts: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return what each owner gives to each cell."""
        if not len(self.first):
            return np.zeros(0, dtype=amounts.dtype)
        added: npt.NDArray[Any] = np.add.reduceat(amounts[self.order], self.first)
        return added

    @cached_property
    def starts(self) -> Ints:
        """Return where each cell that has an owner begins among the pairs."""
        return _starts(self.cell)


def pair(cells: Ints, owners: Ints, *, ordered: bool) -> Pairs:
    """Return the pairs of rows; negative owners are nobody. `ordered`: owners never descend."""
    present = np.flatnonzero(owners >= 0) if owners.min(initial=0) < 0 else None
    if present is not None:
        cells, owners = cells[present], owners[present]
    if ordered:
        order = np.argsort(cells.astype(np.uint16), kind="stable")  # a radix sort: lines < 2^16
    else:
        order = np.lexsort((owners, cells))
    cells, owners = cells[order], owners[order]
    first = _starts((cells << 40) + owners)
    if present is not None:
        order = present[order]
    return Pairs(order, first, cells[first], owners[first])


def _starts(ranked: Ints) -> Ints:
    if not len(ranked):
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))


def contributors(pairs: Pairs, given: Floats, cells: int, largest: int) -> list[Contributors]:
    """Return, per cell, who gives other than nothing, the largest gifts and the total of all."""
    size = np.abs(given)
    persons = np.bincount(pairs.cell[size > 0], minlength=cells)
    total = np.bincount(pairs.cell, weights=size, minlength=cells)
    tops = _largest(pairs, size, cells, largest)
    return [
        Contributors(int(persons[n]), 0, tuple(float(t) for t in tops[n] if t > 0), float(total[n]))
        for n in range(cells)
    ]


def _largest(pairs: Pairs, size: Floats, cells: int, largest: int) -> Floats:
    found = np.zeros((cells, largest))
    if not len(pairs.cell):
        return found
    left = size.copy()
    which = pairs.cell[pairs.starts]
    ranks = np.cumsum(np.isin(np.arange(len(left)), pairs.starts)) - 1
    for turn in range(largest):
        top = np.maximum.reduceat(left, pairs.starts)
        found[which, turn] = np.maximum(top, 0.0)
        places = np.flatnonzero(left == top[ranks])
        _, once = np.unique(ranks[places], return_index=True)
        left[places[once]] = -1.0
    return found


@dataclass(frozen=True, eq=False)
class Read:
    """The rows a query read: per grouping the line each belongs to, whose they are, what they give.

    `lines[level]` is a line of the answer per row; `owners` per source a person's place per row, -1
    for none; `count` the rows each stands for; `amounts` per base; `units` per unit a number of an
    employer or household, -1 for none. `place` is each line's grouping.
    """

    lines: tuple[Ints, ...]
    owners: tuple[Ints, ...]
    count: Ints
    marks: Hashes
    amounts: tuple[npt.NDArray[Any], ...]
    units: tuple[Ints, ...]
    place: Ints
    ordered: bool
    _pairs: dict[int, tuple[Pairs, ...]] = field(default_factory=dict)

    @property
    def cells(self) -> int:
        """Return how many lines the answer has."""
        return len(self.place)

    def pairs(self, source: int) -> tuple[Pairs, ...]:
        """Return, per grouping, the pairs of a source."""
        if source not in self._pairs:
            owners, ordered = self.owners[source], self.ordered and source == 0
            self._pairs[source] = tuple(pair(one, owners, ordered=ordered) for one in self.lines)
        return self._pairs[source]

    def persons(self, source: int) -> Ints:
        """Return how many persons of a source each cell has."""
        counts = [np.bincount(one.cell, minlength=self.cells) for one in self.pairs(source)]
        return np.asarray(np.sum(counts, axis=0, dtype=np.int64))

    def marks_of(self, inside: Bools) -> list[tuple[int, int]]:
        """Return, per cell, the number and the sum of the hashes of its rows inside a subset."""
        rows, sums = np.zeros(self.cells, dtype=np.int64), np.zeros(self.cells, dtype=np.uint64)
        for lines in self.lines:
            rows += np.bincount(lines[inside], self.count[inside], self.cells).astype(np.int64)
            order = np.argsort(lines[inside], kind="stable")
            ranked = lines[inside][order]
            starts = _starts(ranked)
            if len(starts):
                sums[ranked[starts]] += np.add.reduceat(self.marks[inside][order], starts)
        return [(int(n), int(mark)) for n, mark in zip(rows, sums, strict=True)]


def reached(read: Read, amounts: Floats, source: int) -> tuple[Ints, Ints]:
    """Return, per cell, the persons with a row that counts and those with a row that does not."""
    have, lack = np.zeros(read.cells, dtype=np.int64), np.zeros(read.cells, dtype=np.int64)
    for pairs in read.pairs(source):
        inside, every = pairs.sums(amounts), pairs.sums(read.count)
        have += np.bincount(pairs.cell[inside > 0], minlength=read.cells)
        lack += np.bincount(pairs.cell[inside < every], minlength=read.cells)
    return have, lack


def gifts(read: Read, amounts: Floats, source: int, largest: int) -> list[Contributors]:
    """Return, per cell, who gives to a sum, by the persons of one source."""
    return _gifts(read.pairs(source), amounts, read.cells, largest)


def _gifts(
    groupings: tuple[Pairs, ...], amounts: Floats, cells: int, largest: int
) -> list[Contributors]:
    found = [Contributors(0)] * cells
    for pairs in groupings:
        mine = contributors(pairs, np.asarray(pairs.sums(amounts), dtype=float), cells, largest)
        for cell in np.unique(pairs.cell):
            found[cell] = mine[cell]
    return found


def by_unit(read: Read, unit: int, amounts: Floats | None) -> list[Contributors]:
    """Return, per cell, its employers (or households), and what the largest gives to a sum."""
    groupings = tuple(pair(one, read.units[unit], ordered=False) for one in read.lines)
    given = read.count.astype(float) if amounts is None else amounts
    return _gifts(groupings, given, read.cells, 1)


def sides(read: Read, values: Floats, source: int, share: float, step: float) -> Ints:
    """Return, per cell, the fewer of the persons below and above a fuzzy percentile.

    Below is at or under the percentile `step` lower, above at or over the one `step` higher.
    """
    found = np.zeros(read.cells, dtype=np.int64)
    owners = read.owners[source]
    kept = np.flatnonzero(~np.isnan(values) & (owners >= 0))
    for lines in read.lines:
        order = kept[np.lexsort((values[kept], lines[kept]))]
        starts = _starts(lines[order])
        for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
            here = order[start:end]
            low, high = _at(values[here], share - step), _at(values[here], share + step)
            under = len(np.unique(owners[here][values[here] <= low]))
            over = len(np.unique(owners[here][values[here] >= high]))
            found[lines[order[start]]] = min(under, over)
    return found


def _at(ranked: Floats, share: float) -> float:
    return float(np.quantile(ranked, min(max(share, 0.0), 1.0)))


def commonest(read: Read, values: Hashes, source: int) -> list[Contributors]:
    """Return, per cell, the persons who have its commonest value, and their share of the rows.

    `values` are hashes, 0 for no value. Of several that are commonest, that of the fewest persons.
    """
    found = [Contributors(0)] * read.cells
    _, codes = np.unique(values, return_inverse=True)
    codes = np.where(values == 0, -1, codes)
    for lines in read.lines:
        pairs = pair(lines, codes, ordered=False)
        rows = np.diff(np.append(pairs.first, len(pairs.order)))
        for start, end in zip(pairs.starts, [*pairs.starts[1:], len(rows)], strict=True):
            here = np.arange(start, end)
            most = here[rows[here] == rows[here].max()]
            who = min(_people(read.owners[source], pairs, one) for one in most)
            share = float(rows[here].max() / rows[here].sum())
            found[pairs.cell[start]] = Contributors(who, 0, (share,), 1.0)
    return found


def _people(owners: Ints, pairs: Pairs, place: int) -> int:
    last = place + 1 == len(pairs.first)
    rows = pairs.order[pairs.first[place] : len(pairs.order) if last else pairs.first[place + 1]]
    return len(np.unique(owners[rows]))
