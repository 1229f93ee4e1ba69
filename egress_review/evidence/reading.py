"""Takes the two answers of `evidence_sql` apart: the lines of a table, and the rows behind them.

Every row belongs to one line of each grouping; a row that belongs to none means that the query
answers differently each time, and is refused.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from egress_review.errors import OutputRefused
from egress_review.evidence import evidence_sql
from egress_review.evidence.aggregates import Base, Of, Views
from egress_review.evidence.evidence_sql import Unit
from egress_review.evidence.lineage_sql import Shape
from egress_review.evidence.standing import THREADS, Ints, Read
from egress_review.render import show
from egress_review.sdc.tables import Level, Mark

MOST_AT_ONCE = 5_000_000  # rows taken one by one; more are added up by person and group first
UUID_CHARACTERS = 36
_DIGITS = (slice(0, 8), slice(9, 13), slice(14, 18), slice(19, 23), slice(24, UUID_CHARACTERS))
_DASHES = (8, 13, 18, 23)
MOST_CODES = 4_000_000  # combinations of labels that are looked up in a table of all


Coded = tuple[npt.NDArray[np.int32], list[Any]]  # a number per row, -1 for NULL, and their values
NO_PSEUDONYM = "The extract names a person otherwise than by a pseudonym."


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an answer taken apart: the query's own columns, and what was asked beside them.

    `groups` are the values it is grouped by, `key` the same as text that tells NULL from any value,
    `level` the dimensions it is broken down by (those GROUPING() calls 0). `rows` were read for it;
    `mark` identifies them: their number and the sum of their hashes. `kept` is what a HAVING says.
    `numbers` has, per base, its value, and of a sum two facts more.
    """

    shown: tuple[Any, ...]
    groups: tuple[Any, ...]
    key: tuple[str, ...]
    level: Level
    rows: int
    mark: Mark
    kept: bool
    numbers: Mapping[Base, tuple[Any, ...]]

    def order(self) -> tuple[tuple[bool, bool, str], ...]:
        """Sort by labels, totals after what they total; never by a number of people."""
        return tuple(
            (
                place not in self.level,
                value is None,
                show(value).rjust(20) if isinstance(value, int) else show(value),
            )
            for place, value in enumerate(self.groups)
        )


def take_apart(shape: Shape, answer: Sequence[tuple[Any, ...]]) -> list[Line]:
    """Return the lines of what `evidence_sql.answer` asked, in an order that tells of nobody."""
    groups, width = len(shape.groups), len(shape.outputs)
    at, place = {}, width + 2 * groups + 3
    for base in evidence_sql.valued(shape):
        at[base] = slice(place, place + evidence_sql.width(base))
        place = at[base].stop
    lines = []
    for each in answer:
        values, bits = each[width : width + groups], each[width + groups : width + 2 * groups]
        rows, hashes, kept = each[width + 2 * groups : width + 2 * groups + 3]
        lines.append(
            Line(
                shown=each[:width],
                groups=values,
                key=tuple(_label(value) for value in values),
                level=frozenset(place for place, bit in enumerate(bits) if not bit),
                rows=int(rows),
                mark=(int(rows), int(hashes or 0)),
                kept=bool(kept),
                numbers={base: each[where] for base, where in at.items()},
            )
        )
    return sorted(lines, key=Line.order)


def _label(value: object) -> str:
    return "NULL" if value is None else "=" + show(value)


@dataclass(frozen=True, slots=True)
class People:
    """Everyone read, 16 bytes each, sorted; a person's place is the place in it."""

    pseudonyms: bytes


