"""Differential privacy: exact integer draws, bounded parts, no float mechanism in reach (R22).

Distributions are compared at five standard errors, with draws of the system's random source.
"""

from __future__ import annotations

import ast
import math
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from diffprivlib import mechanisms
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

import egress_review
from egress_review.sdc import private
from egress_review.sdc.private import Question, Whole, draw, plan, reach, totals
from egress_review.sdc.tables import Kind

ROOM = Path(egress_review.__file__).parents[1]
TRIES = 8000
AS_RARE = 5.7e-7  # as five standard errors to either side


def draws(epsilon: Fraction, sensitivity: int, *, of: int = 0, tries: int = TRIES) -> list[int]:
    mechanism = Whole(epsilon=epsilon, sensitivity=sensitivity)
    return [mechanism.randomise(of) for _ in range(tries)]


@pytest.mark.parametrize(("epsilon", "sensitivity"), [(Fraction(1), 1), (Fraction(1, 3), 2)])
def test_draws_follow_the_two_sided_geometric_distribution(
    epsilon: Fraction, sensitivity: int
) -> None:
    found = Counter(draws(epsilon, sensitivity, of=1000))
    q = math.exp(-epsilon / sensitivity)
    for value in range(990, 1011):
        chance = (1 - q) / (1 + q) * q ** abs(value - 1000)
        # Not by standard errors themselves: far out one draw is expected of eight thousand or none,
        # and three, five standard errors away, come in one run of a thousand.
        assert binomtest(found[value], TRIES, chance).pvalue > AS_RARE, value


def test_no_event_is_likelier_by_more_than_e_to_the_epsilon_for_neighbours() -> None:
    """Every threshold as an event, both ways, for two true values that one person apart can be."""
    epsilon, far = Fraction(1, 2), 3
    here = np.sort(draws(epsilon, far, of=0))
    there = np.sort(draws(epsilon, far, of=far))
    for least in range(-20, 24):
        one = (len(here) - np.searchsorted(here, least)) / TRIES
        other = (len(there) - np.searchsorted(there, least)) / TRIES
        slack = 5 * math.sqrt(0.25 / TRIES) * (1 + math.exp(epsilon))
        assert other <= math.exp(epsilon) * one + slack
        assert 1 - one <= math.exp(epsilon) * (1 - other) + slack


def test_large_values_are_exact() -> None:
    """A float holds no whole number beyond 2^53 exactly; sums in cents may be larger."""
    large = 2**60 + 1
    found = draws(Fraction(20), 1, of=large, tries=200)
    assert all(isinstance(value, int) and abs(value - large) < 50 for value in found)
    assert large in found


def test_the_error_told_is_the_error_met() -> None:
    for scale, parts in ((Fraction(2), 1), (Fraction(20), 1), (Fraction(7), 9)):
        within = reach(scale, parts)
        found = draws(1 / scale, 1, tries=2000 * parts)
        sums = np.abs(np.array(found).reshape(-1, parts).sum(axis=1))
        assert abs(np.mean(sums <= within) - 0.95) < 0.03, (scale, parts)


def test_wrong_parameters_are_refused_by_the_library() -> None:
    for epsilon, sensitivity in ((Fraction(-1), 1), (Fraction(1), -1), (Fraction(1), 1.5)):
        with pytest.raises((ValueError, TypeError)):
            Whole(epsilon=epsilon, sensitivity=sensitivity)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Whole(epsilon=Fraction(1), sensitivity=1).randomise(1.5)  # type: ignore[arg-type]


# Who shares what -------------------------------------------------------------------------------

CUBE = [frozenset({0, 1}), frozenset({0}), frozenset({1}), frozenset[int]()]


def test_numbers_that_add_up_are_drawn_once_and_persons_at_each_grouping() -> None:
    found = plan(CUBE, {"rows": (Kind.ROWS, 1), "people": (Kind.PERSONS, 1)}, rows=3)
    assert found.questions == (
        Question("rows", CUBE[0], 3),
        *(Question("people", level, 3 if level else 1) for level in CUBE),
    )
    assert found.sources["rows", CUBE[3]] == CUBE[0]
    assert found.scale(Fraction(1), found.questions[0]) == 15  # five questions, three rows
    alone = plan(CUBE, {"people": (Kind.PERSONS, 1)}, rows=1)
    assert alone.questions == (Question("people", CUBE[0], 1),)


