"""Protocol abuse on a session's socket: nothing but a sentence comes back, and nothing runs.

The socket's path is the credential (workspace.md): a session cannot speak for another.
"""

from __future__ import annotations

import gc
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import adbc_driver_manager
import pyarrow as pa
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from pyarrow import flight

from enclave.errors import AuditUnavailable, EnclaveError, Unavailable
from enclave.events import Action, Event, Receipt
from enclave.gateway import flight_calls
from enclave.gateway import flight_sql_pb2 as sql
from enclave.gateway.flight import SessionServer
from enclave.gateway.journal import Journal, lineage
from enclave.gateway.service import Gateway
from enclave.model import Session
from enclave.settings import Settings
from tests.support.gateway import PROJECT, ROSA, Collector, ask, connect, open_gateway, wait_until


@pytest.fixture
def collector() -> Collector:
    return Collector()


@pytest.fixture
def gateway(settings: Settings, collector: Collector) -> Iterator[Gateway]:
    with open_gateway(settings, collector) as opened:
        yield opened


@pytest.fixture
def server(gateway: Gateway, settings: Settings) -> Iterator[SessionServer]:
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    opened = SessionServer(gateway, ROSA, settings.run_dir / "rosa.sock")
    yield opened
    opened.close()


@pytest.fixture
def client(server: SessionServer, settings: Settings) -> Iterator[flight.FlightClient]:
    with flight.FlightClient(f"grpc+unix://{settings.run_dir / 'rosa.sock'}") as opened:
        yield opened


def packed(message: Message) -> bytes:
    wrapped = AnyMessage()
    wrapped.Pack(message)
    return wrapped.SerializeToString()


def ticket(text: str) -> flight.Ticket:
    return flight.Ticket(packed(sql.TicketStatementQuery(statement_handle=text.encode())))


def enveloped(name: str, value: bytes = b"") -> bytes:
    url = f"type.googleapis.com/arrow.flight.protocol.sql.{name}"
    return AnyMessage(type_url=url, value=value).SerializeToString()


SAYS_NO = (flight.FlightError, pa.ArrowException, OSError)  # as pyarrow's client tells it
QUERY = packed(sql.CommandStatementQuery(query="SELECT 1"))
HANDLES = [  # of prepared statements that we did not make
    b"\xff\xfe",
    b"\x00",
    b"\x00{}",
    b"\x00[]",
    b'\x00["SELECT 1"]',
    b"\x00[1, []]",
    b'\x00["SELECT 1", [["no-such-type", "x"]]]',
    b'\x00["SELECT 1", [["decimal", "one"]]]',
    b'\x00["SELECT 1", [["date", "2021-13-01"]]]',
    b'\x00["SELECT 1", [[]]]',
    b'\x00["SELECT 1", {"a": {"b": 1}}]',
    b'\x00["SELECT 1", 5]',
    b"\x00" + b"[" * 50_000,
]
JUNK = [
    b"",
    b"\x00",
    b"SELECT * FROM wages",
    b"\xff" * 64,
    b"{}" * 40_000,
    QUERY[:-1],  # truncated
    QUERY[:7],
    QUERY + b"\x0a",
    packed(sql.ActionCreatePreparedStatementRequest(query="SELECT 1")),
    packed(sql.ActionCancelQueryRequest(info=b"x")),
    enveloped("Nope"),
    enveloped("DESCRIPTOR"),
    enveloped("__name__"),
    enveloped("CommandStatementUpdate", b"\x0a\x08SELECT 1"),
    enveloped("CommandStatementIngest"),
    enveloped("CommandStatementSubstraitPlan"),
    enveloped("CommandGetTables", b"\xff\xff"),
    enveloped("CommandGetTables.", b""),
    AnyMessage(type_url="file:///etc/passwd", value=b"x").SerializeToString(),
    *(packed(sql.TicketStatementQuery(statement_handle=each)) for each in HANDLES),
    *(packed(sql.CommandPreparedStatementQuery(prepared_statement_handle=h)) for h in HANDLES),
    packed(sql.CommandStatementQuery(query="\x00" * 100)),
    packed(sql.CommandStatementQuery(query="SELECT 1 " * 20_000)),
]  # fmt: skip


