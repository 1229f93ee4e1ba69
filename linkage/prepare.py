"""Identifiers as agencies write them, made comparable: one row for each different identity.

For handing the model columns of one form each: digits, capitals, dates. Rows of one delivery that
give exactly the same identity become one node, since comparing them again and again teaches
nothing (measured: 17 times fewer pairs on wage records). Never changes what a delivery holds.
"""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from enclave.errors import Conflict
from enclave.model import Dataset, FieldKind
from enclave.settings import Settings
from enclave.store import DeliveryRow
from enclave.vault.deliveries import RECORD_KEY, read

BLOCK_CAP = 60  # records that may share a blocking key: above, the key says nothing about a person
IDENTITY = (
    "ssn",
    "first_name",
    "middle_initial",
    "last_name",
    "birth_date",
    "street_number",
    "street_name",
    "unit_number",
    "zipcode",
)

# How each written field becomes comparable: one macro a field, from text to text or NULL.
_MACROS = """
CREATE MACRO digits(x) AS regexp_replace(x, '[^0-9]', '', 'g');
CREATE MACRO letters(x) AS
    nullif(regexp_replace(upper(strip_accents(x)), '[^A-Z]', '', 'g'), '');
CREATE MACRO words(x) AS
    nullif(trim(regexp_replace(upper(strip_accents(x)), '[^A-Z0-9]+', ' ', 'g')), '');
CREATE MACRO code(x) AS nullif(regexp_replace(upper(x), '[^0-9A-Z]', '', 'g'), '');
-- Numbers that are never issued are no evidence (area 000 or 666, group 00, serial 0000).
CREATE MACRO clean_ssn(x) AS CASE
    WHEN length(digits(x)) = 9
        AND NOT regexp_matches(digits(x), '^(000|666|...00|.....0000|123456789|1{9}|9{9})')
    THEN digits(x) END;
CREATE MACRO clean_first_name(x) AS letters(x);
CREATE MACRO clean_middle_initial(x) AS left(letters(x), 1);
CREATE MACRO clean_last_name(x) AS words(x);
CREATE MACRO clean_birth_date(x) AS strftime(coalesce(
    try_strptime(x, '%m/%d/%Y'),
    try_strptime(x, '%Y-%m-%d'),
    CASE WHEN regexp_full_match(x, '(19|20)[0-9]{6}') THEN try_strptime(x, '%Y%m%d') END,
    CASE WHEN regexp_full_match(x, '[0-9]{8}') THEN try_strptime(x, '%m%d%Y') END
), '%Y%m%d');
CREATE MACRO clean_street_number(x) AS code(x);
CREATE MACRO clean_street_name(x) AS words(x);
CREATE MACRO clean_unit_number(x) AS code(x);
CREATE MACRO clean_zipcode(x) AS nullif(left(digits(x), 5), '');
"""

# A key of each kind can put two records side by side; a rule is the equality of one key.
_BLOCKS = {
    "block_ssn": "ssn",
    "block_birth_first": "birth_date || left(first_name, 3)",
    "block_birth_last": "birth_date || left(last_name, 3)",
    "block_name": "first_name || '|' || last_name",
    "block_last_home": "last_name || '|' || street_number || street_name",
    "block_first_home": "first_name || '|' || street_number || street_name",
    "block_birth_home": "birth_date || street_number",
}
BLOCKS = tuple(_BLOCKS)


def load_records(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    deliveries: Iterable[tuple[Dataset, DeliveryRow]],
) -> None:
    """Make the table `record`: dataset, delivery, record_key, source_key and clean identity.

    `source_key` is the SHA-256 of the agency's own key of the record. Raises Conflict if there is
    nothing to link.
    """
    connection.execute(_MACROS)
    parts: list[str] = []
    for number, (dataset, delivery) in enumerate(deliveries):
        table = read(settings, delivery, FieldKind.IDENTIFIER)
        connection.register(f"delivered_{number}", table)
        parts.append(_select(dataset, delivery, source=f"delivered_{number}"))
    if not parts:
        raise Conflict("There is nothing to link.", hint="Deliver datasets first.")
    connection.execute(f"CREATE TABLE record AS {' UNION ALL '.join(parts)}")


def make_nodes(connection: duckdb.DuckDBPyConnection) -> int:
    """Make `node` (one row an identity, with blocking keys) and `record.identity`; return how many.

    Records with neither a number nor a whole name and birth date stay apart, by their own key.
    """
    connection.execute(f"""
        ALTER TABLE record ADD COLUMN identity VARCHAR;
        UPDATE record SET identity = sha256(concat_ws(chr(31), dataset, {
        ", ".join(f"coalesce({name}, '')" for name in IDENTITY)
    }, CASE WHEN ssn IS NULL AND (birth_date IS NULL OR first_name IS NULL OR last_name IS NULL)
            THEN source_key ELSE '' END));
        CREATE TABLE node AS
            SELECT row_number() OVER (ORDER BY identity) AS unique_id, *
            FROM (SELECT identity, any_value(dataset) AS dataset, {
        ", ".join(f"any_value({name}) AS {name}" for name in IDENTITY)
    }, count(*) AS records FROM record GROUP BY identity);
    """)  # noqa: S608 - our own column names
    for name, key in _BLOCKS.items():
        connection.execute(f"""
            ALTER TABLE node ADD COLUMN {name} VARCHAR;
            UPDATE node SET {name} = kept.key FROM (
                SELECT {key} AS key FROM node GROUP BY ALL HAVING count(*) <= {BLOCK_CAP}
            ) kept WHERE kept.key = {key};
        """)  # noqa: S608 - our own column names
    [(count,)] = connection.execute("SELECT count(*) FROM node").fetchall()
    return int(count)


def _select(dataset: Dataset, delivery: DeliveryRow, *, source: str) -> str:
    written = {field.link_as: field.name for field in dataset.fields if field.link_as}
    if "middle_initial" not in written and "middle_name" in written:
        written["middle_initial"] = written["middle_name"]
    columns = [f"{_clean(name, written.get(name))} AS {name}" for name in IDENTITY]
    key = ", ".join(_quoted(name) for name in dataset.key)
    return f"""
        SELECT '{dataset.id}' AS dataset, {delivery.version} AS delivery,
            {RECORD_KEY} AS record_key, sha256(concat_ws(chr(31), {key})) AS source_key,
            {", ".join(columns)}
        FROM {source}
    """  # noqa: S608 - dictionary names, quoted


def _clean(name: str, column: str | None) -> str:
    return f"clean_{name}({_quoted(column)})" if column else "CAST(NULL AS VARCHAR)"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
