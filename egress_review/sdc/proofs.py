"""The proof of a table's pattern as bytes, and its check: no solver, no database, no key.

Holds the equations, the true numbers, what each sensitive one is owed, and other tables that agree
with everything published (`verify`). So it is kept sealed, and shown only to who may see the table.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from egress_review.sdc.system import Floats, Guard, Integers, Need, System
from egress_review.sdc.verify import Proof, Witness, verify


@dataclass(frozen=True, slots=True)
class Proven:
    """A system, its pattern and the witnesses; `gates` gives, per row of the table, its gate."""

    system: System
    pattern: Floats
    proof: Proof
    gates: tuple[int, ...]

    @property
    def hidden(self) -> frozenset[int]:
        """The rows of the table that are hidden."""
        return frozenset(row for row, gate in enumerate(self.gates) if self.pattern[gate] > 0.5)

    def holds(self) -> bool:
        """Say whether the pattern hides what it must and every need has its witness."""
        return verify(self.system, self.pattern, self.proof)


def dump(proven: Proven) -> bytes:
    """Return a proof as bytes."""
    system, needs, guard = proven.system, proven.system.needs, proven.system.guard
    each = proven.proof.witnesses
    out = io.BytesIO()
    np.savez_compressed(
        out,
        value=system.value,
        low=system.low,
        high=system.high,
        gate=system.gate,
        weight=system.weight,
        forced=system.forced,
        numbers=system.equations.data,
        columns=system.equations.indices,
        lines=system.equations.indptr,
        needs=np.array([[n.up, n.down, n.width] for n in needs]).reshape(-1, 3),
        about=np.array([[n.variable, n.insider] for n in needs], dtype=np.int64).reshape(-1, 2),
        known=_joined(guard.knows),
        persons=np.cumsum([len(knows) for knows in guard.knows], dtype=np.int64),
        guarded=guard.variables,
        widths=guard.widths,
        pattern=proven.pattern,
        gates=np.array(proven.gates, dtype=np.int64),
        moved=_joined([one.variables for one in each]),
        moves=_joined([one.moves for one in each]),
        ends=np.cumsum([len(one.moves) for one in each], dtype=np.int64),
        units=np.array([one.unit for one in each]),
    )
    return out.getvalue()


def load(content: bytes) -> Proven:
    """Return the proof that `dump` wrote. Raises `ValueError` or `KeyError` for anything else."""
    with np.load(io.BytesIO(content), allow_pickle=False) as held:
        read = dict(held)
    shape = (len(read["lines"]) - 1, len(read["value"]))
    equations = csr_matrix((read["numbers"], read["columns"], read["lines"]), shape=shape)
    equations.check_format()
    needs = tuple(
        Need(int(variable), float(up), float(down), float(width), int(insider))
        for (variable, insider), (up, down, width) in zip(read["about"], read["needs"], strict=True)
    )
    alike = ("value", "low", "high", "gate")
    value, low, high, gate = (read[name] for name in alike)
    knows = np.split(read["known"], read["persons"][:-1]) if len(read["persons"]) else ()
    guard = Guard(tuple(knows), read["guarded"], read["widths"])
    costs = (read["weight"], read["forced"])
    system = System(value, low, high, gate, equations, needs, *costs, guard)
    gates = tuple(int(gate) for gate in read["gates"])
    return Proven(system, read["pattern"], Proof(tuple(_witnesses(read))), gates)


def _witnesses(read: dict[str, npt.NDArray[Any]]) -> list[Witness]:
    parts = [np.split(read[name], read["ends"][:-1]) for name in ("moved", "moves")]
    each = zip(*parts, read["units"], strict=True) if len(read["units"]) else ()
    return [Witness(moved, moves, float(unit)) for moved, moves, unit in each]


def _joined(arrays: Sequence[Integers]) -> Integers:
    return np.concatenate([np.zeros(0, dtype=np.int64), *arrays])
