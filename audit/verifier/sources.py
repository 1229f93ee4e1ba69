"""Reads a copy of the audit service's directory; and what every kind of source has in common.

Opens nothing for writing and follows nothing but regular files of a bounded size. Whatever cannot
be read is `Unreadable`, with one sentence; what is read is believed by nobody here.
"""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Protocol

from audit.verifier.checks import Unreadable, plain

LARGEST_FILE = 4 << 20  # bytes of a key, checkpoint, policy or tile; entries are read otherwise
CHUNK = 256  # entries a tile covers

# A damaged file's own words can be in SQLite's message, and those are not always UTF-8.
_BROKEN = (sqlite3.Error, OverflowError, UnicodeError)

Row = tuple[int, bytes, bytes | None, bytes | None, bytes | None, int | None]
"""(index, leaf, text or None once removed, source, instance, seq); the last three None in tiles."""


class Source(Protocol):
    """A log to be read, entries in order and tiles beside them."""

    kind: str
    directory: Path

    def count(self) -> int:
        """Return how many entries the log has, the last one's number plus one."""

    def rows(self, begin: int, end: int) -> Iterator[list[Row]]:
        """Yield the entries [begin, end) in lists of at most 256."""

    def tile(self, level: int, n: int, width: int) -> bytes | None:
        """Return the first `width` hashes a stored tile holds; None where none is stored."""

    def notes(self) -> Iterator[str]:
        """Yield every signed checkpoint the log itself keeps."""

    def inputs(self) -> list[Path]:
        """Return the files that together are the log, for their hashes."""

    def close(self) -> None:
        """Let go of the files."""


def read_small(path: Path, most: int = LARGEST_FILE) -> bytes:
    """Return the bytes of a regular file of at most `most` bytes; raises Unreadable."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable(f"Not a file: {plain(str(path))}.")
        if status.st_size > most:
            raise Unreadable(f"Too large to be what it should be: {plain(str(path))}.")
        with path.open("rb") as file:
            return file.read(most)
    except (OSError, ValueError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(f"Cannot read {plain(str(path))}: {reason(error)}.") from error


def read_text(path: Path) -> str:
    """Return a small text file; raises Unreadable."""
    try:
        return read_small(path).decode()
    except UnicodeDecodeError as error:
        raise Unreadable(f"Not a text: {plain(str(path))}.") from error


def reason(error: Exception) -> str:
    """Return an error's own words, fit for a sentence."""
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return plain(words).rstrip(".")


class SqliteCopy:
    """A copy of the audit service's directory (or the directory itself): `log.db`."""

    kind = "SQLite"

    def __init__(self, directory: Path):
        self.directory = directory
        self._path = directory / "log.db"
        if not self._path.is_file():
            raise Unreadable(f"Not a file: {plain(str(self._path))}.")
        self._connection = self._connect()

    def _connect(self) -> sqlite3.Connection:
        address = self._path.resolve().as_uri()
        # A medium that cannot be written at all cannot hold the files beside a WAL either.
        for mode in ("mode=ro", "mode=ro&immutable=1"):
            connection = sqlite3.connect(f"{address}?{mode}", uri=True, isolation_level=None)
            try:
                self._prepare(connection)
            except _BROKEN as error:
                connection.close()
                failed = error
            except Unreadable:
                connection.close()
                raise
            else:
                return connection
        raise Unreadable(f"log.db cannot be read: {reason(failed)}.") from failed

    @staticmethod
    def _prepare(connection: sqlite3.Connection) -> None:
        """Make what a hostile file may do small, and see that its tables are plain tables."""
        connection.text_factory = bytes  # text may be anything; nothing here needs it decoded
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA cache_size = -16384")  # KiB: read once, in order
        connection.execute("BEGIN")  # one state of the log, however it grows meanwhile
        tables = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name IN ('entry', 'tile',"
            " 'checkpoint') AND sql LIKE 'CREATE TABLE%'"
        ).fetchall()
        if len(tables) != 3:
            raise Unreadable("log.db has not the tables of a log.")

    def count(self) -> int:
        """Return the last entry's number plus one; raises Unreadable for impossible numbers."""
        first, last = self._ask("SELECT min(idx), max(idx) FROM entry")[0]
        if last is None:
            return 0
        # An entry takes more than 40 bytes in a file, so numbers beyond this are not of entries.
        possible = sum(path.stat().st_size for path in self.inputs())
        if type(first) is not int or type(last) is not int or first < 0 or last > possible:
            raise Unreadable("The entries of log.db are not numbered as a log's.")
        return last + 1

    def rows(self, begin: int, end: int) -> Iterator[list[Row]]:
        """Yield the entries in order; raises Unreadable where the file is damaged."""
        query = (
            "SELECT idx, leaf, body, source, instance, seq FROM entry"
            " WHERE idx >= ? AND idx < ? ORDER BY idx"
        )
        try:
            with closing(self._connection.execute(query, (begin, end))) as cursor:
                while rows := cursor.fetchmany(CHUNK):
                    yield rows
        except _BROKEN as error:
            raise Unreadable(
                f"log.db is damaged between entries {begin:,} and {end:,}: {reason(error)}."
            ) from error

    def tile(self, level: int, n: int, width: int) -> bytes | None:
        """Return the first hashes of a stored tile."""
        found = self._ask("SELECT hashes FROM tile WHERE level = ? AND n = ?", level, n)
        return _bytes(found[0][0])[: width * 32] if found else None

    def notes(self) -> Iterator[str]:
        """Yield the checkpoints kept in the file, oldest first."""
        for (note,) in self._ask("SELECT note FROM checkpoint ORDER BY size"):
            yield _bytes(note).decode(errors="replace")

    def inputs(self) -> list[Path]:
        """Return the database and what SQLite keeps beside it."""
        names = ("log.db", "log.db-wal", "checkpoint", "checkpoint.cosigned")
        return [path for name in names if (path := self.directory / name).is_file()]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _ask(self, query: str, *values: int) -> list[tuple[object, ...]]:
        try:
            return self._connection.execute(query, values).fetchall()
        except _BROKEN as error:
            raise Unreadable(f"log.db is damaged: {reason(error)}.") from error


def _bytes(value: object) -> bytes:
    """Return a column's bytes; none where a hostile file has a number."""
    return value if type(value) is bytes else b""
