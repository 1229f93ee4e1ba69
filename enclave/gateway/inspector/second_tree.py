"""The second reading of a query, by sqlglot: which tables and columns it says are read.

For having a parser that shares no code with the engine's: where the two disagree nobody runs the
query. Its tree is only read; SQL made from it is never executed (it changed 25 of 8,588 answers).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import OptimizeError
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope
from sqlglot.schema import MappingSchema

from enclave.gateway.inspector import functions
from enclave.gateway.inspector.catalogue import Catalogue
from enclave.gateway.inspector.names import names
from enclave.gateway.refusals import (
    ConstructRefused,
    FunctionRefused,
    NotAQuestion,
    NotGranted,
    NotUnderstood,
)
from enclave.sqlglot_faults import FAULTS

DIALECT = Dialect.get_or_raise("duckdb")
# It logs the text of what it cannot parse; a query's text belongs into the journal alone.
logging.getLogger("sqlglot").setLevel(logging.CRITICAL)

# Reviewed nodes that are no function calls. A node on no list is refused, as is any function whose
# name the review bans; functions that sqlglot does not know come as Anonymous and need a listing.
_NODES = names(
    """Add Alias Aliases All And Any Array AtTimeZone Between BitwiseAnd BitwiseLeftShift BitwiseNot
    BitwiseOr BitwiseRightShift BitwiseXor Boolean Bracket Case Column ColumnDef Comprehension
    CTE Cube DataType DataTypeParam Distinct Div Dot DPipe EQ Escape Except Exists Fetch Filter
    From Glob GT GTE Group GroupingSets Having HavingMax Identifier IgnoreNulls ILike In
    Intersect IntDiv Interval IntervalSpan Is Join JSONExtract JSONExtractScalar JSONPath
    JSONPathKey JSONPathRoot JSONPathSubscript JSONPathWildcard Kwarg Lambda Lateral Like Limit
    LimitOptions Literal LT LTE Mod Mul NamedWindow Neg NEQ Not Null NullSafeEQ NullSafeNEQ
    Offset Or Order Ordered Overlaps Paren Pow PropertyEQ Pseudocolumn Qualify RangeN
    RegexpLike RespectNulls Rollup Select SimilarTo Slice Star Sub Subquery Table TableAlias
    TableSample Tuple Union Unnest Values Var Where Window WindowSpec With WithinGroup
    WithOrdinality Operator SafeDivide ToNumber ParameterizedAgg CombinedAggFunc DPipeConcat
    Concat"""
)
_TYPED_REFUSED = names(
    """Columns CurrentCatalog CurrentDatabase CurrentRole CurrentSchema CurrentSchemas CurrentUser
    CurrentVersion Explain ObjectTransform Rand ReadCSV ReadParquet SessionUser Uuid Randn Randstr
    ParseJSONTable XMLTable OpenJSON JSONTable GapFill Predict MLForecast AIAgg Seq1 Seq2 Seq4 Seq8
    Setseed Repeat"""
)

_BANNED = "It is banned in the review of functions."
_HINTS: Mapping[str, str] = {
    "Columns": "Name the columns; `* EXCLUDE (a)` and `* ILIKE 'a%'` work too.",
    "PositionalColumn": "Name the column instead of its place.",
    "Pivot": "Write `sum(x) FILTER (WHERE y = …)` for each column, or pivot in pandas.",
}
_PASSED: set[type[exp.Expr]] = set()


@dataclass(frozen=True, slots=True)
class Reading:
    """What sqlglot says a query reads: views, and `view.column` names."""

    tables: frozenset[str]
    columns: frozenset[str]


@dataclass(frozen=True, slots=True)
class SecondReader:
    """sqlglot over one project's catalogue."""

    schema: MappingSchema
    views: Mapping[str, tuple[str, ...]]

    def look(self, sql: str) -> Reading:
        """Return the tables and columns a query reads. Raises what `parse` and `read` raise."""
        tree = self.parse(sql)
        return Reading(self.tables(tree), self.read(tree))

    def parse(self, sql: str) -> exp.Query:
        """Return the checked tree. Raises NotUnderstood, NotAQuestion, ConstructRefused."""
        with _understood():
            trees = sqlglot.parse(sql, dialect=DIALECT)
        statements = [tree for tree in trees if tree is not None]
        if len(statements) != 1 or len(trees) > 2:
            raise NotAQuestion("One query at a time.", hint="Run each statement on its own.")
        tree = statements[0]
        if not isinstance(tree, exp.Query):
            raise NotAQuestion(
                "Only one SELECT may be asked here.",
                hint="DESCRIBE, SUMMARIZE and SHOW TABLES work too; settings do not.",
            )
        for node in tree.walk():
            if type(node) not in _PASSED:
                _check(node)
        with _understood():  # WITH Pay AS (…) SELECT … FROM pay: no case tells names apart
            return normalize_identifiers(_ordered(tree), dialect=DIALECT)

    def tables(self, tree: exp.Query) -> frozenset[str]:
        """Return the base tables the tree names, as far as scopes tell them from CTEs."""
        with _understood():
            return frozenset(_base_tables(tree))

    def read(self, tree: exp.Query) -> frozenset[str]:
        """Return the `view.column` names read; the tree is qualified in place and used up.

        Raises NotGranted for a column that the catalogue cannot place, ConstructRefused.
        """
        with _understood():
            try:
                qualified = qualify(
                    tree,
                    schema=self.schema,
                    dialect=DIALECT,
                    quote_identifiers=False,
                    validate_qualify_columns=False,  # done below, on scopes that are made once
                )
                scopes = traverse_scope(qualified)
                _all_placed(scopes)
            except OptimizeError:
                raise NotGranted(
                    "The query names a column that no granted view has.", hint=_hint(tree)
                ) from None
            _no_whole_rows(qualified)
            return frozenset(name for scope in scopes for name in self._columns(scope))

    def _columns(self, scope: Scope) -> Iterator[str]:
        found = {name: source for name, source in scope.sources.items()
                 if isinstance(source, exp.Table) and source.name in self.views}  # fmt: skip
        for column in scope.columns:
            if column.table in found:
                yield self._column(found[column.table], column.name)
        for star in scope.find_all(exp.Star):
            # It is left where one of the sources is a function, whose columns sqlglot cannot tell.
            if not isinstance(star.parent, exp.Func):
                left_out = {item.name for item in star.args.get("except_") or ()}
                for source in found.values():
                    for name in self._names(source) - left_out:
                        yield self._column(source, name)

    def _names(self, source: exp.Table) -> Set[str]:
        """Return what a query calls a view's columns: `wages AS w(a, b)` renames the first two."""
        given = source.alias_column_names
        return {*given, *self.views[source.name][len(given) :]}

    def _column(self, source: exp.Table, name: str) -> str:
        """Return the `view.column` that a query calls by a name. Raises NotGranted if none is."""
        own, given = self.views[source.name], source.alias_column_names
        name = own[given.index(name)] if name in given else name
        if name not in own:  # an outer query's, of a source that is called as the view is
            raise NotGranted(
                "The query names a column that the view beside it does not have.",
                hint="Give each source of the query a name of its own.",
            )
        return f"{source.name}.{name}"


