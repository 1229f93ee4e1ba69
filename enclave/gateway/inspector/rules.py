"""What the agreement lets the flow of a query do: roles, look-ups of one person, groups of many.

Each method is asked by the flow at the step it is named for, and raises the refusal that names the
column's clause. Holds no state but what it found: the groups that must be held to a threshold.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import combinations
from typing import TYPE_CHECKING

from enclave.gateway.inspector import values
from enclave.gateway.inspector.aggregates import MOST_QUANTILES, fractions, reviewed
from enclave.gateway.inspector.catalogue import Catalogue
from enclave.gateway.inspector.values import Node, Origin, Relation, Shape, Value
from enclave.gateway.refusals import NotGroups, SinglePerson, UseNotGranted
from enclave.model import ColumnRole

if TYPE_CHECKING:
    from enclave.gateway.inspector.flow import Flow

ASK = "To use more, the project's lead asks the agency to amend the agreement."
_ONE_USE = (ColumnRole.FILTER_ONLY, ColumnRole.JOIN_ONLY)
_R78 = "single-person look-ups (R78)"


class Use(StrEnum):
    """A use of a value that is no condition."""

    ANSWER = "in the answer"
    GROUP = "to group by"
    SORT = "to sort by"
    ARGUMENT = "in an aggregate or a window"
    COMPARE = "in a set operation"
    ROWS = "to decide how many rows there are"


@dataclass(frozen=True, slots=True)
class Boundary:
    """One grouping of many persons' rows: which mark it bears and what is known of its rows."""

    mark: int
    most: int | None
    is_conditional: bool
    is_overlapping: bool
    is_paired: bool
    is_counting: bool
    is_naming: bool
    is_rounded: bool

    @property
    def is_single(self) -> bool:
        """Say whether no person has two rows."""
        return self.most == 1

    def stricter(self, other: Boundary) -> Boundary:
        """Return what holds for both of two plans of one grouping."""
        return Boundary(
            self.mark,
            max(self.most, other.most) if self.most and other.most else None,
            self.is_conditional or other.is_conditional,
            self.is_overlapping or other.is_overlapping,
            self.is_paired or other.is_paired,
            self.is_counting or other.is_counting,
            self.is_naming or other.is_naming,
            self.is_rounded or other.is_rounded,
        )


