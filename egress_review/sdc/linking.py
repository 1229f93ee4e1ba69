"""Build one system of equations from a new table and everything the project released before.

The same cell (by its mark) is the same unknown wherever it stands, so two tables that share a
margin, shown or only implied, are protected together; so are bands and the bands within them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

import numpy as np
from scipy.sparse import csr_matrix

from egress_review.sdc.floors import Name, ceilings, floors, published
from egress_review.sdc.primary import may_be_known, owed
from egress_review.sdc.standards import NEARLY, Pair, against_insiders
from egress_review.sdc.system import FREE, KNOWN, Need, System
from egress_review.sdc.tables import (
    Cell,
    Kind,
    Margin,
    Mark,
    Measure,
    Table,
    adding,
    margins,
    with_rows,
)
from enclave.model import DisclosureRules


@dataclass(frozen=True, slots=True)
class Problem:
    """A system and how to read its answer: gate of each new cell, and cells nothing can save.

    `conflicts` are indices of new cells that are sensitive although already published.
    `owners[v]` says which (mark, measure) a variable of the system is, for reports.
    """

    system: System
    gates: tuple[int, ...]
    conflicts: tuple[int, ...]
    owners: tuple[Name | None, ...]


@dataclass(slots=True)
class _Draft:
    """What is collected before it becomes arrays; lives only inside `link`."""

    floor: dict[Name, float]
    ceiling: dict[Name, float]
    index: dict[Name, int] = field(default_factory=dict)
    value: list[float] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    unit: list[str] = field(default_factory=list)
    rows: list[dict[int, float]] = field(default_factory=list)
    owners: list[Name | None] = field(default_factory=list)

    def variable(self, name: Name, value: float) -> int:
        """Return the number of a named unknown, making it if it is new."""
        if name not in self.index:
            self.index[name] = self._add(value, self.floor[name], name[1], name)
        return self.index[name]

    def slack(self, value: float, measure: str) -> int:
        """Return a new nameless unknown that cannot be negative, in the unit of a measure."""
        return self._add(value, 0.0, measure, None)

    def _add(self, value: float, low: float, unit: str, owner: Name | None) -> int:
        self.value.append(value)
        self.low.append(low)
        self.unit.append(unit)
        self.owners.append(owner)
        return len(self.value) - 1


def link(
    new: Table,
    earlier: Sequence[Table],
    rules: DisclosureRules,
    *,
    lone: Mapping[int, int] | None = None,
) -> Problem:
    """Return the joint problem of `new` given `earlier`; their primaries stay owed what they were.

    Every table's `primary` must be set. Values are the true ones; this never leaves the service.
    `lone` says, by cell of the new table, who its only person is: one person may be alone in
    several cells. Without it two cells are one person's only where one contains the other.
    """
    new, *earlier = (with_rows(table) for table in (new, *earlier))
    tables = (*earlier, new)
    draft = _Draft(floors(tables), ceilings(tables))
    for table in tables:
        _name_cells(draft, table)
    shared = _shared(tables)
    for table in tables:
        _equate_margins(draft, table, shared)
        _couple_measures(draft, table)
    _equate_sums(draft, tables, shared)
    _hold(draft, tables, published(earlier))
    gate, gates, count = _gates(draft, new, earlier)
    needs, conflicts = _needs(draft, tables, gate, rules)
    system, scale = _finish(draft, gate, needs, _costs(new, gates, count))
    # no more than outsiders must be left with: most insiders know nothing about most numbers
    widths = {
        n.variable: min(_nearly(draft, n.variable), n.up + n.down) / scale[n.variable]
        for n in needs
    }
    alone, same = _alone(draft, tables)
    system = against_insiders(
        system, alone, owed=widths, same=(*same, *_same(draft, new, lone or {}))
    )
    return Problem(system, gates, tuple(conflicts), tuple(draft.owners))


def _name_cells(draft: _Draft, table: Table) -> None:
    for cell in table.cells:
        for measure in table.measures:
            draft.variable((cell.mark, measure.name), cell.values[measure.name])


def _shared(tables: Sequence[Table]) -> frozenset[Mark]:
    """Return the marks reached in two ways; the other implied margins tell nothing."""
    seen: Counter[Mark] = Counter()
    for table in tables:
        seen.update(cell.mark for cell in table.cells)
        seen.update(margin.total for margin in margins(table))
        for whole, parts in (*table.sums, *table.held):
            seen.update((whole, *parts))
    return frozenset(mark for mark, times in seen.items() if times > 1)


def _equate_margins(draft: _Draft, table: Table, shared: frozenset[Mark]) -> None:
    for margin in margins(table):
        if margin.total not in shared:
            continue
        for measure in table.measures:
            if measure.adds_up:
                _equate(draft, table, margin, measure)
            elif (margin.total, measure.name) in draft.index:
                _overlap(draft, table, margin, measure)


def _parts(draft: _Draft, table: Table, margin: Margin, measure: Measure) -> list[int]:
    return [draft.index[table.cells[part].mark, measure.name] for part in margin.parts]


def _equate(draft: _Draft, table: Table, margin: Margin, measure: Measure) -> None:
    parts = _parts(draft, table, margin, measure)
    value = sum(draft.value[part] for part in parts)
    total = draft.variable((margin.total, measure.name), value)
    if parts != [total]:
        draft.rows.append({total: 1.0, **dict.fromkeys(parts, -1.0)})


def _equate_sums(draft: _Draft, tables: Sequence[Table], shared: frozenset[Mark]) -> None:
    """Equate groups with those that make them up, where no label says so."""
    known = {frozenset(row.items()) for row in draft.rows}
    for measure in sorted(adding(tables)):
        for total, parts in (one for table in tables for one in table.sums):
            whole, names = (total, measure), [(mark, measure) for mark in parts]
            if whole not in draft.floor or any(name not in draft.index for name in names):
                continue  # a table without this measure
            others = [draft.index[name] for name in names]
            if whole in draft.index or total in shared:
                first = draft.variable(whole, sum(draft.value[other] for other in others))
                row = {first: 1.0, **dict.fromkeys(others, -1.0)}
                if frozenset(row.items()) not in known:
                    draft.rows.append(row)


def _hold(draft: _Draft, tables: Sequence[Table], known: Container[Name]) -> None:
    """Hold cells that lie inside another one to what it has, where nothing is below zero.

    Of numbers that are all `known` that says nothing new.
    """
    for measure in sorted(adding(tables)):
        for whole, parts in dict.fromkeys(one for table in tables for one in table.held):
            names = [(mark, measure) for mark in (whole, *parts)]
            is_there = all(name in draft.index and draft.floor[name] >= 0 for name in names)
            if is_there and not all(name in known for name in names):
                larger, *smaller = (draft.index[name] for name in names)
                _at_most(draft, smaller, larger, measure)


def _overlap(draft: _Draft, table: Table, margin: Margin, measure: Measure) -> None:
    """Persons in several parts: the total lies between the largest part and the sum of all."""
    parts = _parts(draft, table, margin, measure)
    total = draft.index[margin.total, measure.name]
    if parts == [total]:
        return
    rest = sum(draft.value[part] for part in parts) - draft.value[total]
    slack = draft.slack(rest, measure.name)
    draft.rows.append({total: 1.0, slack: 1.0, **dict.fromkeys(parts, -1.0)})
    for part in parts:
        _at_most(draft, [part], total, measure.name)


def _at_most(draft: _Draft, smaller: Sequence[int], larger: int, measure: str) -> None:
    gap = draft.value[larger] - sum(draft.value[part] for part in smaller)
    slack = draft.slack(max(gap, 0.0), measure)
    draft.rows.append({larger: 1.0, **dict.fromkeys(smaller, -1.0), slack: -1.0})


def _couple_measures(draft: _Draft, table: Table) -> None:
    """No cell has more persons, or more rows with a value, than rows."""
    names = {measure.name: measure for measure in table.measures}
    rows = next((name for name, measure in names.items() if measure.kind is Kind.ROWS), None)
    if rows is None:
        return
    for name, measure in names.items():
        if measure.kind in (Kind.PERSONS, Kind.NONNULL):
            for cell in table.cells:
                smaller, larger = (draft.index[cell.mark, one] for one in (name, rows))
                _at_most(draft, [smaller], larger, rows)


def _gates(
    draft: _Draft, new: Table, earlier: Sequence[Table]
) -> tuple[list[int], tuple[int, ...], int]:
    """Return per variable its gate, per new cell its gate, and how many gates there are."""
    gate = [FREE] * len(draft.value)
    by_mark: dict[Mark, int] = {}
    for cell in new.cells:
        number = by_mark.setdefault(cell.mark, len(by_mark))
        for measure in new.measures:
            gate[draft.index[cell.mark, measure.name]] = number
    for table in earlier:
        for index, cell in enumerate(table.cells):
            if index not in table.hidden:
                for measure in table.measures:
                    gate[draft.index[cell.mark, measure.name]] = KNOWN
    return gate, tuple(by_mark[cell.mark] for cell in new.cells), len(by_mark)


def _promises(
    draft: _Draft, table: Table, rules: DisclosureRules
) -> Iterator[tuple[int, Name, float, float]]:
    for index in sorted(table.primary):
        cell = table.cells[index]
        for measure in table.measures:
            name = (cell.mark, measure.name)
            ends = {"floor": draft.floor[name], "ceiling": draft.ceiling.get(name, inf)}
            up, down = owed(cell, measure, rules, **ends)
            if up > 0 or down > 0:
                yield index, name, up, down


def _needs(
    draft: _Draft, tables: Sequence[Table], gate: list[int], rules: DisclosureRules
) -> tuple[tuple[Need, ...], list[int]]:
    needs: dict[int, Need] = {}
    conflicts: set[int] = set()
    for table in tables:
        for index, name, up, down in _promises(draft, table, rules):
            variable = draft.index[name]
            if gate[variable] == KNOWN:
                measure = table.measure(name[1])
                if table is tables[-1] and not may_be_known(table.cells[index], measure, rules):
                    conflicts.add(index)
                continue
            old = needs.get(variable, Need(variable, 0.0, 0.0))
            needs[variable] = Need(variable, max(old.up, up), max(old.down, down))
    return tuple(needs.values()), sorted(conflicts)


def _alone(draft: _Draft, tables: Sequence[Table]) -> tuple[list[int], list[Pair]]:
    """Return the numbers with one contributor, and pairs of numbers that one person knows.

    The only person of a cell knows all its numbers, also those they contribute nothing to.
    """
    alone: set[int] = set()
    same: list[Pair] = []
    for cell in (cell for table in tables for cell in table.cells):
        names = [name for name in cell.values if (cell.mark, name) in draft.index]
        mine = [draft.index[cell.mark, name] for name in names]
        alone |= {v for v, name in zip(mine, names, strict=True) if _contributors(cell, name) == 1}
        if cell.persons == 1:
            same += [(mine[0], other) for other in mine]
    return sorted(alone), same


def _same(draft: _Draft, new: Table, lone: Mapping[int, int]) -> Iterator[Pair]:
    """Yield pairs of numbers of one person who is alone in several cells of the new table."""
    first: dict[int, int] = {}
    for index, person in lone.items():
        cell = new.cells[index]
        number = draft.index[cell.mark, new.measures[0].name]
        yield first.setdefault(person, number), number


def _contributors(cell: Cell, name: str) -> int:
    who = cell.contributors.get(name)
    return who.persons if who else cell.persons


def _nearly(draft: _Draft, variable: int) -> float:
    """Return what width an insider must be left with: one person or row, 1 % of an amount."""
    owner = draft.owners[variable]
    amount = owner is not None and owner[1].startswith(Kind.SUM)
    return NEARLY * abs(draft.value[variable]) if amount else 1.0


def _costs(new: Table, gates: tuple[int, ...], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Hiding a cell costs the people it tells about; totals are therefore kept when possible."""
    weight, forced = np.zeros(count), np.zeros(count, dtype=bool)
    for index, cell in enumerate(new.cells):
        weight[gates[index]] = 1.0 + cell.persons
        forced[gates[index]] |= index in new.primary
    return weight, forced


