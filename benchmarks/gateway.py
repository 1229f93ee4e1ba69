"""The gateway beside its parts and its peers: two scans, a GROUP BY, a small query, many clients.

One scan is of columns as a real view has them: a UUID as text, a decimal, a date, texts, numbers.
The other is of the mix the target was set on: three integers and two long ones, a double, a date
and two short texts. All paths of a table are measured in one run, in turn, so that what else the
machine does falls on all of them; compare the ratios, and mind the load printed with them. The
gateway is the real service: supervisor, confined worker, audit writer, session socket.
ROWS=1000000 makes it small, PEERS=0 leaves PostgreSQL out.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.table import Table
from sqlalchemy import make_url

from benchmarks import _flight_clients as clients
from benchmarks._results import keep
from enclave.audit_client import AuditClient
from enclave.errors import Unavailable
from enclave.gateway.duck import BATCH_ROWS
from enclave.gateway.engine_duckdb import open_engine
from enclave.gateway.inspector import make_inspector
from enclave.gateway.inspector.catalogue import compile_catalogue
from enclave.model import Column, ColumnRole, FieldType, View
from enclave.sessions import open_session
from enclave.settings import Settings
from enclave.store import ControlStore
from enclave.vault import keys
from enclave.vault.extract import open_extract
from hub_config import build, images
from hub_config import engine as containers
from tests.support.audit import AuditProcess
from tests.support.gateway import (
    PROJECT,
    GatewayProcess,
    make_policy,
    make_project,
    socket_of,
    wait_until,
)
from tests.support.postgres import Postgres

ROWS = int(os.environ.get("ROWS", "10000000"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
PEERS = os.environ.get("PEERS", "1") == "1"
SCAN = "SELECT * FROM wages"
MIX = "SELECT * EXCLUDE (person_id) FROM mix"  # docs/decisions/0136 says why there are two
SMALL = "SELECT year, count(*) AS n, avg(wage) AS mean FROM small GROUP BY year ORDER BY year"
GROUPED = "SELECT county, industry, count(*) AS n, avg(wage) AS mean FROM wages GROUP BY ALL"
TYPES = {
    "year": FieldType.INTEGER,
    "wage": FieldType.DECIMAL,
    "industry": FieldType.STRING,
    "county": FieldType.STRING,
    "paid": FieldType.DATE,
    "quarter": FieldType.INTEGER,
    "hours": FieldType.INTEGER,
}
MIX_TYPES = {
    "a": FieldType.INTEGER,
    "b": FieldType.INTEGER,
    "c": FieldType.INTEGER,
    "d": FieldType.INTEGER,
    "e": FieldType.INTEGER,
    "f": FieldType.DECIMAL,
    "g": FieldType.DATE,
    "h": FieldType.STRING,
    "i": FieldType.STRING,
}
Ask = Callable[[str], object]


@dataclass
class Path_:
    """One way to an answer, and how many rounds of a scan are asked of it."""

    ask: Ask
    rounds: int = ROUNDS


def make_table(rows: int) -> pa.Table:
    """Return `rows` wage records as a view has them, from a fixed seed; four to a person."""
    random = np.random.default_rng(7)
    people = pa.array(sorted(_uuid(random.bytes(16)) for _ in range(max(1, rows // 4))))
    ids = people.take(pa.array(np.arange(rows) // 4 % len(people)))
    counties = pa.array([f"County {number}" for number in range(8)])
    industries = pa.array([f"Industry {number}" for number in range(20)])

    def pick(values: pa.Array) -> pa.Array:
        return values.take(pa.array(random.integers(0, len(values), rows)))

    cents = np.zeros((rows, 2), "int64")  # a decimal128 is its unscaled integer in 16 bytes
    cents[:, 0] = random.gamma(2.0, 900_000.0, rows)
    wages = pa.Array.from_buffers(pa.decimal128(18, 2), rows, [None, pa.py_buffer(cents)])
    return pa.table(
        {
            "person_id": ids,
            "year": pa.array(random.integers(2010, 2025, rows)),
            "wage": wages,
            "industry": pick(industries),
            "county": pick(counties),
            "paid": pa.array(random.integers(14_000, 20_000, rows).astype("int32")).cast(
                pa.date32()
            ),
            "quarter": pa.array(random.integers(1, 5, rows)),
            "hours": pa.array(random.integers(0, 600, rows)),
        }
    )


def make_mix(rows: int) -> pa.Table:
    """Return `rows` rows of 32-bit and 64-bit numbers, a double, a date and two short texts."""
    random = np.random.default_rng(8)
    places = pa.array([f"County {number}" for number in range(8)])
    trades = pa.array([f"Industry {number}" for number in range(20)])
    numbers = np.arange(rows)
    days = random.integers(14_000, 20_000, rows).astype("int32")
    return pa.table(
        {
            "person_id": pa.array(["p"]).take(pa.array(np.zeros(rows, "int32"))),
            "a": pa.array(numbers.astype("int32")),
            "b": pa.array(random.integers(0, 1000, rows).astype("int32")),
            "c": pa.array(random.integers(0, 50, rows).astype("int32")),
            "d": pa.array(numbers),
            "e": pa.array(numbers * 13),
            "f": pa.array(random.random(rows)),
            "g": pa.array(days).cast(pa.date32()),
            "h": trades.take(pa.array(random.integers(0, len(trades), rows))),
            "i": places.take(pa.array(random.integers(0, len(places), rows))),
        }
    )


def _uuid(body: bytes) -> str:
    return str(uuid.UUID(bytes=body, version=4))


def view(name: str, types: Mapping[str, FieldType] = TYPES) -> View:
    """Return a view that grants every column."""
    columns = tuple(
        Column(each, kind, each, ColumnRole.PROJECTABLE, "bench") for each, kind in types.items()
    )
    return View(name, name, "dol", name, columns, "bench")


def timed(call: Callable[[], object]) -> float:
    """Return the seconds one call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def in_turn(paths: dict[str, Path_], text: str, rounds: int) -> dict[str, list[float]]:
    """Run every path once a round; return the seconds of each, without the first, cold round."""
    seconds: dict[str, list[float]] = {name: [] for name in paths}
    for turn in range(rounds + 1):
        for name, path in paths.items():
            if turn <= path.rounds:
                took = timed(lambda ask=path.ask: ask(text))
                if turn or path.rounds == 0:
                    seconds[name].append(took)
    return seconds


