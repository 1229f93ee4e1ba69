"""Where programs lie: our own beside this Python, the host's also where only root's path leads."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path


def ours(name: str) -> str:
    """Return the path of a program of this environment."""
    return str(Path(sys.executable).parent / name)


def of_host(name: str) -> str | None:
    """Return the path of a program of the host, or None where it is not installed."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
