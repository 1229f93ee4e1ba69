"""Keep one worker a project alive, and every open session's socket where it belongs.

Reads the control store and the keys; workers read neither. Whatever dies is started again and is
told the sessions that the store says are open. Never touches a row.
"""

from __future__ import annotations

import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

from enclave import documents
from enclave.errors import EnclaveError
from enclave.gateway.orders import Report, Sessions, Start, line
from enclave.model import PERSON_ID, Policy, ProjectState, Session
from enclave.settings import Settings
from enclave.store import ControlStore, ProjectRow
from enclave.vault import keys

log = logging.getLogger(__name__)

TICK_SECONDS = 0.25
ANSWER_SECONDS = 9.0  # shorter than the caller of `sync` waits
LONGEST_PAUSE = 10.0
STEADY_SECONDS = 30.0
NOT_TOLD = {"control_url", "oidc_client_secret"}  # may be or carry a password; workers need neither


@dataclass(slots=True)
class Worker:
    """One worker process as the supervisor sees it."""

    process: subprocess.Popen[bytes]
    row: ProjectRow
    started: float
    sent: tuple[Session, ...] | None = None
    number: int = 0
    answered: int = -1
    error: str = ""
    news: threading.Condition = field(default_factory=threading.Condition)

    def order(self, sessions: tuple[Session, ...]) -> None:
        """Tell the worker which sessions are open."""
        self.number += 1
        self.sent = sessions
        _write(self.process.stdin, line(Sessions(self.number, sessions)))

    def listen(self) -> None:
        """Take the worker's reports until it ends."""
        if self.process.stdout is None:
            raise RuntimeError("a worker is started with pipes")
        for said in self.process.stdout:
            report = documents.read(Report, said)
            with self.news:
                self.answered, self.error = report.number, report.error
                self.news.notify_all()
        with self.news:
            self.error = self.error or "The project's worker ended; it is being started again."
            self.answered = sys.maxsize
            self.news.notify_all()

    def wait(self, until: float) -> str:
        """Wait until the last order is carried out; return what went wrong, if anything.

        An extract that takes longer to open is nothing wrong: its sockets come when it is open.
        """
        with self.news:
            number = self.number
            while self.answered < number:
                if not self.news.wait(max(0.0, until - time.monotonic())):
                    return ""
            return self.error


@dataclass(slots=True)
class _Pause:
    """How long to wait before a project's worker is started again."""

    until: float = 0.0
    seconds: float = 0.1

    def longer(self, now: float) -> None:
        """Wait, and twice as long the next time."""
        self.until = now + self.seconds
        self.seconds = min(LONGEST_PAUSE, self.seconds * 2)


