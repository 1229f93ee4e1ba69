"""The front's process as the supervisor keeps it: started if there is an address, ended with us."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from dataclasses import dataclass

from enclave.settings import Settings

log = logging.getLogger(__name__)

PAUSE_SECONDS = 2.0  # before one that ended is started again


@dataclass(slots=True)
class FrontProcess:
    """At most one front. Without an address there never is one."""

    settings: Settings
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0

    def tend(self) -> None:
        """Start the front if it should run and does not."""
        if self.settings.gateway_address is None:
            return
        if self.process is not None and self.process.poll() is None:
            return
        if self.process is not None:
            if time.monotonic() - self.started < PAUSE_SECONDS:
                return
            log.warning("the front ended with %s", self.process.returncode)
        self.started = time.monotonic()
        command = [sys.executable, "-m", "enclave.gateway.cli", "front"]
        self.process = subprocess.Popen(command, env=self.settings.environment())

    def end(self) -> None:
        """End the front."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