@contextmanager
def bare_server(settings: Settings, key: bytes, socket: Path) -> Iterator[None]:
    """Have the bare Flight server run in a process of its own."""
    orders = {
        "settings": settings.model_dump(mode="json", exclude_none=True),
        "project": PROJECT,
        "key": key.hex(),
        "socket": str(socket),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks._bare_flight"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    with process.stdin, process.stdout:
        process.stdin.write(json.dumps(orders) + "\n")
        process.stdin.flush()
        if process.stdout.readline() != "open\n":
            raise SystemExit("The bare server did not start.")
        yield
    process.wait()


@contextmanager
def postgres(tables: dict[str, pa.Table]) -> Iterator[dict[str, Ask]]:
    """Have PostgreSQL hold the same tables; yield what asks it through ADBC and psycopg."""
    import adbc_driver_postgresql.dbapi as adbc  # noqa: PLC0415 - only with PEERS
    import psycopg  # noqa: PLC0415

    server = Postgres().start()
    url = make_url(server.database())
    uri = f"postgresql://{url.username}@/{url.database}?host={url.query['host']}"
    try:
        with adbc.connect(uri) as connection, connection.cursor() as cursor:
            for table, rows in tables.items():
                cursor.adbc_ingest(table, rows)
            connection.commit()
            cursor.execute("ANALYZE")
        with adbc.connect(uri, autocommit=True) as first, psycopg.connect(uri) as second:

            def over_adbc(text: str) -> object:
                with first.cursor() as cursor:
                    cursor.execute(_in_postgres(text))
                    return cursor.fetch_arrow_table()

            def over_psycopg(text: str) -> object:
                with second.cursor() as cursor:  # 10M tuples at once would not fit into memory
                    return sum(1 for _ in cursor.stream(_in_postgres(text), binary=True, size=1000))

            yield {"PostgreSQL over ADBC": over_adbc, "PostgreSQL over psycopg": over_psycopg}
    finally:
        server.stop()


def _in_postgres(text: str) -> str:
    return text.replace("GROUP BY ALL", "GROUP BY county, industry")


def from_container(settings: Settings, socket: Path) -> Callable[[str, str, int], float] | str:
    """Return what asks from inside a workspace's image, or why it cannot be done here."""
    try:
        engine = containers.command()
        build.build_docker(settings)
    except Unavailable as error:
        return error.sentence.removesuffix(".")
    image = images.researcher_image(settings)
    program = Path(clients.__file__).read_text(encoding="utf-8")

    def ask(kind: str, text: str, times: int) -> float:
        argv = [engine, "run", "--rm", "--network", "none", "-v", f"{socket.parent}:/s"]
        argv += ["--entrypoint", "python3", image, "-c", program]
        argv += [f"/s/{socket.name}", kind, str(times), text]
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        return float(done.stdout)

    return ask


@dataclass
class Measured:
    """Rows of (table, path, seconds, ratio, queries a second), and what was left out."""

    rows: list[tuple[str, str, float, float, float]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def add(self, what: str, seconds: dict[str, list[float]]) -> None:
        """Take the medians of one table; its first path is what the ratios are of."""
        first = statistics.median(next(iter(seconds.values())))
        for name, each in seconds.items():
            if each:
                middle = statistics.median(each)
                self.rows.append((what, name, middle, middle / first, 0.0))


def measure(stack: ExitStack) -> Measured:
    """Build everything once, then measure each table in turn."""
    place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="enc-b-")))
    settings = Settings(state_dir=place / "s", run_dir=place / "r", audit_grace_seconds=1)
    settings.state_dir.mkdir()
    tables = {"wages": make_table(ROWS), "mix": make_mix(ROWS), "small": make_table(1000)}
    policy = make_policy(views=(view("wages"), view("mix", MIX_TYPES), view("small")))
    widths = {
        name: sum(column.nbytes for column in table.columns) / ROWS
        for name, table in (("wages", tables["wages"]), ("mix", tables["mix"].drop("person_id")))
    }
    audit = AuditProcess(settings).start()
    stack.callback(audit.stop)
    store = stack.enter_context(closing(ControlStore(settings.database_url)))
    sender = stack.enter_context(AuditClient(settings, "admin"))
    make_project(settings, store, sender, policy=policy, tables=tables)
    service = GatewayProcess(settings).start()
    stack.callback(service.stop)
    session = open_session(store, sender, settings, person="rosa", project=PROJECT)
    door = socket_of(settings, session.id)
    wait_until(door.exists, "the session's socket did not come", 300)
    key = keys.load(settings, PROJECT)
    own = open_engine(open_extract(settings, PROJECT, key, epoch=1), policy=policy)
    stack.callback(own.close)
    naked = place / "bare.sock"
    stack.enter_context(bare_server(settings, key, naked))
    found = Measured()
    paths = _paths(stack, own, naked, door)
    peers = {}
    if PEERS:
        peers = {
            name: Path_(ask, rounds=1)
            for name, ask in stack.enter_context(postgres(tables)).items()
        }
    else:
        found.left_out.append("PostgreSQL: PEERS=0")
    del tables
    of = f"scan, {ROWS:,} rows x"
    found.add(f"{of} 8, {widths['wages']:.0f} bytes each", in_turn(paths | peers, SCAN, ROUNDS))
    # What the design's own run compared with: the answer kept by the engine, then made Arrow.
    kept = {COPIED: Path_(lambda text: _kept(own, text))}
    ways = {**dict(list(paths.items())[:1]), **kept, **dict(list(paths.items())[1:])}
    found.add(f"mix, {ROWS:,} rows x 9, {widths['mix']:.0f} bytes each", in_turn(ways, MIX, ROUNDS))
    found.add(f"GROUP BY over {ROWS:,} rows", in_turn(paths | peers, GROUPED, ROUNDS))
    for peer in peers.values():
        peer.rounds = 60
    small = {name: Path_(path.ask, 60) for name, path in (paths | peers).items()}
    found.add("small query (1,000 rows)", in_turn(small, SMALL, 60))
    _measure_container(found, settings, door)
    _measure_many(found, naked, door)
    inspector = make_inspector(
        compile_catalogue(
            policy,
            {
                "wages": make_table(1).schema,
                "small": make_table(1).schema,
                "mix": make_mix(1).schema,
            },
        )
    )
    alone = [timed(lambda: inspector.inspect(SMALL)) for _ in range(60)]
    found.add("inspector alone, small query", {"first sight": alone})
    return found


