"""What hidden cells are owed besides their own rule: against insiders, or by the weaker standard E.

Pure: takes a system and returns one with other needs. The strict standard is what `linking` builds;
E ("not recoverable, exactly or nearly") asks for an interval of some width, wherever it lies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from egress_review.sdc.system import KNOWN, Guard, Integers, Need, System

NEARLY = 0.01  # of the value: an amount known to within this is known
Pair = tuple[int, int]


def widths(system: System, widths_of: Mapping[int, float]) -> System:
    """Return the system at standard E: each needy variable owes only the width given for it."""
    needs = {need.variable for need in system.needs}
    owed = tuple(Need(v, 0.0, 0.0, widths_of[v]) for v in sorted(needs))
    return replace(system, needs=owed)


def against_insiders(
    system: System,
    alone: Sequence[int],
    *,
    owed: Mapping[int, float],
    same: Iterable[Pair] = (),
) -> System:
    """Return the system guarded against each person who knows the numbers they are alone behind.

    `alone` are variables with one contributor, `same` pairs of variables that one person knows.
    Every needy variable keeps a width (`owed`, per variable) against everybody who does not know
    it, wherever in the equations they stand.
    """
    persons = _persons(set(alone), [*same, *_contained(system, set(alone))])
    needy = sorted({need.variable for need in system.needs if owed.get(need.variable)})
    guard = Guard(
        tuple(knows for knows in persons if (system.gate[knows] != KNOWN).any()),
        np.array(needy, dtype=np.int64),
        np.array([owed[v] for v in needy], dtype=float),
    )
    return replace(system, guard=guard)


def _contained(system: System, alone: set[int]) -> Iterator[Pair]:
    """Yield pairs of a total and a part of it that both have one contributor: it is the same."""
    matrix = system.equations
    for line in range(matrix.shape[0]):
        span = slice(matrix.indptr[line], matrix.indptr[line + 1])
        here = list(zip(matrix.indices[span].tolist(), matrix.data[span], strict=True))
        mine = [(v, weight) for v, weight in here if v in alone]
        totals = [v for v, weight in mine if weight > 0]
        yield from ((total, v) for total in totals for v, weight in mine if weight < 0)


def _persons(alone: set[int], same: Sequence[Pair]) -> tuple[Integers, ...]:
    """Return for each person the variables they know."""
    every = np.array(sorted(alone.union(*same)), dtype=np.int64)
    if not len(every):
        return ()
    ends = np.searchsorted(every, np.array(same, dtype=np.int64).reshape(-1, 2))
    shape = (len(every), len(every))
    graph = csr_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=shape)
    count, labels = connected_components(graph, directed=False)
    order = np.argsort(labels, kind="stable")
    return tuple(np.split(every[order], np.searchsorted(labels[order], np.arange(1, count))))
