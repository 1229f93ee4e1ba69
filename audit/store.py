"""What a log asks of its database: rows in, rows out, transactions that are durable or nothing.

Knows nothing of trees, events or signatures. SQL is written once, for both databases, with `?`
for values; what differs (the tables, how to connect, who may write) lies in `audit.sqlite` and
`audit.postgres`. Whatever a database reports ends here as one of two errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from enclave.errors import Unavailable

Row = Sequence[Any]


class StoreError(Unavailable):
    """The log's database is away, busy or full: worth another attempt."""

    code = "audit.store-failed"


class StoreRefused(StoreError):
    """The log's database forbids this: a trigger, a constraint, a right that is not given."""

    code = "audit.store-refused"


class StoreDamaged(StoreError):
    """The log's database is there and cannot be read as one."""

    code = "audit.store-damaged"


def place_in(directory: Path, database: str | None) -> str | Path:
    """Return where the log of a directory lies: its SQLite file, or a schema of the database.

    The first log of an enclave lies in the database's default schema; one that followed another
    has a schema of its own, named in the file `schema`.
    """
    if database is None:
        return directory / "log.db"
    named = directory / "schema"
    if not named.exists():
        return database
    option = quote(f"-csearch_path={named.read_text().strip()}")
    return f"{database}{'&' if '?' in database else '?'}options={option}"


class Store(Protocol):
    """One connection. Every method raises StoreError or one of its kinds."""

    def ask(self, sql: str, values: Row = ()) -> list[Any]:
        """Return the rows of a statement that has rows."""
        ...

    def run(self, sql: str, values: Row = ()) -> int:
        """Execute a statement; return how many rows it changed."""
        ...

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        """Insert many rows at once, the fastest way there is."""
        ...

    def many(self, sql: str, rows: Iterable[Row]) -> None:
        """Execute a statement for each row."""
        ...

    def begin(self) -> int:
        """Begin the one writing transaction there may be; return how many entries there are."""
        ...

    def commit(self) -> None:
        """Make the transaction durable."""
        ...

    def roll_back(self) -> None:
        """Forget the transaction, if there still is one."""
        ...

    def scrub(self) -> None:
        """Leave nothing of a removed text in the database's files, as far as it can be helped."""
        ...

    def seal(self) -> None:
        """Leave the log so that it can be read where nothing can be written."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...
