"""Attacks by subtraction across projects and time (issue 5, differencing): none may work."""

from __future__ import annotations

import json
import logging
from collections import Counter
from dataclasses import replace

import pytest

from egress_review.custody import Piece
from egress_review.earlier.against import CONFLICT
from egress_review.earlier.ledger import dump, load
from egress_review.model import State
from egress_review.render import MARK
from egress_review.service import conflicts
from egress_review.submission import CERTIFICATE
from tests.support.crossing import add_project
from tests.support.review import PAY, PEOPLE, World, data
from tests.support.review_fixtures import egress_audit, world

__all__ = ["egress_audit", "world"]

BY_COUNTY = "SELECT county, count(*) AS n FROM wages GROUP BY ROLLUP (county)"
FIRST, SECOND = "first-study", "second-study"


@pytest.fixture
def two(world: World) -> World:
    """Two projects with the same persons under other pseudonyms; the second lacks one person."""
    add_project(world, FIRST)
    add_project(world, SECOND, leave_out=1)
    return world


def test_another_projects_table_less_one_row_of_somebody_yields(world: World) -> None:
    """Control: differencing._other_rows. The persons are the same: only rows are fewer."""
    add_project(world, FIRST)
    add_project(world, SECOND)
    (wage,) = world.answer(
        "SELECT min(wage) AS w FROM wages GROUP BY person_id HAVING count(*) = 2 AND "
        "min(county) = max(county) AND min(county) = 'Fairfield' ORDER BY 1 LIMIT 1",
        project=FIRST,
    ).split()[1:]
    sums = "SELECT county, sum(wage) AS pay FROM wages {} GROUP BY county"
    first = world.submit(sums.format(""), project=FIRST)
    assert first.state is State.PROTECTED, first.sentence
    second = world.submit(sums.format(f"WHERE wage <> {wage.decode()}"), project=SECOND)
    assert second.state is State.PROTECTED, second.sentence
    _, released = world.service.view_raw(PEOPLE["dora"], second)
    lines = dict(line.split(",") for line in released.decode().splitlines()[1:])
    assert lines["Fairfield"] == MARK
    assert lines["Hartford"] != MARK


def test_another_projects_table_less_one_person_yields_and_nobody_hears_of_whom(
    two: World,
) -> None:
    """Control: Against._pairs; without it the totals differ by one named person."""
    first = two.submit(BY_COUNTY, project=FIRST, title="Zanzibar wages")
    assert first.state is State.PROTECTED, first.sentence
    second = two.submit(BY_COUNTY, project=SECOND)
    if second.state is State.PROTECTED:
        assert second.summary["reason differencing"]
        assert [
            (earlier.id, persons) for earlier, persons in conflicts(two.service, second) if earlier
        ] == [(first.id, 1)]
        _, released = two.service.view_raw(PEOPLE["dora"], second)
        total = next(line for line in released.decode().splitlines() if line.startswith(","))
        assert total == ",[suppressed]"
    else:
        assert CONFLICT in second.sentence
    told = json.dumps(two.told(second)) + json.dumps(dict(second.summary))
    for secret in (FIRST, first.id, "Zanzibar"):
        assert secret not in told
    if second.state is State.PROTECTED:
        assert two.vote("dora", second).state is State.RELEASED
        _, certificate = two.service.download(PEOPLE["rosa"], second.id, CERTIFICATE)
        assert all(s.encode() not in certificate for s in (FIRST, first.id, "Zanzibar"))


