"""The operator as attacker: root, the signing key, all the time in the world.

What the log says of itself passes every time; a checkpoint that somebody else kept catches each
rewrite of what it covers: run through the real `verify.pyz`. What it does not cover stays exposed,
and that is tested too. (SATRE 2.5.03; R4)
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.custody import AuditFiles, LogRefused, open_log, sign_checkpoint
from audit.log import Sender
from audit.watch import Level, Watch
from enclave.settings import Settings
from tests.support.audit_story import tell
from tests.support.rewrites import (
    ATTACKS,
    Body,
    contents,
    denial,
    edit,
    fork,
    insert,
    remove,
    rewrite,
    swap,
    tamper,
    truncate,
    wrong,
)
from tests.support.verifier import verify_log


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An honest log's directories."""
    place = tmp_path_factory.mktemp("honest")
    tell(Settings(state_dir=place / "s", run_dir=place / "r"), days=6)
    return place


@pytest.fixture
def settings(honest: Path, tmp_path: Path) -> Settings:
    """Settings of a copy of it, for one test to spoil."""
    shutil.copytree(honest / "s", tmp_path / "s")
    return Settings(state_dir=tmp_path / "s", run_dir=tmp_path / "r")


@pytest.fixture
def kept(honest: Path) -> tuple[Path, Path]:
    """The checkpoint and the key that the auditor saved, where the operator cannot reach."""
    return honest / "s" / "audit" / "checkpoint", honest / "s" / "audit" / "public.key"


def test_the_honest_log_passes(settings: Settings, kept: tuple[Path, Path]) -> None:
    found = verify_log(settings.audit_dir, *kept)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "VERIFIED: " in found.stdout


@pytest.mark.parametrize("name", ATTACKS)
def test_a_rewrite_is_caught_by_a_checkpoint_kept_elsewhere_and_by_nothing_less(
    settings: Settings, kept: tuple[Path, Path], name: str
) -> None:
    attack, files = ATTACKS[name], AuditFiles(settings.audit_dir)
    attack.run(settings)
    found = verify_log(files.directory, *kept)
    assert found.returncode == 1, found.stdout + found.stderr
    assert [line for line in wrong(found.stdout) if attack.caught in line], found.stdout
    assert "NOT VERIFIED" in found.stdout
    own = verify_log(files.directory, files.checkpoint, files.public_key)
    assert (own.returncode == 0) is attack.careful, own.stdout


def _later(settings: Settings, bodies: list[Body]) -> list[Body]:
    """Let the log grow by what the kept checkpoint does not cover."""
    covered = contents(AuditFiles(settings.audit_dir))
    rewrite(settings, [*covered, *_told_later(bodies)])
    return covered


def _told_later(bodies: list[Body]) -> list[Body]:
    return [
        (
            body.replace(b'"instance":"', b'"instance":"later-'),
            Sender(sender.source, _of(body), sender.seq),
        )
        for body, sender in bodies
    ]


def _of(body: bytes) -> str:
    return "later-" + body.partition(b'"instance":"')[2].partition(b'"')[0].decode()


def test_exposed_entries_newer_than_the_kept_checkpoint_can_vanish(
    settings: Settings, kept: tuple[Path, Path]
) -> None:
    start = contents(AuditFiles(settings.audit_dir))[:2]
    covered = _later(settings, start)
    grown = verify_log(settings.audit_dir, *kept)
    assert "newer and exposed: 2" in grown.stdout
    rewrite(settings, covered)
    found = verify_log(settings.audit_dir, *kept)
    assert found.returncode == 0, found.stdout
    assert "newer and exposed: 0" in found.stdout


def test_exposed_an_event_that_was_never_written_is_missed_by_nobody(
    settings: Settings, tmp_path: Path
) -> None:
    files = AuditFiles(settings.audit_dir)
    bodies = contents(files)
    without = [*bodies[: denial(bodies)], *bodies[denial(bodies) + 1 :]]
    rewrite(settings, without)  # so it was from the first day on: nobody kept anything else
    shutil.copy(files.checkpoint, tmp_path / "kept")
    found = verify_log(files.directory, tmp_path / "kept", files.public_key)
    assert found.returncode == 0, found.stdout
    assert "That everything was written" in found.stdout


def test_exposed_all_keepers_together_with_the_operator_defeat_it(
    settings: Settings, tmp_path: Path
) -> None:
    files = AuditFiles(settings.audit_dir)
    rewrite(settings, edit(contents(files)))
    shutil.copy(files.checkpoint, tmp_path / "what-the-auditor-now-says-was-kept")
    given = (tmp_path / "what-the-auditor-now-says-was-kept", files.public_key)
    assert verify_log(files.directory, *given).returncode == 0


