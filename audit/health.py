"""Says over plain HTTP how the audit service fares: `/metrics` for Prometheus, and `/healthz`.

Counts, sizes, times and the witnesses' names of the policy; never an event, a person or a key.
Believes nothing of what a caller sends but the first line, answers it, and closes.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from audit.custody import AuditFiles
from audit.gauges import BUCKETS, Gauges
from audit.note import Checkpoint, split_note
from audit.publication import newest_note, witness_states
from enclave.metrics import address, escaped, head
from enclave.settings import Settings

LEAST_ROOM = 64 * 1024 * 1024  # bytes on the disk; an hour of a busy log, to act in
OVERDUE_SECONDS = 60.0  # that entries may wait for a checkpoint, as on the site's bar
PATIENCE = 5.0  # seconds for a caller to say what it wants
REFUSED_SECONDS = 30.0  # that a service which may not open its log stays to say so
_LOOK = 1.0  # seconds between two looks at the counters
_MOST = 4096  # bytes of a request's first line

logger = logging.getLogger("audit.health")


@dataclass(frozen=True, slots=True)
class State:
    """Whether all is well, in a sentence."""

    well: bool
    sentence: str


@dataclass(slots=True)
class _Watching:
    """What follows from counters only over time: entries that wait, a store that fails."""

    waiting_since: float | None = None
    failing: bool = False
    _before: Gauges | None = None

    def look(self, now: Gauges, at: float) -> None:
        """Compare with the last look; `at` is on the monotonic clock."""
        before = self._before or now
        worked = now.batches > before.batches or now.signed_at > before.signed_at
        if worked:
            self.failing = False
        elif now.store_errors > before.store_errors:
            self.failing = True
        if now.entries <= now.signed_size or now.signed_size != before.signed_size:
            self.waiting_since = None
        if now.entries > now.signed_size and self.waiting_since is None:
            self.waiting_since = at
        self._before = now


class Health:
    """One endpoint. `gauges` is asked at every scrape and every second in between."""

    def __init__(self, settings: Settings, gauges: Callable[[], Gauges]):
        self._files, self._gauges = AuditFiles.of(settings), gauges
        self._late = max(OVERDUE_SECONDS, 3 * settings.audit_checkpoint_seconds)
        self._watching = _Watching()

    async def watch(self) -> None:
        """Look at the counters, for ever."""
        while True:
            self._watching.look(self._gauges(), time.monotonic())
            await asyncio.sleep(_LOOK)

    def state(self) -> State:
        """Return whether events can be stored and are signed in time."""
        waiting, free = self._watching.waiting_since, self._free()
        if self._watching.failing:
            return State(False, "The audit log cannot be written, so nothing is answered.")
        if free < LEAST_ROOM:
            mib = free // (1024 * 1024)
            return State(False, f"The disk of the audit log is full: {mib} MiB are left.")
        if waiting is not None and time.monotonic() - waiting > self._late:
            return State(False, "A checkpoint is overdue: entries wait for a signature.")
        return State(True, "The audit log is written and signed.")

    def _free(self) -> int:
        return shutil.disk_usage(self._files.directory).free

    def answer(self, path: str) -> tuple[int, str]:
        """Return status and text for a path."""
        if path == "/healthz":
            state = self.state()
            return (200 if state.well else 503), state.sentence + "\n"
        if path == "/metrics":
            return 200, "".join(f"{line}\n" for line in self._lines())
        return 404, "There is /metrics and /healthz.\n"

    def _lines(self) -> Iterator[str]:
        now = self._gauges()
        yield from _metric("entries", "gauge", "Entries in the log.", now.entries)
        yield from _metric("queue_depth", "gauge", "Events that wait for a commit.", now.queue)
        yield from _metric("events_total", "counter", "Events answered.", now.events)
        yield from _metric(
            "refused_total", "counter", "Events that contradicted the log.", now.refused
        )
        yield from _metric("batches_total", "counter", "Transactions.", now.batches)
        yield from _metric(
            "largest_batch", "gauge", "Events in the largest transaction so far.", now.largest_batch
        )
        yield from _metric(
            "store_errors_total", "counter", "Failures to store or sign.", now.store_errors
        )
        yield from _histogram(now)
        yield from _metric("signed_size", "gauge", "Entries signed.", max(0, now.signed_size))
        yield from _metric(
            "signed_timestamp_seconds", "gauge", "When they were signed.", now.signed_at
        )
        yield from self._witness_lines()
        yield from _metric("disk_free_bytes", "gauge", "Room on the log's disk.", self._free())
        yield from _metric(
            "healthy", "gauge", "Whether /healthz answers 200.", int(self.state().well)
        )

    def _witness_lines(self) -> Iterator[str]:
        """Say what the witnesses' quorum has cosigned, and who of them fails."""
        if self._files.cosigned.exists():
            with suppress(OSError, ValueError):  # whatever the file holds
                size = Checkpoint.parse(split_note(newest_note(self._files))[0]).size
                at = self._files.cosigned.stat().st_mtime
                yield from _metric("cosigned_size", "gauge", "Entries cosigned.", size)
                yield from _metric(
                    "cosigned_timestamp_seconds", "gauge", "When they were cosigned.", at
                )
        states = witness_states(self._files)
        if states:
            yield from head(
                "enclave_audit_witness_failures", "gauge", "Rounds a witness has missed in a row."
            )
            for name, state in states.items():
                label = f'{{witness="{escaped(name)}"}}'
                yield f"enclave_audit_witness_failures{label} {state.failures}"


