"""An older control store in place of the newest one: a closed project is open again, and so on.

Somebody restores a backup, by mistake or to get something back that was taken away. The log has
what changed since, so nothing may open or change over the older store; a crash is no restore.
"""

from __future__ import annotations

import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from audit.cli import audit as audit_command
from audit.rotation import rotate
from enclave import presence, sessions, tables
from enclave import store as changing
from enclave.audit_client import AuditClient
from enclave.cli import enclave as enclave_command
from enclave.doctor import look_at_audit_log
from enclave.errors import AuditRefused, AuditUnavailable, StoreOlder
from enclave.events import Action, Event, Receipt
from enclave.governance import projects
from enclave.model import Person, Policy, ProjectState, Role
from enclave.settings import Settings
from enclave.store import ControlStore
from tests.support.audit import AuditProcess
from tests.support.gateway import make_policy, wait_until
from tests.support.ports import free_ports

ROOT = Path(__file__).parents[2]
EVENT = Event(Action.AGREEMENT_APPLIED, "os:test")
ROSA = Person("rosa", "Rosa", "rosa@x.example", frozenset({Role.RESEARCHER}))
DAY = timedelta(days=1)


def _policy() -> Policy:
    today = date.today()
    return replace(
        make_policy(),
        project="one",
        researchers=frozenset({"rosa"}),
        starts=today - DAY,
        ends=today + DAY,
        destroy_by=today + DAY,
    )


class Backups:
    """An enclave with one project that Rosa works on, and copies of its control store."""

    def __init__(self, settings: Settings, audit: AuditClient, place: Path):
        self.settings, self.audit = settings, audit
        self._copy = place / "control.db.backup"
        with self.opened() as store, store.record(audit, EVENT) as connection:
            changing.put(connection, "person", "rosa", ROSA)
            changing.provision(connection, _policy())
            changing.move(connection, "one", ProjectState.ACTIVE, epoch=1)

    def opened(self) -> closing[ControlStore]:
        return closing(ControlStore(self.settings.database_url))

    def back_up(self) -> None:
        """As docs/how-to/backup.md has it: nothing runs, and the write-ahead log is merged."""
        with closing(sqlite3.connect(self._path)) as raw:
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(self._path, self._copy)

    def restore(self) -> None:
        for path in self._path.parent.glob("control.db*"):
            path.unlink()
        shutil.copy(self._copy, self._path)

    def change(self, times: int = 1) -> None:
        for _ in range(times):
            with self.opened() as store, store.record(self.audit, EVENT):
                pass

    def close_project(self) -> None:
        with self.opened() as store:
            control = projects.Control(self.settings, store, self.audit, "os:test")
            projects.close(control, "one")

    def state(self) -> ProjectState:
        with self.opened() as store:
            return store.project("one").state

    def command(self, *words: str) -> tuple[int, str]:
        where = self.settings.environment()
        done = CliRunner().invoke(enclave_command, words, env=where)
        return done.exit_code, f"{done.output}{done.exception or ''}"

    def asked(self) -> tuple[int, str]:
        done = CliRunner().invoke(audit_command, ["store"], env=self.settings.environment())
        return done.exit_code, done.output

    @property
    def _path(self) -> Path:
        return self.settings.state_dir / "control.db"


@pytest.fixture
def backups(settings: Settings, audit: AuditClient, tmp_path: Path) -> Iterator[Backups]:
    yield Backups(settings, audit, tmp_path)


def test_a_project_closed_since_stays_closed_to_everybody(
    backups: Backups, audit_service: AuditProcess
) -> None:
    backups.back_up()
    backups.close_project()
    backups.restore()
    assert backups.state() is ProjectState.ACTIVE  # what the copy believes
    with backups.opened() as store:
        for _ in range(3):  # however often it is tried
            with pytest.raises(StoreOlder, match=r"\[store\.older\]|older than the audit log"):
                sessions.open_session(
                    store, backups.audit, backups.settings, person="rosa", project="one"
                )
        assert store.sessions() == ()
    facts = audit_service.facts()
    assert not [fact for fact in facts if fact["action"] == Action.SESSION_OPENED]
    refused = [fact for fact in facts if fact["detail"].get("refused") == StoreOlder.SENTENCE]
    assert [fact["detail"]["attempted"] for fact in refused] == [Action.SESSION_OPENED] * 3


@pytest.mark.parametrize("since", [1, 2, 5])
def test_one_change_since_the_backup_is_enough(backups: Backups, since: int) -> None:
    backups.back_up()
    backups.change(since)
    backups.restore()
    for _ in range(2):
        with pytest.raises(StoreOlder):
            backups.change()


def test_the_newest_copy_goes_on(backups: Backups) -> None:
    backups.back_up()
    backups.restore()
    backups.change(2)
    assert backups.asked() == (0, "The control store has every change that the audit log has.\n")


def test_an_empty_store_in_place_of_a_lost_one_is_refused(backups: Backups) -> None:
    backups.back_up()
    for path in backups.settings.state_dir.glob("control.db*"):
        path.unlink()
    with pytest.raises(StoreOlder):
        backups.change()


