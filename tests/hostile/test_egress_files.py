"""Attacks through the submitted file and its claimed lineage: what is not exactly so is refused.

Each test names the control it guards. With that control taken out it fails: tried for each,
except that another project's lineage and oversize alone are only shown to hold.
"""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import replace

import pytest

from egress_review.custody import Piece
from egress_review.earlier.ledger import load
from egress_review.errors import OutputRefused
from egress_review.files.model import MOST_BYTES
from egress_review.methods.proving import checked
from egress_review.model import Request, State
from egress_review.releasing import statement
from egress_review.render import MARK
from egress_review.sdc.proofs import load as load_proof
from egress_review.sdc.verify import Proof
from enclave.errors import EnclaveError, Unavailable
from enclave.model import Unverified
from tests.support.disclosure import judge
from tests.support.review import AGENCIES, BOTH, OTHER, PAY, PEOPLE, World, table
from tests.support.review_fixtures import egress_audit, world

__all__ = ["egress_audit", "world"]

REVIEWED = {
    name: replace(AGENCIES[name].rules, unverified=Unverified.REVIEW) for name in ("dol", "cscu")
}


def rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode())))


def written(lines: list[list[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(lines)
    return out.getvalue().encode()


def refused(request: Request, words: str = "") -> None:
    assert request.state is State.REFUSED
    assert words in request.sentence


@pytest.mark.parametrize("change", ["cell", "label", "extra", "missing", "twice", "column", "name"])
def test_a_table_that_is_not_its_querys_answer_is_refused(world: World, change: str) -> None:
    """Control: evidence.check_equal."""
    lines = rows(world.answer(PAY))
    if change == "cell":
        lines[3][-1] = str(int(lines[3][-1]) + 1)
    elif change == "label":
        lines[3][0] = "Someone's home"
    elif change == "extra":
        lines.append(["Fairfield", "SSN 078-05-1120", "12"])
    elif change == "missing":
        lines.pop(5)
    elif change == "twice":
        lines[5] = lines[6]
    elif change == "column":
        lines = [[*line, "1"] for line in lines]
    else:
        lines[0][2] = "note"
    refused(world.submit(content=written(lines)))


def test_rows_listed_one_by_one_are_refused(world: World) -> None:
    """Control: lineage_sql.understand."""
    refused(world.submit("SELECT county, wage FROM wages"), "lists rows")
    refused(world.submit("SELECT person_id, count(*) AS n FROM wages GROUP BY 1"), "one person")
    refused(world.submit("SELECT wage, count(*) AS n FROM wages GROUP BY 1"), "amounts")
    refused(world.submit("SELECT max(wage) AS top FROM wages"), "max()")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT wage, avg(wage) AS typical FROM wages WHERE county = 'Tolland' GROUP BY 1",
        "SELECT wage::INTEGER AS w, avg(wage) AS t FROM wages WHERE wage > 14000 GROUP BY 1",
        "SELECT person_id, avg(wage) AS pay FROM wages WHERE county = 'Tolland' GROUP BY 1",
        "SELECT md5(person_id::TEXT) AS c, sum(wage) AS t FROM wages GROUP BY 1 LIMIT 99",
        "SELECT county, max(wage) AS paid, count(*) AS n FROM wages GROUP BY 1",
        "SELECT county, min(wage) AS paid, count(*) AS n FROM wages GROUP BY 1",
        "SELECT county, first(wage) AS paid, count(*) AS n FROM wages GROUP BY 1",
        "SELECT county, list(wage) AS paid FROM wages WHERE wage > 14000 GROUP BY 1",
        "SELECT county, string_agg(wage::VARCHAR) AS paid FROM wages WHERE wage > 14000 GROUP BY 1",
        "SELECT county, wage FROM wages WHERE county = 'Tolland'",
        "SELECT county, wage, count(*) OVER () AS n FROM wages WHERE county = 'Tolland'",
        "SELECT unnest(list(wage)) AS paid FROM wages WHERE county = 'Tolland'",
    ],
)
def test_rows_are_refused_also_where_what_nobody_recomputed_is_reviewed(
    world: World, sql: str
) -> None:
    """Control: only a summary that differs from its recomputation may go on unverified."""
    world.agree(rules=REVIEWED)
    refused(world.submit(sql))


def test_lineage_of_somebody_elses_query_is_refused(world: World) -> None:
    """Control: checking.lineages compares person and project."""
    query, answer = world.ask(PAY, person="ravi")
    refused(world.hand_in(table(answer, query)), "not run to its end by you")


def test_lineage_of_another_projects_query_is_refused(world: World) -> None:
    """Control: the journal is looked up by the session's project."""
    query, answer = world.ask(PAY, project=OTHER)
    refused(world.hand_in(table(answer, query)), "not run to its end by you")


def test_naming_fewer_agencies_than_were_read_is_not_possible(world: World) -> None:
    """Control: the approval set comes from the journal, never from the submission."""
    request = world.submit(BOTH, agencies=("dol", "cscu"))
    assert request.agencies == ("cscu", "dol")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"x" * (MOST_BYTES + 1), "larger"),
        (b"", "empty"),
        (b"\xff\xfe\x00c", "UTF-8"),
        ("county,n\nA\u202eB,1\n".encode(), "invisible"),
        (b"county,n\nA\x00,1\n", "invisible"),
        (b"PK\x03\x04 an archive", "invisible"),
        (b'county,n\n"A,1\n', "readable"),
        (b"county,n\nA,1,2\n", "Row 2"),
        (b"county,n\n" + b"A" * 600 + b",1\n", "longer"),
    ],
)
def test_bytes_that_are_no_plain_table_are_refused(
    world: World, content: bytes, words: str
) -> None:
    """Control: files.tables.read_csv."""
    try:
        request = world.submit(content=content)
    except EnclaveError as error:
        assert words in error.sentence
    else:
        refused(request, words)


