"""Attack queries against a real gateway: refused, logged once, and nothing came out.

R18, R20; SATRE 3.1.12, 3.2.03. tests/data/gateway/attacks.yml names the families.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest

from enclave.errors import EnclaveError
from enclave.gateway.inspector import bound_plan, engine_tree, limits, second_tree
from enclave.gateway.inspector.parameters import Values
from enclave.gateway.refusals import QueryDenied, QueryFailed, TooLarge
from enclave.gateway.service import Gateway
from enclave.settings import Settings
from tests.support import attacks
from tests.support.gateway import (
    ROSA,
    SECRET,
    Collector,
    connection_of,
    make_test_inspector,
    open_gateway,
)

ATTACKS = attacks.refused()
CASES = [
    (family, sql)
    for family, queries in ATTACKS.items()
    for sql in queries
    if family != attacks.UNICODE
]
HARMLESS = [(family, sql) for family, queries in attacks.harmless().items() for sql in queries]


@pytest.fixture(scope="module")
def collector() -> Collector:
    return Collector()


@pytest.fixture(scope="module")
def gateway(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    place = tmp_path_factory.mktemp("g")
    settings = Settings(state_dir=place / "s", run_dir=place / "r")
    with open_gateway(settings, collector) as opened:
        yield opened


def test_there_are_at_least_three_hundred_attacks_besides_those_of_unicode() -> None:
    assert len(CASES) == len(set(CASES)) >= 400
    assert len(ATTACKS) >= 16
    assert sum(len(queries) for _, queries in attacks.agreements().values()) >= 200


@pytest.mark.parametrize(("family", "sql"), CASES)
def test_an_attack_is_refused_and_logged_once(
    gateway: Gateway, collector: Collector, family: str, sql: str
) -> None:
    _assert_denied(gateway, collector, sql)


def _assert_denied(gateway: Gateway, collector: Collector, sql: str) -> None:
    before = len(collector.events)
    with pytest.raises(QueryDenied) as refusal:
        gateway.answer(ROSA, sql)
    assert collector.actions()[before:] == [("query.denied", "denied")], sql
    told = refusal.value.explain() + str(collector.events[before:])
    assert SECRET not in told
    assert "Traceback" not in told


def test_no_character_of_unicode_slips_between_the_parsers(
    gateway: Gateway, collector: Collector
) -> None:
    assert len(attacks.odd_characters()) > 200
    for sql in ATTACKS[attacks.UNICODE]:
        _assert_denied(gateway, collector, sql)


@pytest.mark.parametrize(("family", "sql"), HARMLESS)
def test_what_only_looks_like_an_attack_gives_nothing_hidden(
    gateway: Gateway, collector: Collector, family: str, sql: str
) -> None:
    before = len(collector.events)
    told = ""
    try:
        told = str([batch.to_pylist() for batch in gateway.answer(ROSA, sql)])
    except QueryFailed as failed:
        told = failed.explain()
        assert not any(value in told for value in ("Hartford", "Tolland", "Manchester", "2021"))
    actions = collector.actions()[before:]
    assert [action for action, _ in actions] == ["query.intent", "query.outcome"]
    logged = str(collector.events[before:])
    assert SECRET not in told + logged
    assert "Bolton" not in told + logged
    ended = collector.events[-1].verdict.value
    assert ended == ("failed" if collector.events[-1].detail.get("code") else actions[0][1])
    assert connection_of(gateway).cursor().execute("SELECT 1").fetchall() == [(1,)]


HIDDEN = "JANE-DOE-078051120"
TEXTS = [
    f"SELECT '{HIDDEN}'",
    f"SELECT 1 -- {HIDDEN}",
    f"SELECT 1 /* {HIDDEN} */",
    f'SELECT 1 AS "{HIDDEN}"',
    f'SELECT "{HIDDEN}" FROM wages',
    f'SELECT """{HIDDEN}" FROM wages',
    f"SELECT * FROM '{HIDDEN}'",
    f"SELECT E'{HIDDEN}'",
    f"SELECT $${HIDDEN}$$",
    f"SELECT $a${HIDDEN}$a$",
    f"SELECT U&'{HIDDEN}'",
    f"SELECT '{HIDDEN}",
    f'SELECT "{HIDDEN}',
    f"SELECT /* {HIDDEN}",
    f"SELECT '' '{HIDDEN}'",
    f"SELECT 'x''{HIDDEN}'",
    f"SELECT year FROM wages WHERE county = '{HIDDEN}'",
    f"SELECT count(*) FROM wages WHERE person_id = '{HIDDEN}'",
    f"PIVOT credentials ON county IN ('{HIDDEN}') USING count(*)",
    f'DESCRIBE SELECT 1 AS "{HIDDEN}"',
    f"SUMMARIZE SELECT year FROM credentials WHERE county <> '{HIDDEN}'",
    f"SELECT DATE '{HIDDEN}'",
    f"SELECT CAST('{HIDDEN}' AS INTEGER)",
    f"SELECT error('{HIDDEN}')",
    f"SELECT * FROM read_csv('{HIDDEN}')",
    f"SELECT `{HIDDEN}`",
    f"SELECT '{HIDDEN}'\u200b",
]


