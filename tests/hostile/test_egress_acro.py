"""Three holes that the leading output checker has, replayed here: they give nothing away.

ACRO 1.0.2 takes out small cells and looks at each output by itself. What it said of the same rows
is recorded by `make acro` (versions inside); with ENCLAVE_ACRO=1 (nightly) it is asked again.
"""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from benchmarks.evidence import RECORDED, holes
from egress_review.model import State
from tests.support.disclosure import judge
from tests.support.released import both, entry
from tests.support.review import AGENCIES, PAY, World
from tests.support.review_fixtures import egress_audit, world

__all__ = ["egress_audit", "world"]
RULES = AGENCIES["dol"].rules


@pytest.fixture(scope="module")
def acro() -> dict[str, Any]:
    recorded: dict[str, Any] = json.loads(RECORDED.read_text())
    if os.environ.get("ENCLAVE_ACRO"):
        assert holes() == recorded
    return recorded


def test_row_totals_do_not_give_back_the_cells_that_were_hidden(
    world: World, acro: dict[str, Any]
) -> None:
    """ACRO: two outputs, the second without a failed check, and cells back by one subtraction."""
    assert acro["row_totals"]["worked_out"] > 0
    assert acro["row_totals"]["failed"][1] == []
    cells = world.submit(
        "SELECT county, industry, count(*) AS n FROM wages GROUP BY county, industry"
    )
    totals = world.submit("SELECT county, count(*) AS n FROM wages GROUP BY county")
    assert (cells.state, totals.state) == (State.PROTECTED, State.PROTECTED), totals.sentence
    shown, sums = both(world, cells, 2)[1], both(world, totals, 1)[1]
    assert any(row["n"] is None for row in shown.values())
    for (county,), total in sums.items():
        parts = [row["n"] for (where, _), row in shown.items() if where == county]
        assert total["n"] is None or parts.count(None) != 1
    tables = [entry(world, one).table for one in (cells, totals)]
    assert not judge(tables, RULES).exposed


def test_sums_of_everybody_and_of_all_but_one_do_not_leave_together(
    world: World, acro: dict[str, Any]
) -> None:
    """ACRO: no check fails on either, and their difference is one person's wage."""
    assert acro["one_person"]["difference_is_the_wage"]
    assert acro["one_person"]["failed"] == [[], []]
    first = world.submit("SELECT county, sum(wage) AS pay FROM wages GROUP BY county")
    assert first.state is State.PROTECTED, first.sentence
    person = world.answer("SELECT min(person_id) FROM wages WHERE county = 'Fairfield'")
    one = person.decode().split()[1]
    second = world.submit(
        f"SELECT county, sum(wage) AS pay FROM wages WHERE person_id <> '{one}' GROUP BY county"
    )
    if second.state is State.REFUSED:
        assert "single out a few" in second.sentence
    else:
        assert both(world, second, 1)[1][("Fairfield",)]["pay"] is None


def test_margins_are_the_true_ones_and_still_give_nothing_away(
    world: World, acro: dict[str, Any]
) -> None:
    """ACRO: margins are counted without the cells taken out, so a true total gives their sum."""
    assert acro["wrong_margins"]["difference_is_hidden"]
    assert acro["wrong_margins"]["total_said"] < acro["wrong_margins"]["total_true"]
    request = world.submit(PAY)
    assert request.state is State.PROTECTED, request.sentence
    full, shown = both(world, request, 2)
    said = {key: row["n"] for key, row in shown.items() if row["n"] is not None}
    assert said == {key: full[key]["n"] for key in said}
    assert said[("", "")] == acro["wrong_margins"]["total_true"]
    assert not judge([entry(world, request).table], RULES).exposed
