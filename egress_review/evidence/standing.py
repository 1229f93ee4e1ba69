"""Who stands behind each cell: persons, their rows and what they give, cell by cell, as arrays.

Pure arithmetic on the rows a query read. Cells are lines of the answer; persons are places in one
order, and no more than that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from egress_review.sdc.tables import Contributors

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Hashes = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]
Array = npt.NDArray[Any]

T = TypeVar("T")
R = TypeVar("R")
FEW = 8  # if fewer than one row in so many comes again in a pair, only such pairs are added up
THREADS = 2  # groupings worked on at once; numpy lets go of the interpreter while it does


@dataclass(frozen=True, eq=False)
class Pairs:
    """The rows of one grouping, ordered by cell and then by whom they belong to.

    `first` is where each (cell, owner) begins in `order`, `rows` the row there and `again` all
    other places in it; `owner` says whose they are, `starts` where each cell begins among the pairs
    and `which` what cell that is.
    """

    order: Ints
    first: Ints
    rows: Ints
    again: Ints
    owner: Array
    starts: Ints
    which: Ints

    def sums(self, amounts: Array) -> Array:
        """Return what each owner gives to each cell."""
        if len(self.again) > len(self.order) // FEW:
            return np.asarray(np.add.reduceat(amounts[self.order], self.first))
        given = amounts[self.rows]
        if len(self.again):
            several = np.searchsorted(self.first, self.again) - 1
            several = several[_changes(several)]
            begins = self.first[several]
            places = np.sort(np.concatenate([begins, self.again]))
            sums = np.add.reduceat(amounts[self.order[places]], np.searchsorted(places, begins))
            given = given.astype(sums.dtype, copy=False)
            given[several] = sums
        return given

    def by_cell(self, given: Array, cells: int) -> Array:
        """Return the sum over each cell's owners."""
        found = np.zeros(cells, dtype=np.int64 if given.dtype == np.bool_ else given.dtype)
        if len(given):
            found[self.which] = np.add.reduceat(given, self.starts, dtype=found.dtype)
        return found

    def cells(self) -> Iterator[tuple[int, slice]]:
        """Yield each cell with where its owners stand."""
        ends = np.append(self.starts, len(self.owner))[1:]
        for cell, start, end in zip(self.which, self.starts, ends, strict=True):
            yield int(cell), slice(start, end)


def pair(cells: Array, owners: Array, *, ordered: bool) -> Pairs:
    """Return the pairs of rows; negative owners are nobody. `ordered`: owners never descend."""
    present = np.flatnonzero(owners >= 0) if owners.min(initial=0) < 0 else None
    if present is not None:
        cells, owners = cells[present], owners[present]
    order = np.argsort(cells, kind="stable") if ordered else np.lexsort((owners, cells))
    cells, owners = cells[order], owners[order]
    new = _changes(cells)
    new |= _changes(owners)
    first, again = np.flatnonzero(new), np.flatnonzero(~new)
    cells, owners = cells[first], owners[first]
    starts = np.flatnonzero(_changes(cells))
    order = order if present is None else present[order]
    return Pairs(order, first, order[first], again, owners, starts, cells[starts].astype(np.int64))


def _changes(ranked: Array) -> Bools:
    """Return where a value differs from the one before it."""
    new = np.ones(len(ranked), dtype=np.bool_)
    np.not_equal(ranked[1:], ranked[:-1], out=new[1:])
    return new


def contributors(pairs: Pairs, given: Floats, largest: int) -> Iterator[tuple[int, Contributors]]:
    """Yield each cell with who gives not nothing, the largest gifts and all together."""
    size = np.abs(given)
    for cell, where in pairs.cells():
        mine = size[where]
        persons, total = int(np.count_nonzero(mine > 0)), float(mine.sum())
        yield cell, Contributors(persons, 0, tuple(_largest(mine, largest)), total)


def _largest(sizes: Floats, most: int) -> Iterator[float]:
    """Yield the largest of some sizes that are not nothing; takes them out."""
    for _ in range(min(most, len(sizes))):
        place = sizes.argmax()
        top = float(sizes[place])
        if not top > 0:
            return
        yield top
        sizes[place] = 0.0


