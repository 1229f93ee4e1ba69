"""What a project and a person may ask in a day: counted once, cut in time, kept over a restart."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from enclave.errors import AuditUnavailable, EnclaveError
from enclave.events import Action, Event, Receipt, Verdict
from enclave.gateway.budgets import Ledger, Meter
from enclave.gateway.journal import Entry, Journal, Outcome
from enclave.gateway.refusals import BudgetSpent
from enclave.gateway.service import Gateway
from enclave.model import Budget, Budgets, Session
from enclave.settings import Settings
from tests.support.gateway import PROJECT, ROSA, Collector, make_policy, open_gateway, wait_until

SMALL = "SELECT year, count(*) AS n FROM wages GROUP BY year ORDER BY year"  # 2 rows
LONG = "SELECT r.range FROM range(500000) r"
ENDLESS = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range = -1"
RAVI = Session("s2", "ravi", PROJECT)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@contextmanager
def budgeted(
    settings: Settings, collector: Collector, *, project: Any = None, person: Any = None
) -> Iterator[Gateway]:
    budgets = Budgets(Budget(**(project or {})), Budget(**(person or {})))
    policy = make_policy(budgets=budgets)
    with open_gateway(settings, collector, policy=policy) as gateway:
        gateway.open_session(RAVI)
        yield gateway


def rows_of(gateway: Gateway, sql: str, session: Session = ROSA) -> int:
    return sum(batch.num_rows for batch in gateway.answer(session, sql))


def test_a_spent_budget_of_queries_says_what_of_what_and_when_it_renews(
    settings: Settings,
) -> None:
    collector = Collector()
    with budgeted(settings, collector, person={"queries": 2}) as gateway:
        assert [rows_of(gateway, SMALL) for _ in range(2)] == [2, 2]
        with pytest.raises(BudgetSpent) as refused:
            gateway.answer(ROSA, SMALL)
        said = refused.value.explain()
        assert "The person rosa has used 2 of 2 queries for today." in said
        assert "at 00:00 UTC" in said
        assert "dsa-credential-pay, budgets" in said
        assert "[query.budget]" in said
        assert collector.events[-1].detail["code"] == "query.budget"
        assert collector.actions()[-1] == ("query.denied", "denied")
        assert rows_of(gateway, SMALL, RAVI) == 2  # a budget of each person's own


def test_a_projects_budget_is_for_all_its_people_together(settings: Settings) -> None:
    with budgeted(settings, Collector(), project={"queries": 2}) as gateway:
        rows_of(gateway, SMALL)
        rows_of(gateway, SMALL, RAVI)
        for session in (ROSA, RAVI):
            with pytest.raises(BudgetSpent, match="This project has used 2 of 2 queries"):
                gateway.answer(session, SMALL)


def test_a_refused_query_costs_nothing_and_a_failed_one_does(settings: Settings) -> None:
    with budgeted(settings, Collector(), person={"queries": 2}) as gateway:
        for sql, error in (("SELECT ssn FROM wages", "grant"), ("SELECT CAST(county AS INT) "
                           "FROM wages", "converted")):  # fmt: skip
            with pytest.raises(EnclaveError, match=error):
                gateway.answer(ROSA, sql)
        assert rows_of(gateway, SMALL) == 2
        with pytest.raises(BudgetSpent):
            gateway.answer(ROSA, SMALL)


@pytest.mark.parametrize("bound", [{"rows": 100_000}, {"bytes": 800_000}])
def test_an_answer_that_outgrows_its_budget_is_cut_and_its_outcome_says_so(
    settings: Settings, bound: dict[str, int]
) -> None:
    collector = Collector()
    with budgeted(settings, collector, project=bound) as gateway:
        got = 0
        with pytest.raises(BudgetSpent):
            for batch in gateway.answer(ROSA, LONG):
                got += batch.num_rows
        outcome = collector.events[-1]
        assert outcome.verdict is Verdict.FAILED
        assert 0 < got <= 100_000
        assert (outcome.detail["code"], outcome.detail["rows"]) == ("query.budget", got)


def test_an_answer_of_one_batch_that_is_too_large_is_not_given_at_all(settings: Settings) -> None:
    collector = Collector()
    with budgeted(settings, collector, project={"rows": 1000}) as gateway:
        with pytest.raises(BudgetSpent):
            gateway.answer(ROSA, "SELECT year FROM wages")  # 1,600 rows
        assert collector.events[-1].detail["rows"] == 0
        assert rows_of(gateway, SMALL) == 2  # nothing was handed out, so nothing was spent


def test_queries_side_by_side_do_not_spend_the_same_rest_twice(settings: Settings) -> None:
    with budgeted(settings, Collector(), project={"rows": 600_000, "queries": 9}) as gateway:
        got: list[int] = []
        refused: list[str] = []

        def ask(session: Session) -> None:
            try:
                for batch in gateway.answer(session, LONG):
                    got.append(batch.num_rows)
            except BudgetSpent as spent:
                refused.append(spent.sentence)

        threads = [threading.Thread(target=ask, args=[s]) for s in (ROSA, RAVI) * 6]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sum(got) <= 600_000
        assert len(refused) >= 11
        assert sum("queries" in sentence for sentence in refused) <= 12


def test_cpu_seconds_end_a_query_that_gives_no_row(settings: Settings) -> None:
    collector = Collector()
    with budgeted(settings, collector, person={"cpu_seconds": 1}) as gateway:
        with pytest.raises(BudgetSpent, match="of 1 CPU seconds"):
            gateway.answer(ROSA, ENDLESS)
        outcome = collector.events[-1]
        assert outcome.detail["code"] == "query.budget"
        assert int(str(outcome.detail["cpu_ms"])) >= 1000
        with pytest.raises(BudgetSpent):
            gateway.answer(ROSA, SMALL)
        assert rows_of(gateway, SMALL, RAVI) == 2


def test_cpu_is_shared_among_the_queries_worked_on_and_no_others() -> None:
    now = [0.0]
    meter = Meter(clock=lambda: now[0])
    ledger = Ledger(make_policy(), _NoJournal())
    first, second, waiting = (ledger.admit(name) for name in ("a", "b", "c"))
    meter.enter(first)
    now[0] = 4.0
    meter.enter(second)
    meter.enter(waiting)
    waiting.idle = True
    now[0] = 6.0
    meter.leave(first)
    now[0] = 7.0
    meter.leave(second)
    meter.leave(second)
    now[0] = 9.0
    meter.share()
    assert (first.cpu_seconds, second.cpu_seconds, waiting.cpu_seconds) == (5.0, 2.0, 0.0)


class _NoJournal:
    def spent(self, day: object) -> dict[str, Any]:
        return {}


def test_a_new_day_is_a_new_budget_and_a_running_query_stays_with_its_own() -> None:
    now = [NOON]
    policy = make_policy(budgets=Budgets(Budget(queries=1, rows=10)))
    ledger = Ledger(policy, _NoJournal(), lambda: now[0])
    old = ledger.admit("rosa")
    old.draw(10, 80)
    with pytest.raises(BudgetSpent, match="renews on 2026-11-23 at 00:00 UTC"):
        ledger.admit("rosa")
    now[0] = datetime(2026, 11, 23, tzinfo=UTC)
    new = ledger.admit("rosa")
    new.draw(10, 80)
    with pytest.raises(BudgetSpent):
        old.draw(1, 8)


def test_what_was_spent_outlives_the_process(settings: Settings) -> None:
    """Finished, failed and unfinished queries count; refused ones and other days' do not."""
    journal = Journal(settings, PROJECT)
    nothing: tuple[str, ...] = ()
    for name, outcome in {
        "q1": Outcome(Verdict.ALLOWED, 40, 400, cpu_ms=500),
        "q2": Outcome(Verdict.FAILED, 30, 300, "query.stopped", 250),
        "q3": Outcome(None, 20, 200, cpu_ms=250),
        "q4": Outcome(Verdict.DENIED, code="query.denied"),
    }.items():
        entry = Entry(name, "s", "rosa", "SELECT 1", nothing, nothing, nothing, 1, 1)
        journal.begin(entry, outcome)
    journal._connection.execute("INSERT INTO queries SELECT 'old', session, person, "
        "'2001-01-01T00:00:00', sql, views, columns, agencies, epoch, receipt, verdict, code, "
        "rows, bytes, asked, cpu_ms FROM queries WHERE query = 'q1'")  # fmt: skip
    policy = make_policy(budgets=Budgets(Budget(queries=4, rows=100, bytes=1000, cpu_seconds=2)))
    ledger = Ledger(policy, journal)
    lease = ledger.admit("ravi")
    lease.draw(10, 100)
    with pytest.raises(BudgetSpent, match="100 of 100 rows"):
        lease.draw(1, 1)
    lease.work(1.0)
    assert lease.overdrawn() is not None
    journal.close()


