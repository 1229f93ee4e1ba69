"""What Flight SQL clients send and get, as bytes: commands, tickets, handles, bound parameters.

A handle is the question itself: its text and the parameters bound to it. Nothing is kept between
two calls, so there is nothing to guess, to run out of or to leak to another session. Whatever
comes from a client is read strictly, and what cannot be read is refused with one sentence.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import pyarrow as pa
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message
from pyarrow import flight

from enclave.gateway import flight_sql_pb2 as sql
from enclave.gateway.inspector.parameters import Value, Values, wanted
from enclave.gateway.refusals import NotAQuestion, NotUnderstood, QueryDenied

M = TypeVar("M", bound=Message)

MAX_MESSAGE = 128 * 1024  # bytes of one command: a query is 20 kB at most, so are its parameters
MAX_PARAMETERS = 1000
_PREFIX = "type.googleapis.com/arrow.flight.protocol.sql."
_BOUND = b"\x00"  # begins a handle that carries parameters; no text can begin so


@dataclass(frozen=True, slots=True)
class Question:
    """A query's text and what was bound to its parameters, None when nothing was."""

    text: str
    values: Values | None = None


def unpack(body: bytes) -> Message:
    """Return the Flight SQL message in a command or ticket; raises NotAQuestion for any other."""
    wrapped = AnyMessage()
    try:
        if len(body) > MAX_MESSAGE:
            raise refused()
        wrapped.ParseFromString(body)
        kind = getattr(sql, wrapped.type_url.removeprefix(_PREFIX), None)
        if not wrapped.type_url.startswith(_PREFIX) or kind is None:
            raise refused()
        message: Message = kind.FromString(wrapped.value)
    except (DecodeError, TypeError, AttributeError):
        raise refused() from None
    return message


def read(kind: type[M], body: bytes) -> M:
    """Return a message that travels without an envelope; raises NotAQuestion for anything else."""
    try:
        if len(body) > MAX_MESSAGE:
            raise refused()
        return kind.FromString(body)
    except DecodeError:
        raise refused() from None


def pack(message: Message) -> bytes:
    """Return a message in its envelope."""
    wrapped = AnyMessage()
    wrapped.Pack(message)
    packed: bytes = wrapped.SerializeToString()
    return packed


def handle(question: Question) -> bytes:
    """Return the handle that is this question."""
    if question.values is None:
        return question.text.encode()
    values = question.values
    body = (
        {name: _plain(value) for name, value in values.items()}
        if isinstance(values, Mapping)
        else [_plain(value) for value in values]
    )
    return _BOUND + json.dumps([question.text, body]).encode()


def question(handle: bytes) -> Question:
    """Return the question a handle is; raises NotAQuestion for one we did not make."""
    if not handle.startswith(_BOUND):
        return Question(_text(handle))
    try:
        text, values = json.loads(handle.removeprefix(_BOUND))
        if not isinstance(text, str):
            raise refused()
        if isinstance(values, dict):
            return Question(text, {name: _value(each) for name, each in values.items()})
        return Question(text, [_value(each) for each in values])
    except (ValueError, TypeError, KeyError, InvalidOperation, RecursionError):
        raise refused() from None


def asked(command: Message) -> Question | None:
    """Return the question in a command or ticket, None when it asks about the catalogue."""
    if isinstance(command, sql.CommandStatementQuery):
        return Question(command.query)
    if isinstance(command, sql.CommandPreparedStatementQuery):
        return question(command.prepared_statement_handle)
    if isinstance(command, sql.TicketStatementQuery):
        return question(command.statement_handle)
    return None


def prepared(body: bytes) -> bytes:
    """Answer CreatePreparedStatement: the handle, and the parameters' names if it has any.

    Does not inspect: that is done, and logged, when the statement is run.
    """
    request = unpack(body)
    if not isinstance(request, sql.ActionCreatePreparedStatementRequest):
        raise refused()
    result = sql.ActionCreatePreparedStatementResult(
        prepared_statement_handle=handle(Question(request.query))
    )
    if "?" in request.query or "$" in request.query:
        result.parameter_schema = _parameters(request.query)
    return pack(result)


