"""Attack queries against a real gateway: refused, logged once, and nothing came out.

R52, R53; SATRE 2.2.x (controls on data access). tests/data/gateway/attacks.yml names the families.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import yaml

from enclave.errors import EnclaveError
from enclave.gateway.inspector import bound_plan, engine_tree, limits, second_tree
from enclave.gateway.refusals import QueryDenied, TooLarge
from enclave.gateway.service import Gateway
from enclave.settings import Settings
from tests.support.gateway import ROSA, SECRET, Collector, make_test_inspector, open_gateway

ATTACKS: dict[str, list[str]] = yaml.safe_load(
    (Path(__file__).parents[1] / "data" / "gateway" / "attacks.yml").read_text(encoding="utf-8")
)
CASES = [(family, sql) for family, queries in ATTACKS.items() for sql in queries]


@pytest.fixture(scope="module")
def collector() -> Collector:
    return Collector()


@pytest.fixture(scope="module")
def gateway(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    place = tmp_path_factory.mktemp("g")
    settings = Settings(state_dir=place / "s", run_dir=place / "r")
    with open_gateway(settings, collector) as opened:
        yield opened


def test_there_are_at_least_two_hundred_attacks_in_nine_families() -> None:
    assert len(CASES) == len(set(CASES)) >= 200
    assert len(ATTACKS) >= 9


@pytest.mark.parametrize(("family", "sql"), CASES)
def test_an_attack_is_refused_and_logged_once(
    gateway: Gateway, collector: Collector, family: str, sql: str
) -> None:
    before = len(collector.events)
    with pytest.raises(QueryDenied) as refusal:
        gateway.answer(ROSA, sql)
    assert collector.actions()[before:] == [("query.denied", "denied")]
    assert SECRET not in refusal.value.explain()
    assert SECRET not in str(collector.events[before:])


def _engine_gives(gateway: Gateway, sql: str) -> bool:
    cursor = gateway.parts.engine.connection.cursor()
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
            gateway.parts.engine.connection.cursor().execute(sql)


def test_without_the_inspector_a_python_variable_is_still_no_table(gateway: Gateway) -> None:
    import pyarrow as pa  # noqa: PLC0415

    host_table = pa.table({"x": [1]})
    with pytest.raises(duckdb.CatalogException):
        gateway.parts.engine.connection.cursor().execute("SELECT * FROM host_table").fetchall()
    assert host_table.num_rows == 1


def test_a_hidden_column_is_not_even_in_the_engine(gateway: Gateway) -> None:
    with pytest.raises(duckdb.BinderException):
        gateway.parts.engine.connection.cursor().execute("SELECT secret FROM wages").fetchall()


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
