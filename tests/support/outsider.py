"""An outsider who has every released file of every project, and a linear-programming solver.

Written against the files and what their queries mean (`tests.support.joint`) alone: shares no line
with the product. Two attacks. *Bounds*, of what one project showed of one version: how many rows
are at each place of the attribute space is unknown, each file is equations, each hidden number is
bounded. *Sets*, over all projects and versions: published numbers are sums over sets of rows, and
whatever set of a few persons lies in their span, or between two of them, is found by its true
members (stronger than an outsider: one who can tell what a combination means).
"""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import linprog

from tests.support.joint import LEAST, SPACE, Leaving, Row

HIDDEN = "[suppressed]"
EXACT = 1e-6
CENTS = 0.02  # what a mean times a count may be off by
P = 0.1  # of the p % rule
Key = tuple[int, int]  # project and version


@dataclass(frozen=True)
class Fact:
    """One number of a file: the sum of something over a part of the space; None: it is hidden."""

    file: int
    key: Key
    kind: str
    points: frozenset[int]
    value: float | None
    label: tuple[str, ...]
    whole: bool  # everybody of a row, and not a part of them by a FILTER
    absent: bool = False  # no row: there is nobody


@dataclass(frozen=True)
class Finding:
    """What an outsider knows and should not; `kind` is one word for counting."""

    kind: str
    files: tuple[int, ...]
    what: str


def facts(left: Sequence[Leaving]) -> list[Fact]:
    """Return all numbers of all files, and zeros for the groups that are not in them."""
    return [fact for number, one in enumerate(left) for fact in _facts(number, one)]


def _facts(number: int, one: Leaving) -> Iterator[Fact]:
    asked, width = one.asked, len(one.asked.by)
    key = (asked.project, asked.epoch)
    selected = [n for n, at in enumerate(SPACE) if asked.selects(at)]
    labels = {n: tuple(by.label(SPACE[n]) for by in asked.by) for n in selected}
    groups: dict[tuple[str, ...], set[int]] = defaultdict(set)
    _, *lines = csv.reader(io.StringIO(one.content.decode()))
    rows = {tuple(line[:width]): line[width:] for line in lines}
    shapes = {tuple(bool(part) for part in label) for label in rows}
    for shape in shapes:
        for n, label in labels.items():
            groups[tuple(p if s else "" for p, s in zip(label, shape, strict=True))].add(n)
    for label, points in groups.items():
        if label not in rows:
            yield Fact(number, key, "rows", frozenset(points), 0.0, label, True, True)
            continue
        cells = [None if cell == HIDDEN else float(cell or 0) for cell in rows[label]]
        for ask, cell in zip(asked.numbers, cells, strict=True):
            part = frozenset(n for n in points if ask.part(SPACE[n]))
            kind, value = _led_back(ask.kind, cell, cells[0])
            if kind != "other":
                yield Fact(number, key, kind, part, value, label, part == points)


def _led_back(kind: str, value: float | None, count: float | None) -> tuple[str, float | None]:
    """Return what a mean or a share is of, times its count: a sum, or a count of a part."""
    back = {"mean": ("sum", 1, 2), "share": ("rows", 100, 6)}
    if kind not in back:
        return kind, value
    other, unit, digits = back[kind]
    if value is None or count is None:
        return other, None
    return other, round(value * count / unit, digits)


# Bounds ---------------------------------------------------------------------------------------


