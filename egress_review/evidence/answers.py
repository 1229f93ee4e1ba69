"""Which of a file's queries it is the answer of: each recomputed, the file held against it.

Reads the engine it is given and nothing else; decides nothing about what may leave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from egress_review.errors import NotItsAnswer, OutputRefused
from egress_review.evidence.evidence_sql import Units
from egress_review.evidence.lineage_sql import Views
from egress_review.evidence.recompute import Evidence, check_equal, recompute
from egress_review.evidence.summaries import summarises
from egress_review.files.model import Sheet
from egress_review.refusals import gravest
from enclave.model import DisclosureRules, FieldType, Lineage, Policy


@dataclass(frozen=True, slots=True)
class Basis:
    """What a query is recomputed for: the rules, and what employers and households are told by."""

    rules: DisclosureRules
    units: Units


def columns(engine: duckdb.DuckDBPyConnection, names: Sequence[str]) -> Views:
    """Return the columns of each view, in the order the engine has them."""
    views = {}
    for name in names:
        quoted = '"' + name.replace('"', '""') + '"'
        engine.execute(f"SELECT * FROM {quoted} LIMIT 0")  # noqa: S608 - the policy's own name
        views[name] = [column[0] for column in engine.description or ()]
    return views


def matching(
    engine: duckdb.DuckDBPyConnection,
    policy: Policy,
    lineages: Sequence[Lineage],
    sheet: Sheet,
    basis: Basis,
) -> Evidence | OutputRefused:
    """Return the evidence of the first query whose answer the table is, or why the first is not."""
    views = columns(engine, [view.name for view in policy.views])
    refusals: list[OutputRefused] = []
    for one in lineages:
        try:
            _refuse_other_versions(one)
        except OutputRefused as refused:
            refusals.append(refused)
            continue
        try:
            return _answered(engine, one, views, sheet, basis)
        except OutputRefused as refused:
            summary = summarises(one.asked or one.sql, _amounts(policy))
            kind = NotItsAnswer if summary else OutputRefused
            refusals.append(kind(refused.sentence, hint=refused.hint))
    return gravest(refusals)


def _amounts(policy: Policy) -> frozenset[str]:
    return frozenset(
        column.name.lower()
        for view in policy.views
        for column in view.columns
        if column.type is FieldType.DECIMAL
    )


def _answered(
    engine: duckdb.DuckDBPyConnection,
    one: Lineage,
    views: Views,
    sheet: Sheet,
    basis: Basis,
) -> Evidence:
    """Return the evidence of a query whose answer the table is. Raises `OutputRefused`.

    Where the gateway held the query to groups of enough persons, the text it ran is recomputed from
    the researcher's own: the two answer alike unless a group was too small, and then it is refused
    without a word of how many were.
    """
    try:
        evidence = recompute(engine, one.sql, views, basis.rules, units=basis.units)
    except OutputRefused:
        if one.asked is None:
            raise
    else:
        check_equal(sheet, evidence)
        return evidence
    evidence = recompute(engine, one.asked, views, basis.rules, units=basis.units)
    try:
        check_equal(sheet, evidence)
    except OutputRefused:
        raise OutputRefused(
            "The table is not the query's whole answer: it was changed, or the gateway put groups "
            "of too few persons together or left them out.",
            hint="Submit the answer as it is, of a query whose groups all have enough persons.",
        ) from None
    return evidence


def _refuse_other_versions(one: Lineage) -> None:
    """Refuse a query that names a version: beside its own, a table of a few changed rows is one.

    Earlier releases are compared by view and column, so such a table would be compared with none.
    """
    if any("@" in name for name in (*one.views, *one.columns)):
        raise OutputRefused(
            "The query reads an earlier version of the data by its number.",
            hint="Submit the answer of a query without AT (VERSION => …). An earlier version's own "
            "table can be asked for while the project stands on it: its lead has it moved.",
        )
