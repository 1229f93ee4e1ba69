"""Recomputes a submitted table from its lineage, with who stands behind each cell.

A table that is not exactly the answer of one of its queries is refused. Reads the project's
extract, opened by the vault, in the gateway's hardened engine; never writes to either.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from egress_review.errors import OutputRefused
from egress_review.evidence import equality, evidence_sql, lineage_sql, measured, reading
from egress_review.evidence.evidence_sql import Units
from egress_review.evidence.lineage_sql import Shape, Views
from egress_review.evidence.reading import Line
from egress_review.evidence.sql_tree import Node, is_a
from egress_review.evidence.standing import Read, side_by_side
from egress_review.files.model import MOST_ROWS, Sheet
from egress_review.sdc.tables import Cell, Contributors, Mark, Table
from enclave.model import DisclosureRules

Members = npt.NDArray[np.int64]
RowHashes = npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of one cell, published by a number of their own: a FILTER, or those with a value.

    `owner` is the cell; parts of one `level` (below zero) are alike and of one grouping.
    """

    owner: int
    level: int
    mark: Mark
    persons: Members
    rows: RowHashes


@dataclass(frozen=True, slots=True)
class Population:
    """Everyone a query read: the first eight bytes of pseudonyms, sorted.

    `pseudonyms` are 16 bytes each in the same order; `cells` gives, per cell of the table, the
    places of its persons in that order, and `rows` beside each a hash of that person's rows in it.
    """

    persons: npt.NDArray[np.uint64]
    pseudonyms: bytes
    cells: tuple[Members, ...]
    rows: tuple[RowHashes, ...]
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """A recomputed table: `lines` are the query's own columns, in the order of `table.cells`.

    `numbers` says which of the columns are aggregates (the others are labels); `labels`, per
    label, which dimension it prints as it is, if it does; `views` is what the query reads.
    `dropped` are lines that its HAVING left out: they are hidden in whatever is released. `sql` is
    the query that was recomputed; `items` and `groups` are the trees of its columns and groups.
    """

    columns: tuple[str, ...]
    numbers: tuple[bool, ...]
    labels: tuple[int | None, ...]
    lines: tuple[tuple[Any, ...], ...]
    table: Table
    population: Population
    views: tuple[str, ...]
    dropped: frozenset[int] = frozenset()
    sql: str = ""
    items: tuple[Node, ...] = ()
    groups: tuple[Node, ...] = ()

    @property
    def made(self) -> tuple[bool, ...]:
        """Say per group whether its values are calculated (bands) and not a column's own."""
        return tuple(not is_a(group, "COLUMN_REF") for group in self.groups)


def recompute(
    engine: duckdb.DuckDBPyConnection,
    sql: str,
    views: Views,
    rules: DisclosureRules,
    *,
    units: Units | None = None,
) -> Evidence:
    """Return what the query answers and who is in each group of it.

    `units` names, per view, the columns that tell employers or households apart. Raises
    `OutputRefused` if the query cannot be understood, fails, or is too large.
    """
    shape = lineage_sql.understand(sql, views)
    try:
        return replace(_gather(engine, shape, views, (rules, units or {})), sql=sql)
    except (duckdb.Error, pa.ArrowException):
        raise OutputRefused(
            "The query could not be recomputed on the project's extract.",
            hint="Run it again in the workspace; if it works there, tell the operating group.",
        ) from None


def _gather(
    engine: duckdb.DuckDBPyConnection,
    shape: Shape,
    views: Views,
    by: tuple[DisclosureRules, Units],
) -> Evidence:
    answer = engine.execute(evidence_sql.answer(shape, views))
    names = [column[0] for column in answer.description or ()]
    rows = answer.fetchmany(MOST_ROWS + 1)
    if len(rows) > MOST_ROWS:
        raise OutputRefused(f"The query answers with more than {MOST_ROWS:,} rows.")
    lines = reading.take_apart(shape, rows)
    _refuse_fine_groups(lines)
    _refuse_repeats(lines)
    rules, units = by
    owners = evidence_sql.units_of(shape, units)
    read, people = reading.read(engine, shape, lines, views=views, units=owners)
    found = measured.measure(shape, lines, read, units=owners, largest=max(2, rules.safe_nk_n))
    return Evidence(
        columns=tuple(names[: len(shape.outputs)]),
        numbers=tuple(output is not None for output in shape.outputs),
        labels=shape.label_groups(),
        lines=tuple(line.shown for line in lines),
        table=Table(
            dimensions=tuple(f"group {n}" for n in range(1, len(shape.groups) + 1)),
            measures=tuple(one.measure for one in found.numbers),
            cells=tuple(_cell(line, found, n) for n, line in enumerate(lines)),
        ),
        population=_population(read, people, found),
        views=tuple(source.view for source in shape.sources),
        dropped=frozenset(n for n, line in enumerate(lines) if not line.kept),
        items=tuple(shape.node["select_list"]),
        groups=shape.groups,
    )


