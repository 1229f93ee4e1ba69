"""Edit the engine's own syntax tree so that a grouping of persons shows no small group.

A grouping becomes: the persons' rows, the groups, a test of each group, the groups that pass, and
one remainder of the others that must pass too. What the query then does with its groups is left as
it is. Makes trees only; the engine writes the text, and every reader reads it again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from math import comb
from typing import Any

from enclave.gateway.inspector import differences
from enclave.gateway.inspector.aggregates import reviewed
from enclave.gateway.inspector.differences import Part, bare, is_fixed
from enclave.gateway.inspector.persons import (
    Node,
    Place,
    group_keys,
    is_aggregate,
)
from enclave.gateway.inspector.rules import Boundary
from enclave.gateway.inspector.selecting import spelt
from enclave.gateway.inspector.trees import (
    all_of,
    case,
    cast,
    column,
    compare,
    constant,
    copied,
    grouped,
    is_present,
    is_true,
    join,
    negated,
    null,
    pile,
    select,
    star,
    subselect,
    table,
    titled,
    window,
)
from enclave.gateway.inspector.verdicts import PREFIX, Test, Verdict
from enclave.gateway.refusals import NotGroups
from enclave.model import Aggregation, SmallGroups

STOP = "__held_stop"  # what the engine says when it is to stop for a small group
_MANY = 1000  # rows of one person: with more no usual group is sure to pass by its rows
_MOST_VALUES = 0.2  # by one person, of those a middle quantile is of: it then lies on nobody's end


@dataclass(slots=True)
class Grouping:
    """One grouping of persons being rewritten."""

    place: Place
    number: int
    rules: Aggregation
    aggregates: frozenset[str]
    known: Boundary
    is_sampled: bool
    is_exact: bool = False
    keys: list[Node] = field(default_factory=list)
    calls: list[Node] = field(default_factory=list)
    rows: list[Node] = field(default_factory=list)
    tests: list[Test] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    summed: dict[str, str] = field(default_factory=dict)
    is_alone: bool = False  # each group is tested by its own middle value: a remainder cannot be

    def rewrite(self, titles: list[str]) -> None:
        """Change the place's node into the held one; `titles` are the names of its columns."""
        node = self.place.node
        if any(item["class"] == "STAR" for item in node["select_list"]):
            raise _refused("Name the columns to group by instead of `*`.")
        self.keys = _distinct(group_keys(node, self.aggregates, self.place.columns))
        items = [titled(self._post(item), title)
                 for item, title in zip(node["select_list"], titles, strict=True)]  # fmt: skip
        having = self._post(node["having"])
        qualify = self._post(node["qualify"])
        modifiers = [_ordered(found, len(items)) for found in self._post(node["modifiers"])]
        steps = self._steps()
        held = select(items, table(self._name("held")), where=having)
        held["qualify"], held["modifiers"] = qualify, modifiers
        held["cte_map"] = {"map": [*node["cte_map"]["map"], *steps]}
        node.clear()
        node.update(held)

    def _name(self, step: str) -> str:
        return f"{PREFIX}{self.number}_{step}"

    # What stays above the groups ---------------------------------------------------------------

    def _post(self, value: Any) -> Any:
        """Return an expression over the held groups instead of over the persons' rows."""
        if isinstance(value, list):
            return [self._post(item) for item in value]
        if not isinstance(value, dict) or value.get("class") == "SUBQUERY":
            return value
        if "class" in value:
            for at, key in enumerate(self.keys):
                if _same(key, value):
                    return column(f"{PREFIX}k{at}", alias=value.get("alias", ""))
            if is_aggregate(value, self.aggregates):
                return column(f"{PREFIX}a{self._call(value)}", alias=value["alias"])
        return {name: self._post(item) for name, item in value.items()}

    def _call(self, found: Node) -> int:
        for at, known in enumerate(self.calls):
            if _same(known, found):
                return at
        self.calls.append(found)
        return len(self.calls) - 1

    # The steps ---------------------------------------------------------------------------------

    def _steps(self) -> list[Node]:
        groups = [self._moved(found, at) for at, found in enumerate(self.calls)]
        self._differences()
        keys = [f"{PREFIX}k{at}" for at in range(len(self.keys))]
        steps = [self._rows()]
        rows, tested = self._name("rows"), self._name("groups")
        shown = [column(name) for name in keys]
        if self._is_by_row():
            aggregates = [*groups, self._verdict().over_rows()]
            steps.append(_cte(tested, grouped(shown, aggregates, table(rows))))
        else:
            sure = [self._sure()] if self._is_sure_by_rows() else []
            sums = grouped(shown, [*groups, *sure], table(rows))
            steps.append(_cte(self._name("sums"), sums))
            steps.extend(self._tests(keys, shown))
            joined = join(table(self._name("sums")), table(self._name("tests")), keys)
            names = [column(name, table=self._name("sums")) for name in keys]
            names += [column(f"{PREFIX}a{at}") for at in range(len(self.calls))]
            steps.append(_cte(tested, select([*names, column(f"{PREFIX}ok")], joined)))
        steps.append(_cte(self._name("held"), self._held(keys, groups)))
        return steps

    def _rows(self) -> Node:
        """Return the persons' rows: the keys, whose row it is, and what is summarised."""
        node = self.place.node
        keys = [titled(key, f"{PREFIX}k{at}") for at, key in enumerate(self.keys)]
        person = column(*self.place.person, alias=f"{PREFIX}p")
        made = [*keys, person, *spelt(self.rows)]
        rows = select(made, node["from_table"], where=node["where_clause"])
        rows["sample"] = node["sample"]
        return _cte(self._name("rows"), rows, is_kept=self.is_sampled)

    def _tests(self, keys: list[str], shown: list[Node]) -> list[Node]:
        """Return the steps to the verdict on each group: what is quickly told first.

        Where it is known how many rows one person may have, most groups surely pass by their rows.
        Of the others persons are put together in buckets: a group with enough buckets has enough
        persons, and what no bucket has too much of no person has. Only what is then left is counted
        out. Where `is_exact` there are no buckets: another engine would fill them otherwise.
        """
        steps, passed, rows = [], [], table(self._name("rows"))
        if self._is_sure_by_rows():
            passed.append(self._passing("sums", "sure", shown))
            left = select([star()], self._left("sums", "sure", rows, keys))
            steps.append(_cte(self._name("open"), left, is_kept=False))
            rows = table(self._name("open"))
        if not self.is_exact:
            quick = self._verdict().over_persons(shown, rows, is_quick=True)
            steps.append(_cte(self._name("quick"), quick))
            passed.append(self._passing("quick", "ok", shown))
            rows = self._left("quick", "ok", copied(rows), keys)
        tested = self._verdict().over_persons(shown, rows)
        for each in passed:
            tested = pile(each, tested)
        return [*steps, _cte(self._name("tests"), tested)]

    def _passing(self, step: str, verdict: str, shown: list[Node]) -> Node:
        """Return the groups that pass by an earlier step."""
        passes = column(f"{PREFIX}{verdict}")
        return select([*copied(shown), titled(passes, f"{PREFIX}ok")], table(self._name(step)),
                      where=passes)  # fmt: skip

    def _left(self, step: str, verdict: str, rows: Node, keys: list[str]) -> Node:
        """Return the rows of the groups that an earlier step did not let pass."""
        shown = [column(name) for name in keys] or [titled(constant(1), f"{PREFIX}one")]
        groups = select(shown, table(self._name(step)),
                        where=negated(column(f"{PREFIX}{verdict}")))  # fmt: skip
        kind = "SEMI" if keys else "INNER"
        return join(rows, subselect(groups, f"{PREFIX}left"), keys, kind=kind)

    def _verdict(self) -> Verdict:
        return Verdict(self.rules, tuple(self.tests), tuple(self.summed.values()))

    def _is_by_row(self) -> bool:
        """Say whether each row is one person, and none is set against the others."""
        return self.known.is_single and not self.summed

    def _is_sure_by_rows(self) -> bool:
        """Say whether enough rows are enough persons, and nobody's two sums are compared."""
        return 0 < (self.known.most or 0) <= _MANY and len(self.summed) < 2

    def _sure(self) -> Node:
        return titled(self._verdict().over_rows(most=self.known.most), f"{PREFIX}sure")

    def _held(self, keys: list[str], groups: list[Node]) -> Node:
        """Return the groups that pass, and the remainder of the others if it passes too."""
        tested = self._name("groups")
        names = keys + [f"{PREFIX}a{at}" for at in range(len(self.calls))]
        passed = select([column(name) for name in names], table(tested), where=self._passes())
        if not keys or self.is_alone or self.rules.small is not SmallGroups.REMAINDER:
            return passed
        small = select([column(name) for name in keys], table(tested),
                       where=negated(column(f"{PREFIX}ok")))  # fmt: skip
        rest = join(
            table(self._name("rows")), subselect(small, f"{PREFIX}small"), keys, kind="SEMI"
        )
        blank = [titled(null(), name) for name in keys]
        if self._is_by_row() or not self.tests:
            verdict = self._verdict().over_rows(most=1 if self.known.is_single else None)
            inner = select([*copied(groups), verdict], rest)
        else:
            sums = subselect(select(copied(groups), rest), f"{PREFIX}sums")
            counted = self._verdict().over_persons([], copied(rest))
            tests = subselect(counted, f"{PREFIX}tests")
            inner = select([star()], join(sums, tests, []))
        shown = [*blank, *(column(f"{PREFIX}a{at}") for at in range(len(self.calls)))]
        remainder = select(shown, subselect(inner, f"{PREFIX}rest"), where=column(f"{PREFIX}ok"))
        return pile(passed, remainder)

    def _passes(self) -> Node:
        found = column(f"{PREFIX}ok")
        if self.rules.small is not SmallGroups.REFUSE:
            return found
        # A value that is no truth stops the whole answer: the engine cannot cast it.
        return cast(case(found, constant("true"), constant(STOP)), "BOOLEAN")

    # What is summarised ------------------------------------------------------------------------

    def _moved(self, found: Node, at: int) -> Node:
        """Return an aggregate over the rows' own columns, and add those columns and its tests."""
        moved = _plain(copied(found))
        chosen = self._column(moved["filter"], f"f{at}") if moved["filter"] else None
        arguments = [item["expression"] for item in moved["arguments"]]
        varying = [item for item in arguments if not is_fixed(item)]
        shown = [self._shown(item, moved) for item in varying]
        if chosen:
            shown.append(is_true(chosen))
        is_all = not shown or self._is_person(varying, moved)
        if not is_all:
            self._condition(all_of(shown), f"t{at}_")
        if chosen and varying:  # who has nothing to add may not hide whom the filter leaves out
            self._condition(is_true(chosen), f"c{at}_")
        for number, choice in enumerate(c for item in varying for c in differences.choices(item)):
            self._condition(is_true(choice), f"w{at}_{number}_")
        self._compared(moved, varying, at, None if is_all else is_true(column(f"{PREFIX}t{at}_")))
        self._weighed(moved, varying, shown, at)
        if self.known.is_paired and differences.is_of_rows(moved):
            self._sum(constant(1), all_of(shown) if shown else None)
        for number, item in enumerate(moved["arguments"]):
            if not is_fixed(item["expression"]):
                item["expression"] = self._column(item["expression"], f"x{at}_{number}")
        return titled({**moved, "filter": chosen}, f"{PREFIX}a{at}")

    def _weighed(self, moved: Node, varying: list[Node], shown: list[Node], at: int) -> None:
        """Test how much one person has of what is summed up, or of the values of a quantile."""
        test = reviewed(moved["function_name"]).test
        if test == "middle":
            counted = case(all_of(shown), constant(1), constant(0))
            self._number(titled(counted, f"{PREFIX}m{at}_"), _MOST_VALUES)
        name, only = moved["function_name"], moved["filter"]
        if test == "share":
            for number, term in enumerate(differences.weighed(name, varying)):
                self._share(term, only, f"{PREFIX}s{at}_{number}_")
            if self.known.is_overlapping or self.known.is_counting:
                for item in varying:
                    self._sum(item, only)
        is_rounded = self.known.is_rounded and (test == "share" or moved["distinct"])
        if is_rounded or (reviewed(name).of_products and len(varying) > 1):
            for number, item in enumerate(varying):
                beside = [self._shown(other, moved) for other in varying if other is not item]
                self._apart(item, [*beside, *([only] if only else [])], f"o{at}_{number}_")

    def _compared(self, moved: Node, varying: list[Node], at: int, rows: Node | None) -> None:
        """Note which rows an aggregate is of, to be set against the others'."""
        shown = [self._shown(item, moved) for item in varying]
        person = None if self.known.is_naming else self.place.person[-1]
        part = differences.part(moved, varying, shown, rows, person)
        present = [is_present(item) for item in varying]
        if moved["filter"]:
            present.append(is_true(column(f"{PREFIX}f{at}")))
        if part.sums:
            self.rows.append(titled(all_of(present), f"{PREFIX}r{at}_"))
            part = replace(part, there=is_true(column(f"{PREFIX}r{at}_")))
        self.parts.append(part)
        if len(varying) > 1:
            self._sides(part, varying, present, at)

    def _sides(self, whole: Part, varying: list[Node], present: list[Node], at: int) -> None:
        """Test the truths among the columns of a correlation as the counts that follow from it.

        What was made in a step before may be one as well, where some are numbers of rows.
        """
        for number, item in enumerate(varying):
            if differences.is_tally(item) or self.known.is_counting:
                adds = compare("NOTEQUAL", cast(item, "DOUBLE"), constant(0))
                name = f"b{at}_{number}_"
                self._condition(all_of([*present, adds]), name)
                told = is_true(column(f"{PREFIX}{name}"))
                self.parts.append(differences.side(whole, item, told))

    def _is_person(self, varying: list[Node], moved: Node) -> bool:
        """Say whether an aggregate only counts whose rows they are: that is tested anyway."""
        names = [part.lower() for part in self.place.person]
        return (
            not moved["filter"]
            and len(varying) == 1
            and varying[0]["class"] == "COLUMN_REF"
            and ([part.lower() for part in varying[0]["column_names"]] == names)
        )

    def _column(self, expression: Node, name: str) -> Node:
        self.rows.append(titled(expression, f"{PREFIX}{name}"))
        return column(f"{PREFIX}{name}")

    def _shown(self, item: Node, moved: Node) -> Node:
        """Return the condition that a row adds something: it is not NULL, and in a sum not 0."""
        present = is_present(item)
        name = moved["function_name"].lower()
        if name in ("count_if", "countif"):
            return is_true(item)
        test = reviewed(name).test
        if name == "regr_count":
            return present
        if test == "share" and not moved["distinct"]:
            number = cast(item, "DOUBLE")
            return all_of([present, compare("NOTEQUAL", number, constant(0))])
        is_plain_count = (
            test == "count" and not moved["distinct"] and name != "approx_count_distinct"
        )
        if is_plain_count or not self.known.is_conditional:
            return present
        return all_of([present, *_telling(item)])

    def _differences(self) -> None:
        """Test the persons by whom two aggregates differ: their difference tells of them."""
        pairs = differences.pairs(
            self.parts,
            overlap=self.known.is_overlapping,
            mixed=self.known.is_counting,
            conditional=self.known.is_conditional,
        )
        if max(len(pairs), comb(len(self.summed), 2)) > differences.MAX_PAIRS:
            raise _refused("Ask for fewer counts or sums with conditions at a time.")
        for number, (one, other) in enumerate(pairs):
            if one.condition and other.condition:
                differs = compare("DISTINCT_FROM", one.condition, other.condition)
            else:
                differs = negated(one.condition or other.condition or null())
            self._condition(differs, f"d{number}_", sides="y")

    def _condition(self, condition: Node, name: str, sides: str = "") -> None:
        self.rows.append(titled(condition, f"{PREFIX}{name}"))
        both = "yn" if self.known.is_conditional else "y"
        self.tests.append(Test(f"{PREFIX}{name}", sides=sides or both))

    def _number(self, expression: Node, share: float, *, cancels: bool = False) -> None:
        self.rows.append(expression)
        self.tests.append(Test(expression["alias"], share, cancels=cancels))

    def _apart(self, item: Node, only: list[Node], name: str) -> None:
        """Test who does not have the middle value, which all but a few may have."""
        self.is_alone = True
        number = cast(item, "DOUBLE", is_tried=True)
        number = case(all_of(only), number, null()) if only else number
        middle = window("median", copied(number), copied(self.keys))
        self._condition(is_true(compare("NOTEQUAL", number, middle)), name, sides="y")

    def _sum(self, item: Node, only: Node | None) -> None:
        """Note what is summed up, to be set against the others' sums person by person."""
        told = json.dumps([bare(item), bare(only)])
        if told not in self.summed:
            self.summed[told] = f"{PREFIX}z{len(self.summed)}_"
            self.rows.append(titled(_chosen(item, only), self.summed[told]))

    def _share(self, term: Node, chosen: Node | None, name: str) -> None:
        self._number(titled(_chosen(term, chosen), name), self.rules.share, cancels=True)


