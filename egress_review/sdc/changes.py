"""How many of a cell's persons have other source rows in another table's cell of the same persons.

Two sums over the same persons differ by what changed about those few who have other rows. Counted
cell by cell, never over all rows that a query read: a selection leaves a cell's rows as they are,
or changes many persons elsewhere, and neither says anything of the cell.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from egress_review.sdc.membership import Ints, Membership, Rows


def altered(new: Membership, old: Membership, pairs: Ints) -> Ints:
    """Return, per pair (new cell, old cell) of the same persons, how many have other rows.

    Hashes of 16 bits can agree by chance: never more persons than there are, possibly fewer.
    """
    counts = np.zeros(len(pairs), dtype=np.int64)
    ours, theirs = new.rows(), old.rows()
    for chosen in _once_each(pairs[:, 0]):
        which = np.full(len(new.levels), -1, dtype=np.int64)
        which[pairs[chosen, 0]] = chosen
        persons, pair, places = entries(new, which)
        there = _places(old, persons, pairs[pair, 1])
        differ = ours[places] != theirs[there]
        counts += np.bincount(pair[differ], minlength=len(pairs))
    return counts


def are_of_same_rows(new: Membership, old: Membership) -> bool:
    """Say whether each person has one row in each of two tables, and all who are in both the same.

    Then whose persons lie inside a cell of the other has all rows there too.
    """
    if not all(_is_one_row_each(table) for table in {new, old}) or new.origin != old.origin:
        return False
    if new is old:
        return True
    count = min(len(new.labels), len(old.labels))
    both = np.flatnonzero((new.labels[:count] > 0) & (old.labels[:count] > 0))
    ours, theirs = (table.rows()[_extents(table)[1][both]] for table in (new, old))
    return bool((ours == theirs).all())


def _is_one_row_each(table: Membership) -> bool:
    own = table.levels >= 0  # the others are parts that a FILTER counts
    rows = table.marks[own, 0] == table.sizes[own]
    alone = np.array([alone for _, alone in table.groupings])
    return bool(rows.all() and alone[np.unique(table.levels) >= 0].all())


def with_total(table: Membership, rows: Rows) -> Rows:
    """Return the rows with one more entry for each person, at the end: the sum over a grouping.

    Each row of a query is in exactly one cell of each of its groupings.
    """
    lengths, starts = _extents(table)
    one = np.isin(np.arange(len(table.levels)), np.flatnonzero(table.levels == table.levels[:1]))
    _, _, places = entries(table, np.where(one, 0, -1))
    counted = np.zeros(len(rows) + 1, dtype=np.int64)
    counted[places + 1] = rows[places]
    sums = np.cumsum(counted)
    present = lengths > 0
    ends = (starts + lengths)[present]
    return np.insert(rows, ends, (sums[ends] - sums[starts[present]]).astype(np.uint16))


def _once_each(cells: Ints) -> list[Ints]:
    """Return the places of `cells` in groups in which no cell comes twice."""
    order = np.argsort(cells, kind="stable")
    ranked = cells[order]
    first = np.searchsorted(ranked, ranked)
    turn = np.arange(len(cells)) - first
    return [order[turn == n] for n in range(int(turn.max(initial=-1)) + 1)]


def _extents(table: Membership) -> tuple[Ints, Ints]:
    """Return how many entries of `rows` each person has, and where they begin."""
    lengths = np.diff(table.incidence.indptr)[table.labels].astype(np.int64)
    return lengths, np.cumsum(lengths) - lengths


def entries(table: Membership, which: Ints) -> tuple[Ints, Ints, Ints]:
    """Return person, `which` and place in `rows` of each entry whose cell has one (from 0)."""
    lengths, starts = _extents(table)
    persons = np.repeat(np.arange(len(lengths)), lengths)
    places = np.arange(len(persons))
    lines = table.incidence.indptr[table.labels].astype(np.int64)
    cells = table.incidence.indices[(lines - starts)[persons] + places]
    kept = np.flatnonzero(which[cells] >= 0)
    return persons[kept], which[cells[kept]], kept


def _places(table: Membership, persons: Ints, cells: Ints) -> Ints:
    """Return where in `rows` each person's entry of a cell is."""
    incidence = table.incidence
    ranks = np.arange(len(incidence.indices)) - np.repeat(
        incidence.indptr[:-1], np.diff(incidence.indptr)
    )
    ranked = csr_matrix((ranks + 1, incidence.indices, incidence.indptr), shape=incidence.shape)
    _, starts = _extents(table)
    rank: Ints = np.asarray(ranked[table.labels[persons], cells]).ravel() - 1
    return np.asarray(starts[persons] + rank)
