"""Linkage of the demo's deliveries against stock Splink, side by side in one run.

Both get the same cleaned, collapsed identities, so that what differs is the model's comparisons,
its blocking, and clustering. Stock is Splink's documented way: its comparison library, usual
blocking rules, connected components over a match probability. The truth comes from the simulated
population and is read here only. Our model's few hand-set numbers were chosen while looking at
this population; see docs/decisions/0021-average-linkage.md.

Needs the demo-data environment (`make demo` makes it). Prints a table, writes JSON beside it.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import splink.comparison_library as cl
from rich.console import Console
from rich.table import Table
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

from benchmarks._results import keep
from enclave.governance.compile import compile_network
from enclave.governance.files import read_network
from enclave.store import DeliveryRow
from enclave.vault import dictionary
from linkage import model, prepare
from linkage.quality import judge
from linkage.run import place as place_clusters

ROOT = Path(__file__).parent.parent
NETWORK = ROOT / "examples" / "demo-network"
DATA_PYTHON = ROOT / ".demo-data-venv" / "bin" / "python"
FREE = ["social-security"]
METHODS = ("ours", "stock 0.99", "stock 0.95")


def prepared(place: Path) -> duckdb.DuckDBPyConnection:
    """Return a database with the tables `record`, `node` and `truth` of the generated files."""
    network = compile_network(read_network(NETWORK))
    tables: dict[str, pa.Table] = {}
    for id, dataset in network.datasets.items():
        table = dictionary.check(place / f"{id}.csv", dataset)
        keys = pa.array([os.urandom(16) for _ in range(table.num_rows)], pa.binary())
        tables[id] = table.append_column("record_key", keys)
    prepare.read = lambda _settings, delivery, _kind: tables[delivery.dataset]  # type: ignore[assignment]
    connection = duckdb.connect(config={"memory_limit": "2GB", "temp_directory": str(place)})
    rows = [
        (dataset, DeliveryRow(id, 1, dataset.agency, 0, "", 1, 1, ""))
        for id, dataset in network.datasets.items()
    ]
    prepare.load_records(connection, None, rows)  # type: ignore[arg-type]
    prepare.make_nodes(connection)
    connection.execute(
        "CREATE TABLE truth AS SELECT dataset, sha256(record_id) AS source_key, simulant_id "
        "FROM read_csv($file, all_varchar = true)",
        {"file": str(place / "truth")},
    )
    return connection


def ours(connection: duckdb.DuckDBPyConnection) -> int:
    """Train, weigh and cluster as `linkage run` does; return the pairs weighed."""
    pairs = model.score(connection, model.train(connection, FREE))
    place_clusters(connection, pairs, FREE)
    return int(pairs.num_rows)


def stock(probability: float) -> Callable[[duckdb.DuckDBPyConnection], int]:
    """Return Splink as its documentation sets it up, clustered at a match probability."""

    def run(connection: duckdb.DuckDBPyConnection) -> int:

        settings = SettingsCreator(
            link_type="dedupe_only",
            comparisons=[
                cl.DamerauLevenshteinAtThresholds("ssn", 1),
                cl.NameComparison("first_name"),
                cl.NameComparison("last_name"),
                cl.ExactMatch("middle_initial"),
                cl.DateOfBirthComparison(
                    "birth_date", input_is_string=True, datetime_format="%Y%m%d"
                ),
                cl.LevenshteinAtThresholds("street_name", 2),
                cl.ExactMatch("street_number"),
            ],
            blocking_rules_to_generate_predictions=[
                block_on("ssn"),
                block_on("first_name", "last_name"),
                block_on("last_name", "birth_date"),
                block_on("first_name", "birth_date"),
                block_on("street_name", "street_number"),
            ],
        )
        # Splink 5.0.0's statements need this on DuckDB 2.0.0, or a join grows without bound.
        connection.execute("SET disabled_optimizers = 'join_order'")
        api = DuckDBAPI(connection=connection)
        node = api.register("node", dataset_display_name="node")
        linker = Linker(node, settings, log_level=50)
        linker.training.estimate_probability_two_random_records_match(
            [block_on("ssn", "last_name"), block_on("first_name", "last_name", "birth_date")],
            recall=0.85,
        )
        linker.training.estimate_u_using_random_sampling(max_pairs=2e6, seed=1)
        for rule in (block_on("ssn"), block_on("first_name", "last_name"), block_on("birth_date")):
            linker.training.estimate_parameters_using_expectation_maximisation(rule)
        pairs = linker.inference.predict(threshold_match_probability=0.5)
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(
            pairs, threshold_match_probability=probability
        )
        found = clusters.as_pyarrow_table()
        connection.register("stock_clusters", found)
        connection.execute(
            "CREATE TABLE placed AS SELECT node.identity, cluster_id AS cluster FROM node "
            "JOIN stock_clusters USING (unique_id)"
        )
        return int(pairs.as_pyarrow_table().num_rows)

    return run


def measure(method: str, place: Path) -> Mapping[str, Any]:
    """Run one method in this process; return its costs and its agreement with the truth."""
    connection = prepared(place)
    run = ours if method == "ours" else stock(float(method.split()[1]))
    before, wall, cpu = _peak_mib(), time.perf_counter(), time.process_time()
    pairs = run(connection)
    cost = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    connection.execute(
        "CREATE TABLE judged AS SELECT dataset, source_key, identity, cluster::VARCHAR AS cluster, "
        "simulant_id AS truth FROM record JOIN placed USING (identity) "
        "JOIN truth USING (dataset, source_key)"
    )
    quality = {
        each.of: {"precision": each.precision, "recall": each.recall, "f1": each.f1}
        for each in judge(connection)
    }
    return {
        "method": method,
        **cost,
        "pairs": pairs,
        "peak_mib": _peak_mib(),
        "peak_mib_before": before,
        "quality": quality,
    }


def main() -> int:
    """Generate the deliveries, run each method in a process of its own, print the table."""
    if len(sys.argv) == 3:
        print(json.dumps(measure(sys.argv[1], Path(sys.argv[2]))))
        return 0
    if not DATA_PYTHON.exists():
        print("The demo-data environment is missing; `make demo` makes it.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as place:
        subprocess.run(
            [DATA_PYTHON, NETWORK / "generate.py", place, "--truth", f"{place}/truth"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        results = [_run(method, place) for method in METHODS]
    _show(results)
    keep("linkage", results)
    return 0


def _run(method: str, place: str) -> Mapping[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.linkage", method, place],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    result: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _show(results: list[Mapping[str, Any]]) -> None:
    columns = ("method", "precision", "recall", "F1 identities", "F1 records", "pairs", "CPU s")
    table = Table(*columns, "CPU ratio", "peak MiB", title="Linkage of the demo's deliveries")
    for result in results:
        identities, records = result["quality"]["identities"], result["quality"]["records"]
        table.add_row(
            result["method"],
            f"{identities['precision']:.4f}",
            f"{identities['recall']:.4f}",
            f"{identities['f1']:.4f}",
            f"{records['f1']:.4f}",
            f"{result['pairs']:,}",
            f"{result['cpu_s']:.1f}",
            f"{result['cpu_s'] / results[0]['cpu_s']:.2f}",
            f"{result['peak_mib']:.0f}",
        )
    Console(width=120).print(table)


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
