"""`verify.pyz` as an auditor runs it: one file, an empty environment, a process of its own.

`run_here` runs what the file carries in this process: the same answers, for a tenth of the time.
"""

from __future__ import annotations

import functools
import io
import subprocess
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from audit.pyz import build
from audit.verifier.main import main


@functools.cache
def program() -> Path:
    """Build the file once."""
    path = Path(tempfile.mkdtemp(prefix="pyz-")) / "verify.pyz"
    path.write_bytes(build())
    return path


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run it without site-packages, environment or user's files; -I and -S see to that."""
    return subprocess.run(
        [sys.executable, "-I", "-S", str(program()), *map(str, arguments)],
        env={"COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def run_here(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run its command line in this process."""
    given, out, err = [*map(str, arguments)], io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(given)
    return subprocess.CompletedProcess(given, code, out.getvalue(), err.getvalue())


def verify_log(
    directory: Path, checkpoint: Path, key: Path, *more: str | Path
) -> subprocess.CompletedProcess[str]:
    """Verify a log against one kept checkpoint and key."""
    given = ("--checkpoint", checkpoint, "--key", key, "--jobs", "1")
    return run("log", directory, *given, *more)
