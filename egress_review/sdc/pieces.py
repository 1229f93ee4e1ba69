"""Take a system apart: what can never move is left out, what no equation joins is solved apart.

Pure bookkeeping: it decides nothing, and every need either stays in a piece or is reported lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from egress_review.sdc.system import KNOWN, NOBODY, Flags, Guard, Integers, Need, System


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a system that no equation and no cell joins to the rest.

    `variables`, `gates` and `insiders` are the numbers its own have in the whole system.
    """

    system: System
    variables: Integers
    gates: Integers
    insiders: Integers

    def whole(self, need: Need) -> Need:
        """Return a need of the piece as one of the whole system."""
        insider = NOBODY if need.insider == NOBODY else int(self.insiders[need.insider])
        return replace(need, variable=int(self.variables[need.variable]), insider=insider)


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


def joined(system: System, hidden: Flags) -> Integers:
    """Return for each variable which of the hidden it moves with; for a shown one NOBODY."""
    entries = system.equations.tocoo()
    kept = hidden[entries.col]
    count, lines = len(hidden), system.equations.shape[0]
    ends = (entries.col[kept], count + entries.row[kept])
    shape = (count + lines, count + lines)
    graph = csr_matrix((np.ones(len(ends[0])), ends), shape=shape)
    labels = connected_components(graph, directed=False)[1][:count]
    return np.where(hidden, labels, NOBODY)


def _piece(system: System, columns: Integers, needs: tuple[Need, ...]) -> Piece:
    place = np.full(len(system.value), NOBODY)
    place[columns] = np.arange(len(columns))
    gates = np.unique(system.gate[columns][system.gate[columns] >= 0])
    gate = system.gate[columns].copy()
    gate[gate >= 0] = np.searchsorted(gates, gate[gate >= 0])
    guard, insiders = _guard(system.guard, place)
    at = {int(insider): number for number, insider in enumerate(insiders)}
    mine = tuple(
        replace(n, variable=int(place[n.variable]), insider=at.get(n.insider, NOBODY))
        for n in needs
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
        guard,
    )
    return Piece(small, columns, gates, insiders)


def _guard(guard: Guard, place: Integers) -> tuple[Guard, Integers]:
    """Return the guard within a piece, and who of the whole one its insiders are."""
    here = [place[knows][place[knows] != NOBODY] for knows in guard.knows]
    insiders = np.array([n for n, knows in enumerate(here) if len(knows)], dtype=np.int64)
    inside = place[guard.variables] != NOBODY
    variables = place[guard.variables[inside]]
    return Guard(tuple(here[n] for n in insiders), variables, guard.widths[inside]), insiders


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
