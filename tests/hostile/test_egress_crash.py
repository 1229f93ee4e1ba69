"""kill -9 of the real service: what was acknowledged is there, what was begun is finished."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx2
from sqlalchemy.engine import RootTransaction

from egress_review.custody import KEPT_OF_A_RELEASE
from egress_review.model import Request, State
from egress_review.service import ReviewService
from enclave.audit_client import AuditClient
from enclave.sessions import poke
from enclave.store import ControlStore
from tests.support.audit import AuditProcess
from tests.support.cut import cuts
from tests.support.ports import free_port
from tests.support.review import BOTH, PAY, SUMS, World, table
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


DESTROYING = ((os, "unlink"), (os, "fsync"), (AuditClient, "append"), (RootTransaction, "commit"))


def test_destruction_killed_at_any_step_keeps_no_original_as_destroyed_and_loses_nothing(
    world: World, audit_service: AuditProcess
) -> None:
    """Control: the files go before the event and the event before the mark (`destruction`).

    With the mark set before the files are gone, with the event said first, or with one kind of
    piece more or less removed, it fails (tried).
    """
    asked = world.ask(BOTH, agencies=("dol", "cscu"))
    years = world.ask("SELECT year, count(*) AS n FROM wages GROUP BY year")
    first, second = table(asked[1], asked[0]), table(years[1], years[0], name="years.csv")
    request = world.hand_in(first, second)
    for person in ("dora", "carl"):
        world.vote(person, request)
    open_one = world.submit(SUMS)
    before = files(world, open_one)
    cut = 0
    for cut in cuts(lambda: destroy(world), end="kill -9", steps=DESTROYING):
        left = files(world, request)
        told = [
            one["detail"]["request"]
            for one in audit_service.facts()
            if one["action"] == "output.destroyed"
        ]
        marked = world.service.reviews.request(request.id).destroyed_at is not None
        if told or marked:
            assert not left.keys() - kept(request), cut
        assert kept(request) <= left.keys(), cut
        assert (marked, bool(told)) != (True, False), cut
        assert files(world, open_one) == before, cut
        assert world.service.reviews.request(open_one.id).destroyed_at is None
    assert cut > len(KEPT_OF_A_RELEASE)
    assert files(world, request).keys() == kept(request)
    assert world.service.reviews.request(request.id).destroyed_at is not None
    assert world.service.download(world.store.person("rosa"), request.id, "years.csv")[1]
    world.service.recover()
    again = world.submit(PAY)
    assert again.state is State.PROTECTED, again.sentence


def kept(request: Request) -> set[str]:
    """Return what must be left of a released request of two tables."""
    tables = {piece.value for piece in KEPT_OF_A_RELEASE if piece.value != "salt"}
    return {*tables, *(f"2/{name}" for name in tables), "salt"}


def files(world: World, request: Request) -> dict[str, bytes]:
    """Return what is on disk of a request's pieces."""
    place = world.settings.state_dir / "egress" / "quarantine" / request.id
    return {
        str(path.relative_to(place)): path.read_bytes()
        for path in place.rglob("*")
        if path.is_file()
    }


def destroy(world: World) -> None:
    """Destroy what is due in a process of its own, with its own connections."""
    settings = world.settings.model_copy(update={"review_keep_days": -1})
    store = ControlStore(settings.database_url)
    with AuditClient(settings, "egress") as audit:
        ReviewService(settings, store, audit).destroy()
    store.close()
