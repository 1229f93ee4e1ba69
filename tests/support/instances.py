"""Cell-suppression instances as files: cells with their needs, and which inner cells make which."""

from __future__ import annotations

import csv
import gzip
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from scipy.sparse import csr_matrix

from egress_review.sdc.standards import against_insiders
from egress_review.sdc.system import KNOWN, Floats, Need, System

DATA = Path(__file__).parents[1] / "data" / "sdc"
STEP = 1.0  # what a sensitive cell worth nothing is owed, upwards, in the unit of its table
THRESHOLD = 10  # of made-up counts
SMALLEST = 0.01  # what the smallest need becomes: solvers tell 1e-7 from nothing


@dataclass(frozen=True)
class Instance:
    """One instance: its cells as written, and for each total the inner cells it is made of."""

    name: str
    cells: tuple[dict[str, str], ...]
    sums: tuple[tuple[int, frozenset[int]], ...]

    def column(self, name: str) -> Floats:
        """Return one number of every cell."""
        return np.array([float(cell[name]) for cell in self.cells])

    def peer(self, name: str) -> Floats | None:
        """Return what a peer hid (1) and showed (0), or None where it is not recorded."""
        try:
            with _open(self.name, f"res_{name}.csv") as file:
                return np.array([float(row["s"]) for row in csv.DictReader(file)])
        except FileNotFoundError:
            return None


def _open(name: str, file: str) -> TextIO:
    return gzip.open(DATA / name / f"{file}.gz", "rt", newline="")


def load(name: str) -> Instance:
    """Read one instance."""
    with _open(name, "cells.csv") as file:
        cells = tuple(csv.DictReader(file))
    inner = [number for number, cell in enumerate(cells) if cell["inner"] == "1"]
    parts: dict[int, set[int]] = {}
    with _open(name, "x.csv") as file:
        for row in csv.DictReader(file):
            parts.setdefault(int(row["j"]) - 1, set()).add(inner[int(row["i"]) - 1])
    sums = [(total, frozenset(made)) for total, made in parts.items() if made != {total}]
    return Instance(name, cells, tuple(sums))


def equations(instance: Instance) -> csr_matrix:
    """Return one short equation for each total: itself less the parts along one dimension.

    Parts are the largest groups of inner cells below it that share nothing; where the labels do not
    give such a partition, the inner cells themselves.
    """
    rows = list(_lines(instance))
    entries = [(line, c, v) for line, row in enumerate(rows) for c, v in row.items()]
    lines, columns, weights = zip(*entries, strict=True)
    return csr_matrix((weights, (lines, columns)), shape=(len(rows), len(instance.cells)))


def _lines(instance: Instance) -> Iterator[dict[int, float]]:
    dimensions = [name for name in instance.cells[0] if name[0] == "d" and name[1:].isdigit()]
    keys = [tuple(cell[name] for name in dimensions) for cell in instance.cells]
    made = {n: frozenset({n}) for n, c in enumerate(instance.cells) if c["inner"] == "1"}
    made |= dict(instance.sums)
    siblings: dict[tuple[int, tuple[str, ...]], list[int]] = {}
    for number, key in enumerate(keys):
        for place in range(len(dimensions)):
            siblings.setdefault((place, key[:place] + key[place + 1 :]), []).append(number)
    for total, inner in instance.sums:
        found = False
        for place in range(len(dimensions)):
            key = keys[total]
            others = siblings[place, key[:place] + key[place + 1 :]]
            parts = _partition(total, others, made)
            if parts:
                found = True
                yield {total: 1.0, **dict.fromkeys(parts, -1.0)}
        if not found:
            yield {total: 1.0, **dict.fromkeys(inner, -1.0)}


def _partition(
    total: int, others: Sequence[int], made: dict[int, frozenset[int]]
) -> list[int] | None:
    below = [n for n in others if n != total and made[n] < made[total]]
    below += [n for n in others if n > total and made[n] == made[total]]
    below.sort(key=lambda n: (-len(made[n]), n))
    left, parts = set(made[total]), []
    for number in below:
        if made[number] <= left:
            left -= made[number]
            parts.append(number)
    return parts if not left and parts else None


