"""What is left of a cell when cells of any tables are taken away from it, one after another.

A total in one table and each of its larger parts in a table of its own: nobody but those of the
small part is left. Every published cell is tried as the whole and the first cell taken; the others
are taken largest first, each wholly inside what is left. Needs as many tables as there are parts,
which `span`'s search of a few tables together does not come to. Rows are `peeling_rows`'. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from egress_review.sdc.membership import Bools, Counts, Ints, Membership, common, histogram

MOST_CELLS = 600  # published cells that are tried; of the nearest tables
MOST_READ = 40_000_000  # persons of tables, pair by pair, that are compared


def peeled(new: Membership, nearest: Sequence[Membership]) -> Iterator[tuple[int, frozenset[int]]]:
    """Yield how many persons, fewer than may be, are left, and the new cells used for it."""
    tables = [new, *within_reach(new, nearest)]
    cells = [published(table) for table in tables]
    if len(cells[0]) > MOST_CELLS:
        return
    mine = len(cells[0])
    shared = shared_by(tables, cells)
    sizes = np.diag(shared)
    inside = (shared == sizes[None, :]) & (sizes[None, :] < sizes[:, None])
    for whole, first in np.argwhere(inside):
        if whole >= mine and first >= mine:
            continue
        left, taken = _peel(int(whole), int(first), inside, shared)
        if 0 < left < new.threshold:
            used = frozenset(int(cells[0][cell]) for cell in (whole, *taken) if cell < mine)
            yield left, used


def published(table: Membership) -> Ints:
    """Return the cells that are shown and have somebody."""
    return np.flatnonzero(~table.hidden & (table.sizes > 0))


def shared_by(tables: Sequence[Membership], cells: Sequence[Ints]) -> Counts:
    """Return how many persons any two of some cells of these tables share."""
    pairs = list(zip(tables, cells, strict=True))
    return np.block([[_shared(a, b, i, j) for b, j in pairs] for a, i in pairs])


def _shared(one: Membership, other: Membership, mine: Ints, theirs: Ints) -> Counts:
    return common(one, other, histogram(one, other))[np.ix_(mine, theirs)]


def _peel(whole: int, first: int, inside: Bools, shared: Counts) -> tuple[int, list[int]]:
    """Return how many persons are left of the whole, and which cells were taken away."""
    left, taken, free = int(shared[whole, whole]), [first], inside[whole].copy()
    sizes = np.diag(shared)
    while True:
        left -= int(sizes[taken[-1]])
        free &= shared[taken[-1]] == 0
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
