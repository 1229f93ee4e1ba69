"""Holds a new table against every earlier release of every project: which of its rows must yield.

Asks the pure searches in `sdc.differencing` (every earlier table) and `sdc.span` (the nearest ones
together). What it finds names other projects' requests: for reviewers only. Whoever asked learns
that there is a conflict, in `CONFLICT`, and nothing of what with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.sparse import csr_matrix, hstack

from egress_review.earlier.partitions import Partitions, as_released, short
from egress_review.errors import OutputRefused
from egress_review.sdc import span
from egress_review.sdc.changes import with_total
from egress_review.sdc.differencing import compare, resemble, resemble_within, within
from egress_review.sdc.membership import Membership
from egress_review.sdc.nesting import Nested, nested
from egress_review.sdc.tables import Table

MOST_PARTITIONS = 40
MOST_CELLS = 12_000  # of tables searched together; their Gram matrix is this squared, 8 bytes each
CONFLICT = (
    "The table describes almost the same people as something released or in review before, or as "
    "other rows of its own: together they would single out a few of them."
)
ELSE = "Use the same selection as before, or one that differs by more people."


@dataclass(frozen=True, slots=True)
class Earlier:
    """A table that is released or may be, and the request it belongs to."""

    request: str
    kept: Partitions


@dataclass(frozen=True, slots=True)
class Conflict:
    """Which earlier request (empty: several together) would have given away how many persons."""

    request: str
    persons: int


@dataclass(slots=True)
class Against:
    """The check of one new table; `conflicts` collects what was found, for reviewers.

    Raises `OutputRefused` for a table that is too large to be held against itself.
    """

    new: Partitions
    earlier: Sequence[Earlier]
    conflicts: dict[str, Conflict] = field(default_factory=dict)
    _known: list[Membership] = field(init=False)

    def __post_init__(self) -> None:
        if len(self.new.membership.sizes) >= MOST_CELLS:  # before anything cell by cell is made
            raise OutputRefused(
                f"A table of {MOST_CELLS:,} rows or more cannot be held against earlier ones.",
                hint="Submit it in smaller tables, or group more coarsely.",
            )
        self._known = [with_everyone(one.kept.membership) for one in self.earlier]

    def must_yield(self, table: Table) -> frozenset[int]:
        """Return the published rows that have to be hidden too; none when the table is safe.

        Raises `OutputRefused` where hiding rows does not help.
        """
        new = with_everyone(as_released(self.new, table).membership)
        everyone = len(new.sizes) - 1
        own = {hit.cell for hit in within(new)} - {everyone}
        if own:
            return frozenset(self.new.owners[cell] for cell in own)
        found = self._pairs(new)
        cells = frozenset(found) - {everyone}
        if not cells and not found:
            cells = self._together(new) - {everyone}
        if found and not cells:
            raise OutputRefused(CONFLICT, hint=ELSE)
        return frozenset(self.new.owners[cell] for cell in cells)

    def nested(self, table: Table, earlier: Sequence[Table]) -> Nested:
        """Return what no label says of cells within cells, with earlier tables of its project."""
        own = {_marks(one): one for one in earlier}
        known = [
            (own[marks], one.kept.membership)
            for one in self.earlier
            if one.kept.project == self.new.project
            and (marks := _marks_kept(one.kept.membership)) in own
        ]
        return nested((table, self.new.membership), known)

    def resembling(self, table: Table) -> frozenset[int]:
        """Return the published rows to hide where no number is exact, here or in earlier tables.

        Sums and combinations of rows say nothing exact then; that two rows differ still does.
        """
        new = as_released(self.new, table).membership
        found = {self.new.owners[hit.cell] for hit in resemble_within(new)}
        for one in self.earlier:
            for hit in resemble(new, one.kept.membership):
                found.add(self.new.owners[hit.cell])
                self._note(one.request, hit.persons)
        return frozenset(found)

    def _pairs(self, new: Membership) -> set[int]:
        found: set[int] = set()
        for one, old in zip(self.earlier, self._known, strict=True):
            foreign = (
                one.kept.project != self.new.project or one.kept.has_parts or self.new.has_parts
            )
            hits = compare(new, old, foreign=foreign)
            for hit in hits:
                found.add(hit.cell)
                self._note(one.request, hit.persons)
        return found

    def _together(self, new: Membership) -> frozenset[int]:
        """Return a row to hide of each combination of tables that gives something away."""
        exposed = span.audit([*self._nearest(new), new])
        cells: set[int] = set()
        for one in sorted(exposed, key=lambda one: len(one.cells)):
            self._note("", one.persons)
            rows = [cell for cell in one.cells if cell < len(new.sizes) - 1]
            if not rows:
                raise OutputRefused(CONFLICT, hint=ELSE)
            if not cells.intersection(rows):
                cells.add(min(rows, key=lambda cell: (int(new.sizes[cell]), cell)))
        return frozenset(cells)

    def _nearest(self, new: Membership) -> list[Membership]:
        """Return the nearest earlier tables, as many as can be searched together."""
        room, cells = MOST_PARTITIONS - len(new.groupings), MOST_CELLS - len(new.sizes)
        chosen: list[Membership] = []
        for one in span.nearest(new, self._known):
            room, cells = room - len(one.groupings), cells - len(one.sizes)
            if cells < 0 or (room < 0 and chosen):
                break
            chosen.append(one)
        return chosen

    def _note(self, request: str, persons: int) -> None:
        before = self.conflicts.get(request)
        least = persons if before is None else min(before.persons, persons)
        self.conflicts[request] = Conflict(request, least)


def _marks(table: Table) -> tuple[tuple[int, int], ...]:
    return tuple(short(cell.mark) for cell in table.cells)


def _marks_kept(members: Membership) -> tuple[tuple[int, int], ...]:
    """Return the marks of the cells that are a table's own, as `_marks` does."""
    own = members.marks[members.levels >= 0]
    return tuple((int(rows), int(hashes)) for rows, hashes in own)


def with_everyone(table: Membership) -> Membership:
    """Return the table with one more cell: all its people, published if the others add up to it."""
    atoms = table.incidence.shape[0]
    column = csr_matrix((np.arange(atoms) > 0).astype(np.int64)[:, None])
    total = int(table.counts.sum())
    implied = any(
        alone and not table.hidden[cells].any() and int(table.sizes[cells].sum()) == total
        for cells, alone in table.groupings
    )
    level = int(table.levels.max(initial=0)) + 1
    everything = table.marks[table.levels == table.levels[:1]].sum(axis=0, dtype=np.uint64)
    return replace(
        table,
        incidence=csr_matrix(hstack([table.incidence, column])),
        levels=np.append(table.levels, np.int32(level)).astype(np.int32),
        hidden=np.append(table.hidden, not implied),
        primary=np.append(table.primary, False),
        marks=np.vstack([table.marks, everything]),
        rows=lambda: with_total(table, table.rows()),
    )
