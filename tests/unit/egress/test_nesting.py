"""What no label says of cells within cells: found by who is in them, and by the same rows only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from egress_review.earlier.partitions import atomise
from egress_review.sdc.attacker import attack
from egress_review.sdc.certificate import publish
from egress_review.sdc.floors import ceilings, floors
from egress_review.sdc.linking import link
from egress_review.sdc.membership import Membership, labelled
from egress_review.sdc.nesting import Known, nested
from egress_review.sdc.primary import owed
from egress_review.sdc.suppress import suppress
from egress_review.sdc.tables import ROWS, Cell, Kind, Mark, Measure, Table, with_rows
from enclave.model import DisclosureRules

PEOPLE = 60


def known(*groups: range, rows: int = 0, twice: int = 0) -> Known:
    """Return a table of disjoint groups of persons and who is in them.

    Each person's row is the first, or the one `rows` says; the first `twice` have one more.
    """
    hashes = np.random.default_rng(rows).integers(1, 2**16, 2 * PEOPLE)
    held = [[*group, *(PEOPLE + n for n in group if n < twice)] for group in groups]
    marks = [(len(one), int(hashes[one].sum())) for one in held]
    labels, incidence = atomise([np.array(group) for group in groups], PEOPLE)
    few, counts = labelled(labels, incidence.shape[0])
    order = np.argsort([n for group in groups for n in group], kind="stable")
    per_person = [hashes[n] + hashes[PEOPLE + n] * (n < twice) for g in groups for n in g]
    kept = np.array(per_person)[order].astype(np.uint16)
    none = np.zeros(len(groups), dtype=np.bool_)
    members = Membership(
        labels=few,
        counts=counts,
        incidence=csr_matrix(incidence),
        levels=np.zeros(len(groups), dtype=np.int32),
        hidden=none,
        primary=none,
        marks=np.array(marks, dtype=np.uint64),
        rows=lambda: kept,
        origin="one",
        threshold=10,
    )
    cells = tuple(
        Cell(mark, frozenset({0}), (str(n),), len(group), {"rows": float(mark[0])})
        for n, (mark, group) in enumerate(zip(marks, groups, strict=True))
    )
    return Table(("group",), (ROWS,), cells), members


def marks(of: Known) -> tuple[Mark, ...]:
    return tuple(cell.mark for cell in of[0].cells)


def sum_of(groups: tuple[Mark, ...]) -> Mark:
    return sum(rows for rows, _ in groups), sum(hashes for _, hashes in groups)


WIDE = known(range(40))
PARTS = known(range(10), range(10, 35), range(35, 50))


@pytest.mark.parametrize(("new", "old"), [(WIDE, PARTS), (PARTS, WIDE)])
def test_what_lies_inside_is_held_together_by_what_is_around_it(new: Known, old: Known) -> None:
    found = nested(new, [old])
    everybody = sum_of(marks(PARTS))
    assert set(found.held) == {(*marks(WIDE), marks(PARTS)[:2]), (everybody, marks(WIDE))}
    assert found.sums == ()


def test_of_many_bounds_of_one_group_the_tightest_are_kept() -> None:
    """As many tables of nearly the same people as a project has would bound each cell of each."""
    around = [known(range(size)) for size in range(20, 50, 5)]
    found = nested(known(range(10)), around)
    assert [whole[0] for whole, _ in found.held] == [20, 25, 30, 35]


def test_what_is_made_up_of_others_is_their_sum_and_no_bound() -> None:
    whole = known(range(35))
    found = nested(whole, [PARTS])
    assert (*marks(whole), marks(PARTS)[:2]) in found.sums
    assert found.held == ((sum_of(marks(PARTS)), marks(whole)),)


def test_a_total_that_no_row_shows_is_a_group_too() -> None:
    """Women and men from an age on are what those of two ages are."""
    sexes = known(range(15), range(15, 35))
    found = nested(PARTS, [sexes])
    assert (sum_of(marks(sexes)), marks(PARTS)[:2]) in found.sums


def test_what_cells_that_cross_make_up_is_one_sum_of_both() -> None:
    """Two of three cells each, of the same persons: of neither a cell is made up."""
    new, old = known(range(10), range(10, 30), range(30, 40)), known(range(5), range(5, 30))
    both = {(sum_of(marks(old)), one) for one in (marks(new)[:2], marks(old))}
    assert both <= set(nested(new, [old]).sums)
    assert nested(new, [known(range(5), range(5, 29))]).sums == ()


def test_what_groups_of_two_tables_make_up_is_their_sum() -> None:
    """Neither table alone does, and the last may be any of the three."""
    whole = known(range(20), range(20, 50))
    women, men = known(range(8), range(20, 32)), known(range(8, 20), range(32, 50))
    pairs = zip(marks(women), marks(men), strict=True)
    said = {(one, tuple(sorted(two))) for one, two in zip(marks(whole), pairs, strict=True)}
    for new, *others in ((whole, women, men), (women, men, whole), (men, whole, women)):
        assert said <= set(nested(new, others).sums)
    assert nested(women, [whole]).sums == ()
    other_rows = known(range(8, 20), range(32, 50), rows=1)
    assert nested(other_rows, [whole, women]).sums == ()


@pytest.mark.parametrize(("persons", "told"), [((3, 4), True), ((3, 3), False)])
def test_where_each_person_has_one_row_rows_are_told(persons: tuple[int, int], told: bool) -> None:
    people = Measure("persons:wages", Kind.PERSONS)
    cells = tuple(
        Cell((3 + n, n), frozenset({0}), (str(n),), count, {people.name: float(count)})
        for n, count in enumerate(persons)
    )
    table = Table(("group",), (people,), cells)
    found = with_rows(table)
    assert found.measures == ((people, ROWS) if told else (people,))
    if told:
        assert [cell.values for cell in found.cells] == [
            {people.name: 3.0, "rows": 3.0},
            {people.name: 4.0, "rows": 4.0},
        ]
        assert with_rows(found) is found


@pytest.mark.parametrize(
    "other", [known(range(40), rows=1), known(range(40), twice=3)], ids=["other rows", "two rows"]
)
def test_persons_inside_with_other_rows_are_not_held(other: Known) -> None:
    """Of a person's wage in another quarter what this quarter's is says nothing."""
    assert nested(PARTS, [other]).held == nested(other, [PARTS]).held == ()


def test_nothing_is_owed_beyond_what_was_published_around_and_inside() -> None:
    rules = DisclosureRules(safe_threshold=10)
    (wide, _), (parts, _) = WIDE, PARTS
    held = ((*marks(WIDE), marks(PARTS)[:2]),)
    around = ceilings([wide, replace(parts, held=held)])
    first, second = ((mark, "rows") for mark in marks(PARTS)[:2])
    assert around == {first: 40.0, second: 40.0}  # nothing else of it was shown
    inside = floors([parts, replace(wide, held=held)])
    assert inside[marks(WIDE)[0], "rows"] == 35.0
    assert owed(parts.cells[1], ROWS, rules, floor=1.0) == (3.0, 3.0)
    assert owed(parts.cells[1], ROWS, rules, floor=24.0, ceiling=26.0) == (1.0, 1.0)


def test_what_was_hidden_says_nothing_of_what_is_around_or_inside() -> None:
    (wide, _), (parts, _) = WIDE, PARTS
    held = ((*marks(WIDE), marks(PARTS)[:2]),)
    every = frozenset(range(3))
    assert ceilings([replace(wide, hidden=every), replace(parts, held=held)]) == {}
    assert (
        floors([replace(parts, hidden=every), replace(wide, held=held)])[marks(WIDE)[0], "rows"]
        == 2.0
    )


FOUR = known(range(4), range(4, 42))  # of 20 and of 40; and all of 40, in another table
OLDER = known(range(4, 43))


def total(of: Known) -> Table:
    """Return the table with the sum of its cells as one more."""
    table, _ = of
    mark = (sum(cell.mark[0] for cell in table.cells), sum(cell.mark[1] for cell in table.cells))
    whole = Cell(mark, frozenset(), ("",), mark[0], {"rows": float(mark[0])})
    return Table(table.dimensions, table.measures, (*table.cells, whole), primary=frozenset({0}))


def test_the_search_hides_what_a_wider_selection_would_give_away() -> None:
    rules = DisclosureRules(safe_threshold=10)
    held = nested(FOUR, [OLDER]).held
    new = total(FOUR)
    patterns = [
        suppress(link(replace(new, held=said), [OLDER[0]], rules).system) for said in ((), held)
    ]
    assert [np.flatnonzero(one.hidden).tolist() for one in patterns] == [[0, 1], [0, 2]]
    assert not any(one.unprotected for one in patterns)


def test_the_attacker_uses_what_a_wider_selection_gives_away() -> None:
    held = nested(FOUR, [OLDER]).held
    new = replace(total(FOUR), hidden=frozenset({0, 1}))
    four = (marks(FOUR)[0], "rows")
    lows = [
        attack([publish(OLDER[0]), publish(replace(new, held=said))])[four][0]
        for said in ((), held)
    ]
    assert lows == pytest.approx([1.0, 3.0])


def test_the_attacker_uses_what_cells_that_cross_make_up_together() -> None:
    """Of 60 the first 55 are told as two groups; of the other five, hidden, two are one group."""
    new = known(range(55, 57), range(57, 60), range(6), range(6, 55))
    old = known(range(20), range(20, 55))
    sums = nested(new, [old]).sums
    table = replace(total(new), hidden=frozenset({0, 1, 2}))
    two = (marks(new)[0], "rows")
    highs = [
        attack([publish(old[0]), publish(replace(table, sums=said))])[two][1] for said in ((), sums)
    ]
    assert highs == pytest.approx([9.0, 4.0])
