"""Who sees what on the audit site: auditors every entry, a data steward those on one agency's data.

The one place that turns a person's roles into a sight. Never opens anything: whoever reads the
index, the log or the findings asks here first and hands the sight on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from audit.sentences import Fact
from enclave.errors import NotFound
from enclave.model import Person, Role

ADMITTED = frozenset({Role.AUDITOR, Role.STEWARD})


@dataclass(frozen=True, slots=True)
class Sight:
    """What somebody may see: entries on one agency's data, or with None every entry."""

    agency: str | None

    def sees(self, fact: Fact) -> bool:
        """Whether an entry may be shown."""
        return self.agency is None or self.agency in fact.agencies


def sight_of(person: Person | None) -> Sight:
    """Return what a person may see; raises NotFound for one who may see nothing.

    Someone who is both auditor and steward is an auditor. A steward without an agency sees nothing.
    """
    if person is not None and Role.AUDITOR in person.roles:
        return Sight(None)
    if person is not None and Role.STEWARD in person.roles and person.agency:
        return Sight(person.agency)
    raise NotFound("There is nothing here that you may see.")


def same_sight(people: Mapping[str, Person], one: str, other: str) -> bool:
    """Whether two people, by id, may see the same entries now."""
    try:
        return sight_of(people.get(one)) == sight_of(people.get(other))
    except NotFound:
        return False
