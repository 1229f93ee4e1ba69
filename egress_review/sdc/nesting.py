"""Which cells are exactly the sum of others that no label of a table says: bands within bands.

A table's own margins follow from its labels. That 30-39 is 30-34 and 35-39, or a region its
counties, stands in no label, in one table or in two; whoever reads them knows it all the same. It
is found by who is in the cells, and believed only where the source rows agree too. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from egress_review.sdc.differencing import meet
from egress_review.sdc.membership import Bools, Counts, Membership, common, histogram
from egress_review.sdc.tables import Mark, Sum, Table

Known = tuple[Table, Membership]  # a table and who is in its cells


def sums(new: Known, earlier: Sequence[Known]) -> tuple[Sum, ...]:
    """Return the cells that are sums of cells of one other grouping, where the new table is in it.

    `earlier` are tables of the same project: marks of different projects cannot be compared. The
    first cells of a membership are its table's.
    """
    found: dict[Sum, None] = {}
    for table, members in (new, *earlier):
        if meet(new[1], members):
            shared = common(new[1], members, histogram(new[1], members))
            found |= dict.fromkeys(_sums(new[0], table, _inside(shared, members)))
            if table is not new[0]:
                found |= dict.fromkeys(_sums(table, new[0], _inside(shared.T, new[1])))
    return tuple(found)


def _inside(shared: Counts, parts: Membership) -> Bools:
    return np.asarray((shared == parts.sizes[None, :]) & (shared > 0))


def _sums(whole: Table, parts: Table, inside: Bools) -> Iterator[Sum]:
    """Yield the cells of one table that are sums of cells of one grouping of the other.

    `inside` says, by cell of each, whose persons are all in which.
    """
    for level in sorted(parts.levels(), key=sorted):
        here = np.array([n for n, cell in enumerate(parts.cells) if cell.level == level])
        within = inside[: len(whole.cells), here]
        for number in np.flatnonzero(within.sum(axis=1) > 1):
            cell = whole.cells[number]
            if parts is whole and cell.level <= level:
                continue  # a margin, or the cell itself
            chosen = tuple(parts.cells[n].mark for n in here[within[number]])
            if _total(chosen) == cell.mark:
                yield cell.mark, chosen


def _total(marks: Sequence[Mark]) -> Mark:
    return sum(rows for rows, _ in marks), sum(hashes for _, hashes in marks)
