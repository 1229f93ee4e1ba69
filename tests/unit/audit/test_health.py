"""What the audit service says of itself: a real one scraped, and read by Prometheus's parser."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import sys
import time
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from audit import health
from audit.cosign import WitnessState
from audit.custody import AuditFiles
from audit.gauges import BUCKETS, Counting
from audit.health import Health, State
from enclave.errors import AuditRefused, Invalid
from enclave.events import Action, Event
from enclave.metrics import address
from enclave.settings import Settings
from tests.support.audit import AuditProcess
from tests.support.audit_story import tell
from tests.support.ports import free_port


@pytest.fixture
def watched(settings: Settings) -> Iterator[AuditProcess]:
    """A running service that answers about itself."""
    where = {"audit_metrics_address": f"127.0.0.1:{free_port()}"}
    service = AuditProcess(settings.model_copy(update=where))
    service.start()
    yield service
    service.stop()


def ask(settings: Settings, path: str, method: str = "GET") -> tuple[int, str, dict[str, str]]:
    assert settings.audit_metrics_address is not None
    connection = http.client.HTTPConnection(settings.audit_metrics_address, timeout=60)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), dict(answer.getheaders())
    finally:
        connection.close()


def samples(text: str) -> dict[str, float]:
    return {
        sample.name + (sample.labels.get("le") or sample.labels.get("witness") or ""): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_scrape_counts_what_was_appended_refused_and_signed(watched: AuditProcess) -> None:
    before = samples(ask(watched.settings, "/metrics")[1])
    with watched.client("gateway") as client:
        for number in range(10):
            client.append(Event(Action.CATALOGUE_READ, f"person-{number}"))
        with pytest.raises(AuditRefused):
            client.append(Event(Action.QUERY_OUTCOME, "rosa", intent="never-begun"))
    status, text, headers = ask(watched.settings, "/metrics")
    now = samples(text)
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert now["enclave_audit_events_total"] - before["enclave_audit_events_total"] == 11
    assert now["enclave_audit_refused_total"] == 1
    assert now["enclave_audit_entries"] == len(watched.events()) == 12
    assert now["enclave_audit_append_seconds_count"] == 11
    assert now["enclave_audit_append_seconds_bucket+Inf"] == 11
    buckets = [now[f"enclave_audit_append_seconds_bucket{limit}"] for limit in BUCKETS]
    assert buckets == sorted(buckets)
    assert now["enclave_audit_append_seconds_sum"] > 0
    assert now["enclave_audit_queue_depth"] == 0
    assert 0 < now["enclave_audit_signed_size"] <= 12
    assert now["enclave_audit_signed_timestamp_seconds"] > 1_700_000_000
    assert now["enclave_audit_disk_free_bytes"] > 0
    assert now["enclave_audit_healthy"] == 1
    assert "person-" not in text
    assert "rosa" not in text
    assert watched.files.signing_key.read_text().split("+", 4)[-1].strip() not in text


def test_health_is_a_sentence_and_nothing_else_is_served(watched: AuditProcess) -> None:
    assert ask(watched.settings, "/healthz")[:2] == (200, "The audit log is written and signed.\n")
    assert ask(watched.settings, "/healthz?probe=1")[0] == 200
    assert ask(watched.settings, "/healthz", "HEAD")[:2] == (200, "")
    assert ask(watched.settings, "/")[0] == 404
    assert ask(watched.settings, "/metrics", "POST")[0] == 405


@pytest.mark.parametrize(
    "said", [b"\n\n", b"GET\n\n", b"G" * 100_000 + b"\n\n", b"\xff \xfe \xfd\n\n"]
)
def test_what_is_no_request_ends_only_its_own_connection(
    watched: AuditProcess, said: bytes
) -> None:
    assert watched.settings.audit_metrics_address is not None
    host, port = address(watched.settings.audit_metrics_address, "audit_metrics_address")
    with socket.create_connection((host, port), timeout=60) as caller:
        try:
            caller.sendall(said)
            heard = caller.recv(100)
        except OSError:
            heard = b""
        assert heard == b"" or heard.split()[1] in (b"400", b"405")
    assert ask(watched.settings, "/healthz")[0] == 200


def test_a_refused_log_says_why_and_the_service_then_ends(settings: Settings) -> None:
    tell(settings, days=2)
    files = AuditFiles.of(settings)
    files.checkpoint.unlink()
    where = {"audit_metrics_address": f"127.0.0.1:{free_port()}"}
    service = AuditProcess(settings.model_copy(update=where))
    service.spawn([sys.executable, "-m", "audit.cli", "serve"], service.settings.environment())
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                status, text, _ = ask(service.settings, "/healthz")
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        assert status == 503
        assert "checkpoint file beside the audit log is missing" in text
        assert samples(ask(service.settings, "/metrics")[1]) == {"enclave_audit_healthy": 0}
        assert not service.answers()
    finally:
        service.kill()


class Fake:
    """Counters moved by hand, and what the endpoint makes of them."""

    def __init__(self, settings: Settings):
        settings.audit_dir.mkdir(parents=True)
        self.counting, self.entries = Counting(signed_size=0, signed_at=1.0), 0
        self.health = Health(
            settings, lambda: self.counting.snapshot(entries=self.entries, queue=0)
        )
        self.at = time.monotonic()

    def look(self, later: float = 0.0) -> State:
        self.at += later
        self.health._watching.look(self.health._gauges(), self.at - later)
        return self.health.state()


@pytest.fixture
def fake(settings: Settings) -> Fake:
    return Fake(settings)


def test_entries_that_wait_for_a_signature_make_it_ill_and_a_signature_well(fake: Fake) -> None:
    fake.entries = 5
    fake.at -= health.OVERDUE_SECONDS + 5
    fake.look()
    assert not fake.health.state().well
    assert "overdue" in fake.health.state().sentence
    fake.counting.signed(5)
    assert fake.look().well
    fake.entries = 9  # a busy log has always some that wait, but never the same
    fake.at -= health.OVERDUE_SECONDS + 5
    fake.look()
    fake.counting.signed(8)
    fake.at = time.monotonic()
    assert fake.look().well


def test_a_store_that_fails_makes_it_ill_until_something_is_stored(fake: Fake) -> None:
    assert fake.look().well
    fake.counting.store_errors += 1
    assert fake.look() == State(False, "The audit log cannot be written, so nothing is answered.")
    assert not fake.look().well
    assert fake.health.answer("/healthz")[0] == 503
    fake.counting.batch([0.0], 0.1, refused=0)
    assert fake.look().well


def test_a_full_disk_makes_it_ill(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(health.LEAST_ROOM - 1))
    assert fake.look() == State(False, "The disk of the audit log is full: 63 MiB are left.")
    assert samples(fake.health.answer("/metrics")[1])["enclave_audit_healthy"] == 0


def test_witnesses_and_their_failures_are_shown_under_their_names(
    settings: Settings, fake: Fake
) -> None:
    tell(settings, days=2)
    files = AuditFiles.of(settings)
    shutil.copy(files.checkpoint, files.cosigned)
    name = 'a "witness"\\of\nours'
    states = [asdict(WitnessState(name, failures=3))]
    (files.directory / "witnesses.json").write_text(json.dumps(states))
    told: dict[str, Any] = samples(fake.health.answer("/metrics")[1])
    assert told[f"enclave_audit_witness_failures{name}"] == 3
    assert told["enclave_audit_cosigned_size"] > 10
    assert told["enclave_audit_cosigned_timestamp_seconds"] > 1_700_000_000


@pytest.mark.parametrize("name", ["witnesses.json", "checkpoint.cosigned"])
def test_a_file_of_the_witnesses_that_is_none_silences_nothing_else(
    settings: Settings, fake: Fake, name: str
) -> None:
    tell(settings, days=2)
    (AuditFiles.of(settings).directory / name).write_bytes(b"\xff\x00 no note")
    assert samples(fake.health.answer("/metrics")[1])["enclave_audit_healthy"] == 1


@pytest.mark.parametrize(
    "said", ["", "9464", ":9464", "localhost:", "localhost:x", "h:0", "h:70000"]
)
def test_an_address_that_is_none_is_refused(said: str) -> None:
    with pytest.raises(Invalid):
        address(said, "audit_metrics_address")
    assert address("[::1]:9464", "audit_metrics_address") == ("::1", 9464)
