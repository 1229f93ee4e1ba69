"""Differential privacy of persons: exact integer noise on bounded counts and sums.

`ε` is of pure differential privacy; two data sets are neighbours when one of them lacks one person
with all rows. Whoever calls has bounded what a person adds (`methods.bounded`). diffprivlib's
`Geometric` checks and holds the parameters; its draw is replaced: it inverts a logarithm of one
53-bit float, so far from the centre some whole numbers can come of one true value and not of its
neighbour. Ours compares whole numbers from the system's random source (Canonne, Kamath, Steinke:
The Discrete Gaussian for Differential Privacy, algorithms 1 and 2). No float decides anything, and
no other mechanism of diffprivlib may be named anywhere in this program (a test looks). Pure.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from diffprivlib.mechanisms import Geometric
from typing_extensions import override

from egress_review.sdc.tables import Kind, Level

Key = tuple[str, ...]
SHARE = 0.95


class Whole(Geometric):
    """The two-sided geometric mechanism with exact draws from the system's random source."""

    def __init__(self, *, epsilon: Fraction, sensitivity: int):
        super().__init__(epsilon=float(epsilon), sensitivity=sensitivity)
        self.scale = sensitivity / epsilon

    @override
    def randomise(self, value: int) -> int:
        """Return the value plus noise y with probability in proportion to exp(-|y| / scale)."""
        self._check_all(value)
        return value + _two_sided(self.scale.numerator, self.scale.denominator)


@dataclass(frozen=True, slots=True)
class Question:
    """One measure of a table at one grouping, drawn by itself.

    `sensitivity`: the most that one person changes its cells by, added up over them.
    """

    measure: str
    level: Level
    sensitivity: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Which questions a table needs, and which cells each number of it is the sum of.

    Numbers that add up are drawn at the finest groupings only and added up, so that totals agree
    with their parts. Each question gets the same part of one release's ε.
    """

    questions: tuple[Question, ...]
    sources: Mapping[tuple[str, Level], Level]

    def scale(self, epsilon: Fraction, question: Question) -> Fraction:
        """Return the noise's scale, where the whole answer has `epsilon`."""
        return question.sensitivity * len(self.questions) / epsilon


def plan(levels: Sequence[Level], measures: Mapping[str, tuple[Kind, int]], *, rows: int) -> Plan:
    """Return how to answer measures (by name: kind, and the most one row adds) at groupings."""
    questions: dict[tuple[str, Level], Question] = {}
    sources: dict[tuple[str, Level], Level] = {}
    for name, (kind, most) in measures.items():
        adds_up = kind is not Kind.PERSONS or rows == 1
        for level in levels:
            finest = _finest(level, levels) if adds_up else level
            sources[name, level] = finest
            # a person is one person in all, however many rows; and in a cell of each row
            places = rows if kind is not Kind.PERSONS or finest else 1
            questions[name, finest] = Question(name, finest, places * most)
    return Plan(tuple(questions.values()), sources)


def _finest(level: Level, levels: Sequence[Level]) -> Level:
    above = [one for one in levels if one >= level and not any(one < other for other in levels)]
    return min(above, key=lambda one: (len(one), sorted(one)))


def draw(
    plan: Plan, epsilon: Fraction, values: Mapping[tuple[str, Level], Mapping[Key, int]]
) -> dict[tuple[str, Level], dict[Key, int]]:
    """Return each question's cells with noise; spends `epsilon`. Cells are the public ones."""
    found, share = {}, epsilon / len(plan.questions)
    for question in plan.questions:
        mechanism = Whole(epsilon=share, sensitivity=question.sensitivity)
        cells = values[question.measure, question.level]
        found[question.measure, question.level] = {
            key: mechanism.randomise(value) for key, value in cells.items()
        }
    return found


def totals(cells: Mapping[Key, int], finest: Level, level: Level) -> dict[Key, int]:
    """Return the cells of a coarser grouping as sums of those of a finest one."""
    kept = [place for place, dimension in enumerate(sorted(finest)) if dimension in level]
    found: dict[Key, int] = {}
    for parts, value in cells.items():
        key = tuple(parts[place] for place in kept)
        found[key] = found.get(key, 0) + value
    return found


# Exact draws -----------------------------------------------------------------------------------


def _two_sided(top: int, bottom: int) -> int:
    """Return y with probability in proportion to exp(-|y| · bottom / top)."""
    while True:
        rest = secrets.randbelow(top)
        if not _fell(Fraction(rest, top)):
            continue
        whole = 0
        while _fell(Fraction(1)):
            whole += 1
        size = (rest + top * whole) // bottom
        negative = secrets.randbits(1)
        if not (negative and size == 0):  # zero has one sign
            return -size if negative else size


def _fell(gamma: Fraction) -> bool:
    """Return True with probability exp(-gamma), for gamma from 0 to 1."""
    count = 1
    while secrets.randbelow(gamma.denominator * count) < gamma.numerator:
        count += 1
    return count % 2 == 1


# What error to expect --------------------------------------------------------------------------


def reach(scale: Fraction, draws: int) -> int:
    """Return the x such that `SHARE` of sums of so many draws lie within -x and x."""
    coarse = max(1.0, float(scale) / 64)  # wide noise is looked at through a coarser grid
    return math.ceil(_reach(float(scale) / coarse, draws) * coarse)


@lru_cache(maxsize=1024)
def _reach(scale: float, draws: int) -> int:
    half = math.ceil(40 * scale + 8 * scale * math.sqrt(2 * draws)) + 2
    size = 1 << (2 * half).bit_length()
    grid = np.minimum(np.arange(size), size - np.arange(size))
    one = np.exp(-grid / scale)
    together = np.fft.irfft(np.fft.rfft(one / one.sum()) ** draws, size)
    inside = together[0] + 2 * np.cumsum(np.append(0.0, together[1 : size // 2]))
    return int(np.searchsorted(inside, SHARE))
