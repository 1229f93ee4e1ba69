"""A delivered file against its data dictionary: taken whole, or refused whole with reasons.

For telling an agency which rows and columns to mend. A finding names rules, rows and columns of the
dictionary, never a value and never a column name the file invented: a file that lost its header
has a person's data where the names should stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv
import pyarrow.parquet as pq

from enclave.errors import Invalid
from enclave.model import Dataset, Field, FieldType

# Decimals hold money and rates: 16 digits before the point, 2 after; sums over them are exact.
ARROW: Mapping[FieldType, pa.DataType] = {
    FieldType.STRING: pa.string(),
    FieldType.INTEGER: pa.int64(),
    FieldType.DECIMAL: pa.decimal128(18, 2),
    FieldType.DATE: pa.date32(),
    FieldType.BOOLEAN: pa.bool_(),
}
_WRITTEN: Mapping[FieldType, tuple[str, str]] = {
    FieldType.INTEGER: (r"^-?[0-9]{1,18}$", "a whole number"),
    FieldType.DECIMAL: (r"^-?[0-9]{1,16}(\.[0-9]{1,2})?$", "a number with at most two decimals"),
    FieldType.DATE: (r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "a date written YYYY-MM-DD"),
    FieldType.BOOLEAN: (r"^(true|false)$", "true or false"),
}
ROWS_NAMED = 8
_MEND = "Mend the file and deliver it again; nothing of it was stored."


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason to refuse: the rule, the dictionary's columns, the rows (1 is the first)."""

    rule: str
    sentence: str
    rows: tuple[int, ...] = ()

    def explain(self) -> str:
        """Return the sentence with the first rows it is about."""
        if not self.rows:
            return f"{self.sentence}."
        named = ", ".join(map(str, self.rows[:ROWS_NAMED]))
        more = len(self.rows) - ROWS_NAMED
        noun = "row" if len(self.rows) == 1 else "rows"
        return f"{self.sentence}: {noun} {named}{f' and {more:,} more' if more > 0 else ''}."


class Refused(Invalid):
    """A delivery does not fit its dictionary; `findings` say where."""

    code = "delivery.refused"

    def __init__(self, findings: tuple[Finding, ...]):
        super().__init__(" ".join(each.explain() for each in findings), hint=_MEND)
        self.findings = findings


def check(path: Path, dataset: Dataset) -> pa.Table:
    """Return the file's rows in the dictionary's columns and types (`ARROW`).

    Raises Refused with every finding of the first stage that has any: readable, columns, values,
    key.
    """
    written = _read_parquet(path) if _is_parquet(path) else _read_csv(path)
    _refuse(_columns(written.schema.names, dataset))
    _refuse(iter(() if written.num_rows else [Finding("empty", "The file has no rows")]))
    written = _as_text(written.select([field.name for field in dataset.fields]))
    _refuse(_values(written, dataset))
    table = pa.table(
        {field.name: _typed(written[field.name], field.type) for field in dataset.fields}
    )
    _refuse(_duplicates(table, dataset))
    return table


def _refuse(found: Iterator[Finding]) -> None:
    findings = tuple(found)
    if findings:
        raise Refused(findings)


# Reading ----------------------------------------------------------------------------------------


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return path.suffix == ".parquet" or file.read(4) == b"PAR1"


