"""Which groups are made up of others, or hold them, that no label of a table says.

A table's own margins follow from its labels. That 30-39 is 30-34 and 35-39, or a region its
counties, stands in no label, in one table or in two; nor that those of two industries from 40 on
are some of all from 40 on, or that women in one table and men in another are everybody in a third.
Whoever reads them knows it all the same. It is found by who is in the groups, and believed only
where the source rows agree too. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product

import numpy as np
from scipy.sparse import csr_matrix, hstack

from egress_review.sdc.changes import are_of_same_rows
from egress_review.sdc.differencing import meet
from egress_review.sdc.membership import Bools, Counts, Membership, common, histogram
from egress_review.sdc.peeling import meeting, peel, shared_by, within_reach
from egress_review.sdc.span import nearest
from egress_review.sdc.tables import Level, Mark, Sum, Table, margins

TIGHTEST = 4  # bounds of a group that are kept
MOST_TOTALS = 1_000  # that a table implies and does not show; of one with more none is looked at
Known = tuple[Table, Membership]  # a table and who is in its cells


@dataclass(frozen=True, slots=True)
class Nested:
    """`sums` are groups and what makes them up; `held` are groups and others that lie inside."""

    sums: tuple[Sum, ...]
    held: tuple[Sum, ...]


@dataclass(frozen=True, eq=False)
class _Groups:
    """What a table tells of: its cells, and then the totals it does not show; who is in each."""

    table: Table
    marks: tuple[Mark, ...]
    levels: tuple[Level, ...]
    members: Membership
    known: Membership  # as it is kept


def nested(new: Known, earlier: Sequence[Known]) -> Nested:
    """Return what the new table's groups make up or hold, of one other grouping, and the reverse.

    And what groups of several tables make up together. `earlier` are tables of the same project:
    marks of different projects cannot be compared. The first cells of a membership are its table's.
    """
    sums: dict[Sum, None] = {}
    held: list[Sum] = []
    mine, *others = (_groups(*one) for one in (new, *earlier))
    for other in (mine, *(one for one in others if meet(new[1], one.known))):
        shared = common(mine.members, other.members, histogram(new[1], other.known))
        ways = [(mine, other, _inside(shared, other.members.sizes))]
        ways += [(other, mine, _inside(shared.T, mine.members.sizes))] * (other is not mine)
        for way in ways:
            sums |= dict.fromkeys(_sums(*way))
        sums |= dict.fromkeys(_crossing(mine, other, shared))
        if are_of_same_rows(new[1], other.known):
            held += [one for way in ways for one in _held(*way)]
    said = {(total, frozenset(parts)) for total, parts in sums}
    said |= {one for table in (mine, *others) for one in _by_labels(table.table)}
    for total, parts in _put_together(mine, others):
        if (total, frozenset(parts)) not in said:
            sums[total, parts] = None
    return Nested(tuple(sums), _tightest(held, set(mine.marks)))


def _groups(table: Table, members: Membership) -> _Groups:
    """Return a table's cells and the totals that they imply."""
    shown = {cell.mark for cell in table.cells}
    totals = {one.total: one for one in margins(table) if one.total not in shown}
    totals = totals if len(totals) <= MOST_TOTALS else {}
    cells = members.incidence[:, : len(table.cells)]
    parts = csr_matrix((len(table.cells), 0), dtype=np.int64)
    if totals:
        entries = [(part, n) for n, one in enumerate(totals.values()) for part in one.parts]
        places = tuple(np.array(entries).T)
        shape = (len(table.cells), len(totals))
        parts = csr_matrix((np.ones(len(entries), dtype=np.int64), places), shape=shape)
    inside = (cells @ parts).minimum(1)  # who is in several parts is in their total once
    return _Groups(
        table,
        (*(cell.mark for cell in table.cells), *totals),
        (*(cell.level for cell in table.cells), *(one.level for one in totals.values())),
        replace(members, incidence=csr_matrix(hstack([cells, inside]))),
        members,
    )


def _by_labels(table: Table) -> Iterator[tuple[Mark, frozenset[Mark]]]:
    """Yield the sums that a table's labels say."""
    for margin in margins(table):
        yield margin.total, frozenset(table.cells[part].mark for part in margin.parts)


def _inside(shared: Counts, sizes: Counts) -> Bools:
    return np.asarray((shared == sizes[None, :]) & (shared > 0))


def _sums(whole: _Groups, parts: _Groups, inside: Bools) -> Iterator[Sum]:
    """Yield the groups of one table that are sums of cells of one grouping of the other.

    `inside` says, by group of each, whose persons are all in which. Where persons have several rows
    these are all in it, and in the others: only the cells of one quarter are a quarter's.
    """
    cells = parts.table.cells
    for level in parts.table.levels():
        for mark, chosen in _together(whole, parts, level, inside):
            for alike in _alike(parts.table, chosen, level):
                marks = tuple(cells[n].mark for n in alike)
                if len(marks) > 1 and _total(marks) == mark:
                    yield mark, marks


