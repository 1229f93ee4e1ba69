"""Logs that were closed by a rotation: where they lie, and how they are read ever after.

Each has a directory of its own below `closed/` with the files a log has, but no private key: it
cannot be signed again. Nothing is added to one; retention may empty texts in it and nothing else.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from audit.custody import AuditFiles, compare, kept_checkpoint, known_keys
from audit.log import Log, open_writer
from audit.note import Checkpoint

_READ_ONLY = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
_WRITABLE = _READ_ONLY | stat.S_IWUSR


@dataclass(frozen=True, slots=True)
class ClosedLog:
    """A closed log: its files, its last checkpoint, and when that was written (since 1970)."""

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
    found = [_read(files.within(each)) for each in files.closed.iterdir() if each.is_dir()]
    return sorted(found, key=lambda each: (each.closed_at, each.name))


def _read(files: AuditFiles) -> ClosedLog:
    checkpoint = kept_checkpoint(files, *known_keys(files))
    return ClosedLog(files, checkpoint, files.checkpoint.stat().st_mtime)


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
    """Make a log readable from read-only media, and closed to writing by mistake."""
    with reopened(files):
        pass


def _set_mode(files: AuditFiles, mode: int) -> None:
    for path in (files.log, files.checkpoint, files.public_key, files.public_keys):
        if path.exists():
            path.chmod(mode)
