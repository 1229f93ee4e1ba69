"""Opening the control store's database: SQLite or PostgreSQL, and how each waits for its turn.

Knows nothing of what is stored.
"""

from __future__ import annotations

import fcntl
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import StaticPool

from enclave.errors import Unavailable

BUSY_MS = 10_000
WRITING = "enclave_writing"  # execution option of connections that will write
ONE_WRITER = 7_236_991  # any constant will do; PostgreSQL's advisory locks are numbers


def engine(url: str, *, only_looks: bool = False) -> Engine:
    """Return an engine whose writers take turns, and which says `Unavailable` when it is away.

    For whoever only looks, SQLite's is a copy in memory, empty where there is no file.
    """
    where = make_url(url)
    if where.get_backend_name() not in ("sqlite", "postgresql"):
        raise Unavailable(
            "The control store is SQLite or PostgreSQL.",
            hint="Set ENCLAVE_CONTROL_URL to sqlite:///… or postgresql+psycopg://…",
        )
    if where.get_backend_name() == "postgresql":
        made = _postgresql(where)
    else:
        made = _copied(where) if only_looks else _sqlite(where)
    event.listen(made, "handle_error", _on_error)
    return made


def _postgresql(where: URL) -> Engine:
    made = create_engine(
        where.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,
        # Whoever waited for a turn must then see what the one before wrote.
        isolation_level="READ COMMITTED",
    )
    event.listen(made, "begin", _on_begin_postgresql)
    return made


def _sqlite(where: URL) -> Engine:
    _prepare_file(Path(where.database or "control.db"))
    made = create_engine(where)
    _listen_sqlite(made)
    return made


def _copied(where: URL) -> Engine:
    made = create_engine("sqlite://", poolclass=StaticPool)
    _listen_sqlite(made)
    path = Path(where.database or "")
    if path.is_file():
        uri = f"{path.absolute().as_uri()}?mode=ro"
        try:
            with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_MS / 1000)) as original:
                memory = made.raw_connection().driver_connection
                assert isinstance(memory, sqlite3.Connection)
                original.backup(memory)
        except sqlite3.Error as error:
            raise Unavailable(
                "The control store cannot be read.", hint="Restore it: docs/how-to/backup.md."
            ) from error
    return made


def _listen_sqlite(made: Engine) -> None:
    event.listen(made, "connect", _on_connect)
    event.listen(made, "begin", _on_begin_sqlite)


def _on_error(context: ExceptionContext) -> Unavailable | None:
    """Let what no caller can help (away, locked for too long, disk full) end in a sentence."""
    if context.is_pre_ping or not isinstance(context.sqlalchemy_exception, OperationalError):
        return None
    return Unavailable(
        "The control store does not answer.",
        hint="Try again; if it stays so, tell the administrator: `enclave doctor` says whether the "
        "disk is full or the database is away.",
    )


def _prepare_file(path: Path) -> None:
    """Make the file and put it in WAL mode, one program at a time: SQLite would not wait for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with closing(sqlite3.connect(path)) as raw:
            raw.execute("PRAGMA journal_mode=WAL")


def _on_connect(raw: DBAPIConnection, _record: object) -> None:
    # We begin transactions ourselves: the driver would leave DDL outside them.
    raw.isolation_level = None
    cursor = raw.cursor()
    for pragma in (f"busy_timeout={BUSY_MS}", "foreign_keys=ON", "synchronous=FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _on_begin_sqlite(connection: Connection) -> None:
    # A writer takes its lock at once: two that began by reading could only fail each other.
    connection.execute(text("BEGIN IMMEDIATE" if _writes(connection) else "BEGIN"))


def _on_begin_postgresql(connection: Connection) -> None:
    # PostgreSQL would let two writers read the same state and each act on it: a project closed by
    # one would be made active by the other. They take turns here too, as SQLite's have to.
    if _writes(connection):
        wait = f"SET LOCAL lock_timeout = {BUSY_MS}"
        connection.exec_driver_sql(f"{wait}; SELECT pg_advisory_xact_lock({ONE_WRITER})")


def _writes(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get(WRITING))
