"""Leads what a column calculates back to what it counts and adds up, so that it can be protected.

A percentage is two counts, a mean a sum and a count, a standard deviation two sums and a count:
whoever sees the one is taken to know the others, so every one of them has to be publishable.
Only steps that add no subgroup of their own are followed: constants, sums and multiples of columns,
CASE with one condition, which is the same as FILTER. Whatever is not positively understood is
refused with what would be possible instead.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from egress_review.errors import OutputRefused
from egress_review.evidence import sql_tree
from egress_review.evidence.sql_tree import Node, calls, is_a, number
from enclave.model import PERSON_ID

Views = Mapping[str, Sequence[str]]  # view name → its columns

POSSIBLE = (
    "Possible now: SELECT groups, and numbers made of count(*), count(column), "
    "count(DISTINCT person_id), sum(column), avg(column), stddev(column), each also with "
    "FILTER (WHERE …) or over CASE WHEN … THEN column END, and the mean of two percentiles, "
    "FROM views [JOIN …] [WHERE …] GROUP BY groups, ROLLUP, CUBE or GROUPING SETS "
    "[HAVING count(*) >= …]."
)
SPREADS = ("stddev", "stddev_samp", "stddev_pop", "variance", "var_samp", "var_pop")
PERCENTILES = ("quantile_cont", "percentile_cont", "median")
TRUE_PERCENTILES = (*PERCENTILES, "quantile", "quantile_disc", "percentile_disc", "approx_quantile")
_ALIASES = {"mean": "avg", "count_star": "count"}
STEP = 0.05  # a percentile is the mean of those five points below and above it (ADRF handbook)
BOOLEANS = ("COMPARISON", "CONJUNCTION", "BETWEEN")
_BOOLEAN_OPERATORS = (
    *("OPERATOR_NOT", "OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL"),
    *("COMPARE_IN", "COMPARE_NOT_IN"),
)
_WHOLE = ("int", "integer", "bigint", "hugeint", "smallint", "tinyint")
_FLOATING = ("float", "double", "real")
# Floating point swallows what is 2^52 times smaller than its neighbour: (wage - x + 1e20) - 1e20
# counts who earns more than x. Within these no amount is swallowed by another.
MOST_TIMES, MOST_ADDED = 1e3, 1e6


class Of(StrEnum):
    """What is counted or added up beneath a published number."""

    ROWS = "rows"
    PERSONS = "persons"
    NONNULL = "nonnull"
    SUM = "sum"
    SQUARES = "squares"
    POSITION = "position"
    MODE = "mode"


@dataclass(frozen=True, slots=True)
class Source:
    """One view in FROM, under the alias the query gives it."""

    alias: str
    view: str

    @property
    def person(self) -> str:
        """Return the SQL of its person column."""
        return f"{sql_tree.quoted(self.alias)}.{PERSON_ID}"


@dataclass(frozen=True, slots=True)
class Base:
    """One count, sum or position beneath a published number: of which column, of which rows.

    `condition` is the FILTER as JSON of its tree, empty for all rows; `readers` are the sources
    whose persons stand behind it; `share` is the middle of a fuzzy percentile.
    """

    of: Of
    readers: tuple[Source, ...] = ()
    column: str = ""
    condition: str = ""
    share: float = 0.0

    @property
    def field(self) -> str:
        """Return `view.column`."""
        return f"{self.readers[0].view}.{self.column}"

    @property
    def sql(self) -> str:
        """Return the column as SQL text."""
        return f"{sql_tree.quoted(self.readers[0].alias)}.{sql_tree.quoted(self.column)}"

    @property
    def subset(self) -> str:
        """Return a name of the condition that tells nothing of it, alike wherever it stands."""
        return hashlib.sha256(self.condition.encode()).hexdigest()[:8] if self.condition else ""


@dataclass(frozen=True, slots=True)
class Columns:
    """Finds which source a column of the query belongs to."""

    sources: tuple[Source, ...]
    views: Views

    def find(self, reference: Node) -> tuple[Source, str]:
        """Return the source and the column's own name. Raises `OutputRefused`."""
        *qualifier, name = reference["column_names"]
        for source in self.sources:
            named = not qualifier or qualifier == [source.alias]
            for column in self.views[source.view]:
                if named and column.lower() == name.lower():
                    return source, column
        raise refuse("It aggregates something that is not a column of a view")

    def knows(self, reference: Node) -> bool:
        """Say whether it is a column of a source."""
        try:
            self.find(reference)
        except OutputRefused:
            return False
        return True

    def readers(self, node: Node) -> tuple[Source, ...]:
        """Return the sources a tree reads, each once."""
        found = [self.find(reference)[0] for reference in sql_tree.find(node, "COLUMN_REF")]
        return tuple(dict.fromkeys(found))

    def qualified(self, node: Node) -> Node:
        """Return a tree with every column under its source's alias and its own name."""
        if isinstance(node, dict):
            if is_a(node, "COLUMN_REF"):
                source, column = self.find(node)
                return {**node, "column_names": [source.alias, column]}
            return {name: self.qualified(value) for name, value in node.items()}
        return [self.qualified(value) for value in node] if isinstance(node, list) else node


