"""Who sees through a pattern with numbers of their own: the pairs of a guard that fail under it.

There are far more pairs than programs one can solve. A movement that leaves still what a person
knows shows at once many numbers open to that person; only what no movement so far shows is tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np

from egress_review.sdc.movement import TOLERANCE, Cut, Movement, violated
from egress_review.sdc.pieces import joined
from egress_review.sdc.system import NOBODY, Flags, Floats, Guard, Integers, Need, System
from egress_review.sdc.until import Until

_NOTHING = np.zeros(0, dtype=np.int64)
STILL = 1e-9
MOST_MOVES = 1_000  # kept, the latest; each serves every insider who sees nothing of it
MOST_FOUND = 200  # pairs that are asked for at a time


class Asked:
    """The needs that are asked for in one piece so far: an outsider's, and pairs that failed once.

    `never` are those that stay unmet even where every cell is hidden.
    """

    def __init__(self, system: System, needs: tuple[Need, ...], until: Until) -> None:
        self.system, self.needs, self.never = system, list(needs), list[Need]()
        self._possible = set(needs)
        self._everything = Movement(system, until)

    def judge(self) -> None:
        """Ask no longer for what cannot be met. Raises `OutOfTime`."""
        lost = self._lost(self.needs)
        self.never += lost
        self.needs = [need for need in self.needs if need not in lost]
        self._possible = set(self.needs)

    def more(self, attack: Movement, pattern: Floats) -> list[tuple[Need, Cut]]:
        """Ask for pairs that fail under a pattern; return them with the cuts that say why.

        None: every pair holds that can hold. Raises `OutOfTime`.
        """
        while True:
            found = list(islice(_exposed(attack, pattern, self._skipped()), MOST_FOUND))
            new = [need for need, _ in found if need not in self._possible]
            lost = self._lost(new)
            self.never += lost
            self._possible |= set(new) - lost
            self.needs += [need for need in new if need not in lost]
            if len(lost) < len(found) or not found:
                return [(need, cut) for need, cut in found if need not in lost]

    def unchecked(self) -> tuple[Need, ...]:
        """Return what stands for all pairs where they were not all tried: one for each variable."""
        guard = self.system.guard
        return tuple(
            guard.need(place, insider)
            for place, variable in enumerate(guard.variables)
            for insider in islice(_strangers(guard, int(variable)), 1)
        )

    def _lost(self, needs: list[Need]) -> set[Need]:
        everything = np.ones(len(self.system.weight))
        return {n for n, _ in violated(self._everything, needs, everything, most_met=True)}

    def _skipped(self) -> set[Need]:
        return {need for need in self.never if need.insider != NOBODY}


def _strangers(guard: Guard, variable: int) -> Iterator[int]:
    """Yield the insiders who do not know a variable."""
    yield from (n for n, knows in enumerate(guard.knows) if variable not in knows)


def _exposed(attack: Movement, pattern: Floats, skipped: set[Need]) -> Iterator[tuple[Need, Cut]]:
    """Yield each pair that fails under a pattern, with the cut that says why."""
    guard = attack.system.guard
    if not guard.knows or not len(guard.variables):
        return
    attack.open(pattern)
    seen = Seen(guard, joined(attack.system, attack.system.share(pattern) > 0))
    seen.together(attack, np.ones(len(guard.variables), dtype=bool))
    for insider, knows in enumerate(guard.knows):
        asked = ~np.isin(guard.variables, knows)
        for need in (need for need in skipped if need.insider == insider):
            asked &= guard.variables != need.variable
        if (asked & seen.closed_to(knows)).any():
            attack.pin(insider)
            seen.together(attack, asked & seen.closed_to(knows))
            while (left := np.flatnonzero(asked & seen.closed_to(knows))).size:
                asked[left[0]] = False
                yield from _tried(attack, seen, guard.need(int(left[0]), insider))


def _tried(attack: Movement, seen: Seen, need: Need) -> Iterator[tuple[Need, Cut]]:
    """Push one variable both ways; yield the pair if that is too little."""
    up, power = attack.push(need.variable, up=True), attack.power()
    down = attack.push(need.variable, up=False)
    seen.keep(up)
    seen.keep(down)
    reach = up[need.variable] - down[need.variable]
    if reach < need.width - _near(need.width):
        yield need, attack.cut(power + attack.power(), need.width)


def _near(width: float | Floats) -> Floats:
    return np.maximum(TOLERANCE, TOLERANCE * width)


class Seen:
    """The movements met under one pattern, as far as they touch what somebody knows or is owed.

    `moves_with` says which unknowns no equation of hidden ones joins (`pieces.joined`): what moves
    there is a movement by itself, and an insider who knows nothing there is an outsider to it.
    """

    def __init__(self, guard: Guard, moves_with: Integers) -> None:
        self._guard, self._with = guard, moves_with
        self._known = np.unique(np.concatenate([*guard.knows, _NOTHING]))
        self._kept = 0
        self._moves = np.zeros((MOST_MOVES, len(guard.variables)))
        self._sights = np.zeros((MOST_MOVES, len(self._known)), dtype=bool)

    def together(self, attack: Movement, asked: Flags) -> None:
        """Keep what moves many of the variables asked for, first up, then down."""
        guard = self._guard
        for up in (True, False):
            self.keep(attack.together(guard.variables[asked], guard.widths[asked], up=up))

    def keep(self, moved: Floats) -> None:
        """Keep a movement."""
        place = self._kept % MOST_MOVES
        self._moves[place] = moved[self._guard.variables]
        self._sights[place] = np.abs(moved[self._known]) > STILL
        self._kept += 1

    def closed_to(self, knows: Integers) -> Flags:
        """Say of each guarded variable whether no movement so far shows it open to an insider.

        Only where the insider knows something: elsewhere they are an outsider.
        """
        kept, widths = slice(min(self._kept, MOST_MOVES)), self._guard.widths
        closed = np.zeros(len(widths), dtype=bool)
        labels = self._with[self._guard.variables]
        for label in np.unique(self._with[knows]):
            if label != NOBODY:
                here = np.searchsorted(self._known, knows[self._with[knows] == label])
                still = ~self._sights[kept, here].any(axis=1)
                mine = np.flatnonzero(labels == label)
                moves = self._moves[kept][still][:, mine]
                reach = moves.max(axis=0, initial=0.0) - moves.min(axis=0, initial=0.0)
                closed[mine] = reach < widths[mine] - _near(widths[mine])
        return closed
