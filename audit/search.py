"""The browsing index: a second SQLite file beside the log, rebuilt from it whenever need be.

Pages open it read-only. Never the source of truth: an entry's page reads the log itself. Deleting
the index loses nothing.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.log import LogReader
from audit.sentences import Fact, read, searchable
from enclave.events import Action, Verdict

VERSION = 1
CHUNK = 2000  # entries per transaction while catching up
MOST_WORDS = 20
DAY_MS = 86_400_000
HOUR_MS = 3_600_000

logger = logging.getLogger("audit.index")

_SCHEMA = f"""
CREATE TABLE event (
  idx INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  action TEXT NOT NULL,
  actor TEXT NOT NULL,
  verdict TEXT NOT NULL,
  project TEXT,
  intent TEXT,
  fact TEXT NOT NULL
) STRICT;
CREATE TABLE part (
  kind TEXT NOT NULL,
  value TEXT NOT NULL,
  idx INTEGER NOT NULL,
  PRIMARY KEY (kind, value, idx)
) STRICT, WITHOUT ROWID;
CREATE INDEX event_time ON event (time);
CREATE INDEX event_action ON event (action, time);
CREATE INDEX event_actor ON event (actor, time);
CREATE INDEX event_verdict ON event (verdict, time);
CREATE INDEX event_project ON event (project, time);
CREATE INDEX event_intent ON event (intent) WHERE intent IS NOT NULL;
CREATE VIRTUAL TABLE words USING fts5 (text, content = '', tokenize = 'unicode61');
PRAGMA user_version = {VERSION};
"""

_ENDED = """NOT (action = 'query.intent' AND EXISTS (
  SELECT 1 FROM event AS later WHERE later.intent = event.intent AND later.idx > event.idx
  AND later.action IN ('query.outcome', 'query.denied', 'service.interrupted')))"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; None leaves a thing open. Times in ms since 1970, `until` excluded.

    `lookups` includes the entries that looking into this log has itself made; `folded` leaves out
    a query's beginning where its end is there.
    """

    person: str | None = None
    project: str | None = None
    agency: str | None = None
    dataset: str | None = None
    action: str | None = None
    verdict: str | None = None
    since: int | None = None
    until: int | None = None
    words: str | None = None
    intent: str | None = None
    lookups: bool = False
    folded: bool = False

    def sql(self) -> tuple[str, list[Any]]:
        """Return a WHERE clause and its values."""
        tests: list[tuple[str, Any]] = [
            ("actor = ?", self.person),
            ("project = ?", self.project),
            ("action = ?", self.action),
            ("verdict = ?", self.verdict),
            ("intent = ?", self.intent),
            ("time >= ?", self.since),
            ("time < ?", self.until),
            ("idx IN (SELECT idx FROM part WHERE kind = 'agency' AND value = ?)", self.agency),
            ("idx IN (SELECT idx FROM part WHERE kind = 'dataset' AND value = ?)", self.dataset),
            ("idx IN (SELECT rowid FROM words WHERE words MATCH ?)", match(self.words)),
        ]
        used = [(test, value) for test, value in tests if value is not None]
        fixed = [_ENDED] * self.folded
        if not self.lookups and self.action is None:
            fixed.append("action <> 'audit.searched'")
        clause = " AND ".join([*fixed, *(test for test, _ in used)]) or "1"
        return clause, [value for _, value in used]


def match(words: str | None) -> str | None:
    """Return an FTS5 expression in which every word must begin some word of the event."""
    found = (words or "").replace('"', " ").replace("\0", " ").split()[:MOST_WORDS]
    return " ".join(f'"{word}"*' for word in found) or None


@dataclass(frozen=True, slots=True)
class Tally:
    """How often something occurs, how often with a refusal, and when last (ms since 1970)."""

    name: str
    entries: int
    denied: int
    last: int


class Indexer:
    """Keeps the index level with the log. One per process; callers may come from any thread."""

    def __init__(self, path: Path, log: Path):
        self._path, self._log = path, log
        self._lock = threading.Lock()

    def catch_up(self, limit: int | None = None) -> int:
        """Index what is new, at most `limit` entries; return how many are still left."""
        with self._lock, closing(LogReader.open(self._log)) as log:
            try:
                return self._follow(log, limit)
            except sqlite3.DatabaseError as error:
                logger.warning("rebuilding the index: %s", error)
                self._discard()
                return self._follow(log, limit)

    def _follow(self, log: LogReader, limit: int | None) -> int:
        size = log.count()
        with closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
            at = self._prepare(connection, log)
            end = size if limit is None else min(size, at + limit)
            while at < end:
                step = min(end, at + CHUNK)
                _store(connection, _facts(log, at, step))
                at = step
        return size - at

    def _prepare(self, connection: sqlite3.Connection, log: LogReader) -> int:
        """Make the tables where they are missing or of another kind; return the next index."""
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")  # a lost index is built again
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            connection.executescript(_SCHEMA)
        elif version != VERSION:
            raise sqlite3.DatabaseError("the index has another form")
        last, time = connection.execute(
            "SELECT idx, time FROM event ORDER BY idx DESC LIMIT 1"
        ).fetchone() or (-1, 0)
        entry = log.entry(last) if last >= 0 else None
        if last >= 0 and (entry is None or (entry.body and read(last, entry.body).time != time)):
            raise sqlite3.DatabaseError("the index belongs to another log")
        return int(last) + 1

    def _discard(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)


def _facts(log: LogReader, begin: int, end: int) -> Iterator[Fact]:
    for entry in log.entries(begin, end):
        if entry.body is not None:
            yield read(entry.index, entry.body)


def _store(connection: sqlite3.Connection, facts: Iterable[Fact]) -> None:
    connection.execute("BEGIN")
    for fact in facts:
        connection.execute(
            "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                fact.index,
                fact.time,
                fact.action.value,
                fact.actor,
                fact.verdict.value,
                fact.project,
                fact.intent,
                _packed(fact),
            ),
        )
        connection.executemany(
            "INSERT OR IGNORE INTO part VALUES (?, ?, ?)",
            [
                *(("agency", value, fact.index) for value in fact.agencies),
                *(("dataset", value, fact.index) for value in fact.datasets),
                *(("column", value, fact.index) for value in fact.columns),
            ],
        )
        connection.execute(
            "INSERT INTO words (rowid, text) VALUES (?, ?)", (fact.index, searchable(fact))
        )
    connection.execute("COMMIT")


def _packed(fact: Fact) -> str:
    """Return what a list shows of an event beyond its columns."""
    rest = [fact.agencies, fact.datasets, fact.columns, fact.clause, fact.session, fact.source]
    return json.dumps([*rest, dict(fact.detail)])


def _unpacked(row: Sequence[Any]) -> Fact:
    index, time, action, actor, verdict, project, intent, packed = row
    agencies, datasets, columns, clause, session, source, detail = json.loads(packed)
    return Fact(
        index=index,
        time=time,
        actor=actor,
        action=Action(action),
        verdict=Verdict(verdict),
        project=project,
        agencies=tuple(agencies),
        datasets=tuple(datasets),
        columns=tuple(columns),
        clause=clause,
        intent=intent,
        session=session,
        source=source,
        detail=detail,
    )


class Browser:
    """Reads the index for one page."""

    def __init__(self, connection: sqlite3.Connection):
        self._connection = connection

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Browser]:
        """Open the index read-only."""
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            yield cls(connection)

    def count(self, wanted: Wanted) -> int:
        """Return how many entries fit."""
        clause, values = wanted.sql()
        query = f"SELECT count(*) FROM event WHERE {clause}"  # noqa: S608 - fixed texts only
        (number,) = self._connection.execute(query, values).fetchone()
        return int(number)

    def find(
        self, wanted: Wanted, *, offset: int = 0, limit: int = 25, newest_first: bool = True
    ) -> list[Fact]:
        """Return one page of the entries that fit, in the order of the log."""
        clause, values = wanted.sql()
        order = "DESC" if newest_first else "ASC"
        query = (
            f"SELECT * FROM event WHERE {clause}"  # noqa: S608 - fixed texts only
            f" ORDER BY idx {order} LIMIT ? OFFSET ?"
        )
        return [_unpacked(row) for row in self._connection.execute(query, [*values, limit, offset])]

    def choices(self, column: str) -> list[str]:
        """Return the values that occur: of `actor`, `project`, `action`, `agency` or `dataset`.

        Steps from value to value through an index, so the log's size does not matter.
        """
        if column in ("agency", "dataset"):
            table, name, fixed = "part", "value", f"kind = '{column}' AND "
        else:
            table, name, fixed = "event", column, ""
        query = (
            f"WITH RECURSIVE step (v) AS (SELECT min({name}) FROM {table} WHERE {fixed}1 UNION ALL"  # noqa: S608 - our own words
            f" SELECT (SELECT min({name}) FROM {table} WHERE {fixed}{name} > step.v) FROM step"
            " WHERE step.v IS NOT NULL) SELECT v FROM step WHERE v IS NOT NULL"
        )
        return [value for (value,) in self._connection.execute(query)]

    def per_day(self, wanted: Wanted) -> dict[int, int]:
        """Return the number of fitting entries a day; keys are days since 1970, UTC."""
        return self._per(wanted, f"time / {DAY_MS}")

    def per_hour_of_day(self, wanted: Wanted) -> dict[tuple[int, int], int]:
        """Return the number of fitting entries for each (day since 1970, hour of that day)."""
        hours = self._per(wanted, f"time / {HOUR_MS}")
        return {divmod(hour, 24): number for hour, number in hours.items()}

    def _per(self, wanted: Wanted, bucket: str) -> dict[int, int]:
        clause, values = wanted.sql()
        query = f"SELECT {bucket} AS b, count(*) FROM event WHERE {clause} GROUP BY b"  # noqa: S608 - our own words
        return dict(self._connection.execute(query, values).fetchall())

    def tally(self, column: str) -> list[Tally]:
        """Return for each `actor` or `project` how often it occurs."""
        query = (
            f"SELECT {column}, count(*), sum(verdict = 'denied'), max(time) FROM event"  # noqa: S608 - our own words
            f" WHERE {column} IS NOT NULL AND action <> 'audit.searched' GROUP BY {column}"
        )
        return [Tally(*row) for row in self._connection.execute(query)]
