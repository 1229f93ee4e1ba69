"""Faults for a running `audit serve`: strace makes one chosen call on one chosen file fail or kill.

What is told apart here is the file (database, WAL, checkpoint) and the place (its i-th call), so a
fault that never struck is known and proves nothing. Never touches the service but from outside.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from audit.verify import verify
from enclave.audit_client import AuditClient
from enclave.errors import AuditUnavailable
from enclave.events import Action, Event, Receipt
from tests.support.audit import AuditProcess

ATTACH_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Fault:
    """The `place`-th `call` on `file` (a name in the audit directory) has this `effect`."""

    file: str
    call: str
    effect: str
    place: int

    def __str__(self) -> str:
        return f"{self.file or 'directory'}:{self.call}:{self.effect.split('=')[1]}:{self.place}"

    @property
    def kills(self) -> bool:
        """Whether the service is killed rather than told of an error."""
        return self.effect.startswith("signal")

    def options(self, directory: Path, told: Path, *, for_ever: bool = False) -> list[str]:
        """Return strace's arguments; it writes what it did into `told`."""
        inject = f"inject={self.call}:{self.effect}:when={self.place}{'+' if for_ever else ''}"
        path = directory / self.file if self.file else directory
        return ["-f", "-P", str(path), "-o", str(told), "-e", f"trace={self.call}", "-e", inject]


def spread(found: Sequence[Fault], most: int) -> list[Fault]:
    """Return all faults with INJECTIONS=all, else `most` of them, evenly spread."""
    if os.environ.get("INJECTIONS") == "all" or len(found) <= most:
        return list(found)
    return [found[number * len(found) // most] for number in range(most)]


def grid(
    file: str, call: str, places: Sequence[int], effects: Sequence[str] = ("EIO", "ENOSPC", "KILL")
) -> list[Fault]:
    """Return a fault for each place and effect."""
    return [
        Fault(file, call, f"{'signal' if effect == 'KILL' else 'error'}={effect}", place)
        for place in places
        for effect in effects
    ]


def note(fault: object, outcome: str) -> None:
    """Keep what became of a fault where INJECTIONS_REPORT names a file: for the figures."""
    if path := os.environ.get("INJECTIONS_REPORT"):
        with Path(path).open("a") as report:
            report.write(f"{fault}\t{outcome}\n")


class Strike:
    """strace attached to a running service, or wrapped around one that is to start."""

    def __init__(self, service: AuditProcess, fault: Fault, *, for_ever: bool = False):
        self._service, self._fault = service, fault
        self._place = Path(tempfile.mkdtemp(prefix="enc-strace-"))
        self._told = self._place / "told"
        self._options = fault.options(service.directory, self._told, for_ever=for_ever)
        self.stderr = self._place / "stderr"

    def struck(self) -> bool:
        """Whether the fault has happened: a call was made to fail, or the service was killed."""
        said = self._told.read_text(errors="replace") if self._told.exists() else ""
        return "(INJECTED)" in said or "killed by SIGKILL" in said

    @contextmanager
    def attached(self) -> Iterator[Strike]:
        """Hold the running service for the time of the block."""
        assert self._service.process is not None
        command = ["strace", *self._options, "-p", str(self._service.process.pid)]
        with self.stderr.open("wb") as stderr:
            tracer = subprocess.Popen(command, stderr=stderr)
        try:
            self._until(lambda: b" attached" in self.stderr.read_bytes())
            yield self
        finally:
            tracer.send_signal(signal.SIGTERM)
            tracer.wait(timeout=30)
            shutil.rmtree(self._place, ignore_errors=True)

    @contextmanager
    def around_a_start(self) -> Iterator[bool]:
        """Start the service inside strace; give whether it came up. Nothing of it stays running."""
        shell = ("sh", "-c", 'exec "$@" 2>"$0"', str(self.stderr), "strace", *self._options)
        try:
            try:
                self._service.start(wrapper=shell)
            except RuntimeError:
                self._service.process = None
                yield False
            else:
                yield True
        finally:
            self._service.kill_all()
            shutil.rmtree(self._place, ignore_errors=True)

    def _until(self, done: Callable[[], bool]) -> None:
        for _ in range(ATTACH_SECONDS * 100):
            if done():
                return
            time.sleep(0.01)
        raise RuntimeError(f"strace did not attach: {self.stderr.read_text()}")


@dataclass(slots=True)
class Told:
    """What callers were told: receipts by actor, and the sentences of what did not work."""

    receipts: dict[str, Receipt] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


class Hammer:
    """Callers that append at once, for as many rounds as wanted, and remember every answer.

    Every eighth event is a release, whose receipt waits for a signed checkpoint; `begin` gives it
    the submission and the vote it needs.
    """

    def __init__(self, *, callers: int = 16, first: int = 0):
        self.told = Told()
        self.text = 0  # how many characters each event carries
        self._callers, self._number = callers, first
        self._lock = threading.Lock()

    @property
    def asked(self) -> int:
        """How many events have been appended so far, answered or not."""
        return self._number

    @staticmethod
    def begin(client: AuditClient) -> None:
        """Submit the output that the rounds release, and have its agency vote on it."""
        request, vote = {"request": "r"}, {"request": "r", "agency": "dol", "decision": "approve"}
        client.append(Event(Action.OUTPUT_SUBMITTED, "author", detail=request))
        client.append(Event(Action.OUTPUT_VOTED, "voter", detail=vote))

    def round(self, client: AuditClient, count: int) -> None:
        """Append `count` events and wait for all answers."""
        with ThreadPoolExecutor(self._callers) as pool:
            list(pool.map(lambda _: self.one(client), range(count)))

    def one(self, client: AuditClient) -> None:
        """Append one event."""
        with self._lock:
            number, self._number = self._number, self._number + 1
        action = Action.OUTPUT_RELEASED if number % 8 == 0 else Action.OUTPUT_COMMENTED
        detail = {"request": "r", "text": "x" * self.text}
        event = Event(action, f"p{number}", agencies=("dol",), detail=detail)
        try:
            receipt = client.append(event)
        except AuditUnavailable as error:
            with self._lock:
                self.told.errors.append(error.sentence)
        else:
            with self._lock:
                self.told.receipts[f"p{number}"] = receipt


@contextmanager
def restarted_when_dead(service: AuditProcess) -> Iterator[None]:
    """Start the service again whenever it dies, as its supervisor would."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            if service.ended() is not None:
                with suppress(RuntimeError):
                    service.start()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def assert_stored(service: AuditProcess, receipts: dict[str, Receipt]) -> None:
    """What was acknowledged is there, once, where its receipt says."""
    stored = service.facts()
    lost = [
        actor
        for actor, receipt in receipts.items()
        if receipt.index >= len(stored) or stored[receipt.index]["actor"] != actor
    ]
    assert lost == []
    actors = [fact["actor"] for fact in stored if fact["source"] == "admin"]
    assert len(actors) == len(set(actors)), "an event is stored twice"


def assert_kept(service: AuditProcess, receipts: dict[str, Receipt]) -> None:
    """What was acknowledged is there, once, and what is there verifies."""
    assert_stored(service, receipts)
    found = verify(
        service.directory,
        checkpoint=service.files.checkpoint.read_text(),
        key=service.files.public_key.read_text(),
    )
    assert found.passed, [check for check in found.checks if not check.passed]
