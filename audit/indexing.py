"""Builds the browsing index out of the log, and keeps it level with it.

The index is a SQLite file of its own that proves nothing: it may be deleted at any time and is
built again. It holds no entry, only sets of entries (see `audit.postings`), so a text that
retention has removed from the log is not kept here either. Never writes to the log.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import chain, takewhile
from pathlib import Path

from pydantic_core import from_json

from audit import terms
from audit.log import Entry, LogReader
from audit.postings import SEGMENT, pack, union, unpack
from audit.terms import Kind, Part, Term
from enclave.events import Action

VERSION = 3
PURGED = "audit.purged"  # what retention logs once it has removed texts
ENDS = frozenset({Action.QUERY_OUTCOME, Action.QUERY_DENIED, Action.INTERRUPTED})

OpenLog = Callable[[], LogReader]

logger = logging.getLogger("audit.index")

_SCHEMA = f"""
CREATE TABLE posting (
  kind TEXT NOT NULL,
  value ANY NOT NULL,
  segment INTEGER NOT NULL,
  places BLOB NOT NULL,
  PRIMARY KEY (kind, value, segment)
) STRICT, WITHOUT ROWID;
CREATE TABLE moment (
  idx INTEGER PRIMARY KEY,
  time INTEGER NOT NULL
) STRICT;
CREATE TABLE level (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  size INTEGER NOT NULL,
  leaf BLOB NOT NULL
) STRICT;
INSERT INTO level VALUES (1, 0, x'');
PRAGMA user_version = {VERSION};
"""  # noqa: S608 - our own number


class IndexStale(sqlite3.DatabaseError):
    """The index belongs to another log, has another form, or knows what retention has removed."""


class Indexer:
    """Keeps the index level with the log. One per process; callers may come from any thread."""

    def __init__(self, path: Path, open_log: OpenLog):
        self._path, self._open_log = path, open_log
        self._lock = threading.Lock()
        self._background: threading.Thread | None = None

    def catch_up(self, most: int | None = None) -> int:
        """Index what is new, where it is at most `most` entries; return how many are left."""
        with self._lock, closing(self._open_log()) as log:
            try:
                return self._follow(log, most)
            except sqlite3.OperationalError:
                raise  # no room, or busy: another index would not help
            except (sqlite3.DatabaseError, ValueError) as error:
                logger.warning("building the index anew: %s", error)
                self._discard()
                return self._follow(log, most)

    def keep_level(self, most: int) -> int:
        """Index what is new if that is quick, else in the background; return how many are left."""
        if self.is_building:
            return self.behind()
        left = self.catch_up(most)
        if left:
            self.build_in_background()
        return left

    def behind(self) -> int:
        """Return how many entries of the log the index does not know yet."""
        with closing(self._open_log()) as log:
            size = log.count()
        try:
            with _opened(self._path) as connection:
                (at,) = connection.execute("SELECT size FROM level").fetchone()
        except sqlite3.DatabaseError:
            at = 0
        return max(0, size - int(at))

    @property
    def is_building(self) -> bool:
        """Whether a thread is at work on a long log."""
        return self._background is not None and self._background.is_alive()

    def build_in_background(self) -> None:
        """Start to index a long log without making anybody wait; one thread at a time."""

        def work() -> None:
            try:
                while self.catch_up(SEGMENT):
                    self._step()
            except (OSError, sqlite3.Error, ValueError) as error:
                logger.error("cannot index the log: %s", error)

        if not self.is_building:
            self.catch_up(0)  # so that there is a file to read
            self._background = threading.Thread(target=work, name="audit-index", daemon=True)
            self._background.start()

    def discard(self) -> None:
        """Throw the index away; the next call builds it."""
        with self._lock:
            self._discard()

    def _step(self) -> None:
        """Index the entries up to the end of a segment."""
        with self._lock, closing(self._open_log()) as log, _opened(self._path) as connection:
            at = _prepare(connection, log)
            _take(connection, log, at, min(log.count(), (at // SEGMENT + 1) * SEGMENT))

    def _follow(self, log: LogReader, most: int | None) -> int:
        size = log.count()
        with _opened(self._path) as connection:
            at = _prepare(connection, log)
            if most is not None and size - at > most:
                return size - at
            while at < size:
                end = min(size, (at // SEGMENT + 1) * SEGMENT)
                _take(connection, log, at, end)
                at = end
        return 0

    def _discard(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def _prepare(connection: sqlite3.Connection, log: LogReader) -> int:
    """Make the tables where they are missing; return how many entries are indexed.

    Raises IndexStale for an index of another log or of another form.
    """
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")  # a lost index is built again
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 0:
        connection.executescript(_SCHEMA)
        # what a process keeps in memory of one index must not be taken for another's
        connection.execute(f"PRAGMA application_id = {secrets.randbits(31)}")
    elif version != VERSION:
        raise IndexStale("it has another form")
    size, leaf = connection.execute("SELECT size, leaf FROM level").fetchone()
    last = log.entry(size - 1) if size else None
    if size and (last is None or last.leaf != leaf):
        raise IndexStale("it belongs to another log")
    return int(size)


def _take(connection: sqlite3.Connection, log: LogReader, begin: int, end: int) -> None:
    """Index the entries [begin, end) of one segment in one transaction."""
    gathered = Gathered(begin // SEGMENT)
    leaf = b""
    for entry in log.entries(begin, end):
        gathered.add(entry)
        leaf = entry.leaf
    if gathered.purged and begin:
        raise IndexStale("texts were removed by retention since it was built")
    connection.execute("PRAGMA cache_size = -65536")
    connection.execute("PRAGMA wal_autocheckpoint = 16000")
    connection.execute("BEGIN IMMEDIATE")
    try:
        _store(connection, gathered, fresh=begin % SEGMENT == 0)
        connection.execute("UPDATE level SET size = ?, leaf = ?", (end, leaf))
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


class Gathered:
    """Entries of one segment, gathered by the parts they have in common.

    Entries repeat persons, projects, columns and query texts, so each of these is put into words
    once and not once an entry: that is what makes building quick.
    """

    def __init__(self, segment: int):
        self.segment = segment
        self.moments: list[tuple[int, int]] = []
        self.begun: set[str] = set()
        self.ended: list[tuple[str, int]] = []
        self.purged = False
        self._parts: defaultdict[Part, list[int]] = defaultdict(list)
        self._terms: dict[Part, set[Term]] = {}

    def add(self, entry: Entry) -> None:
        """Take in one entry; one whose text was removed is not indexed, nor what is no event."""
        if entry.body is None:
            return
        place = entry.index % SEGMENT
        try:
            event = from_json(entry.body)
            parts = list(terms.parts(event))
            for part in parts:
                if part not in self._terms:
                    self._terms[part] = terms.of_part(part)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            logger.warning("entry %d cannot be read as an event", entry.index)
            return
        for part in parts:
            self._parts[part].append(place)
        ours = event["unmapped"]["enclave"]
        self.moments.append((entry.index, event["time"]))
        self._note(ours["action"], ours["intent"], place)

    def _note(self, action: str, intent: str | None, place: int) -> None:
        if intent is not None and action == Action.QUERY_INTENT:
            self.begun.add(intent)
        elif intent is not None and action in ENDS:
            self.ended.append((intent, place))
        self.purged = self.purged or action == PURGED

    def before(self, intent: str, place: int) -> Iterable[int]:
        """Return where this intent stands before a place of this segment."""
        return takewhile(place.__gt__, self._parts[Kind.INTENT.value, intent])

    def postings(self) -> Mapping[Term, list[int]]:
        """Return each term's places, ascending and distinct."""
        found: defaultdict[Term, list[list[int]]] = defaultdict(list)
        for part, places in self._parts.items():
            for term in self._terms[part]:
                found[term].append(places)
        return {term: _together(lists) for term, lists in found.items()}


