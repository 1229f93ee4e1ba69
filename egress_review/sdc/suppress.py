"""Complementary suppression: the cheapest further cells to hide so that nothing can be undone.

A cutting-plane loop after Fischetti and Salazar (2001, Management Science 47(7), 1008-1027): a
master chooses cells; an attacker's linear program finds what it still learns; the program's dual
is a constraint on the choice; repeat. Beyond its reach one linear program per exposed cell
instead, several times over, and the exact search again on the cells that those chose. Never the
last word: `attacker` certifies every answer.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from egress_review.sdc.choice import Choice
from egress_review.sdc.detour import Cover
from egress_review.sdc.movement import Cut, Movement, OutOfTime, violated
from egress_review.sdc.pieces import Piece, split
from egress_review.sdc.system import KNOWN, Flags, Floats, Need, System

STARTS = 6
EARLY = 0.2  # of the time of the exact search: without an end by then, a pattern comes first
DROPPING = 0.5  # of the time left, that one pattern may take to lose what it does not need
CLOSE = 1e-6
HALF, NEARLY_ALL = 0.5, 0.9  # of a cell, from where on a pattern starts with all of it hidden
FAVOUR = 0.5  # of its weight, that a cell loses which the fractions of the exact search hide
_SEED = 5  # the same table gets the same pattern


@dataclass(frozen=True, slots=True)
class Pattern:
    """Which gates to hide; `proved` if none is cheaper; `bound` is below every possible cost.

    `impossible` are the needs that stay unmet even when every cell is hidden; `unprotected` are
    those and the ones for which the time did not suffice.
    """

    hidden: Flags
    proved: bool
    cost: float
    bound: float
    unprotected: tuple[Need, ...] = ()
    impossible: tuple[Need, ...] = ()

    @property
    def gap(self) -> float:
        """How much cheaper, as a share of the cost, a pattern could be at most."""
        return 0.0 if self.cost <= 0 else max(0.0, (self.cost - self.bound) / self.cost)


@dataclass(slots=True)
class _Answer:
    """What is known of one piece so far: `hidden` meets every need of it but `unmet`.

    `near` is the latest cheapest choice in fractions of cells.
    """

    hidden: Floats
    bound: float
    unmet: tuple[Need, ...]
    near: Floats
    proved: bool = False


def suppress(system: System, *, budget: float = 20.0) -> Pattern:
    """Return the cheapest pattern found within `budget` seconds (the wall's) that meets the needs.

    What cannot be protected, or could not in time, is in `unprotected`.
    """
    begun = time.monotonic()
    pieces, lost = split(system)
    hidden = system.forced.astype(float)
    proved, bound = True, float(system.weight[system.forced].sum())
    unprotected, impossible = list(lost), list(lost)
    for number, piece in enumerate(pieces):
        left = begun + budget - time.monotonic()
        share = max(left, 0.0) * _size(piece) / sum(_size(one) for one in pieces[number:])
        answer, never = _solve(piece.system, time.monotonic() + share)
        whole = dict(zip(piece.system.needs, piece.needs, strict=True))
        impossible += [whole[need] for need in never]
        unprotected += [whole[need] for need in (*never, *answer.unmet)]
        hidden[piece.gates] = np.maximum(hidden[piece.gates], answer.hidden)
        proved &= answer.proved
        bound += answer.bound - float(piece.system.weight[piece.system.forced].sum())
    chosen = hidden > 0.5
    cost = float(system.weight @ chosen)
    return Pattern(chosen, proved, cost, bound, tuple(unprotected), tuple(impossible))


def _size(piece: Piece) -> float:
    return float(len(piece.system.value) * len(piece.needs))


def _solve(system: System, deadline: float) -> tuple[_Answer, tuple[Need, ...]]:
    """Return the answer for one piece and the needs that nothing can meet."""
    try:
        attack = Movement(system, deadline)
        everything = np.ones(len(system.weight))
        lost = violated(attack, system.needs, everything, most_met=True)
        never = tuple(dict.fromkeys(need for need, _ in lost))
        system = replace(system, needs=tuple(n for n in system.needs if n not in never))
    except OutOfTime:
        return _unsolved(system), ()
    answer = _unsolved(system)
    begun = time.monotonic()
    half = begun + 0.5 * (deadline - begun)
    clean = _improve(system, answer, (deadline, half))
    if not (answer.proved or clean):
        _merge(system, answer, deadline)
    return answer, never


def _unsolved(system: System) -> _Answer:
    forced = system.forced.astype(float)
    return _Answer(forced, float(system.weight @ forced), system.needs, forced)


def _improve(system: System, answer: _Answer, limits: tuple[float, float]) -> bool:
    """Search exactly; return whether the search came to its end."""
    deadline, half = limits
    now = time.monotonic()
    soon = now + EARLY * (half - now)
    try:
        choice, attack = Choice(system, soon), Movement(system, soon, narrow=True)
        try:
            start = _relaxed(choice, attack, answer)
        except OutOfTime:
            _cover(system, answer, _Way(answer.near > HALF, answer.near), deadline)
            choice.deadline = attack.deadline = half
            start = _relaxed(choice, attack, answer)
        choice.deadline = attack.deadline = half
        if np.allclose(start, np.round(start), atol=CLOSE):
            answer.hidden, answer.unmet, answer.proved = np.round(start), (), True
            return True
        _cover(system, answer, _Way(start > NEARLY_ALL, start, hardest_first=False), deadline)
        if not answer.unmet:
            choice.fix(float(system.weight @ answer.hidden))
        return _whole(choice, attack, answer)
    except OutOfTime:
        return False


def _relaxed(choice: Choice, attack: Movement, answer: _Answer) -> Floats:
    """Return the cheapest fractions of cells that no attacker's program speaks against."""
    while True:
        start, answer.bound = choice.relaxed()
        answer.near = start
        cuts: list[Cut] = []
        try:
            for _, cut in violated(attack, choice.system.needs, start):
                cuts.append(cut)
        finally:
            choice.add(cuts)  # true also where the time ended before the last was found
        if not choice.tie(choice.lonely(start)) and not cuts:
            return start


def _whole(choice: Choice, attack: Movement, answer: _Answer) -> bool:
    """Search among whole cells to the end."""
    while True:
        found, bound = choice.whole(answer.hidden)
        answer.bound = max(answer.bound, bound)
        cuts = [cut for _, cut in violated(attack, choice.system.needs, found)]
        if not cuts:
            answer.hidden, answer.unmet, answer.proved = found, (), True
            return True
        choice.add(cuts)
        choice.tie(choice.lonely(found))


@dataclass(frozen=True, slots=True)
class _Way:
    """How to seek a pattern without a search: what is hidden first, and what makes a cell cheap.

    A cell that the fractions of the exact search favour costs less, and `noise` varies the prices.
    """

    start: Flags
    near: Floats
    noise: Floats | float = 1.0
    hardest_first: bool = True


def _cover(system: System, answer: _Answer, way: _Way, deadline: float) -> Floats:
    """Find a pattern without a search, keep it if it is better; return it."""
    prices = system.weight * way.noise * (1.0 - FAVOUR * way.near)
    order = way.hardest_first
    cover = Cover(system, system.needs, weight=prices, deadline=deadline, hardest_first=order)
    cover.fill(way.start.astype(float))
    cover = _again(cover, prices, deadline, hardest_first=not order)
    now = time.monotonic()
    cover.drop(now + DROPPING * (deadline - now))
    better = system.weight @ cover.pattern < system.weight @ answer.hidden
    unmet = cover.unmet()
    if len(unmet) < len(answer.unmet) or (len(unmet) == len(answer.unmet) and better):
        answer.hidden, answer.unmet = cover.pattern, unmet
    return cover.pattern


def _again(cover: Cover, prices: Floats, deadline: float, *, hardest_first: bool) -> Cover:
    """Seek the detours anew among the cells of a pattern, in the other order, if that is cheaper.

    What an early detour hid and later ones made needless goes, many cells at once.
    """
    if cover.unmet():
        return cover
    within, order = _within(cover.system, cover.pattern), hardest_first
    found = Cover(within, within.needs, weight=prices, deadline=deadline, hardest_first=order)
    found.fill(within.forced.astype(float))
    weight = cover.system.weight
    cheaper = weight @ found.pattern < weight @ cover.pattern
    return found if cheaper and not found.unmet() else cover


def _within(system: System, pattern: Floats) -> System:
    """Return the system in which only what a pattern hides can be hidden."""
    known = np.where(system.gate >= 0, pattern[np.maximum(system.gate, 0)] < 0.5, False)
    return replace(system, gate=np.where(known, KNOWN, system.gate))


def _merge(system: System, answer: _Answer, deadline: float) -> None:
    """Try other prices, then search exactly among the cells that any of those patterns hides."""
    dice = np.random.default_rng(_SEED)
    union = answer.hidden.copy()
    begun = time.monotonic()
    for turn in range(STARTS):
        if time.monotonic() > begun + 0.5 * (deadline - begun) and not answer.unmet:
            break
        noise = dice.uniform(0.7, 1.4, len(system.weight)) if turn else 1.0
        way = _Way(system.forced, answer.near, noise, hardest_first=turn % 2 > 0)
        union = np.maximum(union, _cover(system, answer, way, deadline))
    bound = answer.bound
    _improve(_within(system, union), answer, (deadline, deadline))
    answer.bound, answer.proved = bound, False
