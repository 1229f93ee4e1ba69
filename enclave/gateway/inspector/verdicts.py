"""The verdict on each group of a held grouping, from what each of its persons adds.

For testing a group's aggregates person by person: how many there are, what one of them has of a
sum, how many stand on either side of a condition, how many tell two sums apart. Makes trees only.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

from enclave.gateway.inspector.persons import Node
from enclave.gateway.inspector.trees import (
    all_of,
    call,
    case,
    column,
    compare,
    constant,
    copied,
    grouped,
    is_present,
    is_true,
    negated,
    null,
    select,
    star,
    subselect,
    titled,
    window,
)
from enclave.model import Aggregation

PREFIX = "__held_"
_BUCKETS = 128
_DIGITS = 10**12  # to which two numbers are the same: a sum of fractions differs by its order


@dataclass(frozen=True, slots=True)
class Test:
    """One thing every group must satisfy beside the number of persons, by a column of its rows.

    It is a number of which no person may have more than `share`, nor of what is left where a
    person's own numbers cancel each other if it `cancels`; or else a condition: the persons for
    whom it holds must be none or enough, as those of an aggregate's FILTER.
    """

    name: str
    share: float | None = None
    sides: str = "y"
    cancels: bool = False

    @property
    def is_share(self) -> bool:
        """Say whether it is a number."""
        return self.share is not None

    @property
    def left(self) -> str:
        """Return the name of what a person's numbers come to, each with its sign."""
        return f"{self.name}l"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The tests of one grouping. `summed` are columns of its rows that are summed up.

    Where all but a few persons have one ratio of two sums, the sums and that number tell of those
    few: so those who do not have the middle ratio are none or enough. By a person's rows it would
    not be seen: joined with each other they may tell the same of everybody but one.
    """

    rules: Aggregation
    tests: tuple[Test, ...]
    summed: tuple[str, ...] = ()

    def over_rows(self, *, most: int | None = 1) -> Node:
        """Return whether a group may be shown, by rows of which no person has more than `most`.

        With one row a person that is the verdict. With more a yes is sure, whosever the rows are:
        so many times as much is asked of them, and that no two cancel each other. Where `most` is
        not known persons are told apart, which does where there are no tests.
        """
        times = most or 1
        persons = call("count", column(f"{PREFIX}p"), distinct=not most)
        conditions = [self._enough(persons, times)]
        for test in self.tests:
            found = column(test.name)
            if test.is_share:
                conditions += self._shares(test, call("abs", found), times)
                conditions += self._one_sided(found, times) if test.cancels and times > 1 else []
            else:
                sides = {"y": found, "n": negated(found)}
                conditions += [self._none_or_enough(sides[side], times) for side in test.sides]
        return titled(all_of(conditions), f"{PREFIX}ok")

    def over_persons(self, keys: list[Node], rows: Node, *, is_quick: bool = False) -> Node:
        """Return the verdict on each group from what each person, or each bucket, adds to it.

        Persons are put together in buckets for a quick verdict: where it is yes, so is the other.
        """
        person = _bucket() if is_quick else column(f"{PREFIX}p")
        each = grouped([*keys, titled(person, f"{PREFIX}p")], self._added(), rows)
        source = subselect(each, f"{PREFIX}each")
        middles = [titled(middle, name) for name, middle in self._middles(keys)]
        if middles:
            source = subselect(select([star(), *middles], source), f"{PREFIX}far")
        conditions = [self._enough(call("count", column(f"{PREFIX}p")))]
        for test in self.tests:
            if test.is_share:
                conditions += self._shares(test, column(test.name))
                conditions += self._left(test, is_quick=is_quick) if test.cancels else []
            else:
                several = [
                    compare("GREATERTHAN", column(f"{test.name}{side}"), constant(0))
                    for side in test.sides
                ]
                conditions += map(self._none_or_enough, several)
        conditions += self._ratios(is_quick=is_quick)
        return grouped(keys, [titled(all_of(conditions), f"{PREFIX}ok")], source)

    def _added(self) -> list[Node]:
        """Return what each person adds, by the names of the tests."""
        added = []
        for test in self.tests:
            found = column(test.name)
            if test.is_share:
                added.append(call("sum", call("abs", found), alias=test.name))
                added += [call("sum", found, alias=test.left)] if test.cancels else []
                continue
            sides = {"y": found, "n": negated(found)}
            added += [call("count_if", sides[s], alias=f"{test.name}{s}") for s in test.sides]
        return [*added, *(call("sum", column(name), alias=name) for name in self.summed)]

    # Numbers -----------------------------------------------------------------------------------

    def _shares(self, test: Test, share: Node, times: int = 1) -> list[Node]:
        """Return that nobody has more than the agreed share of a number, and that it is finite."""
        most, whole = _or_nothing(call("max", share)), _or_nothing(call("sum", share))
        most = _times(most, constant(times)) if times > 1 else most
        # Of infinity, or of what is no number, all is the agreed share: less itself it is not 0,
        # and nobody's share can be told.
        itself = call("-", copied(whole), copied(whole), is_operator=True)
        return [
            compare("LESSTHANOREQUALTO", most, _times(whole, constant(test.share or 0))),
            compare("EQUAL", itself, constant(0)),
        ]

    def _one_sided(self, number: Node, times: int) -> list[Node]:
        """Return that all is left of everybody's numbers, none of them being of another sign."""
        least, most = (_or_nothing(call(end, copied(number))) for end in ("min", "max"))
        some = compare("NOTEQUAL", copied(number), constant(0))
        sides = [
            compare("GREATERTHANOREQUALTO", least, constant(0)),
            compare("LESSTHANOREQUALTO", most, constant(0)),
        ]
        return [_either(sides), self._none_or_enough(some, times)]

    def _left(self, test: Test, *, is_quick: bool) -> list[Node]:
        """Return the same of what is left of each person's numbers, and that it is left of enough.

        Of a bucket less may be left than of its persons: what is added there, at most, must do.
        """
        share, left = column(test.name), call("abs", column(test.left))
        is_left = _is_more(left, share)
        left = case(is_left, left, constant(0))
        most, whole = share if is_quick else left, _or_nothing(call("sum", left))
        agreed = _times(whole, constant(test.share or 0))
        none = share if is_quick else left
        enough = self._enough(call("count_if", copied(is_left)))
        nothing = compare("EQUAL", _or_nothing(call("sum", copied(none))), constant(0))
        return [
            compare("LESSTHANOREQUALTO", _or_nothing(call("max", most)), agreed),
            _either([nothing, enough]),
        ]

    # Two sums ----------------------------------------------------------------------------------

    def _middles(self, keys: list[Node]) -> list[tuple[str, Node]]:
        """Return the middle ratio of each two sums, by a name."""
        found = []
        for number, (one, other) in enumerate(combinations(self.summed, 2)):
            upper, lower = column(one), column(other)
            ratio = call("/", upper, lower, is_operator=True)
            is_there = compare("NOTEQUAL", copied(lower), constant(0))
            middle = window("median", case(is_there, ratio, null()), copied(keys))
            found.append((f"{PREFIX}q{number}_", middle))
        return found

    def _ratios(self, *, is_quick: bool) -> list[Node]:
        """Return that those who do not have the middle ratio of two sums are none or enough.

        A bucket with another ratio has a person with another. For twice as many as are enough the
        middle of the buckets need not be the persons'.
        """
        conditions = []
        for number, (one, other) in enumerate(combinations(self.summed, 2)):
            middle = column(f"{PREFIX}q{number}_")
            upper = _or_nothing(column(one))
            lower = _times(_or_nothing(column(other)), middle)
            away = call("abs", call("-", upper, lower, is_operator=True))
            size = call("+", call("abs", copied(upper)), call("abs", copied(lower)),
                        is_operator=True)  # fmt: skip
            # Nothing of a sum beside the other is that sum alone, which has tests of its own.
            is_some = compare("NOTEQUAL", copied(middle), constant(0))
            is_apart = is_true(all_of([is_some, _is_more(away, size)]))  # of no middle nobody is
            if is_quick:
                twice = compare("GREATERTHANOREQUALTO", call("count_if", is_apart),
                                constant(2 * self.rules.persons))  # fmt: skip
                conditions.append(twice)
            else:
                conditions.append(self._none_or_enough(is_apart))
        return conditions

    # Persons -----------------------------------------------------------------------------------

    def _enough(self, count: Node, times: int = 1) -> Node:
        return compare("GREATERTHANOREQUALTO", count, constant(self.rules.persons * times))

    def _none_or_enough(self, condition: Node, times: int = 1) -> Node:
        """Return that a condition holds for nobody, or for enough: count_if of NULLs is NULL."""
        count = _or_nothing(call("count_if", condition))
        none = compare("EQUAL", count, constant(0))
        return _either([none, self._enough(copied(count), times)])


def _either(conditions: list[Node]) -> Node:
    return {**all_of(conditions), "type": "CONJUNCTION_OR"}


def _or_nothing(number: Node) -> Node:
    return call("coalesce", number, constant(0))


def _times(one: Node, other: Node) -> Node:
    return call("*", one, other, is_operator=True)


def _is_more(number: Node, size: Node) -> Node:
    """Return that a number is more than the last digits of another."""
    return compare("GREATERTHAN", _times(copied(number), constant(_DIGITS)), copied(size))


def _bucket() -> Node:
    """Return one of some hundred buckets for a person."""
    person = column(f"{PREFIX}p")
    bucket = call("%", call("hash", person), constant(_BUCKETS), is_operator=True)
    return case(is_present(person), bucket, null())
