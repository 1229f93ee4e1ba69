"""Says at every moment what the log's own evidence is worth: green, amber or red, and why.

Compares the log with its signed checkpoint and with the newest one this site has itself seen.
Never says more than that: whoever holds the key can make a checkpoint, so the report names what
only a checkpoint kept elsewhere can show.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum

from audit.custody import (
    AuditFiles,
    LogRefused,
    compare,
    kept_checkpoint,
    known_keys,
    write_durably,
)
from audit.log import LogReader
from audit.merkle import ProofError, consistency_proof, verify_consistency
from audit.note import Checkpoint, NoteError, Verifier
from audit.sentences import read

LATE_SECONDS = 60.0  # entries that wait longer than this for a checkpoint are late


class Level(StrEnum):
    """How things stand."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of verification, for the bar on every page. Ages in seconds."""

    level: Level
    heading: str
    sentence: str
    entries: int = 0
    checkpoint: Checkpoint | None = None
    age: float | None = None

    @property
    def uncovered(self) -> int:
        """How many entries are newer than the checkpoint."""
        return max(0, self.entries - (self.checkpoint.size if self.checkpoint else 0))


class Watch:
    """Looks at the log and remembers the newest checkpoint it has believed."""

    def __init__(self, files: AuditFiles, *, late: float = LATE_SECONDS):
        self._files, self._late = files, late
        self._seen_file = files.directory / "checkpoint.seen-by-site"
        self._lock = threading.Lock()

    def verifiers(self) -> tuple[Verifier, ...]:
        """Return the log's public keys as this host knows them, those it has replaced included."""
        return known_keys(self._files)

    def look(self) -> Standing:
        """Return how things stand now."""
        try:
            with self._lock, closing(LogReader.open(self._files.log)) as log:
                return self._judge(log)
        except (LogRefused, NoteError, ProofError, LookupError) as error:
            sentence = error.sentence if isinstance(error, LogRefused) else f"{error}.".capitalize()
            return Standing(Level.RED, "Not verified", sentence)
        except (OSError, sqlite3.Error):
            return Standing(Level.RED, "Not verified", "The audit log cannot be read.")

    def _judge(self, log: LogReader) -> Standing:
        verifiers = self.verifiers()
        checkpoint = kept_checkpoint(self._files, *verifiers)
        age = max(0.0, time.time() - self._files.checkpoint.stat().st_mtime)
        compare(log, checkpoint)
        self._compare_with_seen(log, checkpoint, verifiers)
        entries = log.count()
        waiting = self._waiting(log, checkpoint.size)
        if waiting > self._late:
            heading, level = "A checkpoint is overdue", Level.AMBER
            sentence = (
                f"Entries have waited {spoken(waiting)} for a checkpoint: the audit service may "
                "be down. What is newer than the checkpoint cannot be verified yet."
            )
        else:
            heading, level = "Verified", Level.GREEN
            sentence = "The log contains everything its signed checkpoint covers, unchanged."
        return Standing(level, heading, sentence, entries, checkpoint, age)

    def _waiting(self, log: LogReader, covered: int) -> float:
        """Return for how many seconds the first uncovered entry has waited."""
        entry = log.entry(covered)
        if entry is None or entry.body is None:
            return 0.0
        return max(0.0, time.time() - read(covered, entry.body).time / 1000)

    def _compare_with_seen(
        self, log: LogReader, checkpoint: Checkpoint, verifiers: tuple[Verifier, ...]
    ) -> None:
        """Raise ProofError if the log has forgotten what this site saw before; else remember."""
        if self._seen_file.exists():
            seen = Checkpoint.open(self._seen_file.read_text(), *verifiers)
            if seen == checkpoint:
                return
            if seen.size > checkpoint.size:
                raise ProofError("the log is shorter than this site has seen it")
            verify_consistency(
                seen.size,
                checkpoint.size,
                old_root=seen.root,
                new_root=checkpoint.root,
                proof=consistency_proof(log.node, seen.size, checkpoint.size),
            )
        write_durably(self._seen_file, self._files.checkpoint.read_text())

    def seen(self) -> str:
        """Return the newest checkpoint this site has believed, as a signed note."""
        return self._seen_file.read_text()


def spoken(seconds: float) -> str:
    """Return a length of time in words, in its largest unit."""
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {unit}{'s' * (number != 1)}"
    number = int(seconds)
    return f"{number} second{'s' * (number != 1)}"
