"""Keyed noise: unbiased, bounded, nothing small ever shown, one draw for one cell (R22)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egress_review.sdc.chance import Chances, chances
from egress_review.sdc.noise import changes, largest, noisy

TERMS = [(10, 5), (11, 6), (20, 10), (3, 3), (10, 3), (5, 30)]


def cell(persons: int, seed: int = 0, *, key: bytes = b"k" * 32) -> Chances:
    return chances(np.arange(persons, dtype=np.uint64) + seed, [np.arange(persons)], key=key)


@given(st.sampled_from(TERMS), st.integers(0, 400))
def test_the_mean_change_is_zero_and_no_result_is_small_or_far(
    terms: tuple[int, int], count: int
) -> None:
    threshold, spread = terms
    change = changes(count, spread=spread, threshold=threshold)
    results = count + change.by
    assert abs(change.chance @ change.by) < 1e-9
    assert not ((results < 0) | ((results > 0) & (results < threshold))).any()
    assert np.abs(change.by).max() <= largest(spread, threshold)
    assert change.chance.sum() == pytest.approx(1)


def test_zero_stays_zero_and_nothing_else_surely_does() -> None:
    assert changes(0, spread=5, threshold=10).by.tolist() == [0]
    assert all(changes(v, spread=5, threshold=10).chance.max() < 0.95 for v in range(1, 60))


@pytest.mark.parametrize(("threshold", "spread"), TERMS[:3])
def test_one_person_more_is_hardly_told_from_the_answer(threshold: int, spread: int) -> None:
    """Differencing: the best guess of whoever knows all others of a cell, over every count."""
    told = []
    for count in range(1, 8 * threshold):
        one, other = (_shown(count + more, threshold, spread) for more in (0, 1))
        told.append(sum(abs(one.get(v, 0) - other.get(v, 0)) for v in one.keys() | other) / 2)
    assert max(told) < 0.6 / spread  # right in half of cases and a few of a hundred more


def _shown(count: int, threshold: int, spread: int) -> dict[int, float]:
    change = changes(count, spread=spread, threshold=threshold)
    return dict(zip((count + change.by).tolist(), change.chance.tolist(), strict=True))


def test_the_draw_follows_the_probabilities() -> None:
    tries = 4000
    found = [noisy(cell(25, n * 50), 0, 25, spread=5, threshold=10) for n in range(tries)]
    change = changes(25, spread=5, threshold=10)
    assert abs(np.mean(found) - 25) <= 5 * change.deviation / tries**0.5
    assert abs(np.std(found) / change.deviation - 1) < 0.1
    assert not {v for v in found if 0 < v < 10 or v < 0}


def test_asking_again_brings_nothing_to_average() -> None:
    """Attack: the same cell a thousand times, in other orders and beside other cells."""
    persons = np.arange(60, dtype=np.uint64)
    dice = np.random.default_rng(3)
    answers = set()
    for _ in range(200):
        order = dice.permutation(60)
        member = np.flatnonzero(persons[order] < 23)
        table = chances(persons[order], [np.arange(7), member], key=b"k" * 32)
        answers.add(noisy(table, 1, 23, spread=5, threshold=10))
    assert len(answers) == 1


def test_without_the_key_the_noise_is_not_known() -> None:
    shown = {
        noisy(cell(25, key=b"%032d" % key), 0, 25, spread=5, threshold=10) for key in range(100)
    }
    assert len(shown) > 10
