"""`AuditClient(settings, source).append(event)`: a receipt for a durable event, or an exception.

Never returns before the audit service has committed, never drops an event in silence, and never
lets a caller go on without a receipt. `send` does not wait: who uses it may work meanwhile, and
gives nothing out before the receipt is there. Any number of threads may append at once: the
service commits whatever waits in one go. Make one after forking, not before.
"""

from __future__ import annotations

import json
import secrets
import socket
import struct
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, fields
from io import BufferedReader
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic_core import from_json, to_json

from enclave.errors import AuditRefused, AuditUnavailable, Invalid, StoreOlder
from enclave.events import Event, Receipt
from enclave.settings import Settings

SOURCES = ("admin", "vault", "linkage", "gateway", "hub", "egress", "audit-web")
MAX_EVENT = 256 * 1024  # bytes of one event on the wire
_CHUNK = 64 * 1024  # bytes read at once
_FIELDS = tuple(each.name for each in fields(Event))
_BACKOFF = (0.05, 1.0)  # seconds: first and longest pause between two attempts to connect
_AWAY = "The audit service does not answer."
_NEXT_STEP = "Nothing was done. Try again; if it stays so, tell the administrator."


def socket_path(settings: Settings, source: str) -> Path:
    """Return where the audit service listens for `source`; each source has its own directory."""
    return settings.run_dir / "audit" / source / "log.sock"


@dataclass(slots=True)
class _Pending:
    """An event on its way, and who waits for it."""

    line: bytes
    until: float  # on the monotonic clock: when waiting for the receipt ends
    receipt: Future[Receipt] = field(default_factory=Future)


