"""One project's gateway process: opens its extract, serves its sessions, dies with its supervisor.

Holds one project's key and rows and no other's. Started by the supervisor only; reads its orders
from standard input and ends when that does.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from enclave import documents
from enclave.audit_client import AuditClient
from enclave.errors import EnclaveError, Unavailable
from enclave.gateway import confine
from enclave.gateway.engine_duckdb import SHARED_MEMORY, Limits, open_engine
from enclave.gateway.flight import SessionServer
from enclave.gateway.inspector import make_inspector
from enclave.gateway.inspector.catalogue import compile_catalogue
from enclave.gateway.journal import Journal
from enclave.gateway.orders import Report, Sessions, Start, line, settings_of
from enclave.gateway.service import Gateway, Parts
from enclave.model import Session
from enclave.settings import Settings
from enclave.vault import keys
from enclave.vault.extract import Extract, open_extract

log = logging.getLogger(__name__)

MEMORY = 6 * 1024**3  # bytes: DuckDB's own limit, its planner, Arrow buffers and thread stacks
AUDIT_SECONDS = 5.0


def run(orders: BinaryIO, reports: BinaryIO) -> None:
    """Carry out orders until they end. A problem at the start is reported and ends it."""
    start = documents.read(Start, orders.readline())
    settings = settings_of(start)
    confine.die_with_parent(start.parent)
    mount = settings.run_dir / "gateway" / "memory"
    private = confine.confine(mount.resolve(), memory=MEMORY)
    try:
        gateway = make_gateway(start, settings, private or SHARED_MEMORY)
    except EnclaveError as error:
        _report(reports, Report(0, error.explain()))
        return
    _report(reports, Report(0))
    servers = Servers(settings, gateway)
    for order in orders:
        sessions = documents.read(Sessions, order)
        _report(reports, Report(sessions.number, servers.follow(sessions.sessions)))


def make_gateway(start: Start, settings: Settings, scratch: Path) -> Gateway:
    """Open the extract and put a project's gateway together. Raises EnclaveError."""
    key = bytes.fromhex(start.key)
    extract = open_extract(settings, start.policy.project, key, epoch=start.epoch)
    withheld = {view: frozenset(names) for view, names in start.withheld.items()}
    catalogue = compile_catalogue(start.policy, _schemas(extract), withheld)
    limits = Limits()
    return Gateway(
        Parts(
            inspector=make_inspector(catalogue),
            engine=open_engine(extract, policy=start.policy, limits=limits, scratch=scratch),
            journal=Journal(settings, start.policy.project),
            audit=AuditClient(settings, "gateway", timeout=AUDIT_SECONDS),
            fingerprint_key=keys.derive(key, "sql-fingerprint"),
            epoch=start.epoch,
            seconds=limits.seconds,
        )
    )


def _schemas(extract: Extract) -> dict[str, pa.Schema]:
    return {name: factory().schema for name, factory in extract.views.items()}


@dataclass(slots=True)
class Servers:
    """The sockets of a project's open sessions."""

    settings: Settings
    gateway: Gateway
    open: dict[str, SessionServer] = field(default_factory=dict)

    def follow(self, sessions: tuple[Session, ...]) -> str:
        """Make the sockets equal to these sessions; return what went wrong, if anything."""
        wanted = {session.id: session for session in sessions}
        for gone in self.open.keys() - wanted.keys():
            self._close(gone)
        problems = [self._ensure(session) for session in wanted.values()]
        return " ".join(problem for problem in problems if problem)

    def _ensure(self, session: Session) -> str:
        server = self.open.get(session.id)
        if server is not None and server.is_reachable():
            return ""
        if server is not None:
            self._close(session.id)
        path = self.settings.run_dir / "sessions" / session.id / "gateway" / "gateway.sock"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.open[session.id] = SessionServer(self.gateway, session, path.absolute())
        except (OSError, pa.ArrowException) as error:
            log.exception("session %s has no socket: %s", session.id, error)
            return Unavailable(f"Session {session.id} could not get its socket.").explain()
        return ""

    def _close(self, session: str) -> None:
        server = self.open.pop(session)
        # Waiting for calls to end must not hold up the other sessions.
        threading.Thread(target=server.close, daemon=True).start()


def _report(reports: BinaryIO, report: Report) -> None:
    reports.write(line(report))
    reports.flush()


class _NoPandas:
    """Keep pandas out: pyarrow and DuckDB import it when they can, and nothing here needs it.

    It costs a worker a second and 60 MB, and is code that need not stand beside the rows.
    """

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Refuse pandas; leave every other module to the finders that follow."""
        if name == "pandas":
            raise ModuleNotFoundError(name)


def main() -> None:
    """Run over the pipes the supervisor made; nothing else may write to standard output."""
    sys.meta_path.insert(0, _NoPandas())
    reports = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    run(sys.stdin.buffer, reports)
    os._exit(0)  # servers' threads need not be waited for: audit closes what they leave open
