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


def counts(flags: Flags, rows: Sequence[tuple[int, bytes]]) -> list[int]:
    """Return for each set, given as (segment, bytes), how many of its entries are flagged."""
    found = np.zeros(len(rows), dtype=np.int64)
    forms: dict[int, list[int]] = {_BITMAP: [], _RUN: [], 0: []}
    for at, (_, blob) in enumerate(rows):
        forms[len(blob) if len(blob) in forms else 0].append(at)
    if forms[_RUN]:
        found[forms[_RUN]] = _in_runs(flags, [rows[at] for at in forms[_RUN]])
    for some in (forms[_BITMAP][i : i + _AT_ONCE] for i in range(0, len(forms[_BITMAP]), _AT_ONCE)):
        found[some] = _in_bitmaps(flags, [rows[at] for at in some])
    if lists := [rows[at][1] for at in forms[0]]:
        places = _joined(lists, [rows[at][0] for at in forms[0]])
        starts = np.cumsum([0, *(len(blob) // 2 for blob in lists[:-1])])
        found[forms[0]] = np.add.reduceat(flags[places], starts, dtype=np.int64)
    return [int(number) for number in found]


def last(flags: Flags, segment: int, blob: bytes) -> int:
    """Return the last flagged entry of a set that has one."""
    places = unpack(blob).astype(np.int64) + segment * SEGMENT
    return int(places[flags[places]][-1])


def _in_runs(flags: Flags, rows: Sequence[tuple[int, bytes]]) -> NDArray[np.int64]:
    runs = np.frombuffer(b"".join(blob for _, blob in rows), dtype=_RUNS)
    starts = np.array([segment for segment, _ in rows], dtype=np.int64) * SEGMENT
    before = np.concatenate(([0], np.cumsum(flags, dtype=np.int64)))
    found: NDArray[np.int64] = before[starts + runs["last"] + 1] - before[starts + runs["first"]]
    return found


def _in_bitmaps(flags: Flags, rows: Sequence[tuple[int, bytes]]) -> NDArray[np.int64]:
    bitmaps = np.frombuffer(b"".join(blob for _, blob in rows), dtype=np.uint64)
    wanted = np.packbits(flags, bitorder="little").view(np.uint64).reshape(-1, _BITMAP // 8)
    both = bitmaps.reshape(len(rows), -1) & wanted[[segment for segment, _ in rows]]
    found: NDArray[np.int64] = np.bitwise_count(both).sum(axis=1, dtype=np.int64)
    return found


def _run(flags: Flags, segment: int, blob: bytes) -> Flags:
    first, last = _ends(blob)
    return flags[segment * SEGMENT + first : segment * SEGMENT + last + 1]


def _joined(lists: Sequence[bytes], segments: Sequence[int]) -> NDArray[np.int64]:
    places = np.frombuffer(b"".join(lists), dtype="<u2").astype(np.int64)
    lengths = np.array([len(blob) // 2 for blob in lists])
    return places + np.repeat(np.array(segments, dtype=np.int64) * SEGMENT, lengths)


def _ends(blob: bytes) -> tuple[int, int]:
    return int.from_bytes(blob[1:3], "little"), int.from_bytes(blob[3:5], "little")
