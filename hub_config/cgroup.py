"""Bounds a bubblewrap workspace's memory, processes and processor time through cgroups, as root.

Works on both cgroup layouts. Docker does this itself for its containers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from enclave.errors import Unavailable

BASE = Path("/sys/fs/cgroup")
CONTROLLERS = ("memory", "pids", "cpu")
PERIOD = 100_000


def make(name: str, *, memory: int, processes: int, processors: float) -> tuple[Path, ...]:
    """Make a workspace's groups and return the files that take its process id.

    `memory` in bytes. Raises `Unavailable` where the kernel has no such bounds.
    """
    quota = int(processors * PERIOD)
    try:
        if (BASE / "cgroup.controllers").exists():
            return (_unified(name, {"memory.max": memory, "memory.swap.max": 0}, processes, quota),)
        bounds: Mapping[str, Mapping[str, int]] = {
            "memory": {"memory.limit_in_bytes": memory},
            "pids": {"pids.max": processes},
            "cpu": {"cpu.cfs_period_us": PERIOD, "cpu.cfs_quota_us": quota},
        }
        return tuple(_bound(BASE / part / "enclave" / name, bounds[part]) for part in CONTROLLERS)
    except OSError as error:
        raise Unavailable(
            "This kernel does not let us bound a workspace's memory and processes.",
            hint="Enable the memory, pids and cpu control groups, or use Docker.",
        ) from error


def remove(name: str) -> None:
    """Remove a workspace's groups; one that still holds a process stays."""
    for parent in (BASE, *(BASE / part for part in CONTROLLERS)):
        with contextlib.suppress(OSError):
            (parent / "enclave" / name).rmdir()


def _unified(name: str, memory: Mapping[str, int], processes: int, quota: int) -> Path:
    parent = BASE / "enclave"
    parent.mkdir(exist_ok=True)
    for place in (BASE, parent):
        (place / "cgroup.subtree_control").write_text("+memory +pids +cpu")
    joined = _bound(parent / name, {"pids.max": processes, **memory})
    (parent / name / "cpu.max").write_text(f"{quota} {PERIOD}")
    return joined


def _bound(group: Path, bounds: Mapping[str, int]) -> Path:
    group.mkdir(parents=True, exist_ok=True)
    for file, value in bounds.items():
        if file == "memory.swap.max" and not (group / file).exists():
            continue  # a kernel without swap accounting
        (group / file).write_text(str(value))
    return group / "cgroup.procs"