def read(
    engine: duckdb.DuckDBPyConnection,
    shape: Shape,
    lines: Sequence[Line],
    *,
    views: Views,
    units: tuple[Unit, ...],
) -> tuple[Read, People]:
    """Return the rows behind the lines, and who they belong to. Raises `OutputRefused`."""
    levels = sorted({line.level for line in lines}, key=sorted)
    place = np.array([levels.index(line.level) for line in lines], dtype=np.int64)
    total = max((line.rows for line in lines), default=0)
    if levels and frozenset() not in levels:
        total = sum(line.rows for n, line in enumerate(lines) if place[n] == 0)
    folded = total > MOST_AT_ONCE
    if folded and any(base.of in (Of.POSITION, Of.MODE) for base in shape.bases):
        raise OutputRefused(
            f"Percentiles and modes of more than {MOST_AT_ONCE:,} rows cannot be recomputed.",
            hint="Select fewer rows in WHERE.",
        )
    sql = evidence_sql.rows(shape, views, units, folded=folded)
    table = engine.sql(sql).to_arrow_table()
    with ThreadPoolExecutor(THREADS) as pool:
        persons = pool.submit(_people, [table[f"p{n}"] for n in range(len(shape.sources))])
        groups = tuple(pool.map(_codes, [table[f"g{n}"] for n in range(len(shape.groups))]))
        reached = pool.map(lambda level: _lines(lines, groups, level, table.num_rows), levels)
        places = tuple(reached)
        owners, people, ordered = persons.result()
    named = [_codes(table[f"u{n}"])[0] for n in range(len(units))]
    count = table["n"].to_numpy().astype(np.int64)
    return Read(
        lines=places,
        owners=owners,
        count=count,
        marks=table["mark"].to_numpy().astype(np.uint64),
        amounts=tuple(
            _amounts(table[f"a{n}"]) if evidence_sql.is_given(base) else count
            for n, base in enumerate(shape.bases)
        ),
        units=tuple(named),
        place=place,
        ordered=ordered,
    ), people


def _amounts(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """Return numbers, with NaN for NULL where there can be one; hashes as they are."""
    if pa.types.is_uint64(column.type):
        return np.asarray(column.fill_null(0).to_numpy())
    return np.asarray(column.to_numpy().astype(np.float64, copy=False))


def _codes(column: pa.ChunkedArray) -> Coded:
    """Return a number per row (-1 for NULL), and the value each stands for."""
    whole = _whole(column)
    coded = whole if pa.types.is_dictionary(whole.type) else whole.dictionary_encode()
    numbers = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return numbers.astype(np.int32, copy=False), coded.dictionary.to_pylist()


def _whole(column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], whole.type)
    return whole


