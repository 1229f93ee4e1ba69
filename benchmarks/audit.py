"""The audit log: batches beside plain SQLite, callers through the service, proofs, growth.

Ratios are of one run: every path takes a batch in turn. ENTRIES=1000000 for the proofs; GROWTH
(off) is how far the log is grown, 10000000 for the largest deployment we plan for (10 GB of disk).
PARTS=batches,callers,proofs,growth chooses. A busy machine makes callers slower, ratios less so.
Where a disk ends an fsync only at certain moments, a batch takes whole such steps: see its CPU.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from multiprocessing import get_context
from pathlib import Path
from urllib.request import urlopen

from rich.console import Console
from rich.table import Table
from typing_extensions import override

from audit import merkle
from audit.custody import AuditFiles, open_log, sign_checkpoint
from audit.log import Log, LogReader, Sender, open_reader, open_writer
from audit.senders import SAYS
from benchmarks._results import keep
from enclave.audit_client import SOURCES, AuditClient
from enclave.events import Action, Event, Stamp, encode
from enclave.settings import Settings
from tests.support.audit import AuditProcess
from tests.support.audit_bulk import steps, write_log
from tests.support.ports import free_port
from tests.support.postgres import Postgres

PARTS = os.environ.get("PARTS", "batches,callers,proofs,growth").split(",")
ENTRIES = int(os.environ.get("ENTRIES", "1000000"))
GROWTH = int(os.environ.get("GROWTH", "0"))
SECONDS = float(os.environ.get("SECONDS", "8"))  # of each number of callers
SIZES, ROUNDS = (64, 256), 120  # 64 is the most that 64 callers can make of one batch
BATCH = 256
CROWDS = ((1, 1), (1, 8), (1, 64), (4, 16))  # processes, threads of each
QUERY = Event(
    Action.QUERY_INTENT, "rosa", project="credential-pay", agencies=("dol",), datasets=("wages",),
    columns=("wages.industry", "wages.wage"), clause="dsa-credential-pay, views.wages.columns",
    session="s-0000000000000001", detail={"sql": "SELECT industry, avg(wage) FROM wages GROUP BY 1",
    "sql_hmac": "ab" * 16, "policy_sha256": "cd" * 32, "epoch": 1},
)  # fmt: skip
Row = dict[str, float | str]


def bodies(count: int) -> list[bytes]:
    """Return what a mixed day's events look like in the log."""
    made = []
    for place, step in enumerate(steps(count)):
        stamp = Stamp(step.time, step.source, "bench", place, f"{random.getrandbits(128):032x}")
        made.append(encode(step.event, stamp))
    return made


class Plain:
    """SQLite with the same durability and nothing else: one table, a number and the bytes."""

    def __init__(self, path: Path):
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = FULL")
        self.connection.execute("CREATE TABLE entry (idx INTEGER PRIMARY KEY, body BLOB) STRICT")
        self.next = 0

    def append(self, batch: list[bytes]) -> None:
        """Commit a batch, each event inserted as it comes."""
        self.connection.execute("BEGIN IMMEDIATE")
        for body in batch:
            self.connection.execute("INSERT INTO entry VALUES (?, ?)", (self.next, body))
            self.next += 1
        self.connection.execute("COMMIT")


class PlainColumns(Plain):
    """The same with what makes a retry recognisable: the log's columns and its unique key."""

    def __init__(self, path: Path):
        super().__init__(path)
        self.connection.execute("DROP TABLE entry")
        self.connection.execute(
            "CREATE TABLE entry (idx INTEGER PRIMARY KEY, body BLOB, source TEXT, instance TEXT,"
            " seq INTEGER, UNIQUE (source, instance, seq)) STRICT"
        )

    @override
    def append(self, batch: list[bytes]) -> None:
        """Commit a batch, each event inserted as it comes."""
        self.connection.execute("BEGIN IMMEDIATE")
        for body in batch:
            row = (self.next, body, "bench", "one", self.next)
            self.connection.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?)", row)
            self.next += 1
        self.connection.execute("COMMIT")


class PlainInOne(Plain):
    """The same, in one `executemany`: the fastest there is."""

    @override
    def append(self, batch: list[bytes]) -> None:
        """Commit a batch."""
        rows = list(enumerate(batch, self.next))
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.executemany("INSERT INTO entry VALUES (?, ?)", rows)
        self.connection.execute("COMMIT")
        self.next += len(batch)


def into(log: Log) -> Callable[[list[bytes]], None]:
    """Return how a log takes a batch."""

    def append(batch: list[bytes]) -> None:
        with log.write() as open_batch:
            for body in batch:
                open_batch.add(body, Sender("bench", "one", open_batch.size))

    return append


