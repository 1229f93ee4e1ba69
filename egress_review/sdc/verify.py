"""Checks a certificate of a pattern without any solver: sums, ranges, distances. Nothing else.

A witness is another table that agrees with everything published: the true one moved by whole
numbers of a unit. It fails closed: a need without a witness, or one false witness, is a failure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from egress_review.sdc.system import NOBODY, Flags, Floats, Integers, System

NEAR = 1e-3  # of a need: what rounding to whole units may have taken
LARGEST = 2**45  # units: sums of thousands of them are exact


@dataclass(frozen=True, slots=True)
class Witness:
    """The unknowns that move, each by a whole number of units."""

    variables: Integers
    moves: Integers
    unit: float


@dataclass(frozen=True, slots=True)
class Proof:
    """The witnesses of one pattern."""

    witnesses: tuple[Witness, ...]


def verify(system: System, pattern: Floats, proof: Proof) -> bool:
    """Say whether a pattern hides what it must and every need and every pair has its witness."""
    whole = system.equations.astype(np.int64)
    if (whole != system.equations).nnz or (pattern[system.forced] < 0.5).any():
        return False
    moved = _moves(proof, len(system.value))
    if moved is None or (whole @ moved.T).count_nonzero():
        return False
    units = np.array([witness.unit for witness in proof.witnesses])
    real = moved.multiply(units[:, None]).tocoo()
    before, column = system.value[real.col], real.col
    slack = 1e-9 * np.maximum(1.0, np.abs(before))
    inside = (before + real.data >= system.low[column] - slack) & (
        before + real.data <= system.high[column] + slack
    )
    if not inside.all() or (system.share(pattern)[column] < 0.5).any():
        return False
    reach = Reach(system, real.tocsr())
    return not reach.short().any() and not any(one.any() for one in reach.pairs_short())


def _moves(proof: Proof, count: int) -> csr_matrix | None:
    """Return the witnesses as lines of whole numbers, or None where one is not that."""
    each, none = proof.witnesses, [np.zeros(0, dtype=np.int64)]
    if any(one.variables.shape != one.moves.shape or one.moves.ndim != 1 for one in each):
        return None
    columns = np.concatenate([one.variables for one in each] or none)
    moves = np.concatenate([one.moves for one in each] or none)
    units = np.array([one.unit for one in each])
    if moves.dtype != np.int64 or columns.dtype != np.int64:
        return None
    inside = ((columns >= 0) & (columns < count)).all()
    small = ((moves <= LARGEST) & (moves >= -LARGEST)).all()
    if not (inside and small and ((units > 0) & (units < np.inf)).all()):
        return None
    lines = np.repeat(np.arange(len(each)), [len(one.moves) for one in each])
    return csr_matrix((moves, (lines, columns)), shape=(len(each), count))


class Reach:
    """How far the witnesses move each variable, for everybody and for each insider."""

    def __init__(self, system: System, moved: csr_matrix) -> None:
        columns, count = moved.tocsc(), moved.shape[0]
        self._system, self._moving = system, np.zeros(count + 1, dtype=bool)
        self._starts = columns.indptr + np.arange(columns.shape[1] + 1)
        # a movement by nothing in each column, of a line that is no witness: none is then empty
        self._lines = np.insert(columns.indices, columns.indptr[:-1], count)
        self._moves = np.insert(columns.data, columns.indptr[:-1], 0.0)

    def short(self) -> Flags:
        """Say which needs are not met."""
        needs = self._system.needs
        short = np.zeros(len(needs), dtype=bool)
        insiders = np.array([need.insider for need in needs], dtype=np.int64)
        for insider in np.unique(insiders):
            mine = np.flatnonzero(insiders == insider)
            up, down = self._ends(insider, np.array([needs[n].variable for n in mine]))
            owed = np.array([[needs[n].up, needs[n].down, needs[n].width] for n in mine])
            met = np.stack([up, down, up + down], axis=1) >= owed * (1 - NEAR)
            short[mine] = ~met.all(axis=1)
        return short

    def pairs_short(self) -> Iterator[Flags]:
        """Yield for each insider which guarded variables are not open to them."""
        guard = self._system.guard
        for insider, knows in enumerate(guard.knows):
            up, down = self._ends(insider, guard.variables)
            yield (up + down < guard.widths * (1 - NEAR)) & ~np.isin(guard.variables, knows)

    def _ends(self, insider: int, variables: Integers) -> tuple[Floats, Floats]:
        """Return how far up and down variables go without moving what an insider knows."""
        self._moving[:] = False
        for known in () if insider == NOBODY else self._system.guard.knows[insider]:
            self._moving[self._lines[self._starts[known] : self._starts[known + 1]]] = True
        self._moving[-1] = False
        moves = np.where(self._moving[self._lines], 0.0, self._moves)
        starts = self._starts[:-1]
        up = np.maximum.reduceat(moves, starts)[variables]
        return up, -np.minimum.reduceat(moves, starts)[variables]
