"""Budgets: what a project and each of its people may ask in one day (UTC), and what they have.

Queries are counted before they run, rows and bytes before they are handed out, under one lock, so
that queries side by side cannot spend the same rest twice. CPU seconds are those of this process,
read four times a second and shared evenly among the queries it works on then (not those that wait
for their client), and what an engine elsewhere reports; a query may overrun by what it uses in
between. Counts outlive the process in the journal. Refused queries cost nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from enclave.gateway.journal import Journal, Spent
from enclave.gateway.refusals import BudgetSpent
from enclave.model import Budget, Policy


@dataclass(eq=False, slots=True)
class Account:
    """What somebody has spent of a budget today."""

    whose: str
    budget: Budget
    queries: int = 0
    rows: int = 0
    bytes: int = 0
    cpu_seconds: float = 0.0

    def add(self, spent: Spent) -> None:
        """Add what was spent."""
        self.queries += spent.queries
        self.rows += spent.rows
        self.bytes += spent.bytes
        self.cpu_seconds += spent.cpu_ms / 1000

    def short_of(self, *, queries: int = 0, rows: int = 0, bytes: int = 0) -> str:
        """Return the word for what does not suffice for this much more, or nothing."""
        budget = self.budget
        wanted = (
            ("queries", self.queries + queries, budget.queries),
            ("rows", self.rows + rows, budget.rows),
            ("bytes", self.bytes + bytes, budget.bytes),
        )
        for word, total, bound in wanted:
            if bound is not None and total > bound:
                return word
        if budget.cpu_seconds is not None and self.cpu_seconds >= budget.cpu_seconds:
            return "CPU seconds"
        return ""

    def is_empty(self) -> str:
        """Return the word for what is spent to the last, or nothing."""
        return self.short_of(queries=1, rows=1, bytes=1)

    def says(self, word: str) -> str:
        """Return a sentence of what is spent, of what."""
        name = word.replace("CPU ", "cpu_")
        spent, bound = getattr(self, name), getattr(self.budget, name)
        return f"{self.whose} has used {int(spent):,} of {bound:,} {word} for today."


@dataclass(eq=False, slots=True)
class Lease:
    """One query's side of the ledger: whose accounts it draws on, and what it has drawn."""

    ledger: Ledger
    day: date
    accounts: tuple[Account, ...]
    rows: int = 0
    bytes: int = 0
    cpu_seconds: float = 0.0
    idle: bool = False  # its query waits for its client: nothing is worked for it

    def draw(self, rows: int, bytes: int) -> None:
        """Count rows and bytes about to be handed out; raises BudgetSpent, then nothing is."""
        with self.ledger.lock:
            for account in self.accounts:
                if word := account.short_of(rows=rows, bytes=bytes):
                    raise self.ledger.spent(account, word)
            for account in self.accounts:
                account.rows += rows
                account.bytes += bytes
            self.rows += rows
            self.bytes += bytes

    def give_back(self, rows: int, bytes: int) -> None:
        """Take back what was counted and then not handed out."""
        with self.ledger.lock:
            for account in self.accounts:
                account.rows -= rows
                account.bytes -= bytes
            self.rows -= rows
            self.bytes -= bytes

    def work(self, seconds: float) -> None:
        """Count CPU seconds."""
        with self.ledger.lock:
            for account in self.accounts:
                account.cpu_seconds += seconds
            self.cpu_seconds += seconds

    def overdrawn(self) -> BudgetSpent | None:
        """Return the refusal when the CPU seconds are used up."""
        with self.ledger.lock:
            for account in self.accounts:
                bound = account.budget.cpu_seconds
                if bound is not None and account.cpu_seconds >= bound:
                    return self.ledger.spent(account, "CPU seconds")
        return None


class Ledger:
    """A project's accounts of the day. Safe to use from many threads."""

    def __init__(self, policy: Policy, journal: Journal, now: Callable[[], datetime] | None = None):
        self.lock = threading.Lock()
        self._policy, self._journal = policy, journal
        self._now = now or (lambda: datetime.now(UTC))
        self._day = date.min
        self._project = Account("This project", policy.budgets.project)
        self._persons: dict[str, Account] = {}

    def admit(self, person: str) -> Lease:
        """Count a query of a person's; raises BudgetSpent when it may not run any more today."""
        today = self._now().date()
        # Before the lock, which everything that runs needs: the journal's disk may stall.
        spent = self._journal.spent(today) if today > self._day else {}
        with self.lock:
            if today > self._day:
                self._turn_page(today, spent)
            accounts = (self._person(person), self._project)
            for account in accounts:
                if word := account.is_empty():
                    raise self.spent(account, word)
            for account in accounts:
                account.queries += 1
            return Lease(self, self._day, accounts)

    def spent(self, account: Account, word: str) -> BudgetSpent:
        """Return the refusal that says what is spent, of what, and when it renews."""
        renews = self._day + timedelta(days=1)
        return BudgetSpent(
            f"{account.says(word)} It renews on {renews.isoformat()} at 00:00 UTC.",
            clause=f"{self._policy.agreement}, budgets",
            hint="Let the query aggregate, or ask the agencies for a larger budget.",
        )

    def _turn_page(self, today: date, spent: Mapping[str, Spent]) -> None:
        """Start a new day's accounts from the journal; what still runs stays with its own day."""
        self._day = today
        self._project = Account("This project", self._policy.budgets.project)
        self._persons = {}
        for person, much in spent.items():
            self._person(person).add(much)
            self._project.add(much)

    def _person(self, person: str) -> Account:
        if person not in self._persons:
            budget = self._policy.budgets.person
            self._persons[person] = Account(f"The person {person}", budget)
        return self._persons[person]


@dataclass(slots=True)
class Meter:
    """The CPU clock of this process, shared evenly among the leases it works for."""

    clock: Callable[[], float] = time.process_time
    _working: list[Lease] = field(default_factory=list)
    _read: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self, lease: Lease) -> None:
        """Begin to count for a lease."""
        with self._lock:
            self._share()
            self._working.append(lease)

    def leave(self, lease: Lease) -> None:
        """Count for a lease no more; may come twice."""
        with self._lock:
            self._share()
            if lease in self._working:
                self._working.remove(lease)

    def share(self) -> None:
        """Give what was used since the last look to those it was used for."""
        with self._lock:
            self._share()

    def _share(self) -> None:
        now = self.clock()
        used, self._read = now - self._read, now
        busy = [lease for lease in self._working if not lease.idle]
        for lease in busy:
            lease.work(used / len(busy))
