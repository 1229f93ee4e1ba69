"""The single writer: takes events from Unix sockets, commits them in groups, answers with receipts.

One socket per source, in a directory of its own: which socket an event came through says who
speaks, whatever the event claims. Never answers before the commit, and never keeps an event it
could not store: the sender keeps it and is told to try again.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from audit import senders, wire
from audit.admit import Answer, Request, SequenceGap
from audit.conversation import Conversation
from audit.custody import OneWriter
from audit.gauges import Gauges
from audit.health import Health, answering
from audit.log import Sender
from audit.merkle import ProofError
from audit.writer import FAILURES, Writer
from enclave.audit_client import SOURCES, socket_path
from enclave.durable import make_directory
from enclave.errors import AuditRefused
from enclave.events import Action, Event, Receipt
from enclave.settings import Settings

MAX_BATCH = 256
MAX_QUEUE = 4096
QUORUM_SECONDS = 5.0  # how long a release that must be cosigned waits for the quorum
_SWITCH = 0.001  # seconds until the sockets' thread lets the log's have the interpreter
_AGAIN = 0.2  # seconds between two attempts to open a log that has failed

logger = logging.getLogger("audit")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An event taken from a socket, where its answer goes, and when it came (monotonic clock)."""

    request: Request
    conversation: Conversation
    arrived: float


