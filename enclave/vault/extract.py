"""Project extracts: a project's approved views, encrypted under the project's key.

For handing one project exactly what its agreement approved, and nothing once its key is gone. On
disk: `extracts/<project>/<epoch>/`, a bundle each; an epoch without a manifest is not there, and
the control store says which epochs are kept and which of them counts. Never holds a person id, a
record key or an identifier.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from enclave.errors import NotFound
from enclave.settings import Settings
from enclave.vault import bundle
from enclave.vault.bundle import MANIFEST, Label
from enclave.vault.bundle import TableFactory as ViewFactory

__all__ = [
    "Extract",
    "ViewFactory",
    "epochs",
    "open_extract",
    "remove_epoch",
    "remove_epochs",
    "size",
    "write_extract",
]


@dataclass(frozen=True, slots=True)
class Extract:
    """An opened extract. Each call of `views[name]()` is a fresh reader over that view.

    Rows stand in order of `person_id` (canonical UUID text, the project's pseudonym), which is the
    first column; the others have their dictionary's Arrow types (`dictionary.ARROW`).
    """

    project: str
    epoch: int
    policy_sha256: str
    views: Mapping[str, ViewFactory]
    rows: Mapping[str, int]


def write_extract(
    settings: Settings,
    project: str,
    key: bytes,
    *,
    epoch: int,
    policy_sha256: str,
    views: Mapping[str, pa.Table],
) -> Path:
    """Write one epoch of a project's extract durably; return its directory."""
    place = _place(settings, project, epoch)
    label = Label("extract", project, epoch)
    bundle.write(place, key, label, policy_sha256=policy_sha256, tables=views)
    return place


def open_extract(
    settings: Settings, project: str, key: bytes, *, epoch: int | None = None
) -> Extract:
    """Open a project's extract: the given epoch (as the control store registers it) or the newest.

    Raises NotFound if there is none, KeyMissing if the key does not open it, Unavailable if it was
    damaged. Changed data files raise when they are read.
    """
    number = epoch if epoch is not None else max(epochs(settings, project), default=None)
    if number is None:
        raise NotFound(f"Project {project} has no extract.", hint="Build it first.")
    found = bundle.read(_place(settings, project, number), key, Label("extract", project, number))
    return Extract(project, number, found.policy_sha256, views=found.tables, rows=found.rows)


def epochs(settings: Settings, project: str) -> tuple[int, ...]:
    """Return the finished epochs of a project's extract, oldest first."""
    root = settings.state_dir / "extracts" / project
    found = (path.parent.name for path in root.glob(f"*/{MANIFEST}"))
    return tuple(sorted(int(name) for name in found if name.isdecimal()))


def size(settings: Settings, project: str, epoch: int) -> int:
    """Return how many bytes an epoch's files take on the disk; 0 where there are none."""
    place = _place(settings, project, epoch)
    return sum(path.stat().st_size for path in place.glob("*")) if place.is_dir() else 0


def remove_epochs(settings: Settings, project: str, *, keep: Collection[int]) -> None:
    """Remove a project's extract files, all but the epochs kept. Open readers keep their file."""
    root, kept = settings.state_dir / "extracts" / project, {str(epoch) for epoch in keep}
    for path in root.iterdir() if root.is_dir() else ():
        if path.name not in kept:
            _remove(path)


def remove_epoch(settings: Settings, project: str, epoch: int) -> None:
    """Remove one epoch's files, if there are any. Open readers keep their file."""
    place = _place(settings, project, epoch)
    if place.is_dir():
        _remove(place)


def _remove(place: Path) -> None:
    (place / MANIFEST).unlink(missing_ok=True)  # first: no reader starts on what goes
    shutil.rmtree(place)


def _place(settings: Settings, project: str, epoch: int) -> Path:
    return settings.state_dir / "extracts" / project / str(epoch)
