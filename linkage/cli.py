"""`linkage`: the command line of the linkage zone."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

import click

from enclave.audit_client import AuditClient
from enclave.events import Action, Event
from enclave.presence import failures_told
from enclave.settings import Settings
from enclave.store import ControlStore
from enclave.terminal import actor, as_written, sentences


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def linkage() -> None:
    r"""Link the agencies' identifiers into a person registry; hand out project pseudonyms.

    \b
    Examples:
      linkage run                         link what was delivered
      linkage publish credential-pay      write that project's crosswalk
      linkage quality --truth truth.csv   how good it is, where the truth is known
    """


@linkage.command()
@click.option("--retrain", is_flag=True, help="Train the model afresh and keep the new weights.")
def run(retrain: bool) -> None:
    r"""Link the newest deliveries; persons keep their ids.

    \b
    Examples:
      linkage run
      linkage run --retrain       after a change of what is delivered
    """
    from linkage.run import link

    settings = Settings()
    with AuditClient(settings, "linkage") as audit:
        store = ControlStore(settings.database_url)
        report = link(settings, store, audit, actor=actor(), retrain=retrain)
    if report is None:
        click.echo("Nothing new was delivered since the last run.")
        return
    click.echo(
        f"Run {report.run}: {report.records:,} records, {report.identities:,} identities, "
        f"{report.pairs:,} pairs weighed, {report.persons:,} persons"
    )
    changed = ", ".join(f"{count:,} {kind}" for kind, count in sorted(report.changes.items()))
    click.echo(f"Ids: {changed or 'unchanged'}")


@linkage.command()
@click.argument("project")
def publish(project: str) -> None:
    r"""Write PROJECT's crosswalk, encrypted under the project's key.

    `enclave project build` calls this itself.

    \b
    Example:
      linkage publish credential-pay
    """
    from linkage import publish as publishing

    settings = Settings()
    with AuditClient(settings, "linkage") as audit:
        done = publishing.publish(
            settings, ControlStore(settings.database_url), audit, project=project, actor=actor()
        )
    click.echo(f"Crosswalk of {project}: {done.records:,} records, audit log entry {done.index}")


@linkage.command()
@click.option(
    "--truth",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="CSV with dataset, record_id, simulant_id; never a file of the enclave's.",
)
def quality(truth: Path) -> None:
    r"""Compare the registry with the TRUTH of a simulated population.

    \b
    Example:
      linkage quality --truth truth.csv
    """
    from linkage import quality as measuring

    settings = Settings()
    with AuditClient(settings, "linkage") as audit:  # it opens the registry
        audit.append(Event(Action.LINKAGE_MEASURED, actor()))
    click.echo(f"{'pairs of':<32}{'precision':>10}{'recall':>10}{'F1':>10}")
    for each in measuring.measure(settings, truth):
        click.echo(f"{each.of:<32}{each.precision:>10.4f}{each.recall:>10.4f}{each.f1:>10.4f}")


as_written(linkage)


def main() -> None:
    """Run the command; an `EnclaveError` becomes one sentence.

    Anything else exits with 2 and says where it happened, never what the message was: a database's
    message may quote the identifier it stumbled over, and standard error ends in logs.
    """
    try:
        with sentences():
            failures_told(linkage, "linkage", source="linkage")()
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)
        click.echo("".join(traceback.format_list(where)), err=True)
        click.echo(f"Linkage broke off: {type(error).__name__}.", err=True)
        sys.exit(2)
