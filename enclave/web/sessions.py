"""Server-side sessions and log-ins under way.

The browser holds one random id; we hold its SHA-256, so a copy of the table opens nothing. A
session can be ended at any time from our side. Never stores a token of the identity provider.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    MetaData,
    String,
    Table,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.engine import Engine, Row

from enclave.database import WRITING

IDLE_SECONDS = 15 * 60
LIFE_SECONDS = 8 * 3600
LOGIN_SECONDS = 10 * 60
AHEAD_SECONDS = 60  # a session that began or was seen later than this from now ends
TOUCH_SECONDS = 15  # a session is marked as seen at most this often, to spare writes

METADATA = MetaData()
WEB_SESSION = Table(
    "web_session",
    METADATA,
    Column("id_hash", String, primary_key=True),
    Column("site", String, nullable=False),
    Column("person", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("authenticated_at", BigInteger, nullable=False),
    Column("messages", String, nullable=False),
)
WEB_LOGIN = Table(
    "web_login",
    METADATA,
    Column("state_hash", String, primary_key=True),
    Column("browser_hash", String, nullable=False),
    Column("site", String, nullable=False),
    Column("nonce", String, nullable=False),
    Column("verifier", String, nullable=False),
    Column("next", String, nullable=False),
    Column("again", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class WebSession:
    """One browser's open session on one site; times in seconds since 1970.

    `authenticated_at` is when the identity provider last saw the person, 0 if it did not say.
    """

    id_hash: str
    site: str
    person: str
    created_at: int
    seen_at: int
    authenticated_at: int

    @property
    def id(self) -> str:
        """A short name for pages and logs that opens nothing."""
        return self.id_hash[:16]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One log-in under way: what we sent to the identity provider and must get back."""

    state: str
    nonce: str
    verifier: str
    next: str
    again: bool
    created_at: int


@dataclass(frozen=True, slots=True)
class Message:
    """One sentence for the person's next page; kind is USWDS's: success, info, warning, error."""

    text: str
    kind: str = "success"


def hashed(secret: str) -> str:
    """Return the form a random secret is stored in; it has 256 bits, so a plain hash will do."""
    return hashlib.sha256(secret.encode()).hexdigest()


