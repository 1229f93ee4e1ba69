"""What other people's lists found: an engine's test-suite, a grammar, injections, trackers.

R18, R20. Texts of public lists were run through the inspector; here stand the kinds that told us
something new, written anew about our own views.
"""

from __future__ import annotations

from contextlib import suppress

import pytest

from enclave.gateway.inspector.engine_tree import MAX_NESTED
from enclave.gateway.refusals import FunctionRefused, NotGranted, QueryDenied, TooLarge
from tests.support.gateway import make_test_inspector

INSPECTOR = make_test_inspector()


# Two readers must read alike ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("WITH Pay AS (SELECT wage FROM Wages) SELECT avg(WAGE) FROM pay", "wages.wage"),
        ('WITH "PAY" AS (SELECT wage FROM wages) SELECT Pay.wage FROM "pay"', "wages.wage"),
        ("SELECT p FROM wages AS w(p)", "wages.person_id"),
        ("SELECT w.Y FROM wages AS w(p, y)", "wages.year"),
        ("SELECT w.year FROM wages AS w(year)", "wages.person_id"),
        ("SELECT count(*) FROM wages AS w(p) WHERE w.town = 'Bolton'", "wages.town"),
        ("SELECT w.town FROM wages AS w(a, b, c, d, town)", "wages.industry"),
        ("SELECT * EXCLUDE (year, county), c.p FROM credentials AS c(p, i, k, f), range(2) r",
         "credentials.credential credentials.field_of_study credentials.institution "
         "credentials.person_id"),
        ("SELECT c.* FROM credentials c, generate_series(1, 2)",
         "credentials.county credentials.credential credentials.field_of_study "
         "credentials.institution credentials.person_id credentials.year"),
        ("SELECT count(*) FROM credentials, unnest([1, 2])", ""),
    ],
)  # fmt: skip
def test_what_a_query_reads_is_logged_whatever_it_calls_it(sql: str, columns: str) -> None:
    assert list(INSPECTOR.inspect(sql).columns) == columns.split()


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("(SELECT year FROM wages) ORDER BY wage", "wages.wage wages.year"),
        ("((SELECT year FROM wages ORDER BY quarter)) ORDER BY wage LIMIT 3",
         "wages.quarter wages.wage wages.year"),
        ("SELECT y FROM ((SELECT year AS y FROM wages) ORDER BY wage) z", "wages.wage wages.year"),
        ("(SELECT year, count(*) FROM wages GROUP BY year) ORDER BY avg(wage)",
         "wages.wage wages.year"),
        ("SELECT year FROM wages UNION SELECT year FROM credentials ORDER BY "
         "(SELECT max(wage) FROM wages)", "credentials.year wages.wage wages.year"),
        ("WITH c AS (SELECT year, county FROM credentials) SELECT year AS y FROM wages UNION ALL "
         "SELECT year FROM c ORDER BY (SELECT max(county) FROM c WHERE c.year = y), y",
         "credentials.county credentials.year wages.year"),
    ],
)  # fmt: skip
def test_what_an_answer_is_ordered_by_is_read_where_the_engine_reads_it(
    sql: str, columns: str
) -> None:
    assert list(INSPECTOR.inspect(sql).columns) == columns.split()


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("(SELECT year FROM wages) ORDER BY town", "query.column-role"),
        ("((SELECT year FROM wages ORDER BY wage)) ORDER BY town", "query.column-role"),
        ("(SELECT year FROM wages) ORDER BY ssn", "query.not-granted"),
        ("(SELECT year FROM wages) ORDER BY secret", "query.syntax"),
        ("SELECT year FROM wages UNION SELECT year FROM credentials ORDER BY "
         "(SELECT max(town) FROM wages)", "query.column-role"),
        ("SELECT year FROM wages UNION SELECT year FROM credentials ORDER BY "
         "(SELECT max(secret) FROM wages)", "query.syntax"),
        ("SELECT year FROM wages UNION SELECT year FROM credentials ORDER BY "
         "(SELECT max(name) FROM people)", "query.not-granted"),
        ("(SELECT year FROM wages) ORDER BY (SELECT max(table_name) FROM duckdb_tables)",
         "query.not-granted"),
    ],
)  # fmt: skip
def test_what_may_not_be_sorted_by_may_not_be_behind_brackets_either(sql: str, code: str) -> None:
    with pytest.raises(QueryDenied) as refusal:
        INSPECTOR.inspect(sql)
    assert refusal.value.code == code


@pytest.mark.parametrize("call", ["date_trunc({}, now())", "date_diff({}, now(), now())"])
def test_a_column_as_a_unit_is_read_with_its_tables_name(call: str) -> None:
    """The second parser takes a bare name there for a unit, as in `day`; the hint says so."""
    with pytest.raises(QueryDenied) as refusal:
        INSPECTOR.inspect(f"SELECT {call.format('industry')} FROM wages")
    assert "`w.year`" in str(refusal.value.hint)
    asked = INSPECTOR.inspect(f"SELECT {call.format('w.industry')} FROM wages w")
    assert asked.columns == ("wages.industry",)
    with pytest.raises(QueryDenied):
        INSPECTOR.inspect(f"SELECT {call.format('w.town')} FROM wages w")


