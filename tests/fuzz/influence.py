"""Whom an answer tells of: counts, for each group that was shown, the persons behind its numbers.

What the inspector lets pass is run on small worlds. Each grouping's aggregates are taken from the
researcher's own text, not from what the inspector made of it, and counted out person by person.
Everything an agreement promises of groups is then looked at again, knowing nothing of the query.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import duckdb
from typing_extensions import override

from enclave.events import Verdict
from enclave.gateway.inspector import Inspection, engine_json
from enclave.gateway.inspector.aggregates import reviewed
from enclave.gateway.inspector.differences import bare
from enclave.gateway.inspector.holding import known_aggregates
from enclave.gateway.inspector.persons import Finder, Place, group_keys, is_aggregate
from enclave.gateway.inspector.trees import (
    all_of,
    call,
    cast,
    column,
    copied,
    is_present,
    select,
    star,
)
from enclave.gateway.inspector.trees import table as from_table
from enclave.gateway.refusals import QueryDenied
from tests.fuzz import crowd

Node = dict[str, Any]
Key = tuple[str, ...]
Person = str | None
Group = dict[Person, list[float]]  # how often each person is in a group, and what each cell gets
Given = dict[Key, Group]

_COUNTS = ("count", "count_star", "count_if", "countif", "regr_count")
_PERSON = frozenset({"person_id", "p"})
_TRUTHS = ("COMPARISON", "CONJUNCTION", "BETWEEN")
_ROUNDINGS = ("round", "round_even", "ceil", "ceiling", "floor", "trunc")
_EPSILON = 1e-7


@dataclass(frozen=True, slots=True)
class Cell:
    """One aggregate of a grouping as a sum over persons: what it counts or adds up.

    `kind` is count, sum, or rows where only the rows it is of are known. `columns` are those whose
    values it is of; `is_chosen` says that a condition stands in it, `is_rounded` a function that
    may make one number of all. `smooth` is the expression without its roundings and casts.
    """

    text: str
    expression: Node
    kind: str
    columns: frozenset[str]
    is_chosen: bool
    is_share: bool = False
    is_rounded: bool = False
    smooth: Node | None = None

    def smoothed(self) -> Cell:
        """Return the cell as it were if nothing were rounded in it."""
        return replace(self, expression=self.smooth or self.expression)


@dataclass(frozen=True, slots=True)
class Finding:
    """A group that tells of too few persons: by what, and who they are by number."""

    kind: str
    sql: str
    what: str
    persons: int

    @override
    def __str__(self) -> str:
        return f"{self.kind}: {self.persons} persons: {self.what}\n    {self.sql}"


class Oracle:
    """Looks at what one kind of agreement lets pass, and counts what it looked at."""

    def __init__(self, small: str = "drop", *, unique: bool = True):
        self.small = small
        self.tally: Counter[str] = Counter()
        self.inspector = crowd.inspector(small, unique=unique)
        self.engine = crowd.worlds().cursor()
        self.reader = engine_json.open_reader(self.inspector.empty)

    def look(self, sql: str) -> list[Finding]:
        """Return what the answer of a query tells of fewer persons than agreed."""
        self.tally["asked"] += 1
        try:
            seen = self.inspector.inspect(sql)
        except QueryDenied:
            return []
        self.tally["allowed"] += 1
        if "tablesample" in sql.lower() or "using sample" in sql.lower():
            return []  # which rows are drawn depends on who is there
        held = self._held(seen)
        shown = {n: self._rows(crowd.ALL, text) for n, text in held.items()}
        found = list(self._beyond(seen, held, shown))
        places = self._places(sql) if seen.verdict is Verdict.REWRITTEN else {}
        for number, (place, outer) in places.items():
            rows = shown.get(number)
            if rows is not None:
                found += self._grouping(seen, place, outer, rows, is_only=len(shown) == 1)
        return found

    # What the gateway would show ---------------------------------------------------------------

    def _held(self, seen: Inspection) -> dict[int, str]:
        """Return, for each grouping that was held, a text that gives its groups as they are."""
        tree = _tree(self.reader, seen.sql)
        if tree is None:
            return {}
        texts = {}
        for node, outer in _queries(tree, []):
            for entry in node["cte_map"]["map"]:
                name = entry["key"]
                if name.startswith("__held_") and name.endswith("_held"):
                    own = [*_others(outer, node), *node["cte_map"]["map"]]
                    whole = select([star()], from_table(name))
                    whole["cte_map"] = {"map": own}
                    texts[int(name.split("_")[3])] = self._text(whole)
        return texts

    def _beyond(
        self, seen: Inspection, held: Mapping[int, str], shown: Mapping[int, Any]
    ) -> Iterator[Finding]:
        """Yield whose going or changing is seen though not one group that is shown has changed."""
        answer = self._rows(crowd.ALL, seen.sql)
        if answer is None or any(rows is None for rows in shown.values()):
            self.tally["failed"] += 1
            return
        self.tally["answered"] += bool(answer)
        at = _drawn(seen.asked)
        world = crowd.changed(at) if len(seen.asked) % 3 else crowd.without(at)
        is_same = all(self._rows(world, text) == shown[n] for n, text in held.items())
        self.tally["worlds"] += is_same
        if is_same and self._rows(world, seen.sql) != answer:
            yield Finding("beyond the groups", seen.asked, world, 1)

    # What stands behind a grouping -------------------------------------------------------------

    def _places(self, sql: str) -> dict[int, tuple[Place, list[Node]]]:
        tree = _tree(self.reader, sql)
        if tree is None:
            return {}
        finder = Finder(self.inspector.catalogue, known_aggregates())
        finder.query(tree, {})
        around = {id(node): outer for node, outer in _queries(tree, [])}
        return {n: (p, around.get(id(p.node), [])) for n, p in enumerate(finder.places)}

    def _grouping(
        self, seen: Inspection, place: Place, outer: list[Node], rows: list[Any], *, is_only: bool
    ) -> Iterator[Finding]:
        keys = _distinct(group_keys(place.node, known_aggregates(), place.columns))
        cells = list(_cells(place.node))
        text = self._text(_by_person(place, outer, keys, cells))
        given = self._given(crowd.ALL, text, len(keys))
        shares = self._shares(place, outer, keys, cells) if rows else ({}, {})
        if given is None or shares is None:
            self.tally["groupings not counted"] += 1
            return
        if is_only:
            yield from self._meeting(seen.asked, place, outer, keys, cells, given)
        self.tally["groupings"] += 1
        for behind in _visible(given, [row[: len(keys)] for row in rows], self.small):
            self.tally["rows"] += 1
            self.tally["cells"] += len(cells)
            before, after = (_merged(found, behind) for found in shares)
            few = _few(cells, _merged(given, behind), before, after)
            for kind, what, persons in few:
                yield Finding(kind, seen.asked, f"{what} in {behind}", persons)

    def _shares(
        self, place: Place, outer: list[Node], keys: list[Node], cells: list[Cell]
    ) -> tuple[Given, Given] | None:
        """Return what each person adds to unrounded sums, before and after all wages were raised.

        Of a rounded sum a small rise moves only those who come over an edge, by chance.
        """
        if not any(cell.is_share for cell in cells):
            return {}, {}
        for found in ([cell.smoothed() for cell in cells], cells):  # a text is no number uncast
            text = self._text(_by_person(place, outer, keys, found))
            before, after = (self._given(at, text, len(keys)) for at in (crowd.ALL, crowd.RAISED))
            if before is not None and after is not None:
                return before, after
        return None

    def _meeting(
        self, sql: str, place: Place, outer: list[Node], keys: list[Node], cells: list[Cell],
        given: Given,
    ) -> Iterator[Finding]:  # fmt: skip
        """Yield who alone gives something else than what is said to be theirs among all."""
        text = self._text(_grouped(place, outer, keys, cells))
        ids = {row["at"]: row["person_id"] for row in crowd.crowd()["enrolment"]}
        at = _drawn(sql)
        rows = self._rows(crowd.alone(at), text)
        if rows is None:
            return
        own = {_key(row[: len(keys)]): _numbers(row[len(keys) :]) for row in rows}
        own = {key: found for key, found in own.items() if any(found)}
        said = {key: group[ids[at]] for key, group in given.items() if ids[at] in group}
        if own.keys() != said.keys() or not all(_near(own[k], said[k]) for k in own):
            yield Finding("rows of persons meet", sql, f"{own} is not {said}"[:300], 1)

    # The engine --------------------------------------------------------------------------------

    def _text(self, node: Node) -> str:
        whole = {"error": False, "statements": [{"node": node, "named_param_map": []}]}
        return engine_json.text_of(self.reader, json.dumps(whole))

    def _given(self, world: str, text: str, width: int) -> Given | None:
        rows = self._rows(world, text)
        if rows is None:
            return None
        given: Given = defaultdict(dict)
        for row in rows:
            given[_key(row[:width])][row[width]] = _numbers(row[width + 1 :])
        return given

    def _rows(self, world: str, text: str) -> list[tuple[Any, ...]] | None:
        """Return an answer, sorted and rounded, or None if the engine ends with an error."""
        self.engine.execute(f"USE {world}")
        try:
            rows = self.engine.execute(text).fetchall()
        except duckdb.Error:
            return None
        return sorted((tuple(map(_plain, row)) for row in rows), key=repr)


def _drawn(sql: str) -> int:
    """Return one of those who are watched, always the same for the same query."""
    return crowd.WATCHED[sum(map(ord, sql)) % len(crowd.WATCHED)]


def _plain(cell: object) -> Any:
    is_number = isinstance(cell, int | float) or type(cell).__name__ == "Decimal"
    if not is_number or isinstance(cell, bool):
        return cell
    number = float(f"{float(str(cell)):.9g}")
    return "NaN" if math.isnan(number) else number  # a NaN is not even itself


def _key(cells: Iterable[object]) -> Key:
    return tuple(map(str, cells))


def _numbers(cells: Iterable[object]) -> list[float]:
    return [float(cell) if isinstance(cell, int | float) else 0.0 for cell in cells]


def _near(one: Sequence[float], other: Sequence[float]) -> bool:
    pairs = [pair for pair in zip(one, other, strict=True) if not all(map(math.isnan, pair))]
    return all(math.isclose(*pair, rel_tol=_EPSILON, abs_tol=_EPSILON) for pair in pairs)


# Trees -------------------------------------------------------------------------------------------


def _tree(reader: duckdb.DuckDBPyConnection, sql: str) -> Node | None:
    try:
        told = engine_json.tree_of(reader, sql)
    except QueryDenied:
        return None
    found: Node | None = None if told.get("error") else told["statements"][0]["node"]
    return found


def _queries(node: Node, outer: list[Node]) -> Iterator[tuple[Node, list[Node]]]:
    """Yield each query of a tree with the steps of WITH that it may name."""
    if "cte_map" in node:
        yield node, outer
        before = list(outer)
        for entry in node["cte_map"]["map"]:
            yield from _queries(entry["value"]["query_node"], before)
            before.append(entry)
        outer = before
    for name, value in node.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict) and name != "cte_map":
                yield from _queries(item, outer)


def _others(outer: Iterable[Node], node: Node) -> list[Node]:
    own = {entry["key"].lower() for entry in node["cte_map"]["map"]}
    return [entry for entry in outer if entry["key"].lower() not in own]


def _cells(node: Node) -> Iterator[Cell]:
    places = [node[part] for part in ("select_list", "having", "qualify", "modifiers")]
    known: list[Node] = []
    for found in _calls(places):
        if all(bare(found) != bare(one) for one in known):
            known.append(found)
            yield from _cell(found)


def _calls(value: Any) -> Iterator[Node]:
    if isinstance(value, list):
        for item in value:
            yield from _calls(item)
    elif isinstance(value, dict) and value.get("class") != "SUBQUERY":
        if is_aggregate(value, known_aggregates()):
            yield value
        else:
            yield from _calls(list(value.values()))


def _cell(found: Node) -> Iterator[Cell]:
    """Yield what an aggregate tells, as sums over persons."""
    name = found["function_name"].lower()
    items = [item["expression"] for item in found["arguments"]]
    told = json.dumps([items, found["filter"]])
    is_chosen = any(f'"{word}"' in told for word in (*_TRUTHS, "CASE", "OPERATOR"))
    columns = frozenset(_names(items))
    text = f"{name}({', '.join(sorted(columns))})" + "*" * is_chosen
    is_share = reviewed(name).test == "share"
    if name in _COUNTS or (found["distinct"] and name == "count"):
        # Two counts of DISTINCT persons are compared by rows; of other values nothing is promised.
        is_values = found["distinct"] and not columns & _PERSON
        kind = "rows" if is_values else "count"
        yield Cell(text, {**copied(found), "distinct": False}, kind, columns, is_chosen)
    elif is_share and len(items) == 1:
        kind = "sum" if columns else "count"
        is_rounded = any(f'"{word}"' in told for word in _ROUNDINGS)
        smooth = _summed(_unrounded(items[0]), found)
        whole = _summed(items[0], found)
        yield Cell(text, whole, kind, columns, is_chosen, is_share, is_rounded, smooth)
    elif items:
        counted = call("count_if", all_of([is_present(item) for item in items[:2]]))
        yield Cell(text, {**counted, "filter": copied(found["filter"])}, "rows", columns, is_chosen)
    if reviewed(name).of_products and columns:
        yield _product(text, items, found)


def _product(text: str, items: list[Node], found: Node) -> Cell:
    """Return the sum of squares or products that follows from a moment and the sums beside it."""
    pair = [cast(item, "DOUBLE") for item in copied([items[0], items[-1]])]
    kind = "rows" if len(items) == 1 else "sum"  # of one column: no other sum of it
    whole = _summed(call("*", *pair, is_operator=True), found)
    return Cell(f"{text} products", whole, kind, frozenset(_names(items)), False, True)


def _unrounded(value: Any) -> Any:
    """Return an expression with what is rounded in it instead of the roundings."""
    if isinstance(value, list):
        return [_unrounded(item) for item in value]
    if not isinstance(value, dict) or value.get("class") in (*_TRUTHS, "SUBQUERY"):
        return value
    if value.get("class") == "FUNCTION" and value["function_name"].lower() in _ROUNDINGS:
        return _unrounded(value["arguments"][0]["expression"])
    if value.get("class") == "CAST" and not value["try_cast"]:
        return _unrounded(value["child"])
    return {name: _unrounded(item) for name, item in value.items()}


def _summed(item: Node, found: Node) -> Node:
    return {**call("sum", copied(item)), "filter": copied(found["filter"])}


def _names(value: Any) -> Iterator[str]:
    """Yield the columns whose values an expression gives, not those it only chooses by."""
    if isinstance(value, list):
        for item in value:
            yield from _names(item)
    elif isinstance(value, dict) and value.get("class") not in _TRUTHS:
        if value.get("class") == "COLUMN_REF":
            yield value["column_names"][-1].lower()
        for name, item in value.items():
            if name != "when_expr":
                yield from _names(item)


def _distinct(keys: list[Node]) -> list[Node]:
    found: list[Node] = []
    for key in keys:
        told = json.dumps(bare(key))
        if all(json.dumps(bare(known)) != told for known in found):
            found.append(key)
    return found


def _by_person(place: Place, outer: list[Node], keys: list[Node], cells: list[Cell]) -> Node:
    return _grouped(place, outer, [*keys, column(*place.person)], cells)


def _grouped(place: Place, outer: list[Node], keys: list[Node], cells: list[Cell]) -> Node:
    shown = [{**copied(key), "alias": f"k{at}_"} for at, key in enumerate(keys)]
    added = [
        {**cast(copied(cell.expression), "DOUBLE"), "alias": f"c{at}_"}
        for at, cell in enumerate(cells)
    ]
    present = {**call("count_star"), "alias": "rows_"}
    node = select([*shown, present, *added], copied(place.node["from_table"]),
                  where=copied(place.node["where_clause"]))  # fmt: skip
    node["cte_map"] = {"map": [*_others(outer, place.node), *place.node["cte_map"]["map"]]}
    if keys:
        node["group_expressions"] = [{**copied(key), "alias": ""} for key in keys]
        node["group_sets"] = [list(range(len(keys)))]
    return node


# What is too few ---------------------------------------------------------------------------------


def _visible(given: Given, rows: list[tuple[Any, ...]], small: str) -> Iterator[list[Key]]:
    """Yield which of the query's groups stand behind each row that is shown."""
    shown = Counter(map(_key, rows))
    blank = ("None",) * len(rows[0]) if rows else ()
    is_rest = bool(blank) and small == "remainder" and shown[blank] > (blank in given)
    if is_rest:
        shown[blank] -= 1
        yield [key for key in given if not shown[key]]
    elif blank and small == "remainder":
        shown[blank] = 0  # the one row without keys may be either
    yield from ([key] for key in given if shown[key])


