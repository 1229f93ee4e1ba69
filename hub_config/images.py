"""Names of the workspace images, made from the hash of what goes into them.

Never talks to Docker. A name that exists is an image that is up to date.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from enclave.settings import Settings
from hub_config import seccomp

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "images"
RESEARCHER = IMAGES / "researcher"
CLIENT = RESEARCHER / "enclave_client"
WHEELHOUSE = ROOT / ".wheelhouse"

SUITE = "bookworm"
# What the researcher's Python and its compiled wheels need beyond Debian's minimum.
PACKAGES = ("python3", "python3-venv", "ca-certificates", "tzdata")


def base_image(settings: Settings) -> str:
    """Return the base image's name: Debian's minimum with Python."""
    return f"{settings.instance}-base:{_short(_base_inputs())}"


def researcher_image(settings: Settings) -> str:
    """Return the workspace image's name; changes with all that goes into it, the filter too.

    Raises `Unavailable` for a machine that there is no syscall filter for.
    """
    return f"{settings.instance}-researcher:{_short([*_base_inputs(), *_researcher_inputs()])}"


def bubblewrap_environment() -> Path:
    """Return the Python environment that bubblewrap workspaces run from, without an image."""
    return WHEELHOUSE / f"workspace-{_short(_researcher_inputs())}"


def files(directory: Path) -> Iterator[Path]:
    """Yield the files below a directory that count as input, in a fixed order."""
    for path in sorted(directory.rglob("*")):
        if path.is_file() and not {"__pycache__", ".ipynb_checkpoints"} & set(path.parts):
            yield path


def _base_inputs() -> Iterable[bytes]:
    return [SUITE.encode(), *(package.encode() for package in PACKAGES)]


def _researcher_inputs() -> Iterator[bytes]:
    for path in files(RESEARCHER):
        yield str(path.relative_to(ROOT)).encode()
        yield path.read_bytes()
    yield seccomp.program()


def _short(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:12]