def _scales(draft: _Draft, value: np.ndarray) -> np.ndarray:
    """Return per variable its unit: sums in ten-thousandths of their largest, for the solver.

    No equation joins a sum to a count, so each measure may have a unit of its own.
    """
    largest: dict[str, float] = {}
    sums = [(n, unit) for n, unit in enumerate(draft.unit) if unit.startswith(Kind.SUM)]
    for number, name in sums:
        largest[name] = max(largest.get(name, 1e-9), abs(value[number]))
    scale = np.ones(len(value))
    for number, name in sums:
        scale[number] = largest[name] / 10_000.0
    return scale


def _finish(
    draft: _Draft,
    gate: list[int],
    needs: tuple[Need, ...],
    costs: tuple[np.ndarray, np.ndarray],
) -> tuple[System, np.ndarray]:
    """Return the system and the unit of each of its variables."""
    value, low = np.array(draft.value, dtype=float), np.array(draft.low, dtype=float)
    scale = _scales(draft, value)
    value, low = value / scale, low / scale
    needs = tuple(
        Need(n.variable, n.up / scale[n.variable], n.down / scale[n.variable]) for n in needs
    )
    reach = 2.0 * np.abs(value).max(initial=0.0) + 4.0 * max((n.up for n in needs), default=0.0)
    shape = (len(draft.rows), len(value))
    entries = [(r, c, v) for r, row in enumerate(draft.rows) for c, v in row.items()]
    rows, columns, weights = zip(*entries, strict=True) if entries else ((), (), ())
    equations = csr_matrix((weights, (rows, columns)), shape=shape)
    weight, forced = costs
    lowest = np.maximum(low, value - reach)
    codes = np.array(gate, dtype=np.int64)
    system = System(value, lowest, value + reach, codes, equations, needs, weight, forced)
    return system, scale
