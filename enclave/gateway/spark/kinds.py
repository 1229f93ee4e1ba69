"""Of what kind each value of a query is, by our own rules: the two engines differ by kind.

Reads a tree that sqlglot has qualified and DuckDB has bound to the same plan. What has no rule is
refused. Never looks at a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa
from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from enclave.gateway.refusals import NotPortable
from enclave.gateway.spark.review import review

INTEGER, DECIMAL, DOUBLE = "integer", "decimal", "double"
TEXT, DATE, TIMESTAMP, BOOLEAN, INTERVAL, NULL = (
    "text", "date", "timestamp", "boolean", "interval", "null",
)  # fmt: skip
NUMBERS = (INTEGER, DECIMAL, DOUBLE)  # each holds what stands before it, in both engines
_TYPES = {
    "TINYINT": INTEGER, "SMALLINT": INTEGER, "INT": INTEGER, "BIGINT": INTEGER, "DECIMAL": DECIMAL,
    "DOUBLE": DOUBLE, "TEXT": TEXT, "VARCHAR": TEXT, "DATE": DATE, "TIMESTAMP": TIMESTAMP,
    "BOOLEAN": BOOLEAN,
}  # fmt: skip


def kind_of_type(type: exp.Expr | None) -> str:
    """Return the kind of a type written in the query. Raises NotPortable for other types."""
    name = type.this.value if isinstance(type, exp.DataType) else ""
    if name not in _TYPES:
        raise NotPortable(f"The type {name or 'of a value'} is not portable to Spark.")
    return _TYPES[name]


def kind_of_arrow(type: pa.DataType) -> str:
    """Return the kind of a column of a view, or of an answer. Raises NotPortable for others."""
    tests = (
        (pa.types.is_integer, INTEGER), (pa.types.is_decimal, DECIMAL),
        (pa.types.is_floating, DOUBLE), (pa.types.is_date, DATE), (pa.types.is_boolean, BOOLEAN),
        (pa.types.is_timestamp, TIMESTAMP), (pa.types.is_string, TEXT),
        (pa.types.is_large_string, TEXT), (pa.types.is_null, NULL),
    )  # fmt: skip
    for test, kind in tests:
        if test(type):
            return kind
    raise NotPortable(f"A value of type {type} is not portable to Spark.")


@dataclass(slots=True)
class Kinds:
    """The kinds of a tree's nodes. `scales` holds those of decimal columns of a view."""

    schemas: Mapping[str, pa.Schema]
    known: dict[int, str] = field(default_factory=dict)
    scales: dict[int, int] = field(default_factory=dict)
    outputs_known: dict[int, Mapping[str, str]] = field(default_factory=dict)

    def of(self, node: exp.Expr | None) -> str:
        """Return a node's kind. Raises NotPortable where it has none that we know."""
        if node is None:
            return NULL
        if id(node) not in self.known:
            self.known[id(node)] = self._find(node)
        return self.known[id(node)]

    def read(self, tree: exp.Query) -> None:
        """Find the kinds of all columns, subqueries before what uses them."""
        for scope in traverse_scope(tree):
            for column in scope.columns:
                self._resolve(column, scope)
            query = scope.expression
            if isinstance(query, exp.Query):
                self.outputs_known[id(query)] = self._output(query)

    def _resolve(self, column: exp.Column, scope: Scope) -> None:
        source = scope.sources.get(column.table)
        if isinstance(source, exp.Table) and source.name.lower() in self.schemas:
            schema = self.schemas[source.name.lower()]
            found = {name.lower(): schema.field(name).type for name in schema.names}
            type = found.get(column.name.lower())
            if type is not None:
                self.known[id(column)] = kind_of_arrow(type)
                if pa.types.is_decimal(type):
                    self.scales[id(column)] = type.scale
        elif isinstance(source, Scope):
            kinds = self.outputs_known.get(id(source.expression), {})
            if column.name.lower() in kinds:
                self.known[id(column)] = kinds[column.name.lower()]

    def _output(self, query: exp.Query) -> Mapping[str, str]:
        if isinstance(query, exp.SetOperation):
            left, right = self.outputs(query.left), self.outputs(query.right)
            pairs = zip(left.items(), right.values(), strict=True)
            return {name: self.common((one, two)) for (name, one), two in pairs}
        return {each.alias_or_name.lower(): self.of(each) for each in query.selects}

    def outputs(self, query: exp.Expr) -> Mapping[str, str]:
        """Return the kinds of a query's columns by name."""
        inner = query.unnest()
        return self.outputs_known[id(inner)]

    def common(self, kinds: Iterable[str]) -> str:
        """Return the kind that holds all of these. Raises NotPortable when there is none."""
        found = set(kinds) - {NULL}
        if found <= set(NUMBERS) and found:
            return max(found, key=NUMBERS.index)
        if found <= {DATE, TIMESTAMP} and found:
            return TIMESTAMP if TIMESTAMP in found else DATE
        if len(found) > 1:
            raise NotPortable(
                "Values of different kinds stand where one is meant.",
                hint="Cast one of them: the two engines convert by different rules.",
            )
        return found.pop() if found else NULL

    def _find(self, node: exp.Expr) -> str:
        rule = review().kinds.get(type(node).__name__)
        if rule is None:
            raise refused(node)
        if rule in _RULES:
            return _RULES[rule](self, node)
        return rule


