"""Signing keys: what signs, how one replaces another, and what a crash in between leaves."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from audit import rekeying
from audit.custody import (
    AuditFiles,
    LogRefused,
    kept_checkpoint,
    known_keys,
    open_log,
    write_durably,
)
from audit.keeper import keeping
from audit.log import open_reader
from audit.note import ED25519, ML_DSA_44, Checkpoint, NoteError, Signer, Verifier, read_note
from audit.publication import PolicyRefused, load_policy
from audit.rekeying import rotate_key
from audit.signers import Signers, generate
from audit.watch import Level, Watch
from enclave.events import Action
from enclave.settings import Settings
from tests.support.audit_story import tell
from tests.support.cut import cuts
from tests.support.ml_dsa import needs_ml_dsa

ORIGIN = "enclave.test/audit"
TEXT = Checkpoint(ORIGIN, 0, bytes(32)).text()


def test_a_file_that_does_not_fit_leaves_the_one_before_whole(tmp_path: Path) -> None:
    """The kernel takes what fits and says how much that was; it is no error until the next call."""
    path = tmp_path / "checkpoint"
    write_durably(path, "old")
    limit, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, most))
    try:
        with pytest.raises(OSError, match="too large"):
            write_durably(path, "n" * 300)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))
    assert path.read_text() == "old"


def test_a_note_is_written_in_utf8_whatever_the_service_s_locale_says(tmp_path: Path) -> None:
    """A signature's line begins with a dash that ASCII has not."""
    path = tmp_path / "checkpoint"
    text = f"from pathlib import Path; write_durably(Path({str(path)!r}), '\\u2014')"
    source = f"from audit.custody import write_durably; {text}"
    plain = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    subprocess.run([sys.executable, "-c", source], env=plain, check=True)
    assert path.read_bytes() == "\u2014".encode()


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def signed_by(note: str, *verifiers: Verifier) -> set[Verifier]:
    return {signed.verifier for signed in read_note(note, verifiers).signed}


def test_an_old_key_signs_beside_its_successor_until_its_time_ends() -> None:
    clock, old, new = Clock(), Signer.generate(ORIGIN), Signer.generate(ORIGIN)
    both = Signers(Signers.of(old)._held, clock=clock).replaced_by(Signers.of(new), 2000.0)
    assert signed_by(both.sign(TEXT), old.verifier, new.verifier) == {old.verifier, new.verifier}
    assert both.verifier == new.verifier
    clock.now = 2000.0
    assert both.expired
    assert signed_by(both.sign(TEXT), old.verifier, new.verifier) == {new.verifier}
    both.drop_expired()
    assert both.verifiers == (new.verifier,)
    assert not both.expired


def test_a_key_that_is_replaced_twice_keeps_its_first_end() -> None:
    first, second, third = (Signer.generate(ORIGIN) for _ in range(3))
    held = Signers.of(first).replaced_by(Signers.of(second), 10.0)
    text = held.replaced_by(Signers.of(third), 20.0).export()
    assert [line.partition(" ")[2] for line in text.splitlines()] == ["", "20", "10"]
    assert Signers.parse(text).export() == text


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "",
        lambda text: text.replace("\n", " soon\n"),
        lambda text: text.replace("\n", " 17\n"),  # the newest key has no end
        lambda text: text + Signer.generate("another").export() + "\n",
        lambda text: text[:-3],
    ],
)
def test_a_spoilt_key_file_is_refused(spoil: Callable[[str], str]) -> None:
    with pytest.raises((NoteError, IndexError)):
        Signers.parse(spoil(generate(ORIGIN).export()))


def test_keys_are_not_shown_in_tracebacks() -> None:
    made = generate(ORIGIN)
    assert "KEY" not in repr(made) + repr(made._held)


@needs_ml_dsa
def test_a_log_signs_with_ml_dsa_as_well_if_wanted(tmp_path: Path) -> None:
    files = AuditFiles(tmp_path)
    with closing(open_log(files, ORIGIN, ml_dsa=True)[0]):
        keys = known_keys(files)
    assert [key.kind for key in keys] == [ED25519, ML_DSA_44]
    assert signed_by(files.checkpoint.read_text(), *keys) == set(keys)
    for key in keys:  # either is enough for who holds only that
        assert kept_checkpoint(files, key).size == 0


@needs_ml_dsa
def test_turning_ml_dsa_on_adds_no_key_that_the_log_does_not_name(settings: Settings) -> None:
    tell(settings, days=2)
    files = AuditFiles.of(settings)
    with closing(open_log(files, settings.origin, ml_dsa=True)[0]):
        assert [key.kind for key in known_keys(files)] == [ED25519]
    wanted = settings.model_copy(update={"audit_ml_dsa": True})
    with keeping(wanted, actor="host:adam") as hand:
        done = rotate_key(hand)
        named = [entry.body or b"" for entry in hand.log.entries(done.index, done.index + 1)]
    assert [Verifier.parse(text).kind for text in done.keys] == [ED25519, ML_DSA_44]
    assert all(text.encode() in named[0] for text in done.keys)
    assert signed_by(files.checkpoint.read_text(), *known_keys(files)) == set(known_keys(files))


def test_where_ml_dsa_is_missing_the_log_says_so_and_nothing_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.mldsa", None)
    files = AuditFiles(tmp_path)
    with pytest.raises(LogRefused, match="ML-DSA-44, which cannot be computed here"):
        open_log(files, ORIGIN, ml_dsa=True)
    assert not files.signing_key.exists()
    with closing(open_log(files, ORIGIN)[0]):  # the setting turned off
        assert [key.kind for key in known_keys(files)] == [ED25519]