def _alike(table: Table, chosen: Sequence[int], level: Level) -> Iterator[list[int]]:
    """Yield the cells together, and those that have some of their labels in common."""
    for count in range(len(level)):
        for labels in combinations(sorted(level), count):
            found: dict[tuple[str, ...], list[int]] = defaultdict(list)
            for n in chosen:
                found[tuple(table.cells[n].key[label] for label in labels)].append(n)
            yield from found.values()


def _held(whole: _Groups, parts: _Groups, inside: Bools) -> Iterator[Sum]:
    """Yield the groups of one table with the cells of a grouping of the other that lie in them.

    What those of its finest groupings say, all others do.
    """
    known = set(parts.marks)
    levels = parts.table.levels()
    for level in levels:
        if not any(level < finer for finer in levels):
            for mark, chosen in _together(whole, parts, level, inside):
                marks = tuple(parts.marks[n] for n in chosen)
                if mark not in known and _total(marks) != mark:
                    yield mark, marks


def _tightest(held: Sequence[Sum], new: set[Mark]) -> tuple[Sum, ...]:
    """Return what leaves least between a group of the new table and what it lies in, or holds.

    Of many tables of nearly the same people each lies in all before it; the nearest bound it most.
    """
    found: dict[Mark, list[tuple[int, int]]] = defaultdict(list)
    for number, (whole, parts) in enumerate(held):
        gap = whole[0] - _total(parts)[0]
        for mark in new.intersection((whole, *parts)):
            found[mark].append((gap, number))
    kept = {number for gaps in found.values() for _, number in sorted(gaps)[:TIGHTEST]}
    return tuple(dict.fromkeys(held[number] for number in sorted(kept)))


def _together(
    whole: _Groups, parts: _Groups, level: Level, inside: Bools
) -> Iterator[tuple[Mark, list[int]]]:
    """Yield the groups of one table and the cells of a grouping whose persons they hold."""
    here = np.array([n for n, cell in enumerate(parts.table.cells) if cell.level == level])
    within = inside[:, here]
    for number in np.flatnonzero(within.any(axis=1)):
        if not (parts is whole and whole.levels[number] <= level):  # a margin, or the cell itself
            yield whole.marks[number], here[within[number]].tolist()


def _crossing(new: _Groups, other: _Groups, shared: Counts) -> Iterator[Sum]:
    """Yield what cells of two groupings that cross make up together, both ways, without a name.

    Women and men under 30 by trade, and those of 20 and of 25: no cell is made up of others.
    """
    ways = [
        [np.array([n for n, c in enumerate(one.table.cells) if c.level == level]) for level in each]
        for one, each in ((one, sorted(one.table.levels(), key=sorted)) for one in (new, other))
    ]
    for here, there in product(*ways):
        if not (new is other and here[0] >= there[0]):
            for mine, theirs in meeting(here, there, shared):
                sides = [new.marks[n] for n in mine], [other.marks[n] for n in theirs]
                if min(map(len, sides)) > 1 and _total(sides[0]) == _total(sides[1]):
                    yield from ((_total(side), tuple(side)) for side in sides)


def _put_together(new: _Groups, others: Sequence[_Groups]) -> Iterator[Sum]:
    """Yield groups that groups of several tables make up, of the new table and those near.

    The largest that lies inside what is left is taken each time, as cells are peeled off.
    """
    by_members = {id(one.members): one for one in others}
    near = within_reach(new.members, nearest(new.members, [one.members for one in others]))
    tables = [new, *(by_members[id(one)] for one in near)]
    if len(tables) == 1:
        return
    marks = [mark for one in tables for mark in one.marks]
    once = np.array(sorted({mark: n for n, mark in reversed(list(enumerate(marks)))}.values()))
    every = [np.arange(len(one.marks)) for one in tables]
    shared = shared_by([one.members for one in tables], every)[np.ix_(once, once)]
    sizes = np.diag(shared)
    inside = _inside(shared, sizes) & (sizes[None, :] < sizes[:, None])
    mine = once < len(new.marks)
    told = mine | inside[:, mine].any(axis=1)  # of the others it was said before
    largest = _largest(inside)
    for whole, part in np.argwhere(largest & told[:, None]):
        for allowed in (largest, inside):
            left, taken = peel(int(whole), int(part), allowed, shared)
            if not left:
                names = [marks[n] for n in once[taken]]
                if (mine[whole] or mine[taken].any()) and _total(names) == marks[once[whole]]:
                    yield marks[once[whole]], tuple(sorted(names))
                break


def _largest(inside: Bools) -> Bools:
    """Return which groups lie inside which others and in no other that does."""
    ways = inside.astype(np.float32)
    return inside & ~np.asarray(ways @ ways > 0)


def _total(marks: Sequence[Mark]) -> Mark:
    return sum(rows for rows, _ in marks), sum(hashes for _, hashes in marks)
