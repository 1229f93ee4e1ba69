"""The columns of one select, written so that the engine takes them as they were meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from enclave.gateway.inspector.persons import Node, subqueries
from enclave.gateway.inspector.trees import copied


def spelt(rows: list[Node]) -> list[Node]:
    """Return columns of one select in which none names another that asks a subquery.

    The engine lets a column name one before it, unless that holds a subquery: it is said again.
    """
    asking: dict[str, Node] = {}
    made = []
    for row in rows:
        found = _named_again(row, asking) if asking else row
        if any(subqueries(found)):
            asking[row["alias"]] = found
        made.append(found)
    return made


def _named_again(value: Any, asking: Mapping[str, Node]) -> Any:
    if isinstance(value, list):
        return [_named_again(item, asking) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("class") == "COLUMN_REF" and value["column_names"][-1] in asking:
        return {**copied(asking[value["column_names"][-1]]), "alias": value["alias"]}
    return {key: _named_again(item, asking) for key, item in value.items()}