@needs_ml_dsa
def test_a_log_with_an_ml_dsa_key_is_refused_by_name_where_that_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = AuditFiles(tmp_path)
    open_log(files, ORIGIN, ml_dsa=True)[0].close()
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.mldsa", None)
    with pytest.raises(LogRefused, match="ML-DSA-44, which cannot be computed here"):
        open_log(files, ORIGIN)


@pytest.fixture
def told(settings: Settings) -> Settings:
    """An enclave with a few days in its log."""
    tell(settings, days=3)
    return settings


def rotate(settings: Settings, **given: float) -> rekeying.Rekeyed:
    with keeping(settings, actor="host:adam") as hand:
        return rotate_key(hand, **given)


def test_after_a_rotation_the_holder_of_either_key_can_verify(told: Settings) -> None:
    files = AuditFiles.of(told)
    old = Verifier.parse(files.public_key.read_text())
    watch = Watch(files)
    assert watch.look().level is Level.GREEN
    done = rotate(told)
    new = Verifier.parse(files.public_key.read_text())
    assert (new.export(),) == done.keys
    assert old != new
    assert kept_checkpoint(files, old) == kept_checkpoint(files, new)
    assert known_keys(files) == (old, new)
    assert watch.look().level is Level.GREEN  # it remembers a checkpoint of the old key alone


def test_a_policy_that_names_the_old_key_alone_is_amended_before_the_key_is_replaced(
    told: Settings,
) -> None:
    """Else the service could not start once the old key is gone: nothing would be answered."""
    files = AuditFiles.of(told)
    old = Verifier.parse(files.public_key.read_text())
    policy = told.audit_dir / "policy"
    policy.write_text(f"log {old.export()}\nquorum none\n")
    with pytest.raises(PolicyRefused) as refused:
        rotate(told, overlap_days=0)
    assert known_keys(files) == (old,)
    _, _, line = (refused.value.hint or "").partition("\n")
    policy.write_text(f"{line}\n{policy.read_text()}")
    assert line == f"log {rotate(told, overlap_days=0).keys[0]}"  # the key it was told of
    assert load_policy(told, (Verifier.parse(files.public_key.read_text()),)) is not None


def test_the_old_key_signs_the_event_that_names_the_new_one(told: Settings) -> None:
    files = AuditFiles.of(told)
    old = Verifier.parse(files.public_key.read_text())
    done = rotate(told)
    with closing(open_reader(files.place)) as log:
        entry = log.entry(done.index)
        rows = log._store.ask("SELECT note FROM checkpoint WHERE size = ?", (done.index + 1,))
    assert entry is not None
    assert entry.body is not None
    assert done.keys[0].encode() in entry.body
    assert Action.AUDIT_KEY_ROTATED.value.encode() in entry.body
    assert Checkpoint.open(rows[0][0], old).size == done.index + 1
    assert signed_by(rows[0][0], old, Verifier.parse(done.keys[0])) == {old}


def test_after_the_overlap_the_old_private_key_is_gone_from_the_disk(told: Settings) -> None:
    files = AuditFiles.of(told)
    old = files.signing_key.read_text().strip()
    before = os.open(files.signing_key, os.O_RDONLY)  # the very bytes on the disk
    rotate(told, overlap_days=0)
    assert old not in files.signing_key.read_text()
    assert set(os.pread(before, 10_000, 0)) == {0}
    os.close(before)
    assert not files.next_key.exists()
    for path in files.directory.rglob("*"):
        assert not path.is_file() or old.encode() not in path.read_bytes()
    keys = known_keys(files)
    assert signed_by(files.checkpoint.read_text(), *keys) == {keys[-1]}


def test_a_running_service_drops_a_key_when_its_time_ends(
    told: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = AuditFiles.of(told)
    old = files.signing_key.read_text().strip()
    rotate(told, overlap_days=30)
    assert old in files.signing_key.read_text()
    later = time.time() + 31 * 86_400
    monkeypatch.setattr(time, "time", lambda: later)
    with keeping(told, actor="host:adam") as hand:
        hand.sign()
    assert old not in files.signing_key.read_text()
    assert Watch(files).look().level is not Level.RED


@pytest.mark.parametrize(("end", "stride"), [("an error", 2), ("kill -9", 3)])
def test_a_rotation_that_is_cut_anywhere_leaves_a_log_that_opens_and_can_be_finished(
    settings: Settings, end: str, stride: int
) -> None:
    tell(settings, days=2)
    files = AuditFiles.of(settings)
    done = 0
    for _ in cuts(lambda: rotate(settings, overlap_days=1), end=end, stride=stride):
        with closing(open_log(files, settings.origin)[0]):  # usable as it is
            assert Watch(files).look().level is Level.GREEN
        rotate(settings, overlap_days=0)
        done += 1
        with closing(open_reader(files.place)) as log:
            events = [e.body for e in log.entries() if e.body and b"audit.key-rotated" in e.body]
        held = Signers.parse(files.signing_key.read_text())
        assert sum(held.verifier.export().encode() in event for event in events) == 1
        assert not files.next_key.exists()
        assert held.verifier in signed_by(files.checkpoint.read_text(), held.verifier)
    assert done > 5
