"""Recomputes a submitted table from its lineage, with who stands behind each cell.

A table that is not exactly the answer of one of its queries is refused. Reads the project's
extract, opened by the vault, in the gateway's hardened engine; never writes to either.
"""

from __future__ import annotations

import datetime
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from egress_review import lineage_sql
from egress_review.errors import OutputRefused
from egress_review.lineage_sql import Aggregate, Of, Shape, Views
from egress_review.read import MOST_ROWS, Sheet
from egress_review.render import show
from egress_review.sdc.tables import Cell, Contributors, Kind, Level, Measure, Table
from enclave.model import DisclosureRules
from enclave.vault.pseudonym import ID_BYTES

Line = tuple[Any, ...]
NULLS = frozenset({"", "nan", "none", "null", "<na>", "nat"})
NEAR = 1e-9  # floating-point sums depend on their order, so also on the number of threads


@dataclass(frozen=True, slots=True)
class Population:
    """Everyone a query read: hashes of pseudonyms, sorted.

    `pseudonyms` are 16 bytes each in the same order; `cells` gives, per cell of the table, the
    places of its persons in that order, and `rows` beside each a hash of that person's rows in it.
    """

    persons: npt.NDArray[np.uint64]
    pseudonyms: bytes
    cells: tuple[npt.NDArray[np.int64], ...]
    rows: tuple[npt.NDArray[np.uint16], ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A recomputed table: `lines` are the query's own columns, in the order of `table.cells`.

    `numbers` says which of the columns are aggregates (the others are labels); `labels`, per
    label, which dimension it prints as it is, if it does; `views` is what the query reads.
    """

    columns: tuple[str, ...]
    numbers: tuple[bool, ...]
    labels: tuple[int | None, ...]
    lines: tuple[Line, ...]
    table: Table
    population: Population
    views: tuple[str, ...]


def recompute(
    engine: duckdb.DuckDBPyConnection, sql: str, views: Views, rules: DisclosureRules
) -> Evidence:
    """Return what the query answers and who is in each group of it.

    Raises `OutputRefused` if it cannot be understood, fails, or is too large.
    """
    shape = lineage_sql.understand(sql, views)
    try:
        return _gather(engine, shape, views, rules)
    except duckdb.Error:
        raise OutputRefused(
            "The query could not be recomputed on the project's extract.",
            hint="Run it again in the workspace; if it works there, tell the operating group.",
        ) from None


def _gather(
    engine: duckdb.DuckDBPyConnection, shape: Shape, views: Views, rules: DisclosureRules
) -> Evidence:
    answer = engine.execute(lineage_sql.with_evidence(shape, views))
    names = [column[0] for column in answer.description or ()]
    lines = answer.fetchmany(MOST_ROWS + 1)
    if len(lines) > MOST_ROWS:
        raise OutputRefused(f"The query answers with more than {MOST_ROWS:,} rows.")
    _refuse_fine_groups(shape, lines)
    given = {
        aggregate.field: _contributions(engine, shape, aggregate, max(2, rules.safe_nk_n))
        for aggregate in lineage_sql.measured(shape)
        if lineage_sql.is_summed(shape, aggregate)
    }
    reader = _Reader(shape, given)
    order = sorted(range(len(lines)), key=lambda index: reader.order(lines[index]))
    cells = tuple(reader.cell(lines[index]) for index in order)
    _refuse_repeats(cells)
    population = _population(engine, shape, views, cells)
    width = len(shape.outputs)
    return Evidence(
        columns=tuple(names[:width]),
        numbers=tuple(output is not None for output in shape.outputs),
        labels=shape.label_groups(),
        lines=tuple(tuple(lines[index][:width]) for index in order),
        table=Table(
            dimensions=tuple(f"group {n}" for n in range(1, len(shape.groups) + 1)),
            measures=reader.measures(cells, lines, len(population.persons)),
            cells=cells,
        ),
        population=population,
        views=tuple(source.view for source in shape.sources),
    )


def _refuse_fine_groups(shape: Shape, lines: Sequence[Line]) -> None:
    """Refuse measured amounts and moments as groups: each would print a single person's own."""
    width = len(shape.outputs)
    for line in lines:
        if any(
            isinstance(value, float | Decimal | datetime.datetime)
            for value in line[width:][: len(shape.groups)]
        ):
            raise OutputRefused(
                "The table is grouped by amounts or moments, which are values of single persons.",
                hint="Group them into bands first, for example with CASE or round to thousands "
                "cast to INTEGER.",
            )


def _refuse_repeats(cells: Sequence[Cell]) -> None:
    if len({(cell.level, cell.key) for cell in cells}) < len(cells):
        raise OutputRefused("The query answers with the same group twice.")


def _contributions(
    engine: duckdb.DuckDBPyConnection, shape: Shape, aggregate: Aggregate, largest: int
) -> dict[Line, Contributors]:
    rows = engine.execute(lineage_sql.with_contributions(shape, aggregate, largest)).fetchall()
    found = {}
    for *key, persons, top, total in rows:
        amounts = tuple(float(amount) for amount in top or ())
        found[tuple(key)] = Contributors(int(persons), 0, amounts, float(total or 0.0))
    return found


def _population(
    engine: duckdb.DuckDBPyConnection, shape: Shape, views: Views, cells: Sequence[Cell]
) -> Population:
    """Return who was read, of every source: a join can have people on one side only."""
    found = [engine.sql(text).to_arrow_table() for text in lineage_sql.with_population(shape)]
    hashes = np.concatenate([one["hash"].to_numpy() for one in found]).astype(np.uint64)
    blocks = b"".join(b"".join(one["person"].to_pylist()) for one in found)
    if len(blocks) != ID_BYTES * len(hashes):
        raise OutputRefused("The extract names a person otherwise than by a pseudonym.")
    persons, first = np.unique(hashes, return_index=True)
    kept = np.frombuffer(blocks, dtype=f"V{ID_BYTES}")[first].tobytes()
    parts = _members(engine, shape, views, persons)
    members = [_together(parts.pop((cell.level, cell.key), [])) for cell in cells]
    return Population(
        persons, kept, tuple(who for who, _ in members), tuple(rows for _, rows in members)
    )


_Part = tuple[npt.NDArray[np.int64], npt.NDArray[np.uint16]]


def _members(
    engine: duckdb.DuckDBPyConnection,
    shape: Shape,
    views: Views,
    persons: npt.NDArray[np.uint64],
) -> dict[tuple[Level, tuple[str, ...]], list[_Part]]:
    """Return, per group and source, the places of its persons in `persons`, and their rows."""
    count = len(shape.groups)
    parts: dict[tuple[Level, tuple[str, ...]], list[_Part]] = {}
    for text in lineage_sql.with_members(shape, views):
        table = engine.sql(text).to_arrow_table()
        lists = table.column(2 * count).combine_chunks()
        starts = lists.offsets.to_numpy()
        who, rows = (lists.values.field(name).to_numpy() for name in ("person", "rows"))
        keys = zip(*(table.column(n).to_pylist() for n in range(2 * count)), strict=True)
        for place, line in enumerate(keys if count else [()] * table.num_rows):
            level = frozenset(n for n, bit in enumerate(line[count:]) if not bit)
            here = slice(starts[place], starts[place + 1])
            mine = np.searchsorted(persons, who[here])
            parts.setdefault((level, _key(line[:count])), []).append((mine, rows[here]))
    return parts


def _together(parts: Sequence[_Part]) -> _Part:
    """Return a group's persons once each, with the rows they have by any source added up."""
    none = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint16))
    who = np.concatenate([none[0], *(one for one, _ in parts)])
    rows = np.concatenate([none[1], *(one for _, one in parts)])
    members, place = np.unique(who, return_inverse=True)
    sums = np.zeros(len(members), dtype=np.uint16)
    np.add.at(sums, place, rows)
    return members, sums


