"""The TPC-H and TPC-DS queries, and small data that most of them find something in.

Values are drawn from what the queries compare each column with, keys from one range per kind of
key, so that joins meet. The same rows every time. These are not the benchmarks' data.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlglot
import yaml
from sqlglot import exp

from enclave.model import PERSON_ID, Column, ColumnRole, FieldType, Policy, View
from tests.support.gateway import make_policy

DATA = Path(__file__).parents[1] / "data" / "gateway"
SUITES = ("tpch", "tpcds")
FIRST_DAY, DAYS = date(1992, 1, 1), 4400  # 1992 to 2003: both benchmarks' years

_TYPES: Mapping[str, tuple[pa.DataType, FieldType]] = {
    "bigint": (pa.int64(), FieldType.INTEGER),
    "int": (pa.int32(), FieldType.INTEGER),
    "double": (pa.float64(), FieldType.DECIMAL),
    "string": (pa.string(), FieldType.STRING),
    "date": (pa.date32(), FieldType.DATE),
}
_FACTS = 4000
_ROWS = {"region": 5, "nation": 25, "supplier": 40, "customer": 150, "part": 200, "orders": 600,
         "warehouse": 5, "ship_mode": 20, "reason": 10, "income_band": 20, "store": 12,
         "call_center": 4, "web_site": 6, "web_page": 10, "time_dim": 480, "promotion": 20,
         "customer_demographics": 300, "household_demographics": 120, "customer_address": 150,
         "item": 120, "catalog_page": 30, "date_dim": DAYS}  # fmt: skip
_KEY = re.compile(
    r"\w*?(date|time|item|customer|cdemo|hdemo|addr|store|promo|call_center|"
    r"catalog_page|ship_mode|warehouse|reason|web_site|web_page|income_band)_sk$"
)
_REFERS = {"date": "date_dim", "time": "time_dim", "cdemo": "customer_demographics",
           "hdemo": "household_demographics", "addr": "customer_address", "promo": "promotion",
           "nationkey": "nation", "regionkey": "region", "suppkey": "supplier", "partkey": "part",
           "custkey": "customer", "orderkey": "orders"}  # fmt: skip


@cache
def queries(suite: str) -> tuple[str, ...]:
    """Return a suite's queries in order."""
    body = (DATA / suite / "queries.sql").read_text(encoding="utf-8")
    found = re.split(r"^-- \d+\n", body, flags=re.MULTILINE)[1:]
    return tuple(text.strip().removesuffix(";") for text in found)


@cache
def schema(suite: str) -> Mapping[str, Mapping[str, str]]:
    """Return a suite's tables, their columns and types."""
    found: Mapping[str, Mapping[str, str]] = yaml.safe_load(
        (DATA / suite / "schema.yml").read_text(encoding="utf-8")
    )
    return found


def policy(suite: str) -> Policy:
    """An agreement that grants every table of a suite, row by row."""
    views = tuple(
        View(table, table, "dol", table, tuple(
            Column(name, _TYPES[kind][1], name, ColumnRole.PROJECTABLE, f"{table} {name}")
            for name, kind in columns.items()
        ), f"view {table}")
        for table, columns in schema(suite).items()
    )  # fmt: skip
    return make_policy(views=views, project=suite)


