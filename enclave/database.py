"""Opening the control store's database: SQLite or PostgreSQL, and how each waits for its turn.

Knows nothing of what is stored.
"""

from __future__ import annotations

import fcntl
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection

from enclave.errors import Unavailable

BUSY_MS = 10_000
WRITING = "enclave_writing"  # execution option of connections that will write


def engine(url: str) -> Engine:
    """Return an engine whose writers take their lock at once; raises `Unavailable`."""
    where = make_url(url)
    if where.get_backend_name() not in ("sqlite", "postgresql"):
        raise Unavailable(
            "The control store is SQLite or PostgreSQL.",
            hint="Set ENCLAVE_CONTROL_URL to sqlite:///… or postgresql+psycopg://…",
        )
    if where.get_backend_name() == "postgresql":
        return create_engine(where.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    _prepare_file(Path(where.database or "control.db"))
    made = create_engine(where)
    event.listen(made, "connect", _on_connect)
    event.listen(made, "begin", _on_begin)
    return made


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


def _on_begin(connection: Connection) -> None:
    # A writer takes its lock at once: two that began by reading could only fail each other.
    writing = connection.get_execution_options().get(WRITING)
    connection.execute(text("BEGIN IMMEDIATE" if writing else "BEGIN"))
