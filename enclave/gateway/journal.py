"""A project's journal of queries: the full text, who asked, and what each query really read.

For tying an output to the data behind it. Lies in the project's own directory, since a query's
text may hold what a row holds; audit gets it without literals. Never holds a row of an answer.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
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


@dataclass(frozen=True, slots=True)
class Entry:
    """One query as it is asked. `receipt` is the place in the audit log of its intent or denial."""

    query: str
    session: str
    person: str
    sql: str
    views: tuple[str, ...]
    columns: tuple[str, ...]
    agencies: tuple[str, ...]
    epoch: int
    receipt: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a query ended: rows and bytes handed out, and the code if it was refused or failed."""

    verdict: Verdict
    rows: int = 0
    bytes: int = 0
    code: str | None = None


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
        file.chmod(0o600)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute(_SCHEMA)

    def begin(self, entry: Entry, outcome: Outcome | None = None) -> None:
        """Write a query down, and how it ended if it has. Raises Unavailable.

        Audit has the intent durably already; `end` makes this row durable with its own, before the
        answer ends. Waiting for the disk twice was most of a small query's time (measured).
        """
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        ended = (outcome.verdict.value, outcome.code) if outcome else (None, None)
        self._execute(
            "NORMAL",
            "INSERT INTO queries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
            entry.query,
            entry.session,
            entry.person,
            at,
            entry.sql,
            json.dumps(entry.views),
            json.dumps(entry.columns),
            json.dumps(entry.agencies),
            entry.epoch,
            entry.receipt,
            *ended,
        )

    def end(self, query: str, outcome: Outcome) -> None:
        """Write durably how a query ended. Raises Unavailable."""
        self._execute(
            "FULL",
            "UPDATE queries SET verdict = ?, code = ?, rows = ?, bytes = ? WHERE query = ?",
            outcome.verdict.value,
            outcome.code,
            outcome.rows,
            outcome.bytes,
            query,
        )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _execute(self, synchronous: str, statement: str, *values: str | int | None) -> None:
        try:
            with self._lock:
                self._connection.execute(f"PRAGMA synchronous = {synchronous}")
                self._connection.execute(statement, values)
        except sqlite3.Error:
            raise Unavailable(
                "The project's journal cannot be written, so no data is given out.",
                hint="An administrator looks at the disk of the gateway.",
            ) from None


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
    found = "SELECT * FROM queries WHERE query = ? AND verdict = ?"
    row = connection.execute(found, (query, Verdict.ALLOWED.value)).fetchone()
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
    )


def _unknown() -> NotFound:
    return NotFound(
        "This project has not run such a query to its end.",
        hint='A result carries its query\'s id in `.attrs["enclave.query"]`.',
    )