def tables(suite: str) -> dict[str, pa.Table]:
    """Return a suite's tables with a pseudonym in front of each row."""
    made: dict[str, pa.Table] = {}
    for table in sorted(schema(suite), key=lambda name: name.endswith("returns")):
        maker = _Maker(suite, table, _ROWS.get(table, _FACTS), random.Random(table))
        made[table] = maker.table()
        _meet(table, made)
    return made


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes one table."""

    suite: str
    name: str
    count: int
    chance: random.Random

    def table(self) -> pa.Table:
        people = [f"p{self.chance.randrange(99)}" for _ in range(self.count)]
        body = {
            column: pa.array(self._column(column, kind), _TYPES[kind][0])
            for column, kind in schema(self.suite)[self.name].items()
        }
        return pa.table({PERSON_ID: people, **(_calendar(body) if "d_date" in body else body)})

    def _column(self, name: str, kind: str) -> list[Any]:
        """Return a key of this table, a reference to another, or values that queries ask for."""
        is_first = name == next(iter(schema(self.suite)[self.name]))
        target = _target(name)
        if is_first and kind == "bigint" and target in (self.name, None):
            return list(range(self.count))
        if name.endswith("_id") and kind == "string":
            return [f"AAAA{number // 2:04}" for number in range(self.count)]
        draw = self._draw(name, kind, target)
        return [None if self.chance.random() < 0.02 else draw() for _ in range(self.count)]

    def _draw(self, name: str, kind: str, target: str | None) -> Callable[[], Any]:
        """Return what draws one value."""
        chance = self.chance
        if target is not None:
            rows = _ROWS.get(target, _FACTS)
            return lambda: chance.randrange(rows)
        if kind == "date":
            return lambda: FIRST_DAY + timedelta(days=chance.randrange(DAYS))
        asked = _compared(self.suite).get(name, [])
        if kind == "string":
            texts = [str(value).replace("%", "").replace("_", "x") for value in asked]
            pool = texts or [f"{name} {number}" for number in range(4)]
            return lambda: chance.choice(pool)
        numbers = [float(value) for value in asked if isinstance(value, (int, float))]
        low, high = (min(numbers), max(numbers)) if numbers else (0.0, 100.0)
        digits = 2 if kind == "double" else None
        return lambda: round(chance.choice([*numbers, chance.uniform(low, high + 1)]), digits)


def _target(name: str) -> str | None:
    found = _KEY.match(name)
    if found:
        return _REFERS.get(found[1], found[1])
    last = name.rsplit("_", maxsplit=1)[-1]
    return _REFERS.get(last) if last.endswith("key") else None


def _calendar(body: dict[str, pa.Array]) -> dict[str, pa.Array]:
    """Return the calendar's columns, true to its days."""
    days = [FIRST_DAY + timedelta(days=number) for number in range(DAYS)]
    parts: dict[str, list[Any]] = {
        "d_date": days, "d_year": [day.year for day in days], "d_moy": [day.month for day in days],
        "d_dom": [day.day for day in days], "d_qoy": [(day.month + 2) // 3 for day in days],
        "d_dow": [(day.weekday() + 1) % 7 for day in days],
        "d_month_seq": [(day.year - 1900) * 12 + day.month - 1 for day in days],
        "d_week_seq": [day.toordinal() // 7 - 271_000 + 5000 for day in days],
        "d_day_name": [day.strftime("%A") for day in days],
        "d_quarter_name": [f"{day.year}Q{(day.month + 2) // 3}" for day in days],
    }  # fmt: skip
    return {name: pa.array(parts[name], column.type) if name in parts else column
            for name, column in body.items()}  # fmt: skip


_SALES = {"catalog_returns": ("cr_", "catalog_sales", "cs_", "order_number", "returning", "bill"),
          "web_returns": ("wr_", "web_sales", "ws_", "order_number", "returning", "bill"),
          "store_returns": ("sr_", "store_sales", "ss_", "ticket_number", "", "")}  # fmt: skip


def _meet(table: str, made: dict[str, pa.Table]) -> None:
    """Have returns give back what was sold, and order lines name parts that their supplier has."""
    if table in _SALES:
        mine, sold, theirs, number, returner, buyer = _SALES[table]
        pairs = {f"{mine}item_sk": f"{theirs}item_sk", f"{mine}{number}": f"{theirs}{number}"}
        person = "customer_sk"
        pairs[f"{mine}{returner}_{person}".replace("__", "_")] = (
            f"{theirs}{buyer}_{person}".replace("__", "_")
        )
        for own, other in pairs.items():
            at = made[table].column_names.index(own)
            made[table] = made[table].set_column(at, own, made[sold][other])
    if table == "partsupp":
        made[table] = (
            made[table]
            .set_column(
                2, "ps_suppkey", pa.array([(k * 7) % 40 for k in range(_FACTS)], pa.int64())
            )
            .set_column(1, "ps_partkey", pa.array([k % 200 for k in range(_FACTS)], pa.int64()))
        )
    if table == "lineitem" and "partsupp" in made:
        rows = made["partsupp"]
        made[table] = (
            made[table]
            .set_column(2, "l_partkey", rows["ps_partkey"])
            .set_column(3, "l_suppkey", rows["ps_suppkey"])
        )


@cache
def _compared(suite: str) -> dict[str, list[Any]]:
    """Return the constants that the suite's queries compare each column with."""
    found: dict[str, list[Any]] = {}
    for sql in queries(suite):
        for node in sqlglot.parse_one(sql, dialect="duckdb").find_all(
            exp.EQ, exp.In, exp.Between, exp.Like, exp.GT, exp.GTE, exp.LT, exp.LTE
        ):
            column = node.this.find(exp.Column) if node.this else None
            if column is not None:
                values = map(_constant, node.find_all(exp.Literal))
                found.setdefault(column.name.lower(), []).extend(values)
    return found


def _constant(literal: exp.Literal) -> str | int | float:
    if literal.is_string:
        return str(literal.this)
    return float(literal.this) if "." in literal.this else int(literal.this)
