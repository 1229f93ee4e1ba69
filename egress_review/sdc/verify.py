"""Checks a certificate of a pattern without any solver: sums, ranges, distances. Nothing else.

A witness is another table that agrees with everything published: the true one moved by whole
numbers of a unit. It fails closed: a need without a witness, or one false witness, is a failure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_matrix, csr_matrix

from egress_review.sdc.system import NOBODY, Floats, Integers, Need, System

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
    """Say whether a pattern hides what it must and every need has its witness."""
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
    columns = real.tocsc()
    return all(_met(need, columns) for need in system.needs)


def _moves(proof: Proof, count: int) -> csr_matrix | None:
    """Return the witnesses as lines of whole numbers, or None where one is not that."""
    for one in proof.witnesses:
        numbers = one.moves.dtype == np.int64 and one.variables.shape == one.moves.shape
        inside = ((one.variables >= 0) & (one.variables < count)).all()
        small = ((one.moves <= LARGEST) & (one.moves >= -LARGEST)).all()
        if not (numbers and inside and small and 0 < one.unit < np.inf):
            return None
    lines = [n for n, one in enumerate(proof.witnesses) for _ in one.moves]
    none = [np.zeros(0, dtype=np.int64)]
    columns = np.concatenate([one.variables for one in proof.witnesses] or none)
    moves = np.concatenate([one.moves for one in proof.witnesses] or none)
    return csr_matrix((moves, (lines, columns)), shape=(len(proof.witnesses), count))


def _met(need: Need, columns: csc_matrix) -> bool:
    reach = columns[:, [need.variable]].toarray().ravel()
    if need.insider != NOBODY:
        reach = np.where(columns[:, [need.insider]].toarray().ravel() == 0, reach, 0.0)
    up, down = reach.max(initial=0.0), -reach.min(initial=0.0)
    owed = ((up, need.up), (down, need.down), (up + down, need.width))
    return all(met >= wanted * (1 - NEAR) for met, wanted in owed)
