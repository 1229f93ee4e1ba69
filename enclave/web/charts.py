"""Charts as plain geometry for server-rendered SVG; the table with the same numbers stands beside.

No script, no inline style: colours are CSS classes. Never draws more than a reader can tell apart:
what is left out is said in `note`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor

BAR_LIMIT = 25
BUCKET_LIMIT = 120
HEAT_LIMIT = 40
LEVELS = 5
WIDTH = 640
LABEL_WIDTH = 190  # at most
LETTER_WIDTH = 7
VALUE_WIDTH = 90
ROW_HEIGHT = 26
LABEL_LETTERS = 26
TALL = 120
BASE_LINE = 140
FEWEST = 8  # places for bars over time: a day alone is a bar and no wall


@dataclass(frozen=True, slots=True)
class Mark:
    """One rectangle with its words; lengths in SVG units. `level` is the heat class, 0 to 5."""

    label: str
    short: str
    text: str
    x: float
    y: float
    width: float
    height: float
    level: int = LEVELS


@dataclass(frozen=True, slots=True)
class Tick:
    """A word on an axis."""

    text: str
    x: float
    y: float
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing and the table with the same numbers, for the macro `chart` of charts.html."""

    id: str
    kind: str
    title: str
    description: str
    width: int
    height: int
    marks: tuple[Mark, ...]
    ticks: tuple[Tick, ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    legend: tuple[tuple[int, str], ...] = ()


def bars(
    title: str, items: Sequence[tuple[str, float]], *, label: str, unit: str, id: str | None = None
) -> Chart:
    """Return horizontal bars, one for each item, in the order given.

    `label` names what the items are, `unit` what is counted; values must not be negative.
    """
    shown, rest = items[:BAR_LIMIT], items[BAR_LIMIT:]
    most = max((value for _, value in shown), default=0) or 1
    start = _label_width(name for name, _ in shown)
    room = WIDTH - start - VALUE_WIDTH
    marks = tuple(
        Mark(
            label=name,
            short=_short(name),
            text=_text(value),
            x=start,
            y=place * ROW_HEIGHT,
            width=round(room * value / most, 2),
            height=ROW_HEIGHT - 8,
        )
        for place, (name, value) in enumerate(shown)
    )
    others = f"{len(rest):,} more are not drawn; together {_text(sum(v for _, v in rest))}."
    return Chart(
        id=id or _slug(title),
        kind="bars",
        title=title,
        description=_summary(shown, unit),
        width=WIDTH,
        height=max(1, len(marks)) * ROW_HEIGHT,
        marks=marks,
        ticks=(),
        head=(label, unit),
        rows=tuple((name, _text(value)) for name, value in shown),
        note=others if rest else "",
    )


def timeline(
    title: str,
    buckets: Sequence[tuple[str, float]],
    *,
    label: str,
    unit: str,
    id: str | None = None,
) -> Chart:
    """Return upright bars over time, one a bucket; neighbours are added up where there are many."""
    shown = _merged(buckets)
    top = max((value for _, value in shown), default=0)
    most = top or 1
    step = WIDTH / max(FEWEST, len(shown))
    marks = tuple(
        Mark(
            label=name,
            short=name,
            text=_text(value),
            x=round(place * step, 2),
            y=round(BASE_LINE - TALL * value / most, 2),
            width=round(max(1.0, step - min(2.0, step / 4)), 2),
            height=round(TALL * value / most, 2),
        )
        for place, (name, value) in enumerate(shown)
    )
    ends = [Tick(shown[0][0], 0, BASE_LINE + 18)] if shown else []
    if len(shown) > 1:
        ends.append(Tick(shown[-1][0], round(len(shown) * step, 2), BASE_LINE + 18, "end"))
    return Chart(
        id=id or _slug(title),
        kind="timeline",
        title=title,
        description=_summary(shown, unit),
        width=WIDTH,
        height=BASE_LINE + 24,
        marks=marks,
        ticks=(Tick(_counted(top, unit), 0, 12), *ends),
        head=(label, unit),
        rows=tuple((name, _text(value)) for name, value in shown),
        note="" if len(shown) == len(buckets) else f"{len(buckets):,} steps drawn as {len(shown)}.",
    )


def heat_map(
    title: str,
    values: Mapping[tuple[str, str], float],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    unit: str,
    id: str | None = None,
) -> Chart:
    """Return a grid of cells, darker where the value is higher; missing cells count as 0."""
    down, across = rows[:HEAT_LIMIT], columns[:HEAT_LIMIT]
    most = max((values.get((r, c), 0) for r in down for c in across), default=0) or 1
    start = _label_width(down)
    step = (WIDTH - start) / max(1, len(across))
    marks = tuple(
        Mark(
            label=f"{r}, {c}",
            short=_short(r) if place == 0 else "",
            text=_text(values.get((r, c), 0)),
            x=round(start + place * step, 2),
            y=line * ROW_HEIGHT,
            width=round(step - 2, 2),
            height=ROW_HEIGHT - 2,
            level=ceil(LEVELS * values.get((r, c), 0) / most),
        )
        for line, r in enumerate(down)
        for place, c in enumerate(across)
    )
    cells = [(f"{r}, {c}", values.get((r, c), 0)) for r in down for c in across]
    left_out = f"Drawn: {len(down)} of {len(rows)} rows, {len(across)} of {len(columns)} columns."
    return Chart(
        id=id or _slug(title),
        kind="heat",
        title=title,
        description=_summary(cells, unit),
        width=WIDTH,
        height=max(1, len(down)) * ROW_HEIGHT + 24,
        marks=marks,
        ticks=_column_ticks(across, start, step, len(down) * ROW_HEIGHT + 16),
        head=("", *across),
        rows=tuple((r, *(_text(values.get((r, c), 0)) for c in across)) for r in down),
        note=left_out if len(rows) > len(down) or len(columns) > len(across) else "",
        legend=_legend([value for _, value in cells], most, unit),
    )


def _column_ticks(across: Sequence[str], start: float, step: float, y: float) -> tuple[Tick, ...]:
    every = ceil(70 / step)
    return tuple(
        Tick(_short(name, 9), round(start + place * step + step / 2, 2), y, "middle")
        for place, name in enumerate(across)
        if place % every == 0
    )


def _label_width(names: Iterable[str]) -> int:
    longest = max((len(_short(name)) for name in names), default=0)
    return min(LABEL_WIDTH, longest * LETTER_WIDTH + 12)


def _legend(values: Iterable[float], most: float, unit: str) -> tuple[tuple[int, str], ...]:
    """Return (level, words) for each shade that a value can have."""
    tops = [most * level / LEVELS for level in range(LEVELS + 1)]
    if not all(float(value).is_integer() for value in values):
        shades = [
            (level, f"up to {_text(round(tops[level], 2))}") for level in range(1, LEVELS + 1)
        ]
        return ((0, f"0 {unit}"), *shades)
    ranges = [
        (level, floor(tops[level - 1]) + 1, floor(tops[level])) for level in range(1, LEVELS + 1)
    ]
    return (
        (0, f"0 {unit}"),
        *((n, _text(a) if a == b else f"{_text(a)} to {_text(b)}") for n, a, b in ranges if a <= b),
    )


def _merged(buckets: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    each = ceil(len(buckets) / BUCKET_LIMIT) or 1
    groups = [buckets[start : start + each] for start in range(0, len(buckets), each)]
    return [
        (g[0][0] if len(g) == 1 else f"{g[0][0]} to {g[-1][0]}", sum(v for _, v in g))
        for g in groups
    ]


def _summary(items: Sequence[tuple[str, float]], unit: str) -> str:
    if not items:
        return "Nothing to draw yet."
    top = max(items, key=lambda item: item[1])
    total, groups = sum(value for _, value in items), _counted(len(items), "groups")
    return f"{_counted(total, unit)} in {groups}; most in {top[0]}: {_text(top[1])}."


def _counted(value: float, unit: str) -> str:
    """Write a count with its unit, a plural: 1 entry, 2 entries."""
    one = f"{unit[:-3]}y" if unit.endswith("ies") else unit.removesuffix("s")
    return f"{_text(value)} {one if value == 1 else unit}"


def _text(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def _short(text: str, letters: int = LABEL_LETTERS) -> str:
    return text if len(text) <= letters else text[: letters - 1].rstrip() + "…"


def _slug(text: str) -> str:
    return "chart-" + (re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x")
