"""Patterns without a search: a cheapest detour for each exposed cell, then what is not needed goes.

The heuristic for tables beyond the exact search. It ends in time: what it could not protect by
then it names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress as ignoring

import highspy
import numpy as np
from scipy.sparse import csc_matrix, hstack

from egress_review.sdc.movement import Movement, OutOfTime, program, run, short
from egress_review.sdc.system import KNOWN, NOBODY, Flags, Floats, Guard, Integers, Need, System
from egress_review.sdc.until import Until

USED = 1e-7


class Detour:
    """Finds the cheapest set of cells through which one unknown can move a wanted distance."""

    def __init__(self, system: System, weight: Floats, until: Until):
        self._system, self._weight, self._until = system, weight, until
        matrix = csc_matrix(system.equations)
        self._count = matrix.shape[1]
        movable = system.gate != KNOWN
        top = np.concatenate([system.high - system.value, system.value - system.low])
        self._top = np.where(np.tile(movable, 2), top, 0.0)
        zero, rows = np.zeros(2 * self._count), np.zeros(matrix.shape[0])
        both = csc_matrix(hstack([matrix, -matrix]))
        self._solver = program(both, zero, (zero, self._top), (rows, rows))
        self._solver.setOptionValue("presolve", "off")
        self._every = np.arange(2 * self._count, dtype=np.int32)

    def movement(self, need: Need, wanted: float, *, up: bool, pattern: Floats) -> Floats | None:
        """Return the movement of every unknown, cheapest in what must be hidden besides.

        None where it cannot move that far. Raises `OutOfTime`.
        """
        system, variable = self._system, need.variable
        low, top = np.zeros(2 * self._count), self._top.copy()
        there, back = (0, self._count) if up else (self._count, 0)
        if short(top[variable + there], wanted):
            return None
        low[variable + there] = wanted
        top[variable + back] = 0.0  # moving there and back again is no movement
        if need.insider != NOBODY:
            knows = system.guard.knows[need.insider]
            top[np.concatenate([knows, knows + self._count])] = 0.0
        room = np.maximum(np.minimum(self._top, wanted), USED)
        gated = np.maximum(system.gate, 0)
        price = np.where(system.gate >= 0, (self._weight * (1 - pattern))[gated], 0.0)
        # a cell with little room is dear: all of its weight buys only that little
        cost = np.tile(price, 2) / room
        self._solver.changeColsBounds(len(top), self._every, low, np.maximum(top, low))
        self._solver.changeColsCost(len(top), self._every, cost)
        # no cost is negative, so the dual simplex is at home at the start and far from it elsewhere
        self._solver.clearSolver()
        run(self._solver, self._until)
        if self._solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None  # what the solver holds then is no movement: it breaks the equations
        flow = np.asarray(self._solver.getSolution().col_value)
        return np.asarray(flow[: self._count] - flow[self._count :])


class Cover:
    """A pattern under construction, with a movement that proves each need met so far."""

    def __init__(
        self,
        system: System,
        needs: Sequence[Need],
        *,
        weight: Floats,
        until: Until,
        hardest_first: bool = True,
    ) -> None:
        self.system, self._until = system, until
        self.pattern = system.forced.astype(float)
        self._weight = weight
        self._hardest_first = hardest_first
        self._proof: dict[int, frozenset[int]] = {}  # per claim the movements that prove it
        self._refused: Counter[int] = Counter()
        self._moves: list[frozenset[int]] = []  # per movement the gates that it moves
        self._detour: Detour | None = None
        self._claims: list[tuple[Need, str]] = []
        self.ask(needs)

    def ask(self, needs: Sequence[Need]) -> None:
        """Let these needs be met too."""
        ways = ("up", "down", "width")
        self._claims += [(need, way) for need in needs for way in ways if getattr(need, way)]
        guard = self.system.guard
        self._claimed = _Claimed(self._claims, guard, hardest_first=self._hardest_first)

    def unmet(self) -> tuple[Need, ...]:
        """Return the needs without a proof."""
        missing = (need for n, (need, _) in enumerate(self._claims) if n not in self._proof)
        return tuple(dict.fromkeys(missing))

    def fill(self, start: Floats) -> None:
        """Hide more until every need is met, or the time is up."""
        self.pattern = np.maximum(self.pattern, start)
        with ignoring(OutOfTime):
            self._detour = self._detour or Detour(self.system, self._weight, self._until)
            self._movement = Movement(self.system, self._until)
            self._movement.open(self.pattern)
            for number in self._claimed.order:
                if number not in self._proof and not self._prove(number):
                    self._extend(number, self._detour)

    def _extend(self, number: int, detour: Detour) -> None:
        """Hide what lets one claim be met."""
        need, way = self._claims[number]
        ways = {"up": (True,), "down": (False,), "width": (True, False)}[way]
        best: Floats | None = None
        for up in ways:
            wanted = getattr(need, way)
            moved = detour.movement(need, wanted, up=up, pattern=self.pattern)
            if moved is None:
                continue
            used = self._gates(moved)
            cost = float((self._weight * (1 - self.pattern))[used].sum())
            if best is None or cost < best[0]:
                best = np.concatenate([[cost], moved])
        if best is not None:
            for gate in self._gates(best[1:]):
                self.pattern[gate] = 1.0
                self._movement.turn(int(gate), hidden=True)
            self._record(best[1:])

    def _gates(self, moved: Floats) -> Integers:
        gates = self.system.gate[np.abs(moved) > USED]
        return np.unique(gates[gates >= 0])

    def _prove(self, number: int) -> bool:
        """Let the attacker try one claim under the present pattern; keep every proof it shows."""
        need, way = self._claims[number]
        self._movement.pin(need.insider)
        moved = []
        for up in {"up": (True,), "down": (False,), "width": (True, False)}[way]:
            moved.append(self._movement.push(need.variable, up=up))
            self._record(moved[-1])
        if way == "width" and number not in self._proof:
            wide = moved[0][need.variable] - moved[1][need.variable]
            if not short(wide, need.width):
                self._proof[number] = self._keep(moved[0]) | self._keep(moved[1])
        return number in self._proof

    def _record(self, moved: Floats) -> None:
        """Note one movement as the proof of each claim it meets that has none."""
        met = [n for n in self._claimed.met(moved) if n not in self._proof]
        if met:
            kept = self._keep(moved)
            self._proof.update(dict.fromkeys(met, kept))

    def _keep(self, moved: Floats) -> frozenset[int]:
        """Remember which cells a movement needs hidden; return its number."""
        self._moves.append(frozenset(self._gates(moved).tolist()))
        return frozenset({len(self._moves) - 1})

    def drop(self, until: Until) -> None:
        """Show again, heaviest first, each cell that no need depends on, until the time is up."""
        spare = (self.pattern > 0.5) & ~self.system.forced
        order = sorted(np.flatnonzero(spare), key=lambda gate: -self._weight[gate])
        with ignoring(OutOfTime):
            self._movement = Movement(self.system, until, narrow=True)
            self._movement.open(self.pattern)
            for gate in order:
                self._try_without(int(gate))
                if until.left <= 0:
                    return

    def _try_without(self, gate: int) -> None:
        used = {number for proof in self._proof.values() for number in proof}
        used = {number for number in used if gate in self._moves[number]}
        affected = [n for n, proof in self._proof.items() if proof & used]
        affected.sort(key=lambda number: -self._refused[number])
        kept = {number: self._proof.pop(number) for number in affected}
        self.pattern[gate] = 0.0
        self._movement.turn(gate, hidden=False)
        try:
            possible = all(self._still(number) for number in affected)
        except OutOfTime:
            possible = False
        if not possible:
            self.pattern[gate] = 1.0
            self._movement.turn(gate, hidden=True)
            self._proof.update(kept)

    def _still(self, number: int) -> bool:
        """Say whether a claim is met; who refuses often is asked first the next time."""
        met = number in self._proof or self._prove(number)
        self._refused[number] += not met
        return met


class _Claimed:
    """The claims as arrays, to see at once which of them a movement meets."""

    def __init__(
        self, claims: Sequence[tuple[Need, str]], guard: Guard, *, hardest_first: bool
    ) -> None:
        self._variable = np.array([need.variable for need, _ in claims], dtype=np.int64)
        self._insider = np.array([need.insider for need, _ in claims], dtype=np.int64)
        self._wanted = np.array([getattr(need, way) for need, way in claims])
        self._up = np.array([way != "down" for _, way in claims], dtype=bool)
        self._down = np.array([way != "up" for _, way in claims], dtype=bool)
        self._knows = np.concatenate([*guard.knows, np.zeros(0, dtype=np.int64)])
        self._starts = np.cumsum([0, *map(len, guard.knows)])[:-1]
        # the hardest first: what they need hidden often serves the rest
        order = [int(number) for number in np.argsort(-self._wanted, kind="stable")]
        self.order = order if hardest_first else order[::-1]

    def met(self, moved: Floats) -> list[int]:
        """Return the claims that one movement meets by itself."""
        mine = moved[self._variable]
        reach = np.maximum(np.where(self._up, mine, 0.0), np.where(self._down, -mine, 0.0))
        enough = reach >= self._wanted - np.maximum(1e-6, 1e-6 * self._wanted)
        return [int(number) for number in np.flatnonzero(enough & self._unknown(moved))]

    def _unknown(self, moved: Floats) -> Flags:
        """Say for each claim whether its insider sees nothing of the movement."""
        sees = np.zeros(len(self._starts) + 1, dtype=bool)  # the last is nobody
        if len(self._starts):
            sees[:-1] = np.maximum.reduceat(np.abs(moved[self._knows]), self._starts) > USED
        return ~sees[self._insider]
