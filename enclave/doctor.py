"""`enclave doctor`: looks at each part and says in a sentence what is wrong and what to do.

Never repairs anything, never prints a key, a token or a record.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from enclave.demo import engine
from enclave.demo.services import SERVICES
from enclave.errors import EnclaveError
from enclave.model import ProjectState
from enclave.settings import Settings
from enclave.store import ControlStore

LOW_DISK_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look found: `advice` is empty where all is well."""

    part: str
    seen: str
    advice: str = ""


Look = Callable[[Settings], Iterator[Finding]]


def look_at_disk(settings: Settings) -> Iterator[Finding]:
    """Free space where the state lies: a full disk stops deliveries and audit first."""
    if not settings.state_dir.exists():
        yield Finding("state", "no state yet", "Run `make demo`, or `enclave apply` a network.")
        return
    free = shutil.disk_usage(settings.state_dir).free
    advice = "" if free > LOW_DISK_BYTES else "Free some space: with no room, doors stay shut."
    yield Finding("disk", f"{free / 1e9:.1f} GB free", advice)


def look_at_keys(settings: Settings) -> Iterator[Finding]:
    """Key files must be readable by their owner alone."""
    keys = settings.state_dir / "keys"
    loose = [path.name for path in keys.glob("*") if path.is_file() and path.stat().st_mode & 0o077]
    if loose:
        yield Finding("keys", f"{', '.join(loose)} readable by others", f"chmod 600 {keys}/*")
    elif keys.exists():
        yield Finding("keys", f"{sum(1 for _ in keys.iterdir())} key files, owner only")


def look_at_store(settings: Settings) -> Iterator[Finding]:
    """Open the control store; every active project must have an extract."""
    try:
        projects = ControlStore(settings.database_url).projects()
    except (EnclaveError, SQLAlchemyError) as error:
        yield Finding("control store", type(error).__name__, "Check ENCLAVE_CONTROL_URL.")
        return
    active = [row for row in projects if row.state is ProjectState.ACTIVE]
    waiting = [row.id for row in projects if row.state is ProjectState.PROVISIONED]
    advice = f"Run `enclave project build {waiting[0]}`." if waiting else ""
    yield Finding("control store", f"{len(projects)} projects, {len(active)} active", advice)


def look_at_services(settings: Settings) -> Iterator[Finding]:
    """Each service must answer on its socket or port."""
    for service in SERVICES:
        if service.ready(settings):
            yield Finding(service.name, "answers")
        else:
            log = settings.state_dir / "logs" / f"{service.name}.log"
            yield Finding(service.name, "silent", f"Read {log}; `make demo` starts it again.")


def look_at_isolation(settings: Settings) -> Iterator[Finding]:
    """Find a Docker engine or bubblewrap; a workspace runs in nothing less."""
    found = engine.available()
    if found:
        yield Finding("isolation", " and ".join(found))
    else:
        yield Finding("isolation", "none", "Install docker.io or bubblewrap; workspaces need one.")


LOOKS: tuple[Look, ...] = (
    look_at_disk,
    look_at_keys,
    look_at_store,
    look_at_isolation,
    look_at_services,
)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
def doctor() -> None:
    r"""Check each part of this enclave and say what is wrong.

    \b
    Exit code 0: all is well. 1: something needs you; the last column says what.
    """
    settings = Settings()
    table = Table("part", "seen", "what to do")
    findings = [finding for look in LOOKS for finding in look(settings)]
    if os.geteuid() != 0:
        findings.insert(0, Finding("you", "not root", "Sockets and keys are root's; use sudo."))
    for finding in findings:
        mark = "[red]✗[/red]" if finding.advice else "[green]✓[/green]"
        table.add_row(f"{mark} {finding.part}", finding.seen, finding.advice)
    Console().print(table)
    sys.exit(1 if any(finding.advice for finding in findings) else 0)
