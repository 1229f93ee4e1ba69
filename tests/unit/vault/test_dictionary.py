"""What a delivered file must be, and what its agency is told if it is not (R12, R14)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from enclave.vault.dictionary import ARROW, Finding, Refused, check
from tests.support.datasets import HEADER, ROWS, csv, small_dataset

DATASET = small_dataset()


def findings(path: Path) -> dict[str, tuple[int, ...]]:
    with pytest.raises(Refused) as refused:
        check(path, DATASET)
    return {each.rule: each.rows for each in refused.value.findings}


def row(place: int, old: str, new: str) -> tuple[str, ...]:
    rows = list(ROWS)
    assert old in rows[place - 1]
    rows[place - 1] = rows[place - 1].replace(old, new)
    return tuple(rows)


def test_a_file_that_fits_is_taken_in_the_dictionarys_types(tmp_path: Path) -> None:
    table = check(csv(tmp_path / "f.csv"), DATASET)
    assert table.schema.types == [ARROW[field.type] for field in DATASET.fields]
    assert table.to_pylist()[0] == {
        "record_id": "D-1",
        "ssn": "316-39-0889",
        "last_name": "Curtis",
        "year": 2020,
        "wage": Decimal("1500.50"),
        "started": date(2020, 1, 31),
        "covered": True,
        "industry": "62",
    }
    assert table["ssn"].null_count == 1, "an empty cell is no value, not an empty text"


def test_columns_may_stand_in_another_order(tmp_path: Path) -> None:
    names = HEADER.split(",")
    turned = [",".join(reversed(line.split(","))) for line in ROWS]
    path = csv(tmp_path / "f.csv", *turned, header=",".join(reversed(names)))
    assert check(path, DATASET).equals(check(csv(tmp_path / "g.csv"), DATASET))


def test_parquet_is_taken_like_csv(tmp_path: Path) -> None:
    table = check(csv(tmp_path / "f.csv"), DATASET)
    pq.write_table(table, tmp_path / "f.parquet")
    assert check(tmp_path / "f.parquet", DATASET).equals(table)


@pytest.mark.parametrize(
    ("place", "old", "new", "rule"),
    [
        (2, "2021", "", "required"),
        (1, "2020,", "20x0,", "type"),
        (2, "2021", "2021.0", "type"),
        (1, "1500.50", "1500.505", "type"),
        (3, "-3.10", "NaN", "type"),
        (1, "1500.50", "1e3", "type"),
        (2, "2020-02-29", "2021-02-29", "type"),
        (1, "2020-01-31", "31.01.2020", "type"),
        (1, "2020-01-31", "2020-13-31", "type"),
        (1, "true", "yes", "type"),
        (2, "44", "45", "code"),
    ],
)
def test_a_wrong_value_is_refused_naming_its_row(
    tmp_path: Path, place: int, old: str, new: str, rule: str
) -> None:
    assert findings(csv(tmp_path / "f.csv", *row(place, old, new))) == {rule: (place,)}


def test_a_key_that_stands_twice_names_every_row_it_stands_in(tmp_path: Path) -> None:
    path = csv(tmp_path / "f.csv", *ROWS, ROWS[1])
    assert findings(path) == {"duplicate-key": (2, 4)}


@pytest.mark.parametrize(
    ("header", "rule"),
    [
        (HEADER.replace("wage", "pay"), {"missing-column", "unknown-column"}),
        (HEADER + ",extra", {"columns"}),
        (HEADER.replace("wage", "year"), {"missing-column", "double-column"}),
    ],
)
def test_the_columns_must_be_the_dictionarys(tmp_path: Path, header: str, rule: set[str]) -> None:
    assert set(findings(csv(tmp_path / "f.csv", header=header))) == rule


def test_a_ragged_row_is_named(tmp_path: Path) -> None:
    assert findings(csv(tmp_path / "f.csv", ROWS[0], "D-2,1", ROWS[2])) == {"columns": (2,)}


def bad_encoding(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace("Á".encode(), b"\xc1"))


def cut_in_a_field(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2])


def cut_before_a_value(path: Path) -> None:
    """What is left fits the dictionary: only the missing line end tells."""
    csv(path, *reversed(ROWS))
    path.write_bytes(path.read_bytes()[: -len("62\n")])


def cut_in_a_row(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: -len(ROWS[2]) // 2])


@pytest.mark.parametrize(
    ("harm", "rule"),
    [
        (bad_encoding, {"encoding": (3,)}),
        (cut_in_a_field, {"truncated": ()}),
        (cut_in_a_row, {"truncated": ()}),
        (cut_before_a_value, {"truncated": ()}),
        (lambda path: path.write_bytes(b""), {"empty": ()}),
        (lambda path: path.write_text(HEADER + "\n"), {"empty": ()}),
        (lambda path: path.write_text("\n"), {"unreadable": ()}),
        (lambda path: path.write_bytes(b"PAR1 and no more"), {"unreadable": ()}),
        (lambda path: path.write_text(HEADER + '\n"D-1,never closed\n'), {"columns": (1,)}),
        (lambda path: path.write_bytes((HEADER + "\nD-1\0,,,,,,,\n").encode()), {"encoding": (1,)}),
    ],
)
def test_a_file_damaged_on_its_way_is_refused_whole(
    tmp_path: Path, harm: Callable[[Path], None], rule: dict[str, tuple[int, ...]]
) -> None:
    path = csv(tmp_path / "f.csv")
    harm(path)
    assert findings(path) == rule


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_parquet_file_cut_off_is_refused(tmp_path: Path, share: float) -> None:
    whole = tmp_path / "f.parquet"
    pq.write_table(check(csv(tmp_path / "f.csv"), DATASET), whole)
    body = whole.read_bytes()
    whole.write_bytes(body[: int(len(body) * share)])
    assert findings(whole) == {"unreadable": ()}


def test_a_parquet_column_that_is_no_value_is_refused(tmp_path: Path) -> None:
    table = check(csv(tmp_path / "f.csv"), DATASET)
    nested = pa.array([{"a": 1}] * 3)
    path = tmp_path / "f.parquet"
    pq.write_table(table.set_column(3, "year", nested), path)
    assert findings(path) == {"type": ()}


def test_a_report_names_a_few_rows_and_counts_the_rest() -> None:
    sentence = Finding("type", "year must be a whole number", tuple(range(1, 21))).explain()
    assert sentence == ("year must be a whole number: rows 1, 2, 3, 4, 5, 6, 7, 8 and 12 more.")
    assert Finding("type", "It", (4,)).explain() == "It: row 4."
