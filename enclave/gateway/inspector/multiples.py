"""How often a row stands in a relation of the plan, where the query and not the data decides it.

For keeping counts and sums honest: a person's row that a list, a function or a UNION repeats a
thousand times tells of that person in any total. Follows rows, never columns, and decides nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from enclave.gateway.inspector import values
from enclave.gateway.inspector.values import Key, Node, Relation, Value

# Casts that make no two values one: of whole numbers, to wider kinds of them.
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_GONE = frozenset({"SEMI", "ANTI", "MARK", "SINGLE"})


def repeated(relation: Relation) -> Relation:
    """Return a relation whose rows may each stand there several times, or not at all."""
    row = tuple(value.keyless() for value in relation.values)
    return relation._replace(values=row, most=None, is_one=False, is_spread=bool(relation.owners))


def keyed(columns: tuple[Value, ...], number: int) -> tuple[Value, ...]:
    """Return the columns a grouping is made by, which together tell its rows apart."""
    width = len(columns)
    return tuple(value._replace(key=Key(number, width, at)) for at, value in enumerate(columns))


def numbered(columns: tuple[Value, ...], number: int, node: Node) -> tuple[Value, ...]:
    """Return the columns a function in FROM makes; a range gives each number once."""
    is_range = node["qname"]["path"][-1] in ("range", "generate_series")
    return keyed(columns, number) if is_range and len(columns) == 1 else columns


def listed(relation: Relation, numbers: Iterator[int], node: Node) -> Relation:
    """Return a VALUES list with what is known of it: a column with each constant once is a key."""
    made: list[Value] = []
    for at, value in enumerate(relation.values):
        constants = [_constant(line[at]) for line in node["expressions"]]
        is_key = None not in constants and len(set(constants)) == len(constants)
        made.append(value._replace(key=Key(next(numbers), 1, 0)) if is_key else value)
    return relation._replace(values=tuple(made))


def _constant(expression: Node) -> str | None:
    """Return a constant's text as the column holds it, or None for anything that is less plain."""
    if values.function_name(expression) == "__cast":
        inner = expression["children"][0]
        same = inner.get("value", {}).get("type", {}).get("id")
        return _constant(inner) if same == expression["return_type"]["id"] else None
    if expression["expression_class"] != "BOUND_CONSTANT" or expression["value"].get("is_null"):
        return None
    kind = expression["value"]["type"]["id"]
    return str(expression["value"].get("value")) if kind in (*_WHOLE, "VARCHAR") else None


def spreads(kind: str, left: Relation, right: Relation, conditions: Collection[Node]) -> bool:
    """Say whether a join repeats rows of persons as the query says.

    A list beside persons repeats none if it has one row, or one row for each of the values it is
    joined by.
    """
    if kind in _GONE:
        return left.is_spread
    if left.is_spread or right.is_spread:
        return True
    if bool(left.owners) == bool(right.owners):
        return False
    if kind == "ASOF":
        return not left.owners
    width = len(left.values)
    side = range(width, width + len(right.values)) if left.owners else range(width)
    beside = right if left.owners else left
    return not beside.is_one and not _is_by_key(beside, side, conditions)


def _is_by_key(beside: Relation, side: range, conditions: Iterable[Node]) -> bool:
    found = {
        beside.values[at - side.start].key
        for condition in conditions
        if condition.get("type") == "COMPARE_EQUAL" and len(condition["children"]) == 2
        for one, other in (condition["children"], condition["children"][::-1])
        if (at := _column(one)) in side and not any(place in side for place in columns(other))
    }
    keys = [key for key in found if key is not None]
    return any(sum(key.number == other.number for other in keys) == key.width for key in keys)


def _column(expression: Node) -> int:
    """Return the place of the column an expression is, unchanged; -1 if it is something else."""
    if expression["expression_class"] == "BOUND_REF":
        return int(expression.get("index", 0))
    if values.function_name(expression) == "__cast":
        inner = expression["children"][0]
        before = inner.get("return_type", {}).get("id")  # a constant and a conjunction have none
        after = expression["return_type"]["id"]
        if before in _WHOLE and after in _WHOLE and _WHOLE.index(before) <= _WHOLE.index(after):
            return _column(inner)
    return -1


def columns(expression: Node) -> Iterator[int]:
    """Yield the places of the columns an expression is made of."""
    if expression["expression_class"] == "BOUND_REF":
        yield int(expression.get("index", 0))
    for child in values.children(expression):
        yield from columns(child)


def is_stacked(branches: Sequence[Relation]) -> bool:
    """Say whether a UNION may hold one row of a view several times."""
    if not any(branch.owners for branch in branches):
        return False
    views = [view for branch in branches for view in branch.views]
    return any(branch.is_spread for branch in branches) or len(views) != len(set(views))


def is_fixed(unnest: Node) -> bool:
    """Say whether a list to be made rows of is written out in the query, item by item."""
    (made,) = values.children(unnest)
    info = made.get("return_type", {}).get("type_info") or {}  # a NULL has neither
    kind = info.get("child_type", {}).get("id")
    is_written = values.function_name(made) in ("list_value", "list_pack", "array_value")
    return is_written and kind not in (None, "LIST", "ARRAY", "STRUCT", "MAP", "UNION")
