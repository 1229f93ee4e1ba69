"""The single writer: takes events from Unix sockets, commits them in groups, answers with receipts.

One socket per source, in a directory of its own: which socket an event came through says who
speaks, whatever the event claims. Never answers before the commit, never signs before it, and
never keeps an event it could not store: the sender keeps it and is told to try again.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import secrets
import signal
import sqlite3
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from audit.admit import Answer, Request, SequenceGap, admit, interruption
from audit.custody import AuditFiles, LogRefused, open_log, sign_checkpoint
from audit.log import Log, Sender
from audit.merkle import ProofError
from audit.note import Checkpoint
from audit.publication import Publication
from audit.store import StoreError
from enclave.audit_client import MAX_EVENT, SOURCES, socket_path
from enclave.errors import AuditRefused
from enclave.events import Action, Event, Receipt, Scalar, Verdict
from enclave.settings import Settings

OWN_SOURCE = "audit"
MAX_BATCH = 256
MAX_QUEUE = 4096
QUORUM_SECONDS = 5.0  # how long a release that must be cosigned waits for the quorum
_AGAIN = 0.2  # seconds between two attempts to open a log that has failed

logger = logging.getLogger("audit")
T = TypeVar("T")


class _Hello(BaseModel):
    model_config = ConfigDict(extra="forbid")
    hello: str


class _WireEvent(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    action: str
    actor: str
    verdict: str
    project: str | None
    agencies: list[str]
    datasets: list[str]
    columns: list[str]
    clause: str | None
    intent: str | None
    session: str | None
    detail: dict[str, Scalar]

    def event(self) -> Event:
        """Return the event; raises ValueError for an unknown action or verdict."""
        return Event(
            action=Action(self.action),
            actor=self.actor,
            verdict=Verdict(self.verdict),
            project=self.project,
            agencies=tuple(self.agencies),
            datasets=tuple(self.datasets),
            columns=tuple(self.columns),
            clause=self.clause,
            intent=self.intent,
            session=self.session,
            detail=self.detail,
        )


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    seq: int | None = None
    event: _WireEvent | None = None
    prove: int | None = None
    bye: bool = False


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An event taken from a socket, and where its answer goes."""

    request: Request
    writer: asyncio.StreamWriter


@dataclass(frozen=True, slots=True)
class _Goodbye:
    """A sender that has said it will send nothing more."""

    source: str
    instance: str
    writer: asyncio.StreamWriter