def refused(node: exp.Expr) -> NotPortable:
    """Return the refusal of a node that is not on the list."""
    name = type(node).__name__
    what = node.name if isinstance(node, exp.Anonymous) else name
    what = what if what.isascii() and what.isidentifier() else "this"
    return NotPortable(
        f"`{what[:60]}` is not on the list of what Spark answers as DuckDB does.",
        hint=review().hints.get(name, "Write it in plainer SQL."),
    )


def _first(kinds: Kinds, node: exp.Expr) -> str:
    inner = node.this
    if isinstance(node, exp.Distinct):
        inner = node.expressions[0] if node.expressions else None
    if isinstance(inner, exp.Query):
        return next(iter(kinds.outputs(inner).values()))
    return kinds.of(inner)


def _literal(kinds: Kinds, node: exp.Expr) -> str:
    if node.is_string:
        return TEXT
    text = str(node.this).lower()
    return DOUBLE if "e" in text else DECIMAL if "." in text else INTEGER


def _column(kinds: Kinds, node: exp.Expr) -> str:
    """Return the kind of a name that is no column of a source: ORDER BY may name an output."""
    query = node.find_ancestor(exp.Query)
    if isinstance(query, exp.Query) and not node.args.get("table"):
        outputs = kinds.outputs(query) if id(query) in kinds.outputs_known else {}
        if node.name.lower() in outputs:
            return outputs[node.name.lower()]
    raise NotPortable("The kind of a column cannot be told.", hint="Write the query more plainly.")


def _widest(kinds: Kinds, node: exp.Expr) -> str:
    arguments = [node.this, *node.expressions]
    if node.args.get("expression") is not None:
        arguments.append(node.expression)
    return kinds.common(kinds.of(each) for each in arguments if each is not None)


def _branches(kinds: Kinds, node: exp.Expr) -> str:
    if isinstance(node, exp.If):
        values = [node.args["true"], node.args.get("false")]
    else:
        values = [each.args["true"] for each in node.args["ifs"]]
        values.append(node.args.get("default"))
    return kinds.common(kinds.of(each) for each in values)


def _arithmetic(kinds: Kinds, node: exp.Expr) -> str:
    left, right = kinds.of(node.this), kinds.of(node.expression)
    if {left, right} <= {*NUMBERS, NULL}:
        return kinds.common((left, right))
    dates = (left in (DATE, TIMESTAMP), right in (DATE, TIMESTAMP))
    if isinstance(node, exp.Sub) and left == right == DATE:
        return INTEGER
    if isinstance(node, exp.Add | exp.Sub) and left == DATE and right == INTEGER:
        return DATE
    if isinstance(node, exp.Add | exp.Sub) and dates[0] and right == INTERVAL:
        return TIMESTAMP
    raise NotPortable(
        "An operator stands between kinds of values that the engines treat differently.",
        hint="Cast them, or compute with dates by date_diff and INTERVAL.",
    )


def _sum(kinds: Kinds, node: exp.Expr) -> str:
    kind = kinds.of(node.this)
    if kind not in NUMBERS:
        raise NotPortable("Only numbers can be summed.")
    return kind


def _median(kinds: Kinds, node: exp.Expr) -> str:
    return DECIMAL if kinds.of(node.this) == DECIMAL else DOUBLE


def _cast(kinds: Kinds, node: exp.Expr) -> str:
    return kind_of_type(node.args["to"])


_RULES = {
    "first": _first, "literal": _literal, "column": _column, "widest": _widest,
    "branches": _branches, "arithmetic": _arithmetic, "sum": _sum, "median": _median, "cast": _cast,
}  # fmt: skip
