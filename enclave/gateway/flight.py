"""The gateway's face: Arrow Flight SQL over one Unix socket per session.

The socket's path is the credential: only that session's container has it. Standard clients (ADBC
and what stands on it) work unchanged. Never sends a traceback, a path of the server or the
engine's own error text; never takes data in but the values of a query's parameters.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pyarrow as pa
from google.protobuf.message import Message
from pyarrow import flight
from typing_extensions import override

from enclave.errors import Denied, EnclaveError, Unavailable
from enclave.gateway import flight_messages as messages
from enclave.gateway import flight_metadata as metadata
from enclave.gateway import flight_sql_pb2 as sql
from enclave.gateway.answer import Answer
from enclave.gateway.flight_calls import Call, Calls, stopped
from enclave.gateway.flight_messages import Question, refused
from enclave.gateway.inspector.catalogue import Catalogue
from enclave.gateway.refusals import GatewayUnavailable, QueryDenied, QueryStopped
from enclave.gateway.service import Gateway
from enclave.model import Session

log = logging.getLogger(__name__)

_CANCELLED, _NOT_CANCELLABLE = 1, 3  # of CancelFlightInfoResult and ActionCancelQueryResult
_ACTIONS = (
    ("CreatePreparedStatement", "Name a query; it is inspected when it is run"),
    ("ClosePreparedStatement", "Forget it"),
    ("CancelFlightInfo", "Stop a running query"),
    ("CancelQuery", "Stop a running query"),
    ("GetSessionOptions", "Say which catalogue and schema names are looked up in"),
    ("BeginTransaction", "Nothing to begin: an extract does not change"),
    ("EndTransaction", "Nothing to end"),
    ("CloseSession", "Nothing to close: the session is the workspace's"),
)


class QuestionsOnly(flight.FlightServerBase):
    """What a server of ours has no answer to, on whichever side of the network it stands."""

    @override
    def get_schema(
        self, context: flight.ServerCallContext, descriptor: flight.FlightDescriptor
    ) -> flight.SchemaResult:
        return flight.SchemaResult(pa.schema([]))  # never asked: `NoSchemas` stands before it

    @override
    def list_flights(
        self, context: flight.ServerCallContext, criteria: bytes
    ) -> Iterator[flight.FlightInfo]:
        return iter(())

    @override
    def do_exchange(
        self,
        context: flight.ServerCallContext,
        descriptor: flight.FlightDescriptor,
        reader: flight.MetadataRecordBatchReader,
        writer: flight.MetadataRecordBatchWriter,
    ) -> None:
        with self._refusals():
            raise refused()

    def _refusals(self) -> AbstractContextManager[None]:
        """Return what stands around a call that holds no query; a session's server logs there."""
        return edge()


