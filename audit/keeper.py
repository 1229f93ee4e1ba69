"""Opens the log for its administrator while the service is stopped, under the service's own lock.

What is done here is in the log before it takes effect: `record` returns a receipt after the commit
and signs. Never serves anybody, and never opens a log that `custody` would refuse.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from audit.admit import Request, admit
from audit.custody import AuditFiles, OneWriter, open_log, sign_checkpoint
from audit.log import Log, Sender
from audit.note import Checkpoint
from audit.signers import Signers
from enclave.errors import AuditRefused
from enclave.events import Action, Event, Receipt, Scalar
from enclave.settings import Settings

SOURCE = "audit"


@dataclass(slots=True)
class Keeper:
    """The log, its files and its keys in one hand, and who asked."""

    settings: Settings
    files: AuditFiles
    log: Log
    signers: Signers
    actor: str
    instance: str = field(default_factory=lambda: secrets.token_hex(8))
    _seq: int = 0

    def record(self, action: Action, detail: Mapping[str, Scalar]) -> Receipt:
        """Append an event under the audit service's own name; durable and signed on return."""
        receipt = self.append(Event(action, self.actor, detail=detail))
        self.sign()
        return receipt

    def append(self, event: Event) -> Receipt:
        """Append any event; durable on return, signed with the next checkpoint."""
        (answer,) = admit(self.log, [Request(Sender(SOURCE, self.instance, self._seq), event)])
        if isinstance(answer, AuditRefused):
            raise answer
        self._seq += 1
        return answer

    def sign(self) -> Checkpoint:
        """Sign a checkpoint over everything there is."""
        return sign_checkpoint(self.log, self.files, self.signers)


@contextmanager
def keeping(settings: Settings, *, actor: str) -> Iterator[Keeper]:
    """Hold the log as its one writer; raises LogRefused while the service runs."""
    files = AuditFiles.of(settings)
    with OneWriter(files):
        log, signers = open_log(files, settings.origin, ml_dsa=settings.audit_ml_dsa)
        keeper = Keeper(settings, files, log, signers, actor)
        try:
            yield keeper
        finally:
            keeper.log.close()
