"""What is made comparable, and what is no evidence."""

from __future__ import annotations

import duckdb
import pytest

from linkage import prepare


@pytest.fixture
def clean() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(prepare._MACROS)
    return connection


def said(clean: duckdb.DuckDBPyConnection, field: str, written: str | None) -> str | None:
    [(found,)] = clean.execute(f"SELECT clean_{field}($1::VARCHAR)", [written]).fetchall()
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("field", "written", "expected"),
    [
        ("ssn", "316-39-0889", "316390889"),
        ("ssn", "316 39 0889", "316390889"),
        ("ssn", "316-39-088", None),
        ("ssn", "31a-39-0889", None),
        ("ssn", "000-39-0889", None),
        ("ssn", "316-00-0889", None),
        ("ssn", "316-39-0000", None),
        ("ssn", "111-11-1111", None),
        ("ssn", "999-99-9999", None),
        ("ssn", None, None),
        ("first_name", " José-María ", "JOSEMARIA"),
        ("first_name", "--", None),
        ("middle_initial", "quentin", "Q"),
        ("last_name", "Alonso  Tellez", "ALONSO TELLEZ"),
        ("birth_date", "02/29/2020", "20200229"),
        ("birth_date", "2020-02-29", "20200229"),
        ("birth_date", "20200229", "20200229"),
        ("birth_date", "02292020", "20200229"),
        ("birth_date", "12041918", "19181204"),
        ("birth_date", "02/30/2020", None),
        ("birth_date", "n/a", None),
        ("street_number", "12-b", "12B"),
        ("street_name", "N. Main  St.", "N MAIN ST"),
        ("unit_number", "#4", "4"),
        ("zipcode", "06105-1234", "06105"),
    ],
)
def test_a_written_field_is_cleaned_or_dropped(
    clean: duckdb.DuckDBPyConnection, field: str, written: str | None, expected: str | None
) -> None:
    assert said(clean, field, written) == expected


def record(connection: duckdb.DuckDBPyConnection, *rows: tuple[str, ...]) -> None:
    names = ", ".join(f"{name} VARCHAR" for name in prepare.IDENTITY)
    connection.execute(f"CREATE TABLE record (dataset VARCHAR, source_key VARCHAR, {names})")
    for number, row in enumerate(rows):
        given = dict(zip(("dataset", "ssn", "first_name", "last_name"), row, strict=True))
        values = [given.get("dataset"), str(number), *map(given.get, prepare.IDENTITY)]
        marks = ", ".join("?" * len(values))
        connection.execute(f"INSERT INTO record VALUES ({marks})", values)


def test_equal_identities_of_one_dataset_become_one_node_only_where_they_say_enough() -> None:
    connection = duckdb.connect()
    same, short = ("pay", "316390889", "ADA", "HOLM"), ("pay", "", "BO", "HOLM")
    record(connection, same, same, ("school", *same[1:]), short, short)
    connection.execute("UPDATE record SET ssn = nullif(ssn, '')")
    assert prepare.make_nodes(connection) == 4, "two BO HOLMs may be two persons"


def test_a_value_that_a_crowd_shares_puts_nobody_side_by_side() -> None:
    connection = duckdb.connect()
    crowd = [("pay", "316390889", f"N{n}", "X") for n in range(prepare.BLOCK_CAP + 1)]
    record(connection, *crowd, ("pay", "416390889", "ADA", "HOLM"))
    prepare.make_nodes(connection)
    [(crowded,), (other,)] = connection.execute(
        "SELECT count(block_ssn) FROM node GROUP BY ssn ORDER BY ssn"
    ).fetchall()
    assert (crowded, other) == (0, 1)
