"""What the inspector lets pass, what it says when it does not, and how clearly it says it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enclave.errors import EnclaveError, Unavailable
from enclave.gateway.inspector import (
    Inspection,
    Inspector,
    bound_plan,
    engine_json,
    engine_tree,
    limits,
    second_tree,
)
from enclave.gateway.inspector.catalogue import compile_catalogue, declared_schemas
from enclave.gateway.inspector.functions import review
from enclave.gateway.inspector.second_tree import SecondReader
from enclave.gateway.refusals import (
    ConstructRefused,
    FunctionRefused,
    NotAQuestion,
    NotGranted,
    NotGroups,
    NotUnderstood,
    OddText,
    QueryDenied,
    ReadersDisagree,
    TooLarge,
    UseNotGranted,
)
from enclave.model import ColumnRole, QueryMode
from tests.support.gateway import make_policy, make_test_inspector

QUESTIONS = (
    (Path(__file__).parents[2] / "data" / "gateway" / "questions.sql")
    .read_text(encoding="utf-8")
    .splitlines()
)


def _open_policy() -> Inspector:
    """The demo's agreement without columns that are granted for one use only."""
    policy = make_policy()
    views = tuple(
        type(view)(
            view.name, view.dataset, view.agency, view.label,
            tuple(c for c in view.columns if c.role is ColumnRole.PROJECTABLE), view.clause,
        )
        for view in policy.views
    )  # fmt: skip
    return make_test_inspector(make_policy(views=views))


@pytest.fixture(scope="module")
def inspector() -> Inspector:
    return _open_policy()


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_researchers_type_passes(inspector: Inspector, question: str) -> None:
    inspection = inspector.inspect(question.replace("\\n", "\n"))
    assert set(inspection.views) <= {"wages", "credentials"}


def test_the_columns_read_are_those_that_the_plan_reads(inspector: Inspector) -> None:
    seen = inspector.inspect(
        "SELECT c.field_of_study, avg(w.wage) FROM credentials c JOIN wages w USING (person_id) "
        "WHERE w.year > 2020 GROUP BY 1"
    )
    assert seen.columns == (
        "credentials.field_of_study",
        "credentials.person_id",
        "wages.person_id",
        "wages.wage",
        "wages.year",
    )
    assert seen.agencies == ("cscu", "dol")
    assert seen.datasets == ("credentials", "wages")
    assert "view wages" in seen.clause
    assert "view credentials" in seen.clause


def test_a_column_nobody_granted_is_refused_with_the_clause_that_bounds_the_view(
    inspector: Inspector,
) -> None:
    with pytest.raises(NotGranted) as refusal:
        inspector.inspect("SELECT w.ssn FROM wages w")
    assert refusal.value.clause == "dsa-credential-pay, view wages"
    assert "does not grant the column ssn of wages" in refusal.value.sentence
    assert "industry" in (refusal.value.hint or "")


def test_a_misspelt_column_is_told_apart_from_a_withheld_one(inspector: Inspector) -> None:
    with pytest.raises(NotUnderstood, match="does not fit the views") as refusal:
        inspector.inspect("SELECT wgae FROM wages")
    assert "wgae" in (refusal.value.hint or "")


def test_a_table_nobody_granted_is_refused_with_the_agreement(inspector: Inspector) -> None:
    with pytest.raises(NotGranted) as refusal:
        inspector.inspect("SELECT * FROM benefits")
    assert refusal.value.clause == "dsa-credential-pay, views"
    assert "credentials, wages" in (refusal.value.hint or "")


def test_a_column_for_one_use_only_is_refused_with_its_own_clause() -> None:
    with pytest.raises(UseNotGranted) as refusal:
        make_test_inspector().inspect("SELECT town FROM wages")
    assert refusal.value.clause == "dsa-credential-pay, view wages, field town"


def test_a_hidden_column_is_as_if_it_were_not_there() -> None:
    with pytest.raises(QueryDenied) as refusal:
        make_test_inspector().inspect("SELECT secret FROM wages")
    assert refusal.value.code in ("query.syntax", "query.not-granted")


def test_an_aggregate_only_agreement_gives_no_rows() -> None:
    inspector = make_test_inspector(make_policy(mode=QueryMode.AGGREGATE_ONLY))
    with pytest.raises(NotGroups) as refusal:
        inspector.inspect("SELECT wage FROM wages")
    assert refusal.value.clause == "dsa-credential-pay, mode aggregate-only"
    assert inspector.inspect("SHOW TABLES").views == ()


