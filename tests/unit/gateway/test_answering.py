"""How a query is answered: beside its intent, read ahead, bounded, stoppable, written down."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from enclave.errors import AuditRefused, AuditUnavailable, EnclaveError, Unavailable
from enclave.events import Action, Event, Receipt, Verdict
from enclave.gateway import journal as journals
from enclave.gateway.answer import AHEAD
from enclave.gateway.duck import DuckEngine, DuckWork
from enclave.gateway.inspector import Inspection
from enclave.gateway.journal import Entry, Journal, Outcome, lineage
from enclave.gateway.refusals import QueryFailed, QueryStopped, SessionEnded, TooMany
from enclave.gateway.running import Most
from enclave.gateway.service import Gateway
from enclave.model import Session
from enclave.settings import Settings
from tests.support.gateway import PROJECT, ROSA, Collector, open_gateway, wait_until

SMALL = "SELECT year, count(*) AS n FROM wages GROUP BY year ORDER BY year"
ENDLESS = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range = -1"
LONG = "SELECT r.range, 'x' || r.range AS s FROM range(3000000) r"
RAVI = Session("s2", "ravi", PROJECT)


class Slow(Collector):
    """Audit whose receipts for some actions come when the test says so, or never."""

    def __init__(self, *held: Action) -> None:
        super().__init__()
        self.held = held
        self.waiting: list[tuple[Event, Future[Receipt]]] = []

    def send(self, event: Event) -> Future[Receipt]:
        if event.action not in self.held:
            return super().send(event)
        future: Future[Receipt] = Future()
        self.waiting.append((event, future))
        return future

    def give(self) -> None:
        event, future = self.waiting.pop(0)
        future.set_result(self.append(event))

    def refuse(self, error: EnclaveError) -> None:
        _, future = self.waiting.pop(0)
        future.set_exception(error)


class Watched(DuckEngine):
    """DuckDB, and what was asked of it."""

    __slots__ = ("works",)

    def __init__(self, connection: duckdb.DuckDBPyConnection, batch_rows: int = 16_384):
        super().__init__(connection, batch_rows)
        object.__setattr__(self, "works", [])

    def start(self, inspection: Inspection) -> DuckWork:
        work = super().start(inspection)
        self.works.append(work)
        return work


@contextmanager
def watched(
    settings: Settings, audit: Collector, **parts: Any
) -> Iterator[tuple[Gateway, Watched]]:
    with open_gateway(settings, audit, **parts) as gateway:
        engine = Watched(gateway.parts.engine.connection)
        yield Gateway(replace(gateway.parts, engine=engine)), engine
        wait_until(lambda: all(work.is_closed for work in engine.works), "a query was kept")


class Asking(threading.Thread):
    """A query asked in a thread of its own: its answer or its error."""

    def __init__(self, gateway: Gateway, sql: str, session: Session = ROSA):
        super().__init__(daemon=True)
        self.gateway, self.sql, self.session = gateway, sql, session
        self.answer: Any = None
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self.answer = self.gateway.answer(self.session, self.sql)
        except EnclaveError as error:
            self.error = error

    def ended(self) -> Asking:
        self.join(30)
        assert not self.is_alive()
        return self


# No receipt, no data ------------------------------------------------------------------------------


@pytest.mark.parametrize("sql", [SMALL, LONG, "SELECT CAST(county AS INT) FROM wages"])
def test_the_engine_may_start_but_nothing_is_out_before_the_intents_receipt(
    settings: Settings, sql: str
) -> None:
    """Not the columns, not a batch, and not the engine's error either: it depends on rows."""
    audit = Slow(Action.QUERY_INTENT)
    with watched(settings, audit) as (gateway, engine):
        gateway.open_session(ROSA)
        asking = Asking(gateway, sql)
        wait_until(lambda: engine.works and engine.works[0].has_begun, "the engine did not start")
        asking.join(0.3)
        assert asking.is_alive() and asking.answer is None and asking.error is None
        audit.give()
        asking.ended()
        assert asking.answer is not None or isinstance(asking.error, QueryFailed)
        if asking.answer is not None:
            asking.answer.close()


