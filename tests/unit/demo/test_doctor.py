"""`enclave doctor` names what is wrong and what to do; it never says all is well when it is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from enclave.doctor import doctor, look_at_disk, look_at_keys, look_at_services
from enclave.settings import Settings


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


def test_the_first_run_says_where_to_begin(settings: Settings):
    (finding,) = look_at_disk(settings)
    assert finding.seen == "no state yet"
    assert "make demo" in finding.advice


def test_a_key_that_others_can_read_is_named(settings: Settings):
    keys = settings.state_dir / "keys"
    keys.mkdir(parents=True)
    key = keys / "credential-pay.key"
    key.write_bytes(b"sealed")
    key.chmod(0o644)
    (finding,) = look_at_keys(settings)
    assert "credential-pay.key" in finding.seen
    assert finding.advice
    key.chmod(0o600)
    (finding,) = look_at_keys(settings)
    assert not finding.advice


def test_every_service_is_looked_at(settings: Settings, tmp_path: Path):
    found = {finding.part for finding in look_at_services(settings)}
    assert found == {
        "audit", "witness", "login", "audit-web", "gateway", "review", "proxy", "hub"
    }  # fmt: skip
