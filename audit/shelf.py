"""Keeps in memory what a process has read of the browsing index, as long as it cannot change.

A segment that is full never gets another entry, so its sets are read once; only the newest
segment is read for every page. What is kept are sets of the whole log, before anybody's sight is
applied, under the number of the one index they were read from. Never more than `most` bytes: what
was not asked for the longest time goes first. Never holds an entry or an answer.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Protocol, TypeVar, cast

MOST_BYTES = 192 * 1024 * 1024


class Kept(Protocol):
    """Something that knows its size. Never changed once it is on the shelf."""

    @property
    def nbytes(self) -> int:
        """How much memory it takes, about."""
        ...


_T = TypeVar("_T", bound=Kept)


class Shelf:
    """One for each process; callers may come from any thread."""

    def __init__(self, most: int = MOST_BYTES):
        self._most, self._bytes = most, 0
        self._kept: OrderedDict[Hashable, Kept] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, read: Callable[[], _T]) -> _T:
        """Return what is kept under a key, or read it; the same key must have one type."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return cast(_T, self._kept[key])
        found = read()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = found
                self._bytes += found.nbytes
            while self._bytes > self._most:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return found

    @property
    def nbytes(self) -> int:
        """How much memory is taken by what is kept."""
        return self._bytes
