"""The two questions that evidence is made of: what a query answers, and which rows it read.

The first is the query itself with, beside its own columns, the numbers beneath them, in one pass
over all its GROUPING SETS. The second has one line per row read: whose it is, its groups, and what
it gives to each number; or, of a large input, one line per person and finest group. Writes SQL from
trees of the engine's own parser and from names of views and columns; no text of a person is in it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass

from egress_review.evidence import sql_tree
from egress_review.evidence.aggregates import Base, Of, Source, Views
from egress_review.evidence.lineage_sql import Shape
from egress_review.evidence.sql_tree import Node

Units = Mapping[str, Mapping[str, str]]  # view → unit (employers, households) → its column


@dataclass(frozen=True, slots=True)
class Unit:
    """A column that names an employer or household, of one source."""

    kind: str
    source: Source
    column: str

    @property
    def sql(self) -> str:
        """Return the column as SQL text."""
        return f"{sql_tree.quoted(self.source.alias)}.{sql_tree.quoted(self.column)}"


def units_of(shape: Shape, units: Units) -> tuple[Unit, ...]:
    """Return the units that the views a query reads have."""
    return tuple(
        Unit(kind, source, column)
        for source in shape.sources
        for kind, column in sorted(units.get(source.view, {}).items())
    )


def answer(shape: Shape, views: Views) -> str:
    """Return SQL with, after the query's own columns: groups, GROUPING bits, rows, mark, kept.

    And then, per base of `valued`, its value, of a sum also its least addend, whether all are 0
    or 1 and how many it has, and the number of rows its condition lets pass.
    """
    node = _bare(shape)
    node["select_list"] += [sql_tree.unnamed(group) for group in shape.groups]
    node["select_list"] += [_grouping(group) for group in shape.groups]
    node["select_list"] += sql_tree.expressions("count(*)", f"sum({_mark(shape, views)})")
    node["select_list"] += [shape.kept or sql_tree.expressions("true")[0]]
    for base in valued(shape):
        node["select_list"] += [_filtered(text, base) for text in _numbers(base)]
    return sql_tree.text(node)


def valued(shape: Shape) -> tuple[Base, ...]:
    """Return the bases whose value the engine is asked for."""
    return tuple(
        base
        for base in shape.bases
        if base.of in (Of.NONNULL, Of.SUM, Of.SQUARES) or (base.of is Of.ROWS and base.condition)
    )


def width(base: Base) -> int:
    """Return how many columns of `answer` a base has."""
    return len(_numbers(base))


def _numbers(base: Base) -> tuple[str, ...]:
    """Return what is asked of a base; the last is the number of rows its condition lets pass."""
    if base.of is Of.ROWS:
        return ("count(*)",)
    if base.of is Of.NONNULL:
        return (f"count({base.sql})", "count(*)")
    value = f"CAST({base.sql} AS DOUBLE)"
    if base.of is Of.SQUARES:
        return (f"sum({value} ** 2)", "count(*)")
    least, binary = f"min({value})", f"bool_and({value} IN (0, 1))"
    return (f"sum({base.sql})", least, binary, f"count({base.sql})", "count(*)")


def _filtered(text: str, base: Base) -> Node:
    (call,) = sql_tree.expressions(text)
    return {**call, "filter": json.loads(base.condition)} if base.condition else call


def rows(shape: Shape, views: Views, units: tuple[Unit, ...], *, folded: bool) -> str:
    """Return SQL with, per row read: g0…, p0… (text), n, mark, a0… per base, u0… per unit.

    `folded`: one line per person and finest group, in place of one per row.
    """
    node = _bare(shape)
    node["group_expressions"], node["group_sets"] = [], []
    node["select_list"] = [sql_tree.unnamed(group) for group in shape.groups]
    node["select_list"] += sql_tree.expressions(
        *(f"CAST({source.person} AS VARCHAR)" for source in shape.sources),
        "1",
        _mark(shape, views),
    )
    given = [(n, base) for n, base in enumerate(shape.bases) if is_given(base)]
    node["select_list"] += [_given(base) for _, base in given]
    node["select_list"] += sql_tree.expressions(*(unit.sql for unit in units))
    groups = [f"g{n}" for n in range(len(shape.groups))]
    persons = [f"p{n}" for n in range(len(shape.sources))]
    amounts = [f"a{n}" for n, _ in given]
    owners = [f"u{n}" for n in range(len(units))]
    names = [*groups, *persons, "n", "mark", *amounts, *owners]
    inner = f"({sql_tree.text(node)}) AS read({', '.join(names)})"
    if not folded:
        return f"SELECT * FROM {inner}"  # noqa: S608 - names of ours around the parser's own tree
    keys = [*groups, *persons, *owners]
    sums = [f"sum({name}) AS {name}" for name in ("n", *amounts)]
    mark = "CAST(sum(mark) % 18446744073709551616 AS UBIGINT) AS mark"
    return f"SELECT {', '.join([*keys, *sums, mark])} FROM {inner} GROUP BY {', '.join(keys)}"  # noqa: S608 - as above


def is_given(base: Base) -> bool:
    """Say whether rows differ in what they give to a base; else each gives itself."""
    return base.of is not Of.ROWS or bool(base.condition)


def _given(base: Base) -> Node:
    """Return what one row gives to a base: 1 for a count, the value itself for a sum."""
    text = _given_by_row(base)
    if not base.condition:
        return sql_tree.expressions(text)[0]
    nothing = "NULL" if base.of in (Of.POSITION, Of.MODE) else "0"
    condition = json.loads(base.condition)
    return sql_tree.template(
        f"CASE WHEN :condition THEN {text} ELSE {nothing} END", condition=condition
    )


def _given_by_row(base: Base) -> str:
    if base.of is Of.ROWS:
        return "1"
    value = f"CAST({base.sql} AS DOUBLE)"
    return {
        Of.PERSONS: f"CASE WHEN {base.sql} IS NULL THEN 0 ELSE 1 END",
        Of.NONNULL: f"CASE WHEN {base.sql} IS NULL THEN 0 ELSE 1 END",
        Of.SUM: f"coalesce({value}, 0)",
        Of.SQUARES: f"coalesce({value} ** 2, 0)",
        Of.POSITION: value,
        Of.MODE: f"CASE WHEN {base.sql} IS NULL THEN NULL ELSE hash({base.sql}) END",
    }[base.of]


def _mark(shape: Shape, views: Views) -> str:
    """Return SQL that hashes one source row: the same row has the same hash in every query."""
    columns = [
        f"{sql_tree.quoted(source.alias)}.{sql_tree.quoted(column)}"
        for source in shape.sources
        for column in views[source.view]
    ]
    return f"hash({', '.join(columns)})"


def _bare(shape: Shape) -> Node:
    node = copy.deepcopy(shape.node)
    node["modifiers"] = []
    return node


def _grouping(group: Node) -> Node:
    (call,) = sql_tree.expressions("grouping(x)")
    return {**call, "children": [sql_tree.unnamed(group)]}
