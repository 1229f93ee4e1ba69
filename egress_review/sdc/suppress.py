"""Complementary suppression: the cheapest further cells to hide so that nothing can be undone.

A cutting-plane loop after Fischetti and Salazar (2001, Management Science 47(7), 1008-1027): a
master chooses cells; an attacker's linear program finds what it still learns; the program's dual
is a constraint on the choice; repeat. Beyond `EXACT_CELLS` or the time budget, one linear program
per exposed cell instead. Never the last word: `attacker` certifies every answer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import highspy
import numpy as np
from scipy.sparse import csc_matrix, hstack

from egress_review.sdc.system import KNOWN, Flags, Floats, Integers, Need, System

EXACT_CELLS = 3_000
TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Pattern:
    """Which gates to hide; `proved` if none is cheaper; `bound` is below every possible cost.

    `unprotected` are the needs that stay unmet even when every cell is hidden.
    """

    hidden: Flags
    proved: bool
    cost: float
    bound: float
    unprotected: tuple[Need, ...] = ()


@dataclass(frozen=True, slots=True)
class _Cut:
    """`coefficients @ pattern >= least`."""

    coefficients: Floats
    least: float


def suppress(system: System, *, budget: float = 20.0) -> Pattern:
    """Return a pattern that meets every need that can be met.

    `budget` in seconds bounds the exact search; past it the heuristic completes the pattern.
    """
    attack = _Attack(system)
    everything = np.ones(len(system.weight))
    unprotected = tuple(need for need, _ in _violated(attack, system.needs, everything))
    needs = tuple(need for need in system.needs if need not in unprotected)
    deadline = time.monotonic() + budget
    exact = len(system.weight) <= EXACT_CELLS
    found, bound, proved = _search(attack, needs, deadline if exact else 0.0)
    if not proved:
        found = _complete(attack, needs, found)
    hidden = found > 0.5
    return Pattern(hidden, proved, float(system.weight @ hidden), bound, unprotected)


def _search(
    attack: _Attack, needs: tuple[Need, ...], deadline: float
) -> tuple[Floats, float, bool]:
    """Return (pattern, lower bound, whether it is proved cheapest and safe)."""
    master = _Master(attack.system)
    pattern, bound = attack.system.forced.astype(float), 0.0
    whole = False  # first the relaxation, then whole cells
    while time.monotonic() < deadline:
        pattern, bound = master.solve(whole=whole)
        cuts = [cut for _, cut in _violated(attack, needs, pattern)]
        if cuts:
            master.add(cuts)
        elif whole or np.allclose(pattern, np.round(pattern), atol=TOLERANCE):
            return np.round(pattern), bound, True
        else:
            whole = True
    return attack.system.forced.astype(float), bound, False


def _complete(attack: _Attack, needs: tuple[Need, ...], start: Floats) -> Floats:
    """Hide, for each exposed cell in turn, the cheapest cells that let it move far enough."""
    pattern = start.copy()
    detour = _Detour(attack.system)
    for need in needs:
        for up, wanted in ((True, need.up), (False, need.down)):
            if wanted > 0 and not attack.reaches(need, pattern, up=up):
                pattern = np.maximum(pattern, detour.support(need.variable, wanted, up, pattern))
    return pattern


def _violated(
    attack: _Attack, needs: tuple[Need, ...], pattern: Floats
) -> Iterator[tuple[Need, _Cut]]:
    """Yield each need an attacker defeats under a pattern, with the cut that says why.

    A point the attacker's program visits shows a range for many cells at once, so most needs are
    met without a program of their own.
    """
    attack.open(pattern)
    for up in (True, False):
        reached = np.zeros(len(attack.system.value))
        for need in needs:
            wanted = need.up if up else need.down
            if reached[need.variable] >= wanted - TOLERANCE:
                continue
            moved = attack.push(need.variable, up=up)
            reached = np.maximum(reached, moved if up else -moved)
            if reached[need.variable] < wanted - TOLERANCE:
                yield need, attack.cut(need.variable, wanted)


def _program(
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
    solver.passModel(model)
    return solver


class _Attack:
    """The attacker's program: how far one unknown can move while every equation still holds."""

    def __init__(self, system: System):
        self.system = system
        self._columns: Integers = np.flatnonzero(system.gate != KNOWN)
        self._place = {int(column): place for place, column in enumerate(self._columns)}
        self._matrix = csc_matrix(system.equations[:, self._columns])
        zero = np.zeros(len(self._columns))
        rows = np.zeros(self._matrix.shape[0])
        self._solver = _program(self._matrix, zero, (zero, zero), (rows, rows))
        self._solver.changeObjectiveSense(highspy.ObjSense.kMaximize)
        self._down = (system.value - system.low)[self._columns]
        self._up = (system.high - system.value)[self._columns]
        self._aim = 0

    def open(self, pattern: Floats) -> None:
        """Let each unknown move as far as the (possibly fractional) pattern hides it."""
        share = self.system.share(pattern)[self._columns]
        every = np.arange(len(self._columns), dtype=np.int32)
        self._solver.changeColsBounds(len(every), every, -self._down * share, self._up * share)

    def push(self, variable: int, *, up: bool) -> Floats:
        """Return the movement of every unknown (0 for known ones) that moves one the furthest."""
        self._solver.changeColCost(self._aim, 0.0)
        self._aim = self._place[variable]
        self._solver.changeColCost(self._aim, 1.0 if up else -1.0)
        self._solver.run()
        moved = np.zeros(len(self.system.value))
        moved[self._columns] = self._solver.getSolution().col_value
        return moved

    def reaches(self, need: Need, pattern: Floats, *, up: bool) -> bool:
        """Say whether one need, one way, is met under a pattern."""
        self.open(pattern)
        moved = self.push(need.variable, up=up)[need.variable]
        return bool((moved if up else -moved) >= (need.up if up else need.down) - TOLERANCE)

    def cut(self, variable: int, wanted: float) -> _Cut:
        """Return what every safe pattern satisfies, from the dual of the last program.

        Any multipliers bound how far the unknown moves by the ranges of the hidden unknowns; a
        coefficient above what is wanted tells no more than what is wanted.
        """
        reduced = np.asarray(self._solver.getSolution().col_dual)
        power = np.where(reduced > 0, reduced * self._up, -reduced * self._down)
        gate = self.system.gate[self._columns]
        least = wanted - power[gate < 0].sum()
        coefficients = np.zeros(len(self.system.weight))
        np.add.at(coefficients, gate[gate >= 0], power[gate >= 0])
        return _Cut(np.minimum(coefficients, least), least)


