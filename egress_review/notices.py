"""Tells people by mail that it is their turn: which request, where to open it, and nothing of it.

A notice is written in the transaction of the deed it is about, and sent later, at least once: one
that was sent twice has the same id twice. Without a mail server none is written.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, Engine, delete, insert, select, update

from egress_review.model import Request, State
from egress_review.store import notices, preferences
from enclave import mailing
from enclave.errors import NotFound
from enclave.model import Person
from enclave.settings import Settings
from enclave.store import ControlStore

log = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=6)
GIVE_UP = timedelta(days=14)
MOST_AT_ONCE = 200


class Notice(StrEnum):
    """What one may be told of; each can be turned off by whom it is for."""

    REVIEW = "review"
    COMMENT = "comment"
    RETURNED = "returned"
    REJECTED = "rejected"
    RELEASED = "released"


SENTENCES = {
    Notice.REVIEW: "waits for your review",
    Notice.COMMENT: "has a new comment",
    Notice.RETURNED: "came back to you: a reviewer asks for changes",
    Notice.REJECTED: "was rejected",
    Notice.RELEASED: "is released: its files can be downloaded for a limited time",
}
TOLD = {
    State.PROTECTED: Notice.REVIEW,
    State.RETURNED: Notice.RETURNED,
    State.REJECTED: Notice.REJECTED,
    State.RELEASED: Notice.RELEASED,
}
"""What is told when a request has come to a state: the author, and of a review the reviewers."""


@dataclass(frozen=True, slots=True)
class _Due:
    id: str
    person: str
    request: str
    kind: Notice
    written_at: datetime
    attempts: int


def write(
    connection: Connection, persons: Iterable[str], request: Request, kind: Notice, *, at: datetime
) -> None:
    """Put a notice for each person in the outbox, as part of the deed's own transaction."""
    rows = [
        {
            "id": secrets.token_hex(16),
            "person": person,
            "request": request.id,
            "kind": kind.value,
            "written_at": at.isoformat(),
            "attempts": 0,
            "next_at": at.isoformat(),
            "sent_at": "",
        }
        for person in persons
    ]
    if rows:
        connection.execute(insert(notices), rows)


def wanted(engine: Engine, person: str) -> frozenset[Notice]:
    """Return the notices a person gets: all, unless they have chosen."""
    query = select(preferences.c.notices).where(preferences.c.person == person)
    with engine.connect() as connection:
        chosen = connection.execute(query).scalar_one_or_none()
    return frozenset(Notice) if chosen is None else frozenset(map(Notice, json.loads(chosen)))


def choose(connection: Connection, person: str, kinds: Collection[Notice]) -> None:
    """Write down which notices a person wants."""
    connection.execute(delete(preferences).where(preferences.c.person == person))
    row = {"person": person, "notices": json.dumps(sorted(kinds))}
    connection.execute(insert(preferences).values(row))


def deliver(settings: Settings, control: ControlStore, *, at: datetime) -> int:
    """Send what is due; return how many were. What the server does not take is tried again."""
    if not settings.smtp_host:
        return 0
    sent = 0
    for one in _due(control.engine, at):
        try:
            letter = _letter(settings, control, one)
            if letter is not None:
                mailing.send(settings, letter)
                sent += 1
        except mailing.NotSent as error:
            log.warning("notice %s of request %s waits: %s", one.id, one.request, error.sentence)
            _later(control.engine, one, at)
        else:
            _done(control.engine, one, at)
    return sent


def _due(engine: Engine, at: datetime) -> list[_Due]:
    now = at.isoformat()
    waiting = select(notices).where(notices.c.sent_at == "", notices.c.next_at <= now)
    with engine.connect() as connection:
        rows = connection.execute(waiting.order_by(notices.c.next_at).limit(MOST_AT_ONCE)).all()
    return [
        _Due(
            id=row.id,
            person=row.person,
            request=row.request,
            kind=Notice(row.kind),
            written_at=datetime.fromisoformat(row.written_at),
            attempts=row.attempts,
        )
        for row in rows
    ]


def _letter(settings: Settings, control: ControlStore, one: _Due) -> mailing.Letter | None:
    """Return the mail; None for who is gone, has no address or does not want it."""
    try:
        person: Person = control.person(one.person)
    except NotFound:
        return None
    if not person.email or one.kind not in wanted(control.engine, one.person):
        return None
    what = f"Request {one.request} {SENTENCES[one.kind]}."
    where = f"{settings.review_url}/requests/{one.request}"
    text = f"{what}\n\n{where}\n\nWhich of these mails you get: {settings.review_url}/notices\n"
    return mailing.Letter(one.id, person.email, f"Egress review: {what}", text)


def _done(engine: Engine, one: _Due, at: datetime) -> None:
    with engine.begin() as connection:
        mine = update(notices).where(notices.c.id == one.id)
        connection.execute(mine.values(sent_at=at.isoformat(), attempts=one.attempts + 1))


def _later(engine: Engine, one: _Due, at: datetime) -> None:
    if at - one.written_at > GIVE_UP:
        log.error("notice %s of request %s is given up", one.id, one.request)
        _done(engine, one, at)
        return
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2**one.attempts)
    with engine.begin() as connection:
        mine = update(notices).where(notices.c.id == one.id)
        later = (at + wait).isoformat()
        connection.execute(mine.values(next_at=later, attempts=one.attempts + 1))
