"""Some sixty persons, for asking whom an answer tells of: together, and each person alone.

Views and agreement are those of the held world, with a smaller threshold. Some have no rows of a
view, some values are NULL, four groups are too small to be shown, and one person earns most.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa

from enclave.gateway.inspector import Inspector, make_inspector
from enclave.gateway.inspector.catalogue import compile_catalogue, declared_schemas
from enclave.model import Aggregation, SmallGroups
from tests.support import held
from tests.support.extracts import pseudonyms

PERSONS, SHARE = 5, 0.6
DISTRICTS = {"Avon": 20, "Bolton": 12, "Canton": 9, "Derby": 7, "Essex": 4, "Groton": 3,
             "Hebron": 2, "Kent": 1}  # fmt: skip
PEOPLE = sum(DISTRICTS.values())
RICH, SMALL, ALONE = 41, 55, 57  # who earns most of Derby, one of Hebron, and Kent's only person
WATCHED = (RICH, SMALL, ALONE, 0, 7, 13, 21, 30, 36, 44, 50, 53)
ALL, RAISED = "together", "raised"
_RISE = Decimal("1.01")  # by what wages are changed, to see whose a sum is

Rows = Mapping[str, Sequence[dict[str, Any]]]


@cache
def inspector(small: str, *, unique: bool) -> Inspector:
    """The inspector of an agreement whose answers must be groups."""
    policy = held.groups_policy(SmallGroups(small))
    policy = replace(policy, aggregation=Aggregation(PERSONS, SHARE, SmallGroups(small)))
    most = {"enrolment": 1, "wages": 5, "firms": 2} if unique else {}
    return make_inspector(compile_catalogue(policy, declared_schemas(policy), {}, most=most))


@cache
def crowd() -> Rows:
    """Everybody's rows; `at` is whose."""
    chance = random.Random(41)
    ids = pseudonyms(PEOPLE)
    homes = [name for name, size in DISTRICTS.items() for _ in range(size)]
    enrolment, wages, firms = [], [], []
    for at, (person, district) in enumerate(zip(ids, homes, strict=True)):
        whose = {"at": at, "person_id": person}
        enrolment.append({
            **whose, "district": district, "grade": _or_null(chance, chance.randrange(5)),
            "school_year": 2020 + chance.randrange(3), "sex": _or_null(chance, chance.choice("fm")),
        })  # fmt: skip
        pay = Decimal(chance.randrange(90_000, 900_000)) / 100
        for _ in range(chance.choice((0, 1, 1, 2, 3, 5)) or at in (RICH, ALONE)):
            wage = held.CANARY_WAGE if at == RICH else pay + chance.randrange(40_000) / Decimal(100)
            wages.append({
                **whose, "year": chance.choice((2021, 2021, 2022, 2023)),
                "quarter": chance.randrange(1, 5), "wage": _or_null(chance, wage),
                "industry": _or_null(chance, chance.choice(("Health", "Retail", "Mining"))),
                "town": chance.choice(("Ashford", "Putnam")), "employer": f"e{at % 7}",
            })  # fmt: skip
        for _ in range(chance.choice((0, 1, 2))):
            firms.append({**whose, "employer": f"e{at % 7}", "size": 10 * chance.randrange(7),
                          "town": chance.choice(("Ashford", "Putnam", "Union"))})  # fmt: skip
    return {"enrolment": enrolment, "wages": wages, "firms": firms}


def _or_null(chance: random.Random, value: Any) -> Any:
    return None if chance.random() < 0.08 else value


@cache
def worlds() -> duckdb.DuckDBPyConnection:
    """Schemas with everybody, also with higher wages, and three for each who is `WATCHED`."""
    made = duckdb.connect(config={"threads": "1"})
    everybody = crowd()
    _fill(made, ALL, everybody)
    _fill(made, RAISED, {**everybody, "wages": [_raised(row) for row in everybody["wages"]]})
    for at in WATCHED:
        _fill(made, alone(at), _chosen(lambda row, at=at: row["at"] == at))
        _fill(made, without(at), _chosen(lambda row, at=at: row["at"] != at))
        _fill(made, changed(at), {
            name: [_other(row) if row["at"] == at else row for row in rows]
            for name, rows in everybody.items()
        })  # fmt: skip
    return made


def alone(at: int) -> str:
    """The schema that has one person's rows and no others."""
    return f"alone{at}"


def without(at: int) -> str:
    """The schema that has everybody's rows but one person's."""
    return f"without{at}"


def changed(at: int) -> str:
    """The schema that has everybody's rows, one person's with other numbers."""
    return f"changed{at}"


def _chosen(belongs: Any) -> dict[str, list[dict[str, Any]]]:
    return {name: [row for row in rows if belongs(row)] for name, rows in crowd().items()}


def _raised(row: dict[str, Any]) -> dict[str, Any]:
    wage = row["wage"]
    return {**row, "wage": None if wage is None else (wage * _RISE).quantize(Decimal("0.01"))}


def _other(row: dict[str, Any]) -> dict[str, Any]:
    numbers = {name: row[name] for name in ("wage", "grade", "size") if row.get(name) is not None}
    return {**row, **{name: value + 3 for name, value in numbers.items()}}


def _fill(made: duckdb.DuckDBPyConnection, schema: str, rows: Rows) -> None:
    made.execute(f"CREATE SCHEMA {schema}")
    made.execute(f"USE {schema}")
    schemas = declared_schemas(held.groups_policy())
    for name, found in rows.items():
        plain = [{key: value for key, value in row.items() if key != "at"} for row in found]
        made.from_arrow(pa.Table.from_pylist(plain, schemas[name])).create(name)
