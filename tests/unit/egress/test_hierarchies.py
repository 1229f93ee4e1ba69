"""Hierarchies, nested or not, and linked tables: nothing hidden in one is found from the others.

The attacker here is not the product's: scipy, the shown numbers, and the smallest groups of people
as unknowns; once as an outsider, and once for each person who is alone in a cell and knows that.
ENCLAVE_TABLES=1000 tries that many tables, else a few.
"""

from __future__ import annotations

import itertools
import os
import random
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from egress_review.sdc.standards import against_insiders, widths
from egress_review.sdc.suppress import suppress
from egress_review.sdc.system import FREE, NOBODY, Need, System
from tests.support.attacker import bounds_of_sums

TABLES = int(os.environ.get("ENCLAVE_TABLES", "21"))
THRESHOLD = 5
Group = frozenset[int]


@dataclass(frozen=True)
class World:
    """Random linked tables: cells as groups of atoms, the atoms' counts, the joint system."""

    cells: tuple[Group, ...]
    atoms: np.ndarray
    system: System


def groupings(dice: random.Random, size: int) -> list[list[Group]]:
    """Return ways to group one dimension: each alone, all together, and groupings that cross."""
    ways = [[frozenset({n}) for n in range(size)], [frozenset(range(size))]]
    for _ in range(dice.randint(1, 2)):  # two of them are nested in each other only by chance
        marks = [dice.randrange(max(2, size // 2)) for _ in range(size)]
        ways.append(
            [frozenset(n for n in range(size) if marks[n] == m) for m in sorted(set(marks))]
        )
    return ways


def world(seed: int) -> World:
    """Return some tables over the same people, each over other groupings of the dimensions."""
    dice = random.Random(seed)
    sizes = dice.choice([(4, 4), (6, 5), (3, 3, 3), (8,), (4, 3, 2)])
    numbers = np.random.default_rng(seed)
    atoms = numbers.poisson(numbers.lognormal(2.0, 1.0, sizes)).ravel().astype(float)
    places = list(itertools.product(*map(range, sizes)))
    ways = [groupings(dice, size) for size in sizes]
    combinations = list(itertools.product(*ways))
    chosen = dice.sample(combinations, k=min(len(combinations), dice.randint(3, 9)))
    cells: dict[Group, None] = {}
    for table in chosen:
        for label in itertools.product(*table):
            inside = [all(p in g for p, g in zip(at, label, strict=True)) for at in places]
            cells[frozenset(np.flatnonzero(inside).tolist())] = None
    return World(tuple(cells), atoms, joint(tuple(cells), atoms))


def joint(cells: tuple[Group, ...], atoms: np.ndarray) -> System:
    """Return one system of all cells; an atom that is no cell is an unknown nobody prints."""
    single = {next(iter(cell)): number for number, cell in enumerate(cells) if len(cell) == 1}
    others = [atom for atom in range(len(atoms)) if atom not in single]
    column = single | {atom: len(cells) + place for place, atom in enumerate(others)}
    value = np.array([atoms[list(cell)].sum() for cell in cells] + [atoms[a] for a in others])
    entries = [
        (line, at, weight)
        for line, (n, cell) in enumerate((n, c) for n, c in enumerate(cells) if len(c) > 1)
        for at, weight in [(n, 1.0), *((column[atom], -1.0) for atom in cell)]
    ]
    lines, columns, weights = zip(*entries, strict=True) if entries else ((), (), ())
    shape = (sum(len(cell) > 1 for cell in cells), len(value))
    small = [n for n in range(len(cells)) if 0 < value[n] < THRESHOLD]
    needs = tuple(Need(n, THRESHOLD - value[n], max(1.0, value[n] // 2)) for n in small)
    return System(
        value,
        np.zeros(len(value)),
        value + 4 * value.max() + 4 * THRESHOLD,
        np.array([*range(len(cells)), *[FREE] * len(others)]),
        csr_matrix((weights, (lines, columns)), shape=shape),
        needs,
        value[: len(cells)] + 1.0,
        np.isin(np.arange(len(cells)), small),
    )


def asked(made: World, standard: str) -> System:
    """Return what one standard asks of a world, for outsiders and for who is alone in a cell."""
    system = made.system
    ones = {need.variable: 1.0 for need in system.needs}
    if standard == "E":
        system = widths(system, ones)
    alone = np.flatnonzero(system.value[: len(made.cells)] == 1.0)
    return against_insiders(system, [int(one) for one in alone], owed=ones)


def exposed(made: World, system: System) -> tuple[int, int]:
    """Return how many needs scipy defeats although nobody said so, and how many were named."""
    pattern = suppress(system)
    value = system.value
    shown = {c: value[n] for n, c in enumerate(made.cells) if not pattern.hidden[n]}
    owed: dict[int, list[Need]] = {}
    for need in system.needs:
        if need not in pattern.unprotected:
            owed.setdefault(need.insider, []).append(need)
    bad = 0
    for insider, needs in owed.items():
        own = {} if insider == NOBODY else {made.cells[insider]: value[insider]}
        ends = bounds_of_sums(shown | own, [made.cells[n.variable] for n in needs], len(made.atoms))
        for need, (low, high) in zip(needs, ends, strict=True):
            here = value[need.variable]
            open_ = (high - here >= need.up - 1e-4, here - low >= need.down - 1e-4)
            bad += not (all(open_) and high - low >= need.width - 1e-4)
    return bad, len(pattern.unprotected)


@pytest.mark.parametrize("standard", ["strict", "E"])
def test_no_cell_of_random_hierarchies_and_linked_tables_is_recovered(standard: str) -> None:
    total = pairs = named = 0
    for seed in range(TABLES):
        made = world(seed)
        system = asked(made, standard)
        bad, told = exposed(made, system)
        assert bad == 0, seed
        inside = sum(need.insider != NOBODY for need in system.needs)
        total, pairs, named = total + len(system.needs) - inside, pairs + inside, named + told
    print(f"{TABLES} tables, {total} sensitive cells and {pairs} of them against an insider,")
    print(f"{named} named as impossible, 0 recovered")
    assert named <= 0.05 * (total + pairs)


def test_groupings_that_cross_give_a_cell_away_unless_they_are_protected_together() -> None:
    """Regions {0,1}{2} and districts {0}{1,2}: a region less a district is what neither shows."""
    atoms = np.array([3.0, 20.0, 30.0])
    cells = tuple(map(frozenset, ([0, 1], [2], [0], [1, 2], [0, 1, 2])))
    system = joint(cells, atoms)
    pattern = suppress(system)
    assert pattern.unprotected == ()
    alone = {c: system.value[n] for n, c in enumerate(cells) if n != 2}
    ((low, high),) = bounds_of_sums(alone, [cells[2]], 3)
    assert (low, high) == pytest.approx((3.0, 3.0))
    shown = {c: system.value[n] for n, c in enumerate(cells) if not pattern.hidden[n]}
    ((low, high),) = bounds_of_sums(shown, [cells[2]], 3)
    assert low <= 2.0
    assert high >= THRESHOLD
