"""The master program: the cheapest cells to hide that satisfy every constraint found so far."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

import highspy
import numpy as np
from scipy.sparse import csc_matrix

from egress_review.sdc.movement import SPARSE, Cut, OutOfTime, program, run
from egress_review.sdc.system import FREE, NOBODY, Flags, Floats, Integers, Need, System
from egress_review.sdc.until import Until


class Choice:
    """Chooses among the gates of one piece; first fractions of cells, then whole ones."""

    def __init__(self, system: System, until: Until):
        self.system, self.until = system, until
        self._gates = len(system.weight)
        bounds = (system.forced.astype(float), np.ones(self._gates))
        self._solver = program(csc_matrix((0, self._gates)), system.weight, bounds, _NO_ROWS)
        self._lines = _gates_of_lines(system)
        self.add(_first_cuts(system))
        self._whole = False

    def add(self, cuts: Iterable[Cut]) -> None:
        """Add cuts to the program."""
        rows = []
        for cut in cuts:
            where = np.flatnonzero(cut.coefficients > SPARSE * cut.least)
            rows.append((where, cut.coefficients[where] / cut.least))
        self._at_least(1.0, rows)

    def _at_least(self, least: float, rows: Sequence[tuple[Integers, Floats]]) -> None:
        """Add rows all at once: the solver copies its whole matrix each time."""
        if rows:
            where, weights = (np.concatenate(part) for part in zip(*rows, strict=True))
            starts = np.cumsum([0, *(len(one) for one, _ in rows[:-1])]).astype(np.int32)
            lower, upper = np.full(len(rows), least), np.full(len(rows), highspy.kHighsInf)
            where = where.astype(np.int32)
            self._solver.addRows(len(rows), lower, upper, len(where), starts, where, weights)

    def lonely(self, pattern: Floats) -> Iterator[Cut]:
        """Yield what a pattern breaks of this: no cell is hidden alone in equations, for nothing.

        True of every cheapest pattern, where each unknown behind the cell is alone in one of them:
        then none of them moves at all. An amount beside a count may still move.
        """
        for gates, still in self._lines:
            chosen = pattern[gates]
            most = int(chosen.argmax())
            if still[most] and chosen[most] > chosen.sum() - chosen[most] + 0.05:
                coefficients = np.zeros(self._gates)
                coefficients[gates] = 1.0
                coefficients[gates[most]] = -1.0
                yield Cut(coefficients, 0.0)

    def tie(self, cuts: Iterable[Cut]) -> int:
        """Add constraints of `lonely`; return how many."""
        found = [cut.coefficients for cut in cuts]
        wheres = [np.flatnonzero(one) for one in found]
        self._at_least(0.0, [(at, one[at]) for at, one in zip(wheres, found, strict=True)])
        return len(found)

    def relaxed(self) -> tuple[Floats, float]:
        """Return the cheapest choice in fractions of cells, and its cost: a lower bound."""
        run(self._solver, self.until)
        cost = float(self._solver.getInfo().objective_function_value)
        return np.clip(np.asarray(self._solver.getSolution().col_value), 0.0, 1.0), cost

    def fix(self, most: float) -> None:
        """Rule out each cell that no pattern cheaper than `most` hides (by its reduced cost)."""
        cost = float(self._solver.getInfo().objective_function_value)
        reduced = np.asarray(self._solver.getSolution().col_dual)
        never = (cost + reduced > most + 1e-6 * max(1.0, most)) & ~self.system.forced
        for gate in np.flatnonzero(never):
            self._solver.changeColBounds(int(gate), 0.0, 0.0)

    def whole(self, start: Floats) -> tuple[Floats, float]:
        """Return the cheapest choice of whole cells and a bound below every choice."""
        if not self._whole:
            every = np.arange(self._gates, dtype=np.int32)
            kinds = np.array([highspy.HighsVarType.kInteger] * self._gates)
            self._solver.changeColsIntegrality(self._gates, every, kinds)
            self._solver.setOptionValue("mip_rel_gap", 1e-9)
            self._whole = True
        guess = highspy.HighsSolution()
        guess.col_value = list(start)
        self._solver.setSolution(guess)
        run(self._solver, self.until)
        if self._solver.getModelStatus() == highspy.HighsModelStatus.kInfeasible:
            raise OutOfTime  # nothing is known: within these cells no pattern meets the cuts
        chosen = np.round(np.asarray(self._solver.getSolution().col_value))
        return chosen, float(self._solver.getInfo().mip_dual_bound)


_NO_ROWS = (np.zeros(0), np.zeros(0))


def _gates_of_lines(system: System) -> list[tuple[Integers, Flags]]:
    """Return the gates of each equation in which every unknown has one, each set of gates once.

    Beside them, which of the gates are hidden for nothing when all others of the set are shown:
    each unknown behind it has an equation with this very set, and nothing forces it.
    """
    matrix, behind = system.equations, Counter(system.gate.tolist())
    owed = {int(system.gate[need.variable]) for need in system.needs}
    held: dict[tuple[int, ...], set[int]] = defaultdict(set)
    for line in range(matrix.shape[0]):
        unknowns = matrix.indices[matrix.indptr[line] : matrix.indptr[line + 1]]
        gates = system.gate[unknowns]
        if (gates >= 0).all() and len(set(gates)) == len(gates) > 1:
            held[tuple(np.sort(gates).tolist())].update(unknowns.tolist())
    lines = []
    for gates, unknowns in held.items():
        own = Counter(system.gate[list(unknowns)].tolist())
        still = [own[g] == behind[g] and (g in owed or not system.forced[g]) for g in gates]
        lines.append((np.array(gates), np.array(still)))
    return lines


def _first_cuts(system: System) -> Iterator[Cut]:
    """In each equation of a sensitive cell, the others must leave it room enough."""
    matrix, columns = system.equations, system.equations.tocsc()
    down, up = system.value - system.low, system.high - system.value
    for need in system.needs:
        span = slice(columns.indptr[need.variable], columns.indptr[need.variable + 1])
        for line, own in zip(columns.indices[span], columns.data[span], strict=True):
            here = slice(matrix.indptr[line], matrix.indptr[line + 1])
            sign = -matrix.data[here] / own
            others = matrix.indices[here]
            rises = np.where(sign > 0, up[others], down[others]) * abs(sign)
            falls = np.where(sign > 0, down[others], up[others]) * abs(sign)
            for wanted, room in (
                (need.up, rises),
                (need.down, falls),
                (need.width, rises + falls),
            ):
                if wanted > 0:
                    yield from _room(system, need, wanted, (others, room))


def _room(
    system: System, need: Need, wanted: float, line: tuple[Integers, Floats]
) -> Iterator[Cut]:
    others, room = line
    knows = () if need.insider == NOBODY else system.guard.knows[need.insider]
    counted = (others != need.variable) & ~np.isin(others, knows)
    gate, room = system.gate[others[counted]], room[counted]
    least = wanted - room[gate == FREE].sum()
    if least <= 1e-6 * wanted:
        return
    gated = gate >= 0
    coefficients = np.bincount(gate[gated], room[gated], minlength=len(system.weight))
    yield Cut(np.minimum(coefficients, least), least)
