"""Saved searches and alert rules: the site's own small SQLite file.

Apart from the log on purpose: the log holds what happened, this file what its readers want to hear
of. Every change commits only after its event has a receipt. What waits to be told lies in the same
file (`audit.outbox`). Never decides who may see a search: that is `audit.scope`'s.
"""

from __future__ import annotations

import os
import re
import secrets
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from audit.scope import same_sight
from enclave.errors import Invalid
from enclave.events import Event
from enclave.model import Person
from enclave.store import Appends

MOST_SEARCHES = 200  # a person
MOST_RULES = 100  # a person
NAME_LETTERS = 120

_SCHEMA = """
CREATE TABLE search (
  id TEXT PRIMARY KEY,
  owner TEXT NOT NULL,
  name TEXT NOT NULL,
  asked TEXT NOT NULL,
  shared INTEGER NOT NULL,
  made INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE rule (
  id TEXT PRIMARY KEY,
  owner TEXT NOT NULL,
  trigger TEXT NOT NULL,
  search TEXT REFERENCES search (id),
  channel TEXT NOT NULL,
  url TEXT NOT NULL,
  is_on INTEGER NOT NULL,
  next INTEGER NOT NULL,
  made INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE hit (
  rule TEXT NOT NULL REFERENCES rule (id),
  key TEXT NOT NULL,
  line TEXT NOT NULL,
  path TEXT NOT NULL,
  message TEXT REFERENCES message (id),
  number INTEGER NOT NULL,
  PRIMARY KEY (rule, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX hit_waits ON hit (rule, number) WHERE message IS NULL;
CREATE TABLE message (
  id TEXT PRIMARY KEY,
  rule TEXT NOT NULL REFERENCES rule (id),
  made INTEGER NOT NULL,
  lines TEXT NOT NULL,
  total INTEGER NOT NULL,
  is_logged INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  again INTEGER NOT NULL,
  sent INTEGER,
  trouble TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX message_waits ON message (again) WHERE sent IS NULL;
CREATE INDEX message_rule ON message (rule, made);
CREATE TABLE mood (one INTEGER PRIMARY KEY CHECK (one = 1), level TEXT NOT NULL) STRICT;
INSERT INTO mood VALUES (1, 'green');
PRAGMA user_version = 1;
"""


class Trigger(StrEnum):
    """What a rule waits for."""

    SEARCH = "search"
    ANOMALY = "anomaly"
    UNVERIFIED = "unverified"


class Channel(StrEnum):
    """How a rule tells."""

    MAIL = "mail"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class Search:
    """A saved search: `asked` is the query part of the address it was saved from."""

    id: str
    owner: str
    name: str
    asked: str
    shared: bool
    made: int


@dataclass(frozen=True, slots=True)
class Rule:
    """An alert rule. `next` is the first entry it has not looked at; `url` is a webhook's."""

    id: str
    owner: str
    trigger: Trigger
    search: str | None
    channel: Channel
    url: str
    is_on: bool
    next: int
    made: int


def now_ms() -> int:
    """Return the time in ms since 1970."""
    return time.time_ns() // 1_000_000


def new_id() -> str:
    """Return a name nobody can guess and no address needs to escape."""
    return secrets.token_hex(8)


def checked_name(name: str) -> str:
    """Return a search's name fit for a mail's subject; raises Invalid for one that is not.

    Names travel in mails, so what looks like a social security number is refused.
    """
    plain = " ".join(name.split())
    if not plain or len(plain) > NAME_LETTERS or not plain.isprintable():
        raise Invalid(f"A name has 1 to {NAME_LETTERS} letters on one line.")
    if re.search(r"\d{3}[- ]?\d{2}[- ]?\d{4}", plain):
        raise Invalid("This name holds what looks like a social security number.")
    return plain


def may_use(search: Search, person: str, people: Mapping[str, Person]) -> bool:
    """Whether somebody, by id, may run a search: their own, or one shared by an equal."""
    return search.owner == person or (search.shared and same_sight(people, person, search.owner))


