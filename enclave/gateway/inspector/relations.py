"""Relations made of relations: put side by side, on top of each other, or cut to some columns.

The small steps of `flow`, without its walk. Pure; decides nothing about a role.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from enclave.gateway.inspector import multiples, values
from enclave.gateway.inspector.names import names
from enclave.gateway.inspector.values import Node, Origin, Relation, Shape, Value

COUNTS = frozenset({"count", "count_star", "approx_count_distinct", "count_if", "countif"})
# Aggregates and windows that give a value of their first argument, or one that lies among them.
_OF_VALUES = names(
    """sum fsum sumkahan kahan_sum avg mean favg median quantile_cont quantile quantile_disc mode
    min max any_value arbitrary first last arg_max arg_max_null arg_max_nulls_last arg_min
    arg_min_null arg_min_nulls_last argmax argmin max_by min_by
    window_lag window_lead window_first_value window_last_value window_nth_value"""
)
_NEIGHBOURS = ("window_lag", "window_lead")


def shape(name: str, arguments: tuple[Value, ...], is_filtered: bool) -> Shape:
    """Return how a sum over persons of one aggregate per person may be tested."""
    if is_filtered:
        return Shape.CHOSEN if max(shapes(arguments)) <= Shape.PLAIN else Shape.ANY
    if name in COUNTS:
        return Shape.PLAIN if max(shapes(arguments)) <= Shape.PLAIN else Shape.CHOSEN
    return max(shapes(arguments))


def over(name: str, arguments: tuple[Value, ...], only: Node | None) -> Shape:
    """Return how a sum over persons of one window within each person's rows may be tested.

    `only` is its FILTER.
    """
    if name in _NEIGHBOURS:  # x, how far, and what to give where nobody stands
        return values.coalesced((*arguments[:1], *arguments[2:]))
    return shape("", arguments, only is not None)


def is_coarse(name: str, arguments: tuple[Value, ...]) -> bool:
    """Say whether what is made of one person's rows may be the same for many: a 1, or a number."""
    given = next(iter(arguments), Value())
    return name not in _OF_VALUES or given.is_constant or any(a.is_coarse for a in arguments)


def shapes(arguments: Iterable[Value]) -> list[Shape]:
    """Return the shapes of an aggregate's arguments; a constant has none."""
    return [Shape.PLAIN, *(a.shape for a in arguments if not a.is_constant)]


def piled_shape(column: Iterable[Value]) -> Shape:
    """Return the shape of a column that set operations put together."""
    shapes = {value.shape for value in column}
    return Shape.PLAIN if shapes == {Shape.PLAIN} else Shape.ANY


def beside(left: Relation, right: Relation) -> Relation:
    """Return two relations' columns side by side, as a join has them."""
    return Relation(
        tuple(value.keyless() for value in left.values + right.values),
        owners=left.owners | right.owners,
        conditions=left.conditions | right.conditions,
        is_one=left.is_one and right.is_one,
        is_spread=left.is_spread or right.is_spread,
        is_paired=left.is_paired or right.is_paired or bool(left.views & right.views),
        views=left.views | right.views,
    )


def most(kind: str, left: Relation, right: Relation) -> int | None:
    """Return how many rows of a join one person has at most, whose rows stand on both sides."""
    if kind == "SINGLE":
        return left.most
    if kind not in ("INNER", "LEFT", "RIGHT") or not left.most or not right.most:
        return None
    return left.most * right.most


def tainted(row: tuple[Value, ...], told: frozenset[Origin]) -> tuple[Value, ...]:
    """Return columns that also tell of others."""
    return tuple(value.tainted(told) for value in row)


def untold(relation: Relation) -> Relation:
    """Return a relation that only its persons are looked for in, however often each is there."""
    row = (
        value._replace(origins=value.origins - values.beside_person((value,)))
        if value.is_person
        else value
        for value in relation.values
    )
    return relation._replace(values=tuple(row))


def asked(conditions: Iterable[Node], both: Relation, width: int) -> Iterator[Value]:
    """Yield the left side's values that a join asks for, of which some are the query's own."""
    for condition in conditions:
        for at in multiples.columns(condition):
            if at < width:
                yield both.values[at]


def kept(row: tuple[Value, ...], positions: Iterable[int] | None) -> tuple[Value, ...]:
    """Return the columns a step keeps; None keeps all."""
    return tuple(row[at] for at in positions) if positions else row


def moved(expression: Any, width: int) -> Any:
    """Return an expression over a join's right side, as one over both sides."""
    if isinstance(expression, list):
        return [moved(item, width) for item in expression]
    if not isinstance(expression, dict):
        return expression
    if expression.get("expression_class") == "BOUND_REF":
        return {**expression, "index": expression.get("index", 0) + width}
    return {key: moved(item, width) for key, item in expression.items()}
