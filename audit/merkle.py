"""The Merkle tree of RFC 6962 section 2.1: hashes, roots, proofs, and how to check them.

Pure: bytes in, bytes out. Never reads a file, a clock or a database; whoever stores the tree hands
in a function that looks up the hash of a perfect subtree. The offline verifier carries this module.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

EMPTY_ROOT = hashlib.sha256(b"").digest()
_LEAF = hashlib.sha256(b"\x00")  # copied for each hash: a third quicker than a beginning of its own
_NODE = hashlib.sha256(b"\x01")
HASH_SIZE = 32

Node = Callable[[int, int], bytes]
"""`node(level, n)`: hash over leaves [n << level, (n + 1) << level), all of which exist."""


class ProofError(ValueError):
    """A proof that does not lead where it says it leads."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step up from a leaf: the sibling, the side it stands on, and the hash that results."""

    sibling: bytes
    on_left: bool
    result: bytes


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of one entry's bytes (RFC 6962 2.1: prefix 0x00)."""
    hashed = _LEAF.copy()
    hashed.update(data)
    return hashed.digest()


def leaf_hashes(texts: Iterable[bytes]) -> list[bytes]:
    """Return `leaf_hash` of each text; for many, where a call for each would tell."""
    begin, found = _LEAF.copy, []
    for text in texts:
        hashed = begin()
        hashed.update(text)
        found.append(hashed.digest())
    return found


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node (RFC 6962 2.1: prefix 0x01)."""
    hashed = _NODE.copy()
    hashed.update(left + right)
    return hashed.digest()


def parents(row: Iterable[bytes]) -> list[bytes]:
    """Return the hashes of a row's pairs, left to right; an odd last one has no parent yet."""
    left_or_right, begin, found = iter(row), _NODE.copy, []
    for left, right in zip(left_or_right, left_or_right, strict=False):
        hashed = begin()  # a call of `node_hash` costs a third more
        hashed.update(left + right)
        found.append(hashed.digest())
    return found


def _split(width: int) -> int:
    """Return the largest power of two smaller than `width`, which is at least 2."""
    return 1 << ((width - 1).bit_length() - 1)


class Frontier:
    """The roots of the perfect subtrees a growing tree is made of: all one needs to append."""

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()):
        self.size = size
        self.hashes = list(hashes)
        if len(self.hashes) != size.bit_count():
            raise ValueError("a frontier has one hash for each set bit of its size")

    @classmethod
    def read(cls, node: Node, size: int) -> Frontier:
        """Return the frontier of the first `size` leaves of a stored tree."""
        begin, hashes = 0, []
        for level in reversed(range(size.bit_length())):
            if size >> level & 1:
                hashes.append(node(level, begin >> level))
                begin += 1 << level
        return cls(size, hashes)

    def copy(self) -> Frontier:
        """Return an independent copy, so that a failed batch can be forgotten."""
        return Frontier(self.size, self.hashes)

    def append(self, leaf: bytes) -> list[bytes]:
        """Add a leaf; return the subtree hashes this completes: levels 0, 1, 2 ... upwards."""
        completed = [leaf]
        while self.size >> (len(completed) - 1) & 1:
            completed.append(node_hash(self.hashes.pop(), completed[-1]))
        self.hashes.append(completed[-1])
        self.size += 1
        return completed

    def extend(self, leaves: Sequence[bytes]) -> list[tuple[int, list[bytes]]]:
        """Add many leaves at once, level by level: half the time of `append` for each.

        Return what this completes: for levels 0, 1, 2 ... the place of the first new hash, and the
        new hashes from there on.
        """
        waiting = self._by_level()
        place, fresh, completed = self.size, list(leaves), []
        while fresh:
            completed.append((place, fresh))
            level = len(completed) - 1
            left = waiting.pop(level, None)  # there is one exactly when `place` is odd
            row = fresh if left is None else [left, *fresh]
            if len(row) & 1:
                waiting[level] = row[-1]
            fresh = parents(row)
            place >>= 1
        self.size += len(leaves)
        self.hashes = [waiting[level] for level in sorted(waiting, reverse=True)]
        return completed

    def _by_level(self) -> dict[int, bytes]:
        levels = [level for level in range(self.size.bit_length()) if self.size >> level & 1]
        return dict(zip(levels, reversed(self.hashes), strict=True))

    def root(self) -> bytes:
        """Return the Merkle tree hash of everything appended so far."""
        if not self.hashes:
            return EMPTY_ROOT
        result = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            result = node_hash(left, result)
        return result


