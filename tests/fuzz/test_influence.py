"""What passes tells of no fewer persons than the agreement says: counted out person by person.

Some of the questions of `tests.fuzz.groups` and the crossings of the known attacks; the long run is
`make nightly`. Then each control is taken away, to see that the counting notices.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.fuzz import crossed, crowd, groups
from tests.fuzz.influence import Oracle

QUESTIONS = 25  # of each kind for each agreement; about a tenth of a second each


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return Oracle("drop")


@pytest.mark.parametrize(("small", "unique"), [("drop", True), ("remainder", False)])
def test_an_answer_tells_of_no_fewer_persons_than_agreed(small: str, unique: bool) -> None:
    looking = Oracle(small, unique=unique)
    first = len(crossed.seeds()) + 1000 * unique
    for number in range(QUESTIONS):
        assert looking.look(groups.question(number)) == []
        assert looking.look(crossed.question(first + number)) == []
    assert looking.tally["allowed"] > QUESTIONS // 3  # or nothing was looked at
    assert looking.tally["cells"] > QUESTIONS // 3


# Each control taken away: the oracle sees what leaks then ----------------------------------------

_KENT = "FILTER (WHERE district IN ('Avon', 'Kent'))"
_AVON = "FILTER (WHERE district = 'Avon')"
_PAY = "FROM wages JOIN enrolment USING (person_id)"
_INSPECTOR = "enclave.gateway.inspector"


def _nothing(*_: Any, **__: Any) -> list[Any]:
    return []


@pytest.mark.parametrize(
    ("taken", "sql", "kind"),
    [
        ("differences.pairs", f"SELECT count(*) {_KENT}, count(*) {_AVON} FROM enrolment",
         "few differ: counts"),
        ("differences.pairs", f"SELECT count(*) {_AVON}, sum(ceil(wage / 1e6)) {_KENT} {_PAY}",
         "few differ: a sum and a count"),
        ("rules._counting", f"SELECT count(*) {_AVON}, sum(wage) FROM (SELECT person_id, district, "
         "(district IN ('Avon', 'Kent'))::INT AS wage FROM enrolment)",
         "few differ: a sum and a count"),
        ("rewriting.Grouping._share", f"SELECT sum(wage) {_PAY} WHERE district = 'Derby'",
         "one has most"),
        ("rewriting.Grouping._condition", "SELECT count_if(district = 'Hebron') FROM enrolment",
         "few add"),
        ("rewriting.Grouping._condition", "SELECT count_if(district <> 'Kent') FROM enrolment",
         "few are left out"),
        ("rewriting.Grouping._apart", f"SELECT regr_slope(wage, school_year), avg(wage) {_PAY} "
         "WHERE school_year = 2020 OR district = 'Kent'", "few differ: sums"),
        ("verdicts.Verdict._ratios", f"SELECT sum(wage * school_year), sum(wage) {_PAY} "
         "WHERE wage > 0 AND (school_year = 2020 OR district = 'Kent')", "few differ: sums"),
        ("rules.Rules.answer", "SELECT district FROM enrolment", "beyond the groups"),
    ],
)  # fmt: skip
def test_without_a_control_the_oracle_sees_the_leak(
    taken: str, sql: str, kind: str, oracle: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert oracle.look(sql) == []
    monkeypatch.setattr(f"{_INSPECTOR}.{taken}", _nothing)
    assert kind in {found.kind for found in oracle.look(sql)}


_CEIL = f"SELECT sum(ceil(wage / 4e6)) {_PAY}"  # 1 for each, but 2 for who has nearly all


def test_of_what_is_rounded_it_is_seen_who_has_most(
    oracle: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert oracle.look(_CEIL) == []
    monkeypatch.setattr(f"{_INSPECTOR}.rewriting.Grouping._apart", _nothing)
    assert oracle.look(_CEIL) == []
    monkeypatch.setattr(f"{_INSPECTOR}.differences.terms", lambda item: [item])
    assert [found.kind for found in oracle.look(_CEIL)] == ["one has most"]


@pytest.mark.parametrize(
    "sql",
    [
        # A rise by a hundredth moves one rounded number, by chance that of who has most.
        "SELECT sum(sqrt(CAST((wage / 10000) AS INTEGER))) FROM wages",
        # A number of rows beside a sum of a column of few values.
        "SELECT w, sum(ceil(size / 7000)) - sum(size) FROM (SELECT *, first_value(size) OVER "
        "(PARTITION BY person_id ORDER BY size) AS w FROM firms WHERE size < 60) GROUP BY 1",
        # NaN, which is not equal to itself.
        "SELECT 100.0 * sum(size) / sum(size) FROM firms WHERE size = 0",
    ],
)
def test_what_tells_of_nobody_is_no_finding(sql: str, oracle: Oracle) -> None:
    answered = oracle.tally["allowed"]
    assert oracle.look(sql) == []
    assert oracle.tally["allowed"] == answered + 1


def test_a_smaller_threshold_than_agreed_is_seen(
    oracle: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql = "SELECT district, count(*) FROM enrolment GROUP BY district"
    assert oracle.look(sql) == []
    monkeypatch.setattr(crowd, "PERSONS", 10)
    assert {(found.kind, found.persons) for found in oracle.look(sql)} == {
        ("small group", crowd.DISTRICTS["Canton"]),
        ("small group", crowd.DISTRICTS["Derby"]),
    }


def test_rows_that_are_picked_among_everybodys_are_seen(
    oracle: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    picked = "range(99) v(k) ASOF JOIN enrolment a ON v.k >= a.grade"
    sql = f"SELECT count(DISTINCT person_id) FROM {picked}"
    assert oracle.look(sql) == []  # refused
    monkeypatch.setattr(f"{_INSPECTOR}.rules.Rules.nearest", _nothing)
    assert [found.kind for found in oracle.look(sql)] == ["rows of persons meet"]
