"""An agreement's method decides what becomes of a table, through the whole service (R22)."""

from __future__ import annotations

import csv
import io
import json
from fractions import Fraction

import pytest

from egress_review.methods.bounded import Cells
from egress_review.methods.privacy_budget import spending
from egress_review.model import Request, State
from egress_review.render import MARK
from egress_review.sdc import private
from egress_review.sdc.private import Plan
from egress_review.submission import CERTIFICATE
from enclave.model import Method, Protection
from tests.support.crossing import add_project
from tests.support.methods import NOISE, PRIVATE, ROUND, agree
from tests.support.review import (
    COUNTIES,
    INDUSTRIES,
    PAY,
    PEOPLE,
    PROJECT,
    SUMS,
    World,
)


def both(world: World, request: Request) -> tuple[list[list[str]], list[list[str]]]:
    """Return the rows that reviewers see, and those that would leave."""
    assert request.state is State.PROTECTED, request.sentence
    files = world.service.view_raw(PEOPLE["dora"], request)
    full, protected = (list(csv.reader(io.StringIO(file.decode()))) for file in files)
    assert len(full) == len(protected)
    assert full[0] == protected[0]
    return full[1:], protected[1:]


def test_rounded_counts_are_multiples_near_the_truth_and_nothing_is_hidden(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    agree(world, monkeypatch, ROUND)
    request = world.submit()
    full, protected = both(world, request)
    for before, after in zip(full, protected, strict=True):
        assert before[:2] == after[:2]
        assert int(after[2]) % 11 == 0
        assert abs(int(after[2]) - int(before[2])) < 11
    assert full != protected
    assert request.summary["hidden"] == 0
    assert request.files[0].summary["base"] == "11"
    (note,) = request.files[0].notes
    assert note.code == "method.round"
    assert "off by at most 10" in note.sentence


def test_noise_shows_no_small_count_and_says_what_error_to_expect(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    agree(world, monkeypatch, NOISE)
    request = world.submit()
    full, protected = both(world, request)
    changes = [int(a[2]) - int(b[2]) for a, b in zip(protected, full, strict=True)]
    assert any(int(row[2]) < 11 for row in full)  # there were small counts
    assert not any(0 < int(row[2]) < 11 for row in protected)
    assert max(map(abs, changes)) <= 18
    assert len(set(changes)) > 5
    (note,) = request.files[0].notes
    assert "95 of 100 by no more than 12" in note.sentence


def test_the_certificate_names_the_method_and_what_may_be_known_of_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    agree(world, monkeypatch, ROUND)
    request = world.submit()
    assert world.vote("dora", request).state is State.RELEASED
    _, certificate = world.service.download(PEOPLE["rosa"], request.id, CERTIFICATE)
    (file,) = json.loads(certificate)["files"]
    assert file["protection"] == {"method": "round", "base": "11", "rows": 35, "hidden": 0}
    assert "suppression" not in file


def test_the_same_people_have_the_same_numbers_in_other_words_and_other_projects(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack: ask again, as another person, in another project, under other labels; average."""
    agree(world, monkeypatch, ROUND)
    for project in ("here", "elsewhere"):  # the same persons under other pseudonyms
        add_project(world, project)
    _, first = both(world, world.submit(project="here"))
    same = (
        "SELECT county, industry, count(year) AS n FROM wages WHERE year > 0 "
        "GROUP BY GROUPING SETS ((county, industry), (county), (industry), ())"
    )
    for person, project in (("ravi", "here"), ("rosa", "elsewhere")):
        _, again = both(world, world.submit(same, person=person, project=project))
        assert again == first


def test_a_table_that_leaves_out_a_few_people_hides_where_they_would_show(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack: if one person were in the county, the row without would be changed apart."""
    agree(world, monkeypatch, NOISE)
    by_county = "SELECT county, count(*) AS n FROM wages GROUP BY county"
    both(world, world.submit(by_county))
    most = world.answer("SELECT max(wage) FROM wages").decode().splitlines()[1]
    less = f"SELECT county, count(*) AS n FROM wages WHERE wage < {most} GROUP BY county"
    full, protected = both(world, world.submit(less))
    hidden = [row[0] for row in protected if row[1] == MARK]
    there = world.answer(f"SELECT county FROM wages WHERE wage = {most}").decode().splitlines()
    assert hidden == there[1:]
    assert len(full) == len(COUNTIES)


def test_a_value_that_a_few_people_lack_hides_both_counts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack: two counts of one row that differ by a few are changed apart."""
    agree(world, monkeypatch, NOISE)
    sql = (
        "SELECT county, count(*) AS n, count(*) FILTER (WHERE wage < 20000) AS low "
        "FROM wages GROUP BY county"
    )
    full, protected = both(world, world.submit(sql))
    for before, after in zip(full, protected, strict=True):
        few = 0 < int(before[1]) - int(before[2]) < 11
        assert (after[1] == MARK) == (after[2] == MARK)
        if few:
            assert after[1] == MARK
    assert any(row[1] == MARK for row in protected)


def test_sums_are_not_covered_by_rounding_and_noise(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    agree(world, monkeypatch, ROUND)
    request = world.submit(SUMS)
    assert request.state is State.REFUSED
    assert "This agreement's outputs are counts" in request.sentence


def test_a_base_below_an_agencys_threshold_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    agree(world, monkeypatch, Protection(Method.ROUND, base=5))
    request = world.submit()
    assert request.state is State.REFUSED
    assert "asks for at least 11" in request.sentence


def test_changed_numbers_never_stand_beside_hidden_ones(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack: an amendment from hiding to noise, and the hidden cell asked for again."""
    assert world.submit().summary["hidden"]
    agree(world, monkeypatch, NOISE)
    request = world.submit()
    assert request.state is State.REFUSED
    assert "outputs with hidden numbers" in request.sentence


# Differential privacy --------------------------------------------------------------------------


def test_a_private_answer_has_a_row_for_every_public_group_and_is_paid_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    agree(world, monkeypatch, PRIVATE)
    request = world.submit()
    full, protected = both(world, request)
    assert len(full) == (len(COUNTIES) + 1) * (len(INDUSTRIES) + 1)
    assert [row[:2] for row in full] == [row[:2] for row in protected]
    assert all(int(row[2]) >= 0 for row in protected)
    errors = [int(a[2]) - int(b[2]) for a, b in zip(protected, full, strict=True)]
    assert 0 < max(map(abs, errors)) < 100
    found = spending(world.store, PROJECT)
    assert found is not None
    assert (found.used, found.left, found.answers_left) == (2000, 2000, 1)
    assert [one.request for one in found.answers] == [request.id]
    codes = [note.code for note in request.files[0].notes]
    assert codes == ["method.private", "method.error", "method.budgets"]
    assert "95 of 100 numbers are off by at most 3 to" in request.files[0].notes[1].sentence


def test_the_same_private_question_costs_nothing_and_has_the_same_answer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack: ask again until the average tells. In other words it is a new question and costs."""
    agree(world, monkeypatch, PRIVATE)
    _, first = both(world, world.submit())
    for person in ("rosa", "ravi"):
        assert both(world, world.submit(person=person))[1] == first
    other = PAY.replace("FROM wages", "FROM wages WHERE year > 0")
    assert both(world, world.submit(other))[1] != first
    refused = world.submit(other.replace("year > 0", "year > 1"))
    assert refused.state is State.REFUSED
    assert "[privacy.budget-spent]" in refused.sentence
    assert both(world, world.submit())[1] == first  # what was paid for is still answered


@pytest.mark.parametrize("below_zero", [False, True])
def test_private_sums_are_of_bounded_amounts_and_totals_of_what_was_drawn(
    world: World, monkeypatch: pytest.MonkeyPatch, below_zero: bool
) -> None:
    """A part drawn below zero is shown as 0; its total goes on counting it, and is unbiased."""
    agree(world, monkeypatch, PRIVATE)
    drawn: list[int] = []

    def draw(plan: Plan, epsilon: Fraction, values: Cells) -> Cells:
        found = {question: dict(cells) for question, cells in really(plan, epsilon, values).items()}
        sums = next(cells for (name, _), cells in found.items() if name.startswith("sum"))
        if below_zero:
            sums[next(iter(sums))] = -100
        drawn.extend(sums.values())
        return found

    really = private.draw
    monkeypatch.setattr(private, "draw", draw)
    sql = "SELECT county, sum(wage) AS pay, avg(wage) AS mean FROM wages GROUP BY ROLLUP (county)"
    full, protected = both(world, world.submit(sql))
    assert [row[0] for row in protected] == [*COUNTIES, ""]
    cents = [round(100 * float(row[1])) for row in protected]
    assert cents == [*(max(0, one) for one in drawn), max(0, sum(drawn))]
    assert cents[0] == 0 or not below_zero
    assert cents != [round(100 * float(row[1])) for row in full]
    assert cents[-1] == pytest.approx(100 * float(full[-1][1]), rel=0.5)


def test_a_private_table_does_not_hinder_another_projects_table(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing exact is known of it, so there is nothing to hold a table against."""
    for project in ("here", "elsewhere"):
        add_project(world, project)
    with monkeypatch.context() as patch:
        agree(world, patch, PRIVATE)
        both(world, world.submit(project="here"))
    by_industry = "SELECT industry, count(*) AS n FROM wages GROUP BY industry"
    both(world, world.submit(by_industry, project="elsewhere"))
    less = by_industry.replace("wages GROUP", "wages WHERE wage < 20000 GROUP")
    refused = world.submit(less, project="elsewhere")  # its own project's table still counts
    assert refused.state is State.REFUSED or refused.summary["hidden"]


def test_groups_without_public_labels_are_refused_and_cost_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    agree(world, monkeypatch, PRIVATE)
    request = world.submit("SELECT year, count(*) AS n FROM wages GROUP BY year")
    assert request.state is State.REFUSED
    assert "The labels of wages.year are not public" in request.sentence
    found = spending(world.store, PROJECT)
    assert found is not None
    assert found.used == 0