def _hand_out(settings: Settings, told: Path) -> None:
    """Hand out some batches of a long answer, say how many rows, and be killed."""
    with budgeted(settings, Collector(), project={"rows": 400_000}) as gateway:
        answer = gateway.answer(ROSA, LONG)
        got = sum(next(answer).num_rows for _ in range(5))
        told.write_text(str(got))
        signal.pause()


def test_a_process_killed_in_the_middle_of_an_answer_forgets_nothing(
    settings: Settings, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    child = multiprocessing.get_context("spawn").Process(target=_hand_out, args=(settings, told))
    child.start()
    wait_until(lambda: told.exists() and told.read_text(), "the child handed nothing out")
    os.kill(child.pid or 0, signal.SIGKILL)
    child.join()
    journal = Journal(settings, PROJECT)
    spent = journal.spent(datetime.now(UTC).date())["rosa"]
    journal.close()
    got = int(told.read_text())
    assert spent.queries == 1
    assert got <= spent.rows <= 2 * got


class NoOutcome(Collector):
    """Audit that takes intents and no outcomes."""

    def append(self, event: Event) -> Receipt:
        if event.action is Action.QUERY_OUTCOME:
            raise AuditUnavailable("The audit service does not answer.")
        return super().append(event)


def test_rows_that_were_never_handed_out_are_given_back(settings: Settings) -> None:
    audit = NoOutcome()
    with budgeted(settings, audit, project={"rows": 2}) as gateway:
        with pytest.raises(AuditUnavailable):
            gateway.answer(ROSA, SMALL)
        audit.__class__ = Collector  # audit is back
        assert rows_of(gateway, SMALL) == 2
