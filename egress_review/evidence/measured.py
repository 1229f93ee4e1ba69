"""From what a query counts and adds up to a table's measures, each with who stands behind it.

What adds up becomes a measure, with equations between its cells; what does not (a percentile, a
mode, employers) becomes a check: contributors without an equation. Never decides what is sensitive.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from egress_review.evidence import evidence_sql, standing
from egress_review.evidence.aggregates import STEP, Base, Of, Source
from egress_review.evidence.evidence_sql import Unit
from egress_review.evidence.lineage_sql import Shape
from egress_review.evidence.reading import Line
from egress_review.evidence.standing import Bools, Floats, Ints, Read
from egress_review.sdc.tables import ROWS, Contributors, Kind, Measure

Who = tuple[Contributors, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """Who stands behind something in each cell; `sdc.primary` knows by its name's first word."""

    name: str
    who: Who


@dataclass(frozen=True, slots=True)
class Number:
    """A measure with its value in each cell."""

    measure: Measure
    values: Floats


@dataclass(frozen=True, slots=True)
class Measured:
    """What each cell publishes (`numbers`) and who stands behind it (`checks`).

    `persons` are the fewest of any source in a cell; `subsets` the rows that some number is about,
    where those are not all.
    """

    persons: Ints
    numbers: tuple[Number, ...]
    checks: tuple[Check, ...]
    subsets: tuple[Bools, ...]


def measure(
    shape: Shape, lines: Sequence[Line], read: Read, *, units: tuple[Unit, ...], largest: int
) -> Measured:
    """Return the measures of a table's lines."""
    maker = _Maker(shape, lines, read, units, largest)
    found = [one for number in range(len(shape.bases)) for one in maker.base(number)]
    found += [*maker.left_of_sums(), *maker.units_present()]
    numbers = {one.measure.name: one for one in found if isinstance(one, Number)}
    return Measured(
        persons=maker.least_persons(),
        numbers=tuple(numbers.values()),
        checks=tuple(one for one in found if isinstance(one, Check)),
        subsets=tuple(maker.subsets.values()),
    )


