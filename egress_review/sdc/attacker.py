"""The independent attacker: bounds each hidden number from what is published alone.

Shares no code with `linking` or `suppress`: it derives its own equations from the rows as they
stand in the released tables, including every margin they imply, and bounds each hidden number by
linear programs. It never sees a true value of a hidden cell, and it never decides anything.
"""

from __future__ import annotations

import itertools
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import highspy
import numpy as np
from scipy.sparse import csc_matrix
from scipy.sparse.csgraph import connected_components

MOST_DIMENSIONS = 5
SLACK = 1e-7  # of the largest number of a component: what solver and rounding may differ by

Unknown = tuple[object, str]
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Row:
    """One row as released: `None` in `shown` is a hidden number, `None` in `labels` a total.

    `group` stands for the set of people-rows described; equal groups are equal cells everywhere.
    """

    group: object
    labels: tuple[str | None, ...]
    shown: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Published:
    """A released table and what is common knowledge about its numbers.

    `at_least` gives, per measure, the least a shown row can have (None: it may be negative).
    `overlapping` names measures whose parts may share persons; `within` pairs (smaller, larger).
    `sums` are groups and what makes them up, where labels are read to say so: bands within bands;
    `held` are groups and some that lie inside, which are together no more than they are.
    """

    rows: tuple[Row, ...]
    at_least: Mapping[str, float | None]
    overlapping: frozenset[str] = frozenset()
    within: tuple[tuple[str, str], ...] = ()
    sums: tuple[tuple[object, tuple[object, ...]], ...] = ()
    held: tuple[tuple[object, tuple[object, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Insider:
    """One person who knows some hidden numbers; `others` are how open each other one must stay."""

    knows: Mapping[Unknown, float]
    others: Mapping[Unknown, float]


@dataclass(slots=True)
class _Knowledge:
    """Facts gathered so far: numbers known, lower limits, and weighted sums.

    A sum is zero where the fact is exact, and at least zero where it is not.
    """

    known: dict[Unknown, float] = field(default_factory=dict)
    limit: dict[Unknown, float] = field(default_factory=dict)
    facts: list[tuple[dict[Unknown, float], bool]] = field(default_factory=list)


def attack(
    published: Sequence[Published],
    *,
    enough: Mapping[Unknown, Interval] | None = None,
    seconds: float = 60.0,
) -> dict[Unknown, Interval]:
    """Return, for every hidden number (group, measure), the least and most it can be.

    Where `enough` names an interval the attack on that number ends once it is seen to be open that
    far; where the `seconds` are up, with what was reached by then. An interval is therefore never
    wider than the truth, and a number that was not come to has none: whoever judges by the answer
    fails closed. Raises `ValueError` if the published tables contradict each other.
    """
    knowledge = _gathered(published)
    asked = {(row.group, name) for table in published for row in table.rows for name in row.shown}
    hidden = [name for name in knowledge.limit if name not in knowledge.known]
    return _bound(knowledge, hidden, asked, _Limits(enough or {}, seconds))


def attack_inside(
    published: Sequence[Published], insiders: Iterable[Insider], *, seconds: float = 10.0
) -> frozenset[Unknown]:
    """Return the numbers that some insider knows more closely than they may.

    Whom it does not come to in its time is not judged. Raises `ValueError` as `attack` does.
    """
    knowledge, limits = _gathered(published), _Limits({}, seconds)
    hidden = [name for name in knowledge.limit if name not in knowledge.known]
    rows, sides = _remaining(knowledge, {name: column for column, name in enumerate(hidden)})
    everybody, seen = list(insiders), set[Unknown]()
    for columns, mine in _pieces(len(hidden), rows):
        place = {hidden[column]: at for at, column in enumerate(columns)}
        here = [one for one in everybody if not place.keys().isdisjoint(one.knows)]
        if here:
            floor = np.array([knowledge.limit[name] for name in place])
            program = _program([(rows[r], sides[r]) for r in mine], columns, floor.tolist())
            for one in here:
                seen |= _seen_by(one, place, _Reached(*program, floor), limits)
    return frozenset(seen)


def _seen_by(
    insider: Insider, place: Mapping[Unknown, int], reached: _Reached, limits: _Limits
) -> set[Unknown]:
    own = {place[name]: value for name, value in insider.knows.items() if name in place}
    others = {place[name]: name for name in insider.others if name in place}
    with reached.holding(own):
        closed = (
            c for c, name in others.items() if reached.closed(c, insider.others[name], limits)
        )
        return {others[column] for column in closed}


def attack_sums(
    shown: Mapping[Unknown, float],
    sums: Iterable[tuple[Unknown, Iterable[Unknown]]],
    *,
    hidden: Sequence[Unknown],
    enough: Mapping[Unknown, Interval] | None = None,
    seconds: float = 60.0,
) -> dict[Unknown, Interval]:
    """Return what `attack` does, for numbers that are never negative and given by their sums.

    For a table whose equations are known otherwise than from its rows (hierarchies, instances).
    """
    knowledge = _Knowledge(dict(shown), dict.fromkeys((*shown, *hidden), 0.0))
    for total, parts in sums:
        fact = {total: 1.0, **dict.fromkeys(parts, -1.0)}
        knowledge.facts.append((fact, True))
    return _bound(knowledge, list(hidden), set(hidden), _Limits(enough or {}, seconds))


def _gathered(published: Sequence[Published]) -> _Knowledge:
    knowledge = _Knowledge()
    for table in published:
        _read(knowledge, table)
    for table in published:
        _sum_up(knowledge, table)
        _compare(knowledge, table)
    overlapping = frozenset[str]().union(*(table.overlapping for table in published))
    for table in published:
        _nest(knowledge, table, overlapping)
    return knowledge


def _read(knowledge: _Knowledge, table: Published) -> None:
    for row in table.rows:
        for measure, number in row.shown.items():
            name = (row.group, measure)
            if number is not None:
                knowledge.known[name] = number
            least = table.at_least[measure]
            limit = -np.inf if least is None else least
            knowledge.limit[name] = max(knowledge.limit.get(name, -np.inf), limit)


def _sum_up(knowledge: _Knowledge, table: Published) -> None:
    """Every total, shown or not, equals the rows below it, whichever way they are broken down."""
    by_shape: dict[tuple[bool, ...], list[Row]] = defaultdict(list)
    for row in table.rows:
        by_shape[_shape(row)].append(row)
    groups = {(_shape(row), row.labels): row.group for row in table.rows}
    for shape, rows in by_shape.items():
        for coarse in _coarser(shape, set(by_shape)):
            _roll_up(knowledge, table, rows, coarse, groups)


def _shape(row: Row) -> tuple[bool, ...]:
    return tuple(label is not None for label in row.labels)


def _coarser(shape: tuple[bool, ...], present: set[tuple[bool, ...]]) -> Iterator[tuple[bool, ...]]:
    if len(shape) > MOST_DIMENSIONS:
        nothing = (False,) * len(shape)
        others = [one for one in present | {nothing} if one != shape]
        yield from (one for one in others if all(a <= b for a, b in zip(one, shape, strict=True)))
        return
    for keep in itertools.product((False, True), repeat=len(shape)):
        if keep != shape and all(a <= b for a, b in zip(keep, shape, strict=True)):
            yield keep


def _roll_up(
    knowledge: _Knowledge,
    table: Published,
    rows: Iterable[Row],
    coarse: tuple[bool, ...],
    groups: Mapping[tuple[tuple[bool, ...], tuple[str | None, ...]], object],
) -> None:
    below: dict[tuple[str | None, ...], list[Row]] = defaultdict(list)
    for row in rows:
        kept = tuple(
            label if keep else None for label, keep in zip(row.labels, coarse, strict=True)
        )
        below[kept].append(row)
    for labels, parts in below.items():
        group = groups.get((coarse, labels), _union(parts))
        for measure in table.at_least:
            _relate(knowledge, (group, measure), [(part.group, measure) for part in parts], table)


def _union(parts: list[Row]) -> object:
    """Name the group of a total nobody printed so that another table's same group has that name."""
    marks = [part.group for part in parts]
    return tuple(sum(column) for column in zip(*marks, strict=True))


def _relate(knowledge: _Knowledge, total: Unknown, parts: list[Unknown], table: Published) -> None:
    if parts == [total]:
        return
    least = table.at_least[total[1]]
    if total[1] not in table.overlapping:
        knowledge.limit.setdefault(total, -np.inf if least is None else 0.0)
        fact = defaultdict(float, {total: 1.0})
        for part in parts:
            fact[part] -= 1.0
        knowledge.facts.append((dict(fact), True))
    elif total in knowledge.limit:
        knowledge.facts.append(({total: -1.0, **dict.fromkeys(parts, 1.0)}, False))
        knowledge.facts += [({total: 1.0, part: -1.0}, False) for part in parts if part != total]


def _nest(knowledge: _Knowledge, table: Published, overlapping: frozenset[str]) -> None:
    for measure in table.at_least.keys() - overlapping:
        for total, parts in table.sums:
            names = [(part, measure) for part in parts]
            if all(name in knowledge.limit for name in names):
                _relate(knowledge, (total, measure), names, table)
        for whole, parts in table.held:
            names = [(group, measure) for group in (whole, *parts)]
            if all(knowledge.limit.get(name, -np.inf) >= 0 for name in names):
                fact = {names[0]: 1.0, **dict.fromkeys(names[1:], -1.0)}
                knowledge.facts.append((fact, False))


def _compare(knowledge: _Knowledge, table: Published) -> None:
    for smaller, larger in table.within:
        for row in table.rows:
            fact = {(row.group, larger): 1.0, (row.group, smaller): -1.0}
            knowledge.facts.append((fact, False))


class _Limits:
    """When to stop: how open is enough, and until when to try."""

    def __init__(self, enough: Mapping[Unknown, Interval], seconds: float):
        self.enough, self._end = enough, time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds left, below zero when they are up."""
        return self._end - time.monotonic()


def _bound(
    knowledge: _Knowledge, hidden: list[Unknown], asked: set[Unknown], limits: _Limits
) -> dict[Unknown, Interval]:
    place = {name: column for column, name in enumerate(hidden)}
    rows, sides = _remaining(knowledge, place)
    bounds: dict[Unknown, Interval] = {}
    for columns, mine in _pieces(len(hidden), rows):
        names = [hidden[column] for column in columns]
        floor = [knowledge.limit[name] for name in names]
        solver, unit = _program([(rows[r], sides[r]) for r in mine], columns, floor)
        reached = _Reached(solver, unit, np.array(floor))
        for column, name in enumerate(names):
            if name in asked:
                reached.widen(column, limits.enough.get(name), limits)
        bounds |= {
            name: (float(reached.low[column]), float(reached.high[column]))
            for column, name in enumerate(names)
            if name in asked and reached.low[column] <= reached.high[column]
        }
    return bounds


class _Reached:
    """How far the points met so far reach, for every unknown of a piece at once.

    One point of the program is a table that agrees with all that is published, so it widens the
    intervals of all its numbers.
    """

    def __init__(self, solver: highspy.Highs, unit: float, floor: np.ndarray):
        self._solver, self._unit, self._floor = solver, unit, floor
        self.low, self.high = np.full(len(floor), np.inf), np.full(len(floor), -np.inf)

    def widen(self, column: int, enough: Interval | None, limits: _Limits) -> None:
        """Push one unknown both ways, as far as it goes or as is enough."""
        for sign in (1, -1):
            if limits.left > 0 and not self._done(column, enough, sign):
                self._push(column, sign, limits.left)

    @contextmanager
    def holding(self, own: Mapping[int, float]) -> Iterator[None]:
        """Attack as one who knows some numbers does."""
        for column, value in own.items():
            near = (value / self._unit - SLACK, value / self._unit + SLACK)
            self._solver.changeColBounds(column, *near)
        yield
        for column in own:
            least = self._floor[column] / self._unit
            self._solver.changeColBounds(column, least, highspy.kHighsInf)

    def closed(self, column: int, width: float, limits: _Limits) -> bool:
        """Say whether one unknown certainly cannot be pushed open that wide."""
        for sign in (1, -1):
            if self._narrow(column, width):
                if limits.left <= 0:
                    return False
                self._push(column, sign, limits.left)
        return limits.left > 0 and self._narrow(column, width)

    def _narrow(self, column: int, width: float) -> bool:
        """Compare without a difference: of two infinite ends there is none."""
        return bool(self.high[column] < self.low[column] + width)

    def _done(self, column: int, enough: Interval | None, sign: int) -> bool:
        if enough is not None:
            low, high = enough
            return bool(self.low[column] <= low if sign > 0 else self.high[column] >= high)
        return bool(sign > 0 and self.low[column] <= self._floor[column])

    def _push(self, column: int, sign: int, seconds: float) -> None:
        solver = self._solver
        solver.setOptionValue("time_limit", solver.getRunTime() + seconds)
        solver.changeColCost(column, float(sign))
        solver.run()
        if solver.getModelStatus() in _SILENT:  # it can fail on what it remembers, and without end
            solver.clearSolver()
            solver.changeColCost(column, 0.0)
            solver.run()  # any point that agrees; from there it finds its way, at the latest again
            solver.changeColCost(column, float(sign))
            solver.run()
        if solver.getModelStatus() in _SILENT:
            solver.run()
        status, point = solver.getModelStatus(), solver.getSolution().col_value
        solver.changeColCost(column, 0.0)
        if status == highspy.HighsModelStatus.kOptimal:
            numbers = np.asarray(point) * self._unit
            np.minimum(self.low, numbers, out=self.low)
            np.maximum(self.high, numbers, out=self.high)
        elif status in _ENDLESS:
            self.low[column] = min(self.low[column], -sign * np.inf)
            self.high[column] = max(self.high[column], -sign * np.inf)
        elif status != highspy.HighsModelStatus.kTimeLimit:
            raise ValueError("The published tables contradict each other.")


_SILENT = (highspy.HighsModelStatus.kNotset, highspy.HighsModelStatus.kUnknown)
_ENDLESS = (
    highspy.HighsModelStatus.kUnbounded,
    highspy.HighsModelStatus.kUnboundedOrInfeasible,
)


def _remaining(
    knowledge: _Knowledge, place: Mapping[Unknown, int]
) -> tuple[list[dict[int, float]], list[Interval]]:
    """Put in the known numbers; keep the facts that still say something about a hidden one."""
    seen: set[tuple[object, ...]] = set()
    rows, sides = [], []
    for fact, exact in knowledge.facts:
        row = {place[name]: weight for name, weight in fact.items() if name in place}
        rest = sum(w * knowledge.known[name] for name, w in fact.items() if name not in place)
        print_of = (frozenset(row.items()), exact, round(rest, 6))
        if row and print_of not in seen:
            seen.add(print_of)
            rows.append(row)
            sides.append((-rest, -rest if exact else np.inf))
    return rows, sides


def _pieces(count: int, rows: list[dict[int, float]]) -> Iterator[tuple[list[int], list[int]]]:
    """Split the unknowns into groups that no equation joins, each with its equations."""
    pairs = [(next(iter(row)), column) for row in rows for column in row]
    left, right = zip(*pairs, strict=True) if pairs else ((), ())
    graph = csc_matrix((np.ones(len(pairs)), (left, right)), shape=(count, count))
    number, labels = connected_components(graph, directed=False)
    columns: list[list[int]] = [[] for _ in range(number)]
    mine: list[list[int]] = [[] for _ in range(number)]
    for column, label in enumerate(labels):
        columns[label].append(column)
    for index, row in enumerate(rows):
        mine[labels[next(iter(row))]].append(index)
    yield from zip(columns, mine, strict=True)


def _program(
    facts: list[tuple[dict[int, float], Interval]], columns: list[int], limits: list[float]
) -> tuple[highspy.Highs, float]:
    """Return a solver that holds the facts on one piece, and the unit it measures in."""
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.silent()
    unit = max([abs(side[0]) for _, side in facts] + [1.0]) / 1_000.0
    for limit in limits:
        solver.addVar(limit / unit, highspy.kHighsInf)
    local = {column: place for place, column in enumerate(columns)}
    for row, (low, high) in facts:
        where = np.array([local[column] for column in row], dtype=np.int32)
        weights = np.array(list(row.values()))
        solver.addRow(low / unit - SLACK, high / unit + SLACK, len(row), where, weights)
    return solver, unit
