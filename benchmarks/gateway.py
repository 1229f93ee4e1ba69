"""The gateway beside DuckDB in this process: latency of a small query, and a scan of 10M rows.

All rows of a table are measured in one run, each path once per round and in turn, so that what
else the machine does falls on all of them; compare the ratios. ROWS=1000000 makes it small.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path

import adbc_driver_flightsql.dbapi as adbc
import duckdb
import numpy as np
import pyarrow as pa
from pyarrow import flight
from rich.console import Console
from rich.table import Table

from enclave.audit_client import AuditClient, socket_path
from enclave.demo.services import answers_on
from enclave.gateway.engine_duckdb import Limits, open_engine
from enclave.gateway.flight import SessionServer
from enclave.gateway.inspector import make_inspector
from enclave.gateway.inspector.catalogue import compile_catalogue
from enclave.gateway.journal import Journal
from enclave.gateway.service import Gateway, Parts
from enclave.model import Column, ColumnRole, FieldType, Policy, QueryMode, Session, View
from enclave.settings import Settings

ROWS = int(os.environ.get("ROWS", "10000000"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
RESULTS = Path(__file__).parent / "results"
SCAN = "SELECT * FROM wages"
SMALL = "SELECT year, count(*) AS n, avg(wage) AS mean FROM small GROUP BY year ORDER BY year"
GROUPED = "SELECT county, year, count(*) AS n, avg(wage) AS mean FROM wages GROUP BY county, year"
COLUMNS = ("year", "quarter", "wage", "industry", "county", "employer", "hours")


@contextmanager
def audit_writer(settings: Settings) -> Iterator[AuditClient]:
    """Have a real audit writer run, so that every query here pays for its receipts."""
    argv = (str(Path(sys.executable).parent / "audit"), "serve")
    socket = socket_path(settings, "gateway")
    writer = subprocess.Popen(argv, env=settings.environment())
    try:
        while not answers_on(socket):
            if writer.poll() is not None:
                raise SystemExit("The audit writer did not start.")
            time.sleep(0.05)
        with AuditClient(settings, "gateway") as client:
            yield client
    finally:
        writer.terminate()
        writer.wait()


def make_table(rows: int) -> pa.Table:
    """Return `rows` wage records with eight columns, from a fixed seed."""
    random = np.random.default_rng(7)
    counties = pa.array([f"County {number}" for number in range(8)])
    industries = pa.array([f"Industry {number}" for number in range(20)])

    def pick(values: pa.Array) -> pa.Array:
        return values.take(pa.array(random.integers(0, len(values), rows)))

    return pa.table(
        {
            "person_id": pa.array(random.integers(0, 1 << 40, rows)),
            "year": pa.array(random.integers(2010, 2025, rows)),
            "quarter": pa.array(random.integers(1, 5, rows)),
            "wage": pa.array(random.gamma(2.0, 9000.0, rows)),
            "industry": pick(industries),
            "county": pick(counties),
            "employer": pa.array(random.integers(0, 90_000, rows)),
            "hours": pa.array(random.integers(0, 600, rows)),
        }
    )


class Views:
    """Tables as an extract offers them."""

    def __init__(self, tables: dict[str, pa.Table]):
        self.views = {name: table.to_reader for name, table in tables.items()}


def make_policy(names: tuple[str, ...]) -> Policy:
    """Return an agreement that grants everything in the tables."""
    columns = tuple(
        Column(name, FieldType.STRING, name, ColumnRole.PROJECTABLE, "bench") for name in COLUMNS
    )
    views = tuple(View(name, name, "dol", name, columns, "bench") for name in names)
    forever = date(2090, 1, 1)
    return Policy(
        "bench", "", "", "bench", "", frozenset({"rosa"}), views, {}, QueryMode.ROW_LEVEL,
        date(2020, 1, 1), forever, forever,
    )  # fmt: skip


def timed(call: Callable[[], object]) -> float:
    """Return the seconds one call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def in_turn(paths: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Run every path once a round; return the seconds of each, without the first, cold round."""
    seconds: dict[str, list[float]] = {name: [] for name in paths}
    for turn in range(rounds + 1):
        for name, call in paths.items():
            took = timed(call)
            if turn:
                seconds[name].append(took)
    return seconds


def bare(place: Path, engine: duckdb.DuckDBPyConnection) -> flight.FlightServerBase:
    """Return a Flight server with nothing in front of the engine: no inspector, log or journal."""

    class Bare(flight.FlightServerBase):
        def do_get(self, context: object, ticket: flight.Ticket) -> flight.FlightDataStream:
            reader = engine.cursor().sql(ticket.ticket.decode()).to_arrow_reader(65_536)
            return flight.RecordBatchStream(reader)

    return Bare(f"grpc+unix://{place}")


def measure(stack: ExitStack) -> dict[str, dict[str, list[float]]]:
    """Build everything once and return seconds by table and path."""
    place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    settings = Settings(state_dir=place / "s", run_dir=place / "r")
    tables = {"wages": make_table(ROWS), "small": make_table(1000)}
    policy = make_policy(tuple(tables))
    opening = timed(lambda: open_engine(Views(tables)).close())
    engine = open_engine(Views(tables), limits=Limits(threads=2, memory="6GB"))
    inspector = make_inspector(
        compile_catalogue(policy, {name: table.schema for name, table in tables.items()})
    )
    session = Session("s1", "rosa", "bench")
    audit = stack.enter_context(audit_writer(settings))
    parts = Parts(inspector, engine, Journal(settings, "bench"), audit, b"k" * 32)
    server = SessionServer(Gateway(parts), session, place / "g.sock")
    naked = bare(place / "b.sock", engine)
    connection = stack.enter_context(
        adbc.connect(f"grpc+unix://{place / 'g.sock'}", autocommit=True)
    )
    client = stack.enter_context(flight.FlightClient(f"grpc+unix://{place / 'b.sock'}"))

    def own(sql: str) -> pa.Table:
        return engine.cursor().sql(sql).to_arrow_table()

    def direct(sql: str) -> pa.Table:
        return client.do_get(flight.Ticket(sql.encode())).read_all()

    def asked(sql: str) -> pa.Table:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetch_arrow_table()

    def paths(sql: str) -> dict[str, Callable[[], object]]:
        return {
            "DuckDB in this process, to an Arrow table": lambda: own(sql),
            "bare Flight server, no checks": lambda: direct(sql),
            "gateway: inspected, audited, over ADBC": lambda: asked(sql),
        }

    results = {
        f"scan of {ROWS:,} rows x 8": in_turn(paths(SCAN), ROUNDS),
        f"GROUP BY over {ROWS:,} rows": in_turn(paths(GROUPED), ROUNDS),
        "small query (1,000 rows)": in_turn(paths(SMALL), 60),
        "inspector alone, small query": {
            "inspect": [timed(lambda: inspector.inspect(SMALL)) for _ in range(60)]
        },
        "opening the engine": {"load into memory, reopen read-only": [opening]},
    }
    server.close()
    naked.shutdown()
    return results


def main() -> int:
    """Print the table and write benchmarks/results/gateway.json."""
    with ExitStack() as stack:
        results = measure(stack)
    table = Table("what", "path", "p50", "ratio", title="Gateway")
    rows = []
    for what, paths in results.items():
        first = statistics.median(next(iter(paths.values())))
        for path, seconds in paths.items():
            middle = statistics.median(seconds)
            rows.append({"what": what, "path": path, "p50_s": middle, "ratio": middle / first})
            shown = f"{middle:.2f} s" if middle >= 0.5 else f"{middle * 1000:.2f} ms"
            table.add_row(what, path, shown, f"{middle / first:.2f}")
    Console(width=120).print(table)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    facts = {"rows": ROWS, "cpus": os.cpu_count(), "load": os.getloadavg(), "peak_mib": peak}
    RESULTS.mkdir(exist_ok=True)
    body = json.dumps({"facts": facts, "rows": rows}, indent=1)
    (RESULTS / "gateway.json").write_text(body + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
