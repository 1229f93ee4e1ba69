"""Tables: order, pages and filters from the address alone, whatever the address says."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from enclave.web import tables
from tests.support.gallery import COLUMNS, FILTERS, items


def asked(query: str = "", path: str = "/table") -> Request:
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": query.encode(),
            "headers": [],
            "server": ("review.localhost", 80),
            "scheme": "http",
        }
    )


def shown(query: str, count: int) -> tables.Table:
    return tables.of(
        items(count),
        COLUMNS,
        tables.state(asked(query), COLUMNS, sort="-number"),
        caption="Requests",
        empty="None yet.",
        filters=FILTERS,
    )


def numbers(table: tables.Table) -> list[str]:
    return [row[0].text for row in table.rows]


def test_rows_stand_in_the_asked_order():
    assert numbers(shown("sort=number", 30))[:2] == ["R-0", "R-1"]
    assert numbers(shown("sort=-number", 30))[:2] == ["R-29", "R-28"]


def test_an_unknown_order_page_or_size_falls_back_to_the_default():
    table = shown("sort=password&page=-3&size=100000", 60)
    assert numbers(table)[0] == "R-59"
    assert (table.state.page, table.state.size) == (1, 25)


def test_a_page_past_the_end_is_the_last_one():
    table = shown("page=999", 30)
    assert (table.state.page, len(table.rows), table.span) == (2, 5, "26 to 30 of 30")


def test_filters_narrow_and_say_so():
    table = shown("state=released&find=CREDENTIAL+3", 40)
    assert table.is_filtered
    assert {row[2].text for row in table.rows} == {"released"}
    assert numbers(table) == ["R-39", "R-36", "R-33", "R-30", "R-3"]


def test_links_keep_what_else_the_address_says():
    link = shown("find=pay&sort=title&page=1&other=x", 60).state.link(page=2)
    assert parse_qs(urlsplit(link).query) == {
        "find": ["pay"],
        "sort": ["title"],
        "page": ["2"],
        "other": ["x"],
    }


def test_sorting_twice_turns_the_order_round_and_goes_to_the_first_page():
    state = shown("sort=title&page=2", 60).state
    assert state.sort_link("title") == "/table?sort=-title"
    assert state.sort_link("number") == "/table?sort=number"


def test_two_tables_on_a_page_do_not_disturb_each_other():
    state = tables.state(asked("a-page=2&page=3&a-sort=-title"), COLUMNS, prefix="a-")
    assert (state.page, state.sort, state.descending) == (2, "title", True)
    assert "page=3" in state.link(page=None)


def test_what_is_missing_stands_last():
    column = tables.Column("v", "V", lambda row: row)
    page = tables.of(
        [None, 2, 1],
        [column],
        tables.state(asked("sort=v"), [column]),
        caption="c",
        empty="e",
    )
    assert page.rows == ((1,), (2,), (None,))


def test_names_with_numbers_stand_as_a_person_counts():
    column = tables.Column("v", "V", lambda row: row)
    names = ["year 10", "Year 2", "year 1", "year", "year 2b", "9" * 5000, None]
    page = tables.of(
        names, [column], tables.state(asked("sort=v"), [column]), caption="c", empty="e"
    )
    expected = ["9" * 5000, "year", "year 1", "Year 2", "year 2b", "year 10", None]
    assert [cell for (cell,) in page.rows] == expected


@pytest.mark.parametrize(("page", "pages"), [(1, 1), (3, 7), (1, 400), (200, 400), (400, 400)])
def test_at_most_seven_page_numbers_are_offered(page, pages):
    slots = tables.page_slots(page, pages)
    assert len(slots) <= 7
    assert page in slots and slots[0] == 1 and slots[-1] == pages


@given(st.text(max_size=60), st.integers(0, 200))
def test_no_address_breaks_a_table(query, count):
    table = shown(query.encode("ascii", "ignore").decode(), count)
    assert len(table.rows) <= table.state.size
    assert table.total <= count
