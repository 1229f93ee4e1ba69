"""The person registry's ledger: random ids that stay with a person, and why one ever changed.

For giving today's clusters yesterday's ids: each cluster keeps the id most of its identities had,
every id goes to one cluster at most, whatever is left gets a new one. Ids are random, say nothing
of the person, and are never used again; a merged id points to the one it went into. Never leaves
the linkage zone.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import duckdb
import pyarrow as pa

# An agency that numbers its records afresh for each delivery would hand ids to strangers: its
# numbers count only while this share of them still stands for the same identity.
STEADY_NUMBERS = 0.9
_LEDGER = """
CREATE TABLE IF NOT EXISTS registry.run (
    run INTEGER PRIMARY KEY, ended TIMESTAMPTZ NOT NULL, inputs VARCHAR NOT NULL,
    model_sha256 VARCHAR NOT NULL, code_version VARCHAR NOT NULL, records BIGINT NOT NULL,
    identities BIGINT NOT NULL, pairs BIGINT NOT NULL, persons BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS registry.person (
    pid UUID PRIMARY KEY, status VARCHAR NOT NULL, created_run INTEGER NOT NULL,
    superseded_by UUID);
CREATE TABLE IF NOT EXISTS registry.membership (
    dataset VARCHAR NOT NULL, delivery INTEGER NOT NULL, record_key BLOB NOT NULL,
    source_key VARCHAR NOT NULL, identity VARCHAR NOT NULL, pid UUID NOT NULL,
    from_run INTEGER NOT NULL, to_run INTEGER);
CREATE TABLE IF NOT EXISTS registry.event (
    run INTEGER NOT NULL, type VARCHAR NOT NULL, pid UUID NOT NULL, other_pid UUID);
"""
# What every identity and every record number was last known as, merged ids followed to their end.
_KNOWN = """
CREATE OR REPLACE TEMP TABLE resolved AS
    WITH RECURSIVE chain(pid, now) AS (
        SELECT pid, pid FROM registry.person
        UNION ALL
        SELECT chain.pid, person.superseded_by FROM chain
        JOIN registry.person person ON person.pid = chain.now
        WHERE person.superseded_by IS NOT NULL)
    SELECT chain.pid, chain.now, end_.created_run FROM chain
    JOIN registry.person end_ ON end_.pid = chain.now WHERE end_.superseded_by IS NULL;
CREATE OR REPLACE TEMP TABLE known AS
    SELECT dataset, source_key, identity, resolved.now AS pid, from_run
    FROM registry.membership JOIN resolved USING (pid);
"""
_VOTES = f"""
WITH by_identity AS (SELECT identity, arg_max(pid, from_run) AS pid FROM known GROUP BY identity),
by_number AS (
    SELECT dataset, source_key, arg_max(pid, from_run) AS pid, arg_max(identity, from_run) AS was
    FROM known GROUP BY ALL),
numbered AS (
    SELECT record.dataset, record.identity, by_number.pid, record.identity = by_number.was AS same
    FROM record JOIN by_number USING (dataset, source_key)),
steady AS (
    SELECT dataset FROM numbered GROUP BY dataset HAVING avg(same::INTEGER) >= {STEADY_NUMBERS}),
vote AS (
    SELECT node.cluster, by_identity.pid, 2 AS weight
    FROM placed node JOIN by_identity USING (identity)
    UNION ALL
    SELECT node.cluster, changed.pid, 1 FROM placed node JOIN (
        SELECT DISTINCT identity, pid FROM numbered JOIN steady USING (dataset)
        WHERE identity NOT IN (SELECT identity FROM by_identity)) changed USING (identity))
SELECT cluster, vote.pid, sum(weight)::BIGINT AS votes, any_value(created_run) AS since
FROM vote JOIN (SELECT DISTINCT now, created_run FROM resolved) ON now = vote.pid
GROUP BY cluster, vote.pid
ORDER BY votes DESC, since, vote.pid, cluster
"""  # noqa: S608 - a number of ours


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that happened to an id in a run: create, split, merge, retire or restore."""

    type: str
    pid: uuid.UUID
    other: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class Naming:
    """Which id each cluster has from now on, and what that changed."""

    pids: Mapping[int, uuid.UUID]
    changes: tuple[Change, ...]


Vote = tuple[int, uuid.UUID]  # cluster and the id some of it had; strongest first


def name_clusters(count: int, votes: Iterable[Vote], status: Mapping[uuid.UUID, str]) -> Naming:
    """Give each of `count` clusters an id: the strongest free vote, else a new random one.

    `status` is that of every id that was not merged away: `active` or `retired`.
    """
    pids: dict[int, uuid.UUID] = {}
    heirs: dict[uuid.UUID, int] = {}
    origins: dict[int, uuid.UUID] = {}
    claims: dict[uuid.UUID, int] = {}
    for cluster, pid in votes:
        origins.setdefault(cluster, pid)
        claims.setdefault(pid, cluster)
        if cluster not in pids and pid not in heirs:
            pids[cluster], heirs[pid] = pid, cluster
    fresh = {cluster: uuid.uuid4() for cluster in range(count) if cluster not in pids}
    pids |= fresh
    return Naming(pids, tuple(_changes(pids, fresh, origins, claims, status)))


def _changes(
    pids: Mapping[int, uuid.UUID],
    fresh: Mapping[int, uuid.UUID],
    origins: Mapping[int, uuid.UUID],
    claims: Mapping[uuid.UUID, int],
    status: Mapping[uuid.UUID, str],
) -> Iterator[Change]:
    for cluster, pid in fresh.items():
        split = cluster in origins
        yield Change("split" if split else "create", pid, origins.get(cluster))
    kept = set(pids.values())
    for pid, was in status.items():
        if pid in kept:
            if was == "retired":
                yield Change("restore", pid)
        elif pid in claims:
            yield Change("merge", pid, pids[claims[pid]])
        elif was == "active":
            yield Change("retire", pid)


def open_ledger(connection: duckdb.DuckDBPyConnection, path: str) -> None:
    """Attach the registry as `registry`, making its tables where there are none."""
    quoted = path.replace("'", "''")
    connection.execute(f"ATTACH '{quoted}' AS registry")
    connection.execute(_LEDGER)


def last_run(connection: duckdb.DuckDBPyConnection) -> tuple[int, str]:
    """Return number and inputs of the last run; (0, "") before the first."""
    rows = connection.execute(
        "SELECT run, inputs FROM registry.run ORDER BY run DESC LIMIT 1"
    ).fetchall()
    return rows[0] if rows else (0, "")


def propose(connection: duckdb.DuckDBPyConnection, clusters: int) -> Naming:
    """Name the clusters of the tables `record` and `placed` (identity, cluster); write nothing."""
    connection.execute(_KNOWN)
    votes = [(cluster, pid) for cluster, pid, *_ in connection.execute(_VOTES).fetchall()]
    status = dict(
        connection.execute(
            "SELECT pid, status FROM registry.person WHERE superseded_by IS NULL"
        ).fetchall()
    )
    return name_clusters(clusters, votes, status)


def count_changes(naming: Naming) -> Mapping[str, int]:
    """Return how many ids were created, split off, merged, retired, restored."""
    counts: dict[str, int] = defaultdict(int)
    for change in naming.changes:
        counts[change.type] += 1
    return dict(counts)


def stage(connection: duckdb.DuckDBPyConnection, naming: Naming) -> None:
    """Lay a naming beside the registry as `change` and `now_member`; write nothing into it."""
    named = pa.table(
        {
            "cluster": pa.array(naming.pids.keys(), pa.int64()),
            "pid": [str(pid) for pid in naming.pids.values()],
        }
    )
    changes = [
        (each.type, str(each.pid), str(each.other) if each.other else None)
        for each in naming.changes
    ]
    columns = list(zip(*changes, strict=True)) or [(), (), ()]
    change = pa.table(
        [pa.array(column, pa.string()) for column in columns], names=["type", "pid", "other_pid"]
    )
    connection.register("named_in", named)
    connection.register("change_in", change)
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE change AS
            SELECT type, pid::UUID AS pid, other_pid::UUID AS other_pid FROM change_in;
        CREATE OR REPLACE TEMP TABLE now_member AS
            SELECT dataset, delivery, record_key, source_key, identity, pid::UUID AS pid
            FROM record JOIN placed USING (identity) JOIN named_in USING (cluster);
    """)


def write(connection: duckdb.DuckDBPyConnection, run: int) -> None:
    """Write what `stage` laid out into the registry, inside the caller's transaction."""
    connection.execute(
        """
        INSERT INTO registry.person
            SELECT pid, 'active', $run, NULL FROM change WHERE type IN ('create', 'split');
        """,
        {"run": run},
    )
    for kind, status in (("merge", "merged"), ("retire", "retired"), ("restore", "active")):
        connection.execute(
            """
            UPDATE registry.person SET status = $status, superseded_by = change.other_pid
            FROM change WHERE change.pid = person.pid AND change.type = $kind
            """,
            {"status": status, "kind": kind},
        )
    connection.execute(
        """
        UPDATE registry.membership SET to_run = $run WHERE to_run IS NULL AND NOT EXISTS (
            SELECT 1 FROM now_member m WHERE m.record_key = membership.record_key
            AND m.dataset = membership.dataset AND m.pid = membership.pid)
        """,
        {"run": run},
    )
    connection.execute(
        """
        INSERT INTO registry.membership
            SELECT dataset, delivery, record_key, source_key, identity, pid, $run, NULL
            FROM now_member m WHERE NOT EXISTS (
                SELECT 1 FROM registry.membership old WHERE old.to_run IS NULL
                AND old.record_key = m.record_key AND old.dataset = m.dataset)
        """,
        {"run": run},
    )
    connection.execute(
        "INSERT INTO registry.event SELECT $run, type, pid, other_pid FROM change", {"run": run}
    )
