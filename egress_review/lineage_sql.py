"""What a lineage query is: which groups, which aggregates, over which views; edited as a tree.

Works on DuckDB's own syntax tree (json_serialize_sql), so what is understood here is what the
engine runs. Whatever is not positively understood is refused. Never runs a researcher's query.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

import duckdb

from egress_review.errors import OutputRefused
from enclave.model import PERSON_ID

Node = dict[str, Any]
Views = Mapping[str, Sequence[str]]  # view name → its columns

POSSIBLE = (
    "Possible now: SELECT groups, count(*), count(column), count(DISTINCT person_id), "
    "sum(column), avg(column) FROM views [JOIN …] [WHERE …] GROUP BY groups, ROLLUP, CUBE "
    "or GROUPING SETS."
)


class Of(StrEnum):
    """The aggregates that can be recomputed and protected."""

    ROWS = "rows"
    PERSONS = "persons"
    NONNULL = "nonnull"
    SUM = "sum"
    AVG = "avg"


@dataclass(frozen=True, slots=True)
class Source:
    """One view in FROM, under the alias the query gives it."""

    alias: str
    view: str


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What one output column counts or adds up: of which column of which source."""

    of: Of
    source: Source | None = None
    column: str = ""

    @property
    def field(self) -> str:
        """Return `view.column`."""
        assert self.source is not None
        return f"{self.source.view}.{self.column}"

    @property
    def sql(self) -> str:
        """Return the column as SQL text."""
        assert self.source is not None
        return f"{_quoted(self.source.alias)}.{_quoted(self.column)}"


@dataclass(frozen=True, slots=True)
class Shape:
    """An understood query: `outputs` per select item (None: a label made from the groups)."""

    node: Node
    sources: tuple[Source, ...]
    groups: tuple[Node, ...]
    outputs: tuple[Aggregate | None, ...]

    @property
    def aggregates(self) -> tuple[Aggregate, ...]:
        """Return each distinct aggregate, in order."""
        return tuple(dict.fromkeys(output for output in self.outputs if output))

    def label_groups(self) -> tuple[int | None, ...]:
        """Return, per label column, which group it prints as it is, if it is one."""
        plain = [_canonical(group) for group in self.groups]
        labels = [
            _canonical(item)
            for item, output in zip(self.node["select_list"], self.outputs, strict=True)
            if output is None
        ]
        return tuple(plain.index(label) if label in plain else None for label in labels)

    def persons(self) -> tuple[str, ...]:
        """Return, per source, the SQL of its person column."""
        return tuple(f"{_quoted(source.alias)}.{PERSON_ID}" for source in self.sources)


def understand(sql: str, views: Views) -> Shape:
    """Return a query's shape. Raises `OutputRefused` for whatever cannot be recomputed."""
    node = _only_select(sql)
    sources = tuple(_sources(node["from_table"], views))
    if len({source.view for source in sources}) < len(sources):
        raise _refuse("It reads one view twice")
    columns = _Columns(sources, views)
    if any(_is(item, "STAR") for item in node["select_list"]):
        raise _refuse("It lists rows, not groups of people")
    groups = _groups(node, columns)
    outputs = tuple(_output(item, columns) for item in node["select_list"])
    if not any(outputs):
        raise _refuse("It lists rows, not groups of people")
    for group in groups:
        if any(part["column_names"][-1].lower() == PERSON_ID for part in _references(group)):
            raise _refuse("It groups by person, so each row is one person")
    return Shape(node, sources, groups, outputs)


def with_evidence(shape: Shape, views: Views) -> str:
    """Return SQL with, after the query's own columns: groups, GROUPING bits, rows, mark, persons.

    Then per aggregated column, in the order of `measured`: rows and persons with a value, the sum
    and the least value.
    """
    node = _bare(shape)
    node["select_list"] += [_unnamed(group) for group in shape.groups]
    node["select_list"] += [_grouping(group) for group in shape.groups]
    node["select_list"] += _expressions(*_counts(shape, views))
    return _text(node)


def measured(shape: Shape) -> tuple[Aggregate, ...]:
    """Return one aggregate for each distinct column that is counted or added up."""
    found = {a.field: a for a in shape.aggregates if a.of in (Of.NONNULL, Of.SUM, Of.AVG)}
    return tuple(found.values())


