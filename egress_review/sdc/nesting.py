"""Which cells are made up of others, or hold them, that no label of a table says.

A table's own margins follow from its labels. That 30-39 is 30-34 and 35-39, or a region its
counties, stands in no label, in one table or in two; nor that those of two industries from 40 on
are some of all from 40 on. Whoever reads them knows it all the same. It is found by who is in the
cells, and believed only where the source rows agree too. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from egress_review.sdc.changes import are_of_same_rows
from egress_review.sdc.differencing import meet
from egress_review.sdc.membership import Bools, Counts, Membership, common, histogram
from egress_review.sdc.tables import Cell, Level, Mark, Sum, Table

Known = tuple[Table, Membership]  # a table and who is in its cells


@dataclass(frozen=True, slots=True)
class Nested:
    """`sums` are cells and what makes them up; `held` are cells and others that lie inside."""

    sums: tuple[Sum, ...]
    held: tuple[Sum, ...]


def nested(new: Known, earlier: Sequence[Known]) -> Nested:
    """Return what the new table's cells make up or hold, of one other grouping, and the reverse.

    `earlier` are tables of the same project: marks of different projects cannot be compared. The
    first cells of a membership are its table's.
    """
    sums: dict[Sum, None] = {}
    held: dict[Sum, None] = {}
    for table, members in (new, *earlier):
        if meet(new[1], members):
            shared = common(new[1], members, histogram(new[1], members))
            ways = [(new[0], table, _inside(shared, members))]
            ways += [(table, new[0], _inside(shared.T, new[1]))] * (table is not new[0])
            for way in ways:
                sums |= dict.fromkeys(_sums(*way))
            if are_of_same_rows(new[1], members):
                held |= dict.fromkeys(one for way in ways for one in _held(*way))
    return Nested(tuple(sums), tuple(held))


def _inside(shared: Counts, parts: Membership) -> Bools:
    return np.asarray((shared == parts.sizes[None, :]) & (shared > 0))


def _sums(whole: Table, parts: Table, inside: Bools) -> Iterator[Sum]:
    """Yield the cells of one table that are sums of cells of one grouping of the other.

    `inside` says, by cell of each, whose persons are all in which.
    """
    for level in parts.levels():
        for cell, chosen in _together(whole, parts, level, inside):
            marks = tuple(one.mark for one in chosen)
            if len(chosen) > 1 and _total(marks) == cell.mark:
                yield cell.mark, marks


def _held(whole: Table, parts: Table, inside: Bools) -> Iterator[Sum]:
    """Yield the cells of one table with those of a grouping of the other that lie inside them.

    What those of its finest groupings say, all others do.
    """
    known = {cell.mark for cell in parts.cells}
    levels = parts.levels()
    for level in levels:
        if not any(level < finer for finer in levels):
            for cell, chosen in _together(whole, parts, level, inside):
                marks = tuple(one.mark for one in chosen)
                if cell.mark not in known and _total(marks) != cell.mark:
                    yield cell.mark, marks


def _together(
    whole: Table, parts: Table, level: Level, inside: Bools
) -> Iterator[tuple[Cell, list[Cell]]]:
    """Yield the cells of one table and those of a grouping of the other whose persons they hold."""
    here = np.array([n for n, cell in enumerate(parts.cells) if cell.level == level])
    within = inside[: len(whole.cells), here]
    for number in np.flatnonzero(within.any(axis=1)):
        cell = whole.cells[number]
        if not (parts is whole and cell.level <= level):  # a margin, or the cell itself
            yield cell, [parts.cells[n] for n in here[within[number]]]


def _total(marks: Sequence[Mark]) -> Mark:
    return sum(rows for rows, _ in marks), sum(hashes for _, hashes in marks)
