"""`audit status` says on a terminal what the bar says on the site, and changes nothing."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from audit.cli import audit
from audit.custody import AuditFiles
from audit.keeper import keeping
from audit.publication import Publication
from enclave.doctor import look_at_audit_log
from enclave.events import Action, Event, Verdict
from enclave.settings import Settings
from tests.support.audit_bulk import write_log
from tests.support.witnesses import log_keys, witnesses, write_policy


def run(settings: Settings) -> Result:
    return CliRunner().invoke(audit, ["status"], env=settings.environment())


def cosigned(settings: Settings, home: Path, *, ago: float = 0.0) -> None:
    """Write a log of twenty entries that one witness cosigned, so long ago by its own clock."""
    with witnesses(home, "w", log_keys(settings), clock=lambda: time.time() - ago) as running:
        write_policy(settings, running, "all")
        write_log(settings, 20)
        publication = Publication(settings, log_keys(settings))
        publication.publish(AuditFiles.of(settings).checkpoint.read_text())
        assert publication.cosigned(20, 30)
        publication.stop()


def test_a_cosigned_log_is_green_and_nothing_is_written(settings: Settings, tmp_path: Path) -> None:
    cosigned(settings, tmp_path)
    done = run(settings)
    assert done.exit_code == 0, done.output
    assert done.output.startswith("green: Verified.")
    assert "\nw: " in done.output
    assert not AuditFiles.of(settings).seen.exists()
    (finding,) = look_at_audit_log(settings)
    assert not finding.advice


def test_a_quorum_that_is_late_is_amber_and_the_doctor_says_so(
    settings: Settings, tmp_path: Path
) -> None:
    cosigned(settings, tmp_path, ago=600)
    done = run(settings)
    assert done.exit_code == 1
    assert done.output.startswith("amber: Cosignatures are late.")
    (finding,) = look_at_audit_log(settings)
    assert finding.seen.startswith("amber: Cosignatures are late.")
    assert "audit status" in finding.advice


def test_what_the_site_found_wrong_is_red_here_too(settings: Settings, tmp_path: Path) -> None:
    cosigned(settings, tmp_path)
    with keeping(settings, actor="alma") as keeper:
        keeper.append(
            Event(Action.AUDIT_VERIFIED, "alma", Verdict.FAILED, detail={"page": "proof"})
        )
        keeper.sign()
    done = run(settings)
    assert done.exit_code == 1
    assert done.output.startswith("red: Not verified.")


@pytest.mark.parametrize("wrong", ["nothing here", "no log"])
def test_where_no_log_is_the_doctor_says_nothing_and_the_command_a_sentence(
    settings: Settings, wrong: str
) -> None:
    if wrong == "no log":
        settings.audit_dir.mkdir(parents=True)
    done = run(settings)
    assert done.exit_code == 1
    assert done.output.startswith("red: Not verified.")
    assert bool(list(look_at_audit_log(settings))) == (wrong == "no log")
