"""The check of a new table against earlier releases, at the size of a state.

One million persons; 100 earlier releases of about 240 cells; a new one of about 1,000. Measures the
opening of their sealed records, the search of pairs and remainders over all 100 (L1) and of
combinations over the nearest 40 (L2). A person is planted in each, so that finding nothing would
show. Times are of the clock and of the processor: a busy machine lengthens only the first.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.sparse import csr_matrix

from benchmarks._results import keep
from egress_review.custody import Custody, Piece
from egress_review.earlier.partitions import Partitions, dump, load
from egress_review.sdc import span
from egress_review.sdc.differencing import compare
from egress_review.sdc.membership import Membership, labelled
from enclave.settings import Settings

T = TypeVar("T")
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
    few, counts = labelled(labels, cells + 1)
    return Membership(
        few, counts, incidence, none, small, small, marks, _no_rows, f"{id(labels)}", k
    )


def _no_rows() -> np.ndarray:
    raise AssertionError("nothing here has an origin in common, so no rows are looked at")


def _no_bytes() -> bytes:
    raise AssertionError("nothing here has an origin in common, so no rows are looked at")


def opened(tables: list[Membership]) -> tuple[list[Membership], float]:
    """Return the tables as read from their sealed pieces, and the processor seconds that took."""
    with TemporaryDirectory() as place:
        custody = Custody(Settings(state_dir=Path(place) / "s", run_dir=Path(place) / "r"))
        for number, one in enumerate(tables):
            kept = Partitions(one, "p", 1, PERSONS, "")
            custody.keep(str(number), Piece.PARTITIONS, dump(kept))
        begin = time.process_time()
        names = range(len(tables))
        found = [load(custody.open(str(n), Piece.PARTITIONS), _no_bytes) for n in names]
        return [one.membership for one in found], time.process_time() - begin


def main() -> None:
    """Print the times, of the clock and of the processor, and write them."""
    draw = np.random.default_rng(5)
    earlier = [release(draw, CELLS, 1.0 if n % 2 else 0.8, LEAST) for n in range(RELEASES)]
    new = release(draw, NEW, 1.0, LEAST)
    planted = np.asarray(new.labels).astype(np.int64)
    planted[np.flatnonzero(planted == 1)[0]] = 0
    earlier[-1] = table(planted, NEW, LEAST)
    earlier, opening = opened(earlier)
    hits, first = timed(lambda: {n: compare(new, o, foreign=True) for n, o in enumerate(earlier)})
    found = [n for n, hit in hits.items() if hit]
    chosen = earlier[: TOGETHER - 1]
    exposed, second = timed(lambda: span.audit([*chosen, new]))
    # three tables: everybody, a part of them, and the rest less one person
    part = draw.random(PERSONS) < 0.5
    rest = ~part
    rest[np.flatnonzero(rest)[0]] = False
    sets = [np.ones(PERSONS, dtype=bool), part, rest]
    three = [table(one.astype(np.int64), 1, LEAST) for one in sets]
    chain = span.audit([*chosen[: TOGETHER - 3], *three])
    facts = {
        "persons": PERSONS,
        "releases": RELEASES,
        "cells": sum(len(one.sizes) for one in earlier),
        "new_cells": NEW,
        "opening_cpu": opening,
        "pairs": first,
        "pairs_found": found,
        "together": TOGETHER,
        "together_cells": sum(len(one.sizes) for one in chosen) + NEW,
        "together_times": second,
        "together_found": len(exposed),
        "chain_found": [one.persons for one in chain],
        "most_gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        "load": os.getloadavg()[0],
    }
    shown = Table("what", "found", "clock", "processor", "target", title=f"{PERSONS:,} persons")
    shown.add_row(f"{RELEASES} sealed records opened", "", "", f"{opening:.2f}", "")
    shown.add_row(f"{RELEASES} releases, pairs", str(found), *_times(first), "2")
    shown.add_row(f"{TOGETHER} together", f"{len(exposed)}", *_times(second), "30")
    shown.add_row("planted chain of three", str([one.persons for one in chain]), "", "", "[1]")
    said = f"load {facts['load']:.1f}, at most {facts['most_gigabytes']:.1f} GB"
    Console().print(shown, said)
    keep("differencing", facts)


def timed(work: Callable[[], T]) -> tuple[T, tuple[float, float]]:
    """Return what some work returns, and the seconds of the clock and of the processor it took."""
    begin, used = time.perf_counter(), time.process_time()
    done = work()
    return done, (time.perf_counter() - begin, time.process_time() - used)


def _times(times: tuple[float, float]) -> tuple[str, str]:
    return f"{times[0]:.1f}", f"{times[1]:.1f}"


if __name__ == "__main__":
    main()
