"""Builds the certificate of a pattern: whole-number movements that show each need is met.

The only place where a solver is used for it; `verify` checks the result without one. What finds no
whole-number witness in time is left out, and the certificate then does not verify: fail closed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from math import lcm

import numpy as np
from scipy.sparse import csr_matrix

from egress_review.sdc.detour import Detour
from egress_review.sdc.movement import Movement, OutOfTime
from egress_review.sdc.pieces import Piece, split
from egress_review.sdc.system import KNOWN, NOBODY, Floats, Integers, Need, System
from egress_review.sdc.verify import LARGEST as WIDEST
from egress_review.sdc.verify import Proof, Witness

FINEST = 1_000.0  # parts of the smallest need: a whole number of these is a unit
LARGEST = 2.0**40  # units; sums of thousands of them are still exact
NEAR = 1e-3  # of a need: what rounding to whole units may take
NOISE = 1e-7
FINENESS = (2_000, 600_000)  # parts that one number is sought in: few stand more noise than many
MOST = 10**9  # parts of a unit in all numbers of a movement together


def prove(system: System, pattern: Floats, *, budget: float = 5.0) -> Proof:
    """Return the proof that a pattern meets the needs of a system.

    Raises nothing: what is not proved within `budget` seconds is missing from it.
    """
    shown = np.where(system.gate >= 0, pattern[np.maximum(system.gate, 0)] < 0.5, False)
    hidden = replace(system, gate=np.where(shown, KNOWN, system.gate))
    deadline = time.monotonic() + budget
    witnesses: list[Witness] = []
    pieces, _ = split(hidden)
    for piece in pieces:
        for one in _Units(piece, deadline).witnesses():
            witnesses.append(replace(one, variables=piece.variables[one.variables]))
    return Proof(tuple(witnesses))


class _Units:
    """One piece in whole units: ranges rounded inwards, so a whole movement is a real one."""

    def __init__(self, piece: Piece, deadline: float):
        self._piece, system = piece, piece.system
        wanted = [w for n in system.needs for w in (n.up, n.down, n.width) if w > 0]
        self._unit = _unit(system, wanted)
        down = np.minimum(np.floor((system.value - system.low) / self._unit + 1e-9), LARGEST)
        up = np.minimum(np.floor((system.high - system.value) / self._unit + 1e-9), LARGEST)
        zero = np.zeros(len(down))
        scaled = replace(system, value=zero, low=-down, high=up)
        self._down, self._up = down, up
        self._movement = Movement(scaled, deadline)
        self._scaled, self._deadline = scaled, deadline
        self._detour: Detour | None = None
        self._matrix = csr_matrix(system.equations).astype(np.int64)

    def witnesses(self) -> Iterator[Witness]:
        """Yield movements until every need of the piece is met or the time is up."""
        self._movement.open(np.ones(len(self._piece.system.weight)))
        left = _claims(self._piece.system.needs)
        try:
            while left:
                need, up, wanted = left.pop(0)
                self._movement.pin(need.insider)
                found = self._round(self._movement.push(need.variable, up=up))
                if found is None and wanted > 0:
                    short = self._shortest(need, wanted, up=up)
                    found = None if short is None else self._round(short)
                if found is None:
                    continue
                moved, parts = found
                yield self._witness(moved, parts)
                left = [claim for claim in left if not self._meets(moved / parts, claim)]
        except OutOfTime:
            return

    def _shortest(self, need: Need, wanted: float, *, up: bool) -> Floats | None:
        """Return a movement just as far as is wanted, through few cells: its parts are few too."""
        if self._detour is None:
            ones = np.ones(len(self._scaled.weight))
            self._detour = Detour(self._scaled, ones, self._deadline)
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
        return Witness(where, moved[where], self._unit / parts)

    def _meets(self, moved: Floats, claim: tuple[Need, bool, float]) -> bool:
        need, up, wanted = claim
        if wanted <= 0 or (need.insider != NOBODY and moved[need.insider] != 0):
            return False
        reach = moved[need.variable] * (1 if up else -1) * self._unit
        return bool(reach >= wanted * (1 - NEAR))


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


def _claims(needs: tuple[Need, ...]) -> list[tuple[Need, bool, float]]:
    """Return (need, upwards, distance); of a width both ends are asked for in full (distance 0)."""
    claims = [(need, True, need.up) for need in needs if need.up > 0]
    claims += [(need, False, need.down) for need in needs if need.down > 0]
    claims += [(need, up, 0.0) for need in needs if need.width > 0 for up in (True, False)]
    return sorted(claims, key=lambda claim: claim[0].insider)
