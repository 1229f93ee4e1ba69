"""Complementary suppression: the cheapest further cells to hide so that nothing can be undone.

A cutting-plane loop after Fischetti and Salazar (2001, Management Science 47(7), 1008-1027): a
master chooses cells; an attacker's linear program finds what it still learns; the program's dual
is a constraint on the choice; repeat. Beyond its reach one linear program per exposed cell
instead, several times over, and the exact search again on the cells that those chose. Never the
last word: `attacker` certifies every answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from egress_review.sdc.choice import Choice
from egress_review.sdc.detour import Cover
from egress_review.sdc.insiders import Asked
from egress_review.sdc.movement import Cut, Movement, OutOfTime, violated
from egress_review.sdc.pieces import Piece, split
from egress_review.sdc.system import KNOWN, Flags, Floats, Need, System
from egress_review.sdc.until import Until

STARTS = 6
EARLY = 0.2  # of the time of the exact search: without an end by then, a pattern comes first
DROPPING = 0.7  # of the time left, that one pattern may take to lose what it does not need
CLOSE = 1e-6
HALF, NEARLY_ALL = 0.5, 0.9  # of a cell, from where on a pattern starts with all of it hidden
NEAR = 0.02  # of the bound of what is not forced: a pattern as close is left to the exact search
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
    never: tuple[Need, ...] = ()


def suppress(system: System, *, budget: float = 20.0) -> Pattern:
    """Return the cheapest pattern found within `budget` (processor seconds) that meets the needs.

    What cannot be protected, or could not in time, is in `unprotected`.
    """
    until = Until(budget)
    pieces, lost = split(system)
    hidden = system.forced.astype(float)
    proved, bound = True, float(system.weight[system.forced].sum())
    unprotected, impossible = list(lost), list(lost)
    for number, piece in enumerate(pieces):
        share = _size(piece) / sum(_size(one) for one in pieces[number:])
        answer = _solve(piece.system, until.first(share))
        impossible += [piece.whole(need) for need in answer.never]
        unprotected += [piece.whole(need) for need in (*answer.never, *answer.unmet)]
        hidden[piece.gates] = np.maximum(hidden[piece.gates], answer.hidden)
        proved &= answer.proved
        bound += answer.bound - float(piece.system.weight[piece.system.forced].sum())
    chosen = hidden > 0.5
    cost = float(system.weight @ chosen)
    return Pattern(chosen, proved, cost, bound, tuple(unprotected), tuple(impossible))


def _size(piece: Piece) -> float:
    return float(len(piece.system.value) * len(piece.system.needs))


def _solve(system: System, until: Until) -> _Answer:
    """Return the answer for one piece."""
    forced = system.forced.astype(float)
    asked = Asked(system, system.needs, until)
    answer = _Answer(forced, float(system.weight @ forced), tuple(asked.needs), forced)
    try:
        asked.judge()
    except OutOfTime:
        return answer
    answer.unmet = tuple(asked.needs)
    clean = _improve(system, asked, answer, (until, until.first(0.5)))
    if not (answer.proved or clean):
        _merge(system, asked, answer, until)
    answer.never = tuple(asked.never)
    return answer


def _improve(system: System, asked: Asked, answer: _Answer, limits: tuple[Until, Until]) -> bool:
    """Search exactly; return whether the search came to its end."""
    until, half = limits
    soon = half.first(EARLY)
    try:
        system = replace(system, needs=tuple(asked.needs))
        choice, attack = Choice(system, soon), Movement(system, soon, narrow=True)
        try:
            start = _relaxed(choice, attack, asked, answer)
        except OutOfTime:
            given, plain = until.left, _Way(system.forced, np.zeros_like(answer.near))
            _cover(system, asked, answer, _Way(answer.near > HALF, answer.near), until)
            if until.left > given / 2:  # fractions of a search that was cut short may mislead
                _cover(system, asked, answer, plain, until)
            choice.until = attack.until = half
            start = _relaxed(choice, attack, asked, answer)
        choice.until = attack.until = half
        if _is_whole(start):
            answer.hidden, answer.unmet, answer.proved = np.round(start), (), True
            return True
        _cover(system, asked, answer, _Way(start > NEARLY_ALL, start, hardest_first=False), until)
        _relaxed(choice, attack, asked, answer)  # the pattern may have shown pairs to ask for
        if not answer.unmet:
            choice.fix(float(system.weight @ answer.hidden))
        return _whole(choice, attack, asked, answer)
    except OutOfTime:
        return False


def _is_whole(chosen: Floats) -> bool:
    return np.allclose(chosen, np.round(chosen), atol=CLOSE)


def _relaxed(choice: Choice, attack: Movement, asked: Asked, answer: _Answer) -> Floats:
    """Return the cheapest fractions of cells that no attacker's program speaks against."""
    while True:
        start, answer.bound = choice.relaxed()
        answer.near = start
        cuts: list[Cut] = []
        try:
            for _, cut in violated(attack, asked.needs, start):
                cuts += [cut, *_cover_of(cut, start)]
            ties = choice.tie(choice.lonely(start))
            if not ties and not cuts and _is_whole(start):
                cuts += [cut for _, cut in asked.more(attack, np.round(start))]
        finally:
            choice.add(cuts)  # true also where the time ended before the last was found
        if not ties and not cuts:
            return start


