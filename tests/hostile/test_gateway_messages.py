"""Messages no client of ours sends: each ends, says little, and is logged if it asks for rows.

R18, R20. Names of parameters, patterns of listings, numbers asked for a hundred thousand times,
values of every Arrow type, streams that end half-way, handles written by hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from google.protobuf.message import Message
from pyarrow import flight

from enclave.gateway import flight_metadata
from enclave.gateway import flight_sql_pb2 as sql
from enclave.gateway.flight import SessionServer
from enclave.gateway.inspector import Inspector
from enclave.gateway.refusals import QueryDenied, SessionEnded
from enclave.gateway.service import Gateway
from enclave.settings import Settings
from tests.hostile.test_gateway_protocol import SAYS_NO, assert_says_little, packed, put, ticket
from tests.support.gateway import ROSA, SECRET, Collector, make_test_inspector, open_gateway

LISTED = make_test_inspector().catalogue


@pytest.fixture
def collector() -> Collector:
    return Collector()


@pytest.fixture
def gateway(settings: Settings, collector: Collector) -> Iterator[Gateway]:
    with open_gateway(settings, collector) as opened:
        yield opened


@pytest.fixture
def client(gateway: Gateway, settings: Settings) -> Iterator[flight.FlightClient]:
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    server = SessionServer(gateway, ROSA, settings.run_dir / "rosa.sock")
    with flight.FlightClient(f"grpc+unix://{settings.run_dir / 'rosa.sock'}") as opened:
        yield opened
    server.close()


def get(client: flight.FlightClient, message: Message) -> pa.Table:
    return client.do_get(flight.Ticket(packed(message))).read_all()


# Listings that would not end ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "pattern",
    ["%" * 900 + "z", "%_" * 450 + "z", "%e" * 450, "%" * 100_000, "_%_" * 300, "%" * 60 + "Q"],
)
def test_a_pattern_of_many_parts_is_matched_at_once(
    client: flight.FlightClient, pattern: str
) -> None:
    """Python's own expressions would try them in every way, for longer than anybody lives."""
    tables = sql.CommandGetTables(table_name_filter_pattern=pattern)
    assert get(client, tables).num_rows == 0
    schemas = sql.CommandGetDbSchemas(db_schema_filter_pattern=pattern)
    assert get(client, schemas).num_rows == 0


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("", ["credentials", "wages"]),
        ("%", ["credentials", "wages"]),
        ("W%", ["wages"]),
        ("wag__", ["wages"]),
        ("%s", ["credentials", "wages"]),
        ("%%%%e_%%%", ["credentials", "wages"]),
        (".*", []),
        ("wages|credentials", []),
        ("[cw]%", []),
        ("wages\n", []),
        ("wages' OR '1'='1", []),
        ("sec%", []),
        ("pg_%", []),
        ("\\", []),
        ("(?R)", []),
        ("%\0%", []),
    ],
)
def test_a_pattern_is_no_expression_and_no_sql(pattern: str, names: list[str]) -> None:
    tables = sql.CommandGetTables(table_name_filter_pattern=pattern)
    assert flight_metadata.tables(LISTED, tables)["table_name"].to_pylist() == names


def test_a_number_asked_for_often_is_told_once(client: flight.FlightClient) -> None:
    """A hundred thousand fit into one message, and each was counted against all before it."""
    told = get(client, sql.CommandGetSqlInfo(info=[0, 1] * 60_000 + [999_999] * 100))
    assert told["info_name"].to_pylist() == [0, 1]


def test_listings_tell_only_what_is_granted(client: flight.FlightClient) -> None:
    commands: list[Message] = [
        sql.CommandGetTables(include_schema=True, table_types=["VIEW", "SYSTEM TABLE", "table"]),
        sql.CommandGetTables(catalog="system", include_schema=True),
        sql.CommandGetTables(db_schema_filter_pattern="information_schema"),
        sql.CommandGetDbSchemas(catalog="temp"),
        sql.CommandGetPrimaryKeys(table="people"),
        sql.CommandGetExportedKeys(table="../wages"),
        sql.CommandGetImportedKeys(table="wages", db_schema="pg_catalog"),
        sql.CommandGetCrossReference(pk_table="wages", fk_table="x" * 50_000),
    ]
    for command in commands:
        told = str(get(client, command).to_pylist())
        for hidden in ("secret", SECRET, "ssn", "pg_", "duckdb_tables"):
            assert hidden not in told


# Names and values of parameters -------------------------------------------------------------------

