"""From weighed pairs to persons: average linkage under constraints.

For joining identities only when they fit *as groups*. Connected components, the usual way, join two
families through one odd pair; here two groups join when the average weight over all pairs between
them is high, a pair that no rule ever put side by side counting against. Two different identities
of a duplicate-free dataset are never one person. Pure: no database, no model, no I/O.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence

MISSING = -6.0  # the weight of a pair that shares no blocking key
CUT = -3.0  # groups join while their average weight is above this
CEILING = 20.0  # one overwhelming pair must not outvote all others

Edge = tuple[int, int, float]


def cluster(
    sources: Sequence[str],
    edges: Iterable[Edge],
    *,
    duplicate_free: frozenset[str] = frozenset(),
) -> list[int]:
    """Return a cluster number for each node; node i comes from dataset `sources[i]`.

    `edges` are pairs of nodes with their match weight, each pair once. The greatest average goes
    first; ties go to the lower node numbers, so the answer depends on the input alone.
    """
    groups = _Groups(sources, duplicate_free)
    for left, right, weight in edges:
        groups.add(left, right, min(weight, CEILING))
    queue = groups.candidates()
    while queue:
        negative, left, right = heapq.heappop(queue)
        if groups.average(left, right) == -negative:
            for other in groups.join(left, right):
                average = groups.average(left, other)
                if average is not None and average > CUT:
                    heapq.heappush(queue, (-average, min(left, other), max(left, other)))
    return groups.numbers()


class _Groups:
    """Which nodes are together, and the sum and count of weights between any two groups."""

    def __init__(self, sources: Sequence[str], duplicate_free: frozenset[str]):
        self.members: list[list[int]] = [[node] for node in range(len(sources))]
        self.single = [frozenset({source}) & duplicate_free for source in sources]
        self.near: list[dict[int, tuple[float, int]]] = [{} for _ in sources]

    def add(self, left: int, right: int, weight: float) -> None:
        """Note one weighed pair of nodes."""
        self.near[left][right] = self.near[right][left] = (weight, 1)

    def candidates(self) -> list[tuple[float, int, int]]:
        """Return the heap of joinable pairs, greatest average first."""
        found = [
            (-average, left, right)
            for left, others in enumerate(self.near)
            for right in others
            if left < right and (average := self.average(left, right)) is not None and average > CUT
        ]
        heapq.heapify(found)
        return found

    def average(self, left: int, right: int) -> float | None:
        """Return the average weight between two groups; None if they must not or cannot join."""
        between = self.near[left].get(right)
        if between is None or self.single[left] & self.single[right]:
            return None
        total, count = between
        pairs = len(self.members[left]) * len(self.members[right])
        return (total + MISSING * (pairs - count)) / pairs

    def join(self, left: int, right: int) -> Mapping[int, tuple[float, int]]:
        """Put the right group into the left one; return the groups near the result."""
        self.members[left] += self.members[right]
        self.members[right] = []
        self.single[left] |= self.single[right]
        for other, (total, count) in self.near[right].items():
            del self.near[other][right]
            if other != left:
                before, pairs = self.near[left].get(other, (0.0, 0))
                self.near[left][other] = self.near[other][left] = (before + total, pairs + count)
        self.near[right] = {}
        return self.near[left]

    def numbers(self) -> list[int]:
        """Return each node's cluster number, counted in order of each cluster's first node."""
        group_of = {node: min(group) for group in self.members for node in group}
        order = {first: number for number, first in enumerate(sorted(set(group_of.values())))}
        return [order[group_of[node]] for node in range(len(self.members))]
