"""Hold a question whose answer must consist of groups to the agreement's threshold.

Finds the groupings of persons, has the engine bind the query once with a mark on each, proves on
that plan that each grouping bears one, and then writes the text to run. A query in which a grouping
is missed does not pass the proof. Never runs anything.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

import duckdb

from enclave.events import Verdict
from enclave.gateway.inspector import bound_plan, engine_json
from enclave.gateway.inspector.catalogue import Catalogue
from enclave.gateway.inspector.flow import Flow
from enclave.gateway.inspector.persons import Finder, Place, name_of
from enclave.gateway.inspector.reading import Held, Reading
from enclave.gateway.inspector.rewriting import Grouping
from enclave.gateway.inspector.rules import Boundary, Rules
from enclave.gateway.inspector.trees import all_of, call, column, compare, constant, copied, select
from enclave.gateway.inspector.verdicts import PREFIX
from enclave.gateway.refusals import ConstructRefused, NotGroups, NotUnderstood
from enclave.model import ColumnRole, EngineKind, QueryMode, SmallGroups

Tree = dict[str, Any]

_BECOME = {
    SmallGroups.REMAINDER: "the others are put together in one row without keys, if that is enough",
    SmallGroups.DROP: "the others are left out",
    SmallGroups.REFUSE: "the answer is refused if there are others",
}


def must_be_groups(catalogue: Catalogue, columns: Collection[str]) -> bool:
    """Say whether the answer must consist of groups: the mode says so, or a column's role."""
    if catalogue.policy.mode is QueryMode.AGGREGATE_ONLY:
        return True
    named = (name.rsplit(".", maxsplit=1) for name in columns)
    return any(catalogue.role(view, name) is ColumnRole.AGGREGATE_ONLY for view, name in named)


def hold(catalogue: Catalogue, cursor: duckdb.DuckDBPyConnection, reading: Reading) -> Held:
    """Return the text to run instead: the same groups, held to the policy's `aggregation`."""
    tree: Tree = copied(reading.tree["statements"][0]["node"])
    _check_names(tree)
    places = _places(catalogue, tree)
    if not places:
        for plan in reading.plan["plans"]:
            Flow(Rules(catalogue, is_held=True)).answer(plan)
        return Held(reading.sql)
    proved = _prove(catalogue, cursor, reading)
    if not proved:
        return Held(reading.sql)
    root = _titles(cursor, reading.sql)
    is_sampled = '"sample": {' in json.dumps(tree)  # a sample that is drawn twice is two samples
    for number, place in enumerate(places):
        if number not in proved:
            continue
        titles = root if place.node is tree else _own_titles(cursor, place)
        Grouping(
            place,
            number,
            catalogue.policy.aggregation,
            known_aggregates(),
            proved[number],
            is_sampled,
            catalogue.policy.engine is not EngineKind.DUCKDB,
        ).rewrite(titles)
    return Held(_text(cursor, tree), Verdict.REWRITTEN, _reasons(catalogue))


def _reasons(catalogue: Catalogue) -> tuple[str, ...]:
    rules = catalogue.policy.aggregation
    return (
        f"Each group shown has at least {rules.persons} persons, none of whom makes up more than "
        f"{rules.share:.0%} of a sum; {_BECOME[rules.small]}.",
    )


def _places(catalogue: Catalogue, tree: Tree) -> list[Place]:
    finder = Finder(catalogue, known_aggregates())
    finder.query(tree, {})
    return finder.places


def _prove(
    catalogue: Catalogue, cursor: duckdb.DuckDBPyConnection, reading: Reading
) -> Mapping[int, Boundary]:
    """Return the groupings of persons that the engine's plan has, by their place in the tree.

    Each place gets a condition that no query can hold by chance; the plan must show one right above
    every grouping of persons, counting the very persons whose rows are grouped.
    """
    tree: Tree = copied(reading.tree["statements"][0]["node"])
    places = _places(catalogue, tree)
    first = secrets.randbelow(1 << 61) + (1 << 61)
    for number, place in enumerate(places):
        persons = call("count", column(*place.person), distinct=True)
        mark = compare("GREATERTHANOREQUALTO", persons, constant(first + number))
        having = place.node["having"]
        place.node["having"] = all_of([having, mark] if having else [mark])
    rules = Rules(catalogue, is_held=True, marks=range(first, first + len(places)))
    try:
        marked = bound_plan.plan(cursor, _text(cursor, tree))
    except NotUnderstood:
        raise NotGroups(
            "The query groups persons in a place where their number cannot be tested.",
            hint="Give the step a name in WITH and let it keep person_id.",
        ) from None
    for plan in marked["plans"]:
        Flow(rules).answer(plan)
    found: dict[int, Boundary] = {}
    for boundary in rules.boundaries:  # a step that is read twice may be planned twice
        number = boundary.mark - first
        found[number] = boundary.stricter(found.get(number, boundary))
    return found


def _text(cursor: duckdb.DuckDBPyConnection, tree: Tree) -> str:
    """Return the engine's own text of a tree."""
    whole = {"error": False, "statements": [{"node": tree, "named_param_map": []}]}
    return engine_json.text_of(cursor, json.dumps(whole))


def _titles(cursor: duckdb.DuckDBPyConnection, sql: str) -> list[str]:
    """Return the names of the answer's columns as the researcher's own text gives them."""
    return [row[0] for row in cursor.execute(f"DESCRIBE {sql}").fetchall()]


def _own_titles(cursor: duckdb.DuckDBPyConnection, place: Place) -> list[str]:
    return [name_of(item) or _title(cursor, item) for item in place.node["select_list"]]


def _title(cursor: duckdb.DuckDBPyConnection, item: Tree) -> str:
    """Return the name the engine gives to an expression that has none."""
    empty = {"type": "EMPTY", "alias": "", "sample": None}
    return _text(cursor, select([item], empty)).removeprefix("SELECT ")


@cache
def known_aggregates() -> frozenset[str]:
    """Return the names of the engine's aggregates, as the engine tells them."""
    with duckdb.connect() as connection:
        rows = connection.execute(
            "SELECT DISTINCT lower(function_name) FROM duckdb_functions() "
            "WHERE function_type = 'aggregate'"
        ).fetchall()
    return frozenset(row[0] for row in rows)


def _check_names(value: Any) -> None:
    """Refuse names that the steps added here bear, or that the engine gives to its own."""
    if isinstance(value, Mapping):
        for item in value.values():
            _check_names(item)
    elif isinstance(value, list):
        for item in value:
            _check_names(item)
    elif isinstance(value, str) and value.lower().startswith((PREFIX, "__duckdb")):
        raise ConstructRefused("A name begins like one of the gateway's own.")
