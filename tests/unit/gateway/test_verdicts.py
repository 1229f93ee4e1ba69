"""What is left of one person's numbers where everybody else's cancel each other.

Joined with itself by person_id a view has each of a person's rows beside each other one: a change
from one to the other is there with both signs, and adds up to nothing. A filter that takes half of
one person's pairs away leaves that person's. Each was answered before it was tested.
"""

from __future__ import annotations

from typing import Any

import pytest

from enclave.gateway.inspector.verdicts import Verdict
from tests.support import held

_PAIRS = "wages a JOIN wages b USING (person_id)"
_TRIPLES = f"{_PAIRS} JOIN wages c USING (person_id)"
_BUT = "JOIN enrolment e USING (person_id) WHERE NOT (e.district = 'Hebron' AND {})"
_HALF, _OTHER = _BUT.format("a.quarter < b.quarter"), _BUT.format("b.quarter < c.quarter")
_FEW = "wage > 2900 AND quarter = 2"
_ALL = "SELECT person_id, {} AS s FROM wages GROUP BY 1"
_BUT_FEW = "SELECT person_id, {} AS s FROM wages WHERE NOT (wage > 2900 AND quarter = 2) GROUP BY 1"


def _steps(asked: str, one: str, other: str = "") -> str:
    return (
        f"SELECT {asked} FROM ({_ALL.format(one)}) a "
        f"JOIN ({_BUT_FEW.format(other or one)}) b USING (person_id)"
    )


CANCELLED = [
    f"SELECT sum(a.wage - b.wage) FROM {_PAIRS} {_HALF}",
    f"SELECT avg(a.wage - b.wage), count(*) FROM {_PAIRS} {_HALF}",
    f"SELECT sum(-b.wage + a.wage) * 2 FROM {_PAIRS} {_HALF}",
    f"SELECT sum(a.quarter - b.quarter) FROM {_PAIRS} {_HALF}",
    f"SELECT sum(a.wage * (b.quarter - c.quarter)) FROM {_TRIPLES} {_OTHER}",
    f"SELECT sum(s) FROM (SELECT person_id, sum(a.quarter - b.quarter) AS s FROM {_PAIRS} {_HALF} "
    "GROUP BY 1)",
    f"SELECT covar_pop(a.quarter - b.quarter, a.wage) FROM {_PAIRS} {_HALF}",
]
APART = [
    f"SELECT sum(a.wage), sum(b.wage) FROM {_PAIRS} {_HALF}",
    f"SELECT avg(a.wage) - avg(b.wage) FROM {_PAIRS} {_HALF}",
    f"SELECT sum(a.wage), sum(b.wage * 3) FROM {_PAIRS} {_HALF}",
    f"SELECT sum(a.wage) FILTER (WHERE a.year > 0), sum(b.wage) FROM {_PAIRS} {_HALF}",
    f"SELECT count(*) FILTER (WHERE a.quarter < b.quarter), count(*) FILTER (WHERE a.quarter > "
    f"b.quarter) FROM {_PAIRS} {_HALF}",
    f"SELECT count(CASE WHEN a.wage < b.wage THEN 1 END) - count_if(a.wage > b.wage) "
    f"FROM {_PAIRS} {_HALF}",
    f"SELECT sum(a.wage * (a.quarter < b.quarter)::INT), sum(b.wage * (b.quarter < a.quarter)::INT)"
    f" FROM {_PAIRS} {_HALF}",
    # The means of both follow from two lines through them.
    "SELECT regr_slope(a.wage, b.wage), regr_intercept(a.wage, b.wage), "
    f"regr_slope(b.wage, a.wage), regr_intercept(b.wage, a.wage) FROM {_PAIRS} {_HALF}",
    _steps("sum(a.s), sum(b.s)", "sum(wage)"),
    _steps("avg(a.s), avg(b.s)", "avg(wage)"),
    _steps("sum(a.s), sum(b.s)", "count(*)"),
    _steps("sum(a.s) / sum(b.s)", "count(wage)", "count(*)"),
    "SELECT sum(s), sum(t) FROM (SELECT person_id, sum(wage) AS s, "
    f"sum(wage) FILTER (WHERE NOT ({_FEW})) AS t FROM wages GROUP BY 1)",
    "SELECT sum(s), sum(t * 2) FROM (SELECT person_id, count(*) AS s, "
    f"count(*) FILTER (WHERE NOT ({_FEW})) AS t FROM wages GROUP BY 1)",
]
HONEST = [
    "SELECT count(*) AS n, count_if(b.wage > a.wage) AS more, count(*) FILTER (WHERE b.wage = "
    f"a.wage) AS same, avg(b.wage) FROM {_PAIRS} WHERE b.quarter = a.quarter + 1 "
    "AND a.wage < 5000",
    f"SELECT corr(a.wage, b.wage), regr_slope(b.wage, a.wage), count(*) FROM {_PAIRS} "
    "WHERE b.quarter = a.quarter + 1 AND a.wage < 5000",
    f"SELECT sum(b.wage - a.wage), avg(b.wage - a.wage) FROM {_PAIRS} "
    "WHERE b.quarter = a.quarter + 1",
    f"SELECT avg(a.wage), avg(b.wage) FROM {_PAIRS} WHERE a.year = 2021 AND b.year = 2022 "
    "AND a.wage < 5000",
    "SELECT avg(s), avg(t), count(*) FROM (SELECT person_id, avg(wage) AS s, max(quarter) AS t "
    "FROM wages GROUP BY 1)",
    "SELECT district, sum(wage) FILTER (WHERE quarter = 1) AS q1, sum(wage) FILTER (WHERE "
    "quarter = 2) AS q2, sum(wage) AS q FROM wages JOIN enrolment USING (person_id) GROUP BY 1",
    # Less each person's own mean, as in a regression within persons: nothing is left of anybody.
    "SELECT covar_pop(d, q) FROM (SELECT person_id, wage - avg(wage) OVER (PARTITION BY person_id) "
    "AS d, quarter - avg(quarter) OVER (PARTITION BY person_id) AS q FROM wages)",
    f"SELECT sum(s), sum(s * 2), avg(s) FROM ({_ALL.format('sum(wage)')})",
]


