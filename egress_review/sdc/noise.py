"""Keyed noise on counts: as a cell-key method, unbiased, bounded, no small count ever shown.

A count v becomes v + e with e as spread out as a normal distribution of the agreed standard
deviation, cut at three of them (at least the threshold), so tilted that its expectation is zero
(maximum entropy under these constraints), and with no result below zero or between 1 and the
threshold. Zero therefore stays zero: nobody is in it. Each number is changed by itself, totals
too. The draw is `chance`'s: same persons and same number, same noise. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from egress_review.sdc.chance import BITS, Chances

STEPS = 200  # of bisection: far below what a float tells apart


@dataclass(frozen=True, eq=False)
class Change:
    """By how much a count may change, and with which probabilities."""

    by: npt.NDArray[np.int64]
    chance: npt.NDArray[np.float64]

    @property
    def deviation(self) -> float:
        """Return the standard deviation; the mean is zero."""
        return float(np.sqrt(self.chance @ self.by.astype(np.float64) ** 2))


def noisy(chances: Chances, cell: int, count: int, *, spread: int, threshold: int) -> int:
    """Return the count with its noise."""
    change = changes(count, spread=spread, threshold=threshold)
    point = chances.of(cell, count) / 2**BITS
    place = int(np.searchsorted(np.cumsum(change.chance), point, side="right"))
    return count + int(change.by[min(place, len(change.by) - 1)])


def changes(count: int, *, spread: int, threshold: int) -> Change:
    """Return what a count may change by. It is the same for all counts far above the threshold."""
    far = largest(spread, threshold) + threshold
    return _changes(min(count, far), spread, threshold)


def largest(spread: int, threshold: int) -> int:
    """Return the most that noise can be."""
    return max(3 * spread, threshold)


@lru_cache(maxsize=4096)
def _changes(count: int, spread: int, threshold: int) -> Change:
    most = largest(spread, threshold)
    by = np.arange(-most, most + 1)
    results = count + by
    by = by[(results >= threshold) | (results == 0)] if count else np.zeros(1, dtype=np.int64)
    return Change(by, _tilted(by, spread))


def _tilted(by: npt.NDArray[np.int64], spread: int) -> npt.NDArray[np.float64]:
    """Return the probabilities of mean zero that are nearest to a normal distribution's."""
    low, high = -50.0, 50.0
    for _ in range(STEPS):
        tilt = (low + high) / 2
        chance = _weights(by, spread, tilt)
        low, high = (tilt, high) if chance @ by < 0 else (low, tilt)
    return _weights(by, spread, (low + high) / 2)


def _weights(by: npt.NDArray[np.int64], spread: int, tilt: float) -> npt.NDArray[np.float64]:
    logs = tilt * by - by.astype(np.float64) ** 2 / (2 * spread**2)
    weights = np.exp(logs - logs.max())
    return np.asarray(weights / weights.sum())
