"""Builds the certificate of a pattern: whole-number movements that show each need is met.

The only place where a solver is used for it; `verify` checks the result without one. What finds no
whole-number witness in time is left out, and the certificate then does not verify: fail closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from math import lcm

import numpy as np
from scipy.sparse import csr_matrix

from egress_review.sdc.detour import Detour
from egress_review.sdc.insiders import Seen
from egress_review.sdc.movement import Movement, OutOfTime
from egress_review.sdc.pieces import Piece, joined, split
from egress_review.sdc.system import KNOWN, Floats, Integers, Need, System
from egress_review.sdc.until import Until
from egress_review.sdc.verify import LARGEST as WIDEST
from egress_review.sdc.verify import NEAR, Proof, Witness

FINEST = 1_000.0  # parts of the smallest need: a whole number of these is a unit
LARGEST = 2.0**40  # units; sums of thousands of them are still exact
NOISE = 1e-7
FINENESS = (2_000, 600_000)  # parts that one number is sought in: few stand more noise than many
MOST = 10**9  # parts of a unit in all numbers of a movement together


def prove(system: System, pattern: Floats, *, budget: float = 5.0) -> Proof:
    """Return the proof that a pattern meets the needs of a system.

    Raises nothing: what is not proved within `budget` seconds is missing from it.
    """
    shown = system.share(pattern) < 0.5
    hidden = replace(system, gate=np.where(shown, KNOWN, system.gate))
    until = Until(budget)
    witnesses: list[Witness] = []
    pieces, _ = split(hidden)
    for piece in pieces:
        for one in _Units(piece, until).witnesses():
            witnesses.append(replace(one, variables=piece.variables[one.variables]))
    return Proof(tuple(witnesses))


class _Units:
    """One piece in whole units: ranges rounded inwards, so a whole movement is a real one."""

    def __init__(self, piece: Piece, until: Until):
        self._piece, system = piece, piece.system
        owed = [w for n in system.needs for w in (n.up, n.down, n.width)]
        wanted = [w for w in (*owed, *system.guard.widths.tolist()) if w > 0]
        self._unit = _unit(system, wanted)
        down = np.minimum(np.floor((system.value - system.low) / self._unit + 1e-9), LARGEST)
        up = np.minimum(np.floor((system.high - system.value) / self._unit + 1e-9), LARGEST)
        zero = np.zeros(len(down))
        scaled = replace(system, value=zero, low=-down, high=up)
        self._down, self._up = down, up
        self._movement = Movement(scaled, until)
        self._scaled, self._until = scaled, until
        self._with = joined(system, np.ones(len(down), dtype=bool))
        self._seen = Seen(system.guard, self._with)
        self._reach = {up: np.zeros(len(down)) for up in (True, False)}
        self._detour: Detour | None = None
        self._matrix = csr_matrix(system.equations).astype(np.int64)

    def witnesses(self) -> Iterator[Witness]:
        """Yield movements until every need and pair of the piece is met or the time is up."""
        self._movement.open(np.ones(len(self._piece.system.weight)))
        try:
            yield from self._for_needs()
            yield from self._for_pairs()
        except OutOfTime:
            return

    def _for_needs(self) -> Iterator[Witness]:
        """Yield movements for what is owed to outsiders, one where those before do not show it."""
        for need in self._piece.system.needs:
            v, reach = need.variable, self._reach
            for up, wanted in ((True, need.up), (False, need.down)):
                if reach[up][v] < wanted * (1 - NEAR):
                    yield from self._tried(need, wanted, up=up)
            for up in (True, False):
                if reach[True][v] + reach[False][v] < need.width * (1 - NEAR):
                    yield from self._tried(need, need.width, up=up)

    def _for_pairs(self) -> Iterator[Witness]:
        """Yield movements that show each insider each variable open: few serve many pairs."""
        guard = self._piece.system.guard
        for insider, knows in enumerate(guard.knows):
            asked = ~np.isin(guard.variables, knows)
            while (left := np.flatnonzero(asked & self._seen.closed_to(knows))).size:
                asked[left[0]] = False
                need = guard.need(int(left[0]), insider)
                for up in (True, False):
                    yield from self._tried(need, need.width, up=up)

    def _tried(self, need: Need, wanted: float, *, up: bool) -> Iterator[Witness]:
        """Yield a movement in whole numbers for a need: the furthest, or one just as far."""
        self._movement.pin(need.insider)
        moved = self._movement.push(need.variable, up=up)
        # what is left elsewhere from the last movement tells nothing here
        moved[self._with != self._with[need.variable]] = 0.0
        found = self._round(moved)
        if found is None:
            short = self._shortest(need, wanted, up=up)
            found = None if short is None else self._round(short)
        if found is not None and found[0].any():
            yield self._witness(*found)

    def _shortest(self, need: Need, wanted: float, *, up: bool) -> Floats | None:
        """Return a movement just as far as is wanted, through few cells: its parts are few too."""
        if self._detour is None:
            ones = np.ones(len(self._scaled.weight))
            self._detour = Detour(self._scaled, ones, self._until)
        far = float(np.ceil(wanted / self._unit - 1e-9))
        shown = np.zeros(len(self._scaled.weight))
        return self._detour.movement(need, far, up=up, pattern=shown)

    def _round(self, moved: Floats) -> tuple[Integers, int] | None:
        """Return whole numbers and what to divide them by, if they satisfy every equation."""
        for fineness in FINENESS:
            parts = _parts(moved, fineness)
            if parts <= MOST and np.abs(moved).max() * parts <= WIDEST:
                inside = np.clip(moved * parts, -self._down * parts, self._up * parts)
                whole = np.rint(inside).astype(np.int64)
                if not (self._matrix @ whole).any():
                    return whole, parts
        return None

    def _witness(self, moved: Integers, parts: int) -> Witness:
        where = np.flatnonzero(moved)
        real = moved / parts * self._unit
        self._seen.keep(real)
        for up, sign in ((True, 1), (False, -1)):
            np.maximum(self._reach[up], sign * real, out=self._reach[up])
        return Witness(where, moved[where], self._unit / parts)


def _unit(system: System, wanted: list[float]) -> float:
    counts = all(
        np.array_equal(numbers, np.rint(numbers)) for numbers in (system.value, np.array(wanted))
    )
    return 1.0 if counts else min(wanted) / FINEST


def _parts(moved: Floats, fineness: int) -> int:
    """Return what to multiply a movement by to make it whole: its numbers are simple fractions.

    A corner of the attacker's program solves equations of ones; dense tables in three directions
    have corners of many thousands of parts.
    """
    parts = 1
    for number in moved[np.abs(moved - np.rint(moved)) > NOISE]:
        parts = lcm(parts, Fraction(float(number)).limit_denominator(fineness).denominator)
        if parts > MOST:
            break
    return parts
