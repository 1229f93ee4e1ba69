"""The five published reasons outputs come back for are said before anybody reviews (R22, R40)."""

from __future__ import annotations

import pytest

from egress_review.errors import OutputRefused
from egress_review.files.model import Dummy, Model, Parameter, Picture, Prose, Sheet
from egress_review.files.precheck import (
    Advice,
    Offered,
    Outcome,
    Source,
    from_lineage,
    precheck,
    refuse,
)
from egress_review.render import MARK

GOOD = "People with wages by county in 2021, for table 1 of the colleges report."
TABLE = Sheet(("county", "n"), (("Hartford", "120"), ("Tolland", "40")))


def told(
    content: Sheet | Model | Picture | Prose | None = TABLE,
    *,
    context: str = GOOD,
    title: str = "Pay by county",
    outcome: Outcome | None = None,
    **more: str,
) -> dict[str, Advice]:
    name = {Picture: "plot.png", Model: "pay.model.json", Prose: "a.md"}.get(type(content), "a.csv")
    offered = Offered(more.pop("name", name), content, **more)
    known = {offered.name: outcome} if outcome else {}
    return {one.code: one for one in precheck(title, context, [offered], known)}


def table(columns: str, *rows: str) -> Sheet:
    return Sheet(tuple(columns.split(",")), tuple(tuple(row.split(",")) for row in rows))


def test_a_good_table_is_told_nothing() -> None:
    assert told() == {}
    assert told(outcome=Outcome(recomputed=True, rows=2)) == {}


@pytest.mark.parametrize(
    ("title", "context"),
    [
        ("Table 1", ""),
        ("Output", "See above."),
        ("Results", "final version of the table, thanks"),
        ("untitled", "test test"),
        ("Pay by county in 2021", "   "),
    ],
)
def test_words_that_say_nothing_stop(title: str, context: str) -> None:
    assert told(title=title, context=context)["context.missing"].stops


def test_columns_whose_names_say_nothing_stop_unless_explained() -> None:
    unclear = table("county,v1,V2", "Hartford,120,40")
    assert "v1, V2" in told(unclear)["context.columns"].sentence
    assert told(unclear, context=f"{GOOD} v1 is people, V2 is schools.") == {}


@pytest.mark.parametrize(
    "cells",
    ["<11", "*", "[REDACTED]", "suppressed", "***", "< 5", "1-9", "xx", "--"],
)
def test_numbers_hidden_by_hand_stop(cells: str) -> None:
    made = table("county,n", "Hartford,120", f"Tolland,{cells}", "all,131")
    assert told(made)["redaction.by-hand"].stops
    assert "redaction.by-hand" not in told(made, outcome=Outcome(recomputed=True, rows=3))


def test_our_own_mark_is_not_one_made_by_hand() -> None:
    assert told(table("county,n", "Hartford,120", f"Tolland,{MARK}", "all,400")) == {}


@pytest.mark.parametrize(
    "made",
    [
        table("person_id,n", "12,40"),
        table("county,ssn", "Hartford,1"),
        table("county,n", "a@example.org,40"),
        table("county,n", "5f3c1e90-8d1a-4c37-9d7e-0a4b2f6c8d11,40"),
        table("county,n", "078-05-1120,40"),
        table("last_name,n", "Musterfrau,40"),
    ],
)
def test_what_names_persons_stops(made: Sheet) -> None:
    assert told(made)["redaction.persons"].stops
    assert "Musterfrau" not in str(told(made))


@pytest.mark.parametrize("column", ["max(wage)", "top", "lowest_pay", "wage_max"])
def test_largest_and_smallest_values_stop(column: str) -> None:
    assert told(table(f"county,{column},n", "Hartford,90000,40"))["redaction.extremes"].stops
    assert told(table(f"county,{column},n", "Hartford,9,40"), outcome=Outcome(True, 1)) == {}


