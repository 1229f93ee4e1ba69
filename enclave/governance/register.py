"""`enclave register`: what the public may know: who runs this, which data, which projects used it.

Prints Markdown for the operator to publish. Adds no person, no column and no number of the data
to what agreements and descriptions say in their own words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import click

from enclave.governance.cli import open_store
from enclave.model import Dataset, Policy
from enclave.settings import Settings
from enclave.store import ControlStore, ProjectRow


def page(store: ControlStore) -> Iterator[str]:
    """Yield the register's lines: the network, its data, and every project there ever was."""
    yield from _network(store)
    agencies = {id: each.name for id, each in store.agencies().items()}
    datasets = store.datasets()
    yield "\n## Data\n"
    for each in datasets.values():
        source = agencies.get(each.agency, each.agency)
        yield f"- **{_plain(each.label)}** ({_plain(source)}): {_plain(each.description)}"
    yield "\n## Projects"
    for row in store.projects():
        yield from _project(store, row, agencies, datasets)


def _network(store: ControlStore) -> Iterator[str]:
    (said, *_) = [_body(store, "network", id) for id in store.hashes("network")] or [{}]
    yield f"# Register of {_plain(said.get('name', 'this enclave'))}"
    if notice := said.get("notice"):
        yield f"\n{_plain(notice)}"
    if group := said.get("operating_group"):
        boards = said["boards"]
        yield (
            f"\nRun by {_plain(group)}. Overseen by the {_plain(boards['executive'])}; requests "
            f"are approved by the {_plain(boards['governing'])}; residents advise through the "
            f"{_plain(boards['advisory'])}."
        )


def _project(
    store: ControlStore,
    row: ProjectRow,
    agencies: Mapping[str, str],
    datasets: Mapping[str, Dataset],
) -> Iterator[str]:
    policy: Policy = store.policy(row.id)
    organisation = _body(store, "agreement", policy.agreement).get("recipient", {})
    used = sorted({(view.dataset, view.agency) for view in policy.views})
    data = (
        f"{_plain(datasets[dataset].label if dataset in datasets else dataset)} "
        f"({_plain(agencies.get(agency, agency))})"
        for dataset, agency in used
    )
    yield f"\n### {_plain(policy.title)}\n\n{_plain(policy.purpose)}\n"
    if by := organisation.get("organisation"):
        yield f"- By: {_plain(by)}"
    yield f"- Data: {'; '.join(data)}"
    dates = f"{policy.starts} to {policy.ends}, all its data destroyed by {policy.destroy_by}"
    yield f"- Agreed: {dates}"
    yield f"- State: {row.state.value}"


def _body(store: ControlStore, kind: str, id: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(store.body(kind, id) or "{}")
    return found


def _plain(text: str) -> str:
    """Return a text on one line that Markdown and a browser show as it is."""
    return re.sub(r"([\\`*_\[\]<>#|!&~])", r"\\\1", " ".join(text.split()))


@click.command("register")
def register() -> None:
    r"""Print the public register (Markdown): who runs this, which data it holds, every project.

    It names no person unless an agreement's title or purpose does: read it before you publish it.
    A closed project stays in it.

    \b
    Example:
      enclave register > register.md
    """
    for line in page(open_store(Settings())):
        click.echo(line)
