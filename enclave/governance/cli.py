"""`enclave plan`, `apply`, `agreement` and `project`: the administrator's hand on governance.

Only words in and words out: what happens is in `plan` and `projects`.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

import click

from enclave.audit_client import AuditClient
from enclave.governance import plan as planning
from enclave.governance import projects, sign, signatures
from enclave.governance.compile import Network, compile_network
from enclave.governance.files import read_agreement, read_network
from enclave.governance.plan import Plan, Step
from enclave.model import Policy
from enclave.settings import Settings
from enclave.store import ControlStore
from enclave.vault import destruction

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
    found = planning.make(network, planning.look(_store(Settings())))
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
    with _control() as control:
        _show(projects.apply(control, network))


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
    """Print the hash that is signed, and each party with its signature or the lack of one."""
    found = read_agreement(file)
    click.echo(f"{found.form.id}: {found.form.title}")
    click.echo(f"sha256 {signatures.body_sha256(found.source.data)}")
    unsigned, by = signatures.unsigned(found), {each.party: each for each in found.form.signatures}
    for party in signatures.required(found.form):
        if party not in unsigned:
            click.echo(f"  {party}: signed by {by[party].name} on {by[party].date}")
        else:
            click.echo(f"  {party}: {'signature lapsed' if party in by else 'not signed'}")


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


@click.group()
def project() -> None:
    r"""List, show, build and close projects.

    \b
    Examples:
      enclave project list
      enclave project show credential-pay
      enclave project build credential-pay
      enclave project close credential-pay
    """


@project.command("list")
def list_projects() -> None:
    """List every project ever provisioned, with its state and agreement's dates."""
    store = _store(Settings())
    for row in store.projects():
        policy = store.policy(row.id)
        click.echo(f"{row.id:30}  {row.state.value:11}  ends {policy.ends}  {policy.title}")


@project.command("show")
@click.argument("id")
def show_project(id: str) -> None:
    """Print what project ID may see, who works on it, and where it stands."""
    store = _store(Settings())
    row, policy = store.project(id), store.policy(id)
    extract = f"epoch {row.extract_epoch}" if row.extract_epoch is not None else "none"
    click.echo(f"{policy.title}\n  {policy.purpose}\n")
    click.echo(f"state        {row.state.value}, extract: {extract}")
    click.echo(f"agreement    {policy.agreement}, sha256 {policy.agreement_sha256}")
    click.echo(f"in force     {policy.starts} to {policy.ends}, destroyed by {policy.destroy_by}")
    click.echo(f"researchers  {', '.join(sorted(policy.researchers))}")
    click.echo(f"open now     {len(store.sessions(id))} sessions")
    _show_views(policy)


@project.command("build")
@click.argument("id")
def build_project(id: str) -> None:
    """Make project ID's encrypted extract from the newest deliveries; it becomes active.

    Linkage publishes the project's pseudonyms in a process of its own; approved rows and columns
    are then joined with them and written under the project's key.
    """
    from enclave.vault.build import build

    with _control() as control:
        build(control.settings, control.store, control.audit, project=id, actor=control.actor)
        click.echo(f"{id} is active, epoch {control.store.project(id).extract_epoch}")


@project.command("close")
@click.argument("id")
@click.option("--yes", is_flag=True, help="Do not ask.")
def close_project(id: str, yes: bool) -> None:
    """End project ID for good: close its sessions, destroy its key, extract, journal and homes.

    Nothing brings the data back, nor what researchers kept in their workspaces. Requests to
    release an output stay with egress review. Run it again after a crash: it finishes what was
    left.
    """
    with _control() as control:
        control.store.project(id)
        if not yes:
            click.confirm(
                f"Destroy the key of {id}, its extract and its researchers' homes?", abort=True
            )
        found = destruction.inventory(control.settings, id)
        changed = projects.close(control, id)
        waiting = projects.under_review(control.store, id)
    counts = ", ".join(f"{len(places)} {kind}" for kind, places in found.items())
    click.echo(
        f"{id} is {'now' if changed else 'already'} closed. Destroyed: {counts or 'nothing'}."
    )
    if waiting:
        click.echo(f"Still under review: {waiting} of its requests to release an output.")


def _network(directory: Path) -> Network:
    return compile_network(read_network(directory))


def _store(settings: Settings) -> ControlStore:
    return ControlStore(settings.database_url)


@contextmanager
def _control() -> Iterator[projects.Control]:
    settings = Settings()
    with AuditClient(settings, "admin") as audit:
        store = _store(settings)
        try:
            yield projects.Control(settings, store, audit, actor())
        finally:
            store.close()


def actor() -> str:
    """Return who acts: the account on this host, since the command line has no log-in."""
    return f"host:{getpass.getuser()}"


def _show(found: Plan) -> None:
    for change in found.changes:
        click.echo(f"{MARKS[change.step]} {change.kind} {change.id}")
        for sentence in change.meaning:
            click.echo(f"    {sentence}")
    if not found.changes:
        click.echo("No changes.")


def _show_views(policy: Policy) -> None:
    for view in policy.views:
        rules = policy.rules[view.agency]
        click.echo(f"\n{view.name} ({view.agency}, cells of at least {rules.safe_threshold})")
        if view.rows:
            click.echo(f"  rows where {view.rows}")
        for column in view.columns:
            role = f"{column.type.value}, {column.role.value}"
            click.echo(f"  {column.name:20} {role:26} {column.label}")
