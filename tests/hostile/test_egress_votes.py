"""Attacks on the vote: nothing is released that not every agency, none of them the author, wanted.

Each test names the control it guards. With that control taken out it fails: tried for each,
except that the recent log-in is only shown to hold. Concurrent votes are kept apart twice over,
so there both locks have to go, and PostgreSQL shows it.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable

import pytest
from sqlalchemy import update

from egress_review import store
from egress_review.custody import Piece
from egress_review.errors import OwnProject
from egress_review.model import State
from egress_review.submission import CERTIFICATE
from enclave.errors import Conflict, Denied, NotFound, Unavailable
from enclave.model import Person, Review
from tests.support.postgres import on_both_databases
from tests.support.review import BOTH, PEOPLE, World
from tests.support.review_fixtures import egress_audit, world

__all__ = ["egress_audit", "world"]


def state(world: World, id: str) -> State:
    return world.service.reviews.request(id).state


@on_both_databases
def test_a_replayed_vote_counts_once(world: World) -> None:
    """Control: one vote an agency, the table's primary key (store.add_vote)."""
    request = world.in_review()
    world.vote("dora", request)
    with pytest.raises(Conflict):
        world.vote("dora", request)
    assert state(world, request.id) is State.PROTECTED


@on_both_databases
def test_two_reviewers_of_one_agency_are_not_two_agencies(world: World) -> None:
    """Control: one vote an agency; the approval set is of agencies, not of persons."""
    request = world.in_review()
    world.vote("dora", request)
    with pytest.raises(Conflict):
        world.vote("dirk", request)
    assert state(world, request.id) is State.PROTECTED


def test_a_vote_on_other_bytes_than_those_in_review_is_refused(world: World) -> None:
    """Control: service._check_shown."""
    request, other = world.in_review(), world.submit()
    for shown in (other.shown, "", "0" * 64, request.shown.upper()):
        with pytest.raises(Conflict):
            world.vote("dora", request, shown=shown)
    assert world.service.reviews.votes(request.id) == ()


def test_bytes_changed_on_disk_after_a_vote_are_not_released(world: World) -> None:
    """Control: every file is sealed, and its commitment is compared before vote and release."""
    request = world.in_review()
    world.vote("dora", request)
    world.service.custody.keep(request.id, Piece.PROTECTED, b"county,n\r\nFairfield,8\r\n")
    with pytest.raises(Unavailable):
        world.vote("carl", request)
    assert state(world, request.id) is State.PROTECTED
    path = world.settings.state_dir / "egress" / "quarantine" / request.id / "protected.csv"
    path.write_bytes(b"county,n\r\nFairfield,8\r\n")
    with pytest.raises(Unavailable):
        world.vote("carl", request)


def test_the_author_never_votes_even_as_their_agencys_reviewer(world: World) -> None:
    """Control: permissions.check_vote; and once more at the release (_check_everyone_agreed)."""
    request = world.submit(BOTH, person="both", agencies=("dol", "cscu"))
    assert request.state is State.PROTECTED
    with pytest.raises(Denied):
        world.vote("both", request)
    with pytest.raises(Denied):
        world.service.view_raw(PEOPLE["both"], request)


def test_a_researcher_of_the_project_neither_sees_nor_decides_as_reviewer(world: World) -> None:
    """Control: permissions._has_a_part, by the agreement as it is now (store._read_researchers)."""
    request = world.in_review()
    world.vote("carl", request)
    service, shown = world.service, request.shown

    def tries(person: Person) -> list[Callable[[], object]]:
        return [
            lambda: world.vote(person.id, request),
            lambda: world.vote(person.id, request, approve=False),
            lambda: service.view_raw(person, service.reviews.request(request.id)),
            lambda: service.comment(person, request.id, "Fine.", private=True),
            lambda: service.comment(person, request.id, "Fine."),
            lambda: service.ask_for_changes(person, request.id, "Coarser.", shown=shown),
            lambda: service.thread(person, request.id),
        ]

    world.agree(researchers=frozenset({"rosa", "both", "dirk"}))  # dirk since it was submitted
    for person in ("both", "dirk"):
        for act in tries(PEOPLE[person]):
            with pytest.raises(OwnProject):
                act()
    assert [vote.person for vote in service.reviews.votes(request.id)] == ["carl"]
    assert world.vote("dora", request).state is State.RELEASED


