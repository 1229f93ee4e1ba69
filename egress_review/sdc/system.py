"""The attacker's view of a release as numbers: unknowns, equations, and what each is owed.

Pure data for `suppress`; built by `linking`. Knows nothing of tables or of how it is solved.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

FREE = -1  # an unknown nobody publishes: always hidden
KNOWN = -2  # published before: never hidden again
NOBODY = -1


@dataclass(frozen=True, slots=True)
class Need:
    """How far from its true value an attacker must still think a variable can lie.

    `up` and `down` each way, `width` both together. `insider` is who attacks with numbers of their
    own, by their place among `Guard.knows`, or NOBODY.
    """

    variable: int
    up: float
    down: float
    width: float = 0.0
    insider: int = NOBODY


@dataclass(frozen=True, slots=True)
class Guard:
    """What must stay unknown to each person who alone is behind some numbers, and so knows them.

    `knows` are the variables that each person knows; each of `variables` must keep its width (in
    `widths`) against every person who does not know it: so many pairs that they are never listed.
    """

    knows: tuple[Integers, ...]
    variables: Integers
    widths: Floats

    def need(self, place: int, insider: int) -> Need:
        """Return one pair as a need: the variable at a place, against one person."""
        variable, width = int(self.variables[place]), float(self.widths[place])
        return Need(variable, 0.0, 0.0, width, insider)


UNGUARDED = Guard((), np.zeros(0, dtype=np.int64), np.zeros(0))


@dataclass(frozen=True, slots=True)
class System:
    """Unknowns with `equations @ (x - value) = 0` and `low <= x <= high` for all the world to see.

    `gate[j]` is the index of the cell whose suppression hides variable j, or FREE or KNOWN.
    `weight` and `forced` are per gate: the cost of hiding it, and whether it must be hidden.
    """

    value: Floats
    low: Floats
    high: Floats
    gate: Integers
    equations: csr_matrix
    needs: tuple[Need, ...]
    weight: Floats
    forced: Flags
    guard: Guard = UNGUARDED

    def share(self, pattern: Floats) -> Floats:
        """Return per variable how far it is hidden under a pattern: 1 hidden, 0 published."""
        chosen = pattern[np.maximum(self.gate, 0)] if len(pattern) else np.zeros(len(self.gate))
        return np.where(self.gate == FREE, 1.0, np.where(self.gate == KNOWN, 0.0, chosen))
