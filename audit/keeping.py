"""The administrator's commands that keep a log alive for years: retention, keys, rotation.

Each takes the service's lock, so the service is stopped first; each says what it did, and each can
be run again after it was cut short.
"""

from __future__ import annotations

from datetime import datetime

import click


@click.command()
@click.option(
    "--before",
    required=True,
    type=click.DateTime(["%Y-%m-%d"]),
    help="Remove the texts of entries older than this day, UTC.",
)
@click.option("--ground", required=True, help="The legal ground; it is logged and shown.")
@click.option("--dry-run", is_flag=True, help="Say what would be removed; the service may run.")
def retention(before: datetime, ground: str, dry_run: bool) -> None:
    """Remove the texts of old entries; their leaves, the root and every proof stay.

    Stop the audit service first. Logged before anything is removed; run it again if it was cut
    short. The setting `audit_retention_days` says what may be removed at all.
    """
    from audit import retention as removing
    from audit.keeper import keeping
    from enclave.settings import Settings
    from enclave.terminal import actor

    settings = Settings()
    if dry_run:
        for removal in removing.preview(settings, before.date(), ground):
            click.echo(removing.spoken(removal))
        click.echo("Nothing was removed.")
        return
    with keeping(settings, actor=actor()) as keeper:
        done = removing.purge(keeper, before.date(), ground, progress=_say)
    for removal in done:
        click.echo(removing.spoken(removal))
    click.echo("Removed." if done else "There is nothing to remove.")


def _say(done: int, total: int) -> None:
    click.echo(f"{done:,} of {total:,} texts removed", err=True)


@click.group()
def key() -> None:
    """Look at the keys that sign the log's checkpoints, or replace them."""


@key.command("show")
def show_keys() -> None:
    """Print every public key this log has had, the oldest first; auditors keep these texts."""
    from audit.custody import AuditFiles, known_keys
    from enclave.settings import Settings

    for verifier in known_keys(AuditFiles.of(Settings())):
        click.echo(verifier.export())


@key.command("rotate")
@click.option(
    "--overlap-days",
    type=click.FloatRange(min=0),
    help="Let both keys sign for so long; 0 when the old key is known to others.  "
    "[default: the setting audit_key_overlap_days]",
)
def rotate_key(overlap_days: float | None) -> None:
    """Replace the key that signs the log's checkpoints.

    Stop the audit service first. The new key stands in the log, signed with the old one, before it
    signs anything; run this again if it was cut short.
    """
    from audit.keeper import keeping
    from audit.rekeying import rotate_key
    from enclave.settings import Settings
    from enclave.terminal import actor

    with keeping(Settings(), actor=actor()) as keeper:
        done = rotate_key(keeper, overlap_days=overlap_days)
    click.echo(f"Entry {done.index} names the new key. Give its text to auditors and witnesses:")
    for text in done.keys:
        click.echo(f"  {text}")
    click.echo(f"The old key signs beside it until {done.until:%Y-%m-%d %H:%M} UTC.")


@click.command()
@click.option("--origin", help="The new log's origin.  [default: the setting origin, and the year]")
@click.option(
    "--without-witnesses",
    is_flag=True,
    help="Go on although the quorum has not cosigned the last checkpoint.",
)
def rotate(origin: str | None, without_witnesses: bool) -> None:
    """Close the log for good and begin the next, once a year.

    Stop the audit service first. The old log stays readable and verifiable in a directory of its
    own; its private key is deleted. Run this again, or start the service, if it was cut short.
    """
    from audit import rotation
    from enclave.settings import Settings
    from enclave.terminal import actor

    settings = Settings()
    if rotation.finish(settings):
        click.echo("The rotation that was cut short is finished.")
        return
    done = rotation.rotate(
        settings, actor=actor(), origin=origin, without_witnesses=without_witnesses
    )
    click.echo(f"{done.closed} is closed with {done.size:,} entries: {done.directory}")
    click.echo(f"{done.origin} has begun. Give its key to auditors and witnesses:")
    for text in done.keys:
        click.echo(f"  {text}")
