"""The stored log: entries, Merkle tiles, checkpoints and intents, which only ever grow.

`open_reader` and `open_writer` are how everyone opens one, in SQLite or PostgreSQL. One process
writes (audit.service); any number may read. Never signs, never decides whether an event is
admissible, never changes or removes an entry; retention may empty a body and nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from typing_extensions import override

from audit import merkle
from audit.sqlite import SqliteStore
from audit.store import Store, StoreRefused, place_in
from enclave.events import Receipt
from enclave.settings import Settings

TILE_HEIGHT = 8  # C2SP tlog-tiles: 256 hashes a tile
_WIDTH = 1 << TILE_HEIGHT
_NO_END = 1 << 62  # both databases' integers end a little later
_CACHE = 1024  # full tiles kept in memory: at most 8 MiB
_LEVELS = 256  # tiles of which every level is kept in memory: at most 11 MiB
_CHUNK = 1000  # entries read at once
_SENDERS = 4096  # whose next numbers are kept in memory

Place = Settings | str | Path
"""Where a log lies: settings, a PostgreSQL URL, or the path of an SQLite file."""


class Sender(NamedTuple):
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


def open_reader(place: Place) -> LogReader:
    """Open an existing log for reading; raises StoreError when there is none."""
    return LogReader(_open(place, writing=False))


def open_writer(place: Place) -> Log:
    """Open a log for writing, or begin one; raises StoreError, LookupError for missing tiles."""
    return Log(_open(place, writing=True))


def exists(place: Place) -> bool:
    """Whether a log was ever begun there; raises StoreError when that cannot be known."""
    place = _resolve(place)
    if isinstance(place, Path):
        return place.exists()
    from audit.postgres import exists  # noqa: PLC0415 - the driver only where it is used

    return exists(place)


def _resolve(place: Place) -> str | Path:
    if isinstance(place, Settings):
        return place_in(place.audit_dir, place.audit_database_url)
    return place


def _open(place: Place, *, writing: bool) -> Store:
    place = _resolve(place)
    if isinstance(place, Path):
        return SqliteStore(place, writing=writing)
    from audit.postgres import PostgresStore  # noqa: PLC0415 - the driver only where it is used

    return PostgresStore(place, writing=writing)


class LogReader:
    """Reads a log: sees a committed state, and cannot change it."""

    def __init__(self, store: Store):
        self._store = store
        self._full_tiles: dict[tuple[int, int], bytes] = {}
        self._levels: dict[tuple[int, int], list[list[bytes]]] = {}

    def close(self) -> None:
        """Close the connection."""
        self._store.close()

    def count(self) -> int:
        """Return how many entries are committed."""
        ((last,),) = self._store.ask("SELECT max(idx) FROM entry")
        return 0 if last is None else int(last) + 1

    def entry(self, index: int) -> Entry | None:
        """Return one entry, or None."""
        if index >= _NO_END:
            return None
        return next(self.entries(index, index + 1), None)

    def entries(self, begin: int = 0, end: int | None = None) -> Iterator[Entry]:
        """Yield the entries [begin, end) in order; to the last one when `end` is None.

        Reads a thousand at a time and holds no transaction meanwhile: entries never change.
        """
        end = self.count() if end is None else end
        while begin < end:
            rows = self._store.ask(
                "SELECT idx, leaf, body, source, instance, seq FROM entry"
                " WHERE idx >= ? AND idx < ? ORDER BY idx LIMIT ?",
                (begin, end, _CHUNK),
            )
            for index, leaf, body, source, instance, seq in rows:
                yield Entry(index, leaf, body, Sender(source, instance, seq))
            if len(rows) < _CHUNK:
                return
            begin = rows[-1][0] + 1

    def find(self, sender: Sender) -> Entry | None:
        """Return what this sender's event became, if it is stored."""
        rows = self._store.ask(
            "SELECT idx FROM entry WHERE source = ? AND instance = ? AND seq = ?",
            (sender.source, sender.instance, sender.seq),
        )
        return self.entry(rows[0][0]) if rows else None

    def next_seq(self, source: str, instance: str) -> int:
        """Return the number this sender's next event must carry."""
        ((last,),) = self._store.ask(
            "SELECT max(seq) FROM entry WHERE source = ? AND instance = ?", (source, instance)
        )
        return 0 if last is None else int(last) + 1

    def open_intents(self, source: str | None = None, instance: str | None = None) -> list[Entry]:
        """Return the intents nothing has ended yet, of one sender or of all."""
        rows = self._store.ask("SELECT begun FROM intent WHERE ended IS NULL ORDER BY begun")
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
        rows = self._store.ask("SELECT begun, ended FROM intent WHERE id = ?", (name,))
        return (rows[0][0], rows[0][1]) if rows else None

    def last_checkpoint(self) -> str | None:
        """Return the newest signed checkpoint in the database, or None."""
        rows = self._store.ask("SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1")
        return str(rows[0][0]) if rows else None

    def tile(self, level: int, n: int) -> bytes:
        """Return a tile's hashes (1 to 256 of 32 bytes); empty when there is none."""
        kept = self._full_tiles.get((level, n))
        if kept is not None:
            return kept
        rows = self._store.ask("SELECT hashes FROM tile WHERE level = ? AND n = ?", (level, n))
        hashes = bytes(rows[0][0]) if rows else b""
        if len(hashes) == _WIDTH * merkle.HASH_SIZE:
            if len(self._full_tiles) >= _CACHE:
                self._full_tiles.clear()
            self._full_tiles[level, n] = hashes
        return hashes

    def node(self, level: int, n: int) -> bytes:
        """Return the hash of a perfect subtree (see `merkle.Node`)."""
        tile_level, within = divmod(level, TILE_HEIGHT)
        tile, place = divmod(n, _WIDTH >> within)
        levels = self._levels.get((tile_level, tile))
        if levels is None or place >= len(levels[within]):  # unknown, or it may have grown since
            levels = self._read_levels(tile_level, tile)
        if place >= len(levels[within]):
            raise LookupError(f"tile {tile_level}/{tile} is missing or too short")
        return levels[within][place]

    def _read_levels(self, level: int, n: int) -> list[list[bytes]]:
        """Return a tile's own hashes, and those of each level above them within the tile.

        They are kept, of a tile that still grows as well: what a tile has never changes.
        """
        tile = self.tile(level, n)
        whole = range(merkle.HASH_SIZE, len(tile) + 1, merkle.HASH_SIZE)
        levels = [[tile[end - merkle.HASH_SIZE : end] for end in whole]]
        while len(levels) < TILE_HEIGHT:
            levels.append(merkle.parents(levels[-1]))
        if len(self._levels) >= _LEVELS:
            self._levels.clear()
        self._levels[level, n] = levels
        return levels

    def root(self, size: int) -> bytes:
        """Return the tree hash of the first `size` entries, out of the tiles."""
        return merkle.root_hash(self.node, size)


