"""Each trigger of the log's file stops one mistake; without it, something else notices.

A trigger is a rail, not a wall: whoever opens the file may drop it. So for every one: the change it
stops, what SQL says with it and without it, and who finds the change then. PostgreSQL's triggers
are tried in tests/unit/audit/test_postgres.py.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from audit.custody import AuditFiles, LogRefused, open_log
from audit.verify import verify
from enclave.settings import Settings
from tests.support.audit_story import tell

LEAF = "zeroblob(32)"
ENTRY = f"{LEAF}, CAST('{{}}' AS BLOB), 'hub', 'forged', 0"
VERIFIER, START, COPY = "the verifier", "the service's start", "nobody: it is a copy"

# trigger -> the change it stops, and who finds that change once the trigger is gone
TRIGGERS = {
    "entry_grows": (
        f"INSERT INTO entry VALUES (9999, {ENTRY})",
        VERIFIER,
    ),
    "entry_stays": ("DELETE FROM entry WHERE idx = 3", VERIFIER),
    "entry_same": ("UPDATE entry SET source = 'hub-' || source WHERE idx = 3", VERIFIER),
    "entry_body": ("UPDATE entry SET body = CAST('{}' AS BLOB) WHERE idx = 3", VERIFIER),
    "tile_stays": ("DELETE FROM tile WHERE level = 0", START),
    "tile_grows": ("UPDATE tile SET hashes = zeroblob(length(hashes)) WHERE n = 0", START),
    "checkpoint_stays": ("DELETE FROM checkpoint", COPY),
    "checkpoint_same": ("UPDATE checkpoint SET note = 'another'", COPY),
    "intent_stays": ("DELETE FROM intent", COPY),
    "intent_ends": ("UPDATE intent SET ended = 1 WHERE ended IS NOT NULL", COPY),
}


@pytest.fixture(scope="module")
def told() -> Iterator[Path]:
    """A log with some days in it, made once."""
    place = Path(tempfile.mkdtemp(prefix="enc-"))
    tell(Settings(state_dir=place / "s", run_dir=place / "r"), days=3)
    files = AuditFiles(place / "s" / "audit")
    yield files.directory
    shutil.rmtree(place)


@pytest.fixture
def kept(settings: Settings, told: Path) -> tuple[str, str]:
    """A copy of it, and what an auditor saved of it."""
    shutil.copytree(told, settings.audit_dir)
    files = AuditFiles(settings.audit_dir)
    return files.checkpoint.read_text(), files.public_key.read_text()


def _opened(files: AuditFiles) -> sqlite3.Connection:
    return sqlite3.connect(files.log, isolation_level=None)


def _triggers(files: AuditFiles) -> Iterator[str]:
    with closing(_opened(files)) as connection:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        yield from (name for (name,) in rows)


def test_every_trigger_of_the_file_is_tried_here(settings: Settings, kept: tuple[str, str]) -> None:
    assert set(_triggers(AuditFiles(settings.audit_dir))) == set(TRIGGERS)


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_what_a_trigger_stops_is_found_by_another_once_it_is_gone(
    settings: Settings, kept: tuple[str, str], trigger: str
) -> None:
    files, (change, finder) = AuditFiles(settings.audit_dir), TRIGGERS[trigger]
    with closing(_opened(files)) as connection:
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(change)
        connection.execute(f"DROP TRIGGER {trigger}")
        assert connection.execute(change).rowcount > 0
    refused = _is_refused(settings, files)
    passed = verify(settings.audit_dir, checkpoint=kept[0], key=kept[1]).passed
    assert {VERIFIER: not passed, START: refused, COPY: passed and not refused}[finder]


def _is_refused(settings: Settings, files: AuditFiles) -> bool:
    try:
        log, _ = open_log(files, settings.origin)
    except LogRefused:
        return True
    log.close()
    return False