class Saved:
    """The file. Callers may come from any thread or process; each call opens it anew."""

    def __init__(self, path: Path):
        self._path = path

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """Open the file, made where it is missing."""
        if not self._path.exists():
            # webhooks' addresses may carry secrets: nobody else's to read
            os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600))
        with closing(sqlite3.connect(self._path, isolation_level=None, timeout=15)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
                self._make(connection)
            yield connection

    def _make(self, connection: sqlite3.Connection) -> None:
        with _transaction(connection):
            if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
                for statement in _SCHEMA.split(";\n"):
                    connection.execute(statement)

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Open a transaction."""
        with self.open() as connection, _transaction(connection):
            yield connection

    @contextmanager
    def record(self, audit: Appends, event: Event) -> Iterator[sqlite3.Connection]:
        """Open a transaction that commits only once `event` has a receipt."""
        with self.write() as connection:
            yield connection
            audit.append(event)

    # -- searches and rules -----------------------------------------------------------------------

    def searches(self) -> list[Search]:
        """Return every saved search, by name."""
        with self.open() as connection:
            rows = connection.execute("SELECT * FROM search").fetchall()
        found = [
            Search(id, owner, name, asked, bool(shared), made)
            for id, owner, name, asked, shared, made in rows
        ]
        return sorted(found, key=lambda search: (search.name.casefold(), search.id))

    def rules(self) -> list[Rule]:
        """Return every alert rule, the oldest first."""
        with self.open() as connection:
            rows = connection.execute("SELECT * FROM rule ORDER BY made, id").fetchall()
        return [_rule(row) for row in rows]

    def save_search(self, audit: Appends, event: Event, search: Search) -> None:
        """Enter a search; raises Invalid when the person has too many."""
        with self.record(audit, event) as connection:
            _at_most(connection, "search", search.owner, MOST_SEARCHES)
            values = (search.id, search.owner, search.name, search.asked)
            connection.execute(
                "INSERT INTO search VALUES (?, ?, ?, ?, ?, ?)",
                (*values, search.shared, search.made),
            )

    def share_search(self, audit: Appends, event: Event, id: str, *, shared: bool) -> None:
        """Show a search to others of the same role, or no more."""
        with self.record(audit, event) as connection:
            connection.execute("UPDATE search SET shared = ? WHERE id = ?", (shared, id))

    def delete_search(self, audit: Appends, event: Event, id: str) -> None:
        """Remove a search with every rule on it."""
        with self.record(audit, event) as connection:
            rules = connection.execute("SELECT id FROM rule WHERE search = ?", (id,)).fetchall()
            for (rule,) in rules:
                _delete_rule(connection, rule)
            connection.execute("DELETE FROM search WHERE id = ?", (id,))

    def save_rule(self, audit: Appends, event: Event, rule: Rule) -> None:
        """Enter a rule; raises Invalid when the person has too many."""
        with self.record(audit, event) as connection:
            _at_most(connection, "rule", rule.owner, MOST_RULES)
            connection.execute(
                "INSERT INTO rule VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    rule.id, rule.owner, rule.trigger.value, rule.search, rule.channel.value,
                    rule.url, rule.is_on, rule.next, rule.made,
                ),
            )  # fmt: skip

    def switch_rule(self, audit: Appends, event: Event, id: str, *, at: int | None) -> None:
        """Switch a rule on from entry `at` on, or off: then what it has not told is dropped."""
        with self.record(audit, event) as connection:
            if at is None:
                connection.execute("UPDATE rule SET is_on = 0 WHERE id = ?", (id,))
                connection.execute(
                    "DELETE FROM hit WHERE rule = ? AND (message IS NULL OR message IN"
                    " (SELECT id FROM message WHERE sent IS NULL))",
                    (id,),
                )
                connection.execute("DELETE FROM message WHERE rule = ? AND sent IS NULL", (id,))
            else:
                connection.execute("UPDATE rule SET is_on = 1, next = ? WHERE id = ?", (at, id))

    def delete_rule(self, audit: Appends, event: Event, id: str) -> None:
        """Remove a rule with its messages."""
        with self.record(audit, event) as connection:
            _delete_rule(connection, id)


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _at_most(connection: sqlite3.Connection, table: str, owner: str, most: int) -> None:
    query = f"SELECT count(*) FROM {table} WHERE owner = ?"  # noqa: S608 - our own word
    if connection.execute(query, (owner,)).fetchone()[0] >= most:
        raise Invalid(f"You have {most} of these already.", hint="Delete one first.")


def _delete_rule(connection: sqlite3.Connection, id: str) -> None:
    connection.execute("DELETE FROM hit WHERE rule = ?", (id,))
    connection.execute("DELETE FROM message WHERE rule = ?", (id,))
    connection.execute("DELETE FROM rule WHERE id = ?", (id,))


def _rule(row: Sequence[Any]) -> Rule:
    id, owner, trigger, search, channel, url, is_on, following, made = row
    return Rule(
        id, owner, Trigger(trigger), search, Channel(channel), url, bool(is_on), following, made
    )
