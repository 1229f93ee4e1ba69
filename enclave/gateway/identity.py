"""A user of its own for each project's worker: a number nobody else has, and what belongs to it.

The owner of a project's journal directory is the register: whoever owns it keeps it, the next one
takes the next number. The extract stays its owner's; the worker's group may read it. Needs root;
for anyone else everything stays as it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from enclave.durable import make_directory
from enclave.settings import Settings

# Beyond what distributions, containers and systemd give out (systemd.io/UIDS-GIDS).
FIRST, LAST = 1_900_000_000, 1_900_065_535


def claim(settings: Settings, project: str, epochs: Iterable[int]) -> int:
    """Return the project's user, owner of its journal and reader of these epochs; 0 if not root."""
    root = settings.state_dir / "gateway"
    place = root / project
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    if os.geteuid() != 0:
        return 0
    uid = _number(root, place)
    for path in (*place.iterdir(), place):
        os.chown(path, uid, uid, follow_symlinks=False)
    _let_read(settings.state_dir / "extracts" / project, epochs, uid)
    make_directory(settings.run_dir / "audit" / "gateway", 0o750)
    make_directory(settings.run_dir / "sessions", 0o755)
    return uid


def open_door(settings: Settings, session: str, uid: int) -> None:
    """Let a project's user make its socket in a session's directory, and no other project's pass.

    Containers have the directory itself mounted: what is above it is nothing to them. Nothing is
    done where not root.
    """
    place = settings.run_dir / "sessions" / session / "gateway"
    place.mkdir(parents=True, exist_ok=True)
    if uid and place.stat().st_uid != uid:
        os.chown(place.parent, -1, uid, follow_symlinks=False)
        place.parent.chmod(0o710)
        os.chown(place, uid, uid, follow_symlinks=False)


def _number(root: Path, place: Path) -> int:
    owners = {path.stat().st_uid for path in root.iterdir() if path != place}
    mine = place.stat().st_uid
    if FIRST <= mine <= LAST and mine not in owners:
        return mine
    return max((uid + 1 for uid in owners if FIRST <= uid < LAST), default=FIRST)


def _let_read(extract: Path, epochs: Iterable[int], gid: int) -> None:
    places = [place for place in (extract, *(extract / str(n) for n in epochs)) if place.is_dir()]
    for place in places:
        os.chown(place, -1, gid)
        place.chmod(0o750)
        for file in (path for path in place.iterdir() if path.is_file()):
            os.chown(file, -1, gid)
            file.chmod(0o640)
