"""Says whether a query sums people up at all, for tables that nobody can recompute.

A list of rows, or of one person a row, is no summary, whoever would look at it. Never runs a query.
"""

from __future__ import annotations

from collections.abc import Iterator

from egress_review.evidence import sql_tree
from egress_review.evidence.aggregates import fuzzy_ends
from egress_review.evidence.sql_tree import Node, is_a
from enclave.model import PERSON_ID

# Aggregates whose value comes from all of a group; the others can be one person's own, or a list.
OF_ALL = frozenset(
    {"count", "count_star", "sum", "avg", "mean"}
    | {"stddev", "stddev_samp", "stddev_pop", "variance", "var_samp", "var_pop", "skewness"}
    | {"kurtosis", "corr", "covar_samp", "covar_pop", "approx_count_distinct", "entropy"}
    | {"regr_slope", "regr_intercept", "regr_r2", "regr_count"}
)


def summarises(sql: str, amounts: frozenset[str] = frozenset()) -> bool:
    """Say whether every row of the answer is of a group: it aggregates, not by person or amount.

    `amounts` are the columns, in small letters, whose single values are persons' own.
    """
    node = sql_tree.parse(sql)
    if node is None:
        return False
    called = [_aggregates(item) for item in node["select_list"]]
    labels = [item for item, names in zip(node["select_list"], called, strict=True) if not names]
    groups = [*node["group_expressions"], *labels]
    if any(_names_person(one) or is_a(one, "STAR") or _is_amount(one, amounts) for one in groups):
        return False
    return any(called) and frozenset().union(*called) <= OF_ALL


def _aggregates(item: Node) -> frozenset[str]:
    """Return the names of a column's aggregates.

    A fuzzy percentile is a mean, unless it is half the largest or smallest value.
    """
    names = sql_tree.functions("aggregate")
    found = (call["function_name"].lower() for call in _calls(item))
    return frozenset(name for name in found if name in names)


def _calls(node: object) -> Iterator[Node]:
    if isinstance(node, list):
        for one in node:
            yield from _calls(one)
    elif isinstance(node, dict):
        if is_a(node, "FUNCTION") and (ends := fuzzy_ends(node)) and ends[0] > 0 and ends[1] < 1:
            yield from _calls(ends[2]["arguments"][0])
            yield {**node, "function_name": "avg"}
            return
        if is_a(node, "FUNCTION"):
            yield node
        yield from _calls(list(node.values()))


def _names_person(node: Node) -> bool:
    found = sql_tree.find(node, "COLUMN_REF")
    return any(one["column_names"][-1].lower() == PERSON_ID for one in found)


def _is_amount(node: Node, amounts: frozenset[str]) -> bool:
    """Say whether it is an amount as it is, or no more than cast or rounded; bands are not."""
    if is_a(node, "CAST"):
        return _is_amount(node["child"], amounts)
    if is_a(node, "FUNCTION") and node["function_name"].lower() in ("round", "floor", "ceil"):
        return _is_amount(node["arguments"][0]["expression"], amounts)
    return is_a(node, "COLUMN_REF") and node["column_names"][-1].lower() in amounts