NAMES = ["\u00b2", "\u0663", "", "$", "1 ", "-1", "a\0b", "\u200b", "x" * 5000, "0", "\u2460"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", ["SELECT $a AS v", "SELECT $1 AS v", "SELECT ? AS v"])
def test_a_parameter_of_any_name_is_refused_and_logged(
    gateway: Gateway, collector: Collector, name: str, text: str
) -> None:
    """Of a digit that is no number, as in an exponent, there was an error and no event."""
    with pytest.raises(QueryDenied):
        gateway.answer(ROSA, text, {name: 1})
    assert collector.actions() == [("query.denied", "denied")]


@pytest.mark.parametrize("name", ["\u00b2", "year", "a b"])
def test_a_parameter_s_name_comes_from_the_client(
    client: flight.FlightClient, collector: Collector, name: str
) -> None:
    asked = sql.CommandPreparedStatementQuery(prepared_statement_handle=b"SELECT $a AS v")
    descriptor = flight.FlightDescriptor.for_command(packed(asked))
    answer = put(client, descriptor, pa.record_batch({name: pa.array([1])}))
    handle = sql.DoPutPreparedStatementResult.FromString(answer).prepared_statement_handle
    with pytest.raises(flight.FlightUnauthorizedError, match=r"\[query\."):
        get(client, sql.CommandPreparedStatementQuery(prepared_statement_handle=handle))
    assert collector.actions() == [("query.denied", "denied")]


FORGED: list[Any] = [
    ["SELECT $a", {"\u00b2": 1}],
    ["SELECT '\ud800'", []],
    ["SELECT ? -- \udfff", ["x"]],
    ["SELECT ?", ["\udc00"]],
    ["SELECT $a", {"\ud800": 1}],
    ["SELECT ?", [["decimal", "1e999999999"]]],
    ["SELECT ?", [["decimal", "sNaN"]]],
    ["SELECT ?", [["date", "0001-01-01"]]],
    ["SELECT ? + ?", [1]],
    ["SELECT ?", "ab"],
    ["SELECT year FROM wages WHERE town = ? OR secret = ?", ["x", "y"]],
    ["SELECT ?; SELECT ?", [1, 2]],
    ["COPY wages TO ?", ["/tmp/x"]],
    ["", []],
    ["\0", []],
]


@pytest.mark.parametrize("question", FORGED, ids=range(len(FORGED)))
@pytest.mark.parametrize("is_explained", [False, True])
def test_a_handle_written_by_hand_is_refused_or_is_its_text(
    client: flight.FlightClient, collector: Collector, question: Any, is_explained: bool
) -> None:
    text, values = question
    text = f"EXPLAIN POLICY {text}" if is_explained else text
    handle = b"\x00" + json.dumps([text, values]).encode()
    try:
        told = str(get(client, sql.TicketStatementQuery(statement_handle=handle)).to_pylist())
        assert SECRET not in told
    except SAYS_NO as refused:
        assert_says_little(str(refused))
        assert "The gateway failed" not in str(refused)
    actions = {action for action, _ in collector.actions()}
    assert actions <= {"query.denied", "query.explained", "query.intent", "query.outcome"}
    assert actions


ODD_VALUES = [
    pa.array([timedelta(days=1)]),
    pa.array([1], pa.timestamp("ns", "Mars/Phobos")),
    pa.array([1], pa.timestamp("us", "+99:99")),
    pa.array([2**62], pa.timestamp("us")),
    pa.array([-(2**31)], pa.date32()),
    pa.array([10**15], pa.date64()),
    pa.array([86_399_999_999_999], pa.time64("ns")),
    pa.array([b"\xff\xfe"], pa.binary()),
    pa.array([b"\xff\xfe"]).view(pa.string()),
    pa.array([{"a": {"b": [1]}}]),
    pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())),
    pa.array(["a"]).dictionary_encode(),
    pa.array(["a"], pa.string_view()),
    pa.array([1.5], pa.float16()),
    pa.array([2**64 - 1], pa.uint64()),
    pa.nulls(1),
    pa.array([pa.MonthDayNano([1, 2, 3])]),
    pa.RunEndEncodedArray.from_arrays([1], ["x"]),
    pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])]),
]


@pytest.mark.parametrize("value", ODD_VALUES, ids=lambda value: str(value.type))
def test_a_value_of_any_type_is_taken_or_refused_in_a_sentence(
    client: flight.FlightClient, collector: Collector, value: pa.Array
) -> None:
    asked = sql.CommandPreparedStatementQuery(prepared_statement_handle=b"SELECT ? AS v")
    descriptor = flight.FlightDescriptor.for_command(packed(asked))
    try:
        answer = put(client, descriptor, pa.RecordBatch.from_arrays([value], ["x"]))
        handle = sql.DoPutPreparedStatementResult.FromString(answer).prepared_statement_handle
        get(client, sql.CommandPreparedStatementQuery(prepared_statement_handle=handle))
    except SAYS_NO as refused:
        assert_says_little(str(refused))
    assert client.do_get(ticket("SELECT 41 AS n")).read_all()["n"].to_pylist() == [41]


