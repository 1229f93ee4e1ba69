"""Small sets of persons put together from few that no published number tells apart.

What a combination of published cells singles out is made of such sets: who is in the same shown
cells cannot be told apart by any. `span` looks at each set alone; here two and three together, as
those of a hidden cell and the one who is in one project's tables only. What the span leaves of a
set is compared by a few random numbers: where those of two sets cancel, it leaves nothing of both
together. Four and more are not looked for. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.sparse import csr_matrix
from scipy.spatial import KDTree

from egress_review.sdc.gram import Floats, Span
from egress_review.sdc.membership import Ints, Membership

NUMBERS = 3
NEAR = 1e-5  # what rounding may leave of numbers that cancel; who is found is judged exactly
MOST_PAIRS = 1_000_000  # that are put together with a third
Together = tuple[csr_matrix, Ints]  # what each union shares with each cell of the span; its persons


def alike(family: Sequence[Membership], least: int) -> tuple[Ints, Ints]:
    """Return who is in fewer than `least` persons of the same published cells, and in which set."""
    draw = np.random.default_rng(7)
    told = np.zeros(max(len(table.labels) for table in family), dtype=np.uint64)
    for table in family:
        names = draw.integers(1, 2**63, size=len(table.sizes), dtype=np.uint64)
        names[table.hidden] = 0
        atoms = csr_matrix(table.incidence.astype(np.uint64)) @ names
        told[: len(table.labels)] += atoms[table.labels]  # wraps; two have one sum once in 2^64
    _, which, sizes = np.unique(told, return_inverse=True, return_counts=True)
    persons = np.flatnonzero((sizes[which] < least) & (told > 0))
    return persons, np.unique(which[persons], return_inverse=True)[1].astype(np.int64)


def unions(shared: csr_matrix, sizes: Ints, span: Span, *, least: int) -> Iterator[Together]:
    """Yield unions of two and three sets, of fewer than `least` persons, that the span may contain.

    `shared` is what each set has in common with each cell of the span.
    """
    left = _left(shared, sizes, span)
    some = np.flatnonzero(np.abs(left).max(axis=1, initial=0.0) > NEAR)
    for members in _cancelling(left[some], sizes[some], least):
        rows = np.repeat(np.arange(len(members)), members.shape[1])
        shape = (len(members), len(sizes))
        gather = csr_matrix((np.ones(len(rows)), (rows, some[members.ravel()])), shape=shape)
        yield csr_matrix(gather @ shared), np.asarray(gather @ sizes).astype(np.int64)


def _left(shared: csr_matrix, sizes: Ints, span: Span) -> Floats:
    """Return random numbers (a line a set) of what the span leaves of each set.

    They are forms of the sets: of a union they are the sum, and zero where nothing is left.
    """
    random = np.random.default_rng(11).standard_normal((len(sizes), NUMBERS))
    inside = span.weights(span.project(np.asarray(shared.T @ random)))
    return np.asarray(sizes[:, None] * random - shared @ inside)


def _cancelling(left: Floats, sizes: Ints, least: int) -> Iterator[Ints]:
    """Yield (union x member) pairs, and then threes, of which nothing may be left."""
    if len(left) < 2:
        return
    tree = KDTree(left)
    yield _with_one_more(tree, np.arange(len(left))[:, None], left, sizes, least)
    ranked = np.argsort(sizes, kind="stable")
    first, second = np.triu_indices(min(len(left), int((2 * MOST_PAIRS) ** 0.5)), k=1)
    pairs = np.stack([ranked[first], ranked[second]], axis=1)
    pairs = pairs[sizes[pairs].sum(axis=1) + 1 < least]
    yield _with_one_more(tree, pairs, left, sizes, least)


def _with_one_more(tree: KDTree, members: Ints, left: Floats, sizes: Ints, least: int) -> Ints:
    far, other = tree.query(-left[members].sum(axis=1), distance_upper_bound=NEAR)
    found = np.isfinite(far)
    whole = np.column_stack([members[found], other[found]])
    whole = np.sort(whole, axis=1)
    distinct = (np.diff(whole, axis=1) > 0).all(axis=1)
    few = sizes[whole].sum(axis=1) < least
    return np.unique(whole[distinct & few], axis=0)