@pytest.mark.parametrize("source", ["gateway", "hub", "egress", "audit-web"])
def test_no_service_starts_over_an_older_store(
    backups: Backups, audit_service: AuditProcess, source: str
) -> None:
    backups.back_up()
    with presence.running(backups.settings, source):
        pass
    backups.change()
    backups.restore()
    with pytest.raises(StoreOlder), presence.running(backups.settings, source):
        raise AssertionError("it runs")
    told = [fact["action"] for fact in audit_service.facts() if fact["source"] == source]
    assert told == [Action.SERVICE_STARTED, Action.SERVICE_STOPPED, Action.ACCESS_DENIED]


class Starting:
    """A service that starts in a thread of its own."""

    def __init__(self, settings: Settings, source: str):
        self.opened, self.refused = threading.Event(), threading.Event()
        self._settings, self._source, self._ends = settings, source, threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            with presence.running(self._settings, self._source):
                self.opened.set()
                self._ends.wait()
        except StoreOlder:
            self.refused.set()

    def end(self) -> None:
        self._ends.set()
        self._thread.join()


def _waits(caplog: pytest.LogCaptureFixture) -> bool:
    return any("waits for audit" in each.getMessage() for each in caplog.records)


def _away(audit_service: AuditProcess) -> None:
    """As after the machine has been switched off and on: no service, no sockets."""
    audit_service.kill()
    shutil.rmtree(audit_service.settings.run_dir / "audit")


def _begun_without_audit(
    backups: Backups, audit_service: AuditProcess, caplog: pytest.LogCaptureFixture
) -> Starting:
    """Return a service that began while audit was away, and has said that it waits."""
    _away(audit_service)
    service = Starting(backups.settings, "hub")
    wait_until(lambda: _waits(caplog), "it did not say that it waits")
    assert not service.opened.is_set()
    return service


def test_a_service_that_starts_while_audit_is_away_asks_before_it_begins(
    backups: Backups, audit_service: AuditProcess, caplog: pytest.LogCaptureFixture
) -> None:
    backups.back_up()
    backups.change()
    backups.restore()
    service = _begun_without_audit(backups, audit_service, caplog)
    audit_service.start()
    service.end()
    assert service.refused.is_set()
    assert not service.opened.is_set()
    (told,) = [fact for fact in audit_service.facts() if fact["source"] == "hub"]
    assert told["detail"]["attempted"] == Action.SERVICE_STARTED


def test_over_the_newest_store_it_begins_once_audit_is_back(
    backups: Backups, audit_service: AuditProcess, caplog: pytest.LogCaptureFixture
) -> None:
    backups.change()
    service = _begun_without_audit(backups, audit_service, caplog)
    audit_service.start()
    wait_until(service.opened.is_set, "it did not begin")
    service.end()
    told = [fact["action"] for fact in audit_service.facts() if fact["source"] == "hub"]
    assert told == [Action.SERVICE_STARTED, Action.SERVICE_STOPPED]


PROGRAMS = {
    "gateway": ["-m", "enclave.gateway.cli", "serve"],
    "egress": ["-c", "from egress_review.cli import main; main()", "serve"],
    "audit-web": ["-c", "from audit.cli import main; main()", "web"],
    "hub": ["-m", "jupyterhub", "-f", "jupyterhub_config.py"],
}


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("name", PROGRAMS)
def test_no_program_opens_a_door_before_audit_has_answered(
    backups: Backups, audit_service: AuditProcess, tmp_path: Path, name: str
) -> None:
    """The door is where others come in: a socket of a service's own, or a site's port."""
    backups.back_up()
    backups.change()
    backups.restore()
    _away(audit_service)
    hub, review, audit_web = free_ports(3)
    settings = backups.settings.model_copy(
        update={
            "hub_url": f"http://hub.localhost:{hub}",
            "review_url": f"http://review.localhost:{review}",
            "audit_url": f"http://audit.localhost:{audit_web}",
        }
    )
    said = tmp_path / "said"
    with said.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *PROGRAMS[name]], env=settings.environment(), cwd=ROOT,
            stdout=output, stderr=output,
        )  # fmt: skip
    try:
        wait_until(lambda: "waits for audit" in said.read_text(), "it did not say that it waits")
        assert not list(settings.run_dir.rglob("*.sock"))
        assert not any(map(is_open, (hub, review, audit_web)))
        audit_service.start()
        assert process.wait(timeout=60) == 1
    finally:
        process.kill()
        process.wait()
    assert StoreOlder.SENTENCE in said.read_text()
    assert not any(map(is_open, (hub, review, audit_web)))


class Broken:
    """Audit that stores an event and then is not heard, as often as it is told to be."""

    def __init__(self, audit: AuditClient):
        self._audit = audit

    def append(self, event: Event) -> Receipt:
        self._audit.append(event)
        raise AuditUnavailable("no receipt came")


def test_a_crash_between_receipt_and_commit_locks_nobody_out(backups: Backups) -> None:
    for _ in range(3):
        with (
            backups.opened() as store,
            pytest.raises(AuditUnavailable),
            store.record(Broken(backups.audit), EVENT),
        ):
            pass
        with presence.running(backups.settings, "hub"):
            pass
    backups.change(3)
    assert backups.asked()[0] == 0