@pytest.mark.parametrize("sql", TEXTS)
def test_the_log_repeats_no_literal_comment_or_unknown_name(
    gateway: Gateway, collector: Collector, sql: str
) -> None:
    before = len(collector.events)
    with suppress(EnclaveError):
        list(gateway.answer(ROSA, sql))
    with suppress(EnclaveError):
        gateway.explain(ROSA, sql)
    assert len(collector.events) > before
    assert HIDDEN not in str(collector.events[before:])
    assert "078051120" not in str(collector.events[before:])


BREAKING_OUT = [
    "' OR '1'='1",
    "'; DROP TABLE wages; --",
    "\\'; SELECT * FROM pg_class --",
    "'' || (SELECT max(town) FROM wages) || ''",
    "$$", "$1", "?", "-- ", "/*", "*/", '"', "\u2019 OR 1=1", "\u02bc", "\uff07", "%s {}", "\n\r",
]  # fmt: skip


@pytest.mark.parametrize("value", BREAKING_OUT)
@pytest.mark.parametrize("sql", ["SELECT ? AS v", "SELECT $1 AS v", "SELECT $v AS v"])
def test_a_parameter_stays_the_value_it_is(
    gateway: Gateway, collector: Collector, sql: str, value: str
) -> None:
    given = {"v": value} if "$v" in sql else [value]
    (batch,) = gateway.answer(ROSA, sql, given)
    assert batch.to_pylist() == [{"v": value}]
    assert value not in str(collector.events[-2].detail["sql"]) or len(value) < 4


@pytest.mark.parametrize(
    ("sql", "given"),
    [
        ("SELECT year FROM wages WHERE county = '?'", ["x"]),
        ("SELECT year FROM ?", ["pg_class"]),
        ("SELECT year FROM read_csv(?)", ["/etc/passwd"]),
        ("SELECT wage FROM wages WHERE person_id = ?", ["0154a6f6-0e6c-52c4-b709-95aaead8423e"]),
        ("SELECT stats(?)", ["x"]),
        ("SELECT current_setting(?)", ["threads"]),
        ("SELECT list_aggr([1], ?)", ["sum_no_overflow"]),
        ("SELECT rpad('x', ?, 'y')", [500_000_000]),
        ("SELECT ?", ["x\0y"]),
        ("SELECT ?", ["\ud800"]),
        ("SELECT ?", [float("nan")]),
        ("SELECT ?", [2**200]),
        ("SELECT ?", ["x" * 30_000]),
        ("SELECT ? ?", ["a", "b"]),
        ("SELECT DATE ?", ["2020-01-01'; --"]),
        ("SELECT 'a' ?", ["b"]),
        ("SELECT $1, $3", ["a", "b"]),
        ("SELECT ?; SELECT ?", [1, 2]),
        ("SELECT $1", []),
        ("SELECT ?", ["a", "b"]),
        ("SELECT * FROM credentials AT (VERSION => ?)", [7]),
        ("PIVOT credentials ON stats(county) IN (?) USING count(*)", ["x"]),
    ],
)
def test_a_parameter_is_held_to_every_rule_of_a_literal(
    gateway: Gateway, collector: Collector, sql: str, given: Values
) -> None:
    before = len(collector.events)
    with pytest.raises(EnclaveError) as refusal:
        list(gateway.answer(ROSA, sql, given))
    assert collector.actions()[before:][-1] in [
        ("query.denied", "denied"),
        ("query.outcome", "failed"),
    ]
    assert "/etc" not in refusal.value.explain()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT town FROM wages",
        "SELECT secret FROM wages",
        "SELECT ssn FROM wages",
        "SELECT count(*) FROM wages WHERE county = 'Hartford'",
        "EXPLAIN POLICY SELECT * FROM pg_class",
        "SELECT * FROM wages WHERE person_id = 'x'",
        "SELECT (SELECT max(secret) FROM wages)",
        "DESCRIBE wages",
        "PIVOT credentials ON county USING count(*)",
        "\u200b",
    ],
)
def test_explaining_reads_no_row_and_names_nothing_hidden(
    gateway: Gateway, collector: Collector, sql: str
) -> None:
    before = len(collector.events)
    told = str(gateway.explain(ROSA, sql).to_pylist())
    assert [action for action, _ in collector.actions()[before:]] == ["query.explained"]
    assert SECRET not in told
    assert "secret" in sql or "secret" not in told.lower()


