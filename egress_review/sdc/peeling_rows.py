"""What is left of a cell's rows when cells are taken away from it, where persons have several rows.

By persons alone (`peeling`) somebody with rows in two groups leaves the total with the first of
them. Here persons are left as long as a row of theirs is: the sums of their rows' hashes, which
`Membership.rows` keeps by cell, are taken from one another. Every published cell is tried as the
whole and each inside it as the first taken away; then whatever leaves the fewest persons, one cell
or several of one grouping. That is chosen by the rows of some persons, and judged by all. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, hstack

from egress_review.sdc.changes import entries
from egress_review.sdc.membership import Ints, Membership
from egress_review.sdc.peeling import MOST_CELLS, published, shared_by, within_reach

SAMPLE = 256  # persons
BLIND = 3  # cells taken although nobody is gone by them: all may have rows in each of several

Hashes = npt.NDArray[np.uint16]


def peeled_rows(
    new: Membership, nearest: Sequence[Membership]
) -> Iterator[tuple[int, frozenset[int]]]:
    """Yield how many persons, fewer than may be, have rows left, and the new cells used for it.

    Of tables of one origin: only their hashes can be compared.
    """
    alike = [one for one in nearest if one.by_row and one.origin == new.origin]
    tables = [new, *within_reach(new, alike)]
    if not new.by_row or all(_one_row_each(table) for table in tables):
        return
    cells = [published(table) for table in tables]
    mine = len(cells[0])
    if not 0 < mine <= MOST_CELLS:
        return
    known = _Known(tables, cells)
    for whole, inside in enumerate(_inside(tables, cells, known.marks)):
        firsts = inside if whole < mine else inside[inside < mine]
        for left, taken in known.peel(whole, inside, firsts, new.threshold):
            yield left, frozenset(int(cells[0][cell]) for cell in (whole, *taken) if cell < mine)


def _one_row_each(table: Membership) -> bool:
    return bool((table.marks[:, 0] <= table.sizes).all())


def _inside(
    tables: Sequence[Membership], cells: Sequence[Ints], marks: npt.NDArray[np.uint64]
) -> Iterator[Ints]:
    """Yield, per cell, those of fewer rows that have none but its persons."""
    shared = shared_by(tables, cells)
    fewer = marks[None, :, 0] < marks[:, None, 0]
    for inside in (shared == np.diag(shared)[None, :]) & fewer:
        yield np.flatnonzero(inside)


class _Known:
    """The sum of the hashes of each person's rows in each of some cells, and the cells' marks."""

    def __init__(self, tables: Sequence[Membership], cells: Sequence[Ints]):
        pairs = list(zip(tables, cells, strict=True))
        self.marks = np.concatenate([table.marks[chosen] for table, chosen in pairs])
        kinds = [(n, level) for n, (t, chosen) in enumerate(pairs) for level in t.levels[chosen]]
        self._grouping: Ints = np.unique(np.array(kinds), axis=0, return_inverse=True)[1].ravel()
        size = max(len(table.labels) for table in tables)
        self._hashes = csr_matrix(hstack([_hashes(*pair, size) for pair in pairs], format="csr"))
        self._by_cell = self._hashes.tocsc()

    def peel(
        self, whole: int, inside: Ints, firsts: Ints, least: int
    ) -> Iterator[tuple[int, list[int]]]:
        """Yield how many persons, fewer than `least`, are left of a cell, and the cells taken."""
        if not len(firsts):
            return
        some = _some(self._by_cell.indices[self._entries(whole)])
        theirs, own = self._of(some, inside), self._of(some, np.array([whole]))[:, 0]
        tried: set[int] = set()
        for first in np.flatnonzero(np.isin(inside, firsts)).tolist():
            if first in tried:
                continue
            places = [first]
            left = _fewest(own - theirs[:, first], theirs, self._grouping[inside], places)
            tried.update(places)
            for _ in range(BLIND):
                largest = self._largest(whole, inside, places)
                if largest is None or np.count_nonzero(left) < least:
                    break
                places.append(largest)
                left = _fewest(left - theirs[:, largest], theirs, self._grouping[inside], places)
            if np.count_nonzero(left) < least:
                taken = inside[places].tolist()
                count = self._all(whole, inside, taken)
                if 0 < count < least:
                    yield count, taken

    def _all(self, whole: int, inside: Ints, taken: list[int]) -> int:
        """Return how many of all persons are left; more is taken away where some show what."""
        while (self.marks[taken].sum(axis=0, dtype=np.uint64) != self.marks[whole]).any():
            left = self._left(whole, taken)
            persons = np.flatnonzero(left)
            some = _some(persons)
            places = np.flatnonzero(np.isin(inside, taken)).tolist()
            _fewest(left[some], self._of(some, inside), self._grouping[inside], places)
            if len(places) == len(taken):
                return len(persons)
            taken[:] = inside[places].tolist()
        return 0  # no row is left

    def _largest(self, whole: int, inside: Ints, places: list[int]) -> int | None:
        """Return the place of the cell with most rows, no more than can be left of the whole."""
        rows = self.marks[inside, 0].astype(np.int64)
        room = int(self.marks[whole, 0]) - int(rows[places].sum())
        rows[places] = 0
        rows[rows > room] = 0
        return int(np.argmax(rows)) if rows.any() else None

    def _of(self, persons: Ints, cells: Ints) -> Hashes:
        return np.asarray(self._hashes[persons][:, cells].toarray())

    def _entries(self, cell: int) -> slice:
        return slice(*self._by_cell.indptr[cell : cell + 2])

    def _left(self, whole: int, taken: Sequence[int]) -> Hashes:
        """Return the sum of the hashes of each person's rows that are left."""
        left = np.zeros(self._hashes.shape[0], dtype=np.uint16)
        left[self._by_cell.indices[self._entries(whole)]] = self._by_cell.data[self._entries(whole)]
        for here in map(self._entries, taken):
            left[self._by_cell.indices[here]] -= self._by_cell.data[here]
        return left


def _some(persons: Ints) -> Ints:
    if len(persons) <= SAMPLE:
        return persons
    return np.random.default_rng(20).choice(persons, SAMPLE, replace=False)


def _hashes(table: Membership, cells: Ints, size: int) -> csr_matrix:
    which = np.full(len(table.sizes), -1, dtype=np.int64)
    which[cells] = np.arange(len(cells))
    persons, columns, places = entries(table, which)
    return csr_matrix((table.rows()[places], (persons, columns)), shape=(size, len(cells)))


def _fewest(left: Hashes, parts: Hashes, grouping: Ints, taken: list[int]) -> Hashes:
    """Return what is left of some persons' rows when no part more helps; `taken` says which went.

    Cells of one grouping have no row in common, so those that only have persons who are left can be
    taken together; a person may be gone by two of them who is not by one.
    """
    names, width = np.unique(grouping), parts.shape[1]
    while left.any():
        gone = (left == 0)[:, None]
        free = ~((parts > 0) & gone).any(axis=0)
        free[taken] = False
        sets = [np.flatnonzero((grouping == name) & free) for name in names]
        sums = [parts[:, chosen].sum(axis=1, dtype=np.uint16) for chosen in sets]
        ways = np.column_stack([parts, *sums])
        gain = (((ways == left[:, None]) & ~gone).sum(axis=0)) - ((ways > 0) & gone).sum(axis=0)
        gain[taken] = 0
        best = int(np.argmax(gain))
        if gain[best] <= 0:
            break
        left = left - ways[:, best]
        taken += [best] if best < width else sets[best - width].tolist()
    return left
