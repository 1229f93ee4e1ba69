"""What a witness remembers: each log's newest cosigned checkpoint, and what it refused.

One SQLite file of the witness's own, fsynced before any answer. Never goes back, never forgets, and
never begins anew by itself. Judges nothing: that is `audit.witness`'s.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

_KEPT_REFUSALS = 1000  # of a kind: a log that misbehaves for ever does not fill the disk
FORKED = "another root for the same size"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS latest (
  origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL,
  note TEXT NOT NULL, at INTEGER NOT NULL
) STRICT;
CREATE TRIGGER IF NOT EXISTS latest_grows BEFORE UPDATE ON latest
WHEN NEW.size < OLD.size OR (NEW.size = OLD.size AND NEW.root IS NOT OLD.root)
BEGIN SELECT raise(ABORT, 'a witness never goes back'); END;
CREATE TRIGGER IF NOT EXISTS latest_stays BEFORE DELETE ON latest
BEGIN SELECT raise(ABORT, 'a witness never forgets'); END;
CREATE TABLE IF NOT EXISTS refused (
  at INTEGER NOT NULL, origin TEXT NOT NULL, size INTEGER NOT NULL, reason TEXT NOT NULL,
  note TEXT NOT NULL, UNIQUE (origin, note)
) STRICT;
"""


class WitnessStopped(Exception):
    """The witness must not serve: its store or a key is missing or not what it must be."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The newest checkpoint of a log that this witness has cosigned, and when (seconds, 1970)."""

    origin: str
    size: int
    root: bytes
    note: str
    at: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """A checkpoint with the log's own signature that did not follow from what was cosigned.

    With the reason `FORKED` it proves by itself that the log has two histories. Otherwise its proof
    was wrong, which may be whoever sent it: ask the log for a proof that leads to it.
    """

    at: int
    origin: str
    size: int
    reason: str
    note: str


class Store:
    """What a witness remembers, in one SQLite file of its own."""

    def __init__(self, path: Path, *, first_time: bool = False):
        """Open the store; raises WitnessStopped when it is missing and this is not the first time.

        A witness that begins anew would cosign whatever it is shown next.
        """
        if not path.exists() and not first_time:
            raise WitnessStopped(
                f"{path} is missing. A witness that has lost its memory must not cosign with the "
                "same key: restore it, or retire the key and begin with --first-time."
            )
        self._path = path
        with self._connected() as connection:
            connection.executescript(_SCHEMA)

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, isolation_level=None, timeout=10)) as connection:
            # The rollback journal with FULL: the commit has reached the disk when it returns.
            for pragma in ("journal_mode = DELETE", "synchronous = FULL"):
                connection.execute(f"PRAGMA {pragma}")
            yield connection

    def latest(self, origin: str) -> Seen | None:
        """Return the newest checkpoint cosigned for a log."""
        with self._connected() as connection:
            row = connection.execute(
                "SELECT origin, size, root, note, at FROM latest WHERE origin = ?", (origin,)
            ).fetchone()
        return None if row is None else Seen(*row)

    def advance(self, new: Seen, *, old_size: int) -> bool:
        """Make `new` the newest, durably, if the newest still has `old_size`; say whether it was.

        Another process on the same file cannot come in between: one statement decides. A checkpoint
        that was refused for a wrong proof and now follows is no evidence any more.
        """
        with self._connected() as connection:
            done = connection.execute(
                "INSERT INTO latest (origin, size, root, note, at) SELECT ?, ?, ?, ?, ? WHERE"
                " coalesce((SELECT size FROM latest WHERE origin = ?), 0) = ?"
                " ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root,"
                " note = excluded.note, at = excluded.at",
                (new.origin, new.size, new.root, new.note, new.at, new.origin, old_size),
            )
            if done.rowcount != 1:
                return False
            text = new.note.partition("\n\n")[0]
            connection.execute(
                "DELETE FROM refused WHERE origin = ? AND size = ? AND reason <> ?"
                " AND substr(note, 1, ?) = ?",
                (new.origin, new.size, FORKED, len(text) + 2, text + "\n\n"),
            )
            return True

    def refuse(self, refusal: Refusal) -> None:
        """Keep a checkpoint that was refused, the first thousand of those with wrong proofs.

        And the first thousand forks: whoever sends wrong proofs does not push these out.
        """
        with self._connected() as connection:
            connection.execute(
                "INSERT INTO refused (at, origin, size, reason, note) SELECT ?, ?, ?, ?, ?"
                " WHERE (SELECT count(*) FROM refused WHERE (reason = ?) = ?) < ?"
                " ON CONFLICT DO NOTHING",
                (
                    refusal.at,
                    refusal.origin,
                    refusal.size,
                    refusal.reason,
                    refusal.note,
                    FORKED,
                    refusal.reason == FORKED,
                    _KEPT_REFUSALS,
                ),
            )

    def all(self) -> tuple[list[Seen], list[Refusal]]:
        """Return every log's newest checkpoint and every refusal kept, for the witness's owner."""
        with self._connected() as connection:
            seen = connection.execute("SELECT origin, size, root, note, at FROM latest")
            refused = "SELECT at, origin, size, reason, note FROM refused ORDER BY at"
            return [Seen(*row) for row in seen], [Refusal(*r) for r in connection.execute(refused)]