class Service:
    """The running service. `run()` returns after SIGTERM or SIGINT, everything taken committed."""

    def __init__(self, settings: Settings):
        self._settings = settings
        self._files = AuditFiles(settings.audit_dir)
        self._log: Log | None = None
        self._queue: asyncio.Queue[_Waiting | _Goodbye | None] = asyncio.Queue(MAX_QUEUE)
        self._own_instance = secrets.token_hex(8)
        self._own_seq = 0
        self._signed = -1  # size of the last signed checkpoint
        self._present: dict[tuple[str, str], asyncio.StreamWriter] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="audit-log")

    async def run(self) -> None:
        """Serve until told to stop. Raises LogRefused when the log must not be opened."""
        with _OnlyOne(self._files):
            await self._in_thread(self._open)
            stop = asyncio.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, stop.set)
            servers = [await self._listen(source) for source in SOURCES]
            writer = asyncio.create_task(self._write_batches())
            ticker = asyncio.create_task(self._sign_while_busy())
            self._spawn(self._end_abandoned())
            logger.info("listening for %s; %d entries", ", ".join(SOURCES), self._signed)
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait([stopped, writer, ticker], return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            for server in servers:
                server.close()
            await self._finish(writer, ticker)

    async def _finish(self, writer: asyncio.Task[None], ticker: asyncio.Task[None]) -> None:
        """Commit what has been taken, sign, and close; a crashed task's error is raised."""
        await self._queue.put(None)
        ticker.cancel()
        for task in self._tasks:
            task.cancel()
        await writer
        for connection in list(self._present.values()):
            connection.close()
        with suppress(asyncio.CancelledError):
            await ticker
        await self._in_thread(self._close)
        await asyncio.to_thread(self._publication.stop)
        self._thread.shutdown()

    # -- the log, only ever touched on its own thread -------------------------------------------

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _open(self) -> None:
        self._log, signer = open_log(self._files, self._settings.origin)
        self._signer = signer
        self._publication = Publication(self._settings, signer.verifiers, self._keep_later)
        started = Event(Action.SERVICE_STARTED, "system", detail={"entries": self._log.size})
        self._append_own(started)
        self._sign()

    def _close(self) -> None:
        if self._log is not None:
            if self._log.size != self._signed:
                self._sign()
            self._log.close()

    def _sign(self) -> None:
        assert self._log is not None
        checkpoint = sign_checkpoint(self._log, self._files, self._signer)
        self._signed = checkpoint.size
        self._publish(checkpoint, self._files.checkpoint.read_text())

    def _publish(self, checkpoint: Checkpoint, note: str) -> None:
        """Hand a checkpoint that was signed and stored to whoever shows it to others.

        On the log's thread: appends wait while this runs, so it waits for nobody.
        """
        self._publication.publish(note)

    def _keep_later(self, size: int, note: str) -> None:
        """Take a cosigned checkpoint from the witnesses' thread to the log's."""
        with suppress(RuntimeError):  # the service has ended: the file has it
            self._thread.submit(self._keep_cosigned, size, note)

    def _keep_cosigned(self, size: int, note: str) -> None:
        if self._log is not None:
            with suppress(StoreError):  # the file has it; the table follows with the next
                self._log.keep_cosigned(size, note)

    def _append_own(self, event: Event) -> None:
        assert self._log is not None
        sender = Sender(OWN_SOURCE, self._own_instance, self._own_seq)
        admit(self._log, [Request(sender, event)])
        self._own_seq += 1

    def _reopen(self) -> None:
        """Open the log anew after a failure: what the file says now is what counts."""
        if self._log is not None:
            self._log.close()
            self._log = None
        if not self._files.signing_key.exists():  # else a new log would begin in its place
            raise LogRefused("The audit log's directory is gone.", hint="Bring it back.")
        self._log, self._signer = open_log(self._files, self._settings.origin)
        self._own_seq = self._log.next_seq(OWN_SOURCE, self._own_instance)

    def _store(self, batch: list[_Waiting]) -> list[Answer]:
        if self._log is None:
            self._reopen()
        assert self._log is not None
        answers = admit(self._log, [waiting.request for waiting in batch])
        if any(w.request.event.action is Action.OUTPUT_RELEASED for w in batch):
            self._sign()  # a release is provable from the moment its receipt exists
        return answers

    # -- batches ----------------------------------------------------------------------------------

    async def _write_batches(self) -> None:
        """Commit whatever waits, as one transaction, for ever."""
        while True:
            taken = [await self._queue.get()]
            while taken[-1] is not None and len(taken) < MAX_BATCH and not self._queue.empty():
                taken.append(self._queue.get_nowait())
            if events := [item for item in taken if isinstance(item, _Waiting)]:
                await self._commit(events)
            for item in taken:
                if isinstance(item, _Goodbye):
                    item.writer.close()
                    self._spawn(self._end_of(item.source, item.instance, 0))
            if taken[-1] is None:
                return

    async def _commit(self, batch: list[_Waiting]) -> None:
        try:
            answers = await self._in_thread(lambda: self._store(batch))
        except SequenceGap as gap:
            await self._commit_singly(batch, gap)
        except (sqlite3.Error, OSError, LogRefused) as error:
            await self._not_stored(batch, error)
        else:
            for waiting, answer in zip(batch, answers, strict=True):
                if self._must_be_cosigned(waiting.request.event) and isinstance(answer, Receipt):
                    self._spawn(self._answer_cosigned(waiting, answer))
                else:
                    _send(waiting.writer, _answer(waiting.request.sender.seq, answer))

    async def _commit_singly(self, batch: list[_Waiting], gap: SequenceGap) -> None:
        """Let one sender's gap stop only that sender."""
        if len(batch) == 1:
            logger.warning("refused: %s", gap)
            _send(batch[0].writer, {"error": f"Events are missing: {gap}."})
            batch[0].writer.close()
            return
        for waiting in batch:
            await self._commit([waiting])

    async def _not_stored(self, batch: list[_Waiting], error: Exception) -> None:
        """Nothing is acknowledged: senders keep their events and come back with them."""
        logger.error("cannot store events: %s", error)
        for waiting in batch:
            _send(waiting.writer, {"error": "The audit log cannot be written at the moment."})
            waiting.writer.close()
        with suppress(sqlite3.Error, OSError, LogRefused):
            await self._in_thread(self._reopen)
        await asyncio.sleep(_AGAIN)

    async def _sign_while_busy(self) -> None:
        """Sign every few seconds if there is anything new."""
        while True:
            await asyncio.sleep(self._settings.audit_checkpoint_seconds)
            try:
                await self._in_thread(self._sign_if_grown)
            except (sqlite3.Error, OSError) as error:
                logger.error("cannot sign a checkpoint: %s", error)

    def _sign_if_grown(self) -> None:
        if self._log is not None and self._log.size != self._signed:
            self._sign()

    # -- witnesses and proofs ----------------------------------------------------------------------

    def _must_be_cosigned(self, event: Event) -> bool:
        needed = self._settings.audit_release_needs_cosignature
        return needed and event.action is Action.OUTPUT_RELEASED

    async def _objection(self, event: Event) -> str | None:
        """Return why a release is refused: the quorum has not cosigned what led to it."""
        if not self._must_be_cosigned(event):
            return None
        await self._in_thread(self._sign_if_grown)
        held = await asyncio.to_thread(self._publication.cosigned, self._signed, QUORUM_SECONDS)
        return None if held else "The log's witnesses do not answer, so nothing is released now."

    async def _answer_cosigned(self, waiting: _Waiting, receipt: Receipt) -> None:
        """Give a release its receipt once its own entry is cosigned; without it, try again."""
        size = receipt.index + 1
        if await asyncio.to_thread(self._publication.cosigned, size, QUORUM_SECONDS):
            _send(waiting.writer, _answer(waiting.request.sender.seq, receipt))
        else:
            _send(waiting.writer, {"error": "The log's witnesses do not answer."})
            waiting.writer.close()

    async def _prove(self, index: int, writer: asyncio.StreamWriter) -> None:
        """Answer with the proof of an entry (tlog-proof), or with why there is none."""
        try:
            if index >= self._signed:
                await self._in_thread(self._sign_if_grown)
            proof = await asyncio.to_thread(self._publication.proof, index)
        except (ProofError, LookupError, StoreError, OSError) as error:
            _send(writer, {"index": index, "proof": None, "refused": f"No proof: {error}."})
        else:
            _send(writer, {"index": index, "proof": proof})

    # -- intents whose sender is gone -------------------------------------------------------------

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _end_abandoned(self) -> None:
        """After a start, end the intents of every sender that has not come back."""
        await asyncio.sleep(self._settings.audit_grace_seconds)
        await self._interrupt(None, None)

    async def _end_of(self, source: str, instance: str, wait: float) -> None:
        """After a sender has left, end its open intents unless it has come back."""
        await asyncio.sleep(wait)
        await self._interrupt(source, instance)

    async def _interrupt(self, source: str | None, instance: str | None) -> None:
        try:
            await self._in_thread(lambda: self._end_intents(source, instance))
        except (sqlite3.Error, OSError) as error:
            logger.error("cannot end abandoned intents: %s", error)

    def _end_intents(self, source: str | None, instance: str | None) -> None:
        for entry in self._log.open_intents(source, instance) if self._log else ():
            if (entry.sender.source, entry.sender.instance) not in self._present:
                self._append_own(interruption(entry))

    # -- connections ------------------------------------------------------------------------------

    async def _listen(self, source: str) -> asyncio.Server:
        path = socket_path(self._settings, source)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        path.unlink(missing_ok=True)

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._converse(source, reader, writer)

        server = await asyncio.start_unix_server(connected, path, limit=MAX_EVENT)
        path.chmod(0o660)
        return server

    async def _converse(
        self, source: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Read one sender's lines until it leaves. What breaks the protocol ends the connection."""
        instance = None
        try:
            greeting = await reader.readline()
            if not greeting:  # somebody looked whether we are here
                writer.close()
                return
            instance = _Hello.model_validate_json(greeting).hello
            self._present[source, instance] = writer
            _send(writer, {"welcome": source})
            if await self._listen_to(source, instance, reader, writer):
                return
        except ValueError as error:  # ValidationError and an overlong line are ValueErrors too
            logger.warning("%s broke the protocol: %s", source, type(error).__name__)
            _send(writer, {"error": "The audit service could not read the event."})
        except OSError:
            pass  # gone; the same as leaving
        finally:
            if instance is not None and self._present.get((source, instance)) is writer:
                del self._present[source, instance]
        writer.close()
        if instance is not None:
            self._spawn(self._end_of(source, instance, self._settings.audit_grace_seconds))

    async def _listen_to(
        self,
        source: str,
        instance: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        """Queue events until the sender leaves; return whether it said goodbye."""
        while text := await reader.readline():
            line = _Line.model_validate_json(text)
            if line.bye:
                await self._queue.put(_Goodbye(source, instance, writer))
                return True
            if line.prove is not None:
                self._spawn(self._prove(line.prove, writer))
                continue
            if line.seq is None or line.event is None:
                raise ValueError("neither an event, nor a question, nor a goodbye")
            sender, event = Sender(source, instance, line.seq), line.event.event()
            request = Request(sender, event, await self._objection(event))
            await self._queue.put(_Waiting(request, writer))
        return False


def _answer(seq: int, answer: Answer) -> dict[str, Scalar]:
    if isinstance(answer, AuditRefused):
        return {"seq": seq, "refused": answer.sentence}
    return {"seq": seq, "index": answer.index, "leaf": answer.leaf}


def _send(writer: asyncio.StreamWriter, message: dict[str, Scalar]) -> None:
    if not writer.is_closing():
        writer.write(json.dumps(message).encode() + b"\n")


class _OnlyOne:
    """Holds a lock on the directory: two writers would fork the log."""

    def __init__(self, files: AuditFiles):
        files.directory.mkdir(parents=True, exist_ok=True)
        self._path = files.lock

    def __enter__(self) -> None:
        self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._handle)
            raise LogRefused("Another audit service already writes this log.") from error

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)