def _together(lists: Sequence[list[int]]) -> list[int]:
    """Return the places of several ascending lists, ascending and distinct."""
    if len(lists) == 1 and len(lists[0]) == 1:  # most ids
        return lists[0]
    return sorted(set(chain.from_iterable(lists)))


def _store(connection: sqlite3.Connection, gathered: Gathered, *, fresh: bool) -> None:
    """Write what was gathered; a segment that is not fresh may have sets to add to."""
    connection.executemany("INSERT INTO moment VALUES (?, ?)", gathered.moments)
    ended = _begun(connection, gathered)  # before what is gathered stands in the index itself
    rows = sorted((*term, places) for term, places in gathered.postings().items())
    for kind, value, places in rows if not fresh else ():
        _add(connection, (kind, value), gathered.segment, places)
    if fresh:
        connection.executemany(
            "INSERT INTO posting VALUES (?, ?, ?, ?)",
            ((kind, value, gathered.segment, pack(places)) for kind, value, places in rows),
        )
    for segment, places in ended.items():
        _add(connection, (Kind.ENDED.value, ""), segment, places)


def _add(connection: sqlite3.Connection, term: Term, segment: int, places: Iterable[int]) -> None:
    row = connection.execute(
        "SELECT places FROM posting WHERE kind = ? AND value = ? AND segment = ?", (*term, segment)
    ).fetchone()
    merged = pack(sorted(places)) if row is None else union(row[0], sorted(places))
    connection.execute(
        "INSERT OR REPLACE INTO posting VALUES (?, ?, ?, ?)", (*term, segment, merged)
    )


def _begun(connection: sqlite3.Connection, gathered: Gathered) -> Mapping[int, list[int]]:
    """Return, by segment, the entries whose query was ended by a later one that was gathered."""
    found: defaultdict[int, set[int]] = defaultdict(set)
    for intent, place in gathered.ended:
        found[gathered.segment].update(gathered.before(intent, place))
        if intent in gathered.begun:
            continue
        rows = connection.execute(
            "SELECT segment, places FROM posting WHERE kind = ? AND value = ? AND segment <= ?",
            (Kind.INTENT.value, intent, gathered.segment),
        )
        for segment, places in rows.fetchall():
            found[segment].update(int(earlier) for earlier in unpack(places))
    return {segment: sorted(places) for segment, places in found.items() if places}
