"""A little table of known people and their pay, recomputed straight through the engine."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import duckdb

from egress_review.evidence.evidence_sql import Units
from egress_review.evidence.recompute import Evidence, recompute
from enclave.model import DisclosureRules

RULES = DisclosureRules(safe_threshold=5)
VIEWS = {"pay": ["person_id", "town", "sex", "wage", "bonus", "employer", "member", "age"]}
UNITS = {"pay": {"employers": "employer", "households": "age"}}


def person(number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))


def engine(rows: Sequence[tuple[object, ...]]) -> duckdb.DuckDBPyConnection:
    made = duckdb.connect()
    made.execute(
        "CREATE TABLE pay (person_id VARCHAR, town VARCHAR, sex VARCHAR, wage DECIMAL(18,2), "
        "bonus DOUBLE, employer VARCHAR, member INTEGER, age INTEGER)"
    )
    made.executemany("INSERT INTO pay VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    return made


def people(count: int, *, town: str = "A", start: int = 0) -> list[tuple[object, ...]]:
    """Return one row each: every other a woman, wages rising slowly, three employers."""
    return [
        (person(start + n), town, "FM"[n % 2], 100 + n, None, f"E{n % 3}", n % 2, 30 + n % 7)
        for n in range(count)
    ]


def ask(sql: str, rows: Sequence[tuple[object, ...]], *, units: Units | None = None) -> Evidence:
    with engine(rows) as made:
        return recompute(made, sql, VIEWS, RULES, units=units)
