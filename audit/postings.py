"""Sets of entries as the browsing index stores them: one small blob for each value and segment.

A segment is 65,536 neighbouring entries, so a place within one fits in 16 bits. A set is written
in the shortest of three forms, told apart by length: a run (5 bytes), a sorted list of places
(2 bytes each), or one bit for each place (8,192 bytes). The same set is always the same bytes.
Pure arithmetic: knows nothing of events, files or filters.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

SEGMENT = 1 << 16
_BITMAP = SEGMENT // 8
_RUN = 5
_RUNS = np.dtype([("zero", "u1"), ("first", "<u2"), ("last", "<u2")])
_SHORTEST_RUN = 3
_FEW = 64
_AT_ONCE = 512  # bitmaps, 4 MiB

Places = NDArray[np.uint16]
Flags = NDArray[np.bool_]


def pack(places: Sequence[int] | Places) -> bytes:
    """Return the bytes of a set given as ascending, distinct places."""
    first, last, many = int(places[0]), int(places[-1]), len(places)
    if many >= _SHORTEST_RUN and last - first == many - 1:
        return b"\0" + first.to_bytes(2, "little") + last.to_bytes(2, "little")
    if many < _FEW:
        return struct.pack(f"<{many}H", *places)  # numpy's own start costs more
    found = np.asarray(places, dtype="<u2")
    if many * 2 < _BITMAP:
        return found.tobytes()
    flags = np.zeros(SEGMENT, dtype=np.bool_)
    flags[found] = True
    return np.packbits(flags, bitorder="little").tobytes()


def unpack(blob: bytes) -> Places:
    """Return the places of a set, ascending; raises ValueError for bytes that are none."""
    if len(blob) == _BITMAP:
        bits = np.unpackbits(np.frombuffer(blob, dtype=np.uint8), bitorder="little")
        return np.flatnonzero(bits).astype(np.uint16)
    if len(blob) == _RUN:
        first, last = _ends(blob)
        return np.arange(first, last + 1, dtype=np.uint32).astype(np.uint16)
    return np.frombuffer(blob, dtype="<u2")


def union(blob: bytes, places: Sequence[int]) -> bytes:
    """Return the bytes of a stored set with more places in it."""
    return pack(np.union1d(unpack(blob), np.asarray(places, dtype=np.uint16)))


def mark(flags: Flags, rows: Iterable[tuple[int, bytes]]) -> None:
    """Set the flags of every entry in the sets, each given as (segment, bytes)."""
    lists: list[bytes] = []
    segments: list[int] = []
    for segment, blob in rows:
        start = segment * SEGMENT
        if len(blob) == _BITMAP:
            bits = np.unpackbits(np.frombuffer(blob, dtype=np.uint8), bitorder="little")
            flags[start : start + SEGMENT] |= bits.view(np.bool_)
        elif len(blob) == _RUN:
            _run(flags, segment, blob)[:] = True
        else:
            lists.append(blob)
            segments.append(segment)
    if lists:
        flags[_joined(lists, segments)] = True


class Sets:
    """Sets of entries made ready to be counted again and again, each given as (segment, bytes)."""

    def __init__(self, rows: Sequence[tuple[int, bytes]]):
        self._size = len(rows)
        forms: dict[int, list[int]] = {_BITMAP: [], _RUN: [], 0: []}
        for at, (_, blob) in enumerate(rows):
            forms[len(blob) if len(blob) in forms else 0].append(at)
        self._runs = np.array(forms[_RUN], dtype=np.int64)
        self._bounds = _bounds([rows[at] for at in forms[_RUN]])
        self._maps = np.array(forms[_BITMAP], dtype=np.int64)
        self._where = np.array([rows[at][0] for at in forms[_BITMAP]], dtype=np.int64)
        bits = b"".join(rows[at][1] for at in forms[_BITMAP])
        self._bits = np.frombuffer(bits, dtype=np.uint64).reshape(-1, _BITMAP // 8)
        self._lists = np.array(forms[0], dtype=np.int64)
        lists = [rows[at][1] for at in forms[0]]
        self._places = _joined(lists, [rows[at][0] for at in forms[0]]).astype(np.int32)
        self._starts = np.cumsum([0, *(len(blob) // 2 for blob in lists[:-1])])

    @property
    def nbytes(self) -> int:
        """How much memory this takes, about."""
        return self._bits.nbytes + self._places.nbytes + self._bounds.nbytes + 8 * self._size

    def counts(self, flags: Flags) -> NDArray[np.int64]:
        """Return for each set how many of its entries are flagged."""
        found = np.zeros(self._size, dtype=np.int64)
        if len(self._runs):
            inside = np.append(flags, np.False_).view(np.uint8)
            found[self._runs] = np.add.reduceat(inside, self._bounds, dtype=np.int64)[::2]
        if len(self._maps):
            packed = np.packbits(flags, bitorder="little").view(np.uint64)
            wanted = packed.reshape(-1, _BITMAP // 8)
            for some in (slice(i, i + _AT_ONCE) for i in range(0, len(self._maps), _AT_ONCE)):
                both = self._bits[some] & wanted[self._where[some]]
                found[self._maps[some]] = np.bitwise_count(both).sum(axis=1, dtype=np.int64)
        if len(self._lists):
            there = flags[self._places].view(np.uint8)
            found[self._lists] = np.add.reduceat(there, self._starts, dtype=np.int64)
        return found


def last(flags: Flags, segment: int, blob: bytes) -> int:
    """Return the last flagged entry of a set that has one."""
    places = unpack(blob).astype(np.int64) + segment * SEGMENT
    return int(places[flags[places]][-1])


def _bounds(rows: Sequence[tuple[int, bytes]]) -> NDArray[np.int64]:
    """Return where each run begins and where it has ended, one after the other."""
    runs = np.frombuffer(b"".join(blob for _, blob in rows), dtype=_RUNS)
    starts = np.array([segment for segment, _ in rows], dtype=np.int64) * SEGMENT
    return np.stack((starts + runs["first"], starts + runs["last"] + 1), axis=1).ravel()


def _run(flags: Flags, segment: int, blob: bytes) -> Flags:
    first, last = _ends(blob)
    return flags[segment * SEGMENT + first : segment * SEGMENT + last + 1]


def _joined(lists: Sequence[bytes], segments: Sequence[int]) -> NDArray[np.int64]:
    places = np.frombuffer(b"".join(lists), dtype="<u2").astype(np.int64)
    lengths = np.array([len(blob) // 2 for blob in lists], dtype=np.int64)
    return places + np.repeat(np.array(segments, dtype=np.int64) * SEGMENT, lengths)


def _ends(blob: bytes) -> tuple[int, int]:
    return int.from_bytes(blob[1:3], "little"), int.from_bytes(blob[3:5], "little")