def beneath(item: Node, columns: Columns) -> tuple[Base, ...]:
    """Return every count and sum that a select item makes known. Raises `OutputRefused`."""
    return tuple(dict.fromkeys(_walk(item, columns)))


def has_aggregate(item: Node) -> bool:
    """Say whether an expression aggregates anything."""
    return any(_is_aggregate(node) for node in sql_tree.find(item, "FUNCTION"))


def _is_aggregate(node: Node) -> bool:
    # A macro can stand for an aggregate; nullif(a, b), the usual guard of a division, does not.
    known = sql_tree.functions("aggregate", "macro", "table_macro") - {"nullif"}
    return is_a(node, "FUNCTION") and node["function_name"].lower() in known


def _walk(node: object, columns: Columns) -> Iterator[Base]:
    if isinstance(node, dict):
        fuzzy = _fuzzy(node, columns)
        if fuzzy:
            yield fuzzy
        elif _is_aggregate(node):
            yield from _call(node, columns)
        else:
            yield from (base for value in node.values() for base in _walk(value, columns))
    elif isinstance(node, list):
        yield from (base for value in node for base in _walk(value, columns))


# One aggregate ---------------------------------------------------------------------------------


def _call(call: Node, columns: Columns) -> Iterator[Base]:
    name = _ALIASES.get(call["function_name"], str(call["function_name"]))
    inner = sql_tree.arguments(call)
    if call["order_bys"]["orders"] or any(has_aggregate(each) for each in inner):
        raise refuse("ORDER BY or an aggregate inside an aggregate is not understood")
    condition = _only(call["filter"]) if call["filter"] else None
    if call["distinct"]:
        yield _distinct(name, inner, condition, columns)
    elif name == "count" and not inner:
        yield _rows(condition, columns)
    elif name in ("count", "sum", "avg") and len(inner) == 1:
        yield from _values(name, inner[0], condition, columns)
    elif name in ("count_if", "countif") and len(inner) == 1:
        yield _rows(_both(condition, inner[0]), columns)
    elif name in SPREADS and len(inner) == 1:
        yield from _spread(inner[0], condition, columns)
    elif name == "mode" and len(inner) == 1:
        yield _plain(Of.MODE, inner[0], condition, columns)
    else:
        raise _unprotectable(name)


def _distinct(name: str, inner: list[Node], condition: Node | None, columns: Columns) -> Base:
    if name == "count" and len(inner) == 1 and is_a(inner[0], "COLUMN_REF"):
        source, column = columns.find(inner[0])
        if column == PERSON_ID:
            return _where(Base(Of.PERSONS, (source,), column), condition, columns)
    raise refuse("DISTINCT is understood only in count(DISTINCT person_id)")


def _rows(condition: Node | None, columns: Columns) -> Base:
    return _where(Base(Of.ROWS), condition, columns)


def _plain(of: Of, node: Node, condition: Node | None, columns: Columns) -> Base:
    if not is_a(node, "COLUMN_REF"):
        raise refuse("It takes a percentile or mode of an expression; take it of a column")
    source, column = columns.find(node)
    return _where(Base(of, (source,), column), condition, columns)


def _where(base: Base, condition: Node | None, columns: Columns) -> Base:
    """Return the base of those rows only; all whose columns the condition reads stand behind it."""
    if condition is None:
        return base
    steady(condition)
    if list(sql_tree.find(condition, "SUBQUERY")) or list(sql_tree.find(condition, "WINDOW")):
        raise refuse("It filters by the answer of another query")
    if has_aggregate(condition):
        raise refuse("It filters by an aggregate")
    readers = dict.fromkeys((*base.readers, *columns.readers(condition)))
    tree = sql_tree.canonical(columns.qualified(condition))
    return replace(base, readers=tuple(readers), condition=json.dumps(tree, sort_keys=True))


