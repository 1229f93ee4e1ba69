"""A project's journal of queries: the full text, who asked, what each read and what it cost.

For tying an output to the data behind it, and for budgets. Lies in the project's own directory,
since a query's text may hold what a row holds; audit gets it without literals. Never holds a row
of an answer.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path

from enclave.errors import NotFound, Unavailable
from enclave.events import Verdict
from enclave.model import Lineage
from enclave.settings import Settings

_SCHEMA = """
CREATE TABLE IF NOT EXISTS queries (
    query TEXT PRIMARY KEY,
    session TEXT NOT NULL,
    person TEXT NOT NULL,
    at TEXT NOT NULL,
    sql TEXT NOT NULL,
    views TEXT NOT NULL,
    columns TEXT NOT NULL,
    agencies TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    receipt INTEGER NOT NULL,
    verdict TEXT,
    code TEXT,
    rows INTEGER,
    bytes INTEGER
) STRICT
"""
# What later versions added, in order; `user_version` says how many of them a file has.
_STEPS: tuple[str, ...] = (
    # `sql` is what was run; `asked` what the researcher wrote, where the policy made another of it.
    "ALTER TABLE queries ADD COLUMN asked TEXT",
    "ALTER TABLE queries ADD COLUMN cpu_ms INTEGER",
)
_WRITE = """
INSERT INTO queries (query, session, person, at, sql, views, columns, agencies, epoch, receipt,
                     asked, verdict, code, rows, bytes, cpu_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (query) DO UPDATE SET verdict = excluded.verdict, code = excluded.code,
    rows = excluded.rows, bytes = excluded.bytes, cpu_ms = excluded.cpu_ms
"""
_SPENT = """
SELECT person, count(*), sum(coalesce(rows, 0)), sum(coalesce(bytes, 0)), sum(coalesce(cpu_ms, 0))
FROM queries WHERE substr(at, 1, 10) = ? AND verdict IS NOT ? GROUP BY person
"""
_ANSWERED = (Verdict.ALLOWED.value, Verdict.REWRITTEN.value)


@dataclass(frozen=True, slots=True)
class Entry:
    """One query as it is asked. `receipt` is the place in the audit log of its intent or denial.

    `sql` is the text that is run; `asked` the researcher's own, None where it is the same.
    """

    query: str
    session: str
    person: str
    sql: str
    views: tuple[str, ...]
    columns: tuple[str, ...]
    agencies: tuple[str, ...]
    epoch: int
    receipt: int
    asked: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a query ended: rows and bytes handed out, CPU used, a code if it was refused or failed.

    A verdict of None is that of a query still running.
    """

    verdict: Verdict | None
    rows: int = 0
    bytes: int = 0
    code: str | None = None
    cpu_ms: int = 0


@dataclass(frozen=True, slots=True)
class Spent:
    """What one person's queries of one day cost."""

    queries: int = 0
    rows: int = 0
    bytes: int = 0
    cpu_ms: int = 0


def path(settings: Settings, project: str) -> Path:
    """Return where a project's journal lies."""
    return settings.state_dir / "gateway" / project / "journal.db"


class Journal:
    """The writing end, held by the project's one worker. Safe to use from many threads."""

    def __init__(self, settings: Settings, project: str):
        file = path(settings, project)
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._is_durable: bool | None = None  # unknown until it is set
        file.chmod(0o600)
        self._connection.execute("PRAGMA journal_mode = WAL")
        _upgrade(self._connection)

    def begin(self, entry: Entry, outcome: Outcome | None = None) -> None:
        """Write a query down, and how it ended if it has. Raises Unavailable.

        What has ended with data is durable when this returns. Else audit alone has it durably:
        `end` makes the row durable with its own, before the answer ends. Waiting for the disk
        twice was most of a small query's time (measured).
        """
        ended = outcome or Outcome(None)
        self._execute(
            ended.verdict is not None and ended.verdict.value in _ANSWERED,
            _WRITE,
            *(entry.query, entry.session, entry.person),
            datetime.now(UTC).isoformat(timespec="milliseconds"),
            entry.sql,
            *(_listed(names) for names in (entry.views, entry.columns, entry.agencies)),
            *(entry.epoch, entry.receipt, entry.asked),
            *_values(ended),
        )

    def advance(self, query: str, outcome: Outcome) -> None:
        """Write how far a query has come; outlives this process, if not the machine's power."""
        self._end(query, outcome, durable=False)

    def end(self, query: str, outcome: Outcome) -> None:
        """Write durably how a query ended. Raises Unavailable."""
        self._end(query, outcome, durable=True)

    def spent(self, day: date) -> dict[str, Spent]:
        """Return what each person's queries of a day (UTC) cost; refused ones cost nothing."""
        try:
            with self._lock:
                rows = self._connection.execute(_SPENT, (day.isoformat(), Verdict.DENIED.value))
                return {person: Spent(*counts) for person, *counts in rows}
        except sqlite3.Error:
            raise _shut() from None

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _end(self, query: str, outcome: Outcome, *, durable: bool) -> None:
        self._execute(
            durable,
            "UPDATE queries SET verdict = ?, code = ?, rows = ?, bytes = ?, cpu_ms = ?"
            " WHERE query = ?",
            *_values(outcome),
            query,
        )

    def _execute(self, durable: bool, statement: str, *values: str | int | None) -> None:
        try:
            with self._lock:
                if durable is not self._is_durable:
                    wanted = "FULL" if durable else "NORMAL"
                    self._connection.execute(f"PRAGMA synchronous = {wanted}")
                    self._is_durable = durable
                self._connection.execute(statement, values)
        except sqlite3.Error:
            raise _shut() from None


@lru_cache(maxsize=1024)
def _listed(names: tuple[str, ...]) -> str:
    return json.dumps(names)


def _shut() -> Unavailable:
    return Unavailable(
        "The project's journal cannot be written, so no data is given out.",
        hint="An administrator looks at the disk of the gateway.",
    )


def _values(outcome: Outcome) -> tuple[str | int | None, ...]:
    verdict = None if outcome.verdict is None else outcome.verdict.value
    return (verdict, outcome.code, outcome.rows, outcome.bytes, outcome.cpu_ms)


def _upgrade(connection: sqlite3.Connection) -> None:
    """Bring a journal of any earlier version to this one, in place."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(_SCHEMA)
    (done,) = connection.execute("PRAGMA user_version").fetchone()
    for statement in _STEPS[done:]:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(_STEPS)}")
    connection.execute("COMMIT")


def lineage(settings: Settings, project: str, queries: Sequence[str]) -> tuple[Lineage, ...]:
    """Return what each of a project's finished queries read, in the order asked for.

    Raises NotFound for one that this project has not run to its end.
    """
    file = path(settings, project)
    if not file.exists():
        raise _unknown()
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return tuple(_lineage(connection, project, query) for query in queries)


def _lineage(connection: sqlite3.Connection, project: str, query: str) -> Lineage:
    found = "SELECT * FROM queries WHERE query = ? AND verdict IN (?, ?)"
    row = connection.execute(found, (query, *_ANSWERED)).fetchone()
    if row is None:
        raise _unknown()
    return Lineage(
        query=row["query"],
        project=project,
        person=row["person"],
        sql=row["sql"],
        views=tuple(json.loads(row["views"])),
        columns=tuple(json.loads(row["columns"])),
        agencies=frozenset(json.loads(row["agencies"])),
        receipt=row["receipt"],
        epoch=row["epoch"],
        asked=row["asked"],
    )


def _unknown() -> NotFound:
    return NotFound(
        "This project has not run such a query to its end.",
        hint='A result carries its query\'s id in `.attrs["enclave.query"]`.',
    )
