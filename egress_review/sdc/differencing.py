"""What a new table and an earlier one tell together that neither tells alone: pairs and remainders.

Exact on sets of persons. Two published cells that differ by a few persons give those few by one
subtraction; so does a cell less every cell of one grouping of the other table that lies wholly
inside it, and the reverse; and, where distinct persons are counted, parts less their total say how
many are in several. Combinations of more tables are `egress_review.sdc.span`'s. Pure: knows no
project, no request and no person, only numbers that stand for persons.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import diags_array

from egress_review.sdc.changes import altered
from egress_review.sdc.membership import (
    Bools,
    Counts,
    Ints,
    Joint,
    Membership,
    common,
    dense,
    histogram,
)


@dataclass(frozen=True, slots=True)
class Hit:
    """A cell of the new table that tells too much, and of how many persons."""

    cell: int
    persons: int


def meet(new: Membership, old: Membership) -> bool:
    """Say whether anybody is in both tables; the cheap test before all others."""
    count = min(len(new.present), len(old.present))
    return bool(np.any(new.present[:count] & old.present[:count]))


@dataclass(frozen=True)
class _Pair:
    """A new table and an earlier one, and what their cells have in common."""

    new: Membership
    old: Membership
    joint: Joint

    @cached_property
    def shared(self) -> Counts:
        """How many persons each new cell shares with each old one."""
        return common(self.new, self.old, self.joint)

    @cached_property
    def least(self) -> int:
        """The fewest persons that may be told apart."""
        return max(self.new.threshold, self.old.threshold)

    @cached_property
    def apart(self) -> Counts:
        """In how many persons each new cell differs from each old one."""
        return self.new.sizes[:, None] + self.old.sizes[None, :] - 2 * self.shared

    @cached_property
    def shown(self) -> Bools:
        """Which pairs of cells are both published and share somebody."""
        return (self.shared > 0) & ~self.new.hidden[:, None] & ~self.old.hidden[None, :]


def compare(new: Membership, old: Membership, *, foreign: bool) -> tuple[Hit, ...]:
    """Return the published cells of `new` that give away a few persons beside what `old` shows.

    `foreign`: of another project, whose equal hidden cells no equation links to this table's; a
    cell that is hidden there must be hidden here.
    """
    if not meet(new, old):
        return ()
    pair = _Pair(new, old, histogram(new, old))
    found: dict[int, int] = {}
    for cell, persons in _hits(pair):
        found[cell] = min(found.get(cell, persons), persons)
    if foreign and old.hidden.any():
        same = (pair.apart[:, old.hidden] == 0) & (pair.shared[:, old.hidden] > 0)
        for place in np.flatnonzero(same.any(axis=1) & ~new.hidden):
            found.setdefault(int(place), int(new.sizes[place]))
    return tuple(Hit(cell, persons) for cell, persons in sorted(found.items()))


def resemble(new: Membership, old: Membership) -> tuple[Hit, ...]:
    """Return the published cells of `new` that are nearly one of `old`, or hidden there.

    For numbers that keyed chance changes, alike for the same persons: two cells that differ by a
    few are changed apart, and so tell that the few are there. A cell that `old` shows as it is, of
    the same rows, tells nothing new.
    """
    if not meet(new, old):
        return ()
    pair = _Pair(new, old, histogram(new, old))
    same = (pair.apart == 0) & (pair.shared > 0)
    again = same & ~old.hidden
    found = dict(_near(pair))
    found |= dict(_other_rows(pair))
    if new.origin == old.origin:
        again &= (new.marks[:, None] == old.marks[None, :]).all(axis=2)
    for known in np.flatnonzero(again.any(axis=1)):
        found.pop(int(known), None)
    for place in np.flatnonzero((same & old.hidden).any(axis=1) & ~new.hidden):
        found[int(place)] = int(new.sizes[place])
    return tuple(Hit(cell, persons) for cell, persons in sorted(found.items()))


def resemble_within(table: Membership) -> tuple[Hit, ...]:
    """Return the smaller of two published cells of a table that differ by a few persons.

    As `resemble` does, but only of groups that share more persons than they differ by (nobody takes
    others for the same), and not where a row of its own, shown or hidden, lies between the two: it
    says by itself that somebody is there.
    """
    pair = _own_pair(table)
    few = (pair.apart > 0) & (pair.apart < np.minimum(pair.least, pair.shared))
    near = np.triu(few & pair.shown)
    rows = (table.levels >= 0) & (table.sizes > 0)
    found = []
    for cell, other in np.argwhere(near):
        ours, theirs = pair.shared[cell], pair.shared[other]
        between = ((ours == table.sizes) & (theirs == 0)) | ((theirs == table.sizes) & (ours == 0))
        if not (between & rows).any():
            found.append(Hit(_smaller(table, cell, other), int(pair.apart[cell, other])))
    return tuple(found)


def within(table: Membership) -> tuple[Hit, ...]:
    """Return published cells of a table that give away a few persons beside its other cells.

    Where everybody has one row the needs of the hidden cells see to it; where persons have several,
    what is left of a total can be many rows of a few. Of what gives it away the smallest is named.
    """
    pair = _own_pair(table)
    near = (pair.apart > 0) & (pair.apart < pair.least) & pair.shown
    found: dict[int, int] = {}
    both = np.argwhere(np.triu(near)) if near.any() else ()
    smaller = ((_smaller(table, c, o), pair.apart[c, o]) for c, o in both)
    for cell, persons in (*smaller, *_left_over(pair)):
        found[int(cell)] = min(found.get(int(cell), int(persons)), int(persons))
    return tuple(Hit(cell, persons) for cell, persons in sorted(found.items()))


def _own_pair(table: Membership) -> _Pair:
    """Return a table set against itself."""
    return _Pair(table, table, diags_array(table.counts, dtype=np.int64).tocsr())


def _smaller(table: Membership, cell: int, other: int) -> int:
    return int(min(cell, other, key=lambda n: table.sizes[n]))


def _hits(pair: _Pair) -> Iterator[tuple[int, int]]:
    yield from _near(pair)
    yield from _remainders(pair)
    yield from _left_over(pair)
    yield from _other_rows(pair)


def _near(pair: _Pair) -> Iterator[tuple[int, int]]:
    """Yield published cells that differ by a few persons."""
    near = (pair.apart > 0) & (pair.apart < pair.least) & pair.shown
    for cell, other in np.argwhere(near) if near.any() else ():
        yield int(cell), int(pair.apart[cell, other])


def _remainders(pair: _Pair) -> Iterator[tuple[int, int]]:
    """Yield a new cell less the old cells wholly inside it."""
    inside = (pair.shared == pair.old.sizes[None, :]) & pair.shown
    for sums in _covered(inside, pair.old, pair.joint, pair.new):
        few = _few(pair, pair.new.sizes, *sums)
        for cell in np.flatnonzero(few):
            yield int(cell), int(few[cell])


def _left_over(pair: _Pair) -> Iterator[tuple[int, int]]:
    """Yield the smallest of the new cells that leave a few persons of an old one."""
    new, old = pair.new, pair.old
    inside = ((pair.shared == new.sizes[:, None]) & pair.shown).T
    found = _covered(inside, new, pair.joint.T, old)
    for (cells, _), sums in zip(new.groupings, found, strict=True):
        few = _few(pair, old.sizes, *sums)
        for cell in np.flatnonzero(few):
            parts = cells[inside[cell, cells]]
            yield int(parts[np.argmin(new.sizes[parts])]), int(few[cell])


def _few(pair: _Pair, sizes: Counts, covered: Ints, twice: Ints) -> Ints:
    """Return how few persons each whole tells of beside its parts; 0: of nobody, or of enough."""
    rest = np.where(covered > 0, sizes - covered, 0)
    told = np.where(rest == 0, _in_several(pair, twice), rest)
    return np.where(told < pair.least, told, 0)


def _in_several(pair: _Pair, twice: Ints) -> Ints:
    """Return how many are in several parts of a whole, where persons are counted in both."""
    return twice if pair.new.by_person and pair.old.by_person else np.zeros_like(twice)


def _covered(
    inside: Bools, parts: Membership, joint: Joint, whole: Membership
) -> Iterator[tuple[Ints, Ints]]:
    """Yield, per grouping of `parts`, how many of each whole its parts cover, and several do."""
    for cells, alone in parts.groupings:
        covered, twice = np.zeros((2, len(whole.sizes)), dtype=np.int64)
        for cell in np.flatnonzero(inside[:, cells].any(axis=1)):
            chosen = cells[inside[cell, cells]]
            if alone:
                covered[cell] = int(parts.sizes[chosen].sum())
                continue
            times = np.asarray(parts.incidence[:, chosen].sum(axis=1)).ravel()
            mine = dense(whole.incidence[:, [cell]].T @ joint).ravel()
            covered[cell] = int(mine[times > 0].sum())
            twice[cell] = int(mine[times > 1].sum())
        yield covered, twice


def _other_rows(pair: _Pair) -> Iterator[tuple[int, int]]:
    """Yield cells of the same persons with a few other rows, as far as the two can be compared.

    Hashes are a project's own, since pseudonyms are in them; of another project's views of the same
    names there is the number of rows.
    """
    if pair.new.origin == pair.old.origin:
        yield from _changed(pair)
    elif pair.new.origin.partition(": ")[2] == pair.old.origin.partition(": ")[2]:
        new, old = (table.marks[:, 0].astype(np.int64) for table in (pair.new, pair.old))
        fewer = np.abs(new[:, None] - old[None, :])
        near = pair.shown & (pair.apart == 0) & (fewer > 0) & (fewer < pair.least)
        for cell, other in np.argwhere(near) if near.any() else ():
            yield int(cell), min(int(fewer[cell, other]), int(pair.new.sizes[cell]))


def _changed(pair: _Pair) -> Iterator[tuple[int, int]]:
    """Yield cells of the same persons, a few of whom have other rows: a sum's change is theirs.

    Rows that differ although nobody's seem to (a hash agreed by chance) count as one person's.
    """
    new, old = pair.new, pair.old
    cells = np.argwhere(pair.shown & (pair.apart == 0))
    cells = cells[(new.marks[cells[:, 0]] != old.marks[cells[:, 1]]).any(axis=1)]
    if not len(cells):
        return
    for (cell, _), persons in zip(cells, altered(new, old, cells), strict=True):
        if persons < pair.least:
            yield int(cell), max(1, int(persons))