@pytest.fixture
def watched(settings: Settings) -> Iterator[AuditFiles]:
    """The log's files after the auditor's site has looked at them once."""
    files = AuditFiles(settings.audit_dir)
    assert Watch(files, late=float("inf")).look().level is Level.GREEN
    yield files


@pytest.mark.parametrize("attack", [edit, remove, swap, truncate, fork, insert])
def test_the_auditors_site_turns_red_after_a_rewrite_of_what_it_has_seen(
    settings: Settings, watched: AuditFiles, attack: object
) -> None:
    assert callable(attack)
    rewrite(settings, attack(contents(watched)))
    assert Watch(watched, late=float("inf")).look().level is Level.RED


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM entry WHERE idx = (SELECT max(idx) FROM entry)",
        "UPDATE tile SET hashes = zeroblob(length(hashes)) WHERE level = 0",
    ],
)
def test_the_auditors_site_turns_red_when_the_file_is_changed_below_the_same_checkpoint(
    watched: AuditFiles, statement: str
) -> None:
    """The checkpoint has been seen before: only the log itself tells."""
    tamper(watched, statement)
    assert Watch(watched, late=float("inf")).look().level is Level.RED


@pytest.mark.parametrize("attack", [edit, swap, insert])
def test_the_log_s_own_service_believes_a_rewrite_which_is_why_one_keeps_a_checkpoint(
    settings: Settings, attack: object
) -> None:
    assert callable(attack)
    files = AuditFiles(settings.audit_dir)
    rewrite(settings, attack(contents(files)))
    log, _ = open_log(files, settings.origin)
    log.close()


def test_a_service_refuses_to_start_on_a_shorter_log(
    settings: Settings,
) -> None:
    files = AuditFiles(settings.audit_dir)
    tamper(files, "DELETE FROM entry WHERE idx > (SELECT max(idx) - 3 FROM entry)")
    with pytest.raises(LogRefused, match="its last checkpoint covers"):
        open_log(files, settings.origin)


def test_a_service_refuses_to_start_on_a_forked_tree(
    settings: Settings,
) -> None:
    files = AuditFiles(settings.audit_dir)
    tamper(files, "UPDATE tile SET hashes = zeroblob(length(hashes)) WHERE level = 0 AND n = 0")
    with pytest.raises(LogRefused, match="past differs"):
        open_log(files, settings.origin)


def test_a_service_refuses_to_start_without_its_tiles(
    settings: Settings,
) -> None:
    files = AuditFiles(settings.audit_dir)
    tamper(files, "DELETE FROM tile WHERE level = 0")
    with pytest.raises(LogRefused, match="incomplete"):
        open_log(files, settings.origin)


@pytest.mark.parametrize("missing", ["checkpoint", "signing.key", "log.db"])
def test_a_service_refuses_to_start_when_a_file_of_its_is_gone(
    settings: Settings, missing: str
) -> None:
    files = AuditFiles(settings.audit_dir)
    for path in files.directory.glob(f"{missing}*"):
        path.unlink()
    with pytest.raises(LogRefused):
        open_log(files, settings.origin)


def test_a_service_refuses_a_database_that_is_none(
    settings: Settings,
) -> None:
    files = AuditFiles(settings.audit_dir)
    files.log.write_bytes(b"not a database at all" * 100)
    with pytest.raises(LogRefused, match="damaged"):
        open_log(files, settings.origin)


def test_a_service_refuses_a_key_under_another_origin(
    settings: Settings,
) -> None:
    with pytest.raises(LogRefused, match="another log"):
        open_log(AuditFiles(settings.audit_dir), "elsewhere")


def test_a_flipped_bit_in_the_wal_never_goes_unnoticed(tmp_path: Path) -> None:
    """SQLite drops every commit after the flipped frame without a word; the checkpoint does not."""
    settings = Settings(state_dir=tmp_path / "empty", run_dir=tmp_path / "r")
    files = AuditFiles(settings.audit_dir)
    log, signer = open_log(files, settings.origin)
    for number in range(40):
        with log.write() as batch:
            batch.add(b"%d" % number, Sender("hub", "i", number))
    sign_checkpoint(log, files, signer)
    wal = files.log.with_name("log.db-wal")
    crash = tmp_path / "crash"
    shutil.copytree(files.directory, crash)
    log.close()
    content = wal.read_bytes() if wal.exists() else (crash / "log.db-wal").read_bytes()
    noticed = 0
    for place in range(32, len(content), max(1, len(content) // 60)):
        flipped = bytearray(content)
        flipped[place] ^= 1
        copy = tmp_path / f"flip-{place}"
        shutil.copytree(crash, copy)
        (copy / "log.db-wal").write_bytes(flipped)
        try:
            opened, _ = open_log(AuditFiles(copy), settings.origin)
        except LogRefused:
            noticed += 1
        else:
            assert opened.size == 40, "a shorter log was opened"
            opened.close()
        shutil.rmtree(copy)
    assert noticed > 0
