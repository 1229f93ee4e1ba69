"""What the agreement says of the views and columns a query reads, and the clause that says so.

Never widens anything: it refuses, has an answer made smaller, or makes another step's refusal
clearer.
"""

from __future__ import annotations

from collections.abc import Collection

import duckdb
from sqlglot import exp

from enclave.gateway.inspector import holding
from enclave.gateway.inspector.catalogue import Catalogue
from enclave.gateway.inspector.flow import Flow
from enclave.gateway.inspector.reading import Held, Reading
from enclave.gateway.inspector.rules import ASK, Rules
from enclave.gateway.refusals import NotGranted, QueryDenied


def hold(catalogue: Catalogue, cursor: duckdb.DuckDBPyConnection, reading: Reading) -> Held:
    """Hold a question to the agreement: allowed as it is, rewritten, or refused.

    `cursor` is on the empty tables, for turning an edited tree into text. Raises UseNotGranted,
    NotGroups, SinglePerson, ConstructRefused.
    """
    if holding.must_be_groups(catalogue, reading.columns):
        return holding.hold(catalogue, cursor, reading)
    for plan in reading.plan["plans"]:
        Flow(Rules(catalogue)).answer(plan)
    return Held(reading.sql)


def unknown_view(catalogue: Catalogue) -> NotGranted:
    """Return the refusal of a table that is none of the project's views."""
    names = ", ".join(sorted(catalogue.views))
    return NotGranted(
        "The query names a table that the agreement does not grant.",
        clause=f"{catalogue.policy.agreement}, views",
        hint=f"It grants: {names}. {ASK}",
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
        hint=f"It grants: {granted}. {ASK}",
    )
