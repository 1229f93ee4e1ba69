"""What the service does by itself later: releases that had to wait, destruction, mails."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from contextlib import suppress
from unittest.mock import Mock

import pytest

from egress_review import cli
from egress_review.custody import Custody
from egress_review.model import State
from enclave.errors import Unavailable
from tests.support.review import World


def test_a_release_that_a_full_disk_stopped_is_written_when_there_is_room(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And neither the last vote nor a start of the service fails because of it."""
    request = world.in_review()
    world.vote("dora", request)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(Custody, "release", full)
        assert world.vote("carl", request).state is State.APPROVED
        world.service.recover()
    world.service.finish_releases()
    assert world.service.reviews.request(request.id).state is State.RELEASED


def test_what_is_due_is_done_again_and_again_whatever_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cli, "SECONDS_BETWEEN_RETRIES", 0)
    done: list[str] = []

    async def twice() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.create_task(cli._retry(service))

        def mails() -> None:
            done.append("mails")
            if len(done) >= 6:
                loop.call_soon_threadsafe(task.cancel)

        service.deliver_notices = mails
        with suppress(asyncio.CancelledError):
            await task

    def fails(name: str, error: Exception) -> Callable[[], None]:
        def due() -> None:
            done.append(name)
            raise error

        return due

    service = Mock(
        finish_releases=fails("releases", KeyError("a mistake of ours")),
        destroy=fails("originals", Unavailable("Audit is away.")),
    )
    asyncio.run(asyncio.wait_for(twice(), 60))
    assert done[:6] == ["releases", "originals", "mails"] * 2
