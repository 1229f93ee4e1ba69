"""Takes the two answers of `evidence_sql` apart: the lines of a table, and the rows behind them.

Every row belongs to one line of each grouping; a row that belongs to none means that the query
answers differently each time, and is refused.
"""

from __future__ import annotations

import binascii
from collections.abc import Sequence
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
from egress_review.evidence.standing import Ints, Read
from egress_review.render import show
from egress_review.sdc.tables import Level, Mark
from enclave.vault.pseudonym import ID_BYTES

Line = tuple[Any, ...]
MOST_AT_ONCE = 5_000_000  # rows taken one by one; more are added up by person and group first
UUID_CHARACTERS = 36
MOST_CODES = 4_000_000  # combinations of labels that are looked up in a table of all


class Plan:
    """Says where in a line of `evidence_sql.answer` what stands."""

    def __init__(self, shape: Shape):
        self.shape = shape
        groups, width = len(shape.groups), len(shape.outputs)
        self._groups = slice(width, width + groups)
        self._bits = slice(width + groups, width + 2 * groups)
        self._rows = width + 2 * groups
        self._at: dict[Base, slice] = {}
        place = self._rows + 3
        self.valued = frozenset(evidence_sql.valued(shape))
        for base in evidence_sql.valued(shape):
            self._at[base] = slice(place, place + evidence_sql.width(base))
            place = self._at[base].stop

    def groups(self, line: Line) -> Line:
        """Return the values a line is grouped by."""
        return line[self._groups]

    def key(self, line: Line) -> tuple[str, ...]:
        """Return them as text that tells NULL from any value."""
        return tuple(_label(value) for value in self.groups(line))

    def level(self, line: Line) -> Level:
        """Return the dimensions a line is broken down by: those GROUPING() calls 0."""
        return frozenset(place for place, bit in enumerate(line[self._bits]) if not bit)

    def rows(self, line: Line) -> int:
        """Return how many rows were read for a line."""
        return int(line[self._rows])

    def mark(self, line: Line) -> Mark:
        """Return what identifies the rows of a line: their number and the sum of their hashes."""
        return self.rows(line), int(line[self._rows + 1] or 0)

    def kept(self, line: Line) -> bool:
        """Say whether the query's HAVING keeps a line."""
        return bool(line[self._rows + 2])

    def numbers(self, base: Base, line: Line) -> Line:
        """Return what was asked of a base: its value, and of a sum two facts more."""
        return line[self._at[base]]

    def order(self, line: Line) -> tuple[tuple[bool, bool, str], ...]:
        """Sort by labels, totals after what they total; never by a number of people."""
        return tuple(
            (
                bool(bit),
                value is None,
                show(value).rjust(20) if isinstance(value, int) else show(value),
            )
            for value, bit in zip(self.groups(line), line[self._bits], strict=True)
        )


def _label(value: object) -> str:
    return "NULL" if value is None else "=" + show(value)


@dataclass(frozen=True, slots=True)
class People:
    """Everyone read, 16 bytes each, sorted; a person's place is the place in it."""

    pseudonyms: bytes


def read(
    engine: duckdb.DuckDBPyConnection,
    plan: Plan,
    lines: Sequence[Line],
    *,
    views: Views,
    units: tuple[Unit, ...],
) -> tuple[Read, People]:
    """Return the rows behind the lines, and who they belong to. Raises `OutputRefused`."""
    shape = plan.shape
    levels = sorted({plan.level(line) for line in lines}, key=sorted)
    place = np.array([levels.index(plan.level(line)) for line in lines], dtype=np.int64)
    total = max((plan.rows(line) for line in lines), default=0)
    if levels and frozenset() not in levels:
        total = sum(plan.rows(line) for n, line in enumerate(lines) if place[n] == 0)
    folded = total > MOST_AT_ONCE
    if folded and any(base.of in (Of.POSITION, Of.MODE) for base in shape.bases):
        raise OutputRefused(
            f"Percentiles and modes of more than {MOST_AT_ONCE:,} rows cannot be recomputed.",
            hint="Select fewer rows in WHERE.",
        )
    sql = evidence_sql.rows(shape, views, units, folded=folded)
    table = engine.sql(sql).to_arrow_table()
    owners, people, ordered = _people([table[f"p{n}"] for n in range(len(shape.sources))])
    groups = [_codes(table[f"g{n}"]) for n in range(len(shape.groups))]
    named = [_codes(table[f"u{n}"])[0] for n in range(len(units))]
    count = table["n"].to_numpy().astype(np.int64)
    return Read(
        lines=tuple(_lines(plan, lines, groups, level, table.num_rows) for level in levels),
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


def _codes(column: pa.ChunkedArray) -> tuple[Ints, list[Any]]:
    """Return a number per row (-1 for NULL), and the value each stands for."""
    whole = column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], whole.type)
    coded = whole if pa.types.is_dictionary(whole.type) else whole.dictionary_encode()
    numbers = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return numbers.astype(np.int64), coded.dictionary.to_pylist()