def batches(place: Path, server: Postgres, size: int) -> list[Row]:
    """Append the same batches to every store in turn."""
    place.mkdir()
    settings = Settings(state_dir=place / "signed", run_dir=place)
    files = AuditFiles.of(settings)
    signed_log, signer = open_log(files, settings.origin)
    plain, fast = Plain(place / "plain.db"), PlainInOne(place / "fast.db")
    columns = PlainColumns(place / "columns.db")
    unsigned, remote = open_writer(place / "unsigned.db"), open_writer(server.database())

    def signed(batch: list[bytes]) -> None:
        into(signed_log)(batch)
        sign_checkpoint(signed_log, files, signer)

    def noted(batch: list[bytes]) -> None:
        """Sign and keep in the database alone: the design's figure was of this."""
        into(unsigned_noted)(batch)
        root = unsigned_noted.root(unsigned_noted.size)
        unsigned_noted.keep_checkpoint(unsigned_noted.size, signer.sign(root.hex() + "\n"))

    unsigned_noted = open_writer(place / "noted.db")
    ways = {
        "bare plain SQLite: number and bytes": plain.append,
        "keyed plain SQLite: also who sent it, unique": columns.append,
        "bare plain SQLite, executemany": fast.append,
        "log, unsigned": into(unsigned),
        "log, checkpoint signed into the table": noted,
        "log, checkpoint also in its fsynced file": signed,
        "log in PostgreSQL, unsigned": into(remote),
    }
    given = bodies(size * (ROUNDS + 5))
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    worked: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS + 5):
        batch = given[turn * size : (turn + 1) * size]
        for name, append in ways.items():
            began, idle = time.perf_counter(), time.thread_time()
            append(batch)
            if turn >= 5:  # the first make the tables warm
                seconds[name].append(time.perf_counter() - began)
                worked[name].append(time.thread_time() - idle)
    for log in (signed_log, unsigned, unsigned_noted, remote):
        log.close()
    bare, keyed = (sum(seconds[name]) for name in list(ways)[:2])
    return [
        {
            "path": name,
            "ms a batch": statistics.median(found) * 1000,
            "of it CPU": statistics.median(worked[name]) * 1000,
            "appends/s": size * len(found) / sum(found),
            "of bare": bare / sum(found),
            "of keyed": keyed / sum(found),
        }
        for name, found in seconds.items()
    ]