class Log(LogReader):
    """The log as its one writer holds it."""

    def __init__(self, store: Store):
        super().__init__(store)
        try:
            self._follow(self.count())
        except BaseException:
            store.close()
            raise

    def _follow(self, size: int) -> None:
        """Read the tree's frontier out of the tiles."""
        self._frontier = merkle.Frontier.read(self.node, size)
        self._numbers: dict[tuple[str, str], int] = {}
        self._batch: Batch | None = None

    @property
    def size(self) -> int:
        """How many entries there are, this transaction's included."""
        return self._frontier.size if self._batch is None else self._batch.size

    @override
    def next_seq(self, source: str, instance: str) -> int:
        """Return the number this sender's next event must carry."""
        known = self._numbers.get((source, instance))
        if known is None:
            if len(self._numbers) >= _SENDERS:
                self._numbers.clear()
            known = self._numbers[source, instance] = super().next_seq(source, instance)
        return known

    @contextmanager
    def write(self) -> Iterator[Batch]:
        """Open the one transaction of a batch: all of it becomes durable on leaving, or nothing."""
        stored = self._store.begin()
        kept = self._frontier.copy()
        try:
            if stored != kept.size:  # somebody else has written: what we remember is out of date
                self._follow(stored)
                kept = self._frontier.copy()
            self._batch = batch = Batch(self, self._store, self._frontier)
            yield batch
            batch.store()
            self._store.commit()
        except BaseException:
            self._frontier = kept
            self._store.roll_back()
            raise
        finally:
            self._batch = None
        self._numbers |= batch.numbers

    def keep_checkpoint(self, size: int, note: str) -> None:
        """Store a signed checkpoint; one of the same size stays as it is."""
        self._store.run(
            "INSERT INTO checkpoint (size, note) VALUES (?, ?) ON CONFLICT DO NOTHING", (size, note)
        )

    def scrub(self) -> None:
        """Leave nothing of a removed text in the database's files; see each store's own."""
        self._store.scrub()

    def seal(self) -> None:
        """Leave a closed log so that it can be read where nothing can be written."""
        self._store.seal()


Intent = tuple[int | None, int | None]