def test_a_copy_from_before_a_crash_is_refused_after_it(backups: Backups) -> None:
    backups.back_up()
    with (
        backups.opened() as store,
        pytest.raises(AuditUnavailable),
        store.record(Broken(backups.audit), EVENT),
    ):
        pass
    backups.restore()
    with pytest.raises(StoreOlder):
        backups.change()


def test_a_change_that_was_not_logged_leaves_the_copy_good(backups: Backups) -> None:
    backups.back_up()
    with (
        backups.opened() as store,
        pytest.raises(ZeroDivisionError),
        store.record(backups.audit, EVENT),
    ):
        raise ZeroDivisionError
    backups.restore()
    backups.change()


def test_writers_at_the_same_time_are_all_taken(
    backups: Backups, audit_service: AuditProcess
) -> None:
    before = len(audit_service.facts())
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: backups.change(), range(24)))
    facts = audit_service.facts()[before:]
    assert {fact["action"] for fact in facts} == {Action.AGREEMENT_APPLIED}
    steps = [(fact["detail"]["store_from"], fact["detail"]["store_to"]) for fact in facts]
    assert len(steps) == 24
    assert [left for left, _ in steps[1:]] == [reached for _, reached in steps[:-1]]


def test_two_copies_of_one_store_cannot_both_go_on(backups: Backups) -> None:
    backups.back_up()
    other = Settings(**{**backups.settings.model_dump(), "control_url": None})
    copy = backups.settings.state_dir / "other.db"
    shutil.copy(backups.settings.state_dir / "control.db", copy)
    other = other.model_copy(update={"control_url": f"sqlite:///{copy}"})
    backups.change()
    with (
        closing(ControlStore(other.database_url)) as store,
        pytest.raises(StoreOlder),
        store.record(backups.audit, EVENT),
    ):
        pass
    backups.change()


def test_a_rotation_of_the_log_forgets_nothing(
    backups: Backups, audit_service: AuditProcess
) -> None:
    backups.back_up()
    backups.change()
    audit_service.stop()
    rotate(backups.settings, actor="os:test", origin=f"{backups.settings.origin}/2031")
    audit_service.start()
    newest = backups.settings.state_dir / "newest.db"
    with closing(sqlite3.connect(backups.settings.state_dir / "control.db")) as raw:
        raw.execute(f"VACUUM INTO '{newest}'")
    backups.restore()
    with pytest.raises(StoreOlder):
        backups.change()
    code, said = backups.asked()
    assert code == 1
    assert said.count("os:test applied the agreements") == 1
    for path in backups.settings.state_dir.glob("control.db*"):
        path.unlink()
    newest.rename(backups.settings.state_dir / "control.db")
    backups.change(2)


def test_the_administrator_is_told_what_it_lacks_and_accepts_it_by_name(
    backups: Backups, audit_service: AuditProcess
) -> None:
    backups.back_up()
    backups.close_project()
    backups.restore()
    assert backups.command("project", "close", "one", "--yes")[0] == 1
    code, said = backups.asked()
    assert code == 1
    assert said.splitlines()[0] == StoreOlder.SENTENCE
    assert [line.split("UTC  ")[1] for line in said.splitlines()[1:]] == [
        "os:test took access from rosa in one.",
        "os:test closed one.",
    ]
    (_, finding) = look_at_audit_log(backups.settings)
    assert (finding.part, finding.seen) == ("control store", StoreOlder.SENTENCE)
    assert finding.advice
    assert backups.command("accept-restored")[0] == 1  # not without a yes
    with pytest.raises(StoreOlder):
        backups.change()
    assert backups.command("accept-restored", "--yes")[0] == 0
    assert [fact["action"] for fact in audit_service.facts()][-1] == Action.STORE_ACCEPTED
    assert backups.asked()[0] == 0
    assert len(list(look_at_audit_log(backups.settings))) == 1
    backups.close_project()
    assert backups.state() is ProjectState.CLOSED


def test_what_was_accepted_once_is_not_accepted_again(backups: Backups) -> None:
    backups.back_up()
    backups.change()
    backups.restore()
    assert backups.command("accept-restored", "--yes")[0] == 0
    backups.change()
    backups.restore()
    with pytest.raises(StoreOlder):
        backups.change()


@pytest.mark.parametrize("name", ["x", "../", "a" * 5000, "a>b", "\N{SNOWMAN}"])
def test_only_names_of_states_are_kept(backups: Backups, name: str) -> None:
    told = replace(EVENT, detail={"store_from": name, "store_to": "00"})
    with pytest.raises(AuditRefused, match="No state"):
        backups.audit.append(told)
    backups.change()


def test_no_query_can_end_a_state(backups: Backups) -> None:
    with backups.opened() as store, store.engine.connect() as connection:
        state = connection.execute(select(tables.succession.c.state)).scalar_one()
    with pytest.raises(AuditRefused, match="No query"):
        backups.audit.append(Event(Action.QUERY_DENIED, "rosa", intent=f"store:{state}"))
    backups.change()
