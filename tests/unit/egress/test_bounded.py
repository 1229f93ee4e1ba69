"""What one person can change of a bounded recomputation, whatever the data hold (R22)."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator, Sequence

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egress_review.errors import OutputRefused
from egress_review.methods.bounded import Asked, Cells, recompute, understand
from enclave.model import Amounts, PrivateTerms

VIEWS = {
    "wages": ("person_id", "county", "year", "wage"),
    "credentials": ("person_id", "school"),
}
LABELS = {
    "wages.county": ("Hartford", "Tolland", "Windham"),
    "wages.year": ("2023", "2024"),
    "credentials.school": ("Capital", "Gateway"),
}
TERMS = PrivateTerms(4000, 1000, 2, {"wages.wage": Amounts(-500, 10_000)})
EVERYTHING = (
    "SELECT county, year, count(*) AS n, count(wage) AS w, count(DISTINCT person_id) AS p, "
    "sum(wage) AS s, avg(wage) AS a, sum(wage) FILTER (WHERE year = 2024) AS f "
    "FROM wages WHERE wage IS NULL OR wage <> 7 GROUP BY CUBE (county, year)"
)
JOINED = (
    "SELECT school, county, count(*) AS n, sum(wage) AS s, count(DISTINCT wages.person_id) AS p "
    "FROM wages JOIN credentials ON wages.wage > 0 GROUP BY GROUPING SETS ((school), (county), ())"
)

Wage = tuple[int, str | None, int | None, float | None]
WAGES = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(["Hartford", "Tolland", "Elsewhere", None]),
        st.sampled_from([2022, 2023, 2024, None]),
        st.one_of(st.none(), st.sampled_from([-1e9, -5.5, 0.0, 7.0, 99.99, 100.01, 1e12])),
    ),
    max_size=14,
)
SCHOOLS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["Capital", "Gateway"])))


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        made.execute(
            "CREATE TABLE wages (person_id UUID, county VARCHAR, year INTEGER, wage DECIMAL(18, 2))"
        )
        made.execute("CREATE TABLE credentials (person_id UUID, school VARCHAR)")
        yield made


def put(
    engine: duckdb.DuckDBPyConnection,
    wages: Sequence[Wage],
    schools: Sequence[tuple[int, str]] = (),
) -> None:
    for name, rows in (("wages", wages), ("credentials", schools)):
        engine.execute(f"DELETE FROM {name}")
        if rows:
            marks = ", ".join("?" * len(VIEWS[name]))
            engine.executemany(
                f"INSERT INTO {name} VALUES ({marks})",
                [(uuid.UUID(int=who + 1), *rest) for who, *rest in rows],
            )


def changed(asked: Asked, before: Cells, after: Cells) -> Counter[int]:
    """Return, per question, by how much all its cells change together."""
    found: Counter[int] = Counter()
    for number, one in enumerate(asked.plan.questions):
        left, right = before[one.measure, one.level], after[one.measure, one.level]
        assert left.keys() == right.keys()  # which rows there are hangs on nobody
        found[number] = sum(abs(left[key] - right[key]) for key in left)
    return found


@settings(max_examples=60)
@given(WAGES, SCHOOLS, st.sampled_from([EVERYTHING, JOINED]))
def test_no_person_changes_any_question_by_more_than_its_sensitivity(
    engine: duckdb.DuckDBPyConnection,
    wages: list[Wage],
    schools: list[tuple[int, str]],
    sql: str,
) -> None:
    """Attack: any data at all, with and without the rows of one person in every view.

    The join is by pay and not by person, amounts are beyond their bounds, and rows many.
    """
    asked = understand(sql, VIEWS, TERMS, LABELS)
    put(engine, wages, schools)
    everyone = recompute(engine, asked)
    put(engine, [row for row in wages if row[0]], [row for row in schools if row[0]])
    without = recompute(engine, asked)
    for number, change in changed(asked, everyone, without).items():
        assert change <= asked.plan.questions[number].sensitivity, asked.plan.questions[number]


def test_the_bounds_bind_where_a_person_has_more(engine: duckdb.DuckDBPyConnection) -> None:
    """The property above is not empty: one person reaches every sensitivity, and no more."""
    asked = understand(EVERYTHING, VIEWS, TERMS, LABELS)
    put(engine, [])
    before = recompute(engine, asked)
    put(engine, [(0, place, 2024, 1e12) for place in ("Hartford", "Tolland") for _ in range(9)])
    after = recompute(engine, asked)
    for number, change in changed(asked, before, after).items():
        one = asked.plan.questions[number]
        assert change == one.sensitivity or one.measure.startswith("persons"), one


def test_a_row_that_joins_two_persons_counts_for_nobody(engine: duckdb.DuckDBPyConnection) -> None:
    """Attack: a join by pay in place of person, so that one credential meets everybody's pay."""
    asked = understand(JOINED, VIEWS, TERMS, LABELS)
    pay = [(n, "Hartford", 2024, 50.0) for n in range(1, 30)]
    put(engine, pay)
    before = recompute(engine, asked)
    put(engine, pay, [(0, "Capital")])
    assert not changed(asked, before, recompute(engine, asked)).total()
    put(engine, pay, [(1, "Capital")])
    assert changed(asked, before, recompute(engine, asked)).total()


