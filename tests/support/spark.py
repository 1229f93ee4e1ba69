"""A Spark for tests, started once, and gateways on it beside gateways on DuckDB."""

from __future__ import annotations

import itertools
import math
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from enclave.gateway.engine_duckdb import tables as granted
from enclave.gateway.engine_spark import SparkInspector, open_spark
from enclave.gateway.inspector import make_inspector
from enclave.gateway.inspector.catalogue import compile_catalogue
from enclave.gateway.service import Gateway
from enclave.gateway.spark import client, server
from enclave.model import Policy
from enclave.settings import Settings
from tests.support.gateway import WITHHELD, Collector, make_policy, make_tables, open_gateway

MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Spark:
    """A running server and its directory in memory."""

    running: server.Server
    place: Path
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def client(self) -> client.Client:
        """A session past every list of ours: what Spark itself, in its jail, would do."""
        return client.connect(self.running)

    def room(self) -> Path:
        """A directory for one more engine's views."""
        place = self.place / f"engine-{next(self.numbers)}"
        place.mkdir(mode=0o700)
        return place


@contextmanager
def start_spark() -> Iterator[Spark]:
    """Start a jailed Spark, wait until it answers, and end it."""
    place = MEMORY / f"enclave-test-{secrets.token_hex(4)}"
    place.mkdir(mode=0o700)
    running = server.start(place, server.Size(heap="1g", quick=True))
    try:
        spark = Spark(running, place)
        spark.client().wait(running)
        yield spark
    finally:
        running.stop()
        shutil.rmtree(place, ignore_errors=True)


@dataclass(frozen=True)
class Rows:
    """Tables as an extract offers them."""

    tables: Mapping[str, pa.Table]

    @property
    def views(self) -> Mapping[str, Any]:
        return {name: table.to_reader for name, table in self.tables.items()}


@contextmanager
def open_spark_gateway(
    settings: Settings,
    collector: Collector,
    spark: Spark,
    *,
    policy: Policy | None = None,
    tables: Mapping[str, pa.Table] | None = None,
    seconds: int = 300,
) -> Iterator[Gateway]:
    """A gateway on Spark, with one open session `s1`; the server stays for the next."""
    policy, tables = policy or make_policy(), tables or make_tables()
    schemas = {name: table.schema for name, table in tables.items()}
    plain = make_inspector(compile_catalogue(policy, schemas, WITHHELD))
    wanted = granted(Rows(tables), policy)
    engine = open_spark(wanted, running=spark.running, place=spark.room(), empty=plain.empty)
    inspector = SparkInspector(plain.catalogue, plain.second, plain.empty)
    facts = {"inspector": inspector, "engine": engine, "seconds": seconds}
    with open_gateway(settings, collector, policy=policy, tables=tables, **facts) as gateway:
        yield gateway


def differs(ours: pa.Table, theirs: pa.Table) -> str | None:
    """Say how two answers differ, rows in any order; doubles may differ in their last digits.

    Neither engine promises an order of summing doubles: 1e-9 of the value is let pass.
    """
    if ours.schema.names != theirs.schema.names or ours.schema.types != theirs.schema.types:
        return f"{ours.schema} for {theirs.schema}"
    mine, other = (sorted(_rows(table), key=_place) for table in (ours, theirs))
    if len(mine) != len(other):
        return f"{len(mine)} rows for {len(other)}"
    for one, two in zip(mine, other, strict=True):
        if not all(_same(a, b) for a, b in zip(one, two, strict=True)):
            return f"{one} for {two}"
    return None


def _rows(table: pa.Table) -> list[tuple[Any, ...]]:
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def _place(row: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(f"{value:.5g}" if isinstance(value, float) else repr(value) for value in row)


def _same(one: Any, two: Any) -> bool:
    if isinstance(one, float) and isinstance(two, float):
        both_nan = math.isnan(one) and math.isnan(two)
        return both_nan or math.isclose(one, two, rel_tol=1e-9, abs_tol=1e-9)
    return type(one) is type(two) and bool(one == two)
