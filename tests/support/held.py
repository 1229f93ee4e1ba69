"""A small world of persons with planted small groups, one very rich person and canary values.

For asking held queries for real: the inspector's text is run on DuckDB over these rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from enclave.gateway.inspector import Inspection, Inspector, make_inspector
from enclave.gateway.inspector.catalogue import compile_catalogue, declared_schemas
from enclave.model import (
    Aggregation,
    Column,
    ColumnRole,
    EngineKind,
    FieldType,
    Policy,
    QueryMode,
    SmallGroups,
    View,
)
from tests.support.extracts import pseudonyms

AGREEMENT = "dsa-held"
PERSONS = 10
SHARE = 0.8
MOST = {"enrolment": 1, "wages": 6, "firms": 1}  # rows of one person, as the engine counts them
DISTRICTS = {"Avon": 90, "Bolton": 70, "Canton": 60, "Derby": 40, "Essex": 9, "Groton": 6,
             "Hebron": 4, "Kent": 1}  # fmt: skip
PEOPLE = sum(DISTRICTS.values())
RICH = DISTRICTS["Avon"] + DISTRICTS["Bolton"] + DISTRICTS["Canton"]  # the first of Derby
ALONE = PEOPLE - 1  # the only person of Kent
CANARY_SEX = "canary-sex"
CANARY_TOWN = "canary-town"
CANARY_EMPLOYER = "canary-employer"
CANARY_WAGE = Decimal("7654321.09")
_INTEGER, _TEXT, _MONEY = FieldType.INTEGER, FieldType.STRING, FieldType.DECIMAL


def view(name: str, agency: str, columns: dict[str, tuple[FieldType, str]]) -> View:
    clause = f"{AGREEMENT}, view {name}"
    granted = tuple(
        Column(column, kind, column, ColumnRole(role), f"{clause}, field {column}")
        for column, (kind, role) in columns.items()
    )
    return View(name, name, agency, name, granted, clause)


def roles_policy(**changes: Any) -> Policy:
    """A row-level agreement with one column of each role, or what `changes` make of it."""
    views = (
        view("enrolment", "csde", {
            "district": (_TEXT, "projectable"), "grade": (_INTEGER, "projectable"),
            "school_year": (_INTEGER, "projectable"), "sex": (_TEXT, "aggregate-only"),
        }),
        view("wages", "dol", {
            "year": (_INTEGER, "projectable"), "quarter": (_INTEGER, "projectable"),
            "wage": (_MONEY, "projectable"), "industry": (_TEXT, "projectable"),
            "town": (_TEXT, "filter-only"), "employer": (_TEXT, "join-only"),
        }),
        view("firms", "dol", {
            "employer": (_TEXT, "projectable"), "size": (_INTEGER, "projectable"),
            "town": (_TEXT, "filter-only"),
        }),
    )  # fmt: skip
    facts: dict[str, Any] = {
        "project": "held",
        "title": "Held",
        "purpose": "Tests",
        "agreement": AGREEMENT,
        "agreement_sha256": "ab" * 32,
        "researchers": frozenset({"rosa"}),
        "views": views,
        "rules": {},
        "mode": QueryMode.ROW_LEVEL,
        "starts": date(2020, 1, 1),
        "ends": date(2090, 1, 1),
        "destroy_by": date(2091, 1, 1),
        "aggregation": Aggregation(PERSONS, SHARE),
    }
    return Policy(**{**facts, **changes})


def groups_policy(small: SmallGroups = SmallGroups.REMAINDER) -> Policy:
    """The same views in an aggregate-only agreement, every column projectable."""
    views = tuple(
        view(v.name, v.agency, {c.name: (c.type, "projectable") for c in v.columns})
        for v in roles_policy().views
    )
    return roles_policy(
        views=views, mode=QueryMode.AGGREGATE_ONLY, aggregation=Aggregation(PERSONS, SHARE, small)
    )


@cache
def inspector(
    policy: str = "roles",
    small: str = "remainder",
    *,
    unique: bool = True,
    engine: EngineKind = EngineKind.DUCKDB,
) -> Inspector:
    made = roles_policy() if policy == "roles" else groups_policy(SmallGroups(small))
    made = replace(made, engine=engine)
    most = MOST if unique else {}
    return make_inspector(compile_catalogue(made, declared_schemas(made), {}, most=most))


@cache
def people() -> tuple[dict[str, Any], ...]:
    """One record a person, from arithmetic alone."""
    names = [name for name, size in DISTRICTS.items() for _ in range(size)]
    ids = pseudonyms(PEOPLE)
    return tuple(
        {
            "person_id": ids[at],
            "district": names[at],
            "grade": at % 5,
            "school_year": 2020 + at % 3,
            "sex": CANARY_SEX if at == ALONE else ("f" if at % 20 == 0 or at % 3 else "m"),
        }
        for at in range(PEOPLE)
    )


@cache
def pay() -> tuple[dict[str, Any], ...]:
    """Some records a person, none for some; one person earns nearly all that Derby earns."""
    return tuple(
        {
            "person_id": person["person_id"],
            "year": 2021 + number // 4,
            "quarter": 1 + number % 4,
            "wage": CANARY_WAGE if at in (RICH, ALONE) else Decimal(1000 + 7 * at + number),
            "industry": ("Health", "Retail", "Mining")[0 if at % 4 else 1 + (at % 40 == 0)],
            "town": CANARY_TOWN if at == ALONE else ("Ashford", "Putnam")[at % 2],
            "employer": CANARY_EMPLOYER if at == ALONE else f"e{at % 7}",
        }
        for at, person in enumerate(people())
        if at % 9 != 8 or at == ALONE
        for number in range(1 + at % 6)
    )


@cache
def firms() -> tuple[dict[str, Any], ...]:
    return tuple(
        {
            "person_id": person["person_id"],
            "employer": f"e{at % 7}",
            "size": 10 * (at % 7),
            "town": ("Ashford", "Putnam")[at % 2],
        }
        for at, person in enumerate(people())
        if at % 2 == 0
    )


@cache
def tables() -> dict[str, pa.Table]:
    """The rows as an extract offers them."""
    schemas = declared_schemas(roles_policy())
    views = (("enrolment", people()), ("wages", pay()), ("firms", firms()))
    return {name: pa.Table.from_pylist(list(rows), schemas[name]) for name, rows in views}


@cache
def world() -> duckdb.DuckDBPyConnection:
    """The rows in a real engine."""
    connection = duckdb.connect(config={"threads": "1"})
    for name, table in tables().items():
        connection.from_arrow(table).create(name)
    return connection


def queries(name: str) -> list[str]:
    """The queries of a file in `tests/data/gateway`, one a line."""
    place = Path(__file__).parents[1] / "data" / "gateway" / name
    return [line for line in place.read_text(encoding="utf-8").splitlines() if line]


def run(sql: str) -> list[tuple[Any, ...]]:
    """Run a text that passed, and return its rows."""
    cursor = world().cursor()
    try:
        return cursor.execute(sql).fetchall()
    finally:
        cursor.close()


def ask(
    sql: str,
    *,
    policy: str = "groups",
    small: str = "remainder",
    unique: bool = True,
    engine: EngineKind = EngineKind.DUCKDB,
) -> tuple[Inspection, list[tuple[Any, ...]]]:
    """Inspect a query as for `engine` and run what became of it, here on DuckDB."""
    seen = inspector(policy, small, unique=unique, engine=engine).inspect(sql)
    return seen, run(seen.sql)


def shows(rows: Sequence[tuple[Any, ...]], canary: object) -> bool:
    """Say whether a planted value stands anywhere in an answer, also inside lists and texts."""
    return any(str(canary) in str(cell) for row in rows for cell in row)
