"""`audit`: run the audit service and its site, and verify a log offline.

Each subcommand imports what it needs when it is called, so that `audit --help` stays quick.
"""

from __future__ import annotations

import asyncio
import logging
import sys

import click

from enclave.errors import EnclaveError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def audit() -> None:
    """Keep, show and verify the record of everything that happens in the enclave."""


@audit.command()
def serve() -> None:
    """Run the audit service: the one writer of the log. Stops on SIGTERM."""
    from audit.service import Service  # noqa: PLC0415
    from enclave.settings import Settings  # noqa: PLC0415

    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    asyncio.run(Service(Settings()).run())


def main() -> None:
    """Run the command; an `EnclaveError` becomes one sentence on stderr and exit code 1."""
    try:
        audit()
    except EnclaveError as error:
        click.echo(error.explain(), err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
