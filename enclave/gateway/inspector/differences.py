"""What the difference of two aggregates of one grouping would tell, and what chooses within one.

For the tests of groups: two counts, or two sums of one column, that leave out different persons
tell of those by subtraction. Reads the engine's own syntax tree; decides nothing about a group.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from enclave.gateway.inspector.aggregates import reviewed
from enclave.gateway.inspector.names import names
from enclave.gateway.inspector.trees import cast, compare, constant

Node = dict[str, Any]

MAX_PAIRS = 100  # each is one more column of the rows and one more count of each person

_TRUTHS = frozenset({"COMPARISON", "CONJUNCTION", "BETWEEN", "OPERATOR"})
_ROWS = names("count count_star count_if countif regr_count")


@dataclass(frozen=True, slots=True)
class Part:
    """Which rows one aggregate is of: those for which `condition` holds, or all if it is None.

    `key` is the same for two aggregates of the same rows; `only` is its FILTER; `there` holds for
    the rows of a sum also where they add nothing to it.
    """

    key: str
    condition: Node | None
    only: Node | None
    counts: bool
    sums: bool
    there: Node | None = None

    def counted(self) -> Part:
        """Return the rows whose number follows from a sum and a mean of them."""
        return replace(self, condition=self.there) if self.sums else self


def part(call: Node, arguments: Sequence[Node], condition: Node | None, person: str) -> Part:
    """Return which rows an aggregate is of; `person` is the column that says whose row it is."""
    name = call["function_name"].lower()
    review = reviewed(name)
    is_number = bool(arguments) and all(is_tally(item) for item in arguments)
    is_picked = call["distinct"] or name == "approx_count_distinct"
    counts = name in _ROWS or is_number
    if is_picked:
        counts = all(_names(item, person) for item in arguments)
    return Part(
        json.dumps([bare(list(arguments)), bare(call["filter"])]),
        condition,
        call["filter"] or _only_choice(arguments),
        counts,
        review.test == "share" and not counts,
    )


def tally(item: Node, only: Node | None, condition: Node) -> Part:
    """Return which rows a truth in a correlation is of: how many there are follows from it."""
    key = json.dumps([bare([item]), bare(only)])
    return Part(key, condition, only or _only_choice([item]), counts=True, sums=False)


def pairs(parts: Sequence[Part], *, overlap: bool, mixed: bool) -> list[tuple[Part, Part]]:
    """Return the pairs of aggregates whose difference would tell of the persons left out of one.

    Sums are set against each other if they `overlap`, that is, if some are of one column, and by
    the rows they are of against counts; by what adds to them if they are `mixed`, that is, if some
    may be sums of numbers of rows.
    """
    found = []
    distinct = {(part.key, part.counts, part.sums): part for part in parts}
    for one, other in combinations(distinct.values(), 2):
        both = (one, other)
        if one.key == other.key or _exclude_each_other(one.only, other.only):
            continue
        is_telling = all(p.counts or p.sums for p in both)
        is_alike = all(p.counts for p in both) or (overlap and all(p.sums for p in both))
        if is_alike or (mixed and is_telling):
            found.append(both)
        elif overlap and is_telling:
            found.append((one.counted(), other.counted()))
    return [(one, other) for one, other in found if one.condition or other.condition]


def choices(item: Node) -> Iterator[Node]:
    """Yield the conditions inside an argument by which it takes one row and leaves another."""
    if item.get("class") == "CASE" and not is_tally(item):
        yield from (check["when_expr"] for check in item["case_checks"])
    elif item.get("class") == "FUNCTION" and item["function_name"] == "*":
        factors = [argument["expression"] for argument in item["arguments"]]
        for factor in factors:
            if not any(is_fixed(each) for each in factors):
                yield compare("NOTEQUAL", cast(factor, "DOUBLE"), constant(0))
    for child in _below(item):
        yield from choices(child)


def _below(item: Node) -> Iterable[Node]:
    if item.get("class") == "SUBQUERY":
        return ()
    if item.get("class") == "CASE":
        return [*(check["then_expr"] for check in item["case_checks"]), item["else_expr"]]
    if item.get("class") == "CAST":
        return [item["child"]]
    if item.get("class") == "FUNCTION":
        return [argument["expression"] for argument in item["arguments"]]
    return item.get("children") or ()


def is_tally(item: Node) -> bool:
    """Say whether a value is only one or another constant, so that its sum is a count."""
    if item["class"] == "CAST":
        return is_tally(item["child"])
    if item["class"] == "CASE":
        results = [*(check["then_expr"] for check in item["case_checks"]), item["else_expr"]]
        return all(is_fixed(result) for result in results)
    is_null = item["type"] == "OPERATOR_COALESCE"
    return is_fixed(item) or (item["class"] in _TRUTHS and not is_null)


def _only_choice(arguments: Sequence[Node]) -> Node | None:
    """Return the condition of a CASE that has one, and nothing for all other rows."""
    if len(arguments) != 1 or arguments[0]["class"] != "CASE":
        return None
    (item,) = arguments
    conditions = [check["when_expr"] for check in item["case_checks"]]
    return conditions[0] if len(conditions) == 1 and is_fixed(item["else_expr"]) else None


def _exclude_each_other(one: Node | None, other: Node | None) -> bool:
    """Say whether two filters ask one expression for a constant each, as a PIVOT's do.

    Their rows are the same or have none in common: what they differ by is the one or the other.
    """
    if one is None or other is None:
        return False
    is_equal = all(each.get("type") in _EQUALITIES for each in (one, other))
    if not is_equal or bare(one["left"]) != bare(other["left"]):
        return False
    rights = one["right"], other["right"]
    return all(map(is_fixed, rights)) and bare(rights[0]) != bare(rights[1])


_EQUALITIES = ("COMPARE_EQUAL", "COMPARE_NOT_DISTINCT_FROM")


def _names(item: Node, person: str) -> bool:
    return f'"{person.lower()}"' in json.dumps(bare(item))


def is_fixed(expression: Node) -> bool:
    """Say whether an expression has no column in it."""
    return '"COLUMN_REF"' not in json.dumps(expression)


_PLACE = frozenset({"query_location", "query_location_length", "alias"})


def bare(value: Any) -> Any:
    """Return a tree without places and titles, names in lower case."""
    if isinstance(value, list):
        return [bare(item) for item in value]
    if isinstance(value, dict):
        if "literal" in value:  # 'a' and 'A' are two values, and '%m' and '%M' two things to ask
            return {key: item for key, item in value.items() if key not in _PLACE}
        return {key: bare(item) for key, item in value.items() if key not in _PLACE}
    return value.lower() if isinstance(value, str) else value
