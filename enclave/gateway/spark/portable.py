"""From an inspected query to a Spark text that answers the same, or an honest refusal.

DuckDB binds sqlglot's reading of the query, which must be the same plan → every node is on the list
and follows its rules → translated → written for Spark → read again and checked against Spark's own
list. Never sends anything; never gets a text that the inspector has not allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa
import sqlglot
from pydantic_core import from_json
from sqlglot import ErrorLevel, exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from enclave.gateway.refusals import NotPortable
from enclave.gateway.spark import rules, translation
from enclave.gateway.spark.kinds import Kinds, kind_of_arrow
from enclave.gateway.spark.review import review

_IRRELEVANT = ("query_location", "alias", "names", "column_name", "is_operator")
# Names that DuckDB gives one and the same function: the translator writes the second for the first.
_SAME_FUNCTION: Mapping[str, str] = {
    "substr": "substring", "pow": "power", "**": "power", "datediff": "date_diff",
    "datepart": "date_part", "datetrunc": "date_trunc", "ceiling": "ceil", "mean": "avg",
    "lcase": "lower", "ucase": "upper", "len": "length", "char_length": "length",
    "character_length": "length", "var_samp": "variance", "stddev_samp": "stddev",
    "percentile_cont": "quantile_cont", "prefix": "starts_with", "^@": "starts_with",
    "suffix": "ends_with", "dayofmonth": "day",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Text:
    """A text for Spark, and the names and types DuckDB would answer with."""

    sql: str
    schema: pa.Schema


def translate(sql: str, empty: duckdb.DuckDBPyConnection, schemas: Mapping[str, pa.Schema]) -> Text:
    """Return a query's text for Spark. Raises NotPortable. `empty` has the tables without a row."""
    cursor = empty.cursor()
    try:
        schema = cursor.sql(sql).to_arrow_reader().schema
        return Text(_translated(sql, cursor, schemas, schema), schema)
    except (SqlglotError, duckdb.Error, RecursionError):
        raise NotPortable("The query cannot be translated to Spark's SQL.") from None
    finally:
        cursor.close()


def _translated(
    sql: str,
    cursor: duckdb.DuckDBPyConnection,
    schemas: Mapping[str, pa.Schema],
    schema: pa.Schema,
) -> str:
    if len(set(schema.names)) < len(schema.names):
        raise NotPortable(
            "Two columns of the answer have the same name.", hint="Name each of them with AS."
        )
    tree = _qualified(sql, schemas)
    if not _is_the_same(sql, tree, cursor):
        raise NotPortable(
            "The translator to Spark reads the query differently from DuckDB.",
            hint="Write it in plainer SQL: name the views' columns, avoid short forms.",
        )
    found = Kinds(schemas)
    found.read(tree)
    for node in tree.walk():
        rules.check(node, found)
    kinds = list(found.outputs(tree).values())
    shown = [_shown(field.type, own) for field, own in zip(schema, kinds, strict=False)]
    if len(schema) != len(kinds) or kinds != shown:
        raise NotPortable("The kinds of the answer's columns cannot be told for Spark.")
    translation.translate(tree, found)
    text = tree.sql("spark", identify=True, comments=False, unsupported_level=ErrorLevel.RAISE)
    check_spark(text, schemas)
    return text


def _shown(type: pa.DataType, own: str) -> str:
    """Return the kind of a type; a sum of integers is shown as a decimal without a fraction."""
    if pa.types.is_decimal(type) and type.scale == 0 and own == "integer":
        return own
    return kind_of_arrow(type)


def _qualified(sql: str, schemas: Mapping[str, pa.Schema]) -> exp.Query:
    names: dict[str, object] = {
        view: {name: _type(schema.field(name).type) for name in schema.names}
        for view, schema in schemas.items()
    }
    tree = qualify(
        _plain(sqlglot.parse_one(sql, dialect="duckdb")),
        schema=MappingSchema(names, dialect="duckdb"),
        dialect="duckdb",
    )
    if not isinstance(tree, exp.Query):
        raise NotPortable("Only SELECT is portable to Spark.")
    for node in tree.find_all(exp.Table, exp.Column):
        if node.text("db").lower() == "main":  # the one schema there is
            node.set("db", None)
    return tree


def _plain(tree: exp.Expr) -> exp.Expr:
    """Return the tree without the forms in which DuckDB writes a query that it has rewritten."""
    for call in list(tree.find_all(exp.Anonymous)):
        if call.name.lower() == "count_star" and not call.expressions:
            call.replace(exp.Count(this=exp.Star(), big_int=True))
    for any_ in list(tree.find_all(exp.Any)):  # x = ANY (SELECT …) is x IN (SELECT …)
        equal, query = any_.parent, any_.this
        if isinstance(equal, exp.EQ) and equal.expression is any_ and isinstance(query, exp.Query):
            equal.replace(exp.In(this=equal.this, query=query))
    for source in list(tree.find_all(exp.From)):  # FROM (a JOIN b) JOIN c: joins bind to the left
        wrapped, query = source.this, source.parent
        inner = wrapped.this if isinstance(wrapped, exp.Subquery) and not wrapped.alias else None
        if query is None or not isinstance(inner, exp.Table | exp.Subquery):
            continue
        joins = inner.args.get("joins") or []
        inner.set("joins", None)
        source.set("this", inner)
        query.set("joins", [*joins, *(query.args.get("joins") or ())])
    return tree


