"""What cannot be recomputed goes to people with open eyes, or not at all (R22, SATRE 3.3.03)."""

from __future__ import annotations

import io
import json

import pytest
from PIL import Image, ImageDraw

from egress_review.custody import Piece
from egress_review.errors import OutputRefused
from egress_review.evidence.equality import compare
from egress_review.evidence.summaries import summarises
from egress_review.files.model import Sheet
from egress_review.model import FileKind, OutputFile, Request, Standing, State
from egress_review.reviewing import Ballot
from egress_review.submission import Handed
from enclave.errors import Invalid, Unavailable
from enclave.model import DisclosureRules
from tests.support.review import BOTH, PAY, PEOPLE, World, table

DORA, ROSA = PEOPLE["dora"], PEOPLE["rosa"]
OPEN = {"dol": DisclosureRules(safe_threshold=11), "cscu": DisclosureRules(safe_threshold=10)}
WORDS = "Median pay by school, rounded for a talk.\n"


def png() -> bytes:
    picture = Image.new("RGB", (320, 240), "white")
    ImageDraw.Draw(picture).line((10, 200, 300, 20), fill="black", width=3)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def plot(drawn_from: str) -> Handed:
    return Handed(OutputFile("plot.png", FileKind.PLOT, (), drawn_from), png())


def text(name: str = "notes.md") -> Handed:
    return Handed(OutputFile(name, FileKind.TEXT, ()), WORDS.encode())


def approve(world: World, request: Request, *people: str) -> Request:
    for person in people:
        request = world.vote(person, request, ticked="yes")
    return request


def test_a_table_its_plot_and_a_text_leave_together_with_eyes_on_what_nobody_recomputed(
    world: World,
) -> None:
    """Every agency of the agreement decides: a text may tell of any of them."""
    world.agree(rules=OPEN)
    query, answer = world.ask("SELECT institution, count(*) AS n FROM credentials GROUP BY 1",
                              agencies=("cscu",))  # fmt: skip
    files = (table(answer, query, name="schools.csv"), plot("schools.csv"))
    request = world.hand_in(*files, text())
    assert request.state is State.PROTECTED, request.sentence
    standings = [one.standing for one in request.files]
    assert standings == [Standing.RECOMPUTED, Standing.UNVERIFIED, Standing.UNVERIFIED]
    assert request.agencies == ("cscu", "dol")
    assert request.tables() == (1,)
    with pytest.raises(Invalid, match="looked at it yourself"):
        world.service.vote(DORA, request.id, Ballot(approve=True, shown=request.shown))
    assert approve(world, request, "dora", "carl").state is State.RELEASED
    _, picture = world.service.download(ROSA, request.id, "plot.png")
    assert Image.open(io.BytesIO(picture)).size == (320, 240)
    assert world.service.download(ROSA, request.id, "notes.md")[1].decode() == WORDS


def test_a_plot_of_a_table_with_hidden_rows_is_refused_and_the_table_handed_back(
    world: World,
) -> None:
    world.agree(rules=OPEN)
    query, answer = world.ask(PAY)
    request = world.hand_in(table(answer, query), plot("pay.csv"))
    assert request.state is State.REFUSED
    assert request.sentence.startswith("plot.png: ")
    assert b"[suppressed]" in world.service.handed_back(request, "pay.csv")
    with pytest.raises(OutputRefused, match="drawn from is not with it"):
        world.hand_in(table(answer, query), plot("pay-2.csv"))


def test_a_changed_table_goes_to_every_agency_unverified_and_enters_no_record(
    world: World,
) -> None:
    world.agree(rules=OPEN)
    query, answer = world.ask(BOTH, agencies=("dol", "cscu"))
    lines = answer.decode().splitlines()
    lines[1] = lines[1].rpartition(",")[0] + ",77"
    request = world.hand_in(table("\n".join(lines).encode(), query))
    assert request.state is State.PROTECTED, request.sentence
    assert [one.standing for one in request.files] == [Standing.UNVERIFIED]
    assert "not recomputed" in request.files[0].notes[0].sentence
    assert request.tables() == ()
    lines[1] = lines[1].rpartition(",")[0] + ",7"
    small = world.hand_in(table("\n".join(lines).encode(), query))
    assert small.state is State.REFUSED
    rows = world.ask("SELECT county, wage FROM wages LIMIT 30")
    listed = world.hand_in(table(rows[1], rows[0]))
    assert listed.state is State.REFUSED


