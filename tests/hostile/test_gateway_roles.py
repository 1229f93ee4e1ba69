"""Attempts to get a restricted column's value, or a small group, past the agreement.

Each is run on the real engine, over rows with planted values, if it passes at all: what counts is
whether something leaks. Then each control is taken away, to see that it was what stopped them.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from enclave.gateway.inspector import holding
from enclave.gateway.inspector.rewriting import Grouping
from enclave.gateway.inspector.rules import Rules
from enclave.gateway.inspector.values import Relation, Shape, Value
from enclave.gateway.refusals import QueryDenied
from tests.support import held

ALONE = held.people()[held.ALONE]["person_id"]
RICH = held.people()[held.RICH]["person_id"]

# A column that may only filter, or only join: its value may not be told --------------------------

ROLES = held.queries("held_roles.sql")

# Rows of persons, small groups and single values, where the answer must be groups ----------------

GROUPS = held.queries("held_groups.sql")

# Queries that pass, but whose answer must not show what they are after ---------------------------

NOT_SHOWN = held.queries("held_not_shown.sql")
SMALL = {name for name, size in held.DISTRICTS.items() if size < held.PERSONS}


ATTACKS = [
    *(("roles", sql) for sql in ROLES),
    *(("groups", sql) for sql in GROUPS),
    *(("roles", sql) for sql in GROUPS if "sex" in sql and "wage" not in sql),
]


def test_there_are_enough_attacks() -> None:
    assert len({sql for _, sql in ATTACKS}) + len(NOT_SHOWN) >= 60


@pytest.mark.parametrize(("policy", "sql"), ATTACKS)
def test_an_attempt_is_refused_with_its_clause_and_what_to_do(policy: str, sql: str) -> None:
    with pytest.raises(QueryDenied) as refusal:
        held.ask(sql, policy=policy)
    if refusal.value.code in ("query.column-role", "query.aggregate-only", "query.single-person"):
        assert held.AGREEMENT in (refusal.value.clause or "")
        assert refusal.value.hint


def _leaks(rows: list[tuple[Any, ...]]) -> bool:
    """Say whether a canary, a small district, a count under the threshold or Kent alone shows."""
    canaries = (held.CANARY_SEX, held.CANARY_TOWN, held.CANARY_EMPLOYER)
    if any(held.shows(rows, canary) for canary in canaries):
        return True
    flat = [cell for row in rows for cell in row]
    if SMALL & {cell for cell in flat if isinstance(cell, str)}:
        return True
    numbers = [float(cell) for cell in flat if isinstance(cell, (int, float)) or _is_number(cell)]
    counts = [number for number in numbers if 0 < number < held.PERSONS]
    return bool(counts) or any(map(_near, rows)) or _tells_pay(numbers)


def _near(row: tuple[Any, ...]) -> bool:
    """Say whether two numbers of one row differ by fewer than may be told apart."""
    numbers = [float(cell) for cell in row if isinstance(cell, (int, float)) or _is_number(cell)]
    pairs = itertools.combinations(numbers, 2)
    return any(0 < abs(one - other) < held.PERSONS for one, other in pairs)


def _is_number(cell: object) -> bool:
    return type(cell).__name__ == "Decimal"


def _tells_pay(numbers: list[float]) -> bool:
    """Say whether an answer tells, within a tenth, what one of the two rich persons earns."""
    earned = [
        sum(float(row["wage"]) for row in held.pay() if row["person_id"] == person)
        for person in (ALONE, RICH)
    ]
    return any(abs(number - pay) < pay / 10 for number in numbers for pay in earned)


@pytest.mark.parametrize("unique", [True, False])
@pytest.mark.parametrize("sql", NOT_SHOWN)
def test_an_answer_does_not_show_what_a_query_is_after(sql: str, unique: bool) -> None:
    """With a remainder: what it shows without one is a part of that."""
    _, rows = held.ask(sql, unique=unique)
    assert not _leaks(rows), rows


WITHOUT_KENT = (
    "sum(grade) FILTER (WHERE district <> 'Kent')",
    "sum(CASE WHEN district <> 'Kent' THEN grade ELSE 0 END)",
    "sum(grade * (district <> 'Kent')::INT)",
    "count(DISTINCT CASE WHEN district <> 'Kent' THEN grade ELSE 0 END)",
    "median(CASE WHEN district <> 'Kent' THEN grade ELSE 0 END)",
)  # grade is 0 for many: whom a condition leaves out could hide among them
ALL_FROM_ONE = (
    "SELECT quantile_cont(wage, 0.75) FROM wages JOIN enrolment USING (person_id) "
    "WHERE district = 'Kent' OR (year = 2021 AND quarter = 4 AND district IN ({}) AND grade = {})"
)


@pytest.mark.parametrize("summed", WITHOUT_KENT)
@pytest.mark.parametrize("unique", [True, False])
def test_nobody_hides_among_those_who_add_nothing(summed: str, unique: bool) -> None:
    assert held.ask(f"SELECT {summed} FROM enrolment", unique=unique)[1] == []


@pytest.mark.parametrize("grade", range(5))
@pytest.mark.parametrize("others", ["'Bolton', 'Canton'", "'Derby', 'Canton'", "'Avon', 'Bolton'"])
def test_a_quantile_is_not_one_persons_who_has_most_of_the_rows(others: str, grade: int) -> None:
    _, rows = held.ask(ALL_FROM_ONE.format(others, grade))
    assert all(value < 1_000_000 for (value,) in rows)


def test_columns_of_one_pivot_are_many_and_are_still_shown() -> None:
    years = ", ".join(
        f"count(*) FILTER (WHERE district = '{d}') AS d{at}, "
        f"sum(CASE WHEN district = '{d}' THEN grade END) AS s{at}"
        for at, d in enumerate(["Avon", "Bolton", "Canton", "Derby", "x", "y", "z"] * 2)
    )
    assert held.ask(f"SELECT {years} FROM enrolment")[1][0][:2] == (90, 180)


# Each control taken away: what it stopped then leaks ---------------------------------------------


def _unless(*_: Any, **__: Any) -> None:
    return None


def test_without_the_roles_a_hidden_value_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rules, "hidden", lambda *_: frozenset())
    monkeypatch.setattr(Rules, "answer", _unless)
    assert _leaks(held.ask("SELECT town FROM wages", policy="roles")[1])


def test_without_the_rule_on_conditions_a_list_tells_the_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Rules, "condition", _unless)
    listed = "SELECT v.t FROM wages w JOIN (VALUES ('canary-town'), ('x')) v(t) ON w.town = v.t"
    assert _leaks(held.ask(listed, policy="roles")[1])


def test_without_the_taint_of_outer_joins_a_match_tells_the_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    matched = (
        "SELECT 'canary-town' FROM enrolment e LEFT JOIN (SELECT person_id, 1 AS flag FROM wages "
        "WHERE town = 'canary-town') x USING (person_id) WHERE x.flag = 1"
    )
    told = matched.replace("'canary-town' FROM", "x.flag FROM", 1)
    with pytest.raises(QueryDenied):
        held.ask(told, policy="roles")
    monkeypatch.setattr(Value, "tainted", lambda self, _: self)
    assert held.ask(told, policy="roles")[1]


@pytest.mark.parametrize(
    ("taken", "stopped", "leaking"),
    [
        ("differences.pairs", "SELECT count(*) FILTER (WHERE district IN ('Avon', 'Kent')), "
         "count(*) FILTER (WHERE district = 'Avon') FROM enrolment", [(91, 90)]),
        ("differences.choices", f"SELECT {WITHOUT_KENT[1]} FROM enrolment", [(556,)]),
    ],
)  # fmt: skip
def test_without_a_test_of_differences_one_person_is_told(
    taken: str, stopped: str, leaking: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert held.ask(stopped)[1] == []
    monkeypatch.setattr(f"enclave.gateway.inspector.{taken}", lambda *_, **__: [])
    assert held.ask(stopped)[1] == leaking


def test_without_the_share_of_values_a_quantile_is_one_persons(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sql = ALL_FROM_ONE.format("'Derby', 'Canton'", 1)
    assert held.ask(sql)[1] == []
    monkeypatch.setattr("enclave.gateway.inspector.rewriting._MOST_VALUES", 1.0)
    assert held.ask(sql)[1] == [(held.CANARY_WAGE,)]


def test_without_the_taint_of_persons_their_number_tells_the_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sql = next(sql for sql in ROLES if "UNION ALL" in sql and "x USING" in sql)
    monkeypatch.setattr("enclave.gateway.inspector.values.beside_person", lambda _: frozenset())
    assert {1, 3} <= {count for _, count in held.ask(sql, policy="roles")[1]}


@pytest.mark.parametrize("sql", [sql for sql in ROLES if "v(x)" in sql])
def test_without_the_sieve_a_list_keeps_each_persons_own_value(
    sql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Rules, "sieve", _unless)
    assert len(set(held.ask(sql, policy="roles")[1])) > 200


def test_without_the_rule_on_gathered_persons_one_is_found_in_a_map(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Rules, "gathered", _unless)
    found = f"SELECT map(list(person_id), list(grade))['{ALONE}'] FROM enrolment"
    assert held.ask(found, policy="roles")[1] == [(held.people()[held.ALONE]["grade"],)]


def test_without_the_look_up_rule_one_person_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rules, "comparison", _unless)
    monkeypatch.setattr(Rules, "condition", _unless)
    found = held.ask(f"SELECT grade FROM enrolment WHERE person_id = '{ALONE}'", policy="roles")[1]
    assert len(found) == 1


def test_without_the_rule_on_owners_rows_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rules, "answer", _unless)
    assert _leaks(held.ask("SELECT sex FROM enrolment")[1])


def test_without_the_rewriting_small_groups_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Grouping, "rewrite", _unless)
    assert _leaks(held.ask("SELECT district, count(*) FROM enrolment GROUP BY 1")[1])


def test_without_the_proof_a_grouping_that_was_missed_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(holding, "_places", lambda *_: [])
    missed = "SELECT district, count(*) FROM enrolment GROUP BY district"
    with pytest.raises(QueryDenied):
        held.ask(missed)
    monkeypatch.setattr(Rules, "group", lambda self, node, guards, below, grouped, flow: Relation(
        tuple(Value(shape=Shape.PLAIN, literal=True) for _ in grouped.values)))  # fmt: skip
    assert _leaks(held.ask(missed)[1])


@pytest.mark.parametrize(
    ("taken", "sql"),
    [
        ("cut", "SELECT sum(wage), 99 FROM (SELECT * FROM wages ORDER BY wage DESC LIMIT 300)"),
        ("window", "SELECT count(*) FROM (SELECT * FROM wages QUALIFY rank() OVER (ORDER BY wage) "
         "< 300)"),
        ("distinct", "SELECT DISTINCT district FROM enrolment"),
        ("join", "SELECT count(*) FROM range(30) r(k) LEFT JOIN enrolment e ON e.grade = r.k"),
        ("nearest", "SELECT count(DISTINCT person_id) FROM range(99) v(k) ASOF JOIN enrolment a "
         "ON v.k >= a.grade"),
        ("pile", "SELECT count(*) FROM (SELECT person_id FROM enrolment UNION ALL "
         "SELECT 'forged-' || range FROM range(20))"),
        ("recursive", "WITH RECURSIVE r(p, n) AS (SELECT person_id, 1 FROM enrolment UNION ALL "
         "SELECT p, n + 1 FROM r WHERE n < 2) SELECT count(DISTINCT n) FROM r"),
    ],
)  # fmt: skip
def test_each_rule_of_groups_is_what_refuses(
    taken: str, sql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(QueryDenied) as before:
        held.ask(sql)
    monkeypatch.setattr(Rules, taken, _unless)
    try:
        held.ask(sql)
    except QueryDenied as after:
        assert after.sentence != before.value.sentence
