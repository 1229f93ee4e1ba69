"""The catalogue a project's queries are read against: its views, their columns and types.

Built from the policy and the Arrow schemas of the extract; what the policy hides is not in it.
Holds names and types, never a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from enclave.errors import Unavailable
from enclave.model import PERSON_ID, Column, ColumnRole, FieldType, Policy, View


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What one project may name. `withheld` are the datasets' columns that nobody granted."""

    policy: Policy
    schemas: Mapping[str, pa.Schema]
    withheld: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def views(self) -> Mapping[str, View]:
        """Return the granted views by name."""
        return {view.name: view for view in self.policy.views}

    def columns(self, view: str) -> tuple[str, ...]:
        """Return a view's readable columns, the pseudonym first."""
        names: list[str] = self.schemas[view].names
        return tuple(names)

    def role(self, view: str, column: str) -> ColumnRole:
        """Return what a query may do with a column."""
        if column == PERSON_ID:
            return ColumnRole.PROJECTABLE
        return self.granted(view)[column].role

    def granted(self, view: str) -> Mapping[str, Column]:
        """Return the columns the agreement grants of a view, hidden ones left out."""
        columns = self.views[view].columns
        return {c.name: c for c in columns if c.role is not ColumnRole.HIDDEN}

    def names(self) -> frozenset[str]:
        """Return every name of a view or column: what a log may repeat."""
        columns = (name for view in self.schemas for name in self.columns(view))
        return frozenset(self.schemas) | frozenset(columns)


def compile_catalogue(
    policy: Policy,
    schemas: Mapping[str, pa.Schema],
    withheld: Mapping[str, frozenset[str]] | None = None,
) -> Catalogue:
    """Return the catalogue of a policy over an extract's schemas; `withheld` is by view name.

    Raises Unavailable when the extract lacks a granted view or column: it was built for an older
    agreement.
    """
    kept = {view.name: _kept(view, schemas) for view in policy.views}
    return Catalogue(policy, kept, withheld or {})


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
