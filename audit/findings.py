"""Keeps the findings level with the log, in a file of their own that can be built again.

The pages read it, alerts read it, nothing depends on its survival. Rebuilt whenever the thresholds,
the time zone or the log are others than those it was built from. Holds no query text.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from audit.anomalies import Detector, Finding, Past, finding
from audit.log import LogReader
from audit.sentences import told
from audit.thresholds import Thresholds
from enclave.errors import EnclaveError
from enclave.events import Action

VERSION = 1
CHUNK = 20_000  # entries a transaction
MOST_PASTS = 20_000  # kept in memory

logger = logging.getLogger("audit.findings")

_SCHEMA = f"""
CREATE TABLE built (mark TEXT NOT NULL, next INTEGER NOT NULL, leaf BLOB NOT NULL) STRICT;
CREATE TABLE past (
  scope TEXT NOT NULL,
  person TEXT NOT NULL,
  stored TEXT NOT NULL,
  PRIMARY KEY (scope, person)
) STRICT, WITHOUT ROWID;
CREATE TABLE finding (
  id TEXT PRIMARY KEY,
  scope TEXT NOT NULL,
  kind TEXT NOT NULL,
  person TEXT NOT NULL,
  began INTEGER NOT NULL,
  ended INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  stored TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX finding_scope ON finding (scope, began);
CREATE INDEX finding_last ON finding (scope, last);
PRAGMA user_version = {VERSION};
"""

Opens = Callable[[], LogReader]


@dataclass(frozen=True, slots=True)
class Sought:
    """Which findings are wanted. `scope` is who looks: all entries, or one agency's; never open.

    Times in ms since 1970, `until` excluded; `after` is an entry number: only findings that were
    seen to grow since.
    """

    scope: str
    kind: str | None = None
    person: str | None = None
    since: int | None = None
    until: int | None = None
    after: int | None = None

    def sql(self) -> tuple[str, list[Any]]:
        """Return a WHERE clause and its values."""
        tests = [
            ("kind = ?", self.kind),
            ("person = ?", self.person),
            ("ended >= ?", self.since),
            ("began < ?", self.until),
            ("last >= ?", self.after),
        ]
        used = [(test, value) for test, value in tests if value is not None]
        clause = " AND ".join(["scope = ?", *(test for test, _ in used)])
        return clause, [self.scope, *(value for _, value in used)]


class Findings:
    """The findings' file. One per process; callers may come from any thread."""

    def __init__(self, path: Path, log: Opens, thresholds: Thresholds):
        self._path, self._log, self._thresholds = path, log, thresholds
        self._lock = threading.Lock()
        self._background: threading.Thread | None = None

    def keep_level(self, most: int) -> int:
        """Read what is new if that is quick, else in the background; return how many are left."""
        if self._background is None or not self._background.is_alive():
            self.catch_up(0)  # so that there is a file to read
            if self.behind() <= most:
                return self.catch_up(most)
            self._background = threading.Thread(target=self._follow_all, daemon=True)
            self._background.start()
        return self.behind()

    def behind(self) -> int:
        """Return how many entries of the log have not been read."""
        with closing(self._log()) as log, self.read() as reader:
            return max(0, log.count() - reader.level())

    def _follow_all(self) -> None:
        try:
            while self.catch_up(CHUNK):
                pass
        except (EnclaveError, OSError, sqlite3.Error) as error:
            logger.error("cannot look for anomalies: %s", error)

    def catch_up(self, limit: int | None = None) -> int:
        """Read what is new in the log, at most `limit` entries; return how many are left."""
        with self._lock, closing(self._log()) as log:
            try:
                return self._follow(log, limit)
            except (sqlite3.DatabaseError, ValueError, KeyError, TypeError) as error:
                logger.warning("rebuilding the findings: %s", type(error).__name__)
                for suffix in ("", "-wal", "-shm"):
                    self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
                return self._follow(log, limit)

    def _follow(self, log: LogReader, limit: int | None) -> int:
        size = log.count()
        with closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
            at = self._prepare(connection, log)
            pasts = _Pasts(connection)
            detector = Detector(self._thresholds, pasts.recall)
            end = size if limit is None else min(size, at + limit)
            while at < end:
                step = min(end, at + CHUNK)
                found, leaf, purged = _look(log, detector, at, step)
                # findings, pasts and place become durable together or not at all
                connection.execute("BEGIN IMMEDIATE")
                _keep(connection, found)
                if purged:
                    _forget(connection, log)
                pasts.store()
                connection.execute("DELETE FROM built")
                built = (self._thresholds.mark, step, leaf)
                connection.execute("INSERT INTO built VALUES (?, ?, ?)", built)
                connection.execute("COMMIT")
                at = step
        return size - at

    def _prepare(self, connection: sqlite3.Connection, log: LogReader) -> int:
        """Make the tables where need be; return the next entry. Raises where it must be rebuilt."""
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")  # what is lost is found again
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            connection.executescript(_SCHEMA)
        row = connection.execute("SELECT mark, next, leaf FROM built").fetchone()
        if row is None:
            return 0
        mark, following, leaf = row
        last = log.entry(following - 1)
        if version not in (0, VERSION) or mark != self._thresholds.mark:
            raise ValueError("other thresholds")
        if last is None or last.leaf != leaf:
            raise ValueError("another log")
        return int(following)

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """Open the findings for one page or one look, read-only."""
        address = f"{self._path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, isolation_level=None)) as connection:
            connection.execute("BEGIN")  # all answers come out of one state
            yield Reader(connection)


class Reader:
    """Reads findings; every way in names the scope of who looks."""

    def __init__(self, connection: sqlite3.Connection):
        self._connection = connection

    def find(self, sought: Sought, *, offset: int = 0, limit: int = 25) -> list[Finding]:
        """Return one page of findings, the latest first."""
        clause, values = sought.sql()
        query = (
            f"SELECT stored FROM finding WHERE {clause}"  # noqa: S608 - fixed texts only
            " ORDER BY ended DESC, id LIMIT ? OFFSET ?"
        )
        rows = self._connection.execute(query, [*values, limit, offset])
        return [finding(json.loads(stored)) for (stored,) in rows]

    def level(self) -> int:
        """Return how many entries of the log the findings were made from."""
        row = self._connection.execute("SELECT next FROM built").fetchone()
        return int(row[0]) if row else 0

    def count(self, sought: Sought) -> int:
        """Return how many there are."""
        clause, values = sought.sql()
        query = f"SELECT count(*) FROM finding WHERE {clause}"  # noqa: S608 - fixed texts only
        return int(self._connection.execute(query, values).fetchone()[0])

    def one(self, scope: str, id: str) -> Finding | None:
        """Return one finding that may be seen in this scope, or None."""
        row = self._connection.execute(
            "SELECT stored FROM finding WHERE scope = ? AND id = ?", (scope, id)
        ).fetchone()
        return finding(json.loads(row[0])) if row else None

    def per(self, sought: Sought, column: str) -> dict[str, int]:
        """Return the number of findings for each `kind` or `person`."""
        assert column in ("kind", "person")
        clause, values = sought.sql()
        query = f"SELECT {column}, count(*) FROM finding WHERE {clause} GROUP BY 1"  # noqa: S608 - fixed texts only
        return dict(self._connection.execute(query, values).fetchall())

    def began(self, sought: Sought) -> list[int]:
        """Return when each began, in ms since 1970."""
        clause, values = sought.sql()
        query = f"SELECT began FROM finding WHERE {clause} ORDER BY began"  # noqa: S608 - fixed texts only
        return [int(at) for (at,) in self._connection.execute(query, values)]


class _Pasts:
    """What is remembered of each person, read from the file when first asked for."""

    def __init__(self, connection: sqlite3.Connection):
        self._connection = connection
        self._known: dict[tuple[str, str], Past] = {}
        self._touched: set[tuple[str, str]] = set()

    def recall(self, scope: str, person: str) -> Past:
        """Return the past of a person in a scope; it counts as changed from now on."""
        key = (scope, person)
        self._touched.add(key)
        if key not in self._known:
            row = self._connection.execute(
                "SELECT stored FROM past WHERE scope = ? AND person = ?", key
            ).fetchone()
            self._known[key] = Past.read(json.loads(row[0])) if row else Past()
        return self._known[key]

    def store(self) -> None:
        """Write what has changed, within the caller's transaction."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO past VALUES (?, ?, ?)",
            [(*key, json.dumps(self._known[key].stored())) for key in self._touched],
        )
        self._touched.clear()
        if len(self._known) > MOST_PASTS:
            self._known.clear()


def _look(
    log: LogReader, detector: Detector, begin: int, end: int
) -> tuple[Iterable[Finding], bytes, bool]:
    """Return what the entries [begin, end) make known, the last's leaf, whether texts were removed.

    An entry that cannot be read as an event is left out.
    """
    found: dict[str, Finding] = {}
    leaf, purged = b"", False
    for entry in log.entries(begin, end):
        leaf = entry.leaf
        fact = told(entry.index, entry.body)
        if fact is None:
            if entry.body is not None:
                logger.warning("entry %d cannot be read as an event", entry.index)
            continue
        purged = purged or fact.action is Action.AUDIT_PURGED
        found.update((each.id, each) for each in detector.see(fact))
    return found.values(), leaf, purged


def _forget(connection: sqlite3.Connection, log: LogReader) -> None:
    """Remove the findings whose entries retention has emptied: they tell of a person, too."""
    for id, last in connection.execute("SELECT id, last FROM finding").fetchall():
        entry = log.entry(last)
        if entry is None or entry.body is None:
            connection.execute("DELETE FROM finding WHERE id = ?", (id,))


def _keep(connection: sqlite3.Connection, found: Iterable[Finding]) -> None:
    """Write findings; one that has grown replaces what it was."""
    connection.executemany(
        "INSERT OR REPLACE INTO finding VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                each.id, each.scope, each.kind.value, each.person, each.began, each.ended,
                each.first, each.last, json.dumps(asdict(each)),
            )
            for each in found
        ],
    )  # fmt: skip
