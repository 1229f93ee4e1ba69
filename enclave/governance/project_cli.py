"""`enclave project`: look at projects, build, move, forget and close them.

Only words in and words out: what happens is in `vault.build`, `versions` and `projects`.
"""

from __future__ import annotations

import click

from enclave.governance import projects
from enclave.governance.cli import control, open_store
from enclave.governance.meaning import terms
from enclave.model import Policy
from enclave.settings import Settings
from enclave.store import ControlStore, ProjectRow
from enclave.vault import destruction


@click.group()
def project() -> None:
    r"""List, show, build, move and close projects.

    \b
    Examples:
      enclave project list
      enclave project show credential-pay
      enclave project build credential-pay        a new version of its data
      enclave project versions credential-pay
      enclave project move credential-pay 2       the lead decides, you type
      enclave project forget credential-pay 1
      enclave project close credential-pay
    """


@project.command("list")
def list_projects() -> None:
    r"""List every project ever provisioned, with its state and agreement's dates.

    \b
    Example:
      enclave project list
    """
    store = open_store(Settings())
    for row in store.projects():
        policy = store.policy(row.id)
        click.echo(f"{row.id:30}  {row.state.value:11}  ends {policy.ends}  {policy.title}")


@project.command("show")
@click.argument("id")
def show_project(id: str) -> None:
    r"""Print what project ID may see, who works on it, and where it stands.

    \b
    Example:
      enclave project show credential-pay
    """
    store = open_store(Settings())
    row, policy = store.project(id), store.policy(id)
    click.echo(f"{policy.title}\n  {policy.purpose}\n")
    click.echo(f"state        {row.state.value}, extract: {_extract(store, row)}")
    click.echo(f"agreement    {policy.agreement}, sha256 {policy.agreement_sha256}")
    click.echo(f"in force     {policy.starts} to {policy.ends}, destroyed by {policy.destroy_by}")
    click.echo(f"researchers  {', '.join(sorted(policy.researchers))}")
    click.echo(f"open now     {len(store.sessions(id))} sessions")
    click.echo(f"queries      {policy.mode.value}")
    for sentence in terms(policy):
        click.echo(f"             {sentence}")
    _show_views(policy)


@project.command("build")
@click.argument("id")
@click.option("--move", "moves", is_flag=True, help="Move the project to it as well.")
def build_project(id: str, moves: bool) -> None:
    r"""Make a new version of project ID's encrypted extract from the newest deliveries.

    A project without one in force becomes active on it. Any other stays on its own version until
    `enclave project move`, which the recipient's lead decides. Linkage publishes the project's
    pseudonyms in a process of its own; approved rows and columns are then joined with them and
    written under the project's key.

    \b
    Examples:
      enclave project build credential-pay
      enclave project build credential-pay --move
    """
    from enclave.governance import versions  # noqa: PLC0415 - data libraries take a second
    from enclave.vault.build import build  # noqa: PLC0415

    with control() as hand:
        built = build(hand.settings, hand.store, hand.audit, project=id, actor=hand.actor)
        if moves:
            versions.move(hand, id, built.epoch)
        at = hand.store.project(id).extract_epoch
    click.echo(f"{id} has version {built.epoch} and is active on version {at}.")


@project.command("versions")
@click.argument("id")
def list_versions(id: str) -> None:
    r"""List the versions of its data that project ID keeps; a star marks the one it stands on.

    \b
    Example:
      enclave project versions credential-pay
    """
    from enclave.governance import versions  # noqa: PLC0415

    settings = Settings()
    for each in versions.look(settings, open_store(settings), id):
        version, mark = each.version, "*" if each.pinned else " "
        rows = ", ".join(f"{name} {count:,}" for name, count in sorted(version.rows.items()))
        use = "" if each.in_force else "  not in force: another text of the agreement"
        click.echo(
            f"{mark} {version.epoch:4}  {version.built_at or 'not recorded':25}  "
            f"{each.size / 1e6:10.1f} MB  policy {version.policy_sha256[:12]}  "
            f"{rows or 'rows not recorded'}{use}"
        )


@project.command("move")
@click.argument("id")
@click.argument("version", type=int)
def move_project(id: str, version: int) -> None:
    r"""Have project ID stand on VERSION, forward or back, as its recipient's lead decided.

    Sessions stay open, their running queries end. The last three earlier versions can still be
    asked for by `AT (VERSION => n)`; later ones cannot.

    \b
    Example:
      enclave project move credential-pay 2
    """
    from enclave.governance import versions  # noqa: PLC0415

    with control() as hand:
        changed = versions.move(hand, id, version)
    click.echo(f"{id} is {'now' if changed else 'already'} on version {version}.")


@project.command("forget")
@click.argument("id")
@click.argument("version", type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget_version(id: str, version: int, yes: bool) -> None:
    r"""Remove the files of a VERSION that project ID does not stand on.

    Outputs made from it can no longer be checked, so none of them can be submitted any more. Its
    number is never given again.

    \b
    Examples:
      enclave project forget credential-pay 1
      enclave project forget credential-pay 1 --yes      in a script
    """
    from enclave.governance import versions  # noqa: PLC0415

    with control() as hand:
        if not yes:
            click.confirm(f"Remove version {version} of {id}?", abort=True)
        changed = versions.forget(hand, id, version)
    said = "forgotten" if changed else "already forgotten"
    click.echo(f"Version {version} of {id} is {said}.")


@project.command("close")
@click.argument("id")
@click.option("--yes", is_flag=True, help="Do not ask.")
def close_project(id: str, yes: bool) -> None:
    r"""End project ID for good: close its sessions, destroy its key, extract, journal and homes.

    Nothing brings the data back, nor what researchers kept in their workspaces. Requests to
    release an output stay with egress review. Run it again after a crash: it finishes what was
    left.

    \b
    Examples:
      enclave project close credential-pay
      enclave project close credential-pay --yes         in a script
    """
    with control() as hand:
        hand.store.project(id)
        if not yes:
            click.confirm(
                f"Destroy the key of {id}, its extract and its researchers' homes?", abort=True
            )
        found = destruction.inventory(hand.settings, id)
        changed = projects.close(hand, id)
        waiting = projects.under_review(hand.store, id)
    counts = ", ".join(f"{len(places)} {kind}" for kind, places in found.items())
    click.echo(
        f"{id} is {'now' if changed else 'already'} closed. Destroyed: {counts or 'nothing'}."
    )
    if waiting:
        click.echo(f"Still under review: {waiting} of its requests to release an output.")


def _extract(store: ControlStore, row: ProjectRow) -> str:
    if row.extract_epoch is None:
        return "none"
    newest = max((each.epoch for each in store.versions(row.id)), default=row.extract_epoch)
    pinned = f"version {row.extract_epoch}"
    return f"{pinned}, the newest" if newest == row.extract_epoch else f"{pinned} of {newest}"


def _show_views(policy: Policy) -> None:
    for view in policy.views:
        rules = policy.rules[view.agency]
        click.echo(f"\n{view.name} ({view.agency}, cells of at least {rules.safe_threshold})")
        if view.rows:
            click.echo(f"  rows where {view.rows}")
        for column in view.columns:
            role = f"{column.type.value}, {column.role.value}"
            click.echo(f"  {column.name:20} {role:26} {column.label}")
