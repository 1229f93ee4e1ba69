"""The gateway's face: Arrow Flight SQL over one Unix socket per session.

The socket's path is the credential: only that session's container has it. Standard clients (ADBC
and what stands on it) work unchanged. Never sends a traceback, a path of the server or the
engine's own error text; never takes data in.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message
from pyarrow import flight
from typing_extensions import override

from enclave.errors import Denied, EnclaveError, Unavailable
from enclave.gateway import flight_metadata as metadata
from enclave.gateway import flight_sql_pb2 as sql
from enclave.gateway.refusals import GatewayUnavailable, NotAQuestion, QueryStopped
from enclave.gateway.service import Gateway
from enclave.model import Session

log = logging.getLogger(__name__)

M = TypeVar("M", bound=Message)
_PREFIX = "type.googleapis.com/arrow.flight.protocol.sql."
_MAX_MESSAGE = 64 * 1024  # bytes of one command; a query is 20 kB at most


@dataclass(frozen=True, slots=True)
class _Listing:
    """A metadata command: the schema of its answer, and how to make it."""

    schema: pa.Schema
    make: Callable[[], pa.Table]


class SessionServer(flight.FlightServerBase):
    """One session's server. Listens as soon as it is made; `close` takes the socket away."""

    def __init__(self, gateway: Gateway, session: Session, path: Path):
        path.unlink(missing_ok=True)
        super().__init__(f"grpc+unix://{path}")
        path.chmod(0o666)  # the directory is the door: it is mounted into one container only
        self._gateway, self._session, self._path = gateway, session, path
        self._inode = path.stat().st_ino
        gateway.open_session(session)

    @property
    def session(self) -> Session:
        """Return the session whose socket this is."""
        return self._session

    def is_reachable(self) -> bool:
        """Say whether the path still leads here: somebody may have removed or replaced it."""
        try:
            return os.stat(self._path).st_ino == self._inode
        except OSError:
            return False

    def close(self) -> None:
        """Take the socket away, stop the session's queries, then stop serving."""
        self._path.unlink(missing_ok=True)
        self._gateway.close_session(self._session)
        self.shutdown()

    @override
    def get_flight_info(
        self, context: flight.ServerCallContext, descriptor: flight.FlightDescriptor
    ) -> flight.FlightInfo:
        with _edge():
            command = _unpack(descriptor.command)
            text = _query_text(command)
            if text is not None:
                ticket = sql.TicketStatementQuery(statement_handle=text.encode())
                return _info(None, descriptor, _pack(ticket))
            return _info(self._listing(command).schema, descriptor, descriptor.command)

    @override
    def get_schema(
        self, context: flight.ServerCallContext, descriptor: flight.FlightDescriptor
    ) -> flight.SchemaResult:
        with _edge():
            return flight.SchemaResult(self._listing(_unpack(descriptor.command)).schema)

    @override
    def do_get(
        self, context: flight.ServerCallContext, ticket: flight.Ticket
    ) -> flight.FlightDataStream:
        with _edge():
            command = _unpack(ticket.ticket)
            if isinstance(command, sql.TicketStatementQuery):
                text = command.statement_handle.decode(errors="strict")
                answer = self._gateway.answer(self._session, text)
                return flight.GeneratorStream(answer.schema, _guarded(answer))
            if isinstance(command, sql.CommandGetTables):
                self._gateway.catalogue_read(self._session)
            return flight.RecordBatchStream(self._listing(command).make())

    @override
    def do_action(
        self, context: flight.ServerCallContext, action: flight.Action
    ) -> Iterator[flight.Result]:
        with _edge():
            if action.type == "CreatePreparedStatement":
                return iter([flight.Result(_prepared(action.body.to_pybytes()))])
            if action.type == "ClosePreparedStatement":
                return iter(())  # a prepared statement is its own text; nothing is kept here
            raise _refused()

    @override
    def list_actions(self, context: flight.ServerCallContext) -> list[tuple[str, str]]:
        return [
            ("CreatePreparedStatement", "Name a query; it is inspected when it is run"),
            ("ClosePreparedStatement", "Forget it"),
        ]

    @override
    def list_flights(
        self, context: flight.ServerCallContext, criteria: bytes
    ) -> Iterator[flight.FlightInfo]:
        return iter(())

    @override
    def do_put(
        self,
        context: flight.ServerCallContext,
        descriptor: flight.FlightDescriptor,
        reader: flight.MetadataRecordBatchReader,
        writer: flight.FlightMetadataWriter,
    ) -> None:
        with _edge():
            raise _refused()

    @override
    def do_exchange(
        self,
        context: flight.ServerCallContext,
        descriptor: flight.FlightDescriptor,
        reader: flight.MetadataRecordBatchReader,
        writer: flight.MetadataRecordBatchWriter,
    ) -> None:
        with _edge():
            raise _refused()

    def _listing(self, command: Message) -> _Listing:
        catalogue = self._gateway.parts.inspector.catalogue
        match command:
            case sql.CommandGetTables():
                schema = metadata.tables_schema(command)
                return _Listing(schema, lambda: metadata.tables(catalogue, command))
            case sql.CommandGetCatalogs():
                return _Listing(metadata.CATALOGS, lambda: metadata.catalogs(catalogue))
            case sql.CommandGetDbSchemas():
                return _Listing(metadata.DB_SCHEMAS, lambda: metadata.db_schemas(catalogue))
            case sql.CommandGetTableTypes():
                return _Listing(metadata.TABLE_TYPES, metadata.table_types)
            case sql.CommandGetSqlInfo():
                return _Listing(metadata.SQL_INFO, lambda: metadata.sql_info(command.info))
            case _:
                raise _refused()


