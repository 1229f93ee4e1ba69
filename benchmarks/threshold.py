"""What holding an answer to a number of persons costs: the text that would run beside plain SQL.

Every way is run in turn in each round, on the same rows in one process, so that what else the
machine does falls on all of them; compare the ratios. ROWS=1000000 makes it small.
"""

from __future__ import annotations

import os
import statistics
import time
from datetime import date

import duckdb
from rich.console import Console
from rich.table import Table

from benchmarks._results import keep
from enclave.gateway.inspector import make_inspector
from enclave.gateway.inspector.catalogue import compile_catalogue, declared_schemas
from enclave.model import Aggregation, Column, ColumnRole, FieldType, Policy, QueryMode, View

ROWS = int(os.environ.get("ROWS", "10000000"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
ROWS_A_PERSON = 4
COUNTED = "SELECT agency, year, count(*) AS n FROM {} GROUP BY agency, year"
SUMMED = "SELECT agency, year, count(*) AS n, avg(wage) AS mean FROM {} GROUP BY agency, year"
WAYS = (
    ("one row a person, counts", "persons", COUNTED),
    ("one row a person, means", "persons", SUMMED),
    ("some rows a person, counts", "records", COUNTED),
    ("some rows a person, means", "records", SUMMED),
)
EXACT = {
    "count(DISTINCT person_id), always": "SELECT agency, year, count(*) AS n FROM records "
    "GROUP BY agency, year HAVING count(DISTINCT person_id) >= 10",
    "summed up per person first, always": "SELECT agency, year, sum(n), max(s) <= 0.8 * sum(s) "
    "FROM (SELECT agency, year, person_id, count(*) AS n, sum(abs(wage)) AS s FROM records "
    "GROUP BY agency, year, person_id) GROUP BY agency, year HAVING count(*) >= 10",
}


def make_policy() -> Policy:
    """Return an aggregate-only agreement over two views: persons, and records of persons."""
    columns = tuple(
        Column(name, kind, name, ColumnRole.PROJECTABLE, f"field {name}")
        for name, kind in (
            ("agency", FieldType.STRING),
            ("year", FieldType.INTEGER),
            ("wage", FieldType.DECIMAL),
        )
    )
    views = tuple(View(n, n, "dol", n, columns, f"view {n}") for n in ("persons", "records"))
    return Policy("p", "t", "u", "dsa", "00" * 32, frozenset({"r"}), views, {},
                  QueryMode.AGGREGATE_ONLY, date(2020, 1, 1), date(2090, 1, 1), date(2091, 1, 1),
                  aggregation=Aggregation())  # fmt: skip


def make_tables(connection: duckdb.DuckDBPyConnection, rows: int) -> None:
    """Make 300 groups, none of them small, of persons with pseudonyms as the vault gives them."""
    for view, each in (("persons", 1), ("records", ROWS_A_PERSON)):
        connection.execute(
            f"CREATE TABLE {view} AS SELECT CAST(CAST(md5(CAST(i // {each} AS VARCHAR)) AS UUID) "
            "AS VARCHAR) AS person_id, 'Agency ' || (hash(i) % 20) AS agency, "
            "CAST(2010 + hash(i + 1) % 15 AS BIGINT) AS year, "
            f"CAST(hash(i + 2) % 100000 AS DECIMAL(18, 2)) AS wage FROM range({rows}) AS t(i)"
        )


def measure(connection: duckdb.DuckDBPyConnection) -> dict[str, list[float]]:
    """Return the seconds of each text, one number a round."""
    policy = make_policy()
    most = {"persons": 1, "records": ROWS_A_PERSON}
    catalogue = compile_catalogue(policy, declared_schemas(policy), most=most)
    inspector = make_inspector(catalogue)
    texts: dict[str, str] = {}
    for name, view, sql in WAYS:
        plain = sql.format(view)
        texts[f"{name}: plain"] = plain
        texts[f"{name}: held"] = inspector.inspect(plain).sql
    texts.update(EXACT)
    seconds: dict[str, list[float]] = {name: [] for name in texts}
    for _ in range(ROUNDS + 1):
        for name, text in texts.items():
            begin = time.perf_counter()
            connection.sql(text).to_arrow_table()
            seconds[name].append(time.perf_counter() - begin)
    return {name: found[1:] for name, found in seconds.items()}  # the first round warms up


def main() -> None:
    """Print the table, write its numbers."""
    with duckdb.connect() as connection:
        make_tables(connection, ROWS)
        seconds = {name: statistics.median(found) for name, found in measure(connection).items()}
    table = Table("way", "seconds", "x plain", title=f"{ROWS:,} rows")
    ratios = {}
    for name, found in seconds.items():
        plain = f"{name.partition(':')[0]}: plain"
        ratios[name] = found / seconds.get(plain, seconds[f"{WAYS[2][0]}: plain"])
        table.add_row(name, f"{found:.3f}", f"{ratios[name]:.2f}")
    Console().print(table)
    facts = {"rows": ROWS, "rounds": ROUNDS, "load": os.getloadavg()[0], "seconds": seconds,
             "ratios": ratios, "duckdb": duckdb.__version__}  # fmt: skip
    keep("threshold", facts)


if __name__ == "__main__":
    main()
