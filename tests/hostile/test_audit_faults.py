"""Power cuts, full disks, failing disks: what was acknowledged is there, the rest is refused.

strace makes the i-th write or fsync of the service fail or kill it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from audit.verify import verify
from enclave.audit_client import AuditClient
from enclave.errors import AuditUnavailable
from enclave.events import Action, Event, Receipt
from enclave.settings import Settings
from tests.support.audit import AuditProcess

CALLERS = 16
needs_strace = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


def hammer(service: AuditProcess, client: AuditClient, count: int) -> dict[str, Receipt]:
    """Append from many threads; return the receipts of what was acknowledged, by actor."""

    def one(actor: str) -> tuple[str, Receipt | None]:
        try:
            return actor, client.append(Event(Action.LOGIN, actor))
        except AuditUnavailable:
            return actor, None

    with ThreadPoolExecutor(CALLERS) as pool:
        given = pool.map(one, [f"p{n}" for n in range(count)])
        return {actor: receipt for actor, receipt in given if receipt is not None}


def assert_nothing_acknowledged_is_lost(
    service: AuditProcess, receipts: dict[str, Receipt]
) -> None:
    stored = service.facts()
    lost = [
        actor
        for actor, receipt in receipts.items()
        if receipt.index >= len(stored) or stored[receipt.index]["actor"] != actor
    ]
    assert lost == []
    found = verify(
        service.directory,
        checkpoint=service.files.checkpoint.read_text(),
        key=service.files.public_key.read_text(),
    )
    assert found.passed, [check for check in found.checks if not check.passed]


def test_kill_9_under_a_hammer_loses_nothing_acknowledged_and_doubles_nothing(
    audit_service: AuditProcess,
) -> None:
    kills = 6
    with audit_service.client(timeout=60) as client, ThreadPoolExecutor(1) as pool:
        hammering = pool.submit(hammer, audit_service, client, 3000)
        for _ in range(kills):
            time.sleep(0.15)
            audit_service.kill()
            audit_service.start()
        receipts = hammering.result()
    audit_service.stop()
    assert len(receipts) == 3000
    assert_nothing_acknowledged_is_lost(audit_service, receipts)
    actors = [fact["actor"] for fact in audit_service.facts() if fact["action"] == "login"]
    assert sorted(actors) == sorted(receipts)


def injected(fault: str) -> tuple[str, ...]:
    return ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={fault}")


# Places are counted from the start of the process, so small ones hit the start and later ones the
# hammer; `+` would repeat the fault for ever.
FAULTS = [
    f"{call}:{effect}:when={place}"
    for call, places in (
        ("fdatasync", (1, 2, 4, 8, 20)),
        ("pwrite64", (1, 3, 9, 27, 81)),
        ("fsync", (1, 2, 5)),
    )
    for effect in ("error=EIO", "error=ENOSPC", "signal=KILL")
    for place in places
]


@needs_strace
@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_failing_disk_loses_nothing_acknowledged(settings: Settings, fault: str) -> None:
    service = AuditProcess(settings)
    receipts: dict[str, Receipt] = {}
    try:
        service.start(wrapper=injected(fault))
    except RuntimeError:
        service.process = None  # the fault hit the start: refused, and nothing was acknowledged
    else:
        with service.client(timeout=2) as client:
            receipts = hammer(service, client, 60)
        service.kill_all()
    service.start()
    with service.client() as client:
        receipts |= {"after": client.append(Event(Action.LOGIN, "after"))}
    service.stop()
    assert_nothing_acknowledged_is_lost(service, receipts)


@needs_root
def test_a_full_disk_refuses_appends_and_recovers_when_there_is_room(
    settings: Settings,
) -> None:
    place = settings.audit_dir
    place.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this host does not let us mount")
    service = AuditProcess(settings)
    try:
        service.start()
        filler = place / "filler"
        with service.client(timeout=1.5) as client:
            receipts = {"before": client.append(Event(Action.LOGIN, "before"))}
            _fill(filler)
            with pytest.raises(AuditUnavailable, match="cannot be written"):
                for number in range(500):
                    actor = f"full{number}"
                    large = {"text": json.dumps(list(range(400)))}
                    receipts[actor] = client.append(Event(Action.LOGIN, actor, detail=large))
            filler.unlink()
            receipts["after"] = _patiently(client, "after")
        service.stop()
        assert_nothing_acknowledged_is_lost(service, receipts)
    finally:
        service.kill()
        subprocess.run(["umount", str(place)], check=True)


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


def _patiently(client: AuditClient, actor: str) -> Receipt:
    for _ in range(20):
        try:
            return client.append(Event(Action.LOGIN, actor))
        except AuditUnavailable:
            continue
    raise AssertionError("the service did not recover")
