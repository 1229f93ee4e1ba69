"""Working days: Monday to Friday in UTC. Knows no holidays; an agreement may give more days."""

from __future__ import annotations

from datetime import datetime, timedelta

WORKING = range(5)  # Monday is 0


def due(since: datetime, days: int) -> datetime:
    """Return the same time of day so many working days later."""
    at = since
    for _ in range(days):
        at += timedelta(days=1)
        while at.weekday() not in WORKING:
            at += timedelta(days=1)
    return at
