"""What the mere presence of rows gives away: the least a number can be, whatever is hidden.

A shown row has at least one source row and one person; a total has at least what its parts have.
No suppression can take that back, so protection downwards is owed no further than this.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from egress_review.sdc.tables import Kind, Mark, Measure, Sum, Table, adding, margins

Name = tuple[Mark, str]


def least(measure: Measure) -> float:
    """Return the least a shown row can have of a measure, known to anyone who can read."""
    if measure.signed:
        return -math.inf
    return 1.0 if measure.kind in (Kind.ROWS, Kind.PERSONS) else 0.0


def floors(tables: Sequence[Table]) -> dict[Name, float]:
    """Return, for every cell and implied margin, the least each measure can be."""
    found: dict[Name, float] = {}
    for table in tables:
        for cell in table.cells:
            for measure in table.measures:
                name = (cell.mark, measure.name)
                low = min(least(measure), cell.values[measure.name])
                found[name] = max(found.get(name, -math.inf), low)
    plain = adding(tables)
    sums: list[tuple[Sequence[Measure], Sequence[Sum]]] = []
    for table in tables:
        sums.append((table.measures, list(_margins(table))))
        sums.append(([m for m in table.measures if m.name in plain], table.sums))
    while any([_raise(found, measures, known) for measures, known in sums]):
        pass  # a margin of margins needs another round; there are at most as many as dimensions
    return found


def _margins(table: Table) -> Iterator[Sum]:
    for margin in margins(table):
        yield margin.total, tuple(table.cells[part].mark for part in margin.parts)


def _raise(found: dict[Name, float], measures: Sequence[Measure], known: Sequence[Sum]) -> bool:
    raised = False
    for total, marks in known:
        for measure in measures:
            name = (total, measure.name)
            if any((mark, measure.name) not in found for mark in marks):
                continue  # an earlier table without this measure
            parts = [found[mark, measure.name] for mark in marks]
            low = sum(parts) if measure.adds_up else max(parts)
            if name not in found or low > found[name]:  # a signed sum has none, and a name
                found[name] = low
                raised = True
    return raised