def test_groupings_with_nothing_finer_are_each_drawn() -> None:
    found = plan([frozenset({0}), frozenset({1})], {"pay": (Kind.SUM, 500)}, rows=2)
    assert [one.sensitivity for one in found.questions] == [1000, 1000]


def test_totals_are_the_sums_of_what_was_drawn() -> None:
    found = plan(CUBE, {"rows": (Kind.ROWS, 1)}, rows=1)
    keys = [(a, b) for a in "xy" for b in "123"]
    drawn = draw(found, Fraction(1), {("rows", CUBE[0]): dict.fromkeys(keys, 50)})
    cells = drawn["rows", CUBE[0]]
    assert cells.keys() == set(keys)
    by_row = totals(cells, CUBE[0], CUBE[1])
    assert by_row == {(a,): sum(cells[a, b] for b in "123") for a in "xy"}
    assert totals(cells, CUBE[0], CUBE[2])["2",] == cells["x", "2"] + cells["y", "2"]
    assert totals(cells, CUBE[0], CUBE[3]) == {(): sum(cells.values())}
    assert totals(cells, CUBE[0], CUBE[0]) == cells


def test_what_the_questions_spend_adds_up_to_what_is_paid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sequential composition: the ε of all questions together is the answer's, and no more."""
    made: list[tuple[Fraction, int]] = []

    class Recorded(Whole):
        def __init__(self, *, epsilon: Fraction, sensitivity: int):
            made.append((epsilon, sensitivity))
            super().__init__(epsilon=epsilon, sensitivity=sensitivity)

    monkeypatch.setattr(private, "Whole", Recorded)
    found = plan(CUBE, {"rows": (Kind.ROWS, 1), "pay": (Kind.SUM, 900)}, rows=2)
    found = replace(found, questions=(*found.questions, Question("more", CUBE[1], 7)))
    draw(found, Fraction(1, 2), {(one.measure, one.level): {} for one in found.questions})
    assert sum(epsilon for epsilon, _ in made) == Fraction(1, 2)
    for one, (epsilon, sensitivity) in zip(found.questions, made, strict=True):
        assert sensitivity == one.sensitivity
        assert found.scale(Fraction(1, 2), one) == sensitivity / epsilon


@given(st.fractions(Fraction(1, 1000), 20), st.integers(1, 10**9))
def test_the_scale_is_exact(epsilon: Fraction, sensitivity: int) -> None:
    assert Whole(epsilon=epsilon, sensitivity=sensitivity).scale * epsilon == sensitivity


# What of diffprivlib is in reach ---------------------------------------------------------------


def test_our_code_names_nothing_of_diffprivlib_but_the_integer_mechanism() -> None:
    """Every module of every room: one import, of one name, in one place, and no way around it."""
    rooms = ("enclave", "audit", "linkage", "egress_review", "hub_config")
    found = {}
    for path in (path for room in rooms for path in (ROOM / room).rglob("*.py")):
        text = path.read_text()
        if "diffprivlib" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                assert not any("diffprivlib" in name.name for name in node.names), path
            elif isinstance(node, ast.ImportFrom) and "diffprivlib" in (node.module or ""):
                found[path.name, node.module] = [name.name for name in node.names]
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert node.value.count("diffprivlib") == 0 or " " in node.value, path
    assert found == {("private.py", "diffprivlib.mechanisms"): ["Geometric"]}


def test_drawing_runs_no_line_of_any_mechanism_of_the_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With every draw of diffprivlib made to fail, all of ours still work."""

    def fail(*_: object) -> None:
        pytest.fail("a mechanism of diffprivlib has drawn")

    classes = [each for each in vars(mechanisms).values() if isinstance(each, type)]
    assert len(classes) > 15
    for each in classes:
        if "randomise" in vars(each):
            monkeypatch.setattr(each, "randomise", fail)
    found = plan([frozenset({0})], {"rows": (Kind.ROWS, 1)}, rows=1)
    draw(found, Fraction(1), {("rows", frozenset({0})): {("x",): 5}})
