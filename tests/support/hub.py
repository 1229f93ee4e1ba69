"""A real hub, proxy, identity provider and audit writer, with two people and two projects.

Gateway and egress are not started: sessions do not need them to open, only to be useful.
"""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from enclave.audit_client import AuditClient
from enclave.events import Action, Event
from enclave.model import (
    Agency,
    Column,
    ColumnRole,
    DisclosureRules,
    FieldType,
    Person,
    Policy,
    ProjectState,
    QueryMode,
    Role,
    View,
)
from enclave.programs import ours
from enclave.settings import Settings
from enclave.store import ControlStore, move, provision, put
from hub_config import halt
from tests.support.audit import AuditProcess
from tests.support.ports import free_ports

ROOT = Path(__file__).parents[2]
PROGRAMS = {
    "login": (sys.executable, "-m", "hub_config.idp"),
    "proxy": (sys.executable, "-m", "hub_config.proxy"),
    "hub": (ours("jupyterhub"), "-f", "jupyterhub_config.py"),
}
PEOPLE = (
    Person("rosa", "Rosa Rivera", "rosa@university.example", frozenset({Role.RESEARCHER})),
    Person("ravi", "Ravi Rao", "ravi@university.example", frozenset({Role.RESEARCHER})),
    Person("adam", "Adam Abbott", "adam@hub.example", frozenset({Role.ADMINISTRATOR})),
)


def policy(project: str, title: str, researchers: set[str]) -> Policy:
    """A policy in force today over one made-up view."""
    column = Column("year", FieldType.INTEGER, "Year", ColumnRole.PROJECTABLE, "Schedule A")
    today = date.today()
    return Policy(
        project=project,
        title=title,
        purpose="To see whether the enclave's workspaces hold.",
        agreement=f"dsa-{project}",
        agreement_sha256="0" * 64,
        researchers=frozenset(researchers),
        views=(View("wages", "wages", "dol", "Wages", (column,), "Schedule A"),),
        rules={"dol": DisclosureRules()},
        mode=QueryMode.AGGREGATE_ONLY,
        starts=today - timedelta(days=1),
        ends=today + timedelta(days=30),
        destroy_by=today + timedelta(days=60),
    )


POLICIES = (
    policy("credential-pay", "Credentials and pay", {"rosa", "ravi"}),
    policy("early-start", "An early start", {"ravi"}),
)


def fill(store: ControlStore, audit: AuditClient) -> None:
    """Put the two people and the two active projects into a control store."""
    with store.record(audit, Event(Action.AGREEMENT_APPLIED, actor="adam")) as connection:
        put(connection, "agency", "dol", Agency("dol", "Department of Labor"))
        for person in PEOPLE:
            put(connection, "person", person.id, person)
        for given in POLICIES:
            provision(connection, given)
            move(connection, given.project, ProjectState.ACTIVE, epoch=1)


@dataclass
class RunningHub:
    """A hub that answers, and ways to hurt it."""

    settings: Settings
    audit: AuditProcess
    store: ControlStore
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        log = self.settings.state_dir / f"{name}.log"
        with log.open("ab") as output:
            self.processes[name] = subprocess.Popen(
                PROGRAMS[name], env=self.settings.environment(), cwd=ROOT, stdout=output,
                stderr=output, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        self.until(lambda: self.answers(name), what=f"{name} to answer")

    def kill(self, name: str) -> None:
        """kill -9, as a crash would."""
        self.processes[name].kill()
        self.processes[name].wait()

    def answers(self, name: str) -> bool:
        path = {"hub": "/hub/health", "proxy": "/healthz", "login": "/healthz"}[name]
        url = self.settings.oidc_issuer if name == "login" else self.settings.hub_url
        return get(url, path)[0] == 200

    def until(self, happened, *, what: str, seconds: float = 180) -> None:
        deadline = time.monotonic() + seconds
        while not happened():
            for name, process in self.processes.items():
                assert process.poll() is None or name not in what, self.log(name)
            assert time.monotonic() < deadline, f"waited for {what}\n{self.log('hub')}"
            time.sleep(0.05)

    def log(self, name: str) -> str:
        return (self.settings.state_dir / f"{name}.log").read_text(errors="replace")[-6000:]

    def stop(self) -> None:
        for process in self.processes.values():
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def get(url: str, path: str, host: str | None = None) -> tuple[int, bytes]:
    """GET from a site on this host under its own name; (0, b"") where nothing answers."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port or 80, timeout=10)
    with closing(connection), suppress(OSError, http.client.HTTPException):
        connection.request("GET", path, headers={"Host": host or parts.netloc})
        answer = connection.getresponse()
        return answer.status, answer.read()
    return 0, b""


@contextmanager
def running_hub(*, isolation: str = "docker", instance: str = "test-hub") -> Iterator[RunningHub]:
    """Bring up audit, identity provider, proxy and hub; leave nothing behind."""
    place = Path(tempfile.mkdtemp(prefix="enc-hub-"))
    place.chmod(0o711)
    hub, review, audit, login = free_ports(4)
    settings = Settings(
        state_dir=place / "s",
        run_dir=place / "r",
        hub_url=f"http://hub.localhost:{hub}",
        review_url=f"http://review.localhost:{review}",
        audit_url=f"http://audit.localhost:{audit}",
        oidc_issuer=f"http://127.0.0.1:{login}",
        isolation=isolation,
        instance=f"{instance}-{os.getpid()}",
    )
    (place / "s").mkdir()
    (place / "r").mkdir(mode=0o711)
    writer = AuditProcess(settings).start()
    store = ControlStore(settings.database_url)
    with writer.client() as client:
        fill(store, client)
    running = RunningHub(settings, writer, store)
    try:
        for name in PROGRAMS:
            running.start(name)
        yield running
    finally:
        running.stop()
        halt.stop_all(settings)
        writer.stop()
        store.close()
        shutil.rmtree(place, ignore_errors=True)
