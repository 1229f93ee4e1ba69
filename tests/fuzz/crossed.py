"""Attacks and honest questions crossed by number: parts of one take a like part's place in another.

The parts are those of the engine's own tree: conditions, aggregates, values, what is read from.
Most of what comes out does not bind; what does may be an attack that nobody has thought of.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from enclave.gateway.inspector import engine_json
from enclave.gateway.inspector.holding import known_aggregates
from enclave.gateway.inspector.persons import is_aggregate
from enclave.gateway.inspector.trees import copied
from enclave.gateway.refusals import QueryDenied
from enclave.model import PERSON_ID
from tests.fuzz import crowd
from tests.support import held

Node = dict[str, Any]

FILES = ("held_groups.sql", "held_not_shown.sql", "held_questions.sql", "held_granted.sql")
_ASKED = Path(__file__).parents[1] / "data" / "gateway" / "asked" / "held.sql"
_COLUMNS = {view.name: {column.name for column in view.columns} | {PERSON_ID}
            for view in held.groups_policy().views}  # fmt: skip
_CONDITIONS = ("COMPARISON", "CONJUNCTION", "BETWEEN")
_TIMES = (1, 1, 2, 2, 3)
_DRAWS = 12  # parts that are looked at for one that names only what the query reads


@cache
def seeds() -> tuple[str, ...]:
    """Every attack on groups and every question about the held views."""
    asked = _ASKED.read_text("utf-8").split("\n\n")
    return (*(sql for name in FILES for sql in held.queries(name)), *asked[1:])


def question(number: int) -> str:
    """Return the query of this number; some are nothing but one of the seeds."""
    if number < len(seeds()):
        return seeds()[number]
    chance = random.Random(number)
    bases, parts = _known()
    tree = copied(chance.choice(bases))
    for _ in range(chance.choice(_TIMES)):
        places = list(_places(tree))
        holder, at, kind = chance.choice(places)
        if kind == "call" and chance.random() < 0.3:
            holder[at]["filter"] = _fitting(chance, tree, parts["condition"])
        elif kind == "item" and chance.random() < 0.4:
            holder.insert(at, _fitting(chance, tree, parts["item"]))
        else:
            holder[at] = _fitting(chance, tree, parts[kind])
    try:
        return engine_json.text_of(_reader(), json.dumps(_whole(tree)))
    except QueryDenied:
        return chance.choice(seeds())


def _fitting(chance: random.Random, tree: Node, parts: list[Node]) -> Node:
    """Return one of the parts, with names as bare as the columns that the tree's views have."""
    views = {name for name in _named(tree, "table_name") if name in _COLUMNS}
    known = {column for name in views for column in _COLUMNS[name]}
    for _ in range(_DRAWS):
        part = chance.choice(parts)
        if all(name in known for name in _named(part, "column_names")):
            break
    chosen: Node = copied(part)
    return chosen


def _named(value: Any, what: str) -> Iterator[str]:
    """Yield the tables or the columns that a tree names."""
    if isinstance(value, list):
        for item in value:
            yield from _named(item, what)
    elif isinstance(value, dict):
        if what in value:
            found = value[what]
            yield found if isinstance(found, str) else found[-1].lower()
        for item in value.values():
            yield from _named(item, what)


@cache
def _reader() -> Any:
    return engine_json.open_reader(crowd.inspector("drop", unique=True).empty)


@cache
def _known() -> tuple[list[Node], dict[str, list[Node]]]:
    """Return the trees of all seeds, and their parts by kind."""
    bases, parts = [], defaultdict(list)
    for sql in seeds():
        try:
            told = engine_json.tree_of(_reader(), sql)
        except QueryDenied:
            continue
        if told.get("error"):
            continue
        tree = told["statements"][0]["node"]
        found = list(_places(tree))
        if found:
            bases.append(tree)
        for holder, at, kind in found:
            parts[kind].append(_bare(holder[at]) if kind != "source" else holder[at])
    return bases, parts


def _bare(value: Any) -> Any:
    """Return an expression without the names of tables before those of columns."""
    if isinstance(value, list):
        return [_bare(item) for item in value]
    if not isinstance(value, dict) or value.get("class") == "SUBQUERY":
        return value
    if value.get("class") == "COLUMN_REF":
        return {**value, "column_names": value["column_names"][-1:]}
    return {name: _bare(item) for name, item in value.items()}


def _whole(tree: Node) -> Node:
    return {"error": False, "statements": [{"node": tree, "named_param_map": []}]}


def _places(value: Any, name: str = "") -> Iterator[tuple[Any, Any, str]]:
    """Yield what may be replaced: what holds it, where, and of which kind it is."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for at, item in pairs:
        if isinstance(item, dict):
            kind = _kind(item, str(at))
            if kind:
                yield value, at, kind
            elif name == "select_list":
                yield value, at, "item"
            yield from _places(item, str(at))
        elif isinstance(item, list):
            yield from _places(item, str(at))


def _kind(item: Node, name: str) -> str:
    if item.get("class") in _CONDITIONS:
        return "condition"
    if is_aggregate(item, known_aggregates()):
        return "call"
    if item.get("type") in ("JOIN", "SUBQUERY", "BASE_TABLE") and "sample" in item:
        return "source"
    return "value" if item.get("class") in ("COLUMN_REF", "CASE", "CAST", "FUNCTION") else ""
