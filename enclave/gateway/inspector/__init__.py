"""The inspector: decides whether one query may run, from its text, the catalogue and the policy.

Characters → what is asked → second parser → engine's own tree → both name the same tables → bound
plan → what the agreement makes of it. Never runs a query, and holds empty tables, never a row.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import duckdb

from enclave.events import Verdict
from enclave.gateway.inspector import (
    agreement,
    bound_plan,
    engine_json,
    engine_tree,
    explanation,
    limits,
    metadata,
    nearest,
    pivots,
    statements,
    versions,
)
from enclave.gateway.inspector.catalogue import Catalogue
from enclave.gateway.inspector.explanation import Explanation
from enclave.gateway.inspector.inspection import Inspection
from enclave.gateway.inspector.limits import Text
from enclave.gateway.inspector.reading import Held, Reading
from enclave.gateway.inspector.second_tree import SecondReader, second_reader
from enclave.gateway.inspector.statements import Act, Statement
from enclave.gateway.refusals import (
    NotGranted,
    NotGroups,
    NotUnderstood,
    QueryDenied,
    ReadersDisagree,
    TooLarge,
    UseNotGranted,
)

__all__ = ["SWITCH_SECONDS", "Explanation", "Inspection", "Inspector", "make_inspector"]

# After how long a thread gives the interpreter to another that waits: a process that inspects sets
# it. With Python's own 5 ms the engine's call waits for the second reader, not beside it (0108).
SWITCH_SECONDS = 0.0003


_PLAINER = (
    "Write it in plainer SQL, each column with its table's name before it (`w.year`); nobody may "
    "run what is read two ways."
)
_LISTED = "The views are listed as the agreement names them."
_DESCRIBED = "The columns are described without reading a row."
_NOTHING = Reading("", {}, {}, frozenset(), frozenset())


@dataclass(frozen=True, slots=True)
class Inspector:
    """Decides over one project's queries. Safe to use from many threads."""

    catalogue: Catalogue
    second: SecondReader
    empty: duckdb.DuckDBPyConnection
    aside: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(4))
    idle: deque[duckdb.DuckDBPyConnection] = field(default_factory=deque)

    def inspect(self, sql: str) -> Inspection:
        """Return what an allowed query reads; raises a `QueryDenied` that names the clause."""
        asked = limits.read(sql)
        with self._cursor() as cursor:
            statement, reasons = self._statement(cursor, asked)
            if statement.act is Act.SHOW_TABLES:
                held = Held(metadata.tables(self.catalogue), Verdict.REWRITTEN, (_LISTED,))
                return self._allowed(asked, _NOTHING, held, ())
            reading = self._read(cursor, statement.sql)
            if statement.act is Act.DESCRIBE:
                described = metadata.described(cursor, reading.sql)
                held = Held(described, Verdict.REWRITTEN, (_DESCRIBED,))
                return self._allowed(asked, replace(reading, columns=frozenset()), held, reasons)
            held = agreement.hold(self.catalogue, cursor, reading)
            if held.verdict is Verdict.REWRITTEN:  # what will run is read like what was asked
                reading = self._read_again(cursor, held.sql)
            if statement.act is Act.SUMMARIZE:
                held = self._summarized(cursor, statement, reading, held)
            return self._allowed(asked, reading, held, reasons)

    def explain(self, sql: str) -> Explanation:
        """Return the verdict on a query, with or without EXPLAIN POLICY before it, and why.

        Raises nothing for a refusal: that is a verdict like another.
        """
        query = statements.policy_question(sql) or sql
        try:
            return explanation.of_allowed(self.catalogue, self.inspect(query))
        except QueryDenied as refused:
            return explanation.of_denied(self.catalogue, refused, self._readable(query))

    def redact(self, sql: str) -> str:
        """Return a query's text without literals, for the log; a dash if it cannot be split."""
        try:
            return limits.read(sql).redacted(self.catalogue.names())
        except QueryDenied:
            return "-"

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Lend a connection to the empty tables, used before or new, to one thread at a time."""
        cursor = self.idle.pop() if self.idle else engine_json.open_reader(self.empty)
        try:
            yield cursor
        except RecursionError:
            raise TooLarge(
                "The query nests too deeply to be checked.", hint="Name its steps with WITH."
            ) from None
        finally:
            self.idle.append(cursor)

    def _statement(
        self, cursor: duckdb.DuckDBPyConnection, asked: Text
    ) -> tuple[Statement, tuple[str, ...]]:
        """Return what is asked in words that every reader knows, and what was spelt out for it."""
        pinned, versioned = versions.pin(asked, self.catalogue)
        text = limits.read(pinned) if versioned else asked
        expanded, pivoted = pivots.expand(cursor, text)
        text = limits.read(expanded) if pivoted else text
        return statements.read(text), (*versioned, *pivoted)

    def _read(
        self, cursor: duckdb.DuckDBPyConnection, sql: str, most: int = engine_tree.MAX_TABLES
    ) -> Reading:
        """Let every reader read the question, and compare what they saw.

        The engine's binder does not hold Python's lock: the second reader works meanwhile. Both
        get only what the engine's parser took and the lists let pass: on thirty joins without ON,
        which is no SQL, the second parser does not end and nothing stops it (found by fuzzing).
        """
        tree, found = engine_tree.read(cursor, sql, self.catalogue, most=most)
        looking = self.aside.submit(self.second.look, sql)
        try:
            plan = bound_plan.plan(cursor, sql)
            bound = bound_plan.read(plan)
            second = looking.result()
        except (NotUnderstood, NotGranted) as refused:
            raise self._clearer(refused, sql, found) from None
        if second.tables != found:
            raise ReadersDisagree(
                "The two parsers do not see the same tables in the query.", hint=_PLAINER
            )
        if not bound.tables <= found or not bound.columns <= second.columns:
            raise ReadersDisagree(
                "The plan reads more than the parsers see in the query.", hint=_PLAINER
            )
        return Reading(sql, tree, plan, found, second.columns)

    def _clearer(self, refused: QueryDenied, sql: str, found: frozenset[str]) -> QueryDenied:
        try:
            told = agreement.explain(self.catalogue, self.second.parse(sql), found, refused)
            return nearest.column(self.catalogue, found, told)
        except QueryDenied:
            return refused

    def _read_again(self, cursor: duckdb.DuckDBPyConnection, sql: str) -> Reading:
        """Let every reader read a text that was made here: one they refuse is not run either."""
        try:
            return self._read(cursor, sql, engine_tree.MAX_TABLES_MADE)
        except (NotUnderstood, NotGranted, ReadersDisagree):
            raise NotGroups(
                "The query cannot be held to groups of persons the way it is written.",
                clause=self.catalogue.policy.agreement,
                hint="Give each step a name with WITH; instead of LATERAL use a scalar subquery.",
            ) from None

    def _summarized(
        self, cursor: duckdb.DuckDBPyConnection, statement: Statement, reading: Reading, held: Held
    ) -> Held:
        """Return SUMMARIZE of a question whose every row may be shown: it tells of extremes."""
        if held.verdict is not Verdict.ALLOWED:
            raise UseNotGranted(
                "SUMMARIZE shows extremes of single rows, which this agreement's answers may not.",
                clause=f"{self.catalogue.policy.agreement}, mode",
                hint="Ask for count(*), avg(…) and stddev(…) of the columns instead.",
            )
        if engine_tree.read(cursor, statement.whole, self.catalogue)[1] != reading.views:
            raise ReadersDisagree(
                "SUMMARIZE does not stand before the query that was read.", hint=_PLAINER
            )
        return Held(statement.whole)

    def _readable(self, sql: str) -> Reading | None:
        """Return what a refused query would read, if the readers get so far."""
        try:
            with self._cursor() as cursor:
                return self._read(cursor, self._statement(cursor, limits.read(sql))[0].sql)
        except QueryDenied:
            return None

    def _allowed(
        self, asked: Text, reading: Reading, held: Held, reasons: tuple[str, ...]
    ) -> Inspection:
        read = [(name, self.catalogue.view(name)) for name in sorted(reading.views)]
        clauses = dict.fromkeys(view.clause for _, view in read)
        is_same = held.sql == asked.sql
        return Inspection(
            sql=held.sql,
            asked=asked.sql,
            redacted=asked.redacted(self.catalogue.names()),
            views=tuple(name for name, _ in read),
            columns=tuple(sorted(reading.columns)),
            agencies=tuple(sorted({view.agency for _, view in read})),
            datasets=tuple(sorted({view.dataset for _, view in read})),
            clause="; ".join(clauses) or self.catalogue.policy.agreement,
            verdict=Verdict.ALLOWED if is_same else Verdict.REWRITTEN,
            reasons=(*reasons, *held.reasons),
        )


def make_inspector(catalogue: Catalogue) -> Inspector:
    """Return an inspector with the catalogue's tables, empty, in a database of its own."""
    return Inspector(catalogue, second_reader(catalogue), engine_json.open_empty(catalogue))
