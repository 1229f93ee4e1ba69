"""The nightly fuzzing: `python -m tests.fuzz --inputs 1000000`; goes on where it was stopped.

The parent hands out stretches of numbers to processes of their own, so that a crash of the engine
costs one input and is a finding too. What is found is made small and kept as a file. Afterwards
answers are looked at for what they tell of too few persons.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.fuzz import crossed, groups
from tests.fuzz.influence import Oracle
from tests.fuzz.mutations import body, text
from tests.fuzz.shrink import shrink
from tests.fuzz.targets import Targets, describe, open_targets

STRETCH = 10_000
MEMORY = 6 << 30  # bytes of address space of one process: three engines of 256 MB and their code
HANGS = 60  # seconds for one input: whatever takes longer does not end


@dataclass
class State:
    """How far the fuzzing came. `start` is the first number ever tried in this place."""

    start: int
    done: list[int] = field(default_factory=list)
    seconds: float = 0.0
    passed: int = 0


def main() -> int:
    """Run as the parent, or as one worker; return 1 where something was found."""
    asked = _arguments()
    if asked.stretch is not None:
        return work(asked.stretch, asked.stop, asked.place)
    found = spread(asked.inputs, asked.place, asked.start, asked.workers) if asked.inputs else 0
    return max(found, tell_of_persons(asked.questions, asked.start or _today()))


def tell_of_persons(questions: int, start: int) -> int:
    """Look at so many questions about groups, half of them crossed attacks; print what is found."""
    oracles = [Oracle("drop"), Oracle("remainder", unique=False)]
    found = 0
    for number in range(start, start + questions):
        make = crossed.question if number % 2 else groups.question
        oracle = oracles[number // 2 % 2]
        for finding in oracle.look(make(number)):
            found += 1
            print(number, finding, flush=True)
    tally = sum((oracle.tally for oracle in oracles), Counter[str]())
    print(f"{found} findings about persons:", *(f"{n:,} {what}" for what, n in tally.items()))
    return 1 if found else 0


def spread(inputs: int, place: Path, start: int | None, workers: int) -> int:
    """Try so many more inputs, on all cores, and print what came of it."""
    (place / "found").mkdir(parents=True, exist_ok=True)
    state = _load(place, start)
    first = state.start + len(state.done) * STRETCH
    stretches = range(first, first + inputs, STRETCH)
    print(f"inputs {first:,} to {stretches[-1] + STRETCH:,}", flush=True)
    began = time.monotonic()
    before = state.seconds
    with ThreadPoolExecutor(workers) as pool:
        for number, passed in pool.map(lambda at: _stretch(at, place), stretches):
            state.done.append(number)
            state.passed += passed
            took = time.monotonic() - began
            state.seconds = before + took
            _save(place, state)
            tried = (len(state.done) * STRETCH) - (first - state.start)
            print(
                f"{tried:>10,} inputs  {tried / took:,.0f}/s  {state.passed:,} passed", flush=True
            )
    found = sorted(path.name for path in (place / "found").iterdir())
    print(f"{len(state.done) * STRETCH:,} inputs in all, {len(found)} findings", *found, sep="\n  ")
    return 1 if found else 0


def _stretch(at: int, place: Path) -> tuple[int, int]:
    """Have processes try one stretch; one that dies leaves its input behind as a finding."""
    stop, now, passed = at + STRETCH, at, 0
    while now < stop:
        argv = [sys.executable, "-m", "tests.fuzz", "--place", str(place),
                "--stretch", str(now), "--stop", str(stop)]  # fmt: skip
        done = subprocess.run(argv, stdout=subprocess.PIPE, check=False)
        if done.returncode == 0:
            return at, passed + int(done.stdout.split()[-1])
        last = int((place / f"at-{stop}").read_text() or now)
        keep(place, last, f"the process ended with {done.returncode}", text(last))
        now = last + 1
    return at, passed


def work(start: int, stop: int, place: Path) -> int:
    """Try the inputs of one stretch in this process."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    at = os.open(place.resolve() / f"at-{stop}", os.O_CREAT | os.O_WRONLY)
    place = place.resolve()
    with tempfile.TemporaryDirectory() as here, open_targets(Path(here)) as targets:
        for number in range(start, stop):
            os.pwrite(at, str(number).encode(), 0)
            faulthandler.dump_traceback_later(HANGS, exit=True)  # a C parser holds Python's lock
            try_one(targets, number, place)
        faulthandler.cancel_dump_traceback_later()
        print(targets.passed)
    os.close(at)
    (place / f"at-{stop}").unlink()
    return 0


def try_one(targets: Targets, number: int, place: Path) -> None:
    """Try one input; keep what is found, made small."""
    try:
        targets.check(number)
    except Exception as error:  # anything at all is a finding
        kind = describe(error)
        small = shrink(text(number), kind, lambda sql: targets.inspect(sql, number))
        keep(place, number, kind, small, body(number))


def keep(place: Path, number: int, kind: str, small: str, message: bytes = b"") -> None:
    """Write one finding down."""
    facts = {"number": number, "kind": kind, "small": small, "body": message.hex()}
    path = place / "found" / f"{number}.json"
    path.write_text(json.dumps(facts, indent=1), encoding="utf-8")


def _load(place: Path, start: int | None) -> State:
    path = place / "state.json"
    if path.exists() and start is None:
        return State(**json.loads(path.read_text()))
    return State(start if start is not None else _today())


def _today() -> int:
    """Return a number to begin with: each night has its own."""
    return datetime.now(UTC).date().toordinal() * 10_000_000


def _save(place: Path, state: State) -> None:
    new = place / "state.new"
    new.write_text(json.dumps(asdict(state)), encoding="utf-8")
    new.replace(place / "state.json")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--questions", type=int, default=10_000, help="about groups of persons")
    parser.add_argument("--place", type=Path, default=Path(".fuzz"))
    parser.add_argument("--start", type=int, help="begin anew at this number")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--stretch", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--stop", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
