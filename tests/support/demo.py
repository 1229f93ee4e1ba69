"""A whole enclave on ports and folders of its own, brought up and down as a stranger would."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from enclave.demo.cli import demo_settings
from enclave.demo.services import SERVICES
from enclave.demo.supervisor import pid_file
from enclave.programs import ours
from enclave.settings import Settings

ROOT = Path(__file__).parents[2]
BASE_PORT = 18700


@dataclass(frozen=True)
class RunningDemo:
    """A demo that answers: its settings, and ways to hurt it."""

    settings: Settings

    def pid(self, name: str) -> int:
        return int(json.loads(pid_file(self.settings).read_text())["services"][name])

    def kill(self, name: str) -> None:
        """kill -9 one service and wait until another process answers in its place."""
        killed = self.pid(name)
        os.kill(killed, signal.SIGKILL)
        service = next(service for service in SERVICES if service.name == name)
        until(lambda: self.pid(name) != killed and service.ready(self.settings), what=name)

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run one of our programs as the administrator would."""
        return subprocess.run(
            [ours(argv[0]), *argv[1:]],
            env=self.settings.environment(),
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )


def until(happened, *, what: str, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds} s"
        time.sleep(0.1)


@contextmanager
def running_demo() -> Iterator[RunningDemo]:
    """Bring a demo up from nothing, yield it, take it down and leave nothing behind."""
    home = Path(tempfile.mkdtemp(prefix="enclave-demo-"))
    settings = demo_settings(BASE_PORT).model_copy(
        update={"state_dir": home / "state", "run_dir": home / "run", "instance": "test"}
    )
    env = settings.environment()
    try:
        up = subprocess.run(
            [ours("enclave"), "demo", "up", "--base-port", str(BASE_PORT)],
            env=env,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert up.returncode == 0, up.stdout + up.stderr + _logs(settings)
        yield RunningDemo(settings)
    finally:
        subprocess.run(
            [ours("enclave"), "demo", "down"], env=env, cwd=ROOT, capture_output=True, check=True
        )
        shutil.rmtree(home)


def _logs(settings: Settings) -> str:
    logs = sorted((settings.state_dir / "logs").glob("*.log"))
    return "".join(f"\n== {log.name}\n{log.read_text()[-1500:]}" for log in logs)