def _range(node: Node, begin: int, end: int) -> bytes:
    """Return the tree hash over leaves [begin, end), a range the RFC's splitting leads to."""
    width = end - begin
    if width & (width - 1) == 0:
        level = width.bit_length() - 1
        return node(level, begin >> level)
    middle = begin + _split(width)
    return node_hash(_range(node, begin, middle), _range(node, middle, end))


def root_hash(node: Node, size: int) -> bytes:
    """Return the tree hash of the first `size` leaves of a stored tree."""
    return _range(node, 0, size) if size else EMPTY_ROOT


def inclusion_proof(node: Node, index: int, size: int) -> list[bytes]:
    """Return the audit path of leaf `index` in the tree of `size` leaves (RFC 6962 2.1.1)."""
    if not 0 <= index < size:
        raise ValueError("no such leaf in a tree of that size")
    begin, end, path = 0, size, []
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append(_range(node, middle, end))
            end = middle
        else:
            path.append(_range(node, begin, middle))
            begin = middle
    return path[::-1]


def consistency_proof(node: Node, old: int, new: int) -> list[bytes]:
    """Return the proof that `old` leaves are a prefix of `new` leaves (RFC 6962 2.1.2)."""
    if not 0 <= old <= new:
        raise ValueError("the old tree must not be larger than the new one")
    if old == 0:
        return []  # every tree grows out of the empty one
    begin, end, path, whole = 0, new, [], True
    while old != end:
        middle = begin + _split(end - begin)
        if old <= middle:
            path.append(_range(node, middle, end))
            end = middle
        else:
            path.append(_range(node, begin, middle))
            begin, whole = middle, False
    if not whole:
        path.append(_range(node, begin, end))
    return path[::-1]


def climb(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> Iterator[Step]:
    """Yield each step from a leaf to the root its proof leads to (RFC 9162 2.1.3.2).

    Raises ProofError when the proof has the wrong length for this leaf and size.
    """
    if not 0 <= index < size:
        raise ProofError("the leaf's index lies outside the tree")
    place, last, current = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofError("the proof is too long")
        on_left = bool(place & 1) or place == last
        current = node_hash(sibling, current) if on_left else node_hash(current, sibling)
        yield Step(sibling, on_left, current)
        if on_left:
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        place, last = place >> 1, last >> 1
    if last != 0:
        raise ProofError("the proof is too short")


def verify_inclusion(
    leaf: bytes, index: int, size: int, *, proof: Sequence[bytes], root: bytes
) -> None:
    """Raise ProofError unless `proof` shows that `leaf` stands at `index` under `root`."""
    current = leaf
    for step in climb(leaf, index, size, proof):
        current = step.result
    if current != root:
        raise ProofError("the proof leads to another root")


def verify_consistency(
    old: int, new: int, *, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Raise ProofError unless the new tree extends the old one unchanged (RFC 9162 2.1.4.2)."""
    if not 0 <= old <= new:
        raise ProofError("the log is shorter than it was")
    if old in (0, new):
        _verify_trivial(old, old_root=old_root, new_root=new_root, proof=proof)
        return
    if _climb_both(old, new, proof=proof, old_root=old_root) != (old_root, new_root):
        raise ProofError("the log's past was changed")


def _verify_trivial(old: int, *, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check growth out of nothing, or no growth: there the proof must be empty."""
    if proof:
        raise ProofError("the proof is too long")
    if old_root != (new_root if old else EMPTY_ROOT):
        raise ProofError("the log's past was changed")


def _climb_both(
    old: int, new: int, *, proof: Sequence[bytes], old_root: bytes
) -> tuple[bytes, bytes]:
    """Return the old and the new root that the proof leads to, for 0 < old < new."""
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    # A power of two is one perfect subtree: its root is the seed and is left out of the proof.
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        raise ProofError("the proof is too short")
    small = large = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofError("the proof is too long")
        if place & 1 or place == last:
            small, large = node_hash(sibling, small), node_hash(sibling, large)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            large = node_hash(large, sibling)
        place, last = place >> 1, last >> 1
    if last != 0:
        raise ProofError("the proof is too short")
    return small, large
