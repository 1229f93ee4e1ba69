"""Bring one project to what its agreement's file says, and report what was and what is.

For configuration management: the report of a dry run is the report of the run that follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enclave import documents
from enclave.errors import Invalid, NotFound
from enclave.governance import plan, projects
from enclave.governance.compile import Network, compile_network
from enclave.governance.files import DsaFile, read_agreement, read_network
from enclave.governance.plan import Plan, Step
from enclave.governance.projects import Control
from enclave.model import Policy, ProjectState
from enclave.vault import destruction

Report = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one project was and what it is (or, of a dry run, would be), as plain JSON."""

    changed: bool
    before: Report
    after: Report
    meaning: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of the project's data: an extract at all, and one version of it."""

    build: bool
    version: int | None


def converge(
    control: Control,
    file: Path,
    *,
    closed: bool = False,
    build: bool = False,
    version: int | None = None,
    dry_run: bool = False,
) -> Outcome:
    """Provision, amend or close the project of a DSA's file.

    `build` makes an extract where none fits the agreement; `version` is the one of its data that
    the project shall stand on, or None for whichever it stands on. The file lies in `agreements/`
    of its network's directory. Raises `InvalidFiles`, `Refused` when a signature is missing or the
    project is closed, `NotFound` for closing what never was and for a version that is not kept or
    was built under another text.
    """
    agreement = read_agreement(file).form
    if not isinstance(agreement, DsaFile):
        raise Invalid("An E-MOU has no project.", hint="Name the file of a DSA.")
    if closed:
        return _close(control, agreement.project, dry_run=dry_run)
    network = compile_network(read_network(file.absolute().parent.parent))
    return _bring(control, network, agreement.project, Wanted(build, version), dry_run=dry_run)


def _close(control: Control, project: str, *, dry_run: bool) -> Outcome:
    row = control.store.project(project)
    left = destruction.remains(control.settings, project)
    before = _report(control, project)
    after: Report = {**before, "state": "closed", "extract": "none", "version": None, "left": []}
    changed = row.state is not ProjectState.CLOSED or bool(left)
    if changed and not dry_run:
        projects.close(control, project)
        after = _report(control, project)
    return Outcome(changed, before, after, _of_closing(control, project) if changed else ())


def _of_closing(control: Control, project: str) -> tuple[str, ...]:
    sentence = f"Sessions of {project} close; its key, extract, journal and homes are destroyed."
    waiting = projects.under_review(control.store, project)
    return (sentence, f"{waiting} requests to release its outputs are still under review.")


def _bring(
    control: Control, network: Network, project: str, data: Wanted, *, dry_run: bool
) -> Outcome:
    network, looked = plan.only(project, network, plan.look(control.store))
    found = plan.make(network, looked)
    projects.refuse(found)
    keys = tuple((each.kind, each.id) for each in found.changes if each.kind != "project")
    before = {**_report(control, project), "files": _hashes(looked.documents, keys)}
    expected = _expected(control, before, found, network.policies[project], data)
    wanted = {key: documents.canonical(noun).decode() for key, noun in plan.wanted(network).items()}
    after = {**expected, "files": _hashes(wanted, keys)}
    meaning = tuple(sentence for each in found.changes for sentence in each.meaning)
    changed = before != after
    if changed and not dry_run:
        projects.carry_out(control, network, found.changes)
        _fit(control, project, data)
        after = {**_report(control, project), "files": _hashes(_stored(control, keys), keys)}
    return Outcome(changed, before, after, meaning)


def _expected(
    control: Control, before: Report, found: Plan, policy: Policy, data: Wanted
) -> Report:
    """Return what `_report` will say once the plan is carried out."""
    step = next((each.step for each in found.changes if each.kind == "project"), None)
    after: dict[str, Any] = dict(before)
    if step is not None:
        after |= {"extract": "none", "version": None, "policy": documents.plain(policy)}
    if step is Step.ADD:
        after |= {"state": "provisioned", "left": []}
    if data.build and after["extract"] == "none":
        after |= {"state": "active", "extract": "built", "version": _next(control, policy.project)}
    if data.version not in (None, after["version"]):
        _check_version(control, policy, data.version, in_force=after["extract"] == "built")
        after["version"] = data.version
    return after


def _check_version(
    control: Control, policy: Policy, version: int | None, *, in_force: bool
) -> None:
    mark = documents.sha256(documents.canonical(policy))
    versions = control.store.versions(policy.project)
    kept = [each.epoch for each in versions if each.policy_sha256 == mark]
    if version not in kept or not in_force:
        raise NotFound(
            f"{policy.project} keeps no version {version} under this text of its agreement.",
            hint=f"`enclave project versions {policy.project}` names those it keeps.",
        )


def _next(control: Control, project: str) -> int:
    from enclave.vault.build import next_epoch  # noqa: PLC0415 - data libraries take a second

    return next_epoch(control.settings, control.store, project)


def _fit(control: Control, project: str, data: Wanted) -> None:
    """Build and move as asked, where that is not so already."""
    if data.build and control.store.project(project).extract_epoch is None:
        from enclave.vault.build import build  # noqa: PLC0415

        build(control.settings, control.store, control.audit, project=project, actor=control.actor)
    if data.version is not None:
        from enclave.governance import versions  # noqa: PLC0415

        versions.move(control, project, data.version)


def _report(control: Control, project: str) -> Report:
    """Return where a project stands: its state, its policy, what of its data lies there."""
    row = {each.id: each for each in control.store.projects()}.get(project)
    if row is None:
        return {"project": project, "state": "absent", "extract": "none", "version": None}
    return {
        "project": project,
        "state": row.state.value,
        "extract": "none" if row.extract_epoch is None else "built",
        "version": row.extract_epoch,
        "policy": documents.plain(control.store.policy(project)),
        "left": _left(control, project) if row.state is ProjectState.CLOSED else [],
    }


def _left(control: Control, project: str) -> list[str]:
    state = control.settings.state_dir
    return [str(path.relative_to(state)) for path in destruction.remains(control.settings, project)]


def _hashes(
    bodies: Mapping[tuple[str, str], str], keys: tuple[tuple[str, str], ...]
) -> Mapping[str, str]:
    return {
        f"{kind}/{id}": documents.sha256(bodies[kind, id])
        for kind, id in keys
        if (kind, id) in bodies
    }


def _stored(control: Control, keys: tuple[tuple[str, str], ...]) -> Mapping[tuple[str, str], str]:
    return {(kind, id): control.store.body(kind, id) or "" for kind, id in keys}