def _merged(given: Given, keys: list[Key]) -> Group:
    group: Group = {}
    for key in keys:
        for person, numbers in given.get(key, {}).items():
            before = group.get(person, [0.0] * len(numbers))
            group[person] = [one + other for one, other in zip(before, numbers, strict=True)]
    return group


def _few(
    cells: Sequence[Cell], group: Group, before: Group, after: Group
) -> Iterator[tuple[str, str, int]]:
    """Yield what is told of too few persons: its kind, by what, and how many they are."""
    persons = [numbers for person, numbers in group.items() if person is not None]
    if len(persons) < len(group):
        yield "nobody's rows", "", 0
    if len(persons) < crowd.PERSONS:
        yield "small group", "", len(persons)
        return
    for at, cell in enumerate(cells, start=1):
        if few := _are_few(numbers[at] != 0 for numbers in persons):
            yield "few add", cell.text, few
        few = _are_few(numbers[at] != numbers[0] for numbers in persons)
        if few and cell.kind == "count" and cell.is_chosen:
            yield "few are left out", cell.text, few
        if cell.is_share and _share(at, before, after) > crowd.SHARE + 0.01:
            yield "one has most", cell.text, 1
    for (at, one), (to, other) in combinations(enumerate(cells, start=1), 2):
        kind = _comparable(one, other)
        if kind and (few := _few_differ([(numbers[at], numbers[to]) for numbers in persons])):
            yield f"few differ: {kind}", f"{one.text} and {other.text}", few


