"""Puts stretches together: the one tree, every sender's numbering, the clock.

Keeps only what later stretches need. Never reads a file.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate
from operator import itemgetter

from audit.merkle import Frontier
from audit.verifier.checks import Check, Findings, counted
from audit.verifier.reading import Sender, Stretch
from audit.verifier.sources import CHUNK

_SETBACK = 600_000  # ms a clock may be put back without a word: corrections are smaller

StoredTile = Callable[[int, int, int], bytes | None]
"""`stored(level, n, width)`: a tile's first hashes; None where none is stored."""


@dataclass(slots=True)
class Whole:
    """What is known of the log once stretches have been added in order."""

    size: int = 0
    roots: dict[int, bytes] = field(default_factory=dict)  # size -> root, for the sizes asked for
    removed: list[tuple[int, int]] = field(default_factory=list)  # and the latest time before
    order: Findings = field(default_factory=Findings)
    hashes: Findings = field(default_factory=Findings)
    strange: Findings = field(default_factory=Findings)
    tiles: Findings = field(default_factory=Findings)
    _upper: Frontier = field(default_factory=Frontier)  # over the roots of whole tiles
    _rest: list[bytes] = field(default_factory=list)
    _levels: dict[int, list[bytes]] = field(default_factory=dict)
    _sequence: Findings = field(default_factory=Findings)
    _forged: Findings = field(default_factory=Findings)
    _next: dict[Sender, int] = field(default_factory=dict)
    _nameless: int = 0
    _skipped: int = 0
    _times: list[tuple[int, int, int]] = field(default_factory=list)
    _earliest: list[int] = field(default_factory=list)  # from each chunk on
    _latest: int = 0
    _setbacks: Findings = field(default_factory=Findings)

    def add(self, stretch: Stretch, stored: StoredTile) -> None:
        """Add the next stretch."""
        begin = stretch.begin
        for place in range(0, stretch.end - begin, CHUNK):
            first = begin + place
            for mark, frontier in stretch.marks.items():
                if first < mark <= min(first + CHUNK, stretch.end):
                    self.roots[mark] = self._root(mark, frontier)
            if place // CHUNK < len(stretch.chunks):
                self._climb(stretch.chunks[place // CHUNK], stored)
        self._rest = stretch.rest
        self.size = stretch.end
        self._nameless += stretch.nameless
        for mine, theirs in (
            (self.order, stretch.order),
            (self.hashes, stretch.hashes),
            (self.strange, stretch.strange),
            (self.tiles, stretch.tiles),
            (self._forged, stretch.forged),
        ):
            mine.absorb(theirs)
        self._follow(stretch)
        self._watch_clock(stretch)

    def _root(self, size: int, frontier: list[bytes]) -> bytes:
        if len(frontier) == 1 and size % CHUNK == 0:  # the chunk is whole: not in `_upper` yet
            upper = Frontier(self._upper.size, self._upper.hashes)
            upper.append(frontier[0])
            return upper.root()
        return Frontier(size, [*self._upper.hashes, *frontier]).root()

    def root(self) -> bytes:
        """Return the root over everything added."""
        return Frontier(self.size, [*self._upper.hashes, *self._rest]).root()

    def _climb(self, root: bytes, stored: StoredTile) -> None:
        """Add a whole tile's root; compare each tile above that this fills."""
        for level, digest in enumerate(self._upper.append(root)):
            if level % 8:
                continue
            filling = self._levels.setdefault(level // 8 + 1, [])
            filling.append(digest)
            if len(filling) == CHUNK:
                n = (self._upper.size >> level) // CHUNK - 1
                self._compare(stored, level // 8 + 1, n)
                filling.clear()

    def _compare(self, stored: StoredTile, level: int, n: int) -> None:
        hashes = self._levels[level]
        if stored(level, n, len(hashes)) != b"".join(hashes):
            self.tiles.add(f"tile {level}/{n:,}")

    def finish(self, stored: StoredTile) -> None:
        """Compare the tiles that are not full yet."""
        for level, hashes in self._levels.items():
            if hashes:
                self._compare(stored, level, self.size >> 8 * (level + 1))

    def _follow(self, stretch: Stretch) -> None:
        """Follow every sender's numbering across the stretches."""
        for index, sender, due, sent in stretch.gaps:
            self._gap(f"entry {index:,}", sender, due, sent)
        for sender, first in stretch.first.items():
            due = self._next.get(sender, 0)
            if first != due:
                self._gap(f"from entry {stretch.begin:,} on", sender, due, first)
            self._next[sender] = stretch.following[sender]

    def _gap(self, place: str, sender: Sender, due: int, sent: int) -> None:
        # A removed text may no longer say whose it was: so many numbers may be missing, no more.
        if due < sent <= due + self._nameless - self._skipped:
            self._skipped += sent - due
            return
        source = sender[0].decode(errors="replace")
        self._sequence.add(f"{place}: {source} sent {sent:,}, {due:,} was due")

    def _watch_clock(self, stretch: Stretch) -> None:
        times, place, before = stretch.times, 0, self._latest
        for index, after in stretch.removed:
            while place < len(times) and times[place][0] + CHUNK <= index:
                before = max(before, times[place][2])
                place += 1
            self.removed.append((index, max(after, before)))
        for begin, earliest, latest in stretch.times:
            if earliest < self._latest - _SETBACK:
                hours = (self._latest - earliest) / 3_600_000
                self._setbacks.add(f"near entry {begin:,} the clock stood {hours:,.1f} hours back")
            self._latest = max(self._latest, latest)
        self._times += stretch.times

    def age_within(self, index: int) -> int:
        """Return how long ago an entry was written when the last one was, in ms, at least.

        Takes the earliest time that follows it, so that an entry dated ahead gains nothing.
        """
        if not self._times:
            return 0
        if len(self._earliest) != len(self._times):
            lows = accumulate((low for _, low, _ in reversed(self._times)), min)
            self._earliest = list(lows)[::-1]
        place = bisect_right(self._times, index, key=itemgetter(0)) - 1
        return self._times[-1][2] - self._earliest[max(place, 0)]

    def numbering(self) -> Check:
        """Return the answer on every sender's numbers."""
        found = Findings()
        found.absorb(self._sequence)
        found.absorb(self._forged)
        notes: tuple[str, ...] = ()
        if self._skipped:
            notes = (f"{self._skipped:,} numbers stood in texts that retention removed",)
        return found.answer(
            "Is every sender's numbering gapless?",
            f"yes, {counted(len(self._next), 'sender')}",
            notes,
        )

    def clock(self) -> Check:
        """Return what times say; an odd clock is for a person to look at."""
        answer = "yes" if not self._setbacks.count else "not always"
        return Check("Do the entries' times run forward?", answer, (), self._setbacks.named)
