"""What verifying a whole log costs, beside a plain scan of the same file.

Scans and verifications take turns in one run, each in a process of its own, so that what else the
machine does falls on all of them; compare the ratios. ROWS=100000 makes it small, LOG=directory
takes a log that is there already.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from audit.pyz import build
from benchmarks._results import keep
from enclave.settings import Settings
from tests.support.audit_bulk import write_log

ROWS = int(os.environ.get("ROWS", "1000000"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
SCAN = """
import sqlite3, sys
log = sqlite3.connect(f"file:{sys.argv[1]}/log.db?mode=ro", uri=True)
size = 0
for index, leaf, body, source, instance, seq in log.execute(
    "SELECT idx, leaf, body, source, instance, seq FROM entry ORDER BY idx"):
    size += len(body)
"""
HASHED = SCAN.replace("import ", "import hashlib, ", 1).replace(
    "    size += len(body)", '    hashlib.sha256(b"\\0" + body).digest()'
)


def measure(*command: str | Path) -> tuple[float, float, float]:
    """Return (seconds, seconds of processor, MiB at most in one process) of a command."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", *map(str, command)], stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    took = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    return took, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main() -> None:
    """Print the table and write the numbers."""
    with tempfile.TemporaryDirectory() as place:
        program, log = Path(place) / "verify.pyz", _log(Path(place))
        program.write_bytes(build())
        kept = ("--checkpoint", log / "checkpoint", "--key", log / "public.key")
        jobs = max(2, os.cpu_count() or 2)
        verify = (program, "log", log, *kept, "--jobs")
        ways: dict[str, tuple[str | Path, ...]] = {
            "plain scan": ("-c", SCAN, log),
            "scan that hashes each text": ("-c", HASHED, log),
            "verify.pyz, one process": (*verify, "1"),
            f"verify.pyz, {jobs} processes": (*verify, str(jobs)),
        }
        found = {name: [measure(*command)] for name, command in ways.items()}
        for _ in range(ROUNDS - 1):
            for name, command in ways.items():
                found[name].append(measure(*command))
    _show(found)


def _log(place: Path) -> Path:
    if os.environ.get("LOG"):
        return Path(os.environ["LOG"])
    settings = Settings(state_dir=place / "s", run_dir=place / "r")
    write_log(settings, ROWS)
    return settings.audit_dir


def _show(found: dict[str, list[tuple[float, float, float]]]) -> None:
    table = Table("way", "seconds", "x plain scan", "processor s", "MiB in the largest process")
    plain = statistics.median(run[0] for run in found["plain scan"])
    rows = {}
    for name, runs in found.items():
        seconds, used, memory = (statistics.median(run[i] for run in runs) for i in range(3))
        rows[name] = {"seconds": seconds, "ratio": seconds / plain, "cpu": used, "mib": memory}
        table.add_row(
            name, f"{seconds:.2f}", f"{seconds / plain:.2f}", f"{used:.2f}", f"{memory:.0f}"
        )
    Console().print(table)
    keep("verifying", {"rows": ROWS, **rows})


if __name__ == "__main__":
    main()
