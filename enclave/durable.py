"""Files that are there whole or not at all, also after a power cut; never readable by others."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_durably(path: Path, body: bytes) -> None:
    """Write a file in place of the one before, mode 0600; return when it would survive a crash."""
    draft = _draft(path, body)
    draft.replace(path)
    sync_directory(path.parent)


def write_once(path: Path, body: bytes) -> None:
    """Write a file, mode 0600, unless it is there; of two writers the first wins."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = _draft(path, body)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    sync_directory(path.parent)


def make_directory(path: Path, mode: int) -> Path:
    """Return a directory, made with exactly this mode if need be: a umask takes nothing off it."""
    if not path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(mode)
    return path


def sync_directory(path: Path) -> None:
    """Make the names in a directory survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _draft(path: Path, body: bytes) -> Path:
    """Write a file of its own beside `path`; what cannot be written whole leaves nothing there."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
    except OSError:  # a full disk, which a half file for each attempt would keep full
        draft.unlink()
        raise
    return draft
