"""The five published reasons outputs come back for are said before anybody reviews (R22, R46)."""

from __future__ import annotations

import re

import pytest

from egress_review.errors import OutputRefused
from egress_review.evidence.summaries import summarises
from egress_review.files.model import Dummy, Model, Parameter, Picture, Prose, Sheet
from egress_review.files.precheck import (
    Advice,
    Offered,
    Outcome,
    Source,
    apart,
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
    assert told(table("county,2021,2022", "Hartford,120,140")) == {}
    assert told(table("county,7,8", "Hartford,120,140"))["context.columns"].stops


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
    said = told(table(f"county,{column},n", "Hartford,90000,40"))["redaction.extremes"]
    assert said.stops
    offered = re.findall(r"\(quantile.* / 2", said.next_step)  # and that is taken
    assert summarises(f"SELECT county, {offered[0]} FROM wages GROUP BY county")
    assert told(table(f"county,{column},n", "Hartford,9,40"), outcome=Outcome(True, 1)) == {}


def test_small_counts_stop_where_they_would_not_be_hidden() -> None:
    small = table("county,n", "Hartford,120", "Tolland,4")
    assert told(small, outcome=Outcome(recomputed=False, threshold=11))["counts.small"].stops
    ten = table("county,n", "Hartford,120", "Tolland,10")
    assert told(ten, outcome=Outcome(recomputed=False, threshold=11))["counts.small"].stops
    assert told(ten) == {}


CROSSTAB = ("county,Farming,Retail,Health", "Hartford,3,120,90", "Tolland,14,40,33")


@pytest.mark.parametrize(
    "made",
    [
        table(*CROSSTAB),
        table("county,All,Farming,Retail", "Hartford,213,3,210", "Tolland,54,14,40"),
        table("industry,Hartford,Tolland", "Farming,3,14", "Retail,120,40", "Health,90,33"),
        table("county,n,Farming,Retail", "Hartford,213,3,210", "Tolland,54,14,40"),
        table("county,workers", "Hartford,120", "Tolland,4", "Windham,90"),
        table("county,n", "Hartford,$120", "Tolland,4 people", "Windham,1 204"),
        table("county,n", "Hartford,n = 120", "Tolland,n = 4", "Windham,n=90"),
        table("county,n", "Hartford,\u2460\u2460", "Tolland,\uff14", "Windham,90"),
    ],
)
def test_small_counts_stop_however_they_are_named_or_written(made: Sheet) -> None:
    said = told(made, outcome=Outcome(recomputed=False, threshold=10, why="It differs."))
    assert "(It differs)" in said["counts.small"].sentence


@pytest.mark.parametrize(
    "made",
    [
        table("quarter,mean_pay,n", "1,8123.5,120", "2,8222.1,130", "3,8321.9,140"),
        table("test,statistic,dof,n", "chi-squared,83.2,5,1200"),
        table("year,grade,mean_score,n", "2021,3,81.5,900", "2021,5,82.5,880", "2022,3,80.1,850"),
        table("county,2021,2022", "Hartford,120,131", "Tolland,40,44"),
        table("county,n,share_of_all", "Hartford,60,0.6", "Tolland,30,0.3", "Windham,10,0.1"),
        table("county,n,pct_change", "Hartford,120,2.1", "Tolland,40,-1.5", "Windham,90,0.3"),
        table("county,n,pct", "Hartford,120,31.5", "Tolland,400,25.0", "Windham,90,50.1"),
        table("term,estimate,std_err,n", "const,1.2,0.5,120", "age,0.3,0.1,120"),
        table("county,n,women,men", "Hartford,1200,5%,95%", "Tolland,4000,40 %,60 %"),
        table("county,n,n_pct", "Hartford,400,8%", "Tolland,4600,100%"),
        table("months,wage,n", "3,8123,121", "6,8222,130", "12,8321,140", "24,8400,150"),
        table(
            "industry,wage,place,n",
            "Health,9000,1,121",
            "Retail,8000,2,90",
            "Arts,8000,2,80",
            "Farming,7000,4,70",
        ),
        table("county,n,wage_premium_pct", "Hartford,120,2.1", "Tolland,40,5.5"),
    ],
)
def test_what_only_looks_a_little_like_small_counts_does_not_stop(made: Sheet) -> None:
    assert told(made, outcome=Outcome(recomputed=False, threshold=10)) == {}


def test_numbers_of_any_size_are_looked_at_without_harm() -> None:
    far = table("place,a,b", f"Hartford,0,{'9' * 400}", f"Tolland,{10**18},nan", "Windham,1e999,3")
    assert "counts.small" not in told(far, outcome=Outcome(recomputed=False, threshold=10))


def test_shares_that_few_people_are_behind_stop() -> None:
    for share in ("2.5,60.1", "97.5%,60%", "0.025,0.6"):
        few, many = share.split(",")
        made = table("county,n,pct", f"Hartford,120,{few}", f"Tolland,400,{many}")
        said = told(made, outcome=Outcome(recomputed=False, threshold=10))
        assert said["counts.implied"].stops, share
    alone = table("county,n,share", "Hartford,120,0.05")
    assert told(alone, outcome=Outcome(recomputed=False, threshold=10))["counts.implied"].stops


def test_a_crosstab_of_shares_alone_stops() -> None:
    for rows in (("0.2,0.8", "0.5,0.5"), ("20.1,79.9", "50.0,50.0"), ("20%,80 %", "50%,50%")):
        made = table("county,Farming,Retail", f"Hartford,{rows[0]}", f"Tolland,{rows[1]}")
        assert told(made)["counts.absent"].stops


def test_small_counts_that_are_hidden_here_are_said_and_do_not_stop() -> None:
    said = told(outcome=Outcome(recomputed=True, rows=20, hidden=3))["counts.small"]
    assert not said.stops
    assert "3 of 20" in said.sentence


def test_a_query_s_answer_that_was_not_asked_again_yet_is_not_told_that_it_is_none() -> None:
    """What check() says of the how-to's own example: small rows are hidden once it is submitted."""
    made = table("county,n,mean", "Hartford,120,9.5", "Tolland,4,8.1")
    answer = Offered("a.csv", made, queries=1)
    (said,) = precheck("Pay", GOOD, [answer], {})
    assert (said.code, said.stops) == ("counts.small", False)
    assert "recomputed and protected" in said.next_step
    assert precheck("Pay", GOOD, [Offered("a.csv", made)], {})[0].stops
    differs = {"a.csv": Outcome(recomputed=False)}
    assert precheck("Pay", GOOD, [answer], differs)[0].stops


def test_counts_rounded_by_hand_stop() -> None:
    made = table("county,n,share", *(f"c{n},{5 * n + 20},{n / 31}" for n in range(6)))
    assert told(made, outcome=Outcome(recomputed=False))["counts.rounded-by-hand"].stops
    assert told(made, outcome=Outcome(recomputed=True, rows=6)) == {}


def test_counts_rounded_by_hand_with_what_was_worked_out_from_them_go_on() -> None:
    counts = [5 * n + 20 for n in range(6)]
    bare = table("county,n", *(f"c{n},{count}" for n, count in enumerate(counts)))
    assert told(bare, outcome=Outcome(recomputed=False)) == {}
    rows = [f"c{n},{count},{count / sum(counts):.4f}" for n, count in enumerate(counts)]
    assert told(table("county,n,share", *rows), outcome=Outcome(recomputed=False)) == {}
    rows = [f"c{n},{count},9.5,{9.5 * count}" for n, count in enumerate(counts)]
    undone = table("county,n,mean_pay,total_pay", *rows)
    assert told(undone, outcome=Outcome(recomputed=False))["counts.rounded-by-hand"].stops


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


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (("(Intercept)", "countyWindham", "countyTolland"), "counts.absent"),
        (("const", "student 078-05-1120"), "redaction.persons"),
        (("const", "Windham (n = 4)"), "counts.small"),
    ],
)
def test_a_model_s_names_are_looked_at(names: tuple[str, ...], code: str) -> None:
    made = tuple(Parameter(name, 1.0, 0.5) for name in names)
    model = Model("pay.model.json", "ols", "pay", 100, 90, made)
    assert told(model)[code].stops


