"""`enclave gateway`: serve every active project; `worker` is for the supervisor alone."""

from __future__ import annotations

import logging
import os

import click

from enclave.settings import Settings


@click.group()
def gateway() -> None:
    r"""Serve the projects' linked views to their sessions, and to nobody else.

    \b
    Examples:
      enclave gateway serve
      enclave gateway token --person rosa --project credential-pay --minutes 30
      enclave gateway revoke t-1a2b3c4d
    """


@gateway.command()
def serve() -> None:
    r"""Run in the foreground until SIGTERM; logs to standard error.

    \b
    Example:
      enclave gateway serve
    """
    from enclave import presence
    from enclave.gateway import ending
    from enclave.gateway.supervisor import Supervisor
    from enclave.store import ControlStore

    _log()
    settings = Settings()
    store = ControlStore(settings.database_url)
    with presence.running(settings, "gateway"), ending.running(settings, store):
        Supervisor(settings, store).serve()


@gateway.command(hidden=True)
def worker() -> None:
    """Serve one project, as told over standard input."""
    from enclave.gateway import cell

    _log()
    entered = cell.enter()  # first: a thread that an import starts would stay outside the walls
    from enclave.gateway import worker as room

    room.main(entered)


@gateway.command(hidden=True)
def front() -> None:
    """Serve clients with tokens over TLS, in front of the sessions' sockets."""
    from enclave.gateway import confine
    from enclave.gateway import front as room

    _log()
    confine.die_with_parent(os.getppid())
    room.run(Settings())


@gateway.command()
@click.option("--person", required=True, help="Who is to use it.")
@click.option("--project", required=True, help="The project whose agreement admits it.")
@click.option("--minutes", default=15, show_default=True, type=click.IntRange(1, 60))
def token(person: str, project: str, minutes: int) -> None:
    r"""Issue a token for a client outside the workspace, and print it once.

    \b
    Examples:
      enclave gateway token --person rosa --project credential-pay --minutes 30
    """
    from enclave.gateway import token_cli

    token_cli.issue(person, project, minutes)


@gateway.command()
@click.argument("id")
def revoke(id: str) -> None:
    r"""Make the token named ID (`t-…`) worthless; what it has running stops within a second.

    \b
    Examples:
      enclave gateway revoke t-1a2b3c4d
    """
    from enclave.gateway import token_cli

    token_cli.revoke(id)


def _log() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s gateway %(message)s")


if __name__ == "__main__":
    gateway()
