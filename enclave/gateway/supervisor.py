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
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from enclave.errors import EnclaveError
from enclave.gateway import cgroup
from enclave.gateway.child import ENDED, Worker, start_worker
from enclave.gateway.front_process import FrontProcess
from enclave.gateway.identity import claim, open_door
from enclave.gateway.orders import NO_KEY, Start
from enclave.model import PERSON_ID, Policy, ProjectState, Session
from enclave.settings import Settings
from enclave.store import ControlStore, ProjectRow
from enclave.vault import keys

log = logging.getLogger(__name__)

TICK_SECONDS = 0.25
ANSWER_SECONDS = 6.0  # shorter than the caller of `sync` waits, also on a busy machine
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0
SHORT_PAUSE = 1.0  # longer ones are not waited out in silence: a closed door says so
STEADY_SECONDS = 30.0
NOT_TOLD = {"control_url", "oidc_client_secret"}  # may be or carry a password; workers need neither


@dataclass(slots=True)
class _Pause:
    """How long to wait before a project's worker is started again."""

    until: float = 0.0
    seconds: float = FIRST_PAUSE

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
        self._front = FrontProcess(settings)

    def serve(self) -> None:
        """Serve until SIGTERM or SIGINT; every worker is gone when this returns."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        control = _listen(self._settings.run_dir / "gateway" / "control.sock")
        with control, selectors.DefaultSelector() as selector:
            selector.register(control, selectors.EVENT_READ)
            cgroup.sweep()
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
        self._front.tend()
        self._end_hung()
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
            try:
                self._ensure(row, tuple(s for s in sessions if s.project == project))
            except (EnclaveError, OSError) as error:  # its own trouble, not the other projects'
                log.warning("project %s is not served: %s", project, error)
                self._problems[project] = "The project's worker could not be started."
                self._pauses[project].longer(time.monotonic())

    def _end_hung(self) -> None:
        seconds = self._settings.gateway_silence_seconds
        for project, worker in self._workers.items():
            if worker.end_if_hung(seconds):
                log.error("the worker of %s was silent for %g s: it is ended", project, seconds)

    def _keep_or_end(self, project: str, row: ProjectRow | None) -> None:
        worker = self._workers[project]
        pause, now = self._pauses.setdefault(project, _Pause()), time.monotonic()
        ended = worker.has_ended()
        if ended or row != worker.row:
            worker.end()
            del self._workers[project]
        if ended:
            log.warning("the worker of %s ended with %s", project, worker.process.returncode)
            self._problems[project] = worker.closed or worker.error
            if now - worker.started > STEADY_SECONDS:
                pause.seconds = FIRST_PAUSE
            pause.longer(now)
        elif worker.closed and not worker.noted:
            log.warning("project %s is not served: %s", project, worker.closed)
            worker.noted = True
            pause.longer(now)

    def _ensure(self, row: ProjectRow, sessions: tuple[Session, ...]) -> None:
        worker = self._workers.get(row.id)
        left = self._pauses.setdefault(row.id, _Pause()).until - time.monotonic()
        if left <= 0 and (worker is None or worker.closed):
            worker = self._start(row)
        elif worker is None and left > SHORT_PAUSE:
            worker = self._start(row, ENDED)
        if worker is not None and worker.sent != sessions:
            for session in sessions:
                open_door(self._settings, session.id, worker.uid)
            worker.order(sessions)

    def _start(self, row: ProjectRow, closed: str = "") -> Worker:
        """Start a project's worker; where that cannot be, one that says why to whoever asks."""
        before, key = self._workers.get(row.id), NO_KEY
        try:
            policy = self._store.policy(row.id)
            if not closed:
                key = keys.load(self._settings, row.id)
        except EnclaveError as error:
            closed = error.explain()
        if before is not None:
            if closed == before.closed:
                self._pauses[row.id].longer(time.monotonic())
                return before
            before.end()
        self._problems.pop(row.id, None)
        worker = start_worker(row, self._orders(row, policy, closed), key)
        self._workers[row.id] = worker
        return worker

    def _orders(self, row: ProjectRow, policy: Policy, closed: str) -> Start:
        settings = self._settings.model_dump(mode="json", exclude_none=True, exclude=NOT_TOLD)
        for name in ("state_dir", "run_dir"):
            settings[name] = str(Path(settings[name]).absolute())
        return Start(
            settings=settings,
            policy=policy,
            epoch=row.extract_epoch or 0,
            withheld=self._withheld(policy),
            parent=os.getpid(),
            versions=row.older,
            uid=self._user(row),
            closed=closed,
        )

    def _user(self, row: ProjectRow) -> int:
        try:
            return claim(self._settings, row.id, (row.extract_epoch or 0, *row.older))
        except OSError as error:
            log.warning("no user of its own for %s: %s", row.id, error.strerror)
            return 0

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
        self._front.end()
        for worker in self._workers.values():
            worker.end()


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
