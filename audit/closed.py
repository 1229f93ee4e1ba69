"""Logs that were closed by a rotation: where they lie, and how they are read ever after.

Each has a directory of its own below `closed/` with the files a log has, but no private key: it
cannot be signed again. Nothing is added to one; retention may empty texts in it and nothing else.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from audit import succession
from audit.custody import AuditFiles, compare, kept_checkpoint, known_keys
from audit.log import Entry, Log, Sender, open_reader, open_writer
from audit.note import Checkpoint
from enclave.events import Event

_READ_ONLY = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
_SENDERS = 4096  # whose bases are kept in memory
_WRITABLE = _READ_ONLY | stat.S_IWUSR


@dataclass(frozen=True, slots=True)
class ClosedLog:
    """A closed log: its files, its last checkpoint, and when it was closed (since 1970)."""

    files: AuditFiles
    checkpoint: Checkpoint
    closed_at: float

    @property
    def name(self) -> str:
        """The name of its directory."""
        return self.files.directory.name


def closed_logs(files: AuditFiles) -> list[ClosedLog]:
    """Return the logs this one followed, the oldest first; raises LogRefused for a broken one."""
    if not files.closed.is_dir():
        return []
    found = [read(files.within(each)) for each in files.closed.iterdir() if each.is_dir()]
    return sorted(found, key=lambda each: (each.closed_at, each.name))


def read(files: AuditFiles) -> ClosedLog:
    """Return what stands in a closed log's directory; raises LogRefused."""
    checkpoint = kept_checkpoint(files, *known_keys(files))
    return ClosedLog(files, checkpoint, float(files.closed_at.read_text()))


@contextmanager
def reopened(files: AuditFiles) -> Iterator[Log]:
    """Open a closed log so that retention can empty texts; it is sealed again afterwards."""
    _set_mode(files, _WRITABLE)
    try:
        log = open_writer(files.place)
        try:
            compare(log, kept_checkpoint(files, *known_keys(files)))
            yield log
            log.seal()
        finally:
            log.close()
    finally:
        _set_mode(files, _READ_ONLY)


def seal(files: AuditFiles) -> None:
    """Close a log's files to writing by mistake, after a last look at them; raises LogRefused."""
    with closing(open_reader(files.place)) as log:
        compare(log, kept_checkpoint(files, *known_keys(files)))
    _set_mode(files, _READ_ONLY)


def _set_mode(files: AuditFiles, mode: int) -> None:
    for path in (files.log, files.checkpoint, files.public_key, files.public_keys):
        if path.exists():
            path.chmod(mode)


class Earlier:
    """What senders sent to the logs before this one. In each log their numbers begin at 0 anew.

    A sender counts on, whatever happens to logs, so that a retry over a rotation is still the same
    entry: it need not know that there was one.
    """

    def __init__(self, files: AuditFiles):
        self._logs = [open_reader(each.files.place) for each in closed_logs(files)]
        self._bases: dict[tuple[str, str], int] = {}

    def __bool__(self) -> bool:
        return bool(self._logs)

    def here(self, sender: Sender) -> Sender:
        """Return a sender with its number in the present log; below 0 for what came earlier."""
        key = (sender.source, sender.instance)
        if key not in self._bases:
            if len(self._bases) >= _SENDERS:
                self._bases.clear()
            self._bases[key] = sum(log.next_seq(*key) for log in self._logs)
        return sender._replace(seq=sender.seq - self._bases[key])

    def objection(self, event: Event) -> str | None:
        """Return why an event is not taken for what the closed logs hold, or None."""
        return succession.objection(self._logs, event)

    def find(self, sender: Sender) -> Entry | None:
        """Return what became of an event by the sender's own number, if a closed log holds it."""
        seq = sender.seq
        for log in self._logs:
            number = log.next_seq(sender.source, sender.instance)
            if seq < number:
                return log.find(sender._replace(seq=seq))
            seq -= number
        return None

    def close(self) -> None:
        """Close the logs."""
        for log in self._logs:
            log.close()
