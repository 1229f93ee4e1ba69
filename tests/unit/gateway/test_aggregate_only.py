"""Answers that must be groups of persons: what passes, what it shows, and that it is still right.

The text that would run is run on a real engine; the expected answer is counted in Python from the
rows themselves, person by person.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from math import isclose
from statistics import median
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enclave.events import Verdict
from enclave.gateway.inspector.aggregates import reviewed
from enclave.gateway.inspector.functions import review
from enclave.gateway.inspector.holding import known_aggregates
from enclave.gateway.refusals import ConstructRefused, NotGroups, QueryDenied
from enclave.model import EngineKind, SmallGroups
from tests.support import held

Row = Mapping[str, Any]

QUESTIONS = held.queries("held_questions.sql")


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_researchers_ask_of_groups_is_answered(question: str) -> None:
    seen, rows = held.ask(question)
    assert seen.verdict is Verdict.REWRITTEN
    assert seen.asked == question
    assert seen.sql != question
    assert rows
    (reason,) = seen.reasons
    assert "at least 10 persons" in reason


@pytest.mark.parametrize(
    "question", [line for line in QUESTIONS if "sex" in line and "wage" not in line]
)
def test_a_column_for_groups_only_holds_its_queries_in_an_agreement_of_rows(question: str) -> None:
    seen, rows = held.ask(question, policy="roles")
    assert seen.verdict is Verdict.REWRITTEN
    assert rows


def test_a_query_that_does_not_touch_that_column_gives_rows() -> None:
    seen, rows = held.ask("SELECT * EXCLUDE (sex) FROM enrolment", policy="roles")
    assert (seen.verdict, len(rows)) == (Verdict.ALLOWED, held.PEOPLE)


@pytest.mark.parametrize("question", ["SELECT 1", "SELECT range FROM range(3)", "DESCRIBE wages"])
def test_what_tells_of_nobody_is_left_as_it_is(question: str) -> None:
    assert held.inspector("groups").inspect(question).verdict is not None
    assert held.ask(question)[1]


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("SELECT District, count(*) FROM enrolment GROUP BY 1", ["district", "count_star()"]),
        ("SELECT count(*) AS \"How many\", avg(grade) FROM enrolment", ["How many", "avg(grade)"]),
        ("SELECT grade + 1, count(*) FROM enrolment GROUP BY ALL", ["(grade + 1)", "count_star()"]),
    ],
)  # fmt: skip
def test_the_columns_keep_their_names(question: str, names: list[str]) -> None:
    plain = [d[0] for d in held.world().cursor().execute(question).description or ()]
    text = held.inspector("groups").inspect(question).sql
    assert [d[0] for d in held.world().cursor().execute(text).description or ()] == plain
    assert [name.lower() for name in plain] == [name.lower() for name in names]


def test_small_groups_become_one_remainder_that_is_large_enough() -> None:
    question = "SELECT district, count(*) FROM enrolment GROUP BY district"
    rows = dict(held.ask(question)[1])
    large = {name: size for name, size in held.DISTRICTS.items() if size >= held.PERSONS}
    rest = sum(held.DISTRICTS.values()) - sum(large.values())
    assert rows == {**large, None: rest}
    assert dict(held.ask(question, small="drop")[1]) == large


def test_small_groups_that_are_still_too_few_together_are_left_out() -> None:
    question = "SELECT district, count(*) FROM enrolment WHERE district <> 'Essex' GROUP BY 1"
    small = {"Groton", "Hebron"}
    kent = "SELECT district, count(*) FROM enrolment WHERE district IN ('Avon', 'Kent') GROUP BY 1"
    assert sum(held.DISTRICTS[name] for name in small) == held.PERSONS
    assert (None, 11) in held.ask(question)[1]
    assert held.ask(kent)[1] == [("Avon", 90)]


def test_a_group_that_one_person_makes_up_is_not_shown() -> None:
    question = "SELECT sum(wage) FROM wages JOIN enrolment USING (person_id) WHERE district = '{}'"
    assert held.ask(question.format("Derby"))[1] == []
    assert len(held.ask(question.format("Avon"))[1]) == 1


def test_an_agreement_may_refuse_the_whole_answer_for_one_small_group() -> None:
    question = "SELECT district, count(*) FROM enrolment {} GROUP BY district"
    with pytest.raises(duckdb.ConversionException):
        held.ask(question.format(""), small="refuse")
    rows = held.ask(question.format("WHERE district = 'Avon'"), small="refuse")[1]
    assert rows == [("Avon", 90)]


def test_one_row_a_person_is_counted_without_telling_persons_apart() -> None:
    question = "SELECT district, avg(grade) FROM enrolment GROUP BY district"
    single = held.inspector("groups", unique=True).inspect(question).sql
    assert "count(DISTINCT" not in single
    assert "__held_each" not in single
    assert "__held_each" in held.inspector("groups", unique=False).inspect(question).sql
    fanned = "SELECT district, avg(grade) FROM enrolment JOIN wages USING (person_id) GROUP BY 1"
    assert "__held_each" in held.inspector("groups", unique=True).inspect(fanned).sql


@pytest.mark.parametrize(
    "question",
    [
        "SELECT district, count(*) FROM enrolment GROUP BY ROLLUP (district)",
        "SELECT DISTINCT district FROM enrolment",
        "SELECT v.k, count(*) FROM range(3) v(k) LEFT JOIN enrolment e ON e.grade = v.k GROUP BY 1",
        "SELECT count(*) FROM enrolment a JOIN wages b ON a.grade = b.quarter",
        "SELECT count(*) FROM (SELECT * FROM enrolment LIMIT 5)",
        "SELECT max(wage) FROM wages",
    ],
)
def test_a_refusal_names_the_clause_and_says_what_to_type(question: str) -> None:
    with pytest.raises(NotGroups) as refusal:
        held.ask(question)
    assert refusal.value.code == "query.aggregate-only"
    assert refusal.value.clause == f"{held.AGREEMENT}, mode aggregate-only"
    hint = refusal.value.hint or ""
    assert hint.endswith("asks the agency to amend the agreement.")
    assert hint.index("To use more") > 10


def test_two_keys_of_one_name_are_not_taken_for_one() -> None:
    """The second key was left out, and the first one's values were given under its name."""
    step = "(SELECT person_id, district, {'district': sex} AS s FROM enrolment)"
    with pytest.raises(NotGroups) as refused:
        held.ask(f"SELECT s.district, district, count(*) FROM {step} GROUP BY s.district, district")
    assert "other names" in (refused.value.hint or "")
    named = f"(SELECT person_id, district, s.district AS sex FROM {step})"
    _, rows = held.ask(f"SELECT sex, district, count(*) FROM {named} GROUP BY ALL")
    assert ("f", "Avon", 62) in rows
    assert held.ask("SELECT e.grade, count(*) FROM enrolment e GROUP BY e.grade, e.grade")[1]


