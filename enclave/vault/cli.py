"""`enclave deliver`: an agency's file goes in whole, with a receipt, or not at all."""

from __future__ import annotations

from pathlib import Path

import click

from enclave.audit_client import AuditClient
from enclave.settings import Settings
from enclave.store import ControlStore
from enclave.terminal import actor
from enclave.vault import deliveries


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("agency")
@click.argument("dataset")
@click.argument("file", type=click.Path(path_type=Path))
def deliver(agency: str, dataset: str, file: Path) -> None:
    r"""Take in one FILE (CSV or Parquet) as AGENCY's delivery of DATASET.

    The file must fit the dataset's dictionary exactly; otherwise nothing of it is stored, and you
    are told which rows and columns to mend.

    \b
    Example:
      enclave deliver dol wages wages-2021.csv
    """
    settings = Settings()
    store = ControlStore(settings.database_url)
    with AuditClient(settings, "vault") as audit:
        receipt = deliveries.deliver(
            settings,
            store,
            audit,
            agency=agency,
            dataset=dataset,
            path=file,
            actor=actor(),
        )
    done = "was stored before" if receipt.index is None else "stored"
    click.echo(f"{dataset} version {receipt.version} {done}: {receipt.rows:,} rows")
    click.echo(f"SHA-256 {receipt.sha256}")
    if receipt.index is not None:
        click.echo(f"Audit log entry {receipt.index}")