@pytest.mark.parametrize("sql", [SMALL, LONG, ENDLESS, "SELECT CAST(county AS INT) FROM wages"])
@pytest.mark.parametrize(
    "lost", [AuditUnavailable("The audit service does not answer."), AuditRefused("No.")]
)
def test_an_intent_without_a_receipt_stops_the_engine_and_gives_out_nothing(
    settings: Settings, sql: str, lost: EnclaveError
) -> None:
    audit = Slow(Action.QUERY_INTENT)
    with watched(settings, audit, seconds=100_000) as (gateway, engine):
        gateway.open_session(ROSA)
        asking = Asking(gateway, sql)
        wait_until(lambda: engine.works and engine.works[0].has_begun, "the engine did not start")
        audit.refuse(lost)
        assert type(asking.ended().error) is type(lost)
        assert engine.works[0].is_closed
        assert [event for event in audit.events if event.detail.get("verdict") == "allowed"] == []
        with pytest.raises(EnclaveError):
            lineage(settings, PROJECT, [_last_query(audit)])
        audit.held = ()
        assert sum(batch.num_rows for batch in gateway.answer(ROSA, SMALL)) == 2


def _last_query(audit: Slow) -> str:
    return str(audit.events[-1].intent) if audit.events else "q-none"


@pytest.mark.parametrize("sql", [SMALL, "SELECT CAST(county AS INT) FROM wages"])
def test_a_small_answer_waits_for_its_outcomes_receipt(settings: Settings, sql: str) -> None:
    audit = Slow(Action.QUERY_OUTCOME)
    with watched(settings, audit) as (gateway, _):
        gateway.open_session(ROSA)
        asking = Asking(gateway, sql)
        wait_until(lambda: audit.waiting, "no outcome was sent")
        asking.join(0.3)
        assert asking.is_alive()
        audit.give()
        asking.ended()
        assert audit.actions()[-1][0] == "query.outcome"


def test_an_outcome_without_a_receipt_takes_the_lineage_back(settings: Settings) -> None:
    """The journal is written beside audit; when audit fails, the journal must not say allowed."""
    audit = Slow(Action.QUERY_OUTCOME)
    with watched(settings, audit) as (gateway, _):
        gateway.open_session(ROSA)
        asking = Asking(gateway, SMALL)
        wait_until(lambda: audit.waiting, "no outcome was sent")
        audit.refuse(AuditUnavailable("The audit service does not answer."))
        assert isinstance(asking.ended().error, AuditUnavailable)
        (query,) = (str(event.intent) for event in audit.events)
        with pytest.raises(EnclaveError):
            lineage(settings, PROJECT, [query])
        assert _row(settings, query)["verdict"] == "failed"


def test_the_last_batch_of_a_stream_waits_for_its_outcomes_receipt(settings: Settings) -> None:
    audit = Slow(Action.QUERY_OUTCOME)
    with watched(settings, audit) as (gateway, _):
        gateway.open_session(ROSA)
        answer = gateway.answer(ROSA, LONG)
        got: list[int] = []
        reader = threading.Thread(
            target=lambda: got.extend(batch.num_rows for batch in answer), daemon=True
        )
        reader.start()
        wait_until(lambda: audit.waiting, "no outcome was sent")
        reader.join(0.3)
        assert reader.is_alive() and 0 < sum(got) < 3_000_000
        audit.give()
        reader.join(30)
        assert sum(got) == 3_000_000 == audit.events[-1].detail["rows"]


# Bounded and stoppable ----------------------------------------------------------------------------


