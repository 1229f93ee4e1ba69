"""`audit verify` as an auditor runs it, on a computer that is not the operator's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from audit.cli import audit, main
from audit.custody import AuditFiles
from enclave.settings import Settings
from tests.support.audit_story import tell
from tests.support.rewrites import contents, edit, rewrite


@pytest.fixture
def kept(settings: Settings, tmp_path: Path) -> Path:
    """Where the auditor keeps a checkpoint, the key, and a copy of the log."""
    tell(settings, days=4)
    files = AuditFiles(settings.audit_dir)
    for path in (files.checkpoint, files.public_key):
        shutil.copy(path, tmp_path)
    return tmp_path


def run(directory: Path, kept: Path) -> Result:
    given = ["--checkpoint", f"{kept}/checkpoint", "--key", f"{kept}/public.key"]
    return CliRunner().invoke(audit, ["verify", str(directory), *given])


def test_an_honest_copy_verifies_without_the_signing_key(settings: Settings, kept: Path) -> None:
    copy = kept / "copy of the log #1"
    shutil.copytree(settings.audit_dir, copy, ignore=shutil.ignore_patterns("signing.key"))
    result = run(copy, kept)
    assert result.exit_code == 0
    assert "VERIFIED: " in result.output
    assert "What this cannot show:" in result.output


def test_a_rewritten_log_fails_with_its_reason_and_exit_code_1(
    settings: Settings, kept: Path
) -> None:
    rewrite(settings, edit(contents(AuditFiles(settings.audit_dir))))
    result = run(settings.audit_dir, kept)
    assert result.exit_code == 1
    assert "WRONG" in result.output
    assert "another root over the first" in result.output


def test_a_directory_without_a_log_is_a_sentence_not_a_traceback(
    kept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--checkpoint", f"{kept}/checkpoint", "--key", f"{kept}/public.key"]
    monkeypatch.setattr("sys.argv", ["audit", "verify", str(kept), *given])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "There is no log in this directory" in capsys.readouterr().err
