"""One project's gateway process: opens its extract, serves its sessions, dies with its supervisor.

Holds one project's key and rows and no other's. Started by the supervisor only, and confined before
this module is imported (`cell`); reads its orders from standard input and ends when that does. What
cannot be opened is served as a closed door that says why.
"""

from __future__ import annotations

import gc
import logging
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import BinaryIO

import duckdb
import pyarrow as pa

from enclave import documents
from enclave.audit_client import AuditClient
from enclave.errors import EnclaveError, Unavailable
from enclave.gateway.cell import Entered, Spark
from enclave.gateway.closed import closed
from enclave.gateway.confine import SHARED_MEMORY
from enclave.gateway.duck import DuckEngine
from enclave.gateway.engine import Engine
from enclave.gateway.engine_duckdb import Limits, Places, Table, open_tables, tables
from enclave.gateway.flight import SessionServer
from enclave.gateway.inspector import SWITCH_SECONDS, Inspector, make_inspector
from enclave.gateway.inspector.catalogue import Catalogue, compile_catalogue
from enclave.gateway.journal import Journal
from enclave.gateway.orders import BEAT, Report, Sessions, line, settings_of
from enclave.gateway.refusals import GatewayUnavailable
from enclave.gateway.service import Gateway, Parts
from enclave.model import EngineKind, Session
from enclave.settings import Settings
from enclave.vault import keys
from enclave.vault.extract import Extract, open_extract

log = logging.getLogger(__name__)

AUDIT_SECONDS = 5.0
PULSE_SECONDS = 1.0
BEAT_SECONDS = 1.0
Check = Callable[[], str]  # says why this process is beyond use, nothing where it is not
INVALIDATED = 70  # exit code (sysexits.h, EX_SOFTWARE)


def run(entered: Entered) -> None:
    """Carry out orders until they end."""
    servers = Servers(settings_of(entered.start), _gateway(entered))
    # What is here now stays: looking through it for garbage stopped a query for 0.1 s (measured).
    gc.freeze()
    for order in entered.orders:
        sessions = documents.read(Sessions, order)
        _report(entered.reports, Report(sessions.number, servers.follow(sessions.sessions)))


def _gateway(entered: Entered) -> Gateway:
    """Return the project's gateway, or where it cannot be opened one that says so; report which."""
    said = entered.start.closed
    if not said:
        try:
            gateway = make_gateway(entered)
            _report(entered.reports, Report(0))
            return gateway
        except EnclaveError as error:
            said = error.explain()
        except (OSError, sqlite3.Error) as error:
            log.warning("the project cannot be opened: %s", type(error).__name__)
            said = GatewayUnavailable("The project's files cannot be used.").explain()
        finally:
            entered.key[:] = bytes(len(entered.key))
    _report(entered.reports, Report(0, said))
    return closed(said)


def make_gateway(entered: Entered) -> Gateway:
    """Open the extract and put a project's gateway together. Raises EnclaveError."""
    start, settings, key = entered.start, settings_of(entered.start), bytes(entered.key)
    pinned = open_extract(settings, start.policy.project, key, epoch=start.epoch)
    older = {
        number: open_extract(settings, start.policy.project, key, epoch=number)
        for number in start.versions
    }
    wanted = tables(pinned, start.policy)
    for number, extract in older.items():
        wanted |= tables(extract, start.policy, epoch=number)
    catalogue = compile_catalogue(
        start.policy,
        _schemas(pinned),
        {view: frozenset(names) for view, names in start.withheld.items()},
        epoch=start.epoch,
        older={number: _schemas(extract) for number, extract in older.items()},
    )
    inspector, engine, checks = make_engine(entered, catalogue, wanted)
    gateway = Gateway(
        Parts(
            inspector=inspector,
            engine=engine,
            journal=Journal(settings, start.policy.project),
            audit=AuditClient(settings, "gateway", timeout=AUDIT_SECONDS),
            fingerprint_key=keys.derive(key, "sql-fingerprint"),
            epoch=start.epoch,
            seconds=Limits().seconds,
        )
    )
    patience = settings.gateway_silence_seconds
    own = (Database(inspector.empty.cursor()).check, lambda: _deaf(gateway, patience))
    threading.Thread(target=watch, args=((*checks, *own),), daemon=True).start()
    return gateway