class AuditClient:
    """One sender. `timeout` is how long a caller waits for a receipt, in seconds.

    Raises AuditUnavailable when no receipt came in time, AuditRefused when the service found the
    event in contradiction with the log, Invalid when it is too large. Close it, or use `with`.
    """

    def __init__(self, settings: Settings, source: str, *, timeout: float = 15.0):
        if source not in SOURCES:
            raise ValueError(f"no audit source is named {source}")
        self.source = source
        self._path = socket_path(settings, source)
        self._timeout = timeout
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._clock: threading.Thread | None = None
        self._socket: socket.socket | None = None
        self._sending = False  # one thread sends at a time, for all who come meanwhile
        self._trouble = _AWAY
        self._greeting = ""
        self._proofs: dict[tuple[int, str], list[Future[str]]] = {}  # by the entry's index and leaf
        self._renew()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def append(self, event: Event) -> Receipt:
        """Send one event and wait until it is durable."""
        return self.send(event).result()

    def send(self, event: Event) -> Future[Receipt]:
        """Send one event; the future ends within the timeout, with a receipt or an exception.

        Events of one client are committed in the order they are sent, so a later one's receipt
        comes with or after an earlier one's.
        """
        return self._enqueue(_wire(event)).receipt

    def close(self) -> None:
        """Say goodbye, so that the service knows nothing more will come, and stop."""
        with self._lock:
            self._stop.set()
            self._unsent.append(b'{"bye":true}\n')
        self._flush()
        if self._thread is not None:
            self._thread.join(timeout=5)
        self._retire()

    def _renew(self) -> None:
        """Become a new instance, which starts counting at 0."""
        self._instance = secrets.token_hex(8)
        self._next = 0
        self._pending: dict[int, _Pending] = {}
        self._unsent: list[bytes] = []  # lines for the connection there is

    def prove(self, receipt: Receipt) -> str:
        """Return the proof that the log holds the event of this receipt (C2SP tlog-proof).

        Under a checkpoint the witnesses' quorum has cosigned, if there is one within two seconds.
        Raises AuditUnavailable when no answer came in time, AuditRefused when there is no proof.
        """
        proof: Future[str] = Future()
        with self._lock:
            if self._stop.is_set():
                raise AuditUnavailable("The connection to the audit service is closed.")
            asked = (receipt.index, receipt.leaf)
            self._proofs.setdefault(asked, []).append(proof)
            self._start()
            self._unsent.append(_question(*asked))
        self._flush()
        try:
            return proof.result(self._timeout)
        except TimeoutError as error:
            with self._lock:
                self._proofs.pop(asked, None)
            raise AuditUnavailable(self._trouble, hint="Ask again later.") from error

    def _proved(self, answer: dict[str, Any]) -> None:
        with self._lock:
            waiting = self._proofs.pop((answer["index"], answer["leaf"]), [])
        for proof in waiting:
            if answer["proof"] is None:
                proof.set_exception(AuditRefused(str(answer["refused"])))
            else:
                proof.set_result(str(answer["proof"]))

    def _enqueue(self, wire: bytes) -> _Pending:
        with self._lock:
            if self._stop.is_set():
                raise AuditUnavailable("The connection to the audit service is closed.")
            line = b'{"seq":%d,"event":%b}\n' % (self._next, wire)
            if len(line) > MAX_EVENT:
                raise Invalid("This event is too large to be logged.")
            pending = _Pending(line, time.monotonic() + self._timeout)
            self._pending[self._next] = pending
            self._next += 1
            self._start()
            self._unsent.append(line)
        self._flush()
        return pending

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name=f"audit-{self.source}", daemon=True
            )
            self._thread.start()
        if self._clock is None:
            self._clock = threading.Thread(target=self._expire, daemon=True)
            self._clock.start()

    def _expire(self) -> None:
        """Give up when the oldest event has waited too long; end when nothing has come for long.

        Looks only when a receipt could be overdue, so that it costs nothing while all is well.
        """
        wait = self._timeout
        while not self._stop.wait(max(0.001, wait)):
            with self._lock:
                oldest = min((each.until for each in self._pending.values()), default=None)
                if oldest is None:
                    self._clock = None
                    return
            wait = oldest - time.monotonic()
            if wait <= 0:
                self._retire()
                wait = self._timeout

    def _flush(self) -> None:
        """Send what waits, in order, unless another thread is at it: then it sends this as well.

        A broken connection is the reading thread's to mend; it resends whatever has no receipt.
        """
        while True:
            with self._lock:
                connection, lines = self._socket, self._unsent
                if connection is None or self._sending:
                    return
                if not lines:
                    if self._stop.is_set():
                        with suppress(OSError):
                            connection.shutdown(socket.SHUT_WR)
                    return
                self._sending, self._unsent = True, []
            try:
                connection.sendall(b"".join(lines))
            except OSError:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
                self._lose(connection)
            finally:
                with self._lock:
                    self._sending = False

    def _lose(self, connection: socket.socket) -> None:
        with self._lock:
            if self._socket is connection:
                self._socket = None

    def _retire(self) -> None:
        """Give up this instance: a number whose fate is unknown must not be left in the middle.

        With its connection, at once: an event of the next instance must not go out as one of this.
        """
        with self._lock:
            waiting = list(self._pending.values())
            self._renew()
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
                self._socket = None
        for pending in waiting:
            pending.receipt.set_exception(AuditUnavailable(self._trouble, hint=_NEXT_STEP))

    def _run(self) -> None:
        """Keep a connection for as long as the client lives; hand answers to those who wait."""
        pause = _BACKOFF[0]
        while not self._stop.is_set():
            connected = False
            with (
                suppress(OSError, ValueError, KeyError),
                self._connect() as connection,
                connection.makefile("rb") as answers,
            ):
                connected = self._greet(connection, json.loads(answers.readline()))
                if connected:
                    self._read(answers)
            with self._lock:
                self._socket = None
            pause = _BACKOFF[0] if connected else min(pause * 2, _BACKOFF[1])
            self._stop.wait(pause)

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # Bounds a send to a service that has stopped reading; receiving may wait for ever.
            wait = struct.pack("ll", max(1, int(self._timeout)), 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, wait)
            connection.connect(str(self._path))
            with self._lock:
                self._greeting = self._instance
            connection.sendall(json.dumps({"hello": self._greeting}).encode() + b"\n")
        except BaseException:
            connection.close()
            raise
        return connection

    def _greet(self, connection: socket.socket, answer: dict[str, Any]) -> bool:
        """Resend everything that has no receipt yet; say whether we are connected."""
        if "error" in answer:
            self._trouble = str(answer["error"])
            return False
        with self._lock:
            if self._greeting != self._instance or self._stop.is_set():
                return False  # retired meanwhile: greet again under the new name; or closed
            for pending in list(self._pending.values()):
                connection.sendall(pending.line)
            for asked in self._proofs:
                connection.sendall(_question(*asked))
            self._socket, self._unsent = connection, []
        return True

    def _read(self, answers: BufferedReader) -> None:
        """Hand on what the service says, as much of it at once as has come, until it fails."""
        rest, failed = b"", False
        while not failed and (chunk := answers.read1(_CHUNK)):
            *lines, rest = (rest + chunk).split(b"\n")
            receipts: list[tuple[int, Receipt | AuditRefused]] = []
            for answer in map(from_json, lines):
                if "error" in answer:
                    self._trouble, failed = str(answer["error"]), True
                elif "proof" in answer:
                    self._proved(answer)
                else:
                    self._trouble = _AWAY  # whatever it was, it is over
                    receipts.append((answer["seq"], _receipt(answer)))
            self._settle(receipts)

    def _settle(self, receipts: list[tuple[int, Receipt | AuditRefused]]) -> None:
        with self._lock:
            if self._greeting != self._instance:
                return
            waiting = [(self._pending.pop(seq, None), receipt) for seq, receipt in receipts]
        for pending, receipt in waiting:
            if pending is None:
                continue
            if isinstance(receipt, Receipt):
                pending.receipt.set_result(receipt)
            else:
                pending.receipt.set_exception(receipt)


def _receipt(answer: dict[str, Any]) -> Receipt | AuditRefused:
    if "refused" in answer:
        if answer["refused"] == StoreOlder.SENTENCE:
            return StoreOlder()
        return AuditRefused(answer["refused"])
    return Receipt(answer["index"], answer["leaf"])


def _question(index: int, leaf: str) -> bytes:
    return b'{"prove":%d,"leaf":"%s"}\n' % (index, leaf.encode())


def _wire(event: Event) -> bytes:
    """Return an event as JSON. `asdict` copies deeply first: three times the work (measured)."""
    facts = {each: getattr(event, each) for each in _FIELDS}
    return to_json(facts | {"detail": dict(event.detail)})