class _Master:
    """Chooses the cheapest cells that satisfy every cut so far."""

    def __init__(self, system: System):
        gates = len(system.weight)
        empty = csc_matrix((0, gates))
        bounds = (system.forced.astype(float), np.ones(gates))
        none = np.zeros(0)
        self._gates = gates
        self._solver = _program(empty, system.weight, bounds, (none, none))

    def add(self, cuts: list[_Cut]) -> None:
        """Add cuts to the program."""
        for cut in cuts:
            where = np.flatnonzero(cut.coefficients > 0).astype(np.int32)
            self._solver.addRow(
                cut.least, highspy.kHighsInf, len(where), where, cut.coefficients[where]
            )

    def solve(self, *, whole: bool) -> tuple[Floats, float]:
        """Return the cheapest choice, in whole cells or not, and a bound below every choice."""
        every = np.arange(self._gates, dtype=np.int32)
        kind = highspy.HighsVarType.kInteger if whole else highspy.HighsVarType.kContinuous
        self._solver.changeColsIntegrality(self._gates, every, np.array([kind] * self._gates))
        self._solver.run()
        info = self._solver.getInfo()
        bound = info.mip_dual_bound if whole else info.objective_function_value
        chosen = np.clip(np.asarray(self._solver.getSolution().col_value), 0.0, 1.0)
        return (np.round(chosen) if whole else chosen), float(bound)


class _Detour:
    """Finds the cheapest set of cells through which one unknown can move a wanted distance."""

    def __init__(self, system: System):
        self._system = system
        matrix = csc_matrix(system.equations)
        self._count = matrix.shape[1]
        zero, rows = np.zeros(2 * self._count), np.zeros(matrix.shape[0])
        both = csc_matrix(hstack([matrix, -matrix]))
        self._solver = _program(both, zero, (zero, zero), (rows, rows))

    def support(self, variable: int, wanted: float, up: bool, pattern: Floats) -> Floats:
        """Return the gates used when `variable` moves by `wanted`; hidden ones cost nothing."""
        system, every = self._system, np.arange(2 * self._count, dtype=np.int32)
        movable = system.gate != KNOWN
        top = np.concatenate([(system.high - system.value), (system.value - system.low)])
        top = np.where(np.tile(movable, 2), top, 0.0)
        low = np.zeros(2 * self._count)
        there, back = (0, self._count) if up else (self._count, 0)
        low[variable + there] = wanted
        top[variable + back] = 0.0  # moving there and back again is no movement
        gated = np.maximum(system.gate, 0)
        cost = np.where(system.gate >= 0, (system.weight * (1 - pattern))[gated], 0.0)
        self._solver.changeColsBounds(len(every), every, low, np.maximum(top, low))
        self._solver.changeColsCost(len(every), every, np.tile(cost, 2))
        self._solver.run()
        flow = np.asarray(self._solver.getSolution().col_value)
        used = (flow[: self._count] + flow[self._count :] > TOLERANCE) & (system.gate >= 0)
        support = np.zeros(len(system.weight))
        support[system.gate[used]] = 1.0
        return support
