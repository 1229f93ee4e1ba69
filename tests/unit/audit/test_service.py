"""The service from its socket: receipts, retries, intents, restarts."""

from __future__ import annotations

import json
import socket
import stat
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import Any

import pytest

from audit.custody import kept_checkpoint
from audit.gauges import BUCKETS, Counting
from audit.log import open_reader
from audit.note import Verifier
from audit.senders import SAYS
from audit.service import Service
from enclave.audit_client import SOURCES, AuditClient, socket_path
from enclave.errors import AuditRefused, AuditUnavailable, Invalid
from enclave.events import Action, Event, Verdict
from enclave.settings import Settings
from tests.support.audit import AuditProcess

INTENT = Event(
    Action.QUERY_INTENT, "rosa", project="p", agencies=("dol",), datasets=("wages",), intent="q1"
)
OUTCOME = Event(Action.QUERY_OUTCOME, "rosa", project="p", intent="q1", detail={"rows": 3})


ENDS = ("query.outcome", "service.interrupted")


def until(true: Callable[[], bool]) -> None:
    """Wait for something another process will do."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


@pytest.fixture
def audit(audit_service: AuditProcess) -> Iterator[AuditClient]:
    """A client that speaks as `gateway`."""
    with audit_service.client("gateway") as client:
        yield client


class Raw:
    """A sender that speaks the protocol by hand, as badly as it likes."""

    def __init__(self, settings: Settings, source: str = "gateway"):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(str(socket_path(settings, source)))
        self.answers = self.socket.makefile("rb")

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self.answers.close()
        self.socket.close()

    def say(self, message: object) -> None:
        text = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.socket.sendall(text + b"\n")

    def hear(self) -> dict[str, Any]:
        line = self.answers.readline()
        return json.loads(line) if line else {}

    def event(self, seq: int, **changes: Any) -> dict[str, Any]:
        body = {
            "action": "catalogue.read",
            "actor": "raw",
            "verdict": "allowed",
            "project": None,
            "agencies": [],
            "datasets": [],
            "columns": [],
            "clause": None,
            "intent": None,
            "session": None,
            "detail": {},
        }
        return {"seq": seq, "event": {**body, **changes}}


def test_an_appended_event_has_a_receipt_and_is_stored(
    audit_service: AuditProcess, audit: AuditClient
) -> None:
    receipt = audit.append(Event(Action.CATALOGUE_READ, "rosa"))
    stored = audit_service.facts()[receipt.index]
    assert (stored["action"], stored["actor"], stored["source"]) == (
        "catalogue.read",
        "rosa",
        "gateway",
    )


def test_the_socket_says_who_speaks_whatever_the_event_claims(audit_service: AuditProcess) -> None:
    for source in SOURCES:
        with audit_service.client(source) as client:
            action = min(SAYS[source])
            client.append(Event(action, "rosa", detail={"source": "gateway"}))
    said = [fact for fact in audit_service.facts() if fact["actor"] == "rosa"]
    assert [fact["source"] for fact in said] == list(SOURCES)


def test_each_source_has_a_directory_closed_to_strangers(audit_service: AuditProcess) -> None:
    for source in SOURCES:
        directory = socket_path(audit_service.settings, source).parent
        assert not stat.S_IMODE(directory.stat().st_mode) & stat.S_IRWXO
    assert stat.S_IMODE(audit_service.files.signing_key.stat().st_mode) == 0o600


def test_many_threads_append_at_once_and_none_waits_in_vain(
    audit_service: AuditProcess, audit: AuditClient
) -> None:
    with ThreadPoolExecutor(16) as pool:
        events = [Event(Action.CATALOGUE_READ, f"p{n}") for n in range(400)]
        receipts = list(pool.map(audit.append, events))
    stored = audit_service.facts()
    assert [stored[receipt.index]["actor"] for receipt in receipts] == [e.actor for e in events]
    assert len({receipt.index for receipt in receipts}) == 400


def test_a_retry_is_answered_with_the_first_receipt(audit_service: AuditProcess) -> None:
    receipts = []
    for _ in range(2):
        with Raw(audit_service.settings) as raw:
            raw.say({"hello": "same"})
            raw.hear()
            raw.say(raw.event(0))
            receipts.append(raw.hear())
    assert receipts[0] == receipts[1]
    assert sum(fact["actor"] == "raw" for fact in audit_service.facts()) == 1


def test_a_gap_in_the_numbers_is_refused_and_nothing_stored(audit_service: AuditProcess) -> None:
    with Raw(audit_service.settings) as raw:
        raw.say({"hello": "gap"})
        raw.hear()
        raw.say(raw.event(1))
        assert "missing" in raw.hear()["error"]
        assert raw.hear() == {}
    assert not [fact for fact in audit_service.facts() if fact["actor"] == "raw"]


def test_one_senders_gap_does_not_stop_another(
    audit_service: AuditProcess, audit: AuditClient
) -> None:
    with Raw(audit_service.settings) as raw, ThreadPoolExecutor(8) as pool:
        raw.say({"hello": "gap"})
        raw.hear()
        waiting = [
            pool.submit(audit.append, Event(Action.CATALOGUE_READ, "rosa")) for _ in range(40)
        ]
        raw.say(raw.event(7))
        assert len({future.result().index for future in waiting}) == 40


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b"{}",
        b'{"seq": 0, "event": {"action": "login"}}',
        b'{"seq": "0", "event": null}',
        b'{"seq": 0, "surprise": 1}',
        b'{"seq": 0, "bye": true}',
        b'{"prove": -1}',
        b'{"bye": false}',
    ],
)
def test_what_breaks_the_protocol_ends_the_connection_and_only_it(
    audit_service: AuditProcess, audit: AuditClient, line: bytes
) -> None:
    with Raw(audit_service.settings) as raw:
        raw.say({"hello": "odd"})
        raw.hear()
        raw.say(line)
        assert "could not read" in raw.hear()["error"]
        assert raw.hear() == {}
    audit.append(Event(Action.CATALOGUE_READ, "rosa"))


@pytest.mark.parametrize(
    "changes",
    [
        {"action": "unheard.of"},
        {"verdict": "maybe"},
        {"source": "gateway"},
        {"detail": {"a": []}},
        {"intent": "q\0"},
        {"intent": "q" * 201},
    ],
)
def test_an_event_that_is_not_in_the_vocabulary_is_refused(
    audit_service: AuditProcess, changes: dict[str, Any]
) -> None:
    with Raw(audit_service.settings) as raw:
        raw.say({"hello": "odd"})
        raw.hear()
        raw.say(raw.event(0, **changes))
        assert "could not read" in raw.hear()["error"]


@pytest.mark.parametrize("seq", [-1, 1 << 62, 1 << 80])
def test_a_number_that_no_sender_counts_to_ends_only_its_connection(
    audit_service: AuditProcess, audit: AuditClient, seq: int
) -> None:
    with Raw(audit_service.settings) as raw:
        raw.say({"hello": "odd"})
        raw.hear()
        raw.say(raw.event(seq))
        assert "could not read" in raw.hear()["error"]
    audit.append(Event(Action.CATALOGUE_READ, "rosa"))


def test_a_line_without_an_end_is_not_read_for_ever(
    audit_service: AuditProcess, audit: AuditClient
) -> None:
    with Raw(audit_service.settings) as raw, suppress(OSError):
        raw.say({"hello": "long"})
        raw.hear()
        for _ in range(40):
            raw.socket.sendall(b"x" * 10_000)
        assert "could not read" in raw.hear()["error"]
    audit.append(Event(Action.CATALOGUE_READ, "rosa"))


def test_what_is_sent_in_pieces_is_read_whole_and_answered_in_order(
    audit_service: AuditProcess,
) -> None:
    with Raw(audit_service.settings) as raw:
        lines = [{"hello": "slow"}, *(raw.event(seq) for seq in range(30))]
        text = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        for begin in range(0, len(text), 701):
            raw.socket.sendall(text[begin : begin + 701])
        assert raw.hear() == {"welcome": "gateway"}
        assert [raw.hear()["seq"] for _ in range(30)] == list(range(30))


def test_what_was_sent_before_a_goodbye_still_has_its_receipts(audit_service: AuditProcess) -> None:
    with Raw(audit_service.settings) as raw:
        lines = [{"hello": "brief"}, *(raw.event(seq) for seq in range(3)), {"bye": True}]
        for line in lines:
            raw.say(line)
        raw.socket.shutdown(socket.SHUT_WR)
        raw.hear()
        assert [raw.hear().get("seq") for _ in range(4)] == [0, 1, 2, None]


def test_a_sender_that_sends_more_than_the_queue_holds_is_answered_all_the_same(
    audit_service: AuditProcess,
) -> None:
    count = 6000  # of a queue of 4096
    with Raw(audit_service.settings) as raw, ThreadPoolExecutor(1) as pool:
        raw.say({"hello": "much"})
        raw.hear()
        text = b"".join(json.dumps(raw.event(seq)).encode() + b"\n" for seq in range(count))
        sending = pool.submit(raw.socket.sendall, text)
        assert [raw.hear()["seq"] for _ in range(count)] == list(range(count))
        sending.result()


def test_the_service_counts_what_it_does(settings: Settings) -> None:
    counting = Counting()
    counting.batch([1.0, 1.03, 0.0], 1.035, refused=1)
    counting.signed(7)
    found = counting.snapshot(entries=7, queue=2)
    assert (found.events, found.refused, found.batches, found.largest_batch) == (3, 1, 1, 3)
    assert (found.signed_size, found.queue, sum(found.latencies)) == (7, 2, 3)
    assert found.latencies[BUCKETS.index(0.005)] == 1
    assert found.latencies[BUCKETS.index(0.04)] == 1
    assert found.latencies[BUCKETS.index(5.0)] == 1
    assert Service(settings).gauges().entries == 0


def test_an_event_too_large_is_refused_before_it_is_numbered(audit: AuditClient) -> None:
    with pytest.raises(Invalid):
        audit.append(Event(Action.CATALOGUE_READ, "rosa", detail={"text": "x" * 300_000}))
    audit.append(Event(Action.CATALOGUE_READ, "rosa"))


def test_without_a_service_the_caller_gets_an_exception_and_no_receipt(settings: Settings) -> None:
    with AuditClient(settings, "gateway", timeout=0.3) as client, pytest.raises(AuditUnavailable):
        client.append(Event(Action.CATALOGUE_READ, "rosa"))


def test_a_client_that_gave_up_goes_on_once_the_service_is_there(settings: Settings) -> None:
    with AuditClient(settings, "gateway", timeout=0.3) as impatient:
        with pytest.raises(AuditUnavailable):
            impatient.append(Event(Action.CATALOGUE_READ, "first"))
        service = AuditProcess(settings).start()
        until(lambda: _appends(impatient))
        service.stop()
    actors = [fact["actor"] for fact in service.facts() if fact["action"] == "catalogue.read"]
    assert "first" not in actors


def _appends(client: AuditClient) -> bool:
    try:
        client.append(Event(Action.CATALOGUE_READ, "second"))
    except AuditUnavailable:
        return False
    return True


def test_a_closed_client_appends_nothing(audit_service: AuditProcess) -> None:
    client = audit_service.client("gateway")
    client.append(Event(Action.CATALOGUE_READ, "rosa"))
    client.close()
    with pytest.raises(AuditUnavailable):
        client.append(Event(Action.CATALOGUE_READ, "rosa"))


def test_an_outcome_without_an_intent_is_refused_and_the_attempt_is_logged(
    audit_service: AuditProcess, audit: AuditClient
) -> None:
    with pytest.raises(AuditRefused, match="No intent"):
        audit.append(OUTCOME)
    attempt = audit_service.facts()[-1]
    assert (attempt["action"], attempt["detail"]["attempted"]) == ("access.denied", "query.outcome")
    assert attempt["detail"].get("rows") is None


def test_an_intent_ends_once(audit: AuditClient) -> None:
    audit.append(INTENT)
    audit.append(OUTCOME)
    for again in (OUTCOME, INTENT, Event(Action.QUERY_DENIED, "rosa", intent="q1")):
        with pytest.raises(AuditRefused):
            audit.append(again)


def test_a_denied_query_can_have_no_outcome_afterwards(audit: AuditClient) -> None:
    audit.append(Event(Action.QUERY_DENIED, "rosa", Verdict.DENIED, intent="q1"))
    with pytest.raises(AuditRefused):
        audit.append(OUTCOME)


def test_an_intent_or_outcome_without_an_id_is_refused(audit: AuditClient) -> None:
    for action in (Action.QUERY_INTENT, Action.QUERY_OUTCOME):
        with pytest.raises(AuditRefused):
            audit.append(Event(action, "rosa"))


def test_a_retried_refusal_is_refused_again(audit_service: AuditProcess) -> None:
    answers = []
    for _ in range(2):
        with Raw(audit_service.settings) as raw:
            raw.say({"hello": "same"})
            raw.hear()
            raw.say(raw.event(0, action="query.outcome", intent="unknown"))
            answers.append(raw.hear())
    assert answers[0] == answers[1]
    assert "refused" in answers[0]


def test_an_intent_whose_sender_has_left_is_closed_as_interrupted(
    audit_service: AuditProcess,
) -> None:
    with audit_service.client("gateway") as client:
        client.append(INTENT)
    until(lambda: audit_service.facts()[-1]["action"] == "service.interrupted")
    end = audit_service.facts()[-1]
    assert (end["intent"], end["project"], end["agencies"]) == ("q1", "p", ["dol"])
    assert (end["source"], end["actor"], end["verdict"]) == ("audit", "rosa", "failed")


def test_an_intent_of_a_killed_sender_is_closed_after_the_grace_period(
    audit_service: AuditProcess,
) -> None:
    with Raw(audit_service.settings, "gateway") as raw:
        raw.say({"hello": "dies"})
        raw.hear()
        raw.say(raw.event(0, action="query.intent", intent="q9"))
        raw.hear()
    assert audit_service.facts()[-1]["action"] == "query.intent"
    until(lambda: audit_service.facts()[-1]["action"] == "service.interrupted")


def test_a_sender_that_comes_back_within_the_grace_period_ends_its_own_intent(
    audit_service: AuditProcess,
) -> None:
    with audit_service.client("gateway") as client, Raw(audit_service.settings) as gone:
        client.append(INTENT)
        gone.say({"hello": "gone"})
        gone.hear()
        gone.say(gone.event(0, action="query.intent", intent="q9"))
        gone.hear()
        audit_service.kill()
        audit_service.start()
        # both are judged at the same moment, so once the other is closed ours has been spared
        until(lambda: "service.interrupted" in [fact["action"] for fact in audit_service.facts()])
        client.append(OUTCOME)
    ends = [fact["intent"] for fact in audit_service.facts() if fact["action"] in ENDS]
    assert ends == ["q9", "q1"]


def test_a_dangling_intent_is_closed_after_a_restart(audit_service: AuditProcess) -> None:
    raw = Raw(audit_service.settings, "gateway")
    with raw:
        raw.say({"hello": "dies"})
        raw.hear()
        raw.say(raw.event(0, action="query.intent", intent="q9"))
        raw.hear()
        audit_service.kill()
    audit_service.start()
    until(lambda: audit_service.facts()[-1]["action"] == "service.interrupted")


def test_a_restart_in_the_middle_is_not_noticed_by_callers(audit_service: AuditProcess) -> None:
    with audit_service.client("gateway") as client, ThreadPoolExecutor(4) as pool:
        waiting = [
            pool.submit(client.append, Event(Action.CATALOGUE_READ, f"p{n}")) for n in range(100)
        ]
        audit_service.kill()
        audit_service.start()
        receipts = {future.result().index for future in waiting}
    assert len(receipts) == 100


def test_sigterm_ends_it_cleanly_with_everything_signed(audit_service: AuditProcess) -> None:
    with audit_service.client("gateway") as client:
        client.append(Event(Action.CATALOGUE_READ, "rosa"))
    assert audit_service.stop() == 0
    verifier = Verifier.parse(audit_service.files.public_key.read_text())
    checkpoint = kept_checkpoint(audit_service.files, verifier)
    with closing(open_reader(audit_service.files.place)) as log:
        assert checkpoint.size == log.count()
        assert checkpoint.root == log.root(log.count())


def test_a_busy_log_is_signed_every_interval(
    audit_service: AuditProcess, audit: AuditClient
) -> None:
    receipt = audit.append(Event(Action.CATALOGUE_READ, "rosa"))
    verifier = Verifier.parse(audit_service.files.public_key.read_text())
    until(lambda: kept_checkpoint(audit_service.files, verifier).size > receipt.index)


def test_a_release_is_covered_by_a_checkpoint_before_its_receipt_is_given(
    settings: Settings,
) -> None:
    slow = settings.model_copy(update={"audit_checkpoint_seconds": 3600.0})
    service = AuditProcess(slow).start()
    with service.client("egress") as client:
        receipt = client.append(Event(Action.OUTPUT_RELEASED, "system"))
        verifier = Verifier.parse(service.files.public_key.read_text())
        covered = kept_checkpoint(service.files, verifier).size
    service.stop()
    assert covered == receipt.index + 1


def test_there_is_only_ever_one_writer(audit_service: AuditProcess) -> None:
    with pytest.raises(RuntimeError, match="ended with 1"):
        _second(audit_service)


def _second(first: AuditProcess) -> None:
    second = AuditProcess(first.settings)
    second.answers = lambda: False  # type: ignore[method-assign]
    second.start()


def test_something_that_looks_like_a_social_security_number_is_never_stored(
    audit_service: AuditProcess, audit: AuditClient
) -> None:
    audit.append(Event(Action.CATALOGUE_READ, "rosa", detail={"text": "where ssn = '123-45-6789'"}))
    assert not any(b"123-45-6789" in body for body in audit_service.bodies())