def test_values_are_counted_in_hundredths_and_without_those_of_no_label(
    engine: duckdb.DuckDBPyConnection,
) -> None:
    asked = understand(EVERYTHING, VIEWS, TERMS, LABELS)
    put(
        engine,
        [(1, "Hartford", 2023, 12.34), (2, "Hartford", 2023, None), (3, "Elsewhere", 2023, 50.0)],
    )
    found = recompute(engine, asked)
    fine = frozenset({0, 1})
    cell = ("Hartford", "2023")
    told = {name: found[name, fine][cell] for name, level in found if level == fine}
    assert list(told.values()) == [2, 1, 2, 1234, 0]
    assert found["rows", fine].keys() == {
        (a, b) for a in LABELS["wages.county"] for b in ("2023", "2024")
    }
    assert sum(found["rows", fine].values()) == 2


def test_equal_questions_have_one_fingerprint_and_others_another() -> None:
    def mark(sql: str, terms: PrivateTerms = TERMS, *about: str) -> str:
        return understand(sql, VIEWS, terms, LABELS).fingerprint(*about)

    counted = "SELECT county, count(*) AS n FROM wages GROUP BY county"
    same = "select county , COUNT(*) as people FROM wages GROUP BY 1"
    assert mark(counted) == mark(same)
    others = {
        mark(counted),
        mark(counted, TERMS, "epoch 2"),
        mark(counted.replace("county", "year")),
        mark(counted.replace("GROUP", "WHERE year = 2024 GROUP")),
        mark(counted.replace("BY county", "BY ROLLUP (county)")),
        mark(counted.replace("count(*)", "count(wage)")),
        mark(counted, PrivateTerms(4000, 1000, 3)),
    }
    assert len(others) == 7


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("SELECT county, count(*) FROM wages GROUP BY county HAVING count(*) > 9", "HAVING"),
        (
            "SELECT school, count(*) FROM wages LEFT JOIN credentials USING (person_id) "
            "GROUP BY school",
            "outer join",
        ),
        (
            "SELECT county, count(*) FROM wages WHERE wage > (SELECT avg(wage) FROM wages) "
            "GROUP BY county",
            "another query",
        ),
        ("SELECT upper(county), count(*) FROM wages GROUP BY 1", "more than a plain column"),
        ("SELECT county, 100 * count(*) FROM wages GROUP BY county", "calculates"),
        ("SELECT county, sum(wage * 2) FROM wages GROUP BY county", "calculates"),
        ("SELECT county, stddev(wage) FROM wages GROUP BY county", "more than counts"),
        ("SELECT county, sum(year) FROM wages GROUP BY county", "no bounds for wages.year"),
    ],
)
def test_what_the_bounds_do_not_cover_is_refused(sql: str, sentence: str) -> None:
    with pytest.raises(OutputRefused) as refused:
        understand(sql, VIEWS, TERMS, LABELS)
    assert sentence in refused.value.explain()


def test_groups_whose_labels_are_not_public_are_refused() -> None:
    """Which groups there are would tell that somebody is in them."""
    with pytest.raises(OutputRefused) as refused:
        understand("SELECT county, count(*) FROM wages GROUP BY 1", VIEWS, TERMS, {})
    assert "The labels of wages.county are not public" in refused.value.sentence
    many = {**LABELS, "wages.county": [str(n) for n in range(6000)]}
    with pytest.raises(OutputRefused) as refused:
        understand("SELECT county, year, count(*) FROM wages GROUP BY 1, 2", VIEWS, TERMS, many)
    assert "more than 10,000 rows" in refused.value.sentence
