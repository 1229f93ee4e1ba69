"""The span of the published cells of many tables: what a set of persons has in common with it.

A published number is a linear form with weight 1 on its cell's persons. The Gram matrix of these
forms holds how many persons any two cells share; its triangular factor gives each set of persons
coordinates in their span, and the length of these tells how much of the set the cells determine.
The cells of earlier tables come first, so the first coordinates are those in their span alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular
from scipy.sparse import csr_matrix, hstack

from egress_review.sdc.membership import Ints, Membership, common, histogram

DEPENDENT = 1e-10  # of a cell: what is left of it beside the others, when that is rounding
BLOCK = 512

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Span:
    """The published cells of tables, in their order, and the factor of their Gram matrix.

    `cells` are numbers over all tables; the first `earlier` of them are not the last table's. A
    cell that those before it determine has the line and column of the unit matrix in `factor`.
    """

    cells: Ints
    factor: Floats
    scale: Floats
    kept: npt.NDArray[np.bool_]
    earlier: int

    def project(self, common: Floats) -> Floats:
        """Return coordinates in the span, a column a set, of what each cell shares with it."""
        scaled = np.asfortranarray(common / self.scale[:, None])
        scaled[~self.kept] = 0.0
        return _solve(self.factor, scaled)

    def weights(self, coordinates: Floats) -> Floats:
        """Return the weight of each cell in the combination with these coordinates."""
        return np.asarray(_solve(self.factor, coordinates, transposed=True) / self.scale[:, None])

    def directions(self, count: int) -> Floats:
        """Return random combinations of cells, a column each.

        What a set has in common with one of them has, squared and on average, the set's squared
        length in the span.
        """
        signs = np.random.default_rng(20).standard_normal((len(self.cells), count))
        signs[~self.kept] = 0.0
        return np.asarray(self.weights(signs) / np.sqrt(count))


def span_of(tables: Sequence[Membership], targets: Ints) -> tuple[Span, Floats]:
    """Return the span of the published cells, and what each of them shares with target cells."""
    starts = np.cumsum([0, *(len(table.sizes) for table in tables)])
    shown = np.concatenate([~table.hidden & (table.sizes > 0) for table in tables])
    cells = np.flatnonzero(shown)
    edges = np.searchsorted(cells, starts)
    ends = np.searchsorted(targets, starts)
    gram = np.zeros((len(cells), len(cells)), order="F")
    beside = np.zeros((len(cells), len(targets)))
    for left, one in enumerate(tables):
        mine = slice(edges[left], edges[left + 1])
        for right in range(left, len(tables)):
            theirs = slice(edges[right], edges[right + 1])
            block = common(one, tables[right], histogram(one, tables[right]))
            rows, columns = cells[mine] - starts[left], cells[theirs] - starts[right]
            gram[theirs, mine] = block[np.ix_(rows, columns)].T
            there = slice(ends[right], ends[right + 1])
            beside[mine, there] = block[np.ix_(rows, targets[there] - starts[right])]
            here = slice(ends[left], ends[left + 1])
            beside[theirs, here] = block[np.ix_(targets[here] - starts[left], columns)].T
    scale = np.sqrt(np.diag(gram))
    gram /= scale[None, :]
    gram /= scale[:, None]
    kept = _factor(gram)
    return Span(cells, gram, scale, kept, int(edges[-2])), beside


def _factor(gram: Floats) -> npt.NDArray[np.bool_]:
    """Turn the lower half of a Gram matrix into its factor; return which lines are independent."""
    kept = np.ones(len(gram), dtype=np.bool_)
    for start in range(0, len(gram), BLOCK):
        end = min(start + BLOCK, len(gram))
        here = slice(start, end)
        gram[start:, here] -= gram[start:, :start] @ gram[here, :start].T
        block = gram[here, here]
        for line in range(end - start):
            kept[start + line] = _eliminate(block, line)
        gone = start + np.flatnonzero(~kept[here])
        gram[gone, :start] = 0.0
        gram[end:, here] = _solve(block, gram[end:, here].T).T
        gram[end:, gone] = 0.0
    return kept


def _eliminate(block: Floats, line: int) -> bool:
    """Factor one line of a block; say whether it is independent of those before it."""
    mine = block[line, :line].copy()
    left = block[line, line] - mine @ mine
    if left < DEPENDENT:
        block[line, :line], block[line:, line], block[line, line] = 0.0, 0.0, 1.0
        return False
    block[line, line] = np.sqrt(left)
    block[line + 1 :, line] -= block[line + 1 :, :line] @ mine
    block[line + 1 :, line] /= block[line, line]
    return True


def _solve(factor: Floats, sides: Floats, *, transposed: bool = False) -> Floats:
    found = solve_triangular(factor, sides, trans=int(transposed), lower=True, check_finite=False)
    return np.asarray(found)


def shared_with(
    tables: Sequence[Membership], cells: Ints, persons: Ints, sets: Ints, count: int
) -> csr_matrix:
    """Return (set x cell) how many persons each of `count` sets shares with each of the cells.

    `sets` says which set each of the `persons` is in.
    """
    ones = np.ones(len(persons))
    gather = csr_matrix((ones, (sets, np.arange(len(persons)))), shape=(count, len(persons)))
    blocks = []
    for table in tables:
        inside = persons < len(table.labels)
        labels = np.where(inside, table.labels[np.where(inside, persons, 0)], 0)
        blocks.append(gather @ table.incidence[labels])
    return csr_matrix(csr_matrix(hstack(blocks, format="csr"))[:, cells])