def is_summed(shape: Shape, aggregate: Aggregate) -> bool:
    """Say whether a column is added up (sum or avg), not only counted."""
    return any(a.of in (Of.SUM, Of.AVG) and a.field == aggregate.field for a in shape.aggregates)


def with_contributions(shape: Shape, aggregate: Aggregate, largest: int) -> str:
    """Return SQL: per group, GROUPING bits, contributors (not zero), the largest, their total."""
    assert aggregate.source is not None
    names, node = _by_person(shape, f"{_quoted(aggregate.source.alias)}.{PERSON_ID}")
    node["select_list"][-1:] = _expressions(f"CAST(sum({aggregate.sql}) AS DOUBLE)")
    inner = ", ".join([*names, "given"])
    keys = "".join(f"{name}, " for name in names)
    tail = f"GROUP BY {', '.join(names)}" if names else ""
    # Names are ours and the tree comes from the engine's own parser: no text of a person is here.
    return (
        f"SELECT {keys} count(*) FILTER (WHERE given <> 0), "  # noqa: S608
        f"max(abs(given), {largest:d}), sum(abs(given)) "
        f"FROM ({_text(node).rstrip().rstrip(';')}) AS people({inner}) {tail}"
    )


def with_population(shape: Shape) -> tuple[str, ...]:
    """Return SQL per source: each person as 16 bytes and a hash of them."""
    return tuple(_population(shape, person) for person in shape.persons())


def _population(shape: Shape, person: str) -> str:
    node = _bare(shape)
    node["select_list"] = _expressions(person)
    node["group_expressions"], node["group_sets"] = _expressions(person), [[0]]
    return (
        "SELECT unhex(replace(CAST(person AS VARCHAR), '-', '')) AS person, "  # noqa: S608
        "hash(person) AS hash "
        f"FROM ({_text(node).rstrip().rstrip(';')}) AS people(person) "
        "WHERE person IS NOT NULL"
    )


def with_members(shape: Shape, views: Views) -> tuple[str, ...]:
    """Return SQL per source: groups, GROUPING bits, each group's persons (hashes) and their rows.

    `rows` are the last 16 bits of the sum of hashes of a person's rows in the group.
    """
    return tuple(_members(shape, views, person) for person in shape.persons())


def _members(shape: Shape, views: Views, person: str) -> str:
    names, node = _by_person(shape, person)
    node["select_list"] += _expressions(f"CAST(sum({_mark(shape, views)}) % 65536 AS USMALLINT)")
    keys = "".join(f"{name}, " for name in names)
    tail = f"GROUP BY {', '.join(names)}" if names else ""
    return (
        f"SELECT {keys} list({{person: hash(person), rows: rows}}) "  # noqa: S608 - as above
        f"FROM ({_text(node).rstrip().rstrip(';')}) AS people({keys}person, rows) "
        f"WHERE person IS NOT NULL {tail}"
    )


def _by_person(shape: Shape, person: str) -> tuple[list[str], Node]:
    """Return names of a query's groups and bits, and the query split further by person."""
    node = _bare(shape)
    node["select_list"] = [_unnamed(group) for group in shape.groups]
    node["select_list"] += [_grouping(group) for group in shape.groups]
    node["select_list"] += _expressions(person)
    count = len(shape.groups)
    node["group_expressions"] = [*copy.deepcopy(list(shape.groups)), *_expressions(person)]
    node["group_sets"] = [[*group_set, count] for group_set in node["group_sets"] or [[]]]
    return [f"k{place}" for place in range(2 * count)], node


# Reading the tree ------------------------------------------------------------------------------


def _only_select(sql: str) -> Node:
    tree = json.loads(_ask("SELECT json_serialize_sql(?)", sql))
    if tree.get("error") or len(tree["statements"]) != 1:
        raise _refuse("It is not one readable query")
    node: Node = tree["statements"][0]["node"]
    if node["type"] != "SELECT_NODE" or node["cte_map"]["map"]:
        raise _refuse("It is more than one plain SELECT over views")
    if any(modifier["type"] != "ORDER_MODIFIER" for modifier in node["modifiers"]):
        raise _refuse("DISTINCT, LIMIT and OFFSET leave out rows that its totals count")
    if node["having"] or node["qualify"] or node["sample"]:
        raise _refuse("HAVING, QUALIFY and SAMPLE leave out rows that its totals count")
    return node


