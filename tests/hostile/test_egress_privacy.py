"""Attacks on what rounding, noise and differential privacy promise (R22)."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from diffprivlib.mechanisms import Geometric, Laplace

from egress_review.custody import Custody
from egress_review.methods.privacy_budget import PrivacyBudget, spending
from egress_review.sdc.chance import chances
from egress_review.sdc.noise import noisy
from egress_review.sdc.private import Whole
from enclave.errors import AuditUnavailable
from tests.support.privacy import PROJECT, Receipts, make_store, question, settings_at


def test_no_answer_leaves_that_audit_has_no_receipt_for(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    audit = Receipts(tmp_path / "log", away=True)
    budget = PrivacyBudget(store, audit, Custody(settings_at(tmp_path)))
    with pytest.raises(AuditUnavailable):
        budget.answer(question("a"), lambda: b"drawn")
    found = spending(store, PROJECT)
    assert found is not None
    assert found.used == 0
    store.close()


# What a draw tells ------------------------------------------------------------------------------


def small_and_off_the_grid(value: float) -> bool:
    """Say whether a small answer is no multiple of 2^-53: a sum with 1 cannot be anything else."""
    return abs(value) < 0.25 and value * 2**53 % 1 != 0


def test_the_librarys_float_noise_proves_that_nobody_is_counted_and_ours_cannot() -> None:
    """Attack (egress.md, section 8): one answer of 0 + noise may show that it is not 1 + noise."""
    floats = Laplace(epsilon=1.0, sensitivity=1.0)
    ours = Whole(epsilon=Fraction(1), sensitivity=1)
    tries = 3000
    told = [
        sum(small_and_off_the_grid(floats.randomise(true)) for _ in range(tries))
        for true in (0.0, 1.0)
    ]
    assert told[0] > tries / 20
    assert told[1] == 0
    answers = [{ours.randomise(true) for _ in range(tries)} for true in (0, 1)]
    assert not any(map(small_and_off_the_grid, answers[0] | answers[1]))
    for value in range(-3, 5):  # whatever is likely of one is possible of the other
        assert (value in answers[0]) and (value in answers[1])


class Given:
    """A random source that hands the library the floats nearest to a half, one after another."""

    def __init__(self, place: int):
        self.place = place

    def random(self) -> float:
        return 0.5 + self.place * 2**-53


def test_the_librarys_integer_noise_has_holes_at_the_scale_of_amounts() -> None:
    """Why its draws are replaced: far out, most whole numbers come of one true sum only.

    All floats it can draw between two places near a half, and what comes of each.
    """
    mechanism = Geometric(epsilon=0.1, sensitivity=100_000_000)  # two rows of up to 500,000.00
    possible = []
    for place in range(2, 2002, 2):  # odd ones are no floats beside a half
        mechanism._rng = Given(place)
        possible.append(mechanism.randomise(0))
    of_one_more = {value + 1 for value in possible}
    assert len(set(possible) & of_one_more) == 0  # none of these answers could come of a cent more
    assert min(a - b for a, b in pairwise(possible)) > 100_000  # holes of this many whole numbers


def test_ours_leaves_no_hole_far_out() -> None:
    """Every whole number has a chance, at any scale: the last digits are of every kind."""
    far = Whole(epsilon=Fraction(1, 10), sensitivity=100_000_000)
    ends = {far.randomise(0) % 10 for _ in range(300)}
    assert ends == set(range(10))


# Hidden and seen --------------------------------------------------------------------------------


def test_keyed_chance_gives_an_average_nothing_and_a_difference_little() -> None:
    """Attacks on noise: 400 re-askings, and the table without one person, over 400 populations."""
    dice = np.random.default_rng(5)
    right, tries = 0, 400
    for turn in range(tries):
        size = int(dice.integers(15, 60))
        persons = dice.integers(0, 2**63, size=size + 1, dtype=np.uint64)
        inside = bool(dice.integers(2))
        members = np.arange(size + inside)
        cell = chances(persons, [members], key=turn.to_bytes(32, "big"))
        shown = {noisy(cell, 0, len(members), spread=5, threshold=10) for _ in range(3)}
        assert len(shown) == 1
        # knows everybody else: guesses by which of the two counts is nearer to what is shown
        right += (shown.pop() - size > 0.5) == inside
    assert right / tries < 0.5 + 0.3 / 5 + 5 * 0.5 / tries**0.5
