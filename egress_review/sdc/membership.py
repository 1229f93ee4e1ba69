"""Who is in each cell of a table, as numbers that stand for persons; and what two tables share.

Pure: knows no project, no request and no person.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix, csr_matrix

MOST_DENSE = 4_000_000  # entries of a joint histogram that are counted in place

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Labels: TypeAlias = npt.NDArray[np.unsignedinteger[Any]]
Rows = npt.NDArray[np.uint16]
Counts: TypeAlias = npt.NDArray[np.int32]  # of persons: fewer than two thousand million
Joint: TypeAlias = npt.NDArray[np.int64] | csr_matrix


@dataclass(frozen=True, eq=False)
class Membership:
    """Who is in each cell of a table, as one label per person.

    `labels[n]` is the atom of the person with number n, 0 for who is not in the table; an atom is
    a set of persons who are in the same cells. `counts` gives the persons of each atom, none of 0.
    `incidence` (atoms x cells, row 0 empty) says which cells an atom is in.
    `levels` gives each cell's grouping set. `hidden` and `primary` are per cell.

    `marks` (cells x 2) stands for the source rows of each cell: how many, and the sum of their
    hashes. `rows` returns the last 16 bits of that sum for each person in each cell, persons in the
    order of their numbers, cells in that of the atom's line: large, so read only when two tables of
    one `origin` have cells of the same persons and other marks, or of which one is in the other.

    `by_person` and `by_row` say whether its cells show a number of distinct persons, and numbers
    that each row adds to; of a table that was kept without saying so both are taken to be so.
    """

    labels: Labels
    counts: Ints
    incidence: csr_matrix
    levels: npt.NDArray[np.int32]
    hidden: Bools
    primary: Bools
    marks: npt.NDArray[np.uint64]
    rows: Callable[[], Rows]
    origin: str
    threshold: int
    by_person: bool = True
    by_row: bool = True

    @cached_property
    def sizes(self) -> Counts:
        """Return the persons of each cell."""
        return np.asarray(self.incidence.T @ self.counts).astype(np.int32)

    @cached_property
    def present(self) -> npt.NDArray[np.uint8]:
        """Return a bit per person: is he or she in the table."""
        return np.packbits(self.labels > 0)

    @cached_property
    def groupings(self) -> tuple[tuple[Ints, bool], ...]:
        """Return, per grouping set, its cells and whether nobody is in two of them."""
        found = []
        for level in np.unique(self.levels):
            cells = np.flatnonzero(self.levels == level)
            most = np.asarray(self.incidence[:, cells].sum(axis=1)).max(initial=0)
            found.append((cells, bool(most <= 1)))
        return tuple(found)


def labelled(labels: npt.NDArray[np.integer[Any]], atoms: int) -> tuple[Labels, Ints]:
    """Return labels in as few bytes as `atoms` of them need, and how many persons have each."""
    counts = np.bincount(labels, minlength=atoms).astype(np.int64)
    counts[0] = 0
    return labels.astype(np.min_scalar_type(max(atoms - 1, 0))), counts


def histogram(new: Membership, old: Membership) -> Joint:
    """Return how many persons have each pair of labels but 0."""
    count = min(len(new.labels), len(old.labels))
    shape = (new.incidence.shape[0], old.incidence.shape[0])
    codes = np.multiply(new.labels[:count], shape[1], dtype=np.int64)
    codes += old.labels[:count]
    if shape[0] * shape[1] <= MOST_DENSE:
        table = np.bincount(codes, minlength=shape[0] * shape[1]).reshape(shape)
        table[0], table[:, 0] = 0, 0
        return table
    pairs, times = np.unique(codes, return_counts=True)
    left, right = pairs // shape[1], pairs % shape[1]
    both = (left > 0) & (right > 0)
    return coo_matrix((times[both], (left[both], right[both])), shape=shape).tocsr()


def common(new: Membership, old: Membership, joint: Joint) -> Counts:
    """Return the persons that each new cell shares with each old one."""
    found = new.incidence.T @ joint @ old.incidence
    return dense(found).astype(np.int32)


def dense(found: Joint) -> Ints:
    """Return a joint histogram as an array."""
    return found if isinstance(found, np.ndarray) else np.asarray(found.toarray())
