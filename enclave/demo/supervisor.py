"""Keeps the demo's services running: starts them in order, restarts what dies, stops them all.

Stands in for systemd where a machine has none. Never touches a process it did not start.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from enclave.demo.services import SERVICES, Service
from enclave.durable import make_directory
from enclave.settings import Settings

POLL_SECONDS = 0.3
READY_SECONDS = 60
STOP_SECONDS = 10
BACKOFF_SECONDS = (0.2, 0.5, 1, 2, 5)
# A supervisor that is killed takes its services along: the next would find their ports taken.
TOGETHER = ("setpriv", "--pdeathsig", "TERM", "--")


def pid_file(settings: Settings) -> Path:
    """Return where the supervisor writes its own pid and its services'."""
    return settings.run_dir / "supervisor.json"


class Supervisor:
    """One process that owns the services; its loop ends on SIGTERM or SIGINT."""

    def __init__(self, settings: Settings, services: tuple[Service, ...] = SERVICES):
        self._settings = settings
        self._services = services
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._deaths: dict[str, list[float]] = {}
        self._due: dict[str, float] = {}  # when a service that died is started again
        self._stop = threading.Event()

    def run(self) -> None:
        """Start everything in order, then watch until told to stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stopping)
        (self._settings.state_dir / "logs").mkdir(parents=True, exist_ok=True)
        try:
            for service in self._services:
                self._start(service)
                if service.others_wait:
                    self._wait_ready(service)
            while not self._stop.wait(POLL_SECONDS):
                self._revive()
        finally:
            self._end()

    def _stopping(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()

    def _start(self, service: Service) -> None:
        if self._stop.is_set():
            return
        log = self._settings.state_dir / "logs" / f"{service.name}.log"
        with log.open("ab") as output:
            self._running[service.name] = subprocess.Popen(
                (*TOGETHER, *service.argv),
                env=self._settings.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._publish()

    def _wait_ready(self, service: Service) -> None:
        """Wait for one service before the next, but never for longer: `doctor` tells the rest."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and not self._stop.wait(0.05):
            if service.ready(self._settings):
                return
            self._revive()

    def _revive(self) -> None:
        """Start again whatever died, each after its own pause: one that keeps dying delays none."""
        now = time.monotonic()
        for service in self._services:
            process = self._running.get(service.name)
            if process is None or process.poll() is None:
                continue
            if service.name not in self._due:
                deaths = [when for when in self._deaths.get(service.name, []) if when > now - 60]
                self._deaths[service.name] = [*deaths, now]
                pause = BACKOFF_SECONDS[min(len(deaths), len(BACKOFF_SECONDS) - 1)]
                self._due[service.name] = now + pause
            if now >= self._due[service.name]:
                del self._due[service.name]
                self._start(service)

    def _publish(self) -> None:
        """Write the pids whole or not at all, so that a reader never sees half a file."""
        pids = {name: process.pid for name, process in self._running.items()}
        serves = {"hub": self._settings.hub_url, "isolation": self._settings.isolation}
        target = pid_file(self._settings)
        draft = target.with_suffix(".new")
        draft.write_text(json.dumps({"supervisor": os.getpid(), **serves, "services": pids}))
        draft.replace(target)

    def _end(self) -> None:
        for process in reversed(self._running.values()):
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in self._running.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        pid_file(self._settings).unlink(missing_ok=True)


def supervisor_pid(settings: Settings) -> int | None:
    """Return the pid of the running supervisor, or None; a stale file counts as none."""
    try:
        pid = int(json.loads(pid_file(settings).read_text())["supervisor"])
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError, KeyError):
        return None
    return pid if b"enclave.demo.supervisor" in command else None


def serves(settings: Settings) -> Mapping[str, str]:
    """Return `hub` (its address) and `isolation` of the running supervisor; nothing of none."""
    if supervisor_pid(settings) is None:
        return {}
    said = json.loads(pid_file(settings).read_text())
    return {name: said[name] for name in ("hub", "isolation") if name in said}


def launch(settings: Settings) -> None:
    """Start the supervisor in the background, detached from this terminal."""
    make_directory(settings.run_dir, 0o711)
    (settings.state_dir / "logs").mkdir(parents=True, exist_ok=True)
    with (settings.state_dir / "logs" / "supervisor.log").open("ab") as output:
        subprocess.Popen(
            (sys.executable, "-m", "enclave.demo.supervisor"),
            env=settings.environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def halt(settings: Settings) -> bool:
    """Ask the supervisor to stop everything and wait for it; False where none runs."""
    pid = supervisor_pid(settings)
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    while supervisor_pid(settings) is not None:
        time.sleep(0.1)
    return True


if __name__ == "__main__":
    Supervisor(Settings()).run()
