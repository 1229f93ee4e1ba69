"""What a project on Spark may ask: the same inspector, then only what Spark answers alike (R20).

No Spark is needed here: what is not portable never reaches it. tests/spark runs the rest.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from sqlglot import exp

from enclave.errors import Unavailable
from enclave.events import Verdict
from enclave.gateway.engine_spark import SparkEngine, SparkInspector, Translated
from enclave.gateway.inspector import Inspection, Inspector
from enclave.gateway.refusals import NotPortable, QueryDenied
from enclave.gateway.spark import portable, server
from enclave.gateway.spark.review import review
from enclave.model import EngineKind
from enclave.settings import Settings
from tests.support import held
from tests.support.gateway import ROSA, Collector, make_test_inspector, open_gateway

ROOT = Path(__file__).parents[3]
ATTACKS = [
    (family, attack["sql"])
    for family, attacks in yaml.safe_load(
        (ROOT / "tests" / "data" / "gateway" / "spark_attacks.yml").read_text(encoding="utf-8")
    ).items()
    for attack in attacks
]
# What the last list, alone, must stop: what reaches beyond the session's views and columns.
ALONE = [
    (family, sql)
    for family, sql in ATTACKS
    if family not in ("settings", "hints and grammar", "unicode")
]


@pytest.fixture(scope="module")
def inspector() -> Inspector:
    return on_spark(make_test_inspector())


def on_spark(plain: Inspector) -> SparkInspector:
    return SparkInspector(plain.catalogue, plain.second, plain.empty)


def spark_text(inspector: Inspector, sql: str) -> str:
    return portable.translate(
        inspector.inspect(sql).sql, inspector.empty, inspector.catalogue.schemas
    ).sql


def test_an_inspected_query_is_translated_once(
    inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    real = portable.translate
    monkeypatch.setattr(portable, "translate", lambda *a: made.append(a[0]) or real(*a))
    inspection = inspector.inspect("SELECT year, count(*) AS n FROM wages GROUP BY year")
    spark: Any = SimpleNamespace(query=lambda text: text)
    engine = SparkEngine(spark, spark, Path(), inspector.empty, inspector.catalogue.schemas)
    work = engine.start(inspection)
    assert isinstance(inspection, Translated)
    assert made == [inspection.sql]
    assert (work.query, work.schema.names) == (inspection.text.sql, ["year", "n"])


def test_there_are_enough_attacks() -> None:
    assert len(ATTACKS) >= 60


@pytest.mark.parametrize(("family", "sql"), ATTACKS)
def test_an_attack_on_spark_is_refused(inspector: Inspector, family: str, sql: str) -> None:
    with pytest.raises(QueryDenied):
        inspector.inspect(sql)


def test_every_attack_leaves_its_refusal_in_the_log(
    settings: Settings, collector: Collector
) -> None:
    plain = make_test_inspector()
    with open_gateway(settings, collector, inspector=on_spark(plain)) as gateway:
        for _, sql in ATTACKS:
            with pytest.raises(QueryDenied):
                gateway.answer(ROSA, sql)
    assert collector.actions() == [("query.denied", "denied")] * len(ATTACKS)


@pytest.mark.parametrize(("family", "sql"), ALONE)
def test_an_attack_handed_to_the_last_list_itself_is_refused(
    inspector: Inspector, family: str, sql: str
) -> None:
    """The list on Spark's own text holds alone, should the inspector ever let one by."""
    with pytest.raises((NotPortable, portable.SqlglotError)):
        portable.check_spark(sql, inspector.catalogue.schemas)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT approx_count_distinct(county) FROM wages",
        "SELECT approx_quantile(wage, 0.5) FROM wages",
        "SELECT quantile_cont(wage, 0.9) FROM wages",
        "SELECT quantile_disc(wage, 0.5) FROM wages",
        "SELECT any_value(county), first(county) FROM wages",
        "SELECT mode(county) FROM wages",
        "SELECT arg_max(county, wage) FROM wages GROUP BY year",
        "SELECT year FROM wages LIMIT 5",
        "SELECT year FROM wages GROUP BY ROLLUP (year)",
        "SELECT regexp_extract(county, '[A-Z]') FROM wages",
        "SELECT county || NULL::DOUBLE::VARCHAR FROM wages",
        "SELECT substr(county, -2) FROM wages",
        "SELECT substr(county, 0, 2) FROM wages",
        "SELECT year = '2021' FROM wages",
        "SELECT current_date FROM wages",
        "SELECT strftime(make_date(year::INT, 1, 1), '%Y') FROM wages",
        "SELECT try_cast(county AS INTEGER) FROM wages",
        "SELECT corr(wage, year) FROM wages",
        "SELECT w.year FROM wages w ASOF JOIN credentials c ON w.year >= c.year",
        "SELECT hash(county) FROM wages",
    ],
)
def test_what_spark_would_answer_differently_is_refused_with_its_own_code(
    inspector: Inspector, sql: str
) -> None:
    with pytest.raises(NotPortable) as refused:
        inspector.inspect(sql)
    assert refused.value.code == "query.not-portable"


