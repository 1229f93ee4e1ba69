"""An outsider with a linear-programming solver and nothing but the released file.

Written against the published CSV alone, on scipy, so that it shares no line with the product.
"""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

import numpy as np
from scipy.optimize import linprog

HIDDEN = "[suppressed]"


def bounds_of_hidden_cells(
    path: Path, labels: list[str], number: str
) -> dict[tuple[str, ...], tuple[float, float]]:
    """Return what each hidden cell of a column can be bounded to, from the table's own margins.

    A blank label is a total over that dimension (GROUP BY CUBE), so a total equals the sum of the
    rows that differ from it in that one label only. Values are never negative.
    """
    with path.open(newline="") as file:
        rows = {tuple(row[label] for label in labels): row[number] for row in csv.DictReader(file)}
    cells = list(rows)
    place = {cell: index for index, cell in enumerate(cells)}
    equations = [
        (place[total], [place[part] for part in parts])
        for total, dimension in itertools.product(cells, range(len(labels)))
        if total[dimension] == ""
        for parts in [[c for c in cells if _is_part(c, total, dimension)]]
        if parts
    ]
    system = np.zeros((len(equations), len(cells)))
    for row, (total, parts) in enumerate(equations):
        system[row, total] = -1
        system[row, parts] = 1
    known = [
        (0, None) if rows[cell] == HIDDEN else (float(rows[cell]), float(rows[cell]))
        for cell in cells
    ]
    return {cell: _range(place[cell], system, known) for cell in cells if rows[cell] == HIDDEN}


def _is_part(cell: tuple[str, ...], total: tuple[str, ...], dimension: int) -> bool:
    others = (i for i in range(len(total)) if i != dimension)
    return cell[dimension] != "" and all(cell[i] == total[i] for i in others)


def _range(cell: int, system: np.ndarray, known: list) -> tuple[float, float]:
    ends = []
    for sign in (1, -1):
        cost = np.zeros(system.shape[1])
        cost[cell] = sign
        found = linprog(cost, A_eq=system, b_eq=np.zeros(len(system)), bounds=known)
        assert found.status in (0, 3), found.message  # optimal, or unbounded above
        ends.append(found.fun * sign if found.status == 0 else float("inf"))
    return ends[0], ends[1]


def bounds_of_sums(
    shown: dict[frozenset[int], float], hidden: list[frozenset[int]], atoms: int
) -> list[tuple[float, float]]:
    """Return what each hidden sum of atoms can be bounded to, from the shown sums alone.

    An atom is a smallest group of people that any table tells apart; nobody prints it unless it is
    a cell. Hierarchies and linked tables are all sums of the same atoms, none below zero.
    """
    system = np.zeros((len(shown), atoms))
    for row, group in enumerate(shown):
        system[row, list(group)] = 1
    known = np.array(list(shown.values()))
    ends = []
    for group in hidden:
        cost = np.zeros(atoms)
        cost[list(group)] = 1
        low = linprog(cost, A_eq=system, b_eq=known, bounds=(0, None))
        high = linprog(-cost, A_eq=system, b_eq=known, bounds=(0, None))
        assert low.status == 0, low.message
        assert high.status in (0, 3), high.message
        ends.append((low.fun, -high.fun if high.status == 0 else float("inf")))
    return ends
