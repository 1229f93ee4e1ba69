"""Control groups of workers: memory (the planner's too, and memory files) and processes.

The supervisor makes a worker's group and puts the worker in before it is told anything. Works on
both layouts of cgroups; where none may be written the worker's own limits are what holds.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

BASE = Path("/sys/fs/cgroup")
PARENT = "enclave-gateway"


def hold(name: str, pid: int, *, memory: int, processes: int) -> bool:
    """Put a process into a group of its own, bounded in bytes and processes; say whether it is."""
    unified = {
        "memory.max": memory,
        "memory.swap.max": 0,
        "memory.oom.group": 1,
        "pids.max": processes,
    }
    split = {
        "memory": {"memory.limit_in_bytes": memory, "memory.swappiness": 0},
        "pids": {"pids.max": processes},
    }
    try:
        if (BASE / "cgroup.controllers").exists():
            parent = BASE / PARENT
            parent.mkdir(exist_ok=True)
            for place in (BASE, parent):
                (place / "cgroup.subtree_control").write_text("+memory +pids")
            _join(parent / name, unified, pid)
        else:
            for controller, bounds in split.items():
                _join(BASE / controller / PARENT / name, bounds, pid)
    except OSError as error:
        log.warning("%s has no control group: %s", name, error.strerror)
        return False
    return True


def release(name: str) -> None:
    """Remove a worker's groups; one that still holds a process stays."""
    for place in (BASE, BASE / "memory", BASE / "pids"):
        with suppress(OSError):
            (place / PARENT / name).rmdir()


def sweep() -> None:
    """Remove the groups that killed supervisors left; those in use stay, as the kernel has it.

    So do those of processes that live (a name ends in its process id): another enclave's gateway on
    this machine may have made one for a worker that is not in it yet.
    """
    for place in (BASE, BASE / "memory", BASE / "pids"):
        for group in (place / PARENT).glob("*/"):
            if not Path("/proc", group.name.rpartition(".")[2]).exists():
                with suppress(OSError):
                    group.rmdir()


def _join(group: Path, bounds: dict[str, int], pid: int) -> None:
    group.mkdir(parents=True, exist_ok=True)
    for file, value in bounds.items():
        if file in ("memory.max", "memory.limit_in_bytes", "pids.max") or (group / file).exists():
            (group / file).write_text(str(value))
    (group / "cgroup.procs").write_text(str(pid))
