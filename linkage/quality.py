"""How well the registry agrees with the truth, where a simulated population lets us know it.

For benchmarks and tests only: the truth lies outside the enclave, and an enclave with real data
has none. Counts pairs: precision is the share of linked pairs that are one person's, recall the
share of one person's pairs that are linked.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from enclave.errors import Invalid
from enclave.settings import Settings
from linkage.zone import zone


@dataclass(frozen=True, slots=True)
class Quality:
    """Pairwise agreement over one kind of unit; shares of 1."""

    of: str
    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


# Records weigh persons by how often they were written down; identities count each way of writing
# once; the last looks only at what linkage is for, pairs between two datasets.
_UNITS = {
    "records": "SELECT DISTINCT dataset, source_key, cluster, truth FROM judged",
    "identities": "SELECT DISTINCT dataset, identity, cluster, truth FROM judged",
    "identities of two datasets": "SELECT DISTINCT dataset, identity, cluster, truth FROM judged",
}

_JUDGED = """
    CREATE TEMP TABLE judged AS
    SELECT dataset, source_key, identity, pid::VARCHAR AS cluster, simulant_id AS truth
    FROM registry.membership JOIN (
        SELECT dataset, sha256(record_id) AS source_key, simulant_id
        FROM read_csv($file, all_varchar = true)) USING (dataset, source_key)
    WHERE to_run IS NULL
"""


def measure(settings: Settings, truth: Path) -> tuple[Quality, ...]:
    """Compare the registry's open memberships with a CSV of dataset, record_id, simulant_id.

    Raises `Invalid` for a file that is no such CSV.
    """
    with zone(settings) as connection:
        try:
            connection.execute(_JUDGED, {"file": str(truth)})
        except (duckdb.BinderException, duckdb.InvalidInputException):
            sentence = "The truth is a CSV with the columns dataset, record_id and simulant_id."
            raise Invalid(sentence) from None
        return judge(connection)


def judge(connection: duckdb.DuckDBPyConnection) -> tuple[Quality, ...]:
    """Measure the table `judged` (dataset, source_key, identity, cluster, truth)."""
    return tuple(
        _quality(connection, name, units, across=name.endswith("two datasets"))
        for name, units in _UNITS.items()
    )


def _quality(
    connection: duckdb.DuckDBPyConnection, name: str, units: str, *, across: bool
) -> Quality:
    def pairs(*by: str) -> int:
        # all pairs within a group, less (if asked) those within one dataset of it
        found = _pairs(connection, units, by)
        return found - (_pairs(connection, units, (*by, "dataset")) if across else 0)

    both, linked, true = pairs("cluster", "truth"), pairs("cluster"), pairs("truth")
    return Quality(name, both / linked if linked else 1.0, both / true if true else 1.0)


def _pairs(connection: duckdb.DuckDBPyConnection, units: str, by: tuple[str, ...]) -> int:
    [(count,)] = connection.execute(
        f"SELECT coalesce(sum(n * (n - 1) // 2), 0)::BIGINT FROM "  # noqa: S608 - our own words
        f"(SELECT count(*) AS n FROM ({units}) GROUP BY {', '.join(by)})"
    ).fetchall()
    return int(count)