class Program:
    """The counts (or sums) at the places that the facts tell apart, none below zero.

    `reach` is how far from the truth a shown number may be: nothing, or less than a base.
    """

    def __init__(self, known: Sequence[Fact], reach: float = EXACT):
        self.facts = known
        sets = list(dict.fromkeys(f.points for f in known))
        signs: dict[tuple[int, ...], int] = {}
        held: list[list[int]] = [[] for _ in SPACE]
        for number, points in enumerate(sets):
            for n in points:
                held[n].append(number)
        place = [signs.setdefault(tuple(h), len(signs)) for h in held]
        self.width = len(signs)
        self.columns = {
            points: np.array(sorted({place[n] for n in points}), dtype=int) for points in sets
        }
        shown = [f for f in known if f.value is not None]
        self.system = np.zeros((len(shown), self.width))
        for row, fact in enumerate(shown):
            self.system[row, self.columns[fact.points]] = 1
        self.values = np.array([fact.value for fact in shown])
        self.slack = np.array([EXACT if fact.absent else reach for fact in shown])
        # a row that is there has somebody, hidden rows too; but for a total of nobody, which says 0
        self.there = [f.points for f in known if f.whole and not f.absent and f.value != 0]

    def floor(self, points: frozenset[int]) -> float:
        """Return how many rows must be there since the files have rows, whatever these say."""
        bare = Program([f if f.absent else replace(f, value=None) for f in self.facts])
        return bare.bounds(points, counts=True)[0] if points in bare.columns else 0.0

    def bounds(self, points: frozenset[int], *, counts: bool) -> tuple[float, float]:
        """Return the least and the most that the sum over some places can be."""
        cost = np.zeros(self.width)
        cost[self.columns[points]] = 1
        rows = np.zeros((len(self.there), self.width))
        for row, there in enumerate(self.there):
            rows[row, self.columns[there]] = -1
        sides = np.full(len(rows), -1.0 if counts else 0.0)
        ends = []
        for sign in (1, -1):
            found = linprog(
                sign * cost,
                A_ub=np.vstack([rows, self.system, -self.system]),
                b_ub=np.concatenate([sides, self.values + self.slack, self.slack - self.values]),
                bounds=(0, None),
            )
            assert found.status in (0, 3), found.message
            ends.append(sign * found.fun if found.status == 0 else float("inf"))
        return ends[0], ends[1]


def by_bounds(left: Sequence[Leaving], rows: Mapping[Key, Sequence[Row]]) -> Iterator[Finding]:
    """Yield the hidden numbers of few people that lie in a narrower range than is promised."""
    everything = facts(left)
    for key in sorted({fact.key for fact in everything}):
        mine = [f for f in everything if f.key == key]
        once = len({row.person for row in rows[key]}) == len(rows[key])
        # who has several rows may be in several groups: numbers of persons do not add up then
        for kinds in (("rows", "persons") if once else ("rows",), ("sum",)):
            yield from _bounded(mine, kinds, _places(rows[key]))


def _places(rows: Sequence[Row]) -> dict[int, list[Row]]:
    where = {at: n for n, at in enumerate(SPACE)}
    found: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        found[where[row.at]].append(row)
    return found


def _bounded(
    mine: Sequence[Fact], kinds: tuple[str, ...], places: Mapping[int, list[Row]]
) -> Iterator[Finding]:
    counts = "rows" in kinds
    known = [f for f in mine if f.kind in kinds]
    if not counts:  # nobody, nothing
        known += [f for f in mine if f.kind == "rows" and f.value == 0]
    program = Program(known, EXACT if counts else CENTS)
    for points in dict.fromkeys(f.points for f in known if f.value is None and f.kind in kinds):
        inside = [row for n in points for row in places.get(n, ())]
        if not inside or not _sensitive(inside, counts=counts):
            continue
        low, high = program.bounds(points, counts=counts)
        owed = _owed(inside, counts=counts)
        if counts and low > owed[0]:
            owed = (max(owed[0], program.floor(points)), owed[1])
        if high < owed[1] - EXACT * max(1, owed[1]) or low > owed[0] + EXACT * max(1, owed[0]):
            fact = next(f for f in known if f.points == points and f.value is None)
            true = len(inside) if counts else sum(row.pay for row in inside)
            yield Finding(
                "bounds", (fact.file,), f"{fact.label} is {true}: {low:.3f} to {high:.3f}"
            )


