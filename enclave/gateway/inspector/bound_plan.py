"""The engine's bound plan of a query over empty tables: which columns it would really read.

For catching what names alone do not show: whole rows, columns behind `*`, macros, functions in
FROM. The plan is made on a connection that has the project's tables but not one row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from enclave.gateway.inspector import engine_json, functions
from enclave.gateway.inspector.names import names
from enclave.gateway.refusals import ConstructRefused, NotUnderstood, ReadersDisagree

_ROWS_ONLY = 2**64 - 1  # count(*), and rowid, which the two trees refuse: no column is read
_NODES = frozenset(
    f"LOGICAL_{name}"
    for name in names(
        """GET PROJECTION FILTER AGGREGATE_AND_GROUP_BY WINDOW UNNEST LIMIT ORDER_BY TOP_N
    DISTINCT SAMPLE CHUNK_GET DELIM_GET EXPRESSION_GET DUMMY_SCAN EMPTY_RESULT CTE_REF JOIN
    DELIM_JOIN COMPARISON_JOIN ANY_JOIN CROSS_PRODUCT POSITIONAL_JOIN ASOF_JOIN DEPENDENT_JOIN UNION
    EXCEPT INTERSECT RECURSIVE_CTE MATERIALIZED_CTE"""
    )
)


@dataclass(frozen=True, slots=True)
class Bound:
    """What the plan reads: views, and `view.column` names."""

    tables: frozenset[str]
    columns: frozenset[str]


def plan(connection: duckdb.DuckDBPyConnection, sql: str) -> Mapping[str, Any]:
    """Bind a query that passed the engine's tree and return its plan, not optimised, as JSON says.

    Raises NotUnderstood with the binder's own sentence.
    """
    tree = engine_json.plan_of(connection, sql)
    if tree["error"]:
        raise NotUnderstood("The query does not fit the views.", hint=_sentence(tree))
    return tree


def read(tree: Mapping[str, Any]) -> Bound:
    """Return what a plan reads. Raises ConstructRefused, FunctionRefused, ReadersDisagree."""
    gets = [get for plan in tree["plans"] for get in _gets(plan)]
    columns = frozenset(name for get in gets for name in _columns(get))
    return Bound(frozenset(get["function_data"]["table"].lower() for get in gets), columns)


def _sentence(tree: Mapping[str, Any]) -> str:
    """Return the binder's first line: it saw names and no rows, so it can tell of none."""
    lines = str(tree.get("error_message") or "The plan cannot be shown.").splitlines()
    return lines[0]


def _gets(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if plan["type"] not in _NODES:
        raise ConstructRefused(
            "The plan of the query holds a step that is not on the list.",
            hint="Write it in plainer SQL, in steps named by WITH.",
        )
    if plan["type"] == "LOGICAL_GET" and _is_scan(plan):
        yield plan
    for child in plan["children"]:
        yield from _gets(child)


def _is_scan(get: Mapping[str, Any]) -> bool:
    name = get["qname"]["path"][-1]
    if name == "seq_scan":
        return True
    functions.review().tables.check(name)
    return False


def _columns(get: Mapping[str, Any]) -> Iterator[str]:
    table = get["function_data"]["table"].lower()
    for column in get["column_indexes"]:
        index = column["index"]
        if index == _ROWS_ONLY:
            continue
        if index >= len(get["names"]):
            raise ReadersDisagree(
                "The plan reads something that is no column of a view.", hint="Name the columns."
            )
        yield f"{table}.{get['names'][index].lower()}"
