"""`enclave doctor` names what is wrong and what to do; it never says all is well when it is not."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from click.testing import CliRunner, Result

from enclave import doctor as doctor_room
from enclave.demo.services import Service
from enclave.doctor import (
    doctor,
    look_at_disk,
    look_at_ends,
    look_at_isolation,
    look_at_keys,
    look_at_services,
    look_at_store,
)
from enclave.errors import Unavailable
from enclave.model import ProjectState
from enclave.settings import Settings
from enclave.store import ControlStore, move, provision
from enclave.vault import keys
from tests.support.gateway import make_policy


def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Result:
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    return CliRunner().invoke(doctor, env={"COLUMNS": "160"})


def test_a_silent_enclave_is_an_error_with_a_next_step(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    settings.state_dir.mkdir(parents=True)
    result = run(settings, monkeypatch)
    assert result.exit_code == 1
    assert "silent" in result.output
    assert "make demo" in result.output


def test_a_narrow_terminal_cuts_no_word_of_the_advice(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    word = "/var/lib/enclave/audit/a-name-longer-than-its-column"
    found = doctor_room.Finding("audit", "silent", word)
    monkeypatch.setattr(doctor_room, "LOOKS", (lambda _: iter([found]),))
    output = CliRunner().invoke(doctor, env={**settings.environment(), "COLUMNS": "60"}).output
    cells = [line.split("│")[3].strip() for line in output.splitlines() if line.startswith("│")]
    assert "".join(cells) == word


def test_the_first_run_says_where_to_begin(settings: Settings):
    (finding,) = look_at_disk(settings)
    assert finding.seen == "no state yet"
    assert "make demo" in finding.advice


def test_a_key_that_others_can_read_is_named(settings: Settings):
    place = settings.state_dir / "keys"
    place.mkdir(parents=True)
    key = place / "credential-pay.key"
    key.write_bytes(b"sealed")
    key.chmod(0o644)
    (finding,) = look_at_keys(settings)
    assert "credential-pay.key" in finding.seen
    assert finding.advice
    key.chmod(0o600)
    (finding,) = look_at_keys(settings)
    assert not finding.advice


def test_a_project_whose_key_is_gone_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    row = SimpleNamespace(id="pay", state=ProjectState.ACTIVE)
    monkeypatch.setattr(
        doctor_room, "ControlStore", lambda *_, **__: SimpleNamespace(projects=lambda: [row])
    )
    keys.create(settings, "pay")
    assert not any(finding.advice for finding in look_at_store(settings))
    (settings.state_dir / "keys" / "root.key").unlink()
    _, finding = look_at_store(settings)
    assert finding.seen == "The root key is gone."
    assert "sealed copy" in finding.advice
    monkeypatch.setattr(keys, "load", Mock(side_effect=PermissionError))
    assert not any(finding.advice for finding in look_at_store(settings))  # no traceback either


@pytest.mark.parametrize(
    ("days", "said"), [(-1, "were to be destroyed"), (30, "are to be destroyed"), (31, "")]
)
def test_a_project_whose_data_must_be_gone_is_named(settings: Settings, days: int, said: str):
    """R15: until it is closed, and some time before."""
    store = ControlStore(settings.database_url)
    policy = make_policy(destroy_by=date.today() + timedelta(days=days))
    with store.engine.begin() as connection:
        provision(connection, policy)
    found = [finding.seen for finding in look_at_ends(settings)]
    assert len(found) == bool(said)
    assert all(said in seen and policy.project in seen for seen in found)
    with store.engine.begin() as connection:
        move(connection, policy.project, ProjectState.CLOSED, epoch=None)
    assert not list(look_at_ends(settings))


def test_one_silent_service_is_named_with_its_last_words(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    two = (Service("proxy", (), lambda _: True), Service("hub", (), lambda _: False))
    monkeypatch.setattr(doctor_room, "SERVICES", two)
    log = settings.state_dir / "logs" / "hub.log"
    log.parent.mkdir(parents=True)
    log.write_text("begun\nThe store is away. [service.unavailable] Try again.\n\n")
    output = run(settings, monkeypatch).output
    assert "proxy" in output
    assert "[service.unavailable]" in output
    assert "hub.log" in output


def test_a_gateway_that_cannot_serve_a_project_is_not_called_silent(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    two = (Service("proxy", (), lambda _: True), Service("gateway", (), lambda _: False))
    monkeypatch.setattr(doctor_room, "SERVICES", two)
    said = "The gateway service could not follow: Spark is not installed."
    monkeypatch.setattr(doctor_room, "poke", Mock(side_effect=Unavailable(said)))
    _, finding = look_at_services(settings)
    assert finding.seen == "answers with a refusal"
    assert finding.advice == said
    monkeypatch.setattr(doctor_room, "poke", Mock(side_effect=ConnectionError("gateway")))
    _, finding = look_at_services(settings)
    assert finding.seen == "silent"


def test_where_nothing_answers_there_is_one_thing_to_do(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(doctor_room, "SERVICES", (Service("hub", (), lambda _: False),))
    (finding,) = look_at_services(settings)
    assert finding.seen == "all silent"


def test_an_engine_that_does_not_answer_is_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(doctor_room.engine, "available", lambda: ("Docker", "bubblewrap"))
    monkeypatch.setattr(doctor_room, "answers_on", lambda _: False)
    (finding,) = look_at_isolation(settings)
    assert "make demo" in finding.advice
    (finding,) = look_at_isolation(settings.model_copy(update={"isolation": "bubblewrap"}))
    assert not finding.advice