@contextmanager
def _understood() -> Iterator[None]:
    try:
        yield
    except FAULTS:
        raise NotUnderstood(
            "The second parser does not understand the query.",
            hint="Write it in plainer SQL; both parsers must read it alike.",
        ) from None


def second_reader(catalogue: Catalogue) -> SecondReader:
    """Return sqlglot's reader over a catalogue."""
    mapping: dict[str, object] = {
        view: {name: "UNKNOWN" for name in catalogue.columns(view)} for view in catalogue.tables
    }
    columns = {view: catalogue.columns(view) for view in catalogue.tables}
    return SecondReader(MappingSchema(mapping, dialect=DIALECT), columns)


def _ordered(tree: exp.Query) -> exp.Query:
    """Return a tree with each ORDER BY in the query whose names it uses, as the engine has it.

    Behind brackets that is the query in them, and where it asks a subquery about a UNION it is one
    of the UNION's rows. Left where sqlglot puts them no scope holds them, and what they read is not
    seen.
    """
    for bracket in list(tree.find_all(exp.Subquery)):
        order, inner = bracket.args.get("order"), bracket.unnest()
        if order and isinstance(inner, exp.Query):
            first = inner.args.get("order")
            both = [*(first.expressions if first else ()), *order.expressions]
            bracket.set("order", None)
            inner.set("order", exp.Order(expressions=both))
    for union in list(tree.find_all(exp.SetOperation)):
        order = union.args.get("order")
        if order and order.find(exp.Query):
            rows = exp.select("*")
            rows.set("order", order.pop())
            rows.set("with_", union.args.pop("with_", None))
            union.replace(rows)
            rows.from_(union.subquery("rows_", copy=False), copy=False)
            tree = rows if union is tree else tree
    return tree


