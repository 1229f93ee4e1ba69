"""Random rounding: unbiased, one draw for one cell for ever, at most a base away (R22)."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egress_review.sdc.chance import Chances, chances
from egress_review.sdc.rounding import rounded

KEY = b"k" * 32


def one_cell(persons: int, *, key: bytes = KEY, first: int = 0) -> Chances:
    hashes = np.arange(first, first + persons, dtype=np.uint64)
    return chances(hashes, [np.arange(persons)], key=key)


@given(st.integers(0, 10**9), st.integers(2, 100))
def test_a_count_becomes_a_neighbouring_multiple_and_multiples_stay(count: int, base: int) -> None:
    found = rounded(one_cell(3), 0, count, base=base)
    assert found % base == 0
    assert abs(found - count) < base
    if count % base == 0:
        assert found == count


@pytest.mark.parametrize("count", [1, 4, 10, 13, 21])
def test_the_expectation_is_the_count_and_the_error_is_as_told(count: int) -> None:
    """Over many fixed keys; the bound is five standard errors."""
    base, tries, rest = 11, 4000, count % 11
    error = (rest * (base - rest)) ** 0.5
    found = [
        rounded(one_cell(count, key=b"%032d" % key), 0, count, base=base) for key in range(tries)
    ]
    assert abs(np.mean(found) - count) <= 5 * error / tries**0.5
    assert abs(np.std(found) - error) < 0.35


def test_the_same_persons_and_number_are_rounded_alike_in_any_table_and_order() -> None:
    """Attack: ask the same in other words and average. There is nothing new to average over."""
    everyone = np.arange(100, dtype=np.uint64)
    cell = np.array([5, 17, 40, 41, 63])
    shuffled = np.random.default_rng(1).permutation(everyone)
    there = np.searchsorted(everyone, everyone[cell])
    elsewhere = np.array([int(np.flatnonzero(shuffled == one)[0]) for one in everyone[cell][::-1]])
    first = chances(everyone, [there], key=KEY)
    other = chances(shuffled, [np.arange(9), elsewhere], key=KEY)
    answers = {rounded(first, 0, 5, base=10), rounded(other, 1, 5, base=10)}
    assert len(answers) == 1
    assert first.of(0, 5) == other.of(1, 5)


def test_another_person_key_or_number_draws_anew() -> None:
    base = {one_cell(20).of(0, 20), one_cell(20, key=b"j" * 32).of(0, 20)}
    base |= {one_cell(20, first=1).of(0, 20), one_cell(21).of(0, 20), one_cell(20).of(0, 19)}
    assert len(base) == 5


def test_a_small_count_tells_no_more_than_that_it_is_small() -> None:
    """With a base of at least the threshold: shown 0 is possible for every one of them."""
    base = 10
    shown = {
        count: {rounded(one_cell(count, key=b"%032d" % k), 0, count, base=base) for k in range(400)}
        for count in range(1, base)
    }
    assert set(map(tuple, map(sorted, shown.values()))) == {(0, base)}


def test_one_person_more_changes_the_chances_by_no_more_than_one_part_in_the_base() -> None:
    """Differencing: whoever knows all others of a cell gains one part in the base by the answer."""
    base, tries = 10, 6000
    with_one = Counter(rounded(one_cell(14, first=k * 99), 0, 14, base=base) for k in range(tries))
    without = Counter(rounded(one_cell(13, first=k * 99), 0, 13, base=base) for k in range(tries))
    told = sum(abs(with_one[v] - without[v]) for v in with_one | without) / 2 / tries
    assert told <= float(Fraction(1, base)) + 5 * (0.5 / tries**0.5)
