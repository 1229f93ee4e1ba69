"""The real service: supervisor, worker, sockets, audit, over unmodified clients."""

from __future__ import annotations

import os
import resource
import signal
import threading
import warnings
from pathlib import Path
from typing import Any

import adbc_driver_manager
import pandas
import polars
import pytest
from pyarrow import flight

from enclave.audit_client import AuditClient
from enclave.gateway import flight_messages as messages
from enclave.gateway import flight_sql_pb2 as sql
from enclave.gateway.journal import lineage
from enclave.gateway.refusals import GroupTooSmall
from enclave.model import Aggregation, QueryMode, Session, SmallGroups
from enclave.sessions import close_session, open_session
from enclave.settings import Settings
from enclave.store import ControlStore
from tests.support.audit import AuditProcess
from tests.support.gateway import (
    PROJECT,
    ROSA,
    Collector,
    GatewayProcess,
    ask,
    connect,
    is_alive,
    make_policy,
    open_gateway,
    socket_of,
    wait_until,
)

ALLOWED = "SELECT year, count(*) AS n FROM wages GROUP BY year ORDER BY year"


def test_a_query_travels_through_the_socket_and_leaves_intent_and_outcome(
    settings: Settings, rosa: Session, audit_service: AuditProcess
) -> None:
    answer = ask(socket_of(settings, rosa.id), ALLOWED)
    assert answer.to_pydict() == {"year": [2021, 2022], "n": [800, 800]}
    query = answer.schema.metadata[b"enclave.query"].decode()
    facts = [fact for fact in audit_service.facts() if fact["intent"] == query]
    assert [(fact["action"], fact["verdict"]) for fact in facts] == [
        ("query.intent", "allowed"),
        ("query.outcome", "allowed"),
    ]
    assert facts[0]["actor"] == "rosa"
    assert facts[0]["columns"] == ["wages.year"]
    assert facts[1]["detail"]["rows"] == 2
    (read,) = lineage(settings, PROJECT, [query])
    assert (read.sql, read.views, read.agencies) == (ALLOWED, ("wages",), frozenset({"dol"}))


def test_a_denied_query_leaves_its_refusal_and_nothing_else(
    settings: Settings, rosa: Session, audit_service: AuditProcess
) -> None:
    with pytest.raises(adbc_driver_manager.Error, match="dsa-credential-pay, view wages"):
        ask(socket_of(settings, rosa.id), "SELECT ssn FROM wages WHERE county = 'Windham'")
    queries = [fact for fact in audit_service.facts() if fact["action"].startswith("query.")]
    assert [fact["action"] for fact in queries] == ["query.denied"]
    assert "Windham" not in str(queries)


def test_pandas_reads_through_the_socket(settings: Settings, rosa: Session) -> None:
    with connect(socket_of(settings, rosa.id)) as connection:
        frame = pandas.read_sql(ALLOWED, connection)
    assert frame["n"].tolist() == [800, 800]


def test_polars_reads_through_the_socket(settings: Settings, rosa: Session) -> None:
    with connect(socket_of(settings, rosa.id)) as connection:
        assert polars.read_database(ALLOWED, connection)["n"].to_list() == [800, 800]


def test_standard_metadata_calls_list_what_the_agreement_grants_and_who_granted_it(
    settings: Settings, rosa: Session, audit_service: AuditProcess
) -> None:
    with connect(socket_of(settings, rosa.id)) as connection:
        listed = connection.adbc_get_objects().read_all().to_pylist()
        schema = connection.adbc_get_table_schema("wages")
        info = connection.adbc_get_info()
    (catalogue,) = listed
    assert catalogue["catalog_name"] == PROJECT
    tables = [
        t["table_name"] for s in catalogue["catalog_db_schemas"] for t in s["db_schema_tables"]
    ]
    assert tables == ["credentials", "wages"]
    assert schema.names == ["person_id", "year", "quarter", "wage", "industry", "county", "town"]
    assert schema.field("wage").metadata[b"enclave.label"] == b"The wage"
    assert (
        schema.field("wage").metadata[b"enclave.clause"]
        == b"dsa-credential-pay, view wages, field wage"
    )
    assert schema.metadata[b"enclave.agency"] == b"dol"
    assert info["vendor_name"] == "Enclave gateway"
    assert "catalogue.read" in [fact["action"] for fact in audit_service.facts()]


def test_two_sessions_are_logged_as_two_people_and_end_apart(
    settings: Settings, rosa: Session, audit: AuditClient, store: ControlStore,
    audit_service: AuditProcess,
) -> None:  # fmt: skip
    ravi = open_session(store, audit, settings, person="ravi", project=PROJECT)
    wait_until(socket_of(settings, ravi.id).exists, "the second socket did not come")
    for session in (rosa, ravi):
        ask(socket_of(settings, session.id), ALLOWED)
    intents = [f for f in audit_service.facts() if f["action"] == "query.intent"]
    assert [(f["actor"], f["session"]) for f in intents] == [("rosa", rosa.id), ("ravi", ravi.id)]
    close_session(store, audit, settings, session=ravi.id)
    wait_until(lambda: not socket_of(settings, ravi.id).exists(), "the socket stayed")
    assert ask(socket_of(settings, rosa.id), ALLOWED).num_rows == 2


