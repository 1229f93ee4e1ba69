"""kill -9 of the real service: what was acknowledged is there, what was begun is finished."""

from __future__ import annotations

import base64
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx2

from egress_review.model import State
from enclave.sessions import poke
from tests.support.idp import free_port
from tests.support.review import PAY, World
from tests.support.review_fixtures import egress_audit, world

__all__ = ["egress_audit", "world"]


@contextmanager
def serving(world: World, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run `egress-review serve` in a process of its own until the block ends."""
    settings = world.settings.model_copy(update={"review_url": f"http://review.localhost:{port}"})
    process = subprocess.Popen(
        [sys.executable, "-c", "from egress_review.cli import main; main()", "serve"],
        env=settings.environment(),
    )
    try:
        while not healthy(port):
            assert process.poll() is None, "egress-review serve ended"
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.wait()


def healthy(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    except httpx2.TransportError:
        return False


def intake(world: World) -> httpx2.Client:
    path = world.settings.run_dir / "sessions" / world.session().id / "egress" / "intake.sock"
    transport = httpx2.HTTPTransport(uds=str(path))
    return httpx2.Client(transport=transport, base_url="http://intake", timeout=300)


def test_a_killed_service_comes_back_with_every_session_and_request(world: World) -> None:
    query, answer = world.ask(PAY)
    port = free_port()
    with serving(world, port) as process:
        poke(world.settings, "egress")
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
        with intake(world) as client:
            told = client.post("/outputs", json=body).json()
        assert told["status"] == "protected"
        process.send_signal(signal.SIGKILL)
        process.wait()
    with serving(world, port) as process:
        with intake(world) as client:
            listed = client.get("/outputs").json()["outputs"]
        assert [one["request"] for one in listed] == [told["request"]]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0


def test_what_was_stored_but_not_checked_is_checked_at_the_next_start(world: World) -> None:
    request = cut_short(world, "_accept")
    assert world.service.reviews.request(request).state is State.SUBMITTED
    world.service.recover()
    assert world.service.reviews.request(request).state is State.PROTECTED


def test_an_approved_output_whose_release_was_cut_short_is_released_once(
    world: World, monkeypatch
) -> None:
    request = world.in_review()
    world.vote("dora", request)
    with monkeypatch.context() as patch:
        patch.setattr(world.service, "_release_if_approved", lambda request: request)
        assert world.vote("carl", request).state is State.APPROVED
    world.service.recover()
    world.service.recover()
    assert world.service.reviews.request(request.id).state is State.RELEASED
    actions = [action for action, _ in world.service.reviews.receipts(request.id)]
    assert actions.count("output.released") == 1


def cut_short(world: World, method: str) -> str:
    """Submit, with the process dying at one method; return the id of what was stored."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    kept = getattr(world.service, method)
    setattr(world.service, method, die)
    with suppress(KeyboardInterrupt):
        world.submit()
    setattr(world.service, method, kept)
    (request,) = world.service.reviews.requests()
    return request.id


def test_files_of_a_request_that_never_came_to_be_are_removed(world: World) -> None:
    stray = world.settings.state_dir / "egress" / "quarantine" / "0000"
    stray.mkdir()
    (stray / "raw.csv").write_bytes(b"x")
    world.service.recover()
    assert not stray.exists()


def test_a_fault_of_the_check_refuses_and_stops_nothing(world: World, monkeypatch) -> None:
    """Control: FAULTS. Without it the service would end at the same request at every start."""

    def fail(*_: object) -> None:
        raise IndexError("a value of somebody")

    request = cut_short(world, "_accept")
    monkeypatch.setattr(world.service.checker, "check", fail)
    world.service.recover()
    found = world.service.reviews.request(request)
    assert found.state is State.REFUSED
    assert "somebody" not in found.sentence
    assert world.submit().state is State.REFUSED
