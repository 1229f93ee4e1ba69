"""Take a system apart: what can never move is left out, what no equation joins is solved apart.

Pure bookkeeping: it decides nothing, and every need either stays in a piece or is reported lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from egress_review.sdc.system import KNOWN, NOBODY, Flags, Integers, Need, System


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a system that no equation and no cell joins to the rest.

    `variables` and `gates` are the numbers its own have in the whole system; `needs` likewise are
    the whole ones.
    """

    system: System
    variables: Integers
    gates: Integers
    needs: tuple[Need, ...]


def split(system: System) -> tuple[list[Piece], tuple[Need, ...]]:
    """Return the pieces that owe something, and the needs of variables that can never move."""
    movable = _movable(system)
    lost = tuple(need for need in system.needs if not movable[need.variable])
    return list(_pieces(system, movable)), lost


def _movable(system: System) -> Flags:
    """Leave out what is known, and again and again what is alone in an equation."""
    movable: Flags = system.gate != KNOWN
    entries = abs(system.equations).sign()
    while True:
        alone = (entries @ movable.astype(float)) == 1.0
        stuck = np.asarray(entries[alone].sum(axis=0)).ravel() > 0
        if not (stuck & movable).any():
            return movable
        movable = movable & ~stuck


def _pieces(system: System, movable: Flags) -> Iterator[Piece]:
    labels = _labels(system, movable)
    by_label: dict[int, list[Need]] = {}
    for need in system.needs:
        if movable[need.variable]:
            by_label.setdefault(int(labels[need.variable]), []).append(need)
    for label, needs in sorted(by_label.items()):
        yield _piece(system, np.flatnonzero((labels == label) & movable), tuple(needs))


def _labels(system: System, movable: Flags) -> Integers:
    """Return the piece of each variable: joined by an equation or hidden by the same cell."""
    count, lines = len(system.value), system.equations.shape[0]
    entries = system.equations.tocoo()
    kept = movable[entries.col]
    gated = np.flatnonzero((system.gate >= 0) & movable)
    left = np.concatenate([entries.row[kept], lines + system.gate[gated]])
    right = np.concatenate([entries.col[kept], gated]) + lines + len(system.weight)
    size = lines + len(system.weight) + count
    graph = csr_matrix((np.ones(len(left)), (left, right)), shape=(size, size))
    return np.asarray(connected_components(graph, directed=False)[1])[-count:]


def _piece(system: System, columns: Integers, needs: tuple[Need, ...]) -> Piece:
    place = {int(column): number for number, column in enumerate(columns)}
    gates = np.unique(system.gate[columns][system.gate[columns] >= 0])
    gate = system.gate[columns].copy()
    gate[gate >= 0] = np.searchsorted(gates, gate[gate >= 0])
    mine = tuple(
        replace(n, variable=place[n.variable], insider=place.get(n.insider, NOBODY)) for n in needs
    )
    small = System(
        system.value[columns],
        system.low[columns],
        system.high[columns],
        gate,
        _distinct_lines(csr_matrix(system.equations[:, columns])),
        mine,
        system.weight[gates],
        system.forced[gates],
    )
    return Piece(small, columns, gates, needs)


def _distinct_lines(matrix: csr_matrix) -> csr_matrix:
    """Drop empty equations and repeated ones."""
    matrix.sort_indices()
    seen: set[bytes] = set()
    kept = []
    for line in range(matrix.shape[0]):
        span = slice(matrix.indptr[line], matrix.indptr[line + 1])
        weights = matrix.data[span]
        if len(weights):
            print_of = matrix.indices[span].tobytes() + (weights * np.sign(weights[0])).tobytes()
            if print_of not in seen:
                seen.add(print_of)
                kept.append(line)
    return csr_matrix(matrix[kept])