def make_engine(
    entered: Entered, catalogue: Catalogue, wanted: dict[str, Table]
) -> tuple[Inspector, Engine, tuple[Check, ...]]:
    """Load the tables into the engine the agreement names; return it, its inspector, its checks.

    Raises Unavailable, also where the agreement names an engine that is not installed.
    """
    match entered.start.policy.engine:
        case EngineKind.DUCKDB:
            confined = entered.confined
            places = Places(confined.scratch or SHARED_MEMORY, confined.spill)
            opened = open_tables(wanted, limits=_limits(entered), places=places)
            check = Database(opened.connection.cursor()).check
            catalogue = replace(catalogue, most=opened.most)
            return make_inspector(catalogue), DuckEngine(opened.connection), (check,)
        case EngineKind.SPARK:
            return _spark(entered.spark, catalogue, wanted)


def _limits(entered: Entered) -> Limits:
    settings = settings_of(entered.start)
    spill = settings.gateway_spill_mib * 9 // 10  # the file system has to have room for its own
    return Limits(memory=f"{settings.gateway_memory_mib}MiB", spill=f"{spill}MiB")


def _spark(
    spark: Spark | None, catalogue: Catalogue, wanted: dict[str, Table]
) -> tuple[Inspector, Engine, tuple[Check, ...]]:
    if spark is None or spark.running is None or spark.place is None:
        raise (spark and spark.problem) or Unavailable("Spark was not started for this project.")
    try:
        room = import_module("enclave.gateway.engine_spark")  # only here: an extra, often not there
    except ModuleNotFoundError:
        raise Unavailable(
            "The agreement asks for Spark, and Spark is not installed.",
            hint="An administrator installs the `spark` extra.",
        ) from None
    plain = make_inspector(catalogue)
    engine: Engine = room.open_spark(
        wanted, running=spark.running, place=spark.place, empty=plain.empty
    )
    inspector: Inspector = room.SparkInspector(plain.catalogue, plain.second, plain.empty)
    running = spark.running
    return inspector, engine, (lambda: "" if running.is_running() else "Spark has ended",)


def _schemas(extract: Extract) -> dict[str, pa.Schema]:
    return {name: factory().schema for name, factory in extract.views.items()}


@dataclass(frozen=True, slots=True)
class Database:
    """The pulse of a database, the engine's or the inspector's empty one.

    An internal error of DuckDB's invalidates the whole of it: every later query fails.
    """

    cursor: duckdb.DuckDBPyConnection

    def check(self) -> str:
        """Return why it is beyond use, nothing where it is well."""
        try:
            self.cursor.execute("SELECT 1").fetchall()
        except (duckdb.FatalException, duckdb.InternalException) as error:
            return f"a database is beyond use: {type(error).__name__}"
        return ""


def _deaf(gateway: Gateway, seconds: float) -> str:
    """Say whether a stopped query goes on: DuckDB does not hear while it plans (2.0.0)."""
    return "a stopped query does not end" if gateway.deaf_seconds > seconds else ""


def watch(checks: tuple[Check, ...]) -> None:
    """End the process when something it needs is beyond use; the supervisor starts a fresh one."""
    while True:
        for check in checks:
            try:
                wrong = check()
            except Exception as error:  # of memory, say: no proof that it is beyond use
                log.warning("a check could not be made: %s", type(error).__name__)
                continue
            if wrong:
                log.error("%s", wrong)
                os._exit(INVALIDATED)
        time.sleep(PULSE_SECONDS)


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


def beat(reports: BinaryIO) -> None:
    """Say every second that the interpreter runs: a worker that does not is ended from outside."""
    with suppress(OSError):  # nobody listens: this process is about to be ended too
        while True:
            _report(reports, Report(BEAT))
            time.sleep(BEAT_SECONDS)


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


def main(entered: Entered) -> None:
    """Run what is left of a worker's life."""
    sys.meta_path.insert(0, _NoPandas())
    sys.setswitchinterval(SWITCH_SECONDS)
    threading.Thread(target=beat, args=(entered.reports,), daemon=True).start()
    run(entered)
    os._exit(0)  # servers' threads need not be waited for: audit closes what they leave open
