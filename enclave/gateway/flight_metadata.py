"""The catalogue as Arrow tables, as the Flight SQL metadata calls want it.

Every field carries its dictionary's label and the clause that grants it, so that a client can show
who allowed what. Knows only what the agreement grants: there is no other catalogue to list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import pyarrow as pa

from enclave.gateway.flight_sql_pb2 import CommandGetTables
from enclave.gateway.inspector.catalogue import Catalogue
from enclave.model import PERSON_ID, View

SCHEMA_NAME = "main"
TABLE_TYPE = "VIEW"

CATALOGS = pa.schema([pa.field("catalog_name", pa.string(), nullable=False)])
DB_SCHEMAS = pa.schema(
    [pa.field("catalog_name", pa.string()), pa.field("db_schema_name", pa.string(), nullable=False)]
)
TABLE_TYPES = pa.schema([pa.field("table_type", pa.string(), nullable=False)])
TABLES = pa.schema(
    [
        pa.field("catalog_name", pa.string()),
        pa.field("db_schema_name", pa.string()),
        pa.field("table_name", pa.string(), nullable=False),
        pa.field("table_type", pa.string(), nullable=False),
    ]
)
TABLES_WITH_SCHEMA = TABLES.append(pa.field("table_schema", pa.binary(), nullable=False))

# The dense union of CommandGetSqlInfo's answer: the order of the members is the protocol's.
_INFO_VALUE = pa.dense_union(
    [
        pa.field("string_value", pa.string()),
        pa.field("bool_value", pa.bool_()),
        pa.field("bigint_value", pa.int64()),
        pa.field("int32_bitmask", pa.int32()),
        pa.field("string_list", pa.list_(pa.field("string_data", pa.string()))),
        pa.field(
            "int32_to_int32_list_map",
            pa.map_(pa.int32(), pa.list_(pa.field("$data$", pa.int32()))),
        ),
    ]
)
SQL_INFO = pa.schema(
    [
        pa.field("info_name", pa.uint32(), nullable=False),
        pa.field("value", _INFO_VALUE, nullable=False),
    ]
)
# SqlInfo numbers: name, version, Arrow version, read only, SQL, Substrait, quote character.
_INFO: Mapping[int, str | bool] = {
    0: "Enclave gateway",
    1: "duckdb 2.0",
    2: pa.__version__,
    3: True,
    4: True,
    5: False,
    504: '"',
}


def view_schema(catalogue: Catalogue, view: View) -> pa.Schema:
    """Return a view's Arrow schema with label, role and clause on each field."""
    columns = {column.name: column for column in view.columns}
    fields = []
    for each in catalogue.schemas[view.name]:
        if each.name == PERSON_ID:
            label, role, clause = "This project's pseudonym of a person", "projectable", view.clause
        else:
            column = columns[each.name]
            label, role, clause = column.label, column.role.value, column.clause
        fields.append(
            each.with_metadata(
                {
                    "ARROW:FLIGHT:SQL:REMARKS": label,
                    "enclave.label": label,
                    "enclave.role": role,
                    "enclave.clause": clause,
                }
            )
        )
    return pa.schema(fields, metadata=_view_metadata(catalogue, view))


def _view_metadata(catalogue: Catalogue, view: View) -> dict[str, str]:
    policy = catalogue.policy
    return {
        "ARROW:FLIGHT:SQL:TABLE_NAME": view.name,
        "enclave.label": view.label,
        "enclave.agency": view.agency,
        "enclave.dataset": view.dataset,
        "enclave.clause": view.clause,
        "enclave.project": policy.project,
        "enclave.title": policy.title,
        "enclave.purpose": policy.purpose,
        "enclave.agreement": policy.agreement,
        "enclave.ends": policy.ends.isoformat(),
    }


def catalogs(catalogue: Catalogue) -> pa.Table:
    """Return the one catalogue: the project."""
    return pa.table({"catalog_name": [catalogue.policy.project]}, schema=CATALOGS)


def db_schemas(catalogue: Catalogue) -> pa.Table:
    """Return the one schema."""
    row = {"catalog_name": [catalogue.policy.project], "db_schema_name": [SCHEMA_NAME]}
    return pa.table(row, schema=DB_SCHEMAS)


def table_types() -> pa.Table:
    """Return the one kind of table there is."""
    return pa.table({"table_type": [TABLE_TYPE]}, schema=TABLE_TYPES)


def tables_schema(command: CommandGetTables) -> pa.Schema:
    """Return the schema of the answer to a GetTables command."""
    return TABLES_WITH_SCHEMA if command.include_schema else TABLES


def tables(catalogue: Catalogue, command: CommandGetTables) -> pa.Table:
    """Return the granted views that the command's filters let through, by name."""
    found = [catalogue.views[name] for name in sorted(catalogue.views)]
    kept = [view for view in found if _passes(catalogue, command, view.name)]
    columns: dict[str, list[object]] = {
        "catalog_name": [catalogue.policy.project for _ in kept],
        "db_schema_name": [SCHEMA_NAME for _ in kept],
        "table_name": [view.name for view in kept],
        "table_type": [TABLE_TYPE for _ in kept],
    }
    if command.include_schema:
        schemas = [view_schema(catalogue, view) for view in kept]
        columns["table_schema"] = [schema.serialize().to_pybytes() for schema in schemas]
    return pa.table(columns, schema=tables_schema(command))


def sql_info(wanted: Iterable[int]) -> pa.Table:
    """Return what the server says of itself; everything when nothing is asked for by number."""
    numbers = [number for number in (list(wanted) or _INFO) if number in _INFO]
    values = [_INFO[number] for number in numbers]
    types = pa.array([int(isinstance(value, bool)) for value in values], pa.int8())
    strings = [value for value in values if isinstance(value, str)]
    booleans = [value for value in values if isinstance(value, bool)]
    offsets = [
        sum(isinstance(before, type(value)) for before in values[:at])
        for at, value in enumerate(values)
    ]
    members = [pa.array([], field.type) for field in _INFO_VALUE]
    members[0], members[1] = pa.array(strings, pa.string()), pa.array(booleans, pa.bool_())
    union = pa.UnionArray.from_dense(
        types, pa.array(offsets, pa.int32()), members, [field.name for field in _INFO_VALUE]
    )
    return pa.table([pa.array(numbers, pa.uint32()), union.cast(_INFO_VALUE)], schema=SQL_INFO)


def _passes(catalogue: Catalogue, command: CommandGetTables, name: str) -> bool:
    if command.HasField("catalog") and command.catalog not in ("", catalogue.policy.project):
        return False
    schema = command.db_schema_filter_pattern
    if command.HasField("db_schema_filter_pattern") and not _like(schema, SCHEMA_NAME):
        return False
    pattern = command.table_name_filter_pattern
    if command.HasField("table_name_filter_pattern") and not _like(pattern, name):
        return False
    return not command.table_types or TABLE_TYPE in command.table_types


def _like(pattern: str, name: str) -> bool:
    """Match a LIKE pattern: `%` any characters, `_` one; an empty one matches all."""
    parts = {"%": ".*", "_": "."}
    expression = "".join(parts.get(character, re.escape(character)) for character in pattern)
    return not pattern or re.fullmatch(expression, name, re.IGNORECASE | re.DOTALL) is not None
