"""What researchers and their tools really type: parameters, versions, PIVOT, EXPLAIN POLICY, hints.

R18 (decided before it runs), R4 (every question logged with what it read).
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from enclave.events import Verdict
from enclave.gateway.inspector import (
    Inspector,
    bound_plan,
    engine_tree,
    make_inspector,
    parameters,
    pivots,
    statements,
    versions,
)
from enclave.gateway.inspector.catalogue import Catalogue, compile_catalogue, declared_schemas
from enclave.gateway.refusals import (
    ConstructRefused,
    NotAQuestion,
    NotGranted,
    NotUnderstood,
    OddText,
    QueryDenied,
    ReadersDisagree,
    TooLarge,
)
from enclave.model import ColumnRole, QueryMode, View
from tests.support.gateway import (
    WAGES,
    WITHHELD,
    make_policy,
    make_tables,
    make_test_inspector,
)

ATTACKS: dict[str, list[str]] = yaml.safe_load(
    (Path(__file__).parents[2] / "data" / "gateway" / "attacks.yml").read_text(encoding="utf-8")
)


def _open_views() -> tuple[View, ...]:
    return tuple(
        View(
            view.name, view.dataset, view.agency, view.label,
            tuple(c for c in view.columns if c.role is ColumnRole.PROJECTABLE), view.clause,
        )
        for view in make_policy().views
    )  # fmt: skip


def _catalogue() -> Catalogue:
    policy = make_policy(views=_open_views())
    schemas = declared_schemas(policy)
    return compile_catalogue(policy, schemas, WITHHELD, epoch=3, older={1: schemas, 2: schemas})


@pytest.fixture(scope="module")
def inspector() -> Inspector:
    return make_inspector(_catalogue())


@pytest.fixture(scope="module")
def data() -> duckdb.DuckDBPyConnection:
    """The demo's rows in an engine of the test's own, to compare answers with."""
    connection = duckdb.connect(":memory:")
    for name, table in make_tables().items():
        connection.from_arrow(table).create(name)
    return connection


# Parameters --------------------------------------------------------------------------------------

_ENGINE = duckdb.connect(":memory:")


@settings(max_examples=300)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_any_text_becomes_one_literal_that_both_parsers_read_as_that_text(value: str) -> None:
    sql = parameters.render("SELECT ?", [value])
    assert _ENGINE.execute(sql).fetchone() == (value,)
    tree = sqlglot.parse_one(sql, dialect="duckdb")
    assert [node.this for node in tree.find_all(exp.Literal)] == [value]
    assert len(tree.expressions) == 1


@settings(max_examples=200)
@given(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(5 - parameters.MAX_INTEGER, parameters.MAX_INTEGER),  # 5 less it has room
        st.floats(allow_nan=False, allow_infinity=False),
        st.decimals("-1e15", "1e15", places=4),
        st.dates(),
        st.datetimes(),
        st.times(),
    )
)
def test_any_value_comes_back_as_it_was_handed_over(value: Any) -> None:
    row = _ENGINE.execute(parameters.render("SELECT $1, 5 - $1", [value]) if _is_number(value)
                          else parameters.render("SELECT $v", {"v": value})).fetchone()  # fmt: skip
    assert row is not None
    assert row[0] == value
    assert isinstance(row[0], bool) == isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e30


def test_a_time_with_a_zone_is_an_instant() -> None:
    noon = datetime(2024, 1, 2, 12, tzinfo=UTC)
    sql = parameters.render("SELECT epoch(?) ", [noon])
    assert _ENGINE.execute(sql).fetchone() == (noon.timestamp(),)


@pytest.mark.parametrize(
    ("sql", "values", "rendered"),
    [
        ("SELECT $b, $a, $B", {"a": 1, "b": "x"}, "SELECT  'x' ,  1 ,  'x' "),
        ("SELECT $b", {"$b": 2}, "SELECT  2 "),
        ("SELECT $2, $1, $2", [1, 2], "SELECT  2 ,  1 ,  2 "),
        ("SELECT 5 -?", [-1], "SELECT 5 - (-1) "),
        ("SELECT '?', \"?\" /* ? */, ? -- ?", [1], "SELECT '?', \"?\" /* ? */,  1  -- ?"),
        ("SELECT 1", None, "SELECT 1"),
        ("SELECT '?'", (), "SELECT '?'"),
    ],
)
def test_only_parameters_are_replaced(sql: str, values: Any, rendered: str) -> None:
    assert parameters.render(sql, values) == rendered


@pytest.mark.parametrize(
    ("sql", "values"),
    [
        ("SELECT ?", []),
        ("SELECT ?", None),
        ("SELECT ?", [1, 2]),
        ("SELECT 1", [1]),
        ("SELECT ?, $1", [1, 2]),
        ("SELECT $1, $a", [1, 2]),
        ("SELECT $1, $3", [1, 2]),
        ("SELECT $a", {"b": 1}),
        ("SELECT $a", [1]),
        ("SELECT ?", "x"),
        ("SELECT ?", [b"x"]),
        ("SELECT ?", [[1]]),
        ("SELECT ?", [object()]),
        ("SELECT ?", ["a\0b"]),
        ("SELECT ?", ["\ud800"]),
        ("SELECT ?", [math.nan]),
        ("SELECT ?", [-math.inf]),
        ("SELECT ?", [2**127]),
        ("SELECT ?", [Decimal("NaN")]),
        ("SELECT ?", [Decimal("1e40")]),
        ("SELECT ?", [Decimal("1e-999999")]),
        ("SELECT ?", [Decimal("1." + "0" * 37 + "1")]),
        ("SELECT ?", [time(1, 2, tzinfo=UTC)]),
        ("SELECT 'a' ?", ["b"]),
        ("SELECT ? 'a'", ["b"]),
        ("SELECT ??", [1, 2]),
        ("SELECT ?1", [1]),
    ],
)
def test_values_that_do_not_fit_are_refused_with_what_to_do(sql: str, values: Any) -> None:
    with pytest.raises(NotUnderstood) as refusal:
        parameters.render(sql, values)
    assert refusal.value.hint


@pytest.mark.parametrize("sql", ["SELECT a$1", "SELECT $$x$$", "SELECT $t$x$t$", "SELECT $1a"])
def test_a_dollar_that_is_no_parameter_is_odd(sql: str) -> None:
    with pytest.raises(OddText):
        parameters.render(sql, [1])


def test_a_client_can_ask_which_parameters_a_text_wants() -> None:
    assert parameters.wanted("SELECT ?, '?', ?") == ("1", "2")
    assert parameters.wanted("SELECT $year, $Year, $n") == ("year", "n")
    assert parameters.wanted("SELECT 1") == ()


def test_a_value_handed_over_is_held_to_what_a_literal_is_held_to(inspector: Inspector) -> None:
    attack = "x' OR person_id IN (SELECT ssn FROM people) --"
    sql = parameters.render("SELECT count(*) FROM wages WHERE county = ?", [attack])
    seen = inspector.inspect(sql)
    assert seen.columns == ("wages.county",)
    assert attack not in seen.redacted


# Versions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "runs", "columns"),
    [
        ("SELECT year FROM wages AT (VERSION => 2)",
         'SELECT year FROM "wages@2" AS "wages"', ("wages@2.year",)),
        ("select wages.year from main.Wages at(version=>1) where true",
         'select wages.year from main."wages@1" AS "wages" where true', ("wages@1.year",)),
        ("SELECT w.year FROM wages AT (VERSION => 2) w",
         'SELECT w.year FROM "wages@2"  w', ("wages@2.year",)),
        ('SELECT w.year FROM "wages" AT ( VERSION => 2 ) AS w',
         'SELECT w.year FROM "wages@2"  AS w', ("wages@2.year",)),
        ("SELECT w.year FROM wages AS w AT (VERSION => 2)",
         'SELECT w.year FROM "wages@2" AS w ', ("wages@2.year",)),
        ("SELECT w.year FROM w: wages AT (VERSION => 2)",
         'SELECT w.year FROM w: "wages@2" ', ("wages@2.year",)),
        ("SELECT year FROM wages AT (VERSION => 3)",
         'SELECT year FROM "wages" AS "wages"', ("wages.year",)),
        ("SELECT n.wage - o.wage AS d FROM wages n JOIN wages o AT (VERSION => 1) "
         "USING (person_id, year, quarter)",
         'SELECT n.wage - o.wage AS d FROM wages n JOIN "wages@1" o  '
         "USING (person_id, year, quarter)",
         ("wages.person_id", "wages.quarter", "wages.wage", "wages.year", "wages@1.person_id",
          "wages@1.quarter", "wages@1.wage", "wages@1.year")),
        ("SELECT \"wages@1\".year FROM \"wages@1\"",
         "SELECT \"wages@1\".year FROM \"wages@1\"", ("wages@1.year",)),
    ],
)  # fmt: skip
def test_an_older_version_is_a_table_of_its_own_and_logged_as_such(
    inspector: Inspector, sql: str, runs: str, columns: tuple[str, ...]
) -> None:
    seen = inspector.inspect(sql)
    assert (seen.sql, seen.asked, seen.columns) == (runs, sql, columns)
    assert seen.agencies == ("dol",)
    assert seen.datasets == ("wages",)
    assert seen.clause == WAGES
    assert seen.verdict is (Verdict.ALLOWED if runs == sql else Verdict.REWRITTEN)


@pytest.mark.parametrize(
    ("sql", "kind", "says"),
    [
        ("FROM wages AT (VERSION => 7)", NotGranted, "1, 2; 3 is the one"),
        ("FROM wages AT (VERSION => 99999999999999999999)", NotGranted, "1, 2; 3 is the one"),
        ("FROM wages AT (VERSION => -1)", ConstructRefused, "1, 2; 3 is the one"),
        ("FROM wages AT (VERSION => 1 + 1)", ConstructRefused, "1, 2; 3 is the one"),
        ("FROM wages AT (TIMESTAMP => now())", ConstructRefused, "1, 2; 3 is the one"),
        ("FROM people AT (VERSION => 1)", NotGranted, "credentials, wages"),
        ("FROM \"wages@7\"", NotGranted, "credentials, wages"),
        ("SELECT secret FROM wages AT (VERSION => 1)", QueryDenied, ""),
        ("WITH \"wages@2\" AS (SELECT 1) FROM \"wages@2\"", ConstructRefused, "another name"),
    ],
)  # fmt: skip
def test_a_version_that_is_not_open_is_refused_with_those_that_are(
    inspector: Inspector, sql: str, kind: type[QueryDenied], says: str
) -> None:
    with pytest.raises(kind) as refusal:
        inspector.inspect(sql)
    assert says in (refusal.value.hint or "")


def test_without_older_versions_the_refusal_says_so() -> None:
    with pytest.raises(NotGranted, match="no such version") as refusal:
        make_test_inspector().inspect("FROM wages AT (VERSION => 4)")
    assert refusal.value.hint == "No other is open; 0 is the one read without AT."


def test_a_column_called_at_is_no_version(inspector: Inspector) -> None:
    assert inspector.inspect('SELECT "at" FROM (SELECT year AS "at" FROM wages)').reasons == ()


def test_every_word_that_can_be_no_alias_is_known() -> None:
    rows = _ENGINE.execute(
        "SELECT keyword_name FROM duckdb_keywords() "
        "WHERE keyword_category IN ('reserved', 'type_function')"
    ).fetchall()
    assert {name for (name,) in rows} == versions.RESERVED


# SHOW TABLES, DESCRIBE, SUMMARIZE, settings -------------------------------------------------------


def _asked(data: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return data.execute(sql).fetchall()


def test_show_tables_lists_the_views_and_no_version_of_them(
    inspector: Inspector, data: duckdb.DuckDBPyConnection
) -> None:
    seen = inspector.inspect("show tables;")
    assert _asked(data, seen.sql) == [("credentials",), ("wages",)]
    assert (seen.views, seen.columns) == ((), ())


def test_describe_answers_without_the_engine_reading_anything(
    inspector: Inspector, data: duckdb.DuckDBPyConnection
) -> None:
    sql = 'DESCRIBE SELECT year, wage AS "o\'clock" FROM wages'
    seen = inspector.inspect(sql)
    assert "wages" not in seen.sql
    assert _asked(data, seen.sql) == _asked(data, sql)
    assert (seen.views, seen.columns) == (("wages",), ())


def test_describe_shows_columns_of_every_role_and_no_hidden_one() -> None:
    seen = make_test_inspector().inspect("DESCRIBE wages")
    assert "'town'" in seen.sql
    assert "secret" not in seen.sql


def test_summarize_is_a_use_of_every_column_it_shows() -> None:
    inspector = make_test_inspector()
    with pytest.raises(QueryDenied) as refusal:
        inspector.inspect("SUMMARIZE wages")
    assert "town" in refusal.value.explain()
    assert inspector.inspect("SUMMARIZE SELECT year, wage FROM wages").verdict is Verdict.ALLOWED


@pytest.mark.parametrize(
    "sql",
    [
        "SUMMARIZE credentials",
        "SUMMARIZE SELECT year, count(DISTINCT person_id) AS n FROM credentials GROUP BY year",
    ],
)
def test_summarize_is_refused_where_answers_are_groups(sql: str) -> None:
    inspector = make_test_inspector(make_policy(mode=QueryMode.AGGREGATE_ONLY))
    with pytest.raises(QueryDenied) as refusal:
        inspector.inspect(sql)
    assert refusal.value.hint


def test_summarize_that_is_not_before_the_query_that_was_read_is_not_run(
    inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = statements.read
    monkeypatch.setattr(
        statements, "read",
        lambda text: statements.Statement(real(text).act, real(text).sql, "SUMMARIZE wages"),
    )  # fmt: skip
    with pytest.raises(ReadersDisagree):
        inspector.inspect("SUMMARIZE credentials")


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("EXPLAIN SELECT * FROM wages", "EXPLAIN POLICY"),
        ("EXPLAIN ANALYZE SELECT * FROM wages", "EXPLAIN POLICY"),
        ("SHOW ALL TABLES", "SHOW TABLES"),
        ("SET timezone = 'UTC'", "the time zone is UTC"),
        ("BEGIN", "nothing to commit"),
        ("CREATE TABLE x AS FROM wages", "WITH"),
        ("VALUES (1)", "FROM (VALUES"),
        ("DESCRIBE", "DESCRIBE <view>"),
    ],
)
def test_a_statement_that_cannot_pass_is_refused_with_what_to_type(
    inspector: Inspector, sql: str, says: str
) -> None:
    with pytest.raises(NotAQuestion) as refusal:
        inspector.inspect(sql)
    assert says in (refusal.value.hint or "")


# PIVOT and UNPIVOT -------------------------------------------------------------------------------

PIVOTS = [
    "PIVOT credentials ON year IN (2021, 2022)",
    "PIVOT wages ON year IN (2021, 2022), quarter IN (1, 2) USING sum(wage) GROUP BY county",
    "PIVOT wages ON year IN (2021) USING sum(wage) AS s, count(*) AS n GROUP BY county, industry",
    "FROM wages PIVOT (sum(wage) AS s FOR year IN (2021, 2022) quarter IN (1) GROUP BY county) p",
    "PIVOT (SELECT year, wage FROM wages) ON year IN (2021, 2022) USING sum(wage)",
    "SELECT p.* FROM (PIVOT wages ON county IN (Hartford, 'Tolland') USING avg(wage) "
    "GROUP BY year) p ORDER BY 1",
    "WITH a AS (FROM wages WHERE wage > 100) PIVOT a ON county IN ('Hartford') USING max(wage) "
    "GROUP BY quarter",
    "FROM credentials AS c PIVOT (count(DISTINCT person_id) FOR credential IN ('AS' AS h, 'x'))",
    "UNPIVOT credentials ON institution, county INTO NAME what VALUE place",
    "FROM credentials UNPIVOT INCLUDE NULLS (v FOR n IN (institution AS i, county))",
]


@pytest.mark.parametrize("sql", PIVOTS)
def test_a_pivot_is_spelt_out_and_answers_as_the_engine_s_own(
    inspector: Inspector, data: duckdb.DuckDBPyConnection, sql: str
) -> None:
    seen = inspector.inspect(sql)
    assert seen.verdict is Verdict.REWRITTEN
    assert "PIVOT" not in seen.sql.upper()
    ours, theirs = data.execute(seen.sql), None
    names, rows = [column[0] for column in ours.description], ours.fetchall()
    theirs = data.execute(sql)
    plain = [column[0] for column in theirs.description]
    hidden = {"town", "secret"}  # the test's own engine has what the catalogue has not
    assert [name for name in names if name not in hidden] == [n for n in plain if n not in hidden]
    assert sorted(map(str, rows)) == sorted(map(str, theirs.fetchall()))


@pytest.mark.parametrize(
    "sql",
    [
        "PIVOT wages ON year",
        "PIVOT wages ON year USING sum(wage) GROUP BY county",
        "PIVOT wages ON year IN (2021) USING sum(wage), avg(wage)",
        "PIVOT wages ON year IN (2021.5) USING sum(wage)",
        "PIVOT wages ON year IN (2021) USING sum(wage) + 1",
        "PIVOT wages ON year IN (2021) USING sum(wage) FILTER (WHERE quarter = 1)",
        "FROM wages PIVOT (sum(wage) FOR (year, quarter) IN ((2021, 1)))",
        "UNPIVOT wages ON COLUMNS(* EXCLUDE person_id) INTO NAME n VALUE v",
        "FROM wages UNPIVOT ((a, b) FOR n IN ((year, quarter)))",
    ],
)
def test_a_pivot_that_cannot_be_spelt_out_is_refused_with_what_to_type(
    inspector: Inspector, sql: str
) -> None:
    with pytest.raises(ConstructRefused) as refusal:
        inspector.inspect(sql)
    assert "PIVOT" in (refusal.value.hint or "")


def test_a_pivot_into_too_many_columns_is_refused_before_they_are_made(
    inspector: Inspector,
) -> None:
    values = ", ".join(map(str, range(300)))  # 27 million columns
    places = ", ".join(f"{name} IN ({values})" for name in ("year", "quarter", "wage"))
    with pytest.raises(TooLarge, match="200 columns"):
        inspector.inspect(f"PIVOT wages ON {places} USING sum(wage) GROUP BY county")


def test_a_pivot_hides_no_column_from_the_agreement() -> None:
    inspector = make_test_inspector()
    for sql in (
        "PIVOT wages ON town IN ('Bolton') USING sum(wage)",
        "PIVOT wages ON year IN (2021) USING max(town) GROUP BY county",
        "UNPIVOT wages ON town, county INTO NAME n VALUE v",
        "PIVOT wages ON secret IN ('x') USING count(*) GROUP BY year",
        "PIVOT wages ON person_id IN ('x') USING sum(wage) GROUP BY year",
    ):
        with pytest.raises(QueryDenied):
            inspector.inspect(sql)


def test_without_spelling_out_the_readers_refuse_a_pivot(
    inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pivots, "expand", lambda reader, text: (text.sql, ()))
    with pytest.raises(QueryDenied):
        inspector.inspect(PIVOTS[1])


# EXPLAIN POLICY ----------------------------------------------------------------------------------


def test_explain_policy_tells_of_an_allowed_query_what_it_reads_and_by_which_clause(
    inspector: Inspector,
) -> None:
    told = inspector.explain("EXPLAIN POLICY SELECT year FROM wages AT (VERSION => 2)")
    assert (told.verdict, told.code) == (Verdict.REWRITTEN, "query.allowed")
    assert told.sql == 'SELECT year FROM "wages@2" AS "wages"'
    assert told.reasons
    assert told.agencies == ("dol",)
    rows = told.table().to_pylist()
    assert {
        "item": "column", "says": f"wages@2.year: projectable ({WAGES}, field year)"
    } in rows  # fmt: skip
    assert told == inspector.explain("SELECT year FROM wages AT (VERSION => 2)")


def test_explain_policy_tells_of_a_refused_query_why_and_how_to_ask_for_more(
    inspector: Inspector,
) -> None:
    told = inspector.explain("explain policy SELECT ssn FROM wages")
    assert (told.verdict, told.code) == (Verdict.DENIED, "query.not-granted")
    assert told.clause == WAGES
    assert "amend" in told.hint
    assert told.sql is None
    assert told.table().column("item").to_pylist()[:4] == ["verdict", "code", "sentence", "clause"]


def test_explain_policy_names_the_role_that_was_in_the_way() -> None:
    told = make_test_inspector().explain("EXPLAIN POLICY SELECT town, person_id FROM wages")
    assert told.verdict is Verdict.DENIED
    assert told.views == ("wages",)
    assert {(use.name, use.role) for use in told.columns} == {
        ("wages.town", "filter-only"),
        ("wages.person_id", "projectable"),
    }


def test_the_query_inside_explain_policy_is_found_whatever_stands_between() -> None:
    assert statements.policy_question("EXPLAIN /* x */ policy  SELECT 1") == "SELECT 1"
    assert statements.policy_question("EXPLAIN SELECT 1 AS policy") is None
    assert statements.policy_question("EXPLAIN POLICY") is None
    assert statements.policy_question("EXPLAIN POLICY é") is None


# Hints -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("FROM wags", "Did you mean wages?"),
        ("SELECT wgae FROM wages", "Did you mean wage?"),
        ("SELECT w.yaer FROM wages w", "Did you mean year?"),
        ("SELECT * FROM information_schema.tables", "SHOW TABLES"),
        ("SELECT nvl(county, 'x') FROM wages", "coalesce"),
        ("SELECT stddevv(wage) FROM wages", "stddev"),
        ("SELECT `year` FROM wages", '"name"'),
        ("SELECT COLUMNS('y.*') FROM wages", "EXCLUDE"),
        ("SELECT max(COLUMNS(*)) FROM wages", "EXCLUDE"),
        ("SELECT year FROM wages ORDER BY #1", "Name the column"),
        ("SELECT list_transform([1], x -> x + 1)", "lambda x"),
        ("SELECT ?", "with the query"),
    ],
)
def test_a_refusal_says_what_was_probably_meant(inspector: Inspector, sql: str, says: str) -> None:
    with pytest.raises(QueryDenied) as refusal:
        inspector.inspect(sql)
    assert says in (refusal.value.hint or "")


def test_no_guess_names_what_is_withheld() -> None:
    inspector = make_test_inspector()
    for sql in ("SELECT snn FROM wages", "SELECT secrt FROM wages", "SELECT frist_name FROM wages"):
        with pytest.raises(QueryDenied) as refusal:
            inspector.inspect(sql)
        told = refusal.value.explain()
        assert not any(name in told for name in ("ssn", "secret", "first_name"))


def test_every_refused_attack_is_told_a_next_step() -> None:
    inspector = make_test_inspector()
    silent = []
    for sql in (sql for queries in ATTACKS.values() for sql in queries):
        with pytest.raises(QueryDenied) as refusal:
            inspector.inspect(sql)
        if not refusal.value.hint or not refusal.value.sentence.endswith("."):
            silent.append(sql)
    assert silent == []


# The pipeline ------------------------------------------------------------------------------------


def test_nothing_is_bound_before_the_engine_s_own_tree_has_passed(
    inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound: list[str] = []
    monkeypatch.setattr(bound_plan, "plan", lambda cursor, sql: bound.append(sql))
    with pytest.raises(QueryDenied):
        inspector.inspect("SELECT * FROM read_csv('x')")
    assert bound == []


def test_a_fault_of_the_engine_is_a_refusal(
    inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    cursor = duckdb.connect(":memory:")  # nothing is prepared on it
    with pytest.raises(NotUnderstood, match="engine cannot read"):
        engine_tree.read(cursor, "SELECT 1", inspector.catalogue)


def test_many_threads_get_the_same_verdicts(inspector: Inspector) -> None:
    asked = ["SELECT year FROM wages", "SELECT ssn FROM wages", "PIVOT wages ON year IN (2021)"] * 8
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda sql: inspector.explain(sql).code, asked))
    assert told == ["query.allowed", "query.not-granted", "query.allowed"] * 8


def test_dates_count_as_dates() -> None:
    assert parameters.literal(date(2024, 2, 29)) == "DATE '2024-02-29'"
    assert parameters.literal(datetime(2024, 2, 29, 1, 2, 3)).startswith("TIMESTAMP '2024")
