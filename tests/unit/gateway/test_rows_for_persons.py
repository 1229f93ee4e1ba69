"""Where it is known how many rows one person has at most, enough rows are enough persons.

A group that surely passes by its rows alone is not counted by persons, which costs three times a
plain GROUP BY. Each world here has enough rows for the number of persons and too little of what
else is asked, or of persons where each has many.
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from enclave.gateway.inspector import Inspector, make_inspector
from enclave.gateway.inspector.catalogue import compile_catalogue, declared_schemas
from tests.support import held

MOST = 4
COUNTED = "SELECT industry, count(*) FROM wages GROUP BY industry"
SUMMED = "SELECT industry, sum(wage) FROM wages GROUP BY industry"
JOINED = "SELECT a.industry, count(*) FROM wages a JOIN wages b USING (person_id) GROUP BY 1"
HALF = "SELECT industry, count(*), count(*) FILTER (WHERE wage < 0) FROM wages GROUP BY industry"


@pytest.fixture
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        made.execute(
            "CREATE TABLE wages (person_id VARCHAR, industry VARCHAR, wage DECIMAL(18, 2))"
        )
        yield made


def fill(engine: duckdb.DuckDBPyConnection, persons: int, wages: str) -> None:
    """Give so many persons a row for each of a list of wages."""
    engine.execute(
        f"INSERT INTO wages SELECT md5(p::VARCHAR), 'Mining', unnest({wages}) "
        f"FROM range({persons}) t(p)"
    )


def asked(engine: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[object, ...]]:
    return engine.execute(inspector(MOST).inspect(sql).sql).fetchall()


def inspector(most: int | None) -> Inspector:
    policy = held.groups_policy()
    schemas = declared_schemas(policy)
    return make_inspector(
        compile_catalogue(policy, schemas, {}, most={"wages": most} if most else {})
    )


def test_as_many_rows_as_few_persons_may_have_are_not_enough(engine) -> None:
    fill(engine, held.PERSONS - 1, "[10, 20, 30, 40]")
    assert asked(engine, COUNTED) == asked(engine, SUMMED) == []
    engine.execute("DELETE FROM wages")
    fill(engine, held.PERSONS, "[10, 20, 30, 40]")
    assert len(asked(engine, COUNTED)) == len(asked(engine, SUMMED)) == 1


def test_rows_that_a_join_multiplies_count_for_as_many_less(engine) -> None:
    fill(engine, held.PERSONS - 1, "[10, 20, 30, 40]")  # sixteen pairs of each person
    assert asked(engine, JOINED) == []


def test_what_one_person_may_have_of_a_sum_is_that_of_all_its_rows(engine) -> None:
    fill(engine, 60, "[1]")
    fill(engine, 1, "[100, 100, 100]")  # person 0: a row has a third of what one has in all
    assert asked(engine, SUMMED) == []
    assert len(asked(engine, COUNTED)) == 1


def test_numbers_that_cancel_leave_one_persons(engine) -> None:
    fill(engine, 60, "[1000, -1000]")
    engine.execute("INSERT INTO wages VALUES (md5('alone'), 'Mining', 777)")
    assert asked(engine, SUMMED) == []
    assert len(asked(engine, COUNTED)) == 1


def test_a_sum_of_nothing_is_shown_for_many_rows_as_for_few(engine) -> None:
    """count_if is NULL where every number is: such a group passed neither by rows nor persons."""
    fill(engine, 60, "[NULL, NULL]")
    assert asked(engine, SUMMED) == [("Mining", None)]
    assert asked(engine, f"{SUMMED} HAVING sum(wage) IS NULL") == [("Mining", None)]


def test_a_condition_holds_for_as_many_rows_as_one_person_may_have(engine) -> None:
    fill(engine, 60, "[1]")
    fill(engine, 4, "[-1, -1, -1]")  # twelve rows, of four
    assert asked(engine, HALF) == []


@pytest.mark.parametrize("sql", [COUNTED, SUMMED, HALF])
def test_a_group_that_passes_by_its_rows_is_answered_as_it_is(engine, sql: str) -> None:
    fill(engine, 60, "[1, 2, 3]")
    if sql is HALF:
        fill(engine, 50, "[-1]")
    assert asked(engine, sql) == engine.execute(sql).fetchall()
    assert "__held_sure" in inspector(MOST).inspect(sql).sql
    assert "__held_sure" not in inspector(None).inspect(sql).sql
