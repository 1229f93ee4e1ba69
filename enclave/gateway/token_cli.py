"""`enclave gateway token`, `revoke` and `front`: clients from outside the workspace.

Imported by `cli` only when one of them is called.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click

from enclave.audit_client import AuditClient
from enclave.gateway import tokens
from enclave.settings import Settings
from enclave.store import ControlStore
from enclave.terminal import actor


def issue(person: str, project: str, minutes: int) -> None:
    """Issue a token and print it, once."""
    with _hands() as (settings, store, audit):
        issued = tokens.issue(
            settings, store, audit, session=(person, project), minutes=minutes, by=actor()
        )
    until = datetime.fromtimestamp(issued.token.expires, UTC).strftime("%H:%M UTC")
    click.echo(f"Token {issued.token.id} of {person} for {project}, until {until}.", err=True)
    click.echo(f"Shown once. Server: grpc+tls://{settings.gateway_address}", err=True)
    click.echo(issued.secret)


def revoke(id: str) -> None:
    """Revoke the token with this id."""
    with _hands() as (settings, store, audit):
        for token in tokens.tokens(settings).all():
            if token.id == id:
                tokens.revoke(settings, store, audit, token=token, reason=f"revoked by {actor()}")
                click.echo(f"{id} is worth nothing now.")
                return
    raise click.ClickException(f"No token in force is named {id}.")


@contextmanager
def _hands() -> Iterator[tuple[Settings, ControlStore, AuditClient]]:
    settings = Settings()
    with AuditClient(settings, "admin") as audit:
        store = ControlStore(settings.database_url)
        try:
            yield settings, store, audit
        finally:
            store.close()
