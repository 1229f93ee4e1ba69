"""The gateway's network door: TLS and a token in front of the sessions' Unix sockets.

A process of its own, so that the workers that hold rows keep no network. It reads no query and
holds no row longer than it takes to pass it on; every call carries a token and is checked anew.
Off unless an address is set.
"""

from __future__ import annotations

import logging
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pyarrow as pa
from pyarrow import flight
from typing_extensions import override

from enclave import sessions
from enclave.audit_client import AuditClient
from enclave.errors import EnclaveError, Unavailable
from enclave.gateway import flight_sql_pb2 as sql
from enclave.gateway.flight import NoSchemas, QuestionsOnly, edge
from enclave.gateway.flight_calls import Call, Calls, stopped
from enclave.gateway.front_door import Door
from enclave.gateway.refusals import GatewayUnavailable
from enclave.gateway.tokens import Token
from enclave.settings import Settings
from enclave.store import ControlStore

log = logging.getLogger(__name__)

TICK_SECONDS = 0.25


class _Doorkeeper(flight.ServerMiddlewareFactory):
    """Lets a call in with its token, or not at all."""

    def __init__(self, door: Door):
        self._door = door

    @override
    def start_call(self, info: flight.CallInfo, headers: dict[str, list[Any]]) -> _Admitted:
        found = headers.get("authorization", [])
        header = found[0] if len(found) == 1 else ""
        try:
            with edge():
                text = header if isinstance(header, str) else header.decode("latin-1")
                return _Admitted(self._door.admit(text))
        except flight.FlightUnauthorizedError as refused:
            raise flight.FlightUnauthenticatedError(str(refused)) from None


class _Admitted(flight.ServerMiddleware):
    """Carries the token of one call."""

    def __init__(self, token: Token):
        self.token = token


class Front(QuestionsOnly):
    """Passes each call on to the socket of its token's session."""

    def __init__(self, settings: Settings, door: Door):
        self._settings, self._door = settings, door
        self._clients: dict[str, flight.FlightClient] = {}
        super().__init__(
            f"grpc+tls://{settings.gateway_address}",
            tls_certificates=[_certificate(settings)],
            middleware={"token": _Doorkeeper(door), "schemas": NoSchemas()},
        )

    @override
    def get_flight_info(
        self, context: flight.ServerCallContext, descriptor: flight.FlightDescriptor
    ) -> flight.FlightInfo:
        with _relaying():
            return self._behind(context).get_flight_info(descriptor)

    @override
    def do_get(
        self, context: flight.ServerCallContext, ticket: flight.Ticket
    ) -> flight.FlightDataStream:
        with _relaying():
            client = self._behind(context)
            calls = self._door.calls_of(_token(context).session)
            with calls.begun(ticket.ticket, context) as call:
                # Until the first batch is there only the session itself can stop the query.
                call.started(lambda: _cancel(client, ticket.ticket))
                stream = _Relay(client.do_get(ticket), call, calls)
                return flight.GeneratorStream(stream.schema, stream)

    @override
    def do_put(
        self,
        context: flight.ServerCallContext,
        descriptor: flight.FlightDescriptor,
        reader: flight.MetadataRecordBatchReader,
        writer: flight.FlightMetadataWriter,
    ) -> None:
        with _relaying():
            onward, answers = self._behind(context).do_put(descriptor, reader.schema)
            with onward:
                for _, chunk in zip(range(2), reader, strict=False):  # a second row is refused
                    onward.write_batch(chunk.data)
                onward.done_writing()
                answer = answers.read()
                if answer is not None:
                    writer.write(answer)

    @override
    def do_action(
        self, context: flight.ServerCallContext, action: flight.Action
    ) -> Iterator[flight.Result]:
        with _relaying():
            return iter(list(self._behind(context).do_action(action)))

    @override
    def list_actions(self, context: flight.ServerCallContext) -> list[Any]:
        with _relaying():
            return list(self._behind(context).list_actions())

    def _behind(self, context: flight.ServerCallContext) -> flight.FlightClient:
        """Return a client of the socket of the call's session."""
        session = _token(context).session.id
        client = self._clients.get(session)
        if client is None:
            path = sessions.directory(self._settings, session) / "gateway" / "gateway.sock"
            client = flight.FlightClient(f"grpc+unix://{path.absolute()}")
            self._clients = {s: c for s, c in self._clients.items() if s in self._door.calls}
            self._clients[session] = client
            self._door.calls_of(_token(context).session)
        return client


