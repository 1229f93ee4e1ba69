"""What rows that are there, and numbers published before, say of a number, whatever is hidden.

A shown row has at least one source row and one person; a total has at least what its parts have;
and what lies inside a group published before has at most what that has. No suppression can take
that back, so protection is owed no further than this.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from egress_review.sdc.tables import Kind, Mark, Measure, Sum, Table, adding, margins

Name = tuple[Mark, str]


def least(measure: Measure) -> float:
    """Return the least a shown row can have of a measure, known to anyone who can read."""
    if measure.signed:
        return -math.inf
    return 1.0 if measure.kind in (Kind.ROWS, Kind.PERSONS) else 0.0


def floors(tables: Sequence[Table]) -> dict[Name, float]:
    """Return, for every cell and implied margin, the least each measure can be.

    The last table is the new one; what the others show is published.
    """
    found: dict[Name, float] = {}
    for table in tables:
        for cell in table.cells:
            for measure in table.measures:
                name = (cell.mark, measure.name)
                low = min(least(measure), cell.values[measure.name])
                found[name] = max(found.get(name, -math.inf), low)
    plain = adding(tables)
    known = published(tables[:-1])
    sums: list[tuple[Sequence[Measure], Sequence[Sum], Mapping[Name, float]]] = []
    for table in tables:
        adds = [m for m in table.measures if m.name in plain]
        sums.append((table.measures, list(_margins(table)), {}))
        sums += [(adds, table.sums, {}), (adds, table.held, known)]
    while any([_raise(found, *one) for one in sums]):
        pass  # a margin of margins needs another round; there are at most as many as dimensions
    return found


def ceilings(tables: Sequence[Table]) -> dict[Name, float]:
    """Return, for cells inside a group that an earlier table shows, the most each can be.

    That is what the group has less what else was shown of it; the last table is the new one.
    """
    known, found = published(tables[:-1]), dict[Name, float]()
    for measure in adding(tables):
        for whole, parts in (one for table in tables for one in table.held):
            names = [(part, measure) for part in parts]
            if (whole, measure) in known:
                rest = known[whole, measure] - sum(known.get(name, 0.0) for name in names)
                for name in names:
                    most = rest + known.get(name, 0.0)
                    found[name] = min(found.get(name, math.inf), most)
    return found


def published(earlier: Sequence[Table]) -> dict[Name, float]:
    """Return what is shown, and the totals that shown numbers add up to."""
    found: dict[Name, float] = {}
    for table in earlier:
        for margin in margins(table):
            if table.hidden.isdisjoint(margin.parts):
                for name in adding([table]):
                    parts = (table.cells[part].values[name] for part in margin.parts)
                    found[margin.total, name] = sum(parts)
        for index, cell in enumerate(table.cells):
            if index not in table.hidden:
                found |= {(cell.mark, name): value for name, value in cell.values.items()}
    return found


def _margins(table: Table) -> Iterator[Sum]:
    for margin in margins(table):
        yield margin.total, tuple(table.cells[part].mark for part in margin.parts)


def _raise(
    found: dict[Name, float],
    measures: Sequence[Measure],
    sums: Sequence[Sum],
    known: Mapping[Name, float],
) -> bool:
    """Raise what totals have to what their parts have, published or at the least."""
    raised = False
    for total, marks in sums:
        for measure in measures:
            name = (total, measure.name)
            if any((mark, measure.name) not in found for mark in marks):
                continue  # an earlier table without this measure
            names = [(mark, measure.name) for mark in marks]
            parts = [known.get(part, found[part]) for part in names]
            low = sum(parts) if measure.adds_up else max(parts)
            if name not in found or low > found[name]:  # a signed sum has none, and a name
                found[name] = low
                raised = True
    return raised
