"""What a number is led back to, and who is counted behind it (R3, R22; rules table of egress).

On a little table of known people, straight through the engine: no service, no audit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from egress_review.errors import OutputRefused
from egress_review.evidence.evidence_sql import Units
from egress_review.evidence.recompute import recompute
from egress_review.sdc.attacker import attack
from egress_review.sdc.certificate import publish
from egress_review.sdc.primary import Reason, sensitive
from tests.support.disclosure import protect
from tests.support.pay import RULES, UNITS, VIEWS, ask, engine, people, person


def reasons(
    sql: str, rows: Sequence[tuple[object, ...]], *, units: Units | None = None
) -> set[Reason]:
    found = sensitive(ask(sql, rows, units=units).table, RULES)
    return {reason for each in found.values() for reason in each}


RATES = (
    "count(*) FILTER (WHERE sex = 'F') / count(*)",
    "round(100.0 * count(*) FILTER (WHERE sex = 'F') / count(*), 1)",
    "avg(CASE WHEN sex = 'F' THEN 1 ELSE 0 END)",
    "avg(CASE WHEN sex <> 'F' THEN 0 ELSE 100 END)",
    "avg((sex = 'F')::INTEGER)",
    "sum(CASE WHEN sex = 'F' THEN 1 END) / count(*)",
    "count(CASE WHEN sex = 'F' THEN 1 END)",
    "count(DISTINCT person_id) FILTER (WHERE sex = 'F')",
    "count_if(sex = 'F')",
    "sum(wage) FILTER (WHERE sex = 'F')",
    "avg(CASE WHEN sex = 'F' THEN wage END)",
    "count(*) FILTER (WHERE sex = 'F') / nullif(count(*), 0)",
    "count(nullif(sex, 'M'))",
)


@pytest.mark.parametrize("rate", RATES)
def test_a_rate_over_few_people_is_sensitive(rate: str) -> None:
    """Numerator: two women among twenty; by its persons alone the cell would pass."""
    rows = [*people(4), *[(*row[:2], "M", *row[3:]) for row in people(16, start=50)]]
    assert Reason.THRESHOLD in reasons(f"SELECT town, {rate} AS r FROM pay GROUP BY town", rows)


@pytest.mark.parametrize("rate", RATES)
def test_a_rate_that_few_people_are_left_out_of_is_sensitive(rate: str) -> None:
    """Complement: two men among twenty."""
    rows = [*people(4), *[(*row[:2], "F", *row[3:]) for row in people(16, start=50)]]
    sql = f"SELECT town, count(*) AS n, {rate} AS r FROM pay GROUP BY town"
    found = reasons(sql, rows)
    assert Reason.MISSING in found or rate.startswith("sum(wage)")


@pytest.mark.parametrize("rate", RATES)
def test_a_rate_over_enough_people_and_with_enough_left_is_not_sensitive(rate: str) -> None:
    assert not reasons(f"SELECT town, {rate} AS r FROM pay GROUP BY town", people(20))


@pytest.mark.parametrize("rate", RATES)
def test_a_rate_of_nobody_is_not_sensitive(rate: str) -> None:
    rows = [(*row[:2], "M", *row[3:]) for row in people(20)]
    assert not reasons(f"SELECT town, {rate} AS r FROM pay GROUP BY town", rows)


def test_the_mean_of_a_column_of_zeros_and_ones_is_two_counts() -> None:
    """Two members of twenty: their mean times the count gives them away."""
    rows = [(*row[:6], 1 if n < 2 else 0, row[7]) for n, row in enumerate(people(20))]
    found = ask("SELECT town, avg(member) AS share FROM pay GROUP BY town", rows)
    assert sensitive(found.table, RULES) == {0: (Reason.THRESHOLD,)}
    assert found.table.cells[0].values["nonnull:pay.member is 1"] == 2
    few_others = [(*row[:6], 0 if n < 2 else 1, row[7]) for n, row in enumerate(people(20))]
    sql = "SELECT town, avg(member) AS share FROM pay GROUP BY town"
    assert reasons(sql, few_others) == {Reason.MISSING}


def test_one_of_a_persons_rows_left_out_is_a_person_given_away() -> None:
    """All twenty persons are inside the filter; of one, a row is not: the difference is theirs."""
    rows = [(*row[:2], "F", *row[3:]) for row in people(20)]
    rows.append((person(3), "A", "M", 5000, None, "E1", 0, 40))
    sql = "SELECT town, count(*) AS n, count(*) FILTER (WHERE sex = 'F') AS f FROM pay GROUP BY 1"
    assert reasons(sql, rows) == {Reason.MISSING}


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("median(wage)", "quantile_cont(x, 0.45)"),
        ("quantile_cont(wage, 0.5)", "quantile_cont(x, 0.45)"),
        ("quantile_disc(wage, 0.5)", "quantile_cont(x, 0.45)"),
        ("(quantile_cont(wage, 0.49) + quantile_cont(wage, 0.51)) / 2", "quantile_cont(x, 0.45)"),
        ("(quantile_cont(wage, 0.45) + quantile_cont(member, 0.55)) / 2", "quantile_cont"),
        ("(quantile_cont(wage, 0.1) + quantile_cont(wage, 0.9)) / 2", "quantile_cont(x, 0.45)"),
        ("max(wage)", "0.85"),
        ("min(wage)", "0.85"),
        ("max(wage) - min(wage)", "0.85"),
        ("arg_max(town, wage)", "sum(column)"),
        ("list(wage)", "sum(column)"),
        ("sum(wage * bonus)", "sum(column)"),
        ("sum(floor(wage / 1000000))", "sum(column)"),
        ("sum(least(wage, 1000))", "sum(column)"),
        ("sum(nullif(wage, 1000))", "sum(column)"),
        ("sum(CASE WHEN wage > 5 THEN 1 WHEN sex = 'F' THEN 2 END)", "sum(column)"),
        ("sum(CASE WHEN sex = 'F' THEN wage ELSE wage + 1 END)", "sum(column)"),
        ("count(DISTINCT employer)", "sum(column)"),
        ("count(*) FILTER (WHERE random() < 0.5)", "sum(column)"),
        ("mode(wage + 1)", "sum(column)"),
        ("sum(wage) OVER ()", "sum(column)"),
    ],
)
def test_what_cannot_be_led_back_to_counts_is_refused_with_what_could(
    column: str, words: str
) -> None:
    with pytest.raises(OutputRefused) as refused:
        ask(f"SELECT town, {column} AS x FROM pay GROUP BY town", people(20))
    assert words in (refused.value.hint or "")


FUZZY = "(quantile_cont(wage, 0.45) + quantile_cont(wage, 0.55)) / 2"


def test_a_fuzzy_median_needs_enough_people_on_both_sides() -> None:
    """ADRF: the mean of the percentiles five points below and above; the threshold each side."""
    assert not reasons(f"SELECT town, {FUZZY} AS m FROM pay GROUP BY town", people(40))
    assert reasons(f"SELECT town, {FUZZY} AS m FROM pay GROUP BY town", people(8)) == {
        Reason.POSITION
    }
    high = "(quantile_cont(wage, 0.85) + quantile_cont(wage, 0.95)) / 2"
    assert reasons(f"SELECT town, {high} AS m FROM pay GROUP BY town", people(40)) == {
        Reason.POSITION
    }


def test_many_rows_of_one_person_are_one_person_on_a_side() -> None:
    """Forty low rows of one person and forty people above: two persons at most are below."""
    one = [(person(1), "A", "F", 1 + n % 3, None, "E", 0, 1) for n in range(40)]
    rows = [*one, *people(40, start=100)]
    assert Reason.POSITION in reasons(f"SELECT town, {FUZZY} AS m FROM pay GROUP BY town", rows)


def test_a_mode_needs_enough_people_and_must_not_be_nearly_everyones() -> None:
    sql = "SELECT town, mode(employer) AS m FROM pay GROUP BY town"
    assert not reasons(sql, people(30))
    same = [(*row[:5], "E0", *row[6:]) for row in people(30)]
    assert reasons(sql, same) == {Reason.MODE}
    few = [(*row[:5], "E0" if n < 3 else f"X{n}", *row[6:]) for n, row in enumerate(people(30))]
    assert reasons(sql, few) == {Reason.MODE}


def test_a_standard_deviation_is_led_back_to_its_sums() -> None:
    found = ask("SELECT town, stddev(wage) AS s FROM pay GROUP BY town", people(20))
    assert {m.name for m in found.table.measures} == {
        "nonnull:pay.wage",
        "sum:pay.wage",
        "sum:pay.wage squared",
    }


def test_a_multiple_of_a_column_is_that_column_for_all_that_follows() -> None:
    """Else a sum hidden in one table could be shown a thousandfold in the next."""
    plain = ask("SELECT town, sum(wage) AS s FROM pay GROUP BY town", people(20))
    other = ask("SELECT town, sum(wage / 1000 + 3) AS s FROM pay GROUP BY town", people(20))
    always = ask("SELECT town, sum(wage) FILTER (WHERE true) AS s FROM pay GROUP BY 1", people(20))
    names = [{m.name for m in each.table.measures} for each in (plain, other, always)]
    assert names[0] <= names[1]
    assert names[0] == names[2]


def test_two_employers_or_one_that_is_nearly_all_are_sensitive() -> None:
    """R58. Wage by employer: at least three employers, none above 80 % (QCEW-type rule)."""
    sql = "SELECT town, sum(wage) AS s FROM pay GROUP BY town"
    units = {"units": {"pay": {"employers": "employer"}}}
    assert not reasons(sql, people(30), **units)
    two = [(*row[:5], f"E{n % 2}", *row[6:]) for n, row in enumerate(people(30))]
    assert reasons(sql, two, **units) == {Reason.EMPLOYERS}
    one = [(*row[:5], "E9" if n > 3 else f"E{n}", *row[6:]) for n, row in enumerate(people(30))]
    assert reasons(sql, one, **units) == {Reason.EMPLOYERS}
    assert not reasons(sql, one)
    assert not reasons("SELECT town, count(*) AS n FROM pay GROUP BY town", one, **units)


def test_thirty_people_of_two_households_are_sensitive() -> None:
    rows = [(*row[:7], n % 2) for n, row in enumerate(people(30))]
    units = {"units": {"pay": {"households": "age"}}}
    sql = "SELECT town, count(*) AS n FROM pay GROUP BY town"
    assert reasons(sql, rows, **units) == {Reason.HOUSEHOLDS}


def test_dominance_and_p_percent_are_acros() -> None:
    """NK: the largest n above k of the total; p: (total - x1 - x2) / x1 below p. ACRO 1.0."""
    sql = "SELECT town, sum(wage) AS s FROM pay GROUP BY town"
    level = [(*row[:3], 100, *row[4:]) for row in people(20)]
    assert not reasons(sql, level)
    giant = [*level[1:], (*level[0][:3], 100 * 19 * 10, *level[0][4:])]
    assert Reason.DOMINANCE in reasons(sql, giant)
    # x1 = 1000, x2 = 900, the rest 18 x 5 = 90 < 10 % of 1000; the two make up 95 %
    pair = [(*row[:3], w, *row[4:]) for row, w in zip(level, [1000, 900, *[5] * 18], strict=True)]
    assert {Reason.DOMINANCE, Reason.P_RATIO} <= reasons(sql, pair)


def test_rows_that_having_leaves_out_are_hidden_and_still_counted() -> None:
    rows = [*people(20), *people(9, town="B", start=100), *people(12, town="C", start=200)]
    sql = "SELECT town, count(*) AS n FROM pay GROUP BY ROLLUP (town) HAVING n >= 10"
    found = ask(sql, rows)
    assert [line[0] for line in found.lines] == ["A", "B", "C", None]
    assert found.dropped == {1}
    assert sensitive(found.table, RULES) == {1: (Reason.DROPPED,)}
    for more in ("max(wage) > 5", "sum(wage) > 5"):
        with pytest.raises(OutputRefused):
            ask(f"SELECT town, count(*) FROM pay GROUP BY 1 HAVING {more}", people(20))


def test_numbers_of_a_subset_are_held_against_earlier_releases_as_cells_of_their_own() -> None:
    sql = "SELECT town, count(*) AS n, count(*) FILTER (WHERE sex = 'F') AS f FROM pay GROUP BY 1"
    found = ask(sql, [*people(20), *people(30, town="B", start=100)])
    parts = found.population.parts
    assert [(part.owner, len(part.persons), part.mark[0]) for part in parts] == [
        (0, 10, 10),
        (1, 15, 15),
    ]
    assert {part.level for part in parts} == {-1}


def test_large_inputs_are_added_up_first_and_give_the_same_evidence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sql = (
        "SELECT town, sex, count(*) AS n, sum(wage) AS s, avg(member) AS m, "
        "count(*) FILTER (WHERE age > 33) AS old FROM pay GROUP BY CUBE (town, sex)"
    )
    rows = [*people(40), *people(30, town="B", start=20), *people(9, start=5)]
    whole = ask(sql, rows, units=UNITS)
    monkeypatch.setattr("egress_review.evidence.reading.MOST_AT_ONCE", 3)
    folded = ask(sql, rows, units=UNITS)
    assert folded.table == whole.table
    assert folded.lines == whole.lines
    for one, other in zip(folded.population.cells, whole.population.cells, strict=True):
        assert one.tolist() == other.tolist()
    for first, second in zip(folded.population.rows, whole.population.rows, strict=True):
        assert first.tolist() == second.tolist()
        assert first.dtype == second.dtype == np.uint16
    assert len(folded.population.parts) == len(whole.population.parts)


def test_whoever_a_left_join_finds_nobody_for_is_counted() -> None:
    sql = (
        "SELECT pay.town, count(*) AS n, count(DISTINCT women.person_id) AS p FROM pay "
        "LEFT JOIN women ON pay.person_id = women.person_id GROUP BY pay.town"
    )
    with engine(people(20)) as made:
        made.execute("CREATE VIEW women AS SELECT person_id, age FROM pay WHERE sex = 'F'")
        found = recompute(made, sql, {**VIEWS, "women": ["person_id", "age"]}, RULES)
    assert [len(who) for who in found.population.cells] == [20]
    assert found.table.cells[0].values["persons:women"] == 10


@pytest.mark.parametrize(
    "number",
    ["mode(town)", "(quantile_cont(wage, 0.45) + quantile_cont(wage, 0.55)) / 2", "count(*)"],
)
def test_a_query_that_reads_nobody_has_no_cell(number: str) -> None:
    found = ask(f"SELECT sex, {number} AS x FROM pay WHERE wage < 0 GROUP BY sex", people(30))
    assert found.table.cells == ()
    assert found.population.cells == ()


@pytest.mark.parametrize(
    "id",
    [
        "sam",
        "g" * 36,
        "0" * 36,
        "01234567-89ab-cdef-0123-456789abcde-",
        "01234567089ab0cdef001230456789abcdef",
        "0123-456789ab-cdef-0123-456789abcdef",
        "é1234567-89ab-cdef-0123-456789abcd",
    ],
)
def test_people_who_are_not_named_by_pseudonyms_are_refused(id: str) -> None:
    """Among others who are, and of a text as long as a pseudonym's too."""
    (_, *rest), *others = people(30)
    with pytest.raises(OutputRefused, match="otherwise than by a pseudonym"):
        ask("SELECT sex, count(*) AS n FROM pay GROUP BY sex", [(id, *rest), *others])


