"""A review goes back and forth until it is settled, and says how long that took (R3, SATRE 3.3)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from egress_review.conversation import Manner
from egress_review.earlier.comparison import Beside, compared
from egress_review.files.model import Sheet
from egress_review.model import State
from egress_review.working_days import due
from enclave.errors import Conflict, Denied, NotFound
from enclave.model import Review
from tests.support.review import BOTH, PAY, PEOPLE, SUMS, World, table

DORA, CARL, ROSA = PEOPLE["dora"], PEOPLE["carl"], PEOPLE["rosa"]


def test_several_tables_leave_together_or_not_at_all(world: World) -> None:
    """Each is checked beside those before it; one that cannot leave keeps all in."""
    pay, both = world.ask(PAY), world.ask(BOTH, agencies=("dol", "cscu"))
    files = (table(pay[1], pay[0]), table(both[1], both[0], name="both.csv"))
    spoilt = world.hand_in(files[0], table(pay[1], both[0], name="both.csv"))
    assert spoilt.state is State.REFUSED
    assert spoilt.sentence.startswith("both.csv: ")
    request = world.hand_in(*files)
    assert request.state is State.PROTECTED, request.sentence
    assert request.agencies == ("cscu", "dol")
    assert [one["name"] for one in world.told(request)["files"]] == ["pay.csv", "both.csv"]
    assert request.tables() == (1, 2)
    rows = [one.summary["rows"] for one in request.files]
    assert request.summary["rows"] == sum(rows)
    assert world.service.view_raw(DORA, request, file=2)[0].startswith(b"institution,people")
    world.vote("dora", request)
    assert world.vote("carl", request).state is State.RELEASED
    for name in ("pay.csv", "both.csv"):
        assert world.service.download(ROSA, request.id, name)[1]


def test_a_request_goes_back_and_its_new_version_is_compared_with_the_old(world: World) -> None:
    old = world.submit(SUMS)
    returned = world.service.ask_for_changes(DORA, old.id, "By county only?", shown=old.shown)
    assert returned.state is State.RETURNED
    world.service.comment(ROSA, old.id, "I will.")
    world.service.comment(DORA, old.id, "Row two is Tolland.", private=True)
    query, answer = world.ask("SELECT county, count(*) AS n FROM wages GROUP BY ROLLUP (county)")
    new = world.hand_in(table(answer, query), replaces=old.id)
    assert new.state is State.PROTECTED, new.sentence
    assert world.service.reviews.request(old.id).state is State.REPLACED
    assert [one.id for one in world.service.rounds(ROSA, old.id)] == [old.id, new.id]
    manners = [one.manner for one in world.service.thread(DORA, new.id)]
    assert manners == [Manner.CHANGES, Manner.COMMENT, Manner.PRIVATE]
    assert "Tolland" not in str(world.service.thread(ROSA, new.id))
    (difference,) = world.service.difference(DORA, new.id)
    assert (difference.beside, difference.other, difference.full) == (Beside.VERSION, old.id, True)
    assert difference.changes
    assert {name for one in difference.changes for name, _, _ in one.cells} == {"pay"}
    with pytest.raises(Denied):
        world.service.difference(ROSA, new.id)
    (own,) = world.service.own_difference(new)
    assert not own.full
    with pytest.raises(Conflict):
        world.hand_in(table(answer, query), replaces=old.id)
    with pytest.raises(NotFound):
        world.hand_in(table(answer, query), replaces=new.id, person="ravi")


def test_a_new_version_of_what_was_decided_meanwhile_is_refused(world: World) -> None:
    """Control: the old one is held and moved in the transaction that accepts the new one."""
    old = world.submit(SUMS)
    query, answer = world.ask(PAY)
    check = world.service.checker.check

    def slowly(request, *rest):
        if request.replaces:
            world.vote("dora", old)
        return check(request, *rest)

    world.service.checker.check = slowly
    new = world.hand_in(table(answer, query), replaces=old.id)
    assert new.state is State.REFUSED
    assert world.service.reviews.request(old.id).state is State.RELEASED


def test_output_checkers_work_blind_and_before_any_agency(world: World) -> None:
    """Control: reviewing.find, conversation.opinions, releasing.check_found_fit."""
    world.agree(review=Review(2, 2, frozenset({"otto", "dirk", "rosa"})))
    request = world.submit(BOTH, agencies=("dol", "cscu"))
    assert request.checkers == ("dirk", "otto")
    otto, dirk = PEOPLE["otto"], PEOPLE["dirk"]
    with pytest.raises(Conflict, match="have not all reported"):
        world.vote("dora", request)
    world.service.find(otto, request.id, fit=True, shown=request.shown)
    world.service.comment(otto, request.id, "Looks fine to me.")
    for reader, seen in ((otto, 1), (dirk, 0), (DORA, 0), (ROSA, 0)):
        assert len(world.service.opinions(reader, request)) == seen
    assert world.service.thread(dirk, request.id) == ()
    with pytest.raises(Conflict):
        world.service.find(otto, request.id, fit=True, shown=request.shown)
    for stranger in (DORA, ROSA):
        with pytest.raises(Denied):
            world.service.find(stranger, request.id, fit=True, shown=request.shown)
    world.service.find(dirk, request.id, fit=True, shown=request.shown)
    assert len(world.service.thread(dirk, request.id)) == 3
    world.vote("dora", request)
    assert world.vote("carl", request).state is State.RELEASED


def test_what_a_checker_finds_unfit_no_agency_can_approve(world: World) -> None:
    world.agree(review=Review(0, 1, frozenset({"otto"})))
    request = world.submit()
    world.service.find(PEOPLE["otto"], request.id, fit=False, shown=request.shown, text="No.")
    with pytest.raises(Conflict, match="unfit"):
        world.vote("dora", request)
    assert world.vote("dora", request, approve=False).state is State.REJECTED


def test_turnaround_is_measured_from_opening_to_vote(world: World) -> None:
    """R46."""
    request = world.in_review()
    assert request.due_at == due(request.opened_at, 5)
    world.vote("dora", request)
    found = world.service.turnaround()
    assert (found["dol"].decided, found["cscu"].waiting, found["cscu"].late) == (1, 1, 0)


def test_days_that_are_due_are_working_days() -> None:
    friday = datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert due(friday, 1) == friday + timedelta(days=3)
    assert due(friday, 5) == friday + timedelta(days=7)


def test_rows_are_compared_by_their_labels_and_else_by_place() -> None:
    before = Sheet(("county", "n"), (("A", "1"), ("B", "2")))
    now = Sheet(("county", "n"), (("B", "3"), ("C", "2")))
    found = {one.labels: one for one in compared(before, now, labels=((True, False),) * 2)}
    assert {labels: one.what for labels, one in found.items()} == {
        ("A",): "removed",
        ("B",): "changed",
        ("C",): "added",
    }
    assert found["B",].cells == (("n", "2", "3"),)
    by_place = [one.what for one in compared(before, now, labels=(None, None))]
    assert by_place == ["changed", "changed"]


def test_originals_are_destroyed_in_time_and_what_protects_later_tables_is_kept(
    world: World,
) -> None:
    """SATRE 3.1.10; a crash between the files and the event leaves the event to the next run."""
    request = world.in_review()
    world.vote("dora", request)
    world.vote("carl", request)
    assert world.service.destroy() == 0
    world.service.settings = world.settings.model_copy(update={"review_keep_days": -1})
    assert world.service.destroy() == 1
    assert world.service.destroy() == 0
    place = world.settings.state_dir / "egress" / "quarantine" / request.id
    kept = {path.name for path in place.iterdir()}
    assert kept == {"ledger.json", "partitions.2.npz", "rows.npz", "salt"}
    with pytest.raises(NotFound):
        world.service.view_raw(DORA, request)
    assert world.service.download(ROSA, request.id, "pay.csv")[1]
    again = world.submit(SUMS)
    assert again.state is State.PROTECTED, again.sentence
    world.service.withdraw(ROSA, again.id)
    world.service.destroy()
    assert not any((place.parent / again.id).iterdir())
