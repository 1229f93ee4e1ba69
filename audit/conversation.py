"""One sender's connection: cuts what arrives into lines, in order, and hands them to the service.

Decides nothing but whether a line is of the protocol; what is not ends the connection, and only
this one. Never answers for the log, and reads no further while the service cannot take more.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Protocol

from typing_extensions import override

from audit import wire
from enclave.audit_client import MAX_EVENT

logger = logging.getLogger("audit")


class House(Protocol):
    """Whoever takes what senders say."""

    def arrived(self, conversation: Conversation) -> None:
        """Note that a sender has said its name."""
        ...

    def take(self, conversation: Conversation, sent: wire.Sent) -> None:
        """Take an event."""
        ...

    def asked(self, conversation: Conversation, question: wire.Question) -> None:
        """Answer with the proof of an entry."""
        ...

    def bidden(self, conversation: Conversation) -> None:
        """Note a goodbye; the answers to what was sent before it still have to go out."""
        ...

    def left(self, conversation: Conversation) -> None:
        """Note that a sender that had said its name is gone."""
        ...


class Conversation(asyncio.Protocol):
    """What is known of one connection; `broken` once nothing more of it may be stored."""

    def __init__(self, source: str, house: House):
        self.source = source
        self.instance = ""
        self.broken = False
        self._house = house
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._lines: deque[bytes] = deque()
        self._waits: set[str] = set()  # reasons not to read on
        self._said_goodbye = self._no_more = self._gone = False

    def answer(self, lines: bytes) -> None:
        """Send lines, if there still is somebody to hear them."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(lines)

    def fail(self, sentence: str) -> None:
        """Say why, and close: what has no answer yet was not stored, as far as the sender knows."""
        self.broken = True
        self.answer(wire.failure(sentence))
        self.close()

    def close(self) -> None:
        """Close; what was written still goes out."""
        if self._transport is not None:
            self._transport.close()
        if not self._gone:
            self._gone = True
            if self.instance:
                self._house.left(self)

    def wait(self, reason: str) -> None:
        """Read nothing more until `go_on` is called with the same reason."""
        self._waits.add(reason)
        if self._transport is not None:
            self._transport.pause_reading()

    def go_on(self, reason: str) -> None:
        """Read on, unless there is another reason to wait."""
        self._waits.discard(reason)
        if not self._waits and self._transport is not None and not self._gone:
            self._transport.resume_reading()
            self._listen()

    # -- what the event loop calls ----------------------------------------------------------------

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    @override
    def data_received(self, data: bytes) -> None:
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        self._lines.extend(lines)
        self._listen()

    @override
    def eof_received(self) -> bool:
        self._no_more = True
        self._listen()
        return True  # the answers still have to go out

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.close()

    @override
    def pause_writing(self) -> None:
        self.wait("unread answers")

    @override
    def resume_writing(self) -> None:
        self.go_on("unread answers")

    # -- lines ------------------------------------------------------------------------------------

    def _listen(self) -> None:
        try:
            while self._lines and not self._waits and not self._said_goodbye and not self._gone:
                self._hear(self._lines.popleft())
            if len(self._rest) > MAX_EVENT:
                raise ValueError("an overlong line")
        except ValueError as error:  # pydantic's ValidationError is one
            logger.warning("%s broke the protocol: %s", self.source, type(error).__name__)
            self._lines.clear()
            self.answer(wire.failure("The audit service could not read the event."))
            self.close()
        if self._no_more and not self._lines and not self._said_goodbye:
            self.close()

    def _hear(self, line: bytes) -> None:
        if len(line) > MAX_EVENT:
            raise ValueError("an overlong line")
        if not self.instance:
            self.instance = wire.read_hello(line)
            self._house.arrived(self)
            self.answer(wire.welcome(self.source))
            return
        said = wire.read_line(line)
        if isinstance(said, wire.Sent):
            self._house.take(self, said)
        elif isinstance(said, wire.Question):
            self._house.asked(self, said)
        else:
            self._said_goodbye = True
            self._house.bidden(self)