def test_two_tables_nobody_recomputed_that_differ_by_a_few_people_are_refused(world: World) -> None:
    """Control: kinds.check_apart; without it both go to their reviewers."""
    world.agree(rules=OPEN)
    query, _ = world.ask(BOTH, agencies=("dol", "cscu"))
    everybody = table(b"county,pupils\nFairfield,811\nHartford,902\n", query, name="all.csv")
    housed = b"county,pupils_housed\nFairfield,808\nHartford,{}\n"
    few = table(housed.replace(b"{}", b"899"), query, name="housed.csv")
    request = world.hand_in(everybody, few)
    assert request.state is State.REFUSED
    assert "differ by fewer than 11 people" in request.sentence
    many = table(housed.replace(b"{}", b"870").replace(b"808", b"700"), query, name="housed.csv")
    assert world.hand_in(everybody, many).state is State.PROTECTED


def test_where_an_agency_takes_no_unverified_tables_it_is_refused_as_it_was(world: World) -> None:
    query, answer = world.ask(PAY)
    request = world.hand_in(table(answer.replace(b"Farming", b"Fishing"), query))
    assert request.state is State.REFUSED
    assert request.sentence is not None
    assert request.sentence.startswith("The table's content is not what its query answers. [")
    assert world.hand_in(table(answer, query), text()).state is State.REFUSED


def test_a_table_in_another_format_is_reviewed_as_text_and_leaves_in_its_own(world: World) -> None:
    query, answer = world.ask(BOTH, agencies=("dol", "cscu"))
    columns, *rows = [line.split(",") for line in answer.decode().splitlines()]
    body = json.dumps({"columns": columns, "data": [[a or None, int(b)] for a, b in rows]})
    handed = Handed(OutputFile("both.json", FileKind.TABLE, (query,)), body.encode())
    request = world.hand_in(handed)
    assert request.state is State.PROTECTED, request.sentence
    assert request.files[0].standing is Standing.RECOMPUTED
    assert world.service.view_raw(DORA, request)[1].startswith(b"institution,people")
    world.vote("dora", request)
    assert world.vote("carl", request).state is State.RELEASED
    content = world.service.download(ROSA, request.id, "both.json")[1]
    assert json.loads(content)["columns"] == columns


def test_what_leaves_is_part_of_what_was_voted_on(world: World) -> None:
    """Control: releasing._commitment holds the leaving bytes too; without them this is released."""
    world.agree(rules=OPEN)
    query, answer = world.ask(BOTH, agencies=("dol", "cscu"))
    request = world.hand_in(table(answer, query), text())
    world.service.custody.keep(request.id, Piece.PROTECTED, b"Other words.\n", file=2)
    with pytest.raises(Unavailable, match="not the ones"):
        world.vote("dora", request, ticked="yes")


def test_a_missing_label_is_blank_however_pandas_and_r_write_it() -> None:
    columns, lines = ("county", "n"), [("Hartford", 120), (None, 160)]
    for blank in ("", "NA", "NaN", "None"):
        compare(Sheet(columns, (("Hartford", "120"), (blank, "160"))), columns, lines)
    with pytest.raises(OutputRefused):
        compare(Sheet(columns, (("Hartford", "120"), ("all", "160"))), columns, lines)


def test_only_a_query_that_sums_people_up_can_be_looked_at_by_a_person() -> None:
    amounts = frozenset({"wage"})
    fuzzy = "(quantile_cont(wage, 0.45) + quantile_cont(wage, 0.55)) / 2"
    assert summarises(f"SELECT county, round({fuzzy}) AS mid FROM wages GROUP BY county", amounts)
    assert summarises("SELECT wage > 9000 AS high, avg(wage) FROM wages GROUP BY 1", amounts)
    for sql in (
        "SELECT county, wage FROM wages",
        "SELECT * FROM wages",
        "SELECT person_id, count(*) FROM wages GROUP BY person_id",
        "SELECT DISTINCT county FROM wages",
        "WITH x AS (SELECT county FROM wages) SELECT * FROM x",
        "SELECT 1; SELECT 2",
        "SELECT county, max(wage) FROM wages GROUP BY county",
        "SELECT county, median(wage) FROM wages GROUP BY county",
        "SELECT county, quantile_cont(wage, 0.999) FROM wages GROUP BY county",
        f"SELECT county, {fuzzy} + quantile_disc(wage, 1) FROM wages GROUP BY county",
        f"SELECT county, {fuzzy.replace('45', '90').replace('0.55', '1')} FROM wages GROUP BY 1",
        f"SELECT county, {fuzzy.replace('45', '0').replace('0.55', '0.1')} FROM wages GROUP BY 1",
        f"SELECT county, {fuzzy.replace('wage,', 'max(wage),')} FROM wages GROUP BY county",
        "SELECT county, list(wage) FROM wages GROUP BY county",
        "SELECT wage, avg(wage) FROM wages GROUP BY ALL",
        "SELECT CAST(wage AS INTEGER), avg(wage) FROM wages GROUP BY 1",
        "SELECT md5(person_id), avg(wage) FROM wages GROUP BY 1",
    ):
        assert not summarises(sql, amounts)
