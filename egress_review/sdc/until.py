"""Until when to work: processor seconds, so that a loaded machine finds what an idle one finds.

The service is protected by the clock all the same: no work takes PATIENCE times as long by it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

PATIENCE = 4.0  # seconds of the clock for each of the processor, at most
_FIRST = 0.05  # processor seconds, before which nothing is known of the machine's pace


def _now() -> tuple[float, float]:
    return time.thread_time(), time.monotonic()


@dataclass(frozen=True, slots=True)
class Until:
    """So many seconds from its making, in the thread that made it."""

    seconds: float
    begun: tuple[float, float] = field(default_factory=_now)

    @property
    def left(self) -> float:
        """Processor seconds left; below zero when the time is up."""
        return self._left()[0]

    @property
    def left_by_the_clock(self) -> float:
        """What is left as seconds of the clock, at the pace that the machine went so far."""
        left, pace = self._left()
        return left * pace

    def first(self, share: float) -> Until:
        """Return the end of the first part, as a share, of what is left."""
        left = self.left
        return Until(self.seconds - left + share * max(left, 0.0), self.begun)

    def _left(self) -> tuple[float, float]:
        """Return what is left and how many seconds of the clock one of the processor took."""
        processor, clock = (now - then for now, then in zip(_now(), self.begun, strict=True))
        pace = clock / processor if processor > _FIRST else 1.0
        left = self.seconds - max(processor, clock / PATIENCE)
        return left, min(max(pace, 1.0), PATIENCE)