def test_an_unreadable_piece_of_another_project_stops_the_release_without_saying_whose(
    two: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Control: partitions.read."""
    first = two.submit(BY_COUNTY, project=FIRST)
    assert first.state is State.PROTECTED, first.sentence
    place = two.settings.state_dir / "egress" / "quarantine" / first.id / Piece.PARTITIONS.value
    sealed = bytearray(place.read_bytes())
    sealed[-1] ^= 1
    place.write_bytes(bytes(sealed))
    with caplog.at_level(logging.INFO):
        second = two.submit(PAY)
    assert second.state is State.REFUSED
    assert first.id not in second.sentence
    assert FIRST not in second.sentence
    place.unlink()
    assert two.submit(PAY).state is State.REFUSED


def test_people_numbers_put_back_to_an_older_state_stop_the_release(two: World) -> None:
    """Control: People.knows; numbers given twice would compare strangers."""
    assert two.submit(BY_COUNTY, project=FIRST).state is State.PROTECTED
    place = two.settings.state_dir / "egress" / "people"
    for path in place.iterdir():
        path.unlink()
    restarted = type(two.service)(two.settings, two.store, two.audit)
    two.service = restarted
    refused = two.submit(BY_COUNTY, project=SECOND)
    assert refused.state is State.REFUSED
    assert "record of earlier releases" in refused.sentence


def test_nothing_on_disk_shows_a_person_of_either_project(two: World) -> None:
    """Control: custody seals labels and numbers; only keyed hashes are numbered."""
    assert two.submit(BY_COUNTY, project=FIRST).state is State.PROTECTED
    ids = [
        row.split(",")[0]
        for row in two.answer("SELECT person_id FROM wages", project=FIRST)
        .decode()
        .splitlines()[1:5]
    ]
    for path in (two.settings.state_dir / "egress").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert all(bytes.fromhex(one.replace("-", "")) not in content for one in ids)
            assert all(one.encode() not in content for one in ids)


def test_one_persons_row_taken_out_where_many_others_lose_theirs_elsewhere_yields(
    world: World,
) -> None:
    """Control: changes.altered counts by cell; over all rows of a query many seem to change.

    The person stays in the cell by another row, and everybody with a row in Retail loses that.
    """
    rows = data()["wages"].to_pylist()
    twice = Counter(row["person_id"] for row in rows if row["industry"] == "Health")
    spare = next(r for r in rows if twice[r["person_id"]] > 1 and r["industry"] == "Health")
    count = "SELECT industry, count(*) AS n FROM wages"
    both = "WHERE industry IN ('Health', 'Retail') GROUP BY industry"
    assert world.submit(f"{count} {both}").state is State.PROTECTED
    where = f"industry = 'Health' AND wage <> {spare['wage']}"
    second = world.submit(f"{count} WHERE {where} GROUP BY industry")
    if second.state is State.PROTECTED:
        _, released = world.service.view_raw(PEOPLE["dora"], second)
        assert f"Health,{MARK}" in released.decode().splitlines()
    else:
        assert CONFLICT in second.sentence


def test_a_selection_that_leaves_a_cells_rows_alone_is_no_change_of_it(world: World) -> None:
    """Control: the cells' marks; by all rows of a query a few persons of each cell seem changed."""
    count = "SELECT industry, count(*) AS n FROM wages"
    assert world.submit(f"{count} GROUP BY industry").state is State.PROTECTED
    second = world.submit(f"{count} WHERE industry <> 'Farming' GROUP BY industry")
    assert second.state is State.PROTECTED, second.sentence
    assert "reason differencing" not in second.summary


def test_a_record_that_lacks_a_table_is_completed_at_the_start_or_stops_every_check(
    two: World,
) -> None:
    """Control: Restoring compares each cell's rows with the ledger's; what differs is not written.

    So are requests treated that were protected before the record held every project's.
    """
    first = two.submit(BY_COUNTY, project=FIRST)
    assert first.state is State.PROTECTED, first.sentence
    kept = two.service.custody
    place = two.settings.state_dir / "egress" / "quarantine" / first.id
    for piece in (Piece.PARTITIONS, Piece.ROWS):
        (place / piece.value).unlink()
    assert two.submit(BY_COUNTY, project=SECOND).state is State.REFUSED
    two.service.recover()
    again = two.submit(BY_COUNTY, project=SECOND)
    if again.state is State.PROTECTED:
        assert [one.id for one, _ in conflicts(two.service, again) if one] == [first.id]
    else:
        assert CONFLICT in again.sentence
    (place / Piece.PARTITIONS.value).unlink()
    entry = load(kept.open(first.id, Piece.LEDGER))
    cells = (replace(entry.table.cells[0], mark=(1, 1)), *entry.table.cells[1:])
    other = dump(replace(entry, table=replace(entry.table, cells=cells)))
    kept.keep(first.id, Piece.LEDGER, other)
    two.service.recover()
    assert not kept.holds(first.id, Piece.PARTITIONS)
    assert "record of earlier releases" in two.submit(PAY).sentence
