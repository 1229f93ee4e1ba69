"""The intake hears a session through its own socket and nobody else (R4, SATRE 3.3)."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import aiohttp
import pytest

from egress_review.intake import Intake
from egress_review.model import State
from enclave.sessions import close_session, poke
from tests.support.crossing import add_project
from tests.support.postgres import on_both_databases
from tests.support.review import PAY, PROJECT, World


def submission(world: World, **more: Any) -> dict[str, Any]:
    query, answer = world.ask(PAY)
    body = {
        "title": "Pay",
        "context": "Pay by county and industry for the annual report.",
        "files": [
            {
                "name": "pay.csv",
                "kind": "table",
                "queries": [query],
                "content_base64": base64.b64encode(answer).decode(),
            }
        ],
    }
    for name in more.keys() & {"name", "kind", "queries", "content_base64", "drawn_from"}:
        body["files"][0][name] = more.pop(name)
    return body | more


async def call(world: World, method: str, path: str, **more: Any) -> tuple[int, Any]:
    session = world.session()
    socket = world.settings.run_dir / "sessions" / session.id / "egress" / "intake.sock"
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket))) as client,
        client.request(method, f"http://intake{path}", **more) as answer,
    ):
        return answer.status, await answer.json()


def with_intake(world: World, talk: Any) -> Any:
    async def run() -> Any:
        intake = Intake(world.settings, world.service)
        await intake.start()
        try:
            return await talk(intake)
        finally:
            await intake.stop()

    return asyncio.run(run())


@on_both_databases
def test_a_researcher_is_told_at_once_what_is_hidden_and_why(world: World) -> None:
    body = submission(world)

    async def talk(_intake: Intake) -> None:
        status, told = await call(world, "POST", "/outputs", json=body)
        assert status == 201, told
        assert told["status"] == "protected"
        assert told["waiting_for"] == ["dol"]
        assert {"row", "why"} == set(told["files"][0]["suppressed"][0])
        assert "rows are hidden" in told["sentence"]
        _, listed = await call(world, "GET", "/outputs")
        assert [one["request"] for one in listed["outputs"]] == [told["request"]]
        status, again = await call(world, "GET", f"/outputs/{told['request']}")
        assert (status, again["files"]) == (200, told["files"])
        status, gone = await call(world, "POST", f"/outputs/{told['request']}/withdraw")
        assert (status, gone["status"]) == (200, "withdrawn")

    with_intake(world, talk)


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"name": "plot.png"}, 422, "is a plot by its name"),
        ({"name": "plot.svg"}, 422, "cannot be released"),
        ({"context": ""}, 422, "context does not say"),
        ({"kind": "plot"}, 422, "not a submission"),
        ({"kind": "text"}, 422, "not a submission"),
        ({"drawn_from": "pay.csv"}, 422, "not a submission"),
        ({"filename": "pay.csv"}, 422, "not a submission"),
        ({"files": []}, 422, "not a submission"),
        ({"content_base64": "***"}, 422, "not a submission"),
        ({"queries": []}, 422, "needs 1 to 10"),
        ({"queries": ["nothing"]}, 422, "not run to its end by you"),
        ({"person": "ravi"}, 422, "not a submission"),
        ({"title": ""}, 422, "title must have"),
    ],
)
def test_what_is_no_submission_is_refused_with_a_sentence(
    world: World, change: dict[str, Any], status: int, words: str
) -> None:
    body = submission(world, **change)

    async def talk(_intake: Intake) -> None:
        got, told = await call(world, "POST", "/outputs", json=body)
        assert got == status
        assert words in told["sentence"]

    with_intake(world, talk)


@on_both_databases
def test_a_closed_session_has_no_socket_and_a_new_one_gets_it_by_sync(world: World) -> None:
    async def talk(intake: Intake) -> None:
        session = await asyncio.to_thread(world.session)
        await asyncio.to_thread(poke, world.settings, "egress")
        status, _ = await call(world, "GET", "/outputs")
        assert status == 200
        await asyncio.to_thread(
            close_session, world.store, world.audit, world.settings, session=session.id
        )
        path = world.settings.run_dir / "sessions" / session.id / "egress" / "intake.sock"
        assert not path.exists()

    with_intake(world, talk)


def check_unseen(world: World, request: str) -> None:
    """Check that the socket of Rosa's session shows no such request and leaves it as it is."""

    async def talk(_intake: Intake) -> None:
        status, told = await call(world, "GET", f"/outputs/{request}")
        assert (status, told["code"]) == (404, "input.not-found")
        status, _ = await call(world, "POST", f"/outputs/{request}/withdraw")
        assert status == 404
        _, listed = await call(world, "GET", "/outputs")
        assert listed["outputs"] == []

    world.session()
    with_intake(world, talk)


@on_both_databases
def test_nobody_sees_another_persons_requests_through_their_socket(world: World) -> None:
    theirs = world.submit(person="ravi")
    assert theirs.project == PROJECT
    assert theirs.state is State.PROTECTED
    check_unseen(world, theirs.id)


def test_a_project_sees_nothing_of_what_the_same_person_asked_for_in_another(world: World) -> None:
    """What was left of one project may not be carried into another, not even by its author."""
    add_project(world, "second-study")
    mine = world.submit(project="second-study")
    assert mine.state is State.PROTECTED
    check_unseen(world, mine.id)
    assert world.service.reviews.request(mine.id).state is State.PROTECTED
