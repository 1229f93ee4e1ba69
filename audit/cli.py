"""`audit`: run the audit service and its site, and verify a log offline.

Each subcommand imports what it needs when it is called, so that `audit --help` stays quick.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sqlite3
import sys
from datetime import UTC, datetime

import click

from audit import keeping, offline, witnessing
from enclave.errors import EnclaveError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def audit() -> None:
    """Keep, show and verify the record of everything that happens in the enclave."""


@audit.command()
def serve() -> None:
    """Run the audit service: the one writer of the log. Stops on SIGTERM."""
    from audit.health import say_refused
    from audit.rotation import finish
    from audit.service import Service
    from enclave.settings import Settings

    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    settings = Settings()
    try:
        finish(settings)
        asyncio.run(Service(settings).run())
    except EnclaveError as error:
        asyncio.run(say_refused(settings, error.explain()))
        raise


@audit.command()
def web() -> None:
    """Run the auditor's site on the setting `audit_url`. Stops on SIGTERM."""
    from audit.alerts import Withheld, telling
    from audit.web.alerts import alerts_of
    from audit.web.app import make_audit_app
    from enclave.audit_client import AuditClient
    from enclave.presence import running
    from enclave.settings import Settings
    from enclave.store import ControlStore
    from enclave.web.serve import run

    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    # uvicorn stops, then raises the signal again for whoever had it: let that unwind, not kill
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    settings = Settings()
    store = ControlStore(settings.database_url)
    with AuditClient(settings, "audit-web") as client:
        withheld = Withheld(client)
        app = make_audit_app(settings, store, withheld)
        # The site waits for an audit that is away; that it is away is told meanwhile.
        with telling(alerts_of(app.state.room)), running(settings, "audit-web"):
            withheld.open()
            app.state.room.index_in_background()
            run(app)
    store.close()


@audit.command()
def status() -> None:
    """Say how the log's evidence stands, as the bar on the site does, and each witness.

    Changes nothing; the service may run. Exit code 0: green. 1: amber or red; the line says why.
    """
    from audit.watch import Level, Watch, and_found_wrong
    from enclave.settings import Settings

    settings = Settings()
    now = and_found_wrong(Watch.of(settings, remembers=False).look(), settings)
    click.echo(f"{now.level.value}: {now.heading}. {now.sentence}")
    if now.checkpoint is not None:
        covered = f", {now.cosigned.size:,} cosigned" if now.cosigned else ""
        click.echo(f"{now.checkpoint.origin}: {now.entries:,} entries{covered}")
    for witness in now.witnesses:
        last = f"{witness.size:,} entries, {witness.when}" if witness.at else "nothing yet"
        click.echo(f"{witness.name}: {last}. {witness.trouble}".rstrip())
    sys.exit(0 if now.level is Level.GREEN else 1)


@audit.command()
def store() -> None:
    """Say whether the control store has every change that the log has, and list those it lacks.

    Changes nothing; the service may run. Exit code 0: it has. 1: it is an older copy.
    """
    from audit.lacking import lacking
    from audit.sentences import sentence, visible
    from enclave.errors import StoreOlder
    from enclave.settings import Settings

    found = lacking(Settings())
    if found is None:
        click.echo("The control store has every change that the audit log has.")
        return
    click.echo(StoreOlder.SENTENCE)
    for fact in found:
        at = datetime.fromtimestamp(fact.time / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        click.echo(f"{fact.index:8,}  {at}  {visible(sentence(fact))}")
    sys.exit(1)


@audit.command("alerts-key")
@click.argument("host")
def alerts_key(host: str) -> None:
    """Print the key (hex) with which webhooks to HOST, written `host:port`, are signed.

    Give it to whoever receives them; each host has a key of its own.
    """
    from audit.webhook import key_for
    from enclave.settings import Settings

    click.echo(key_for(Settings(), host if ":" in host else f"{host}:443").hex())


audit.add_command(keeping.retention)
audit.add_command(witnessing.witness)
audit.add_command(witnessing.export_log)
audit.add_command(offline.verify)
audit.add_command(offline.verify_proof)
audit.add_command(offline.verifier)
audit.add_command(keeping.key)
audit.add_command(keeping.rotate)


def main() -> None:
    """Run the command; an `EnclaveError` becomes one sentence on stderr and exit code 1."""
    try:
        audit()
    except EnclaveError as error:
        click.echo(error.explain(), err=True)
        sys.exit(1)
    except (sqlite3.Error, OSError) as error:
        click.echo(f"The audit log cannot be used: {error}.", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
