"""Groups of persons on Spark: the same groups as on DuckDB, and right when counted by hand (R78).

`SPARK=all` asks every question and makes up more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enclave.errors import EnclaveError
from enclave.gateway.refusals import NotPortable
from enclave.gateway.service import Gateway
from enclave.model import EngineKind, SmallGroups
from enclave.settings import Settings
from tests.spark.test_answers import ALL
from tests.support import held
from tests.support.differential import through
from tests.support.gateway import PROJECT, Collector, open_gateway
from tests.support.spark import Spark, differs, open_spark_gateway
from tests.unit.gateway import test_aggregate_only as by_hand

Both = tuple[Gateway, Gateway]
QUESTIONS = held.queries("held_questions.sql")


@pytest.fixture(scope="module")
def engines(spark: Spark, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Both]]:
    """A gateway on DuckDB, which counts in buckets first, and one on Spark, for each mode."""
    with ExitStack() as stack:
        yield {
            small: (
                stack.enter_context(_gateway(tmp_path_factory, small)),
                stack.enter_context(_gateway(tmp_path_factory, small, spark)),
            )
            for small in ("remainder", "drop")
        }


def _gateway(place: pytest.TempPathFactory, small: str, spark: Spark | None = None) -> Any:
    root = place.mktemp("g")
    room = Settings(state_dir=root / "s", run_dir=root / "r")
    policy = replace(held.groups_policy(SmallGroups(small)), project=PROJECT)
    if spark is None:
        return open_gateway(room, Collector(), policy=policy, tables=held.tables())
    policy = replace(policy, engine=EngineKind.SPARK)
    return open_spark_gateway(room, Collector(), spark, policy=policy, tables=held.tables())


def rows_of(table: pa.Table) -> list[tuple[Any, ...]]:
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def test_questions_about_groups_show_the_same_groups(engines: dict[str, Both]) -> None:
    count: Counter[str] = Counter()
    unequal = []
    for small, (duck, spark) in engines.items():
        for sql in QUESTIONS if ALL else QUESTIONS[::7]:
            want = through(duck, sql)
            try:
                found = differs(through(spark, sql), want)
            except NotPortable:
                count["refused"] += 1
                continue
            count["unequal" if found else "equal"] += 1
            if found:
                unequal.append(f"{small}: {sql}\n  {found}")
    print(f"\nquestions about groups: {dict(count)}")
    assert unequal == []
    assert count["equal"] >= 0.5 * count.total()


@settings(
    max_examples=60 if ALL else 6,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(by_hand.questions(), st.sampled_from(["remainder", "drop"]))
def test_no_row_of_an_answer_comes_from_too_few_persons_on_spark(
    engines: dict[str, Both], question: Any, small: str
) -> None:
    sql, keys, where, columns, source = question
    rows = [row for row in by_hand.rows_of(source) if all(test(row) for test in where)]
    expected = by_hand._expected(rows, keys, columns, small)
    try:
        answer = through(engines[small][1], sql)
    except NotPortable:  # how many are is asserted above
        return
    assert by_hand._rounded(rows_of(answer)) == by_hand._rounded(expected), sql


def test_what_is_no_group_is_denied_alike(engines: dict[str, Both]) -> None:
    duck, spark = engines["remainder"]
    for sql in (
        "SELECT person_id, wage FROM wages",
        "SELECT max(wage) FROM wages",
        "SELECT DISTINCT district FROM enrolment",
        "SELECT count(*) FROM enrolment a JOIN wages b ON a.grade = b.quarter",
    ):
        said = []
        for gateway in (duck, spark):
            with pytest.raises(EnclaveError) as denied:
                through(gateway, sql)
            said.append(denied.value.explain())
        assert said[0] == said[1]
