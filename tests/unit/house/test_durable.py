"""A file is there whole or not at all, and what could not be written takes no room."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from enclave.durable import make_directory, write_durably, write_once

DEVICE = Path("/dev/full")  # every write to it says that there is no space left


@pytest.mark.parametrize("write", [write_durably, write_once])
def test_a_full_disk_leaves_the_file_before_and_no_half_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path, bytes], None]
) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"before")
    real = os.open

    def full(name: Path, flags: int, mode: int = 0o777) -> int:
        made = real(name, flags, mode)
        if not flags & os.O_WRONLY:
            return made
        os.close(made)
        return real(DEVICE, os.O_WRONLY)

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(OSError, match="No space left"):
        write(path, b"after")
    assert os.listdir(tmp_path) == ["key"]
    assert path.read_bytes() == b"before"


def test_a_directory_that_others_pass_through_is_so_under_the_strictest_umask(
    tmp_path: Path,
) -> None:
    """Under 077, as hardened hosts have it for root, no worker came to its sessions."""
    before = os.umask(0o077)
    try:
        made = make_directory(tmp_path / "run" / "sessions", 0o755)
    finally:
        os.umask(before)
    assert made.stat().st_mode & 0o777 == 0o755
    made.chmod(0o700)
    assert make_directory(made, 0o755).stat().st_mode & 0o777 == 0o700  # what is there stays
