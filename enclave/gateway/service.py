"""Answer one project's queries: inspect, log the intent, run, log the outcome, then finish.

No receipt, no data: nothing runs before audit has the intent, and the last batch of an answer is
held back until audit has the outcome. Runs the researcher's own text and no other.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Protocol

import duckdb

from enclave.errors import EnclaveError
from enclave.events import Action, Event, Receipt, Verdict
from enclave.gateway.answer import Answer, Run, failure
from enclave.gateway.inspector import Inspection, Inspector
from enclave.gateway.journal import Entry, Journal, Outcome
from enclave.gateway.refusals import (
    NotInForce,
    QueryDenied,
    SessionEnded,
)
from enclave.model import Policy, Session

log = logging.getLogger(__name__)

BATCH_ROWS = 64 * 1024


class Appends(Protocol):
    """Whoever gives a receipt for an event or raises: the audit client."""

    def append(self, event: Event) -> Receipt:
        """Return proof that the event is durable."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What a project's gateway is made of. `fingerprint_key` keys the hashes of query texts."""

    inspector: Inspector
    engine: duckdb.DuckDBPyConnection
    journal: Journal
    audit: Appends
    fingerprint_key: bytes
    epoch: int = 0
    seconds: int = 300
    today: Callable[[], date] = date.today


class Gateway:
    """One project's queries. Safe to use from many threads."""

    def __init__(self, parts: Parts):
        self.parts = parts
        self._lock = threading.Lock()
        self._open: set[str] = set()
        self._running: dict[str, Run] = {}
        # The policy stands while this process lives, so a verdict does too; refusals are not kept.
        self._inspect = lru_cache(maxsize=256)(parts.inspector.inspect)

    @property
    def policy(self) -> Policy:
        """Return the agreement this gateway holds queries to."""
        return self.parts.inspector.catalogue.policy

    def open_session(self, session: Session) -> None:
        """Let a session ask."""
        with self._lock:
            self._open.add(session.id)

    def close_session(self, session: Session) -> None:
        """Let a session ask no more, and stop what it has running."""
        with self._lock:
            self._open.discard(session.id)
            runs = [run for run in self._running.values() if run.session.id == session.id]
        for run in runs:
            run.stop()

    def check(self, session: Session, sql: str) -> Inspection:
        """Return what the query would read. A refusal is logged before it is raised."""
        try:
            self._check_open(session)
            self._check_in_force()
            return self._inspect(sql)
        except (QueryDenied, SessionEnded) as refused:
            self._log_denial(session, sql, refused)
            raise

    def answer(self, session: Session, sql: str) -> Answer:
        """Inspect, log and start a query; raises the refusal, AuditUnavailable or QueryFailed."""
        inspection = self.check(session, sql)
        query = f"q-{secrets.token_hex(8)}"
        receipt = self.parts.audit.append(self._intent(session, inspection, query))
        self.parts.journal.begin(_entry(session, inspection, query, receipt, self.parts.epoch))
        run = Run(query, session, inspection, self.parts.engine.cursor())
        with self._lock:
            self._running[query] = run
        run.stop_after(self.parts.seconds)
        try:
            self._check_open(session)
            reader = run.cursor.sql(inspection.sql).to_arrow_reader(BATCH_ROWS)
        except (duckdb.Error, SessionEnded) as error:
            failed = failure(error, run)
            self.finish(run, Outcome(Verdict.FAILED, code=failed.code))
            raise failed from None
        return Answer(run, reader, self.finish)

    def catalogue_read(self, session: Session) -> None:
        """Log that a session looked at the catalogue. Raises SessionEnded, AuditUnavailable."""
        self._check_open(session)
        self.parts.audit.append(
            Event(
                Action.CATALOGUE_READ,
                actor=session.person,
                project=session.project,
                agencies=tuple(sorted(self.policy.agencies)),
                datasets=tuple(sorted({view.dataset for view in self.policy.views})),
                clause=self.policy.agreement,
                session=session.id,
            )
        )

    def finish(self, run: Run, outcome: Outcome) -> None:
        """Log how a query ended, in audit and then in the journal; raises if either cannot."""
        with self._lock:
            self._running.pop(run.query, None)
        run.end()
        self.parts.audit.append(self._outcome(run, outcome))
        self.parts.journal.end(run.query, outcome)

    def fingerprint(self, sql: str) -> str:
        """Return a keyed hash of a query's text: equal texts are seen, guesses are not tested."""
        text = sql.encode(errors="surrogatepass")
        return hmac.digest(self.parts.fingerprint_key, text, hashlib.sha256).hex()[:32]

    def _check_open(self, session: Session) -> None:
        with self._lock:
            if session.id not in self._open:
                raise SessionEnded("This session has ended.", hint="Start the workspace again.")

    def _check_in_force(self) -> None:
        policy, today = self.policy, self.parts.today()
        if not policy.starts <= today <= policy.ends:
            raise NotInForce(
                f"The agreement is in force from {policy.starts} to {policy.ends}.",
                clause=f"{policy.agreement}, starts and ends",
                hint="The project's lead asks the agencies to renew it.",
            )

    def _log_denial(self, session: Session, sql: str, refused: EnclaveError) -> None:
        query = f"q-{secrets.token_hex(8)}"
        receipt = self.parts.audit.append(
            Event(
                Action.QUERY_DENIED,
                actor=session.person,
                verdict=Verdict.DENIED,
                project=session.project,
                agencies=tuple(sorted(self.policy.agencies)),
                clause=refused.clause or self.policy.agreement,
                intent=query,
                session=session.id,
                detail={
                    "code": refused.code,
                    "sql": self.parts.inspector.redact(sql),
                    "sql_hmac": self.fingerprint(sql),
                },
            )
        )
        nothing: tuple[str, ...] = ()
        kept = sql[:20_000].encode(errors="replace").decode()
        entry = Entry(
            query, session.id, session.person, kept, nothing, nothing, nothing,
            self.parts.epoch, receipt.index,
        )  # fmt: skip
        self.parts.journal.begin(entry, Outcome(Verdict.DENIED, code=refused.code))

    def _intent(self, session: Session, inspection: Inspection, query: str) -> Event:
        return Event(
            Action.QUERY_INTENT,
            actor=session.person,
            project=session.project,
            agencies=inspection.agencies,
            datasets=inspection.datasets,
            columns=inspection.columns,
            clause=inspection.clause,
            intent=query,
            session=session.id,
            detail={
                "sql": inspection.redacted,
                "sql_hmac": self.fingerprint(inspection.sql),
                "policy_sha256": self.policy.agreement_sha256,
                "epoch": self.parts.epoch,
            },
        )

    def _outcome(self, run: Run, outcome: Outcome) -> Event:
        detail: dict[str, str | int] = {"rows": outcome.rows, "bytes": outcome.bytes}
        if outcome.code:
            detail["code"] = outcome.code
        return Event(
            Action.QUERY_OUTCOME,
            actor=run.session.person,
            verdict=outcome.verdict,
            project=run.session.project,
            agencies=run.inspection.agencies,
            datasets=run.inspection.datasets,
            clause=run.inspection.clause,
            intent=run.query,
            session=run.session.id,
            detail=detail,
        )


def _entry(
    session: Session, inspection: Inspection, query: str, receipt: Receipt, epoch: int
) -> Entry:
    return Entry(
        query=query,
        session=session.id,
        person=session.person,
        sql=inspection.sql,
        views=inspection.views,
        columns=inspection.columns,
        agencies=inspection.agencies,
        epoch=epoch,
        receipt=receipt.index,
    )
