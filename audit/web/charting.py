"""The site's charts: how much happened on which day, and at what time of day.

Only geometry and words; the numbers come from the index.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

from audit.search import DAY_MS, Browser, Wanted
from enclave.web.charts import Chart, heat_map, timeline

DAYS_DRAWN = 30
DAYS_IN_GRID = 7
MOST_DAYS = 3660
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def by_day(browser: Browser, wanted: Wanted) -> Chart:
    """Draw the entries of each of the last 30 days, or of the days asked for."""
    first, last = _days(wanted, DAYS_DRAWN)
    numbers = browser.per_day(_within(wanted, first, last))
    days = [(_name(day), float(numbers.get(day, 0))) for day in range(first, last + 1)]
    return timeline("Entries by day", days, label="Day (UTC)", unit="entries", id="by-day")


def by_hour(browser: Browser, wanted: Wanted) -> Chart:
    """Draw a grid of the last seven days (or the last of those asked for) by hour of day."""
    first, last = _days(wanted, DAYS_IN_GRID)
    first = max(first, last - DAYS_IN_GRID + 1)
    numbers = browser.per_hour_of_day(_within(wanted, first, last))
    return heat_map(
        "Entries by hour of day",
        {(_weekday(day), f"{hour:02}"): float(n) for (day, hour), n in numbers.items()},
        rows=[_weekday(day) for day in range(first, last + 1)],
        columns=[f"{hour:02}" for hour in range(24)],
        unit="entries",
        id="by-hour",
    )


def whole(browser: Browser, wanted: Wanted) -> list[Chart]:
    """Draw the entries from the first that fits to the last: by day, and by weekday and hour."""
    numbers = browser.per_day(wanted)
    first, last = (min(numbers), max(numbers)) if numbers else (0, -1)
    first = max(first, last - MOST_DAYS)
    days = [(_name(day), float(numbers.get(day, 0))) for day in range(first, last + 1)]
    return [
        timeline("Entries by day", days, label="Day (UTC)", unit="entries", id="by-day"),
        _by_weekday(browser, wanted),
    ]


def _by_weekday(browser: Browser, wanted: Wanted) -> Chart:
    values: Counter[tuple[str, str]] = Counter()
    for (day, hour), number in browser.per_hour_of_day(wanted).items():
        values[WEEKDAYS[(day + 3) % 7], f"{hour:02}"] += number  # 1970 began on a Thursday
    return heat_map(
        "Entries by weekday and hour (UTC)",
        {place: float(number) for place, number in values.items()},
        rows=WEEKDAYS,
        columns=[f"{hour:02}" for hour in range(24)],
        unit="entries",
        id="by-hour",
    )


def _days(wanted: Wanted, most: int) -> tuple[int, int]:
    """Return the first and last day (since 1970) to draw."""
    now = int(time.time() * 1000)
    last = (min(now, wanted.until - 1) if wanted.until else now) // DAY_MS
    first = wanted.since // DAY_MS if wanted.since else last - most + 1
    return min(max(first, last - MOST_DAYS), last), last


def _within(wanted: Wanted, first: int, last: int) -> Wanted:
    return replace(wanted, since=first * DAY_MS, until=(last + 1) * DAY_MS)


def _name(day: int) -> str:
    return datetime.fromtimestamp(day * DAY_MS / 1000, tz=UTC).strftime("%Y-%m-%d")


def _weekday(day: int) -> str:
    return datetime.fromtimestamp(day * DAY_MS / 1000, tz=UTC).strftime("%a %Y-%m-%d")