def test_a_name_of_the_gateways_own_steps_is_not_taken() -> None:
    with pytest.raises(ConstructRefused):
        held.ask("WITH __held_0_held AS (SELECT 1) SELECT count(*) FROM enrolment")


def test_rows_of_a_column_for_groups_are_refused_with_what_to_type() -> None:
    with pytest.raises(NotGroups) as refusal:
        held.ask("SELECT * FROM enrolment", policy="roles")
    assert "SELECT * EXCLUDE (sex)" in (refusal.value.hint or "")
    assert refusal.value.clause == f"{held.AGREEMENT}, view enrolment, field sex"


# The review of aggregates -------------------------------------------------------------------------


def test_every_aggregate_that_may_be_called_is_reviewed_for_groups() -> None:
    callable_ = known_aggregates() & review().expressions.allowed
    unknown = [name for name in callable_ if reviewed(name).refusal == reviewed("nope").refusal]
    assert sorted(unknown) == []
    assert all(reviewed(name).refusal for name in known_aggregates() - callable_)


def test_an_aggregate_that_nobody_reviewed_is_refused() -> None:
    assert reviewed("brand_new").test is None
    assert reviewed("brand_new").refusal


# Generated questions against counting person by person --------------------------------------------


@dataclass(frozen=True)
class Column:
    """An aggregate of a question: its SQL, its argument, its FILTER and how to compute it."""

    sql: str
    argument: str | None
    chosen: Callable[[Row], bool] | None
    kind: str


SOURCES = ("enrolment", "wages", "wages JOIN enrolment USING (person_id)")
KEYS = {
    "enrolment": ("district", "sex", "grade", "school_year"),
    "wages": ("industry", "year", "quarter", "town"),
}
FILTERS: dict[str, tuple[tuple[str, Callable[[Row], bool]], ...]] = {
    "enrolment": (
        ("sex = 'f'", lambda row: row["sex"] == "f"),
        ("district IN ('Avon', 'Kent')", lambda row: row["district"] in ("Avon", "Kent")),
        ("grade < 2", lambda row: row["grade"] < 2),
        ("district <> 'Kent'", lambda row: row["district"] != "Kent"),
    ),
    "wages": (
        ("wage < 2000", lambda row: row["wage"] < 2000),
        ("quarter = 1", lambda row: row["quarter"] == 1),
        ("industry <> 'Health'", lambda row: row["industry"] != "Health"),
        ("wage > 1000000", lambda row: row["wage"] > 1000000),
    ),
}  # fmt: skip
NUMBERS = {"enrolment": ("grade",), "wages": ("wage", "quarter")}