@pytest.mark.parametrize("sql", [*CANCELLED, *APART])
@pytest.mark.parametrize("small", ["drop", "remainder"])
def test_what_is_left_of_few_is_not_told(sql: str, small: str) -> None:
    assert held.run(sql)[0][0] is not None
    assert held.ask(sql, small=small)[1] == []


@pytest.mark.parametrize("sql", HONEST)
def test_what_is_left_of_many_is(sql: str) -> None:
    assert held.ask(sql)[1]


@pytest.mark.parametrize(
    ("taken", "told"), [("_left", CANCELLED[0]), ("_left", CANCELLED[4]), ("_ratios", APART[0])]
)
def test_without_its_test_each_is_told(
    taken: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Verdict, taken, lambda *_, **__: [])
    assert held.ask(told)[1] == held.run(told)


def test_a_remainder_has_its_own_middle_ratio() -> None:
    """It was left out where two sums were set against each other; now it is tested like a group."""
    asked = "SELECT district, sum(wage), avg(wage) FILTER (WHERE quarter = 1) FROM wages JOIN "
    rows = held.ask(f"{asked} enrolment USING (person_id) WHERE wage < 5000 GROUP BY 1")[1]
    assert [name for name, *_ in rows].count(None) == 1


@pytest.mark.parametrize("sql", [*CANCELLED, *APART, *HONEST])
def test_a_quick_verdict_is_the_exact_one(sql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = sorted(held.ask(sql)[1], key=str)
    exact = Verdict.over_persons

    def counted(verdict: Verdict, keys: Any, rows: Any, **_: Any) -> Any:
        return exact(verdict, keys, rows, is_quick=False)

    monkeypatch.setattr(Verdict, "over_persons", counted)
    assert sorted(held.ask(sql)[1], key=str) == quick
