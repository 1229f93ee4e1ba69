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
    number is known. Two who are alone in one equation are thereby protected from each other.
    """
    matrix, columns = system.equations, system.equations.tocsc()
    alone = {v for v in insiders if system.gate[v] != KNOWN}
    found: dict[tuple[int, int], Need] = {}
    for variable in sorted({need.variable for need in system.needs}):
        for line in columns.indices[columns.indptr[variable] : columns.indptr[variable + 1]]:
            for other in matrix.indices[matrix.indptr[line] : matrix.indptr[line + 1]]:
                if int(other) in alone and int(other) != variable and owed.get(variable, 0.0) > 0:
                    found[variable, int(other)] = Need(
                        variable, 0.0, 0.0, owed[variable], int(other)
                    )
    return replace(system, needs=(*system.needs, *found.values()))
