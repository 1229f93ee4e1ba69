"""What each agreement has spent of its ε: spent durably before any answer is given, never less.

One row of the control store holds both, what was spent and the answer it bought, sealed; it is
committed with audit's receipt, and only then does the answer leave this module. So there is no
answer that was not paid for, whatever is killed when. The same question asked again has the same
answer and spends nothing: its numbers tell nothing new. A refused or withdrawn request gives
nothing back: what was drawn may have been seen. Knows no number of a table.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.exceptions import InvalidTag
from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    insert,
    select,
)

from egress_review.custody import Custody
from egress_review.errors import BudgetSpent
from enclave.errors import Unavailable
from enclave.events import Action, Event
from enclave.model import Method, Policy
from enclave.store import Appends, ControlStore
from enclave.vault.keys import seal, unseal

metadata = MetaData()

spent = Table(
    "privacy_spent",
    metadata,
    Column("agreement", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("question", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("epsilon", Integer, nullable=False),
    Column("spent_at", Text, nullable=False),
    Column("answer", Text, nullable=False),
    UniqueConstraint("agreement", "question"),
    CheckConstraint("epsilon > 0"),
)


@dataclass(frozen=True, slots=True)
class Question:
    """A question that an answer is drawn to. `fingerprint` is equal for equal questions only."""

    policy: Policy
    request: str
    person: str
    session: str
    agencies: tuple[str, ...]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Spent:
    """One answer that was paid for: thousandths of ε, by which request first, and when."""

    request: str
    epsilon: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Spending:
    """An agreement's budget, in thousandths of ε, and every answer it bought, oldest first."""

    agreement: str
    total: int
    release: int
    answers: tuple[Spent, ...]

    @property
    def used(self) -> int:
        """Return what is spent."""
        return sum(one.epsilon for one in self.answers)

    @property
    def left(self) -> int:
        """Return what is left; none when an amendment lowered the total below what is spent."""
        return max(0, self.total - self.used)

    @property
    def answers_left(self) -> int:
        """Return how many new questions can still be answered."""
        return self.left // self.release


class _Answered(Exception):
    """Someone else has paid for the same answer in the meantime."""


class PrivacyBudget:
    """The budgets of all agreements. Safe for many threads and programs: spenders take turns."""

    def __init__(self, control: ControlStore, audit: Appends, custody: Custody):
        self._control, self._audit = control, audit
        _, self._key = custody.drawer("privacy")

    def answer(self, question: Question, draw: Callable[[], bytes]) -> bytes:
        """Return the answer to a question: as drawn before, or drawn and paid for now.

        Raises `BudgetSpent` when it cannot be paid for, and `AuditUnavailable` without a receipt.
        """
        known = self._stored(question)
        if known is not None:
            return known
        try:
            with self._control.record(self._audit, _event(question)) as connection:
                if _find(connection, question) is not None:
                    raise _Answered
                _check_affordable(connection, question)
                drawn = draw()
                _pay(connection, question, self._sealed(question, drawn))
        except _Answered:
            drawn = self._stored(question) or b""
        return drawn

    def _stored(self, question: Question) -> bytes | None:
        with self._control.engine.connect() as connection:
            text = _find(connection, question)
        if text is None:
            return None
        try:
            return unseal(self._key, base64.b64decode(text), context=_context(question))
        except (InvalidTag, ValueError):
            raise Unavailable("A stored answer was changed.") from None

    def _sealed(self, question: Question, drawn: bytes) -> str:
        sealed = seal(self._key, drawn, context=_context(question))
        return base64.b64encode(sealed).decode()


def spending(control: ControlStore, project: str) -> Spending | None:
    """Return a project's budget; None unless its agreement's method is `private`."""
    policy = control.policy(project)
    terms = policy.protection.private
    if policy.protection.method is not Method.PRIVATE or terms is None:
        return None
    query = select(spent).where(spent.c.agreement == policy.agreement).order_by(spent.c.number)
    with control.engine.connect() as connection:
        answers = tuple(
            Spent(row.request, row.epsilon, datetime.fromisoformat(row.spent_at))
            for row in connection.execute(query)
        )
    return Spending(policy.agreement, terms.total, terms.release, answers)


def shown(epsilon: int) -> str:
    """Return thousandths of ε as a number to read."""
    return f"{epsilon / 1000:g}"


# Inside a transaction --------------------------------------------------------------------------


def _find(connection: Connection, question: Question) -> str | None:
    query = select(spent.c.answer).where(
        spent.c.agreement == question.policy.agreement, spent.c.question == question.fingerprint
    )
    found: str | None = connection.execute(query).scalar_one_or_none()
    return found


def _check_affordable(connection: Connection, question: Question) -> None:
    terms = question.policy.protection.private
    assert terms is not None  # the method is private
    query = select(func.coalesce(func.sum(spent.c.epsilon), 0))
    used = connection.execute(
        query.where(spent.c.agreement == question.policy.agreement)
    ).scalar_one()
    if used + terms.release > terms.total:
        raise BudgetSpent(
            f"This agreement's privacy budget is spent: of ε {shown(terms.total)}, "
            f"{shown(used)} are used, and an answer needs {shown(terms.release)}.",
            clause=f"{question.policy.agreement}, protection",
            hint="Submitting a table again that was answered before costs nothing. More needs an "
            "amendment that every party signs.",
        )


def _pay(connection: Connection, question: Question, sealed: str) -> None:
    terms = question.policy.protection.private
    assert terms is not None
    mine = spent.c.agreement == question.policy.agreement
    number = connection.execute(select(func.count()).where(mine)).scalar_one() + 1
    row = {
        "agreement": question.policy.agreement,
        "number": number,
        "question": question.fingerprint,
        "request": question.request,
        "epsilon": terms.release,
        "spent_at": datetime.now(UTC).isoformat(),
        "answer": sealed,
    }
    connection.execute(insert(spent).values(row))


def _event(question: Question) -> Event:
    terms = question.policy.protection.private
    assert terms is not None
    return Event(
        action=Action.OUTPUT_BUDGET_SPENT,
        actor=question.person,
        project=question.policy.project,
        agencies=question.agencies,
        clause=question.policy.agreement,
        session=question.session,
        detail={"request": question.request, "epsilon": terms.release / 1000},
    )


def _context(question: Question) -> bytes:
    return f"enclave/egress/privacy/1/{question.policy.agreement}/{question.fingerprint}".encode()
