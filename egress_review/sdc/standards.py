"""What hidden cells are owed besides their own rule: against insiders, or by the weaker standard E.

Pure: takes a system and returns one with other needs. The strict standard is what `linking` builds;
E ("not recoverable, exactly or nearly") asks for an interval of some width, wherever it lies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from egress_review.sdc.system import KNOWN, Need, System

NEARLY = 0.01  # of the value: an amount known to within this is known


def widths(system: System, widths_of: Mapping[int, float]) -> System:
    """Return the system at standard E: each needy variable owes only the width given for it."""
    needs = {need.variable for need in system.needs}
    owed = tuple(Need(v, 0.0, 0.0, widths_of[v]) for v in sorted(needs))
    return replace(system, needs=owed)


def against_insiders(
    system: System, insiders: Sequence[int], *, owed: Mapping[int, float]
) -> System:
    """Return the system with needs against those who know one hidden number: their own.

    `insiders` are variables with one contributor. For each of them that shares an equation with a
    needy variable, that variable must keep a width (`owed`, per variable) although the insider's
    number is known. Two who are alone in one equation are thereby protected from each other; a
    total and a part of it that both have one contributor have the same one.
    """
    matrix, columns = system.equations, system.equations.tocsc()
    alone = {v for v in insiders if system.gate[v] != KNOWN}
    found: dict[tuple[int, int], Need] = {}
    for variable in sorted({need.variable for need in system.needs if owed.get(need.variable)}):
        span = slice(columns.indptr[variable], columns.indptr[variable + 1])
        for line, own in zip(columns.indices[span], columns.data[span], strict=True):
            here = slice(matrix.indptr[line], matrix.indptr[line + 1])
            for other, sign in zip(matrix.indices[here], matrix.data[here], strict=True):
                one = int(other)
                same = variable in alone and own * sign < 0
                if one in alone and one != variable and not same:
                    found[variable, one] = Need(variable, 0.0, 0.0, owed[variable], one)
    return replace(system, needs=(*system.needs, *found.values()))