@pytest.mark.parametrize("column", ["ssn", "secret", "nowhere"])
def test_a_column_of_a_source_that_is_called_as_a_view_is_refused(column: str) -> None:
    """The inner `wages` has no such column, so the engine takes the outer one's."""
    with pytest.raises(NotGranted) as refusal:
        INSPECTOR.inspect(f"SELECT (SELECT {column} FROM wages) FROM (SELECT 1 AS {column}) wages")
    assert refusal.value.hint


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT w.town FROM wages AS w(a, b, c, d, e)",
        "SELECT w.g FROM wages AS w(a, b, c, d, e, f, g)",
        "SELECT * FROM wages, range(2)",
        "WITH Pay AS (SELECT town FROM wages) SELECT * FROM PAY",
    ],
)
def test_a_new_name_gives_no_new_use(sql: str) -> None:
    with pytest.raises(QueryDenied) as refusal:
        INSPECTOR.inspect(sql)
    assert refusal.value.code == "query.column-role"


# A refusal says what to type instead --------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "hint"),
    [
        ("SELECT x FROM unnest([2021, 2022]) AS x", "AS r(n)"),
        ("SELECT w.year + g FROM wages w, generate_series(1, 2) g", "AS r(n)"),
        ("SELECT (SELECT x FROM wages w, range(3) r(n)) FROM range(2) s(m)", "DESCRIBE"),
        ("SELECT y.n FROM range((SELECT min(year) FROM wages), 2024) y(n)", "WITH b AS"),
    ],
)
def test_a_refusal_over_a_function_in_from_says_how_it_is_written(sql: str, hint: str) -> None:
    with pytest.raises(QueryDenied) as refusal:
        INSPECTOR.inspect(sql)
    assert hint in str(refusal.value.hint)


# What keeps a reader busy ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("opens", "inner", "closes"),
    [
        ("list_transform([1], lambda x: ", "x", ")"),
        ("row(", "year", ")"),
        ("(1, ", "year", ")"),
    ],
)
def test_lambdas_and_rows_are_read_as_deep_as_both_readers_can(
    opens: str, inner: str, closes: str
) -> None:
    """A list of lists of lists is nothing odd; at twenty levels a reader did not end."""
    asked = [f"SELECT {opens * n}{inner}{closes * n} AS a FROM wages" for n in (MAX_NESTED, 20)]
    assert INSPECTOR.inspect(asked[0]).views == ("wages",)
    with pytest.raises(TooLarge) as refusal:
        INSPECTOR.inspect(asked[1])
    assert "unnest" in str(refusal.value.hint)


def test_lambdas_beside_each_other_are_not_nested() -> None:
    many = "list_transform([1], lambda x: x)"
    INSPECTOR.inspect(f"SELECT {', '.join([many] * 20)} FROM wages")


@pytest.mark.parametrize("signs", ["- ", "+ ", "+ - ", "- /* a */ "])
def test_a_long_row_of_signs_is_no_question(signs: str) -> None:
    """With an error behind it, the engine's parser took seconds for it and could not be stopped."""
    assert INSPECTOR.inspect(f"SELECT {signs * 8}1 AS a").views == ()
    with pytest.raises(TooLarge):
        INSPECTOR.inspect(f"SELECT {signs * 1300}")


# What breaks the engine ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "condition",
    [
        "county OPERATOR(<) TRUE",
        "year OPERATOR(>=) 'x'",
        '"="(county, year)',
        '"IS DISTINCT FROM"(county, 1)',
        '"!="(wage, county)',
        "__between(county, 1, 2)",
        "list_contains([\"=\"(year, 'x')], TRUE)",
    ],
)
def test_a_comparison_may_not_be_called_as_a_function(condition: str) -> None:
    """The engine casts nothing then, and reads numbers as texts: the database is lost for all."""
    with pytest.raises(FunctionRefused) as refusal:
        INSPECTOR.inspect(f"SELECT year FROM wages WHERE {condition}")
    assert "a < b" in str(refusal.value.hint)


def test_comparisons_are_asked_as_ever() -> None:
    asked = "year = 1 OR year <> 2 OR year BETWEEN 1 AND 2 OR county IS DISTINCT FROM 'x'"
    assert INSPECTOR.inspect(f"SELECT year FROM wages WHERE {asked}").columns[-1] == "wages.year"
    INSPECTOR.inspect("SELECT year OPERATOR(+) 1, year OPERATOR(%) 2 FROM wages")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT year <> ANY NULL FROM wages",
        "SELECT person_id <> ANY NULL FROM wages",
        "SELECT year, unnest(NULL) AS n FROM wages",
        "SELECT year FROM wages WHERE year = ANY (NULL::INTEGER[])",
    ],
)
def test_rows_made_of_nothing_are_read_or_refused(sql: str) -> None:
    """A NULL has no type in the engine's plan: it was looked for there."""
    with suppress(QueryDenied):
        INSPECTOR.inspect(sql)
