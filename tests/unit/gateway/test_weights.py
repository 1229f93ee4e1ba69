"""What two sums of one query tell together of one person: products, squares, a weight of its own.

Each query gives, with a little arithmetic, one person's own number. Checked by removing the
boundary: without the test named for it, each was answered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import duckdb
import pytest

from enclave.gateway.inspector import Inspector, differences, make_inspector
from enclave.gateway.inspector.catalogue import compile_catalogue, declared_schemas
from enclave.gateway.inspector.rewriting import Grouping
from enclave.gateway.inspector.verdicts import Verdict
from enclave.gateway.refusals import NotGroups
from enclave.model import FieldType
from tests.support import held

_NUMBER = (FieldType.INTEGER, "projectable")
_COLUMNS = ("pay", "debt", "grade", "hours", "code", "bonus", "gift")
VIEWS = (held.view("jobs", "dol", dict.fromkeys(_COLUMNS, _NUMBER)),)


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    """Fifty persons of one grade, and one of another who owes a third of what all owe.

    Twelve others have the other code, and neither a bonus nor a gift.
    """
    with duckdb.connect(config={"threads": "1"}) as made:
        made.execute(
            "CREATE TABLE jobs AS SELECT md5(r::VARCHAR) AS person_id, 5000 + r AS pay, "
            "if(r = 0, 3000, 100) AS debt, if(r = 0, 4, 3) AS grade, 30 + r % 11 AS hours, "
            "if(r < 13, 4, 3) AS code, if(r BETWEEN 1 AND 12, NULL, 5000 + r) AS bonus, "
            "if(r BETWEEN 1 AND 12, 0, 5000 + r) AS gift FROM range(51) t(r)"
        )
        yield made


@pytest.fixture(scope="module", params=[True, False])
def inspector(request: pytest.FixtureRequest) -> Inspector:
    policy = replace(held.groups_policy(), views=VIEWS)
    most = {"jobs": 1} if request.param else {}
    return make_inspector(compile_catalogue(policy, declared_schemas(policy), {}, most=most))


def answer(sql: str, inspector: Inspector, engine: duckdb.DuckDBPyConnection) -> list[object]:
    assert engine.execute(sql).fetchall()[0][0] is not None
    return list(engine.execute(inspector.inspect(sql).sql).fetchall())


def of_persons(asked: str, s: str, t: str) -> str:
    return f"SELECT {asked} FROM (SELECT person_id, {s} AS s, {t} AS t FROM jobs GROUP BY 1)"


# Of a covariance and a sum follows what those have whose other column is not everybody's.
PAIRED = [
    "SELECT regr_slope(pay, grade), avg(pay), count(*) FROM jobs",
    "SELECT regr_intercept(pay, grade) FROM jobs",
    "SELECT regr_r2(grade, pay) FROM jobs",
    "SELECT covar_pop(grade, pay) FROM jobs",
    "SELECT covar_samp(pay, -grade) FILTER (WHERE pay > 0) FROM jobs",
    "SELECT corr(pay, grade * 7) FROM jobs",
    "SELECT regr_slope(bonus, code), avg(bonus) FROM jobs",
    "SELECT covar_pop(code, gift), sum(gift), avg(code), count(*) FROM jobs",
    of_persons("covar_pop(s, t)", "sum(pay)", "avg(grade)"),
    of_persons("corr(s, t)", "max(grade)", "min(pay)"),
]
# Three times one sum less the other: one person's.
WEIGHTED = [
    "SELECT sum(pay * grade), sum(pay) FROM jobs",
    "SELECT sum(pay), avg(grade * pay), count(*) FROM jobs",
    "SELECT sum(bonus * code), sum(bonus) FROM jobs",
    "SELECT sum(gift * code), sum(gift) FROM jobs",
    "SELECT sum(pay * grade) / sum(hours), sum(pay) FROM jobs",
    "SELECT sum(pay * hours * grade), sum(hours * pay * 2) FROM jobs",
    "SELECT sum(pay * grade) FILTER (WHERE pay > 0), sum(pay) FROM jobs",
    "SELECT avg(pay * CASE WHEN pay > 0 THEN grade END), avg(pay) FROM jobs",
    of_persons("sum(s), sum(t)", "sum(pay * grade)", "sum(pay)"),
    of_persons("avg(s), sum(t)", "max(pay) * min(grade)", "min(pay)"),
    "SELECT covar_pop(pay * grade, hours), covar_pop(pay, hours) FROM jobs",
]
# A third of a sum is nearly all of a sum of squares.
SQUARED = [
    "SELECT var_pop(debt), avg(debt), count(*) FROM jobs",
    "SELECT stddev(debt) FROM jobs",
    "SELECT variance(debt * 3) FROM jobs",
    "SELECT sem(debt) FILTER (WHERE pay > 0) FROM jobs",
    "SELECT stddev_pop(debt + 2 * hours) FROM jobs",
    "SELECT corr(debt, hours) FROM jobs",
    "SELECT covar_pop(debt, debt) FROM jobs",
    of_persons("var_pop(s)", "sum(debt)", "1"),
]


@pytest.mark.parametrize("sql", [*PAIRED, *WEIGHTED, *SQUARED])
def test_two_sums_do_not_tell_together_of_one_person(
    sql: str, inspector: Inspector, engine: duckdb.DuckDBPyConnection
) -> None:
    assert answer(sql, inspector, engine) == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT regr_slope(pay, hours), corr(hours, pay), covar_pop(pay, hours) FROM jobs",
        "SELECT sum(pay * hours) / sum(hours), avg(pay), sum(pay) FROM jobs",
        "SELECT sum(pay), sum(debt), sum(grade * 1000) FROM jobs",
        "SELECT stddev(pay), sem(hours), var_samp(pay * 2), avg(debt) FROM jobs",
        "SELECT sum(pay * (hours > 35)::INT), sum(pay) FROM jobs",
        "SELECT regr_count(pay, debt) FROM jobs",
    ],
)
def test_what_differs_for_many_is_shown(
    sql: str, inspector: Inspector, engine: duckdb.DuckDBPyConnection
) -> None:
    assert answer(sql, inspector, engine)


@pytest.mark.parametrize("sql", [PAIRED[0], WEIGHTED[0], WEIGHTED[-3], SQUARED[0]])
def test_without_its_test_each_is_told(
    sql: str,
    inspector: Inspector,
    engine: duckdb.DuckDBPyConnection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Grouping, "_apart", lambda *_: None)
    monkeypatch.setattr(Verdict, "_ratios", lambda *_, **__: [])
    monkeypatch.setattr(
        differences, "weighed", lambda _, items: [t for i in items for t in differences.terms(i)]
    )
    assert answer(sql, inspector, engine) == engine.execute(sql).fetchall()


# What is known of a group, set against a person's number in a step before, hid who has most of it.
_KNOWN = "(SELECT {} AS m FROM wages)"
HIDDEN = [
    "SELECT sum(d), count(*) FROM (SELECT person_id, wage - m AS d FROM wages, {})",
    "SELECT sum(d) FROM (SELECT person_id, wage - m * 1000000 AS d FROM wages, {})",
    "SELECT avg(abs(wage - m)) FROM wages, {}",
    "SELECT avg(sqrt(wage - m * -1000000)) FROM wages, {}",
    "SELECT sum(s) FROM (SELECT person_id, sum(wage - m) AS s FROM wages, {} GROUP BY 1)",
    "SELECT stddev(d) FROM (SELECT person_id, m - wage AS d FROM wages CROSS JOIN {})",
]


@pytest.mark.parametrize("sql", HIDDEN)
@pytest.mark.parametrize("known", ["sum(wage)", "avg(wage)", "median(wage)"])
def test_a_number_of_a_group_hides_nobodys_share(sql: str, known: str) -> None:
    with pytest.raises(NotGroups, match="cannot be tested"):
        held.ask(sql.format(_KNOWN.format(known)))


def test_a_number_of_a_group_is_set_against_a_persons_in_the_sum_itself() -> None:
    asked = f"SELECT sum(wage - m), count(*) FROM wages JOIN enrolment USING (person_id), \
{_KNOWN.format('sum(wage)')} WHERE district = "
    assert held.ask(f"{asked}'Derby'")[1] == []
    assert held.ask(f"{asked}'Avon'")[1]


# Quantiles side by side are values one after the other.
_FIVE = "0.25, 0.4, 0.5, 0.6, 0.75"


@pytest.mark.parametrize(
    "asked",
    [
        f"quantile_cont(wage, [{_FIVE}, 0.7])",
        f"quantile_cont(wage, [{_FIVE}]), quantile_cont(quarter, 0.55)",
        ", ".join(f"quantile_cont(wage, {part})" for part in (*_FIVE.split(", "), "0.51")),
        "percentile_cont(0.3) WITHIN GROUP (ORDER BY wage), "
        f"quantile_cont(wage, [{_FIVE}]) FILTER (WHERE year = 2021)",
    ],
)
def test_so_many_quantiles_are_single_values(asked: str) -> None:
    with pytest.raises(NotGroups, match="one after the other") as refusal:
        held.ask(f"SELECT {asked} FROM wages")
    assert "at most 5" in (refusal.value.hint or "")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT quantile_cont(wage, [{0}]) FROM wages UNION ALL "
        "SELECT quantile_cont(wage, [0.3, 0.7]) FROM wages",
        "SELECT * FROM (SELECT quantile_cont(wage, [{0}]) FROM wages) a, "
        "(SELECT quantile_cont(wage, 0.55) FROM wages) b",
        "SELECT quantile_cont(wage, [{0}]), (SELECT quantile_cont(wage, 0.35) FROM wages) "
        "FROM wages",
        "WITH a AS (SELECT year, quantile_cont(wage, [{0}]) AS q FROM wages GROUP BY 1) "
        "SELECT a.q, quantile_cont(w.wage, 0.45) FROM a JOIN wages w USING (year) GROUP BY 1",
    ],
)
def test_nor_may_they_stand_in_several_groupings_of_one_query(sql: str) -> None:
    with pytest.raises(NotGroups, match="one after the other"):
        held.ask(sql.format(_FIVE))


@pytest.mark.parametrize(
    "asked",
    ["median(person_id)", "median(employer)", "median(quarter > 1)", "median([wage])",
     "median({'a': wage})"],
)  # fmt: skip
def test_the_middle_of_texts_is_one_rows_value(asked: str) -> None:
    with pytest.raises(NotGroups) as refusal:
        held.ask(f"SELECT {asked} FROM wages")
    assert refusal.value.hint


def test_medians_of_rows_that_few_tell_apart_are_not_shown() -> None:
    few = "median(wage) FILTER (WHERE wage > 1200), median(wage) FILTER (WHERE wage > 1210)"
    assert held.ask(f"SELECT {few} FROM wages")[1] == []
    many = "median(wage) FILTER (WHERE wage > 1200), median(wage) FILTER (WHERE wage > 2000)"
    assert held.ask(f"SELECT {many} FROM wages")[1]
    for quarters in ("(quarter = 1)", "(quarter = 2)"), ("(quarter < 3)", "(quarter > 2)"):
        asked = ", ".join(f"median(wage) FILTER (WHERE {found})" for found in quarters)
        assert held.ask(f"SELECT {asked}, avg(quarter) FROM wages")[1]


def test_medians_of_many_groupings_are_one_quantile() -> None:
    parts = (f"SELECT {q}, median(wage) FROM wages WHERE quarter = {q}" for q in (1, 2, 3, 4))
    assert len(held.ask(" UNION ALL ".join(parts))[1]) == 4


def test_quartiles_of_several_columns_are_few_quantiles() -> None:
    three = "[0.25, 0.5, 0.75]"
    asked = f"SELECT quantile_cont(wage, {three}), quantile_cont(year, {three}), median(wage)"
    assert held.ask(f"{asked} FROM wages")[1]
    assert held.ask(f"SELECT quantile_cont(wage, [{_FIVE}]) FROM wages")[1]
