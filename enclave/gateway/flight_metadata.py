"""The catalogue as Arrow tables, as the Flight SQL metadata calls want it.

Every field carries its dictionary's label and the clause that grants it, so that a client can show
who allowed what. Knows only what the agreement grants: there is no other catalogue to list.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from google.protobuf.message import Message
from pyarrow import compute

from enclave.gateway import flight_sql_pb2 as sql
from enclave.gateway.flight_sql_pb2 import CommandGetTables
from enclave.gateway.inspector.catalogue import Catalogue
from enclave.model import PERSON_ID, ColumnRole, View

SCHEMA_NAME = "main"
_LONGEST_PATTERN = 1000  # characters; no name is so long
TABLE_TYPE = "table"  # what clients list when asked for tables; some compare it letter by letter

USES: Mapping[ColumnRole, str] = {
    ColumnRole.PROJECTABLE: "any use",
    ColumnRole.FILTER_ONLY: "only to filter by",
    ColumnRole.JOIN_ONLY: "only to join by",
    ColumnRole.AGGREGATE_ONLY: "only in aggregates of enough persons",
    ColumnRole.HIDDEN: "not to be used",
}

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
# SqlInfo numbers: name, version (tools tell the dialect by its first word), Arrow version, read
# only, SQL, Substrait, transactions (1: they may be begun), cancelling, quote character.
_INFO: Mapping[int, str | bool | int] = {
    0: "Enclave gateway",
    1: "duckdb v2.0.0",
    2: pa.__version__,
    3: True,
    4: True,
    5: False,
    8: 1,
    9: True,
    504: '"',
}

_KEYS = ("catalog_name", "db_schema_name", "table_name", "column_name")
PRIMARY_KEYS = pa.schema(
    [
        *((name, pa.string()) for name in _KEYS),
        ("key_name", pa.string()),
        ("key_sequence", pa.int32()),
    ]
)
FOREIGN_KEYS = pa.schema(
    [
        *((f"pk_{name}", pa.string()) for name in _KEYS),
        *((f"fk_{name}", pa.string()) for name in _KEYS),
        ("key_sequence", pa.int32()),
        ("fk_key_name", pa.string()),
        ("pk_key_name", pa.string()),
        ("update_rule", pa.uint8()),
        ("delete_rule", pa.uint8()),
    ]
)


@dataclass(frozen=True, slots=True)
class Listing:
    """A metadata command: the schema of its answer, and how to make it."""

    schema: pa.Schema
    make: Callable[[], pa.Table]


def listing(catalogue: Catalogue, command: Message) -> Listing | None:
    """Return how to answer a metadata command, None when it is none."""
    known = _LISTINGS.get(type(command))
    if known is None:
        return None
    schema, make = known
    return Listing(schema(command), lambda: make(catalogue, command))


def view_schema(catalogue: Catalogue, name: str) -> pa.Schema:
    """Return a view's Arrow schema with label, role and clause on each field."""
    view = catalogue.view(name)
    fields = [
        each.with_metadata(_field_metadata(catalogue, view, each))
        for each in catalogue.tables[name]
    ]
    return pa.schema(fields, metadata=_view_metadata(catalogue, view) | {_SQL + "TABLE_NAME": name})


_SQL = "ARROW:FLIGHT:SQL:"


def _field_metadata(catalogue: Catalogue, view: View, each: pa.Field) -> dict[str, str]:
    label, role, clause = _dictionary(view, each.name)
    own = {"enclave.label": label, "enclave.role": role.value, "enclave.clause": clause}
    return own | {
        _SQL + "REMARKS": f"{label}. {USES[role].capitalize()}. Granted by {clause}.",
        _SQL + "CATALOG_NAME": catalogue.policy.project,
        _SQL + "SCHEMA_NAME": SCHEMA_NAME,
        _SQL + "TABLE_NAME": view.name,
        _SQL + "TYPE_NAME": type_name(each.type),
        _SQL + "IS_READ_ONLY": "1",
        _SQL + "IS_SEARCHABLE": str(int(role is not ColumnRole.JOIN_ONLY)),
    }


def _dictionary(view: View, name: str) -> tuple[str, ColumnRole, str]:
    if name == PERSON_ID:
        return "This project's pseudonym of a person", ColumnRole.PROJECTABLE, view.clause
    column = next(each for each in view.columns if each.name == name)
    return column.label, column.role, column.clause


_TYPE_NAMES: Mapping[pa.DataType, str] = {
    pa.string(): "VARCHAR",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.date32(): "DATE",
    pa.bool_(): "BOOLEAN",
    pa.timestamp("us"): "TIMESTAMP",
}


def type_name(type: pa.DataType) -> str:
    """Return the engine's name of a column's type, as reflecting clients want to hear it."""
    if pa.types.is_decimal(type):
        return f"DECIMAL({type.precision},{type.scale})"
    return _TYPE_NAMES.get(type, "VARCHAR")


def _view_metadata(catalogue: Catalogue, view: View) -> dict[str, str]:
    policy = catalogue.policy
    return {
        "enclave.label": view.label,
        "enclave.agency": view.agency,
        "enclave.dataset": view.dataset,
        "enclave.clause": view.clause,
        "enclave.project": policy.project,
        "enclave.title": policy.title,
        "enclave.purpose": policy.purpose,
        "enclave.agreement": policy.agreement,
        "enclave.ends": policy.ends.isoformat(),
        "enclave.mode": policy.mode.value,
        "enclave.version": str(catalogue.epoch),
        "enclave.versions": ",".join(map(str, catalogue.versions)),
    }


def catalogs(catalogue: Catalogue) -> pa.Table:
    """Return the one catalogue: the project."""
    return pa.table({"catalog_name": [catalogue.policy.project]}, schema=CATALOGS)


