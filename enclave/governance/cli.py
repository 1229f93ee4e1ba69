"""`enclave plan`, `apply` and `agreement`: the administrator's hand on governance.

Only words in and words out: what happens is in `plan` and `projects`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

import click

from enclave.audit_client import AuditClient
from enclave.governance import plan as planning
from enclave.governance import projects, sign, signatures
from enclave.governance.compile import Network, compile_network
from enclave.governance.files import DsaFile, read_agreement, read_network
from enclave.governance.plan import Plan, Step
from enclave.settings import Settings
from enclave.store import ControlStore
from enclave.terminal import actor

MARKS = {Step.ADD: "+", Step.CHANGE: "~", Step.REMOVE: "-"}

Directory = click.Path(exists=True, file_okay=False, path_type=Path)
File = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("directory", type=Directory)
def plan(directory: Path) -> None:
    r"""Show what applying DIRECTORY would change, and why it matters.

    Changes nothing. Ends with 1 when something forbids applying: a signature that is missing or
    has lapsed, an agreement that is gone.

    \b
    Examples:
      enclave plan examples/demo-network
      enclave plan examples/demo-network && enclave apply examples/demo-network
    """
    network = _network(directory)
    found = planning.make(network, planning.look(open_store(Settings())))
    _show(found)
    projects.refuse(found)


@click.command()
@click.argument("directory", type=Directory)
def apply(directory: Path) -> None:
    r"""Put the files of DIRECTORY in force; a second time there is nothing to do.

    Every change is in the audit log before it counts. Anything wrong in any file, or a signature
    missing, and nothing is changed. Amending an agreement closes its project's open sessions, and
    its extract must be built again.

    \b
    Examples:
      enclave apply examples/demo-network
    """
    network = _network(directory)
    with control() as hand:
        _show(projects.apply(hand, network))


@click.group()
def agreement() -> None:
    r"""Look at an agreement's text hash and signatures, and sign.

    \b
    Examples:
      enclave agreement show network/agreements/dsa-credential-pay.yml
      enclave agreement sign network/agreements/dsa-credential-pay.yml --party dol --name "D. Diaz"
    """


@agreement.command("show")
@click.argument("file", type=File)
def show_agreement(file: Path) -> None:
    r"""Print the hash that is signed, a DSA's terms, and each party's signature or its lack.

    \b
    Example:
      enclave agreement show examples/demo-network/agreements/dsa-credential-pay.yml
    """
    found = read_agreement(file)
    click.echo(f"{found.form.id}: {found.form.title}")
    click.echo(f"sha256 {signatures.body_sha256(found.source.data)}")
    if isinstance(found.form, DsaFile):
        _show_terms(found.form)
    unsigned, by = signatures.unsigned(found), {each.party: each for each in found.form.signatures}
    for party in signatures.required(found.form):
        if party not in unsigned:
            click.echo(f"  {party}: signed by {by[party].name} on {by[party].date}")
        else:
            click.echo(f"  {party}: {'signature lapsed' if party in by else 'not signed'}")


def _show_terms(form: DsaFile) -> None:
    """Print what the gateway will hold the project to; what the file leaves out is not invented."""
    persons = form.aggregation.persons or "the agencies' strictest safe_threshold"
    share = form.aggregation.share or "0.8 or the agencies' strictest safe_nk_k"
    click.echo(f"  mode {form.mode.value}, engine {form.engine.value}")
    click.echo(
        f"  groups of at least: {persons} persons; most of a sum: {share}; "
        f"smaller: {form.aggregation.small.value}"
    )
    for whom, budget in (("project", form.budgets.project), ("person", form.budgets.person)):
        bounds = budget.model_dump(exclude_none=True)
        said = ", ".join(f"{key} {value:,}" for key, value in bounds.items())
        click.echo(f"  budget of the {whom}: {said or 'none'}")
    click.echo(f"  clients outside the workspace: {'yes' if form.network_clients else 'no'}")


@agreement.command("sign")
@click.argument("file", type=File)
@click.option("--party", required=True, help="An agency's id, `hub` or `recipient`.")
@click.option("--name", required=True, help="Who signed for the party.")
@click.option("--date", "on", type=click.DateTime(["%Y-%m-%d"]), help="When; today unless given.")
def sign_agreement(file: Path, party: str, name: str, on: datetime | None) -> None:
    r"""Record in FILE that a party signed the text as it stands now.

    The signature carries the text's SHA-256 and lapses when the text changes. Commit the file:
    what is recorded here is who signed which text, the paper lies with the network.

    \b
    Examples:
      enclave agreement sign dsa.yml --party cscu --name "Carl Chen, Chief Data Officer"
      enclave agreement sign dsa.yml --party hub --name "Dora Diaz" --date 2025-06-20
    """
    when = on.date() if on else date.today()
    sha256 = sign.sign(file, party=party, name=name, on=when)
    click.echo(f"{party} signed {sha256}")


def _network(directory: Path) -> Network:
    return compile_network(read_network(directory))


def open_store(settings: Settings) -> ControlStore:
    """Return the control store for a command that only looks."""
    return ControlStore(settings.database_url, only_looks=True)


@contextmanager
def control() -> Iterator[projects.Control]:
    """Give what a control function needs, with audit listening."""
    settings = Settings()
    with AuditClient(settings, "admin") as audit:
        store = ControlStore(settings.database_url)
        try:
            yield projects.Control(settings, store, audit, actor())
        finally:
            store.close()


def _show(found: Plan) -> None:
    for change in found.changes:
        click.echo(f"{MARKS[change.step]} {change.kind} {change.id}")
        for sentence in change.meaning:
            click.echo(f"    {sentence}")
    if not found.changes:
        click.echo("No changes.")