def _chosen(item: Node, only: Node | None) -> Node:
    """Return a value as a number in the rows that an aggregate's FILTER lets through."""
    number = cast(item, "DOUBLE", is_tried=True)  # a text may be none, where it is tried
    return case(copied(only), number, null()) if only else number


def _telling(item: Node) -> list[Node]:
    """Return that a value is none of those that a condition gives to all others: 0 and false."""
    text = cast(item, "VARCHAR")
    number = cast(text, "DOUBLE", is_tried=True)
    return [
        compare("DISTINCT_FROM", number, constant(0)),
        compare("NOTEQUAL", text, constant("false")),
    ]


def _refused(hint: str) -> NotGroups:
    return NotGroups("A grouping of persons cannot be held to the agreement.", hint=hint)


def _cte(name: str, node: Node, *, is_kept: bool = True) -> Node:
    """Return a step of a WITH; a step that is not kept is made again wherever it is read."""
    kept = "CTE_MATERIALIZE_ALWAYS" if is_kept else "CTE_MATERIALIZE_NEVER"
    value = {"aliases": [], "materialized": kept, "key_targets": [],
             "payload_aggregates": [], "query_node": node}  # fmt: skip
    return {"key": name, "value": value}


def _ordered(modifier: Node, width: int) -> Node:
    """Return a modifier with ORDER BY ALL spelt out: its text would be read as something else."""
    orders: list[Node] = []
    for order in modifier.get("orders", ()):
        is_all = order["expression"]["class"] == "STAR"
        columns = [constant(at + 1) for at in range(width)] if is_all else [order["expression"]]
        orders.extend({**order, "expression": found} for found in columns)
    return {**modifier, "orders": orders} if orders else modifier


