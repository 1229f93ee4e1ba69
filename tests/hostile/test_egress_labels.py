"""Attacks through the words of a table: values in labels, typed numbers, blanks that count.

Through the real service. Each test names the control it guards; with it taken out it fails (tried).
"""

from __future__ import annotations

import csv
import io
from dataclasses import replace

from egress_review.model import Request, State
from egress_review.render import one_number
from enclave.model import Unverified
from tests.support.review import AGENCIES, PEOPLE, World
from tests.support.review_fixtures import egress_audit, world

__all__ = ["egress_audit", "world"]

RICH = "wage > 20000"
CARRYING = (
    f"SELECT CASE WHEN {RICH} THEN 'x' || wage ELSE county END AS g, count(*) AS n "
    "FROM wages GROUP BY ALL",
    f"SELECT CASE WHEN {RICH} THEN 'x' || wage ELSE county END AS g, count(*) AS n "
    "FROM wages GROUP BY ALL HAVING n >= 11",
    f"SELECT county, CASE WHEN {RICH} THEN CAST(1e6 - wage AS INTEGER) WHEN wage < 9000 "
    "THEN 1 ELSE 9999999 END AS g, count(*) AS n FROM wages GROUP BY GROUPING SETS ((1), (2))",
    f"SELECT county, CASE WHEN {RICH} THEN make_date(1970, 1, 1) + CAST(wage AS INTEGER) "
    "ELSE make_date(1970, 1, 1) END AS g, count(*) AS n FROM wages "
    "GROUP BY GROUPING SETS ((1), (2))",
    f"SELECT county || repeat('!', CASE WHEN {RICH} THEN CAST(wage / 100 AS INTEGER) ELSE 0 END) "
    "AS g, count(*) AS n FROM wages GROUP BY 1",
    f"SELECT coalesce(county, wage::VARCHAR) || CASE WHEN {RICH} THEN ' ' || round(wage) ELSE '' "
    "END AS g, count(*) AS n FROM wages GROUP BY 1",
)


def shown(world: World, request: Request) -> list[list[str]]:
    _, protected = world.service.view_raw(PEOPLE["dora"], request)
    return list(csv.reader(io.StringIO(protected.decode())))


def test_no_label_of_a_few_people_carries_their_amount(world: World) -> None:
    """Control: labels._values. The rows were hidden, and their labels were not."""
    for sql in CARRYING:
        request = world.submit(sql)
        assert request.state is State.REFUSED, sql
        assert "its label" in request.sentence or "label tells" in request.sentence, sql


def test_a_list_of_whole_numbers_between_large_groups_is_no_table(world: World) -> None:
    """Control: labels._values, the share of labels of few people; the rows of few are too few."""
    request = world.submit(
        "SELECT county, industry, CASE WHEN hash(wages) % 100 < 35 THEN CAST(1 + hash(wages) % "
        "40 AS INTEGER) WHEN county < 'H' THEN 0 ELSE 99 END AS g, count(*) AS n FROM wages "
        "GROUP BY GROUPING SETS ((1), (1, 2), (3))"
    )
    assert request.state is State.REFUSED
    assert "they list values, not groups" in request.sentence


TYPED = (
    "CASE county WHEN 'Hartford' THEN 27797.92 ELSE 18346.48 END",
    "count(*) * 0 + 27797.92",
    "round(avg(wage), 0) + 0.00002779792",
    "printf('%d of 27797.92', count(*))",
    "CASE county WHEN 'Hartford' THEN 'about 27,797' ELSE 'less' END",
)


def test_what_is_typed_in_a_query_is_not_taken_for_recomputed(world: World) -> None:
    """Control: labels._typed. Only a person can say what it is; the page says that it is there."""
    for number in TYPED:
        request = world.submit(f"SELECT county, count(*) AS n, {number} AS k FROM wages GROUP BY 1")
        assert request.state is State.PROTECTED, request.sentence
        (note,) = [one for one in request.files[0].notes if one.code == "query.typed"]
        assert note.sentence.startswith("k: "), number
    request = world.submit('SELECT county, count(*) AS "n, top 98731.55" FROM wages GROUP BY 1')
    assert "query.typed" in {one.code for one in request.files[0].notes}


def test_ordinary_words_and_bands_are_no_typed_numbers(world: World) -> None:
    request = world.submit(
        "SELECT coalesce(county, 'All counties') AS c, CASE WHEN wage < 8000 THEN 'under 8,000' "
        "ELSE '8,000 and more' END AS band, round(100.0 * count(*) FILTER (WHERE year = 2024) / "
        "count(*), 1) AS share, sum(wage) / 1000 AS k FROM wages GROUP BY 1, 2"
    )
    assert request.state is State.PROTECTED, request.sentence
    assert "query.typed" not in {one.code for one in request.files[0].notes}


def test_blanks_that_nobody_sees_do_not_leave(world: World) -> None:
    """Control: render.one_form. Of each label as many blanks as somebody's wage has digits."""
    request = world.submit(
        "SELECT county || repeat(' ', length(county)) || chr(160) AS c, count(*) AS n "
        "FROM wages GROUP BY 1"
    )
    assert request.state is State.PROTECTED, request.sentence
    labels = [line[0] for line in shown(world, request)[1:]]
    assert labels == [label.strip() for label in labels]
    assert "New Haven" in labels


def test_the_form_of_a_number_carries_no_message_where_nobody_recomputed_it(world: World) -> None:
    """Control: kinds.unverified writes each number in its one form."""
    rules = {
        name: replace(AGENCIES[name].rules, unverified=Unverified.REVIEW)
        for name in ("dol", "cscu")
    }
    world.agree(rules=rules)
    sql = "SELECT county, avg(wage) AS m, count(*) AS n FROM wages GROUP BY county"
    lines = [line.split(",") for line in world.answer(sql).decode().splitlines()]
    forms = ("{:.2f}00", "+{:.2f}", "{:.6e}", "{:.1f}", "{:.1f}000", "{:+.3f}")
    sent = [
        [county, form.format(float(mean) + 1), count]
        for (county, mean, count), form in zip(lines[1:], forms, strict=True)
    ]
    content = "\n".join(",".join(line) for line in [lines[0], *sent]).encode()
    request = world.submit(sql, content=content)
    assert request.state is State.PROTECTED, request.sentence
    told = [line[1] for line in shown(world, request)[1:]]
    assert not any("e" in one or "+" in one or one.endswith("0") for one in told), told


def test_a_number_has_one_form_and_a_code_stays_as_it_is() -> None:
    for cell in ("1.50", "+1.5", "1.5e0", "1.500"):
        assert one_number(cell) == "1.5"
    for cell in ("09001", "0.5", "1e+400", "A1", "", "2024", "-3", "1.5.2"):
        assert one_number(cell) == cell
    assert (one_number("0.00"), one_number("-0"), one_number("1200")) == ("0", "0", "1200")


def test_a_heading_that_is_not_its_querys_is_not_its_answer(world: World) -> None:
    """Control: equality.compare, the columns. A heading can say something, or swap two columns."""
    sql = "SELECT county, count(*) AS n, count(DISTINCT person_id) AS people FROM wages GROUP BY 1"
    answer = world.answer(sql)
    for heading in (b"county,people,n", b"county,n of 98731,people", b"county,n"):
        request = world.submit(sql, content=answer.replace(b"county,n,people", heading, 1))
        assert request.state is State.REFUSED, heading
        assert heading == b"county,n" or "columns are not those" in request.sentence