@pytest.mark.parametrize(
    "name",
    ["pay.csv.html", "pay.html.csv", "a.svg", ".csv", "", "pay.csv\x00.png", "con.csv", "a.pkl"],
)
def test_only_plain_names_of_known_kinds_are_taken(world: World, name: str) -> None:
    """Control: names.safe_name and kinds.kind."""
    try:
        request = world.submit(filename=name)
    except OutputRefused:
        return
    refused(request)


@pytest.mark.parametrize("name", ["pay.xlsx", "pay.parquet", "pay.json", "pay.png"])
def test_bytes_that_are_not_what_their_name_says_are_refused(world: World, name: str) -> None:
    """Control: files.reading.read."""
    try:
        refused(world.submit(filename=name))
    except OutputRefused as error:
        assert "kind" in error.sentence or "not a" in error.sentence


def test_a_path_in_a_file_name_leads_nowhere(world: World) -> None:
    """Control: files.names.safe_name."""
    request = world.submit(filename="../../../etc/cron.d/pay.csv")
    assert request.filename == "pay.csv"


def test_a_formula_in_a_label_reaches_no_spreadsheet(world: World) -> None:
    """Control: render.inert."""
    sql = "SELECT '=1+1' || county AS c, count(*) AS n FROM wages GROUP BY county"
    request = world.submit(sql)
    assert request.state is State.PROTECTED, request.sentence
    _, protected = world.service.view_raw(PEOPLE["dora"], request)
    assert all(line[0].startswith("'=") for line in rows(protected)[1:])


def test_the_order_of_rows_does_not_tell_what_is_hidden(world: World) -> None:
    """Control: evidence orders rows by their labels, whatever ORDER BY said."""
    request = world.submit(f"{PAY} ORDER BY n DESC")
    _, protected = world.service.view_raw(PEOPLE["dora"], request)
    labels = [[(label == "", label) for label in line[:2]] for line in rows(protected)[1:]]
    assert labels == sorted(labels)


