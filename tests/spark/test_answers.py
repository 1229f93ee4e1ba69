"""Spark answers as DuckDB does, or the gateway says that it will not (R20, R78).

`make spark-test SPARK=all` runs every TPC-H and TPC-DS query; else a bounded choice.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pytest

from enclave.errors import EnclaveError
from enclave.gateway.refusals import (
    BudgetSpent,
    NotPortable,
    QueryDenied,
    QueryFailed,
    QueryStopped,
)
from enclave.gateway.service import Gateway
from enclave.model import Aggregation, Budget, Budgets, EngineKind, Policy, QueryMode
from enclave.settings import Settings
from tests.spark import expressions
from tests.support import tpc
from tests.support.differential import through
from tests.support.gateway import ROSA, Collector, make_policy, make_tables, open_gateway
from tests.support.spark import Spark, differs, open_spark_gateway

LIMIT = re.compile(r"(\s+LIMIT\s+\d+\s*;?\s*)\Z", re.IGNORECASE)
ALL = os.environ.get("SPARK") == "all"
SOME = {"tpch": (0, 5, 12, 17, 21), "tpcds": (2, 6, 41, 95)}
QUESTIONS = [
    line.replace("\\n", "\n")
    for line in (Path(__file__).parents[1] / "data" / "gateway" / "questions.sql")
    .read_text(encoding="utf-8")
    .splitlines()
    if line.strip()
]
AGGREGATES = (
    "SELECT county, count(*) AS n, avg(wage) AS mean FROM wages GROUP BY county",
    "SELECT year, industry, sum(wage) FROM wages GROUP BY year, industry",
    "SELECT count(DISTINCT person_id) FROM wages",
    "SELECT county, avg(total) FROM (SELECT person_id, county, sum(wage) AS total FROM wages"
    " GROUP BY person_id, county) GROUP BY county",
)


class Pair:
    """The same project on both engines."""

    def __init__(self, duck: Gateway, spark: Gateway, events: Collector):
        self.duck, self.spark, self.events = duck, spark, events
        self.count: Counter[str] = Counter()
        self.unequal: list[str] = []

    def ask(self, sql: str) -> str:
        """Ask both; say equal, refused, failed or unequal, and remember it."""
        said = self._ask(sql)
        self.count[said.split(":", maxsplit=1)[0]] += 1
        if said.startswith("unequal"):
            self.unequal.append(f"{sql}\n  {said}")
        return said

    def _ask(self, sql: str) -> str:
        try:
            want = through(self.duck, sql)
        except EnclaveError as refused:
            with pytest.raises(type(refused)):
                through(self.spark, sql)
            return "refused by both"
        try:
            got = through(self.spark, sql)
        except NotPortable:
            return "refused"
        except QueryFailed:
            return "failed"
        found = differs(got, want)
        if found and self._is_tied(sql, got.num_columns):
            return "tied"
        return f"unequal: {found}" if found else "equal"

    def _is_tied(self, sql: str, width: int) -> bool:
        """Say whether the answers agree once every column breaks the ties of the last LIMIT."""
        every = ", ".join(str(at + 1) for at in range(width))
        text, found = LIMIT.subn(rf", {every}\1", sql)
        return bool(found) and not differs(through(self.spark, text), through(self.duck, text))


def _pair(
    stack: ExitStack,
    place: pytest.TempPathFactory,
    spark: Spark,
    policy: Policy | None = None,
    tables: Mapping[str, pa.Table] | None = None,
) -> Pair:
    events = Collector()
    opened = []
    for _ in range(2):
        root = place.mktemp("p")
        settings = Settings(state_dir=root / "s", run_dir=root / "r")
        opener = (
            open_gateway(settings, events, policy=policy, tables=tables)
            if not opened
            else open_spark_gateway(settings, events, spark, policy=policy, tables=tables)
        )
        opened.append(stack.enter_context(opener))
    return Pair(opened[0], opened[1], events)


@pytest.fixture(scope="module")
def pair(spark: Spark, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with ExitStack() as stack:
        yield _pair(stack, tmp_path_factory, spark)


@pytest.mark.parametrize("suite", tpc.SUITES)
def test_tpc_queries_are_answered_alike_or_refused(
    spark: Spark, tmp_path_factory: pytest.TempPathFactory, suite: str
) -> None:
    queries = tpc.queries(suite)
    chosen = range(len(queries)) if ALL else SOME[suite]
    with ExitStack() as stack:
        both = _pair(stack, tmp_path_factory, spark, tpc.policy(suite), tpc.tables(suite))
        said = {number + 1: both.ask(queries[number]) for number in chosen}
    print(
        f"\n{suite}: {dict(both.count)}; not equal:",
        {n: s for n, s in said.items() if s != "equal"},
    )
    assert both.unequal == []
    assert both.count["equal"] >= 0.75 * len(chosen)


def test_research_questions_are_answered_alike_or_refused(pair: Pair) -> None:
    both = pair
    both.count.clear()
    for sql in QUESTIONS if ALL else QUESTIONS[::3]:
        both.ask(sql)
    print(f"\nquestions: {dict(both.count)}")
    assert both.unequal == []
    assert both.count["failed"] == 0
    assert both.count["equal"] >= 0.4 * both.count.total()


def test_expressions_mean_the_same_over_awkward_values(
    spark: Spark, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with ExitStack() as stack:
        policy, tables = expressions.policy(), expressions.tables()
        both = _pair(stack, tmp_path_factory, spark, policy, tables)
        refused = []
        for shape in expressions.SHAPES:
            portable = [each for each in expressions.of(shape) if _is_portable(both, shape, each)]
            refused += [each for each in expressions.of(shape) if each not in portable]
            for sql in expressions.together(shape, portable):
                both.ask(sql)
        for sql in expressions.QUERIES:
            both.ask(sql)
    print(f"\nexpressions: {dict(both.count)}; refused: {sorted(set(refused))}")
    assert both.unequal == []
    assert both.count["failed"] == 0
    assert len(set(refused)) <= 12


def _is_portable(both: Pair, shape: str, expression: str) -> bool:
    (sql,) = expressions.together(shape, [expression])
    try:
        both.spark.check(ROSA, sql)
    except NotPortable:
        return False
    return True


def test_a_query_leaves_the_same_intent_and_outcome_on_both_engines(pair: Pair) -> None:
    pair.events.events.clear()
    for gateway in (pair.duck, pair.spark):
        through(gateway, "SELECT county, count(*) AS n FROM wages GROUP BY county")
    duck, spark = pair.events.events[:2], pair.events.events[2:]
    for one, two in zip(duck, spark, strict=True):
        assert (one.action, one.verdict, one.columns, one.clause) == (
            two.action, two.verdict, two.columns, two.clause,
        )  # fmt: skip
    assert spark[1].detail["rows"] == duck[1].detail["rows"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT town FROM wages",
        "SELECT secret FROM wages",
        "SELECT max(town) FROM wages",
        "SELECT * FROM wages WHERE person_id = 'x'",
        "SELECT * FROM wages WHERE person_id LIKE '0%'",
        "SELECT ssn FROM wages",
        "SELECT * FROM payroll",
    ],
)
def test_the_agreement_denies_on_spark_what_it_denies_on_duckdb(pair: Pair, sql: str) -> None:
    with pytest.raises(QueryDenied) as there:
        through(pair.duck, sql)
    with pytest.raises(QueryDenied) as here:
        through(pair.spark, sql)
    assert here.value.explain() == there.value.explain()


def test_a_column_to_filter_by_filters_on_spark(pair: Pair) -> None:
    assert pair.ask("SELECT count(*) FROM wages WHERE town = 'Bolton'") == "equal"


def test_an_agreement_on_groups_is_never_answered_otherwise_on_spark(
    spark: Spark, tmp_path_factory: pytest.TempPathFactory
) -> None:
    policy = make_policy(
        mode=QueryMode.AGGREGATE_ONLY,
        aggregation=Aggregation(persons=60),
        engine=EngineKind.SPARK,
    )
    with ExitStack() as stack:
        both = _pair(stack, tmp_path_factory, spark, policy)
        said = {sql: both.ask(sql) for sql in AGGREGATES}
        with pytest.raises(QueryDenied):
            through(both.spark, "SELECT person_id, wage FROM wages")
    print(f"\naggregate-only: {said}")
    assert both.unequal == []
    assert both.count["equal"] >= 3


def test_a_spent_budget_ends_queries_on_spark(
    settings: Settings, collector: Collector, spark: Spark
) -> None:
    policy = make_policy(budgets=Budgets(project=Budget(queries=1)))
    with open_spark_gateway(settings, collector, spark, policy=policy) as gateway:
        assert through(gateway, "SELECT count(*) AS n FROM wages").to_pydict() == {"n": [1600]}
        with pytest.raises(BudgetSpent):
            through(gateway, "SELECT count(*) AS n FROM wages")


ENDLESS = (
    "SELECT count(*) FROM wages a, wages b, wages c, wages d"
    " WHERE a.wage + b.wage + c.wage + d.wage < 0"
)


def test_the_deadline_stops_a_query_in_spark_and_spark_goes_on(
    settings: Settings, collector: Collector, spark: Spark
) -> None:
    with (
        open_spark_gateway(settings, collector, spark, seconds=2) as gateway,
        pytest.raises(QueryStopped),
    ):
        through(gateway, ENDLESS)
    with open_spark_gateway(settings, collector, spark) as gateway:
        assert through(gateway, "SELECT count(*) AS n FROM wages").num_rows == 1
    assert collector.events[1].detail["code"] == "query.stopped"


def test_the_end_of_a_session_stops_its_query_in_spark(
    settings: Settings, collector: Collector, spark: Spark
) -> None:
    with open_spark_gateway(settings, collector, spark) as gateway:
        work = gateway.parts.engine.start(gateway.check(ROSA, ENDLESS))
        work.reader  # noqa: B018 - begins it
        work.interrupt()
        with pytest.raises(Exception) as error:
            work.reader.read_next_batch()
        assert isinstance(work.failure(error.value), QueryStopped)
        work.close()


def test_a_value_out_of_range_is_an_error_that_tells_no_value(
    settings: Settings, collector: Collector, spark: Spark
) -> None:
    tables = make_tables()
    with (
        open_spark_gateway(settings, collector, spark, tables=tables) as gateway,
        pytest.raises(QueryFailed) as failed,
    ):
        through(gateway, "SELECT (year * 9223372036854775807) AS n FROM wages")
    assert "2021" not in failed.value.explain()