def test_forged_tickets_and_commands_get_a_sentence_and_no_data(
    client: flight.FlightClient, collector: Collector
) -> None:
    for junk in JUNK:
        with pytest.raises(SAYS_NO) as got:
            client.do_get(flight.Ticket(junk)).read_all()
        assert_says_little(str(got.value))
        descriptor = flight.FlightDescriptor.for_command(junk)
        actions = ("CreatePreparedStatement", "CancelFlightInfo", "CancelQuery", junk[:20].hex())
        said = [
            *(refusal(call, descriptor) for call in (client.get_flight_info, client.get_schema)),
            *(refusal(acting, client, flight.Action(each, junk)) for each in actions),
        ]
        for text in said:
            assert_says_little(text)
    assert ("query.intent", "allowed") not in collector.actions()


def refusal(call: Callable[..., object], *arguments: object) -> str:
    """What the server says if it says no; some junk is harmless to some calls."""
    try:
        call(*arguments)
    except SAYS_NO as refused:
        return str(refused)
    return ""


def acting(client: flight.FlightClient, action: flight.Action) -> None:
    list(client.do_action(action))


def assert_says_little(text: str) -> None:
    """No traceback, no path of the server, no word of the engine, the library or Python."""
    own = text.replace("grpc+unix", "").split("gRPC client debug context")[0]  # the client's part
    for word in ("Traceback", ".py", str(Path(__file__).parents[2]), "/site-packages", "/tmp/enc"):
        assert word not in text.split("peer unix:", maxsplit=1)[0]
    for word in (
        "Error:",
        "Exception",
        "duckdb",
        "DuckDB",
        "protobuf",
        "google",
        "0x",
        "object at",
    ):
        assert word not in own


def test_nothing_can_be_put_exchanged_or_called(client: flight.FlightClient) -> None:
    schema = pa.schema([("x", pa.int64())])
    rows = pa.record_batch({"x": [1]})
    for command in (
        QUERY,
        b"junk",
        b"",
        enveloped("CommandStatementUpdate"),
        enveloped("CommandPreparedStatementUpdate"),
        enveloped("CommandStatementIngest"),
    ):
        descriptor = flight.FlightDescriptor.for_command(command)
        with pytest.raises(SAYS_NO, match="does nothing else"):
            put(client, descriptor, rows)
    for descriptor in (
        flight.FlightDescriptor.for_path("wages"),
        flight.FlightDescriptor.for_path("..", "..", "etc", "passwd"),
    ):
        for call in (client.get_flight_info, client.get_schema):
            with pytest.raises(SAYS_NO, match="does nothing else"):
                call(descriptor)
        with pytest.raises(SAYS_NO, match="does nothing else"):
            put(client, descriptor, rows)
    with pytest.raises(SAYS_NO, match="does nothing else"):
        writer, _ = client.do_exchange(flight.FlightDescriptor.for_command(QUERY))
        with writer:
            writer.begin(schema)
            writer.done_writing()
            _.read_all()
    for action in ("BeginSavepoint", "CancelQuery", "CreatePreparedSubstraitPlan", "x" * 5000, "",
                   "SetSessionOptions", "RenewFlightEndpoint", "__class__"):  # fmt: skip
        with pytest.raises(SAYS_NO, match="does nothing else"):
            list(client.do_action(flight.Action(action, b"")))
    assert list(client.list_flights()) == []
    with pytest.raises((flight.FlightError, pa.ArrowException, NotImplementedError)) as got:
        client.authenticate_basic_token("rosa", "x")
    assert_says_little(str(got.value))