def _cover_of(cut: Cut, pattern: Floats) -> list[Cut]:
    cover = cut.cover(pattern)
    return [] if cover is None else [cover]


def _whole(choice: Choice, attack: Movement, asked: Asked, answer: _Answer) -> bool:
    """Search among whole cells to the end."""
    while True:
        found, bound = choice.whole(answer.hidden)
        answer.bound = max(answer.bound, bound)
        cuts = [cut for _, cut in violated(attack, asked.needs, found)]
        cuts = cuts or [cut for _, cut in asked.more(attack, found)]
        if not cuts:
            answer.hidden, answer.unmet, answer.proved = found, (), True
            return True
        choice.add([one for cut in cuts for one in (cut, *_cover_of(cut, found))])
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


def _cover(system: System, asked: Asked, answer: _Answer, way: _Way, until: Until) -> Floats:
    """Find a pattern without a search, keep it if it is better; return it."""
    prices = system.weight * way.noise * (1.0 - FAVOUR * way.near)
    order = way.hardest_first
    cover = Cover(system, asked.needs, weight=prices, until=until, hardest_first=order)
    cover.fill(way.start.astype(float))
    left = _against_all(cover, asked, until)
    if cover.unmet() or left or system.weight @ cover.pattern > _near(system, answer.bound):
        cover = _again(cover, asked, prices, until, hardest_first=not order)
        cover.drop(until.first(DROPPING))
        left = _against_all(cover, asked, until)
    unmet = (*cover.unmet(), *left)  # in this order: the time may have ended within the last step
    better = _loss(system, cover.pattern) < _loss(system, answer.hidden)
    if len(unmet) < len(answer.unmet) or (len(unmet) == len(answer.unmet) and better):
        answer.hidden, answer.unmet = cover.pattern, unmet
    return cover.pattern


def _loss(system: System, pattern: Floats) -> float:
    """Return what a pattern takes from readers: a percent of cost is as much as one of cells."""
    return float(system.weight @ pattern * pattern.sum())


def _near(system: System, bound: float) -> float:
    """Return the cost from where on down the exact search does better than dropping cells."""
    forced = float(system.weight[system.forced].sum())
    return bound + NEAR * (bound - forced)


def _against_all(cover: Cover, asked: Asked, until: Until) -> tuple[Need, ...]:
    """Hide more until no insider sees through; return the pairs that this did not come to.

    Pairs that it asked for and could not meet are `cover.unmet()`.
    """
    try:
        while not cover.unmet():
            attack = Movement(cover.system, until, narrow=True)
            found = [need for need, _ in asked.more(attack, cover.pattern)]
            if not found:
                break
            before = cover.pattern.copy()
            cover.ask(found)
            cover.fill(before)
            if (cover.pattern == before).all():
                return tuple(found)
    except OutOfTime:
        return asked.unchecked()
    return ()


def _again(
    cover: Cover, asked: Asked, prices: Floats, until: Until, *, hardest_first: bool
) -> Cover:
    """Seek the detours anew among the cells of a pattern, in the other order, if that is cheaper.

    What an early detour hid and later ones made needless goes, many cells at once.
    """
    if cover.unmet():
        return cover
    within, order = _within(cover.system, cover.pattern), hardest_first
    found = Cover(within, asked.needs, weight=prices, until=until, hardest_first=order)
    found.fill(within.forced.astype(float))
    weight = cover.system.weight
    cheaper = weight @ found.pattern < weight @ cover.pattern
    return found if cheaper and not found.unmet() else cover


def _within(system: System, pattern: Floats) -> System:
    """Return the system in which only what a pattern hides can be hidden."""
    return replace(system, gate=np.where(system.share(pattern) < HALF, KNOWN, system.gate))


def _merge(system: System, asked: Asked, answer: _Answer, until: Until) -> None:
    """Try other prices, then search exactly among the cells that any of those patterns hides."""
    dice = np.random.default_rng(_SEED)
    union = answer.hidden.copy()
    half = until.first(0.5)
    for turn in range(STARTS):
        if half.left <= 0 and not answer.unmet:
            break
        noise = dice.uniform(0.7, 1.4, len(system.weight)) if turn else 1.0
        way = _Way(system.forced, answer.near, noise, hardest_first=turn % 2 > 0)
        union = np.maximum(union, _cover(system, asked, answer, way, until))
    bound = answer.bound
    _improve(_within(system, union), asked, answer, (until, until))
    answer.bound, answer.proved = bound, False
