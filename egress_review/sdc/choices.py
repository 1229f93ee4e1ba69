"""What would help a sensitive cell that nothing can protect: hide one cell more, or group coarser.

Advice for people: it changes no pattern, and what it proposes must be suppressed and audited anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from egress_review.sdc.movement import Movement, OutOfTime, violated
from egress_review.sdc.system import FREE, KNOWN, Need, System
from egress_review.sdc.until import Until


@dataclass(frozen=True, slots=True)
class Advice:
    """One impossible need: variables (totals or zeros now always shown) that, hidden, make it met.

    `together` says that only all of them at once do. None at all: categories must be collapsed, for
    no cell of the table can move far enough.
    """

    need: Need
    hide: tuple[int, ...]
    together: bool = False

    @property
    def collapse(self) -> bool:
        """Whether only coarser categories help."""
        return not self.hide


def advise(
    system: System, impossible: Sequence[Need], *, budget: float = 5.0
) -> tuple[Advice, ...]:
    """Return one piece of advice for each need; without time for it, that categories collapse."""
    until = Until(budget)
    return tuple(_advice(system, need, until) for need in impossible)


def _advice(system: System, need: Need, until: Until) -> Advice:
    shown = tuple(_shown_beside(system, need))
    try:
        single = tuple(v for v in shown if _helps(system, need, (v,), until))
        if single:
            return Advice(need, single)
        if shown and _helps(system, need, shown, until):
            return Advice(need, shown, together=True)
    except OutOfTime:
        pass
    return Advice(need, ())


def _shown_beside(system: System, need: Need) -> Iterator[int]:
    """Yield what is always shown in the equations of a variable; itself where it is shown."""
    matrix, columns = system.equations, system.equations.tocsc()
    lines = columns.indices[columns.indptr[need.variable] : columns.indptr[need.variable + 1]]
    beside = {int(v) for v in np.unique(matrix[lines].indices)} | {need.variable}
    yield from sorted(v for v in beside if system.gate[v] == KNOWN)


def _helps(system: System, need: Need, opened: tuple[int, ...], until: Until) -> bool:
    gate = system.gate.copy()
    gate[list(opened)] = FREE
    tried = replace(system, gate=gate, needs=(need,))
    everything = np.ones(len(system.weight))
    return not list(violated(Movement(tried, until), (need,), everything))
