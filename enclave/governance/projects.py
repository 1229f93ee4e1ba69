"""The control functions over projects: provision, amend, close, and converge on what files say.

Command line and Ansible both come through here. Each change is in the audit log before it is in
force; a project's end destroys its key and everything of it that lay in the clear. Never reads a
row of data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import column, func, select, table

from enclave import documents, sessions, store
from enclave.errors import Denied, KeyMissing
from enclave.events import Action, Event, Scalar
from enclave.governance import grants, plan, signatures
from enclave.governance.compile import Network
from enclave.governance.plan import Change, Plan, Step
from enclave.model import Policy, ProjectState
from enclave.settings import Settings
from enclave.store import Appends, ControlStore
from enclave.vault import destruction, keys

# Egress review's own table and the states that lead on; the ground floor may not ask that room.
_REQUESTS = table("egress_request", column("project"), column("state"))
UNDER_REVIEW = ("submitted", "protected", "returned", "approved")


class Refused(Denied):
    """The files are well formed, but something forbids putting them in force."""

    code = "governance.refused"


@dataclass(frozen=True, slots=True)
class Control:
    """What every control function needs: where things lie, who is told, who acts."""

    settings: Settings
    store: ControlStore
    audit: Appends
    actor: str


def apply(control: Control, network: Network) -> Plan:
    """Put the files in force; return what was changed, which is nothing the second time.

    Raises `Refused` with every reason, and then nothing has changed.
    """
    found = plan.make(network, plan.look(control.store))
    refuse(found)
    carry_out(control, network, found.changes)
    return found


def refuse(found: Plan) -> None:
    """Raise `Refused` when something stands in the way of a plan."""
    if found.obstacles:
        raise Refused(
            "\n".join([*found.obstacles, "Nothing was changed."]),
            hint="`enclave plan` shows what would change.",
        )


def carry_out(control: Control, network: Network, changes: tuple[Change, ...]) -> None:
    """Make the changes, each with its receipt; then close every session they leave no ground."""
    files = tuple(each for each in changes if each.kind not in ("agreement", "project"))
    if files:
        _apply_files(control, network, files)
    for change in changes:
        if change.kind == "agreement":
            _apply_agreement(control, network, change)
    for change in changes:
        if change.kind == "project":
            put = provision if change.step is Step.ADD else amend
            put(control, network.policies[change.id])
    sessions.close_groundless(control.store, control.audit, control.settings)


def provision(control: Control, policy: Policy) -> None:
    """Add a project under a signed agreement; its extract is built later."""
    told = event(control, Action.PROJECT_PROVISIONED, policy)
    with control.store.record(control.audit, told) as connection:
        store.provision(connection, policy)
        grants.tell(control.audit, control.store, grants.of_project(control.actor, None, policy))


def amend(control: Control, policy: Policy) -> None:
    """Put a new policy in force: sessions under the old one end, its extract no longer counts."""
    _close_sessions(control, policy.project, reason="the agreement was amended")
    told = event(control, Action.PROJECT_AMENDED, policy)
    before = control.store.policy(policy.project)
    with control.store.record(control.audit, told) as connection:
        store.amend(connection, policy)
        grants.tell(control.audit, control.store, grants.of_project(control.actor, before, policy))
    _close_sessions(control, policy.project, reason="the agreement was amended")
    sessions.tell(control.settings)


def close(control: Control, project: str) -> bool:
    """End a project and destroy what lies there of its data; return whether anything changed.

    A second call finishes what a crash left. Raises `NotFound`, `AuditUnavailable`, and
    `Unavailable` when a service cannot let go of a session or a file of its place.
    """
    row = control.store.project(project)
    changed = row.state is not ProjectState.CLOSED
    _close_sessions(control, project, reason="the project is closed")
    if changed:
        policy = control.store.policy(project)
        with control.store.record(control.audit, _closing(control, project)) as connection:
            store.move(connection, project, ProjectState.CLOSED, epoch=None)
            grants.tell(
                control.audit, control.store, grants.of_project(control.actor, policy, None)
            )
        _close_sessions(control, project, reason="the project is closed")
        sessions.tell(control.settings)
    return destruction.destroy(control.settings, project) or changed


def under_review(found: ControlStore, project: str) -> int:
    """Return how many of a project's requests to release an output await their end."""
    waiting = select(func.count()).where(
        _REQUESTS.c.project == project, _REQUESTS.c.state.in_(UNDER_REVIEW)
    )
    with found.engine.connect() as connection:
        return int(connection.execute(waiting).scalar_one())


