"""What a lineage query is: which groups, which numbers made of which counts, over which views.

Whatever is not positively understood is refused. Never runs a researcher's query.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from egress_review.errors import OutputRefused
from egress_review.evidence import sql_tree
from egress_review.evidence.aggregates import (
    POSSIBLE,
    Base,
    Columns,
    Of,
    Source,
    Views,
    beneath,
    has_aggregate,
    refuse,
    steady,
)
from egress_review.evidence.sql_tree import Node, is_a
from enclave.model import PERSON_ID

__all__ = ["POSSIBLE", "Shape", "Source", "Views", "understand"]

MOST_SUBSETS = 12  # conditions in one query; each is held against all earlier releases
_ROWS = (
    "The query it was made from lists rows, not groups of people, so what was worked out from them "
    "cannot be checked."
)
_COUNT_THERE = (
    "Count and average in the query itself: SELECT county, count(*) AS n, avg(wage) AS mean_wage "
    "FROM wages GROUP BY county. What a model found goes as summarise(results)."
)
_COUNTS = (Of.ROWS, Of.PERSONS, Of.NONNULL)


@dataclass(frozen=True, slots=True)
class Shape:
    """An understood query: `outputs` per select item (None: a label made from the groups).

    `kept` is its HAVING, if it has one; `node` is without. `asked` are the counts that stands on.
    """

    node: Node
    sources: tuple[Source, ...]
    groups: tuple[Node, ...]
    outputs: tuple[tuple[Base, ...] | None, ...]
    kept: Node | None = None
    asked: tuple[Base, ...] = ()

    @property
    def bases(self) -> tuple[Base, ...]:
        """Return each distinct count or sum beneath the numbers, in order."""
        found = [base for output in self.outputs if output is not None for base in output]
        return tuple(dict.fromkeys([*found, *self.asked]))

    def label_groups(self) -> tuple[int | None, ...]:
        """Return, per label column, which group it prints as it is, if it is one."""
        plain = [sql_tree.canonical(group) for group in self.groups]
        labels = [
            sql_tree.canonical(item)
            for item, output in zip(self.node["select_list"], self.outputs, strict=True)
            if output is None
        ]
        return tuple(plain.index(label) if label in plain else None for label in labels)


def understand(sql: str, views: Views) -> Shape:
    """Return a query's shape. Raises `OutputRefused` for whatever cannot be recomputed."""
    node = _only_select(sql)
    sources = tuple(_sources(node["from_table"], views))
    if len({source.view for source in sources}) < len(sources):
        raise refuse("It reads one view twice")
    columns = Columns(sources, views)
    for item in node["select_list"]:
        if list(sql_tree.find(item, "WINDOW")) or list(sql_tree.find(item, "SUBQUERY")):
            raise refuse("It uses a window or another query inside a column")
    if any(is_a(item, "STAR") for item in node["select_list"]):
        raise OutputRefused(_ROWS, hint=_COUNT_THERE)
    groups = _groups(node, columns)
    outputs = tuple(
        beneath(item, columns) if has_aggregate(item) else None for item in node["select_list"]
    )
    if not any(outputs):
        raise OutputRefused(_ROWS, hint=_COUNT_THERE)
    for group in groups:
        if any(part["column_names"][-1].lower() == PERSON_ID for part in _references(group)):
            raise refuse("It groups by person, so each row is one person")
    kept, asked = _having(node, columns)
    shape = Shape(node, sources, groups, outputs, kept, asked)
    if len({base.condition for base in shape.bases}) > MOST_SUBSETS:
        raise refuse(f"It has more than {MOST_SUBSETS} different conditions")
    return shape


def _only_select(sql: str) -> Node:
    node = sql_tree.parse(sql)
    if node is None:
        raise refuse("Its query is not one SELECT (a UNION or PIVOT, say)")
    if node["cte_map"]["map"]:
        raise refuse("It is more than one plain SELECT over views")
    if any(modifier["type"] != "ORDER_MODIFIER" for modifier in node["modifiers"]):
        raise refuse("DISTINCT, LIMIT and OFFSET leave out rows that its totals count")
    if node["qualify"] or node["sample"]:
        raise refuse("QUALIFY and SAMPLE leave out rows that its totals count")
    steady(node)
    return node


def _sources(table: Node, views: Views) -> Iterator[Source]:
    if table["type"] == "JOIN" and table["ref_type"] in ("REGULAR", "CROSS"):
        yield from _sources(table["left"], views)
        yield from _sources(table["right"], views)
    elif table["type"] == "BASE_TABLE" and table["table_name"] in views and not table["sample"]:
        if table["column_name_alias"] or table["schema_name"] or table["catalog_name"]:
            raise refuse("It renames the columns of a view or names a schema")
        yield Source(table["alias"] or table["table_name"], table["table_name"])
    else:
        raise refuse("It reads something other than the project's views by name")


def _having(node: Node, columns: Columns) -> tuple[Node | None, tuple[Base, ...]]:
    """Take a HAVING out of the query: which lines it keeps is asked beside their numbers.

    Only over counts: of a sum or mean, whether a line is there would tell more than its numbers.
    """
    if not node["having"]:
        return None, ()
    condition = _spelt_out(node["having"], node, columns)
    node["having"] = None
    bases = beneath(condition, columns)
    if any(base.of not in _COUNTS for base in bases):
        raise refuse("HAVING is understood only over counts: it leaves out rows that totals count")
    return sql_tree.unnamed(condition), bases


def _spelt_out(tree: Any, node: Node, columns: Columns) -> Any:
    """Return a condition with the names of select items replaced by what they stand for."""
    if isinstance(tree, dict):
        if is_a(tree, "COLUMN_REF"):
            return _resolve(tree, node, columns)
        return {name: _spelt_out(value, node, columns) for name, value in tree.items()}
    return [_spelt_out(value, node, columns) for value in tree] if isinstance(tree, list) else tree


def _groups(node: Node, columns: Columns) -> tuple[Node, ...]:
    """Make the groups explicit: GROUP BY ALL, positions and aliases become their expressions."""
    if node["aggregate_handling"] == "FORCE_AGGREGATES":
        labels = [item for item in node["select_list"] if not has_aggregate(item)]
        node["group_expressions"] = [sql_tree.unnamed(label) for label in labels]
        node["group_sets"] = [list(range(len(labels)))]
        node["aggregate_handling"] = "STANDARD_HANDLING"
    else:
        resolved = [_resolve(group, node, columns) for group in node["group_expressions"]]
        node["group_expressions"] = resolved
    if any(list(sql_tree.find(group, "SUBQUERY")) for group in node["group_expressions"]):
        raise refuse("It groups by the answer of another query")
    return tuple(copy.deepcopy(node["group_expressions"]))


def _resolve(group: Node, node: Node, columns: Columns) -> Node:
    items = node["select_list"]
    if is_a(group, "CONSTANT") and group["literal"]["kind"] == "INTEGER":
        place = int(group["literal"]["text"])
        if not 1 <= place <= len(items):
            raise refuse("It groups by a column that is not there")
        return sql_tree.unnamed(items[place - 1])
    if is_a(group, "COLUMN_REF") and not columns.knows(group):
        wanted = group["column_names"][-1].lower()
        named = [item for item in items if item["alias"].lower() == wanted]
        if len(named) == 1:
            return sql_tree.unnamed(named[0])
    return sql_tree.unnamed(group)


def _references(node: Node) -> Iterator[Node]:
    return sql_tree.find(node, "COLUMN_REF")
