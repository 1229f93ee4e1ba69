"""Says in the audit log who got or lost a role, an agency or a project, and by whose hand.

The facts of an access change as SATRE 2.5.03 wants them: one event for each person and right. The
change itself is `projects`'; never decides anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from enclave.events import Action, Event
from enclave.model import Person, Policy
from enclave.store import Appends, ControlStore

Right = tuple[str, str, str | None]
"""A person, a role, and the agency it is held for, if any."""


def tell(audit: Appends, store: ControlStore, events: Iterator[Event]) -> None:
    """Append each; raises AuditUnavailable, and then the change they tell of must not happen.

    Or StoreOlder, at the first: what will be refused is not told as done.
    """
    for event in events:
        audit.append(store.standing(event))


def of_people(
    actor: str, before: Mapping[str, Person], after: Mapping[str, Person]
) -> Iterator[Event]:
    """Yield an event for each role that somebody gets or loses, one held for another agency too."""
    old, new = _rights(before), _rights(after)
    for action, rights in ((Action.ACCESS_REVOKED, old - new), (Action.ACCESS_GRANTED, new - old)):
        for person, role, agency in sorted(rights, key=str):
            agencies = (agency,) if agency else ()
            detail = {"person": person, "role": role}
            yield Event(action, actor, agencies=agencies, detail=detail)


def of_project(actor: str, before: Policy | None, after: Policy | None) -> Iterator[Event]:
    """Yield an event for each researcher whom a project gets or loses; it may begin or end."""
    about = after or before
    assert about is not None
    old = before.researchers if before else frozenset()
    new = after.researchers if after else frozenset()
    for action, people in ((Action.ACCESS_REVOKED, old - new), (Action.ACCESS_GRANTED, new - old)):
        for person in sorted(people):
            yield Event(
                action,
                actor,
                project=about.project,
                agencies=tuple(sorted(about.agencies)),
                clause=f"{about.agreement}, researchers",
                detail={
                    "person": person,
                    "project": about.project,  # the verifier reads details alone
                    "agreement_sha256": about.agreement_sha256,
                },
            )


def _rights(people: Mapping[str, Person]) -> set[Right]:
    return {
        (id, role.value, person.agency) for id, person in people.items() for role in person.roles
    }
