"""What the agreement says of the views and columns a query reads, and the clause that says so.

Never widens anything: it only refuses, or makes another step's refusal clearer.
"""

from __future__ import annotations

from collections.abc import Collection

import duckdb
from sqlglot import exp

from enclave.gateway.inspector.catalogue import Catalogue
from enclave.gateway.inspector.reading import Held, Reading
from enclave.gateway.refusals import NotGranted, QueryDenied, UseNotGranted
from enclave.model import ColumnRole, QueryMode

_ASK = "To use more, the project's lead asks the agency to amend the agreement."


def hold(catalogue: Catalogue, cursor: duckdb.DuckDBPyConnection, reading: Reading) -> Held:
    """Hold a question to the agreement: allowed as it is, rewritten, or refused.

    `cursor` is on the empty tables, for turning an edited tree into text. Raises UseNotGranted.
    """
    check(catalogue, reading.views, reading.columns)
    return Held(reading.sql)


def check(catalogue: Catalogue, views: Collection[str], columns: Collection[str]) -> None:
    """Raise UseNotGranted for a column whose role does not let every query use it."""
    policy = catalogue.policy
    if policy.mode is not QueryMode.ROW_LEVEL and views:
        raise UseNotGranted(
            f"The agreement lets queries return {policy.mode.value} answers.",
            clause=f"{policy.agreement}, mode",
            hint="This gateway cannot yet hold a query to that, so it refuses.",
        )
    for name in sorted(columns):
        view, column = name.split(".", maxsplit=1)
        role = catalogue.role(view, column)
        if role is not ColumnRole.PROJECTABLE:
            raise UseNotGranted(
                f"The agreement grants {name} for one use only: {role.value}.",
                clause=catalogue.granted(view)[column].clause,
                hint="This gateway cannot yet hold a query to that use, so it refuses.",
            )


def unknown_view(catalogue: Catalogue) -> NotGranted:
    """Return the refusal of a table that is none of the project's views."""
    names = ", ".join(sorted(catalogue.views))
    return NotGranted(
        "The query names a table that the agreement does not grant.",
        clause=f"{catalogue.policy.agreement}, views",
        hint=f"It grants: {names}. {_ASK}",
    )


def explain(
    catalogue: Catalogue, tree: exp.Query, views: Collection[str], refused: QueryDenied
) -> QueryDenied:
    """Return a clearer refusal if the query names a column that a dataset has but nobody granted.

    Otherwise returns the refusal it was given.
    """
    named = {column.name.lower() for column in tree.find_all(exp.Column)}
    for view in sorted(views):
        missing = sorted(named & catalogue.withheld.get(view, frozenset()))
        if missing:
            return _withheld(catalogue, view, missing[0])
    return refused


def _withheld(catalogue: Catalogue, view: str, column: str) -> NotGranted:
    granted = ", ".join(catalogue.columns(view))
    return NotGranted(
        f"The agreement does not grant the column {column} of {view}.",
        clause=catalogue.views[view].clause,
        hint=f"It grants: {granted}. {_ASK}",
    )
