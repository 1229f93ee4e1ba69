"""Logs as an operator who holds the key can make them: anything at all, genuinely signed."""

from __future__ import annotations

from pathlib import Path

from audit.custody import AuditFiles, load_signer, open_log, sign_checkpoint
from audit.log import Sender
from audit.verifier.chain import verify_chain
from audit.verifier.engine import Question, Report
from audit.verifier.trust import Trust
from enclave.events import Event, Stamp, encode

START = 1_760_000_000_000  # ms since 1970, UTC


class Forged:
    """A log in a directory of its own; close it."""

    def __init__(self, directory: Path, origin: str = "enclave.demo/audit"):
        self.files, self.origin, self.time = AuditFiles(directory), origin, START
        self.log, self.signers = open_log(self.files, origin)
        self._next: dict[tuple[str, str], int] = {}
        self.sign()

    def close(self) -> None:
        """Close the log."""
        self.log.close()

    def write(
        self, *events: Event, source: str = "gateway", instance: str = "i", seq: int | None = None
    ) -> None:
        """Write events in one commit, numbered without a gap but for the one before `seq`."""
        with self.log.write() as batch:
            for event in events:
                seq = self._next.get((source, instance), 0) if seq is None else seq
                stamp = Stamp(self.time, source, instance, seq, "00" * 16)
                batch.add(encode(event, stamp), Sender(source, instance, seq))
                self._next[source, instance], seq = seq + 1, None

    def text(self, body: bytes, sender: Sender) -> None:
        """Write any bytes as an entry's text."""
        with self.log.write() as batch:
            batch.add(body, sender)

    def sign(self) -> str:
        """Sign what there is; return the checkpoint."""
        sign_checkpoint(self.log, self.files, self.signers)
        return self.note

    @property
    def note(self) -> str:
        """The checkpoint it shows."""
        return self.files.checkpoint.read_text()

    @property
    def key(self) -> str:
        """Its public key."""
        return load_signer(self.files, self.origin).verifier.export()


def judge(
    directory: Path, keys: list[str], kept: str, *older: Path, stretch: int = 8192
) -> list[Report]:
    """Verify a log and those it followed, from one kept checkpoint; the newest first."""
    trust = Trust.of(keys)
    question = Question(directory, trust, {"your checkpoint": kept}, stretch=stretch)
    return verify_chain(question, older, lambda done, total: None)


def found(reports: list[Report]) -> str:
    """Return everything that is wrong, in one line."""
    return " | ".join(w for each in reports for check in each.checks for w in check.wrong)


def remarked(reports: list[Report]) -> str:
    """Return every remark, in one line."""
    return " | ".join(n for each in reports for check in each.checks for n in check.notes)