def db_schemas(catalogue: Catalogue, command: sql.CommandGetDbSchemas) -> pa.Table:
    """Return the one schema, if the command's filters let it through."""
    here = _is_here(catalogue, command)
    row = {"catalog_name": [catalogue.policy.project], "db_schema_name": [SCHEMA_NAME]}
    return pa.table(row, schema=DB_SCHEMAS) if here else DB_SCHEMAS.empty_table()


def session_options(catalogue: Catalogue) -> bytes:
    """Return where a connection looks up names: the answer to GetSessionOptions."""
    options = {"catalog": catalogue.policy.project, "schema": SCHEMA_NAME}
    values = {name: sql.SessionOptionValue(string_value=text) for name, text in options.items()}
    packed: bytes = sql.GetSessionOptionsResult(session_options=values).SerializeToString()
    return packed


def table_types() -> pa.Table:
    """Return the one kind of table there is."""
    return pa.table({"table_type": [TABLE_TYPE]}, schema=TABLE_TYPES)


def tables_schema(command: CommandGetTables) -> pa.Schema:
    """Return the schema of the answer to a GetTables command."""
    return TABLES_WITH_SCHEMA if command.include_schema else TABLES


def tables(catalogue: Catalogue, command: CommandGetTables) -> pa.Table:
    """Return the granted views that the command's filters let through, by name."""
    # An older version of a view is a table of its own; it is shown to who asks for one by name.
    named = "@" in command.table_name_filter_pattern
    found = sorted(catalogue.tables if named else catalogue.schemas)
    kept = [name for name in found if _passes(catalogue, command, name)]
    columns: dict[str, list[object]] = {
        "catalog_name": [catalogue.policy.project for _ in kept],
        "db_schema_name": [SCHEMA_NAME for _ in kept],
        "table_name": list(kept),
        "table_type": [TABLE_TYPE for _ in kept],
    }
    if command.include_schema:
        schemas = [view_schema(catalogue, name) for name in kept]
        columns["table_schema"] = [schema.serialize().to_pybytes() for schema in schemas]
    return pa.table(columns, schema=tables_schema(command))


_MEMBERS: Mapping[type, int] = {str: 0, bool: 1, int: 3}  # numbers here are of 32 bits


def sql_info(wanted: Collection[int]) -> pa.Table:
    """Return what the server says of itself; everything when nothing is asked for by number."""
    numbers = [number for number in dict.fromkeys(wanted or _INFO) if number in _INFO]
    values = [_INFO[number] for number in numbers]
    kinds = [_MEMBERS[type(value)] for value in values]
    members = [pa.array([], field.type) for field in _INFO_VALUE]
    for kind in _MEMBERS.values():
        mine = [value for value, of in zip(values, kinds, strict=True) if of == kind]
        members[kind] = pa.array(mine, _INFO_VALUE[kind].type)
    offsets = pa.array([kinds[:at].count(kind) for at, kind in enumerate(kinds)], pa.int32())
    union = pa.UnionArray.from_dense(
        pa.array(kinds, pa.int8()), offsets, members, [field.name for field in _INFO_VALUE]
    )
    return pa.table([pa.array(numbers, pa.uint32()), union.cast(_INFO_VALUE)], schema=SQL_INFO)


def _is_here(catalogue: Catalogue, command: sql.CommandGetDbSchemas | sql.CommandGetTables) -> bool:
    if command.HasField("catalog") and command.catalog not in ("", catalogue.policy.project):
        return False
    pattern = command.db_schema_filter_pattern
    return not command.HasField("db_schema_filter_pattern") or _like(pattern, SCHEMA_NAME)


def _passes(catalogue: Catalogue, command: CommandGetTables, name: str) -> bool:
    pattern = command.table_name_filter_pattern
    if command.HasField("table_name_filter_pattern") and not _like(pattern, name):
        return False
    types = [each.lower() for each in command.table_types]
    return _is_here(catalogue, command) and (not types or TABLE_TYPE in types)


def _like(pattern: str, name: str) -> bool:
    """Match a LIKE pattern: `%` any characters, `_` one; an empty one matches all.

    Python's own expressions try every way to part a name among forty `%`: that never ends, and
    holds its lock. Arrow's do not.
    """
    if len(pattern) > _LONGEST_PATTERN:
        return False
    found: pa.BooleanScalar = compute.match_like(pa.scalar(name), pattern, ignore_case=True)
    return not pattern or bool(found.as_py())


_Known = tuple[Callable[[Any], pa.Schema], Callable[[Catalogue, Any], pa.Table]]

_LISTINGS: Mapping[type[Message], _Known] = {
    sql.CommandGetTables: (tables_schema, tables),
    sql.CommandGetCatalogs: (lambda _: CATALOGS, lambda catalogue, _: catalogs(catalogue)),
    sql.CommandGetDbSchemas: (lambda _: DB_SCHEMAS, db_schemas),
    sql.CommandGetTableTypes: (lambda _: TABLE_TYPES, lambda *_: table_types()),
    sql.CommandGetSqlInfo: (lambda _: SQL_INFO, lambda _, command: sql_info(command.info)),
    sql.CommandGetPrimaryKeys: (lambda _: PRIMARY_KEYS, lambda *_: PRIMARY_KEYS.empty_table()),
    sql.CommandGetExportedKeys: (lambda _: FOREIGN_KEYS, lambda *_: FOREIGN_KEYS.empty_table()),
    sql.CommandGetImportedKeys: (lambda _: FOREIGN_KEYS, lambda *_: FOREIGN_KEYS.empty_table()),
    sql.CommandGetCrossReference: (lambda _: FOREIGN_KEYS, lambda *_: FOREIGN_KEYS.empty_table()),
}