def system(instance: Instance, *, standard: str = "strict") -> System:
    """Return the instance as a system, in a unit that makes the smallest need `SMALLEST`.

    Strict: the needs written in the file; "insiders": besides, each kept from everybody who is
    alone in another cell. E: not known to within one (counts) or 1 % (amounts).
    """
    value, largest = instance.column("val"), instance.column("val").max()
    counts = bool((value == instance.column("freq")).all())
    scale = 1.0
    if not counts:
        sizes = [
            max(n.up, n.width) for n in _needs(instance, 1.0, counts=counts, standard=standard)
        ]
        scale = SMALLEST / min(sizes)
    forced = instance.column("prim") == 1
    may = forced | (instance.column("supok") == 1)
    weight = np.maximum(instance.column("w"), 1.0)
    gate = np.where(may, np.arange(len(value)), KNOWN)
    high = (value + 3 * largest) * scale
    needs = tuple(_needs(instance, scale, counts=counts, standard=standard))
    zeros = np.zeros(len(value))
    matrix = equations(instance)
    made = System(value * scale, zeros, high, gate, matrix, needs, weight, forced)
    if standard != "insiders":
        return made
    owed = {n.variable: n.width for n in _needs(instance, scale, counts=counts, standard="E")}
    alone = np.flatnonzero((instance.column("freq") == 1) & (gate != KNOWN))
    return against_insiders(made, alone.tolist(), owed=owed)


def _needs(instance: Instance, scale: float, *, counts: bool, standard: str) -> Iterator[Need]:
    for number, cell in enumerate(instance.cells):
        if cell["prim"] != "1":
            continue
        value, up, down = (float(cell[name]) for name in ("val", "upl", "lpl"))
        if standard == "E":
            yield Need(number, 0.0, 0.0, (1.0 if counts else max(0.01 * value, STEP)) * scale)
        else:
            yield Need(number, max(up, STEP) * scale, down * scale)


def even(*sizes: int) -> Instance:
    """Return made-up counts over so many categories with every margin: no category is rarer."""
    dice = np.random.default_rng(1)
    return _counted(dice.poisson(dice.lognormal(4.0, 1.0, sizes)).astype(float))


def skewed(*sizes: int, mean: float) -> Instance:
    """Return made-up counts as those of syn50x50 and syn100x100 are: most are in few categories.

    Their margins fall as powers of a category's rank (0.7 and 0.9, fitted; 0.6 for a third), and
    cells vary around them by a lognormal of 0.52. With their means it gives as many small cells.
    """
    dice = np.random.default_rng(1)
    rate = dice.lognormal(0.0, 0.52, sizes)
    for axis, power in enumerate((0.7, 0.9, 0.6)[: len(sizes)]):
        shape = [-1 if other == axis else 1 for other in range(len(sizes))]
        rate *= (np.arange(1.0, sizes[axis] + 1) ** -power).reshape(shape)
    return _counted(dice.poisson(rate * mean / rate.mean()).astype(float))


def _counted(inner: Floats) -> Instance:
    sizes, full = inner.shape, inner
    for axis in range(len(sizes)):
        full = np.concatenate([full, full.sum(axis=axis, keepdims=True)], axis=axis)
    places = list(np.ndindex(full.shape))
    index = {place: number for number, place in enumerate(places)}
    cells, sums = [], []
    for place in places:
        total = [p == size for p, size in zip(place, sizes, strict=True)]
        cells.append(_made_cell(place, float(full[place]), any(total)))
        if any(total):
            spans = [range(s) if t else [p] for p, s, t in zip(place, sizes, total, strict=True)]
            sums.append((index[place], frozenset(index[one] for one in itertools.product(*spans))))
    return Instance("x".join(map(str, sizes)), tuple(cells), tuple(sums))


def _made_cell(place: tuple[int, ...], value: float, total: bool) -> dict[str, str]:
    small = 0 < value < THRESHOLD
    numbers = {
        "freq": value,
        "val": value,
        "prim": int(small),
        "inner": int(not total),
        "supok": int(not small and value > 0),
        "w": max(value, 1.0),
        "upl": THRESHOLD - value if small else 0.0,
        "lpl": max(1.0, value // 2) if small else 0.0,
    }
    labels = {f"d{axis}": str(p) for axis, p in enumerate(place)}
    return labels | {name: str(number) for name, number in numbers.items()}