def _people(
    columns: Sequence[pa.ChunkedArray],
) -> tuple[tuple[npt.NDArray[np.int32], ...], People, bool]:
    """Return, per source, each row's person as a place (-1: none), and whether they never descend.

    Raises `OutputRefused` for whoever is not named by a pseudonym.
    """
    runs, numbers, present = zip(*(_runs(column) for column in columns), strict=True)
    every = np.concatenate(runs)
    high, low = every[:, 0].astype(np.uint64), every[:, 1].astype(np.uint64)
    follows = (high[1:] > high[:-1]) | ((high[1:] == high[:-1]) & (low[1:] > low[:-1]))
    ordered = len(runs) == 1 and bool(follows.all() and present[0].all())
    places = np.arange(len(every), dtype=np.int32)
    if not ordered:
        order = np.lexsort((low, high))
        high, low = high[order], low[order]
        new = np.ones(len(high), dtype=np.bool_)
        new[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
        places[order] = np.cumsum(new, dtype=np.int32) - 1
        high, low = high[new], low[new]
    owners, start = [], 0
    for run, number, there in zip(runs, numbers, present, strict=True):
        mine = np.full(len(there), -1, dtype=np.int32)
        mine[there] = places[start : start + len(run)][number]
        owners.append(mine)
        start += len(run)
    return tuple(owners), People(np.stack([high, low], axis=1).astype(">u8").tobytes()), ordered


def _runs(
    column: pa.ChunkedArray,
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int32], npt.NDArray[np.bool_]]:
    """Return a pseudonym per run of equal ones in a column of UUIDs as text, and whose each row is.

    The run of each row that has a pseudonym, and which rows have one. Rows stand in order of
    persons, so that far fewer texts have to be taken apart than there are rows.
    """
    there = column.is_valid().to_numpy() if len(column) else np.zeros(0, dtype=np.bool_)
    whole = _whole(column.drop_null() if column.null_count else column)
    text = _text(whole) if len(whole) else np.zeros(0, dtype=np.uint8)
    words = text.view(np.uint32).reshape(-1, UUID_CHARACTERS // 4)
    new = np.zeros(len(words), dtype=np.bool_)
    new[:1] = True
    for word in words.T:  # column by column: many times as fast as whole rows
        new[1:] |= word[1:] != word[:-1]
    number = np.cumsum(new, dtype=np.int32) - 1
    return _pseudonyms(words[new].view(np.uint8)), number, np.asarray(there, np.bool_)


def _pseudonyms(texts: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
    """Return two halves of each pseudonym from the characters of UUIDs, one a row."""
    digits = np.concatenate([texts[:, part] for part in _DIGITS], axis=1)
    try:
        plain = binascii.unhexlify(digits.data)
    except binascii.Error:
        raise OutputRefused(NO_PSEUDONYM) from None
    if (texts[:, _DASHES] != ord("-")).any():
        raise OutputRefused(NO_PSEUDONYM)
    return np.frombuffer(plain, dtype=">u8").reshape(-1, 2)


def _text(column: pa.StringArray) -> npt.NDArray[np.uint8]:
    """Return the characters of a text column, one after the other, if all are as long as a UUID."""
    ends = np.frombuffer(column.buffers()[1], dtype=np.int32)[column.offset :][: len(column) + 1]
    if (np.diff(ends) != UUID_CHARACTERS).any():
        raise OutputRefused(NO_PSEUDONYM)
    return np.frombuffer(column.buffers()[2], dtype=np.uint8)[int(ends[0]) : int(ends[-1])]


def _lines(
    lines: Sequence[Line], groups: Sequence[Coded], level: Level, count: int
) -> npt.NDArray[np.uint16]:
    """Return, per row, which line of one grouping it belongs to, led there label by label."""
    begun = {n: 0 for n, line in enumerate(lines) if line.level == level}
    places = np.zeros(count, dtype=np.int64)
    for dimension in sorted(level):
        steps = {n: (place, lines[n].key[dimension]) for n, place in begun.items()}
        after = {step: place for place, step in enumerate(dict.fromkeys(steps.values()))}
        places = _led(places, groups[dimension], after)
        begun = {n: after[step] for n, step in steps.items()}
    return np.array(list(begun), dtype=np.uint16)[places]


def _led(places: Ints, group: Coded, after: Mapping[tuple[int, str], int]) -> Ints:
    """Return where each row's place so far and its next label lead. Raises `OutputRefused`."""
    numbers, values = group
    codes: dict[str, list[int]] = {}
    for code, label in enumerate(["NULL", *(_label(value) for value in values)]):
        codes.setdefault(label, []).append(code)
    width = len(values) + 1
    known = [
        (place * width + code, end)
        for (place, label), end in after.items()
        for code in codes.get(label, ())
    ]
    steps, ends = np.array(known, dtype=np.int64).reshape(-1, 2).T
    taken = places * width + (numbers + 1)
    bound = (1 + max(place for place, _ in after)) * width
    if bound > MOST_CODES:
        order = np.argsort(steps)
        at = np.searchsorted(steps[order], taken)
        table, ends = np.append(steps[order], -1), np.append(ends[order], -1)
        found = np.where(table[at] == taken, ends[at], -1)
    else:
        table = np.full(bound, -1, dtype=np.int64)
        table[steps] = ends
        found = table[taken]
    if found.min(initial=0) < 0:
        raise OutputRefused("The query answers differently each time it is run.")
    return found