def _base_tables(tree: exp.Query) -> Iterator[str]:
    """Yield tables that are no CTE's name where they stand; what no scope sees counts as one."""
    seen: set[int] = set()
    for scope in traverse_scope(tree):
        for source in scope.sources.values():
            if isinstance(source, exp.Table):
                seen.add(id(source))
                yield from _name(source)
        seen.update(id(table) for table in scope.tables if table.name in scope.cte_sources)
    for table in tree.find_all(exp.Table):
        if id(table) not in seen:
            yield from _name(table)


def _name(table: exp.Table) -> Iterator[str]:
    if isinstance(table.this, exp.Identifier):
        yield table.name.lower()


def _check(node: exp.Expr) -> None:
    """Check a node; a class whose every node passes is remembered, so each is judged once."""
    kind = type(node).__name__
    if isinstance(node, exp.Anonymous):
        review = functions.review()
        place = review.tables if isinstance(node.parent, exp.Table) else review.expressions
        place.check(node.name)
        return
    if isinstance(node, exp.Func):
        _check_typed(node, kind)
    elif kind not in _NODES:
        raise ConstructRefused(
            "The query uses a construct that is not on the reviewed list.",
            hint=_HINTS.get(kind, f"The second parser calls it {kind}; write it in plainer SQL."),
        )
    _PASSED.add(type(node))


def _check_typed(node: exp.Func, kind: str) -> None:
    called = [name.lower() for name in node.sql_names()]
    banned = [family for name in called if (family := functions.review().expressions.ban(name))]
    if kind in _TYPED_REFUSED or banned:
        hint = banned[0].reason.strip() if banned else _HINTS.get(kind, _BANNED)
        raise FunctionRefused(f"The function `{called[0]}` may not be called.", hint=hint)


def _all_placed(scopes: Iterable[Scope]) -> None:
    """Raise OptimizeError if a column is left that belongs to no source, or to several.

    Asks what sqlglot's own `validate_qualify_columns` asks, which makes all scopes anew.
    """
    for scope in scopes:
        if not isinstance(scope.expression, exp.Select):
            continue
        is_outside = bool(scope.external_columns) and not scope.is_correlated_subquery
        if (is_outside and not scope.pivots) or scope.unqualified_columns:
            raise OptimizeError("A column has no place.")


def _hint(tree: exp.Query) -> str:
    """Return what to do about a column without a place: a function's may only lack its name."""
    made = (exp.Unnest, exp.Table)
    for source in tree.find_all(*made):
        is_view = isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier)
        if not is_view and source.alias and not source.alias_column_names:
            return "Name the column that a function in FROM makes: `range(3) AS r(n)`."
    return "DESCRIBE <view> lists the columns there are."


def _no_whole_rows(tree: exp.Query) -> None:
    if tree.find(exp.TableColumn):
        raise ConstructRefused(
            "A whole row is used as one value.", hint="Name the columns you need, or use `*`."
        )
