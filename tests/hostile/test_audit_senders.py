"""One room taken over: what it can make the log say, and what it can cost the others."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from audit.senders import OWN, SAYS
from enclave.audit_client import SOURCES, socket_path
from enclave.events import Action
from enclave.settings import Settings
from tests.support.audit import AuditProcess

NOBODY = {
    "actor": "mallory", "verdict": "allowed", "project": None, "agencies": [], "datasets": [],
    "columns": [], "clause": None, "session": None,
}  # fmt: skip


def line(seq: int, action: str, **changes: object) -> bytes:
    event = {**NOBODY, "action": action, "intent": f"q{seq}", "detail": {}, **changes}
    return json.dumps({"seq": seq, "event": event}).encode() + b"\n"


def answers(
    settings: Settings, source: str, lines: list[bytes], *, instance: str = "m"
) -> list[str]:
    """Say everything at once; return each answer, the welcome left out."""
    with socket.socket(socket.AF_UNIX) as end:
        end.settimeout(60)
        end.connect(str(socket_path(settings, source)))
        end.sendall(json.dumps({"hello": instance}).encode() + b"\n" + b"".join(lines))
        with end.makefile() as heard:
            assert "welcome" in next(heard)
            return [heard.readline() for _ in lines]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuditProcess]:
    place = tmp_path_factory.mktemp("m")
    settings = Settings(state_dir=place / "s", run_dir=place / "r")
    process = AuditProcess(settings).start()
    yield process
    process.stop()


def test_every_action_has_somebody_who_may_say_it_and_the_logs_own_has_nobody() -> None:
    assert set(SAYS) == set(SOURCES)
    said = frozenset[Action]().union(*SAYS.values())
    assert said | OWN == set(Action)
    assert not said & OWN


@pytest.mark.parametrize("source", SOURCES)
def test_a_room_logs_its_own_deeds_and_no_others(service: AuditProcess, source: str) -> None:
    """R4: a room that is taken over cannot name a key, remove texts or end another's query."""
    actions = list(Action)
    given = answers(service.settings, source, [line(seq, each) for seq, each in enumerate(actions)])
    refused = {
        action
        for action, answer in zip(actions, given, strict=True)
        if f"{source} has no business logging {action.value}." in answer
    }
    assert refused == set(Action) - SAYS[source]
    told = [fact for fact in service.facts() if fact["source"] == source]
    for action, fact in zip(actions, told, strict=True):
        if action in refused:
            assert (fact["action"], fact["detail"]["attempted"]) == ("access.denied", action.value)


def test_another_event_under_a_number_that_is_taken_has_no_receipt(service: AuditProcess) -> None:
    first, again, other = (
        answers(service.settings, "hub", [line(0, "login", actor=actor)], instance="twin")
        for actor in ("rosa", "rosa", "ravi")
    )
    assert first == again
    assert "Another event was logged under this number." in other[0]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_is_not_json_never_enters_the_log(service: AuditProcess, number: str) -> None:
    said = line(0, "login", detail={"n": 0}).replace(b'"n": 0', b'"n": %s' % number.encode())
    assert "could not read" in answers(service.settings, "hub", [said], instance=number)[0]
    assert not any(fact["instance"] == number for fact in service.facts())


def test_questions_for_proofs_are_answered_one_at_a_time_and_in_order(
    service: AuditProcess,
) -> None:
    asked = [json.dumps({"prove": n, "leaf": "00" * 32}).encode() + b"\n" for n in range(300)]
    given = [json.loads(each) for each in answers(service.settings, "hub", asked, instance="asks")]
    assert [each["index"] for each in given] == list(range(300))
