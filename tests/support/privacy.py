"""A store with one agreement that has a privacy budget, and programs that spend from it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from egress_review.custody import Custody
from egress_review.methods.privacy_budget import PrivacyBudget, Question
from enclave.errors import AuditUnavailable, EnclaveError
from enclave.events import Action, Event, Receipt
from enclave.model import Method, Policy, PrivateTerms, Protection, QueryMode
from enclave.settings import Settings
from enclave.store import ControlStore, provision

PROJECT = "credential-pay"
TERMS = PrivateTerms(total=3000, release=1000, rows=2)
POINTS = ("before", "drawn", "paid", "receipt", "answered")  # where a spender can be killed


@dataclass
class Receipts:
    """An audit that notes what it gave a receipt for, in a file, durably; or is away."""

    place: Path
    away: bool = False
    die: bool = False

    def append(self, event: Event) -> Receipt:
        if self.away:
            raise AuditUnavailable("The audit log does not answer.")
        if event.action is not Action.OUTPUT_BUDGET_SPENT:
            return Receipt(0, "")
        with self.place.open("a") as file:
            file.write(f"{event.detail['request']}\n")
            file.flush()
            os.fsync(file.fileno())
        if self.die:
            os.kill(os.getpid(), signal.SIGKILL)
        return Receipt(0, "")

    @property
    def logged(self) -> list[str]:
        """Return the requests that a receipt was given for."""
        return self.place.read_text().split() if self.place.exists() else []


def private_policy(terms: PrivateTerms = TERMS) -> Policy:
    """Return a policy of no views with differential privacy; other modules stay unimported."""
    today = date.today()
    return Policy(
        project=PROJECT,
        title="Do credentials pay?",
        purpose="Evaluation",
        agreement=f"dsa-{PROJECT}",
        agreement_sha256="0" * 64,
        researchers=frozenset({"rosa"}),
        views=(),
        rules={},
        mode=QueryMode.AGGREGATE_ONLY,
        starts=today,
        ends=today + timedelta(days=300),
        destroy_by=today + timedelta(days=400),
        protection=Protection(Method.PRIVATE, private=terms),
    )


def question(name: str, terms: PrivateTerms = TERMS) -> Question:
    """Return a question with the fingerprint `name`, asked in the request of that name."""
    return Question(private_policy(terms), name, "rosa", "s1", ("dol",), name)


def settings_at(place: Path) -> Settings:
    """Return the settings of the store at a place."""
    return Settings(state_dir=place / "s", run_dir=place / "r")


def make_store(place: Path) -> ControlStore:
    """Return a store at a place, with the agreement in it."""
    settings = settings_at(place)
    settings.state_dir.mkdir(exist_ok=True)
    store = ControlStore(settings.database_url)
    with store.record(Receipts(place / "log"), Event(Action.AGREEMENT_APPLIED, "adam")) as made:
        provision(made, private_policy())
    return store


def spend(place: Path, name: str, *, killed: str = "") -> int:
    """Run a program that spends for one question; `killed` at a point. Return its exit code."""
    return start(place, [name], killed=killed).wait(timeout=60)


def start(place: Path, names: Sequence[str], *, killed: str = "") -> subprocess.Popen[bytes]:
    """Start a program that asks questions one after another and writes each answer it is given."""
    code = (
        f"from tests.support.privacy import main; main({str(place)!r}, {list(names)}, {killed!r})"
    )
    return subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2])


def main(place: str, names: Sequence[str], killed: str) -> None:
    """Be the spender: append `name answer` to the file of answers for each answer it gets."""
    home = Path(place)
    store = ControlStore(settings_at(home).database_url)
    audit = Receipts(home / "log", die=killed == "receipt")
    budget = PrivacyBudget(store, audit, Custody(settings_at(home)))
    if killed == "paid":
        _die_after(budget)
    for name in names:
        try:
            answer = budget.answer(question(name), lambda: _drawn(killed))
        except EnclaveError as error:
            answer = type(error).__name__.encode()
        if killed == "answered":
            os.kill(os.getpid(), signal.SIGKILL)
        with (home / "answers").open("a") as file:
            file.write(f"{name} {answer.decode()}\n")
    store.close()


def _drawn(killed: str) -> bytes:
    if killed == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    answer = os.urandom(8).hex().encode()
    if killed == "drawn":
        os.kill(os.getpid(), signal.SIGKILL)
    return answer


def _die_after(budget: PrivacyBudget) -> None:
    """Have the spender die once the row is written and nobody has a receipt for it."""
    audit = budget._audit
    audit.append = lambda event: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[method-assign]


def answers(place: Path) -> list[tuple[str, str]]:
    """Return (question, answer) of every answer any spender was given."""
    file = place / "answers"
    lines = file.read_text().splitlines() if file.exists() else []
    return [(line.split()[0], line.split()[1]) for line in lines]