@on_both_databases
def test_who_is_named_a_researcher_while_their_act_waits_for_another_is_barred_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: reviewing._hold, which asks again under the lock."""
    world.agree(review=Review(0, 1, frozenset({"dirk"})))
    request = world.in_review()
    service, shown, dirk = world.service, request.shown, PEOPLE["dirk"]
    before = service.reviews.request(request.id)
    monkeypatch.setattr(service.reviews, "request", lambda id: before)
    world.agree(researchers=frozenset({"rosa", "dirk"}), review=Review(0, 1, frozenset({"dirk"})))
    for act in (
        lambda: world.vote("dirk", request, approve=False),
        lambda: service.find(dirk, request.id, fit=True, shown=shown),
        lambda: service.comment(dirk, request.id, "Fine."),
        lambda: service.ask_for_changes(dirk, request.id, "Coarser.", shown=shown),
    ):
        with pytest.raises(OwnProject):
            act()
    assert service.reviews.votes(request.id) == ()
    assert service.reviews.opinions(request.id) == ()


def test_an_output_nobody_could_decide_on_is_refused_and_does_not_wait(world: World) -> None:
    """Control: service._check_decidable; output checkers: service._terms."""
    world.agree(researchers=frozenset({"rosa", "both", "dora", "dirk"}))
    refused = world.submit()
    assert refused.state is State.REFUSED
    assert "for DOL" in refused.sentence
    assert "review.no-reviewer" in refused.sentence
    world.agree(review=Review(0, 1, frozenset({"both", "otto"})))
    assert world.submit().checkers == ("otto",)
    world.agree(review=Review(0, 1, frozenset({"both"})))
    assert world.submit().state is State.REFUSED


@pytest.mark.parametrize("person", ["otto", "rosa", "ravi", "adam", "alma", "gone"])
def test_who_does_not_review_for_a_touched_agency_cannot_vote(world: World, person: str) -> None:
    """Control: permissions.is_reviewer: role and agency, both."""
    request = world.in_review()
    with pytest.raises((Denied, NotFound)):
        world.vote(person, request)
    assert world.service.reviews.votes(request.id) == ()


def test_all_votes_but_one_release_nothing(world: World) -> None:
    """Control: service._decide."""
    request = world.in_review()
    world.vote("carl", request)
    with pytest.raises(Conflict):
        world.service.download(PEOPLE["rosa"], request.id, "pay.csv")
    with pytest.raises(NotFound):
        world.service.custody.released(request.id, "pay.csv")


@on_both_databases
def test_a_state_forced_to_approved_without_the_votes_is_not_released(world: World) -> None:
    """Control: service._check_everyone_agreed counts the votes again, inside the release."""
    request = world.in_review()
    world.vote("carl", request)
    with world.store.engine.connect() as connection:
        forced = update(store.requests).values(state=State.APPROVED.value)
        connection.execute(forced)
        connection.commit()
    world.service.finish_releases()
    assert state(world, request.id) is State.APPROVED


@pytest.mark.parametrize(
    "changed",
    [{"shown": "0" * 64}, {"person": "rosa"}, {"approve": False}, {"agency": "oec"}],
    ids=lambda changed: next(iter(changed)),
)
def test_a_vote_that_was_changed_in_the_store_releases_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str | bool]
) -> None:
    """Control: each part of releasing._check_everyone_agreed, the last look before a release."""
    request = world.in_review()
    with monkeypatch.context() as full_disk:
        full_disk.setattr(world.service.custody, "release", _full)
        for person in ("dora", "carl"):
            world.vote(person, request)
    assert state(world, request.id) is State.APPROVED
    with world.store.engine.connect() as connection:
        mine = store.votes.c.person == "carl"
        connection.execute(update(store.votes).where(mine).values(**changed))
        connection.commit()
    world.service.finish_releases()
    assert state(world, request.id) is State.APPROVED
    with world.store.engine.connect() as connection:
        kept = {"shown": request.shown, "person": "carl", "approve": True, "agency": "cscu"}
        ours = store.votes.c.person != "dora"
        connection.execute(update(store.votes).where(ours).values(**kept))
        connection.commit()
    world.service.finish_releases()
    assert state(world, request.id) is State.RELEASED


def _full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@on_both_databases
def test_a_vote_after_a_rejection_or_withdrawal_changes_nothing(world: World) -> None:
    """Control: policy.MOVES."""
    request = world.in_review()
    world.vote("dora", request, approve=False)
    with pytest.raises(Conflict):
        world.vote("carl", request)
    assert state(world, request.id) is State.REJECTED
    other = world.submit()
    world.service.withdraw(PEOPLE["rosa"], other.id)
    with pytest.raises(Conflict):
        world.vote("dora", other)
    assert state(world, other.id) is State.WITHDRAWN


@on_both_databases
def test_concurrent_votes_release_exactly_once_and_only_with_both(world: World) -> None:
    """Control: store.hold, the store's one-writer lock, and the vote's primary key."""
    request = world.in_review()
    gate, errors = threading.Barrier(6), []

    def cast(person: str) -> None:
        gate.wait()
        try:
            world.vote(person, request)
        except Conflict as error:
            errors.append(error)

    threads = [threading.Thread(target=cast, args=(p,)) for p in ("dora", "dirk", "carl") * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state(world, request.id) is State.RELEASED
    assert len(world.service.reviews.votes(request.id)) == 2
    assert len(errors) == 4
    actions = [action for action, _ in world.service.reviews.receipts(request.id)]
    assert actions.count("output.released") == 1


@pytest.mark.parametrize("person", ["ravi", "otto", "adam", "alma", "gone"])
def test_an_id_opens_nothing_to_who_is_not_concerned(world: World, person: str) -> None:
    """Control: permissions.check_see: an unknown id and a foreign one answer alike."""
    request = world.in_review()
    world.vote("dora", request)
    world.vote("carl", request)
    stranger = PEOPLE[person]
    with pytest.raises(NotFound):
        world.service.withdraw(stranger, request.id)
    with pytest.raises(NotFound):
        world.service.comment(stranger, request.id, "hello")
    with pytest.raises(NotFound):
        world.service.view_raw(stranger, request)
    for name in ("pay.csv", CERTIFICATE, "../raw.csv"):
        with pytest.raises(NotFound):
            world.service.download(stranger, request.id, name)


@pytest.mark.parametrize("name", ["raw.csv", "full.csv", "../../key", "ledger.json", ""])
def test_only_released_files_can_be_downloaded(world: World, name: str) -> None:
    """Control: service.download names the two files there are."""
    request = world.in_review()
    world.vote("dora", request)
    world.vote("carl", request)
    with pytest.raises(NotFound):
        world.service.download(PEOPLE["rosa"], request.id, name)


def test_the_author_does_not_get_the_unprotected_table_outside(world: World) -> None:
    """Control: permissions.check_see_raw."""
    request = world.in_review()
    with pytest.raises(Denied):
        world.service.view_raw(PEOPLE["rosa"], request)


@on_both_databases
def test_no_vote_is_kept_that_audit_has_no_receipt_for(world: World) -> None:
    """Control: ControlStore.record (no receipt, no commit)."""
    request = world.in_review()

    class Deaf:
        def append(self, event):
            raise Unavailable("audit is away")

    world.service.audit = Deaf()
    with pytest.raises(Unavailable):
        world.vote("dora", request)
    assert world.service.reviews.votes(request.id) == ()
    with pytest.raises(Unavailable):
        world.service.view_raw(PEOPLE["dora"], request)


@on_both_databases
def test_the_last_vote_and_a_return_at_the_same_time_are_one_or_the_other(world: World) -> None:
    """Control: store.hold, and policy.MOVES inside the transaction; a replay counts once too."""
    request = world.in_review()
    world.vote("dora", request)
    gate, errors = threading.Barrier(3), []

    def act(deed) -> None:
        gate.wait()
        try:
            deed()
        except Conflict as error:
            errors.append(error)

    def back() -> None:
        world.service.ask_for_changes(PEOPLE["dirk"], request.id, "Coarser.", shown=request.shown)

    deeds = (lambda: world.vote("carl", request), back, back)
    threads = [threading.Thread(target=act, args=(deed,)) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(errors) == 2
    end = state(world, request.id)
    assert end in (State.RELEASED, State.RETURNED)
    assert len(world.service.reviews.votes(request.id)) == (2 if end is State.RELEASED else 1)
