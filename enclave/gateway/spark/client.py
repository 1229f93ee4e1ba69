"""What the gateway says to Spark: register a view, run a text, stop it. Nothing else is ever sent.

Speaks Spark Connect's own protocol with a trimmed protocol file, because Spark's Python client
imports pandas and ships plans and Python functions, which the gateway never wants to. Spark's
error texts stay here: they can hold a value of a row; only the error's class goes further.
"""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pyarrow as pa

from enclave.errors import Unavailable
from enclave.gateway.spark import spark_connect_pb2 as wire
from enclave.gateway.spark.server import ADDRESS, Server

START_SECONDS = 300.0
CALL_SECONDS = 60.0
_SERVICE = "/spark.connect.SparkConnectService/"
_CLASS = re.compile(r"\[([A-Z][A-Z0-9_]*(?:\.[A-Z0-9_]+)*)\]")
_OPTIONS = (
    ("grpc.max_receive_message_length", 128 * 1024**2),
    ("grpc.enable_http_proxy", 0),
)


class SparkError(RuntimeError):
    """Spark could not run a text: `kind` is its error class, such as DIVIDE_BY_ZERO, or empty."""

    def __init__(self, kind: str):
        super().__init__(kind or "unknown")
        self.kind = kind


@dataclass(slots=True)
class Client:
    """One session with one server; it alone knows the project's views. Safe from many threads."""

    channel: grpc.Channel
    token: str = field(repr=False)
    session: str = field(default_factory=lambda: str(uuid.uuid4()))

    def wait(self, server: Server, seconds: float = START_SECONDS) -> str:
        """Wait until the server answers; return Spark's version. Raises Unavailable."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and server.is_running():
            try:
                return self.version()
            except SparkError:
                time.sleep(0.2)
        raise Unavailable(
            "Spark did not start.",
            hint="An administrator looks at Java, at free memory, and at docs/how-to/spark.md.",
        )

    def version(self) -> str:
        """Return the version of Spark that answers."""
        asked = wire.AnalyzePlanRequest(
            session_id=self.session,
            user_context=_USER,
            spark_version=wire.AnalyzePlanRequest.SparkVersion(),
        )
        call = self.channel.unary_unary(
            _SERVICE + "AnalyzePlan",
            request_serializer=wire.AnalyzePlanRequest.SerializeToString,
            response_deserializer=wire.AnalyzePlanResponse.FromString,
        )
        with _translated():
            answer = call(asked, metadata=self._metadata(), timeout=CALL_SECONDS)
        return str(answer.spark_version.version)

    def register(self, name: str, path: Path) -> None:
        """Make a Parquet file a view of this session."""
        source = wire.Read.DataSource(format="parquet", paths=[str(path)])
        view = wire.CreateDataFrameViewCommand(
            input=wire.Relation(read=wire.Read(data_source=source)), name=f"`{name}`", replace=True
        )
        plan = wire.Plan(command=wire.Command(create_dataframe_view=view))
        with _translated():
            for _ in self._execute(plan, str(uuid.uuid4())):
                pass

    def query(self, text: str) -> Query:
        """Return a checked text, ready to run."""
        return Query(self, text)

    def _execute(self, plan: wire.Plan, operation: str) -> grpc.CallIterator[object]:
        asked = wire.ExecutePlanRequest(
            session_id=self.session, user_context=_USER, plan=plan, operation_id=operation
        )
        call = self.channel.unary_stream(
            _SERVICE + "ExecutePlan",
            request_serializer=wire.ExecutePlanRequest.SerializeToString,
            response_deserializer=wire.ExecutePlanResponse.FromString,
        )
        return call(asked, metadata=self._metadata())

    def _interrupt(self, operation: str) -> bool:
        """Say whether Spark had the operation and stops it."""
        asked = wire.InterruptRequest(
            session_id=self.session,
            user_context=_USER,
            interrupt_type=wire.InterruptRequest.INTERRUPT_TYPE_OPERATION_ID,
            operation_id=operation,
        )
        call = self.channel.unary_unary(
            _SERVICE + "Interrupt",
            request_serializer=wire.InterruptRequest.SerializeToString,
            response_deserializer=wire.InterruptResponse.FromString,
        )
        with _translated():
            answer = call(asked, metadata=self._metadata(), timeout=CALL_SECONDS)
        return operation in answer.interrupted_ids

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.token}"),)


@dataclass(slots=True)
class Query:
    """One text on its way in Spark; batches come as fast as they are taken, no faster."""

    client: Client
    text: str
    operation: str = field(default_factory=lambda: str(uuid.uuid4()))
    stopped: threading.Event = field(default_factory=threading.Event)
    _call: grpc.CallIterator[object] | None = None
    _over: bool = False

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Run it and yield Spark's batches. Raises SparkError."""
        plan = wire.Plan(root=wire.Relation(sql=wire.SQL(query=self.text)))
        if self.stopped.is_set():
            raise SparkError("")
        with _translated():
            self._call = self.client._execute(plan, self.operation)
            if self.stopped.is_set():  # in between
                self.interrupt()
            for answer in self._call:
                if answer.HasField("arrow_batch"):
                    yield from pa.ipc.open_stream(answer.arrow_batch.data)
        self._over = True

    def interrupt(self) -> None:
        """Stop it, in Spark and here; may come at any time and again, until it has been heard."""
        self.stopped.set()
        if self._call is None or self._over:
            return
        with suppress(SparkError):  # it had ended, or Spark has
            self._over = self.client._interrupt(self.operation)
        self._call.cancel()


class _translated:
    """Turn gRPC's errors into SparkError, without their text."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, grpc.RpcError):
            found = _CLASS.search(str(error.details())) if hasattr(error, "details") else None
            raise SparkError(found[1] if found else "") from None


_USER = wire.UserContext(user_id="gateway")


def connect(server: Server) -> Client:
    """Return a client of a server we started."""
    channel = grpc.insecure_channel(f"{ADDRESS}:{server.port}", options=_OPTIONS)
    return Client(channel, server.token)
