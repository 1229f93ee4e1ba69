"""What hid one person in a sum: dates, changes, what is rounded, numbers without end.

Each query tells what one person has, or that one has more than all others. Checked by removing the
boundary: without the test of the whole, of what is rounded, of who is apart from the middle value,
or that the sum is finite, each was answered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import duckdb
import pytest

from enclave.gateway.inspector import Inspector, make_inspector
from enclave.gateway.inspector.catalogue import compile_catalogue, declared_schemas
from enclave.gateway.refusals import NotGroups
from enclave.model import FieldType
from tests.support import held

_DATE, _NUMBER = (FieldType.DATE, "projectable"), (FieldType.INTEGER, "projectable")
_JOBS = {"hired": _DATE, "left_on": _DATE, "pay": _NUMBER, "bonus": _NUMBER, "debt": _NUMBER}
VIEWS = (held.view("jobs", "dol", _JOBS), held.view("gains", "dol", {"gain": _NUMBER}))
HUGE = "1.7e304::DOUBLE"  # 10,000 times that is nearly the largest number there is


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    """Fifty persons who all have the same, and one whose job was long and who has far more."""
    with duckdb.connect(config={"threads": "1"}) as made:
        made.execute(
            "CREATE TABLE jobs AS SELECT md5(r::VARCHAR) AS person_id, DATE '2020-01-01' AS hired, "
            "DATE '2020-01-01' + if(r = 0, 9999, 1) AS left_on, 5000 + r AS pay, "
            "if(r = 0, 14999, 5001 + r) AS bonus, if(r = 0, 1900, 5) AS debt FROM range(51) t(r)"
        )
        made.execute(
            "CREATE TABLE gains AS SELECT md5(r::VARCHAR) AS person_id, 1 AS gain "
            "FROM range(1, 51) t(r) UNION ALL SELECT md5('0'), unnest([9999, -9000])"
        )
        yield made


@pytest.fixture(scope="module", params=[True, False])
def inspector(request: pytest.FixtureRequest) -> Inspector:
    policy = replace(held.groups_policy(), views=VIEWS)
    most = {"jobs": 1} if request.param else {}
    return make_inspector(compile_catalogue(policy, declared_schemas(policy), {}, most=most))


TOLD = [
    # A date is no number: what it adds was taken for nothing.
    "SELECT sum(left_on - hired) FROM jobs",
    "SELECT avg(left_on - DATE '2020-01-01') FROM jobs",
    "SELECT stddev(left_on - hired), count(*) FROM jobs",
    "SELECT corr(left_on - hired, pay) FROM jobs",
    "SELECT sum((left_on - hired)::DOUBLE) FROM jobs",
    # All have much of two numbers, and one person has the difference.
    "SELECT sum(bonus - pay) FROM jobs",
    "SELECT avg(pay - bonus) FROM jobs",
    # A half becomes 1: what all others have seemed twice as much.
    "SELECT sum(round(debt / 10)) FROM jobs",
    "SELECT sum(round(debt / 10)::INT) FROM jobs",
    # Of an endless sum everything was no more than the agreed share.
    f"SELECT sum(gain * {HUGE}) FROM gains",
    f"SELECT sum(gain * {HUGE}) / {HUGE}, count(*) FROM gains",
    f"SELECT avg(gain * {HUGE}) FROM gains",
]


@pytest.mark.parametrize("sql", TOLD)
def test_what_one_person_has_nearly_all_of_is_not_shown(
    sql: str, inspector: Inspector, engine: duckdb.DuckDBPyConnection
) -> None:
    assert engine.execute(sql).fetchall()[0][0] is not None
    assert engine.execute(inspector.inspect(sql).sql).fetchall() == []


# All but one have 1 of it, and the constant says who that is: counted out it would be one person.
APART = [
    "SELECT sum(ceil(pay / 5049.5)), count(*) FROM jobs",
    "SELECT avg(ceil(pay / 5049.5)) FROM jobs",
    "SELECT sum(ceil(pay / 5049.5)) FILTER (WHERE pay > 0) FROM jobs",
    "SELECT sum(round(pay / 3366.0)), count(*) FROM jobs",
    "SELECT sum((pay / 3366.0)::INT), count(*) FROM jobs",
    "SELECT sum((pay / 3366.0)::VARCHAR::INT), count(*) FROM jobs",
    "SELECT sum(TRY_CAST((pay / 3366.0)::VARCHAR AS DECIMAL(4, 0))), count(*) FROM jobs",
    "SELECT sum(k) FROM (SELECT person_id, (pay / 3366.0)::VARCHAR::BIGINT AS k FROM jobs)",
    "SELECT sum(trunc(pay / 2525.0)) FROM jobs",
    "SELECT sum(k) FROM (SELECT person_id, round(pay / 3366.0) AS k FROM jobs)",
    "SELECT count(DISTINCT ceil(pay / 5049.5)) FROM jobs",
    "SELECT sum(pay / 3366.0 * 4.95e-324::DOUBLE), count(*) FROM jobs",  # no number lies between
    "SELECT sum(pay / 3366.0 * 4.95e-324::DOUBLE * 1e300::DOUBLE) FROM jobs",
    "SELECT sum(pay / 3366.0 * (1e-200 * 4.95e-124)) FROM jobs",
    "SELECT sum(k) FROM (SELECT person_id, pay / 3366.0 * 4.95e-324::DOUBLE AS k FROM jobs)",
    "SELECT sum(date_diff('year', hired, left_on)) FROM jobs WHERE bonus > 0",
    "SELECT hired, sum(ceil(pay / 5049.5)) FROM jobs GROUP BY hired",
]


@pytest.mark.parametrize("sql", APART)
def test_one_person_is_not_told_from_the_others_by_rounding(
    sql: str, inspector: Inspector, engine: duckdb.DuckDBPyConnection
) -> None:
    assert engine.execute(sql).fetchall()[0][0] is not None
    assert engine.execute(inspector.inspect(sql).sql).fetchall() == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT sum(d) FROM (SELECT person_id, left_on - hired AS d FROM jobs)",
        "SELECT sum((left_on - hired) * 2) FROM jobs",
        "SELECT sum(abs(bonus - pay)) FROM jobs",
    ],
)
def test_what_was_made_of_a_difference_is_not_summed(sql: str, inspector: Inspector) -> None:
    with pytest.raises(NotGroups, match="cannot be tested"):
        inspector.inspect(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT sum(left_on - hired), avg(left_on - DATE '2019-01-01'), count(*) FROM jobs "
        "WHERE bonus < 6000",
        "SELECT avg(bonus - pay), avg(round(debt / 10)), stddev(left_on - hired) FROM jobs "
        "WHERE bonus < 6000",
        "SELECT sum(gain) FROM gains WHERE gain BETWEEN 0 AND 5",
        "SELECT avg(round(pay / 7)), sum(pay::DOUBLE::INT), avg(year(hired)), count(*) FROM jobs",
        "SELECT sum(ceil(pay / 9000)), sum(round(pay / 5020)) FROM jobs",
    ],
)
def test_what_all_have_alike_is_shown(
    sql: str, inspector: Inspector, engine: duckdb.DuckDBPyConnection
) -> None:
    assert engine.execute(inspector.inspect(sql).sql).fetchall()


def test_a_remainder_of_what_is_rounded_is_not_shown() -> None:
    """Its groups were each tested by their own middle value."""
    asked = "SELECT district, {}, count(*) FROM enrolment GROUP BY district"
    assert None in {row[0] for row in held.ask(asked.format("avg(grade)"))[1]}
    rows = held.ask(asked.format("avg(round(school_year / 3))"))[1]
    assert {row[0] for row in rows} == {"Avon", "Bolton", "Canton", "Derby"}
