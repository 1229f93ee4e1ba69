"""What the service counts about itself while it runs, and a snapshot of it for whoever asks.

Counts only; never an event, a name or a text. Everything starts at zero with the process.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from dataclasses import dataclass, field

# Seconds; the last bucket takes whatever is slower. The target for 64 callers is 0.04.
BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.1, 0.25, 1.0, 5.0)


@dataclass(frozen=True, slots=True)
class Gauges:
    """One moment. Sizes in entries, latencies in seconds from the socket to the commit.

    `latencies[i]` counts events at most as slow as `BUCKETS[i]` and slower than the bucket before;
    the last one those slower than every bucket. `signed_at` is seconds since 1970, 0 before the
    first signature.
    """

    entries: int
    queue: int
    events: int
    refused: int
    batches: int
    largest_batch: int
    latencies: tuple[int, ...]
    latency_sum: float
    store_errors: int
    signed_size: int
    signed_at: float


@dataclass(slots=True)
class Counting:
    """The counters as the service moves them, all from its event loop's thread but the signature.

    An int or float is replaced whole, so a snapshot from any thread is at worst a moment old.
    """

    events: int = 0
    refused: int = 0
    batches: int = 0
    largest_batch: int = 0
    store_errors: int = 0
    signed_size: int = -1
    signed_at: float = 0.0
    latency_sum: float = 0.0
    latencies: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))

    def batch(self, arrived: list[float], now: float, *, refused: int) -> None:
        """Count a committed batch; `arrived` and `now` are on the monotonic clock."""
        self.batches += 1
        self.events += len(arrived)
        self.refused += refused
        self.largest_batch = max(self.largest_batch, len(arrived))
        for moment in arrived:
            self.latency_sum += now - moment
            self.latencies[bisect_left(BUCKETS, now - moment)] += 1

    def signed(self, size: int) -> None:
        """Note that a checkpoint of this size was signed just now."""
        self.signed_size, self.signed_at = size, time.time()

    def snapshot(self, *, entries: int, queue: int) -> Gauges:
        """Return how things stand."""
        return Gauges(
            entries=entries,
            queue=queue,
            events=self.events,
            refused=self.refused,
            batches=self.batches,
            largest_batch=self.largest_batch,
            latencies=tuple(self.latencies),
            latency_sum=self.latency_sum,
            store_errors=self.store_errors,
            signed_size=self.signed_size,
            signed_at=self.signed_at,
        )