@dataclass(slots=True)
class Rules:
    """The rules of one policy over one query. `is_held` says that the answer must be groups."""

    catalogue: Catalogue
    is_held: bool = False
    marks: range = range(0)
    boundaries: list[Boundary] = field(default_factory=list)
    quantiles: set[float] = field(default_factory=set)  # of all groupings of the query

    # Roles -----------------------------------------------------------------------------------

    def role(self, origin: Origin) -> ColumnRole:
        """Return the role of the column behind a value."""
        return self.catalogue.role(origin.view, origin.column)

    def hidden(self, origins: Iterable[Origin]) -> frozenset[Origin]:
        """Return those of some columns that may only filter."""
        return frozenset(o for o in origins if self.role(o) is ColumnRole.FILTER_ONLY)

    def use(self, use: Use, value: Value) -> None:
        """Judge a use that is no condition."""
        held = [origin for origin in value.origins if self.role(origin) in _ONE_USE]
        if held:
            raise self._refused(min(held), f"not {use.value}")
        if value.about_person and not value.is_person and use is not Use.ANSWER:
            raise self._single(f"Something computed from person_id is used {use.value}.")

    def chosen(self, value: Value, rows: Relation, *, is_per_person: bool = False) -> Value:
        """Judge the condition of one aggregate's FILTER; return what the result tells of."""
        self.condition(value, is_join=False)
        hidden = self.hidden(value.origins)
        self.meeting([hidden], rows)
        if hidden and is_per_person:
            raise self._refused(min(hidden), "not in the FILTER of one person's aggregate")
        return value._replace(origins=value.origins - hidden)

    def condition(self, value: Value, *, is_join: bool) -> None:
        """Judge a condition by what it tells of."""
        if value.about_person:
            raise self._single("A condition compares person_id with something else.")
        hidden = self.hidden(value.origins)
        joins = [o for o in value.origins if not is_join and self.role(o) is ColumnRole.JOIN_ONLY]
        if joins:
            raise self._refused(min(joins), "only in an equality with another view's column")
        if hidden and (value.literal or self._tells(value.origins, hidden)):
            raise self._refused(
                min(hidden),
                "only beside constants and columns of its own row",
                hint="Write the values into the condition, as in `IN ('a', 'b')`.",
            )

    def sieve(self, told: Iterable[Origin], asked: Iterable[Value]) -> None:
        """Judge an anti-join, EXISTS or EXCEPT that leaves some values of a list, not others."""
        hidden = self.hidden(told)
        if hidden and any(value.literal for value in asked):
            raise self._refused(
                min(hidden),
                "not to choose among the values of a list",
                hint="Write the values into the condition, as in `IN ('a', 'b')`.",
            )

    def meeting(self, met: Iterable[frozenset[Origin]], rows: Relation) -> None:
        """Judge the filter-only columns that some conditions set against each other.

        Of two persons they may not be: who has the same value would be told, of everybody at once.
        """
        for hidden in met:
            if len(rows.owners) > 1 and len({origin.instance for origin in hidden}) > 1:
                raise self._refused(
                    min(hidden),
                    "not to compare one person with another",
                    hint="Join the views by person_id too, or compare it with constants.",
                )

    def _tells(self, origins: Iterable[Origin], hidden: frozenset[Origin]) -> bool:
        """Say whether columns that may be shown meet, in a condition, one that may only filter."""
        shown = {o.instance for o in origins if self.role(o) is not ColumnRole.FILTER_ONLY}
        return bool(shown - {o.instance for o in hidden})

    def comparison(self, value: Value, _parts: Iterable[Value]) -> None:
        """Judge a comparison wherever it stands."""
        if value.about_person:
            raise self._single("person_id is compared with something else than a person_id.")

    def gathered(self) -> None:
        """Refuse to take apart what was made from many person_ids."""
        raise self._single("What was made from many person_ids is used with something else.")

    def _refused(self, origin: Origin, how: str, hint: str | None = None) -> UseNotGranted:
        role = self.role(origin).value
        name = f"{origin.view}.{origin.column}"
        return UseNotGranted(
            f"The agreement grants {name} for one use only, {role}: {how}.",
            clause=self.catalogue.granted(origin.view)[origin.column].clause,
            hint=f"{hint or _HINTS[self.role(origin)]} {ASK}",
        )

    def _single(self, sentence: str) -> SinglePerson:
        return SinglePerson(
            f"{sentence} Nobody may be looked up.",
            clause=f"{self.catalogue.policy.agreement}, {_R78}",
            hint="Join it with another view's person_id, group by it or count it. "
            "For a sample use `TABLESAMPLE 10 PERCENT (bernoulli, 7)`.",
        )

    # Answers and sets --------------------------------------------------------------------------

    def answer(self, relation: Relation) -> None:
        """Judge what the whole query gives."""
        for value in relation.values:
            held = [origin for origin in value.origins if self.role(origin) in _ONE_USE]
            if held:
                first = min(held)
                hint = self._leave_out(first.view) if value.plain in held else _DEPENDS
                raise self._refused(first, "not in the answer", hint)
        if self.is_held and relation.owners:
            raise self._rows("The answer would hold rows of single persons.", relation)

    def _leave_out(self, view: str) -> str:
        shown = (ColumnRole.PROJECTABLE,)
        names = [
            n for n in self.catalogue.columns(view) if self.catalogue.role(view, n) not in shown
        ]
        return f"Leave it out of the list, or write `SELECT * EXCLUDE ({', '.join(names)})`."

    def piled(self, column: tuple[Value, ...], told: Iterable[Origin], *, is_set: bool) -> None:
        """Judge one column of a UNION, or of an EXCEPT or INTERSECT, which compare."""
        if is_set:
            self.sieve(told, column[:1])
            for value in column:
                self.use(Use.COMPARE, value)
            if any(v.about_person for v in column) and not all(v.is_person for v in column):
                raise self._single("A set operation compares person_id with something else.")

    # Groups of persons -------------------------------------------------------------------------

    def pile(self, branches: list[Relation], row: list[Value]) -> None:
        """Judge rows of persons on each other: each must still say whose it is."""
        if not self.is_held or not any(branch.owners for branch in branches):
            return
        if any(len(branch.owners) != 1 for branch in branches):
            raise self._groups("A set operation mixes rows of persons with other rows.")
        if not any(value.owner for value in row):
            raise self._groups(
                "A set operation loses whose rows they are.",
                hint="Let every part of it give person_id, in the same place.",
            )

    def recursive(self, relation: Relation) -> None:
        """Judge a recursive step."""
        if self.is_held and relation.owners:
            raise self._groups("A recursive query goes over rows of persons.")

    def positional(self, left: Relation, right: Relation) -> None:
        """Judge a join by row number."""
        if self.is_held and (left.owners or right.owners):
            raise self._groups("A positional join puts rows of different persons together.")

    def cut(self, relation: Relation) -> None:
        """Judge a LIMIT: on rows of persons it picks some of them."""
        if self.is_held and relation.owners:
            raise self._groups("LIMIT picks rows of single persons.", hint="Group first.")

    def window(self, relation: Relation, *, is_own: bool) -> None:
        """Judge a window: over rows of persons it must stay within one person's."""
        if self.is_held and relation.owners and not (is_own and len(relation.owners) == 1):
            raise self._groups(
                "A window looks over rows of different persons.",
                hint="Partition it by person_id, or put it over the groups.",
            )

    def distinct(self, relation: Relation, *, is_own: bool) -> None:
        """Judge a DISTINCT: over rows of persons it makes groups of them."""
        if self.is_held and relation.owners and not (is_own and len(relation.owners) == 1):
            raise self._groups(
                "DISTINCT makes groups of persons that nobody counts.",
                hint="Write `SELECT …, count(*) … GROUP BY ALL` instead.",
            )

    def join(self, kind: str, left: Relation, right: Relation, both: Relation) -> None:
        """Judge a join: rows of different persons may not meet."""
        if not self.is_held or not right.owners | left.owners:
            return
        if left.owners and right.owners:
            if kind != "INNER" and len(both.owners) > 1:
                raise self._two_persons()
            return
        keeps_left = kind not in ("INNER", "RIGHT")
        keeps_right = kind in ("RIGHT", "OUTER", "FULL")
        if (keeps_left and not left.owners) or (keeps_right and not right.owners):
            raise self._groups(
                "A join keeps rows of a list where no person matches.",
                hint="Group the persons first, then join the groups to the list.",
            )

    def nearest(self, left: Relation, right: Relation) -> None:
        """Judge an ASOF join: for each row of a list it picks one row of one person."""
        if self.is_held and right.owners and not left.owners:
            raise self._groups(
                "An ASOF join picks rows of single persons for a list.",
                hint="Let the persons' rows stand on the left of it, or group them first.",
            )

    def _two_persons(self) -> NotGroups:
        return self._groups(
            "A join or subquery puts rows of different persons together.",
            hint="Join on person_id = person_id, or group one side first.",
        )

    def group(
        self, node: Node, guards: tuple[Node, ...], below: Relation, grouped: Relation, flow: Flow
    ) -> Relation:
        """Judge a grouping of many persons, and return its groups as nobody's."""
        public = grouped._replace(owners=frozenset())
        if not self.is_held or not below.owners:
            return public
        if len(below.owners) > 1:
            raise self._two_persons()
        if below.is_spread and not all(_ignores_repeats(call) for call in node["expressions"]):
            raise self._groups(
                "Rows of persons are repeated as a list, a function or a UNION says.",
                hint="Join a list that holds each value once, by JOIN … USING or ON a = b; choose "
                "rows with WHERE; or count(DISTINCT person_id).",
            )
        if len(node["grouping_sets"]) > 1:
            raise self._groups(
                "ROLLUP, CUBE and GROUPING SETS show totals from which small groups follow.",
                hint="Ask for each level in a query of its own.",
            )
        mark = self._mark(node, guards, below, flow)
        if mark is None:
            is_lost = all(value.owner is None for value in below.values)
            raise self._groups(
                "A grouping of persons stands where their number cannot be tested.",
                hint=_LOST if is_lost and any(value.is_person for value in below.values) else _KEEP,
            )
        calls = node["expressions"]
        judged = [
            self._judge(c, below, flow) for c in calls if not _is_count_of_owner(c, below, flow)
        ]
        self.quantiles.update(part for call in calls for part in fractions(call))
        if len(self.quantiles) > MOST_QUANTILES:
            raise self._groups(
                "So many quantiles are the values of single persons, one after the other.",
                hint=f"Ask for at most {MOST_QUANTILES} in a query, as 0.25, 0.5 and 0.75.",
            )
        overlap = below.is_paired or _overlap(calls, below, flow)
        told = (any(is_such(call, below, flow) for call in calls)
                for is_such in (_counting, _naming, _rounded))  # fmt: skip
        self.boundaries.append(
            Boundary(mark, below.most, any(judged), overlap, below.is_paired, *told)
        )
        safe = tuple(_of_a_group(value) for value in public.values)
        return public._replace(values=safe, most=None)

    def _mark(
        self, node: Node, guards: tuple[Node, ...], below: Relation, flow: Flow
    ) -> int | None:
        """Return the mark of the condition that stands for the threshold, if there is one.

        It counts the distinct owners of the rows, and nothing else, right above the groups.
        """
        for guard in guards:
            if guard.get("type") != "COMPARE_GREATERTHANOREQUALTO":
                continue
            left, right = guard["children"]
            mark = flow.value(right, below).constant if _is_fixed(right) else None
            at = left.get("index", -1) - len(node["groups"])
            if not isinstance(mark, int) or mark not in self.marks:
                continue
            is_call = left["expression_class"] == "BOUND_REF" and 0 <= at < len(node["expressions"])
            if is_call and _is_count_of_owner(node["expressions"][at], below, flow):
                return mark
        return None

    def _judge(self, call: Node, below: Relation, flow: Flow) -> bool:
        """Refuse an aggregate that may not leave a group; say whether conditions choose in it."""
        name = values.function_name(call)
        review = reviewed(name)
        if review.refusal is not None:
            raise self._groups(f"The aggregate `{name}` shows single values.", hint=review.refusal)
        review.check_parameters(call, self._groups)
        if not review.counts and call["aggregate_type"] == "DISTINCT":
            raise self._groups(
                f"`{name}` of DISTINCT values lets one person's rare value weigh most.",
                hint="Leave DISTINCT out, or make one row for each person first.",
            )
        arguments = [flow.value(item, below) for item in call["children"]]
        shapes = {argument.shape for argument in arguments if not argument.is_constant}
        is_count = review.counts and not _ignores_repeats(call)
        if not is_count and (Shape.ANY in shapes or Shape.SHIFTED in _below(call, below, flow)):
            raise self._groups(
                f"What `{name}` summarises is computed in a way that cannot be tested.",
                hint="Use a column, a column times a number, or CASE WHEN … THEN column END; "
                "leave rows out with FILTER (WHERE …) instead of capping them.",
            )
        return bool(call.get("filter")) or not shapes <= {Shape.PLAIN, Shape.SHIFTED}

    def _rows(self, sentence: str, relation: Relation) -> NotGroups:
        views = sorted({o.view for value in relation.values for o in value.origins})
        held = [(v, n) for v in views for n in self.catalogue.columns(v)
                if self.catalogue.role(v, n) is ColumnRole.AGGREGATE_ONLY]  # fmt: skip
        hint = "Group them: `SELECT …, count(*) … GROUP BY ALL`."
        if held and self.catalogue.policy.mode.value == "row-level":
            names = ", ".join(name for _, name in held)
            hint += f" For rows leave it out: `SELECT * EXCLUDE ({names})`."
        return self._groups(sentence, hint=hint)

    def _groups(self, sentence: str, hint: str | None = None) -> NotGroups:
        return NotGroups(
            sentence,
            clause=self._clause(),
            hint=f"{hint} {ASK}" if hint else ASK,
        )

    def _clause(self) -> str:
        policy = self.catalogue.policy
        if policy.mode.value == "aggregate-only":
            return f"{policy.agreement}, mode aggregate-only"
        clauses = [column.clause for view in policy.views for column in view.columns
                   if column.role is ColumnRole.AGGREGATE_ONLY]  # fmt: skip
        return "; ".join(clauses) or policy.agreement