def _closing(control: Control, project: str) -> Event:
    """Return the event of a project's end: the key's fingerprint, and what is destroyed, counted.

    SATRE 3.1.10: the record of a destruction says what was destroyed.
    """
    policy, found = control.store.policy(project), destruction.inventory(control.settings, project)
    return event(
        control,
        Action.PROJECT_CLOSED,
        policy,
        key_fingerprint=_fingerprint(control.settings, project),
        requests_under_review=under_review(control.store, project),
        versions=len(control.store.versions(project)),
        **{f"destroyed_{kind}": len(places) for kind, places in found.items()},
    )


def _fingerprint(settings: Settings, project: str) -> str:
    try:
        return keys.fingerprint(keys.load(settings, project))
    except KeyMissing:
        return "none"


def _close_sessions(control: Control, project: str, *, reason: str) -> None:
    for each in control.store.sessions(project):
        sessions.close_session(
            control.store, control.audit, control.settings, session=each.id, reason=reason
        )


def _apply_files(control: Control, network: Network, changes: tuple[Change, ...]) -> None:
    steps = [change.step for change in changes]
    told = Event(
        Action.AGREEMENT_APPLIED,
        control.actor,
        agencies=tuple(sorted(each.id for each in changes if each.kind == "agency")),
        datasets=tuple(sorted(each.id for each in changes if each.kind == "dataset")),
        detail={
            "what": "network, agencies, datasets, people",
            "network": network.file.id,
            "sha256": documents.sha256(documents.canonical(_bodies(network))),
            **{step.value: steps.count(step) for step in Step},
        },
    )
    people = control.store.people(), network.people
    with control.store.record(control.audit, told) as connection:
        for change in changes:
            _put(connection, network, change)
        grants.tell(control.audit, control.store, grants.of_people(control.actor, *people))


def _apply_agreement(control: Control, network: Network, change: Change) -> None:
    body = network.agreements.get(change.id, {})
    policy = network.policies.get(str(body.get("project")))
    told = Event(
        Action.AGREEMENT_APPLIED,
        control.actor,
        project=policy.project if policy else None,
        agencies=tuple(sorted(body.get("agencies", ()))),
        datasets=tuple(sorted(view.dataset for view in policy.views)) if policy else (),
        clause=change.id,
        detail={
            "what": "agreement",
            "step": change.step.value,
            "agreement_sha256": signatures.body_sha256(body) if body else None,
        },
    )
    with control.store.record(control.audit, told) as connection:
        _put(connection, network, change)


def _put(connection: Any, network: Network, change: Change) -> None:
    if change.step is Step.REMOVE:
        store.drop(connection, change.kind, change.id)
    else:
        noun = plan.wanted(network)[change.kind, change.id]
        store.put(connection, change.kind, change.id, noun)


def _bodies(network: Network) -> Mapping[str, Any]:
    return {f"{kind}/{id}": noun for (kind, id), noun in plan.wanted(network).items()}


def event(control: Control, action: Action, policy: Policy, **detail: Scalar) -> Event:
    """Return an event about a whole project, with the hashes of its agreement and policy."""
    return Event(
        action,
        control.actor,
        project=policy.project,
        agencies=tuple(sorted(policy.agencies)),
        datasets=tuple(sorted({view.dataset for view in policy.views})),
        columns=tuple(f"{v.name}.{column.name}" for v in policy.views for column in v.columns),
        clause=policy.agreement,
        detail={
            "agreement_sha256": policy.agreement_sha256,
            "policy_sha256": documents.sha256(documents.canonical(policy)),
            "researchers": ", ".join(sorted(policy.researchers)),
            **detail,
        },
    )
