"""The stored log: entries, Merkle tiles and checkpoints in one SQLite file that only grows.

One process writes (audit.service); any number may read. Never signs, never decides whether an
event is admissible, never changes or removes an entry: triggers in the file refuse that even to
whoever opens it with other tools by mistake. (Someone who means it can drop a trigger; that is
what checkpoints kept elsewhere are for.)
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from audit import merkle
from enclave.events import Receipt

TILE_HEIGHT = 8  # C2SP tlog-tiles: 256 hashes a tile
_WIDTH = 1 << TILE_HEIGHT
_NO_END = 1 << 62  # SQLite's integers end a little later
_CACHE = 1024  # full tiles kept in memory: at most 8 MiB

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


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent an event, and as their how-manieth: what makes a retry recognisable."""

    source: str
    instance: str
    seq: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored entry. `body` is None once retention has removed it; the leaf stays."""

    index: int
    leaf: bytes
    body: bytes | None
    sender: Sender


class LogReader:
    """Reads a log: sees a committed state, and cannot change it."""

    def __init__(self, connection: sqlite3.Connection):
        self._connection = connection
        self._full_tiles: dict[tuple[int, int], bytes] = {}

    @classmethod
    def open(cls, path: Path) -> LogReader:
        """Open an existing log for reading; raises sqlite3.Error when there is none."""
        address = f"{path.resolve().as_uri()}?mode=ro"
        connection = sqlite3.connect(
            address, uri=True, isolation_level=None, check_same_thread=False
        )
        return cls(connection)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def count(self) -> int:
        """Return how many entries are committed."""
        (last,) = self._connection.execute("SELECT max(idx) FROM entry").fetchone()
        return 0 if last is None else int(last) + 1

    def entry(self, index: int) -> Entry | None:
        """Return one entry, or None."""
        if index >= _NO_END:
            return None
        return next(self.entries(index, index + 1), None)

    def entries(self, begin: int = 0, end: int | None = None) -> Iterator[Entry]:
        """Yield the entries [begin, end) in order; to the last one when `end` is None."""
        with closing(
            self._connection.execute(
                "SELECT idx, leaf, body, source, instance, seq FROM entry"
                " WHERE idx >= ? AND idx < ? ORDER BY idx",
                (begin, _NO_END if end is None else end),
            )
        ) as rows:
            for index, leaf, body, source, instance, seq in rows:
                yield Entry(index, leaf, body, Sender(source, instance, seq))

    def find(self, sender: Sender) -> Entry | None:
        """Return what this sender's event became, if it is stored."""
        row = self._connection.execute(
            "SELECT idx FROM entry WHERE source = ? AND instance = ? AND seq = ?",
            (sender.source, sender.instance, sender.seq),
        ).fetchone()
        return None if row is None else self.entry(row[0])

    def next_seq(self, source: str, instance: str) -> int:
        """Return the number this sender's next event must carry."""
        (last,) = self._connection.execute(
            "SELECT max(seq) FROM entry WHERE source = ? AND instance = ?", (source, instance)
        ).fetchone()
        return 0 if last is None else int(last) + 1

    def open_intents(self, source: str | None = None, instance: str | None = None) -> list[Entry]:
        """Return the intents nothing has ended yet, of one sender or of all."""
        rows = self._connection.execute(
            "SELECT begun FROM intent WHERE ended IS NULL ORDER BY begun"
        ).fetchall()
        found = (self.entry(begun) for (begun,) in rows)
        return [
            entry
            for entry in found
            if entry is not None
            and source in (None, entry.sender.source)
            and instance in (None, entry.sender.instance)
        ]

    def intent(self, name: str) -> tuple[int | None, int | None] | None:
        """Return (index of the intent, index of its end) for an intent's id, or None."""
        row: tuple[int | None, int | None] | None = self._connection.execute(
            "SELECT begun, ended FROM intent WHERE id = ?", (name,)
        ).fetchone()
        return row

    def last_checkpoint(self) -> str | None:
        """Return the newest signed checkpoint in the file, or None."""
        row = self._connection.execute(
            "SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1"
        ).fetchone()
        return None if row is None else str(row[0])

    def tile(self, level: int, n: int) -> bytes:
        """Return a tile's hashes (1 to 256 of 32 bytes); empty when there is none."""
        kept = self._full_tiles.get((level, n))
        if kept is not None:
            return kept
        row = self._connection.execute(
            "SELECT hashes FROM tile WHERE level = ? AND n = ?", (level, n)
        ).fetchone()
        hashes = bytes(row[0]) if row else b""
        if len(hashes) == _WIDTH * merkle.HASH_SIZE:
            if len(self._full_tiles) >= _CACHE:
                self._full_tiles.clear()
            self._full_tiles[level, n] = hashes
        return hashes

    def node(self, level: int, n: int) -> bytes:
        """Return the hash of a perfect subtree (see `merkle.Node`)."""
        tile_level, within = divmod(level, TILE_HEIGHT)
        start = n << within
        tile = self.tile(tile_level, start >> TILE_HEIGHT)
        offset = (start & (_WIDTH - 1)) * merkle.HASH_SIZE
        block = tile[offset : offset + (merkle.HASH_SIZE << within)]
        if len(block) != merkle.HASH_SIZE << within:
            raise LookupError(f"tile {tile_level}/{start >> TILE_HEIGHT} is missing or too short")
        hashes = [block[i : i + merkle.HASH_SIZE] for i in range(0, len(block), merkle.HASH_SIZE)]
        while len(hashes) > 1:
            hashes = [merkle.node_hash(*hashes[i : i + 2]) for i in range(0, len(hashes), 2)]
        return hashes[0]

    def root(self, size: int) -> bytes:
        """Return the tree hash of the first `size` entries, out of the tiles."""
        return merkle.root_hash(self.node, size)


