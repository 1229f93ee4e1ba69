"""What is left of a cell when cells of any tables are taken away from it, one after another.

A total in one table and each of its larger parts in a table of its own: nobody but those of the
small part is left. Every published cell is tried as the whole and the first cell taken; the others
are taken largest first, each wholly inside what is left; and once more with what a table's shown
cells leave of its own totals, which are numbers that it tells too. Needs as many tables as there
are parts, which `span`'s search of a few tables together does not come to. And of two groupings
the cells that meet, all together: young and old men less those of each county shown. Rows are
`peeling_rows`'. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.sparse import block_array, csr_matrix
from scipy.sparse.csgraph import connected_components

from egress_review.sdc.membership import Bools, Counts, Ints, Membership, common, histogram

MOST_CELLS = 600  # published cells that are tried; of the nearest tables
MOST_READ = 40_000_000  # persons of tables, pair by pair, that are compared


def peeled(new: Membership, nearest: Sequence[Membership]) -> Iterator[tuple[int, frozenset[int]]]:
    """Yield how many persons, fewer than may be, are left, and the new cells used for it."""
    tables = [new, *within_reach(new, nearest)]
    cells = [published(table) for table in tables]
    mine = len(cells[0])
    if not 0 < mine <= MOST_CELLS:
        return
    told = shared_by(tables, cells)
    yield from _together(tables, cells, told)
    made = _made(tables, cells, told)
    shared, ours = made.shared, made.weights[:, :mine].toarray() != 0
    sizes, new_one = np.diag(shared), ours.any(axis=1)
    inside = (shared == sizes[None, :]) & (sizes[None, :] < sizes[:, None])
    inside[made.cells :] = False  # what is left of a total is left of it with any others too
    for whole, first in np.argwhere(inside):
        if not (new_one[whole] or new_one[first]):
            continue
        for width in {made.cells, len(sizes)} if first < made.cells else {len(sizes)}:
            left, taken = peel(int(whole), int(first), inside[:, :width], shared)
            if 0 < left < new.threshold:
                used = ours[[whole, *taken]].any(axis=0)
                yield left, frozenset(cells[0][used].tolist())


def _together(
    tables: Sequence[Membership], cells: Sequence[Ints], shared: Counts
) -> Iterator[tuple[int, frozenset[int]]]:
    """Yield what the shown cells of a grouping leave of those of another that they meet.

    No cell need lie inside another: of two groupings that cross, whatever meets is added up.
    """
    starts = np.cumsum([0, *(len(chosen) for chosen in cells)])
    groupings = [
        (start + np.flatnonzero(np.isin(chosen, grouping)), table is tables[0])
        for table, chosen, start in zip(tables, cells, starts, strict=False)
        for grouping, alone in table.groupings
        if alone
    ]
    for (one, new), (other, also) in combinations(groupings, 2):
        if (new or also) and len(one) and len(other):
            for mine, theirs in meeting(one, other, shared):
                here, there = shared[mine, mine].sum(), shared[theirs, theirs].sum()
                left = abs(int(here) - int(there))
                inside = shared[np.ix_(mine, theirs)].sum() == min(here, there)
                if inside and 0 < left < tables[0].threshold:
                    used = np.concatenate([mine, theirs])
                    yield left, frozenset(cells[0][used[used < len(cells[0])]].tolist())


def meeting(one: Ints, other: Ints, shared: Counts) -> Iterator[tuple[Ints, Ints]]:
    """Yield the cells of two groupings that meet, directly or by others that do."""
    meet = csr_matrix(shared[np.ix_(one, other)] > 0)
    count, which = connected_components(block_array([[None, meet], [meet.T, None]]), directed=False)
    for piece in range(count):
        mine, theirs = one[which[: len(one)] == piece], other[which[len(one) :] == piece]
        if len(mine) and len(theirs):
            yield mine, theirs


@dataclass(frozen=True)
class _Made:
    """Published cells, the first `cells` lines, and what is left of totals of their own tables.

    `weights` (line x cell) says of which cells each is made, `shared` how many persons two share.
    """

    cells: int
    weights: csr_matrix
    shared: Counts


def _made(tables: Sequence[Membership], cells: Sequence[Ints], shared: Counts) -> _Made:
    """Return the cells, and each less the shown ones of a grouping of its table inside it."""
    lines = [{cell: 1} for cell in range(len(shared))]
    start = 0
    for table, chosen in zip(tables, cells, strict=True):
        for grouping in (group for group, alone in table.groupings if alone):
            parts = start + np.flatnonzero(np.isin(chosen, grouping))
            own = range(start, start + len(chosen))
            for whole in (cell for cell in own if cell not in parts):
                inside = parts[shared[whole, parts] == np.diag(shared)[parts]]
                if 0 < shared[inside, inside].sum() < shared[whole, whole]:
                    lines.append({whole: 1, **dict.fromkeys(inside.tolist(), -1)})
        start += len(chosen)
    lines = lines[: max(MOST_CELLS, len(shared))]
    entries = [
        (row, cell, weight) for row, line in enumerate(lines) for cell, weight in line.items()
    ]
    rows, columns, values = np.array(entries).T
    weights = csr_matrix((values, (rows, columns)), shape=(len(lines), len(shared)))
    return _Made(len(shared), weights, np.asarray(weights @ (weights @ shared).T))


def published(table: Membership) -> Ints:
    """Return the cells that are shown and have somebody."""
    return np.flatnonzero(~table.hidden & (table.sizes > 0))


def shared_by(tables: Sequence[Membership], cells: Sequence[Ints]) -> Counts:
    """Return how many persons any two of some cells of these tables share."""
    pairs = list(zip(tables, cells, strict=True))
    return np.block([[_shared(a, b, i, j) for b, j in pairs] for a, i in pairs])


def _shared(one: Membership, other: Membership, mine: Ints, theirs: Ints) -> Counts:
    return common(one, other, histogram(one, other))[np.ix_(mine, theirs)]


def peel(whole: int, first: int, inside: Bools, shared: Counts) -> tuple[int, list[int]]:
    """Return how many persons are left of the whole, and which cells were taken away."""
    left, taken, free = int(shared[whole, whole]), [first], inside[whole].copy()
    sizes = np.diag(shared)[: len(free)]
    while True:
        left -= int(sizes[taken[-1]])
        free &= shared[taken[-1], : len(free)] == 0
        if not free.any():
            return left, taken
        taken.append(int(np.argmax(np.where(free, sizes, 0))))


def within_reach(new: Membership, nearest: Sequence[Membership]) -> Iterator[Membership]:
    """Yield the nearest tables that there is room for."""
    cells, read = len(new.sizes), len(new.labels)
    for number, table in enumerate(nearest, start=2):
        cells += len(table.sizes)
        read += number * max(len(new.labels), len(table.labels))
        if cells > MOST_CELLS or read > MOST_READ:
            return
        yield table
