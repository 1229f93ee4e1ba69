"""The operator as attacker: root, the signing key, all the time in the world.

What the log says of itself passes every time; a checkpoint that somebody else kept catches each
rewrite of what it covers. What it does not cover stays exposed, and that is tested too.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from audit.custody import AuditFiles, LogRefused, load_signer, open_log, sign_checkpoint
from audit.log import Log, LogReader, Sender
from audit.verify import Report, verify
from audit.watch import Level, Watch
from enclave.settings import Settings
from tests.support.audit_story import tell

Body = tuple[bytes, Sender]


def contents(files: AuditFiles) -> list[Body]:
    with closing(LogReader.open(files.log)) as log:
        return [(entry.body or b"", entry.sender) for entry in log.entries()]


def rewrite(settings: Settings, bodies: list[Body]) -> None:
    """Make a new log out of bodies, complete with tree and a genuine signature."""
    files = AuditFiles(settings.audit_dir)
    signer = load_signer(files, settings.origin)
    for suffix in ("", "-wal", "-shm"):
        files.log.with_name(files.log.name + suffix).unlink(missing_ok=True)
    numbers: dict[tuple[str, str], int] = {}
    with closing(Log(files.log)) as log:
        with log.write() as batch:
            for body, sender in bodies:
                key = (sender.source, sender.instance)
                seq = numbers.get(key, 0)
                numbers[key] = seq + 1
                batch.add(renumbered(body, seq), Sender(*key, seq))
        sign_checkpoint(log, files, signer)


def renumbered(body: bytes, seq: int) -> bytes:
    """A careful forger leaves no gap in anybody's numbering."""
    event = json.loads(body)
    event["metadata"]["sequence"] = event["unmapped"]["enclave"]["seq"] = seq
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def edit(bodies: list[Body]) -> list[Body]:
    place = _denial(bodies)
    body, sender = bodies[place]
    forged = body.replace(b'"verdict":"denied"', b'"verdict":"allowed"')
    return [*bodies[:place], (forged, sender), *bodies[place + 1 :]]


def remove(bodies: list[Body]) -> list[Body]:
    place = _denial(bodies)
    return [*bodies[:place], *bodies[place + 1 :]]


def swap(bodies: list[Body]) -> list[Body]:
    place = _denial(bodies)
    return [*bodies[: place - 1], bodies[place], bodies[place - 1], *bodies[place + 1 :]]


def truncate(bodies: list[Body]) -> list[Body]:
    return bodies[:-3]


def fork(bodies: list[Body]) -> list[Body]:
    return [*bodies[:-3], *bodies[:3]]


def insert(bodies: list[Body]) -> list[Body]:
    return [bodies[0], *bodies]


def _denial(bodies: list[Body]) -> int:
    return next(i for i, (body, _) in enumerate(bodies) if b"query.denied" in body)


REWRITES = [edit, remove, swap, truncate, fork, insert]


@pytest.fixture
def kept(settings: Settings) -> tuple[str, str]:
    """The checkpoint and the key that the auditor saved."""
    tell(settings, days=6)
    files = AuditFiles(settings.audit_dir)
    return files.checkpoint.read_text(), files.public_key.read_text()


def check(settings: Settings, checkpoint: str, key: str) -> Report:
    return verify(settings.audit_dir, checkpoint=checkpoint, key=key)


@pytest.mark.parametrize("attack", REWRITES)
def test_a_rewrite_with_the_real_key_is_caught_by_a_checkpoint_kept_elsewhere(
    settings: Settings, kept: tuple[str, str], attack: Callable[[list[Body]], list[Body]]
) -> None:
    rewrite(settings, attack(contents(AuditFiles(settings.audit_dir))))
    found = check(settings, *kept)
    assert not found.passed
    assert [c for c in found.checks if "your checkpoint covers" in c.question and not c.passed]


@pytest.mark.parametrize("attack", [edit, swap, insert])
def test_the_log_itself_believes_such_a_rewrite_which_is_why_one_keeps_a_checkpoint(
    settings: Settings, kept: tuple[str, str], attack: Callable[[list[Body]], list[Body]]
) -> None:
    files = AuditFiles(settings.audit_dir)
    rewrite(settings, attack(contents(files)))
    own = check(settings, files.checkpoint.read_text(), kept[1])
    assert not [c for c in own.checks if "checkpoint covers" in c.question and not c.passed]
    log, _ = open_log(files, settings.origin)
    log.close()


