"""Class disclosure: rows that hold all, or nearly all, of the group they are a part of.

Who is known to be in the group is then known to be in the row (Handbook on Statistical Disclosure
Control, 2nd ed., section 5.2). Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from egress_review.sdc.tables import Cell, Contributors, Kind, Level, Table


def disclosed(table: Table, share: float) -> tuple[int, ...]:
    """Return the cells with at least `share` of the persons of a group one dimension coarser.

    Or of which at least that share has, or lacks, what a number counts a subset by.
    """
    found = {index for index, cell in enumerate(table.cells) if _whole_subset(cell, share)}
    for level in table.levels():
        for dimension in level:
            found |= set(_whole_parts(table, level, dimension, share))
    return tuple(sorted(found))


def _whole_subset(cell: Cell, share: float) -> bool:
    if any(name.startswith("everybody:") for name in cell.contributors):
        return True
    return any(
        name.startswith(f"{Kind.NONNULL}:") and _nearly(who, cell.persons, share)
        for name, who in cell.contributors.items()
        if " where " in name or " is 1" in name
    )


def _nearly(who: Contributors, persons: int, share: float) -> bool:
    return persons > 0 and max(who.persons, persons - who.persons) >= share * persons


def _whole_parts(table: Table, level: Level, dimension: int, share: float) -> Iterator[int]:
    """Yield the cells that are nearly all of what they and their siblings make up together."""
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, cell in enumerate(table.cells):
        if cell.level == level:
            key = tuple("" if n == dimension else part for n, part in enumerate(cell.key))
            groups[key].append(index)
    for siblings in groups.values():
        total = sum(table.cells[index].persons for index in siblings)
        if len(level) > 1 and total:
            yield from (i for i in siblings if table.cells[i].persons >= share * total)