def test_the_form_of_a_number_carries_no_message(world: World) -> None:
    """Control: render writes numbers anew: 8, 8.0 and 8.00 are one text."""
    lines = rows(world.answer(PAY))
    sent = [lines[0], *([*line[:2], f"{line[2]}.{'0' * i}"] for i, line in enumerate(lines[1:], 1))]
    request = world.submit(content=written(sent))
    assert request.state is State.PROTECTED, request.sentence
    _, protected = world.service.view_raw(PEOPLE["dora"], request)
    assert all(line[2].isdigit() or line[2] == MARK for line in rows(protected)[1:])


def test_a_second_table_cannot_undo_the_first(world: World) -> None:
    """Control: linking: everything of the project released or in review is one system.

    The second selection is exactly one column of the first, in which cells are hidden only to
    protect others; alone it would show them.
    """
    first = world.submit(PAY)
    second = world.submit(
        "SELECT county, count(*) AS n FROM wages WHERE industry = 'Finance' GROUP BY county"
    )
    assert first.state is State.PROTECTED
    assert second.state is State.PROTECTED, second.sentence
    custody = world.service.custody
    tables = [load(custody.open(one.id, Piece.LEDGER)).table for one in (first, second)]
    assert judge(tables, AGENCIES["dol"].rules).exposed == ()
    assert second.summary["complementary"]


def test_a_table_without_a_proof_does_not_leave(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: protect.prove_pattern: what no witness shows to be safe counts as unsafe."""
    first = world.submit(PAY)
    proof = load_proof(world.service.custody.open(first.id, Piece.PROOF))
    _, released = world.service.view_raw(PEOPLE["dora"], first)
    assert proof.holds()
    assert proof.hidden == {n for n, line in enumerate(rows(released)[1:]) if MARK in line}
    monkeypatch.setattr("egress_review.methods.protect.prove", lambda *_, **__: Proof(()))
    refused(world.submit(PAY), "No proof")


def test_a_kept_proof_is_checked_against_the_very_file(world: World) -> None:
    """Control: proving.checked; a file that shows more than its proof hides does not pass."""
    request = world.submit(PAY)
    custody = world.service.custody
    assert "needs met by" in checked(custody, request.id)
    protected = custody.open(request.id, Piece.PROTECTED)
    custody.keep(request.id, Piece.PROTECTED, protected.replace(MARK.encode(), b"3", 1))
    with pytest.raises(Unavailable, match="does not hold"):
        checked(custody, request.id)
    custody.keep(request.id, Piece.PROOF, b"PK nothing")
    with pytest.raises(Unavailable, match="does not hold"):
        checked(custody, request.id)


def test_leaving_out_one_person_is_refused(world: World) -> None:
    """Control: Against.must_yield."""
    assert world.submit(PAY).state is State.PROTECTED
    one = "(SELECT min(person_id) FROM wages)"
    again = PAY.replace("FROM wages", f"FROM wages WHERE person_id <> {one}")
    refused(world.submit(again), "almost the same people")


def test_what_is_said_outside_fits_no_guess_of_a_hidden_number(world: World) -> None:
    """Control: Custody.commit salts: a plain hash would confirm guesses of the few hidden cells."""
    request = world.submit(PAY)
    world.vote("dora", request)
    _, certificate = world.service.download(PEOPLE["rosa"], request.id, "certificate.json")
    full, protected = world.service.view_raw(PEOPLE["dora"], request)
    one, two = hashlib.sha256(full), hashlib.sha256(protected)
    read = hashlib.sha256(statement(request)).digest()  # what a commitment is made of but its salt
    guesses = {
        hashlib.sha256(read + one.digest() + two.digest() * 2).hexdigest(),
        one.hexdigest(),
        hashlib.sha256(one.digest() + two.digest()).hexdigest(),
        hashlib.sha256(full + protected).hexdigest(),
    }
    assert not any(guess in certificate.decode() for guess in guesses)