@cache
def rows_of(source: str) -> tuple[Row, ...]:
    if source == "enrolment":
        return held.people()
    if source == "wages":
        return held.pay()
    known = {person["person_id"]: person for person in held.people()}
    return tuple({**known[row["person_id"]], **row} for row in held.pay())


@st.composite
def questions(draw: st.DrawFn) -> tuple[str, list[str], list[Any], list[Column], str]:
    source = draw(st.sampled_from(SOURCES))
    tables = [table for table in KEYS if table in source]
    names = [name for table in tables for name in KEYS[table]]
    conditions = [found for table in tables for found in FILTERS[table]]
    numbers = [name for table in tables for name in NUMBERS[table]]
    keys = draw(st.lists(st.sampled_from(names), max_size=2, unique=True))
    where = draw(st.lists(st.sampled_from(conditions), max_size=2, unique=True))
    columns = draw(st.lists(_columns(numbers, conditions), min_size=1, max_size=3))
    items = ", ".join([*keys, *(column.sql for column in columns)])
    sql = f"SELECT {items} FROM {source}"
    if where:
        sql += " WHERE " + " AND ".join(text for text, _ in where)
    if keys:
        sql += " GROUP BY " + draw(st.sampled_from([", ".join(keys), "ALL"]))
    return sql, keys, [test for _, test in where], columns, source


def _columns(numbers: list[str], conditions: list[Any]) -> st.SearchStrategy[Column]:
    number = st.sampled_from(numbers)
    chosen = st.sampled_from(conditions)
    return st.one_of(
        st.just(Column("count(*)", None, None, "count")),
        st.just(Column("count(DISTINCT person_id)", None, None, "persons")),
        number.map(lambda name: Column(f"sum({name})", name, None, "sum")),
        number.map(lambda name: Column(f"avg({name})", name, None, "avg")),
        chosen.map(lambda by: Column(f"count(*) FILTER (WHERE {by[0]})", None, by[1], "count")),
        st.tuples(number, chosen).map(
            lambda two: Column(
                f"sum({two[0]}) FILTER (WHERE {two[1][0]})", two[0], two[1][1], "sum"
            )
        ),
        chosen.map(
            lambda by: Column(f"sum(CASE WHEN {by[0]} THEN 1 ELSE 0 END)", None, by[1], "flag")
        ),
    )  # fmt: skip


def _persons(rows: Iterable[Row]) -> int:
    return len({row["person_id"] for row in rows})


def _may_be_shown(rows: list[Row], columns: list[Column]) -> bool:
    if _persons(rows) < held.PERSONS:
        return False
    is_conditional = any(column.chosen for column in columns)
    for column in columns:
        if column.argument is None and column.chosen is None:
            continue
        counted = [row for row in rows if _counts(row, column)]
        others = [row for row in rows if not _counts(row, column)]
        sides = [counted, others] if is_conditional else [counted]
        if column.argument and column.chosen:  # apart from who has nothing to add
            sides += [[row for row in rows if column.chosen(row) is side] for side in (True, False)]
        if any(0 < _persons(side) < held.PERSONS for side in sides):
            return False
        if column.kind in ("sum", "avg", "flag") and not _is_shared(counted, column):
            return False
    return all(
        _persons(differ) == 0 or _persons(differ) >= held.PERSONS
        for one, other in _subtracted(columns)
        for differ in [[row for row in rows if _counts(row, one) != _counts(row, other)]]
    ) and all(
        apart == 0 or apart >= held.PERSONS
        for one, other in _set_against(columns)
        for apart in [_off_the_middle(rows, one, other)]
    )


def _subtracted(columns: list[Column]) -> list[tuple[Column, Column]]:
    """Return the pairs of counts, of sums where some are of one column, of all beside a flag's.

    Beside a sum of constants any sum may be a number of rows (0250).
    """
    sums = [column for column in columns if column.kind in ("sum", "avg")]
    counts = [column for column in columns if column not in sums]
    overlap = any(
        one.argument == other.argument and one.chosen != other.chosen
        for one, other in itertools.combinations(sums, 2)
    )
    if any(column.kind == "flag" for column in columns):
        return [*itertools.combinations([c for c in columns if c.argument or c.chosen], 2)]
    pairs = [*itertools.combinations(counts, 2)]
    return pairs + [*itertools.combinations(sums, 2)] * overlap


