"""What a new table and an earlier one tell together that neither tells alone: pairs and remainders.

Exact on sets of persons. Two published cells that differ by a few persons give those few by one
subtraction; so does a cell less every cell of one grouping of the other table that lies wholly
inside it, and the reverse. Combinations of more tables are `egress_review.sdc.span`'s. Pure: knows
no project, no request and no person, only numbers that stand for persons.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from egress_review.sdc.changes import altered
from egress_review.sdc.membership import Bools, Ints, Joint, Membership, common, dense, histogram


@dataclass(frozen=True, slots=True)
class Hit:
    """A cell of the new table that tells too much, and of how many persons."""

    cell: int
    persons: int


def meet(new: Membership, old: Membership) -> bool:
    """Say whether anybody is in both tables; the cheap test before all others."""
    count = min(len(new.present), len(old.present))
    return bool(np.any(new.present[:count] & old.present[:count]))


def compare(new: Membership, old: Membership, *, foreign: bool) -> tuple[Hit, ...]:
    """Return the published cells of `new` that give away a few persons beside what `old` shows.

    `foreign`: of another project, whose equal hidden cells no equation links to this table's; a
    cell that is hidden there must be hidden here.
    """
    if not meet(new, old):
        return ()
    joint = histogram(new, old)
    shared = common(new, old, joint)
    least = max(new.threshold, old.threshold)
    found: dict[int, int] = {}
    for cell, persons in _hits(new, old, joint, shared, least):
        found[cell] = min(found.get(cell, persons), persons)
    if foreign:
        same = _apart(new, old, shared) == 0
        for place in np.flatnonzero((same & (shared > 0) & old.hidden).any(axis=1) & ~new.hidden):
            found.setdefault(int(place), int(new.sizes[place]))
    return tuple(Hit(cell, persons) for cell, persons in sorted(found.items()))


def _hits(
    new: Membership, old: Membership, joint: Joint, shared: Ints, least: int
) -> Iterator[tuple[int, int]]:
    yield from _near(new, old, shared, least)
    yield from _remainders(new, old, joint, shared, least)
    yield from _left_over(new, old, joint, shared, least)
    if new.origin == old.origin:
        yield from _changed(new, old, shared, least)


def _apart(new: Membership, old: Membership, shared: Ints) -> Ints:
    """Return in how many persons each new cell differs from each old one."""
    return new.sizes[:, None] + old.sizes[None, :] - 2 * shared


def _shown(new: Membership, old: Membership, shared: Ints) -> Bools:
    return (shared > 0) & ~new.hidden[:, None] & ~old.hidden[None, :]


def _near(new: Membership, old: Membership, shared: Ints, least: int) -> Iterator[tuple[int, int]]:
    """Yield published cells that differ by a few persons."""
    apart = _apart(new, old, shared)
    near = _shown(new, old, shared) & (apart > 0) & (apart < least)
    for cell, other in np.argwhere(near):
        yield int(cell), int(apart[cell, other])


def _remainders(
    new: Membership, old: Membership, joint: Joint, shared: Ints, least: int
) -> Iterator[tuple[int, int]]:
    """Yield a new cell less the old cells wholly inside it."""
    inside = (shared == old.sizes[None, :]) & (shared > 0) & ~old.hidden[None, :]
    inside &= ~new.hidden[:, None]
    for covered in _covered(inside, old, joint, new):
        rest = new.sizes - covered
        for cell in np.flatnonzero((covered > 0) & (rest > 0) & (rest < least)):
            yield int(cell), int(rest[cell])


def _left_over(
    new: Membership, old: Membership, joint: Joint, shared: Ints, least: int
) -> Iterator[tuple[int, int]]:
    """Yield the smallest of the new cells that leave a few persons of an old one."""
    inside = ((shared == new.sizes[:, None]) & (shared > 0) & ~new.hidden[:, None]).T
    inside &= ~old.hidden[:, None]
    for (cells, _), covered in zip(new.groupings, _covered(inside, new, joint.T, old), strict=True):
        rest = old.sizes - covered
        for cell in np.flatnonzero((covered > 0) & (rest > 0) & (rest < least)):
            parts = cells[inside[cell, cells]]
            yield int(parts[np.argmin(new.sizes[parts])]), int(rest[cell])


def _covered(inside: Bools, parts: Membership, joint: Joint, whole: Membership) -> Iterator[Ints]:
    """Yield, per grouping of `parts`, how many persons of each whole cell its parts cover."""
    for cells, alone in parts.groupings:
        if alone:
            yield inside[:, cells].astype(np.int64) @ parts.sizes[cells]
            continue
        covered = np.zeros(len(whole.sizes), dtype=np.int64)
        for cell in np.flatnonzero(inside[:, cells].any(axis=1)):
            chosen = cells[inside[cell, cells]]
            atoms = np.asarray(parts.incidence[:, chosen].sum(axis=1)).ravel() > 0
            mine = dense(whole.incidence[:, [cell]].T @ joint).ravel()
            covered[cell] = int(mine[atoms].sum())
        yield covered


def _changed(
    new: Membership, old: Membership, shared: Ints, least: int
) -> Iterator[tuple[int, int]]:
    """Yield cells of the same persons, a few of whom have other rows: a sum's change is theirs.

    Rows that differ although nobody's seem to (a hash agreed by chance) count as one person's.
    """
    same = _shown(new, old, shared) & (_apart(new, old, shared) == 0)
    pairs = np.argwhere(same)
    pairs = pairs[(new.marks[pairs[:, 0]] != old.marks[pairs[:, 1]]).any(axis=1)]
    if not len(pairs):
        return
    for (cell, _), persons in zip(pairs, altered(new, old, pairs), strict=True):
        if persons < least:
            yield int(cell), max(1, int(persons))
