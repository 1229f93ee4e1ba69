"""Where a query groups many persons, read from the engine's own syntax tree of it.

For finding the places that must be held to a threshold, and the column there that says whose row it
is. A guess from names only: nothing rests on it, since the flow over the bound plan then proves
each place, and refuses the query where one is missing or wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from enclave.gateway.inspector.catalogue import Catalogue
from enclave.model import PERSON_ID

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """One table of a FROM, or what a query gives: its columns and whose rows they are."""

    name: str
    columns: tuple[str, ...] = ()
    person: str | None = None
    is_persons: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """One grouping of many persons: its node, whose rows it groups, and the columns it reads."""

    node: Node
    person: tuple[str, ...]
    columns: frozenset[str]


@dataclass(slots=True)
class Finder:
    """One search through one tree; `places` come with the inner ones first.

    Gives a name to each subquery in FROM that has none.
    """

    catalogue: Catalogue
    aggregates: frozenset[str]
    places: list[Place] = field(default_factory=list)
    unnamed: Iterator[int] = field(default_factory=count)

    def query(
        self,
        node: Node,
        scope: Mapping[str, Source],
        outer: tuple[Source, ...] = (),
    ) -> Source:
        """Search a query, and return what it gives."""
        visible = dict(scope)
        for entry in node["cte_map"]["map"]:
            given = self.query(entry["value"]["query_node"], visible, outer)
            visible[entry["key"].lower()] = _renamed(given, entry["value"]["aliases"])
        if node["type"] == "SELECT_NODE":
            return self._select(node, visible, outer)
        branches = [self.query(child, visible, outer) for child in _branches(node)]
        return branches[0] if branches else Source("")

    def _select(self, node: Node, scope: Mapping[str, Source], outer: tuple[Source, ...]) -> Source:
        tables = tuple(self._tables(node["from_table"], scope, outer))
        for key in ("select_list", "where_clause", "group_expressions", "having", "qualify",
                    "modifiers"):  # fmt: skip
            for inner in subqueries(node[key]):
                self.query(inner, scope, tables + outer)
        persons = [table for table in tables if table.is_persons]
        if not persons:
            return Source("", tuple(self._names(node, tables)))
        keys = group_keys(node, self.aggregates, _columns(tables))
        is_grouped = self._is_grouped(node)
        per_person = any(_is_person(key, persons) for key in keys)
        if is_grouped and not per_person and not _is_linked(node, persons, outer):
            first = next((table for table in persons if table.person), None)
            if first is not None and first.person:
                where = (first.name, first.person)
                self.places.append(Place(node, where, _columns(tables)))
            return Source("", tuple(self._names(node, tables)))
        return self._rows(node, tables, persons)

    def _rows(self, node: Node, tables: tuple[Source, ...], persons: list[Source]) -> Source:
        person = None
        for item in node["select_list"]:
            if item["class"] == "STAR":
                person = person or persons[0].person
            elif _is_person(item, persons):
                person = person or name_of(item)
        return Source("", tuple(self._names(node, tables)), person, is_persons=True)

    def _is_grouped(self, node: Node) -> bool:
        if node["group_expressions"] or node["group_sets"]:
            return True
        if node["aggregate_handling"] == "FORCE_AGGREGATES":
            return True
        places = [node["select_list"], node["having"], node["qualify"], node["modifiers"]]
        return any(has_aggregate(place, self.aggregates) for place in places)

    def _names(self, node: Node, tables: tuple[Source, ...]) -> Iterator[str]:
        for item in node["select_list"]:
            if item["class"] == "STAR":
                left_out = {name.lower() for name in item["exclude_list"] if isinstance(name, str)}
                for table in tables:
                    yield from (name for name in table.columns if name not in left_out)
            else:
                yield name_of(item)

    def _tables(
        self, table: Node, scope: Mapping[str, Source], outer: tuple[Source, ...]
    ) -> Iterator[Source]:
        kind = table["type"]
        if kind == "JOIN":
            yield from self._join(table, scope, outer)
        elif kind == "BASE_TABLE":
            yield self._base(table, scope)
        elif kind == "SUBQUERY":
            given = self.query(table["subquery"]["node"], scope, outer)
            if not table["alias"]:  # only a name lets its person_id be told from another's
                table["alias"] = f"__held_unnamed_{next(self.unnamed)}"
            yield _named(given, table)

    def _join(
        self, join: Node, scope: Mapping[str, Source], outer: tuple[Source, ...]
    ) -> Iterator[Source]:
        left = tuple(self._tables(join["left"], scope, outer))
        right = tuple(self._tables(join["right"], scope, left + outer))
        for inner in subqueries(join["condition"]):
            self.query(inner, scope, left + right + outer)
        if join["join_type"] == "RIGHT":
            left, right = right, left
        yield from left
        if join["join_type"] not in ("SEMI", "ANTI"):
            yield from right

    def _base(self, table: Node, scope: Mapping[str, Source]) -> Source:
        name = table["table_name"].lower()
        if name in scope and not table["schema_name"]:
            return _named(scope[name], table)
        columns = self.catalogue.columns(name) if name in self.catalogue.tables else ()
        return _named(Source(name, columns, PERSON_ID, is_persons=True), table)


def _branches(node: Node) -> Iterator[Node]:
    yield from node.get("children") or ()
    for key in ("left", "right"):
        if node.get(key):
            yield node[key]


def _named(given: Source, table: Node) -> Source:
    name = table["alias"] or table.get("table_name") or given.name
    renamed = _renamed(given, table.get("column_name_alias") or ())
    return Source(name, renamed.columns, renamed.person, is_persons=given.is_persons)


def _renamed(given: Source, aliases: Any) -> Source:
    columns = list(given.columns)
    person = given.person
    for at, alias in enumerate(aliases):
        if at < len(columns):
            person = alias.lower() if columns[at] == person else person
            columns[at] = alias.lower()
    return Source(given.name, tuple(columns), person, is_persons=given.is_persons)


def _columns(tables: tuple[Source, ...]) -> frozenset[str]:
    return frozenset(name for table in tables for name in table.columns)


def _is_person(item: Node, persons: list[Source]) -> bool:
    if item["class"] != "COLUMN_REF":
        return False
    *before, last = (part.lower() for part in item["column_names"])
    return any(
        table.person == last and (not before or before[-1] == table.name.lower())
        for table in persons
    )


def _is_linked(node: Node, persons: list[Source], outer: tuple[Source, ...]) -> bool:
    """Say whether a subquery looks at the rows of the outer row's person alone."""
    known = [table for table in outer if table.is_persons]
    for condition in _all_of(node["where_clause"]):
        if condition["class"] == "COMPARISON" and condition["type"] == "COMPARE_EQUAL":
            sides = (condition["left"], condition["right"])
            for one, other in (sides, sides[::-1]):
                if _is_person(one, persons) and _is_outer(other, persons, known):
                    return True
    return False