@contextmanager
def _edge() -> Iterator[None]:
    """Turn whatever is raised into a Flight error that says no more than it may.

    pyarrow sends the traceback of any other exception to the client.
    """
    try:
        yield
    except EnclaveError as error:
        raise _flight_error(error) from None
    except flight.FlightError:
        raise
    except Exception as error:
        log.exception("a call failed at the gateway's edge: %s", type(error).__name__)
        failed = GatewayUnavailable("The gateway failed.", hint="Tell the administrator when.")
        raise flight.FlightInternalError(failed.explain()) from None


def _flight_error(error: EnclaveError) -> flight.FlightError:
    text = error.explain()
    if isinstance(error, Denied):
        return flight.FlightUnauthorizedError(text)
    if isinstance(error, Unavailable):
        return flight.FlightUnavailableError(text)
    if isinstance(error, QueryStopped):
        return flight.FlightTimedOutError(text)
    return flight.FlightServerError(text)


def _guarded(answer: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    with _edge():
        yield from answer


def _unpack(body: bytes) -> Message:
    """Return the Flight SQL message in a command or ticket; raises NotAQuestion for any other."""
    wrapped = AnyMessage()
    try:
        if len(body) > _MAX_MESSAGE:
            raise _refused()
        wrapped.ParseFromString(body)
        kind = getattr(sql, wrapped.type_url.removeprefix(_PREFIX), None)
        if not wrapped.type_url.startswith(_PREFIX) or kind is None:
            raise _refused()
        message: Message = kind.FromString(wrapped.value)
    except (DecodeError, TypeError, AttributeError):
        raise _refused() from None
    return message


def _query_text(command: Message) -> str | None:
    if isinstance(command, sql.CommandStatementQuery):
        return command.query
    if isinstance(command, sql.CommandPreparedStatementQuery):
        return command.prepared_statement_handle.decode(errors="strict")
    return None


def _prepared(body: bytes) -> bytes:
    request = _unpack(body)
    if not isinstance(request, sql.ActionCreatePreparedStatementRequest):
        raise _refused()
    handle = request.query.encode()
    return _pack(sql.ActionCreatePreparedStatementResult(prepared_statement_handle=handle))


def _pack(message: Message) -> bytes:
    wrapped = AnyMessage()
    wrapped.Pack(message)
    packed: bytes = wrapped.SerializeToString()
    return packed


def _info(
    schema: pa.Schema | None, descriptor: flight.FlightDescriptor, ticket: bytes
) -> flight.FlightInfo:
    # Without a schema the client takes the stream's own, which carries the query's id.
    return flight.FlightInfo(schema, descriptor, [flight.FlightEndpoint(ticket, [])], -1, -1)


def _refused() -> NotAQuestion:
    return NotAQuestion(
        "The gateway answers queries and lists its catalogue; it does nothing else.",
        hint="Parameters, updates and transactions are not supported.",
    )
