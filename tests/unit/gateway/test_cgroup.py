"""Control groups that nobody is in: whose they are decides whether they go."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from enclave.gateway import cgroup

NO_PROCESS = 1 << 22  # one more than the kernel gives to any


def test_a_sweep_takes_what_the_dead_left_and_not_what_another_gateway_just_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: sweep's look at /proc. Else that gateway's worker was left without bounds."""
    monkeypatch.setattr(cgroup, "BASE", tmp_path)
    groups = tmp_path / "pids" / cgroup.PARENT
    for process in (os.getpid(), NO_PROCESS):
        (groups / f"credential-pay.{process}").mkdir(parents=True)
    cgroup.sweep()
    assert [group.name for group in groups.iterdir()] == [f"credential-pay.{os.getpid()}"]
