"""`enclave gateway`: serve every active project; `worker` is for the supervisor alone."""

from __future__ import annotations

import logging

import click

from enclave.settings import Settings


@click.group()
def gateway() -> None:
    """Serve the projects' linked views to their sessions, and to nobody else."""


@gateway.command()
def serve() -> None:
    """Run in the foreground until SIGTERM; logs to standard error."""
    from enclave.gateway.supervisor import Supervisor
    from enclave.store import ControlStore

    _log()
    settings = Settings()
    Supervisor(settings, ControlStore(settings.database_url)).serve()


@gateway.command(hidden=True)
def worker() -> None:
    """Serve one project, as told over standard input."""
    from enclave.gateway import worker as room

    _log()
    room.main()


def _log() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s gateway %(message)s")


if __name__ == "__main__":
    gateway()