class Log(LogReader):
    """The log as its one writer holds it."""

    def __init__(self, path: Path):
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        super().__init__(connection)
        try:
            self._prepare()
        except BaseException:
            connection.close()
            raise

    def _prepare(self) -> None:
        """Set durability, create the tables, and read the frontier out of the tiles."""
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "recursive_triggers = ON"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.executescript(_SCHEMA)
        # After a failed fsync the kernel may call lost pages clean. Carrying the WAL over into the
        # main file and syncing that makes everything we are about to call committed durable.
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._frontier = merkle.Frontier.read(self.node, self.count())

    @property
    def size(self) -> int:
        """How many entries there are, this transaction's included."""
        return self._frontier.size

    @contextmanager
    def write(self) -> Iterator[Batch]:
        """Open the one transaction of a batch: all of it becomes durable on leaving, or nothing."""
        kept = self._frontier.copy()
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            batch = Batch(self, self._connection, self._frontier)
            yield batch
            batch.store_tiles()
            self._connection.execute("COMMIT")
        except BaseException:
            self._frontier = kept
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def keep_checkpoint(self, size: int, note: str) -> None:
        """Store a signed checkpoint; one of the same size stays as it is."""
        self._connection.execute(
            "INSERT INTO checkpoint (size, note) VALUES (?, ?) ON CONFLICT DO NOTHING", (size, note)
        )


class Batch:
    """What goes into one transaction."""

    def __init__(self, log: Log, connection: sqlite3.Connection, frontier: merkle.Frontier):
        self._log = log
        self._connection = connection
        self._frontier = frontier
        self._tiles: dict[tuple[int, int], bytearray] = {}

    @property
    def size(self) -> int:
        """How many entries the log will have, those of this batch included."""
        return self._frontier.size

    def add(self, body: bytes, sender: Sender) -> Receipt:
        """Append one entry. Its receipt holds only once the transaction has committed."""
        index, leaf = self._frontier.size, merkle.leaf_hash(body)
        self._connection.execute(
            "INSERT INTO entry (idx, leaf, body, source, instance, seq) VALUES (?, ?, ?, ?, ?, ?)",
            (index, leaf, body, sender.source, sender.instance, sender.seq),
        )
        for level, digest in enumerate(self._frontier.append(leaf)):
            if level % TILE_HEIGHT == 0:
                self._extend(level // TILE_HEIGHT, index >> level, digest)
        return Receipt(index, leaf.hex())

    def _extend(self, level: int, place: int, digest: bytes) -> None:
        key = (level, place >> TILE_HEIGHT)
        if key not in self._tiles:
            self._tiles[key] = bytearray(self._log.tile(*key))
        self._tiles[key] += digest

    def begin_intent(self, name: str, index: int) -> None:
        """Note that an intent now waits for its end."""
        self._connection.execute("INSERT INTO intent (id, begun) VALUES (?, ?)", (name, index))

    def end_intent(self, name: str, index: int) -> None:
        """Note an intent's end; a refusal may come without an intent before it."""
        self._connection.execute(
            "INSERT INTO intent (id, ended) VALUES (?, ?)"
            " ON CONFLICT (id) DO UPDATE SET ended = excluded.ended",
            (name, index),
        )

    def store_tiles(self) -> None:
        """Write the tiles this batch has grown."""
        self._connection.executemany(
            "INSERT INTO tile (level, n, hashes) VALUES (?, ?, ?)"
            " ON CONFLICT (level, n) DO UPDATE SET hashes = excluded.hashes",
            [(level, n, bytes(hashes)) for (level, n), hashes in self._tiles.items()],
        )