def bind(asked: Question, reader: flight.MetadataRecordBatchReader) -> Question:
    """Return the question with the one row of parameters that the client sends.

    Raises NotUnderstood for more than one row and for a type no query can hold.
    """
    if len(reader.schema) > MAX_PARAMETERS:
        raise NotUnderstood("These are too many parameters.", hint="Join or filter by a view.")
    row = _only_row(reader)
    if row is None:
        return Question(asked.text)
    names = wanted(asked.text)
    if names and not names[0].isdigit():
        return Question(asked.text, dict(zip(reader.schema.names, row, strict=True)))
    return Question(asked.text, row)


def bound(asked: Question) -> bytes:
    """Answer a DoPut of parameters: the handle that carries them."""
    result = sql.DoPutPreparedStatementResult(prepared_statement_handle=handle(asked))
    packed: bytes = result.SerializeToString()
    return packed


def cancelled(body: bytes) -> sql.FlightInfo:
    """Return the flight that a CancelQuery names."""
    request = unpack(body)
    if not isinstance(request, sql.ActionCancelQueryRequest):
        raise refused()
    return read(sql.FlightInfo, request.info)


def refused() -> NotAQuestion:
    """Return the refusal of whatever is no query and no look at the catalogue."""
    return NotAQuestion(
        "The gateway answers queries and lists its catalogue; it does nothing else.",
        hint="Updates, uploads and other statements are not supported.",
    )


def _only_row(reader: flight.MetadataRecordBatchReader) -> list[Value] | None:
    row: list[Value] | None = None
    for chunk in reader:
        batch = chunk.data
        if batch is None or not batch.num_rows:
            continue
        if row is not None or batch.num_rows > 1:
            raise NotUnderstood(
                "One row of parameters can be bound at a time.",
                hint="Run the query once for each row, or write the values as a list: IN (?, ?).",
            )
        _check(batch)
        row = [_scalar(column) for column in batch.columns]
    return row


def _check(batch: pa.RecordBatch) -> None:
    try:
        batch.validate(full=True)
    except pa.ArrowException:
        raise NotUnderstood(
            "A parameter is no value of its type.", hint="Hand it over as a text or a number."
        ) from None


def _scalar(column: pa.Array) -> Value:
    try:
        value = column[0].as_py()
    except (ValueError, OverflowError, pa.ArrowException):  # no such moment in Python's calendar
        value = ...
    if value is None or isinstance(value, (bool, int, float, Decimal, str, date, datetime, time)):
        return value
    raise NotUnderstood(
        "A parameter has a type that no query can hold.",
        hint="Text, numbers, decimals, dates, times, true, false and NULL can be handed over.",
    )


def _parameters(text: str) -> bytes:
    try:
        names = wanted(text)
    except QueryDenied:  # told, and logged, when it is run
        return b""
    schema = pa.schema([(name, pa.null()) for name in names])  # of any type
    body: bytes = schema.serialize().to_pybytes()
    return body


_TAGGED: Mapping[str, Callable[[str], Value]] = {
    "decimal": Decimal,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
}


def _plain(value: Value) -> Any:
    """Return a value as JSON can hold it, with the name of its type where JSON has none."""
    match value:
        case Decimal():
            return ["decimal", str(value)]
        case datetime():
            return ["datetime", value.isoformat()]
        case date():
            return ["date", value.isoformat()]
        case time():
            return ["time", value.isoformat()]
        case _:
            return value


def _value(plain: Any) -> Value:
    if isinstance(plain, list):
        kind, text = plain
        return _TAGGED[kind](text)
    if plain is None or isinstance(plain, (bool, int, float, str)):
        return plain
    raise refused()


def _text(body: bytes) -> str:
    try:
        return body.decode(errors="strict")
    except UnicodeDecodeError:
        raise refused() from None
