"""Answer one project's queries: inspect, log the intent, run, log the outcome, then finish.

No receipt, no data: the engine may start while the intent is on its way to audit, but nothing of
an answer, neither its columns nor an error of the engine, is given out before audit has the
intent; and the last batch (of a small answer: all) is held back until audit and the journal have
the outcome. Runs the text that was inspected and no other.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from threading import Lock

import pyarrow as pa

from enclave.errors import EnclaveError
from enclave.events import Receipt
from enclave.gateway.answer import Answer, Beginning, Stream, begin, outcome_of, standing
from enclave.gateway.budgets import Ledger
from enclave.gateway.engine import Engine
from enclave.gateway.inspector import Inspection, Inspector
from enclave.gateway.inspector.parameters import Values, render
from enclave.gateway.journal import Journal
from enclave.gateway.records import Records, Sends, new_id
from enclave.gateway.refusals import (
    BudgetSpent,
    ClientGone,
    NotInForce,
    NotUnderstood,
    QueryDenied,
    QueryFailed,
    QueryStopped,
    SessionEnded,
    TooMany,
)
from enclave.gateway.running import Most, Run, Running
from enclave.model import Policy, Session

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a project's gateway is made of. `fingerprint_key` keys the hashes of query texts.

    `seconds` is how long one query may take, waiting for its client included.
    """

    inspector: Inspector
    engine: Engine
    journal: Journal
    audit: Sends
    fingerprint_key: bytes
    epoch: int = 0
    seconds: int = 300
    most: Most = field(default_factory=Most)
    today: Callable[[], date] = date.today