class _Relay(Iterator[pa.RecordBatch]):
    """The batches of a session's answer, passed on until they end or the token does."""

    def __init__(self, reader: flight.FlightStreamReader, call: Call, calls: Calls):
        self._reader, self._call, self._calls = reader, call, calls
        self.schema: pa.Schema = reader.schema
        call.started(reader.cancel)

    @override
    def __next__(self) -> pa.RecordBatch:
        try:
            with _relaying():
                if self._call.stopped:
                    raise stopped()
                return self._reader.read_chunk().data
        except BaseException:
            self._calls.end(self._call)
            raise

    def __del__(self) -> None:
        self._calls.end(self._call)
        self._reader.cancel()


# What the session's server says has a code in brackets; nothing else is passed on.
_SAID = re.compile(
    r"^(?:Flight returned [a-z ]+ error, with message: )?(?P<text>.*?\[[a-z-]+\.[a-z-]+\].*?)"
    r"(?:\. Detail: |\. gRPC client debug context: |$)",
    re.DOTALL,
)


@contextmanager
def _relaying() -> Iterator[None]:
    """Pass on what a session's server refuses with; anything else says only that it failed."""
    with edge():
        try:
            yield
        except (flight.FlightError, pa.ArrowException) as error:
            said = _SAID.match(str(error))
            if said is None:
                raise GatewayUnavailable("The gateway is away.", hint="Try again.") from None
            kind = type(error) if isinstance(error, flight.FlightError) else None
            raise (kind or flight.FlightServerError)(said["text"]) from None


def _token(context: flight.ServerCallContext) -> Token:
    admitted: _Admitted = context.get_middleware("token")
    return admitted.token


def _cancel(client: flight.FlightClient, ticket: bytes) -> None:
    endpoint = sql.FlightEndpoint(ticket=sql.Ticket(ticket=ticket))
    request = sql.CancelFlightInfoRequest(info=sql.FlightInfo(endpoint=[endpoint]))
    with suppress(flight.FlightError, pa.ArrowException):  # it has ended by itself
        list(client.do_action(flight.Action("CancelFlightInfo", request.SerializeToString())))


def _certificate(settings: Settings) -> tuple[bytes, bytes]:
    if settings.gateway_certificate is None or settings.gateway_key is None:
        raise Unavailable(
            "The gateway's address has no certificate.",
            hint="Set ENCLAVE_GATEWAY_CERTIFICATE and ENCLAVE_GATEWAY_KEY.",
        )
    try:
        return settings.gateway_certificate.read_bytes(), settings.gateway_key.read_bytes()
    except OSError:
        raise Unavailable("The gateway's certificate or key cannot be read.") from None


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; says why and returns where it cannot begin."""
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    with AuditClient(settings, "gateway", timeout=5.0) as audit:
        try:
            door = Door(settings, ControlStore(settings.database_url), audit)
            front = Front(settings, door)
        except (EnclaveError, pa.ArrowException, OSError) as error:
            said = error.explain() if isinstance(error, EnclaveError) else type(error).__name__
            log.error("the gateway's address is not served: %s", said)
            return
        while not over.wait(TICK_SECONDS):
            try:
                door.tend()
            except EnclaveError as error:  # tried again at the next tick
                log.warning("tokens cannot be looked after: %s", error.explain())
            except Exception:
                log.exception("tokens cannot be looked after")
        door.stop()
        front.shutdown()
