"""The flow of columns through the engine's own bound plan: where each ends up, and what it decides.

For deciding roles, single-person look-ups and aggregate-only answers on what the engine will really
do. Walks the plan of a query over empty tables; a step or an expression it does not know is
refused. Never looks at a name the query gave, and never runs anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count

from enclave.gateway.inspector import expressions, multiples, relations, values
from enclave.gateway.inspector.rules import Rules, Use
from enclave.gateway.inspector.values import Node, Origin, Relation, Shape, Value
from enclave.gateway.refusals import ConstructRefused

_NO_INDEX = 2**64 - 1
_DELIM = "__duckdb_delim"
_OUTER = frozenset({"LEFT", "RIGHT", "OUTER", "FULL", "SINGLE"})
_RIGHT_GONE = frozenset({"SEMI", "ANTI", "MARK"})
_KEEP_RIGHT = frozenset({"RIGHT", "OUTER", "FULL"})
_KEEP_LEFT = frozenset({"INNER", "LEFT", "SINGLE", "MARK", "SEMI", "ANTI"})
_JOINS = _OUTER | _RIGHT_GONE | {"INNER"}


@dataclass(slots=True)
class Flow:
    """One walk over one plan."""

    rules: Rules
    ctes: dict[int, tuple[str, Relation]] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def answer(self, plan: Node) -> Relation:
        """Return the relation a whole query gives, after judging each step on the way."""
        relation = self.step(plan)
        self.rules.answer(relation)
        return relation

    def step(self, node: Node) -> Relation:
        """Return what one step of the plan gives."""
        kind = str(node["type"]).removeprefix("LOGICAL_").lower()
        handler = getattr(self, f"_{kind}", None)
        if handler is None:
            raise ConstructRefused("The plan of the query holds a step whose flow is not known.")
        relation: Relation = handler(node)
        return relation

    def _only(self, node: Node) -> Relation:
        (child,) = node["children"]
        return self.step(child)

    # Sources ---------------------------------------------------------------------------------

    def _get(self, node: Node) -> Relation:
        if node["qname"]["path"][-1] != "seq_scan":
            return self._function(node)
        number = next(self.numbers)
        view = node["function_data"]["table"].lower()
        columns = []
        for column in node["column_indexes"]:
            if column["index"] == _NO_INDEX:
                columns.append(Value(literal=True, shape=Shape.ANY))
            else:
                name = node["names"][column["index"]].lower()
                columns.append(values.base_value(Origin(view, name, number), number))
        return Relation(
            tuple(columns),
            owners=frozenset({number}),
            most=self.rules.catalogue.most.get(view),
            views=frozenset({view}),
            table=node["table_index"],
        ).kept(node.get("projection_ids"))

    def _function(self, node: Node) -> Relation:
        """Return the rows that a function in FROM makes, for each row below it if there is one."""
        given = [self.step(child) for child in node["children"]]
        below = given[0] if given else Relation(())
        for value in below.values:
            self.rules.use(Use.ROWS, value)
        about = values.combine([*below.values, Value(literal=True)])
        made = tuple(about for _ in node["column_indexes"])
        if not given:
            made = multiples.numbered(made, next(self.numbers), node)
            return Relation(made, table=node["table_index"])
        passed = tuple(below.values[at] for at in node.get("projected_input") or ())
        return multiples.repeated(below._replace(values=made + passed, table=node["table_index"]))

    def _expression_get(self, node: Node) -> Relation:
        below = self._only(node)
        row = [values.combine([Value(literal=True)]) for _ in node["expr_types"]]
        for listed in node["expressions"]:
            for at, expression in enumerate(listed):
                row[at] = values.combine([row[at], self.value(expression, below)])
        made = below._replace(values=tuple(row), table=node["table_index"])
        if len(node["expressions"]) > 1:
            made = multiples.repeated(made)
        return multiples.listed(made, self.numbers, node) if below.is_one else made

    def _chunk_get(self, node: Node) -> Relation:
        literal = Value(literal=True, shape=Shape.ANY)
        return Relation(tuple(literal for _ in node["chunk_types"]), table=node["table_index"])

    def _dummy_scan(self, _node: Node) -> Relation:
        return Relation((Value(),), is_one=True)

    def _empty_result(self, node: Node) -> Relation:
        return Relation(tuple(Value() for _ in node["bindings"]))

    # One input -------------------------------------------------------------------------------

    def _projection(self, node: Node) -> Relation:
        below = self._only(node)
        row = tuple(self.value(expression, below) for expression in node["expressions"])
        return below._replace(values=row, table=node["table_index"])

    def _filter(self, node: Node) -> Relation:
        conditions = tuple(values.conjuncts(node["expressions"]))
        (child,) = node["children"]
        below = self._guarded(child, conditions)
        return self._where(below, conditions).kept(node.get("projection_map"))

    def _guarded(self, node: Node, guards: tuple[Node, ...]) -> Relation:
        """Return what a step gives whose rows some conditions are about to be asked of.

        A condition on the left side of these joins could as well be asked before them; it stands
        above them where the query compares groups with a subquery.
        """
        if node["type"] == "LOGICAL_AGGREGATE_AND_GROUP_BY":
            return self._aggregate(node, guards)
        is_join = node["type"] == "LOGICAL_COMPARISON_JOIN" and node["join_type"] in _KEEP_LEFT
        if not is_join and node["type"] != "LOGICAL_CROSS_PRODUCT":
            return self.step(node)
        if node.get("left_projection_map"):
            return self.step(node)
        first, second = node["children"]
        left, right = self._guarded(first, guards), self.step(second)
        if is_join:
            return self._joined(node, left, right)
        return relations.beside(left, right)._replace(
            is_spread=multiples.spreads("INNER", left, right, ())
        )

    def _where(
        self, below: Relation, conditions: Iterable[Node], *, is_engines: bool = False
    ) -> Relation:
        """Return the rows for which conditions hold; equal person_ids make two owners one."""
        met = []
        for condition in conditions:
            parts = expressions.parts(condition, below, self.rules)
            if is_engines and _is_same(condition, parts):
                continue
            told = expressions.condition(condition, parts, below, self.rules)
            self.rules.condition(told, is_join=self._is_join(condition, parts))
            met.append(self.rules.hidden(told.origins))
            below = below._replace(conditions=below.conditions | met[-1])
            if values.is_equality(condition) and all(part.owner for part in parts):
                left, right = (part.owner or 0 for part in parts)
                below = below.linked(left, right)
        self.rules.meeting(met, below)
        return below

    def _is_join(self, condition: Node, parts: tuple[Value, ...]) -> bool:
        if not values.is_equality(condition):
            return False
        plain = [part.plain for part in parts]
        return all(plain) and len({origin.view for origin in plain if origin}) == 2

    def _aggregate_and_group_by(self, node: Node) -> Relation:
        return self._aggregate(node, ())

    def _aggregate(self, node: Node, guards: Iterable[Node]) -> Relation:
        below = self._only(node)
        if self._is_delim(node):
            keys = tuple(self.value(key, below) for key in node["groups"])
            return below._replace(values=keys, most=None, is_spread=False)
        keys = tuple(self._key(key, below) for key in node["groups"])
        by_person = any(key.about_person for key in keys)
        made = tuple(self._call(call, below, by_person) for call in node["expressions"])
        if node["children"][0]["type"] == "LOGICAL_EMPTY_RESULT":  # 0 or NULL, whatever is asked
            made = tuple(Value() for _ in made)
        marks = tuple(Value(shape=Shape.ANY, literal=True) for _ in node["grouping_functions"])
        sets = node["grouping_sets"]
        is_plain = not sets or [len(found) for found in sets] == [len(keys)]
        if is_plain:
            keys = multiples.keyed(keys, next(self.numbers))
        grouped = below._replace(
            values=keys + made + marks,
            most=None,
            is_one=is_plain and not keys,
            is_spread=False,
            table=None,
        )
        if is_plain and _is_own(keys, below):
            return grouped._replace(most=1 if len(keys) == 1 else None)
        return self.rules.group(node, tuple(guards), below, grouped, self)

    def _is_delim(self, node: Node) -> bool:
        """Say whether the engine itself made this step, for the values of an outer query."""
        is_bare = not node["expressions"] and node["groupings_index"] == _NO_INDEX
        (child,) = node["children"]
        if not is_bare or child["type"] != "LOGICAL_CTE_REF":
            return False
        return self.ctes[child["cte_index"]][0].startswith(_DELIM)

    def _key(self, expression: Node, below: Relation) -> Value:
        value = self.value(expression, below)
        self.rules.use(Use.GROUP, value)
        return value

    def _call(self, call: Node, below: Relation, by_person: bool) -> Value:
        """Return the value of one aggregate over a group."""
        if call["expression_class"] != "BOUND_AGGREGATE":
            raise ConstructRefused("The plan holds an aggregate whose flow is not known.")
        arguments = tuple(self.value(item, below) for item in call["children"])
        for argument in arguments:
            self.rules.use(Use.ARGUMENT, argument)
        for order in (call.get("order_bys") or {}).get("orders", ()):
            self.rules.use(Use.SORT, self.value(order["expression"], below))
        told = arguments
        if call.get("filter"):
            only = self.value(call["filter"], below)
            told += (self.rules.chosen(only, below, is_per_person=by_person),)
        name = values.function_name(call)
        shape = relations.shape(name, arguments, bool(call.get("filter")))
        if below.is_spread and call["aggregate_type"] != "DISTINCT":
            shape = Shape.ANY  # how often a row is counted is the query's choice
        value = values.combine(told, shape=shape)
        gathers, is_coarse = (
            value.about_person and not by_person,
            relations.is_coarse(name, arguments),
        )
        value = value._replace(gathers=gathers, is_coarse=is_coarse)
        if name in relations.COUNTS:
            value = value._replace(about_person=False, gathers=False, counted=True)
        if told and not value.is_constant:
            return value
        return value._replace(shape=max(shape, Shape.PLAIN), literal=True)

    def _window(self, node: Node) -> Relation:
        below = self._only(node)
        made = tuple(self._over(call, below) for call in node["expressions"])
        return below._replace(values=below.values + made, table=None)

    def _over(self, call: Node, below: Relation) -> Value:
        partitions = [self._key(item, below) for item in call["partitions"]]
        orders = [self.value(item["expression"], below)
                  for key in ("orders", "arg_orders") for item in call.get(key) or ()]  # fmt: skip
        for order in orders:
            self.rules.use(Use.SORT, order)
        others = {k: v for k, v in call.items() if k not in ("partitions", "orders", "arg_orders")}
        parts = [self.value(item, below) for item in values.children(others)]
        for part in parts:
            self.rules.use(Use.ARGUMENT, part)
        is_own = _is_own(partitions, below)
        self.rules.window(below, is_own=is_own)
        given = tuple(self.value(item, below) for item in call["children"])
        name = values.function_name(call) or call["type"].lower()
        shape = Shape.ANY if below.is_spread else relations.over(name, given, call.get("filters"))
        value = values.combine([*parts, Value(literal=True)], shape=shape)
        by_person = any(order.about_person for order in orders) and not is_own
        about = value.about_person and name not in relations.COUNTS  # how many there are names none
        value = value._replace(is_coarse=relations.is_coarse(name, given))
        return value._replace(about_person=by_person or about, gathers=about)

    def _unnest(self, node: Node) -> Relation:
        below = self._only(node)
        given = [self.value(item, below) for item in node["expressions"]]
        for item, value in zip(node["expressions"], given, strict=True):
            if not multiples.is_fixed(item):
                self.rules.use(Use.ROWS, value)
        made = tuple(values.combine([value, Value(literal=True)]) for value in given)
        return multiples.repeated(below._replace(values=below.values + made, table=None))

    def _order_by(self, node: Node) -> Relation:
        below = self._only(node)
        for order in node["orders"]:
            self.rules.use(Use.SORT, self.value(order["expression"], below))
        return below.kept(node.get("projection_map"))

    def _top_n(self, node: Node) -> Relation:
        return self._cut(self._order_by(node))

    def _limit(self, node: Node) -> Relation:
        below = self._only(node)
        for part in values.children({k: node[k] for k in ("limit_val", "offset_val")}):
            self.rules.use(Use.SORT, self.value(part, below))
        return self._cut(below)

    def _cut(self, below: Relation) -> Relation:
        self.rules.cut(below)
        return below

    _sample = _only

    def _distinct(self, node: Node) -> Relation:
        below = self._only(node)
        targets = tuple(self._key(item, below) for item in node["distinct_targets"])
        for order in (node.get("order_by") or {}).get("orders", ()):
            self.rules.use(Use.SORT, self.value(order["expression"], below))
        is_own = _is_own(targets, below)
        self.rules.distinct(below, is_own=is_own)
        return below._replace(most=1 if is_own and len(targets) == 1 else None)

    # Two inputs ------------------------------------------------------------------------------

    def _cross_product(self, node: Node) -> Relation:
        left, right = (self.step(child) for child in node["children"])
        return relations.beside(left, right)._replace(
            is_spread=multiples.spreads("INNER", left, right, ())
        )

    def _comparison_join(self, node: Node) -> Relation:
        left, right = (self.step(child) for child in node["children"])
        return self._joined(node, left, right)

    _any_join = _asof_join = _comparison_join

    def _positional_join(self, node: Node) -> Relation:
        left, right = (self.step(child) for child in node["children"])
        self.rules.positional(left, right)
        return relations.beside(left, right)

    def _joined(self, node: Node, left: Relation, right: Relation) -> Relation:
        kind = node["join_type"]
        if kind not in _JOINS:
            raise ConstructRefused("The query joins in a way whose flow is not known.")
        conditions = tuple(self._conditions(node, left))
        matched = relations.untold(right) if kind in _RIGHT_GONE else right
        beside = relations.beside(left, matched)._replace(conditions=frozenset())
        met = self._where(beside, conditions, is_engines=True)
        is_asof = node["type"] == "LOGICAL_ASOF_JOIN"
        both = met._replace(
            conditions=met.conditions | left.conditions | right.conditions,
            is_spread=multiples.spreads("ASOF" if is_asof else kind, left, right, conditions),
        )
        if is_asof:
            self.rules.nearest(left, right)
        self.rules.join(kind, left, right, both)
        told = met.conditions | right.conditions if kind in _OUTER | {"MARK"} else frozenset()
        if kind in ("ANTI", "MARK"):
            asked = relations.asked(conditions, beside, len(left.values))
            self.rules.sieve(met.conditions | right.conditions, asked)
        width = len(left.values)
        lefts, rights = both.values[:width], both.values[width:]
        told_left = met.conditions | left.conditions
        is_one = len(both.owners) == 1
        if kind in _KEEP_RIGHT:
            lefts = tuple(value.tainted(told_left).nullable() for value in lefts)
            rights = rights if is_one and left.is_single else relations.tainted(rights, told_left)
        if kind in _OUTER:
            rights = relations.tainted(rights, told)
        if kind in _OUTER - {"RIGHT"}:
            rights = tuple(value.nullable() for value in rights)
        if kind in _OUTER - {"RIGHT", "SINGLE"} and not (is_one and right.is_single):
            lefts = relations.tainted(lefts, told)  # how often a row is met tells by whom
        lefts = relations.kept(lefts, node.get("left_projection_map"))
        if kind == "MARK":
            mark = Value(shape=Shape.CHOSEN, is_coarse=True).tainted(told)
            return left._replace(values=(*lefts, mark), table=None)
        if kind in _RIGHT_GONE:
            return left._replace(values=lefts, conditions=both.conditions, table=None)
        rights = relations.kept(rights, node.get("right_projection_map"))
        are_same = len(both.owners) == 1 and bool(left.owners and right.owners)
        return both._replace(
            values=lefts + rights,
            most=relations.most(kind, left, right) if are_same else None,
        )

    def _conditions(self, node: Node, left: Relation) -> Iterator[Node]:
        """Yield a join's conditions as conditions over both sides' columns beside each other."""
        width = len(left.values)
        for condition in node.get("conditions") or ():
            if condition.get("right"):
                pair = [condition["left"], relations.moved(condition["right"], width)]
                yield {
                    "expression_class": "BOUND_FUNCTION",
                    "type": condition["comparison"],
                    "children": pair,
                }
            else:
                yield from values.conjuncts([condition["left"]])
        if node.get("condition"):
            yield from values.conjuncts([node["condition"]])

    def _union(self, node: Node) -> Relation:
        branches = [self.step(child) for child in node["children"]]
        return self._piled(branches, is_set=False)

    def _except(self, node: Node) -> Relation:
        branches = [self.step(child) for child in node["children"]]
        piled = self._piled(branches, is_set=True)
        first = branches[0]
        return piled._replace(most=first.most, is_spread=first.is_spread)

    _intersect = _except

    def _piled(self, branches: list[Relation], *, is_set: bool) -> Relation:
        """Return the rows of several relations on each other, or compared with each other."""
        number = next(self.numbers)
        columns = list(zip(*(branch.values for branch in branches), strict=True))
        told = frozenset().union(*(branch.conditions for branch in branches))
        owners = frozenset({number}) if any(branch.owners for branch in branches) else frozenset()
        row = []
        for column in columns:
            self.rules.piled(column, told, is_set=is_set)
            is_owner = all(
                value.owner in branch.owners for value, branch in zip(column, branches, strict=True)
            )
            value = values.combine(
                [*column, Value(literal=True)], shape=relations.piled_shape(column)
            )
            value = value if is_set else value.tainted(told)
            is_person = all(each.is_person for each in column)
            row.append(value._replace(owner=number if is_owner else None, is_person=is_person))
        self.rules.pile(branches, row)
        return Relation(
            tuple(row),
            owners=owners,
            conditions=told,
            is_spread=multiples.is_stacked(branches),
            is_paired=any(branch.is_paired for branch in branches),
            views=frozenset().union(*(branch.views for branch in branches)),
        )

    def _recursive_cte(self, node: Node) -> Relation:
        seed, step = node["children"]
        first = self.step(seed)
        self.rules.recursive(first)
        origins = frozenset().union(*(value.origins for value in first.values), first.conditions)
        about = any(value.about_person for value in first.values)
        row = tuple(
            Value(origins=origins, about_person=about, literal=True, shape=Shape.ANY)
            for _ in first.values
        )
        relation = multiples.repeated(first._replace(values=row))
        self.ctes[node["table_index"]] = (node["ctename"], relation)
        second = self.step(step)
        self.rules.recursive(second)
        more = frozenset().union(*(value.origins for value in second.values), second.conditions)
        about = any(value.about_person for value in second.values)
        row = tuple(
            value.tainted(more)._replace(about_person=value.about_person or about) for value in row
        )
        return relation._replace(values=row, conditions=first.conditions | second.conditions)

    def _materialized_cte(self, node: Node) -> Relation:
        first, rest = node["children"]
        self.ctes[node["table_index"]] = (node["ctename"], self.step(first))
        return self.step(rest)

    def _cte_ref(self, node: Node) -> Relation:
        name, relation = self.ctes[node["cte_index"]]
        if name.startswith(_DELIM):  # what chose the outer rows is asked of them, not of these
            relation = relation._replace(conditions=frozenset())
        else:
            relation = self._again(relation)
        return relation._replace(table=node["table_index"])

    def _again(self, relation: Relation) -> Relation:
        """Return a relation as a second, independent scan: its rows stand beside other rows."""
        fresh: dict[int, int] = {}

        def renew(number: int) -> int:
            return fresh.setdefault(number, next(self.numbers))

        def moved(origin: Origin) -> Origin:
            return origin._replace(instance=renew(origin.instance))

        row = tuple(
            value._replace(
                origins=frozenset(moved(origin) for origin in value.origins),
                plain=moved(value.plain) if value.plain else None,
                owner=renew(value.owner) if value.owner is not None else None,
            )
            for value in relation.values
        )
        return relation._replace(
            values=row,
            owners=frozenset(renew(owner) for owner in relation.owners),
            conditions=frozenset(moved(origin) for origin in relation.conditions),
        )

    def value(self, expression: Node, below: Relation) -> Value:
        """Return what an expression over a relation's columns tells of."""
        return expressions.value(expression, below, self.rules)


def _is_own(keys: Iterable[Value], below: Relation) -> bool:
    """Say whether keys tell each person of a relation from every other."""
    return any(below.owners == {key.owner} for key in keys)


def _is_same(condition: Node, parts: tuple[Value, ...]) -> bool:
    """Say whether a join compares a column with itself: so the engine finds an outer row again."""
    is_null_safe = condition.get("type") == "COMPARE_NOT_DISTINCT_FROM"
    is_plain = len(parts) == 2 and all(part.plain is not None for part in parts)
    return is_null_safe and is_plain and len({(part.plain, part.owner) for part in parts}) == 1
