"""What applying the files would change, and what each change means for people and data.

Compares the compiled files with the control store; the same comparison drives `apply`, so that
what is announced is what is done. Pure: is handed both sides and changes neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from enclave import documents
from enclave.governance.compile import Network
from enclave.governance.meaning import differences, grant, policy_changes
from enclave.model import Policy, ProjectState
from enclave.store import ControlStore, ProjectRow

KINDS = ("network", "agency", "dataset", "person", "agreement")


class Step(StrEnum):
    """What happens to a thing."""

    ADD = "added"
    CHANGE = "changed"
    REMOVE = "removed"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that changes; `meaning` says what follows, one sentence each."""

    step: Step
    kind: str
    id: str
    meaning: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Before:
    """What the control store holds: the other side of the comparison."""

    documents: Mapping[tuple[str, str], str]
    projects: Mapping[str, ProjectRow]
    policies: Mapping[str, Policy]


@dataclass(frozen=True, slots=True)
class Plan:
    """All changes, documents first, and what forbids applying them (sentences)."""

    changes: tuple[Change, ...]
    obstacles: tuple[str, ...]


def look(store: ControlStore) -> Before:
    """Read the store once."""
    projects = {row.id: row for row in store.projects()}
    return Before(
        documents={
            (kind, id): store.body(kind, id) or "" for kind in KINDS for id in store.hashes(kind)
        },
        projects=projects,
        policies={id: store.policy(id) for id in projects},
    )


def make(network: Network, before: Before) -> Plan:
    """Return what would change and what stands in the way."""
    changes = (*_documents(network, before), *_projects(network, before))
    return Plan(changes, tuple(_obstacles(network, before)))


def only(project: str, network: Network, before: Before) -> tuple[Network, Before]:
    """Return both sides narrowed to one project and the files it rests on; nothing is removed."""
    agreement = network.policies[project].agreement
    agreements = {agreement, str(network.agreements[agreement]["under"])}
    narrowed = replace(
        network,
        agreements={id: body for id, body in network.agreements.items() if id in agreements},
        policies={project: network.policies[project]},
        unsigned={id: found for id, found in network.unsigned.items() if id in agreements},
    )
    keys = wanted(narrowed).keys()
    return narrowed, Before(
        documents={key: body for key, body in before.documents.items() if key in keys},
        projects={id: row for id, row in before.projects.items() if id == project},
        policies={id: policy for id, policy in before.policies.items() if id == project},
    )


def wanted(network: Network) -> Mapping[tuple[str, str], Any]:
    """Return every document the files ask for, by kind and id."""
    groups: Mapping[str, Mapping[str, Any]] = {
        "network": {network.file.id: network.file.model_dump(mode="json")},
        "agency": network.agencies,
        "dataset": network.datasets,
        "person": network.people,
        "agreement": network.agreements,
    }
    return {(kind, id): noun for kind in KINDS for id, noun in sorted(groups[kind].items())}


def _documents(network: Network, before: Before) -> Iterator[Change]:
    after = {key: documents.canonical(noun).decode() for key, noun in wanted(network).items()}
    for (kind, id), body in after.items():
        old = before.documents.get((kind, id))
        if old is None:
            yield Change(Step.ADD, kind, id)
        elif old != body:
            yield Change(Step.CHANGE, kind, id, tuple(differences(old, body)))
    for kind, id in before.documents.keys() - after.keys():
        yield Change(Step.REMOVE, kind, id)


def _projects(network: Network, before: Before) -> Iterator[Change]:
    for id, policy in sorted(network.policies.items()):
        row = before.projects.get(id)
        if row is None:
            yield Change(Step.ADD, "project", id, tuple(grant(policy)))
        elif row.state is not ProjectState.CLOSED and _differs(policy, row):
            meaning = tuple(policy_changes(before.policies[id], policy))
            yield Change(Step.CHANGE, "project", id, meaning)


def _obstacles(network: Network, before: Before) -> Iterable[str]:
    yield from (str(each) for problems in network.unsigned.values() for each in problems)
    for id, row in sorted(before.projects.items()):
        policy = network.policies.get(id)
        if row.state is ProjectState.CLOSED:
            if policy is not None and _differs(policy, row):
                yield f"The project {id} is closed for good: give the new agreement a new project."
        elif policy is None:
            yield (
                f"No agreement in the files grants the project {id} any more: end it with "
                f"`enclave project close {id}` or bring its agreement back."
            )


def _differs(policy: Policy, row: ProjectRow) -> bool:
    return documents.sha256(documents.canonical(policy)) != row.policy_sha256
