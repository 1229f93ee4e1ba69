"""What a project leaves on disks, and its destruction at the project's end.

Two sorts: what its key alone opens (extract, crosswalk), gone with the key, and what lies there in
the clear (the gateway's journal, the researchers' homes), which is overwritten. Works with every
service down, and a second call finishes what a crash left. Never touches another project's things,
and nothing of egress review: what is in its custody was asked to be kept.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from enclave.errors import Unavailable
from enclave.programs import of_host
from enclave.settings import Settings
from enclave.vault import keys

CHUNK_BYTES = 1024**2


def inventory(settings: Settings, project: str) -> Mapping[str, tuple[Path, ...]]:
    """Return what still lies there of a project: its places by kind, kinds without any left out.

    Raises `Unavailable` when it may not be looked at: nothing is then called destroyed.
    """
    try:
        found = _look(settings.state_dir, project)
    except PermissionError as error:
        raise Unavailable(
            f"This account may not look at what {project} has left ({error.filename}).",
            hint="Close it as the account that runs the enclave's services.",
        ) from error
    return {kind: places for kind, places in found.items() if places}


def _look(state: Path, project: str) -> Mapping[str, tuple[Path, ...]]:
    return {
        "key": _existing(state / "keys" / f"{project}.key"),
        "extract": _existing(state / "extracts" / project),
        "crosswalk": tuple(p for p in _inside(state / "crosswalks") if _stem(p) == project),
        "journal": _existing(state / "gateway" / project),
        "home": _inside(state / "homes" / project),
    }


def remains(settings: Settings, project: str) -> tuple[Path, ...]:
    """Return every place of `inventory`."""
    return tuple(place for places in inventory(settings, project).values() for place in places)


def destroy(settings: Settings, project: str) -> bool:
    """Destroy everything of a project's data that lies there; return whether anything did.

    Homes that are mounted are taken away, whoever has files open in them. The project never gets a
    key again. Raises `Unavailable` when something could not be removed; call again then.
    """
    found = inventory(settings, project)
    keys.destroy(settings, project)  # also where there was none: it then never gets one
    try:
        for kind in ("extract", "crosswalk", "journal"):
            for place in found.get(kind, ()):
                _remove(place, overwrite=kind == "journal")
        _take_away(settings.run_dir / "homes" / project)
        for home in found.get("home", ()):
            _remove(home, overwrite=home.is_file())
        with suppress(FileNotFoundError):
            (settings.state_dir / "homes" / project).rmdir()
    except OSError as error:
        raise Unavailable(
            f"Not everything of {project} could be removed: {error.strerror} ({error.filename}).",
            hint="Remove the obstacle and close the project again; its key is destroyed.",
        ) from error
    return bool(found)


def _take_away(mounted: Path) -> None:
    """Unmount every home below a directory: at once by name, in truth when its last user ends."""
    for home in _inside(mounted.resolve()):
        if os.path.ismount(home):
            done = subprocess.run(
                [of_host("umount") or "umount", "--lazy", str(home)],
                capture_output=True,
                text=True,
                check=False,
            )
            if os.path.ismount(home):  # else the hub was quicker, which is as good
                raise Unavailable(
                    f"A home could not be unmounted: {done.stderr.strip()[:200]}",
                    hint="Unmount it and close the project again; its key is destroyed.",
                )
        home.rmdir()
    with suppress(FileNotFoundError):
        mounted.rmdir()


def _remove(place: Path, *, overwrite: bool) -> None:
    """Remove a file or directory; overwrite its own files first (not those further down).

    Further down is what a researcher may have made, links out of there too: only removed.
    """
    for file in (place, *_inside(place)) if overwrite else ():
        if file.is_file():
            _overwrite(file)
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def _overwrite(path: Path) -> None:
    # Best effort: a flash disk or a snapshot may keep the old cells. Emptied as well, so that a
    # container that still has the home mounted finds nothing in it.
    with os.fdopen(os.open(path, os.O_RDWR | os.O_NOFOLLOW), "r+b", buffering=0) as file:
        for start, end in _written(file.fileno()):
            file.seek(start)
            for at in range(start, end, CHUNK_BYTES):
                file.write(bytes(min(CHUNK_BYTES, end - at)))
        os.fsync(file.fileno())
        file.truncate(0)


def _written(handle: int) -> Iterator[tuple[int, int]]:
    """Yield the written stretches (first byte, end) of an open file; homes are mostly holes."""
    at, size = 0, os.fstat(handle).st_size
    while at < size:
        try:
            start = os.lseek(handle, at, os.SEEK_DATA)
        except OSError:  # nothing but a hole until the end
            return
        at = os.lseek(handle, start, os.SEEK_HOLE)
        yield start, at


def _existing(path: Path) -> tuple[Path, ...]:
    return (path,) if path.exists() else ()


def _inside(directory: Path) -> tuple[Path, ...]:
    return tuple(sorted(directory.iterdir())) if directory.is_dir() else ()


def _stem(path: Path) -> str:
    return path.name.split(".")[0]
