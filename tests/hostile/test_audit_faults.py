"""Failing disks, full disks, a disk taken away, a clock set back: nothing acknowledged is lost.

strace makes the i-th call on the log's database, WAL or checkpoint file fail (EIO, ENOSPC) or kills
the service there. Each fault must strike, or it proves nothing; after it, what was acknowledged is
in the log, what is in the log verifies, and who could not be served was told so in a sentence.
A spread-out part runs each time; INJECTIONS=all runs every one.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from enclave.events import Receipt
from enclave.settings import Settings
from tests.support.audit import AuditProcess
from tests.support.faults import (
    Fault,
    Hammer,
    Strike,
    assert_kept,
    grid,
    note,
    restarted_when_dead,
    spread,
)

WAL, DATABASE, DRAFT, DIRECTORY = "log.db-wal", "log.db", "checkpoint.new", ""
ROUNDS = 40  # of 32 events each, until a fault has struck

WHILE_RUNNING = [
    *grid(WAL, "pwrite64", (1, 2, 3, 5, 8, 13, 21, 34)),
    *grid(WAL, "fdatasync", (1, 2, 3, 5, 8, 13)),
    *grid(DATABASE, "pwrite64", (1, 2, 5, 40)),
    *grid(DATABASE, "fdatasync", (1,)),
    *grid(DRAFT, "write", (1, 2, 3, 5)),
    *grid(DRAFT, "fsync", (1, 2, 3, 5)),
    *grid(DRAFT, "rename", (1, 2, 3, 5)),
    *grid(DIRECTORY, "fsync", (1, 2, 3)),
]
AT_START = [
    *grid(WAL, "pread64", (1, 2, 5), ("EIO", "KILL")),
    *grid(DATABASE, "pread64", (1, 2, 3, 5), ("EIO", "KILL")),
    *grid(WAL, "pwrite64", (1, 2, 3)),
    *grid(WAL, "fdatasync", (1, 2)),
    *grid(WAL, "ftruncate", (1,)),
    *grid(DATABASE, "pwrite64", (1, 2, 3, 5)),
    *grid(DATABASE, "fdatasync", (1,)),
    *grid(DRAFT, "write", (1,)),
    *grid(DRAFT, "fsync", (1,)),
    *grid(DRAFT, "rename", (1,)),
    *grid(DIRECTORY, "fsync", (1, 2)),
]

needs_strace = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


def lots(found: list[Fault], size: int) -> list[list[Fault]]:
    """Return faults in groups that share one log."""
    return [found[start : start + size] for start in range(0, len(found), size)]


def name(lot: list[Fault]) -> str:
    return f"{lot[0]} and {len(lot) - 1} more"


@needs_strace
@pytest.mark.slow
@pytest.mark.parametrize("lot", lots(spread(WHILE_RUNNING, 28), 14), ids=name)
def test_a_fault_under_a_hammer_loses_nothing_and_senders_go_on(
    settings: Settings, lot: list[Fault]
) -> None:
    service = AuditProcess(settings).start()
    hammer = Hammer()
    with service.client("egress", timeout=60) as client, restarted_when_dead(service):
        hammer.begin(client)
        for fault in lot:
            hammer.text = 40_000 if fault.file == DATABASE else 0  # many pages: WAL is carried over
            with Strike(service, fault).attached() as strike:
                for _ in range(ROUNDS):
                    hammer.round(client, 32)
                    if strike.struck():
                        break
                assert strike.struck(), f"{fault} never struck"
            hammer.round(client, 1)
            assert_kept(service, hammer.told.receipts)
            note(fault, "killed, started again" if fault.kills else "went on")
    assert hammer.told.errors == []  # every sender waited, and got its receipt in the end
    service.stop()
    assert_kept(service, hammer.told.receipts)


@pytest.fixture(scope="module")
def crashed() -> Iterator[tuple[Path, dict[str, Receipt]]]:
    """A log as a power cut left it, its WAL not yet carried over; and what was acknowledged."""
    place = Path(tempfile.mkdtemp(prefix="enc-"))
    settings = Settings(state_dir=place / "s", run_dir=place / "r", audit_checkpoint_seconds=0.2)
    service, hammer = AuditProcess(settings).start(), Hammer()
    with service.client("egress") as client:
        hammer.begin(client)
        hammer.round(client, 100)
        service.kill()
    assert (service.directory / WAL).stat().st_size > 0
    yield service.directory, hammer.told.receipts
    shutil.rmtree(place)


@needs_strace
@pytest.mark.slow
@pytest.mark.parametrize("fault", spread(AT_START, 12), ids=str)
def test_a_fault_while_starting_after_a_crash_loses_nothing(
    settings: Settings, crashed: tuple[Path, dict[str, Receipt]], fault: Fault
) -> None:
    shutil.copytree(crashed[0], settings.audit_dir)
    service, hammer = AuditProcess(settings), Hammer(first=1000)
    hammer.told.receipts |= crashed[1]
    strike = Strike(service, fault)
    with strike.around_a_start() as came_up:
        assert strike.struck(), f"{fault} never struck"
        note(fault, "killed" if fault.kills else "opened" if came_up else "refused")
        if not came_up and not fault.kills:
            said = strike.stderr.read_text()
            assert "The audit log" in said  # one sentence for the administrator
            assert "Traceback" not in said
    service.start()
    with service.client("egress") as client:
        hammer.round(client, 8)
    service.stop()
    assert hammer.told.errors == []
    assert_kept(service, hammer.told.receipts)