COPIED = "DuckDB in this process, answer kept, then Arrow"


def _kept(own: duckdb.DuckDBPyConnection, text: str) -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says what is measured here: an extra copy
        return own.cursor().execute(text).to_arrow_table()


def _paths(
    stack: ExitStack, own: duckdb.DuckDBPyConnection, naked: Path, door: Path
) -> dict[str, Path_]:
    def table(text: str) -> object:
        return own.cursor().sql(text).to_arrow_table()

    def batches(text: str) -> object:
        return sum(batch.num_rows for batch in own.cursor().sql(text).to_arrow_reader(BATCH_ROWS))

    paths = {
        "DuckDB in this process, Arrow table": Path_(table),
        "DuckDB in this process, batches": Path_(batches),
    }
    for name, socket in (("bare Flight", naked), ("gateway", door)):
        for how, make in (("pyarrow", clients.over_flight), ("ADBC", clients.over_adbc)):
            ask, close = make(str(socket))
            stack.callback(close)
            paths[f"{name}, {how}"] = Path_(ask)
    return paths


def _measure_container(found: Measured, settings: Settings, door: Path) -> None:
    asked = from_container(settings, door)
    if isinstance(asked, str):
        found.left_out.append(f"from inside a container: {asked}")
        return
    for what, text, times in (("scan", SCAN, ROUNDS), ("mix", MIX, ROUNDS), ("small", SMALL, 60)):
        for kind in ("flight", "adbc"):
            seconds = asked(kind, text, times)
            what_row = next(row for row in found.rows if row[0].startswith(what))
            ratio = seconds / what_row[2] * what_row[3]
            found.rows.append(
                (what_row[0], f"gateway, {kind}, from a container", seconds, ratio, 0)
            )