def test_the_log_gets_the_text_without_literals_comments_and_unknown_quoted_names(
    inspector: Inspector,
) -> None:
    seen = inspector.inspect(
        'SELECT "year" AS "Jane Doe" /* 123-45-6789 */ FROM "wages" -- Jane\n'
        "WHERE county = 'Jane''s' AND wage > 1.5e3"
    )
    assert seen.redacted == ('SELECT "year" AS "?" FROM "wages" WHERE county = ? AND wage > ?')
    assert inspector.redact("SELECT 'open") == "-"


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("", NotUnderstood),
        ("   -- nothing", NotUnderstood),
        ("SELECT", NotUnderstood),
        ("SELECT 1 FROM", NotUnderstood),
        ("SELECT 1; SELECT 2", NotAQuestion),
        ("DESCRIBE", NotAQuestion),
        ("EXPLAIN SELECT 1", NotAQuestion),
        ("SHOW DATABASES", NotAQuestion),
        ("SELECT $1", OddText),
        ("SELECT 1 -- é", OddText),
        ("SELECT 'a\0'", OddText),
        ("SELECT 1é", OddText),
        ("SELECT 0x1F", OddText),
        ("SELECT 1e3001e300", OddText),
        ("SELECT E'x'", OddText),
        ("SELECT 'x", NotUnderstood),
        ("SELECT " + "1," * 3000 + "1", TooLarge),
        ("SELECT '" + "x" * 20_000 + "'", TooLarge),
        ("SELECT " + "(" * 41 + "1" + ")" * 41, TooLarge),
        ("WITH a AS (" * 4 + "SELECT", TooLarge),  # an error in eight WITHs: 20 s of parsing
        ("WITH a AS (SELECT (" * 4 + "SELECT", TooLarge),
        ("SELECT ?", ConstructRefused),
        ("SELECT no_such_function(1)", FunctionRefused),
        ("SELECT COLUMNS('y.*') FROM wages", ConstructRefused),
        ("SELECT x FROM (SELECT rowid AS x FROM wages)", ConstructRefused),
        ("SELECT wages FROM wages", ConstructRefused),
        ("SELECT 1::no_such_type", ConstructRefused),
        ("PIVOT wages ON year USING sum(wage)", ConstructRefused),
        ("SELECT * FROM wages AT (VERSION => 1)", QueryDenied),
        ("WITH wages AS (SELECT 1) SELECT * FROM wages", QueryDenied),
    ],
)  # fmt: skip
def test_a_refusal_has_its_own_kind(
    inspector: Inspector, sql: str, kind: type[QueryDenied]
) -> None:
    with pytest.raises(kind) as refusal:
        inspector.inspect(sql)
    assert refusal.value.code.startswith("query.")


def test_an_extract_that_lacks_a_granted_column_is_not_served() -> None:
    policy = make_policy()
    schemas = declared_schemas(policy)
    schemas["wages"] = pa.schema([schemas["wages"].field("person_id")])
    with pytest.raises(Unavailable, match="does not hold all of wages"):
        compile_catalogue(policy, schemas)


# Each step on its own: what it refuses even where an earlier one would have refused already ------


def _engine(inspector: Inspector, sql: str) -> frozenset[str]:
    cursor = engine_json.open_reader(inspector.empty)
    return engine_tree.read(cursor, sql, inspector.catalogue)[1]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1; SELECT 2",
        "SELECT $1",
        "SET threads = 1",
        "SELEC 1",
        "SHOW wages",
        "SELECT * FROM (DESCRIBE wages)",
        "SELECT * FROM wages AT (VERSION => 1)",
        "WITH wages AS (SELECT 1) SELECT * FROM wages",
        "WITH x AS (INSERT INTO wages VALUES (1) RETURNING *) FROM x",
        "SELECT COLUMNS('a') FROM wages",
        "SELECT rowid FROM wages",
        "SELECT current_user",
        "SELECT 'a' COLLATE nocase",
        "SELECT system.main.upper('x')",
        "SELECT 1::mood",
        "SELECT * FROM system.main.range(3)",
        "SELECT * FROM wages.wages",
        "SELECT sum(wage) EXPORT_STATE FROM wages",
        "SELECT * FROM wages PIVOT (sum(wage) FOR year IN (2021))",
    ],
)
def test_the_engine_tree_alone_refuses(inspector: Inspector, sql: str) -> None:
    with pytest.raises(QueryDenied):
        _engine(inspector, sql)


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("SELECT 1", set()),
        ("SELECT year FROM main.wages", {"wages"}),
        ("WITH a AS (FROM wages) SELECT * FROM a, credentials", {"wages", "credentials"}),
        ("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) FROM t", set()),
        ("SELECT * FROM wages USING SAMPLE 5 PERCENT", {"wages"}),
    ],
)
def test_the_engine_tree_names_the_tables(inspector: Inspector, sql: str, tables: set[str]) -> None:
    assert _engine(inspector, sql) == tables


@pytest.mark.parametrize(
    "sql", ["SELECT * FROM duckdb_tables()", "SELECT nope FROM wages", "SHOW TABLES"]
)
def test_the_bound_plan_alone_refuses(inspector: Inspector, sql: str) -> None:
    with pytest.raises(QueryDenied):
        bound_plan.read(bound_plan.plan(engine_json.open_reader(inspector.empty), sql))


def test_a_plan_with_an_unknown_step_is_refused(
    inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bound_plan, "_NODES", frozenset({"LOGICAL_GET"}))
    with pytest.raises(ConstructRefused, match="plan"):
        inspector.inspect("SELECT year FROM wages")


def test_a_plan_that_reads_no_column_of_a_view_is_refused() -> None:
    get = {"function_data": {"table": "wages"}, "column_indexes": [{"index": 9}], "names": ["a"]}
    with pytest.raises(ReadersDisagree):
        list(bound_plan._columns(get))


