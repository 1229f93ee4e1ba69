"""The catalogue a project's queries are read against: its views, their columns and types.

Built from the policy and the Arrow schemas of the extract; what the policy hides is not in it.
Holds names and types, never a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa

from enclave.errors import Unavailable
from enclave.model import PERSON_ID, Column, ColumnRole, FieldType, Policy, View, versioned


@dataclass(frozen=True)
class Catalogue:
    """What one project may name. `withheld` are the datasets' columns that nobody granted.

    `schemas` are the views as they are now, in version `epoch`; `older` those of the versions of
    the extract, built under the same agreement, that are open beside it. An older version is a
    table of its own, `wages@2`, with the roles, agency and dataset of its view. `most` is the
    largest number of rows that one person has in a table, where it was counted.
    """

    policy: Policy
    schemas: Mapping[str, pa.Schema]
    withheld: Mapping[str, frozenset[str]] = field(default_factory=dict)
    epoch: int = 0
    older: Mapping[int, Mapping[str, pa.Schema]] = field(default_factory=dict)
    most: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def views(self) -> Mapping[str, View]:
        """Return the granted views by name, without versions."""
        return {view.name: view for view in self.policy.views}

    @cached_property
    def tables(self) -> Mapping[str, pa.Schema]:
        """Return every table a query may read: the views, and `view@n` for each older version."""
        older = {
            versioned(view, number): schema
            for number, schemas in sorted(self.older.items())
            for view, schema in schemas.items()
        }
        return {**self.schemas, **older}

    @cached_property
    def versions(self) -> tuple[int, ...]:
        """Return the versions of the extract that can be read, the oldest first."""
        return tuple(sorted({*self.older, self.epoch}))

    def view(self, table: str) -> View:
        """Return the view a table is a version of."""
        return self.views[base(table)]

    def columns(self, view: str) -> tuple[str, ...]:
        """Return a view's readable columns, the pseudonym first."""
        names: list[str] = self.tables[view].names
        return tuple(names)

    def role(self, view: str, column: str) -> ColumnRole:
        """Return what a query may do with a column."""
        return self._roles[view, column]

    def granted(self, view: str) -> Mapping[str, Column]:
        """Return the columns the agreement grants of a view, hidden ones left out."""
        return self._granted[base(view)]

    @cached_property
    def _granted(self) -> Mapping[str, Mapping[str, Column]]:
        return {
            view.name: {c.name: c for c in view.columns if c.role is not ColumnRole.HIDDEN}
            for view in self.policy.views
        }

    @cached_property
    def _roles(self) -> Mapping[tuple[str, str], ColumnRole]:
        granted = {
            (table, name): column.role
            for table in self.tables
            for name, column in self.granted(table).items()
        }
        return granted | {(table, PERSON_ID): ColumnRole.PROJECTABLE for table in self.tables}

    def names(self) -> frozenset[str]:
        """Return every name of a view or column: what a log may repeat."""
        return self._names

    @cached_property
    def _names(self) -> frozenset[str]:
        columns = (name for view in self.schemas for name in self.columns(view))
        return frozenset(self.tables) | frozenset(columns)


def base(table: str) -> str:
    """Return the view a table is a version of."""
    return table.partition("@")[0]


def compile_catalogue(
    policy: Policy,
    schemas: Mapping[str, pa.Schema],
    withheld: Mapping[str, frozenset[str]] | None = None,
    *,
    epoch: int = 0,
    older: Mapping[int, Mapping[str, pa.Schema]] | None = None,
    most: Mapping[str, int] | None = None,
) -> Catalogue:
    """Return the catalogue of a policy over an extract's schemas; `withheld` is by view name.

    `older` are the schemas of the versions before `epoch` that are open beside it. Raises
    Unavailable when the extract lacks a granted view or column: it was built for an older
    agreement.
    """
    kept = {
        number: {view.name: _kept(view, found) for view in policy.views}
        for number, found in (older or {}).items()
        if number != epoch
    }
    now = {view.name: _kept(view, schemas) for view in policy.views}
    return Catalogue(policy, now, withheld or {}, epoch, kept, most or {})


_ARROW: Mapping[FieldType, pa.DataType] = {
    FieldType.STRING: pa.string(),
    FieldType.INTEGER: pa.int64(),
    FieldType.DECIMAL: pa.decimal128(18, 2),
    FieldType.DATE: pa.date32(),
    FieldType.BOOLEAN: pa.bool_(),
}


def declared_schemas(policy: Policy) -> dict[str, pa.Schema]:
    """Return the schemas a policy's own dictionary implies, for checking queries without data."""
    return {
        view.name: pa.schema(
            [(PERSON_ID, pa.string()), *((c.name, _ARROW[c.type]) for c in view.columns)]
        )
        for view in policy.views
    }


def _kept(view: View, schemas: Mapping[str, pa.Schema]) -> pa.Schema:
    wanted = [PERSON_ID, *(c.name for c in view.columns if c.role is not ColumnRole.HIDDEN)]
    found = schemas.get(view.name)
    if found is None or not set(wanted) <= set(found.names):
        raise Unavailable(
            f"The extract does not hold all of {view.name}.",
            hint="An administrator builds it again with `enclave project build`.",
        )
    return pa.schema([found.field(name) for name in wanted])
