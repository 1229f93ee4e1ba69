"""DuckDB's own syntax tree (json_serialize_sql): how to look into one and how to make one.

What is understood from the tree is therefore what the engine runs. Knows nothing of disclosure.
Never runs a query.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import duckdb

Node = dict[str, Any]

_UNMEANING = ("alias", "query_location", "query_location_length")
_SLOT = "enclave_slot"


def parse(sql: str) -> Node | None:
    """Return the tree of one SELECT statement, or None if it is anything else."""
    tree = json.loads(_ask("SELECT json_serialize_sql(?)", sql))
    if tree.get("error") or len(tree["statements"]) != 1:
        return None
    node: Node = tree["statements"][0]["node"]
    return node if node["type"] == "SELECT_NODE" else None


def text(node: Node) -> str:
    """Return a SELECT's tree as SQL, without a semicolon."""
    tree = {"error": False, "statements": [{"node": node, "named_param_map": []}]}
    return _ask("SELECT json_deserialize_sql(?)", json.dumps(tree)).rstrip().rstrip(";")


def expressions(*texts: str) -> list[Node]:
    """Return the trees of SQL expressions of ours."""
    if not texts:
        return []
    node = parse(f"SELECT {', '.join(texts)}")
    assert node is not None
    items: list[Node] = node["select_list"]
    return items


def template(sql: str, **slots: Node) -> Node:
    """Return the tree of an expression of ours in which each `:name` stands for a given tree."""
    marked = sql
    for name in slots:
        marked = marked.replace(f":{name}", f"{_SLOT}_{name}")
    (made,) = copy.deepcopy(_templated(marked))
    filled = _fill(made, {f"{_SLOT}_{name}": node for name, node in slots.items()})
    assert isinstance(filled, dict)
    return filled


@cache
def _templated(sql: str) -> list[Node]:
    return expressions(sql)


def _fill(node: Any, slots: dict[str, Node]) -> Any:
    if isinstance(node, dict):
        if is_a(node, "COLUMN_REF") and node["column_names"][-1] in slots:
            return unnamed(slots[node["column_names"][-1]])
        return {name: _fill(value, slots) for name, value in node.items()}
    return [_fill(value, slots) for value in node] if isinstance(node, list) else node


def is_a(node: Node, kind: str) -> bool:
    """Say whether a node is of a class of the tree: COLUMN_REF, FUNCTION, CONSTANT and so on."""
    return node.get("class") == kind


def calls(node: Node, *names: str) -> bool:
    """Say whether a node calls a function or operator of one of these names."""
    return is_a(node, "FUNCTION") and node["function_name"].lower() in names


def arguments(call: Node) -> list[Node]:
    """Return the expressions a function is called with."""
    return [argument["expression"] for argument in call["arguments"]]


def find(node: Any, kind: str) -> Iterator[Node]:
    """Yield every node of a class, outermost first."""
    if isinstance(node, dict):
        if is_a(node, kind):
            yield node
        for value in node.values():
            yield from find(value, kind)
    elif isinstance(node, list):
        for value in node:
            yield from find(value, kind)


def number(node: Node) -> float | None:
    """Return the value of a numeric constant, under casts and signs; None for anything else."""
    if is_a(node, "CAST"):
        return number(node["child"])
    if calls(node, "-") and len(node["arguments"]) == 1:
        inner = number(arguments(node)[0])
        return None if inner is None else -inner
    if is_a(node, "CONSTANT") and node["literal"]["kind"] in ("INTEGER", "NUMERIC"):
        return float(node["literal"]["text"])
    return None


def is_null(node: Node) -> bool:
    """Say whether a node is the constant NULL."""
    return is_a(node, "CONSTANT") and node["literal"]["kind"].startswith("NULL")


def canonical(node: Any) -> Any:
    """Return a tree without what does not change its meaning: places in the text and aliases."""
    if isinstance(node, dict):
        return {name: canonical(value) for name, value in node.items() if name not in _UNMEANING}
    return [canonical(value) for value in node] if isinstance(node, list) else node


def unnamed(node: Node) -> Node:
    """Return a copy of an expression without its alias."""
    return {**copy.deepcopy(node), "alias": ""}


def quoted(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


@cache
def functions(*kinds: str) -> frozenset[str]:
    """Return the engine's functions of these kinds ('aggregate', 'macro' …)."""
    with _parser().cursor() as engine:
        rows = engine.execute(
            "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type IN "
            "(SELECT unnest(?))",
            [list(kinds)],
        ).fetchall()
    return frozenset(name for (name,) in rows)


@cache
def unsteady() -> frozenset[str]:
    """Return the functions that can answer otherwise the second time, such as random()."""
    with _parser().cursor() as engine:
        rows = engine.execute(
            "SELECT DISTINCT function_name FROM duckdb_functions() "
            "WHERE stability IN ('VOLATILE', 'CONSISTENT_WITHIN_QUERY')"
        ).fetchall()
    return frozenset(name for (name,) in rows)


def _ask(question: str, value: str) -> str:
    with _parser().cursor() as engine:
        row = engine.execute(question, [value]).fetchone()
    assert row is not None
    return str(row[0])


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    """Return an engine without data, of the same make as the gateway's, to parse with."""
    return duckdb.connect(config={"enable_external_access": False})
