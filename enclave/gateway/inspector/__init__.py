"""The inspector: decides whether one query may run, from its text, the catalogue and the policy.

Characters → second parser → engine's own tree → both name the same tables → bound plan → what the
agreement says of each column. Never runs a query, and holds empty tables, never a row.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from enclave.events import Verdict
from enclave.gateway.inspector import agreement, bound_plan, engine_tree, limits, statements
from enclave.gateway.inspector.catalogue import Catalogue
from enclave.gateway.inspector.reading import Held, Reading
from enclave.gateway.inspector.second_tree import SecondReader, second_reader
from enclave.gateway.inspector.statements import Act
from enclave.gateway.refusals import (
    NotGranted,
    NotUnderstood,
    QueryDenied,
    ReadersDisagree,
    TooLarge,
)

__all__ = ["Inspection", "Inspector", "make_inspector"]


@dataclass(frozen=True, slots=True)
class Inspection:
    """An allowed query: what it reads, under which clause, and its text without literals.

    `sql` is the text to run, `asked` the researcher's own; they differ when the verdict is
    rewritten. `reasons` are sentences a researcher can be told.
    """

    sql: str
    asked: str
    redacted: str
    views: tuple[str, ...]
    columns: tuple[str, ...]
    agencies: tuple[str, ...]
    datasets: tuple[str, ...]
    clause: str
    verdict: Verdict = Verdict.ALLOWED
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inspector:
    """Decides over one project's queries. Safe to use from many threads."""

    catalogue: Catalogue
    second: SecondReader
    empty: duckdb.DuckDBPyConnection

    def inspect(self, sql: str) -> Inspection:
        """Return what an allowed query reads; raises a `QueryDenied` that names the clause."""
        text = limits.read(sql)
        statement = statements.read(text)
        if statement.act is Act.SHOW_TABLES:
            return self._allowed(text, frozenset(), frozenset(), Held(text.sql))
        cursor = self.empty.cursor()
        try:
            reading = self._read(cursor, statement.sql)
            held = agreement.hold(self.catalogue, cursor, reading)
        except RecursionError:
            raise TooLarge("The query nests too deeply to be checked.") from None
        finally:
            cursor.close()
        if statement.act is not Act.SELECT:
            held = Held(text.sql)
        return self._allowed(text, reading.views, reading.columns, held)

    def redact(self, sql: str) -> str:
        """Return a query's text without literals, for the log; a dash if it cannot be split."""
        try:
            return limits.read(sql).redacted(self.catalogue.names())
        except QueryDenied:
            return "-"

    def _read(self, cursor: duckdb.DuckDBPyConnection, sql: str) -> Reading:
        """Let every reader read the question, and compare what they saw."""
        second = self.second.parse(sql)
        tree, found = engine_tree.read(cursor, sql, self.catalogue)
        if self.second.tables(second) != found:
            raise ReadersDisagree("The two parsers do not see the same tables in the query.")
        try:
            plan = bound_plan.plan(cursor, sql)
            bound = bound_plan.read(plan)
            columns = self.second.read(second).columns
        except (NotUnderstood, NotGranted) as refused:
            raise agreement.explain(self.catalogue, second, found, refused) from None
        if not bound.tables <= found or not bound.columns <= columns:
            raise ReadersDisagree("The plan reads more than the parsers see in the query.")
        return Reading(sql, tree, plan, found, columns)

    def _allowed(
        self, text: limits.Text, views: frozenset[str], columns: frozenset[str], held: Held
    ) -> Inspection:
        read = [self.catalogue.views[name] for name in sorted(views)]
        return Inspection(
            sql=held.sql,
            asked=text.sql,
            redacted=text.redacted(self.catalogue.names()),
            views=tuple(view.name for view in read),
            columns=tuple(sorted(columns)),
            agencies=tuple(sorted({view.agency for view in read})),
            datasets=tuple(sorted({view.dataset for view in read})),
            clause="; ".join(view.clause for view in read) or self.catalogue.policy.agreement,
            verdict=held.verdict,
            reasons=held.reasons,
        )


def make_inspector(catalogue: Catalogue) -> Inspector:
    """Return an inspector with the catalogue's tables, empty, in a database of its own."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "enable_external_access": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "python_enable_replacements": "false",
        "max_expression_depth": "250",
        "memory_limit": "256MB",
        "threads": "1",
    }
    empty = duckdb.connect(":memory:", config=config)
    for name, schema in catalogue.schemas.items():
        empty.from_arrow(schema.empty_table()).create(name)
    empty.execute("SET lock_configuration = true")
    return Inspector(catalogue, second_reader(catalogue), empty)
