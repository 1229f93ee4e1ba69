"""One worker process as the supervisor sees it: started, told its orders, heard, ended.

What a worker says is not trusted further than its own project: a line too long or not understood
ends it. Never waits for a worker in the supervisor's own thread.
"""

from __future__ import annotations

import logging
import os
import queue
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO

from enclave import documents
from enclave.gateway import cgroup
from enclave.gateway.cell import MIB, process_memory
from enclave.gateway.confine import PROCESSES
from enclave.gateway.orders import BEAT, Report, Sessions, Start, line, settings_of
from enclave.gateway.process_space import own_process_space
from enclave.model import Session
from enclave.store import ProjectRow

log = logging.getLogger(__name__)

MAX_REPORT = 64 * 1024  # bytes of one line
LOOK_SECONDS = 1.0  # silence between two looks counts no longer: we may have stood still ourselves
KILL_SECONDS = 5.0
STARTING = 4  # times as long a silence before the first word: imports on a busy machine
ENDED = "The project's worker ended; it is being started again. [gateway.unavailable]"
HUNG = "The project's worker hung; it is being started again. [gateway.unavailable]"


@dataclass(slots=True)
class Worker:
    """A worker. `closed` says why it answers nobody, empty where it serves."""

    process: subprocess.Popen[bytes]
    row: ProjectRow
    started: float
    uid: int = 0
    sent: tuple[Session, ...] | None = None
    number: int = 0
    answered: int = -1
    error: str = ""
    closed: str = ""
    noted: bool = False
    silent: float = 0.0
    looked: float = field(default_factory=time.monotonic)
    has_spoken: bool = False
    news: threading.Condition = field(default_factory=threading.Condition)
    words: queue.SimpleQueue[bytes | None] = field(default_factory=queue.SimpleQueue)

    def order(self, sessions: tuple[Session, ...]) -> None:
        """Tell the worker which sessions are open."""
        self.number += 1
        self.sent = sessions
        self.words.put(line(Sessions(self.number, sessions)))

    def has_ended(self) -> bool:
        """Say whether the process is gone."""
        return self.process.poll() is not None

    def end_if_hung(self, seconds: float) -> bool:
        """Kill a worker that has said nothing for so long; say whether that was now.

        Counted by our own looks, so that a machine that stood still is not held against it.
        """
        now = time.monotonic()
        self.silent += min(now - self.looked, LOOK_SECONDS)
        self.looked = now
        if self.silent <= seconds * (1 if self.has_spoken else STARTING):
            return False
        self.silent, self.error = 0.0, HUNG
        self.process.kill()
        return True

    def wait(self, until: float) -> str:
        """Wait until the last order is carried out; return what went wrong, if anything.

        An extract that takes longer to open is nothing wrong: its sockets come when it is open.
        """
        with self.news:
            number = self.number
            while self.answered < number:
                if not self.news.wait(max(0.0, until - time.monotonic())):
                    return ""
            return self.closed or self.error

    def end(self) -> None:
        """Kill the process and give back what it held."""
        self.process.kill()
        try:
            self.process.wait(KILL_SECONDS)
        except subprocess.TimeoutExpired:  # the other projects do not wait for the kernel
            log.error("the worker of %s does not go away", self.row.id)
        self.words.put(None)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(OSError):  # an ended worker's pipe may be broken
                    pipe.close()
        cgroup.release(_group(self))

    def talk(self) -> None:
        """Hand over what is to be said, in order, until told to stop."""
        while (said := self.words.get()) is not None:
            try:
                _pipe(self.process.stdin).write(said)
                _pipe(self.process.stdin).flush()
            except (OSError, ValueError):
                log.warning("a worker ended while it was being told something")
                return

    def listen(self) -> None:
        """Take the worker's reports until it ends."""
        with suppress(ValueError, OSError):  # a report that is none ends the worker
            while said := _pipe(self.process.stdout).readline(MAX_REPORT):
                report = documents.read(Report, said)
                self.silent, self.has_spoken = 0.0, True
                if report.number == BEAT:
                    continue
                with self.news:
                    self.answered, self.error = report.number, report.error
                    if report.number == 0:
                        self.closed = report.error
                    self.news.notify_all()
        self.process.kill()
        with self.news:
            self.error = self.error or ENDED
            self.answered = sys.maxsize
            self.news.notify_all()


def start_worker(row: ProjectRow, start: Start, key: bytes) -> Worker:
    """Start a worker, in its control group before it hears anything; raises OSError."""
    with own_process_space():
        process = subprocess.Popen(
            [sys.executable, "-m", "enclave.gateway.cli", "worker"],
            env=_without_settings(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
    worker = Worker(process, row, time.monotonic(), uid=start.uid, closed=start.closed)
    if os.geteuid() == 0:
        settings = settings_of(start)
        memory = process_memory(settings) + settings.gateway_spill_mib * MIB
        cgroup.hold(_group(worker), process.pid, memory=memory, processes=PROCESSES)
    worker.words.put(key + line(start))
    for task in (worker.talk, worker.listen):
        threading.Thread(target=task, daemon=True).start()
    return worker


def _group(worker: Worker) -> str:
    return f"{worker.row.id}.{worker.process.pid}"


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise RuntimeError("a worker is started with pipes")
    return pipe


def _without_settings() -> dict[str, str]:
    """Return our environment less our settings: a worker hears what it needs in its orders."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ENCLAVE_")}
