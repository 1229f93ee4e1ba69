"""The log in PostgreSQL: the tables of `audit.sqlite`, its triggers, and how one writer is kept.

A one-row `head` says how long the log is: every batch locks that row first, so that writers take
turns, and a trigger moves it with the entries, so that it cannot be told anything else. An advisory
lock, held as long as the connection, keeps a second service away. Triggers refuse to change or
delete; a role that does not own the tables cannot drop them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, LiteralString

import psycopg
from psycopg import errors, sql
from psycopg.pq import TransactionStatus

from audit.store import Row, StoreDamaged, StoreError, StoreRefused

_ONE_WRITER = 6_962_002  # any constant will do; advisory locks are numbers
_ASK_SCHEMA = "SELECT to_regclass('head') IS NOT NULL"

_SCHEMA: LiteralString = """
CREATE TABLE entry (
  idx BIGINT PRIMARY KEY,
  leaf BYTEA NOT NULL CHECK (octet_length(leaf) = 32),
  body BYTEA,
  source TEXT NOT NULL,
  instance TEXT NOT NULL,
  seq BIGINT NOT NULL,
  UNIQUE (source, instance, seq)
);
CREATE TABLE tile (
  level INTEGER NOT NULL,
  n BIGINT NOT NULL,
  hashes BYTEA NOT NULL,
  PRIMARY KEY (level, n)
);
CREATE TABLE checkpoint (size BIGINT PRIMARY KEY, note TEXT NOT NULL);
CREATE TABLE intent (id TEXT PRIMARY KEY, begun BIGINT, ended BIGINT);
CREATE INDEX intent_open ON intent (begun) WHERE ended IS NULL;
CREATE TABLE head (one BOOLEAN PRIMARY KEY CHECK (one), size BIGINT NOT NULL);
INSERT INTO head VALUES (true, 0);

CREATE FUNCTION log_refuses() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '%', TG_ARGV[0]; END $$;
CREATE FUNCTION log_grows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE low BIGINT; high BIGINT; many BIGINT;
BEGIN
  SELECT min(idx), max(idx), count(*) INTO low, high, many FROM fresh;
  IF many > 0 THEN
    UPDATE head SET size = high + 1 WHERE size = low AND high - low + 1 = many;
    IF NOT FOUND THEN RAISE EXCEPTION 'the log grows by one entry at its end'; END IF;
  END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION head_follows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.size <> (SELECT coalesce(max(idx) + 1, 0) FROM entry) THEN
    RAISE EXCEPTION 'the head follows the entries';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER entry_grows AFTER INSERT ON entry REFERENCING NEW TABLE AS fresh
  FOR EACH STATEMENT EXECUTE FUNCTION log_grows();
CREATE TRIGGER head_follows BEFORE UPDATE ON head
  FOR EACH ROW EXECUTE FUNCTION head_follows();
CREATE TRIGGER head_stays BEFORE INSERT OR DELETE OR TRUNCATE ON head
  FOR EACH STATEMENT EXECUTE FUNCTION log_refuses('the head stays');
CREATE TRIGGER entry_stays BEFORE DELETE OR TRUNCATE ON entry
  FOR EACH STATEMENT EXECUTE FUNCTION log_refuses('an entry is never deleted');
CREATE TRIGGER entry_same BEFORE UPDATE ON entry FOR EACH ROW
  WHEN ((NEW.idx, NEW.leaf, NEW.source, NEW.instance, NEW.seq)
    IS DISTINCT FROM (OLD.idx, OLD.leaf, OLD.source, OLD.instance, OLD.seq))
  EXECUTE FUNCTION log_refuses('an entry is never changed');
CREATE TRIGGER entry_body BEFORE UPDATE ON entry FOR EACH ROW WHEN (NEW.body IS NOT NULL)
  EXECUTE FUNCTION log_refuses('a body may only be removed by retention');
CREATE TRIGGER tile_stays BEFORE DELETE OR TRUNCATE ON tile
  FOR EACH STATEMENT EXECUTE FUNCTION log_refuses('a tile is never deleted');
CREATE TRIGGER tile_grows BEFORE UPDATE ON tile FOR EACH ROW
  WHEN (NEW.level <> OLD.level OR NEW.n <> OLD.n
    OR substring(NEW.hashes FROM 1 FOR octet_length(OLD.hashes)) IS DISTINCT FROM OLD.hashes)
  EXECUTE FUNCTION log_refuses('a tile only grows');
CREATE TRIGGER checkpoint_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON checkpoint
  FOR EACH STATEMENT EXECUTE FUNCTION log_refuses('a checkpoint is never changed');
CREATE TRIGGER intent_stays BEFORE DELETE OR TRUNCATE ON intent
  FOR EACH STATEMENT EXECUTE FUNCTION log_refuses('an intent is never deleted');
CREATE TRIGGER intent_ends BEFORE UPDATE ON intent FOR EACH ROW
  WHEN (OLD.ended IS NOT NULL OR NEW.id <> OLD.id OR NEW.begun IS DISTINCT FROM OLD.begun)
  EXECUTE FUNCTION log_refuses('an intent ends once');
