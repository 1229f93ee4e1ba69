"""A small project as the demo has it, an in-process gateway over it, and the real service."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import adbc_driver_flightsql.dbapi as adbc
import duckdb
import pyarrow as pa

from enclave import store as control
from enclave.audit_client import AuditClient
from enclave.errors import EnclaveError
from enclave.events import Action, Event, Receipt
from enclave.gateway.duck import DuckEngine
from enclave.gateway.engine_duckdb import Limits, open_engine
from enclave.gateway.inspector import Inspector, make_inspector
from enclave.gateway.inspector.catalogue import compile_catalogue, declared_schemas
from enclave.gateway.journal import Journal
from enclave.gateway.records import Sends
from enclave.gateway.service import Gateway, Parts
from enclave.model import (
    PERSON_ID,
    Column,
    ColumnRole,
    Dataset,
    Field,
    FieldKind,
    FieldType,
    Person,
    Policy,
    ProjectState,
    QueryMode,
    Role,
    Session,
    View,
)
from enclave.settings import Settings
from enclave.store import ControlStore
from enclave.vault import extract, keys
from tests.support.child import Child
from tests.support.extracts import make_extract, pseudonyms

PROJECT = "credential-pay"
AGREEMENT = "dsa-credential-pay"
WAGES, CREDENTIALS = f"{AGREEMENT}, view wages", f"{AGREEMENT}, view credentials"
WITHHELD = {
    "wages": frozenset({"ssn", "first_name", "last_name", "employer_id", "record_id"}),
    "credentials": frozenset({"ssn", "date_of_birth", "record_id"}),
}
SECRET = "NEVER-GRANTED-VALUE"  # what the extract holds in a hidden column: may appear nowhere
START_SECONDS = 60


def column(name: str, type: FieldType, clause: str, role: str = "projectable") -> Column:
    return Column(name, type, f"The {name}", ColumnRole(role), f"{clause}, field {name}")


def make_policy(**changes: Any) -> Policy:
    """The compiled agreement of `credential-pay`, with a hidden column and one to filter by."""
    text, number = FieldType.STRING, FieldType.INTEGER
    wages = View(
        "wages",
        "wages",
        "dol",
        "Quarterly wages",
        (
            column("year", number, WAGES),
            column("quarter", number, WAGES),
            column("wage", FieldType.DECIMAL, WAGES),
            column("industry", text, WAGES),
            column("county", text, WAGES),
            column("town", text, WAGES, "filter-only"),
            column("secret", text, WAGES, "hidden"),
        ),
        WAGES,
    )
    credentials = View(
        "credentials",
        "credentials",
        "cscu",
        "Credentials awarded",
        tuple(
            column(name, kind, CREDENTIALS)
            for name, kind in (
                ("institution", text),
                ("credential", text),
                ("field_of_study", text),
                ("year", number),
                ("county", text),
            )
        ),
        CREDENTIALS,
    )
    facts: dict[str, Any] = {
        "project": PROJECT,
        "title": "What credentials pay",
        "purpose": "Earnings after a credential",
        "agreement": AGREEMENT,
        "agreement_sha256": "ab" * 32,
        "researchers": frozenset({"rosa", "ravi"}),
        "views": (wages, credentials),
        "rules": {},
        "mode": QueryMode.ROW_LEVEL,
        "starts": date(2020, 1, 1),
        "ends": date(2090, 1, 1),
        "destroy_by": date(2091, 1, 1),
    }
    return Policy(**{**facts, **changes})


def make_tables(people: int = 200) -> dict[str, pa.Table]:
    """Two years of wages in four quarters for each person, a credential for each second one."""
    ids = pseudonyms(people)
    place = [(person, year, quarter) for person in range(people) for year in (2021, 2022)
             for quarter in (1, 2, 3, 4)]  # fmt: skip
    counties, industries = ("Hartford", "Tolland", "Windham"), ("Health", "Retail", "Ñew trades")
    money = pa.decimal128(18, 2)
    wages = {
        PERSON_ID: [ids[person] for person, _, _ in place],
        "year": pa.array([year for _, year, _ in place], pa.int64()),
        "quarter": pa.array([quarter for _, _, quarter in place], pa.int64()),
        "wage": pa.array([Decimal(5000 + 37 * p + q) for p, _, q in place], money),
        "industry": [industries[person % 3] for person, _, _ in place],
        "county": [counties[(person // 3) % 3] for person, _, _ in place],
        "town": ["Bolton" for _ in place],
        "secret": [SECRET for _ in place],
    }
    some = range(0, people, 2)
    credentials = {
        PERSON_ID: [ids[person] for person in some],
        "institution": ["Manchester" for _ in some],
        "credential": ["AS" if person % 4 else "Certificate" for person in some],
        "field_of_study": ["Nursing" if person % 6 else "Welding" for person in some],
        "year": pa.array([2021 + person % 2 for person in some], pa.int64()),
        "county": [counties[person % 3] for person in some],
    }
    return {"wages": pa.table(wages), "credentials": pa.table(credentials)}


def make_test_inspector(policy: Policy | None = None) -> Inspector:
    """An inspector over the policy's own schema: no engine, no audit, no data."""
    policy = policy or make_policy()
    return make_inspector(compile_catalogue(policy, declared_schemas(policy), WITHHELD))