NOTHING = "SELECT town, {} AS s FROM pay GROUP BY ROLLUP (town)"
OF_MEN = ("sum(bonus) FILTER (WHERE sex = 'M')", "sum(CASE WHEN sex = 'M' THEN bonus END)")


def with_bonus(count: int, men: int, *, town: str, start: int = 0, bonus: float = 0.0):
    """Return so many persons, the first few of them men, with a bonus."""
    rows = [list(row) for row in people(count, town=town, start=start)]
    for number, row in enumerate(rows):
        row[2], row[4] = "FM"[number < men], bonus
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("summed", OF_MEN)
@pytest.mark.parametrize(("men", "few"), [(0, False), (2, True), (5, False)])
def test_a_sum_of_nothing_says_of_few_that_they_have_nothing(
    summed: str, men: int, few: bool
) -> None:
    """Of nobody it is blank, of many no secret; of two it was shown as 0."""
    rows = with_bonus(12, men, town="A")
    rows += with_bonus(12, 8, town="B", start=50, bonus=90.0)
    rows += with_bonus(12, 8, town="C", start=90, bonus=40.0)
    found = sensitive(ask(NOTHING.format(summed), rows).table, RULES)
    assert [set(found[n]) for n in found] == [{Reason.THRESHOLD}] * few