def by_intervals(
    left: Sequence[Leaving], rows: Mapping[Key, Sequence[Row]], reach: int
) -> Iterator[Finding]:
    """Yield small counts that are certain although every number is up to `reach` off."""
    everything = [f for f in facts(left) if f.kind in ("rows", "persons")]
    for key in sorted({fact.key for fact in everything}):
        mine, places = [f for f in everything if f.key == key], _places(rows[key])
        if len({row.person for row in rows[key]}) < len(rows[key]):
            continue
        program = Program(mine, reach + EXACT)
        for points in dict.fromkeys(f.points for f in mine if not f.absent):
            count = sum(len(places.get(n, ())) for n in points)
            if not 0 < count < LEAST:
                continue
            low, high = program.bounds(points, counts=True)
            if not math.isfinite(high):
                continue
            if math.ceil(low - EXACT) == math.floor(high + EXACT) > program.floor(points):
                files = tuple(sorted({f.file for f in mine if f.points == points}))
                yield Finding("undone", files, f"is {count} for certain")


def by_draws(left: Sequence[Leaving], rows: Mapping[Key, Sequence[Row]]) -> Iterator[Finding]:
    """Yield counts of the same persons that were drawn more than once, and near ones.

    That two near groups are drawn apart says that somebody is between them, and nothing more than
    each number is off by: it is news only where no released row lies between. Of a county and its
    largest industry the row of the other industry says so itself, whatever number it is given. Nor
    is it news of groups that differ by as many as they share: nobody takes them for the same.
    """
    everything = shown(left, rows)
    drawn: dict[tuple[frozenset[int], int], set[float]] = defaultdict(set)
    for one in everything:
        count = len(one.persons if one.fact.kind == "persons" else one.rows)
        drawn[one.persons, count].add(one.fact.value or 0.0)
    for (persons, count), values in drawn.items():
        if len(values) > 1:
            yield Finding("drawn twice", (), f"{count} rows of {len(persons)}: {sorted(values)}")
    rows_there = [fact for fact in facts(left) if fact.whole and not fact.absent]
    yield from _pairs(everything, rows_there)


def _sensitive(inside: Sequence[Row], *, counts: bool) -> bool:
    pays: dict[int, float] = defaultdict(float)
    for row in inside:
        pays[row.person] += row.pay
    top = sorted(pays.values(), reverse=True)
    return len(top) < LEAST or (not counts and sum(top) - sum(top[:2]) < P * top[0])