def _set_against(columns: list[Column]) -> list[tuple[Column, Column]]:
    """Return the pairs of sums, where some are of one column or of constants (0281)."""
    numbers = {(c.argument, c.chosen): c for c in columns if c.kind in ("sum", "avg", "flag")}
    arguments = [argument for argument, _ in numbers]
    if None in arguments or len(set(arguments)) < len(arguments):
        return [*itertools.combinations(numbers.values(), 2)]
    return []


def _off_the_middle(rows: list[Row], one: Column, other: Column) -> int:
    """Return of how many persons two sums have another ratio than the middle one of all."""
    uppers, lowers = _each(rows, one), _each(rows, other)
    ratios = [uppers[who] / lowers[who] for who in uppers if lowers.get(who)]
    middle = median(ratios) if ratios else 0
    pairs = [(uppers.get(who, 0), lowers.get(who, 0) * middle) for who in {*uppers, *lowers}]
    return sum(not isclose(*pair, rel_tol=1e-9) for pair in pairs) if middle else 0


def _each(rows: list[Row], column: Column) -> dict[str, float]:
    """Return what each person adds to a sum; a flag adds 0 where a FILTER leaves out."""
    each: dict[str, float] = defaultdict(float)
    for row in rows:
        is_chosen = column.chosen is None or column.chosen(row)
        if is_chosen or column.kind == "flag":
            each[row["person_id"]] += float(row[column.argument]) if column.argument else is_chosen
    return each


def _counts(row: Row, column: Column) -> bool:
    is_chosen = column.chosen is None or column.chosen(row)
    return is_chosen and (column.argument is None or row[column.argument] != 0)


def _is_shared(rows: list[Row], column: Column) -> bool:
    each: dict[str, float] = defaultdict(float)
    for row in rows:
        each[row["person_id"]] += abs(float(row[column.argument])) if column.argument else 1.0
    return max(each.values(), default=0) <= held.SHARE * sum(each.values()) + 1e-6


def _value(rows: list[Row], column: Column) -> float | None:
    chosen = [row for row in rows if column.chosen is None or column.chosen(row)]
    if column.kind == "persons":
        return _persons(rows)
    if column.argument is None:
        return len(chosen)
    numbers = [float(row[column.argument]) for row in chosen]
    if not numbers:
        return None
    return sum(numbers) if column.kind == "sum" else sum(numbers) / len(numbers)


def _expected(
    rows: list[Row], keys: list[str], columns: list[Column], small: str
) -> list[tuple[Any, ...]]:
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[key] for key in keys)].append(row)
    shown = {key: found for key, found in groups.items() if _may_be_shown(found, columns)}
    rest = [row for key, found in groups.items() if key not in shown for row in found]
    answer = [(*key, *(_value(found, c) for c in columns)) for key, found in shown.items()]
    if keys and small == "remainder" and rest and _may_be_shown(rest, columns):
        answer.append((*(None for _ in keys), *(_value(rest, c) for c in columns)))
    return answer


def _rounded(rows: Iterable[tuple[Any, ...]]) -> list[tuple[str, ...]]:
    def shown(cell: Any) -> str:
        return cell if isinstance(cell, str) or cell is None else f"{float(cell):.6g}"

    return sorted(tuple(str(shown(cell)) for cell in row) for row in rows)


@settings(max_examples=150)
@given(
    questions(),
    st.sampled_from(["remainder", "drop"]),
    st.booleans(),
    st.sampled_from(EngineKind),  # what is run elsewhere is written without buckets
)
def test_no_row_of_an_answer_comes_from_too_few_persons_and_the_others_are_right(
    question: tuple[str, list[str], list[Any], list[Column], str],
    small: str,
    unique: bool,
    engine: EngineKind,
) -> None:
    sql, keys, where, columns, source = question
    rows = [row for row in rows_of(source) if all(test(row) for test in where)]
    _, answer = held.ask(sql, small=small, unique=unique, engine=engine)
    assert _rounded(answer) == _rounded(_expected(rows, keys, columns, small))


def test_the_modes_of_small_groups_are_all_known() -> None:
    assert {"remainder", "drop", "refuse"} == {mode.value for mode in SmallGroups}
    assert issubclass(NotGroups, QueryDenied)
