"""A project's data versions: each build is one, and the project stands on the one it is pinned to.

For changing them, only on the connection that `ControlStore.record` gives. A number is given once
and never again, since outputs and log entries carry it. Never touches a file: `vault.extract` does.
"""

from __future__ import annotations

import json

from sqlalchemy import Connection, insert, select

from enclave import tables
from enclave.errors import Conflict, NotFound
from enclave.store import (
    Version,
    find_project,
    forget_versions,
    kept_versions,
    set_project,
    version_of,
)

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
    gone = connection.execute(select(_TABLE.c.epoch).where(kept_versions(version.project), others))
    numbers = tuple(gone.scalars())
    forget_versions(connection, kept_versions(version.project) & others)
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
    forget_versions(connection, kept_versions(project) & (_TABLE.c.epoch == epoch))


def _find(connection: Connection, project: str, epoch: int) -> Version:
    found = select(_TABLE).where(kept_versions(project), _TABLE.c.epoch == epoch)
    row = connection.execute(found).first()
    if row is None:
        raise NotFound(
            f"{project} keeps no version {epoch}.",
            hint=f"`enclave project versions {project}` names those it keeps.",
        )
    return version_of(row)
