"""Memory of each process of a running demo (PSS: shared pages counted once, in MiB).

Needs a running demo: `make demo`, then `make bench ARGS=memory`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks._results import keep
from enclave.demo.supervisor import pid_file
from enclave.settings import Settings


def pss_mib(pid: int) -> float:
    """Return a process's proportional set size in MiB (proc_pid_smaps_rollup(5))."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def descendants(pid: int) -> Iterator[int]:
    """Yield a process and everything below it."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from descendants(int(child))


def main() -> int:
    """Print and write the table; return 1 where no demo runs."""
    try:
        services = json.loads(pid_file(Settings()).read_text())["services"]
    except OSError:
        print("No demo runs; start it with `make demo`.", file=sys.stderr)
        return 1
    measured = {
        name: round(sum(map(pss_mib, descendants(pid))), 1) for name, pid in services.items()
    }
    table = Table("service (with its children)", "PSS MiB", title="Memory at rest")
    for name, mib in measured.items():
        table.add_row(name, f"{mib:.0f}")
    table.add_row("sum", f"{sum(measured.values()):.0f}")
    Console().print(table)
    keep("memory", measured)
    return 0


if __name__ == "__main__":
    sys.exit(main())