class _Maker:
    """Makes the measures of one table, base by base."""

    def __init__(
        self,
        shape: Shape,
        lines: Sequence[Line],
        read: Read,
        units: tuple[Unit, ...],
        largest: int,
    ):
        self._shape, self._lines, self._read = shape, lines, read
        self._units, self._largest = units, largest
        self._asked_as: dict[Base, Base] = {}
        self.subsets: dict[bytes, Bools] = {}
        self._make: Mapping[Of, Callable[[Base, npt.NDArray[Any]], Iterator[Number | Check]]] = {
            Of.ROWS: self._rows,
            Of.PERSONS: self._persons,
            Of.NONNULL: self._nonnull,
            Of.SUM: self._sum,
            Of.SQUARES: self._squares,
            Of.POSITION: self._position,
            Of.MODE: self._mode,
        }

    def base(self, number: int) -> Iterator[Number | Check]:
        """Yield the measures and checks of one base, and note the rows it is about."""
        base, amounts = self._shape.bases[number], self._read.amounts[number]
        inside = ~np.isnan(amounts) if base.of is Of.POSITION else amounts != 0
        if base.of is not Of.PERSONS or base.condition:
            self._note(inside)
        if base.condition and self._is_void(base, inside):
            yield Check(f"everybody:{base.subset}", (Contributors(0),) * len(self._lines))
            plain = replace(base, condition="", readers=base.readers[:1] if base.column else ())
            self._asked_as[plain], base = base, plain
        yield from self._make[base.of](base, amounts)

    def _note(self, inside: Bools) -> None:
        if inside.any() and not inside.all():
            self.subsets.setdefault(np.packbits(inside).tobytes(), inside)

    def _is_void(self, base: Base, inside: Bools) -> bool:
        """Say whether a condition holds for every row, so that it is none."""
        if base in evidence_sql.valued(self._shape):
            return all(line.numbers[base][-1] == line.rows for line in self._lines)
        return bool(inside.all())

    # One kind of base each ---------------------------------------------------------------------

    def _rows(self, base: Base, amounts: Floats) -> Iterator[Number | Check]:
        if not base.condition:
            rows = np.array([line.rows for line in self._lines], dtype=float)
            yield Number(ROWS, rows)
            yield from self._repeated("rows", base, amounts)
            return
        name = f"nonnull:rows{_where(base)}"
        yield Number(Measure(name, Kind.NONNULL), self._values(base))
        yield from self._reached(name, base, amounts)
        yield from self._repeated(name, base, amounts)

    def _persons(self, base: Base, amounts: Floats) -> Iterator[Number | Check]:
        (first, *_), source = base.readers, self._source(base)
        if base.condition:
            name, kind = f"nonnull:people of {first.view}{_where(base)}", Kind.NONNULL
            counts, _ = standing.reached(self._read, amounts, source)
            yield from self._reached(name, base, amounts)
        else:
            name, kind = f"persons:{first.view}", Kind.PERSONS
            counts = self._read.persons(source)
            yield Check(name, tuple(Contributors(int(count)) for count in counts))
        owners = self._read.owners[source]
        everyone = int(np.count_nonzero(np.bincount(owners[(owners >= 0) & (amounts > 0)])))
        whole = Measure(name, kind, adds_up=self._adds_up(counts, everyone))
        yield Number(whole, counts.astype(float))

    def _adds_up(self, counts: Ints, everyone: int) -> bool:
        """Whether at every level each person is in one group only, so that parts sum to totals."""
        totals = np.bincount(self._read.place, weights=counts)
        return bool((totals == everyone).all())

    def _nonnull(self, base: Base, amounts: Floats) -> Iterator[Number | Check]:
        name = f"nonnull:{base.field}{_where(base)}"
        yield Number(Measure(name, Kind.NONNULL), self._values(base))
        yield from self._reached(name, base, amounts)
        yield from self._repeated(name, base, amounts)

    def _sum(self, base: Base, amounts: Floats) -> Iterator[Number | Check]:
        if self._is_binary(base):
            name = f"nonnull:{base.field} is 1{_where(base)}"
            yield Number(Measure(name, Kind.NONNULL), self._values(base))
            yield from self._reached(name, base, amounts)
            yield from self._repeated(name, base, amounts)
            return
        name = f"sum:{base.field}{_where(base)}"
        least = [self._numbers(base, line)[1] for line in self._lines]
        signed = any(value is not None and value < 0 for value in least)
        yield Number(Measure(name, Kind.SUM, signed=signed), self._values(base))
        for source, reader in self._readers(base):
            who = standing.gifts(self._read, amounts, source, self._largest)
            yield Check(self._by(name, base, reader), self._of_nothing(base, source, who))
        for number, unit in enumerate(self._units):
            if unit.source in base.readers:
                who = standing.by_unit(self._read, number, amounts)
                yield Check(f"{unit.kind}:{unit.source.alias}:{name}", tuple(who))

    def _of_nothing(self, base: Base, source: int, who: Sequence[Contributors]) -> Who:
        """Return the same, and of each sum of nothing of how many persons, at least, it is.

        That nobody gives to it says that all of them have nothing. What they could have is taken
        from who gives most elsewhere.
        """
        rows = [self._numbers(base, line)[3] for line in self._lines]
        if all(one.persons or not count for one, count in zip(who, rows, strict=True)):
            return tuple(who)
        most = max((one.top[0] for one in who if one.top), default=0.0)
        each = self._read.most_rows(source)
        return tuple(
            Contributors(math.ceil(count / each), 0, (most,)) if count and not one.persons else one
            for one, count in zip(who, rows, strict=True)
        )

    def _squares(self, base: Base, amounts: Floats) -> Iterator[Number | Check]:
        name = f"sum:{base.field} squared{_where(base)}"
        yield Number(Measure(name, Kind.SUM), self._values(base))
        have, _ = standing.reached(self._read, (amounts != 0).astype(float), self._source(base))
        yield Check(name, tuple(Contributors(int(count)) for count in have))

    def _position(self, base: Base, amounts: Floats) -> Iterator[Number | Check]:
        for source, reader in self._readers(base):
            found = standing.sides(self._read, amounts, source, base.share, STEP)
            name = self._by(f"position:{base.field} {base.share}{_where(base)}", base, reader)
            yield Check(name, tuple(Contributors(int(count)) for count in found))

    def _mode(self, base: Base, amounts: npt.NDArray[Any]) -> Iterator[Number | Check]:
        for source, reader in self._readers(base):
            found = standing.commonest(self._read, amounts, source)
            yield Check(self._by(f"mode:{base.field}{_where(base)}", base, reader), tuple(found))

    # What they share ---------------------------------------------------------------------------

    def _numbers(self, base: Base, line: Line) -> tuple[Any, ...]:
        return line.numbers[self._asked_as.get(base, base)]

    def _values(self, base: Base) -> Floats:
        found = [self._numbers(base, line)[0] for line in self._lines]
        return np.array([float(value or 0.0) for value in found])

    def _is_binary(self, base: Base) -> bool:
        """Say whether a summed column is 0 or 1 throughout: its sum is a number of rows."""
        facts = [self._numbers(base, line)[2] for line in self._lines]
        return any(facts) and not any(fact is False for fact in facts)

    def _readers(self, base: Base) -> Iterator[tuple[int, Source]]:
        every = base.readers or self._shape.sources
        for reader in every:
            yield self._shape.sources.index(reader), reader

    def _by(self, name: str, base: Base, reader: Source) -> str:
        """Return what a check is listed under: a measure's own name for the first whom it reads."""
        first = (base.readers or self._shape.sources)[0]
        return name if reader == first else f"{name} by {reader.alias}"

    def _source(self, base: Base) -> int:
        return next(self._readers(base))[0]

    def _reached(self, name: str, base: Base, amounts: Floats) -> Iterator[Check]:
        for source, reader in self._readers(base):
            have, lack = standing.reached(self._read, amounts, source)
            who = tuple(Contributors(int(a), int(b)) for a, b in zip(have, lack, strict=True))
            yield Check(self._by(name, base, reader), who)

    def _repeated(self, name: str, base: Base, amounts: Floats) -> Iterator[Check]:
        """Judge a number of rows as a sum over persons, where some have several.

        A join can repeat one person's rows until their number shows which cell that person is in.
        """
        for source, reader in self._readers(base):
            if self._read.repeats(source):
                who = standing.gifts(self._read, amounts, source, self._largest)
                yield Check(self._by(f"sum:{name}", base, reader), tuple(who))

    def left_of_sums(self) -> Iterator[Check]:
        """Yield who is behind what one sum of a column leaves of another.

        All wages less those from 25 on are the wages of the young, as if they were printed.
        """
        every = zip(self._shape.bases, self._read.amounts, strict=True)
        sums = [(b, given) for b, given in every if b.of is Of.SUM and not self._is_binary(b)]
        for (one, given), (other, less) in combinations(sums, 2):
            overlap = one.sql == other.sql and ((given != 0) & (less != 0)).any()
            if overlap and (given != less).any():
                name = f"sum:{one.field}{_where(one)} less{_where(other)}"
                for source, reader in self._readers(one):
                    who = standing.gifts(self._read, given - less, source, self._largest)
                    yield Check(f"{name} by {reader.alias}", tuple(who))

    def units_present(self) -> list[Check]:
        """Return how many employers or households each cell has."""
        return [
            Check(
                f"{unit.kind}:{unit.source.alias}",
                tuple(standing.by_unit(self._read, number, None)),
            )
            for number, unit in enumerate(self._units)
        ]

    def least_persons(self) -> Ints:
        """Return the fewest persons of any source present: a join can have few on one side."""
        rows = np.array([line.rows for line in self._lines], dtype=np.int64)
        counts = [self._read.persons(n) for n in range(len(self._read.owners))]
        present = np.array([np.where(one > 0, one, np.iinfo(np.int64).max) for one in counts])
        least = present.min(axis=0)
        return np.where(least < np.iinfo(np.int64).max, least, np.minimum(rows, 1))


def _where(base: Base) -> str:
    return f" where {base.subset}" if base.condition else ""