def _people(
    columns: Sequence[pa.ChunkedArray],
) -> tuple[tuple[npt.NDArray[np.int32], ...], People, bool]:
    """Return, per source, each row's person as a place (-1: none), and whether they never descend.

    Raises `OutputRefused` for whoever is not named by a pseudonym.
    """
    ids, present = zip(*(_bytes(column) for column in columns), strict=True)
    every = np.concatenate([one[there] for one, there in zip(ids, present, strict=True)])
    high, low = every[:, 0].astype(np.uint64), every[:, 1].astype(np.uint64)
    ordered = len(ids) == 1 and bool(
        np.all((high[1:] > high[:-1]) | ((high[1:] == high[:-1]) & (low[1:] >= low[:-1])))
    )
    order = slice(None) if ordered else np.lexsort((low, high))
    high, low = high[order], low[order]
    new = np.ones(len(high), dtype=bool)
    new[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    places = np.empty(len(high), dtype=np.int32)
    places[order] = np.cumsum(new, dtype=np.int32) - 1
    owners, start = [], 0
    for there in present:
        mine = np.full(len(there), -1, dtype=np.int32)
        count = int(there.sum())
        mine[there] = places[start : start + count]
        owners.append(mine)
        start += count
    everyone = People(np.stack([high[new], low[new]], axis=1).astype(">u8").tobytes())
    return tuple(owners), everyone, ordered and bool(present[0].all())


def _bytes(column: pa.ChunkedArray) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Return the pseudonyms in a column of UUIDs as text, and which rows have one.

    All at once: the text of a million of them is taken apart in a tenth of a second.
    """
    there = column.is_valid().to_numpy() if len(column) else np.zeros(0, dtype=np.bool_)
    chunks = column.drop_null().combine_chunks()
    whole = pa.concat_arrays(chunks.chunks) if isinstance(chunks, pa.ChunkedArray) else chunks
    text = b"".join(_text(chunk) for chunk in [whole] if len(chunk))
    try:
        plain = binascii.unhexlify(text.translate(None, b"-"))
    except binascii.Error:
        plain = b""
    if len(plain) != ID_BYTES * len(whole) or len(text) != UUID_CHARACTERS * len(whole):
        raise OutputRefused("The extract names a person otherwise than by a pseudonym.")
    return np.frombuffer(plain, dtype=">u8").reshape(-1, 2), np.asarray(there, dtype=np.bool_)


def _text(column: pa.StringArray) -> bytes:
    """Return the characters of a text column, one after the other."""
    ends = np.frombuffer(column.buffers()[1], dtype=np.int32)[column.offset :][: len(column) + 1]
    return bytes(column.buffers()[2][int(ends[0]) : int(ends[-1])])


def _lines(
    plan: Plan,
    lines: Sequence[Line],
    groups: Sequence[tuple[Ints, list[Any]]],
    level: Level,
    count: int,
) -> npt.NDArray[np.uint16]:
    """Return, per row, which line of one grouping it belongs to."""
    known = {plan.key(line): n for n, line in enumerate(lines) if plan.level(line) == level}
    dimensions = sorted(level)
    code, combinations = _combined([groups[d] for d in dimensions], count)
    table = np.full(len(combinations), -1, dtype=np.int64)
    for number, values in enumerate(combinations):
        key = ["NULL"] * len(groups)
        for dimension, value in zip(dimensions, values, strict=True):
            key[dimension] = _label(value)
        table[number] = known.get(tuple(key), -1)
    found = table[code]
    if found.min(initial=0) < 0:
        raise OutputRefused("The query answers differently each time it is run.")
    return found.astype(np.uint16)


def _combined(
    groups: Sequence[tuple[Ints, list[Any]]], count: int
) -> tuple[Ints, list[tuple[Any, ...]]]:
    """Return, per row, the number of its combination of values, and the combinations."""
    code = np.zeros(count, dtype=np.int64)
    combinations: list[tuple[Any, ...]] = [()]
    for numbers, values in groups:
        width = len(values) + 1
        code = code * width + (numbers + 1)
        present, code = _dense(code, len(combinations) * width)
        every = [None, *values]
        combinations = [(*combinations[c // width], every[c % width]) for c in present]
    return code, combinations


def _dense(code: Ints, bound: int) -> tuple[list[int], Ints]:
    """Return the codes that occur, and each row's place among them."""
    if bound > MOST_CODES:
        present, places = np.unique(code, return_inverse=True)
        return present.tolist(), places.astype(np.int64)
    there = np.bincount(code, minlength=bound) > 0
    places = np.cumsum(there) - 1
    return np.flatnonzero(there).tolist(), places[code]