def _owed(inside: Sequence[Row], *, counts: bool) -> tuple[float, float]:
    """Return the range that must stay open: counts to the threshold, others p per cent."""
    if not counts:
        total = sum(row.pay for row in inside)
        return total * (1 - P), total * (1 + P)
    if len(inside) < LEAST:
        return max(1, len(inside) - max(1, len(inside) // 2)), LEAST
    tenth = max(1, math.ceil(P * len(inside)))  # rows of few persons
    return len(inside) - tenth, len(inside) + tenth


# Sets -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shown:
    """A published number as the rows it is over: by whose and which, so that versions compare."""

    fact: Fact
    rows: frozenset[tuple[int, Row]]
    persons: frozenset[int]


def shown(left: Sequence[Leaving], rows: Mapping[Key, Sequence[Row]]) -> list[Shown]:
    """Return every published number with who is in it."""
    found = []
    where = {at: n for n, at in enumerate(SPACE)}
    for fact in facts(left):
        inside = [row for row in rows[fact.key] if where[row.at] in fact.points]
        if fact.value is None or not inside:
            continue
        copies = itertools.count()
        marked = frozenset((next(copies) if inside.count(r) > 1 else 0, r) for r in inside)
        found.append(Shown(fact, marked, frozenset(row.person for row in inside)))
    return found


def by_sets(left: Sequence[Leaving], rows: Mapping[Key, Sequence[Row]]) -> Iterator[Finding]:
    """Yield what few persons published numbers single out together."""
    everything = shown(left, rows)
    yield from _pairs(everything)
    yield from _spanned(everything)


def _pairs(everything: Sequence[Shown], told: Sequence[Fact] = ()) -> Iterator[Finding]:
    """Two numbers of the same kind that differ by the rows of a few persons.

    Not where one of the rows in `told` lies between them, in one version of one project: the same
    two groups are then no news in another either.
    """
    seen = {
        frozenset((one.rows, other.rows))
        for one, other in itertools.combinations(everything, 2)
        if _between(one.fact, other.fact, told)
    }
    for one, other in itertools.combinations(everything, 2):
        if (one.fact.kind == "persons") != (other.fact.kind == "persons"):
            continue
        if not one.persons & other.persons or one.rows == other.rows:
            continue
        if one.fact.kind == "persons":
            few = one.persons ^ other.persons
        else:
            few = frozenset(row.person for _, row in one.rows ^ other.rows)
        if one.fact.key[0] != other.fact.key[0] and _exchanged(one, other):
            continue  # of another project there is only the number of rows (0167)
        if one.fact.kind == other.fact.kind == "rows" and _exchanged(one, other):
            continue  # equal counts of the same persons tell nothing
        pair = frozenset((one.rows, other.rows))
        if told and len(one.persons & other.persons) <= len(few):
            continue
        if 0 < len(few) < LEAST and pair not in seen:
            seen.add(pair)
            yield Finding(
                "pair",
                tuple(sorted({one.fact.file, other.fact.file})),
                f"{one.fact.label} and {other.fact.label} ({one.fact.kind}, {other.fact.kind}) "
                f"differ by {len(few)}",
            )


def _between(one: Fact, other: Fact, told: Sequence[Fact]) -> bool:
    return one.key == other.key and any(
        row.points <= one.points - other.points or row.points <= other.points - one.points
        for row in told
        if row.key == one.key
    )


def _exchanged(one: Shown, other: Shown) -> bool:
    return one.persons == other.persons and len(one.rows) == len(other.rows)


def _spanned(everything: Sequence[Shown]) -> Iterator[Finding]:
    """Sets of few persons in the span of what was published, atoms and pairs of atoms."""
    for kind in ("persons", "rows"):
        sets = [
            (one, frozenset(one.persons) if kind == "persons" else one.rows)
            for one in everything
            if (one.fact.kind == "persons") == (kind == "persons")
        ]
        yield from _in_span(sets, kind)


def _in_span(sets: Sequence[tuple[Shown, frozenset[Any]]], kind: str) -> Iterator[Finding]:
    if not sets:
        return
    every = sorted({item for _, inside in sets for item in inside}, key=repr)
    place = {item: n for n, item in enumerate(every)}
    matrix = np.zeros((len(every), len(sets)))
    for column, (_, inside) in enumerate(sets):
        matrix[[place[item] for item in inside], column] = 1
    atoms, which = np.unique(matrix, axis=0, return_inverse=True)
    which = which.ravel()
    left, sizes, _ = np.linalg.svd(atoms, full_matrices=False)
    basis = left[:, sizes > 1e-8]
    persons = [
        frozenset(
            every[n] if kind == "persons" else every[n][1].person
            for n in np.flatnonzero(which == a)
        )
        for a in range(len(atoms))
    ]
    few = [a for a in range(len(atoms)) if len(persons[a]) < LEAST]
    for chosen in itertools.chain.from_iterable(itertools.combinations(few, n) for n in (1, 2, 3)):
        if len(frozenset().union(*(persons[a] for a in chosen))) >= LEAST:
            continue
        target = np.zeros(len(atoms))
        target[list(chosen)] = 1
        if np.linalg.norm(basis.T @ target) ** 2 >= len(chosen) - 1e-7:
            weights = np.linalg.lstsq(atoms, target, rcond=None)[0]
            used = np.flatnonzero(np.abs(weights) > 1e-7).tolist()
            files = tuple(sorted({sets[n][0].fact.file for n in used}))
            yield Finding("span", files, f"{kind} of {[len(persons[a]) for a in chosen]}")