def put(
    client: flight.FlightClient, descriptor: flight.FlightDescriptor, rows: pa.RecordBatch
) -> bytes | None:
    writer, answers = client.do_put(descriptor, rows.schema)
    with writer:
        writer.write_batch(rows)
        writer.done_writing()
        answer = answers.read()
        return None if answer is None else answer.to_pybytes()


BINDINGS = [
    pa.record_batch({"x": pa.array([[1, 2]])}),
    pa.record_batch({"x": pa.array([{"a": 1}])}),
    pa.record_batch({"x": pa.array([b"\xff"])}),
    pa.record_batch({"x": pa.array([1, 2])}),
    pa.record_batch({str(n): pa.array([n]) for n in range(1001)}),
    pa.record_batch({"x": pa.array([10**12], pa.duration("s"))}),
    pa.record_batch({"x": pa.array(["a"]).dictionary_encode()}),
    pa.record_batch({"x": pa.array([float("nan")])}),
    pa.record_batch({"x": pa.array([2**62], pa.timestamp("s"))}),
    pa.record_batch({"x": pa.array(["y" * 1_000_000])}),
]


def test_odd_parameters_get_a_sentence_or_are_held_to_the_query_s_limits(
    client: flight.FlightClient,
) -> None:
    prepared = sql.CommandPreparedStatementQuery(prepared_statement_handle=b"SELECT ?")
    descriptor = flight.FlightDescriptor.for_command(packed(prepared))

    def bind(rows: pa.RecordBatch) -> None:
        answer = put(client, descriptor, rows)
        handle = sql.DoPutPreparedStatementResult.FromString(answer).prepared_statement_handle
        bound = sql.CommandPreparedStatementQuery(prepared_statement_handle=handle)
        client.do_get(flight.Ticket(packed(bound))).read_all()

    for rows in BINDINGS:
        text = refusal(bind, rows)
        is_text = pa.types.is_dictionary(rows.schema.types[0])  # as good as the text in it
        assert is_text or "[query." in text, rows.schema
        assert_says_little(text)


def test_a_handle_is_the_question_and_opens_nothing_else(
    client: flight.FlightClient, collector: Collector
) -> None:
    """Made by hand, with what it likes in it: it is inspected as if it had been typed."""
    forged = b'\x00["SELECT ssn FROM wages WHERE year = ?", [2021]]'
    with pytest.raises(flight.FlightUnauthorizedError, match=r"\[query\.not-granted\]"):
        client.do_get(flight.Ticket(packed(
            sql.TicketStatementQuery(statement_handle=forged)))).read_all()  # fmt: skip
    assert collector.actions() == [("query.denied", "denied")]


def test_a_huge_message_is_refused_and_the_server_goes_on(client: flight.FlightClient) -> None:
    huge = b"x" * (32 * 1024 * 1024)
    for call in (
        lambda: client.do_get(flight.Ticket(huge)).read_all(),
        lambda: client.get_flight_info(flight.FlightDescriptor.for_command(huge)),
        lambda: list(client.do_action(flight.Action("CreatePreparedStatement", huge))),
    ):
        with pytest.raises(SAYS_NO) as got:
            call()
        assert_says_little(str(got.value)[:2000])
    assert client.do_get(ticket("SELECT 41 AS n")).read_all().column("n")[0].as_py() == 41


def test_thousands_of_handles_leave_nothing_behind(
    client: flight.FlightClient, server: SessionServer
) -> None:
    before = len(gc.get_objects())
    for number in range(1500):
        request = packed(sql.ActionCreatePreparedStatementRequest(query=f"SELECT {number}"))
        list(client.do_action(flight.Action("CreatePreparedStatement", request)))
    gc.collect()
    assert len(gc.get_objects()) - before < 1000


