"""The log in one SQLite file: its tables, its triggers, and what makes a commit durable there.

Triggers refuse to change or delete even to whoever opens the file with other tools by mistake.
(Someone who means it can drop a trigger; that is what checkpoints kept elsewhere are for.)
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from audit.store import Row, StoreDamaged, StoreError, StoreRefused

_AT_ONCE = 128  # rows an INSERT takes: 768 values, of 32,766 that SQLite allows

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
  idx INTEGER PRIMARY KEY,
  leaf BLOB NOT NULL CHECK (length(leaf) = 32),
  body BLOB,
  source TEXT NOT NULL,
  instance TEXT NOT NULL,
  seq INTEGER NOT NULL,
  UNIQUE (source, instance, seq)
) STRICT;
CREATE TABLE IF NOT EXISTS tile (
  level INTEGER NOT NULL,
  n INTEGER NOT NULL,
  hashes BLOB NOT NULL,
  PRIMARY KEY (level, n)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS checkpoint (
  size INTEGER PRIMARY KEY,
  note TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS intent (
  id TEXT PRIMARY KEY,
  begun INTEGER,
  ended INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS intent_open ON intent (begun) WHERE ended IS NULL;

CREATE TRIGGER IF NOT EXISTS entry_grows BEFORE INSERT ON entry
WHEN NEW.idx IS NOT (SELECT coalesce(max(idx) + 1, 0) FROM entry)
BEGIN SELECT raise(ABORT, 'the log grows by one entry at its end'); END;
CREATE TRIGGER IF NOT EXISTS entry_stays BEFORE DELETE ON entry
BEGIN SELECT raise(ABORT, 'an entry is never deleted'); END;
CREATE TRIGGER IF NOT EXISTS entry_same BEFORE UPDATE OF idx, leaf, source, instance, seq ON entry
BEGIN SELECT raise(ABORT, 'an entry is never changed'); END;
CREATE TRIGGER IF NOT EXISTS entry_body BEFORE UPDATE OF body ON entry WHEN NEW.body IS NOT NULL
BEGIN SELECT raise(ABORT, 'a body may only be removed by retention'); END;
CREATE TRIGGER IF NOT EXISTS tile_stays BEFORE DELETE ON tile
BEGIN SELECT raise(ABORT, 'a tile is never deleted'); END;
CREATE TRIGGER IF NOT EXISTS tile_grows BEFORE UPDATE ON tile
WHEN NEW.level IS NOT OLD.level OR NEW.n IS NOT OLD.n
  OR substr(NEW.hashes, 1, length(OLD.hashes)) IS NOT OLD.hashes
BEGIN SELECT raise(ABORT, 'a tile only grows'); END;
CREATE TRIGGER IF NOT EXISTS checkpoint_stays BEFORE DELETE ON checkpoint
BEGIN SELECT raise(ABORT, 'a checkpoint is never deleted'); END;
CREATE TRIGGER IF NOT EXISTS checkpoint_same BEFORE UPDATE ON checkpoint
BEGIN SELECT raise(ABORT, 'a checkpoint is never changed'); END;
CREATE TRIGGER IF NOT EXISTS intent_stays BEFORE DELETE ON intent
BEGIN SELECT raise(ABORT, 'an intent is never deleted'); END;
CREATE TRIGGER IF NOT EXISTS intent_ends BEFORE UPDATE ON intent
WHEN OLD.ended IS NOT NULL OR NEW.begun IS NOT OLD.begun
BEGIN SELECT raise(ABORT, 'an intent ends once'); END;
"""


@cache
def _insertion(table: str, columns: tuple[str, ...], rows: int) -> str:
    row = f"({', '.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * rows)}"  # noqa: S608 - our own words


@contextmanager
def _errors() -> Iterator[None]:
    """Turn SQLite's errors into ours."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreError(f"The audit log's file: {error}.") from error
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError) as error:
        raise StoreRefused(f"The audit log's file: {error}.") from error
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise StoreDamaged("The audit log's file is damaged.") from error


class SqliteStore:
    """One connection to the file; `writing` creates it where it is missing."""

    def __init__(self, path: Path, *, writing: bool):
        address = f"{path.resolve().as_uri()}?mode={'rwc' if writing else 'ro'}"
        with _errors():
            self._connection = sqlite3.connect(
                address, uri=True, isolation_level=None, check_same_thread=False
            )
            if writing:
                self._prepare()
                self._path, self._inode = path, path.stat().st_ino

    def _is_in_place(self) -> bool:
        try:
            return self._path.stat().st_ino == self._inode
        except OSError:
            return False

    def _prepare(self) -> None:
        try:
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "recursive_triggers = ON"):
                self._connection.execute(f"PRAGMA {pragma}")
            self._connection.executescript(_SCHEMA)
            # After a failed fsync the kernel may call lost pages clean. Carrying the WAL over into
            # the main file and syncing that makes all we are about to call committed durable.
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except BaseException:
            self._connection.close()
            raise

    def ask(self, sql: str, values: Row = ()) -> list[Any]:
        """Return the rows of a statement that has rows."""
        with _errors():
            return self._connection.execute(sql, values).fetchall()

    def run(self, sql: str, values: Row = ()) -> int:
        """Execute a statement; return how many rows it changed."""
        with _errors():
            return self._connection.execute(sql, values).rowcount

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        """Insert many rows with few statements.

        Each one lets go of the interpreter and has to get it back from the sockets' thread; a
        power of two of rows at a time keeps the prepared statements few.
        """
        waiting, begin = list(rows), 0
        while begin < len(waiting):
            count = min(_AT_ONCE, 1 << (len(waiting) - begin).bit_length() - 1)
            values = chain.from_iterable(waiting[begin : begin + count])
            self.run(_insertion(table, tuple(columns), count), tuple(values))
            begin += count

    def many(self, sql: str, rows: Iterable[Row]) -> None:
        """Execute a statement for each row."""
        with _errors():
            self._connection.executemany(sql, rows)

    def begin(self) -> int:
        """Begin the one writing transaction there may be; return how many entries there are."""
        with _errors():
            self._connection.execute("BEGIN IMMEDIATE")
            ((last,),) = self._connection.execute("SELECT max(idx) FROM entry").fetchall()
        return 0 if last is None else int(last) + 1

    def commit(self) -> None:
        """Make the transaction durable; raises StoreError too when the file's name is gone.

        An open file takes writes for ever after somebody moved or removed it.
        """
        with _errors():
            self._connection.execute("COMMIT")
        if not self._is_in_place():
            raise StoreError("The audit log's file is not in its place any more.")

    def roll_back(self) -> None:
        """Forget the transaction, if there still is one."""
        with _errors():
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def scrub(self) -> None:
        """Write the file anew, so that nothing of a removed text is left in it or in the WAL.

        Needs twice the file's room on the disk for as long as it takes. Raises StoreError while
        somebody reads an older state.
        """
        with _errors():
            self._connection.execute("VACUUM")
            ((busy, *_),) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        if busy:
            raise StoreError("The audit log's file is being read.", hint="Try again.")

    def seal(self) -> None:
        """Leave one file that can be read where nothing can be written: no WAL beside it."""
        with _errors():
            ((mode,),) = self._connection.execute("PRAGMA journal_mode = DELETE").fetchall()
        if mode != "delete":
            raise StoreError("The audit log's file is being read.", hint="Try again.")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
