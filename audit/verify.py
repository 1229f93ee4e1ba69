"""Verifies a log where it lies, in whatever database, for the site of the same host.

The verifier itself is `audit.verifier`, which an auditor runs elsewhere; this hands it the log that
only this host can open. Never more convincing than the host it runs on.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from audit.log import LogReader, open_reader
from audit.verifier.checks import Check, Unreadable
from audit.verifier.engine import Progress, Question, Report, believe, judge_log, read_log
from audit.verifier.sources import CHUNK, Row
from audit.verifier.trust import Trust

__all__ = ["Check", "Report", "verify"]


def verify(
    directory: Path,
    *,
    checkpoint: str,
    key: str,
    place: str | Path | None = None,
    progress: Progress = lambda done, total: None,
) -> Report:
    """Verify the log of a directory against one signed checkpoint and public keys, a line each.

    `place` is the URL of its database where that is not a file of the directory. A log that is
    missing or cannot be read is a finding. Raises NoteError when the key is none.
    """
    question = Question(directory, Trust.of([key]), {"the checkpoint kept here": checkpoint})
    source = _Stored(directory, open_reader(place)) if isinstance(place, str) else None
    try:
        log = read_log(question, progress, source)
    except Unreadable as error:
        unread = Check("Can the log be read?", "no", (str(error),))
        return Report("", 0, "", 0, (unread,), directory)
    return judge_log(log, believe(log, question.trust), question.open_seconds)


class _Stored:
    """A log in another database than a file's, as a source."""

    kind = "database"

    def __init__(self, directory: Path, reader: LogReader):
        self.directory, self._reader = directory, reader

    def count(self) -> int:
        return self._reader.count()

    def rows(self, begin: int, end: int) -> Iterator[list[Row]]:
        for first in range(begin, end, CHUNK):
            found: list[Row] = []
            for entry in self._reader.entries(first, min(first + CHUNK, end)):
                sender = entry.sender
                source, instance = sender.source.encode(), sender.instance.encode()
                found.append((entry.index, entry.leaf, entry.body, source, instance, sender.seq))
            if found:
                yield found

    def tile(self, level: int, n: int, width: int) -> bytes | None:
        return self._reader.tile(level, n)[: width * 32] or None

    def notes(self) -> Iterator[str]:
        note = self._reader.last_checkpoint()
        yield from [note] if note else []

    def inputs(self) -> list[Path]:
        return [self.directory / "checkpoint"]

    def close(self) -> None:
        self._reader.close()