class Batch:
    """What goes into one transaction. Held in memory and written on leaving, in few statements."""

    def __init__(self, log: Log, store: Store, frontier: merkle.Frontier):
        self._log, self._store, self._frontier = log, store, frontier
        self._entries: list[tuple[int, bytes, bytes, str, str, int]] = []
        self._leaves: list[bytes] = []
        self._begun: dict[str, Intent] = {}  # begun in this batch, ended or not
        self._ended: dict[str, Intent] = {}  # ended in this batch, begun earlier or never
        self._known: dict[str, Intent | None] = {}  # what the database says
        self.numbers: dict[tuple[str, str], int] = {}

    @property
    def size(self) -> int:
        """How many entries the log will have, those of this batch included."""
        return self._frontier.size + len(self._leaves)

    def add(self, body: bytes, sender: Sender) -> Receipt:
        """Append one entry. Its receipt holds only once the transaction has committed."""
        index, leaf = self.size, merkle.leaf_hash(body)
        self._entries.append((index, leaf, body, *sender))
        self._leaves.append(leaf)
        self.numbers[sender[:2]] = sender.seq + 1
        return Receipt(index, leaf.hex())

    def _tiles(self) -> Iterator[tuple[int, int, bytes]]:
        """Grow the tree; yield the tiles that have grown: level, number, hashes."""
        for level, (place, hashes) in enumerate(self._frontier.extend(self._leaves)):
            if level % TILE_HEIGHT:
                continue
            begin = 0
            while begin < len(hashes):
                n, offset = divmod(place + begin, _WIDTH)
                end = begin + _WIDTH - offset
                before = self._log.tile(level // TILE_HEIGHT, n) if offset else b""
                yield level // TILE_HEIGHT, n, before + b"".join(hashes[begin:end])
                begin = end

    def next_seq(self, source: str, instance: str) -> int:
        """Return the number this sender's next event must carry, after those of this batch."""
        number = self.numbers.get((source, instance))
        return self._log.next_seq(source, instance) if number is None else number

    def find(self, sender: Sender) -> Entry | None:
        """Return what this sender's event became, in this batch or before it."""
        for index, leaf, body, *whose in reversed(self._entries):
            if whose == list(sender):
                return Entry(index, leaf, body, sender)
        return self._log.find(sender)

    def foresee(self, names: Collection[str]) -> None:
        """Read at once what is known of these intents."""
        if names:
            marks = ", ".join("?" * len(names))
            found = self._store.ask(
                f"SELECT id, begun, ended FROM intent WHERE id IN ({marks})",  # noqa: S608 - only marks
                tuple(names),
            )
            self._known |= dict.fromkeys(names)
            self._known |= {name: (begun, ended) for name, begun, ended in found}

    def intent(self, name: str) -> Intent | None:
        """Return (index of the intent, index of its end), with what this batch changes."""
        ours = self._begun.get(name) or self._ended.get(name)
        if ours is not None:
            return ours
        if name not in self._known:
            self.foresee([name])
        return self._known[name]

    def begin_intent(self, name: str, index: int) -> None:
        """Note that an intent now waits for its end."""
        if self.intent(name) is not None:
            raise StoreRefused("An intent begins once.")
        self._begun[name] = (index, None)

    def end_intent(self, name: str, index: int) -> None:
        """Note an intent's end; a refusal may come without an intent before it."""
        begun, ended = self.intent(name) or (None, None)
        if ended is not None:
            raise StoreRefused("An intent ends once.")
        (self._begun if name in self._begun else self._ended)[name] = (begun, index)

    def forget(self, begin: int, end: int) -> int:
        """Empty the bodies of the entries [begin, end); return how many. Leaves stay."""
        return self._store.run(
            "UPDATE entry SET body = NULL WHERE idx >= ? AND idx < ? AND body IS NOT NULL",
            (begin, end),
        )

    def store(self) -> None:
        """Write everything; nothing is durable before the transaction has committed."""
        columns = ("idx", "leaf", "body", "source", "instance", "seq")
        if self._entries:
            self._store.insert("entry", columns, self._entries)
        self._store.many(
            "INSERT INTO tile (level, n, hashes) VALUES (?, ?, ?)"
            " ON CONFLICT (level, n) DO UPDATE SET hashes = excluded.hashes",
            list(self._tiles()),
        )
        if self._begun:
            rows = [(name, *what) for name, what in self._begun.items()]
            self._store.insert("intent", ("id", "begun", "ended"), rows)
        self._store.many(
            "INSERT INTO intent (id, ended) VALUES (?, ?)"
            " ON CONFLICT (id) DO UPDATE SET ended = excluded.ended",
            [(name, ended) for name, (_, ended) in self._ended.items()],
        )
