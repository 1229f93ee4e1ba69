"""A real `audit serve` in a process of its own, for the tests of every room."""

from __future__ import annotations

import json
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from audit.custody import AuditFiles
from audit.log import open_reader
from enclave.audit_client import SOURCES, AuditClient, socket_path
from enclave.settings import Settings
from tests.support.child import Child

START_SECONDS = 30


class AuditProcess(Child):
    """Start, kill, restart the service; read what it has stored."""

    def __init__(self, settings: Settings):
        super().__init__()
        self.settings = settings
        self.files = AuditFiles.of(settings)

    def start(self, *, wrapper: tuple[str, ...] = ()) -> AuditProcess:
        """Start the service and wait until every source's socket answers."""
        command = [*wrapper, sys.executable, "-m", "audit.cli", "serve"]
        self.spawn(command, self.settings.environment(), group=bool(wrapper))
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if (code := self.ended()) is not None:
                raise RuntimeError(f"audit serve ended with {code}")
            if time.monotonic() > deadline:
                self.kill()
                raise RuntimeError("audit serve did not start")
            time.sleep(0.02)
        return self

    def answers(self) -> bool:
        """Whether the last source to be opened accepts connections."""
        with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
            probe.connect(str(socket_path(self.settings, SOURCES[-1])))
            return True
        return False

    def client(self, source: str = "admin", *, timeout: float = 15.0) -> AuditClient:
        """A sender; close it, or use `with`."""
        return AuditClient(self.settings, source, timeout=timeout)

    def events(self) -> list[dict[str, Any]]:
        """Every stored event, whole, in order."""
        return [json.loads(body) for body in self.bodies()]

    def facts(self) -> list[dict[str, Any]]:
        """Our own part (`unmapped.enclave`) of every stored event, with `actor` beside it."""
        return [
            {**event["unmapped"]["enclave"], "actor": event["actor"]["user"]["uid"]}
            for event in self.events()
        ]

    def bodies(self) -> list[bytes]:
        """The exact bytes of every entry."""
        log = open_reader(self.files.place)
        try:
            return [entry.body or b"" for entry in log.entries()]
        finally:
            log.close()

    @property
    def directory(self) -> Path:
        """Where the log lies."""
        return self.files.directory