def test_readers_that_see_different_tables_let_nobody_run_the_query(
    inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SecondReader, "tables", lambda self, tree: frozenset({"credentials"}))
    with pytest.raises(ReadersDisagree, match="same tables"):
        inspector.inspect("SELECT year FROM wages")


def test_a_plan_that_reads_more_than_the_parsers_see_lets_nobody_run_the_query(
    inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = bound_plan.Bound(frozenset({"wages"}), frozenset({"wages.year", "wages.wage"}))
    monkeypatch.setattr(bound_plan, "read", lambda plan: more)
    with pytest.raises(ReadersDisagree, match="more than"):
        inspector.inspect("SELECT year FROM wages")


def test_a_tree_too_deep_for_python_is_a_refusal(
    inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_deep(*_: object, **__: object) -> None:
        raise RecursionError

    monkeypatch.setattr(engine_tree, "read", too_deep)
    with pytest.raises(TooLarge):
        inspector.inspect("SELECT 1")


def test_the_second_reader_alone_refuses_a_column_it_cannot_place(inspector: Inspector) -> None:
    with pytest.raises(NotGranted):
        inspector.second.read(inspector.second.parse("SELECT nope FROM wages"))


def test_a_table_that_no_scope_sees_counts_as_read(
    inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = inspector.second.parse("SELECT year FROM credentials WHERE year IN (FROM pg_class)")
    monkeypatch.setattr(second_tree, "traverse_scope", lambda tree: [])
    assert inspector.second.tables(tree) == {"credentials", "pg_class"}


# Fuzzing: whatever comes in, a verdict comes out -------------------------------------------------

_VOCABULARY = """
SELECT FROM WHERE GROUP BY ORDER wages credentials year wage county person_id * , ( ) = +
- 1 'x' "year" count( sum( stats( read_csv( JOIN USING WITH AS a b OVER PARTITION UNION
ALL VALUES duckdb_tables() pg_class rowid COLUMNS( :: INTEGER [ ] { } lambda x : ; -- /*
*/ $1 ? DESCRIBE SUMMARIZE SHOW TABLES PIVOT ON IN (SELECT EXISTS CASE WHEN THEN ELSE END
NULL IS NOT DISTINCT LIMIT OFFSET QUALIFY row_number() INTERVAL DATE EXCLUDE REPLACE .
LATERAL unnest( range(
"""
_WORDS = st.sampled_from(_VOCABULARY.split())


@settings(max_examples=400)
@given(st.one_of(st.lists(_WORDS, max_size=25).map(" ".join), st.text(max_size=60)))
def test_any_text_gets_a_verdict_and_names_only_granted_views(sql: str) -> None:
    try:
        seen = _FUZZED.inspect(sql)
    except QueryDenied:
        return
    assert isinstance(seen, Inspection)
    assert set(seen.views) <= {"wages", "credentials"}
    granted = {f"{v}.{c}" for v in seen.views for c in _FUZZED.catalogue.columns(v)}
    assert set(seen.columns) <= granted


_FUZZED = make_test_inspector()


@settings(max_examples=200)
@given(st.text(max_size=80))
def test_splitting_a_text_loses_nothing_but_spaces_and_comments(sql: str) -> None:
    try:
        text = limits.read(sql)
    except EnclaveError:
        return
    assert all(sql.startswith(word.text, word.at) for word in text.words)


# The review of functions -------------------------------------------------------------------------


def test_every_function_of_the_installed_engine_is_reviewed() -> None:
    """An upgrade of DuckDB cannot open a hole: what is new is in no list, and this fails."""
    connection = duckdb.connect()
    rows = connection.execute(
        "SELECT DISTINCT function_name, function_type FROM duckdb_functions()"
    ).fetchall()
    review_ = review()
    assert review_.engine == duckdb.__version__
    unreviewed = [
        (name, kind)
        for name, kind in rows
        for place in [review_.tables if kind in ("table", "table_macro") else review_.expressions]
        if kind != "pragma"  # a PRAGMA is a statement, and no statement passes
        and name.lower() not in place.allowed
        and place.ban(name.lower()) is None
    ]
    assert unreviewed == []


def test_no_function_is_both_allowed_and_banned() -> None:
    for place in (review().expressions, review().tables):
        assert [name for name in place.allowed if place.ban(name)] == []


def test_every_ban_has_a_reason_that_can_be_shown() -> None:
    for family in (*review().expressions.banned, *review().tables.banned):
        assert len(family.reason.split()) >= 5
    with pytest.raises(FunctionRefused) as refusal:
        review().tables.check("read_csv")
    assert "file" in (refusal.value.hint or "")


def test_the_catalogue_says_what_a_query_may_do_with_a_column() -> None:
    catalogue = make_test_inspector().catalogue
    assert catalogue.role("wages", "person_id") is ColumnRole.PROJECTABLE
    assert catalogue.role("wages", "town") is ColumnRole.FILTER_ONLY
    assert "secret" not in catalogue.columns("wages")
    assert catalogue.policy.ends == date(2090, 1, 1)
