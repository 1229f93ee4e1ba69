"""Expressions over awkward values: what the two engines are known to treat differently."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from enclave.gateway.spark.review import review
from enclave.model import PERSON_ID, Column, ColumnRole, FieldType, Policy, View
from tests.support.extracts import pseudonyms
from tests.support.gateway import make_policy

_TYPES = {
    "i": FieldType.INTEGER, "j": FieldType.INTEGER, "d": FieldType.DECIMAL, "e": FieldType.DECIMAL,
    "s": FieldType.STRING, "t": FieldType.STRING, "u": FieldType.STRING, "a": FieldType.DATE,
    "b": FieldType.DATE, "f": FieldType.BOOLEAN, "x": FieldType.DECIMAL,
}  # fmt: skip
_MONEY = pa.decimal128(18, 2)


def _letters() -> list[str]:
    """Every letter that the review says both engines change alike, in words of a few."""
    every = "".join(
        chr(code) for first, last in review().letters for code in range(first, last + 1)
    )
    return [every[start : start + 40] for start in range(0, len(every), 40)]


def tables() -> dict[str, pa.Table]:
    """One view of awkward values, one of words."""
    i = [None, 0, 1, -1, 2, 3, -7, 7, 10, -10, 100, 2**53 + 1]
    j = [2, None, 0, 3, -2, 7, 2, -2, 10, 1, 3, 1]
    cents = [None, "0.00", "1.10", "1.21", "-1.10", "-1.21", "2.50", "-2.50", "1.005", "99.99",
             "0.01", "1234567890123.45"]  # fmt: skip
    d = [None if each is None else Decimal(each).quantize(Decimal("0.01")) for each in cents]
    words = [None, "", "a", "A", "ab", "a b", " a ", "Ñu", "é", "Ža", "a%b", "a_b"]
    days = [None, *(date(*each) for each in (
        (2020, 1, 31), (2020, 2, 29), (2019, 12, 31), (2020, 1, 1), (2021, 3, 31), (1999, 12, 27),
        (2020, 12, 28), (2024, 2, 29), (1970, 1, 1), (1969, 12, 31), (2000, 6, 15)
    ))]  # fmt: skip
    values = {
        PERSON_ID: pseudonyms(12),
        "i": pa.array(i, pa.int64()),
        "j": pa.array(j, pa.int64()),
        "d": pa.array(d, _MONEY),
        "e": pa.array(d[::-1], _MONEY),
        "s": words,
        "t": words[::-1],
        "a": days,
        "b": days[::-1],
        "f": [None, True, False] * 4,
        "x": pa.array([None, 0.0, -0.0, 1.005, 2.675, 0.5, 1.5, 2.5, -2.5, 1e300, -1e-300, 0.1]),
    }
    letters = _letters()
    return {
        "values_of": pa.table(values),
        "words": pa.table({PERSON_ID: pseudonyms(len(letters)), "u": letters}),
        "nothing": pa.table(values).slice(0, 0),
    }


def policy() -> Policy:
    """An agreement that grants all of it."""
    views = tuple(
        View(name, name, "dol", name, tuple(
            Column(column, _TYPES[column], column, ColumnRole.PROJECTABLE, f"{name} {column}")
            for column in table.column_names if column != PERSON_ID
        ), f"view {name}")
        for name, table in tables().items()
    )  # fmt: skip
    return make_policy(views=views, project="expressions")


def _read() -> dict[str, list[str]]:
    path = Path(__file__).parents[1] / "data" / "gateway" / "spark_expressions.sql"
    found: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        if line.startswith("-- "):
            current = found.setdefault(line.removeprefix("-- "), [])
        else:
            current.append(line)
    return found


_FOUND = _read()
SHAPES = {
    "rows": "SELECT person_id, {} FROM values_of",
    "groups": "SELECT {} FROM values_of",
    "groups by f": "SELECT f, {} FROM values_of GROUP BY f",
    "groups of nothing": "SELECT {} FROM nothing",
    "windows": "SELECT person_id, {} FROM values_of",
}
QUERIES = tuple(_FOUND["queries"])
_MANY = 12


def of(shape: str) -> list[str]:
    """The expressions asked in one shape."""
    return _FOUND[shape.split(" ", maxsplit=1)[0]]


def together(shape: str, expressions: list[str]) -> list[str]:
    """Queries of a shape that ask for many expressions at once: starting a query takes longest."""
    parts = [expressions[start : start + _MANY] for start in range(0, len(expressions), _MANY)]
    lists = (", ".join(f"{each} AS v{n}" for n, each in enumerate(part)) for part in parts)
    return [SHAPES[shape].format(each) for each in lists]