class Gateway:
    """One project's queries. Safe to use from many threads."""

    def __init__(self, parts: Parts):
        self.parts = parts
        self._lock = Lock()
        self._open: set[str] = set()
        self._records = Records(
            audit=parts.audit,
            journal=parts.journal,
            policy=self.policy,
            redact=lru_cache(maxsize=256)(parts.inspector.redact),
            key=parts.fingerprint_key,
            epoch=parts.epoch,
        )
        self._running = Running(parts.most, self._note)
        self._ledger = Ledger(self.policy, parts.journal)
        # The policy stands while this process lives, so a verdict does too; refusals are not kept.
        self._inspect = lru_cache(maxsize=256)(parts.inspector.inspect)

    @property
    def policy(self) -> Policy:
        """Return the agreement this gateway holds queries to."""
        return self.parts.inspector.catalogue.policy

    @property
    def deaf_seconds(self) -> float:
        """Return for how long a query has gone on since it was told to stop."""
        return self._running.deaf()

    def open_session(self, session: Session) -> None:
        """Let a session ask."""
        with self._lock:
            self._open.add(session.id)

    def close_session(self, session: Session) -> None:
        """Let a session ask no more, and stop what it has running."""
        with self._lock:
            self._open.discard(session.id)
        self._running.stop_session(
            session.id, QueryStopped("The query was stopped: its session has ended.")
        )

    def check(self, session: Session, sql: str) -> Inspection:
        """Return what the query would read. A refusal is logged before it is raised."""
        with self._denials(session, sql):
            self._check_open(session)
            self._check_in_force()
            return self._inspect(sql)

    def answer(
        self,
        session: Session,
        sql: str,
        parameters: Values | None = None,
        *,
        started: Callable[[Callable[[], None]], None] | None = None,
    ) -> Answer:
        """Inspect, log and run a query up to its first batches.

        `started` is called with what stops the query, before it runs. Raises the refusal, TooMany,
        AuditUnavailable, QueryFailed or QueryStopped.
        """
        run = self._admit(session, self._inspected(session, sql, parameters))
        try:
            if started is not None:
                started(lambda: run.stop(ClientGone("The client cancelled or has gone.")))
            return self._run(run)
        except Exception as error:
            run.work.close()
            run.lease.give_back(run.lease.rows, run.lease.bytes)  # nothing was handed out
            if run.end():
                self._log_failure(run, error)
            raise

    def explain(self, session: Session, sql: str, parameters: Values | None = None) -> pa.Table:
        """Return the verdict on a query and its reasons as a table, without running it."""
        text = self._rendered(session, sql, parameters)
        with self._denials(session, sql):
            self._check_open(session)
            explanation = self.parts.inspector.explain(text)
        self._records.explained(session, sql, explanation.verdict, explanation.code)
        return explanation.table()

    def deny(self, session: Session, sql: str, refused: QueryDenied) -> None:
        """Log the refusal of what no reader has seen: a message that holds no query, or half one.

        Raises AuditUnavailable.
        """
        self._records.deny(session, sql, refused)

    def catalogue_read(self, session: Session) -> None:
        """Log that a session looked at the catalogue. Raises SessionEnded, AuditUnavailable."""
        self._check_open(session)
        self._records.catalogue_read(session)

    def _inspected(self, session: Session, sql: str, parameters: Values | None) -> Inspection:
        return self.check(session, self._rendered(session, sql, parameters))

    def _rendered(self, session: Session, sql: str, parameters: Values | None) -> str:
        with self._denials(session, sql):
            return render(sql, parameters)

    @contextmanager
    def _denials(self, session: Session, sql: str) -> Iterator[None]:
        """Log a refusal before it is raised; what no reader has foreseen is one as well."""
        try:
            yield
        except (QueryDenied, SessionEnded) as refused:
            self._records.deny(session, sql, refused)
            raise
        except EnclaveError:
            raise
        except Exception as broken:
            log.exception("a query could not be inspected: %s", type(broken).__name__)
            unknown = NotUnderstood(
                "The query could not be inspected.", hint="Tell the administrator when you asked."
            )
            self._records.deny(session, sql, unknown)
            raise unknown from None

    def _admit(self, session: Session, inspection: Inspection) -> Run:
        """Give a query its place and its lease; refusals of both are logged."""
        try:
            self._running.take_place(session.id)
            return self._entered(session, inspection)
        except (QueryDenied, SessionEnded, TooMany) as refused:
            self._records.deny(session, inspection.asked, refused)
            raise

    def _entered(self, session: Session, inspection: Inspection) -> Run:
        """Watch a query that has a place; whatever goes wrong gives the place back."""
        with ExitStack() as undo:
            undo.callback(self._running.leave_place, session.id)
            lease = self._ledger.admit(session.person)
            work = self.parts.engine.start(inspection)
            undo.callback(work.close)
            until = time.monotonic() + self.parts.seconds
            run = Run(new_id(), session, inspection, work, lease, until)
            self._running.enter(run)
            undo.pop_all()
            undo.callback(work.close)
            undo.callback(self._running.leave, run)  # which gives the place back
            self._check_open(session)  # it may have ended since; from here on its end stops the run
            undo.pop_all()
            return run

    def _run(self, run: Run) -> Answer:
        run.intent = self._records.send_intent(run)
        run.intent.add_done_callback(lambda intent: _stop_without_receipt(run, intent))
        begun = begin(run)  # while audit makes the intent durable
        if begun.schema is not None and not begun.is_whole and begun.error is None:
            run.intent.result()
            self._note(run)
            return Stream(run, begun, advance=self._note, finish=self._finish)
        run.work.close()
        return self._conclude(run, run.intent, begun)

    def _conclude(self, run: Run, intent: Future[Receipt], begun: Beginning) -> Answer:
        """Log a whole answer's outcome, or a failure's, beside its intent, and wait for both."""
        error = begun.error or _overdraft(run, begun)
        if intent.done():
            intent.result()  # an intent that audit does not have wants no outcome
        run.end()
        self._running.leave(run)
        outcome = outcome_of(run, error)
        sent = self._records.send_outcome(run, outcome)
        intent.result()
        self._records.end(run, outcome)
        try:
            sent.result()
        except EnclaveError as lost:
            run.lease.give_back(run.lease.rows, run.lease.bytes)
            with suppress(EnclaveError):
                self._records.end(run, outcome_of(run, lost))
            raise
        if error is not None:
            raise error
        return Answer(run.query, begun.schema, begun.batches)

    def _finish(self, run: Run, error: EnclaveError | None) -> bool:
        """Log how a stream ended, in audit and then in the journal; raises if either cannot."""
        if not run.end():
            return False
        self._running.leave(run)
        outcome = outcome_of(run, error)
        self._records.send_outcome(run, outcome).result()
        self._records.end(run, outcome)
        return True

    def _log_failure(self, run: Run, error: Exception) -> None:
        """Log a query that failed on the way; without its intent in audit there is nothing to."""
        self._running.leave(run)
        if run.receipt() is None:
            return
        known = error if isinstance(error, EnclaveError) else QueryFailed("The gateway failed.")
        with suppress(EnclaveError):
            self._records.send_outcome(run, outcome_of(run, known)).result()
            self._records.end(run, outcome_of(run, known))

    def _note(self, run: Run) -> None:
        """Write down how far a run has come, before more of it is handed out.

        Twice as far, so that a long answer is not written down at each of its batches; a process
        that dies in the middle of one counts at most that much too much.
        """
        self._records.advance(run, lambda: standing(run, times=2))

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


def _overdraft(run: Run, begun: Beginning) -> EnclaveError | None:
    """Draw what a whole answer costs; return the refusal if that is too much."""
    rows = sum(batch.num_rows for batch in begun.batches)
    size = sum(batch.nbytes for batch in begun.batches)
    try:
        run.lease.draw(rows, size)
    except BudgetSpent as spent:
        return spent
    return None


def _stop_without_receipt(run: Run, intent: Future[Receipt]) -> None:
    error = intent.exception()
    if isinstance(error, EnclaveError):
        run.stop(error)
