"""What is remembered of a protected table so that later ones can be checked against it.

Holds true values, so it lies sealed in custody and is never shown. Who is in it is `partitions`'.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from egress_review.sdc.tables import Cell, Contributors, Kind, Mark, Measure, Sum, Table


@dataclass(frozen=True, slots=True)
class Entry:
    """A protected table as it will be known, and what its hidden cells may be.

    `reasons` per index of a sensitive cell; `bounds` per index and measure, as attacked;
    `numbers` which columns of the file hold numbers, `labels` which dimension the others print.
    """

    table: Table
    reasons: dict[int, tuple[str, ...]]
    bounds: dict[int, dict[str, tuple[float, float]]]
    numbers: tuple[bool, ...]
    labels: tuple[int | None, ...]


def dump(entry: Entry) -> bytes:
    """Return an entry as JSON bytes."""
    table = entry.table
    plain = {
        "dimensions": list(table.dimensions),
        "measures": [[m.name, m.kind.value, m.adds_up, m.signed] for m in table.measures],
        "cells": [_dump_cell(cell) for cell in table.cells],
        "hidden": sorted(table.hidden),
        "primary": sorted(table.primary),
        "sums": [[_dump_mark(mark) for mark in (total, *parts)] for total, parts in table.sums],
        "held": [[_dump_mark(mark) for mark in (whole, *parts)] for whole, parts in table.held],
        "numbers": list(entry.numbers),
        "labels": list(entry.labels),
        "reasons": {str(index): list(reasons) for index, reasons in entry.reasons.items()},
        "bounds": {
            str(index): {name: [_finite(low), _finite(high)] for name, (low, high) in bound.items()}
            for index, bound in entry.bounds.items()
        },
    }
    return json.dumps(plain, allow_nan=False).encode()


def load(content: bytes) -> Entry:
    """Return the entry that `dump` wrote."""
    plain = json.loads(content)
    table = Table(
        dimensions=tuple(plain["dimensions"]),
        measures=tuple(Measure(n, Kind(k), a, s) for n, k, a, s in plain["measures"]),
        cells=tuple(_load_cell(cell) for cell in plain["cells"]),
        hidden=frozenset(plain["hidden"]),
        primary=frozenset(plain["primary"]),
        sums=tuple(_load_sum(marks) for marks in plain.get("sums", ())),
        held=tuple(_load_sum(marks) for marks in plain.get("held", ())),
    )
    bounds = {
        int(index): {name: (_bound(low, -1), _bound(high, 1)) for name, (low, high) in b.items()}
        for index, b in plain["bounds"].items()
    }
    reasons = {int(index): tuple(reasons) for index, reasons in plain["reasons"].items()}
    return Entry(table, reasons, bounds, tuple(plain["numbers"]), tuple(plain["labels"]))


def _dump_cell(cell: Cell) -> list[Any]:
    who = {n: [c.persons, c.missing, list(c.top), c.total] for n, c in cell.contributors.items()}
    level = sorted(cell.level)
    return [*_dump_mark(cell.mark), level, cell.key, cell.persons, cell.values, who]


def _dump_mark(mark: Mark) -> list[str]:
    """Return a mark as text: it may pass 2^64, and JSON readers elsewhere would round it."""
    return [str(mark[0]), str(mark[1])]


def _load_sum(marks: list[list[str]]) -> Sum:
    total, *parts = ((int(rows), int(hashes)) for rows, hashes in marks)
    return total, tuple(parts)


def _load_cell(plain: list[Any]) -> Cell:
    rows, hashes, level, key, persons, values, who = plain
    return Cell(
        mark=(int(rows), int(hashes)),
        level=frozenset(level),
        key=tuple(key),
        persons=persons,
        values=values,
        contributors={n: Contributors(p, m, tuple(t), s) for n, (p, m, t, s) in who.items()},
    )


def _finite(bound: float) -> float | None:
    return bound if np.isfinite(bound) else None


def _bound(bound: float | None, sign: int) -> float:
    return sign * np.inf if bound is None else bound