class Service:
    """The running service. `run()` returns after SIGTERM or SIGINT, everything taken committed."""

    def __init__(self, settings: Settings):
        self._settings = settings
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="audit-log")
        self._writer = Writer(settings)
        self._queue: deque[_Waiting | Conversation] = deque()  # a conversation: it said goodbye
        self._wake = asyncio.Event()
        self._stopping = False
        self._present: dict[tuple[str, str], Conversation] = {}
        self._crowd: set[Conversation] = set()  # who waits until the queue is shorter
        self._tasks: set[asyncio.Task[None]] = set()

    def gauges(self) -> Gauges:
        """Return what the service counts about itself; from any thread."""
        counting = self._writer.counting
        return counting.snapshot(entries=self._writer.size, queue=len(self._queue))

    async def run(self) -> None:
        """Serve until told to stop. Raises LogRefused when the log must not be opened."""
        sys.setswitchinterval(_SWITCH)
        with OneWriter(self._writer.files):
            await self._in_thread(self._writer.open)
            stop = asyncio.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, stop.set)
            health = Health(self._settings, self.gauges)
            # Answered before any room is heard: whoever finds the service up may ask how it fares.
            async with answering(self._settings.audit_metrics_address, health.answer):
                servers = [await self._listen(source) for source in SOURCES]
                batches = asyncio.create_task(self._write_batches())
                ticker = asyncio.create_task(self._sign_while_busy())
                self._spawn(self._end_of(None, None))
                self._spawn(health.watch())
                logger.info("listening for %s; %d entries", ", ".join(SOURCES), self._writer.signed)
                stopped = asyncio.create_task(stop.wait())
                await asyncio.wait([stopped, batches, ticker], return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            for server in servers:
                server.close()
            await self._finish(batches, ticker)

    async def _finish(self, batches: asyncio.Task[None], ticker: asyncio.Task[None]) -> None:
        """Commit what has been taken, sign, and close; a crashed task's error is raised."""
        for conversation in self._present.values():
            conversation.wait("the end")
        self._stopping = True
        self._wake.set()
        ticker.cancel()
        for task in self._tasks:
            task.cancel()
        await batches
        for conversation in list(self._present.values()):
            conversation.close()
        with suppress(asyncio.CancelledError):
            await ticker
        await self._in_thread(self._writer.close)
        await asyncio.to_thread(self._writer.publication.stop)
        self._thread.shutdown()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Do work on the log's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _listen(self, source: str) -> asyncio.Server:
        path = socket_path(self._settings, source)
        make_directory(path.parent, 0o750)
        path.unlink(missing_ok=True)
        loop = asyncio.get_running_loop()
        server = await loop.create_unix_server(lambda: Conversation(source, self), path)
        path.chmod(0o660)
        return server

    # -- what conversations call ------------------------------------------------------------------

    def arrived(self, conversation: Conversation) -> None:
        """Note that a sender is there: its open intents are its own to end."""
        self._present[conversation.source, conversation.instance] = conversation

    def take(self, conversation: Conversation, sent: wire.Sent) -> None:
        """Queue an event; a release that must be cosigned first holds up its own sender."""
        if self._must_be_cosigned(sent.event):
            conversation.wait("the witnesses")
            self._spawn(self._take_release(conversation, sent))
        else:
            self._queue_up(conversation, sent)

    def asked(self, conversation: Conversation, question: wire.Question) -> None:
        """Answer with a proof, when there is one; one at a time, however many are asked for."""
        conversation.wait("a proof")
        self._spawn(self._prove(conversation, question))

    def bidden(self, conversation: Conversation) -> None:
        """Queue a goodbye behind what the sender has sent."""
        self._forget(conversation)
        self._queue.append(conversation)
        self._wake.set()

    def left(self, conversation: Conversation) -> None:
        """After the grace period, end a sender's intents unless it has come back."""
        self._crowd.discard(conversation)
        if self._forget(conversation):
            self._spawn(self._end_of(conversation.source, conversation.instance))

    def _forget(self, conversation: Conversation) -> bool:
        key = (conversation.source, conversation.instance)
        ours = self._present.get(key) is conversation
        if ours:
            del self._present[key]
        return ours

    def _queue_up(
        self, conversation: Conversation, sent: wire.Sent, objection: str | None = None
    ) -> None:
        sender = Sender(conversation.source, conversation.instance, sent.seq)
        objection = senders.objection(conversation.source, sent.event.action) or objection
        request = Request(sender, sent.event, objection)
        self._queue.append(_Waiting(request, conversation, time.monotonic()))
        self._wake.set()
        if len(self._queue) > MAX_QUEUE:
            self._crowd.add(conversation)
            conversation.wait("the queue")

    # -- batches ----------------------------------------------------------------------------------

    async def _write_batches(self) -> None:
        """Commit whatever waits, as one transaction, for ever."""
        while not (self._stopping and not self._queue):
            await self._wake.wait()
            taken = [self._queue.popleft() for _ in range(min(MAX_BATCH, len(self._queue)))]
            if not self._queue and not self._stopping:
                self._wake.clear()
            # What came over a connection that was broken off had no answer: its sender resends it.
            events = [
                item
                for item in taken
                if isinstance(item, _Waiting) and not item.conversation.broken
            ]
            if events:
                await self._commit(events)
            for item in taken:
                if isinstance(item, Conversation):
                    item.close()
                    self._spawn(self._interrupt(item.source, item.instance))
            if self._crowd and len(self._queue) < MAX_QUEUE // 2:
                for conversation in tuple(self._crowd):
                    self._crowd.discard(conversation)
                    conversation.go_on("the queue")

    async def _commit(self, batch: list[_Waiting]) -> None:
        try:
            answers = await self._in_thread(
                lambda: self._writer.store([waiting.request for waiting in batch])
            )
        except SequenceGap as gap:
            await self._commit_others(batch, gap)
        except FAILURES as error:
            await self._not_stored(batch, error)
        else:
            self._answer(batch, answers)

    def _answer(self, batch: list[_Waiting], answers: list[Answer]) -> None:
        """Answer a committed batch, each conversation in one writing."""
        lines: dict[Conversation, list[bytes]] = {}
        refused = 0
        for waiting, answer in zip(batch, answers, strict=True):
            refused += isinstance(answer, AuditRefused)
            request = waiting.request
            if isinstance(answer, Receipt) and self._must_be_cosigned(request.event):
                self._spawn(self._answer_cosigned(waiting, answer))
                continue
            line = wire.answer(request.sender.seq, answer)
            lines.setdefault(waiting.conversation, []).append(line)
        for conversation, texts in lines.items():
            conversation.answer(b"".join(texts))
        moments = [waiting.arrived for waiting in batch]
        self._writer.counting.batch(moments, time.monotonic(), refused=refused)

    async def _commit_others(self, batch: list[_Waiting], gap: SequenceGap) -> None:
        """Let one sender's gap stop only that sender."""
        logger.warning("refused: %s", gap)
        whose = (gap.sender.source, gap.sender.instance)
        others = []
        for waiting in batch:
            conversation = waiting.conversation
            if (conversation.source, conversation.instance) != whose:
                others.append(waiting)
            elif not conversation.broken:
                conversation.fail(f"Events are missing: {gap}.")
        if others:
            await self._commit(others)

    async def _not_stored(self, batch: list[_Waiting], error: Exception) -> None:
        """Nothing is acknowledged: senders keep their events and come back with them."""
        logger.error("cannot store events: %s", error)
        self._writer.counting.store_errors += 1
        for conversation in {waiting.conversation for waiting in batch}:
            conversation.fail("The audit log cannot be written at the moment.")
        await self._reopen()
        await asyncio.sleep(_AGAIN)

    async def _reopen(self) -> None:
        with suppress(*FAILURES):
            await self._in_thread(self._writer.reopen)

    async def _sign_while_busy(self) -> None:
        """Sign every few seconds if there is anything new."""
        while True:
            await asyncio.sleep(self._settings.audit_checkpoint_seconds)
            try:
                await self._in_thread(self._writer.sign_if_grown)
            except FAILURES as error:
                logger.error("cannot sign a checkpoint: %s", error)
                self._writer.counting.store_errors += 1

    # -- witnesses and proofs ---------------------------------------------------------------------

    def _must_be_cosigned(self, event: Event) -> bool:
        needed = self._settings.audit_release_needs_cosignature
        return needed and event.action is Action.OUTPUT_RELEASED

    async def _cosigned(self, size: int) -> bool:
        publication = self._writer.publication
        return await asyncio.to_thread(publication.cosigned, size, QUORUM_SECONDS)

    async def _take_release(self, conversation: Conversation, sent: wire.Sent) -> None:
        """Queue a release; refused when the quorum has not cosigned what led to it."""
        try:
            await self._in_thread(self._writer.sign_if_grown)
        except FAILURES as error:
            logger.error("cannot sign a checkpoint: %s", error)
            conversation.fail("The audit log cannot be written at the moment.")
            return
        publication, size = self._writer.publication, self._writer.signed
        held = await asyncio.to_thread(publication.confirmed, size, QUORUM_SECONDS)
        refusal = "The log's witnesses do not answer, so nothing is released now."
        self._queue_up(conversation, sent, None if held else refusal)
        conversation.go_on("the witnesses")

    async def _answer_cosigned(self, waiting: _Waiting, receipt: Receipt) -> None:
        """Give a release its receipt once its own entry is cosigned; without it, try again."""
        if await self._cosigned(receipt.index + 1):
            waiting.conversation.answer(wire.answer(waiting.request.sender.seq, receipt))
        else:
            waiting.conversation.fail("The log's witnesses do not answer.")

    async def _prove(self, conversation: Conversation, question: wire.Question) -> None:
        """Answer with the proof of an entry (tlog-proof), or with why there is none."""
        try:
            if question.index >= self._writer.signed:
                await self._in_thread(self._writer.sign_if_grown)
            proof = await asyncio.to_thread(
                self._writer.publication.proof, question.index, question.leaf
            )
        except (ProofError, LookupError, *FAILURES) as error:
            conversation.answer(wire.proof(question, None, refused=f"No proof: {error}."))
        else:
            conversation.answer(wire.proof(question, proof))
        finally:
            conversation.go_on("a proof")

    # -- intents whose sender is gone -------------------------------------------------------------

    async def _end_of(self, source: str | None, instance: str | None) -> None:
        """After the grace period, end the open intents of a sender, or of all, not come back."""
        await asyncio.sleep(self._settings.audit_grace_seconds)
        await self._interrupt(source, instance)

    async def _interrupt(self, source: str | None, instance: str | None) -> None:
        try:
            await self._in_thread(lambda: self._writer.end_intents(self._present, source, instance))
        except FAILURES as error:
            logger.error("cannot end abandoned intents: %s", error)
            self._writer.counting.store_errors += 1
            await self._reopen()
