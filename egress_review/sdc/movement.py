"""The attacker's program: how far one unknown can move while every equation still holds.

Used while patterns are sought; never the last word on one (that is `attacker`). A search that was
cut short says so (`OutOfTime`), so that nobody takes "found no weakness" for "has none".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import highspy
import numpy as np
from scipy.sparse import csc_matrix

from egress_review.sdc.system import FREE, NOBODY, Floats, Integers, Need, System
from egress_review.sdc.until import Until

TOLERANCE = 1e-6  # in the unit of the system, and of a need where that is larger
_NOTHING = np.zeros(0, dtype=np.int64)
SPARSE = 1e-9  # of what a cut wants, below which a coefficient is left out
NEARLY, NEAR = 1e-4, 1e-3  # a cover is sure of what falls short, and is broken by more than this
WIDEST = 500  # cells of a cover: a wider one tells little, and the master slows down
NOISE = 1e-9  # of a dual, below which it is the solver's rounding
PRIMAL = 4  # HiGHS: a new aim leaves the last point possible, so the primal simplex goes on from it


class OutOfTime(Exception):
    """The time given is used up; what was asked is not known."""


@dataclass(frozen=True, slots=True)
class Cut:
    """`coefficients @ pattern >= least` holds for every safe pattern."""

    coefficients: Floats
    least: float

    def cover(self, pattern: Floats) -> Cut | None:
        """Return what the cut says of whole cells, where a pattern of fractions breaks it.

        Some cells together fall short of what is wanted, so at least one of the others is hidden.
        """
        here = np.flatnonzero(self.coefficients > SPARSE * self.least)
        worth = self.coefficients[here] / self.least
        short_of = np.zeros(len(here), dtype=bool)
        room = 1.0 - NEARLY
        # those hidden most for what they are worth, as long as all of them fall short
        for place in np.argsort(-pattern[here] / worth, kind="stable"):
            if worth[place] < room:
                room -= worth[place]
                short_of[place] = True
        others = here[~short_of]
        if len(others) == len(here) or len(others) > WIDEST or pattern[others].sum() > 1 - NEAR:
            return None
        coefficients = np.zeros(len(self.coefficients))
        coefficients[others] = 1.0
        return Cut(coefficients, 1.0)


def program(
    matrix: csc_matrix, cost: Floats, bounds: tuple[Floats, Floats], sides: tuple[Floats, Floats]
) -> highspy.Highs:
    """Return a silent solver holding `min cost @ x`, `sides[0] <= matrix @ x <= sides[1]`."""
    model = highspy.HighsLp()
    model.num_row_, model.num_col_ = matrix.shape
    model.col_cost_, model.col_lower_, model.col_upper_ = cost, bounds[0], bounds[1]
    model.row_lower_, model.row_upper_ = sides
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_, model.a_matrix_.index_ = matrix.indptr, matrix.indices
    model.a_matrix_.value_ = matrix.data
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.silent()
    solver.setOptionValue("threads", 1)
    solver.passModel(model)
    return solver


def run(solver: highspy.Highs, until: Until) -> None:
    """Solve within the time left. Raises `OutOfTime`."""
    is_warm = True
    while (left := until.left_by_the_clock) > 0:
        # the solver counts by the clock: where the machine slowed down since, it goes on
        solver.setOptionValue("time_limit", solver.getRunTime() + left)
        solver.run()
        status = solver.getModelStatus()
        if status == highspy.HighsModelStatus.kUnknown and is_warm:
            solver.clearSolver()  # it found no way on from where it stood: what it holds is nothing
            is_warm = False
        elif status != highspy.HighsModelStatus.kTimeLimit:
            return
    raise OutOfTime


class Movement:
    """One piece's program; bounds change with the pattern, the rest stays warm.

    A `narrow` one holds only the unknowns that the pattern it was opened to hides: much faster
    where few are, and it cannot `turn`.
    """

    def __init__(self, system: System, until: Until, *, narrow: bool = False):
        self.system, self.until, self._narrow = system, until, narrow
        self._count = len(system.value)
        self._matrix = csc_matrix(system.equations)
        self._down, self._up = system.value - system.low, system.high - system.value
        self._share = np.zeros(self._count)
        self._columns = np.arange(self._count)
        self._place = np.arange(self._count)
        self._solver = self._fresh()
        self._aim, self._reduced = 0, np.zeros(self._count)
        self._insider, self._pinned = NOBODY, _NOTHING
        self._behind: list[list[int]] = [[] for _ in system.weight]
        for variable, gate in enumerate(system.gate):
            if gate >= 0:
                self._behind[gate].append(variable)

    def _fresh(self) -> highspy.Highs:
        zero, rows = np.zeros(len(self._columns)), np.zeros(self._matrix.shape[0])
        matrix = csc_matrix(self._matrix[:, self._columns])
        solver = program(matrix, zero, (zero, zero), (rows, rows))
        solver.setOptionValue("presolve", "off")
        solver.setOptionValue("simplex_strategy", PRIMAL)
        solver.changeObjectiveSense(highspy.ObjSense.kMaximize)
        return solver

    def open(self, pattern: Floats) -> None:
        """Let each unknown move as far as the (possibly fractional) pattern hides it."""
        self._share = self.system.share(pattern)
        self._insider, self._pinned = NOBODY, _NOTHING
        if self._narrow:
            self._columns = np.flatnonzero(self._share > 0)
            self._place = np.full(self._count, NOBODY)
            self._place[self._columns] = np.arange(len(self._columns))
            self._solver, self._aim = self._fresh(), NOBODY
        low, high = -self._down * self._share, self._up * self._share
        every = np.arange(len(self._columns), dtype=np.int32)
        self._solver.changeColsBounds(len(every), every, low[self._columns], high[self._columns])

    def turn(self, gate: int, *, hidden: bool) -> None:
        """Hide or show one cell, leaving the rest as it is."""
        for variable in self._behind[gate]:
            self._share[variable] = float(hidden)
            if variable not in self._pinned:
                low, high = (-self._down[variable], self._up[variable]) if hidden else (0.0, 0.0)
                self._solver.changeColBounds(int(self._place[variable]), low, high)

    def pin(self, insider: int) -> None:
        """Hold still what one insider knows, letting go of what the one before knew."""
        if insider == self._insider:
            return
        knows = _NOTHING if insider == NOBODY else self.system.guard.knows[insider]
        for held in self._pinned.tolist():
            self._span(held, float(self._share[held]))
        for variable in knows.tolist():
            self._span(variable, 0.0)
        self._insider, self._pinned = insider, knows

    def _span(self, variable: int, share: float) -> None:
        if self._place[variable] != NOBODY:
            low, high = -self._down[variable] * share, self._up[variable] * share
            self._solver.changeColBounds(int(self._place[variable]), low, high)

    def push(self, variable: int, *, up: bool) -> Floats:
        """Return the movement of every unknown that moves one the furthest."""
        aim, sign, moved = int(self._place[variable]), 1.0 if up else -1.0, np.zeros(self._count)
        self._reduced = np.zeros(self._count)
        if aim != NOBODY:
            if self._aim != NOBODY:
                self._solver.changeColCost(self._aim, 0.0)
            self._aim = aim
            self._solver.changeColCost(aim, sign)
            run(self._solver, self.until)
            solution = self._solver.getSolution()
            moved[self._columns] = solution.col_value
            self._reduced = -(self._matrix.T @ np.asarray(solution.row_dual))
        self._reduced[variable] += sign
        return moved

    def together(self, variables: Integers, wanted: Floats, *, up: bool) -> Floats:
        """Return a movement that brings many unknowns as far as is wanted, all at once."""
        here = (wanted > 0) & (self._place[variables] != NOBODY)
        asked, far = variables[here], wanted[here]
        moved = np.zeros(self._count)
        places = self._place[asked].astype(np.int32)
        low, high = -self._down * self._share, self._up * self._share
        stop = np.minimum(high[asked], far) if up else np.maximum(low[asked], -far)
        spans = (low[asked], stop) if up else (stop, high[asked])
        cost = (1.0 if up else -1.0) / np.maximum(far, TOLERANCE)
        self._solver.changeColsBounds(len(asked), places, *spans)
        self._solver.changeColsCost(len(asked), places, cost)
        run(self._solver, self.until)
        moved[self._columns] = self._solver.getSolution().col_value
        self._solver.changeColsBounds(len(asked), places, low[asked], high[asked])
        self._solver.changeColsCost(len(asked), places, np.zeros(len(asked)))
        return moved

    def power(self) -> Floats:
        """Return what each unknown's range adds to the limit of the last movement, from its dual.

        Any multipliers bound how far the unknown moves by the ranges of the hidden unknowns.
        """
        reduced = np.where(np.abs(self._reduced) < NOISE, 0.0, self._reduced)
        power = np.where(reduced > 0, reduced * self._up, -reduced * self._down)
        power[self._pinned] = 0.0
        return power

    def cut(self, power: Floats, wanted: float) -> Cut:
        """Return the cut; a coefficient above what is wanted tells no more than what is wanted."""
        gate = self.system.gate
        least = wanted - power[gate == FREE].sum()
        gated = gate >= 0
        coefficients = np.bincount(gate[gated], power[gated], minlength=len(self.system.weight))
        return Cut(np.minimum(coefficients, least), least)


def short(reached: float, wanted: float) -> bool:
    """Say whether a movement is less than wanted, beyond what a solver's rounding explains."""
    return wanted > 0 and reached < wanted - max(TOLERANCE, TOLERANCE * wanted)


