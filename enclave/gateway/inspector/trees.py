"""Pieces of the engine's own syntax tree, as `json_deserialize_sql` takes them. Nothing else."""

from __future__ import annotations

from typing import Any

Node = dict[str, Any]


def copied(tree: Any) -> Any:
    """Return a tree again, to be changed. It is JSON: a third of what `copy.deepcopy` takes."""
    if tree.__class__ is dict:
        return {k: copied(v) if v.__class__ in (dict, list) else v for k, v in tree.items()}
    return [copied(v) for v in tree] if tree.__class__ is list else tree


def column(*names: str, table: str = "", alias: str = "") -> Node:
    """Return a reference to a column."""
    path = [table, *names] if table else list(names)
    return {"class": "COLUMN_REF", "type": "COLUMN_REF", "alias": alias, "column_names": path}


def constant(value: int | float | str) -> Node:
    """Return a literal."""
    kind = {int: "INTEGER", float: "NUMERIC", str: "STRING"}[type(value)]
    text = f"{value:.6f}" if isinstance(value, float) else str(value)
    return {"class": "CONSTANT", "type": "VALUE_CONSTANT", "alias": "",
            "literal": {"kind": kind, "text": text}}  # fmt: skip


def null() -> Node:
    """Return NULL."""
    return {"class": "CONSTANT", "type": "VALUE_CONSTANT", "alias": "",
            "literal": {"kind": "NULL_LITERAL", "text": ""}}  # fmt: skip


def call(
    name: str, *arguments: Node, alias: str = "", distinct: bool = False, is_operator: bool = False
) -> Node:
    """Return a call of a function or an aggregate."""
    if name == "coalesce":
        return {"class": "OPERATOR", "type": "OPERATOR_COALESCE", "alias": alias,
                "children": list(arguments)}  # fmt: skip
    return {
        "class": "FUNCTION",
        "type": "FUNCTION",
        "alias": alias,
        "function_name": name,
        "schema": "",
        "filter": None,
        "order_bys": {"type": "ORDER_MODIFIER", "orders": []},
        "distinct": distinct,
        "is_operator": is_operator,
        "export_state": False,
        "catalog": "",
        "arguments": [{"name": "", "expression": argument} for argument in arguments],
        "qualified_name": {"path": [name]},
    }


def window(name: str, argument: Node, partitions: list[Node]) -> Node:
    """Return an aggregate over all rows that are the same by some keys."""
    return {"class": "WINDOW", "type": "WINDOW_AGGREGATE", "alias": "", "function_name": name,
            "schema": "", "catalog": "", "partitions": partitions, "orders": [],
            "start": "UNBOUNDED_PRECEDING", "end": "CURRENT_ROW_RANGE", "start_expr": None,
            "end_expr": None, "offset_expr": None, "default_expr": None, "ignore_nulls": False,
            "filter_expr": None, "exclude_clause": "NO_OTHER", "distinct": False,
            "arg_orders": [], "has_ignore_nulls": False,
            "arguments": [{"name": "", "expression": argument}],
            "qualified_name": {"path": [name]}}  # fmt: skip


def compare(kind: str, left: Node, right: Node) -> Node:
    """Return a comparison, by the engine's own name of it."""
    return {"class": "COMPARISON", "type": f"COMPARE_{kind}", "alias": "",
            "left": left, "right": right}  # fmt: skip


def all_of(conditions: list[Node]) -> Node:
    """Return that all conditions hold."""
    if len(conditions) == 1:
        return conditions[0]
    return {"class": "CONJUNCTION", "type": "CONJUNCTION_AND", "alias": "", "children": conditions}


def is_true(condition: Node) -> Node:
    """Return that a condition holds and is not NULL."""
    return {"class": "OPERATOR", "type": "OPERATOR_COALESCE", "alias": "",
            "children": [condition, compare("EQUAL", constant(1), constant(0))]}  # fmt: skip


def negated(condition: Node) -> Node:
    """Return that a condition does not hold."""
    return {"class": "OPERATOR", "type": "OPERATOR_NOT", "alias": "", "children": [condition]}