def test_a_killed_worker_comes_back_with_its_sessions(
    settings: Settings, rosa: Session, served: GatewayProcess
) -> None:
    (worker,) = served.workers()
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: _answers(settings, rosa), "the worker did not come back")
    assert served.workers() != [worker]


def test_a_killed_supervisor_takes_its_workers_along_and_all_comes_back(
    settings: Settings, rosa: Session, served: GatewayProcess
) -> None:
    (worker,) = served.workers()
    served.kill()
    wait_until(lambda: not is_alive(worker), "the worker outlived its supervisor")
    served.start()
    wait_until(lambda: _answers(settings, rosa), "the session did not come back")


def test_sigterm_ends_supervisor_and_workers(served: GatewayProcess) -> None:
    wait_until(lambda: bool(served.workers()), "there is no worker")
    (worker,) = served.workers()
    assert served.stop() == 0
    assert not is_alive(worker)


def test_without_audit_there_is_no_data_and_with_it_there_is_again(
    settings: Settings, rosa: Session, audit_service: AuditProcess
) -> None:
    path = socket_of(settings, rosa.id)
    assert ask(path, ALLOWED).num_rows == 2
    audit_service.kill()
    with pytest.raises(adbc_driver_manager.Error, match=r"audit\.unavailable"):
        ask(path, ALLOWED)
    audit_service.start()
    wait_until(lambda: _answers(settings, rosa), "the door stayed shut")


def test_closing_a_session_stops_what_it_has_running(
    settings: Settings, rosa: Session, audit: AuditClient, store: ControlStore,
    audit_service: AuditProcess,
) -> None:  # fmt: skip
    endless = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range<0"
    errors: list[str] = []

    def run() -> None:
        ticket = messages.pack(sql.TicketStatementQuery(statement_handle=endless.encode()))
        with flight.FlightClient(f"grpc+unix://{socket_of(settings, rosa.id)}") as client:
            try:
                client.do_get(flight.Ticket(ticket)).read_all()
            except flight.FlightError as error:
                errors.append(str(error))

    asking = threading.Thread(target=run)
    asking.start()
    wait_until(lambda: _logged(audit_service, "query.intent"), "the query did not start")
    close_session(store, audit, settings, session=rosa.id)
    asking.join(60)
    assert len(errors) == 1
    wait_until(lambda: _logged(audit_service, "query.outcome"), "the outcome was not logged")
    (outcome,) = _logged(audit_service, "query.outcome")
    assert (outcome["verdict"], outcome["detail"]["code"]) == ("failed", "query.stopped")


def test_a_client_that_reads_slowly_does_not_fill_the_workers_memory(
    settings: Settings, rosa: Session, served: GatewayProcess
) -> None:
    """The answer is 1.2 GB; the socket, the batches read ahead and the engine hold a part of it."""
    (worker,) = served.workers()
    long = "SELECT r.range AS n, 'a text of some forty characters, a few more' AS t FROM "
    with connect(socket_of(settings, rosa.id)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchall()
        before = _resident(worker)
        cursor.execute(f"{long} range(20000000) r")
        cursor.fetch_record_batch().read_next_batch()
        threading.Event().wait(1.5)  # long enough to run ahead by all of it
        assert _resident(worker) - before < 200 * 1024 * 1024


def _logged(audit_service: AuditProcess, action: str) -> list[dict[str, Any]]:
    return [fact for fact in audit_service.facts() if fact["action"] == action]


def _resident(process: int) -> int:
    pages = Path(f"/proc/{process}/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()


def _answers(settings: Settings, session: Session) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return bool(ask(socket_of(settings, session.id), ALLOWED).num_rows == 2)
        except adbc_driver_manager.Error:
            return False


def test_an_answer_that_is_stopped_for_a_small_group_says_so(settings: Settings) -> None:
    rules = Aggregation(persons=60, small=SmallGroups.REFUSE)
    policy = make_policy(mode=QueryMode.AGGREGATE_ONLY, aggregation=rules)
    question = "SELECT county, industry, count(*) AS n FROM wages GROUP BY county, industry"
    with open_gateway(settings, Collector(), policy=policy) as gateway:
        with pytest.raises(GroupTooSmall, match="too few persons"):
            list(gateway.answer(ROSA, question))
        coarser = "SELECT county, count(*) AS n FROM wages GROUP BY county"
        assert len(list(gateway.answer(ROSA, coarser))) == 1
