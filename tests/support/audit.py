"""A real `audit serve` in a process of its own, for the tests of every room."""

from __future__ import annotations

import json
import socket
import sys
import time
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

from typing_extensions import override

from audit.custody import AuditFiles
from audit.log import open_reader
from audit.senders import SAYS
from enclave.audit_client import SOURCES, AuditClient, socket_path
from enclave.events import Event, Receipt
from enclave.settings import Settings
from tests.support.child import Child

START_SECONDS = 120  # it took longer than 30 on two cores with seventeen at work


class Everybody(AuditClient):
    """Says each event at a socket that may say it: for tests that are several rooms at once."""

    def __init__(self, settings: Settings, *, timeout: float = 15.0):
        super().__init__(settings, SOURCES[0], timeout=timeout)
        self._others = [AuditClient(settings, each, timeout=timeout) for each in SOURCES[1:]]

    @override
    def send(self, event: Event) -> Future[Receipt]:
        if event.action in SAYS[self.source]:
            return super().send(event)
        room = next(each for each in self._others if event.action in SAYS[each.source])
        return room.send(event)

    @override
    def close(self) -> None:
        for each in self._others:
            each.close()
        super().close()


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

    def client(self, source: str | None = None, *, timeout: float = 15.0) -> AuditClient:
        """A sender, or one that speaks for every room; close it, or use `with`."""
        if source is None:
            return Everybody(self.settings, timeout=timeout)
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