def violated(
    movement: Movement, needs: Sequence[Need], pattern: Floats, *, most_met: bool = False
) -> Iterator[tuple[Need, Cut]]:
    """Yield each need an attacker defeats under a pattern, with the cut that says why.

    `most_met`: few are expected, so what is met is first sought for all of them together.

    A point the attacker's program visits shows a range for many cells at once, so most needs are
    met without a program of their own. Raises `OutOfTime` where the search could not end.
    """
    movement.open(pattern)
    attackers: dict[int, list[Need]] = defaultdict(list)
    for need in needs:
        attackers[need.insider].append(need)
    for insider, mine in sorted(attackers.items()):
        movement.pin(insider)
        ahead, back = np.zeros(len(movement.system.value)), np.zeros(len(movement.system.value))
        for up in (True, False) if most_met else ():
            wanted = np.array([max(n.up if up else n.down, n.width) for n in mine])
            moved = movement.together(np.array([n.variable for n in mine]), wanted, up=up)
            np.maximum(ahead, moved, out=ahead)
            np.maximum(back, -moved, out=back)
        for need in mine:
            yield from _defeats(movement, need, (ahead, back))


def _defeats(
    movement: Movement, need: Need, seen: tuple[Floats, Floats]
) -> Iterator[tuple[Need, Cut]]:
    """Yield the cuts of one need; `seen` are the furthest movements met so far, up and down."""
    v, (ahead, back) = need.variable, seen
    powers: dict[bool, Floats] = {}

    def try_(up: bool) -> None:
        moved = movement.push(v, up=up)
        powers[up] = movement.power()
        np.maximum(ahead, moved, out=ahead)
        np.maximum(back, -moved, out=back)

    for up, wanted, reach in ((True, need.up, ahead), (False, need.down, back)):
        if short(reach[v], wanted):
            try_(up)
            if short(reach[v], wanted):
                yield need, movement.cut(powers[up], wanted)
    for up in (True, False):
        if short(ahead[v] + back[v], need.width) and up not in powers:
            try_(up)
    if short(ahead[v] + back[v], need.width):
        yield need, movement.cut(powers[True] + powers[False], need.width)
