"""An upgrade of DuckDB or sqlglot cannot open a hole: what is new fails here until it is reviewed.

`nodes.yml` holds what both parsers can say, as reviewed; `python -m tests.unit.gateway...` is not
needed to renew it: the failing test prints what came and what went.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
import yaml
from sqlglot import exp

from enclave.gateway.inspector import engine_tree, second_tree
from enclave.gateway.inspector.functions import review
from tests.fuzz import grammar, mutations
from tests.support import tpc

DATA = Path(__file__).parents[2] / "data" / "gateway"
REVIEWED: dict[str, Any] = yaml.safe_load((DATA / "nodes.yml").read_text(encoding="utf-8"))


def _subclasses(kind: type[exp.Expr]) -> Iterator[type[exp.Expr]]:
    for below in kind.__subclasses__():
        yield below
        yield from _subclasses(below)


def sqlglot_nodes() -> tuple[set[str], set[str]]:
    """The names of sqlglot's node classes: function calls, and all others."""
    found = {below for below in _subclasses(exp.Expr) if below.__module__.startswith("sqlglot.")}
    calls = {below.__name__ for below in found if issubclass(below, exp.Func)}
    return calls, {below.__name__ for below in found} - calls


def engine_nodes() -> dict[str, set[str]]:
    """What DuckDB's own trees of many queries hold: each kind of node, and the keys of each."""
    connection = duckdb.connect()
    found: dict[str, set[str]] = defaultdict(set)
    texts = [*mutations.seeds(), *(q for suite in tpc.SUITES for q in tpc.queries(suite))]
    texts += [grammar.question(number) for number in range(200)]
    for sql in texts:
        row = connection.execute("SELECT json_serialize_sql($1)", [sql]).fetchone()
        _collect(json.loads(row[0]) if row and row[0] else {}, found)
    return found


def _collect(value: Any, found: dict[str, set[str]]) -> None:
    if isinstance(value, list):
        for item in value:
            _collect(item, found)
    elif isinstance(value, dict):
        kind = value.get("class") or value.get("type")
        if isinstance(kind, str):
            found[kind] |= set(value)
        for item in value.values():
            _collect(item, found)


def _unreviewed(connection: duckdb.DuckDBPyConnection) -> list[str]:
    rows = connection.execute(
        "SELECT DISTINCT function_name, function_type FROM duckdb_functions()"
    ).fetchall()
    found = review()
    places = [(name.lower(), found.tables if "table" in kind else found.expressions)
              for name, kind in rows if kind != "pragma"]  # fmt: skip
    return sorted({n for n, place in places if n not in place.allowed and place.ban(n) is None})


def test_a_function_that_nobody_reviewed_is_found() -> None:
    connection = duckdb.connect()
    assert _unreviewed(connection) == []
    connection.execute("CREATE MACRO brand_new_call(x) AS x")
    connection.execute("CREATE MACRO brand_new_table() AS TABLE SELECT 1")
    assert _unreviewed(connection) == ["brand_new_call", "brand_new_table"]


def test_the_versions_are_those_that_were_reviewed() -> None:
    assert (duckdb.__version__, sqlglot.__version__) == (REVIEWED["duckdb"], REVIEWED["sqlglot"])


@pytest.mark.parametrize("part", ["calls", "others"])
def test_every_node_class_of_the_second_parser_is_reviewed(part: str) -> None:
    found = dict(zip(("calls", "others"), sqlglot_nodes(), strict=True))[part]
    known = set(REVIEWED[f"sqlglot_{part}"].split())
    assert (sorted(found - known), sorted(known - found)) == ([], [])


def test_the_lists_of_the_second_reader_name_classes_that_exist() -> None:
    calls, others = sqlglot_nodes()
    assert sorted(second_tree._NODES - others - calls - set(REVIEWED["retired"].split())) == []
    assert second_tree._TYPED_REFUSED & calls  # names of other versions may stand there


def test_every_kind_of_node_of_the_engines_tree_is_reviewed_with_its_parts() -> None:
    found = {kind: " ".join(sorted(keys)) for kind, keys in engine_nodes().items()}
    assert found == REVIEWED["engine_nodes"]


def test_every_type_of_the_engine_may_be_cast_to_or_is_named_as_refused() -> None:
    rows = duckdb.connect().execute("SELECT DISTINCT type_name FROM duckdb_types()").fetchall()
    types = {name.lower() for (name,) in rows}
    refused = set(REVIEWED["types_refused"].split())
    assert sorted(types - engine_tree._TYPES - refused) == []
    assert sorted(refused & engine_tree._TYPES) == []