def _sources(table: Node, views: Views) -> Iterator[Source]:
    if table["type"] == "JOIN" and table["ref_type"] in ("REGULAR", "CROSS"):
        yield from _sources(table["left"], views)
        yield from _sources(table["right"], views)
    elif table["type"] == "BASE_TABLE" and table["table_name"] in views and not table["sample"]:
        if table["column_name_alias"] or table["schema_name"] or table["catalog_name"]:
            raise _refuse("It renames the columns of a view or names a schema")
        yield Source(table["alias"] or table["table_name"], table["table_name"])
    else:
        raise _refuse("It reads something other than the project's views by name")


@dataclass(frozen=True, slots=True)
class _Columns:
    """Finds which source a column of the query belongs to."""

    sources: tuple[Source, ...]
    views: Views

    def find(self, reference: Node) -> tuple[Source, str]:
        *qualifier, name = reference["column_names"]
        for source in self.sources:
            named = not qualifier or qualifier == [source.alias]
            for column in self.views[source.view]:
                if named and column.lower() == name.lower():
                    return source, column
        raise _refuse("It aggregates something that is not a column of a view")

    def knows(self, reference: Node) -> bool:
        try:
            self.find(reference)
        except OutputRefused:
            return False
        return True


def _groups(node: Node, columns: _Columns) -> tuple[Node, ...]:
    """Make the groups explicit: GROUP BY ALL, positions and aliases become their expressions."""
    if node["aggregate_handling"] == "FORCE_AGGREGATES":
        labels = [item for item in node["select_list"] if not list(_aggregates(item))]
        node["group_expressions"] = [_unnamed(label) for label in labels]
        node["group_sets"] = [list(range(len(labels)))]
        node["aggregate_handling"] = "STANDARD_HANDLING"
    else:
        resolved = [_resolve(group, node, columns) for group in node["group_expressions"]]
        node["group_expressions"] = resolved
    if any(list(_find(group, "SUBQUERY")) for group in node["group_expressions"]):
        raise _refuse("It groups by the answer of another query")
    return tuple(copy.deepcopy(node["group_expressions"]))


def _resolve(group: Node, node: Node, columns: _Columns) -> Node:
    items = node["select_list"]
    if _is(group, "CONSTANT") and group["literal"]["kind"] == "INTEGER":
        place = int(group["literal"]["text"])
        if not 1 <= place <= len(items):
            raise _refuse("It groups by a column that is not there")
        return _unnamed(items[place - 1])
    if _is(group, "COLUMN_REF") and not columns.knows(group):
        wanted = group["column_names"][-1].lower()
        named = [item for item in items if item["alias"].lower() == wanted]
        if len(named) == 1:
            return _unnamed(named[0])
    return _unnamed(group)


def _output(item: Node, columns: _Columns) -> Aggregate | None:
    if list(_find(item, "WINDOW")) or list(_find(item, "SUBQUERY")):
        raise _refuse("It uses a window or another query inside a column")
    aggregates = list(_aggregates(item))
    if not aggregates:
        return None
    core = _core(item)
    if core is not aggregates[0] or len(aggregates) > 1:
        raise _refuse("It calculates with aggregates; submit the counts and sums themselves")
    return _aggregate(core, columns)


def _core(item: Node) -> Node:
    """Look through a cast or a rounding: they tell less than what is inside."""
    if _is(item, "CAST"):
        return _core(item["child"])
    if _is(item, "FUNCTION") and item["function_name"] == "round":
        return _core(item["arguments"][0]["expression"])
    return item


