"""`enclave demo up|down|status`: the whole enclave with simulated agencies, on this machine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from urllib.parse import urlsplit

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from enclave.alone import alone
from enclave.demo import engine, steps, witness
from enclave.demo.services import SERVICES
from enclave.demo.steps import Step
from enclave.demo.supervisor import halt, launch, supervisor_pid
from enclave.errors import Unavailable
from enclave.settings import Settings
from enclave.store import ControlStore

START_SECONDS = 90
FIRST_PORT, HEALTH_OFFSET = 8000, 5  # the audit service's health, after the sites and the witness


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def demo() -> None:
    r"""Bring up a whole enclave with simulated agencies on this machine, or take it down.

    \b
    Examples:
      enclave demo up                    everything on ports 8000 to 8005
      enclave demo up --base-port 9000   elsewhere, when a port is taken
      enclave demo status                what runs
      enclave demo down                  nothing left running; the data is kept
    """


def demo_settings(base_port: int | None) -> Settings:
    """Return the settings of this run: the environment's, with the ports moved together."""
    settings = Settings()
    if settings.audit_metrics_address is None:
        health = f"127.0.0.1:{(base_port or FIRST_PORT) + HEALTH_OFFSET}"
        settings = settings.model_copy(update={"audit_metrics_address": health})
    if base_port is None:
        return settings
    urls = ("hub_url", "review_url", "audit_url", "oidc_issuer")
    moved = {
        name: f"http://{urlsplit(getattr(settings, name)).hostname}:{base_port + offset}"
        for offset, name in enumerate(urls)
    }
    return settings.model_copy(update=moved)


@demo.command()
@click.option(
    "--base-port",
    type=click.IntRange(1, 65530),
    help="First of six neighbouring ports (default 8000).",
)
def up(base_port: int | None) -> None:
    r"""Build, load and start everything; print where to go and who to be.

    Again: keeps what is done, and starts what does not run.

    \b
    Examples:
      enclave demo up
      enclave demo up --base-port 9000   8000 to 8005 are taken
    """
    console = Console()
    started = time.monotonic()
    settings = demo_settings(base_port)
    with alone(settings.state_dir / "demo.lock", "`make demo` is at work here already."):
        run_steps(console, settings, (Step("Check this machine", steps.check_machine),))
        settings = engine.prepare(settings)
        run_steps(
            console,
            settings,
            (
                Step("Witness of the audit log", witness.appoint),
                Step("Simulated population", steps.simulate),
                Step("Agreements and data", steps.load),
                Step("Services", start_services),
            ),
        )
    print_welcome(console, settings, time.monotonic() - started)


def run_steps(console: Console, settings: Settings, todo: Sequence[Step]) -> None:
    """Run steps one after another with a spinner and the seconds each takes."""
    columns = (SpinnerColumn(finished_text="✓"), TextColumn("{task.description}"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        for step in todo:
            task = progress.add_task(step.title, total=1)
            told = step.run(settings)
            progress.update(task, completed=1, description=f"{step.title}: {told}")


def start_services(settings: Settings) -> str:
    """Start the supervisor unless it runs, and wait until every service answers."""
    if supervisor_pid(settings) is None:
        launch(settings)
    deadline = time.monotonic() + START_SECONDS
    waiting = list(SERVICES)
    while waiting:
        waiting = [service for service in waiting if not service.ready(settings)]
        if waiting and time.monotonic() > deadline:
            raise Unavailable(
                f"{', '.join(service.name for service in waiting)} did not start.",
                hint=f"Read the logs in {settings.state_dir / 'logs'}, or run `enclave doctor`.",
            )
        time.sleep(0.1)
    return f"{len(SERVICES)} running"


def print_welcome(console: Console, settings: Settings, seconds: float) -> None:
    """Print the URLs, the accounts and the honest total time."""
    sites = Table("site", "open in a browser", title="Enclave is up", title_justify="left")
    sites.add_row("workspaces", settings.hub_url)
    sites.add_row("egress review", settings.review_url)
    sites.add_row("audit", settings.audit_url)
    sites.add_row("audit service's health", f"http://{settings.audit_metrics_address}/healthz")
    console.print(sites)
    people = Table("account", "name", "may", "agency", title="Demo accounts", title_justify="left")
    for person in ControlStore(settings.database_url).people().values():
        roles = ", ".join(sorted(role.value for role in person.roles))
        people.add_row(person.id, person.name, roles, person.agency or "")
    console.print(people)
    console.print(
        "The log-in page is a stand-in for a state's identity provider: pick an account, no "
        f"password. All people and records are simulated. The audit log's witness, {witness.NAME}, "
        f"runs here too: in earnest another party runs it elsewhere. Took {seconds:.0f} s."
    )


@demo.command()
def down() -> None:
    r"""Stop every service, workspace and engine that `up` started; keep the data.

    \b
    Example:
      enclave demo down
    """
    settings = Settings()
    stopped = halt(settings)
    engine.stop(settings)
    click.echo("Stopped; the data is kept." if stopped else "Nothing was running.")


@demo.command()
def status() -> None:
    r"""Say of each service whether it answers.

    \b
    Example:
      enclave demo status
    """
    settings = Settings()
    for service in SERVICES:
        click.echo(f"{service.name:10} {'answers' if service.ready(settings) else 'silent'}")
