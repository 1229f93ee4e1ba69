"""The network door: nothing passes without a token in force, and nothing passes after its end.

Real services: audit, control store, `gateway serve` with its workers and the front it starts.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import adbc_driver_flightsql.dbapi as adbc
import adbc_driver_manager
import pyarrow as pa
import pytest
from pyarrow import flight

from enclave import store as control
from enclave.audit_client import AuditClient
from enclave.errors import Denied, EnclaveError, Unavailable
from enclave.events import Action, Event
from enclave.gateway import flight_sql_pb2 as sql
from enclave.gateway import tokens
from enclave.gateway.flight_messages import pack
from enclave.gateway.refusals import NetworkNotGranted, TokenRefused
from enclave.gateway.tokens import Issued
from enclave.model import Policy, Session
from enclave.settings import Settings
from enclave.store import ControlStore
from tests.support.audit import AuditProcess
from tests.support.gateway import (
    PROJECT,
    GatewayProcess,
    make_policy,
    make_project,
    socket_of,
    wait_until,
)
from tests.support.ports import free_port
from tests.support.tls import Served, make_certificate

OTHER = "closed-door"  # a project whose agreement admits no network clients
ENDLESS = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range = -1"
LONG = "SELECT a.year, r.range FROM wages a, range(200000) r"


@dataclass
class World:
    settings: Settings
    audit_service: AuditProcess
    audit: AuditClient
    store: ControlStore
    gateway: GatewayProcess
    served: Served

    def issue(self, person: str = "rosa", project: str = PROJECT, minutes: int = 15) -> Issued:
        return tokens.issue(
            self.settings,
            self.store,
            self.audit,
            session=(person, project),
            minutes=minutes,
            by="host:tests",
        )

    def revoke(self, issued: Issued) -> None:
        tokens.revoke(
            self.settings, self.store, self.audit, token=issued.token, reason="the test says so"
        )

    def connect(self, secret: str) -> adbc.Connection:
        kwargs = {
            "adbc.flight.sql.client_option.tls_root_certs": self.served.authority,
            "adbc.flight.sql.authorization_header": f"Bearer {secret}",
        }
        uri = f"grpc+tls://{self.settings.gateway_address}"
        return adbc.connect(uri, db_kwargs=kwargs, autocommit=True)

    def ask(self, secret: str, text: str = "SELECT count(*) FROM wages") -> list[tuple[object]]:
        with self.connect(secret) as connection, connection.cursor() as cursor:
            cursor.execute(text)
            rows: list[tuple[object]] = cursor.fetchall()
            return rows

    def client(self) -> flight.FlightClient:
        uri = f"grpc+tls://{self.settings.gateway_address}"
        return flight.FlightClient(uri, tls_root_certs=self.served.authority)

    def denials(self) -> list[dict[str, object]]:
        return [fact for fact in self.audit_service.facts() if fact["action"] == "access.denied"]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    place = Path(tempfile.mkdtemp(prefix="enc-"))
    served = make_certificate(place / "tls")
    settings = Settings(
        state_dir=place / "s",
        run_dir=place / "r",
        gateway_address=f"localhost:{free_port()}",
        gateway_certificate=served.certificate,
        gateway_key=served.key,
    )
    settings.state_dir.mkdir()
    service = AuditProcess(settings).start()
    store = ControlStore(settings.database_url)
    gateway = GatewayProcess(settings)
    try:
        with service.client() as audit:
            make_project(settings, store, audit, policy=make_policy(network_clients=True))
            closed = replace(make_policy(), project=OTHER, agreement="dsa-closed-door")
            with store.record(audit, Event(Action.PROJECT_BUILT, actor="adam")) as connection:
                control.provision(connection, closed)
            gateway.start()
            wait_until(lambda: _listens(settings), "the front did not start")
            yield World(settings, service, audit, store, gateway, served)
    finally:
        gateway.stop()
        store.close()
        service.stop()
        shutil.rmtree(place, ignore_errors=True)


def _listens(settings: Settings) -> bool:
    host, _, port = (settings.gateway_address or "").partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


@pytest.fixture
def rosa(world: World) -> Iterator[Issued]:
    issued = world.issue()
    wait_until(socket_of(world.settings, issued.token.session.id).exists, "no socket")
    yield issued
    world.revoke(issued)


def test_a_standard_client_with_a_token_asks_over_tls_with_parameters_and_metadata(
    world: World, rosa: Issued
) -> None:
    with world.connect(rosa.secret) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM wages WHERE year = ?", (2021,))
        assert cursor.fetchall() == [(800,)]
        assert "wage" in connection.adbc_get_table_schema("wages").names
    intents = [f for f in world.audit_service.facts() if f["action"] == "query.intent"]
    assert intents[-1]["actor"] == "rosa"
    assert intents[-1]["session"] == rosa.token.session.id


def test_a_refusal_reads_over_tls_as_it_does_in_the_workspace(world: World, rosa: Issued) -> None:
    with pytest.raises(adbc_driver_manager.Error, match=r"\[query\.not-granted\]") as got:
        world.ask(rosa.secret, "SELECT ssn FROM wages")
    assert_says_little(world, str(got.value))


def assert_says_little(world: World, text: str) -> None:
    for word in ("Traceback", ".py", "grpc+unix", str(world.settings.run_dir), "debug context"):
        assert word not in text


FORGED: list[Callable[[str], str]] = [
    lambda secret: "",
    lambda secret: secret[:-1] + ("A" if secret[-1] != "A" else "B"),
    lambda secret: secret.swapcase(),
    lambda secret: secret + "x",
    lambda secret: hashlib.sha256(secret.encode()).hexdigest(),  # what is stored opens nothing
    lambda secret: f"../tokens/{secret}",
    lambda secret: "rosa",
    lambda secret: "enclave_" + "A" * 20_000,
]


@pytest.mark.parametrize("forge", FORGED)
def test_a_forged_token_is_refused_and_logged(
    world: World, rosa: Issued, forge: Callable[[str], str]
) -> None:
    before = len(world.denials())
    with pytest.raises(adbc_driver_manager.Error) as got:
        world.ask(forge(rosa.secret))
    assert_says_little(world, str(got.value))
    after = world.denials()
    assert len(after) > before or len(forge(rosa.secret)) > 8000  # gRPC drops headers that long
    assert all(fact["detail"]["code"] == "token.refused" for fact in after[before:])


def test_no_header_another_scheme_or_two_tokens_are_refused(world: World, rosa: Issued) -> None:
    client = world.client()
    good = _bearer(rosa)[1]
    ticket = pack(sql.TicketStatementQuery(statement_handle=b"SELECT 1"))
    for headers in (
        [],
        [(b"authorization", b"Basic " + rosa.secret.encode())],
        [(b"authorization", good), (b"authorization", good)],
        [(b"x-authorization", good)],
    ):
        options = flight.FlightCallOptions(headers=headers)
        for call in (
            lambda o: client.do_get(flight.Ticket(ticket), o).read_all(),
            lambda o: client.get_flight_info(flight.FlightDescriptor.for_command(ticket), o),
            lambda o: list(client.do_action(flight.Action("BeginTransaction", b""), o)),
            client.list_actions,
            lambda o: list(client.list_flights(b"", o)),
        ):
            with pytest.raises(flight.FlightUnauthenticatedError, match=r"\[token\.refused\]"):
                call(options)
    client.close()


def test_an_expired_token_is_refused_logged_and_its_session_closed(world: World) -> None:
    issued = world.issue(minutes=0)
    with pytest.raises(adbc_driver_manager.Error, match="token"):
        world.ask(issued.secret)
    path = socket_of(world.settings, issued.token.session.id)
    wait_until(lambda: not path.exists(), "the session outlived its token")
    wait_until(lambda: not _open(world, issued), "the session is still open")


def _open(world: World, issued: Issued) -> bool:
    return any(session.id == issued.token.session.id for session in world.store.sessions())


def test_a_revoked_token_replayed_is_refused_and_logged(world: World) -> None:
    issued = world.issue()
    assert world.ask(issued.secret) == [(1600,)]
    world.revoke(issued)
    before = len(world.denials())
    for _ in range(3):
        with pytest.raises(adbc_driver_manager.Error, match=r"\[token\.refused\]"):
            world.ask(issued.secret)
    assert len(world.denials()) >= before + 3


@pytest.mark.parametrize("text", [ENDLESS, LONG])
def test_revoking_stops_what_runs(world: World, text: str) -> None:
    """What a client already holds it holds; the engine stops and the answer has no end."""
    issued = world.issue()
    ended: list[str] = []
    seconds: list[float] = []

    def run() -> None:
        options = flight.FlightCallOptions(headers=[_bearer(issued)])
        ticket = pack(sql.TicketStatementQuery(statement_handle=text.encode()))
        with world.client() as client:
            try:
                reader = client.do_get(flight.Ticket(ticket), options)
                while True:
                    reader.read_chunk()
                    time.sleep(0.01)
            except (flight.FlightError, pa.ArrowException) as error:
                ended.append(str(error))
                seconds.append(time.monotonic())
            except StopIteration:
                ended.append("the whole answer")

    asker = threading.Thread(target=run)
    asker.start()
    wait_until(lambda: _running(world, issued), "the query did not start")
    began = time.monotonic()
    world.revoke(issued)
    asker.join(timeout=30)
    assert not asker.is_alive()
    assert ended != ["the whole answer"]
    wait_until(lambda: not _running(world, issued), "the query has no outcome")
    print(f"stopped {seconds[0] - began:.2f} s after the word")


def _bearer(issued: Issued) -> tuple[bytes, bytes]:
    return b"authorization", f"Bearer {issued.secret}".encode()


def _running(world: World, issued: Issued) -> bool:
    mine = [f for f in world.audit_service.facts() if f["session"] == issued.token.session.id]
    return [f["action"] for f in mine].count("query.intent") > [f["action"] for f in mine].count(
        "query.outcome"
    )


def test_a_token_speaks_for_its_own_session_and_no_other(world: World, rosa: Issued) -> None:
    ravi = world.issue("ravi")
    wait_until(socket_of(world.settings, ravi.token.session.id).exists, "no socket")
    world.ask(ravi.secret, "SELECT 41")
    intent = [f for f in world.audit_service.facts() if f["action"] == "query.intent"][-1]
    assert (intent["actor"], intent["session"]) == ("ravi", ravi.token.session.id)
    world.revoke(ravi)
    assert world.ask(rosa.secret) == [(1600,)]


def test_an_agreement_without_network_clients_gets_no_token(world: World) -> None:
    before = len(world.denials())
    with pytest.raises(NetworkNotGranted) as got:
        world.issue(project=OTHER)
    assert got.value.clause == "dsa-closed-door, network_clients"
    assert len(world.denials()) == before + 1
    assert not list(world.store.sessions(OTHER))


def test_who_may_not_open_a_session_gets_no_token(world: World) -> None:
    with pytest.raises(Denied, match="not named as a researcher"):
        world.issue("mallory")
    assert not [s for s in world.store.sessions() if s.person == "mallory"]


def test_a_token_of_another_project_does_not_outlive_its_agreement_s_leave(world: World) -> None:
    """A token made by hand for the closed project opens nothing, not even with a session."""
    kept = tokens.tokens(world.settings)
    session = Session("feedfacefeedface", "rosa", OTHER)
    token = tokens.Token("t-forged", session, int(time.time()) + 600)
    secret = kept.keep(token)
    with pytest.raises(adbc_driver_manager.Error, match=r"\[token\.refused\]"):
        world.ask(secret)
    wait_until(lambda: kept.find(secret) is None, "the token is still kept")


def test_checking_a_token_asks_for_today_s_agreement(world: World, rosa: Issued) -> None:
    now = time.time()
    assert tokens.check(world.store, rosa.token, now=now, today=date.today()) == rosa.token
    with pytest.raises(Denied, match="in force"):
        tokens.check(world.store, rosa.token, now=now, today=date(2095, 1, 1))
    with pytest.raises(TokenRefused, match="expired"):
        tokens.check(world.store, rosa.token, now=now + 3600, today=date.today())
    elsewhere = replace(rosa.token, session=Session("feedfacefeedface", "rosa", PROJECT))
    with pytest.raises(TokenRefused, match="session has ended"):
        tokens.check(world.store, elsewhere, now=now, today=date.today())
    with pytest.raises(TokenRefused, match="not known"):
        tokens.check(world.store, None, now=now, today=date.today())


def test_an_agreement_that_takes_network_clients_back_ends_its_tokens(
    world: World, rosa: Issued
) -> None:
    class Amended:
        engine = world.store.engine

        def policy(self, project: str) -> Policy:
            return replace(world.store.policy(project), network_clients=False)

    with pytest.raises(NetworkNotGranted):
        tokens.check(Amended(), rosa.token, now=time.time(), today=date.today())  # type: ignore[arg-type]


def test_what_is_kept_of_a_token_cannot_be_used_as_one(world: World, rosa: Issued) -> None:
    directory = world.settings.run_dir / "gateway" / "tokens"
    assert directory.stat().st_mode & 0o077 == 0
    kept = [*directory.glob("*")]
    assert kept
    for path in kept:
        assert path.stat().st_mode & 0o077 == 0
        assert rosa.secret not in path.read_text() + path.name
    assert rosa.secret not in repr(rosa)
    log = b"".join(world.audit_service.bodies())
    assert rosa.secret.encode() not in log
    assert b"session.token-issued" in log


def test_a_client_that_does_not_know_the_authority_does_not_connect(
    world: World, rosa: Issued
) -> None:
    uri = f"grpc+tls://{world.settings.gateway_address}"
    header = {"adbc.flight.sql.authorization_header": f"Bearer {rosa.secret}"}
    with (
        pytest.raises(adbc_driver_manager.Error, match="certificate"),
        adbc.connect(uri, db_kwargs=header, autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT 1")
    plain = f"grpc+tcp://{world.settings.gateway_address}"
    with (
        pytest.raises(adbc_driver_manager.Error),
        adbc.connect(plain, db_kwargs=header, autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT 1")


def test_without_an_address_there_is_neither_token_nor_listener(settings: Settings) -> None:
    assert settings.gateway_address is None
    with pytest.raises(Unavailable, match="no network address"):
        tokens.issue(
            settings,
            None,  # type: ignore[arg-type]
            None,  # type: ignore[arg-type]
            session=("rosa", PROJECT),
            minutes=5,
            by="host:tests",
        )


def test_the_command_line_issues_and_revokes(world: World) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "enclave.gateway.cli", *words]
        return subprocess.run(
            command, env=world.settings.environment(), capture_output=True, text=True, check=False
        )

    issued = run("token", "--person", "rosa", "--project", PROJECT, "--minutes", "5")
    assert issued.returncode == 0, issued.stderr
    secret = issued.stdout.strip()
    assert secret.startswith("enclave_")
    assert secret not in issued.stderr
    token = tokens.tokens(world.settings).find(secret)
    assert token is not None
    wait_until(socket_of(world.settings, token.session.id).exists, "no socket")
    assert world.ask(secret) == [(1600,)]
    assert "worth nothing" in run("revoke", token.id).stdout
    with pytest.raises(adbc_driver_manager.Error, match=r"\[token\.refused\]"):
        world.ask(secret)
    assert run("revoke", token.id).returncode != 0


def test_a_front_that_died_is_started_again(world: World) -> None:
    front = next(pid for pid in world.gateway.workers() if b"front" in _command(pid))
    os.kill(front, signal.SIGKILL)
    wait_until(lambda: not _listens(world.settings), "the front goes on")
    wait_until(lambda: _listens(world.settings), "the front did not come back")


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_knocking_does_not_fill_the_log(world: World) -> None:
    """Last in this file: it uses up what is logged one by one in a minute."""
    before = len(world.denials())
    client = world.client()
    for _ in range(200):
        with pytest.raises(flight.FlightUnauthenticatedError):
            client.list_actions()
    client.close()
    assert 0 < len(world.denials()) - before < 130  # two minutes may begin meanwhile


def test_an_error_of_the_store_lets_nobody_in(world: World, rosa: Issued) -> None:
    class Away:
        def __getattr__(self, name: str) -> object:
            raise Unavailable("The control store does not answer.")

    with pytest.raises(EnclaveError):
        tokens.check(Away(), rosa.token, now=time.time(), today=date.today())  # type: ignore[arg-type]