@pytest.mark.parametrize("attack", REWRITES)
def test_the_auditors_site_turns_red_after_a_rewrite_of_what_it_has_seen(
    settings: Settings, kept: tuple[str, str], attack: Callable[[list[Body]], list[Body]]
) -> None:
    files = AuditFiles(settings.audit_dir)
    assert Watch(files, late=float("inf")).look().level is Level.GREEN
    rewrite(settings, attack(contents(files)))
    assert Watch(files, late=float("inf")).look().level is Level.RED


def test_what_is_newer_than_the_kept_checkpoint_stays_exposed(
    settings: Settings, kept: tuple[str, str]
) -> None:
    files = AuditFiles(settings.audit_dir)
    covered = contents(files)
    later = [(body, Sender("hub", "later", n)) for n, (body, _) in enumerate(covered[8:10])]
    rewrite(settings, [*covered, *later])
    rewrite(settings, covered)  # the two newer entries vanish again
    found = check(settings, *kept)
    assert not [c for c in found.checks if "checkpoint covers" in c.question and not c.passed]


def tamper(files: AuditFiles, *statements: str) -> None:
    """Change the stored file as root would: triggers dropped first."""
    with closing(sqlite3.connect(files.log)) as log:
        triggers = log.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for (name,) in triggers:
            log.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            log.execute(statement)
        log.commit()


def test_an_edited_text_is_found_by_rehashing_although_the_tree_was_left_alone(
    settings: Settings, kept: tuple[str, str]
) -> None:
    tamper(
        AuditFiles(settings.audit_dir),
        "UPDATE entry SET body = CAST(replace(CAST(body AS TEXT), 'rosa', 'nobody') AS BLOB)"
        " WHERE idx = 10",
    )
    found = check(settings, *kept)
    assert "entry 10" in [place for c in found.checks for place in c.wrong]


def test_a_service_refuses_to_start_on_a_shorter_log(
    settings: Settings, kept: tuple[str, str]
) -> None:
    files = AuditFiles(settings.audit_dir)
    tamper(files, "DELETE FROM entry WHERE idx > (SELECT max(idx) - 3 FROM entry)")
    with pytest.raises(LogRefused, match="its last checkpoint covers"):
        open_log(files, settings.origin)


def test_a_service_refuses_to_start_on_a_forked_tree(
    settings: Settings, kept: tuple[str, str]
) -> None:
    files = AuditFiles(settings.audit_dir)
    tamper(files, "UPDATE tile SET hashes = zeroblob(length(hashes)) WHERE level = 0 AND n = 0")
    with pytest.raises(LogRefused, match="past differs"):
        open_log(files, settings.origin)


def test_a_service_refuses_to_start_without_its_tiles(
    settings: Settings, kept: tuple[str, str]
) -> None:
    files = AuditFiles(settings.audit_dir)
    tamper(files, "DELETE FROM tile WHERE level = 0")
    with pytest.raises(LogRefused, match="incomplete"):
        open_log(files, settings.origin)


@pytest.mark.parametrize("missing", ["checkpoint", "signing.key", "log.db"])
def test_a_service_refuses_to_start_when_a_file_of_its_is_gone(
    settings: Settings, kept: tuple[str, str], missing: str
) -> None:
    files = AuditFiles(settings.audit_dir)
    for path in files.directory.glob(f"{missing}*"):
        path.unlink()
    with pytest.raises(LogRefused):
        open_log(files, settings.origin)


def test_a_service_refuses_a_database_that_is_none(
    settings: Settings, kept: tuple[str, str]
) -> None:
    files = AuditFiles(settings.audit_dir)
    files.log.write_bytes(b"not a database at all" * 100)
    with pytest.raises(LogRefused, match="damaged"):
        open_log(files, settings.origin)


def test_a_service_refuses_a_key_under_another_origin(
    settings: Settings, kept: tuple[str, str]
) -> None:
    with pytest.raises(LogRefused, match="another log"):
        open_log(AuditFiles(settings.audit_dir), "elsewhere")


def test_a_flipped_bit_in_the_wal_never_goes_unnoticed(settings: Settings, tmp_path: Path) -> None:
    """SQLite drops every commit after the flipped frame without a word; the checkpoint does not."""
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