def _plain(found: Node) -> Node:
    """Return an aggregate without an order, WITHIN GROUP written as a first argument."""
    orders = found["order_bys"]["orders"]
    if found["function_name"].lower() == "quantile_cont" and orders:
        if orders[0]["type"] == "DESCENDING":
            raise _refused("Write `quantile_cont(x, 0.5)` without DESC.")
        found["arguments"].insert(0, {"name": "", "expression": orders[0]["expression"]})
    return {**found, "order_bys": {"type": "ORDER_MODIFIER", "orders": []}}


def _same(one: Node, other: Node) -> bool:
    """Say whether two expressions are the same but for their place and their title."""
    if one["class"] == other["class"] == "COLUMN_REF":
        first = [part.lower() for part in one["column_names"]]
        second = [part.lower() for part in other["column_names"]]
        least = min(len(first), len(second))
        return first[-least:] == second[-least:]
    return bool(one["class"] == other["class"] and bare(one) == bare(other))


def _distinct(keys: list[Node]) -> list[Node]:
    found: list[Node] = []
    for key in keys:
        same = [known for known in found if _same(known, key)]
        if any(bare(known) != bare(key) for known in same):  # a part of a struct, or a.x of a.x = x
            raise _refused("Give two keys of one name other names in a step before.")
        if not same:
            found.append(key)
    return found
