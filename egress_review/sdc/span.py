"""What the cells of many tables give together: is a set of persons in the span of published cells.

A published number of persons (or any sum over them) is a linear form with weight 1 on the cell's
persons. A set can be worked out exactly if its own form is a combination of published ones: its
projection onto their span is then the set itself. Exact for the sets it is asked of: hidden cells,
small atoms of a table and the three tables nearest to it, and single persons, who are screened
with random projections first. A small set spread over many atoms that is none of these is not
found. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular
from scipy.linalg.lapack import dpstrf
from scipy.sparse import csr_matrix

from egress_review.sdc.membership import Bools, Ints, Membership, common, histogram

EXACT = 1e-7  # how far from 1 a projection's share may be by rounding alone
PROJECTIONS = 24
SUSPECT = 0.25  # of a chi-squared mean of 24: a determined person is below it once in 100,000
MOST_ATOMS = 4_000
FAMILY = 3
MOST_WAYS = 64

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Exposed:
    """A set of `persons` persons that can be worked out, and the new cells that are used for it."""

    persons: int
    cells: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Span:
    """The published cells that are independent, and the factor of their Gram matrix."""

    cells: Ints
    factor: Floats
    scale: Floats

    def project(self, common: Floats) -> Floats:
        """Return coordinates in the span, a column a target, of what each cell shares with it."""
        scaled = common[self.cells] / self.scale[:, None]
        return np.asarray(solve_triangular(self.factor, scaled, lower=True, check_finite=False))

    def weights(self, coordinates: Floats) -> Floats:
        """Return the weight of each independent cell in the combination."""
        found = solve_triangular(self.factor.T, coordinates, lower=False, check_finite=False)
        return np.asarray(found) / self.scale[:, None]


def audit(tables: Sequence[Membership], *, persons: bool = True) -> tuple[Exposed, ...]:
    """Return what the last table exposes that the others alone do not.

    `persons`: screen every single person as well.
    """
    gram, starts = _gram(tables)
    shown = np.concatenate([~table.hidden for table in tables]) & (np.diag(gram) > 0)
    span = _span(gram, shown)
    if not len(span.cells):
        return ()
    new = int(starts[-2])
    older = shown.copy()
    older[new:] = False
    before = _span(gram, older)
    targets = _targets(tables, gram, span, persons=persons)
    found = (_judge(span, before, shared, sizes, new) for shared, sizes in targets)
    return tuple(dict.fromkeys(one for group in found for one in group))


def _gram(tables: Sequence[Membership]) -> tuple[Floats, Ints]:
    """Return the persons that any two cells share, and where each table's cells begin."""
    starts = np.cumsum([0, *(len(table.sizes) for table in tables)])
    gram = np.zeros((starts[-1], starts[-1]))
    for left, one in enumerate(tables):
        for right in range(left, len(tables)):
            other = tables[right]
            block = common(one, other, histogram(one, other))
            rows = slice(starts[left], starts[left + 1])
            columns = slice(starts[right], starts[right + 1])
            gram[rows, columns], gram[columns, rows] = block, block.T
    return gram, starts


def _span(gram: Floats, shown: Bools) -> _Span:
    cells = np.flatnonzero(shown)
    if not len(cells):
        return _Span(cells, np.zeros((0, 0)), np.zeros(0))
    scale = np.sqrt(np.diag(gram)[cells])
    scaled = gram[np.ix_(cells, cells)] / np.outer(scale, scale)
    factor, pivots, rank, _ = dpstrf(np.asfortranarray(scaled), lower=1, tol=1e-10)
    chosen = pivots[:rank] - 1
    return _Span(cells[chosen], np.tril(factor[:rank, :rank]), scale[chosen])


def _judge(
    span: _Span, before: _Span, shared: Floats, sizes: Floats, new: int
) -> Iterator[Exposed]:
    """Yield the targets that are determined now and were not before the new table."""
    coordinates = span.project(shared)
    hits = np.flatnonzero((coordinates**2).sum(axis=0) >= (1 - EXACT) * sizes)
    if not len(hits):
        return
    known = np.zeros(len(hits), dtype=np.bool_)
    if len(before.cells):
        was = before.project(shared[:, hits])
        known = (was**2).sum(axis=0) >= (1 - EXACT) * sizes[hits]
    weights = span.weights(coordinates[:, hits])
    for place in np.flatnonzero(~known):
        used = span.cells[(np.abs(weights[:, place]) > 1e-6) & (span.cells >= new)]
        yield Exposed(int(sizes[hits[place]]), tuple(int(cell) - new for cell in used))