def test_a_slow_client_holds_the_engine_back_not_the_rows_in_memory(settings: Settings) -> None:
    """600 batches of answer; read ahead are a few, and the engine's own buffer is small."""
    with watched(settings, Collector()) as (gateway, engine):
        gateway.open_session(ROSA)
        before = _duck_bytes(engine)
        sql = "SELECT r.range, 'twenty characters ..' FROM range(10000000) r"
        answer = gateway.answer(ROSA, sql)
        rows = 0
        for number, batch in enumerate(answer):
            rows += batch.num_rows
            if number in (0, 300):
                wait_until(lambda: len(answer._pump._ready) >= AHEAD, "nothing was read ahead")
                threading.Event().wait(0.3)  # a slow client: all of it could be read meanwhile
                assert len(answer._pump._ready) == AHEAD
                assert _duck_bytes(engine) - before < 40_000_000  # of 500 MB
        assert rows == 10_000_000


def _duck_bytes(engine: Watched) -> int:
    cursor = engine.connection.cursor()
    found = cursor.execute("SELECT sum(memory_usage_bytes) FROM duckdb_memory()").fetchone()
    cursor.close()
    return int(found[0]) if found else 0


def test_closing_a_session_stops_a_cross_join_that_gives_no_row(settings: Settings) -> None:
    collector = Collector()
    with watched(settings, collector) as (gateway, engine):
        gateway.open_session(ROSA)
        asking = Asking(gateway, ENDLESS)
        wait_until(lambda: engine.works and engine.works[0].has_begun, "the engine did not start")
        gateway.close_session(ROSA)
        assert isinstance(asking.ended().error, QueryStopped)
        assert collector.actions()[-1] == ("query.outcome", "failed")
        assert collector.events[-1].detail["code"] == "query.stopped"


def test_a_stop_that_comes_before_the_engine_has_begun_is_not_lost(settings: Settings) -> None:
    with watched(settings, Collector()) as (gateway, _):
        gateway.open_session(ROSA)
        with pytest.raises(QueryStopped):
            gateway.answer(ROSA, ENDLESS, started=lambda stop: stop())


def test_closing_a_session_ends_an_answer_whose_client_stands_still(settings: Settings) -> None:
    """Nobody reads: the outcome is logged and the engine freed all the same."""
    collector = Collector()
    with watched(settings, collector) as (gateway, engine):
        gateway.open_session(ROSA)
        answer = gateway.answer(ROSA, LONG)
        handed = next(answer).num_rows
        gateway.close_session(ROSA)
        wait_until(lambda: len(collector.events) == 2, "no outcome was logged")
        assert collector.events[-1].verdict is Verdict.FAILED
        assert collector.events[-1].detail["rows"] == handed
        assert engine.works[0].is_closed
        with pytest.raises(QueryStopped, match="session has ended"):
            next(answer)
        with pytest.raises(SessionEnded):
            gateway.answer(ROSA, SMALL)


def test_a_deadline_ends_what_gives_no_row_and_what_nobody_reads(settings: Settings) -> None:
    collector = Collector()
    with watched(settings, collector, seconds=1) as (gateway, _):
        gateway.open_session(ROSA)
        with pytest.raises(QueryStopped, match="time is over"):
            gateway.answer(ROSA, ENDLESS)
        with pytest.raises(QueryStopped):  # on a busy machine already while it is answered
            answer = gateway.answer(ROSA, LONG)
            wait_until(lambda: len(collector.events) == 4, "the stalled answer was not ended")
            list(answer)


def test_what_an_outcome_does_not_count_is_not_handed_out_after_it(settings: Settings) -> None:
    """A stop may end the run between taking a batch and handing it out."""
    collector = Collector()
    with watched(settings, collector) as (gateway, _):
        gateway.open_session(ROSA)
        answer = gateway.answer(ROSA, LONG)
        handed = next(answer).num_rows
        take = answer._pump.take

        def late() -> tuple[pa.RecordBatch, bool]:
            taken = take()
            gateway.close_session(ROSA)
            wait_until(lambda: len(collector.events) == 2, "the stop logged no outcome")
            return taken

        answer._pump.take = late
        with pytest.raises(QueryStopped):
            next(answer)
        assert collector.events[-1].detail["rows"] == handed


