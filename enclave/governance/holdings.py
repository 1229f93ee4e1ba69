"""`enclave holdings`: what data is held here, whose it is, who uses it, and how long it is needed.

For the record that an agency, an auditor or the law asks for. Reads descriptions and dates of the
control store, never a row of data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import click

from enclave.governance.cli import open_store
from enclave.model import Dataset, Person, Policy, ProjectState, Role
from enclave.settings import Settings
from enclave.store import ControlStore, DeliveryRow, ProjectRow

CONTACTS = frozenset({Role.STEWARD, Role.REVIEWER})  # who speaks for an agency's data here


@dataclass(frozen=True, slots=True)
class Holding:
    """One dataset: `described` is None where its file was taken away and its data were not."""

    dataset: str
    agency: str
    source: str
    described: Dataset | None
    contacts: tuple[Person, ...]
    received: tuple[DeliveryRow, ...]
    projects: tuple[tuple[ProjectRow, Policy], ...]

    @property
    def needed_until(self) -> date | None:
        """The last day by which a project that is not closed must have destroyed its part."""
        open_now = (p for row, p in self.projects if row.state is not ProjectState.CLOSED)
        return max((policy.destroy_by for policy in open_now), default=None)


def find(store: ControlStore) -> Iterator[Holding]:
    """Yield every dataset that is described, or of which anything was ever received."""
    described, agencies = store.datasets(), store.agencies()
    people, received = store.people().values(), store.deliveries()
    projects = [(row, store.policy(row.id)) for row in store.projects()]
    for id in sorted({*described, *(row.dataset for row in received)}):
        rows = tuple(row for row in received if row.dataset == id)
        agency = described[id].agency if id in described else rows[-1].agency
        yield Holding(
            dataset=id,
            agency=agency,
            source=agencies[agency].name if agency in agencies else "no agency of the network now",
            described=described.get(id),
            contacts=tuple(p for p in people if p.agency == agency and p.roles & CONTACTS),
            received=rows,
            projects=tuple(each for each in projects if _uses(each[1], id)),
        )


def _uses(policy: Policy, dataset: str) -> bool:
    return any(view.dataset == dataset for view in policy.views)


@click.command("holdings")
def holdings() -> None:
    r"""List the data held here: whose it is, when it came, who uses it, how long it is needed.

    Contacts are the stewards and reviewers of the agency that delivers it. Needed is what a
    project that is not closed may use, until its agreement has it destroyed.

    \b
    Example:
      enclave holdings
    """
    for each in find(open_store(Settings())):
        label = each.described.label if each.described else "no longer described, still held"
        click.echo(f"{each.dataset}: {label}")
        if each.described:
            click.echo(f"  {each.described.description}")
        click.echo(f"  source        {each.source} ({each.agency})")
        named = "; ".join(f"{person.name} <{person.email}>" for person in each.contacts)
        click.echo(
            f"  contact       {named or 'nobody: enter a steward or reviewer of the agency'}"
        )
        for row in each.received:
            click.echo(
                f"  received      {row.stored_at[:10]}, version {row.version}, {row.rows:,} rows"
            )
        if not each.received:
            click.echo("  received      nothing yet")
        for project, policy in each.projects:
            click.echo(f"  project       {project.id} ({project.state.value}), {policy.title}")
        until = each.needed_until
        click.echo(f"  needed until  {until or 'no project that is open uses it'}\n")