class WebSessions:
    """The sessions of every site, in the control store's tables `web_session` and `web_login`."""

    def __init__(self, engine: Engine, *, clock: Callable[[], float] = time.time):
        self._engine = engine
        self._writing = engine.execution_options(**{WRITING: True})
        self._clock = clock

    def now(self) -> int:
        """Return the seconds since 1970."""
        return int(self._clock())

    def start(self, person: str, *, site: str, authenticated_at: int) -> str:
        """Open a session under a new id and return that id: for the cookie and nobody else."""
        secret, now = secrets.token_urlsafe(32), self.now()
        row = {
            "id_hash": hashed(secret),
            "site": site,
            "person": person,
            "created_at": now,
            "seen_at": now,
            "authenticated_at": authenticated_at,
            "messages": "[]",
        }
        with self._writing.begin() as connection:
            connection.execute(delete(WEB_SESSION).where(_stale(now)))
            connection.execute(insert(WEB_SESSION).values(row))
        return secret

    def find(self, secret: str | None, *, site: str) -> WebSession | None:
        """Return the live session of this cookie on this site and mark it as seen, or None."""
        if not secret:
            return None
        now = self.now()
        mine = (WEB_SESSION.c.id_hash == hashed(secret)) & (WEB_SESSION.c.site == site)
        with self._engine.connect() as connection:
            row = connection.execute(select(WEB_SESSION).where(mine & ~_stale(now))).first()
        if row is None:
            return None
        if now - row.seen_at >= TOUCH_SECONDS:
            with self._writing.begin() as connection:
                connection.execute(update(WEB_SESSION).where(mine).values(seen_at=now))
        return _session(row)

    def open_of(self, person: str) -> tuple[WebSession, ...]:
        """Return the person's live sessions on every site, latest first."""
        wanted = (WEB_SESSION.c.person == person) & ~_stale(self.now())
        order = WEB_SESSION.c.created_at.desc()
        with self._engine.connect() as connection:
            rows = connection.execute(select(WEB_SESSION).where(wanted).order_by(order))
            return tuple(_session(row) for row in rows)

    def end(self, secret: str | None) -> None:
        """End the session of this cookie, if there is one."""
        if secret:
            with self._writing.begin() as connection:
                connection.execute(
                    delete(WEB_SESSION).where(WEB_SESSION.c.id_hash == hashed(secret))
                )

    def end_all(self, person: str) -> int:
        """End every session of a person on every site; return how many there were."""
        with self._writing.begin() as connection:
            mine = delete(WEB_SESSION).where(WEB_SESSION.c.person == person)
            return connection.execute(mine).rowcount

    def say(self, session: WebSession, message: Message) -> None:
        """Keep a sentence for the person's next page."""
        mine = WEB_SESSION.c.id_hash == session.id_hash
        with self._writing.begin() as connection:
            kept = connection.execute(select(WEB_SESSION.c.messages).where(mine)).scalar() or "[]"
            messages = [*json.loads(kept), [message.text, message.kind]][-5:]
            values = update(WEB_SESSION).where(mine).values(messages=json.dumps(messages))
            connection.execute(values)

    def hear(self, session: WebSession) -> tuple[Message, ...]:
        """Return what was kept for this page, once."""
        mine = WEB_SESSION.c.id_hash == session.id_hash
        with self._engine.connect() as connection:
            kept = connection.execute(select(WEB_SESSION.c.messages).where(mine)).scalar()
        if not kept or kept == "[]":
            return ()
        with self._writing.begin() as connection:
            connection.execute(update(WEB_SESSION).where(mine).values(messages="[]"))
        return tuple(Message(text, kind) for text, kind in json.loads(kept))

    def begin_login(self, *, site: str, browser: str, next: str, again: bool) -> Attempt:
        """Remember a log-in that starts now in this browser."""
        attempt = Attempt(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            next=next,
            again=again,
            created_at=self.now(),
        )
        row = {
            "state_hash": hashed(attempt.state),
            "browser_hash": hashed(browser),
            "site": site,
            "nonce": attempt.nonce,
            "verifier": attempt.verifier,
            "next": next,
            "again": int(again),
            "created_at": attempt.created_at,
        }
        old = WEB_LOGIN.c.created_at <= attempt.created_at - LOGIN_SECONDS
        with self._writing.begin() as connection:
            connection.execute(delete(WEB_LOGIN).where(old))
            connection.execute(insert(WEB_LOGIN).values(row))
        return attempt

    def take_login(self, state: str, *, site: str, browser: str) -> Attempt | None:
        """Return the log-in that was begun with this state in this very browser, once."""
        mine = (
            (WEB_LOGIN.c.state_hash == hashed(state))
            & (WEB_LOGIN.c.browser_hash == hashed(browser))
            & (WEB_LOGIN.c.site == site)
            & (WEB_LOGIN.c.created_at > self.now() - LOGIN_SECONDS)
        )
        with self._writing.begin() as connection:
            row = connection.execute(select(WEB_LOGIN).where(mine)).first()
            # the delete decides: of two requests with the same state only one may go on
            if row is None or connection.execute(delete(WEB_LOGIN).where(mine)).rowcount != 1:
                return None
        return Attempt(state, row.nonce, row.verifier, row.next, bool(row.again), row.created_at)


def _stale(now: int) -> Any:
    """Return what has ended. What was seen in the future was seen by a clock that ran ahead.

    It would live, and its log-in count as fresh, for as much longer as the clock was set back.
    """
    seen, created = WEB_SESSION.c.seen_at, WEB_SESSION.c.created_at
    return (
        (seen <= now - IDLE_SECONDS)
        | (created <= now - LIFE_SECONDS)
        | (seen > now + AHEAD_SECONDS)
        | (created > now + AHEAD_SECONDS)
    )


def _session(row: Row[Any]) -> WebSession:
    return WebSession(
        id_hash=row.id_hash,
        site=row.site,
        person=row.person,
        created_at=row.created_at,
        seen_at=row.seen_at,
        authenticated_at=row.authenticated_at,
    )