def _key(values: Sequence[Any]) -> tuple[str, ...]:
    return tuple("NULL" if value is None else "=" + show(value) for value in values)


class _Reader:
    """Takes one line of evidence apart, in the order `lineage_sql.with_evidence` promises."""

    def __init__(self, shape: Shape, given: dict[str, dict[Line, Contributors]]):
        self._shape, self._given = shape, given
        groups, width = len(shape.groups), len(shape.outputs)
        self._key = slice(width, width + groups)
        self._bits = slice(width + groups, width + 2 * groups)
        self._rows = width + 2 * groups
        self._persons = slice(self._rows + 2, self._rows + 2 + len(shape.sources))
        self._at: dict[str, int] = {}
        place = self._rows + 2 + len(shape.sources)
        for aggregate in lineage_sql.measured(shape):
            self._at[aggregate.field] = place
            place += 4 if lineage_sql.is_summed(shape, aggregate) else 2

    def order(self, line: Line) -> tuple[tuple[bool, bool, str], ...]:
        """Sort by labels, totals after what they total; never by a number of people."""
        return tuple(
            (
                bool(bit),
                value is None,
                show(value).rjust(20) if isinstance(value, int) else show(value),
            )
            for value, bit in zip(line[self._key], line[self._bits], strict=True)
        )

    def level(self, line: Line) -> Level:
        """Return the dimensions a line is broken down by: those GROUPING() calls 0."""
        return frozenset(place for place, bit in enumerate(line[self._bits]) if not bit)

    def cell(self, line: Line) -> Cell:
        values: dict[str, float] = {}
        who: dict[str, Contributors] = {}
        persons = self._least_persons(line)
        for aggregate in self._shape.aggregates:
            self._measure(aggregate, line, values, who)
        key = _key(line[self._key])
        mark = (int(line[self._rows]), int(line[self._rows + 1] or 0))
        return Cell(mark, self.level(line), key, persons, values, who)

    def _least_persons(self, line: Line) -> int:
        """Return the fewest persons of any source present: a join can have few on one side."""
        present = [int(count) for count in line[self._persons] if count]
        return min(present, default=1 if line[self._rows] else 0)

    def _measure(
        self,
        aggregate: Aggregate,
        line: Line,
        values: dict[str, float],
        who: dict[str, Contributors],
    ) -> None:
        if aggregate.of is Of.ROWS:
            values["rows"] = float(line[self._rows])
        elif aggregate.of is Of.PERSONS:
            assert aggregate.source is not None
            place = self._shape.sources.index(aggregate.source)
            count = line[self._persons][place]
            name = f"persons:{aggregate.source.view}"
            values[name], who[name] = float(count), Contributors(int(count))
        else:
            self._measure_column(aggregate, line, values, who)

    def _measure_column(
        self,
        aggregate: Aggregate,
        line: Line,
        values: dict[str, float],
        who: dict[str, Contributors],
    ) -> None:
        at, field = self._at[aggregate.field], aggregate.field
        assert aggregate.source is not None
        everyone = line[self._persons][self._shape.sources.index(aggregate.source)]
        if aggregate.of in (Of.NONNULL, Of.AVG):
            values[f"nonnull:{field}"] = float(line[at])
            who[f"nonnull:{field}"] = Contributors(int(line[at + 1]), int(everyone - line[at + 1]))
        if aggregate.of in (Of.SUM, Of.AVG):
            values[f"sum:{field}"] = float(line[at + 2] or 0.0)
            group = (*line[self._key], *line[self._bits])
            who[f"sum:{field}"] = self._given[field].get(group, Contributors(0))

    def measures(
        self, cells: Sequence[Cell], lines: Sequence[Line], population: int
    ) -> tuple[Measure, ...]:
        """Return the measures of the table, with what its data say about each."""
        names = list(dict.fromkeys(name for cell in cells for name in cell.values))
        return tuple(self._named(name, cells, lines, population) for name in names)

    def _named(
        self, name: str, cells: Sequence[Cell], lines: Sequence[Line], population: int
    ) -> Measure:
        kind, _, field = name.partition(":")
        if kind == Kind.PERSONS:
            return Measure(name, Kind.PERSONS, adds_up=_adds_up(name, cells, population))
        if kind == Kind.SUM:
            least = [line[self._at[field] + 3] for line in lines]
            return Measure(name, Kind.SUM, signed=any(v is not None and v < 0 for v in least))
        return Measure(name, Kind(kind))