def test_small_counts_stop_where_they_would_not_be_hidden() -> None:
    small = table("county,n", "Hartford,120", "Tolland,4")
    assert told(small, outcome=Outcome(recomputed=False, threshold=11))["counts.small"].stops
    ten = table("county,n", "Hartford,120", "Tolland,10")
    assert told(ten, outcome=Outcome(recomputed=False, threshold=11))["counts.small"].stops
    assert told(ten) == {}


def test_small_counts_that_are_hidden_here_are_said_and_do_not_stop() -> None:
    said = told(outcome=Outcome(recomputed=True, rows=20, hidden=3))["counts.small"]
    assert not said.stops
    assert "3 of 20" in said.sentence


def test_counts_that_should_be_rounded_and_are_not_stop() -> None:
    made = table("county,n", "Hartford,123", "Tolland,40")
    outcome = Outcome(recomputed=False, base=5)
    assert told(made, outcome=outcome)["counts.unrounded"].stops
    assert "counts.unrounded" not in told(made)


def test_counts_rounded_by_hand_stop() -> None:
    made = table("county,n,share", *(f"c{n},{5 * n + 20},{n / 31}" for n in range(6)))
    assert told(made, outcome=Outcome(recomputed=False))["counts.rounded-by-hand"].stops
    assert told(made, outcome=Outcome(recomputed=True, rows=6)) == {}


@pytest.mark.parametrize("column", ["mean_pay", "share", "pct", "rate", "avg(wage)", "median"])
def test_statistics_without_the_counts_behind_them_stop(column: str) -> None:
    assert told(table(f"county,{column}", "Hartford,0.5"))["counts.absent"].stops
    assert told(table(f"county,{column},n", "Hartford,0.5,40")) == {}
    assert told(table(f"county,{column}", "Hartford,0.5"), outcome=Outcome(True, 1)) == {}


def test_a_plot_without_its_table_stops() -> None:
    plot = Picture("plot.png", 9, 9, b"")
    assert told(plot)["counts.absent"].stops
    both = [Offered("a.csv", TABLE), Offered("plot.png", plot, drawn_from="a.csv")]
    assert precheck("Pay", GOOD, both, {}) == ()
    unread = [Offered("a.csv", queries=1), Offered("plot.png", drawn_from="a.csv")]
    assert precheck("Pay", GOOD, unread, {}) == ()


def test_a_model_with_uncounted_categories_stops() -> None:
    named = (Parameter("county[T.Tolland]", 1.0, 0.5),)
    model = Model("pay.model.json", "ols", "pay", 100, 90, named)
    assert told(model)["counts.absent"].stops
    counted = Model("pay.model.json", "ols", "pay", 100, 90, named, (Dummy("county", 40, 60),))
    assert told(counted) == {}


def test_a_file_of_the_wrong_type_stops_with_its_own_sentence() -> None:
    refused = "Files of the type .svg cannot be released."
    said = told(None, name="a.svg", refused=refused)["type.wrong"]
    assert said.stops
    assert refused in said.sentence


def test_reasons_that_stop_come_first_and_refuse() -> None:
    found = precheck("Output", "", [Offered("a.csv", TABLE)], {"a.csv": Outcome(True, 9, 2)})
    assert [one.stops for one in found] == [True, False]
    with pytest.raises(OutputRefused, match="context does not say") as refused:
        refuse(found)
    assert refused.value.hint == found[0].next_step
    refuse(found[1:])


def test_every_piece_of_advice_has_a_next_step() -> None:
    found = precheck("Output", "", [Offered("a.csv", table("v1,ssn", "<5,4"))], {})
    assert all(one.next_step and one.sentence and one.code for one in found)


def test_lineage_fills_in_what_it_knows() -> None:
    source = Source("q-1", ("wages",), ("dol",), 3, "2026-11-22")
    assert from_lineage([source]) == (
        "Made from query q-1 of 2026-11-22: wages (dol), version 3 of the data."
    )