def test_functions_of_numbers_in_a_model_are_no_categories() -> None:
    names = ("const", "logWage", "logAge", "age", "ageSquared", "ageCubed")
    made = tuple(Parameter(name, 1.0, 0.5) for name in names)
    assert told(Model("pay.model.json", "ols", "pay", 100, 90, made)) == {}


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


def test_tables_of_the_same_rows_are_held_against_one_another() -> None:
    pupils = table("county,pupils", "Hartford,811", "Tolland,640")
    assert apart(pupils, table("county,pupils_housed", "Tolland,637", "Hartford,700"), 11)
    assert apart(pupils, table("county,pupils", "Hartford,811", "Tolland,637"), 11)
    for other in (
        table("county,pupils", "Hartford,815", "Tolland,637"),  # of another year
        table("county,teachers", "Hartford,808", "Tolland,637"),
        table("county,pupils", "Hartford,808", "Windham,637"),
        table("county,pupils", "Hartford,808", "Hartford,637", "Tolland,637"),
        table("county,pupils", "Hartford,808"),
        Sheet(("county", "pupils"), (("Hartford", "808"),) * 2501),
    ):
        assert not apart(pupils, other, 11)
        assert not apart(other, pupils, 11)


def test_every_piece_of_advice_has_a_next_step() -> None:
    found = precheck("Output", "", [Offered("a.csv", table("v1,ssn", "<5,4"))], {})
    assert all(one.next_step and one.sentence and one.code for one in found)


def test_lineage_fills_in_what_it_knows() -> None:
    source = Source("q-1", ("wages",), ("dol",), 3, "2026-11-22")
    assert from_lineage([source]) == (
        "Made from query q-1 of 2026-11-22: wages (dol), version 3 of the data."
    )