"""

logger = logging.getLogger("audit.postgres")


@contextmanager
def _errors() -> Iterator[None]:
    """Turn PostgreSQL's errors into ours; never repeats a value or an address."""
    try:
        yield
    except (errors.DataCorrupted, errors.IndexCorrupted) as error:
        raise StoreDamaged("The audit log's database is damaged.") from error
    except psycopg.Error as error:
        said = error.diag.message_primary or "it does not answer"
        forbidden = (
            errors.IntegrityError, errors.RaiseException, errors.DataError,
            errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction,
        )  # fmt: skip
        kind = StoreRefused if isinstance(error, forbidden) else StoreError
        raise kind(f"The audit log's database: {said}.") from error


@lru_cache(maxsize=256)
def _dialect(text: str) -> sql.SQL:
    return sql.SQL(text.replace("?", "%s"))  # only our own texts come here


def _connect(url: str) -> psycopg.Connection[Any]:
    return psycopg.connect(
        url.replace("postgresql+psycopg:", "postgresql:", 1),
        autocommit=True,
        connect_timeout=5,
        application_name="enclave-audit",
        # A server that has vanished is noticed, rather than waited for: callers stand at the gate.
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
        tcp_user_timeout=15_000,
    )


def exists(url: str) -> bool:
    """Whether a log was ever begun in this database."""
    with _errors(), _connect(url) as connection:
        return _has_log(connection)


def make_schema(url: str, name: str) -> None:
    """Make an empty schema for a log that follows another."""
    with _errors(), _connect(url) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))


def _has_log(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute(_ASK_SCHEMA).fetchone()
    return bool(row and row[0])


class PostgresStore:
    """One connection. After a failure it stays broken: open another."""

    def __init__(self, url: str, *, writing: bool):
        with _errors():
            self._connection = _connect(url)
            try:
                self._prepare() if writing else self._only_read()
            except BaseException:
                self._connection.close()
                raise

    def _only_read(self) -> None:
        self._connection.execute("SET default_transaction_read_only = on")
        if not _has_log(self._connection):
            raise StoreError("There is no audit log in this database.")

    def _prepare(self) -> None:
        """Become the one writer, make the tables where there are none, have commits durable."""
        # Should our end vanish, the server lets go of the lock soon.
        for name, value in (("idle", 10), ("interval", 5), ("count", 3)):
            self._set(f"tcp_keepalives_{name}", str(value))
        if not self._one("SELECT pg_try_advisory_lock(%s)", [_ONE_WRITER]):
            raise StoreError("Another process already writes this log.")
        if not _has_log(self._connection):
            with self._connection.transaction():
                self._connection.execute(_SCHEMA)
        if self._one("SELECT current_setting('synchronous_commit')") != "remote_apply":
            self._set("synchronous_commit", "on")
        if self._one("SELECT current_setting('fsync')") == "off":
            logger.error("this server runs with fsync off: a power cut loses what was acknowledged")

    def _one(self, text: LiteralString, values: Row = ()) -> object:
        row = self._connection.execute(text, values).fetchone()
        return row[0] if row else None

    def _set(self, name: str, value: str) -> None:
        self._connection.execute("SELECT set_config(%s, %s, false)", [name, value])

    def ask(self, sql: str, values: Row = ()) -> list[Any]:
        """Return the rows of a statement that has rows."""
        with _errors():
            return self._connection.execute(_dialect(sql), values).fetchall()

    def run(self, sql: str, values: Row = ()) -> int:
        """Execute a statement; return how many rows it changed."""
        with _errors():
            return self._connection.execute(_dialect(sql), values).rowcount

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        """Insert many rows with COPY."""
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        order = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
        with _errors(), self._connection.cursor() as cursor, cursor.copy(order) as copy:
            for row in rows:
                copy.write_row(row)

    def many(self, sql: str, rows: Iterable[Row]) -> None:
        """Execute a statement for each row."""
        with _errors(), self._connection.cursor() as cursor:
            cursor.executemany(_dialect(sql), rows)

    def begin(self) -> int:
        """Begin the one writing transaction there may be; return how many entries there are."""
        with _errors():
            self._connection.execute("BEGIN")
            return int(str(self._one("SELECT size FROM head FOR UPDATE")))

    def commit(self) -> None:
        """Make the transaction durable."""
        with _errors():
            # A transaction that has failed answers COMMIT with ROLLBACK, and without an error.
            if self._connection.execute("COMMIT").statusmessage != "COMMIT":
                raise StoreError("The audit log's database did not commit.")

    def roll_back(self) -> None:
        """Forget the transaction, if there still is one; a broken connection has forgotten it."""
        connection = self._connection
        if not connection.closed and connection.info.transaction_status != TransactionStatus.IDLE:
            with _errors():
                connection.execute("ROLLBACK")

    def scrub(self) -> None:
        """Write the entries' table anew. The server's own write-ahead log it recycles in time."""
        with _errors():
            self._connection.execute("VACUUM FULL entry")

    def seal(self) -> None:
        """Do nothing: a server's tables can be read without writing."""

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
