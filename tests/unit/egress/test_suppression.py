"""Nothing that is released lets an attacker work out what is hidden (R22; SATRE 3.3)."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enclave.model import DisclosureRules
from tests.support.disclosure import PERSONS, ROWS, WAGE, Record, judge, protect, tabulate

RULES = DisclosureRules(safe_threshold=5)


def people(seed: int, sizes: tuple[int, ...], *, count: int, repeats: bool = False) -> list[Record]:
    """Return people spread unevenly over categories, some with several rows."""
    dice = random.Random(seed)
    records = []
    for person in range(count):
        for _ in range(dice.choice([1, 1, 2, 3]) if repeats else 1):
            labels = tuple(f"{d}{int(dice.triangular(0, n, 0))}" for d, n in enumerate(sizes))
            records.append(Record(person, labels, dice.lognormvariate(8, 1)))
    return records


tables = st.tuples(
    st.integers(0, 10**6),
    st.sampled_from([(3, 3), (4, 5), (6, 6), (2, 3, 3), (3, 3, 3)]),
    st.integers(20, 200),
    st.booleans(),
    st.sampled_from(
        [(ROWS,), (PERSONS,), (ROWS, PERSONS), (WAGE,), (ROWS, WAGE), (ROWS, PERSONS, WAGE)]
    ),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tables)
def test_no_cell_of_a_random_table_with_margins_can_be_recovered(drawn) -> None:
    seed, sizes, count, repeats, measures = drawn
    records = people(seed, sizes, count=count, repeats=repeats)
    table = tabulate(records, range(len(sizes)), measures=measures)
    released, pattern, conflicts = protect(table, (), RULES)
    assert conflicts == ()
    assert pattern.unprotected == ()
    assert judge([released], RULES).exposed == ()
