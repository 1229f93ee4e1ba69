"""`enclave doctor`: looks at each part and says in a sentence what is wrong and what to do.

Never repairs anything, never prints a key, a token or a record.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from sqlalchemy.exc import SQLAlchemyError

from enclave.demo import engine
from enclave.demo.services import SERVICES, answers_on
from enclave.demo.supervisor import serves
from enclave.errors import EnclaveError, KeyMissing, StoreOlder, Unavailable
from enclave.model import ProjectState
from enclave.programs import ours
from enclave.sessions import poke
from enclave.settings import Settings
from enclave.store import ControlStore
from enclave.vault import keys

DOCKER = Path("/var/run/docker.sock")
LOW_DISK_BYTES = 2 * 1024**3
_CONTROLLED = {"gateway": "gateway", "review": "egress"}  # by service: whose control socket it has
SOON_DAYS = 30  # before a project's data must be gone: time to tell its researchers


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
    place = settings.state_dir / "keys"
    files = [path for path in place.glob("*") if path.is_file()]
    loose = [path.name for path in files if path.stat().st_mode & 0o077]
    if loose:
        yield Finding("keys", f"{', '.join(loose)} readable by others", f"chmod 600 {place}/*")
    elif files:
        yield Finding("keys", f"{len(files)} key files, owner only")


def look_at_store(settings: Settings) -> Iterator[Finding]:
    """Open the control store; every active project must have an extract, and a key that opens."""
    try:
        projects = ControlStore(settings.database_url, only_looks=True).projects()
    except (EnclaveError, SQLAlchemyError) as error:
        yield Finding("control store", type(error).__name__, "Check ENCLAVE_CONTROL_URL.")
        return
    active = [row for row in projects if row.state is ProjectState.ACTIVE]
    waiting = [row.id for row in projects if row.state is ProjectState.PROVISIONED]
    advice = f"Run `enclave project build {waiting[0]}`." if waiting else ""
    yield Finding("control store", f"projects: {len(projects)}, active: {len(active)}", advice)
    for row in active:
        try:
            keys.load(settings, row.id)
        except KeyMissing as error:
            yield Finding("keys", error.sentence, error.hint or "Restore it from its sealed copy.")
        except PermissionError:
            return  # who is not root reads so above


def look_at_ends(settings: Settings) -> Iterator[Finding]:
    """Name the projects whose data must be gone by their agreement, or must be soon (R15)."""
    try:
        store = ControlStore(settings.database_url, only_looks=True)
        open_now = [row.id for row in store.projects() if row.state is not ProjectState.CLOSED]
        ends = {project: store.policy(project).destroy_by for project in open_now}
    except (EnclaveError, SQLAlchemyError):
        return  # `look_at_store` says so
    for project, last in sorted(ends.items()):
        left = (last - date.today()).days
        if left < 0:
            seen = f"{project}: its data were to be destroyed by {last}"
            yield Finding("end", seen, f"Run `enclave project close {project}`: it destroys them.")
        elif left <= SOON_DAYS:
            seen = f"{project}: all data are to be destroyed by {last}"
            advice = f"Tell its researchers; then run `enclave project close {project}`."
            yield Finding("end", seen, advice)


def look_at_services(settings: Settings) -> Iterator[Finding]:
    """Each service must answer on its socket or port; a silent one's last words may say why."""
    silent = [service for service in SERVICES if not service.ready(settings)]
    if len(silent) == len(SERVICES):
        yield Finding("services", "all silent", "`make demo` starts them.")
        return
    for service in SERVICES:
        if service not in silent:
            yield Finding(service.name, "answers")
            continue
        if refusal := refusal_of(settings, service.name):
            yield Finding(service.name, "answers with a refusal", refusal)
            continue
        log = settings.state_dir / "logs" / f"{service.name}.log"
        said = last_words(log)
        seen = f"silent; last said: {said}" if said else "silent"
        yield Finding(
            service.name, seen, f"Read {log}. If it stays so: `make demo-stop`, `make demo`."
        )


def refusal_of(settings: Settings, service: str) -> str:
    """Return why a service that is there cannot do what it is asked; nothing of any other."""
    try:
        if service in _CONTROLLED:
            poke(settings, _CONTROLLED[service])
    except Unavailable as error:
        return error.sentence
    except OSError:
        pass  # it is silent
    return ""


def last_words(log: Path) -> str:
    """Return the last line of a log, shortened; nothing where there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            lines = file.read().decode(errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "")


def look_at_audit_log(settings: Settings) -> Iterator[Finding]:
    """Ask the audit room whether its log can be believed and other parties have cosigned it."""
    if not os.access(settings.audit_dir, os.R_OK | os.X_OK):
        return  # none yet, or not ours to read: who is not root reads so above
    said, well = _ask_audit(settings, "status")
    advice = "`audit status` tells of each witness; docs/how-to/audit-operations.md what to do."
    yield Finding("audit log", said, "" if well else advice)
    said, _ = _ask_audit(settings, "store")
    if said == StoreOlder.SENTENCE:
        advice = "`audit store` lists them; docs/how-to/backup.md, “Restore”, says how to go on."
        yield Finding("control store", said, advice)


def _ask_audit(settings: Settings, word: str) -> tuple[str, bool]:
    """Return the first line that a command of the audit room says, and whether it is content."""
    done = subprocess.run(
        (ours("audit"), word),
        env=settings.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    said = f"{done.stdout}\n{done.stderr}".strip().partition("\n")[0] or f"`audit {word}` failed"
    return said, done.returncode == 0


def look_at_isolation(settings: Settings) -> Iterator[Finding]:
    """Find a Docker engine or bubblewrap; a workspace runs in nothing less."""
    found = engine.available()
    wanted = serves(settings).get("isolation", settings.isolation)
    if not found:
        yield Finding("isolation", "none", "Install docker.io or bubblewrap; workspaces need one.")
    elif wanted == "docker" and not answers_on(DOCKER):
        advice = "`make demo` starts one; workspaces that ran have ended."
        yield Finding("isolation", "no Docker engine answers", advice)
    else:
        yield Finding("isolation", " and ".join(found))


LOOKS: tuple[Look, ...] = (
    look_at_disk,
    look_at_keys,
    look_at_store,
    look_at_ends,
    look_at_audit_log,
    look_at_isolation,
    look_at_services,
)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
def doctor() -> None:
    r"""Check each part of this enclave and say what is wrong.

    \b
    Exit code 0: all is well. 1: something needs you; the last column says what.

    \b
    Example:
      enclave doctor
    """
    settings = Settings()
    table = Table(*(Column(name, overflow="fold") for name in ("part", "seen", "what to do")))
    findings = [finding for look in LOOKS for finding in look(settings)]
    if os.geteuid() != 0:
        findings.insert(0, Finding("you", "not root", "Sockets and keys are root's; use sudo."))
    for finding in findings:
        mark = "[red]✗[/red]" if finding.advice else "[green]✓[/green]"
        table.add_row(f"{mark} {finding.part}", escape(finding.seen), escape(finding.advice))
    Console().print(table)
    sys.exit(1 if any(finding.advice for finding in findings) else 0)
