"""A tree of a few leaves, hashed the slow and obvious way, for tests of what stands on one."""

from __future__ import annotations

from collections.abc import Sequence

from audit.merkle import Frontier, leaf_hash, root_hash


class Leaves:
    """Bodies in order; looks like a stored tree to whoever asks for nodes."""

    def __init__(self, bodies: Sequence[bytes]):
        self.leaves = [leaf_hash(body) for body in bodies]

    def node(self, level: int, n: int) -> bytes:
        frontier = Frontier()
        for leaf in self.leaves[n << level : (n + 1) << level]:
            frontier.append(leaf)
        return frontier.root()

    def root(self, size: int) -> bytes:
        return root_hash(self.node, size)