def _read_parquet(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except (pa.ArrowException, OSError):
        raise _unreadable("a whole Parquet file") from None


def _read_csv(path: Path) -> pa.Table:
    _check_bytes(path)
    ragged: list[int] = []
    names = _header(path)

    def note(row: Any) -> str:
        ragged.append(row.number - 1)  # the header is row 1 to the reader
        return "skip"

    try:
        table = pv.read_csv(
            path,
            read_options=pv.ReadOptions(use_threads=False),  # else rows have no numbers
            parse_options=pv.ParseOptions(newlines_in_values=True, invalid_row_handler=note),
            convert_options=pv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowException:
        raise _unreadable("a CSV file with a header") from None
    if ragged:
        raise Refused((Finding("columns", "Rows have too many or too few columns", tuple(ragged)),))
    return table


def _header(path: Path) -> list[str]:
    try:
        with pv.open_csv(path, parse_options=pv.ParseOptions(invalid_row_handler=_skip)) as reader:
            names: list[str] = reader.schema.names
            return names
    except pa.ArrowException:
        raise _unreadable("a CSV file with a header") from None


def _skip(_row: Any) -> str:
    return "skip"


def _check_bytes(path: Path) -> None:
    """Refuse a CSV that is empty, not UTF-8, or does not end where a line ends."""
    bad, last = [], b""
    with path.open("rb") as file:
        for number, line in enumerate(file):
            last = line
            if not _is_text(line):
                bad.append(number)
    if not last:
        raise Refused((Finding("empty", "The file is empty"),))
    if bad:
        raise Refused((Finding("encoding", "The text is not UTF-8", tuple(bad)),))
    if not last.endswith(b"\n"):
        raise Refused((Finding("truncated", "The last line is cut off: it has no line end"),))


def _is_text(line: bytes) -> bool:
    try:
        return "\0" not in line.decode()
    except UnicodeDecodeError:
        return False


def _unreadable(what: str) -> Refused:
    return Refused((Finding("unreadable", f"The file is not {what}, or was cut off"),))


# Checking ---------------------------------------------------------------------------------------


def _columns(names: list[str], dataset: Dataset) -> Iterator[Finding]:
    known = {field.name for field in dataset.fields}
    missing = [field.name for field in dataset.fields if field.name not in names]
    foreign = [place for place, name in enumerate(names, start=1) if name not in known]
    twice = sorted({name for name in names if name in known and names.count(name) > 1})
    if missing:
        yield Finding("missing-column", f"Columns are missing: {', '.join(missing)}")
    if foreign:
        places = ", ".join(map(str, foreign))
        yield Finding("unknown-column", f"Columns the dictionary does not know, by place: {places}")
    if twice:
        yield Finding("double-column", f"Columns stand twice: {', '.join(twice)}")


def _values(table: pa.Table, dataset: Dataset) -> Iterator[Finding]:
    for field in dataset.fields:
        column = table[field.name]
        for rule, sentence, bad in _rules(field):
            rows = _rows_where(bad(column))
            if rows:
                yield Finding(rule, f"{field.name} {sentence}", rows)


def _rules(field: Field) -> Iterator[tuple[str, str, Callable[[pa.ChunkedArray], Any]]]:
    if field.required:
        yield "required", "must not be empty", pc.is_null
    if field.type in _WRITTEN:
        _, words = _WRITTEN[field.type]
        yield "type", f"must be {words}", lambda column: _mistyped(column, field.type)
    if field.codes:
        codes = pa.array(field.codes)
        yield (
            "code",
            "must be a code of its list",
            lambda column: pc.and_(pc.is_valid(column), pc.invert(pc.is_in(column, codes))),
        )


def _mistyped(column: pa.ChunkedArray, type: FieldType) -> Any:
    bad = pc.invert(pc.match_substring_regex(column, _WRITTEN[type][0]))
    if type is FieldType.DATE:
        parsed = pc.strptime(column, format="%Y-%m-%d", unit="s", error_is_null=True)
        # strptime takes 30 February for 1 March: only a date that writes itself back is one.
        same = pc.equal(pc.strftime(parsed, format="%Y-%m-%d"), column)
        bad = pc.or_(bad, pc.invert(pc.fill_null(same, fill_value=False)))
    return pc.and_(pc.is_valid(column), bad)


def _rows_where(bad: Any) -> tuple[int, ...]:
    return tuple(place + 1 for place in pc.indices_nonzero(bad).to_pylist())


def _duplicates(table: pa.Table, dataset: Dataset) -> Iterator[Finding]:
    key = list(dataset.key)
    numbered = table.select(key).append_column("\0row", pa.array(range(1, table.num_rows + 1)))
    groups = numbered.group_by(key).aggregate([("\0row", "count"), ("\0row", "list")])
    again = groups.filter(pc.greater(groups["\0row_count"], 1))["\0row_list"].to_pylist()
    if again:
        rows = tuple(sorted(row for group in again for row in group))
        yield Finding("duplicate-key", f"The key ({', '.join(key)}) stands more than once", rows)


# Typing -----------------------------------------------------------------------------------------


def _as_text(table: pa.Table) -> pa.Table:
    """Return every column as text, as a CSV would have had it; Parquet's own types end here."""
    columns, findings = {}, []
    for name in table.schema.names:
        try:
            columns[name] = table[name].cast(pa.string())
        except pa.ArrowException:
            findings.append(Finding("type", f"{name} has a type that cannot be written as text"))
    _refuse(iter(findings))
    return pa.table(columns)


def _typed(column: pa.ChunkedArray, type: FieldType) -> pa.ChunkedArray:
    if type is FieldType.DATE:
        column = pc.strptime(column, format="%Y-%m-%d", unit="s")
    return column.cast(ARROW[type])
