"""What a new table and an earlier one tell together that neither tells alone: pairs and remainders.

Exact on sets of persons. Two published cells that differ by a few persons give those few by one
subtraction; so does a cell less every cell of one grouping of the other table that lies wholly
inside it, and the reverse. Combinations of more tables are `egress_review.sdc.span`'s. Pure: knows
no project, no request and no person, only numbers that stand for persons.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix, csr_matrix

MOST_DENSE = 4_000_000  # entries of a joint histogram that are counted in place

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Joint: TypeAlias = npt.NDArray[np.int64] | csr_matrix


@dataclass(frozen=True, eq=False)
class Membership:
    """Who is in each cell of a table, as one label per person.

    `labels[n]` is the atom of the person with number n, 0 for who is not in the table; an atom is
    a set of persons who are in the same cells. `incidence` (atoms x cells, row 0 empty) says which.
    `levels` gives each cell's grouping set. `rows` is a hash of each person's source rows: of use
    only between tables of one `origin`. `hidden` and `primary` are per cell.
    """

    labels: npt.NDArray[np.int32]
    incidence: csr_matrix
    levels: npt.NDArray[np.int32]
    hidden: Bools
    primary: Bools
    rows: npt.NDArray[np.uint32]
    origin: str
    threshold: int

    @cached_property
    def counts(self) -> Ints:
        """Return the persons of each atom; none for atom 0."""
        counts = np.bincount(self.labels, minlength=self.incidence.shape[0])
        counts[0] = 0
        return counts.astype(np.int64)

    @cached_property
    def sizes(self) -> Ints:
        """Return the persons of each cell."""
        return np.asarray(self.incidence.T @ self.counts).astype(np.int64)

    @cached_property
    def present(self) -> npt.NDArray[np.uint8]:
        """Return a bit per person: is he or she in the table."""
        return np.packbits(self.labels > 0)

    @cached_property
    def groupings(self) -> tuple[tuple[Ints, bool], ...]:
        """Return, per grouping set, its cells and whether nobody is in two of them."""
        found = []
        for level in np.unique(self.levels):
            cells = np.flatnonzero(self.levels == level)
            most = np.asarray(self.incidence[:, cells].sum(axis=1)).max(initial=0)
            found.append((cells, bool(most <= 1)))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Hit:
    """A cell of the new table that tells too much, and of how many persons."""

    cell: int
    persons: int


def meet(new: Membership, old: Membership) -> bool:
    """Say whether anybody is in both tables; the cheap test before all others."""
    count = min(len(new.present), len(old.present))
    return bool(np.any(new.present[:count] & old.present[:count]))


def histogram(new: Membership, old: Membership, where: Bools | None = None) -> Joint:
    """Return how many persons (`where`, if given) have each pair of labels but 0."""
    count = min(len(new.labels), len(old.labels))
    ours, theirs = new.labels[:count], old.labels[:count]
    if where is not None:
        ours, theirs = ours[where[:count]], theirs[where[:count]]
    shape = (new.incidence.shape[0], old.incidence.shape[0])
    codes = ours.astype(np.int64)
    codes *= shape[1]
    codes += theirs
    if shape[0] * shape[1] <= MOST_DENSE:
        table = np.bincount(codes, minlength=shape[0] * shape[1]).reshape(shape)
        table[0], table[:, 0] = 0, 0
        return table
    pairs, times = np.unique(codes, return_counts=True)
    left, right = pairs // shape[1], pairs % shape[1]
    both = (left > 0) & (right > 0)
    return coo_matrix((times[both], (left[both], right[both])), shape=shape).tocsr()


def common(new: Membership, old: Membership, joint: Joint) -> Ints:
    """Return the persons that each new cell shares with each old one."""
    found = new.incidence.T @ joint @ old.incidence
    return _dense(found).astype(np.int64)


def _dense(found: Joint) -> Ints:
    return found if isinstance(found, np.ndarray) else np.asarray(found.toarray())


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
            mine = _dense(whole.incidence[:, [cell]].T @ joint).ravel()
            covered[cell] = int(mine[atoms].sum())
        yield covered


def _changed(
    new: Membership, old: Membership, shared: Ints, least: int
) -> Iterator[tuple[int, int]]:
    """Yield the same persons, a few of whom have other rows: a sum's change is theirs."""
    count = min(len(new.rows), len(old.rows))
    differ = np.zeros(max(len(new.labels), len(old.labels)), dtype=np.bool_)
    differ[:count] = new.rows[:count] != old.rows[:count]
    persons = common(new, old, histogram(new, old, differ))
    same = _shown(new, old, shared) & (_apart(new, old, shared) == 0)
    for cell, other in np.argwhere(same & (persons > 0) & (persons < least)):
        yield int(cell), int(persons[cell, other])
