"""How much a short text grows before it runs: columns named again, rows of rows, subqueries.

For bounding what the binder and the second parser make of a query, which is under no limit of
memory and hears no deadline. Reads the engine's own syntax tree; never binds anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from enclave.gateway.inspector.names import names
from enclave.gateway.refusals import TooLarge

# A column that names one before it is written out with it, by both readers: thirty, each of which
# names the one before twice, took all memory. No text without such names has so many parts.
MAX_SPELT = 5_000
# Fields of a row, the rows in it counted: a step that puts what it reads into a row twice doubles
# them, and thirty steps kept the binder busy for good.
MAX_FIELDS = 10_000
# Subqueries, and functions in FROM, that the binder may have to take out of one another: sixty took
# it 16 seconds, thirty a third of one.
MAX_SUBQUERIES = 30

_MAKERS = names(
    """row struct_pack struct_insert struct_concat struct_update list_zip array_zip map
    map_from_entries map_concat union_value"""
)
_TABLES = ("SUBQUERY", "TABLE_FUNCTION")

Node = Mapping[str, Any]


class Size(NamedTuple):
    """Of how many parts an expression is, written out, and how many times a row in it grows."""

    parts: int
    growth: int


_ONE = Size(1, 1)


def check(query: Node) -> None:
    """Raise TooLarge for a query of which the readers would make too much."""
    _width(query, {}, 1)
    if _subqueries(query, is_outermost=True) > MAX_SUBQUERIES:
        raise TooLarge(
            f"The query holds more than {MAX_SUBQUERIES} subqueries in or beside one another.",
            hint="Name its steps with WITH, or ask it in two queries.",
        )


def _width(query: Node, scope: Mapping[str, int], outer: int) -> int:
    """Return the most fields that a column of a query may have."""
    visible = dict(scope)
    for entry in query["cte_map"]["map"]:
        visible[entry["key"].lower()] = _width(entry["value"]["query_node"], visible, outer)
    rest = {key: value for key, value in query.items() if key != "cte_map"}
    if query["type"] != "SELECT_NODE":
        return max((_width(inner, visible, outer) for inner in _queries(rest)), default=1)
    below = _source(rest.pop("from_table"), visible, outer)
    for inner in _queries(rest):
        below = max(below, _width(inner, visible, below))
    columns: dict[str, Size] = {}
    parts = growth = 1
    for item in rest.pop("select_list"):
        size = _size(item, columns)
        parts, growth = parts + size.parts, max(growth, size.growth)
        if item.get("alias"):
            columns[item["alias"].lower()] = size
    if parts + _size(rest, columns).parts > MAX_SPELT:
        raise TooLarge(
            "Columns that name each other come to too long a query when they are written out.",
            hint="Name its steps with WITH.",
        )
    if below * growth > MAX_FIELDS:
        raise TooLarge(
            f"A row of rows comes to more than {MAX_FIELDS:,} fields.",
            hint="Put columns beside each other instead of rows into rows.",
        )
    return below * growth


def _source(table: Node | None, scope: Mapping[str, int], outer: int) -> int:
    """Return the most fields of a column in FROM; what stands further right may look left."""
    if table is None:
        return outer
    if table["type"] == "JOIN":
        left = _source(table["left"], scope, outer)
        return max(left, _source(table["right"], scope, left))
    if table["type"] == "BASE_TABLE":
        return max(outer, scope.get(table["table_name"].lower(), 1))
    return max((_width(inner, scope, outer) for inner in _queries(table)), default=outer)


def _size(value: Any, columns: Mapping[str, Size]) -> Size:
    """Return the size of anything below a query, with the columns it names by their titles."""
    if value.__class__ is list:
        return _together(value, columns)
    if value.__class__ is not dict:
        return Size(0, 1)
    kind = value.get("class")
    if kind == "COLUMN_REF":
        return columns.get(value["column_names"][0].lower(), _ONE)
    if kind == "FUNCTION" and value["function_name"].lower() in _MAKERS:
        fields = [_size(item, columns) for item in value["arguments"]]
        parts, growth = (sum(size[at] for size in fields) for at in range(2))
        return Size(parts + 1, max(1, growth))
    found = _together(value.values(), columns)
    return found._replace(parts=found.parts + 1) if kind else found


def _together(items: Iterable[Any], columns: Mapping[str, Size]) -> Size:
    parts, growth = 0, 1
    for item in items:
        if item.__class__ is dict or item.__class__ is list:
            size = _size(item, columns)
            parts, growth = parts + size.parts, max(growth, size.growth)
    return Size(parts, growth)


def _queries(value: Any) -> Iterator[Node]:
    """Yield the queries below something, without those in them."""
    if value.__class__ is dict:
        if "cte_map" in value:
            yield value
            return
        value = value.values()
    elif value.__class__ is not list:
        return
    for item in value:
        yield from _queries(item)


def _subqueries(value: Any, *, is_outermost: bool = False) -> int:
    """Count the subqueries in something; of what only stands on each other, the most of one."""
    if value.__class__ is list:
        return sum(map(_subqueries, value))
    if value.__class__ is not dict:
        return 0
    if "cte_map" in value:
        steps = [_subqueries(entry) for entry in value["cte_map"]["map"]]
        rest = {key: item for key, item in value.items() if key != "cte_map"}
        if value["type"] == "SELECT_NODE":
            own = sum(map(_subqueries, rest.values()))
        else:
            own = max(map(_subqueries, _queries(rest)), default=0)
        return max(own, *steps, 0) if is_outermost else own + sum(steps)
    is_one = value.get("class") == "SUBQUERY" or value.get("type") in _TABLES
    return is_one + sum(map(_subqueries, value.values()))
