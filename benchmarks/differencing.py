"""The check of a new table against earlier releases, at the size of a state.

One million persons; 100 earlier releases of about 240 cells; a new one of about 1,000. Measures the
search of pairs and remainders over all 100 (L1) and of combinations over the nearest 40 (L2), with
the labels in memory. A person is planted in each, so that finding nothing would show.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.sparse import csr_matrix

from egress_review.sdc import span
from egress_review.sdc.differencing import compare
from egress_review.sdc.membership import Membership

RESULTS = Path(__file__).parent / "results"
PERSONS, RELEASES, CELLS, NEW = 1_000_000, 100, 240, 1_000
TOGETHER = 40
LEAST = 10


def release(draw: np.random.Generator, cells: int, share: float, k: int) -> Membership:
    """Return a table of some persons, each in one cell; cells below k are hidden."""
    labels = draw.integers(1, cells + 1, PERSONS).astype(np.int32)
    if share < 1:
        labels[draw.random(PERSONS) > share] = 0
    return table(labels, cells, k)


def table(labels: np.ndarray, cells: int, k: int) -> Membership:
    """Return the table of these labels."""
    rows = np.arange(1, cells + 1)
    incidence = csr_matrix((np.ones(cells, dtype=np.int64), (rows, rows - 1)), (cells + 1, cells))
    sizes = np.bincount(labels, minlength=cells + 1)[1:]
    small = (sizes > 0) & (sizes < k)
    none = np.zeros(cells, dtype=np.int32)
    marks = np.zeros((cells, 2), dtype=np.uint64)
    return Membership(labels, incidence, none, small, small, marks, _no_rows, f"{id(labels)}", k)


def _no_rows() -> np.ndarray:
    raise AssertionError("nothing here has an origin in common, so no rows are looked at")


def main() -> None:
    """Print both times and write them."""
    draw = np.random.default_rng(5)
    earlier = [release(draw, CELLS, 1.0 if n % 2 else 0.8, LEAST) for n in range(RELEASES)]
    new = release(draw, NEW, 1.0, LEAST)
    planted = new.labels.copy()
    planted[np.flatnonzero(planted == 1)[0]] = 0
    earlier[-1] = table(planted, NEW, LEAST)
    begin = time.perf_counter()
    hits = {n: compare(new, old, foreign=True) for n, old in enumerate(earlier)}
    first = time.perf_counter() - begin
    found = [n for n, hit in hits.items() if hit]
    chosen = earlier[: TOGETHER - 1]
    begin = time.perf_counter()
    exposed = span.audit([*chosen, new])
    second = time.perf_counter() - begin
    # three tables: everybody, a part of them, and the rest less one person
    part = draw.random(PERSONS) < 0.5
    rest = ~part
    rest[np.flatnonzero(rest)[0]] = False
    sets = [np.ones(PERSONS, dtype=bool), part, rest]
    three = [table(one.astype(np.int32), 1, LEAST) for one in sets]
    chain = span.audit([*chosen[: TOGETHER - 3], *three])
    facts = {
        "persons": PERSONS,
        "releases": RELEASES,
        "cells": sum(len(one.sizes) for one in earlier),
        "new_cells": NEW,
        "pairs_seconds": first,
        "pairs_found": found,
        "together": TOGETHER,
        "together_cells": sum(len(one.sizes) for one in chosen) + NEW,
        "together_seconds": second,
        "together_found": len(exposed),
        "chain_found": [one.persons for one in chain],
        "load": os.getloadavg()[0],
    }
    shown = Table("what", "found", "seconds", "target", title=f"{PERSONS:,} persons")
    shown.add_row(f"{RELEASES} releases, pairs", str(found), f"{first:.2f}", "2")
    shown.add_row(f"{TOGETHER} together", f"{len(exposed)}", f"{second:.1f}", "30")
    shown.add_row("planted chain of three", str([one.persons for one in chain]), "", "[1]")
    Console().print(shown, f"load {facts['load']:.1f}")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "differencing.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