def test_a_ticket_of_another_session_is_only_a_text(
    gateway: Gateway, settings: Settings, collector: Collector, client: flight.FlightClient
) -> None:
    """What a ticket carries gives no right: who asks is the socket it is sent to."""
    ravi = Session("s2", "ravi", PROJECT)
    other = SessionServer(gateway, ravi, settings.run_dir / "ravi.sock")
    descriptor = flight.FlightDescriptor.for_command(QUERY)
    stolen = client.get_flight_info(descriptor).endpoints[0].ticket
    with flight.FlightClient(f"grpc+unix://{settings.run_dir / 'ravi.sock'}") as thief:
        thief.do_get(stolen).read_all()
        assert [event.actor for event in collector.events] == ["ravi", "ravi"]
        cancel = sql.CancelFlightInfoRequest(
            info=sql.FlightInfo(
                endpoint=[sql.FlightEndpoint(ticket=sql.Ticket(ticket=stolen.ticket))]
            )
        )
        (answer,) = thief.do_action(flight.Action("CancelFlightInfo", cancel.SerializeToString()))
        assert sql.CancelFlightInfoResult.FromString(answer.body.to_pybytes()).status == 3
    other.close()


def test_one_session_cannot_cancel_what_another_runs(
    gateway: Gateway, settings: Settings, client: flight.FlightClient, collector: Collector
) -> None:
    other = SessionServer(gateway, Session("s2", "ravi", PROJECT), settings.run_dir / "ravi.sock")
    mine = ticket("SELECT a.year FROM wages a, range(20000)")
    reader = client.do_get(mine)
    reader.read_chunk()
    endpoint = sql.FlightEndpoint(ticket=sql.Ticket(ticket=mine.ticket))
    cancel = sql.CancelFlightInfoRequest(info=sql.FlightInfo(endpoint=[endpoint]))
    body = cancel.SerializeToString()
    with flight.FlightClient(f"grpc+unix://{settings.run_dir / 'ravi.sock'}") as thief:
        list(thief.do_action(flight.Action("CancelFlightInfo", body)))
    for _ in range(20):
        reader.read_chunk()
    assert ("query.outcome", "failed") not in collector.actions()
    (answer,) = client.do_action(flight.Action("CancelFlightInfo", body))
    assert sql.CancelFlightInfoResult.FromString(answer.body.to_pybytes()).status == 1
    with pytest.raises(SAYS_NO):
        reader.read_all()
    other.close()


def test_a_session_has_only_so_many_streams(
    client: flight.FlightClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flight_calls, "MOST", 3)
    readers = [client.do_get(ticket("SELECT a.year FROM wages a, range(20000)")) for _ in range(3)]
    with pytest.raises(flight.FlightUnavailableError, match=r"\[query\.too-many\]"):
        client.do_get(ticket("SELECT 1")).read_all()
    readers.pop().cancel()

    def works() -> bool:
        with suppress(flight.FlightUnavailableError):
            return client.do_get(ticket("SELECT 1 AS n")).read_all().num_rows == 1
        return False

    wait_until(works, "the place of an ended stream was not given back")
    for reader in readers:
        reader.cancel()


def test_a_client_that_reads_nothing_gets_no_more_after_its_session(
    client: flight.FlightClient, gateway: Gateway, collector: Collector
) -> None:
    """A stream held open and not read: what was on its way comes, the rest never does."""
    reader = client.do_get(ticket("SELECT a.year, r.range FROM wages a, range(20000) r"))
    first = reader.read_chunk().data.num_rows
    gateway.close_session(ROSA)
    got = first
    with pytest.raises(SAYS_NO, match=r"\[query\.stopped\]"):
        while True:
            got += reader.read_chunk().data.num_rows
    assert got < 1600 * 20_000
    wait_until(lambda: ("query.outcome", "failed") in collector.actions(), "there is no outcome")


