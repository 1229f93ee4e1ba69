"""Evidence of a table over a million rows, beside ACRO on the same rows in the same run.

169 places by 6 industries with all margins: counts and sums, distinct persons, the largest
contributors, and who is in each cell. Wall time and computing time, since machines are shared; ACRO
only where `make .acro-venv/.ready` has installed it, and it counts rows, not persons.

    python -m benchmarks.evidence          the benchmark
    python -m benchmarks.evidence holes    record what ACRO says of its three holes (make acro)
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from benchmarks._results import keep
from egress_review.evidence.recompute import recompute
from enclave.model import DisclosureRules
from tests.support.review import data

HERE = Path(__file__).parent
RECORDED = HERE.parent / "tests" / "data" / "acro" / "holes.json"
ACRO = HERE.parent / ".acro-venv" / "bin" / "python"
ROWS, PERSONS, PLACES, INDUSTRIES, TIMES = 1_000_000, 800_000, 169, 6, 5
COLUMNS = ["person_id", "county", "industry", "wage", "year"]
SQL = "SELECT county, industry, count(*) AS n, sum(wage) AS pay FROM wages GROUP BY CUBE (1, 2)"


def main() -> None:
    """Run the benchmark, or record the holes."""
    if sys.argv[1:] == ["holes"]:
        RECORDED.write_text(json.dumps(holes(), indent=1, sort_keys=True) + "\n")
        return
    with duckdb.connect() as engine:
        _fill(engine)
        facts: dict[str, Any] = {"rows": ROWS, "ours": _ours(engine)}
        if ACRO.exists():
            facts["acro"] = _acro(engine)
    keep("evidence", facts)
    _print(facts)


def holes() -> dict[str, Any]:
    """Return what ACRO says of the three holes, on the rows that the tests replay."""
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        data()["wages"].to_pandas().to_csv(file.name, index=False)
        return _run("holes", file.name)


def _fill(engine: duckdb.DuckDBPyConnection) -> None:
    """Make rows as an extract has them: in order of person, several rows for some."""
    engine.execute("SET threads = 2")
    engine.execute(
        "CREATE TABLE wages AS SELECT "
        f"CAST(CAST(md5(CAST(hash(i) % {PERSONS} AS VARCHAR)) AS UUID) AS VARCHAR) AS person_id, "
        f"'place ' || lpad(CAST(hash(i * 7) % {PLACES} AS VARCHAR), 3, '0') AS county, "
        f"'industry ' || hash(i * 13) % {INDUSTRIES} AS industry, "
        "CAST(exp(9 + (hash(i * 17) % 1000) / 500.0) AS DECIMAL(18, 2)) AS wage, 2024 AS year "
        f"FROM range({ROWS}) AS rows(i) ORDER BY person_id"
    )


def _ours(engine: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    best, lines = [float("inf")] * 2, 0
    for _ in range(TIMES):
        begin = time.perf_counter(), time.process_time()
        lines = len(recompute(engine, SQL, {"wages": COLUMNS}, DisclosureRules()).lines)
        ends = time.perf_counter() - begin[0], time.process_time() - begin[1]
        best = [min(pair) for pair in zip(best, ends, strict=True)]
    return {"seconds": best[0], "cpu_seconds": best[1], "cells": lines}


def _acro(engine: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        engine.execute(f"COPY wages TO '{file.name}' (FORMAT csv, HEADER)")
        return _run("speed", file.name)


def _run(what: str, path: str) -> dict[str, Any]:
    command = [str(ACRO), str(HERE / "_acro.py"), what, path]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _print(facts: dict[str, Any]) -> None:
    shown = Table("evidence of a table with margins", "seconds", "computing seconds")
    ours = facts["ours"]
    name = f"ours: {ours['cells']:,} cells, persons, sums, contributors, members"
    shown.add_row(name, f"{ours['seconds']:.2f}", f"{ours['cpu_seconds']:.2f}")
    for what, seconds in facts.get("acro", {}).items():
        if what != "versions":
            shown.add_row(f"ACRO: {what}", *(f"{each:.2f}" for each in seconds))
    Console(width=110).print(shown)


if __name__ == "__main__":
    main()