def busy(service: AuditProcess) -> float:
    """Return the seconds of CPU a service has used."""
    assert service.process is not None
    fields = Path(f"/proc/{service.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def call(settings: Settings, source: str, threads: int, start: float) -> tuple[list[float], float]:
    """Append from threads of this process, each waiting for its receipt; latencies, and CPU."""
    latencies: list[list[float]] = [[] for _ in range(threads)]
    event = Event(min(SAYS[source]), "rosa", detail=QUERY.detail)

    def append(client: AuditClient, mine: list[float]) -> None:
        time.sleep(max(0.0, start - time.monotonic()))
        while (began := time.monotonic()) < start + SECONDS:
            client.append(event)
            mine.append(time.monotonic() - began)

    with AuditClient(settings, source) as client:
        ready = time.process_time()
        crowd = [threading.Thread(target=append, args=(client, mine)) for mine in latencies]
        for thread in crowd:
            thread.start()
        for thread in crowd:
            thread.join()
    return [each for mine in latencies for each in mine], time.process_time() - ready


def batches_of(service: AuditProcess) -> int:
    """Return how many transactions a service has committed."""
    with urlopen(f"http://{service.settings.audit_metrics_address}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    name = "_batches_total "
    return next(int(line.split()[1]) for line in lines if name in line and line[0] != "#")


def hammer(service: AuditProcess, processes: int, threads: int) -> Row:
    """Append from processes of as many threads each, as the services of an enclave do."""
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        list(pool.map(time.sleep, [2.0] * processes))  # until all have started
        start = time.monotonic() + 0.5
        before = busy(service), batches_of(service)
        calls = [
            pool.submit(call, service.settings, source, threads, start)
            for source in SOURCES[:processes]
        ]
        results = [each.result() for each in calls]
    found = sorted(second for latencies, _ in results for second in latencies)
    many, committed = len(found), batches_of(service) - before[1]
    return {
        "processes": processes,
        "threads each": threads,
        "appends/s": many / SECONDS,
        "events a commit": many / committed,
        "service us": (busy(service) - before[0]) / many * 1e6,  # of CPU an event
        "caller us": sum(cpu for _, cpu in results) / many * 1e6,
        "p50 ms": found[many // 2] * 1000,
        "p99 ms": found[int(many * 0.99)] * 1000,
        "most ms": found[-1] * 1000,
    }


def callers(place: Path, server: Postgres) -> list[Row]:
    """Measure the service on both databases."""
    rows: list[Row] = []
    for name, url in (("SQLite", None), ("PostgreSQL", server.database())):
        settings = Settings(
            state_dir=place / f"s{name}",
            run_dir=place / name,
            audit_database_url=url,
            audit_metrics_address=f"127.0.0.1:{free_port()}",
        )
        service = AuditProcess(settings).start()
        try:
            rows += [{"store": name, **hammer(service, *crowd)} for crowd in CROWDS]
        finally:
            service.stop()
    return rows


def proofs(reader: LogReader, size: int) -> Row:
    """Time proofs at random places: each is made and checked against the root."""
    chance = random.Random(1)
    root = reader.root(size)
    inclusion, consistency = [], []
    for _ in range(500):
        index, old = chance.randrange(size), chance.randrange(1, size)
        began = time.perf_counter()
        path = merkle.inclusion_proof(reader.node, index, size)
        inclusion.append(time.perf_counter() - began)
        entry = reader.entry(index)
        assert entry is not None
        merkle.verify_inclusion(entry.leaf, index, size, proof=path, root=root)
        began = time.perf_counter()
        steps_between = merkle.consistency_proof(reader.node, old, size)
        consistency.append(time.perf_counter() - began)
        merkle.verify_consistency(
            old, size, old_root=reader.root(old), new_root=root, proof=steps_between
        )
    return {
        "inclusion p50 ms": statistics.median(inclusion) * 1000,
        "inclusion p99 ms": sorted(inclusion)[494] * 1000,
        "consistency p50 ms": statistics.median(consistency) * 1000,
        "consistency p99 ms": sorted(consistency)[494] * 1000,
    }


def proofs_of_a_year(place: Path) -> list[Row]:
    """Prove in a log of ENTRIES made-up events."""
    settings = Settings(state_dir=place / "proofs", run_dir=place)
    began = time.perf_counter()
    write_log(settings, ENTRIES)
    wrote = time.perf_counter() - began
    size = AuditFiles.of(settings).log.stat().st_size
    with closing(open_reader(settings)) as reader:
        found = proofs(reader, ENTRIES)
    return [{"entries": ENTRIES, "written in s": wrote, "bytes an entry": size / ENTRIES, **found}]


def growth(place: Path) -> list[Row]:
    """Grow a log by tenths; after each, its file, its speed and its proofs."""
    rows: list[Row] = []
    sample, step = bodies(BATCH * 40), max(GROWTH // 10, BATCH)
    path = place / "growth.db"
    with closing(open_writer(path)) as log:
        append, turn = into(log), 0
        while log.size < GROWTH:
            began, target = time.perf_counter(), log.size + step
            while log.size < target:
                # unlike each other, as nonces make them, and of the length of real ones
                append([body[:-1] + b',"n":%d}' % turn for body in sample[:: len(sample) // BATCH]])
                turn += 1
            took = time.perf_counter() - began
            with closing(open_reader(path)) as reader:
                found = proofs(reader, log.size)
            row: Row = {"entries": log.size, "appends/s": step / took,
                        "GB": path.stat().st_size / 1e9, **found}  # fmt: skip
            print(json.dumps(row), flush=True)
            rows.append(row)
    return rows


@contextmanager
def durable_server() -> Iterator[Postgres]:
    """Have a PostgreSQL server that really syncs."""
    server = Postgres().start(durable=True)
    try:
        yield server
    finally:
        server.stop()


def show(title: str, rows: list[Row]) -> None:
    """Print rows as a table."""
    if not rows:
        return
    table = Table(title=title)
    for name in rows[0]:
        table.add_column(name, justify="left" if isinstance(rows[0][name], str) else "right")
    for row in rows:
        table.add_row(*(_shown(value) for value in row.values()))
    Console(width=150).print(table)


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:,.{0 if value >= 100 else 2}f}"


def main() -> int:
    """Print the tables and write benchmarks/results/audit.json."""
    place, found = Path(tempfile.mkdtemp(prefix="ab-")), {}
    try:
        with durable_server() as server:
            if "batches" in PARTS:
                for size in SIZES:
                    found[f"batches of {size}"] = batches(place / f"b{size}", server, size)
                    show(f"{ROUNDS} batches of {size}", found[f"batches of {size}"])
            if "callers" in PARTS:
                found["callers"] = callers(place, server)
                show("Callers through the service", found["callers"])
        if "proofs" in PARTS:
            found["proofs"] = proofs_of_a_year(place)
            show("Proofs", found["proofs"])
        if "growth" in PARTS and GROWTH:
            found["growth"] = growth(place)
            show("Growth", found["growth"])
    finally:
        shutil.rmtree(place, ignore_errors=True)
    facts = {"cpus": os.cpu_count(), "load": os.getloadavg(), "python": sys.version.split()[0]}
    keep("audit", {"facts": facts, **found})
    return 0


if __name__ == "__main__":
    sys.exit(main())