def _measure_many(found: Measured, naked: Path, door: Path) -> None:
    for number in (1, 8, 32):
        first = 0.0
        for name, socket in (("bare Flight", naked), ("gateway", door)):
            taken, rate = clients.many(
                str(socket), SMALL, clients=number, each=max(10, 240 // number)
            )
            middle = statistics.median(taken)
            first = first or middle
            found.rows.append(
                (f"small query, {number} clients", name, middle, middle / first, rate)
            )


def main() -> int:
    """Print the table and write benchmarks/results/gateway.json."""
    before = os.getloadavg()
    with ExitStack() as stack:
        found = measure(stack)
    table = Table("what", "path", "p50", "ratio", "queries/s", title="Gateway")
    for what, path, middle, ratio, rate in found.rows:
        shown = f"{middle:.2f} s" if middle >= 0.5 else f"{middle * 1000:.2f} ms"
        table.add_row(what, path, shown, f"{ratio:.2f}", f"{rate:.0f}" if rate else "")
    console = Console(width=120)
    console.print(table)
    for sentence in found.left_out:
        console.print(f"Left out, {sentence}.")
    facts = {"rows": ROWS, "cpus": os.cpu_count(), "load": [before, os.getloadavg()]}
    console.print(f"Load before and after: {before[0]:.1f}, {os.getloadavg()[0]:.1f}.")
    names = ("what", "path", "p50_s", "ratio", "queries_per_s")
    rows = [dict(zip(names, row, strict=True)) for row in found.rows]
    keep("gateway", {"facts": facts, "rows": rows, "left_out": found.left_out})
    return 0


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