class Supervisor:
    """All projects' workers. Everything but reports happens in the thread that calls `serve`."""

    def __init__(self, settings: Settings, store: ControlStore):
        self._settings, self._store = settings, store
        self._workers: dict[str, Worker] = {}
        self._pauses: dict[str, _Pause] = {}
        self._problems: dict[str, str] = {}
        self._stopping = False

    def serve(self) -> None:
        """Serve until SIGTERM or SIGINT; every worker is gone when this returns."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        control = _listen(self._settings.run_dir / "gateway" / "control.sock")
        with control, selectors.DefaultSelector() as selector:
            selector.register(control, selectors.EVENT_READ)
            self._tend()
            while not self._stopping:
                if selector.select(TICK_SECONDS):
                    self._answer(control)
                self._tend()
        self._end_all()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _tend(self) -> None:
        """Make workers and sessions what the store says. What fails is tried again at the tick."""
        try:
            projects = {row.id: row for row in self._store.projects() if _is_served(row)}
            sessions = self._store.sessions()
        except EnclaveError as error:  # the store is away; workers go on with what they know
            log.warning("%s", error.explain())
            return
        except Exception:
            log.exception("the control store cannot be read")
            return
        for project in list(self._workers):
            self._keep_or_end(project, projects.get(project))
        for project, row in projects.items():
            self._ensure(row, tuple(s for s in sessions if s.project == project))

    def _keep_or_end(self, project: str, row: ProjectRow | None) -> None:
        worker = self._workers[project]
        ended = worker.process.poll() is not None
        if ended or row != worker.row:
            _end(worker)
            del self._workers[project]
        if ended:
            log.warning("the worker of %s ended with %s", project, worker.process.returncode)
            self._problems[project] = worker.error
            pause = self._pauses.setdefault(project, _Pause())
            if time.monotonic() - worker.started > STEADY_SECONDS:
                pause.seconds = 0.1
            pause.longer(time.monotonic())

    def _ensure(self, row: ProjectRow, sessions: tuple[Session, ...]) -> None:
        worker = self._workers.get(row.id)
        if worker is None:
            if time.monotonic() < self._pauses.setdefault(row.id, _Pause()).until:
                return
            worker = self._start(row)
        if worker is not None and worker.sent != sessions:
            worker.order(sessions)

    def _start(self, row: ProjectRow) -> Worker | None:
        try:
            start = self._orders(row)
        except EnclaveError as error:
            log.warning("project %s is not served: %s", row.id, error.explain())
            self._problems[row.id] = error.explain()
            self._pauses[row.id].longer(time.monotonic())
            return None
        process = subprocess.Popen(
            [sys.executable, "-m", "enclave.gateway.cli", "worker"],
            env=_without_settings(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        worker = Worker(process, row, time.monotonic())
        self._workers[row.id] = worker
        self._problems.pop(row.id, None)
        _write(process.stdin, line(start))
        threading.Thread(target=worker.listen, daemon=True).start()
        return worker

    def _orders(self, row: ProjectRow) -> Start:
        policy = self._store.policy(row.id)
        settings = self._settings.model_dump(mode="json", exclude_none=True, exclude=NOT_TOLD)
        for name in ("state_dir", "run_dir"):
            settings[name] = str(Path(settings[name]).absolute())
        return Start(
            settings=settings,
            policy=policy,
            epoch=row.extract_epoch or 0,
            key=keys.load(self._settings, row.id).hex(),
            withheld=self._withheld(policy),
            parent=os.getpid(),
        )

    def _withheld(self, policy: Policy) -> Mapping[str, tuple[str, ...]]:
        found = {}
        for view in policy.views:
            granted = {PERSON_ID, *(column.name for column in view.columns)}
            names = (each.name for each in self._store.dataset(view.dataset).fields)
            found[view.name] = tuple(sorted(set(names) - granted))
        return found

    def _answer(self, control: socket.socket) -> None:
        connection, _ = control.accept()
        connection.settimeout(1.0)
        try:
            asked = connection.recv(64)
        except OSError:
            connection.close()
            return
        if asked != b"sync\n":
            connection.close()
            return
        self._pauses.clear()
        for worker in self._workers.values():
            worker.sent = None  # say it again: a socket or its directory may have been removed
        self._tend()
        try:
            served = {s.project for s in self._store.sessions()}
        except EnclaveError as error:  # no reason to end the sessions there are
            _reply(connection, [], [error.explain()])
            return
        workers = [worker for project, worker in self._workers.items() if project in served]
        problems = [text for project, text in self._problems.items() if project in served]
        arguments = (connection, workers, problems)
        threading.Thread(target=_reply, args=arguments, daemon=True).start()

    def _end_all(self) -> None:
        for worker in self._workers.values():
            _end(worker)


def _without_settings() -> dict[str, str]:
    """Return our environment less our settings: a worker hears what it needs in its orders."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ENCLAVE_")}


def _is_served(row: ProjectRow) -> bool:
    return row.state is ProjectState.ACTIVE and row.extract_epoch is not None


def _reply(connection: socket.socket, workers: list[Worker], problems: list[str]) -> None:
    until = time.monotonic() + ANSWER_SECONDS
    said = [*problems, *(worker.wait(until) for worker in workers)]
    wrong = " ".join(text for text in said if text)
    with connection:
        answer = f"error {' '.join(wrong.split())}\n" if wrong else "ok\n"
        try:
            connection.sendall(answer.encode())
        except OSError:
            log.warning("whoever asked for a sync did not wait for the answer")


def _listen(path: Path) -> socket.socket:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    control.bind(str(path))
    path.chmod(0o600)
    control.listen(16)
    return control


def _write(pipe: IO[bytes] | None, body: bytes) -> None:
    if pipe is None:
        raise RuntimeError("a worker is started with pipes")
    try:
        pipe.write(body)
        pipe.flush()
    except OSError:
        log.warning("a worker ended while it was being told something")


def _end(worker: Worker) -> None:
    worker.process.kill()
    worker.process.wait()
    for pipe in (worker.process.stdin, worker.process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:
                log.debug("a pipe of an ended worker was broken")