class SessionServer(QuestionsOnly):
    """One session's server. Listens as soon as it is made; `close` takes the socket away."""

    def __init__(self, gateway: Gateway, session: Session, path: Path):
        path.unlink(missing_ok=True)
        super().__init__(f"grpc+unix://{path}", middleware={"schemas": NoSchemas()})
        path.chmod(0o666)  # the directory is the door: it is mounted into one container only
        self._gateway, self._session, self._path = gateway, session, path
        self._inode = path.stat().st_ino
        self._calls = Calls()
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
        with self._refusals():
            command = messages.unpack(descriptor.command)
            question = messages.asked(command)
            if question is not None:
                ticket = sql.TicketStatementQuery(statement_handle=messages.handle(question))
                return _info(None, descriptor, messages.pack(ticket))
            return _info(self._listing(command).schema, descriptor, descriptor.command)

    @override
    def do_get(
        self, context: flight.ServerCallContext, ticket: flight.Ticket
    ) -> flight.FlightDataStream:
        with self._refusals():
            command = messages.unpack(ticket.ticket)
            question = messages.asked(command)
            if question is None:
                listing = self._listing(command)
                if isinstance(command, sql.CommandGetTables):
                    self._gateway.catalogue_read(self._session)
                return flight.RecordBatchStream(listing.make())
        with edge():
            if _EXPLAIN.match(question.text):
                return flight.RecordBatchStream(self._explain(question))
            with self._calls.begun(ticket.ticket, context) as call:
                answer = self._answer(question, call)
                whole = answer.whole()
                if whole is not None:  # its outcome is logged: the rest needs no Python
                    self._calls.end(call)
                    return flight.RecordBatchStream(whole)
                return flight.GeneratorStream(answer.schema, Stream(answer, call, self._calls))

    @override
    def do_put(
        self,
        context: flight.ServerCallContext,
        descriptor: flight.FlightDescriptor,
        reader: flight.MetadataRecordBatchReader,
        writer: flight.FlightMetadataWriter,
    ) -> None:
        with self._refusals():
            command = messages.unpack(descriptor.command or b"")
            if not isinstance(command, sql.CommandPreparedStatementQuery):
                raise refused()
            question = messages.question(command.prepared_statement_handle)
        with self._refusals(question.text):
            bound = messages.bound(messages.bind(question, reader))
            writer.write(pa.py_buffer(bound))

    @override
    def do_action(
        self, context: flight.ServerCallContext, action: flight.Action
    ) -> Iterator[flight.Result]:
        with self._refusals():
            return iter([flight.Result(body) for body in self._act(action)])

    @override
    def list_actions(self, context: flight.ServerCallContext) -> list[tuple[str, str]]:
        return list(_ACTIONS)

    @override
    @contextmanager
    def _refusals(self, text: str = "") -> Iterator[None]:
        """Have a refusal of what is not even a query logged before it is told, as a query's is."""
        with edge():
            try:
                yield
            except QueryDenied as no:
                self._gateway.deny(self._session, text, no)
                raise

    def _act(self, action: flight.Action) -> list[bytes]:
        body = b"" if action.body is None else action.body.to_pybytes()
        match action.type:
            case "CreatePreparedStatement":
                return [messages.prepared(body)]
            case "ClosePreparedStatement" | "EndTransaction" | "CloseSession":
                return []  # a prepared statement is its own text; nothing is kept here
            case "BeginTransaction":
                return [messages.pack(sql.ActionBeginTransactionResult(transaction_id=b"extract"))]
            case "GetSessionOptions":
                return [metadata.session_options(self._catalogue())]
            case "CancelFlightInfo":
                info = messages.read(sql.CancelFlightInfoRequest, body).info
                return [sql.CancelFlightInfoResult(status=self._cancel(info)).SerializeToString()]
            case "CancelQuery":
                info = messages.cancelled(body)
                return [messages.pack(sql.ActionCancelQueryResult(result=self._cancel(info)))]
            case _:
                raise refused()

    def _cancel(self, info: sql.FlightInfo) -> int:
        tickets = [endpoint.ticket.ticket for endpoint in info.endpoint]
        found = [self._calls.cancel(ticket) for ticket in tickets]
        return _CANCELLED if any(found) else _NOT_CANCELLABLE

    def _answer(self, question: Question, call: Call) -> Answer:
        if call.stopped:
            raise stopped()
        return self._gateway.answer(
            self._session, question.text, question.values, started=call.started
        )

    def _explain(self, question: Question) -> pa.Table:
        return self._gateway.explain(self._session, question.text, question.values)

    def _catalogue(self) -> Catalogue:
        return self._gateway.parts.inspector.catalogue

    def _listing(self, command: Message) -> metadata.Listing:
        listing = metadata.listing(self._catalogue(), command)
        if listing is None:
            raise refused()
        return listing


class NoSchemas(flight.ServerMiddlewareFactory):
    """Refuses GetSchema: what a handler of it raises, pyarrow sends with its traceback (26.0)."""

    @override
    def start_call(self, info: flight.CallInfo, headers: dict[str, list[str]]) -> None:
        if info.method == flight.FlightMethod.GET_SCHEMA:
            raise _flight_error(refused())


_EXPLAIN = re.compile(r"\s*EXPLAIN\s+POLICY\b", re.IGNORECASE | re.ASCII)


class Stream(Iterator[pa.RecordBatch]):
    """An answer's batches on their way to a client, watched until they end or it goes away.

    No generator: one that was never begun would never say that the call has ended.
    """

    def __init__(self, answer: Answer, call: Call, calls: Calls):
        self._answer, self._call, self._calls = answer, call, calls
        self.schema: pa.Schema = answer.schema

    @override
    def __next__(self) -> pa.RecordBatch:
        try:
            with edge():
                if self._call.stopped:
                    self._answer.close()
                    raise stopped()
                return next(self._answer)
        except BaseException:
            self._calls.end(self._call)
            raise

    def __del__(self) -> None:
        self._calls.end(self._call)


@contextmanager
def edge() -> Iterator[None]:
    """Turn whatever is raised into a Flight error that says no more than it may.

    pyarrow sends the traceback of any other exception to the client.
    """
    try:
        yield
    except EnclaveError as error:
        raise _flight_error(error) from None
    except (flight.FlightError, StopIteration):
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


def _info(
    schema: pa.Schema | None, descriptor: flight.FlightDescriptor, ticket: bytes
) -> flight.FlightInfo:
    # Without a schema the client takes the stream's own, which carries the query's id.
    return flight.FlightInfo(schema, descriptor, [flight.FlightEndpoint(ticket, [])], -1, -1)
