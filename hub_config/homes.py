"""A home per person and project: its own small filesystem, so that it ends where it ends.

A loop-mounted ext4 image with nosuid, nodev and noexec; nothing moves between projects through a
home, and a full one fills nobody else's disk. Needs root; without it a plain directory, unbounded,
which `bounded` says.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from enclave.errors import Unavailable
from enclave.programs import of_host
from enclave.settings import Settings
from hub_config.places import RESEARCHER_UID

HOME_BYTES = 2 * 1024**3
OPTIONS = "loop,nosuid,nodev,noexec"


def bounded() -> bool:
    """Say whether homes are filesystems of their own here."""
    return os.geteuid() == 0


def image(settings: Settings, *, person: str, project: str) -> Path:
    """Return the file that holds a home."""
    return settings.state_dir.resolve() / "homes" / project / f"{person}.img"


def mount_point(settings: Settings, *, person: str, project: str) -> Path:
    """Return the directory a workspace gets as its home."""
    if not bounded():
        return settings.state_dir.resolve() / "homes" / project / person
    return settings.run_dir.resolve() / "homes" / project / person


def open_home(settings: Settings, *, person: str, project: str, size: int = HOME_BYTES) -> Path:
    """Have a person's home on a project ready and return it; raises `Unavailable`.

    `size` is the most it may hold, in bytes; the file grows only as it fills.
    """
    home = mount_point(settings, person=person, project=project)
    home.mkdir(parents=True, exist_ok=True)
    if not bounded() or os.path.ismount(home):
        return home
    file = image(settings, person=person, project=project)
    if not file.exists():
        _make(file, size)
    _call(["mount", "-o", OPTIONS, str(file), str(home)], "mounted")
    return home


def close_home(settings: Settings, *, person: str, project: str) -> None:
    """Take a home away from the running system; what is in it stays in its image."""
    home = mount_point(settings, person=person, project=project)
    if bounded() and os.path.ismount(home):
        _call(["umount", str(home)], "unmounted")


def close_all(settings: Settings) -> None:
    """Take every home away."""
    base = settings.run_dir.resolve() / "homes"
    for home in sorted(base.glob("*/*")):
        close_home(settings, person=home.name, project=home.parent.name)


def _make(file: Path, size: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.parent.chmod(0o700)
    draft = file.with_suffix(".new")
    with draft.open("wb") as output:
        output.truncate(size)
    draft.chmod(0o600)
    owner = f"{RESEARCHER_UID}:{RESEARCHER_UID}"
    argv = ["mkfs.ext4", "-q", "-m", "0", "-E", f"root_owner={owner},lazy_itable_init=1"]
    _call([*argv, str(draft)], "made")
    draft.rename(file)


def _call(argv: list[str], what: str) -> None:
    program = of_host(argv[0])
    if program is None:
        raise Unavailable(
            f"{argv[0]} is missing, so no home can be {what}.",
            hint="The administrator installs Debian's e2fsprogs and mount.",
        )
    done = subprocess.run([program, *argv[1:]], capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip()[:200]
        raise Unavailable(
            f"The workspace's home could not be {what}: {said}",
            hint="Tell the administrator: the disk may be full, or no loop device be free.",
        )