def is_present(expression: Node) -> Node:
    """Return that a value is not NULL."""
    return {"class": "OPERATOR", "type": "OPERATOR_IS_NOT_NULL", "alias": "",
            "children": [expression]}  # fmt: skip


def case(condition: Node, then: Node, otherwise: Node) -> Node:
    """Return a choice between two values."""
    return {"class": "CASE", "type": "CASE_EXPR", "alias": "",
            "case_checks": [{"when_expr": condition, "then_expr": then}],
            "else_expr": otherwise}  # fmt: skip


def cast(expression: Node, type_name: str, *, is_tried: bool = False) -> Node:
    """Return a value as another type; `is_tried` gives NULL where that fails."""
    kind = {"class": "TYPE", "type": "TYPE", "alias": "", "catalog": "", "schema": "",
            "type_name": type_name, "children": [],
            "qualified_name": {"path": [type_name]}}  # fmt: skip
    return {"class": "CAST", "type": "OPERATOR_CAST", "alias": "", "child": expression,
            "try_cast": is_tried, "type_expr": kind}  # fmt: skip


def star() -> Node:
    """Return every column."""
    return {"class": "STAR", "type": "STAR", "alias": "", "relation_name": "", "exclude_list": [],
            "replace_list": [], "columns": False, "expr": None, "qualified_exclude_list": [],
            "rename_list": []}  # fmt: skip


def table(name: str) -> Node:
    """Return a table, or a step of a WITH, in a FROM."""
    return {"type": "BASE_TABLE", "alias": "", "sample": None, "schema_name": "",
            "table_name": name, "column_name_alias": [], "catalog_name": "", "at_clause": None,
            "qualified_name": {"path": [name]}}  # fmt: skip


def subselect(node: Node, alias: str) -> Node:
    """Return a query in a FROM."""
    return {"type": "SUBQUERY", "alias": alias, "sample": None,
            "subquery": {"node": node, "named_param_map": []},
            "column_name_alias": []}  # fmt: skip


def join(left: Node, right: Node, keys: list[str], *, kind: str = "INNER") -> Node:
    """Return two tables joined where all keys are the same, NULL being the same as NULL."""
    names = [side["alias"] or side["table_name"] for side in (left, right)]
    equal = [
        compare("NOT_DISTINCT_FROM", *(column(key, table=name) for name in names)) for key in keys
    ]
    return {"type": "JOIN", "alias": "", "sample": None, "left": left, "right": right,
            "condition": all_of(equal) if equal else None, "join_type": kind,
            "ref_type": "REGULAR" if equal else "CROSS", "using_columns": [],
            "delim_flipped": False, "duplicate_eliminated_columns": [], "is_implicit": False,
            "ranking_expression": None, "nearest_count": 1, "nearest_order_type": "ASCENDING",
            "nearest_approx": False}  # fmt: skip


def select(items: list[Node], source: Node, *, where: Node | None = None) -> Node:
    """Return a query over one source."""
    return {"type": "SELECT_NODE", "modifiers": [], "cte_map": {"map": []}, "select_list": items,
            "from_table": source, "where_clause": where, "group_expressions": [],
            "group_sets": [], "aggregate_handling": "STANDARD_HANDLING", "having": None,
            "sample": None, "qualify": None}  # fmt: skip


def pile(first: Node, second: Node) -> Node:
    """Return the rows of two queries on each other."""
    return {"type": "SET_OPERATION_NODE", "modifiers": [], "cte_map": {"map": []},
            "setop_type": "UNION", "left": None, "right": None, "setop_all": True,
            "children": [first, second]}  # fmt: skip


def titled(expression: Node, title: str) -> Node:
    """Return an expression as a column of a name."""
    return {**copied(expression), "alias": title}


def grouped(keys: list[Node], aggregates: list[Node], source: Node) -> Node:
    """Return a query that groups a source by some keys."""
    node = select([*copied(keys), *aggregates], source)
    if keys:
        node["group_expressions"] = [{**copied(key), "alias": ""} for key in keys]
        node["group_sets"] = [list(range(len(keys)))]
    return node
