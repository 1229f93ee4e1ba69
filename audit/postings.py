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
_SHORTEST_RUN = 3
_FEW = 64

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
            first, last = _ends(blob)
            flags[start + first : start + last + 1] = True
        else:
            lists.append(blob)
            segments.append(segment)
    if lists:
        flags[_joined(lists, segments)] = True


def positions(rows: Sequence[tuple[int, bytes]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the entries of many sets one after another, and where each set begins."""
    if not rows:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    lists = [blob if _is_list(blob) else unpack(blob).tobytes() for _, blob in rows]
    lengths = np.array([len(blob) // 2 for blob in lists], dtype=np.int64)
    starts = np.concatenate(([0], np.cumsum(lengths)[:-1])).astype(np.int64)
    return _joined(lists, [segment for segment, _ in rows]), starts


def within(flags: Flags, segment: int, blob: bytes) -> int:
    """Return how many entries of a set are flagged."""
    start = segment * SEGMENT
    if len(blob) == _RUN:
        first, last = _ends(blob)
        return int(np.count_nonzero(flags[start + first : start + last + 1]))
    return int(np.count_nonzero(flags[start + unpack(blob).astype(np.int64)]))


def _joined(lists: Sequence[bytes], segments: Sequence[int]) -> NDArray[np.int64]:
    places = np.frombuffer(b"".join(lists), dtype="<u2").astype(np.int64)
    lengths = np.array([len(blob) // 2 for blob in lists])
    return places + np.repeat(np.array(segments, dtype=np.int64) * SEGMENT, lengths)


def _is_list(blob: bytes) -> bool:
    return len(blob) not in (_BITMAP, _RUN)


def _ends(blob: bytes) -> tuple[int, int]:
    return int.from_bytes(blob[1:3], "little"), int.from_bytes(blob[3:5], "little")