def _is_outer(item: Node, persons: list[Source], known: list[Source]) -> bool:
    is_qualified = item["class"] == "COLUMN_REF" and len(item["column_names"]) > 1
    return is_qualified and _is_person(item, known) and not _is_person(item, persons)


def _all_of(condition: Node | None) -> Iterator[Node]:
    if condition is None:
        return
    if condition["type"] == "CONJUNCTION_AND":
        for child in condition["children"]:
            yield from _all_of(child)
    else:
        yield condition


def subqueries(value: Any) -> Iterator[Node]:
    """Yield the queries that stand inside expressions, without looking into them."""
    if isinstance(value, list):
        for item in value:
            yield from subqueries(item)
    elif isinstance(value, dict):
        if value.get("class") == "SUBQUERY":
            yield value["subquery"]["node"]
            yield from subqueries(value["child"])
        else:
            for item in value.values():
                yield from subqueries(item)


def is_aggregate(expression: Node, aggregates: frozenset[str]) -> bool:
    """Say whether an expression is one call of an aggregate."""
    return (
        expression.get("class") == "FUNCTION" and expression["function_name"].lower() in aggregates
    )


def has_aggregate(value: Any, aggregates: frozenset[str]) -> bool:
    """Say whether an aggregate is called in an expression, outside its subqueries."""
    if isinstance(value, list):
        return any(has_aggregate(item, aggregates) for item in value)
    if not isinstance(value, dict) or value.get("class") == "SUBQUERY":
        return False
    if is_aggregate(value, aggregates):
        return True
    return any(has_aggregate(item, aggregates) for item in value.values())


def group_keys(node: Node, aggregates: frozenset[str], columns: frozenset[str]) -> list[Node]:
    """Return what a query groups by, with positions, aliases and ALL spelt out."""
    items = node["select_list"]
    if node["aggregate_handling"] == "FORCE_AGGREGATES":
        return [item for item in items if not has_aggregate(item, aggregates)]
    named = {item["alias"].lower(): item for item in items if item.get("alias")}
    return [_key(key, items, named, columns) for key in node["group_expressions"]]


def _key(key: Node, items: list[Node], named: Mapping[str, Node], columns: frozenset[str]) -> Node:
    if key["class"] == "CONSTANT" and key["literal"]["kind"] == "INTEGER":
        at = int(key["literal"]["text"])
        return items[at - 1] if 0 < at <= len(items) else key
    if key["class"] == "COLUMN_REF" and len(key["column_names"]) == 1:
        name = key["column_names"][0].lower()
        if name in named and name not in columns:
            return named[name]
    return key


def name_of(item: Node) -> str:
    """Return the name of a column a query gives, if it can be told from the tree."""
    if item.get("alias"):
        return str(item["alias"]).lower()
    return str(item["column_names"][-1]).lower() if item["class"] == "COLUMN_REF" else ""
