"""The attacker's bounds held against what each sensitive cell is owed.

No solver here: `certify` compares. A certificate names cells by number, not by value, and is safe
to show a reviewer, not to publish.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from egress_review.sdc.attacker import Insider, Interval, Published, Row, Unknown
from egress_review.sdc.floors import Name, ceilings, floors, least
from egress_review.sdc.primary import may_be_known, owed
from egress_review.sdc.standards import NEARLY
from egress_review.sdc.tables import Cell, Kind, Measure, Table, with_rows
from enclave.model import DisclosureRules

NEAR = 1e-3  # counts are whole numbers, and sums are owed whole percents


@dataclass(frozen=True, slots=True)
class Finding:
    """One sensitive number: how far each way it must stay open, and how far it does."""

    table: int
    cell: int
    measure: str
    owed_up: float
    owed_down: float
    open_up: float
    open_down: float

    @property
    def safe(self) -> bool:
        """Whether both ways are open as far as owed."""
        near = NEAR * max(1.0, self.owed_up)
        return self.open_up >= self.owed_up - near and self.open_down >= self.owed_down - near


@dataclass(frozen=True, slots=True)
class Certificate:
    """Every sensitive number of a release and of the ones before it, with its finding."""

    standard: str
    findings: tuple[Finding, ...]

    @property
    def exposed(self) -> tuple[Finding, ...]:
        """The findings that are not safe; a release needs this to be empty."""
        return tuple(finding for finding in self.findings if not finding.safe)


def publish(table: Table) -> Published:
    """Return a table as outsiders get it: hidden numbers gone, what is common knowledge added."""
    table = with_rows(table)
    within = [
        (smaller.name, larger.name)
        for larger in table.measures
        for smaller in table.measures
        if larger.kind is Kind.ROWS and smaller.kind in (Kind.PERSONS, Kind.NONNULL)
    ]
    return Published(
        rows=tuple(_row(cell, table, index) for index, cell in enumerate(table.cells)),
        at_least={m.name: None if m.signed else least(m) for m in table.measures},
        overlapping=frozenset(m.name for m in table.measures if not m.adds_up),
        within=tuple(within),
        sums=table.sums,
        held=table.held,
    )


def insiders(tables: Sequence[Table], lone: Mapping[int, int]) -> Iterator[Insider]:
    """Yield whoever is alone in a hidden cell and what must stay open to them.

    `lone` says, by cell of the last table, who its only person is. Of two cells with one person
    each of which that is not known for both, they may be the same: `linking` judges those.
    """
    tables = [with_rows(table) for table in tables]
    cells = {
        table.cells[index].mark: (table, index, lone.get(index) if table is tables[-1] else None)
        for table in tables
        for index in sorted(table.hidden)
    }
    for table, index, person in cells.values():
        mine = table.cells[index]
        if mine.persons == 1:
            others = [
                (other, measure)
                for whose, at, who in cells.values()
                for other, measure in _numbers(whose, at)
                if other.persons > 1 or (None not in (person, who) and person != who)
            ]
            knows: dict[Unknown, float] = {
                (mine.mark, name): value for name, value in mine.values.items()
            }
            yield Insider(knows, {(c.mark, m.name): _nearly(c, m) for c, m in others})


def _numbers(table: Table, index: int) -> Iterator[tuple[Cell, Measure]]:
    if index in table.primary:
        yield from ((table.cells[index], measure) for measure in table.measures)


def _nearly(cell: Cell, measure: Measure) -> float:
    """Return how near is known: within less than one person or row, or half of 1 % of an amount."""
    return 0.5 * NEARLY * abs(cell.values[measure.name]) if measure.kind is Kind.SUM else 0.5


def _row(cell: Cell, table: Table, index: int) -> Row:
    labels = tuple(label if place in cell.level else None for place, label in enumerate(cell.key))
    hidden = index in table.hidden
    shown = {m.name: None if hidden else cell.values[m.name] for m in table.measures}
    return Row(cell.mark, labels, shown)


def certify(
    tables: Sequence[Table], bounds: Mapping[Unknown, Interval], rules: DisclosureRules
) -> Certificate:
    """Compare the attacker's bounds with what every sensitive cell of every table is owed.

    A sensitive number the attacker has no bounds for was published somewhere: not open at all.
    """
    tables = [with_rows(table) for table in tables]
    ends = (floors(tables), ceilings(tables))
    findings = [
        _finding((number, index), measure, tables, bounds, (rules, *ends))
        for number, table in enumerate(tables)
        for index in sorted(table.primary)
        for measure in table.measures
        if (table.cells[index].mark, measure.name) in bounds
        or not may_be_known(table.cells[index], measure, rules)
    ]
    return Certificate("strict", tuple(findings))


def _finding(
    place: tuple[int, int],
    measure: Measure,
    tables: Sequence[Table],
    bounds: Mapping[Unknown, Interval],
    standard: tuple[DisclosureRules, Mapping[Name, float], Mapping[Name, float]],
) -> Finding:
    number, index = place
    rules, floor, ceiling = standard
    cell = tables[number].cells[index]
    name, value = (cell.mark, measure.name), cell.values[measure.name]
    most = ceiling.get(name, math.inf)
    up, down = owed(cell, measure, rules, floor=floor[name], ceiling=most)
    low, high = bounds.get(name, (value, value))
    return Finding(number, index, measure.name, up, down, high - value, value - low)


def as_json(certificate: Certificate) -> dict[str, object]:
    """Return the certificate as plain data; an unbounded reach becomes a large number."""
    plain = asdict(certificate)
    for finding in plain["findings"]:
        finding["open_up"] = min(finding["open_up"], 1e300)
        finding["open_down"] = min(finding["open_down"], 1e300)
    return plain
