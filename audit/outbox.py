"""What alert rules have found and what is still to be told of it: at least once, kill -9 or not.

What a rule has found and how far it has read are one durable transaction; what is told is a message
that stays until it was taken. Several hits of a rule make one message. Never sends anything.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from audit.saved import Rule, Saved, new_id

MOST_LINES = 20  # of a message; it says how many more there are
ENTRY = "entry:"  # how the keys of entries begin


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing a rule has found: `key` tells it from others, `path` leads to it on the site."""

    key: str
    line: str
    path: str


@dataclass(frozen=True, slots=True)
class Message:
    """One mail or call: the first lines of what it tells of as (line, path), and how it fares.

    Times in ms since 1970; `again` is when to try next, `sent` when it was taken.
    """

    id: str
    rule: str
    made: int
    lines: tuple[tuple[str, str], ...]
    total: int
    is_logged: bool
    attempts: int
    again: int
    sent: int | None
    trouble: str | None


class Outbox:
    """The part of the site's file that alerts work with."""

    def __init__(self, saved: Saved):
        self._saved = saved

    def found(self, rule: Rule, hits: Iterable[Hit], following: int) -> None:
        """Keep what a rule has found and how far it has read, together."""
        with self._saved.write() as connection:
            _add(connection, rule.id, hits)
            connection.execute("UPDATE rule SET next = ? WHERE id = ?", (following, rule.id))

    def turned(self, rules: Sequence[str], level: str, hit: Hit) -> None:
        """Keep that the state of verification has changed, and tell these rules, together."""
        with self._saved.write() as connection:
            connection.execute("UPDATE mood SET level = ?", (level,))
            for rule in rules:
                _add(connection, rule, [hit])

    def mood(self) -> str:
        """Return the state of verification that was last kept: green, amber or red."""
        with self._saved.open() as connection:
            return str(connection.execute("SELECT level FROM mood").fetchone()[0])

    def waiting(self) -> dict[str, int]:
        """Return how many hits wait for a message, by rule."""
        query = "SELECT rule, count(*) FROM hit WHERE message IS NULL GROUP BY rule"
        with self._saved.open() as connection:
            return dict(connection.execute(query).fetchall())

    def last_made(self, rule: str) -> int:
        """Return when a rule's last message was made, 0 if never."""
        with self._saved.open() as connection:
            query = "SELECT coalesce(max(made), 0) FROM message WHERE rule = ?"
            return int(connection.execute(query, (rule,)).fetchone()[0])

    def gather(
        self, connection: sqlite3.Connection, rule: str, at: int, *, is_logged: bool = True
    ) -> Message:
        """Make one message of everything that waits, within the caller's transaction."""
        waits = "FROM hit WHERE rule = ? AND message IS NULL"
        (total,) = connection.execute(f"SELECT count(*) {waits}", (rule,)).fetchone()
        lines = connection.execute(
            f"SELECT line, path {waits} ORDER BY number LIMIT {MOST_LINES}",
            (rule,),
        ).fetchall()
        id = new_id()
        connection.execute(
            "INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, 0, ?, NULL, NULL)",
            (id, rule, at, json.dumps(lines), total, is_logged, at),
        )
        connection.execute(
            "UPDATE hit SET message = ? WHERE rule = ? AND message IS NULL", (id, rule)
        )
        told = tuple((line, path) for line, path in lines)
        return Message(id, rule, at, told, total, is_logged, 0, at, None, None)

    def messages(self, rule: str, *, limit: int = 25) -> list[Message]:
        """Return a rule's newest messages."""
        query = "SELECT * FROM message WHERE rule = ? ORDER BY made DESC, id LIMIT ?"
        return self._messages(query, (rule, limit))

    def latest(self) -> dict[str, Message]:
        """Return each rule's newest message."""
        query = "SELECT message.* FROM message JOIN rule ON rule.id = message.rule ORDER BY made"
        return {message.rule: message for message in self._messages(query, ())}

    def unsent(self) -> list[Message]:
        """Return the messages that nobody has taken yet, the oldest first."""
        return self._messages("SELECT * FROM message WHERE sent IS NULL ORDER BY made, id", ())

    def unlogged(self) -> list[Message]:
        """Return the messages that went out while the log could not be written."""
        return self._messages("SELECT * FROM message WHERE is_logged = 0 ORDER BY made, id", ())

    def logged(self, connection: sqlite3.Connection, id: str) -> None:
        """Note, within the caller's transaction, that a message has its entry."""
        connection.execute("UPDATE message SET is_logged = 1 WHERE id = ?", (id,))

    def taken(self, id: str, at: int) -> None:
        """Note that a message was taken, and let go of the entries it told of."""
        with self._saved.write() as connection:
            connection.execute(
                "UPDATE message SET sent = ?, attempts = attempts + 1, trouble = NULL WHERE id = ?",
                (at, id),
            )
            # a rule never reads an entry twice, but a finding may come again when all are rebuilt
            connection.execute("DELETE FROM hit WHERE message = ? AND key GLOB 'entry:*'", (id,))

    def failed(self, id: str, trouble: str, again: int) -> None:
        """Note that a message was not taken, why, and when to try again."""
        with self._saved.write() as connection:
            connection.execute(
                "UPDATE message SET attempts = attempts + 1, trouble = ?, again = ? WHERE id = ?",
                (trouble, again, id),
            )

    def _messages(self, query: str, values: Sequence[Any]) -> list[Message]:
        with self._saved.open() as connection:
            rows = connection.execute(query, values).fetchall()
        return [_message(row) for row in rows]


def _add(connection: sqlite3.Connection, rule: str, hits: Iterable[Hit]) -> None:
    (last,) = connection.execute(
        "SELECT coalesce(max(number), 0) FROM hit WHERE rule = ?", (rule,)
    ).fetchone()
    connection.executemany(
        "INSERT OR IGNORE INTO hit VALUES (?, ?, ?, ?, NULL, ?)",
        [(rule, hit.key, hit.line, hit.path, last + n) for n, hit in enumerate(hits, 1)],
    )


def _message(row: Sequence[Any]) -> Message:
    id, rule, made, lines, total, is_logged, attempts, again, sent, trouble = row
    told = tuple((line, path) for line, path in json.loads(lines))
    return Message(id, rule, made, told, total, bool(is_logged), attempts, again, sent, trouble)