@pytest.mark.parametrize(
    "sql",
    [
        # each of them sqlglot writes back as something else than it read
        "SELECT make_date(2020, 1, 1) + INTERVAL '14 months ago' FROM wages",
        "SELECT 1e308+1e308 FROM wages",
        "SELECT jaro_winkler_similarity(county, industry, 0.8) FROM wages",
    ],
)
def test_what_the_translator_misreads_is_refused(inspector: Inspector, sql: str) -> None:
    with pytest.raises(QueryDenied):
        inspector.inspect(sql)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT median(wage) FROM wages", "PERCENTILE("),
        ("SELECT quantile_cont(year, 0.9) FROM wages", "PERCENTILE("),
        ("SELECT avg(wage) FROM wages", "SUM("),
        ("SELECT year / quarter FROM wages", "POWER("),
        ("SELECT year FROM wages ORDER BY year", "NULLS LAST"),
        ("SELECT round(wage / 3, 2) FROM wages", "1E2"),
        ("SELECT floor(wage / 1000) FROM wages", "9007199254740992E0"),
        ("SELECT upper(county) FROM wages", "RAISE_ERROR("),
        ("SELECT wage::INTEGER FROM wages", "ROUND("),
    ],
)
def test_what_the_engines_mean_differently_is_written_out(
    inspector: Inspector, sql: str, said: str
) -> None:
    text = spark_text(inspector, sql)
    assert said in text
    assert "approx" not in text.lower()


def test_a_denial_of_the_agreement_is_the_same_as_on_duckdb(inspector: Inspector) -> None:
    plain = make_test_inspector()
    for sql in ("SELECT ssn FROM wages", "SELECT secret FROM wages", "SELECT * FROM payroll"):
        with pytest.raises(QueryDenied) as here:
            inspector.inspect(sql)
        with pytest.raises(QueryDenied) as there:
            plain.inspect(sql)
        assert here.value.explain() == there.value.explain()


def test_the_inspection_of_a_portable_query_is_the_same_as_on_duckdb(inspector: Inspector) -> None:
    sql = "SELECT county, avg(wage) FROM wages WHERE year = 2021 GROUP BY county"
    found = inspector.inspect(sql)
    facts = {field.name: getattr(found, field.name) for field in fields(Inspection)}
    assert Inspection(**facts) == make_test_inspector().inspect(sql)


def held_on_spark(small: str = "remainder", *, policy: str = "groups") -> SparkInspector:
    made = held.inspector(policy, small, unique=False, engine=EngineKind.SPARK)
    return on_spark(made)


def test_most_questions_about_groups_are_portable_and_none_by_a_hash() -> None:
    inspector = held_on_spark()
    refused = []
    questions = held.queries("held_questions.sql")
    for question in questions:
        try:
            inspection = inspector.inspect(question)
        except NotPortable:
            refused.append(question)
            continue
        assert inspection.verdict is Verdict.REWRITTEN
        assert "hash(" not in inspection.sql
        assert " 128" not in inspection.sql
    assert len(refused) <= len(questions) // 4


def test_a_column_for_groups_only_holds_its_queries_on_spark_too() -> None:
    inspector = held_on_spark(policy="roles")
    asked = inspector.inspect("SELECT sex, count(*) FROM enrolment GROUP BY sex")
    assert asked.verdict is Verdict.REWRITTEN
    with pytest.raises(QueryDenied) as here:
        inspector.inspect("SELECT sex FROM enrolment")
    with pytest.raises(QueryDenied) as there:
        held.ask("SELECT sex FROM enrolment", policy="roles")
    assert here.value.explain() == there.value.explain()


def test_an_answer_that_one_small_group_refuses_is_refused_on_spark_with_a_sentence() -> None:
    with pytest.raises(NotPortable, match="one small group refuses the whole answer"):
        held_on_spark("refuse").inspect("SELECT district, count(*) FROM enrolment GROUP BY 1")


def test_two_columns_of_one_name_are_refused_on_spark_with_what_to_do() -> None:
    with pytest.raises(NotPortable, match="the same name") as refused:
        held_on_spark("remainder").inspect("SELECT count(*), count(*) FROM enrolment")
    assert refused.value.hint == "Name each of them with AS."


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT year FROM wages WHERE wage IS NOT NULL",
        "SELECT year FROM wages WHERE NOT wage IS NULL",
        "SELECT year FROM wages WHERE NOT (wage IS NULL)",
        "SELECT count_star() FROM wages",
        "SELECT year FROM wages WHERE person_id = ANY (SELECT person_id FROM credentials)",
        "SELECT w.year FROM (wages w JOIN credentials c USING (person_id)) JOIN wages v"
        " ON v.person_id = w.person_id",
    ],
)
def test_a_query_may_be_written_as_duckdb_itself_writes_it(inspector: Inspector, sql: str) -> None:
    assert spark_text(inspector, sql)


def test_every_name_of_the_review_is_one_of_the_parser() -> None:
    names = {*review().kinds, *review().spark_nodes, *review().hints}
    assert [name for name in sorted(names) if not hasattr(exp, name)] == []


def test_no_approximate_or_unordered_function_is_on_the_list() -> None:
    odd = {"First", "Last", "AnyValue", "ArgMax", "ArgMin", "Mode", "Rand", "Uuid", "Current"}
    found = {name for name in review().kinds if "Approx" in name or "Regexp" in name}
    assert not found | (odd & set(review().kinds))


def test_without_the_extra_nothing_of_spark_is_installed_and_a_sentence_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = (ROOT / "locks" / "runtime.lock").read_text(encoding="utf-8")
    assert "pyspark" not in lock and "py4j" not in lock
    monkeypatch.setattr(server.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Unavailable, match="Spark is not installed"):
        server.start(tmp_path, server.Size())


def test_without_java_a_sentence_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.shutil, "which", lambda name: None)
    monkeypatch.setattr(server, "JAVA", 0)
    with pytest.raises(Unavailable, match="no Java"):
        server.start(tmp_path, server.Size())


def test_the_page_lists_the_servers_settings() -> None:
    page = (ROOT / "docs" / "how-to" / "spark.md").read_text(encoding="utf-8")
    listed = {
        (words[1].strip(" `"), words[2].strip(" `"))
        for words in (line.split("|") for line in page.splitlines())
        if len(words) > 3 and words[1].startswith(" `spark.")
    }
    assert listed == set(server.SETTINGS.items())
