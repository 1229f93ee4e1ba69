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
from enclave.gateway.inspector.trees import call, cast, compare, constant
from enclave.gateway.inspector.values import ROUNDING

Node = dict[str, Any]

MAX_PAIRS = 200  # each is one more column of the rows and one more count of each person

_TRUTHS = frozenset({"COMPARISON", "CONJUNCTION", "BETWEEN", "OPERATOR"})
_CHOICES = frozenset({"CASE", "SUBQUERY", "COMPARISON", "CONJUNCTION", "BETWEEN"})
_ROWS = names("count count_star count_if countif regr_count")


@dataclass(frozen=True, slots=True)
class Part:
    """Which rows one aggregate is of: those for which `condition` holds, or all if it is None.

    `key` is the same for two aggregates of the same rows, `chosen` for two whose rows the same
    FILTER and conditions choose; `only` is its FILTER; `there` holds for the rows of a sum also
    where they add nothing to it.
    """

    key: str
    chosen: str
    condition: Node | None
    only: Node | None
    counts: bool
    sums: bool
    there: Node | None = None
    is_middle: bool = False

    def counted(self) -> Part:
        """Return the rows whose number follows from a sum and a mean of them."""
        return replace(self, condition=self.there) if self.sums else self


def part(
    call: Node,
    varying: Sequence[Node],
    shown: Sequence[Node],
    rows: Node | None,
    person: str | None,
) -> Part:
    """Return which rows an aggregate is of: `rows` says it in a column, `shown` in its own words.

    `varying` are its arguments but constants; `person` is the column that says whose row it is,
    None where others do as well.
    """
    name = call["function_name"].lower()
    counts = name in _ROWS or all(is_tally(item) for item in varying)  # also a sum of ones
    if call["distinct"] or name == "approx_count_distinct":
        counts = person is None or all(_names(item, person) for item in varying)
    return Part(
        json.dumps([bare(list(shown)), bare(call["filter"])]),
        json.dumps([bare(call["filter"]), [bare(item) for item in varying if _chooses(item)]]),
        rows,
        call["filter"] or _only_choice(name, varying),
        counts,
        reviewed(name).test == "share" and not counts,
        is_middle=reviewed(name).test == "middle",
    )


def is_of_rows(call: Node) -> bool:
    """Say whether an aggregate is a number of rows, each of which counts."""
    return call["function_name"].lower() in _ROWS and not call["distinct"]


def side(whole: Part, item: Node, condition: Node) -> Part:
    """Return which rows a truth in a correlation is of: how many there are follows from it."""
    key = f"{whole.key}{json.dumps(bare(item))}"
    only = whole.only or _only_choice("sum", [item])
    return replace(whole, key=key, condition=condition, only=only, counts=True, sums=False)


def pairs(
    parts: Sequence[Part], *, overlap: bool, mixed: bool, conditional: bool
) -> list[tuple[Part, Part]]:
    """Return the pairs of aggregates whose difference would tell of the persons left out of one.

    By the rows that add something, counts are set against each other; sums too if they `overlap`,
    that is, if some are of one column; all if they are `mixed`, that is, if some may be sums of
    numbers of rows. A mean tells of how many rows it is, as a fraction does of what it is divided
    by: by all rows they are of, sums are set against what has another FILTER or other conditions,
    and against counts if they overlap. Where some are `conditional`, each of the first kind was
    already set against all rows.
    """
    found = []
    telling = {(p.key, p.counts, p.sums): p for p in parts if p.counts or p.sums or p.is_middle}
    for one, other in combinations(telling.values(), 2):
        if _exclude_each_other(one.only, other.only):
            continue
        both = (one, other)
        are_counts, are_sums = all(p.counts for p in both), all(p.sums for p in both)
        is_elsewhere = one.chosen != other.chosen
        if one.is_middle or other.is_middle:
            if one.is_middle and other.is_middle and is_elsewhere:
                found.append((both, conditional))
            continue
        if one.key != other.key and (are_counts or mixed or (overlap and are_sums)):
            found.append((both, conditional))
        if not are_counts and (is_elsewhere or (overlap and not are_sums)):
            counted = (one.counted(), other.counted())
            found.append((counted, conditional and not is_elsewhere))
    return [pair for pair, is_known in found
            if (all if is_known else any)(part.condition for part in pair)]  # fmt: skip


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


def terms(item: Node) -> Iterator[Node]:
    """Yield what is added up in an expression, and the whole: each must stand the test of its own.

    What is added may hide one person's share of the whole, and so may what is rounded; a change
    from one value to another, or between two dates, is one person's although neither value is.
    """
    yield item
    name = item["function_name"].lower() if item["class"] == "FUNCTION" else ""
    parts = []
    if name in ("+", "-", *ROUNDING):
        parts = [argument["expression"] for argument in item["arguments"]]
    elif item["class"] == "CAST":  # a text says more numbers than it is cast to here
        parts = [item["child"]]
    if name in ROUNDING:
        del parts[1:]
    for part in parts:
        if not is_fixed(part):
            yield from terms(part)


def weighed(name: str, varying: Sequence[Node]) -> Iterator[Node]:
    """Yield everything of which nobody may have most in an aggregate: terms, and their products."""
    found = [term for item in varying for term in terms(item)]
    yield from found
    if reviewed(name).of_products:
        pairs_of = [*((term, term) for term in found), *combinations(varying, 2)]
        for pair in pairs_of:
            numbers = (cast(item, "DOUBLE", is_tried=True) for item in pair)
            yield call("*", *numbers, is_operator=True)


def _chooses(value: Any) -> bool:
    """Say whether a condition stands in an expression, or what gives NULL where it fails."""
    if isinstance(value, list):
        return any(map(_chooses, value))
    if not isinstance(value, dict):
        return False
    is_choice = value.get("class") in _CHOICES or value.get("try_cast")
    return bool(is_choice) or any(map(_chooses, value.values()))


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


def _only_choice(name: str, arguments: Sequence[Node]) -> Node | None:
    """Return the condition of a CASE that has one, and adds nothing for all other rows."""
    if len(arguments) != 1 or arguments[0]["class"] != "CASE":
        return None
    (item,) = arguments
    conditions = [check["when_expr"] for check in item["case_checks"]]
    other = item["else_expr"].get("literal") or {}
    is_nothing = other.get("kind") == "NULL_LITERAL"
    is_nothing = is_nothing or (other.get("text") == "0" and reviewed(name).test == "share")
    return conditions[0] if len(conditions) == 1 and is_nothing else None


def _exclude_each_other(one: Node | None, other: Node | None) -> bool:
    """Say whether two filters ask one expression for a constant each, as a PIVOT's do.

    Their rows are the same or have none in common: what they differ by is the one or the other.
    """
    if one is None or other is None:
        return False
    is_equal = all(each.get("type") in _EQUALITIES for each in (one, other))
    if not is_equal or bare(one["left"]) != bare(other["left"]):
        return False
    kind = _kind(one["right"])
    return (
        bool(kind) and kind == _kind(other["right"]) and bare(one["right"]) != bare(other["right"])
    )


def _kind(value: Node) -> str:
    """Return a constant's kind if two of that kind are compared alike with anything, else nothing.

    '1' and '01' are two texts and one number: `x = 1` holds for both, `x = '1'` for one.
    """
    if value["class"] == "CAST":
        inner = _kind(value["child"])
        return inner and json.dumps([inner, bare(value["type_expr"]), value["try_cast"]])
    kind = (value.get("literal") or {}).get("kind")
    return kind if kind in ("INTEGER", "STRING") else ""


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