def test_an_answer_let_go_of_is_ended(settings: Settings) -> None:
    collector = Collector()
    with watched(settings, collector) as (gateway, engine):
        gateway.open_session(ROSA)
        answer = gateway.answer(ROSA, LONG)
        next(answer)
        del answer
        assert collector.events[-1].detail["code"] == "query.client-gone"
        wait_until(lambda: engine.works[0].is_closed, "the engine kept the query")


def test_a_session_and_a_project_have_so_many_queries_and_no_more(settings: Settings) -> None:
    collector = Collector()
    most = Most(session=2, project=3, wait=0.05)
    with watched(settings, collector, most=most) as (gateway, _):
        for session in (ROSA, RAVI):
            gateway.open_session(session)
        held = [gateway.answer(ROSA, LONG) for _ in range(2)]
        with pytest.raises(TooMany, match="This session has 2 queries running"):
            gateway.answer(ROSA, SMALL)
        held.append(gateway.answer(RAVI, LONG))
        with pytest.raises(TooMany, match="This project has 3 queries running"):
            gateway.answer(RAVI, SMALL)
        assert collector.actions()[-1] == ("query.denied", "denied")
        held.pop(0).close()
        assert sum(batch.num_rows for batch in gateway.answer(ROSA, SMALL)) == 2
        for answer in held:
            answer.close()


def test_a_query_waits_for_its_turn(settings: Settings) -> None:
    with watched(settings, Collector(), most=Most(session=1, wait=20.0)) as (gateway, _):
        gateway.open_session(ROSA)
        first = gateway.answer(ROSA, LONG)
        second = Asking(gateway, SMALL)
        second.join(0.2)
        assert second.is_alive()
        first.close()
        assert second.ended().answer is not None


def test_a_refused_or_failed_query_gives_its_place_back(settings: Settings) -> None:
    audit = Slow()
    with watched(settings, audit, most=Most(session=1, wait=0.0)) as (gateway, _):
        gateway.open_session(ROSA)
        for sql in ("SELECT ssn FROM wages", "SELECT CAST(county AS INT) FROM wages", SMALL):
            asking = Asking(gateway, sql).ended()
            assert not isinstance(asking.error, TooMany)
        audit.held = (Action.QUERY_INTENT,)
        asking = Asking(gateway, SMALL)
        wait_until(lambda: audit.waiting, "no intent was sent")
        audit.refuse(AuditUnavailable("Away."))
        asking.ended()
        audit.held = ()
        assert Asking(gateway, SMALL).ended().error is None


# What is answered ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT person_id, year, quarter, wage, industry FROM wages ORDER BY ALL",
        "SELECT * FROM credentials ORDER BY ALL",
        "SELECT 1::TINYINT a, 2::HUGEINT b, 1.5::DECIMAL(9,3) c, DATE '2020-02-29' d, "
        "TIMESTAMP '2020-01-01 10:00:00' e, INTERVAL 3 DAYS f, [1, NULL] g, {'x': 1} h, NULL i, "
        "uuid_free j FROM (SELECT 'ä' AS uuid_free)",
        "SELECT person_id, wage FROM wages WHERE 1 = 0",
        "SELECT r.range FROM range(200000) r",
        "DESCRIBE wages",
        "SUMMARIZE credentials",
    ],
)
def test_an_answer_is_the_engines_own_types_and_values(
    settings: Settings, gateway: Gateway, sql: str
) -> None:
    cursor = gateway.parts.engine.connection.cursor()
    own = cursor.sql(sql).to_arrow_table()
    cursor.close()
    answer = gateway.answer(ROSA, sql)
    assert answer.schema.equals(own.schema)
    assert pa.Table.from_batches(list(answer), answer.schema).equals(own)


def test_parameters_are_part_of_the_text_that_is_inspected_run_and_kept(
    settings: Settings, gateway: Gateway
) -> None:
    answer = gateway.answer(ROSA, "SELECT count(*) FROM wages WHERE year = ?", [2021])
    assert next(answer).column(0).to_pylist() == [800]
    (read,) = lineage(settings, PROJECT, [answer.query])
    assert "2021" in read.sql and "?" not in read.sql
    assert read.epoch == 1


