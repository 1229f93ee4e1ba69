"""Crosswalks: for one project, which record belongs to which of its pseudonyms.

For the one thing that leaves the linkage zone. A crosswalk names records by the vault's random
record keys and persons by this project's pseudonyms, covers the datasets the agreement approves and
no other, and lies encrypted under the project's key. Never holds a person id or an identifier.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from enclave.errors import Conflict
from enclave.events import Action, Event
from enclave.model import PERSON_ID
from enclave.settings import Settings
from enclave.store import Appends, ControlStore, DeliveryRow
from enclave.vault import crosswalk, deliveries, keys
from enclave.vault.deliveries import RECORD_KEY
from enclave.vault.pseudonym import ID_BYTES, pseudonym_key, pseudonymise
from linkage.zone import zone


@dataclass(frozen=True, slots=True)
class Published:
    """How many records a project's crosswalk covers, and the receipt's place in the log."""

    project: str
    records: int
    index: int


def publish(
    settings: Settings, store: ControlStore, audit: Appends, *, project: str, actor: str
) -> Published:
    """Write the project's crosswalk anew, after audit's receipt.

    Raises NotFound for an unknown project, Conflict if a dataset's newest delivery is not linked
    yet, KeyMissing without the project's key, AuditUnavailable with nothing written.
    """
    policy, policy_sha256 = store.policy(project), store.project(project).policy_sha256
    key = keys.load(settings, project)
    newest = deliveries.current(store)
    datasets = tuple(sorted({view.dataset for view in policy.views}))
    with zone(settings) as connection:
        tables = {
            name: _crosswalk(connection, name, newest.get(name), key=key) for name in datasets
        }
    records = sum(table.num_rows for table in tables.values())
    receipt = audit.append(
        Event(
            Action.CROSSWALK_PUBLISHED,
            actor,
            project=project,
            agencies=tuple(sorted(policy.agencies)),
            datasets=datasets,
            clause=policy.agreement,
            detail={"records": records, "policy_sha256": policy_sha256},
        )
    )
    crosswalk.write(settings, project, key, policy_sha256=policy_sha256, tables=tables)
    return Published(project, records, receipt.index)


def _crosswalk(
    connection: duckdb.DuckDBPyConnection, dataset: str, newest: DeliveryRow | None, *, key: bytes
) -> pa.Table:
    members: Any = connection.execute(
        """
        SELECT record_key, unhex(replace(pid::VARCHAR, '-', '')) AS pid
        FROM registry.membership WHERE dataset = $dataset AND delivery = $delivery
        AND to_run IS NULL ORDER BY record_key
        """,
        {"dataset": dataset, "delivery": newest.version if newest else 0},
    ).to_arrow_table()
    if newest is None or members.num_rows != newest.rows:
        raise Conflict(
            f"The newest delivery of {dataset} is not linked yet.", hint="Run `linkage run` first."
        )
    blocks = pseudonymise(b"".join(members["pid"].to_pylist()), pseudonym_key(key))
    pseudonyms = pa.Array.from_buffers(
        pa.binary(ID_BYTES), members.num_rows, [None, pa.py_buffer(blocks)]
    )
    return pa.table({RECORD_KEY: members[RECORD_KEY], PERSON_ID: pseudonyms})