def test_a_sum_of_nothing_does_not_follow_from_the_total() -> None:
    rows = with_bonus(12, 2, town="A") + with_bonus(12, 8, town="B", start=50, bonus=90.0)
    rows += with_bonus(12, 8, town="C", start=90, bonus=40.0)
    table = ask(NOTHING.format(OF_MEN[0]), rows).table
    protected, _, _ = protect(table, [], RULES)
    bounds = attack([publish(protected)])
    first = next(n for n, cell in enumerate(table.cells) if cell.key[0] == "=A")
    name = next(m.name for m in table.measures if m.name.startswith("sum:"))
    assert first in protected.hidden
    low, high = bounds[table.cells[first].mark, name]
    assert (low, high >= 9.0) == (pytest.approx(0.0, abs=1e-3), True)


LEFT = "SELECT town, {} FROM pay GROUP BY town"
ALL = "sum(wage) AS a"
OLDER = "sum(wage) FILTER (WHERE age >= 25) AS b"


def with_young(richest: int) -> list[tuple[object, ...]]:
    """Return forty persons, six of them under 25, one of whom has as much as that."""
    rows = [list(row) for row in people(40)]
    for number, row in enumerate(rows):
        row[7] = 20 if number < 6 else 40
        row[3] = 9_000 + number
    rows[0][3] = richest
    return [tuple(row) for row in rows]


