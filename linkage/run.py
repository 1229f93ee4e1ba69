"""One linkage run: every dataset's newest delivery in, the person registry's next state out.

For doing the whole of it or nothing: prepared, weighed and clustered in a scratch database, then
written to the registry in one transaction, after audit's receipt. Never looks at content.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from enclave.events import Action, Event
from enclave.model import Dataset, FieldKind
from enclave.progress import steps
from enclave.settings import Settings
from enclave.store import Appends, ControlStore, DeliveryRow
from enclave.vault import deliveries
from linkage import identity, model, prepare
from linkage.cluster import cluster
from linkage.zone import zone


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did; counts only. `changes` is empty when nothing new was delivered."""

    run: int
    records: int
    identities: int
    pairs: int
    persons: int
    changes: dict[str, int]


def link(
    settings: Settings, store: ControlStore, audit: Appends, *, actor: str, retrain: bool = False
) -> RunReport | None:
    """Link the newest deliveries; return None when they are those of the last run.

    Raises Conflict if nothing was delivered or another run is under way, AuditUnavailable with the
    registry and the model unchanged.
    """
    with zone(settings) as connection, steps(5) as begin:
        begin("Preparing identifiers")
        inputs = linkable(store)
        free = [dataset.id for dataset, _ in inputs if is_spine(dataset)]
        number, before = identity.last_run(connection)
        if _versions(inputs) == before and not retrain:
            return None
        prepare.load_records(connection, settings, inputs)
        nodes = prepare.make_nodes(connection)
        begin("Training or loading the model")
        path = settings.state_dir / "linkage" / "model.json"
        kept = None if retrain else model.load(path, free)
        trained = kept or model.train(connection, free)
        begin("Weighing pairs")
        pairs = model.score(connection, trained)
        begin("Clustering")
        persons = place(connection, pairs, free)
        begin("Keeping ids")
        naming = identity.propose(connection, persons)
        identity.stage(connection, naming)
        report = RunReport(
            run=number + 1,
            records=_records(connection),
            identities=nodes,
            pairs=pairs.num_rows,
            persons=persons,
            changes=dict(identity.count_changes(naming)),
        )
        _commit(connection, audit, actor, report, inputs, trained)
        if kept is None:
            model.keep(path, trained)
        return report


def _versions(inputs: list[tuple[Dataset, DeliveryRow]]) -> str:
    """Return, as a run keeps it, which version of each dataset is compared."""
    return json.dumps({each.dataset: [each.version, each.sha256] for _, each in inputs})


def linkable(store: ControlStore) -> list[tuple[Dataset, DeliveryRow]]:
    """Return the datasets that hold something to compare, with their newest deliveries."""
    known = store.datasets()
    return [
        (known[id], delivery)
        for id, delivery in sorted(deliveries.current(store).items())
        if id in known and any(field.link_as for field in known[id].fields)
    ]


def is_spine(dataset: Dataset) -> bool:
    """Whether a dataset lists identities and nothing else: then each row is another person."""
    return all(field.kind is FieldKind.IDENTIFIER for field in dataset.fields)


def place(connection: duckdb.DuckDBPyConnection, pairs: pa.Table, free: list[str]) -> int:
    """Cluster the table `node` by the weighed pairs into `placed`; return how many clusters."""
    sources = [
        row[0]
        for row in connection.execute("SELECT dataset FROM node ORDER BY unique_id").fetchall()
    ]
    left = pc.subtract(pairs["left"], 1).to_pylist()
    right = pc.subtract(pairs["right"], 1).to_pylist()
    edges = zip(left, right, pairs["weight"].to_pylist(), strict=True)
    numbers = cluster(sources, edges, duplicate_free=frozenset(free))
    clusters = pa.table(
        {"unique_id": pa.array(range(1, len(numbers) + 1)), "cluster": pa.array(numbers)}
    )
    connection.register("clusters_in", clusters)
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE placed AS
        SELECT identity, cluster FROM node JOIN clusters_in USING (unique_id)
    """)
    return max(numbers) + 1


def _commit(
    connection: duckdb.DuckDBPyConnection,
    audit: Appends,
    actor: str,
    report: RunReport,
    inputs: list[tuple[Dataset, DeliveryRow]],
    trained: model.Model,
) -> None:
    digest = hashlib.sha256(json.dumps(trained, sort_keys=True).encode()).hexdigest()
    counts = [report.records, report.identities, report.pairs, report.persons]
    connection.execute("BEGIN")
    identity.write(connection, report.run)
    connection.execute(
        "INSERT INTO registry.run VALUES (?, now(), ?, ?, ?, ?, ?, ?, ?)",
        [report.run, _versions(inputs), digest, version("enclave"), *counts],
    )
    audit.append(
        Event(
            Action.LINKAGE_RUN,
            actor,
            agencies=tuple(sorted({dataset.agency for dataset, _ in inputs})),
            datasets=tuple(sorted(dataset.id for dataset, _ in inputs)),
            detail={
                "run": report.run,
                "model_sha256": digest,
                "records": report.records,
                "persons": report.persons,
                **{f"ids_{change}": count for change, count in report.changes.items()},
            },
        )
    )
    connection.execute("COMMIT")


def _records(connection: duckdb.DuckDBPyConnection) -> int:
    [(count,)] = connection.execute("SELECT count(*) FROM record").fetchall()
    return int(count)
