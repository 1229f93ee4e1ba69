"""Numbers that look like sums and tell of a few: rounding, overflow and NULL inside an aggregate.

Through the real service; each was released once. Controls: `aggregates._changes_nothing`,
`_check_in_reach`, `_is_boolean`, `_zero_for_null`, `measured._Maker._repeated`; with one taken out
its lines fail (tried).
"""

from __future__ import annotations

from egress_review.model import State
from tests.support.released import both
from tests.support.review import World
from tests.support.review_fixtures import egress_audit, world

__all__ = ["egress_audit", "world"]

PICKING = (
    "sum(CAST(wage / 40000 AS INTEGER))",  # rounds: who earns more than 20,000
    "sum(CAST(wage / 400 AS DECIMAL(18, 0)))",
    "avg(CAST(wage AS UINTEGER))",
    "stddev(CAST(wage AS INTEGER))",
    "sum(TRY_CAST(wage AS DECIMAL(6, 2)))",  # leaves out who earns 10,000 and more
    "sum(CAST(TRY_CAST(wage AS DECIMAL(6, 2)) AS DOUBLE))",
    "sum(TRY(wage))",
    "sum((wage - 12000 + 1e20) - 1e20)",  # 16,384 for each who earns more than 20,192
    "sum(wage + year * 1e18 - year * 1e18)",
    "sum((wage * 1e-9 + 1e6) - 1e6)",
    "sum(wage * 1e304)",
    "sum(wage * 1000 * 1000)",
    "sum(COALESCE(wage, 7))",
)


def test_what_picks_values_out_inside_a_number_is_not_taken_for_a_sum(world: World) -> None:
    for number in PICKING:
        request = world.submit(f"SELECT county, {number} AS k FROM wages GROUP BY county")
        assert request.state is State.REFUSED, number
        assert "cannot be checked automatically" in request.sentence, number


def test_who_has_a_value_after_a_conversion_is_a_subset_like_any_other(world: World) -> None:
    """Windham has eleven with at most 9,999.99 among eighteen: too few are left."""
    request = world.submit(
        "SELECT county, count(*) AS n, count(TRY_CAST(wage AS DECIMAL(6, 2))) AS k "
        "FROM wages GROUP BY county"
    )
    assert request.state is State.PROTECTED, request.sentence
    assert both(world, request, 1)[1][("Windham",)]["k"] is None


def farming_with_one_repeated(world: World, number: str) -> object:
    """Return what leaves of a number for the few in farming, one of whom a join repeats."""
    found = world.answer("SELECT min(person_id::TEXT) FROM wages WHERE industry = 'Farming'")
    one = found.decode().splitlines()[1]
    request = world.submit(
        f"SELECT industry, {number} AS k FROM wages JOIN credentials ON "
        f"wages.person_id = credentials.person_id OR wages.person_id = '{one}' GROUP BY 1",
        agencies=("dol", "cscu"),
    )
    assert request.state is State.PROTECTED, request.sentence
    leaves = both(world, request, 1)[1][("Farming",)]["k"]
    world.service.withdraw(world.store.person("rosa"), request.id)
    return leaves


def test_a_sum_is_judged_as_one_where_null_counts_as_nothing(world: World) -> None:
    """The one who is repeated dominates the sum, spelled either way."""
    for amount in ("sum(wage)", "sum(COALESCE(wage, 0))"):
        assert farming_with_one_repeated(world, amount) is None, amount


def test_a_join_that_repeats_one_persons_rows_shows_nowhere_by_their_number(world: World) -> None:
    """Farming would stand out by the hundreds of rows that one of its few has there."""
    for count in ("count(*)", "count(wage)", "count(*) FILTER (WHERE year > 0)"):
        assert farming_with_one_repeated(world, count) is None, count