def _targets(
    tables: Sequence[Membership], gram: Floats, span: _Span, *, persons: bool
) -> Iterator[tuple[Floats, Floats]]:
    """Yield (persons shared with each cell, size) of the sets that must stay unknown."""
    primary = np.concatenate([table.primary & table.hidden for table in tables])
    cells = np.flatnonzero(primary & (np.diag(gram) > 0))
    if len(cells):
        yield gram[:, cells], np.diag(gram)[cells]
    yield from _atoms(tables)
    if persons:
        yield from _single(tables, span)


def _atoms(tables: Sequence[Membership]) -> Iterator[tuple[Floats, Floats]]:
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
    for sets in (everything, *_coarser(family, labels)):
        yield from _small(tables, sets, counts, codes, new.threshold)


def _coarser(
    family: Sequence[Membership], labels: Sequence[npt.NDArray[np.int32]]
) -> Iterator[Ints]:
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


def _small(
    tables: Sequence[Membership], sets: Ints, counts: Ints, codes: Ints, least: int
) -> Iterator[tuple[Floats, Floats]]:
    """Yield those sets of atoms that have fewer than `least` persons."""
    known = sets >= 0
    sizes = np.bincount(sets[known], weights=counts[known])
    small = np.flatnonzero((sizes > 0) & (sizes < least))[:MOST_ATOMS]
    if not len(small):
        return
    name = np.full(len(sizes) + 1, -1, dtype=np.int64)
    name[small] = np.arange(len(small))
    chosen = name[sets]  # -1 reads the last place, which names nothing
    persons = np.flatnonzero(chosen[codes] >= 0)
    found = _shared_with(tables, persons, chosen[codes[persons]], len(small))
    yield found, sizes[small].astype(np.float64)


def _padded(labels: npt.NDArray[np.int32], size: int) -> npt.NDArray[np.int32]:
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


def _shared_with(tables: Sequence[Membership], persons: Ints, sets: Ints, count: int) -> Floats:
    """Return how many persons each cell shares with each of `count` sets of persons."""
    ones = np.ones(len(persons))
    gather = csr_matrix((ones, (sets, np.arange(len(persons)))), shape=(count, len(persons)))
    blocks = []
    for table in tables:
        here = np.where(persons < len(table.labels), persons, 0)
        labels = np.where(persons < len(table.labels), table.labels[here], 0)
        blocks.append((gather @ table.incidence[labels]).T.toarray())
    return np.vstack(blocks).astype(float)


def _single(tables: Sequence[Membership], span: _Span) -> Iterator[tuple[Floats, Floats]]:
    """Yield single persons whom a random projection of the span does not rule out.

    A person's projection onto the span has length 1 exactly if he or she can be singled out; 24
    random directions of the span tell lengths near 1 from the usual ones near 0.
    """
    signs = np.random.default_rng(20).standard_normal((len(span.cells), PROJECTIONS))
    image = solve_triangular(span.factor.T, signs, lower=False, check_finite=False)
    image /= span.scale[:, None] * np.sqrt(PROJECTIONS)
    total = sum(len(table.sizes) for table in tables)
    every = np.zeros((total, PROJECTIONS), dtype=np.float32)
    every[span.cells] = image
    size = max(len(table.labels) for table in tables)
    lengths = np.zeros((size, PROJECTIONS), dtype=np.float32)
    start = 0
    for table in tables:
        end, count = start + len(table.sizes), len(table.labels)
        lengths[:count] += (table.incidence @ every[start:end])[table.labels[:count]]
        start = end
    suspects = np.flatnonzero((lengths**2).sum(axis=1) > SUSPECT)
    for first in range(0, len(suspects), MOST_ATOMS):
        chosen = suspects[first : first + MOST_ATOMS]
        sets = np.arange(len(chosen))
        yield _shared_with(tables, chosen, sets, len(chosen)), np.ones(len(chosen))
