"""Flipped bits and lost frames: a log that has silently grown shorter or different never passes.

SQLite drops every commit after a damaged WAL frame without a word. A flip must be refused at
start, or be caught by verification, or have changed nothing. INJECTIONS=all tries more places.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from audit.custody import AuditFiles, LogRefused, kept_checkpoint, load_signer, open_log
from audit.verify import verify
from enclave.errors import AuditUnavailable, EnclaveError
from enclave.events import Action, Event
from enclave.settings import Settings
from tests.support.audit import AuditProcess
from tests.support.faults import Hammer, note

WAL = "log.db-wal"
PLACES = 1200 if os.environ.get("INJECTIONS") == "all" else 60
HEADER, FRAME = 32, 24 + 4096  # SQLite's WAL: file header, then frame header and page
EVIDENCE = ("entry", "tile")
TABLES = (*EVIDENCE, "checkpoint", "intent")

Damage = Callable[[bytearray], None]


@dataclass(frozen=True, slots=True)
class Crashed:
    """A log as a power cut left it, WAL and all; its last entries have a signed checkpoint."""

    settings: Settings
    files: AuditFiles
    checkpoint: str  # as an auditor keeps it
    key: str
    contents: dict[str, list[object] | None]

    @property
    def size(self) -> int:
        """How many entries were acknowledged."""
        return len(self.contents["entry"] or ())


def _contents(path: Path) -> dict[str, list[object] | None]:
    """Return every row, as SQLite sees them: opened for writing, as the service would."""
    with closing(sqlite3.connect(path)) as connection:
        return {name: _rows(connection, name) for name in TABLES}


def _rows(connection: sqlite3.Connection, table: str) -> list[object] | None:
    try:
        return connection.execute(f"SELECT * FROM {table}").fetchall()
    except (sqlite3.Error, UnicodeDecodeError):
        return None


def _crash(place: Path) -> Crashed:
    settings = Settings(state_dir=place / "s", run_dir=place / "r", audit_checkpoint_seconds=60)
    service, hammer = AuditProcess(settings).start(), Hammer(callers=1)
    with service.client("egress") as client, service.client("gateway") as gateway:
        hammer.begin(client)
        for intent in ("ended", "open"):
            gateway.append(Event(Action.QUERY_INTENT, "rosa", intent=intent))
        gateway.append(Event(Action.QUERY_OUTCOME, "rosa", intent="ended"))
        hammer.round(client, 41)  # the last one is a release: everything is under a checkpoint
        service.kill()
    files = service.files
    copy = place / "copy"
    shutil.copytree(files.directory, copy)
    found = _contents(copy / "log.db")
    return Crashed(
        settings, files, files.checkpoint.read_text(), files.public_key.read_text(), found
    )


@pytest.fixture(scope="module")
def crashed() -> Iterator[Crashed]:
    place = Path(tempfile.mkdtemp(prefix="enc-"))
    yield _crash(place)
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def closed(crashed: Crashed) -> Iterator[Crashed]:
    """The same log with its WAL carried over into the database."""
    place = Path(tempfile.mkdtemp(prefix="enc-"))
    shutil.copytree(crashed.files.directory, place / "audit")
    files = AuditFiles(place / "audit")
    with closing(sqlite3.connect(files.log)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    yield Crashed(crashed.settings, files, crashed.checkpoint, crashed.key, crashed.contents)
    shutil.rmtree(place)


def _after(log: Crashed, name: str, damage: Damage, place: Path) -> Path:
    """Return a copy of the log's directory with one file damaged."""
    shutil.copytree(log.files.directory, place)
    target = place / name
    content = bytearray(target.read_bytes())
    damage(content)
    target.write_bytes(content)
    return place


def _is_refused(log: Crashed, directory: Path) -> bool:
    """Whether the service would not open it."""
    try:
        opened, *_ = open_log(AuditFiles(directory), log.settings.origin)
    except (EnclaveError, sqlite3.Error):
        return True
    opened.close()
    return False


def _is_caught(log: Crashed, directory: Path) -> bool:
    """Whether verification with what the auditor kept fails."""
    try:
        return not verify(directory, checkpoint=log.checkpoint, key=log.key).passed
    except (EnclaveError, sqlite3.Error):
        return True


def _judge(log: Crashed, name: str, damage: Damage, place: Path) -> str:
    """Return what becomes of a damaged copy; `missed` must never be."""
    looked_at = _after(log, name, damage, place / "looked-at")
    left = _contents(looked_at / "log.db")
    shutil.rmtree(looked_at)
    opened = _after(log, name, damage, place / "opened")
    refused = _is_refused(log, opened)
    caught = refused or _is_caught(log, opened)
    shutil.rmtree(opened)
    entries = left["entry"]
    if entries is not None and len(entries) < log.size:
        return "rollback refused" if refused else "rollback missed"
    if refused:
        return "refused"
    if left == log.contents:
        return "nothing changed"
    if all(left[name] == log.contents[name] for name in EVIDENCE):
        return "only a copy changed"  # of what the entries say: checkpoints, who waits for an end
    return "caught by verification" if caught else "missed"