def _aggregate(call: Node, columns: _Columns) -> Aggregate:
    name = {"mean": "avg", "count_star": "count"}.get(call["function_name"], call["function_name"])
    if name not in ("count", "sum", "avg"):
        raise _refuse(f"{name}() cannot be protected yet")
    if call["filter"] or call["order_bys"]["orders"]:
        raise _refuse("FILTER or ORDER BY inside an aggregate describes a hidden subgroup")
    arguments = [argument["expression"] for argument in call["arguments"]]
    if name == "count" and (not arguments or _is(arguments[0], "CONSTANT")):
        return Aggregate(Of.ROWS)
    if len(arguments) != 1 or not _is(arguments[0], "COLUMN_REF"):
        raise _refuse("It aggregates an expression; aggregate a column as it is")
    source, column = columns.find(arguments[0])
    if column == PERSON_ID and name == "count" and call["distinct"]:
        return Aggregate(Of.PERSONS, source, column)
    if call["distinct"]:
        raise _refuse("DISTINCT is understood only in count(DISTINCT person_id)")
    return Aggregate({"count": Of.NONNULL, "sum": Of.SUM, "avg": Of.AVG}[name], source, column)


def _aggregates(item: Node) -> Iterator[Node]:
    names = _aggregate_names()
    return (node for node in _find(item, "FUNCTION") if node["function_name"].lower() in names)


@cache
def _aggregate_names() -> frozenset[str]:
    with _parser().cursor() as engine:
        rows = engine.execute(
            "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type IN "
            "('aggregate', 'macro', 'table_macro')"
        ).fetchall()
    return frozenset(name for (name,) in rows)


def _canonical(node: Any) -> Any:
    """Return a tree without what does not change its meaning: places in the text and aliases."""
    if isinstance(node, dict):
        dropped = ("alias", "query_location", "query_location_length")
        return {name: _canonical(value) for name, value in node.items() if name not in dropped}
    return [_canonical(value) for value in node] if isinstance(node, list) else node


def _references(node: Any) -> Iterator[Node]:
    return _find(node, "COLUMN_REF")


def _find(node: Any, kind: str) -> Iterator[Node]:
    if isinstance(node, dict):
        if _is(node, kind):
            yield node
        for value in node.values():
            yield from _find(value, kind)
    elif isinstance(node, list):
        for value in node:
            yield from _find(value, kind)


def _is(node: Node, kind: str) -> bool:
    return node.get("class") == kind


# Writing the tree ------------------------------------------------------------------------------


def _bare(shape: Shape) -> Node:
    node = copy.deepcopy(shape.node)
    node["modifiers"] = []
    return node


def _unnamed(node: Node) -> Node:
    return {**copy.deepcopy(node), "alias": ""}


def _grouping(group: Node) -> Node:
    (call,) = _expressions("grouping(x)")
    return {**call, "children": [_unnamed(group)]}


def _counts(shape: Shape, views: Views) -> list[str]:
    counts = ["count(*)", f"sum({_mark(shape, views)})"]
    counts += [f"count(DISTINCT {person})" for person in shape.persons()]
    for aggregate in measured(shape):
        assert aggregate.source is not None
        person = f"{_quoted(aggregate.source.alias)}.{PERSON_ID}"
        counts += [
            f"count({aggregate.sql})",
            f"count(DISTINCT {person}) FILTER (WHERE {aggregate.sql} IS NOT NULL)",
        ]
        if is_summed(shape, aggregate):
            counts += [f"sum({aggregate.sql})", f"min({aggregate.sql})"]
    return counts


def _mark(shape: Shape, views: Views) -> str:
    """Return SQL that hashes one source row: the same row has the same hash in every query."""
    columns = [
        f"{_quoted(source.alias)}.{_quoted(column)}"
        for source in shape.sources
        for column in views[source.view]
    ]
    return f"hash({', '.join(columns)})"


def _expressions(*texts: str) -> list[Node]:
    if not texts:
        return []
    tree = json.loads(_ask("SELECT json_serialize_sql(?)", f"SELECT {', '.join(texts)}"))
    items: list[Node] = tree["statements"][0]["node"]["select_list"]
    return items


def _text(node: Node) -> str:
    tree = {"error": False, "statements": [{"node": node, "named_param_map": []}]}
    return _ask("SELECT json_deserialize_sql(?)", json.dumps(tree))


def _ask(question: str, value: str) -> str:
    with _parser().cursor() as engine:
        row = engine.execute(question, [value]).fetchone()
    assert row is not None
    return str(row[0])


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    """Return an engine without data, of the same make as the gateway's, to parse with."""
    return duckdb.connect(config={"enable_external_access": False})


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _refuse(what: str) -> OutputRefused:
    return OutputRefused(f"{what}, so it cannot be checked automatically.", hint=POSSIBLE)
