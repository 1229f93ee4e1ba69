"""What the cells of many tables give together: is a set of persons in the span of published cells.

A set can be worked out exactly if its own form is a combination of published ones: its projection
onto their span is then the set itself. Asked of every hidden sensitive cell, of every small set of
persons that the new table and the three nearest to it cannot tell apart (as a whole, and by each
choice of one grouping of each), and of every single person. Random directions of the span rule out
nearly all; the others are judged exactly. What cells of many tables leave of one is `peeling`'s and
`peeling_rows`'. A small set spread over many atoms that is none of these is not found. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from egress_review.sdc.gram import Floats, Span, shared_with, span_of
from egress_review.sdc.membership import Ints, Labels, Membership
from egress_review.sdc.peeling import peeled
from egress_review.sdc.peeling_rows import peeled_rows
from egress_review.sdc.unions import alike, unions

EXACT = 1e-7  # how far from 1 a projection's share may be by rounding alone
# A determined set falls below the share asked in each round once in 100,000.
ROUNDS = ((24, 0.25), (240, 0.64))
BATCH = 512
FAMILY = 3
MOST_WAYS = 64
MOST_SETS = 20_000  # that are put together


@dataclass(frozen=True, slots=True)
class Exposed:
    """A set of `persons` persons that can be worked out, and the new cells that are used for it."""

    persons: int
    cells: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Sets:
    """Disjoint sets of persons: `which` set, from 0, each of the `persons` is in."""

    persons: Ints
    which: Ints

    @property
    def sizes(self) -> Ints:
        """The persons of each set."""
        return np.bincount(self.which).astype(np.int64)

    def only(self, chosen: Ints) -> _Sets:
        """Return some of the sets, numbered anew."""
        name = np.full(int(self.which.max(initial=-1)) + 1, -1, dtype=np.int64)
        name[chosen] = np.arange(len(chosen))
        mine = name[self.which]
        return _Sets(self.persons[mine >= 0], mine[mine >= 0])


def audit(tables: Sequence[Membership], *, persons: bool = True) -> tuple[Exposed, ...]:
    """Return what the last table exposes that the others alone do not.

    `persons`: screen every single person as well.
    """
    sensitive = np.concatenate([table.primary & table.hidden for table in tables])
    sizes = np.concatenate([table.sizes for table in tables])
    targets = np.flatnonzero(sensitive & (sizes > 0))
    span, beside = span_of(tables, targets)
    if not len(span.cells):
        return ()
    found = list(_of_cells(tables, span, beside, sizes[targets]))
    screen = _Screen(tables, span)
    for sets in _atoms(tables):
        found += screen.judge(sets)
    near = nearest(tables[-1], tables[:-1])
    found += screen.unions(near)
    if persons:
        everybody = np.arange(max(len(table.labels) for table in tables))
        found += screen.judge(_Sets(everybody, everybody))
    for left, cells in (*peeled(tables[-1], near), *peeled_rows(tables[-1], near)):
        found.append(Exposed(left, tuple(sorted(cells))))
    return tuple(dict.fromkeys(found))


def _of_cells(
    tables: Sequence[Membership], span: Span, beside: Floats, sizes: Ints
) -> Iterator[Exposed]:
    """Yield the hidden sensitive cells that are determined."""
    count, share = ROUNDS[-1]
    length = ((span.directions(count).T @ beside) ** 2).sum(axis=0)
    chosen = np.flatnonzero(length >= share * sizes)
    first = sum(len(table.sizes) for table in tables[:-1])
    for place in range(0, len(chosen), BATCH):
        some = chosen[place : place + BATCH]
        yield from _judge(span, beside[:, some], sizes[some], first)


class _Screen:
    """Rules out sets of persons by random directions of the span, and judges what is left."""

    def __init__(self, tables: Sequence[Membership], span: Span):
        self._tables, self._span = tables, span
        self._first = sum(len(table.sizes) for table in tables[:-1])
        count, self._share = ROUNDS[0]
        every = np.zeros((self._first + len(tables[-1].sizes), count), dtype=np.float32)
        every[span.cells] = span.directions(count)
        size = max(len(table.labels) for table in tables)
        self._lengths = np.zeros((size, count), dtype=np.float32)
        start = 0
        for table in tables:
            end = start + len(table.sizes)
            mine = (table.incidence @ every[start:end]).astype(np.float32)
            self._lengths[: len(table.labels)] += mine[table.labels]
            start = end

    def judge(self, sets: _Sets) -> Iterator[Exposed]:
        """Yield the sets that are determined now and were not before the last table."""
        sets = sets.only(self._suspects(sets))
        for start in range(0, len(sets.sizes), 16 * BATCH):
            yield from self._some(sets.only(np.arange(len(sets.sizes))[start : start + 16 * BATCH]))

    def unions(self, near: Sequence[Membership]) -> Iterator[Exposed]:
        """Yield what one to three sets, told apart by the new table and those near, make up.

        Each of them has at least its own share of such a union in the span.
        """
        new = self._tables[-1]
        families = [(new, *near[:FAMILY]), *((new, one) for one in near[:FAMILY])]
        for family in dict.fromkeys(families):
            sets = _Sets(*alike(family, new.threshold))
            yield from self.judge(sets)
            sets = sets.only(self._suspects(sets, new.threshold - 1)[:MOST_SETS])
            shared = self._shared(sets)
            for found in unions(shared, sets.sizes, self._span, least=new.threshold):
                yield from self._judged(*found)

    def _suspects(self, sets: _Sets, whole: int = 0) -> Ints:
        """Return the sets that may be determined, or be part of one of `whole` persons that is."""
        if not len(sets.persons):
            return np.zeros(0, dtype=np.int64)
        order = np.argsort(sets.which, kind="stable")
        mine = self._lengths[sets.persons[order]]
        if len(mine) > len(sets.sizes):
            edges = np.searchsorted(sets.which[order], np.arange(len(sets.sizes)))
            mine = np.add.reduceat(mine, edges, axis=0)
        length = np.einsum("ij,ij->i", mine, mine)
        least = sets.sizes / whole if whole else np.ones(len(sets.sizes))
        return np.flatnonzero(length >= self._share * least * sets.sizes)

    def _shared(self, sets: _Sets) -> csr_matrix:
        count = len(sets.sizes)
        return shared_with(self._tables, self._span.cells, sets.persons, sets.which, count)

    def _some(self, sets: _Sets) -> Iterator[Exposed]:
        sizes, shared = sets.sizes, self._shared(sets)
        count, share = ROUNDS[1]
        mine = shared @ self._span.directions(count)
        left = np.flatnonzero(np.einsum("ij,ij->i", mine, mine) >= share * sizes)
        yield from self._judged(shared[left], sizes[left])

    def _judged(self, shared: csr_matrix, sizes: Ints) -> Iterator[Exposed]:
        """Yield which sets are determined, by what each (a line) shares with each cell."""
        for start in range(0, len(sizes), BATCH):
            some = slice(start, start + BATCH)
            yield from _judge(self._span, shared[some].T.toarray(), sizes[some], self._first)


def _judge(span: Span, shared: Floats, sizes: Ints, first: int) -> Iterator[Exposed]:
    """Yield the sets that are determined now and were not before the new table."""
    coordinates = span.project(shared)
    before = (coordinates[: span.earlier] ** 2).sum(axis=0) >= (1 - EXACT) * sizes
    now = (coordinates**2).sum(axis=0) >= (1 - EXACT) * sizes
    hits = np.flatnonzero(now & ~before)
    weights = span.weights(coordinates[:, hits])
    for place, hit in enumerate(hits):
        used = span.cells[(np.abs(weights[:, place]) > 1e-6) & (span.cells >= first)]
        yield Exposed(int(sizes[hit]), tuple(int(cell) - first for cell in used))


def _atoms(tables: Sequence[Membership]) -> Iterator[_Sets]:
    """Yield the small sets of persons that the new table and its nearest cannot tell apart.

    Once by everything these tables say, and once by each choice of one grouping of each: what is
    left of a cell when cells of two other tables are taken away is such a set.
    """
    new = tables[-1]
    family = (new, *nearest(new, tables[:-1])[:FAMILY])
    size = max(len(table.labels) for table in family)
    codes = np.zeros(size, dtype=np.int64)
    for table in family:
        codes = codes * table.incidence.shape[0] + _padded(table.labels, size)
        codes = np.unique(codes, return_inverse=True)[1]
    counts = np.bincount(codes)
    speaker = np.zeros(len(counts), dtype=np.int64)
    speaker[codes] = np.arange(size)
    labels = [_padded(table.labels, size)[speaker] for table in family]
    everything = np.arange(len(counts))
    everything[np.all([one == 0 for one in labels], axis=0)] = -1
    yield _small(everything, counts, codes, new.threshold)
    if any(len(table.groupings) > 1 for table in family):
        for sets in _coarser(family, labels):
            yield _small(sets, counts, codes, new.threshold)


def _coarser(family: Sequence[Membership], labels: Sequence[Labels]) -> Iterator[Ints]:
    """Yield, per choice of one grouping of each table, the set each atom is in; -1: none."""
    ways = []
    for table, mine in zip(family, labels, strict=True):
        alone = [cells for cells, once in table.groupings if once]
        ways.append(
            [_cell_of(table, cells)[mine] for cells in reversed(alone)] or [mine.astype(np.int64)]
        )
    for chosen in islice(product(*ways), MOST_WAYS):
        sets = np.zeros(len(chosen[0]), dtype=np.int64)
        for cells in chosen:
            sets = sets * (int(cells.max(initial=0)) + 1) + cells
        sets = np.unique(sets, return_inverse=True)[1]
        sets[np.all([cells == 0 for cells in chosen], axis=0)] = -1
        yield sets


def _cell_of(table: Membership, cells: Ints) -> Ints:
    """Return, per atom, which of the cells of one grouping it is in, from 1; 0 for none."""
    return np.asarray(table.incidence[:, cells] @ np.arange(1, len(cells) + 1)).astype(np.int64)


def _small(sets: Ints, counts: Ints, codes: Ints, least: int) -> _Sets:
    """Return those sets of atoms that have fewer than `least` persons."""
    known = sets >= 0
    sizes = np.bincount(sets[known], weights=counts[known])
    small = np.flatnonzero((sizes > 0) & (sizes < least))
    name = np.full(len(sizes) + 1, -1, dtype=np.int64)
    name[small] = np.arange(len(small))
    chosen = name[sets]  # -1 reads the last place, which names nothing
    persons = np.flatnonzero(chosen[codes] >= 0)
    return _Sets(persons, chosen[codes[persons]])


def _padded(labels: Labels, size: int) -> Labels:
    return np.pad(labels, (0, size - len(labels)))


def nearest(new: Membership, earlier: Sequence[Membership]) -> list[Membership]:
    """Return the tables that share people with the new one, and those that share with these.

    Most people in common with the new table first: one that shares none with it can still be the
    rest of a whole of which it is a part.
    """
    met = [one for one in earlier if _common(new.present, one.present)]
    reach = np.zeros(max(len(one.present) for one in (new, *earlier)), dtype=np.uint8)
    for one in (new, *met):
        reach[: len(one.present)] |= one.present
    ranked = [
        (_common(new.present, one.present), _common(reach, one.present), place)
        for place, one in enumerate(earlier)
    ]
    return [earlier[place] for _, reached, place in sorted(ranked, key=_first) if reached]


def _first(rank: tuple[int, int, int]) -> tuple[int, int, int]:
    return -rank[0], -rank[1], rank[2]


def _common(left: npt.NDArray[np.uint8], right: npt.NDArray[np.uint8]) -> int:
    count = min(len(left), len(right))
    return int(np.bitwise_count(left[:count] & right[:count]).sum())