def _values(name: str, node: Node, condition: Node | None, columns: Columns) -> Iterator[Base]:
    """Lead count, sum or avg of an expression back to plain counts and sums."""
    if is_a(node, "CAST") and _changes_nothing(node):
        yield from _values(name, node["child"], condition, columns)
    elif number(node) is not None or is_a(node, "CONSTANT"):
        yield _rows(condition, columns)
    elif is_a(node, "CASE"):
        yield from _case(name, node, condition, columns)
    elif _is_boolean(node) and name != "count":
        yield _rows(_both(condition, node), columns)
        if name == "avg":
            yield _rows(_both(condition, _template("(:x) IS NOT NULL", x=node)), columns)
    elif is_a(node, "COLUMN_REF"):
        yield from _column(name, node, condition, columns)
    elif name != "count" and (filled := _zero_for_null(node)):
        yield from _values("sum", filled, condition, columns)
        yield _rows(condition, columns)
    elif name == "count":
        yield _rows(_both(condition, _template("(:x) IS NOT NULL", x=node)), columns)
    else:
        yield from _linear(name, node, condition, columns)


def _changes_nothing(cast: Node) -> bool:
    """Say whether a cast leaves every value as it is.

    To whole numbers it rounds, and where it is tried it leaves out what does not fit: either picks
    out those over a limit. Conditions and constants have nothing that could be picked out.
    """
    if cast["try_cast"]:
        return False
    name = str(cast["type_expr"].get("type_name", "")).lower()
    if name in _FLOATING:
        return True
    whole = name in _WHOLE or name.startswith(("decimal", "numeric", "u"))
    return whole and _is_of_nobody(cast["child"])


def _is_of_nobody(node: Node) -> bool:
    """Say whether an expression's values are constants or true and false."""
    if is_a(node, "CAST"):
        return not node["try_cast"] and _is_of_nobody(node["child"])
    if is_a(node, "CASE"):
        values = [check["then_expr"] for check in node["case_checks"]]
        return all(map(_is_of_nobody, [*values, *filter(None, [node["else_expr"]])]))
    return _is_boolean(node) or is_a(node, "CONSTANT") or number(node) is not None


def _is_boolean(node: Node) -> bool:
    return node.get("class") in BOOLEANS or node.get("type") in _BOOLEAN_OPERATORS


def _zero_for_null(node: Node) -> Node | None:
    """Return x of coalesce(x, 0), which adds up to the same; None for anything else."""
    if node.get("type") != "OPERATOR_COALESCE" or len(node["children"]) != 2:
        return None
    first, other = node["children"]
    return first if number(other) == 0.0 else None


def _column(name: str, node: Node, condition: Node | None, columns: Columns) -> Iterator[Base]:
    if name in ("count", "avg"):
        yield _plain(Of.NONNULL, node, condition, columns)
    if name in ("sum", "avg"):
        yield _plain(Of.SUM, node, condition, columns)


def _case(name: str, node: Node, condition: Node | None, columns: Columns) -> Iterator[Base]:
    checks, otherwise = node["case_checks"], node["else_expr"]
    if len(checks) != 1:
        raise refuse("It aggregates a CASE of several conditions; use one FILTER (WHERE …) each")
    when, then = checks[0]["when_expr"], checks[0]["then_expr"]
    empty = otherwise is None or sql_tree.is_null(otherwise)
    if not empty and number(otherwise) != 0.0:
        if number(then) != 0.0 and not sql_tree.is_null(then):
            raise refuse("It aggregates a CASE of two values; one of them has to be 0 or NULL")
        when, then, otherwise = _template("(:x) IS NOT TRUE", x=when), otherwise, then
        empty = sql_tree.is_null(otherwise)
    inside = _both(condition, when)
    if empty:
        yield from _values(name, then, inside, columns)
        return
    if name in ("sum", "avg"):
        yield from _values("sum", then, inside, columns)
    if name in ("count", "avg"):
        yield _rows(condition, columns)


def _linear(name: str, node: Node, condition: Node | None, columns: Columns) -> Iterator[Base]:
    """Lead sums and multiples of columns back to each column's sum, where all have a value."""
    terms = list(_terms(node))
    if not terms:
        raise refuse("It aggregates an expression without a column")
    for term in terms:
        others = [each for each in terms if each["column_names"] != term["column_names"]]
        filled = condition
        for other in others:
            filled = _both(filled, _template("(:x) IS NOT NULL", x=other))
        yield from _column("avg", term, filled, columns)


def _terms(node: Node, times: float = 1.0) -> Iterator[Node]:
    """Yield the columns of a linear expression. Raises `OutputRefused` for any other."""
    if is_a(node, "COLUMN_REF"):
        _check_in_reach(times == 0 or 1 / MOST_TIMES <= abs(times) <= MOST_TIMES)
        yield node
        return
    constant = number(node)
    if constant is not None:
        _check_in_reach(abs(constant * times) <= MOST_ADDED)
        return
    if is_a(node, "CAST") and _changes_nothing(node):
        yield from _terms(node["child"], times)
        return
    inner = sql_tree.arguments(node) if is_a(node, "FUNCTION") else []
    constants = [number(each) for each in inner]
    if calls(node, "+", "-"):
        for each in inner:
            yield from _terms(each, times)
    elif calls(node, "*") and len(inner) == 2 and constants != [None, None]:
        first, other = (
            (inner[0], constants[1]) if constants[0] is None else (inner[1], constants[0])
        )
        yield from _terms(first, times * (other or 0.0))
    elif calls(node, "/") and len(inner) == 2 and constants[1]:
        yield from _terms(inner[0], times / constants[1])
    else:
        raise refuse(
            "It aggregates an expression that is not a sum or multiple of columns, which could "
            "single out a few values"
        )


