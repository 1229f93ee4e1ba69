"""Attacks through statistics: subgroups, differences of subgroups and rows left out.

Through the real service. Each test names the control it guards; with it taken out it fails.
"""

from __future__ import annotations

import pytest

from egress_review.model import Request, State
from tests.support.disclosure import judge
from tests.support.released import both, entry
from tests.support.review import AGENCIES, World
from tests.support.review_fixtures import egress_audit, world

__all__ = ["egress_audit", "world"]


def somebody(world: World, where: str) -> str:
    """Return a pseudonym of somebody who has one row only."""
    sql = (
        "SELECT person_id FROM wages GROUP BY person_id "
        f"HAVING count(*) = 1 AND bool_and({where}) ORDER BY 1 LIMIT 1"
    )
    return world.answer(sql).decode().split()[1]


def kept_from(world: World, request: Request, *key: str) -> bool:
    """Say whether a row's numbers would not leave."""
    if request.state is State.REFUSED:
        return True
    return None in both(world, request, len(key))[1][key].values()


def test_a_filter_and_the_same_selection_but_one_person_do_not_leave_together(
    world: World,
) -> None:
    """Control: evidence.Population.parts; the first table's own cells are whole counties."""
    first = world.submit(
        "SELECT county, sum(wage) FILTER (WHERE industry = 'Health') AS pay, "
        "count(*) AS n FROM wages GROUP BY county"
    )
    assert not kept_from(world, first, "Fairfield"), first.sentence
    one = somebody(world, "county = 'Fairfield' AND industry = 'Health'")
    second = world.submit(
        "SELECT county, sum(wage) AS pay FROM wages "
        f"WHERE industry = 'Health' AND person_id <> '{one}' GROUP BY county"
    )
    assert kept_from(world, second, "Fairfield")


def test_two_filters_that_differ_by_one_person_do_not_leave_in_one_table(world: World) -> None:
    """Control: evidence.Population.parts, searched together with the table's own cells."""
    one = somebody(world, "county = 'Fairfield' AND industry = 'Health'")
    request = world.submit(
        "SELECT county, count(*) FILTER (WHERE industry = 'Health') AS h, "
        f"count(*) FILTER (WHERE industry = 'Health' AND person_id <> '{one}') AS g "
        "FROM wages GROUP BY county"
    )
    assert kept_from(world, request, "Fairfield")


def test_what_is_hidden_as_a_cell_is_not_shown_as_a_rate(world: World) -> None:
    """Control: primary rules on a subset. Farming is few people in most counties."""
    cells = world.submit(
        "SELECT county, count(*) AS n FROM wages WHERE industry = 'Farming' GROUP BY 1"
    )
    rate = world.submit(
        "SELECT county, round(100.0 * avg(CASE WHEN industry = 'Farming' THEN 1 ELSE 0 END), 4) "
        "AS r, count(*) AS n FROM wages GROUP BY county"
    )
    if cells.state is State.PROTECTED and rate.state is State.PROTECTED:
        rates = both(world, rate, 1)[1]
        for key, row in both(world, cells, 1)[1].items():
            assert row["n"] is not None or rates[key]["r"] is None
    small = (
        world.answer(
            "SELECT county FROM wages WHERE industry = 'Farming' GROUP BY 1 "
            "HAVING count(DISTINCT person_id) < 10"
        )
        .decode()
        .split("\n")[1:-1]
    )
    assert small
    for county in small:
        assert kept_from(world, rate, county)


@pytest.mark.parametrize("least", [11, 30])
def test_rows_that_having_leaves_out_cannot_be_worked_out_of_the_total(
    world: World, least: int
) -> None:
    """Control: evidence.dropped; the total counts the rows that are not there."""
    request = world.submit(
        f"SELECT county, count(*) AS n FROM wages GROUP BY ROLLUP (county) HAVING n >= {least}"
    )
    assert request.state is State.PROTECTED, request.sentence
    full, shown = both(world, request, 1)
    assert full.keys() == shown.keys()
    assert all(row["n"] is None for key, row in shown.items() if (full[key]["n"] or 0) < least)
    assert not judge([entry(world, request).table], AGENCIES["dol"].rules).exposed
    hidden = [key for key, row in shown.items() if row["n"] is None and key != ("",)]
    assert shown[("",)]["n"] is None or len(hidden) != 1


def test_a_median_leaves_only_as_a_fuzzy_one(world: World) -> None:
    """Control: aggregates; a true percentile is refused and says what would be possible."""
    true = world.submit("SELECT county, median(wage) AS m FROM wages GROUP BY county")
    assert true.state is State.REFUSED
    assert "one or two persons" in true.sentence
    fuzzy = world.submit(
        "SELECT county, (quantile_cont(wage, 0.45) + quantile_cont(wage, 0.55)) / 2 AS m "
        "FROM wages GROUP BY county"
    )
    assert fuzzy.state is State.PROTECTED, fuzzy.sentence
    assert both(world, fuzzy, 1)[1][("Windham",)]["m"] is None  # too few on each side
    assert both(world, fuzzy, 1)[1][("Fairfield",)]["m"] is not None