def _adds_up(name: str, cells: Sequence[Cell], population: int) -> bool:
    """Whether at every level each person is in one group only, so that parts sum to totals."""
    sums: Counter[Level] = Counter()
    for cell in cells:
        sums[cell.level] += int(cell.values[name])
    return all(total == population for total in sums.values())


# Comparing -------------------------------------------------------------------------------------


def check_equal(sheet: Sheet, evidence: Evidence) -> None:
    """Raise `OutputRefused` unless the submitted table is exactly the recomputed one.

    The order of rows is free. Numbers are compared as numbers, labels as text, NULL as blank.
    """
    if sheet.columns != evidence.columns:
        extra = sheet.columns[:1] in ((("",)), (("Unnamed: 0",)))
        raise OutputRefused(
            f"The table's columns are not those of its query: {', '.join(evidence.columns)[:200]}.",
            hint="Write it with index=False." if extra else "Submit the query's answer as it is.",
        )
    if len(sheet.rows) != len(evidence.lines):
        raise OutputRefused(
            f"The table has {len(sheet.rows)} rows; its query answers with {len(evidence.lines)}.",
            hint="Submit the query's whole answer; filter in the query's WHERE.",
        )
    submitted = sorted((_canonical_text(row) for row in sheet.rows), key=repr)
    answered = sorted((_canonical(line) for line in evidence.lines), key=repr)
    if not _same(submitted, answered):
        raise OutputRefused(
            "The table's content is not what its query answers.",
            hint="Submit the query's answer as it is; rounding and edits come after release.",
        )


Canonical = tuple[str | float | None, ...]


def _canonical_text(row: Sequence[str]) -> Canonical:
    return tuple(_from_text(cell) for cell in row)


def _from_text(cell: str) -> str | float | None:
    if cell.strip().lower() in NULLS:
        return None
    if cell in ("True", "False"):
        return cell.lower()
    return _number(cell)


def _number(text: str) -> str | float:
    """Return text as a number if it is written as one; 16 figures are enough to compare."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return float(f"{number:.11e}") if number.is_finite() else text


def _canonical(line: Line) -> Canonical:
    return tuple(_from_text(_plain(value)) for value in line)


def _plain(value: object) -> str:
    if isinstance(value, datetime.date):
        return value.isoformat()
    return show(value)


def _same(left: list[Canonical], right: list[Canonical]) -> bool:
    return all(
        _alike(a, b)
        for one, other in zip(left, right, strict=True)
        for a, b in zip(one, other, strict=True)
    )


def _alike(left: str | float | None, right: str | float | None) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=NEAR, abs_tol=NEAR)
    return left == right