@dataclass(frozen=True, eq=False)
class Read:
    """The rows a query read: per grouping the line each belongs to, whose they are, what they give.

    `lines[level]` is a line of the answer per row (16 bits: sorted by radix); `owners` per source a
    person's place per row, -1 for none; `count` the rows each stands for; `amounts` per base;
    `units` per unit a number of an employer or household, -1 for none. `place` is each line's
    grouping.
    """

    lines: tuple[npt.NDArray[np.uint16], ...]
    owners: tuple[npt.NDArray[np.int32], ...]
    count: Ints
    marks: Hashes
    amounts: tuple[Array, ...]
    units: tuple[npt.NDArray[np.int32], ...]
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

            def make(lines: npt.NDArray[np.uint16]) -> Pairs:
                return pair(lines, owners, ordered=ordered)

            self._pairs[source] = side_by_side(make, self.lines)
        return self._pairs[source]

    def repeats(self, source: int) -> bool:
        """Say whether any person of a source may have several rows in a cell."""
        folded = bool(self.count.max(initial=0) > 1)
        return folded or any(len(pairs.again) for pairs in self.pairs(source))

    def most_rows(self, source: int) -> int:
        """Return the most rows that a person of a source has in a cell."""
        if not self.repeats(source):
            return 1
        return int(max(pairs.sums(self.count).max(initial=1) for pairs in self.pairs(source)))

    def persons(self, source: int) -> Ints:
        """Return how many persons of a source each cell has."""
        found = np.zeros(self.cells, dtype=np.int64)
        for pairs in self.pairs(source):
            found[pairs.which] = np.diff(np.append(pairs.starts, len(pairs.owner)))
        return found

    def marks_of(self, inside: Bools) -> list[tuple[int, int]]:
        """Return, per cell, the number and the sum of the hashes of its rows inside a subset."""
        rows, sums = np.zeros(self.cells, dtype=np.int64), np.zeros(self.cells, dtype=np.uint64)
        for lines in self.lines:
            chosen = lines[inside]
            order = np.argsort(chosen, kind="stable")
            starts = np.flatnonzero(_changes(chosen[order]))
            if len(starts):
                which = chosen[order][starts]
                rows[which] = np.add.reduceat(self.count[inside][order], starts)
                sums[which] = np.add.reduceat(self.marks[inside][order], starts)
        return [(int(n), int(mark)) for n, mark in zip(rows, sums, strict=True)]


def side_by_side(work: Callable[[T], R], items: Sequence[T]) -> tuple[R, ...]:
    """Return what some work gives for each item, on as many cores as one check may use."""
    if len(items) < 2:
        return tuple(work(item) for item in items)
    with ThreadPoolExecutor(THREADS) as pool:
        return tuple(pool.map(work, items))


def reached(read: Read, amounts: Floats, source: int) -> tuple[Ints, Ints]:
    """Return, per cell, the persons with a row that counts and those with a row that does not."""
    have, lack = np.zeros(read.cells, dtype=np.int64), np.zeros(read.cells, dtype=np.int64)
    for pairs in read.pairs(source):
        inside, every = pairs.sums(amounts), pairs.sums(read.count)
        have += pairs.by_cell(inside > 0, read.cells)
        lack += pairs.by_cell(inside < every, read.cells)
    return have, lack


def gifts(read: Read, amounts: Floats, source: int, largest: int) -> list[Contributors]:
    """Return, per cell, who gives to a sum, by the persons of one source."""
    return _gifts(read.pairs(source), amounts, read.cells, largest)


def _gifts(
    groupings: Sequence[Pairs], amounts: Floats, cells: int, largest: int
) -> list[Contributors]:
    def make(pairs: Pairs) -> list[tuple[int, Contributors]]:
        given = pairs.sums(amounts).astype(float, copy=False)
        return list(contributors(pairs, given, largest))

    found = [Contributors(0)] * cells
    for mine in side_by_side(make, groupings):
        for cell, one in mine:
            found[cell] = one
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
        starts = np.flatnonzero(_changes(lines[order]))
        for start, end in pairwise([*starts, len(order)]):
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
        for cell, where in pairs.cells():
            here = rows[where]
            most = np.flatnonzero(here == here.max()) + where.start
            who = min(_people(read.owners[source], pairs, one) for one in most)
            share = float(here.max() / here.sum())
            found[cell] = Contributors(who, 0, (share,), 1.0)
    return found


def _people(owners: Array, pairs: Pairs, place: int) -> int:
    last = place + 1 == len(pairs.first)
    rows = pairs.order[pairs.first[place] : len(pairs.order) if last else pairs.first[place + 1]]
    return len(np.unique(owners[rows]))
