"""kill -9 in the middle of a delivery: nothing of it is visible, and the next one cleans up.

Checked by removing the boundary: with `sweep` emptied, the second test fails on the files left
behind; with the version read from the Delta log instead of the control store, the first does.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from enclave.model import FieldKind
from enclave.settings import Settings
from enclave.store import ControlStore
from enclave.vault import deliveries
from tests.support.audit import AuditProcess
from tests.support.datasets import ROWS, csv, know, small_dataset

# Dies as by kill -9 just before (or after) a named function of the delivery runs its course.
DIE = """
import os, signal, sys
from enclave.vault import cli, deliveries
name, when = sys.argv[1:3]
was = getattr(deliveries, name)
def die(*given, **named):
    done = was(*given, **named) if when == "after" else None
    os.kill(os.getpid(), signal.SIGKILL)
setattr(deliveries, name, die)
cli.deliver(["dol", "jobs", sys.argv[3]])
"""


@pytest.fixture
def store(settings: Settings, audit_service: AuditProcess, tmp_path: Path) -> ControlStore:
    store = ControlStore(settings.database_url)
    with audit_service.client() as audit:
        know(store, audit, small_dataset())
        deliveries.deliver(
            settings,
            store,
            audit,
            agency="dol",
            dataset="jobs",
            path=csv(tmp_path / "first.csv", ROWS[0]),
            actor="adam",
        )
    return store


def die(settings: Settings, path: Path, name: str, when: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DIE, name, when, str(path)],
        env=settings.environment(),
        check=False,
        timeout=120,
    )
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("name", "when"),
    [("check", "after"), ("_write_side", "after"), ("_write", "after"), ("_register", "before")],
)
def test_a_killed_delivery_is_not_visible_and_the_next_one_succeeds(
    settings: Settings,
    store: ControlStore,
    audit_service: AuditProcess,
    tmp_path: Path,
    name: str,
    when: str,
) -> None:
    path = csv(tmp_path / "f.csv")
    die(settings, path, name, when)
    [row] = store.deliveries("jobs")
    for kind in FieldKind:
        assert deliveries.read(settings, row, kind).num_rows == 1, "the last whole one is current"
    with audit_service.client() as audit:
        receipt = deliveries.deliver(
            settings, store, audit, agency="dol", dataset="jobs", path=path, actor="adam"
        )
    assert (receipt.version, receipt.rows) == (2, 3)
    for kind in FieldKind:
        left = list(deliveries.place(settings, "jobs", kind).glob("*.parquet"))
        assert len(left) == 2, "one file a registered version; the killed one's are gone"


def test_a_reader_never_takes_an_unregistered_version_for_the_newest(
    settings: Settings, store: ControlStore, tmp_path: Path
) -> None:
    die(settings, csv(tmp_path / "f.csv"), "_write", "after")
    where = deliveries.place(settings, "jobs", FieldKind.CONTENT)
    assert len(list((where / "_delta_log").glob("*.json"))) == 2, "the second version lies there"
    assert deliveries.current(store)["jobs"].version == 1
    assert os.environ.get("ENCLAVE_STATE_DIR") != str(settings.state_dir)
