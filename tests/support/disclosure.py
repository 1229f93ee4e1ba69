"""Tables made from little people, for tests of disclosure control: no database, no files."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from egress_review.sdc.attacker import attack
from egress_review.sdc.certificate import Certificate, certify, publish
from egress_review.sdc.linking import link
from egress_review.sdc.primary import sensitive
from egress_review.sdc.suppress import Pattern, suppress
from egress_review.sdc.tables import ROWS, Cell, Contributors, Kind, Level, Measure, Table
from enclave.model import DisclosureRules

PERSONS = Measure("persons", Kind.PERSONS)
WAGE = Measure("sum:wage", Kind.SUM)


@dataclass(frozen=True)
class Record:
    """One source row: whose it is, its categories, its amount."""

    person: int
    labels: tuple[str, ...]
    amount: float = 1.0


def tabulate(
    records: Sequence[Record],
    dimensions: Sequence[int],
    *,
    levels: Iterable[Sequence[int]] | None = None,
    measures: tuple[Measure, ...] = (ROWS,),
) -> Table:
    """Count records over some of their labels, at the given levels (default: every margin)."""
    places = range(len(dimensions))
    every = [c for size in range(len(dimensions) + 1) for c in itertools.combinations(places, size)]
    chosen = [frozenset(level) for level in (every if levels is None else levels)]
    cells = [cell for level in chosen for cell in _cells(records, dimensions, level)]
    names = tuple(str(dimension) for dimension in dimensions)
    finest = [cell for cell in cells if cell.level == max(chosen, key=len)]
    alone = sum(c.persons for c in finest) == len({record.person for record in records})
    fixed = tuple(replace(m, adds_up=alone) if m.kind is Kind.PERSONS else m for m in measures)
    wanted = {measure.name for measure in measures}
    kept = [replace(c, values={k: v for k, v in c.values.items() if k in wanted}) for c in cells]
    return Table(names, fixed, tuple(kept))


def _cells(records: Sequence[Record], dimensions: Sequence[int], level: Level) -> list[Cell]:
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, record in enumerate(records):
        key = tuple(record.labels[d] if i in level else "" for i, d in enumerate(dimensions))
        groups[key].append(number)
    return [_cell(records, key, level, numbers) for key, numbers in sorted(groups.items())]


def _cell(
    records: Sequence[Record], key: tuple[str, ...], level: Level, numbers: list[int]
) -> Cell:
    given: dict[int, float] = defaultdict(float)
    for number in numbers:
        given[records[number].person] += records[number].amount
    mark = (len(numbers), sum(hash(records[number]) & 0xFFFFFFFFFFFF for number in numbers))
    total = sum(given.values())
    top = tuple(sorted(given.values(), reverse=True)[:5])
    values = {"rows": float(len(numbers)), "persons": float(len(given)), "sum:wage": total}
    who = {"sum:wage": Contributors(sum(v != 0 for v in given.values()), 0, top, total)}
    return Cell(mark, level, key, len(given), values, who)


def protect(
    new: Table, earlier: Sequence[Table], rules: DisclosureRules
) -> tuple[Table, Pattern, tuple[int, ...]]:
    """Return the table with its pattern set, the pattern, and conflicts with earlier tables."""
    new = replace(new, primary=frozenset(sensitive(new, rules)))
    problem = link(new, earlier, rules)
    pattern = suppress(problem.system)
    hidden = frozenset(i for i, gate in enumerate(problem.gates) if pattern.hidden[gate])
    return replace(new, hidden=hidden), pattern, problem.conflicts


def judge(tables: Sequence[Table], rules: DisclosureRules) -> Certificate:
    """Return the independent attacker's verdict on tables as they would be released."""
    return certify(tables, attack([publish(table) for table in tables]), rules)
