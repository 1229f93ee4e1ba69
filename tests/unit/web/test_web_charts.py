"""Charts: nothing is drawn that the table beside does not say, nothing is left out in silence."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from enclave.web import charts

ITEMS = st.lists(st.tuples(st.text(max_size=40), st.integers(0, 10**9)), max_size=200)


@given(ITEMS)
def test_bars_are_as_long_as_their_values_and_stay_inside(items):
    chart = charts.bars("Queries", items, label="Agency", unit="queries")
    assert [row[1] for row in chart.rows] == [f"{value:,}" for _, value in items[:25]]
    for mark in chart.marks:
        assert mark.width >= 0 and mark.x + mark.width <= charts.WIDTH - charts.VALUE_WIDTH + 0.01
    if len(items) > 25:
        assert f"{len(items) - 25:,} more" in chart.note
        assert f"{sum(value for _, value in items[25:]):,}" in chart.note


@given(ITEMS)
def test_a_timeline_loses_no_count_when_neighbours_are_added_up(items):
    chart = charts.timeline("Queries", items, label="Hour", unit="queries")
    assert sum(int(row[1].replace(",", "")) for row in chart.rows) == sum(v for _, v in items)
    assert len(chart.marks) <= charts.BUCKET_LIMIT
    assert bool(chart.note) == (len(items) > charts.BUCKET_LIMIT)


@given(st.lists(st.integers(0, 1000), min_size=4, max_size=4))
def test_a_heat_map_is_darkest_where_there_is_most_and_blank_at_zero(values):
    keys = [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")]
    chart = charts.heat_map(
        "Queries",
        dict(zip(keys, values, strict=True)),
        rows=["a", "b"],
        columns=["x", "y"],
        unit="queries",
    )
    levels = [mark.level for mark in chart.marks]
    assert all((level == 0) == (value == 0) for level, value in zip(levels, values, strict=True))
    assert max(levels) == (5 if any(values) else 0)


@given(st.integers(1, 60))
def test_the_legend_names_the_shade_of_every_whole_number(most):
    counts = {("a", str(value)): value for value in range(most + 1)}
    columns = [str(value) for value in range(min(most + 1, charts.HEAT_LIMIT))]
    shown = max(int(column) for column in columns)
    chart = charts.heat_map("Queries", counts, rows=["a"], columns=columns, unit="queries")
    named = {level: text for level, text in chart.legend if level}
    for mark in chart.marks[1:]:
        ends = [int(end) for end in named[mark.level].split(" to ")]
        assert ends[0] <= int(mark.text) <= ends[-1] <= shown


def test_a_heat_map_too_large_to_read_says_what_is_missing():
    rows = [f"r{n}" for n in range(100)]
    chart = charts.heat_map("Queries", {}, rows=rows, columns=["x"], unit="queries")
    assert chart.note == "Drawn: 40 of 100 rows, 1 of 1 columns."


def test_a_chart_of_nothing_says_so():
    assert charts.bars("Queries", [], label="Agency", unit="queries").description.startswith("Noth")


def test_one_is_written_as_one() -> None:
    one = charts.timeline("Entries", [("2026-01-01", 1.0)], label="Day", unit="entries")
    assert one.ticks[0].text == "1 entry"
    assert one.description == "1 entry in 1 group; most in 2026-01-01: 1."
    two = charts.bars("Days", [("dol", 1.0), ("dss", 1.5)], label="Agency", unit="days")
    assert two.description == "2.50 days in 2 groups; most in dss: 1.50."
