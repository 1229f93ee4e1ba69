"""The log as the service holds it: stored, signed, published, opened anew after a failure.

Everything here happens on one thread, the log's. Never signs before the commit, and never opens a
log that `custody` refuses. A release is signed before its receipt is given.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace

from audit.admit import Answer, Request, admit, interruption, repeat
from audit.closed import Earlier
from audit.custody import AuditFiles, LogRefused, open_log, sign_checkpoint
from audit.gauges import Counting
from audit.log import Log, Sender
from audit.publication import Publication
from audit.signers import Signers
from audit.store import StoreError
from enclave.events import Action, Event
from enclave.settings import Settings

OWN_SOURCE = "audit"
FAILURES = (StoreError, OSError, LogRefused)
"""What can go wrong with a log that was in order: worth another attempt, and never a receipt."""


class Writer:
    """The one hand that writes."""

    def __init__(self, settings: Settings):
        self._settings = settings
        self.files = AuditFiles.of(settings)
        self.counting = Counting()
        self.signed = -1  # size of the last signed checkpoint
        self._log: Log | None = None
        self._instance, self._seq = secrets.token_hex(8), 0

    @property
    def size(self) -> int:
        """How many entries there are; 0 while the log is not open."""
        return self._log.size if self._log is not None else 0

    def open(self) -> None:
        """Open the log and say so in it. Raises LogRefused or StoreError."""
        self._log, self._signers = self._open_log()
        self._earlier = Earlier(self.files)
        self.publication = Publication(self._settings, self._signers.verifiers)
        started = Event(Action.SERVICE_STARTED, "system", detail={"entries": self._log.size})
        self._append_own(self._log, started)
        self.sign()

    def _open_log(self) -> tuple[Log, Signers]:
        return open_log(self.files, self._settings.origin, ml_dsa=self._settings.audit_ml_dsa)

    def close(self) -> None:
        """Say in the log that the service stops, sign what is not signed yet, and close."""
        if self._log is not None:
            with suppress(*FAILURES):
                self._append_own(self._log, Event(Action.SERVICE_STOPPED, "system"))
            self.sign_if_grown()
            self._log.close()
            self._earlier.close()

    def reopen(self) -> None:
        """Open the log anew after a failure: what the database says now is what counts."""
        if self._log is not None:
            self._log.close()
            self._log = None
        if not self.files.signing_key.exists():  # else a new log would begin in its place
            raise LogRefused("The audit log's directory is gone.", hint="Bring it back.")
        self._log, self._signers = self._open_log()
        self._seq = self._log.next_seq(OWN_SOURCE, self._instance)

    def store(self, requests: list[Request]) -> list[Answer]:
        """Commit a batch and return its answers; raises SequenceGap or one of FAILURES."""
        log = self._opened()
        answers = (
            self._admit_after_rotation(log, requests) if self._earlier else admit(log, requests)
        )
        if any(request.event.action is Action.OUTPUT_RELEASED for request in requests):
            self.sign()  # a release is provable from the moment its receipt exists
        return answers

    def _admit_after_rotation(self, log: Log, requests: list[Request]) -> list[Answer]:
        """Admit events of senders that may have begun in a log that is closed by now."""
        here = [
            replace(
                each,
                sender=self._earlier.here(each.sender),
                objection=each.objection or self._earlier.objection(each.event),
            )
            for each in requests
        ]
        answers = iter(admit(log, [each for each in here if each.sender.seq >= 0]))
        return [
            next(answers)
            if mine.sender.seq >= 0
            else repeat(self._earlier.find(theirs.sender), theirs.event)
            for theirs, mine in zip(requests, here, strict=True)
        ]

    def _opened(self) -> Log:
        if self._log is None:
            self.reopen()
        assert self._log is not None
        return self._log

    def sign(self) -> None:
        """Sign everything committed, keep the checkpoint, hand it to the witnesses' side."""
        checkpoint = sign_checkpoint(self._opened(), self.files, self._signers)
        self.signed = checkpoint.size
        self.counting.signed(checkpoint.size)
        self.publication.publish(self.files.checkpoint.read_text())

    def sign_if_grown(self) -> None:
        """Sign if there is anything new."""
        if self._log is not None and self._log.size != self.signed:
            self.sign()

    def end_intents(
        self, present: Collection[tuple[str, str]], source: str | None, instance: str | None
    ) -> None:
        """End the open intents, of one sender or of all, whose sender is not present."""
        for entry in self._log.open_intents(source, instance) if self._log else ():
            if (entry.sender.source, entry.sender.instance) not in present:
                self._append_own(self._opened(), interruption(entry))

    def _append_own(self, log: Log, event: Event) -> None:
        admit(log, [Request(Sender(OWN_SOURCE, self._instance, self._seq), event)])
        self._seq += 1