def _check_in_reach(near: bool) -> None:
    if not near:
        raise refuse(
            f"It multiplies a column by more than {MOST_TIMES:,.0f}, divides it by more or adds "
            f"more than {MOST_ADDED:,.0f} before adding up, where the engine rounds values away; "
            "do it to the sum"
        )


def _spread(node: Node, condition: Node | None, columns: Columns) -> Iterator[Base]:
    for of in (Of.NONNULL, Of.SUM, Of.SQUARES):
        yield _plain(of, _under_casts(node), condition, columns)


def _under_casts(node: Node) -> Node:
    return _under_casts(node["child"]) if is_a(node, "CAST") and _changes_nothing(node) else node


# Percentiles -----------------------------------------------------------------------------------


def _fuzzy(node: Node, columns: Columns) -> Base | None:
    """Return the base of (quantile_cont(x, p-0.05) + quantile_cont(x, p+0.05)) / 2, or None."""
    ends = fuzzy_ends(node)
    if not ends:
        return None
    low, high, call = ends
    condition = _only(call["filter"]) if call["filter"] else None
    base = _plain(Of.POSITION, sql_tree.arguments(call)[0], condition, columns)
    return replace(base, share=round((low + high) / 2, 6))


def fuzzy_ends(node: Node) -> tuple[float, float, Node] | None:
    """Return the shares and the call of the mean of two percentiles a step beside a middle."""
    if not (calls(node, "/") and number(sql_tree.arguments(node)[1]) == 2.0):
        return None
    total = sql_tree.arguments(node)[0]
    if not calls(total, "+"):
        return None
    ends = [_percentile(each) for each in sql_tree.arguments(total)]
    if len(ends) != 2 or not ends[0] or not ends[1]:
        return None
    (low, call), (high, other) = sorted((ends[0], ends[1]), key=lambda end: end[0])
    alike = {**call, "arguments": [call["arguments"][0]]}
    same = {**other, "arguments": [other["arguments"][0]]}
    if sql_tree.canonical(alike) != sql_tree.canonical(same) or abs(high - low - 2 * STEP) > 1e-9:
        return None
    return low, high, call


def _percentile(node: Node) -> tuple[float, Node] | None:
    if not calls(node, "quantile_cont") or node["distinct"] or node["order_bys"]["orders"]:
        return None
    inner = sql_tree.arguments(node)
    share = number(inner[1]) if len(inner) == 2 else None
    return None if share is None or not 0 <= share <= 1 else (share, node)


def _unprotectable(name: str) -> OutputRefused:
    if name in TRUE_PERCENTILES:
        return OutputRefused(
            "A median or percentile is the value of one or two persons, so it cannot be released.",
            hint="Ask for the mean of the percentiles five points below and above instead, for a "
            "median: (quantile_cont(x, 0.45) + quantile_cont(x, 0.55)) / 2. Both sides need as "
            "many persons as the agencies' threshold.",
        )
    if name in ("min", "max"):
        return OutputRefused(
            f"{name}() is the value of one person, so it cannot be released.",
            hint="Ask for a percentile that many persons lie beyond, as the mean of two: for a "
            "high one (quantile_cont(x, 0.85) + quantile_cont(x, 0.95)) / 2.",
        )
    return refuse(f"{name}() cannot be protected")


# Small things ----------------------------------------------------------------------------------


def steady(node: Node) -> None:
    """Raise `OutputRefused` for functions that can answer otherwise when asked again."""
    for call in sql_tree.find(node, "FUNCTION"):
        if call["function_name"].lower() in sql_tree.unsteady():
            raise refuse(f"{call['function_name']}() answers differently when it is asked again")


def _both(condition: Node | None, more: Node) -> Node:
    return more if condition is None else _template("(:a) AND (:b)", a=condition, b=more)


def _template(text: str, **slots: Node) -> Node:
    return sql_tree.template(text, **slots)


def _only(node: Node) -> Node:
    return sql_tree.unnamed(node)


def refuse(what: str) -> OutputRefused:
    """Return the refusal of a query that is not understood, with what would be."""
    return OutputRefused(f"{what}, so it cannot be checked automatically.", hint=POSSIBLE)