_DEPENDS = (
    "A column of the answer depends on it. Let it only choose rows: in WHERE, or in a query after "
    "`person_id IN`, EXISTS or NOT EXISTS."
)
_KEEP = "Give it a name in WITH and let it keep person_id in what it reads."
_LOST = (
    "After a FULL JOIN no person_id is in every row: start from `SELECT person_id FROM a UNION "
    "SELECT person_id FROM b` and LEFT JOIN both views to that."
)
_HINTS = {
    ColumnRole.FILTER_ONLY: "It may stand in WHERE, HAVING, QUALIFY, FILTER and ON.",
    ColumnRole.JOIN_ONLY: "It may stand in ON or USING, against a column of another view.",
}


def _of_a_group(value: Value) -> Value:
    """Return what is known of a group: the same for all its persons."""
    return value.nullable()._replace(
        shape=Shape.PLAIN, is_coarse=True, is_rounded=False, is_public=True
    )


def _overlap(calls: Iterable[Node], below: Relation, flow: Flow) -> bool:
    """Say whether two sums or means share a column, but are not of the same rows of it."""
    found = {_summed(call, below, flow) for call in calls if call["children"] and not _counts(call)}
    return any(
        one != other and {o[:2] for o in one[0]} & {o[:2] for o in other[0]}
        for one, other in combinations(found, 2)
        if one[1] or other[1] or (len(one[0]) == len(other[0]) == 1)
    )