def test_the_table_of_what_each_step_stops_is_the_one_in_the_page(
    gateway: Gateway, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    settings = Settings(state_dir=tmp_path / "s", run_dir=tmp_path / "r")
    with open_gateway(settings, Collector()) as alone:  # some attacks change the bare engine
        measured = attacks.table(connection_of(alone))
    with capsys.disabled():
        print(f"\n{measured}\n")
    for line in measured.splitlines()[2:]:
        _, n, *counts = (cell.strip() for cell in line.strip("|").split("|"))
        assert counts[list(attacks.STEPS).index("all")] == n, line
    assert attacks.documented() == measured, "run `python -m tests.support.attacks`"


def _engine_gives(gateway: Gateway, sql: str) -> bool:
    cursor = connection_of(gateway).cursor()
    try:
        return bool(cursor.execute(sql).fetchall())
    except duckdb.Error:
        return False
    finally:
        cursor.close()


REAL = [
    "SELECT * FROM duckdb_tables",
    "SELECT * FROM pragma_storage_info('wages')",
    "SELECT stats(year) FROM credentials",
    "SELECT * FROM duckdb_settings()",
    "SELECT json_serialize_plan('SELECT * FROM wages')",
    "SELECT rowid FROM wages",
    "SELECT credentials FROM credentials",
]


@pytest.mark.parametrize("sql", REAL)
def test_the_attack_would_have_worked_without_the_inspector(gateway: Gateway, sql: str) -> None:
    assert any(sql in queries for queries in ATTACKS.values())
    assert _engine_gives(gateway, sql)


@pytest.mark.parametrize("family", ["files and network"])
def test_without_the_inspector_the_engine_still_opens_no_file(
    gateway: Gateway, family: str
) -> None:
    assert [sql for sql in ATTACKS[family] if _engine_gives(gateway, sql)] == []


def test_without_the_inspector_the_engine_still_cannot_write_or_be_reconfigured(
    gateway: Gateway,
) -> None:
    for sql in ("INSERT INTO wages SELECT * FROM wages", "CREATE TABLE x AS SELECT 1",
                "SET enable_external_access = true", "SET lock_configuration = false",
                "SET threads = 8", "SET python_enable_replacements = true"):  # fmt: skip
        with pytest.raises(duckdb.Error):
            connection_of(gateway).cursor().execute(sql)


def test_without_the_inspector_a_python_variable_is_still_no_table(gateway: Gateway) -> None:
    import pyarrow as pa  # noqa: PLC0415

    host_table = pa.table({"x": [1]})
    with pytest.raises(duckdb.CatalogException):
        connection_of(gateway).cursor().execute("SELECT * FROM host_table").fetchall()
    assert host_table.num_rows == 1


def test_a_hidden_column_is_not_even_in_the_engine(gateway: Gateway) -> None:
    with pytest.raises(duckdb.BinderException):
        connection_of(gateway).cursor().execute("SELECT secret FROM wages").fetchall()


@pytest.mark.parametrize(
    ("layer", "sql"),
    [
        ("limits", "SELECT year FROM credentials -- \u202eevil"),
        ("limits", "SELECT\u2003year FROM credentials"),
        ("engine tree", "SELECT main.upper('x')"),
        ("second tree", "SELECT credentials FROM credentials"),
    ],
)
def test_each_layer_stops_something_the_others_let_pass(
    layer: str, sql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    inspector = make_test_inspector()
    with pytest.raises(QueryDenied):
        inspector.inspect(sql)
    _remove(layer, monkeypatch)
    inspector.inspect(sql)


def _remove(layer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if layer == "limits":
        monkeypatch.setattr(
            limits, "read", lambda sql: limits.Text(sql, (limits.Word("name", "x", 0),))
        )
    elif layer == "engine tree":
        monkeypatch.setattr(engine_tree._Walker, "_call", lambda self, node: None)
    else:
        monkeypatch.setattr(second_tree, "_no_whole_rows", lambda tree: None)
        monkeypatch.setattr(bound_plan, "_columns", lambda get: iter(()))


def test_a_chain_that_doubles_its_columns_is_refused_before_it_is_planned(
    gateway: Gateway,
) -> None:
    chain = ["a0 AS (SELECT year FROM credentials)"]
    chain += [f"a{n} AS (SELECT * FROM a{n - 1} x, a{n - 1} y)" for n in range(1, 40)]
    with pytest.raises(TooLarge):
        gateway.answer(ROSA, f"WITH {', '.join(chain)} SELECT count(*) FROM a39")


def test_a_nest_of_stars_is_refused_before_it_is_planned(gateway: Gateway) -> None:
    sql = "credentials"
    for _ in range(30):
        sql = f"(SELECT *, * FROM {sql})"
    with pytest.raises(TooLarge):
        gateway.answer(ROSA, f"SELECT count(*) FROM {sql}")


DEEP = [
    "(" * 5000,
    "SELECT " + "-" * 3000 + "1",
    "SELECT " + "NOT " * 3000 + "true",
    "SELECT 1" + "+1" * 4000,
    "SELECT " + "[" * 300,
    "SELECT 'x" + "y" * 30_000 + "'",
    "SELECT " + "CASE WHEN true THEN " * 900 + "1" + " END" * 900,
]


@pytest.mark.parametrize("body", DEEP, ids=range(len(DEEP)))
def test_deep_and_long_queries_are_refused_and_not_a_crash(gateway: Gateway, body: str) -> None:
    with pytest.raises(QueryDenied):
        gateway.answer(ROSA, body)


def test_a_query_without_end_is_stopped(settings: Settings) -> None:
    collector = Collector()
    with open_gateway(settings, collector, seconds=1) as gateway, pytest.raises(EnclaveError):
        endless = (
            "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range = -1"
        )
        list(gateway.answer(ROSA, endless))
    assert collector.actions() == [("query.intent", "allowed"), ("query.outcome", "failed")]


def test_an_error_of_the_engine_tells_no_value(gateway: Gateway, collector: Collector) -> None:
    with pytest.raises(EnclaveError) as failure:
        list(gateway.answer(ROSA, "SELECT county::INTEGER FROM credentials"))
    assert "Hartford" not in failure.value.explain() + str(collector.events[-1])


# What a function says of a value that it does not take; every town is Bolton, and may only filter.
COMPLAINING = [
    "CAST(town AS INTEGER) = 1",
    "town::DATE > DATE '2020-01-01'",
    "town::UUID IS NOT NULL",
    "town::INTERVAL > INTERVAL 1 DAY",
    "CAST(town AS INTEGER[]) IS NULL",
    "CAST(town AS STRUCT(a INTEGER)) IS NULL",
    "strptime(town, '%Y') IS NOT NULL",
    "strptime('2020', town) IS NOT NULL",
    "date_part(w.town, now()) = 1",
    "date_trunc(w.town, now()) IS NULL",
    "timezone(town, now()) IS NOT NULL",
    "json(town) IS NOT NULL",
    "json_extract('{}', '$' || town) IS NULL",
    "regexp_matches('a', '(' || town)",
    "from_hex(town) IS NOT NULL",
    "from_base64(town) IS NOT NULL",
    "list_extract(from_json(town, '[1]'), 1) IS NULL",
    "make_date(length(town) * 1000, 99, 1) IS NULL",
    "chr(length(town) * 10000000) = 'x'",
    "factorial(length(town) * 1000000) > 0",
    "(SELECT unnest([town, town])) = town",
]


@pytest.mark.parametrize("condition", COMPLAINING)
def test_an_error_over_a_column_that_may_only_filter_tells_no_value(
    gateway: Gateway, collector: Collector, condition: str
) -> None:
    before = len(collector.events)
    with pytest.raises(EnclaveError) as failure:
        list(gateway.answer(ROSA, f"SELECT year FROM wages w WHERE {condition}"))
    told = failure.value.explain() + str(collector.events[before:])
    assert len(collector.events) > before
    assert "Bolton" not in told
    assert connection_of(gateway).cursor().execute("SELECT 1").fetchall() == [(1,)]
