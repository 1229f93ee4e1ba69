"""Protocol abuse on a session's socket: nothing but a sentence comes back, and nothing runs.

The socket's path is the credential (workspace.md): a session cannot speak for another.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
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


JUNK = [
    b"",
    b"\x00",
    b"SELECT * FROM wages",
    b"\xff" * 64,
    b"{}" * 40_000,
    packed(sql.ActionCreatePreparedStatementRequest(query="SELECT 1")),
    AnyMessage(type_url="type.googleapis.com/arrow.flight.protocol.sql.Nope").SerializeToString(),
    AnyMessage(type_url="type.googleapis.com/arrow.flight.protocol.sql.DESCRIPTOR").SerializeToString(),
    AnyMessage(
        type_url="type.googleapis.com/arrow.flight.protocol.sql.CommandGetTables", value=b"\xff\xff"
    ).SerializeToString(),
    AnyMessage(
        type_url="type.googleapis.com/arrow.flight.protocol.sql.TicketStatementQuery",
        value=sql.TicketStatementQuery(statement_handle=b"\xff\xfe").SerializeToString(),
    ).SerializeToString(),
]  # fmt: skip


@pytest.mark.parametrize("junk", JUNK)
def test_a_forged_ticket_or_command_gets_a_sentence_and_no_data(
    client: flight.FlightClient, collector: Collector, junk: bytes
) -> None:
    with pytest.raises((flight.FlightError, pa.ArrowException)) as got:
        client.do_get(flight.Ticket(junk)).read_all()
    assert_says_little(str(got.value))
    if junk:
        with pytest.raises((flight.FlightError, pa.ArrowException)) as got:
            client.get_flight_info(flight.FlightDescriptor.for_command(junk))
        assert_says_little(str(got.value))
    assert ("query.intent", "allowed") not in collector.actions()


def assert_says_little(text: str) -> None:
    assert "Traceback" not in text
    assert ".py" not in text
    assert str(Path(__file__).parents[2]) not in text


def test_nothing_can_be_put_exchanged_or_called(client: flight.FlightClient) -> None:
    schema = pa.schema([("x", pa.int64())])
    descriptor = flight.FlightDescriptor.for_command(packed(sql.CommandStatementQuery(query="x")))
    with pytest.raises((flight.FlightError, pa.ArrowException), match="does nothing else"):
        writer, _ = client.do_put(descriptor, schema)
        writer.close()
    for action in ("BeginSavepoint", "CancelQuery", "CreatePreparedSubstraitPlan", "x" * 5000):
        with pytest.raises((flight.FlightError, pa.ArrowException), match="does nothing else"):
            list(client.do_action(flight.Action(action, b"")))
    assert list(client.list_flights()) == []


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
    closer = threading.Timer(0.5, gateway.close_session, [ROSA])
    closer.start()
    with pytest.raises(flight.FlightError, match=r"query\.stopped"):
        client.do_get(ticket(endless)).read_all()
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