def _type(type: pa.DataType) -> str:
    if pa.types.is_decimal(type):
        return f"DECIMAL({type.precision}, {type.scale})"
    names = {"integer": "BIGINT", "text": "VARCHAR"}
    kind = kind_of_arrow(type)
    return names.get(kind, kind.upper())


def _is_the_same(sql: str, tree: exp.Query, cursor: duckdb.DuckDBPyConnection) -> bool:
    """Say whether DuckDB binds the tree to the plan of the text; units may be in either case."""
    plan = _plan(cursor, sql)
    texts = (_in_duckdb(tree, str.lower), _in_duckdb(tree, str.upper))
    return any(_plan(cursor, text) == plan for text in texts)


def _in_duckdb(tree: exp.Query, case: Callable[[str], str]) -> str:
    def spelled(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.TimestampTrunc | exp.DateTrunc):
            arguments, name = [node.this], "date_trunc"
        elif isinstance(node, exp.DateDiff):
            arguments, name = [node.expression, node.this], "date_diff"
        else:
            return node
        which = exp.Literal.string(case(node.text("unit")))
        return exp.Anonymous(this=name, expressions=[which, *arguments])

    return tree.copy().transform(spelled).sql("duckdb", comments=False)


def _plan(cursor: duckdb.DuckDBPyConnection, sql: str) -> Any:
    row = cursor.execute("SELECT json_serialize_plan($1, optimize := false)", [sql]).fetchone()
    tree: dict[str, Any] = from_json(row[0]) if row else {"error": True}
    if tree["error"]:
        raise NotPortable("The plan of the query cannot be compared, so it is not portable.")
    return _bare(tree)


def _bare(tree: Any) -> Any:
    """Return a plan without what does not matter to its answer: names shown, places in the text."""
    if isinstance(tree, dict):
        bare = {
            name: _bare(value) for name, value in tree.items() if not name.startswith(_IRRELEVANT)
        }
        if "qname" in bare:
            path = bare["qname"]["path"]
            path[-1] = _SAME_FUNCTION.get(path[-1], path[-1])
        return _is_not_null(bare)
    return [_bare(each) for each in tree] if isinstance(tree, list) else tree


def _is_not_null(node: dict[str, Any]) -> dict[str, Any]:
    """Return `NOT x IS NULL`, as the translator writes it, as what it is: `x IS NOT NULL`."""
    if node.get("type") != "OPERATOR_NOT":
        return node
    (inner,) = node["children"]
    is_null = inner.get("type") == "OPERATOR_IS_NULL"
    return {**inner, "type": "OPERATOR_IS_NOT_NULL"} if is_null else node


def check_spark(text: str, schemas: Mapping[str, pa.Schema]) -> None:
    """Raise NotPortable unless Spark's text, read again, holds only what its list allows."""
    if len(text) > rules.MAX_TEXT:
        raise NotPortable("The query is too long for Spark.", hint="Ask in smaller steps.")
    if any(odd in text for odd in ("/*", "--", "${", ";", "\\u", "\\U")):
        raise NotPortable("The query holds characters that Spark could read as something else.")
    trees = sqlglot.parse(text, dialect="spark")
    if len(trees) != 1 or not isinstance(trees[0], exp.Query):
        raise NotPortable("Only SELECT may be sent to Spark.")
    for node in trees[0].walk():
        _check_spark_node(node)
    _check_names(trees[0], schemas)


def _check_names(tree: exp.Query, schemas: Mapping[str, pa.Schema]) -> None:
    """Raise NotPortable for a table that is no view, or a column nobody declared (`_metadata`)."""
    ours = {each.alias_or_name.lower() for each in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if table.name.lower() not in {*schemas, *ours} or table.db or table.catalog:
            raise NotPortable("Spark may read the project's views only.")
    named = {each.alias.lower() for each in tree.find_all(exp.Alias)}
    named |= {name.lower() for schema in schemas.values() for name in schema.names}
    named |= {
        each.name.lower() for alias in tree.find_all(exp.TableAlias) for each in alias.columns
    }
    for column in tree.find_all(exp.Column):
        if column.name.lower() not in named or column.db:
            raise NotPortable("Spark may read declared columns only.")


def _check_spark_node(node: exp.Expr) -> None:
    if isinstance(node, exp.Anonymous):
        allowed = node.name.lower() in review().spark_functions
    else:
        allowed = type(node).__name__ in review().spark_nodes
    if not allowed:
        what = node.name if isinstance(node, exp.Anonymous) else type(node).__name__
        raise NotPortable(f"`{what[:60]}` is not on the list of what Spark may be sent.")
