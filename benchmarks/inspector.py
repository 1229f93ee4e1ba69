"""What inspecting a query costs: TPC-H and TPC-DS, each step on its own, and peers beside it.

Every query is taken in turn by every path within one round, in one run, so that what else the
machine does falls on all of them. Nothing is executed: plans are made over empty tables.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import duckdb
import sqlglot
from rich.console import Console
from rich.table import Table
from sqlglot.optimizer.qualify import qualify

from benchmarks._results import keep
from enclave.gateway.inspector import (
    SWITCH_SECONDS,
    agreement,
    bound_plan,
    engine_json,
    engine_tree,
    limits,
)
from enclave.gateway.inspector.reading import Reading
from enclave.gateway.service import Gateway
from enclave.settings import Settings
from tests.support import tpc
from tests.support.gateway import ROSA, Collector, open_gateway

ROUNDS = int(os.environ.get("ROUNDS", "7"))
WHOLE = "inspector, all of it"
Step = Callable[[str], object]


class Took(NamedTuple):
    """Milliseconds on the clock, and of this process's CPU in all its threads."""

    wall: float
    cpu: float


def paths(gateway: Gateway) -> dict[str, Step]:
    """Return what is measured: the whole inspector, its steps, and what others would do."""
    inspector = gateway.parts.inspector
    second, catalogue = inspector.second, inspector.catalogue
    reader, peer = engine_json.open_reader(inspector.empty), inspector.empty.cursor()
    seen: dict[str, Any] = {}

    def parse(sql: str) -> None:
        seen["second"] = second.parse(sql)

    def tree(sql: str) -> None:
        seen["tree"], seen["views"] = engine_tree.read(reader, sql, catalogue)

    def plan(sql: str) -> None:
        seen["plan"] = bound_plan.plan(reader, sql)

    def hold(sql: str) -> object:
        columns = bound_plan.read(seen["plan"]).columns
        reading = Reading(sql, seen["tree"], seen["plan"], seen["views"], columns)
        return agreement.hold(catalogue, reader, reading)

    def peer_qualify(sql: str) -> object:
        parsed = sqlglot.parse_one(sql, dialect="duckdb")
        return qualify(parsed, schema=second.schema, dialect="duckdb", quote_identifiers=False)

    def peer_plan(sql: str) -> object:
        return peer.execute("SELECT json_serialize_plan($1, optimize := false)", [sql]).fetchone()

    return {
        WHOLE: inspector.inspect,
        "repeated, through the service's cache": lambda sql: gateway.check(ROSA, sql),
        "step: characters": limits.read,
        "step: engine's tree and its lists": tree,
        "step: second parser and its list": parse,
        "step: second parser, columns": lambda sql: second.read(seen["second"]),
        "step: bound plan made": plan,
        "step: bound plan read": lambda sql: bound_plan.read(seen["plan"]),
        "step: agreement, on the plan's flow": hold,
        "step: text for the log": lambda sql: limits.read(sql).redacted(catalogue.names()),
        "peer: sqlglot parse and qualify alone": peer_qualify,
        "peer: DuckDB json_serialize_plan alone": peer_plan,
    }


def measure(suite: str) -> dict[str, list[Took]]:
    """Return what each query took by path: its own median over the rounds."""
    taken: dict[str, list[Took]] = {}
    with TemporaryDirectory() as place:
        settings = Settings(state_dir=Path(place) / "s", run_dir=Path(place) / "r")
        policy, tables = tpc.policy(suite), tpc.tables(suite)
        with open_gateway(settings, Collector(), policy=policy, tables=tables) as gateway:
            measured = paths(gateway)
            for sql in tpc.queries(suite):
                rounds = [_round(measured, sql) for _ in range(ROUNDS + 1)][1:]  # the first is cold
                for name in measured:
                    wall = statistics.median(each[name].wall for each in rounds)
                    cpu = statistics.median(each[name].cpu for each in rounds)
                    taken.setdefault(name, []).append(Took(wall, cpu))
    return taken


def _round(measured: dict[str, Step], sql: str) -> dict[str, Took]:
    took = {}
    for name, call in measured.items():
        started, spent = time.perf_counter(), time.process_time()
        call(sql)
        wall, cpu = time.perf_counter() - started, time.process_time() - spent
        took[name] = Took(wall * 1000, cpu * 1000)
    return took


def _spread(values: list[float]) -> tuple[float, float]:
    return statistics.median(values), statistics.quantiles(values, n=20)[18]


def main() -> int:
    """Print the table and write benchmarks/results/inspector.json."""
    sys.setswitchinterval(SWITCH_SECONDS)  # as a worker does
    columns = ("queries", "path", "p50 ms", "p95 ms", "ratio of p50", "CPU p50 ms")
    table = Table(*columns, title="Inspector")
    rows = []
    for suite in tpc.SUITES:
        taken = measure(suite)
        whole = statistics.median(took.wall for took in taken[WHOLE])
        for path, found in taken.items():
            middle, late = _spread([took.wall for took in found])
            cpu, _ = _spread([took.cpu for took in found])
            rows.append({"suite": suite, "path": path, "queries": len(found),
                         "p50_ms": middle, "p95_ms": late, "cpu_p50_ms": cpu})  # fmt: skip
            shown = (f"{number:.3f}" for number in (middle, late, middle / whole, cpu))
            table.add_row(f"{suite} ({len(found)})", path, *shown)
    Console(width=110).print(table)
    facts = {"rounds": ROUNDS, "cpus": os.cpu_count(), "load": os.getloadavg(),
             "duckdb": duckdb.__version__, "sqlglot": sqlglot.__version__}  # fmt: skip
    keep("inspector", {"facts": facts, "rows": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main())