def _flip(place: int, bit: int) -> Damage:
    def damage(content: bytearray) -> None:
        content[place] ^= 1 << bit

    return damage


def _flips(path: Path) -> list[Damage]:
    """Return single-bit flips spread over a file, another bit each time."""
    size = path.stat().st_size
    count = min(size, PLACES)
    return [_flip(number * size // count, number % 8) for number in range(count)]


def _judged(log: Crashed, name: str, all_damage: list[Damage], place: Path) -> Counter[str]:
    found = Counter(_judge(log, name, damage, place) for damage in all_damage)
    for outcome, count in found.items():
        note(f"{name}: {count} of {len(all_damage)}", outcome)
    assert not {"missed", "rollback missed"} & set(found), found
    return found


def _frames(content: bytearray) -> list[slice]:
    return [slice(at, at + FRAME) for at in range(HEADER, len(content), FRAME)]


def _lost(number: int) -> Damage:
    def damage(content: bytearray) -> None:
        del content[_frames(content)[number]]

    return damage


def _zeroed(number: int) -> Damage:
    def damage(content: bytearray) -> None:
        content[_frames(content)[number]] = bytes(FRAME)

    return damage


def _cut(number: int) -> Damage:
    def damage(content: bytearray) -> None:
        del content[_frames(content)[number].start :]

    return damage


def _swapped(number: int) -> Damage:
    def damage(content: bytearray) -> None:
        one, other = _frames(content)[number : number + 2]
        content[one], content[other] = content[other], content[one]

    return damage


def _emptied(content: bytearray) -> None:
    content.clear()


def test_every_bit_flipped_in_the_wal_is_refused_or_changes_nothing(
    crashed: Crashed, tmp_path: Path
) -> None:
    wal = crashed.files.log.with_name(WAL)
    found = _judged(crashed, WAL, _flips(wal), tmp_path)
    assert found["rollback refused"] > PLACES / 2


@pytest.mark.parametrize("kind", [_lost, _zeroed, _cut, _swapped])
def test_every_frame_lost_from_the_wal_is_refused_or_changes_nothing(
    crashed: Crashed, tmp_path: Path, kind: Callable[[int], Damage]
) -> None:
    count = len(_frames(bytearray(crashed.files.log.with_name(WAL).read_bytes())))
    step = max(1, (count - 1) * 4 // PLACES)
    todo = [kind(number) for number in range(0, count - 1, step)]
    found = _judged(crashed, WAL, todo, tmp_path)
    assert found["rollback refused"] > 0


def test_a_wal_that_is_gone_is_refused(crashed: Crashed, tmp_path: Path) -> None:
    assert "refused" in _judge(crashed, WAL, _emptied, tmp_path)


def test_every_bit_flipped_in_the_database_is_refused_or_caught_or_changes_nothing(
    closed: Crashed, tmp_path: Path
) -> None:
    found = _judged(closed, "log.db", _flips(closed.files.log), tmp_path)
    assert found["caught by verification"] > 0
    assert found["refused"] > 0


def test_every_bit_flipped_in_the_checkpoint_file_is_refused_or_says_the_same(
    closed: Crashed, tmp_path: Path
) -> None:
    verifier = load_signer(closed.files, closed.settings.origin).verifier
    kept, refused = kept_checkpoint(closed.files, verifier), 0
    damages = _flips(closed.files.checkpoint)
    for damage in damages:
        place = _after(closed, "checkpoint", damage, tmp_path / "flipped")
        try:
            assert kept_checkpoint(AuditFiles(place), verifier) == kept
        except LogRefused:
            refused += 1
        shutil.rmtree(place)
    note(f"checkpoint: {refused} of {len(damages)}", "refused")
    assert refused > len(damages) / 2


def test_the_real_service_refuses_to_start_on_a_rolled_back_log(
    crashed: Crashed, settings: Settings
) -> None:
    """The clear error an administrator reads, and no socket for anyone to speak to."""
    _after(crashed, WAL, _flip(HEADER + FRAME + 30, 3), settings.audit_dir)
    command = [sys.executable, "-m", "audit.cli", "serve"]
    ended = subprocess.run(
        command, env=settings.environment(), capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 1
    assert f"its last checkpoint covers {crashed.size}" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_what_no_checkpoint_covers_yet_can_be_rolled_back_and_its_sender_notices(
    settings: Settings,
) -> None:
    """The residual risk, stated: entries newer than the last checkpoint, their sender gone."""
    service = AuditProcess(settings.model_copy(update={"audit_checkpoint_seconds": 600})).start()
    with service.client("hub", timeout=5) as client:
        for number in range(8):
            client.append(Event(Action.LOGIN, f"p{number}"))
        service.kill()
        wal = service.directory / WAL
        content = bytearray(wal.read_bytes())
        content[-100] ^= 1  # in the last commit
        wal.write_bytes(content)
        service.start()
        assert len([fact for fact in service.facts() if fact["action"] == "login"]) < 8
        with pytest.raises(AuditUnavailable, match="Events are missing"):
            client.append(Event(Action.LOGIN, "after"))
    service.stop()