def _are_few(found: Iterable[bool]) -> int:
    """Return how many persons these are if they are too few to be told of, else 0."""
    several = sum(found)
    return several if several < crowd.PERSONS else 0


def _share(at: int, before: Group, after: Group) -> float:
    """Return which part one person has in how a sum changes with everybody's wages."""
    moved = [abs(after[who][at] - before[who][at]) for who in before if who in after]
    return max(moved, default=0) / whole if (whole := sum(moved)) > 0.01 else 0.0


def _comparable(one: Cell, other: Cell) -> str:
    kinds = {one.kind, other.kind}
    if kinds == {"count"}:
        return "counts"
    # A sum of a column of few values, as of years, may well be nearly a count: that is told. One
    # that is rounded, as `ceil(size / 7000)`, is no more than a count.
    is_wage = any("wage" in cell.columns for cell in (one, other) if cell.kind == "sum")
    if kinds == {"sum"} and one.columns & other.columns:
        return "sums" if is_wage or one.is_rounded == other.is_rounded else ""
    return "a sum and a count" if kinds == {"sum", "count"} and is_wage else ""


def _few_differ(pairs: Sequence[tuple[float, float]]) -> int:
    """Return how many persons tell two cells apart, one of which may be a multiple of the other."""
    ratios = Counter(f"{one / other:.7g}" for one, other in pairs if one and other)
    for ratio, several in ratios.most_common(1):
        differ = sum(not math.isclose(one, float(ratio) * other, rel_tol=1e-6, abs_tol=1e-9)
                     for one, other in pairs)  # fmt: skip
        if several >= crowd.PERSONS and 0 < differ < crowd.PERSONS:
            return differ
    return 0
