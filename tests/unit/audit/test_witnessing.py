"""The other party's commands, as they are typed: key, serve, show; and the operator's export."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from audit.keys import COSIGNATURE, ML_DSA_44, Signer, Verifier
from audit.note import Checkpoint
from audit.witness_store import Refusal, Seen, Store
from audit.witnessing import export_log, witness
from enclave.settings import Settings
from tests.support.audit_bulk import write_log
from tests.support.ml_dsa import needs_ml_dsa


def test_a_key_is_made_once_for_its_owner_alone_and_shown_again(tmp_path: Path) -> None:
    file = tmp_path / "witness.key"
    run = CliRunner()
    made = run.invoke(witness, ["key", str(file), "--name", "office.example/w"])
    assert made.exit_code == 0
    verifier = Verifier.parse(made.output)
    assert (verifier.name, verifier.kind) == ("office.example/w", COSIGNATURE)
    assert file.stat().st_mode & 0o777 == 0o600
    assert run.invoke(witness, ["key", str(file), "--name", "other"]).output == made.output
    assert run.invoke(witness, ["key", str(tmp_path / "3"), "--name", "a b"]).exit_code == 1


@needs_ml_dsa
def test_a_witness_s_key_may_be_of_ml_dsa_44(tmp_path: Path) -> None:
    asked = ["key", str(tmp_path / "2"), "--name", "w", "--ml-dsa"]
    assert Verifier.parse(CliRunner().invoke(witness, asked).output).kind == ML_DSA_44


def test_where_ml_dsa_44_is_missing_no_key_file_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.mldsa", None)
    asked = ["key", str(tmp_path / "2"), "--name", "w", "--ml-dsa"]
    found = CliRunner().invoke(witness, asked)
    assert found.exit_code == 1
    assert "cannot sign with" in found.output
    assert not (tmp_path / "2").exists()


def test_show_says_what_was_seen_and_fails_when_anything_was_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "w.db", first_time=True)
    log = Signer.generate("log.example")
    note = log.sign(Checkpoint("log.example", 7, bytes(32)).text())
    store.advance(Seen("log.example", 7, bytes(32), note, 1_700_000_000), old_size=0)
    run = CliRunner()
    shown = run.invoke(witness, ["show", "--store", str(tmp_path / "w.db"), "--checkpoints"])
    assert shown.exit_code == 0
    assert "log.example: 7 entries, cosigned 2023-11-14 22:13:20 UTC" in shown.output
    assert note in shown.output
    store.refuse(Refusal(1_700_000_001, "log.example", 7, "another root for the same size", note))
    shown = run.invoke(witness, ["show", "--store", str(tmp_path / "w.db")])
    assert shown.exit_code == 1
    assert "REFUSED 2023-11-14" in shown.output


def test_serve_begins_once_ends_at_sigterm_and_does_not_begin_anew(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(Signer.generate("w", COSIGNATURE).export())
    log = Signer.generate("log.example")
    (tmp_path / "log.keys").write_text(log.verifier.export() + "\n")
    command = [
        *(sys.executable, "-m", "audit.cli", "witness", "serve", "--listen", "127.0.0.1:0"),
        *("--store", str(tmp_path / "w.db"), "--key", str(tmp_path / "key")),
        *("--log-key", str(tmp_path / "log.keys")),
    ]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "lost its memory" in refused.stderr
    running = subprocess.Popen([*command, "--first-time"], stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    with running.stderr as said:
        assert "cosigning as w" in said.readline()
        running.send_signal(signal.SIGTERM)
        assert running.wait(60) == 0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"--listen": "8470"}, "--listen is host:port"),  # would answer the whole network
        ({"--listen": "127.0.0.1:x"}, "--listen is host:port"),
        ({"--listen": "192.0.2.1:8470"}, "cannot listen on 192.0.2.1:8470"),
        ({"--store": "/nowhere/w.db"}, "memory /nowhere/w.db"),
    ],
)
def test_a_witness_that_cannot_begin_says_why_and_speaks_of_no_log(
    tmp_path: Path, changed: dict[str, str], said: str
) -> None:
    (tmp_path / "key").write_text(Signer.generate("w", COSIGNATURE).export())
    (tmp_path / "log.keys").write_text(Signer.generate("log.example").verifier.export() + "\n")
    given = {
        "--store": str(tmp_path / "w.db"),
        "--key": str(tmp_path / "key"),
        "--log-key": str(tmp_path / "log.keys"),
        "--listen": "127.0.0.1:0",
    } | changed
    words = [word for pair in given.items() for word in pair]
    done = CliRunner().invoke(witness, ["serve", "--first-time", *words])
    assert done.exit_code == 1
    assert said in done.output


def test_a_logs_key_is_not_taken_for_a_witnesss(tmp_path: Path) -> None:
    log = Signer.generate("log.example")
    (tmp_path / "key").write_text(log.export())
    (tmp_path / "log.keys").write_text(log.verifier.export())
    options = ["--store", str(tmp_path / "s"), "--key", str(tmp_path / "key"), "--first-time"]
    done = CliRunner().invoke(witness, ["serve", *options, "--log-key", str(tmp_path / "log.keys")])
    assert done.exit_code == 1
    assert "not a witness's" in done.output


def test_export_writes_the_log_and_says_how_much(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_log(settings, 300)
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(export_log, [str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "entries;" in done.output
    assert {"checkpoint", "policy", "public.keys"} <= {p.name for p in (tmp_path / "out").iterdir()}
    again = CliRunner().invoke(export_log, [str(tmp_path / "out"), "--signed"])
    assert "; 0 files written" in again.output
