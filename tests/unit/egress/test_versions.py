"""An output is checked against the version of the data it was made from, or refused (R6, R22)."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from egress_review.model import Request, State
from enclave import versions
from enclave.events import Action, Event
from enclave.gateway import journal
from enclave.model import ProjectState
from enclave.store import Version, amend, move, now
from tests.support.extracts import make_extract
from tests.support.review import PAY, PEOPLE, PROJECT, SUMS, World, data, policy, table

EVENT = Event(Action.PROJECT_BUILT, actor="adam", project=PROJECT)


@pytest.fixture
def world(world: World) -> World:
    """Two versions: the project stands on the first; fifty people are not in the second."""
    mark = world.store.project(PROJECT).policy_sha256
    make_extract(world.settings, PROJECT, data(350), mark, epoch=2)
    with world.store.record(world.audit, EVENT) as connection:
        for epoch in (1, 2):
            versions.register(connection, Version(PROJECT, epoch, mark, {}, now()))
    return world


def submit(world: World, *asked: tuple[str, bytes], content: bytes) -> Request:
    queries = tuple(query for query, _ in asked)
    return world.hand_in(table(content, *queries))


def pin(world: World, epoch: int) -> None:
    with world.store.record(world.audit, EVENT) as connection:
        versions.pin(connection, PROJECT, epoch)


def test_an_output_is_recomputed_on_the_version_its_query_ran_on(world: World) -> None:
    """Checked by removing the boundary: recomputed on the pinned version, the second fails."""
    for asked_on, standing_on, persons in ((1, 2, 400), (2, 1, 350)):
        pin(world, standing_on)
        asked = world.ask(PAY, epoch=asked_on)
        request = submit(world, asked, content=asked[1])
        assert request.state is State.PROTECTED, request.sentence
        assert request.persons == persons
        world.service.withdraw(PEOPLE["rosa"], request.id)


def test_another_versions_answer_is_not_passed_off_as_the_querys_own(world: World) -> None:
    first, second = world.ask(SUMS, epoch=1), world.ask(SUMS, epoch=2)
    refused = submit(world, first, content=second[1])
    assert refused.state is State.REFUSED
    assert "is not what its query answers" in refused.sentence


def test_queries_of_several_versions_are_each_recomputed_on_their_own(world: World) -> None:
    asked = (world.ask(SUMS, epoch=1), world.ask(PAY, epoch=1), world.ask(PAY, epoch=2))
    request = submit(world, *asked, content=asked[2][1])
    assert request.state is State.PROTECTED, request.sentence
    assert request.persons == 350
    other = submit(world, *asked, content=world.answer(SUMS, epoch=2))
    assert "the answer of any of its 3 queries" in other.sentence


def test_what_a_forgotten_version_answered_can_no_longer_leave(world: World) -> None:
    asked = world.ask(PAY, epoch=2)
    with world.store.record(world.audit, EVENT) as connection:
        versions.forget(connection, PROJECT, 2)
    request = submit(world, asked, content=asked[1])
    assert request.state is State.REFUSED
    assert "version 2 of the data, which is no longer kept" in request.sentence


def test_what_an_amended_agreements_version_answered_can_no_longer_leave(world: World) -> None:
    """Not even while its files still lie there."""
    asked = world.ask(PAY, epoch=1)
    with world.store.record(world.audit, EVENT) as connection:
        amend(connection, replace(policy(), title="Anew"))
        move(connection, PROJECT, ProjectState.ACTIVE, epoch=3)
    request = submit(world, asked, content=asked[1])
    assert "version 1 of the data, which is no longer kept" in request.sentence


def test_a_query_that_names_an_earlier_version_is_refused_with_what_to_do(world: World) -> None:
    pin(world, 2)
    query, answer = world.ask(PAY, epoch=2)
    _rename(world, query)
    request = submit(world, (query, answer), content=answer)
    assert request.state is State.REFUSED
    assert "earlier version of the data by its number" in request.sentence


def _rename(world: World, query: str) -> None:
    """Have the journal say what it says of `FROM wages AT (VERSION => 1)`."""
    with closing(sqlite3.connect(journal.path(world.settings, PROJECT))) as connection, connection:
        connection.execute(
            "UPDATE queries SET sql = replace(sql, 'wages', '\"wages@1\"'), "
            "views = '[\"wages@1\"]', columns = '[\"wages@1.person_id\"]' WHERE query = ?",
            (query,),
        )
