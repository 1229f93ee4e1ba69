"""What complementary suppression hides on published instances, beside recorded peers' patterns.

Every pattern, ours and theirs, goes to the same independent auditor: `exact` sensitive cells that
follow from what is shown, `range` ones that are not open as far as they are owed, `insider` ones
that somebody else, alone in another hidden cell, works out. Standards: strict and E, comparable
with the peers, and strict guarded against insiders, which is what the product does. At the end the
targets, each with what was measured. ONLY=act_size names instances; SECONDS=60 is the processor
time for each pattern (three times that for the largest); INSIDERS=0 leaves the auditor's insiders
out (they take longest); TOGETHER=2 takes two instances at a time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks._results import keep
from egress_review.sdc.attacker import Interval, Unknown, attack_sums
from egress_review.sdc.suppress import suppress
from egress_review.sdc.system import Floats, System
from egress_review.sdc.verify import verify
from egress_review.sdc.witness import prove
from tests.support.instances import Instance, even, load, skewed, system

NAMES = (
    "act_size", "nuts_size", "syn50x50", "syn100x100", "datatest1_4d", "ssb_z3", "20x20x10",
    "20x20x10 even", "ssb_d4",
)  # fmt: skip
MADE = {  # as many sensitive cells as the table of the target had, 33; and six times as many
    "20x20x10": lambda: skewed(20, 20, 10, mean=215),
    "20x20x10 even": lambda: even(20, 20, 10),
}
PEERS = {"G_none": "Gauss", "G_int": "Gauss + intervals", "S_SIMPLEHEURISTIC": "sdcTable simple"}
SECONDS = float(os.environ.get("SECONDS", "60"))
INSIDERS = os.environ.get("INSIDERS", "1") == "1"
MOST_INSIDERS = 200
QUICK = 5.0
QUICKLY = ("datatest1_4d", "20x20x10")
TOO_LONG = (("ssb_d4", "insiders"),)
LARGE = 10_000  # cells: three times the time
EXACT = 1e-6  # of the value, or of one: an interval narrower than this is a number
Row = dict[str, object]


def audit(instance: Instance, hidden: Floats, owed: System) -> dict[str, int | None]:
    """Return how many sensitive cells the independent auditor sees through, in each way."""
    value = instance.column("val")
    scale = owed.value.max() / value.max()
    want = {n.variable: (n.up / scale, n.down / scale, n.width / scale) for n in owed.needs}
    enough = {
        _name(v): (value[v] - max(d, w), value[v] + max(u, w)) for v, (u, d, w) in want.items()
    }
    found = _attack(instance, hidden, enough)
    exact = ranges = 0
    for v, (up, down, width) in want.items():
        low, high = found.get(_name(v), (value[v], value[v]))
        near = 1e-3 * max(up, down, width)
        exact += bool(high - low < EXACT * max(1.0, value[v]))
        met = (
            high - value[v] >= up - near
            and value[v] - low >= down - near
            and high - low >= width - near
        )
        ranges += not bool(met)
    return {"exact": exact, "range": ranges, "insider": _insiders(instance, hidden, want)}


def _insiders(instance: Instance, hidden: Floats, want: Mapping[int, object]) -> int | None:
    """Return how many sensitive cells some lone contributor of other hidden cells works out."""
    value = instance.column("val")
    persons = [own for own in _persons(instance) if (hidden[own] > 0.5).any()]
    if not INSIDERS or len(persons) > MOST_INSIDERS:
        return None
    enough = {_name(v): (value[v], value[v] + EXACT * max(1.0, value[v]) * 2) for v in want}
    pinned = set()
    for own in persons:
        known = hidden.copy()
        known[own] = 0.0
        for name, (low, high) in _attack(instance, known, enough).items():
            v = int(str(name[0]))
            if v in want and v not in own and high - low < EXACT * max(1.0, value[v]):
                pinned.add(v)
    return len(pinned)


def _persons(instance: Instance) -> Iterator[list[int]]:
    """Yield for each person who is alone in an inner cell all cells they are alone in.

    Without an inner cell of their own, the one total that is theirs.
    """
    alone = set(np.flatnonzero(instance.column("freq") == 1).tolist())
    inner = {n for n, cell in enumerate(instance.cells) if cell["inner"] == "1"}
    above: dict[int, list[int]] = {n: [n] for n in sorted(alone & inner)}
    for total, parts in instance.sums:
        if total in alone:
            mine = [n for n in parts if n in above]
            above.setdefault(mine[0] if mine else total, []).append(total)
    yield from (sorted(set(own)) for own in above.values())


def _attack(
    instance: Instance, hidden: Floats, enough: Mapping[Unknown, Interval]
) -> dict[Unknown, Interval]:
    value = instance.column("val")
    shown = {_name(n): float(value[n]) for n in np.flatnonzero(hidden < 0.5)}
    sums = [(_name(total), map(_name, parts)) for total, parts in instance.sums]
    names = [_name(int(n)) for n in np.flatnonzero(hidden > 0.5)]
    mine = {name: span for name, span in enough.items() if name in set(names)}
    return attack_sums(shown, sums, hidden=names, enough=mine, seconds=10 * SECONDS)


def _name(cell: int | np.integer) -> Unknown:
    return int(cell), "value"


def _counted(instance: Instance, hidden: Floats, owed: System) -> Row:
    further = (hidden > 0.5) & ~owed.forced
    return {
        "secondaries": int(further.sum()),
        "value": float(instance.column("val")[further].sum()),
    }


def ours(instance: Instance, standard: str, *, quick: bool = False) -> Row:
    """Suppress one instance; return the numbers. `quick`: in five seconds."""
    problem = system(instance, standard=standard)
    begun, cpu = time.perf_counter(), time.process_time()
    large = len(instance.cells) > LARGE and not instance.name.startswith("syn")
    pattern = suppress(problem, budget=QUICK if quick else SECONDS * (3 if large else 1))
    seconds, used = time.perf_counter() - begun, time.process_time() - cpu
    hidden = pattern.hidden.astype(float)
    begun = time.process_time()
    proof = prove(problem, hidden, budget=2 * SECONDS)
    proving = time.process_time() - begun
    begun = time.process_time()
    certified = verify(problem, hidden, proof)
    who = "strict, insiders" if standard == "insiders" else standard
    return {
        "who": f"ours, {who}{', quick' if quick else ''}",
        **_counted(instance, hidden, problem),
        "seconds": seconds,
        "cpu": used,
        "cost": pattern.cost,
        "bound": pattern.bound,
        "proved": pattern.proved,
        "gap": pattern.gap,
        "unprotected": len(pattern.unprotected),
        "certified": certified,
        "proving": proving,
        "verifying": time.process_time() - begun,
        **audit(instance, hidden, problem),
    }


def peers(instance: Instance) -> Iterator[Row]:
    """Yield the numbers of each recorded pattern, held to the strict standard."""
    problem = system(instance)
    for name, who in PEERS.items():
        chosen = instance.peer(name)
        if chosen is not None:
            hidden = np.maximum(chosen, problem.forced)
            counted = {"who": who, **_counted(instance, hidden, problem)}
            yield counted | audit(instance, hidden, problem)


def main() -> None:
    """Print a table for each instance and write the numbers."""
    names = os.environ.get("ONLY", ",".join(NAMES)).split(",")
    found: dict[str, list[Row]] = {}
    with ProcessPoolExecutor(int(os.environ.get("TOGETHER", "1"))) as pool:
        waiting = {pool.submit(_rows, name): name for name in names}
        for done in as_completed(waiting):
            found[waiting[done]] = done.result()
            _show(waiting[done], done.result())
            keep("suppression", found)
    _show_targets(found)


def _rows(name: str) -> list[Row]:
    instance = MADE[name]() if name in MADE else load(name)
    rows: list[Row] = []
    for row in _measured(name, instance):
        rows.append(row)
        print(name, row, flush=True)
    return rows


def _measured(name: str, instance: Instance) -> Iterator[Row]:
    for standard in ("strict", "insiders", "E"):
        if (name, standard) not in TOO_LONG:
            yield ours(instance, standard)
    if name in QUICKLY:
        yield ours(instance, "strict", quick=True)
    yield from peers(instance)


def _show(name: str, rows: list[Row]) -> None:
    table = Table(title=name)
    heads = list(rows[0])
    for head in heads:
        table.add_column(head, justify="left" if head == "who" else "right")
    for row in rows:
        table.add_row(*(_text(row.get(head, "")) for head in heads))
    Console(width=160).print(table)


def targets(found: Mapping[str, Sequence[Row]]) -> Iterator[tuple[str, str, bool]]:
    """Yield each target (of the design's page on egress review), what was measured, and if met."""
    rows = {(name, str(row["who"])): row for name, every in found.items() for row in every}
    own = [row for (_, who), row in rows.items() if who.startswith("ours")]
    open_ = [sum(_number(row, key) for row in own) for key in ("exact", "range", "unprotected")]
    yield "no cell exposed, to the auditor or for lack of time", f"{open_}", not any(open_)
    slowest = max(_number(row, "verifying") for row in own)
    yield "a certificate checked in 0.1 s", f"{slowest:.3f} s", slowest <= 0.1
    for name, standard, peer, count, value in AGAINST:
        mine, theirs = rows.get((name, f"ours, {standard}")), rows.get((name, peer))
        if mine and theirs:
            share = [_number(mine, k) / _number(theirs, k) for k in ("secondaries", "value")]
            met = share[0] <= count and share[1] <= value
            yield f"{name} {standard}: {count} / {value} of {peer}", _shares(share), met
    for (name, who), (target, measured, met) in SINGLE.items():
        if row := rows.get((name, who)):
            yield f"{name} {who.removeprefix('ours, ')}: {target}", measured(row), met(row)


def _number(row: Row, key: str) -> float:
    return float(str(row[key]))


def _shares(numbers: Sequence[float]) -> str:
    return " / ".join(f"{number:.2f}" for number in numbers)


def _in_time(row: Row, seconds: float) -> bool:
    return bool(row["proved"]) and _number(row, "cpu") <= seconds


def _pattern(row: Row) -> str:
    proved = ", proved" if row["proved"] else ""
    return f"{row['secondaries']} / {_number(row, 'value'):,.0f}{proved} in {row['cpu']:.1f} CPU s"


def _over_bound(row: Row) -> str:
    return f"{_number(row, 'cost') / _number(row, 'bound'):.3f} in {row['cpu']:.1f} CPU s"


TABLES = ("act_size", "nuts_size", "ssb_z3")
COUNTS = ("syn50x50", "syn100x100", "ssb_z3", "ssb_d4")
AGAINST = (
    *((name, "strict", "Gauss + intervals", 0.85, 0.96) for name in TABLES),
    *((name, "E", "Gauss", 0.90, 0.95) for name in COUNTS),
)
SINGLE: Mapping[tuple[str, str], tuple[str, Callable[[Row], str], Callable[[Row], bool]]] = {
    ("act_size", "ours, strict"): (
        "64 cells worth 49,223,640 in 2 s",
        _pattern,
        lambda row: (
            (row["secondaries"], int(_number(row, "value"))) == (64, 49_223_640)
            and _number(row, "cpu") <= 2
        ),
    ),
    ("datatest1_4d", "ours, strict, quick"): (
        "at most 245 cells in 5 s",
        _pattern,
        lambda row: _number(row, "secondaries") <= 245 and not row["unprotected"],
    ),
    ("syn50x50", "ours, strict"): ("proved in 0.5 s", _pattern, lambda row: _in_time(row, 0.5)),
    ("syn100x100", "ours, strict"): ("proved in 1 s", _pattern, lambda row: _in_time(row, 1.0)),
    ("20x20x10", "ours, strict"): (
        "1.22 of its bound in 60 s",
        _over_bound,
        lambda row: _number(row, "cost") <= 1.22 * _number(row, "bound"),
    ),
    ("20x20x10", "ours, strict, quick"): (
        "some pattern in 5 s",
        _pattern,
        lambda row: not row["unprotected"],
    ),
    ("ssb_d4", "ours, E"): ("proved in 60 s", _pattern, lambda row: _in_time(row, 60.0)),
}


def _show_targets(found: Mapping[str, Sequence[Row]]) -> None:
    table = Table("target", "measured", "met")
    for target, measured, met in targets(found):
        table.add_row(target, measured, "yes" if met else "NO")
    Console(width=160).print(table)


def _text(number: object) -> str:
    if isinstance(number, float):
        return f"{number:,.0f}" if number >= 1000 else f"{number:.3f}"
    return "-" if number is None else str(number)


if __name__ == "__main__":
    main()
