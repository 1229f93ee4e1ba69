"""What audit and the journal are told of a query: its intent, its outcome, its refusal.

Audit gets texts without literals and a keyed hash of the whole; the journal, which lies with the
project, gets the whole. Never decides anything.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from enclave.errors import EnclaveError
from enclave.events import Action, Event, Receipt, Scalar, Verdict
from enclave.gateway.inspector import Inspection
from enclave.gateway.journal import Entry, Journal, Outcome
from enclave.gateway.running import Run
from enclave.model import Policy, Session

_KEPT = 20_000  # characters of a refused text; an allowed one is no longer


class Sends(Protocol):
    """Whoever gives receipts for events: the audit client."""

    def append(self, event: Event) -> Receipt:
        """Return proof that the event is durable, or raise."""
        ...

    def send(self, event: Event) -> Future[Receipt]:
        """Return at once; the future ends within seconds, with proof or an exception."""
        ...


@dataclass(frozen=True, slots=True)
class Records:
    """One project's writing down. `key` keys the hashes of query texts.

    `redact` returns a text without its literals.
    """

    audit: Sends
    journal: Journal
    policy: Policy
    redact: Callable[[str], str]
    key: bytes
    epoch: int

    def send_intent(self, run: Run) -> Future[Receipt]:
        """Send what a query is about to read."""
        return self.audit.send(self._intent(run.session, run.inspection, run.query))

    def send_outcome(self, run: Run, outcome: Outcome) -> Future[Receipt]:
        """Send how a query ended."""
        detail: dict[str, Scalar] = {
            "rows": outcome.rows,
            "bytes": outcome.bytes,
            "cpu_ms": outcome.cpu_ms,
        }
        if outcome.code:
            detail["code"] = outcome.code
        return self.audit.send(
            Event(
                Action.QUERY_OUTCOME,
                actor=run.session.person,
                verdict=outcome.verdict or Verdict.FAILED,
                project=run.session.project,
                agencies=run.inspection.agencies,
                datasets=run.inspection.datasets,
                clause=run.inspection.clause,
                intent=run.query,
                session=run.session.id,
                detail=detail,
            )
        )

    def advance(self, run: Run, stands: Callable[[], Outcome]) -> None:
        """Write into the journal how far a run has come. Raises Unavailable.

        Nothing is written before the intent has a receipt, nor after the end. How it stands is
        asked when it is this one's turn to write: what was told before would be less by then.
        """
        receipt = run.receipt()
        with run.noting:
            if receipt is None or run.is_over:
                return
            outcome = stands()
            self._write(run, receipt, outcome)
            run.noted = (outcome.rows, outcome.bytes)

    def end(self, run: Run, outcome: Outcome) -> None:
        """Write into the journal how a run ended, if it has a receipt. Raises Unavailable."""
        receipt = run.receipt()
        with run.noting:
            if receipt is not None:
                self._write(run, receipt, outcome)

    def _write(self, run: Run, receipt: Receipt, outcome: Outcome) -> None:
        if not run.is_noted:
            self.journal.begin(self._entry(run, receipt), outcome)
            run.is_noted = True
        elif outcome.verdict is None:
            self.journal.advance(run.query, outcome)
        else:
            self.journal.end(run.query, outcome)

    def _entry(self, run: Run, receipt: Receipt) -> Entry:
        asked, ran = run.inspection.asked, run.inspection.sql
        return Entry(
            query=run.query,
            session=run.session.id,
            person=run.session.person,
            sql=ran,
            views=run.inspection.views,
            columns=run.inspection.columns,
            agencies=run.inspection.agencies,
            epoch=self.epoch,
            receipt=receipt.index,
            asked=None if asked == ran else asked,
        )

    def deny(self, session: Session, sql: str, refused: EnclaveError) -> None:
        """Log a refusal in audit, then in the journal; raises if either cannot."""
        query = new_id()
        detail = {**self._text(sql), "code": refused.code}
        clause = refused.clause or self.policy.agreement
        receipt = self.audit.append(
            self._of_text(Action.QUERY_DENIED, session, (query, clause, Verdict.DENIED), detail)
        )
        kept = sql[:_KEPT].encode(errors="replace").decode()
        nothing: tuple[str, ...] = ()
        entry = Entry(
            query, session.id, session.person, kept, nothing, nothing, nothing,
            self.epoch, receipt.index,
        )  # fmt: skip
        self.journal.begin(entry, Outcome(Verdict.DENIED, code=refused.code))

    def explained(self, session: Session, sql: str, verdict: Verdict, code: str | None) -> None:
        """Log that a session had a query explained; raises if audit cannot."""
        detail = {**self._text(sql), "verdict": verdict.value, "code": code}
        about = (None, self.policy.agreement, Verdict.ALLOWED)
        self.audit.append(self._of_text(Action.QUERY_EXPLAINED, session, about, detail))

    def catalogue_read(self, session: Session) -> None:
        """Log that a session looked at the catalogue; raises if audit cannot."""
        self.audit.append(
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

    def _text(self, sql: str) -> dict[str, Scalar]:
        return {"sql": self.redact(sql), "sql_hmac": self._fingerprint(sql)}

    def _fingerprint(self, sql: str) -> str:
        """Return a keyed hash of a query's text: equal texts are seen, guesses are not tested."""
        return _keyed(self.key, sql)

    def _of_text(
        self,
        action: Action,
        session: Session,
        about: tuple[str | None, str, Verdict],
        detail: dict[str, Scalar],
    ) -> Event:
        intent, clause, verdict = about
        return Event(
            action,
            actor=session.person,
            verdict=verdict,
            project=session.project,
            agencies=tuple(sorted(self.policy.agencies)),
            clause=clause,
            intent=intent,
            session=session.id,
            detail=detail,
        )

    def _intent(self, session: Session, inspection: Inspection, query: str) -> Event:
        detail: dict[str, Scalar] = {
            "sql": inspection.redacted,
            "sql_hmac": self._fingerprint(inspection.asked),
            "policy_sha256": self.policy.agreement_sha256,
            "epoch": self.epoch,
        }
        if inspection.sql != inspection.asked:
            detail["ran"] = self.redact(inspection.sql)
        return Event(
            Action.QUERY_INTENT,
            actor=session.person,
            verdict=inspection.verdict,
            project=session.project,
            agencies=inspection.agencies,
            datasets=inspection.datasets,
            columns=inspection.columns,
            clause=inspection.clause,
            intent=query,
            session=session.id,
            detail=detail,
        )


@lru_cache(maxsize=256)
def _keyed(key: bytes, sql: str) -> str:
    text = sql.encode(errors="surrogatepass")
    return hmac.digest(key, text, hashlib.sha256).hex()[:32]


def new_id() -> str:
    """Return an id for a query that nobody can guess."""
    return f"q-{secrets.token_hex(8)}"
