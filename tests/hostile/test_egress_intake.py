"""Attacks on the intake itself: one session that sends everything at once, or never ends."""

from __future__ import annotations

import asyncio
import base64
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import pytest

from egress_review.intake import MOST_BODY, Intake
from egress_review.model import Request
from egress_review.submission import Submission
from enclave.model import Session
from tests.support.review import PAY, World
from tests.support.review_fixtures import egress_audit, world

__all__ = ["egress_audit", "world"]

AT_ONCE = 40  # more than there are threads


def body(query: str, answer: bytes) -> dict[str, Any]:
    content = base64.b64encode(answer).decode()
    file = {"name": "pay.csv", "kind": "table", "queries": [query], "content_base64": content}
    context = "Pay by county and industry for the annual report."
    return {"title": "Pay", "context": context, "files": [file]}


def client(world: World, session: Session) -> aiohttp.ClientSession:
    path = world.settings.run_dir / "sessions" / session.id / "egress" / "intake.sock"
    return aiohttp.ClientSession(
        "http://intake", connector=aiohttp.UnixConnector(str(path), limit=0)
    )


@contextmanager
def held(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Have every submission wait in the service until the block ends; yield whose are there."""
    goes_on, inside, submit = threading.Event(), [], world.service.submit

    def wait(session: Session, submission: Submission) -> Request:
        inside.append(session.id)
        goes_on.wait(120)
        return submit(session, submission)

    monkeypatch.setattr(world.service, "submit", wait)
    try:
        yield inside
    finally:
        goes_on.set()


def test_one_session_that_submits_everything_at_once_keeps_nobody_else_from_being_heard(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: intake._in_turn."""
    greedy, other = world.session(), world.session("ravi")
    given = body(*world.ask(PAY))

    async def talk() -> None:
        intake = Intake(world.settings, world.service)
        await intake.start()
        async with client(world, greedy) as mine, client(world, other) as theirs:
            with held(world, monkeypatch) as inside:
                many = [
                    asyncio.create_task(mine.post("/outputs", json=given)) for _ in range(AT_ONCE)
                ]
                while not inside:
                    await asyncio.sleep(0.01)
                async with asyncio.timeout(60):
                    assert (await theirs.get("/outputs")).status == 200
                    assert (await theirs.post("/outputs/check", json=given)).status == 200
                    assert (await mine.get("/outputs")).status == 200
                assert inside == [greedy.id]
                for each in many:
                    each.cancel()
                await asyncio.gather(*many, return_exceptions=True)
        await intake.stop()

    asyncio.run(talk())
    assert len(world.service.reviews.requests()) <= 1


def test_what_is_too_large_or_cut_off_leaves_nothing(world: World) -> None:
    """Controls: client_max_size; a body is read whole before anything is kept."""
    session = world.session()
    kept = world.settings.state_dir / "egress" / "quarantine"

    async def talk() -> None:
        intake = Intake(world.settings, world.service)
        await intake.start()
        async with client(world, session) as mine:
            answer = await mine.post("/outputs", data=io.BytesIO(b"x" * (MOST_BODY + 1)))
            assert answer.status != 201
            path = world.settings.run_dir / "sessions" / session.id / "egress" / "intake.sock"
            _, writer = await asyncio.open_unix_connection(str(path))
            head = "POST /outputs HTTP/1.1\r\nHost: intake\r\nContent-Length: 1000\r\n\r\n"
            writer.write(head.encode() + b'{"title": "Pay')
            await writer.drain()
            writer.close()
            assert (await mine.post("/outputs", data=b"{}")).status == 422
        await intake.stop()

    asyncio.run(talk())
    assert not list(kept.iterdir())
    assert not world.service.reviews.requests()
