"""DuckDB's own syntax tree of a query, checked against lists of reviewed nodes.

For seeing exactly what the engine will see: `json_serialize_sql` parses with the engine's parser
and binds nothing. A node, table or function on no list is refused. Never runs the query.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb

from enclave.gateway.inspector import agreement, arguments, engine_json, functions, growth, nearest
from enclave.gateway.inspector.catalogue import Catalogue
from enclave.gateway.inspector.names import names
from enclave.gateway.refusals import (
    ConstructRefused,
    NotAQuestion,
    NotGranted,
    NotUnderstood,
    TooLarge,
)

MAX_TABLES = 200  # references after expanding CTEs: planner memory is under no engine limit
# The same of a text made here: each step of a grouping reads the rows anew, but the planner makes
# a WITH once, and no step has more columns than the query had.
MAX_TABLES_MADE = 1_000
# Lambdas in one another the engine binds in a time three times as long with each, and rows in one
# another the second parser reads in twice: twenty kept either busy for good, and neither hears an
# interruption. Six take some hundredths of a second.
MAX_NESTED = 6

Node = dict[str, Any]

_QUERIES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
_TABLES = frozenset({"BASE_TABLE", "SUBQUERY", "JOIN", "EMPTY", "EXPRESSION_LIST"})
_MODIFIERS = frozenset(
    {"ORDER_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "DISTINCT_MODIFIER"}
)
_ORDERS = frozenset({"ORDER_DEFAULT", "ASCENDING", "DESCENDING"})
_CLASSES = frozenset(
    {
        "BETWEEN",
        "CASE",
        "CAST",
        "COLUMN_REF",
        "COMPARISON",
        "CONJUNCTION",
        "CONSTANT",
        "FUNCTION",
        "LAMBDA",
        "LAMBDA_REF",
        "OPERATOR",
        "POSITIONAL_REFERENCE",
        "STAR",
        "SUBQUERY",
        "TYPE",
        "WINDOW",
    }
)
# Names of types a cast may use: everything else could be a user type or a reader of the catalogue.
_TYPES = names(
    """any array bigint bit bitstring bool boolean bpchar bytea blob char date datetime dec decimal
    double float float4 float8 hugeint int int1 int128 int16 int2 int32 int4 int64 int8 integer
    integral interval json list logical long map nvarchar numeric oid real row short signed smallint
    string struct text time timestamp timestamp_ms timestamp_ns timestamp_s timestamp_us timestamptz
    timetz tinyint ubigint uhugeint uint128 uint16 uint32 uint64 uint8 uinteger union usmallint
    utinyint uuid varbinary varchar varint bignum guid binary"""
) | {"time with time zone", "timestamp with time zone"}
# Banned functions that the engine also calls without parentheses, where a column may stand.
_BARE_CALLS = names(
    """current_user session_user user current_role current_catalog current_database current_schema
    current_query current_schemas"""
)
_HINTS: Mapping[str, str] = {
    "PIVOT": "Write it as `sum(x) FILTER (WHERE y = …)` for each column, or pivot in pandas.",
    "SHOW_REF": "DESCRIBE, SUMMARIZE and SHOW TABLES stand alone, not inside a query.",
    "PARAMETER": "Hand the values over with the query, or write them into it.",
    "TABLE_FUNCTION": "Only range, generate_series and unnest may stand in FROM.",
}


# Where clients of other engines look for what there is.
_METADATA = ("tables", "columns", "schemata", "views", "pg_", "duckdb_", "sqlite_", "pragma_")
_LISTS = "SHOW TABLES lists the views and DESCRIBE <view> their columns. "


def read(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    catalogue: Catalogue,
    *,
    most: int = MAX_TABLES,
) -> tuple[Node, frozenset[str]]:
    """Check the engine's own tree of one query; return it, and the base tables it names.

    `most` is how many tables it may name with its WITH expanded. Raises NotUnderstood,
    NotAQuestion, ConstructRefused, FunctionRefused, NotGranted, TooLarge.
    """
    tree = _tree(connection, sql)
    walker = _Walker(catalogue, most)
    query = _unwrap_show(tree["statements"][0]["node"])
    walker.query(query, {})
    if most <= MAX_TABLES:  # what is made here is made of a text that has grown enough
        growth.check(query)
    return tree, frozenset(walker.tables)


def _tree(connection: duckdb.DuckDBPyConnection, sql: str) -> Node:
    tree = engine_json.tree_of(connection, sql)
    if tree["error"]:
        kind = tree.get("error_type")
        if kind == "not implemented":
            raise NotAQuestion(
                "Only one SELECT may be asked here.",
                hint="DESCRIBE, SUMMARIZE and SHOW TABLES work too; settings do not.",
            )
        raise NotUnderstood("The query is not SQL the engine understands.", hint=_first_line(tree))
    if len(tree["statements"]) != 1:
        raise NotAQuestion("One query at a time.", hint="Run each statement on its own.")
    if tree["statements"][0]["named_param_map"]:
        raise _refused("PARAMETER")
    return tree


def _first_line(tree: Node) -> str:
    message = str(tree.get("error_message") or "").splitlines()
    return message[0] if message else ""


def _unwrap_show(node: Node) -> Node:
    """Return the query inside a DESCRIBE or SUMMARIZE that is the whole statement."""
    source = node.get("from_table")
    if not source or source["type"] != "SHOW_REF":
        return node
    if source["query"] is None or source["show_type"] not in ("DESCRIBE", "SUMMARY"):
        raise ConstructRefused(
            "This form of SHOW is not allowed.", hint="Use SHOW TABLES or DESCRIBE <view>."
        )
    inner: Node = source["query"]
    return inner


@dataclass(slots=True)
class _Walker:
    """One walk over one tree. `scope` maps the CTEs visible at a place to their weight."""

    catalogue: Catalogue
    most: int = MAX_TABLES
    tables: set[str] = field(default_factory=set)
    nested: int = 0

    def query(self, node: Node, scope: Mapping[str, int]) -> int:
        """Check a query node; return how many table references it expands to."""
        if node["type"] not in _QUERIES:
            raise _refused(node["type"])
        visible = dict(scope)
        for entry in node["cte_map"]["map"]:
            visible[self._cte_name(entry["key"])] = self._cte(entry, visible)
        if node["type"] == "RECURSIVE_CTE_NODE":
            visible[self._cte_name(node["cte_name"])] = 1
        rest = {key: value for key, value in node.items() if key not in ("type", "cte_map")}
        return _bounded(self.rest(rest, visible) * max(1, _stars(node)), self.most)

    def _cte(self, entry: Node, visible: Mapping[str, int]) -> int:
        value = entry["value"]
        weight = self.query(value["query_node"], visible)
        rest = {key: item for key, item in value.items() if key != "query_node"}
        return weight + self.rest(rest, visible)

    def _cte_name(self, key: str) -> str:
        name = key.lower()
        if name in self.catalogue.tables:
            raise ConstructRefused(
                "A WITH clause takes the name of a granted view.", hint="Give it another name."
            )
        return name

    def rest(self, value: Any, scope: Mapping[str, int]) -> int:
        """Check anything below a query; return its weight."""
        if isinstance(value, dict):
            if "class" in value:
                return self.expression(value, scope)
            if "is_null" in value:  # a value, as in the size of a sample
                return 0
            if "type" in value:
                return self.typed(value, scope)
            return self._all(value.values(), scope)
        return self._all(value, scope) if isinstance(value, list) else 0

    def _all(self, values: Iterable[Any], scope: Mapping[str, int]) -> int:
        """Check each of several values; a plain loop, since every word of a query comes here."""
        weight = 0
        for value in values:
            if value.__class__ is dict:
                weight += self.rest(value, scope)
            elif value.__class__ is list and value:
                weight += self._all(value, scope)
        return weight

    def typed(self, node: Node, scope: Mapping[str, int]) -> int:
        """Check a node that has a type but no class: a query, a table, an ORDER BY, a LIMIT."""
        kind = node["type"]
        if kind in _QUERIES:
            return self.query(node, scope)
        if kind == "BASE_TABLE":
            return self._base_table(node, scope)
        if kind == "TABLE_FUNCTION":
            return self._table_function(node, scope)
        if kind not in _TABLES and kind not in _MODIFIERS and kind not in _ORDERS:
            raise _refused(kind)
        return self._all(node.values(), scope)

    def _base_table(self, node: Node, scope: Mapping[str, int]) -> int:
        if node["at_clause"] is not None:
            raise ConstructRefused("AT (…) is not allowed.", hint="There is one version to read.")
        name = node["table_name"].lower()
        is_bare = not node["schema_name"] and not node["catalog_name"]
        if is_bare and name in scope:
            return scope[name]
        is_here = not node["catalog_name"] and node["schema_name"].lower() in ("", "main")
        if not is_here or name not in self.catalogue.tables:
            raise self._unknown(name)
        self.tables.add(name)
        return 1

    def _unknown(self, name: str) -> NotGranted:
        refused = agreement.unknown_view(self.catalogue)
        is_metadata = name.startswith(_METADATA)
        more = _LISTS if is_metadata else nearest.meant(name, self.catalogue.views)
        return NotGranted(refused.sentence, clause=refused.clause, hint=f"{more}{refused.hint}")

    def _table_function(self, node: Node, scope: Mapping[str, int]) -> int:
        call = node["function"]
        if call["class"] != "FUNCTION" or len(call["qualified_name"]["path"]) != 1:
            raise _refused("TABLE_FUNCTION")
        functions.review().tables.check(call["function_name"])
        return self._all(call.values(), scope)

    def expression(self, node: Node, scope: Mapping[str, int]) -> int:
        """Check an expression node and what is below it."""
        kind = node["class"]
        if kind not in _CLASSES:
            raise _refused(kind)
        if kind == "CONSTANT":
            return 0
        if kind in ("FUNCTION", "WINDOW"):
            self._call(node)
        elif kind == "TYPE":
            self._type(node)
        elif kind == "STAR":
            self._star(node)
        elif kind == "COLUMN_REF":
            self._column(node)
        elif kind == "SUBQUERY":
            return self.query(node["subquery"]["node"], scope) + self.rest(node["child"], scope)
        if kind == "LAMBDA" or (kind == "FUNCTION" and node["function_name"].lower() == "row"):
            return self._nested(node, scope)
        return self._all(node.values(), scope)

    def _nested(self, node: Node, scope: Mapping[str, int]) -> int:
        """Check a lambda or a row, and how many of them it stands in."""
        self.nested += 1
        if self.nested > MAX_NESTED:
            raise TooLarge(
                f"The query nests more than {MAX_NESTED} lambdas or rows in one another.",
                hint="Name its steps with WITH, and use unnest and GROUP BY for lists of lists.",
            )
        weight = self._all(node.values(), scope)
        self.nested -= 1
        return weight

    def _call(self, node: Node) -> None:
        if len(node["qualified_name"]["path"]) != 1 or node.get("export_state"):
            raise ConstructRefused(
                "A function is called in an unusual way.",
                hint="Write it as round(x), not x.round().",
            )
        functions.review().expressions.check(node["function_name"])
        arguments.check(node)

    def _type(self, node: Node) -> None:
        if len(node["qualified_name"]["path"]) != 1 or node["type_name"].lower() not in _TYPES:
            raise ConstructRefused(
                "A cast names a type that is not on the list.", hint="Use the standard SQL types."
            )

    def _star(self, node: Node) -> None:
        # GROUP BY ALL and ORDER BY ALL are a star with `columns` and nothing else.
        if node["expr"] is not None:
            raise ConstructRefused(
                "COLUMNS(…) with a pattern is not allowed.",
                hint="Name the columns; `* EXCLUDE (a)` and `* ILIKE 'a%'` work too.",
            )

    def _column(self, node: Node) -> None:
        parts = [part.lower() for part in node["column_names"]]
        if "rowid" in parts:
            raise ConstructRefused("`rowid` is no column of a view.", hint="Use person_id.")
        if len(parts) == 1 and parts[0] in _BARE_CALLS:
            functions.review().expressions.check(parts[0])


def _stars(node: Node) -> int:
    """Count the stars of a select list: each repeats every column below it."""
    return sum(item["class"] == "STAR" for item in node.get("select_list", ()))


def _bounded(weight: int, most: int) -> int:
    if weight > most:
        raise TooLarge(
            f"The query reads tables more than {most} times once its WITH is expanded.",
            hint="Aggregate first, then join.",
        )
    return weight


def _refused(kind: str) -> ConstructRefused:
    return ConstructRefused(
        f"The query uses {kind.replace('_', ' ').lower()}, which is not on the reviewed list.",
        hint=_HINTS.get(kind, "Write it in plainer SQL, or ask for it to be reviewed."),
    )
