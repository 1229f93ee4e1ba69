"""The gateway's answer is DuckDB's own, and the columns it logs are those the query reads (R4).

TPC-H, TPC-DS and made-up research queries through `Gateway.answer`; a part of them through a
session's socket with an unmodified ADBC client and the real audit service.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import adbc_driver_manager
import duckdb
import pyarrow as pa
import pytest

from enclave.errors import EnclaveError
from enclave.gateway.flight import SessionServer
from enclave.gateway.refusals import QueryDenied, QueryFailed
from enclave.gateway.service import Gateway
from enclave.model import Policy
from enclave.settings import Settings
from tests.fuzz import grammar
from tests.fuzz.world import make_world, world_tables
from tests.support import tpc
from tests.support.audit import AuditProcess, Everybody
from tests.support.differential import Plain, differs, plain, through
from tests.support.gateway import ROSA, Collector, ask, open_gateway

MADE = int(os.environ.get("DIFFERENTIAL", "1200"))  # `make nightly` asks for more
SUITES = [(suite, number) for suite in tpc.SUITES for number in range(len(tpc.queries(suite)))]

# `SELECT *` under EXISTS names every column of its view, and so does the log: the engine itself
# then reads none of them. Naming too many is right, naming too few never is.
STARRED = re.compile(r"select\s+(\w+\.)?\*", re.IGNORECASE)


class Bench:
    """A gateway and plain DuckDB over the same tables."""

    def __init__(self, gateway: Gateway, collector: Collector, own: Plain):
        self.gateway, self.collector, self.own = gateway, collector, own

    def logged(self) -> tuple[str, ...]:
        """The columns in the last intent."""
        intents = [e for e in self.collector.events if e.action.value == "query.intent"]
        return intents[-1].columns


def _open(
    stack: ExitStack, place: pytest.TempPathFactory, policy: Policy, tables: dict[str, pa.Table]
) -> Bench:
    root = place.mktemp("d")
    settings = Settings(state_dir=root / "s", run_dir=root / "r")
    collector = Collector()
    opened = open_gateway(settings, collector, policy=policy, tables=tables)
    return Bench(stack.enter_context(opened), collector, plain(tables))


@pytest.fixture(scope="module")
def benches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Bench]]:
    with ExitStack() as stack:
        yield {
            suite: _open(stack, tmp_path_factory, tpc.policy(suite), tpc.tables(suite))
            for suite in tpc.SUITES
        }


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield _open(stack, tmp_path_factory, make_world(), world_tables())


@pytest.mark.parametrize(("suite", "number"), SUITES)
def test_the_answer_is_the_engines_own_and_the_log_names_what_was_read(
    benches: dict[str, Bench], suite: str, number: int
) -> None:
    bench, sql = benches[suite], tpc.queries(suite)[number]
    assert differs(through(bench.gateway, sql), bench.own.answer(sql), ordered=True) is None
    logged = bench.logged()
    assert bench.own.suffices(sql, logged)
    needless = bench.own.needless(sql, logged)
    assert not needless or STARRED.search(sql), needless


def test_most_benchmark_queries_find_something(benches: dict[str, Bench]) -> None:
    found = [
        bool(benches[suite].own.answer(tpc.queries(suite)[number]).num_rows)
        for suite, number in SUITES
    ]
    assert sum(found) >= 85  # of 121: comparing empty answers proves little


def test_made_up_research_queries_are_answered_as_the_engine_would(world: Bench) -> None:
    kinds = Counter(_try(world, number) for number in range(MADE))
    print(dict(kinds))
    assert kinds["equal"] + kinds["both fail"] + kinds["refused"] + kinds["no query"] == MADE
    assert kinds["refused"] < MADE * 0.05
    assert kinds["equal"] > MADE * 0.9


def _try(world: Bench, number: int) -> str:
    sql = grammar.question(number)
    try:
        own = world.own.answer(sql)
    except (duckdb.BinderException, duckdb.ParserException):
        return "no query"
    except duckdb.Error:
        with pytest.raises(EnclaveError):
            through(world.gateway, sql)
        return "both fail"
    try:
        ours = through(world.gateway, sql)
    except QueryFailed as failed:
        raise AssertionError(f"{number}: failed only through the gateway: {sql}") from failed
    except QueryDenied:
        return "refused"
    how = differs(ours, own, ordered=is_ordered(sql))
    assert how is None, f"{number}: {how}: {sql}"
    logged = world.logged()
    if number % 2 == 0:
        assert world.own.suffices(sql, logged), f"{number}: {logged} do not suffice: {sql}"
    if number % 10 == 0:
        needless = world.own.needless(sql, logged)
        assert not needless or _may_overstate(sql), f"{number}: {needless} not read: {sql}"
    return "equal"


def is_ordered(sql: str) -> bool:
    """Whether a made-up query ends in an ORDER BY of all its columns."""
    return bool(re.search(r" ORDER BY [0-9A-Z, ]+$", sql))


def _may_overstate(sql: str) -> bool:
    """Whether a step is written that nobody reads: its columns are logged all the same."""
    return bool(STARRED.search(sql)) or "WITH" in sql


def test_a_column_too_few_or_too_many_in_the_log_would_be_seen(world: Bench) -> None:
    sql = "SELECT county, avg(wage) AS pay FROM wages WHERE year > 2020 GROUP BY county"
    read = {"wages.county", "wages.wage", "wages.year"}
    assert world.own.suffices(sql, read)
    assert not world.own.suffices(sql, read - {"wages.year"})
    assert world.own.needless(sql, read) == []
    assert world.own.needless(sql, read | {"wages.quarter"}) == ["wages.quarter"]
    table = world.own.answer(sql)
    assert differs(table, table.slice(1), ordered=False)
    assert differs(table, table.rename_columns(["county", "mean"]), ordered=False)


SOCKETS = {
    "tpch": list(range(22)),
    "tpcds": list(range(0, 99, 9)),
    "world": list(range(100_000, 100_050)),
}


@pytest.mark.parametrize("suite", SOCKETS)
def test_through_a_socket_with_a_standard_client_and_real_audit_it_is_the_same(
    settings: Settings, audit_service: AuditProcess, suite: str
) -> None:
    is_made = suite == "world"
    tables = world_tables() if is_made else tpc.tables(suite)
    policy = make_world() if is_made else tpc.policy(suite)
    own, path = plain(tables), settings.run_dir / "g.sock"
    with ExitStack() as stack:
        audit = stack.enter_context(Everybody(settings))
        gateway = stack.enter_context(open_gateway(settings, audit, policy=policy, tables=tables))
        stack.callback(SessionServer(gateway, ROSA, path).close)
        answers = {
            sql: answer
            for number in SOCKETS[suite]
            for sql in [grammar.question(number) if is_made else tpc.queries(suite)[number]]
            if (answer := _asked(path, own, sql)) is not None
        }
    assert len(answers) > len(SOCKETS[suite]) * 0.9
    facts = audit_service.facts()
    for sql, answer in answers.items():
        query = answer.schema.metadata[b"enclave.query"].decode()
        intent, outcome = [fact for fact in facts if fact["intent"] == query]
        assert own.suffices(sql, intent["columns"])
        assert outcome["detail"]["rows"] == answer.num_rows


def _asked(path: Path, own: Plain, sql: str) -> pa.Table | None:
    """The answer through the socket, which must be the engine's own; None where there is none."""
    try:
        theirs = own.answer(sql)
        ours = ask(path, sql)
    except (duckdb.Error, adbc_driver_manager.Error):
        return None
    assert differs(ours, theirs, ordered=is_ordered(sql)) is None
    return ours
