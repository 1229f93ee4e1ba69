"""What the flow knows of one column and one relation of a bound plan, and of its expressions.

For following each base column to where it ends up, through whatever the query makes of it. What an
expression is made of is read from the engine's own bindings; names are never looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from typing import Any, NamedTuple

from enclave.gateway.inspector.names import names
from enclave.model import PERSON_ID

Node = Mapping[str, Any]


class Origin(NamedTuple):
    """One column of one scan of a view: two scans of a view are two instances."""

    view: str
    column: str
    instance: int


class Key(NamedTuple):
    """One of some columns that are together unique in a list: which list, how many, which one."""

    number: int
    width: int
    place: int


class Shape(IntEnum):
    """How an aggregate may be tested when it sums this value.

    PLAIN is a column as it is, or scaled; SHIFTED has something added, which would hide one
    person's share; CHOSEN is 0, NULL or a plain value as a condition says, so that counting the
    persons on either side tests it; ANY is everything else.
    """

    CONSTANT = 0
    PLAIN = 1
    SHIFTED = 2
    CHOSEN = 3
    ANY = 4


class Value(NamedTuple):
    """One column of a relation.

    `owner` is set where every row has the person_id of its owner; `is_person` where it is an
    untouched person_id or NULL; `about_person` where it was computed from one; `literal` where
    it varies by row but comes from no view. `key` is set where it is one of the columns that
    together tell each row of its list from every other. `gathers` is set where it was made from
    the person_ids of several rows, `counted` where it was made from a number of rows, `is_coarse`
    where it may be the same for many, so that a sum of it is a number of rows as well,
    `is_rounded` where the query chose by what it may be the same, and `is_public` where something
    that is known of a group is in it.
    """

    origins: frozenset[Origin] = frozenset()
    plain: Origin | None = None
    owner: int | None = None
    is_person: bool = False
    about_person: bool = False
    literal: bool = False
    shape: Shape = Shape.CONSTANT
    constant: object = None
    key: Key | None = None
    gathers: bool = False
    counted: bool = False
    is_coarse: bool = False
    is_rounded: bool = False
    is_public: bool = False

    @property
    def is_constant(self) -> bool:
        """Say whether it is the same in every row and from no view."""
        return self.shape is Shape.CONSTANT and not self.origins and not self.literal

    def nullable(self) -> Value:
        """Return this value where it may be NULL: it then tells nobody's rows from another's."""
        return self if self.owner is None else self._replace(owner=None)

    def keyless(self) -> Value:
        """Return this value where the rows it told from each other may stand more than once."""
        return self if self.key is None else self._replace(key=None)

    def tainted(self, origins: frozenset[Origin]) -> Value:
        """Return this value if it also tells of other columns."""
        return self if origins <= self.origins else self._replace(origins=self.origins | origins)


class Relation(NamedTuple):
    """The output of one step. `owners` are the persons its rows belong to: none is nobody's.

    `conditions` are the columns that decided which rows are in it. `most` is a number
    of rows that no person has more of, if one is known. `is_one` says that there is at most one
    row, `is_spread` that something in the query decides how often a person's row stands in it.
    `is_paired` says that rows of one view stand beside each other. `views` are those whose rows
    these are. `table` is the engine's number of the step, for columns named by it.
    """

    values: tuple[Value, ...]
    owners: frozenset[int] = frozenset()
    conditions: frozenset[Origin] = frozenset()
    most: int | None = None
    is_one: bool = False
    is_spread: bool = False
    is_paired: bool = False
    views: frozenset[str] = frozenset()
    table: int | None = None

    @property
    def is_single(self) -> bool:
        """Say whether no person has two rows."""
        return self.most == 1

    def linked(self, left: int, right: int) -> Relation:
        """Return the relation after learning that two owners are the same person."""
        if left == right or not {left, right} <= self.owners:
            return self
        values = (v._replace(owner=left) if v.owner == right else v for v in self.values)
        return self._replace(values=tuple(values), owners=self.owners - {right})

    def kept(self, positions: Iterable[int] | None) -> Relation:
        """Return the relation with only some of its columns, if a list of them is given."""
        if not positions:
            return self
        return self._replace(values=tuple(self.values[at] for at in positions))


# Functions of one value that neither choose nor hide: a sum of them can be tested like a sum.
_SMOOTH = names(
    """abs round round_even floor ceil ceiling trunc sqrt ln log log2 log10 year month quarter day
    date_part datepart date_diff datediff date_sub datesub age date_trunc datetrunc __cast"""
)
# Those of them that cannot make one value of many: all others can, as `ceil(x / 1000000)`, and
# roots of roots, which are 1 in the end.
_FINE = names("abs __cast")
LIFTING = names("ceil ceiling floor")  # add up to 1 to each: what few have more of is hidden
ROUNDING = LIFTING | names("round round_even trunc")
_WHOLE = names(
    "tinyint smallint integer bigint hugeint utinyint usmallint uinteger ubigint uhugeint"
)
_COMPARISONS = frozenset({"COMPARE_EQUAL", "COMPARE_NOT_DISTINCT_FROM"})
_PERSON_COMPARISONS = _COMPARISONS | names(
    """COMPARE_NOTEQUAL COMPARE_DISTINCT_FROM COMPARE_LESSTHAN COMPARE_GREATERTHAN
    COMPARE_LESSTHANOREQUALTO COMPARE_GREATERTHANOREQUALTO"""
)
NULL_TESTS = frozenset({"OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL"})
_OF_PERSONS = _PERSON_COMPARISONS | NULL_TESTS


# What an expression says of itself: its types, its function's name and the function's own notes.
# None of them holds an expression (a test looks); a function's arguments are all in `children`.
_OF_ITSELF = frozenset({"return_type", "arguments", "qname", "function_data"})


def children(expression: Node) -> list[Node]:
    """Return every expression directly below one, wherever the engine keeps it."""
    found: list[Node] = []
    for key, value in expression.items():
        if value.__class__ in _NESTED and key not in _OF_ITSELF:
            _collect(value, found)
    return found


_NESTED = (dict, list)  # JSON gives no others


def _collect(value: Any, found: list[Node]) -> None:
    """Add the expressions in a value or below it; a plain loop, since most values are none."""
    if value.__class__ is dict:
        if "expression_class" in value:
            found.append(value)
            return
        value = value.values()
    for item in value:
        if item.__class__ is dict and "expression_class" in item:
            found.append(item)
        elif item.__class__ in _NESTED:
            _collect(item, found)


def function_name(expression: Node) -> str:
    """Return the name of the function an expression calls, or nothing."""
    name = expression.get("qname")
    return str(name["path"][-1]).lower() if name else ""


def is_boolean(expression: Node) -> bool:
    """Say whether an expression is a condition."""
    kind = expression["return_type"]["id"] if "return_type" in expression else ""
    typed = str(expression.get("type", ""))  # of AND, OR and BETWEEN the plan tells no more
    return kind == "BOOLEAN" or typed.startswith(("COMPARE_", "CONJUNCTION_"))


def is_tried(cast: Node) -> bool:
    """Say whether a cast gives NULL where it fails."""
    return bool((cast.get("function_data") or {}).get("try_cast"))


def is_rounding(expression: Node) -> bool:
    """Say whether an expression can make one number of many: a sum of it may be a count."""
    name = function_name(expression)
    if name != "__cast":
        return name in _SMOOTH - _FINE
    (inner,) = expression["children"]
    return not _keeps(inner.get("return_type"), expression["return_type"])


def product(told: Value, parts: Iterable[Value]) -> Value:
    """Return what a product or a quotient tells of, with what its factors do to it.

    A factor may bring a number where few others lie: near 0, those are whole.
    """
    is_far = not all(_is_near(part.constant) for part in parts if part.is_constant)
    return told._replace(is_rounded=told.is_rounded or is_far)


def _is_near(constant: object) -> bool:
    if constant is None:
        return True
    return isinstance(constant, (int, float)) and (not constant or 1e-9 <= abs(constant) <= 1e9)


def _keeps(before: Node | None, after: Node) -> bool:
    """Say whether a cast from one type to another makes no two values one; else it may."""
    kinds = (before["id"].lower() if before else "", after["id"].lower())
    # A text says what its number is, and is read to the last digit as a DOUBLE only.
    is_text = kinds[0] != "boolean" and (kinds[1] == "varchar" or kinds == ("varchar", "double"))
    is_exact = kinds[0] in _WHOLE and kinds[1] in {*_WHOLE, "decimal", "double"}
    is_wider = kinds in (("decimal", "double"), ("float", "double")) or len(set(kinds)) == 1
    if kinds == ("decimal", "decimal") and before:
        is_wider = before["type_info"]["scale"] <= after["type_info"]["scale"]
    return is_text or is_exact or is_wider


def is_equality(expression: Node) -> bool:
    """Say whether a condition says that two expressions are equal."""
    return expression.get("type") in _COMPARISONS and len(expression["children"]) == 2


def is_person_comparison(expression: Node, parts: Iterable[Value]) -> bool:
    """Say whether a condition compares person_ids with nothing but each other, or with NULL."""
    if expression.get("type") not in _OF_PERSONS:
        return False
    parts = tuple(parts)
    return bool(parts) and all(part.is_person for part in parts)


def beside_person(parts: Iterable[Value]) -> frozenset[Origin]:
    """Return what person_ids tell of beside whose they are: a filter that chose among them."""
    return frozenset(o for part in parts for o in part.origins if o.column != PERSON_ID)


def conjuncts(expressions: Iterable[Node]) -> Iterator[Node]:
    """Yield the conditions that must all hold."""
    for expression in expressions:
        is_and = expression.get("type") == "CONJUNCTION_AND"
        is_and = is_and or function_name(expression) == "and"
        if is_and:
            yield from conjuncts(expression["children"])
        else:
            yield expression


def combine(parts: Iterable[Value], *, shape: Shape = Shape.ANY) -> Value:
    """Return the value of an expression over others."""
    parts = tuple(parts)
    if all(part.is_constant for part in parts):
        return Value()
    origins: frozenset[Origin] = frozenset()
    about_person = literal = gathers = counted = is_rounded = is_public = False
    is_coarse = shape is Shape.SHIFTED
    for part in parts:  # one pass: every expression of a query comes here
        origins = origins | part.origins if origins else part.origins
        about_person = about_person or part.about_person
        literal = literal or part.literal
        gathers = gathers or part.gathers
        counted = counted or part.counted
        is_coarse = is_coarse or part.is_coarse
        is_rounded = is_rounded or part.is_rounded
        is_public = is_public or part.is_public
    return Value(
        origins=origins,
        about_person=about_person,
        literal=literal,
        shape=shape,
        gathers=gathers,
        counted=counted,
        is_coarse=is_coarse,
        is_rounded=is_rounded,
        is_public=is_public,
    )


def shape_of(expression: Node, parts: tuple[Value, ...]) -> Shape:
    """Return how a sum of an expression may be tested, from the shapes of its parts."""
    if is_boolean(expression):
        return Shape.CHOSEN
    name = function_name(expression)
    varying = [part.shape for part in parts if not part.is_constant]
    if name == "__cast":
        return max(varying)
    if name in ("+", "-"):
        return _sum(parts, varying)
    if name == "*" or (name == "/" and parts[-1].is_constant):
        return _product(varying)
    if expression.get("type") == "OPERATOR_COALESCE":
        return coalesced(parts)
    is_smooth = name in _SMOOTH and set(varying) <= {Shape.PLAIN}
    made = Shape.SHIFTED if name in LIFTING else Shape.PLAIN
    return made if is_smooth else Shape.ANY


def _sum(parts: tuple[Value, ...], varying: list[Shape]) -> Shape:
    if len(parts) == 1:
        return varying[0]
    if set(varying) == {Shape.PLAIN} and len(varying) == len(parts) and _is_change(parts):
        return Shape.PLAIN
    return Shape.SHIFTED if max(varying) <= Shape.SHIFTED else Shape.ANY


def _is_change(parts: tuple[Value, ...]) -> bool:
    """Say whether values of one column are set against each other: nothing known is added."""
    if any(part.is_public for part in parts):
        return False
    columns = {frozenset((o.view, o.column) for o in part.origins) for part in parts}
    return len(columns) == 1 and frozenset() not in columns


def _product(varying: list[Shape]) -> Shape:
    if Shape.SHIFTED in varying or Shape.ANY in varying:
        return Shape.ANY
    return varying[0] if len(varying) == 1 else Shape.CHOSEN


def coalesced(parts: tuple[Value, ...]) -> Shape:
    """Return how a sum of the first of some values that is there may be tested."""
    varying = [part for part in parts if not part.is_constant]
    shapes = [Shape.PLAIN, *(part.shape for part in varying)]
    is_neutral = all(part.constant in _NEUTRAL for part in parts if part.is_constant)
    # What was added, or a value that is known of a group, could not be told from one person's.
    is_hiding = Shape.SHIFTED in shapes or (len(varying) > 1 and any(p.is_coarse for p in varying))
    return max(shapes) if is_neutral and not is_hiding else Shape.ANY


_NEUTRAL = (None, 0, False, "0", "false")


def chosen(branches: tuple[Value, ...]) -> Shape:
    """Return how a sum of a CASE may be tested, from what its branches give."""
    varying = [branch.shape for branch in branches if not branch.is_constant]
    constants = {branch.constant for branch in branches if branch.is_constant}
    telling = {constant for constant in constants if constant not in _NEUTRAL}
    if len(varying) + len(telling) > 1:
        return Shape.ANY
    return Shape.ANY if Shape.ANY in varying or Shape.SHIFTED in varying else Shape.CHOSEN


def base_value(origin: Origin, owner: int) -> Value:
    """Return the value of a view's column as it is scanned."""
    is_person = origin.column == PERSON_ID
    return Value(
        origins=frozenset({origin}),
        plain=origin,
        owner=owner if is_person else None,
        is_person=is_person,
        about_person=is_person,
        shape=Shape.PLAIN,
    )