def test_a_stream_of_parameters_that_ends_half_way_leaves_the_server_as_it_was(
    client: flight.FlightClient, collector: Collector
) -> None:
    asked = sql.CommandPreparedStatementQuery(prepared_statement_handle=b"SELECT ? AS v")
    descriptor = flight.FlightDescriptor.for_command(packed(asked))
    for _ in range(20):
        writer, answers = client.do_put(descriptor, pa.schema([("x", pa.int64())]))
        writer.done_writing()  # no row, and nobody reads what comes back
        del writer, answers
    assert client.do_get(ticket("SELECT 41 AS n")).read_all()["n"].to_pylist() == [41]
    assert collector.actions() == [("query.intent", "allowed"), ("query.outcome", "allowed")]


def test_a_value_that_is_none_of_its_type_is_the_client_s_mistake(
    client: flight.FlightClient, collector: Collector
) -> None:
    asked = sql.CommandPreparedStatementQuery(prepared_statement_handle=b"SELECT ? AS v")
    descriptor = flight.FlightDescriptor.for_command(packed(asked))
    no_whole_day = pa.array([2**60 + 1], pa.int64()).view(pa.date64())
    with pytest.raises(SAYS_NO, match="no value of its type"):
        put(client, descriptor, pa.RecordBatch.from_arrays([no_whole_day], ["x"]))


# Refused before it is a query, and logged all the same -------------------------------------------


def _exchange(client: flight.FlightClient) -> None:
    writer, _ = client.do_exchange(flight.FlightDescriptor.for_command(b"x"))
    writer.close()


def _bind(client: flight.FlightClient, value: pa.Array) -> None:
    asked = sql.CommandPreparedStatementQuery(prepared_statement_handle=b"SELECT ? AS v")
    batch = pa.RecordBatch.from_arrays([value], ["x"])
    put(client, flight.FlightDescriptor.for_command(packed(asked)), batch)


HANDLE = packed(sql.CommandPreparedStatementQuery(prepared_statement_handle=b"\x00[1]"))
HALF: dict[str, Callable[[flight.FlightClient], object]] = {
    "no message": lambda c: c.do_get(flight.Ticket(b"SELECT * FROM wages")),
    "no handle of ours": lambda c: c.do_get(flight.Ticket(HANDLE)),
    "a handle's flight": lambda c: c.get_flight_info(flight.FlightDescriptor.for_command(HANDLE)),
    "no listing": lambda c: get(c, sql.ActionCreatePreparedStatementRequest(query="SELECT 1")),
    "a path": lambda c: c.get_flight_info(flight.FlightDescriptor.for_path("wages")),
    "an action": lambda c: list(c.do_action(flight.Action("SetSessionOptions", b"x"))),
    "half an action": lambda c: list(c.do_action(flight.Action("CancelQuery", b"\xff"))),
    "an exchange": _exchange,
    "a list of values": lambda c: _bind(c, pa.array([[1]])),
    "two rows of values": lambda c: _bind(c, pa.array([1, 2])),
}


@pytest.mark.parametrize("name", HALF)
def test_what_is_refused_before_it_is_a_query_is_logged(
    client: flight.FlightClient, collector: Collector, name: str
) -> None:
    with pytest.raises(SAYS_NO) as refused:
        HALF[name](client)
    assert_says_little(str(refused.value))
    assert collector.actions() == [("query.denied", "denied")]


# What nobody has foreseen -------------------------------------------------------------------------


@pytest.mark.parametrize("asking", ["answer", "check", "explain"])
def test_a_reader_that_breaks_refuses_and_the_refusal_is_logged(
    gateway: Gateway, collector: Collector, monkeypatch: pytest.MonkeyPatch, asking: str
) -> None:
    """It was an error of the gateway, told to the client alone."""

    def broken(*_: object) -> None:
        raise KeyError("a literal of the query")

    monkeypatch.setattr(Inspector, "_statement", broken)
    with pytest.raises(QueryDenied) as refusal:
        getattr(gateway, asking)(ROSA, "SELECT 'x' FROM wages")
    assert "literal" not in refusal.value.explain()
    assert collector.actions() == [("query.denied", "denied")]


def test_who_asks_for_an_explanation_after_the_session_is_refused_and_logged(
    gateway: Gateway, collector: Collector
) -> None:
    gateway.close_session(ROSA)
    with pytest.raises(SessionEnded):
        gateway.explain(ROSA, "SELECT 1")
    assert collector.actions() == [("query.denied", "denied")]