def _metric(name: str, kind: str, meaning: str, value: float) -> Iterator[str]:
    yield from head(f"enclave_audit_{name}", kind, meaning)
    yield f"enclave_audit_{name} {value}"


def _histogram(now: Gauges) -> Iterator[str]:
    """Yield the latencies; Prometheus counts each bucket with all below it."""
    name, below = "append_seconds", 0
    yield from head(f"enclave_audit_{name}", "histogram", "From an event's arrival to its commit.")
    for limit, number in zip((*map(str, BUCKETS), "+Inf"), now.latencies, strict=True):
        below += number
        yield f'enclave_audit_{name}_bucket{{le="{limit}"}} {below}'
    yield f"enclave_audit_{name}_sum {now.latency_sum}"
    yield f"enclave_audit_{name}_count {below}"


# -- the endpoint ---------------------------------------------------------------------------------

_REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    503: "Service Unavailable",
}
Answer = Callable[[str], tuple[int, str]]


@asynccontextmanager
async def answering(setting: str | None, answer: Answer) -> AsyncIterator[None]:
    """Answer at the address of the settings for as long as the block lasts; None: nowhere."""
    if setting is None:
        yield
        return

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError):
            line = await asyncio.wait_for(_first_line(reader), PATIENCE)
            writer.write(_response(line, answer))
            await asyncio.wait_for(writer.drain(), PATIENCE)
        writer.close()

    host, port = address(setting, "audit_metrics_address")
    try:
        server = await asyncio.start_server(converse, host, port, limit=_MOST)
    except OSError as error:  # the log matters more than its gauges
        logger.error("cannot answer at %s: %s", setting, error)
        yield
        return
    try:
        yield
    finally:
        server.close()


async def _first_line(reader: asyncio.StreamReader) -> bytes:
    """Read a request's head, and keep its first line; what is too long has none."""
    try:
        line = await reader.readline()
        while (await reader.readline()).strip():
            pass
    except ValueError:
        return b""
    return line


def _response(line: bytes, answer: Answer) -> bytes:
    words = line.decode("latin-1").split()
    if len(words) != 3:
        status, text = 400, "This is no request.\n"
    elif words[0] not in ("GET", "HEAD"):
        status, text = 405, "Only looking is possible here.\n"
    else:
        status, text = answer(words[1].partition("?")[0])
    body = text.encode()
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\n"
        "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    ).encode()
    return head if words[:1] == ["HEAD"] else head + body


async def say_refused(settings: Settings, sentence: str) -> None:
    """Say for a while why the log was not opened, where one looks for it; then end."""

    def answer(path: str) -> tuple[int, str]:
        if path == "/metrics":
            return 200, "".join(
                f"{line}\n"
                for line in _metric("healthy", "gauge", "Whether /healthz answers 200.", 0)
            )
        return (503, f"{sentence}\n") if path == "/healthz" else (404, "")

    if settings.audit_metrics_address is not None:
        logger.error("%s", sentence)
        async with answering(settings.audit_metrics_address, answer):
            await asyncio.sleep(REFUSED_SECONDS)
