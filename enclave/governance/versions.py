"""The control functions over a project's data versions: list, move to one, forget one.

The recipient's lead decides which version the project stands on; the administrator carries it out.
Each change is in the audit log before it is in force. Never builds a version (`vault.build`) and
never serves one: the gateway follows the control store.
"""

from __future__ import annotations

from dataclasses import dataclass

from enclave import sessions, versions
from enclave.errors import NotFound
from enclave.events import Action
from enclave.governance.projects import Control, event
from enclave.settings import Settings
from enclave.store import ControlStore, Version
from enclave.vault import extract


@dataclass(frozen=True, slots=True)
class Standing:
    """A kept version beside its project: may it be used, is it the one, how much disk it takes.

    `in_force` is whether it was built under the policy that is in force now. `size` is in bytes.
    """

    version: Version
    pinned: bool
    in_force: bool
    size: int


def look(settings: Settings, store: ControlStore, project: str) -> tuple[Standing, ...]:
    """Return a project's kept versions, oldest first. Raises `NotFound` for no such project."""
    row = store.project(project)
    return tuple(
        Standing(
            version=each,
            pinned=each.epoch == row.extract_epoch,
            in_force=each.policy_sha256 == row.policy_sha256,
            size=extract.size(settings, project, each.epoch),
        )
        for each in store.versions(project)
    )


def move(control: Control, project: str, epoch: int) -> bool:
    """Have the project stand on another of its versions; return whether that changed anything.

    Sessions stay open; their running queries end, and the next ones see the other version. Raises
    `NotFound`, `Conflict` where `versions.pin` does, `AuditUnavailable` with nothing changed.
    """
    at = control.store.project(project).extract_epoch
    if at == epoch:
        return False
    policy = control.store.policy(project)
    told = event(control, Action.PROJECT_MOVED, policy, **{"from": at, "epoch": epoch})
    with control.store.record(control.audit, told) as connection:
        versions.pin(connection, project, epoch)
    sessions.tell(control.settings)
    return True


def forget(control: Control, project: str, epoch: int) -> bool:
    """Remove the files of a version the project does not stand on; return whether any were there.

    A second call finishes what a crash left. Outputs made from it can no longer be checked, so
    those still to be submitted are refused. Raises `NotFound` for a number that no version ever
    had, `Conflict` for the version in use, `AuditUnavailable` with nothing changed.
    """
    there = epoch in extract.epochs(control.settings, project)
    kept = {each.epoch: each for each in control.store.versions(project)}
    if epoch not in kept and not 0 < epoch <= control.store.last_version(project):
        raise NotFound(
            f"{project} never had a version {epoch}.",
            hint=f"`enclave project versions {project}` names those it keeps.",
        )
    if epoch in kept:
        policy = control.store.policy(project)
        told = event(
            control,
            Action.PROJECT_FORGOT,
            policy,
            epoch=epoch,
            bytes=extract.size(control.settings, project, epoch),
        )
        with control.store.record(control.audit, told) as connection:
            versions.forget(connection, project, epoch)
        sessions.tell(control.settings)
    extract.remove_epoch(control.settings, project, epoch)
    return there or epoch in kept