class Collector:
    """Events as they are handed over; stands for audit where audit itself is not in question."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def append(self, event: Event) -> Receipt:
        self.events.append(event)
        return Receipt(len(self.events) - 1, "00")

    def send(self, event: Event) -> Future[Receipt]:
        """Append, at once or not at all; what it raises is the future's."""
        future: Future[Receipt] = Future()
        try:
            future.set_result(self.append(event))
        except EnclaveError as error:
            future.set_exception(error)
        return future

    def actions(self) -> list[tuple[str, str]]:
        return [(event.action.value, event.verdict.value) for event in self.events]


@contextmanager
def open_gateway(
    settings: Settings,
    audit: Sends,
    *,
    policy: Policy | None = None,
    tables: Mapping[str, pa.Table] | None = None,
    **parts: Any,
) -> Iterator[Gateway]:
    """A gateway over a real encrypted extract, in this process, with one open session `s1`."""
    policy = policy or make_policy()
    key = make_extract(settings, policy.project, tables or make_tables(), policy)
    opened = extract.open_extract(settings, policy.project, key)
    schemas = {name: factory().schema for name, factory in opened.views.items()}
    engine = open_engine(opened, policy=policy, limits=Limits(threads=1, memory="512MB"))
    journal = Journal(settings, policy.project)
    facts: dict[str, Any] = {
        "inspector": make_inspector(compile_catalogue(policy, schemas, WITHHELD)),
        "engine": DuckEngine(engine),
        "journal": journal,
        "audit": audit,
        "fingerprint_key": keys.derive(key, "sql-fingerprint"),
        "epoch": 1,
        "seconds": 120,  # no test waits for it, and no busy machine reaches it
    }
    try:
        gateway = Gateway(Parts(**{**facts, **parts}))
        gateway.open_session(ROSA)
        yield gateway
    finally:
        wait_until(lambda: _is_closed(engine), "a query went on after its gateway had ended")
        journal.close()


def connection_of(gateway: Gateway) -> duckdb.DuckDBPyConnection:
    """Return the locked engine itself, behind everything that inspects."""
    engine = gateway.parts.engine
    assert isinstance(engine, DuckEngine)
    return engine.connection


def _is_closed(engine: duckdb.DuckDBPyConnection) -> bool:
    """Close an engine, unless the thread that read ahead for a cut answer still lets go of it."""
    try:
        engine.close()
    except duckdb.Error:
        return False
    return True


ROSA = Session("s1", "rosa", PROJECT)


def socket_of(settings: Settings, session: str) -> Path:
    return settings.run_dir / "sessions" / session / "gateway" / "gateway.sock"


def connect(path: Path) -> adbc.Connection:
    """An unmodified ADBC connection over a session's socket."""
    return adbc.connect(f"grpc+unix://{path}", autocommit=True)


def ask(path: Path, sql: str) -> pa.Table:
    """Ask one query on a connection of its own."""
    with connect(path) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetch_arrow_table()


def make_project(
    settings: Settings,
    store: ControlStore,
    audit: AuditClient,
    *,
    policy: Policy | None = None,
    tables: Mapping[str, pa.Table] | None = None,
) -> Policy:
    """Put a built, active project with its researchers and datasets into the control store."""
    policy = policy or make_policy()
    make_extract(settings, policy.project, tables or make_tables(), policy)
    event = Event(Action.PROJECT_BUILT, actor="adam", project=policy.project)
    with store.record(audit, event) as connection:
        for person in sorted(policy.researchers):
            control.put(connection, "person", person, _researcher(person))
        for view in policy.views:
            control.put(connection, "dataset", view.dataset, _dataset(view))
        control.provision(connection, policy)
        control.move(connection, policy.project, ProjectState.ACTIVE, epoch=1)
    return policy


def _researcher(id: str) -> Person:
    return Person(id, id.title(), f"{id}@example.org", frozenset({Role.RESEARCHER}))


def _dataset(view: View) -> Dataset:
    content = [Field(c.name, c.type, FieldKind.CONTENT, c.label) for c in view.columns]
    hidden = [
        Field(name, FieldType.STRING, FieldKind.IDENTIFIER, name)
        for name in sorted(WITHHELD.get(view.name, ()))
    ]
    fields = tuple(content + hidden)
    return Dataset(view.dataset, view.agency, view.label, "", fields, ("record_id",), "quarterly")


class GatewayProcess(Child):
    """The real `enclave gateway serve`; kill and start it at will."""

    def __init__(self, settings: Settings):
        super().__init__()
        self.settings = settings

    def start(self) -> GatewayProcess:
        command = [sys.executable, "-m", "enclave.gateway.cli", "serve"]
        self.spawn(command, self.settings.environment())
        wait_until(self.answers, "gateway serve did not start")
        return self

    def answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
            probe.connect(str(self.settings.run_dir / "gateway" / "control.sock"))
            return True
        return False

    def workers(self) -> list[int]:
        """The process ids of the supervisor's children."""
        if self.process is None:
            return []
        place = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(word) for word in place.read_text().split()]


def wait_until(true: Any, complaint: str, seconds: float = START_SECONDS) -> None:
    """Wait until something is true; a test fails with the complaint when it never is."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(complaint)
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", maxsplit=1)[1].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X") and os.path.exists(f"/proc/{pid}")