def _counting(call: Node, below: Relation, flow: Flow) -> bool:
    """Say whether an aggregate may tell how many rows it is of."""
    given = [flow.value(item, below) for item in call["children"]]
    is_sum = not _counts(call) and reviewed(values.function_name(call)).test == "share"
    return any(v.counted or (is_sum and v.is_coarse) for v in given)


def _rounded(call: Node, below: Relation, flow: Flow) -> bool:
    """Say whether an aggregate is of something rounded, which most may have the same of."""
    return any(flow.value(item, below).is_rounded for item in call["children"])


def _naming(call: Node, below: Relation, flow: Flow) -> bool:
    """Say whether an aggregate counts some of the persons, whatever their column is called."""
    is_all = _is_count_of_owner(call, below, flow)
    given = [flow.value(item, below) for item in call["children"]]
    return _ignores_repeats(call) and not is_all and any(v.about_person for v in given)


def _counts(call: Node) -> bool:
    return reviewed(values.function_name(call)).counts


def _summed(call: Node, below: Relation, flow: Flow) -> tuple[frozenset[Origin], object]:
    """Return the columns an aggregate is of, and what tells its rows from another's of them."""
    given = [flow.value(item, below) for item in call["children"]]
    is_plain = not call.get("filter") and all(v.plain or v.is_constant for v in given)
    origins = frozenset(origin for value in given for origin in value.origins)
    return origins, None if is_plain else id(call)


def _is_fixed(expression: Node) -> bool:
    if values.function_name(expression) == "__cast":
        return _is_fixed(expression["children"][0])
    return bool(expression["expression_class"] == "BOUND_CONSTANT")


def _ignores_repeats(call: Node) -> bool:
    """Say whether an aggregate gives the same when a row stands there twice."""
    is_distinct = call.get("aggregate_type") == "DISTINCT"
    return is_distinct or values.function_name(call) == "approx_count_distinct"


def _is_count_of_owner(call: Node, below: Relation, flow: Flow) -> bool:
    """Say whether an aggregate counts the distinct owners of the rows, all of them."""
    if values.function_name(call) != "count" or call["aggregate_type"] != "DISTINCT":
        return False
    if call.get("filter") or len(call["children"]) != 1:
        return False
    return flow.value(call["children"][0], below).owner in below.owners


def _below(call: Node, below: Relation, flow: Flow) -> set[Shape]:
    """Return the shapes of the columns an aggregate's arguments are made of."""
    found: set[Shape] = set()
    waiting = list(call["children"])
    while waiting:
        item = waiting.pop()
        if item["expression_class"] == "BOUND_REF":
            found.add(flow.value(item, below).shape)
        waiting.extend(values.children(item))
    return found
