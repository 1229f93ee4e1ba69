"""The audit log's disk is full, read-only, failing for good or gone; the clock is set back.

Callers are told so in a sentence and nothing is acknowledged that is not there; when the trouble
is over, the service goes on by itself or opens again, and everything acknowledged verifies.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from audit.watch import Level, Watch
from enclave.audit_client import AuditClient
from enclave.errors import AuditUnavailable
from enclave.events import Action, Event
from enclave.settings import Settings
from tests.support.audit import AuditProcess
from tests.support.faults import Fault, Hammer, Strike, assert_kept

SABOTAGE = Path(__file__).parents[1] / "support" / "sabotage"
CANNOT_WRITE = "The audit log cannot be written at the moment."
needs_strace = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


@needs_strace
@pytest.mark.parametrize(
    "fault",
    [
        Fault("log.db-wal", "pwrite64", "error=ENOSPC", 1),
        Fault("log.db-wal", "fdatasync", "error=EIO", 1),
        Fault("log.db-wal", "pwrite64", "error=EROFS", 1),
        Fault("checkpoint.new", "openat", "error=EMFILE", 1),
    ],
    ids=str,
)
def test_while_a_disk_fails_for_good_every_caller_is_told_in_a_sentence(
    settings: Settings, fault: Fault
) -> None:
    service, hammer = AuditProcess(settings).start(), Hammer()
    with service.client("egress", timeout=5) as client:
        hammer.begin(client)
        with Strike(service, fault, for_ever=True).attached() as strike:
            hammer.round(client, 16)
            assert strike.struck()
        assert set(hammer.told.errors) == {CANNOT_WRITE}
        hammer.told.errors.clear()
        _patiently(client)
        hammer.round(client, 16)
    assert hammer.told.errors == []
    service.stop()
    assert_kept(service, hammer.told.receipts)


def _patiently(client: AuditClient) -> None:
    """Wait until the service has noticed that the trouble is over."""
    for number in range(20):
        with suppress(AuditUnavailable):
            client.append(Event(Action.LOGIN, f"again{number}"))
            return
    raise AssertionError("the service did not recover")


@needs_root
def test_a_full_disk_refuses_appends_and_recovers_when_there_is_room(settings: Settings) -> None:
    with _mounted(settings.audit_dir, "-t", "tmpfs", "-o", "size=3m", "tmpfs"):
        service, hammer = AuditProcess(settings).start(), Hammer()
        try:
            with service.client("egress", timeout=5) as client:
                hammer.begin(client)
                hammer.round(client, 16)
                filler = settings.audit_dir / "filler"
                _fill(filler)
                hammer.text = 20_000
                hammer.round(client, 64)
                assert set(hammer.told.errors) == {CANNOT_WRITE}
                filler.unlink()
                hammer.told.errors.clear()
                hammer.text = 0
                _patiently(client)
                hammer.round(client, 16)
            assert hammer.told.errors == []
            service.stop()
            assert_kept(service, hammer.told.receipts)
        finally:
            service.kill()


@needs_root
def test_a_disk_that_turns_read_only_refuses_appends_and_a_start_until_it_is_mended(
    settings: Settings, tmp_path: Path
) -> None:
    """ext4 does so after an error (errors=remount-ro); the service must be started again."""
    image = tmp_path / "disk.img"
    with image.open("wb") as file:
        file.truncate(16 * 2**20)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    service, hammer = AuditProcess(settings), Hammer()
    with _mounted(settings.audit_dir, "-o", "loop,errors=remount-ro", str(image)):
        try:
            service.start()
            with service.client("egress", timeout=5) as client:
                hammer.begin(client)
                hammer.round(client, 16)
                _break_file_system(settings.audit_dir)
                hammer.round(client, 16)
                assert set(hammer.told.errors) == {CANNOT_WRITE}
            service.kill()
            assert "cannot be used" in _refused_start(settings)
        finally:
            service.kill()
    subprocess.run(["fsck.ext4", "-fp", str(image)], check=False, capture_output=True)
    with _mounted(settings.audit_dir, "-o", "loop", str(image)):
        try:
            service.start()
            assert_kept(service, hammer.told.receipts)
            service.stop()
        finally:
            service.kill()


def test_a_directory_taken_away_stops_acknowledgement_and_comes_back_whole(
    settings: Settings,
) -> None:
    """An open file can be written after its name is gone: such writes must not count."""
    service, hammer = AuditProcess(settings).start(), Hammer()
    elsewhere = settings.audit_dir.with_name("elsewhere")
    with service.client("egress", timeout=5) as client:
        hammer.begin(client)
        hammer.round(client, 16)
        settings.audit_dir.rename(elsewhere)
        before = len(hammer.told.receipts)
        hammer.round(client, 32)
        assert len(hammer.told.receipts) == before
        assert len(set(hammer.told.errors)) == 1
        elsewhere.rename(settings.audit_dir)
        hammer.told.errors.clear()
        _patiently(client)
        hammer.round(client, 16)
        assert hammer.told.errors == []
        service.kill()
        with pytest.raises(AuditUnavailable, match="does not answer"):  # no word of what is over
            client.append(Event(Action.LOGIN, "late"))
    service.start()
    service.stop()
    assert_kept(service, hammer.told.receipts)


def test_a_clock_set_back_a_day_changes_no_order_and_stops_nothing(settings: Settings) -> None:
    service, hammer = AuditProcess(settings).start(), Hammer()
    with service.client("egress") as client:
        hammer.begin(client)
        hammer.round(client, 16)
    service.stop()
    service.start(wrapper=("env", f"PYTHONPATH={SABOTAGE}", "CLOCK=-86400"))
    with service.client("egress") as client:
        hammer.round(client, 16)
    service.stop()  # signs what it took; until then the entries seem to have waited for a day
    assert_kept(service, hammer.told.receipts)
    times = [event["time"] for event in service.events()]
    assert times[0] - times[-1] > 80_000_000  # the last was logged "a day before" the first
    assert Watch(service.files, late=60).look().level is Level.GREEN


def _refused_start(settings: Settings) -> str:
    """Return what `audit serve` says as it refuses to start."""
    command = [sys.executable, "-m", "audit.cli", "serve"]
    ended = subprocess.run(
        command, env=settings.environment(), capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    return ended.stderr


@contextmanager
def _mounted(place: Path, *options: str) -> Iterator[None]:
    place.mkdir(parents=True, exist_ok=True)
    if subprocess.run(["mount", *options, str(place)], capture_output=True, check=False).returncode:
        pytest.skip("this host does not let us mount")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def _break_file_system(place: Path) -> None:
    """Have ext4 believe it found an error, as a failing disk would."""
    device = subprocess.run(
        ["findmnt", "-no", "SOURCE", str(place)], capture_output=True, text=True, check=True
    )
    trigger = Path("/sys/fs/ext4") / Path(device.stdout.strip()).name / "trigger_fs_error"
    trigger.write_text("1")


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
