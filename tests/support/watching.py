"""The audit site's room over a log that a test writes itself, without a service in between."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlencode

from audit.alerts import Alerts
from audit.custody import AuditFiles, open_log, sign_checkpoint
from audit.log import Sender
from audit.outbox import Outbox
from audit.saved import Channel, Rule, Search, Trigger, new_id, now_ms
from audit.web.alerts import alerts_of
from audit.web.room import Room
from enclave.errors import AuditUnavailable
from enclave.events import Action, Event, Receipt, Stamp, Verdict, encode
from enclave.model import Person, Role
from enclave.settings import Settings
from enclave.store import ControlStore, put
from tests.support import audit_story

_STEWARD = frozenset({Role.STEWARD})
STEWARDS = {
    "stella": Person("stella", "Stella Stone", "stella@dol.example", _STEWARD, "dol"),
    "stan": Person("stan", "Stan Sato", "stan@oec.example", _STEWARD, "oec"),
    "nora": Person("nora", "Nora Nil", "nora@x.example", _STEWARD),
    "alan": Person("alan", "Alan Ames", "alan@audit.example", frozenset({Role.AUDITOR})),
}


class Book:
    """Stands where the audit client does; may be away."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.is_away = False

    def append(self, event: Event) -> Receipt:
        if self.is_away:
            raise AuditUnavailable("The audit service does not answer.")
        self.events.append(event)
        return Receipt(len(self.events), "00" * 32)

    def states(self) -> list[object]:
        alerted = [e for e in self.events if e.action is Action.AUDIT_ALERTED]
        return [event.detail["state"] for event in alerted]


class Watched:
    """A log, the room over it, and the alerts' loop to be stepped by hand."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.book = Book()
        self.store = ControlStore(settings.database_url)
        with self.store.record(self.book, Event(Action.AGREEMENT_APPLIED, "adam")) as connection:
            for id, person in {**audit_story.PEOPLE, **STEWARDS}.items():
                put(connection, "person", id, person)
        self.room = Room(settings, self.store, self.book)
        self.outbox = Outbox(self.room.saved)
        self._seq = 0
        self.happen()

    @property
    def alerts(self) -> Alerts:
        return alerts_of(self.room)

    def happen(self, *events: Event) -> int:
        """Log events, sign, and return how many entries there are."""
        log, signers = open_log(AuditFiles.of(self.settings), self.settings.origin)
        with closing(log):
            with log.write() as batch:
                for event in events:
                    stamp = Stamp(now_ms(), "gateway", "test", self._seq, f"{self._seq:032x}")
                    batch.add(encode(event, stamp), Sender("gateway", "test", self._seq))
                    self._seq += 1
            sign_checkpoint(log, AuditFiles.of(self.settings), signers)
            return log.size

    def rule(
        self,
        *,
        asked: dict[str, str] | None = None,
        trigger: Trigger = Trigger.SEARCH,
        url: str = "",
        name: str = "Denied on wages",
    ) -> Rule:
        """Enter a search and a rule on it, from here on."""
        search, owner = None, "alma"
        if trigger is Trigger.SEARCH:
            query = urlencode(asked or {"verdict": "denied"})
            search = Search(new_id(), owner, name, query, False, now_ms())
            event = Event(Action.AUDIT_RULE_CHANGED, owner)
            self.room.saved.save_search(self.book, event, search)
        rule = Rule(
            new_id(), owner, trigger, search.id if search else None,
            Channel.WEBHOOK if url else Channel.MAIL, url, True, self.happen(), now_ms(),
        )  # fmt: skip
        self.room.saved.save_rule(self.book, Event(Action.AUDIT_RULE_CHANGED, owner), rule)
        return rule

    def close(self) -> None:
        self.store.close()


def denied(*, number: int = 0) -> Event:
    """A refused query, with a text and a clause no message may repeat."""
    return Event(
        Action.QUERY_DENIED, "rosa", Verdict.DENIED, project="credential-pay", agencies=("dol",),
        clause="dsa-credential-pay, views.wages.columns", intent=f"q-{number}-{time.time_ns()}",
        detail={"sql": "SELECT employer_id FROM wages", "code": "gateway.not-approved"},
    )  # fmt: skip


@contextmanager
def watching(settings: Settings) -> Iterator[Watched]:
    """Make one, and give everything back."""
    watched = Watched(settings)
    try:
        yield watched
    finally:
        watched.close()
