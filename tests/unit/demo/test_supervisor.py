"""The demo's supervisor restarts what dies and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from enclave.demo.supervisor import halt, pid_file, supervisor_pid
from enclave.settings import Settings

# The supervisor's own code with two harmless services instead of the enclave's seven.
PROGRAM = """
import sys
from enclave.demo.services import Service
from enclave.demo.supervisor import Supervisor
from enclave.settings import Settings
sleeper = Service("sleeper", (sys.executable, "-c", "import time; time.sleep(600)"), lambda s: True)
crasher = Service("crasher", (sys.executable, "-c", ""), lambda s: True)
Supervisor(Settings(), (sleeper, crasher)).run()  # enclave.demo.supervisor
"""


@pytest.fixture
def supervised(tmp_path: Path):
    settings = Settings(state_dir=tmp_path / "s", run_dir=tmp_path / "r")
    settings.run_dir.mkdir()
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], env=settings.environment())
    try:
        until(lambda: pid_file(settings).exists())
        yield settings
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(60)


def until(happened: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


def pid_of(settings: Settings, service: str) -> int:
    return int(json.loads(pid_file(settings).read_text())["services"].get(service, 0))


def sleeper_pid(settings: Settings) -> int:
    return pid_of(settings, "sleeper")


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_killed_service_is_started_again(supervised: Settings):
    first = sleeper_pid(supervised)
    os.kill(first, signal.SIGKILL)
    until(lambda: sleeper_pid(supervised) != first and alive(sleeper_pid(supervised)))


def test_a_service_that_keeps_dying_does_not_delay_another(supervised: Settings):
    crashed: set[int] = set()
    # From the fifth death on its own pause is the longest.
    until(lambda: crashed.add(pid_of(supervised, "crasher")) or len(crashed) > 5)
    first, last = sleeper_pid(supervised), pid_of(supervised, "crasher")
    os.kill(first, signal.SIGKILL)
    until(lambda: sleeper_pid(supervised) != first)
    assert pid_of(supervised, "crasher") == last


def test_stopping_leaves_no_process_and_no_pid_file(supervised: Settings):
    child = sleeper_pid(supervised)
    assert halt(supervised)
    until(lambda: not alive(child))
    assert not pid_file(supervised).exists()


def test_services_do_not_outlive_a_killed_supervisor(supervised: Settings):
    child, supervisor = sleeper_pid(supervised), supervisor_pid(supervised)
    assert supervisor
    os.kill(supervisor, signal.SIGKILL)
    until(lambda: not alive(child))


def test_a_stale_pid_file_of_another_process_counts_as_none(tmp_path: Path):
    settings = Settings(state_dir=tmp_path, run_dir=tmp_path)
    pid_file(settings).write_text(json.dumps({"supervisor": os.getpid(), "services": {}}))
    assert supervisor_pid(settings) is None
    assert not halt(settings)