def test_a_rewritten_query_is_logged_as_such_and_both_its_texts_are_kept(
    settings: Settings, gateway: Gateway, collector: Collector
) -> None:
    asked = "SELECT county FROM wages WHERE county = 'Tolland'"
    ran = "SELECT county FROM wages WHERE county = 'Tolland' LIMIT 1"
    inspection = gateway.parts.inspector.inspect(ran)
    rewritten = replace(inspection, asked=asked, verdict=Verdict.REWRITTEN)
    gateway._inspect = lambda sql: rewritten
    answer = gateway.answer(ROSA, asked)
    assert sum(batch.num_rows for batch in answer) == 1
    assert collector.actions() == [("query.intent", "rewritten"), ("query.outcome", "rewritten")]
    assert "Tolland" not in str(collector.events)
    assert "LIMIT" in str(collector.events[0].detail["ran"])
    row = _row(settings, answer.query)
    assert (row["asked"], row["sql"]) == (asked, ran)
    (read,) = lineage(settings, PROJECT, [answer.query])
    assert read.sql == ran


def test_an_explanation_runs_nothing_and_is_logged(gateway: Gateway, collector: Collector) -> None:
    table = gateway.explain(ROSA, "SELECT ssn FROM wages WHERE county = 'Tolland'")
    assert dict(zip(*table.to_pydict().values(), strict=False))["verdict"] == "denied"
    (event,) = collector.events
    assert event.action is Action.QUERY_EXPLAINED
    assert (event.detail["verdict"], event.detail["code"]) == ("denied", "query.not-granted")
    assert "Tolland" not in str(event)
    gateway.close_session(ROSA)
    with pytest.raises(SessionEnded):
        gateway.explain(ROSA, SMALL)


# The journal --------------------------------------------------------------------------------------


def _row(settings: Settings, query: str) -> sqlite3.Row:
    with closing(sqlite3.connect(journals.path(settings, PROJECT))) as connection:
        connection.row_factory = sqlite3.Row
        found = connection.execute("SELECT * FROM queries WHERE query = ?", (query,)).fetchone()
    assert isinstance(found, sqlite3.Row)
    return found


def test_a_journal_of_the_first_version_is_upgraded_where_it_lies(settings: Settings) -> None:
    file = journals.path(settings, PROJECT)
    file.parent.mkdir(parents=True)
    with closing(sqlite3.connect(file)) as old:
        old.execute(journals._SCHEMA)
        old.execute(
            "INSERT INTO queries VALUES ('q-old', 's', 'rosa', '2026-01-01T00:00:00', 'SELECT 1',"
            " '[]', '[]', '[]', 3, 7, 'allowed', NULL, 1, 8)"
        )
        old.commit()
    for _ in range(2):
        journal = Journal(settings, PROJECT)
        nothing: tuple[str, ...] = ()
        entry = Entry("q-new", "s", "rosa", "SELECT 2", nothing, nothing, nothing, 4, 8, "asked")
        journal.begin(entry, Outcome(Verdict.REWRITTEN, 1, 8, cpu_ms=5))
        journal.close()
    old_one, new_one = lineage(settings, PROJECT, ["q-old", "q-new"])
    assert (old_one.sql, old_one.epoch, new_one.sql, new_one.epoch) == (
        "SELECT 1",
        3,
        "SELECT 2",
        4,
    )


def test_a_journal_that_fails_in_the_middle_of_a_stream_ends_it(settings: Settings) -> None:
    collector = Collector()
    with watched(settings, collector) as (gateway, _):
        gateway.open_session(ROSA)
        answer = gateway.answer(ROSA, LONG)
        next(answer)
        gateway.parts.journal.close()
        with pytest.raises(Unavailable, match="journal"):
            list(answer)
        assert collector.actions()[-1] == ("query.outcome", "failed")
