"""A service in a process of its own, to be stopped as an operator would or as a power cut would."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
from contextlib import suppress


class Child:
    """Start a program once at a time; nothing is left running when the tests end."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        atexit.register(self.kill)  # a test that fails half-way leaves nothing running

    def spawn(self, command: list[str], env: dict[str, str], *, group: bool = False) -> None:
        """Start the program; with `group`, `kill_all` reaches what it wraps as well."""
        self.process = subprocess.Popen(command, env=env, start_new_session=group)

    def ended(self) -> int | None:
        """Return its exit code if it has ended."""
        return self.process.poll() if self.process is not None else None

    def stop(self) -> int:
        """Stop it as an operator would; return its exit code."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        self.process = None
        return code

    def kill(self) -> None:
        """Stop it as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def kill_all(self) -> None:
        """Stop it and whatever wrapped it, as a power cut would."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None
