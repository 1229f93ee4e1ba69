"""The project that made-up queries ask about: the demo's five views and a survey, with NULLs.

Small enough that a join of six tables ends, and the same values every time.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from enclave.model import PERSON_ID, Column, ColumnRole, FieldType, Policy, View
from tests.support.extracts import pseudonyms
from tests.support.gateway import AGREEMENT, make_policy

PEOPLE = 24
ROWS = 40

# What a column holds; `grammar` writes expressions by these words.
KINDS: Mapping[str, tuple[pa.DataType, FieldType]] = {
    "person": (pa.string(), FieldType.STRING),
    "text": (pa.string(), FieldType.STRING),
    "int": (pa.int64(), FieldType.INTEGER),
    "money": (pa.decimal128(18, 2), FieldType.DECIMAL),
    "real": (pa.float64(), FieldType.DECIMAL),
    "date": (pa.date32(), FieldType.DATE),
    "bool": (pa.bool_(), FieldType.BOOLEAN),
}
COUNTIES = ("Fairfield", "Hartford", "New Haven", "Tolland", "Windham")
YEARS = tuple(range(2019, 2025))


@dataclass(frozen=True, slots=True)
class Shape:
    """A column's kind and the values it may hold; without values they are drawn by kind."""

    kind: str
    values: tuple[Any, ...] = ()


VIEWS: Mapping[str, Mapping[str, Shape]] = {
    "wages": {
        "year": Shape("int", YEARS),
        "quarter": Shape("int", (1, 2, 3, 4)),
        "wage": Shape("money"),
        "industry": Shape("text", ("11", "23", "44", "61", "62", "72")),
        "county": Shape("text", COUNTIES),
    },
    "credentials": {
        "institution": Shape("text", ("Manchester", "Norwalk", "Quinebaug Valley", "Ñew Çollege")),
        "credential": Shape("text", ("certificate", "associate", "bachelor", "master")),
        "field_of_study": Shape("text", ("health", "business", "computing", "humanities")),
        "year": Shape("int", YEARS),
        "county": Shape("text", COUNTIES),
    },
    "enrolment": {
        "school_year": Shape("int", YEARS),
        "district": Shape("text", ("Bridgeport", "Hartford", "Norwich", "Vernon")),
        "grade": Shape("text", ("PK", "K", "1", "2", "3")),
        "county": Shape("text", COUNTIES),
        "sex": Shape("text", ("F", "M", "X")),
    },
    "wic": {
        "participation_start": Shape("date"),
        "benefit": Shape("text", ("infant", "child", "mother")),
        "county": Shape("text", COUNTIES),
    },
    "benefits": {
        "programme": Shape("text", ("snap", "tanf")),
        "month": Shape("date"),
        "county": Shape("text", COUNTIES),
    },
    "survey": {
        "asked": Shape("date"),
        "score": Shape("real"),
        "employed": Shape("bool", (True, False)),
        "household": Shape("int", (1, 2, 3, 4, 5, 6)),
        "answer": Shape("text", ("yes", "no", "don't know", "")),
    },
}


def make_world(**changes: Any) -> Policy:
    """The agreement over these views: every column projectable."""
    views = tuple(
        View(
            name,
            name,
            "dol",
            name,
            tuple(
                Column(column, KINDS[shape.kind][1], column, ColumnRole.PROJECTABLE,
                       f"{AGREEMENT}, view {name}, field {column}")
                for column, shape in columns.items()
            ),
            f"{AGREEMENT}, view {name}",
        )
        for name, columns in VIEWS.items()
    )  # fmt: skip
    return make_policy(**{"views": views, **changes})


def world_tables() -> dict[str, pa.Table]:
    """The same rows every time, one value in eight NULL, each person with several rows or none."""
    chance = random.Random(8)
    people = pseudonyms(PEOPLE)
    return {
        name: pa.table(
            {
                PERSON_ID: pa.array([chance.choice(people) for _ in range(ROWS)], pa.string()),
                **{column: _column(shape, chance) for column, shape in columns.items()},
            }
        )
        for name, columns in VIEWS.items()
    }


def _column(shape: Shape, chance: random.Random) -> pa.Array:
    values = [None if chance.random() < 0.125 else _value(shape, chance) for _ in range(ROWS)]
    return pa.array(values, KINDS[shape.kind][0])


def _value(shape: Shape, chance: random.Random) -> Any:
    if shape.values:
        return chance.choice(shape.values)
    match shape.kind:
        case "money":
            return Decimal(chance.randrange(-5_000, 2_500_000)) / 100
        case "real":
            return chance.choice((0.0, -1.5, 0.25, 3.75, 1e6, chance.gauss(50, 12)))
        case _:
            return date(2019, 1, 1) + timedelta(days=chance.randrange(2_000))