def test_raw_bytes_on_the_socket_get_no_word_and_the_server_goes_on(
    client: flight.FlightClient, server: SessionServer, settings: Settings
) -> None:
    held = []
    for body in (b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 1000, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
        for _ in range(20):
            raw = socket.socket(socket.AF_UNIX)
            raw.connect(str(settings.run_dir / "rosa.sock"))
            with suppress(OSError):
                raw.sendall(body)
            held.append(raw)  # a slow client: says a little and waits
    assert client.do_get(ticket("SELECT 41 AS n")).read_all().num_rows == 1
    for raw in held:
        raw.settimeout(1)
        with suppress(OSError):
            assert_says_little(raw.recv(65536).decode(errors="replace"))
        raw.close()


def test_an_unforeseen_failure_sends_no_traceback(
    client: flight.FlightClient, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret detail in /srv/path.py")

    monkeypatch.setattr(gateway, "answer", broken)
    with pytest.raises(flight.FlightError) as got:
        client.do_get(ticket("SELECT 1")).read_all()
    assert "secret detail" not in str(got.value)
    assert_says_little(str(got.value))


def test_a_replayed_ticket_is_a_new_query_logged_as_such(
    client: flight.FlightClient, collector: Collector
) -> None:
    once = ticket("SELECT count(*) FROM wages")
    ids = [client.do_get(once).read_all().schema.metadata[b"enclave.query"] for _ in range(2)]
    assert len(set(ids)) == 2
    assert collector.actions().count(("query.intent", "allowed")) == 2


def test_a_closed_session_gets_nothing_more(
    client: flight.FlightClient, gateway: Gateway, collector: Collector
) -> None:
    gateway.close_session(ROSA)
    with pytest.raises(flight.FlightUnauthorizedError, match="session has ended"):
        client.do_get(ticket("SELECT 1")).read_all()
    tables = flight.Ticket(packed(sql.CommandGetTables(include_schema=True)))
    with pytest.raises(flight.FlightUnauthorizedError, match="session has ended"):
        client.do_get(tables).read_all()
    assert collector.actions() == [("query.denied", "denied")]


def test_a_running_query_stops_when_its_session_closes(
    client: flight.FlightClient, gateway: Gateway, collector: Collector
) -> None:
    endless = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range = -1"

    def close() -> None:
        wait_until(lambda: ("query.intent", "allowed") in collector.actions(), "it did not begin")
        gateway.close_session(ROSA)

    closer = threading.Thread(target=close)
    closer.start()
    with pytest.raises(flight.FlightError, match=r"query\.stopped"):
        client.do_get(ticket(endless)).read_all()
    closer.join()
    assert collector.actions()[-1] == ("query.outcome", "failed")


def test_who_asks_is_the_socket_and_nothing_the_client_says(
    gateway: Gateway, settings: Settings, collector: Collector, server: SessionServer
) -> None:
    ravi = Session("s2", "ravi", PROJECT)
    other = SessionServer(gateway, ravi, settings.run_dir / "ravi.sock")
    claim = {"adbc.flight.sql.rpc.call_header.x-user": "rosa", "username": "rosa", "password": "x"}
    with suppress(adbc_driver_manager.Error):  # a name and password are refused outright
        connect_as(settings.run_dir / "ravi.sock", claim)
    ask(settings.run_dir / "ravi.sock", "SELECT 1")
    assert {event.actor for event in collector.events} == {"ravi"}
    other.close()
    assert not (settings.run_dir / "ravi.sock").exists()


def connect_as(path: Path, claim: dict[str, str]) -> None:
    import adbc_driver_flightsql.dbapi as adbc  # noqa: PLC0415

    uri = f"grpc+unix://{path}"
    with (
        adbc.connect(uri, db_kwargs=claim, autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT 1")


def test_a_client_that_goes_away_ends_its_query_and_leaves_an_outcome(
    settings: Settings, server: SessionServer, collector: Collector
) -> None:
    with connect(settings.run_dir / "rosa.sock") as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT a.year FROM wages a, range(20000)")
        cursor.fetch_record_batch().read_next_batch()
        cursor.close()
    wait_until(lambda: len(collector.events) == 2, "there was no outcome")
    assert collector.actions()[-1] == ("query.outcome", "failed")
    assert collector.events[-1].detail["code"] == "query.client-gone"


# When a part that must answer does not ------------------------------------------------------------


class Away(Collector):
    """Audit that gives no receipt for some actions."""

    def __init__(self, *without: Action) -> None:
        super().__init__()
        self.without = without

    def append(self, event: Event) -> Receipt:
        if event.action in self.without:
            raise AuditUnavailable("The audit service does not answer.")
        return super().append(event)


@pytest.mark.parametrize(
    ("sql_text", "action"),
    [
        ("SELECT * FROM credentials", Action.QUERY_INTENT),
        ("SELECT ssn FROM wages", Action.QUERY_DENIED),
    ],
)
def test_no_receipt_for_the_intent_or_the_denial_no_answer_of_any_kind(
    settings: Settings, sql_text: str, action: Action
) -> None:
    with open_gateway(settings, Away(action)) as gateway, pytest.raises(AuditUnavailable):
        gateway.answer(ROSA, sql_text)


def test_no_receipt_for_the_outcome_no_end_of_the_answer(settings: Settings) -> None:
    """The last batch is held back, so a small answer does not come at all."""
    away = Away(Action.QUERY_OUTCOME)
    with open_gateway(settings, away) as gateway:
        with pytest.raises(AuditUnavailable):
            gateway.answer(ROSA, "SELECT * FROM credentials")
        (intent,) = away.events
        with pytest.raises(EnclaveError):
            lineage(settings, PROJECT, [str(intent.intent)])


def test_the_last_batch_of_a_long_answer_waits_for_the_outcome(settings: Settings) -> None:
    audit = Away(Action.QUERY_OUTCOME)
    with open_gateway(settings, audit) as gateway:
        answer = gateway.answer(ROSA, "SELECT r.range FROM range(200000) r")
        got = 0
        with pytest.raises(AuditUnavailable):
            for batch in answer:
                got += batch.num_rows
        assert 0 < got < 200_000


def test_what_was_handed_out_is_what_the_outcome_says(
    settings: Settings, gateway: Gateway, collector: Collector
) -> None:
    batches = list(gateway.answer(ROSA, "SELECT r.range FROM range(200000) r"))
    assert (
        sum(batch.num_rows for batch in batches) == 200_000 == collector.events[-1].detail["rows"]
    )


def test_a_journal_that_cannot_be_written_gives_no_data(
    settings: Settings, gateway: Gateway, collector: Collector
) -> None:
    gateway.parts.journal.close()
    with pytest.raises(Unavailable, match="journal"):
        gateway.answer(ROSA, "SELECT * FROM credentials")


def test_a_journal_is_for_the_gateway_alone(settings: Settings, gateway: Gateway) -> None:
    file = settings.state_dir / "gateway" / PROJECT / "journal.db"
    assert os.stat(file).st_mode & 0o077 == 0
    assert os.stat(file.parent).st_mode & 0o077 == 0
    with pytest.raises(EnclaveError):
        lineage(settings, "early-start", ["q-0"])
    Journal(settings, "early-start").close()
    with pytest.raises(EnclaveError):
        lineage(settings, "early-start", ["q-0"])


def test_an_agreement_that_has_ended_or_not_begun_gives_nothing(settings: Settings) -> None:
    from datetime import date  # noqa: PLC0415

    for today in (date(2019, 12, 31), date(2090, 1, 2)):
        collector = Collector()
        with (
            open_gateway(settings, collector, today=lambda day=today: day) as gateway,
            pytest.raises(EnclaveError, match="in force"),
        ):
            gateway.answer(ROSA, "SELECT 1")
        assert collector.actions() == [("query.denied", "denied")]


def test_many_askers_at_once_get_their_own_answers(
    settings: Settings, server: SessionServer
) -> None:
    answers: list[int] = []

    def one(number: int) -> None:
        table = ask(settings.run_dir / "rosa.sock", f"SELECT {number} AS n, count(*) FROM wages")
        answers.append(table.column("n")[0].as_py())

    threads = [threading.Thread(target=one, args=[number]) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(answers) == list(range(12))
