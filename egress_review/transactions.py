"""What every verb of egress review stands on: one transaction with its audit event.

Decides no rule, and changes nothing of which audit has no receipt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from sqlalchemy import Connection

from egress_review import notices, permissions, policy, store
from egress_review.custody import Custody
from egress_review.model import Request
from egress_review.notices import Notice
from egress_review.policy import Act
from egress_review.store import ReviewStore
from enclave.events import Action, Event, Receipt, Scalar, Verdict
from enclave.settings import Settings
from enclave.store import Appends, ControlStore


class Proves(Appends, Protocol):
    """An audit that also proves what it has given a receipt for: the audit client."""

    def prove(self, receipt: Receipt) -> str:
        """Return a proof (tlog-proof), or raise `AuditUnavailable` or `AuditRefused`."""
        ...


class _Noting:
    """An audit that also notes each receipt inside the transaction that waits for it."""

    def __init__(self, audit: Appends, request: str):
        self._audit, self._request = audit, request
        self.connection: Connection | None = None

    def append(self, event: Event) -> Receipt:
        receipt = self._audit.append(event)
        assert self.connection is not None
        store.add_receipt(self.connection, self._request, event.action, receipt)
        return receipt


class Transactions:
    """The stores, the files and the log that every verb works with."""

    def __init__(self, settings: Settings, control: ControlStore, audit: Proves):
        self.settings, self.control, self.audit = settings, control, audit
        self.reviews = ReviewStore(control.engine)
        self.custody = Custody(settings)

    def _move(self, connection: Connection, request: Request, act: Act) -> Request:
        """Return a held request where the act leads, written. Raises `Conflict`."""
        there = replace(request, state=policy.next_state(request.state, act), changed_at=now())
        store.change(connection, there)
        if there.state is not request.state and there.state in notices.TOLD:
            kind = notices.TOLD[there.state]
            to = self._reviewers(there) if kind is Notice.REVIEW else {there.person}
            self._tell(connection, there, kind, to)
        return there

    def _tell(
        self, connection: Connection, request: Request, kind: Notice, persons: Iterable[str]
    ) -> None:
        """Leave a notice for each person, if mail is sent from here at all."""
        if self.settings.smtp_host:
            notices.write(connection, sorted(persons), request, kind, at=now())

    def _reviewers(self, request: Request) -> set[str]:
        """Return who reviews or checks a request."""
        rules = (permissions.is_reviewer, permissions.is_checker)
        return {
            person.id
            for person in self.control.people().values()
            if person.id != request.person and any(rule(person, request) for rule in rules)
        }

    @contextmanager
    def _record(self, event: Event, request: str) -> Iterator[Connection]:
        noting = _Noting(self.audit, request)
        with self.control.record(noting, event) as connection:
            noting.connection = connection
            yield connection

    def _event(
        self,
        action: Action,
        request: Request,
        actor: str,
        *,
        verdict: Verdict = Verdict.ALLOWED,
        **detail: Scalar,
    ) -> Event:
        views = {view.name: view for view in self.control.policy(request.project).views}
        return Event(
            action=action,
            actor=actor,
            verdict=verdict,
            project=request.project,
            agencies=request.agencies,
            datasets=tuple(sorted({views[v].dataset for v in request.views if v in views})),
            clause=self.control.policy(request.project).agreement,
            session=request.session,
            detail={"request": request.id, **detail},
        )


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)
