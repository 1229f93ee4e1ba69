"""PIVOT and UNPIVOT spelt out as the plain SQL they stand for, before any reader sees the text.

On the engine's own syntax tree and written out by the engine itself; what comes out is read, held
and logged like any other text. What cannot be spelt out with certainty is refused with what to type
instead. Never looks at a row: the values of a PIVOT must stand in the query.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Any

import duckdb

from enclave.gateway.inspector import engine_json
from enclave.gateway.inspector.limits import Text
from enclave.gateway.refusals import ConstructRefused, NotUnderstood, TooLarge

MAX_COLUMNS = 200

Node = dict[str, Any]

_WORDS = ("pivot", "unpivot", "pivot_wider", "pivot_longer")
_REASONS = ("PIVOT and UNPIVOT are spelt out as plain SQL, so that every column can be followed.",)
_INSTEAD = (
    "PIVOT view ON column IN ('a', 'b') USING sum(x) GROUP BY y works; so does "
    "sum(x) FILTER (WHERE column = 'a') AS a. SELECT DISTINCT column lists the values."
)
_LENGTHEN = "UNPIVOT view ON a, b INTO NAME n VALUE v works, with the columns named one by one."


def expand(reader: duckdb.DuckDBPyConnection, text: Text) -> tuple[str, tuple[str, ...]]:
    """Return the text without PIVOT and UNPIVOT, and a sentence if it had any.

    Raises ConstructRefused for one whose columns cannot be told from the query, TooLarge.
    """
    is_named = "pivot" in text.sql.lower()  # as is each of the words, and hardly ever anything else
    if not is_named or not any(word.says(*_WORDS) for word in text.words):
        return text.sql, ()
    tree = engine_json.tree_of(reader, text.sql)
    if tree["error"]:
        if tree.get("error_type") == "not implemented" and text.words[0].says(*_WORDS):
            raise _refused("A PIVOT without its values would have to look at the data first.")
        return text.sql, ()  # whatever it is, the readers say what is wrong with it
    before = json.dumps(tree)
    after = json.dumps(_replaced(reader, tree))
    return (text.sql, ()) if before == after else (_written(reader, after), _REASONS)


def _written(reader: duckdb.DuckDBPyConnection, tree: str) -> str:
    try:
        return engine_json.text_of(reader, tree)
    except NotUnderstood:
        raise _refused("This PIVOT cannot be spelt out.") from None


def _replaced(reader: duckdb.DuckDBPyConnection, value: Any) -> Any:
    if isinstance(value, list):
        return [_replaced(reader, item) for item in value]
    if not isinstance(value, dict):
        return value
    node = {key: _replaced(reader, item) for key, item in value.items()}
    if node.get("type") != "PIVOT" or "pivots" not in node:
        return node
    spelt = _lengthened(reader, node) if node["unpivot_names"] else _widened(reader, node)
    table: Node = _parsed(reader, "SELECT * FROM (SELECT 1)")["from_table"]
    table["subquery"]["node"] = spelt
    return {**table, **{key: node[key] for key in ("alias", "sample", "column_name_alias")}}


def _widened(reader: duckdb.DuckDBPyConnection, node: Node) -> Node:
    """Return the aggregation a PIVOT stands for: one filtered aggregate for each new column."""
    select = _parsed(reader, "SELECT * EXCLUDE (x) FROM t GROUP BY ALL")
    star, pivots = select["select_list"][0], node["pivots"]
    if any(len(pivot["pivot_expressions"]) != 1 or pivot["pivot_enum"] for pivot in pivots):
        raise _refused("Each ON or FOR of a PIVOT names one column, with its values after IN.")
    many = prod(len(pivot["entries"]) for pivot in pivots) * len(node["aggregates"])
    if many > MAX_COLUMNS:  # before one of them is made
        raise TooLarge(
            f"The PIVOT makes more than {MAX_COLUMNS} columns.", hint="Group by the column instead."
        )
    keys = [pivot["pivot_expressions"][0] for pivot in pivots]
    if node["groups"]:
        kept = [_column(reader, name) for name in node["groups"]]
    else:
        star["exclude_list"] = sorted(set(_names([*keys, *node["aggregates"]])))
        kept = [star]
    made = [
        _filtered(reader, aggregate, [*zip(keys, entries, strict=True)], len(node["aggregates"]))
        for entries in product(*(pivot["entries"] for pivot in pivots))
        for aggregate in node["aggregates"]
    ]
    return {**select, "select_list": [*kept, *made], "from_table": node["source"]}


def _filtered(
    reader: duckdb.DuckDBPyConnection, aggregate: Node, place: list[tuple[Node, Node]], many: int
) -> Node:
    is_plain = aggregate["class"] == "FUNCTION" and not aggregate["is_operator"]
    if not is_plain or aggregate["filter"] is not None:
        raise _refused("USING takes plain aggregates, such as sum(x) or count(*).")
    if many > 1 and not aggregate["alias"]:
        raise _refused(
            "Several aggregates need names, as in USING sum(x) AS total, avg(x) AS mean."
        )
    values = [_value(entry) for _, entry in place]
    condition = _parsed(reader, "SELECT a AND b")["select_list"][0]
    condition["children"] = [
        _matches(reader, key, text) for (key, _), (text, _) in zip(place, values, strict=True)
    ]
    parts = [name for _, name in values] + ([aggregate["alias"]] if aggregate["alias"] else [])
    only = condition["children"][0] if len(values) == 1 else condition
    return {**aggregate, "filter": only, "alias": "_".join(parts)}


def _matches(reader: duckdb.DuckDBPyConnection, key: Node, text: str) -> Node:
    """Return the comparison PIVOT itself makes: of the texts of both."""
    comparison: Node = _parsed(reader, "SELECT CAST(a AS VARCHAR) = 'x'")["select_list"][0]
    comparison["left"]["child"] = key
    comparison["right"]["literal"]["text"] = text
    return comparison


def _value(entry: Node) -> tuple[str, str]:
    """Return the text of a value after IN, and the name its columns get."""
    constant, values = entry["star_expr"], entry["values"]
    if constant is None and len(values) == 1 and isinstance(values[0].get("value"), str):
        text = values[0]["value"]
        return text, entry["alias"] or text
    kind = constant["literal"]["kind"] if constant and constant["class"] == "CONSTANT" else None
    if constant is None or kind not in ("STRING", "INTEGER"):
        raise _refused("The values of a PIVOT are texts in quotes or whole numbers.")
    text = constant["literal"]["text"]
    text = str(int(text)) if kind == "INTEGER" else text
    return text, entry["alias"] or text


def _lengthened(reader: duckdb.DuckDBPyConnection, node: Node) -> Node:
    """Return what an UNPIVOT stands for: the names and the values as two lists side by side."""
    pivot = node["pivots"][0]
    if len(node["pivots"]) != 1 or len(node["unpivot_names"]) != 1:
        raise _refused("UNPIVOT makes one column of names and one of values.", _LENGTHEN)
    columns = [entry["star_expr"] for entry in pivot["entries"]]
    if any(column is None or column["class"] != "COLUMN_REF" for column in columns):
        raise _refused("UNPIVOT names its columns one by one.", _LENGTHEN)
    whole = _parsed(reader, "SELECT * FROM (SELECT 1) WHERE v IS NOT NULL")
    inner = _parsed(reader, "SELECT * EXCLUDE (x), unnest(['x']), unnest([x]) FROM t")
    star, names, values = inner["select_list"]
    star["exclude_list"] = sorted(set(_names(columns)))
    names["alias"], values["alias"] = pivot["unpivot_names"][0], node["unpivot_names"][0]
    item = names["arguments"][0]["expression"]["arguments"][0]
    names["arguments"][0]["expression"]["arguments"] = [
        _named(item, entry["alias"] or column["column_names"][-1])
        for entry, column in zip(pivot["entries"], columns, strict=True)
    ]
    values["arguments"][0]["expression"]["arguments"] = [
        {"name": "", "expression": {**column, "alias": ""}} for column in columns
    ]
    inner["from_table"] = node["source"]
    if node["include_nulls"]:
        return inner
    whole["from_table"]["subquery"]["node"] = inner
    whole["where_clause"]["children"][0]["column_names"] = [values["alias"]]
    return whole


def _named(item: Node, name: str) -> Node:
    expression = item["expression"]
    literal = {**expression["literal"], "text": name}
    return {**item, "expression": {**expression, "literal": literal}}


def _names(value: Any) -> Iterator[str]:
    """Yield the last part of every column named below; `*` in count(*) is none."""
    if isinstance(value, list):
        for item in value:
            yield from _names(item)
    elif isinstance(value, dict):
        if value.get("class") == "COLUMN_REF":
            yield value["column_names"][-1]
        for item in value.values():
            yield from _names(item)


def _column(reader: duckdb.DuckDBPyConnection, name: str) -> Node:
    column: Node = _parsed(reader, "SELECT a")["select_list"][0]
    return {**column, "column_names": [name]}


def _parsed(reader: duckdb.DuckDBPyConnection, sql: str) -> Node:
    """Return the engine's tree of a pattern, to be filled in."""
    tree = engine_json.tree_of(reader, sql)
    if tree["error"]:
        raise NotUnderstood("This engine writes PIVOT in another way.", hint=_INSTEAD)
    node: Node = tree["statements"][0]["node"]
    return node


def _refused(sentence: str, hint: str = _INSTEAD) -> ConstructRefused:
    return ConstructRefused(sentence, hint=hint)
