"""What EXPLAIN POLICY tells: the verdict on a query that is not run, and why.

For learning what the agreement allows without spending a query on it. Tells of names, roles and
clauses, never of a row: nothing here has seen one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from enclave.events import Verdict
from enclave.gateway.inspector.catalogue import Catalogue
from enclave.gateway.inspector.inspection import Inspection
from enclave.gateway.inspector.reading import Reading
from enclave.gateway.refusals import QueryDenied
from enclave.model import PERSON_ID

ALLOWED = "query.allowed"
ASK = "To use more, the project's lead asks the agency to amend the agreement."


@dataclass(frozen=True, slots=True)
class ColumnUse:
    """A column a query reads, the role the agreement gives it, and the clause that does."""

    name: str
    role: str
    clause: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The verdict on one query, as it can be told to whoever asked it.

    `sql` is the text that would run, None when none would. `views` and `columns` are empty where
    the query could not be read so far.
    """

    verdict: Verdict
    code: str
    sentence: str
    clause: str
    hint: str
    views: tuple[str, ...] = ()
    columns: tuple[ColumnUse, ...] = ()
    agencies: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    sql: str | None = None

    def items(self) -> Iterator[tuple[str, str]]:
        """Yield what is told, one item and what it says at a time."""
        yield "verdict", self.verdict.value
        yield "code", self.code
        yield "sentence", self.sentence
        yield "clause", self.clause
        for reason in self.reasons:
            yield "reason", reason
        yield "hint", self.hint
        for view in self.views:
            yield "view", view
        for column in self.columns:
            yield "column", f"{column.name}: {column.role} ({column.clause})"
        for agency in self.agencies:
            yield "agency", agency
        if self.sql is not None:
            yield "runs", self.sql

    def table(self) -> pa.Table:
        """Return the items as a table of two columns of text, `item` and `says`."""
        items = list(self.items())
        return pa.table(
            {
                "item": pa.array([item for item, _ in items], pa.string()),
                "says": pa.array([says for _, says in items], pa.string()),
            }
        )


def of_allowed(catalogue: Catalogue, seen: Inspection) -> Explanation:
    """Return what there is to tell of a query that may run."""
    is_same = seen.sql == seen.asked
    return Explanation(
        verdict=seen.verdict,
        code=ALLOWED,
        sentence="The query may run as it is." if is_same else "The query may run, as shown below.",
        clause=seen.clause,
        hint=ASK,
        views=seen.views,
        columns=_uses(catalogue, seen.columns),
        agencies=seen.agencies,
        reasons=seen.reasons,
        sql=seen.sql,
    )


def of_denied(catalogue: Catalogue, refused: QueryDenied, reading: Reading | None) -> Explanation:
    """Return what there is to tell of a refused query; `reading` is None if it could not be read.

    Never of a view or column that is not granted, since the catalogue holds none.
    """
    views = tuple(sorted(reading.views)) if reading else ()
    return Explanation(
        verdict=Verdict.DENIED,
        code=refused.code,
        sentence=refused.sentence,
        clause=refused.clause or catalogue.policy.agreement,
        hint=refused.hint or ASK,
        views=views,
        columns=_uses(catalogue, sorted(reading.columns)) if reading else (),
        agencies=tuple(sorted({catalogue.view(view).agency for view in views})),
    )


def _uses(catalogue: Catalogue, columns: tuple[str, ...] | list[str]) -> tuple[ColumnUse, ...]:
    return tuple(_use(catalogue, name) for name in columns)


def _use(catalogue: Catalogue, name: str) -> ColumnUse:
    view, column = name.split(".", maxsplit=1)
    if column == PERSON_ID:
        clause = catalogue.view(view).clause
    else:
        clause = catalogue.granted(view)[column].clause
    return ColumnUse(name, catalogue.role(view, column).value, clause)