@pytest.mark.parametrize(
    ("columns", "richest", "sensitive"),
    [
        ([ALL, OLDER], 1_000_000, True),
        ([OLDER, ALL], 1_000_000, True),
        ([ALL, "avg(wage) FILTER (WHERE age >= 25) AS b"], 1_000_000, True),
        ([OLDER, "sum(wage) FILTER (WHERE age >= 18) AS c"], 1_000_000, True),
        ([ALL, OLDER], 9_000, False),
        ([ALL], 1_000_000, False),
        ([OLDER], 1_000_000, False),
        ([OLDER, "sum(wage) FILTER (WHERE age < 45 AND sex = 'M') AS c"], 9_000, False),
    ],
)
def test_what_one_sum_leaves_of_another_is_held_to_the_rules_of_sums(
    columns: list[str], richest: int, sensitive: bool
) -> None:
    """Six people were left of forty, enough; nearly all of it was one person's."""
    found = reasons(LEFT.format(", ".join(columns)), with_young(richest))
    assert found == ({Reason.P_RATIO, Reason.DOMINANCE} if sensitive else set())


@pytest.mark.parametrize("sums", ["avg(wage)", "sum(wage)", "mode(sex)", "count(bonus)"])
def test_a_table_of_nobody_is_recomputed_like_any(sums: str) -> None:
    """It was refused as a fault of egress review."""
    asked = (
        "SELECT town, sex, count(*) AS n, {} AS s FROM pay WHERE town = 'X' GROUP BY CUBE (1, 2)"
    )
    evidence = ask(asked.format(sums), people(20))
    assert [line[2] for line in evidence.lines] == [0]
    assert sensitive(evidence.table, RULES) == {}
