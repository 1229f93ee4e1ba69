"""Opening an extract: time and peak memory from encrypted Parquet, beside DuckDB on plain Parquet.

Each measurement is a fresh process, each round takes every path in turn. ROWS=1000000,10000000 and
ROUNDS=3 by default: some minutes on a quiet machine. What a worker does at its start is
"encrypted": decrypt through pyarrow, load into a memory file, look whether a person stands twice,
open it read-only and locked.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from benchmarks._results import keep
from benchmarks.gateway import make_table
from enclave.settings import Settings
from enclave.vault import extract, keys

ROWS = [int(word) for word in os.environ.get("ROWS", "1000000,10000000").split(",")]
ROUNDS = int(os.environ.get("ROUNDS", "3"))
PROJECT = "bench"

# The child's program. Memory is the process's own peak, and beside it the file it keeps in memory.
CHILD = """
import json, os, sys, time
from pathlib import Path
path, rows = sys.argv[2], 0
import duckdb, pyarrow
from enclave.gateway.engine_duckdb import Limits, open_tables, tables
from enclave.settings import Settings
from enclave.vault import extract, keys
def peak():  # of this program: ru_maxrss would count what its parent had when it forked
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) // 1024
def files():  # the database in a memory file system: in memory, and in no process's own figure
    links = [link for link in Path("/proc/self/fd").iterdir() if os.path.exists(link)]
    mine = {os.stat(link) for link in links if "extract.duckdb (deleted)" in os.readlink(link)}
    return sum({one.st_ino: one.st_blocks * 512 for one in mine}.values()) // 1024**2
base = peak()
began = time.perf_counter()
if sys.argv[1] == "encrypted":
    settings = Settings(state_dir=Path(path), run_dir=Path(path))
    found = extract.open_extract(settings, "bench", keys.load(settings, "bench"), epoch=1)
    one = open_tables(tables(found, None), limits=Limits(memory="4GB")).connection
elif sys.argv[1] == "plain":
    one = duckdb.connect(f"{path}/plain.duckdb.memory", config={"memory_limit": "4GB"})
    one.execute(f"CREATE TABLE wages AS FROM read_parquet('{path}/plain.parquet')")
else:
    one = duckdb.connect(config={"memory_limit": "4GB"})
    one.execute(f"CREATE VIEW wages AS FROM read_parquet('{path}/plain.parquet')")
opened = time.perf_counter()
one.execute("SELECT county, count(*), avg(wage) FROM wages GROUP BY county").fetchall()
asked = time.perf_counter()
print(json.dumps({"open_s": opened - began, "first_query_s": asked - opened,
                  "base_mib": base, "peak_mib": peak(), "file_mib": files()}))
"""
PATHS = {
    "encrypted": "extract: decrypt, load into memory, check persons, lock",
    "plain": "DuckDB: plain Parquet into a table on a disk",
    "in-place": "DuckDB: plain Parquet, read where it lies",
}


def prepare(place: Path, rows: int) -> None:
    """Write the same rows as an extract of ours and as one plain Parquet file."""
    settings = Settings(state_dir=place, run_dir=place)
    keys.create(settings, PROJECT)
    table = make_table(rows)  # in order of person_id already
    hexed = pc.utf8_lpad(pc.cast(table["person_id"], pa.string()), 36, "0")
    table = table.set_column(0, "person_id", hexed)
    key = keys.load(settings, PROJECT)
    extract.write_extract(settings, PROJECT, key, epoch=1, policy_sha256="", views={"wages": table})
    pq.write_table(table, place / "plain.parquet", compression="zstd", row_group_size=131_072)


def measure(place: Path, path: str) -> dict[str, float]:
    """Open it once in a fresh process."""
    (place / "plain.duckdb.memory").unlink(missing_ok=True)
    argv = [sys.executable, "-c", CHILD, path, str(place)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    said = next(line for line in done.stdout.splitlines() if line.startswith("{"))
    found: dict[str, float] = json.loads(said)
    return found


def main() -> int:
    """Print the table and write benchmarks/results/opening.json."""
    names = ("rows", "path", "open s", "ratio", "first query s", "peak MiB", "memory file MiB")
    table = Table(*names, title="Opening")
    rows = []
    for count in ROWS:
        with tempfile.TemporaryDirectory() as place:
            prepare(Path(place), count)
            rounds = [{path: measure(Path(place), path) for path in PATHS} for _ in range(ROUNDS)]
        first = statistics.median(one["plain"]["open_s"] for one in rounds)
        for path, says in PATHS.items():
            middle = {
                name: statistics.median(one[path][name] for one in rounds)
                for name in rounds[0][path]
            }
            rows.append({"rows": count, "path": path, **middle, "ratio": middle["open_s"] / first})
            table.add_row(
                f"{count:,}", says, f"{middle['open_s']:.2f}", f"{middle['open_s'] / first:.2f}",
                f"{middle['first_query_s']:.2f}", f"{middle['peak_mib']:.0f}",
                f"{middle['file_mib']:.0f}",
            )  # fmt: skip
    Console(width=130).print(table)
    facts = {"cpus": os.cpu_count(), "load": os.getloadavg(), "rounds": ROUNDS}
    keep("opening", {"facts": facts, "rows": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main())