def _refuse_fine_groups(lines: Sequence[Line]) -> None:
    """Refuse measured amounts and moments as groups: each would print a single person's own."""
    for line in lines:
        if any(
            isinstance(value, float | Decimal | datetime.datetime | list | dict)
            for value in line.groups
        ):
            raise OutputRefused(
                "The table is grouped by amounts or moments, which are values of single persons.",
                hint="Group them into bands first, for example with CASE or round to thousands "
                "cast to INTEGER.",
            )


def _refuse_repeats(lines: Sequence[Line]) -> None:
    if len({(line.level, line.key) for line in lines}) < len(lines):
        raise OutputRefused("The query answers with the same group twice.")


def _cell(line: Line, found: measured.Measured, number: int) -> Cell:
    who = {one.name: one.who[number] for one in found.checks}
    return Cell(
        mark=line.mark,
        level=line.level,
        key=line.key,
        persons=int(found.persons[number]),
        values={one.measure.name: float(one.values[number]) for one in found.numbers},
        contributors=who if line.kept else who | {"dropped:": Contributors(0)},
    )


def _population(read: Read, people: reading.People, found: measured.Measured) -> Population:
    cells, rows = _members(read, None)
    parts: list[Part] = []
    for number, inside in enumerate(found.subsets):
        persons, hashes = _members(read, inside)
        marks = read.marks_of(inside)
        for owner, (who, what) in enumerate(zip(persons, hashes, strict=True)):
            if len(who):
                level = -1 - number * len(read.lines) - int(read.place[owner])
                parts.append(Part(owner, level, marks[owner], who, what))
    first = np.frombuffer(people.pseudonyms, dtype=">u8")[::2].astype(np.uint64)
    return Population(first, people.pseudonyms, cells, rows, tuple(parts))


def _members(
    read: Read, inside: npt.NDArray[np.bool_] | None
) -> tuple[tuple[Members, ...], tuple[RowHashes, ...]]:
    """Return, per cell, its persons of any source and the sum of their rows' hashes (16 bits)."""
    none = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint16))
    marks = (read.marks if inside is None else np.where(inside, read.marks, 0)).astype(np.uint16)
    parts: list[list[tuple[Members, RowHashes]]] = [[] for _ in range(read.cells)]
    for source in range(len(read.owners)):
        groupings = read.pairs(source)
        summed = side_by_side(lambda one: one.sums(marks).astype(np.uint16), groupings)
        for pairs, hashes in zip(groupings, summed, strict=True):
            owners, kept = pairs.owner.astype(np.int64), None
            if inside is not None:
                kept = pairs.sums(inside.astype(np.int64)) > 0
            stretches = pairwise([*pairs.starts, len(owners)])
            for cell, (start, end) in zip(pairs.which, stretches, strict=True):
                who, what = owners[start:end], hashes[start:end]
                if kept is not None:
                    who, what = who[kept[start:end]], what[kept[start:end]]
                parts[cell].append((who, what))
    joined = [_together(each) if len(each) > 1 else (each or [none])[0] for each in parts]
    return tuple(who for who, _ in joined), tuple(what for _, what in joined)


def _together(parts: Sequence[tuple[Members, RowHashes]]) -> tuple[Members, RowHashes]:
    """Return a group's persons once each, with the rows they have by any source added up."""
    who = np.concatenate([one for one, _ in parts])
    members, place = np.unique(who, return_inverse=True)
    sums = np.zeros(len(members), dtype=np.uint16)
    np.add.at(sums, place, np.concatenate([one for _, one in parts]))
    return members, sums


def check_equal(sheet: Sheet, evidence: Evidence) -> None:
    """Raise `OutputRefused` unless the submitted table is exactly what its query answers."""
    answered = [line for n, line in enumerate(evidence.lines) if n not in evidence.dropped]
    equality.compare(sheet, evidence.columns, answered)
