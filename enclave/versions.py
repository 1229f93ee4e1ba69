"""A project's data versions: each build is one, and the project stands on the one it is pinned to.

For changing them, only on the connection that `ControlStore.record` gives. A number is given once
and never again, since outputs and log entries carry it. Never touches a file: `vault.extract` does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, insert, select, update

from enclave import tables
from enclave.errors import Conflict, NotFound
from enclave.store import Version, find_project, set_project, version_of

_TABLE = tables.versions


def register(connection: Connection, version: Version) -> tuple[int, ...]:
    """Add a version; forget those built under another policy, and return their numbers.

    What the agreement no longer grants is not kept: no version of another policy is ever served.
    """
    values = {
        "project": version.project,
        "epoch": version.epoch,
        "policy_sha256": version.policy_sha256,
        "rows": json.dumps(dict(version.rows), sort_keys=True),
        "built_at": version.built_at,
    }
    connection.execute(insert(_TABLE).values(values))
    others = _TABLE.c.policy_sha256 != version.policy_sha256
    gone = connection.execute(select(_TABLE.c.epoch).where(_kept(version.project), others))
    numbers = tuple(gone.scalars())
    _forget(connection, version.project, numbers)
    return numbers


def pin(connection: Connection, project: str, epoch: int) -> None:
    """Have an active project stand on a version it keeps.

    Raises `NotFound` for one it does not keep, `Conflict` for one built under another policy and
    for a project that has no extract in force.
    """
    row, version = find_project(connection, project), _find(connection, project, epoch)
    if version.policy_sha256 != row.policy_sha256:
        raise Conflict(
            f"Version {epoch} of {project} was built under another text of its agreement.",
            hint=f"Build one under the present text: `enclave project build {project}`.",
        )
    if row.extract_epoch is None:
        raise Conflict(
            f"{project} has no extract in force.", hint=f"`enclave project build {project}`."
        )
    set_project(connection, project, extract_epoch=epoch)


def forget(connection: Connection, project: str, epoch: int) -> None:
    """Keep a version no longer. Raises `NotFound`, and `Conflict` for the one in use."""
    if find_project(connection, project).extract_epoch == epoch:
        raise Conflict(
            f"{project} stands on version {epoch}.",
            hint="Move the project to another version first, or close it.",
        )
    _find(connection, project, epoch)
    _forget(connection, project, (epoch,))


def now() -> str:
    """Return the time as versions carry it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _kept(project: str) -> ColumnElement[bool]:
    return (_TABLE.c.project == project) & _TABLE.c.forgotten_at.is_(None)


def _forget(connection: Connection, project: str, epochs: Sequence[int]) -> None:
    chosen = _kept(project) & _TABLE.c.epoch.in_(epochs)
    connection.execute(update(_TABLE).where(chosen).values(forgotten_at=now()))


def _find(connection: Connection, project: str, epoch: int) -> Version:
    found = select(_TABLE).where(_kept(project), _TABLE.c.epoch == epoch)
    row = connection.execute(found).first()
    if row is None:
        raise NotFound(
            f"{project} keeps no version {epoch}.",
            hint=f"`enclave project versions {project}` names those it keeps.",
        )
    return version_of(row)
