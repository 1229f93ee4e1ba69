"""What breaks closes one project's door with a sentence, and it opens again by itself.

The real supervisor, workers and audit. Nothing is restarted by hand except what was broken by hand.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import adbc_driver_manager
import pyarrow as pa
import pytest
from enclave_client.errors import refusal

from enclave.audit_client import AuditClient
from enclave.errors import Unavailable
from enclave.gateway import supervisor
from enclave.model import Session
from enclave.sessions import close_session, open_session, tell
from enclave.settings import Settings
from enclave.store import ControlStore
from tests.support.audit import AuditProcess
from tests.support.gateway import (
    PROJECT,
    GatewayProcess,
    ask,
    make_policy,
    make_project,
    socket_of,
    wait_until,
)

OTHER = "other-pay"
QUESTION = "SELECT year, count(*) AS n FROM wages GROUP BY year"
LONG = "SELECT a.wage, a.county, b.industry FROM wages a, wages b, wages c"
SABOTAGE = Path(__file__).parents[1] / "support" / "sabotage"

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="mounts and a worker's user need root"),
    # ADBC's, where a connection broke: its statements close in the wrong order.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@dataclass
class Place:
    """Two projects behind one gateway, a session on each."""

    settings: Settings
    store: ControlStore
    audit: AuditClient
    gateway: GatewayProcess
    mine: Session
    theirs: Session

    def answers(self, session: Session) -> bool:
        return self.told(session) == ""

    def told(self, session: Session, sql: str = QUESTION) -> str:
        """What the client is told when it asks; nothing if it gets its answer."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                ask(socket_of(self.settings, session.id), sql)
            except (adbc_driver_manager.Error, pa.ArrowException, OSError) as error:
                return str(error)
        return ""

    def worker(self, project: str) -> int:
        """The process id of a project's worker: the owner of its journal is its user."""
        uid = (self.settings.state_dir / "gateway" / project).stat().st_uid
        for pid in self.gateway.workers():
            if Path(f"/proc/{pid}").stat().st_uid == uid or _uid(pid) == uid:
                return pid
        raise AssertionError(f"{project} has no worker")

    def kill(self, project: str) -> None:
        os.kill(self.worker(project), signal.SIGKILL)

    def becomes(self, session: Session, words: str) -> str:
        """Wait until the client is told something with these words; return the whole of it."""
        said: list[str] = []

        def told() -> bool:
            said.append(self.told(session))
            return words in said[-1]

        wait_until(told, f"nobody was told: {words}")
        return said[-1]

    def recovers(self) -> None:
        wait_until(lambda: self.answers(self.mine), "the door stayed shut")

    def serves_the_other(self) -> None:
        wait_until(lambda: self.answers(self.theirs), "the other project is not served")


def _uid(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Uid:")).split()[1])


@contextmanager
def _place(
    settings: Settings, audit: AuditClient, *, mine: str = PROJECT, **environment: str
) -> Iterator[Place]:
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    store = ControlStore(settings.database_url)
    make_project(settings, store, audit)
    make_project(settings, store, audit, policy=make_policy(project=OTHER, agreement="dsa-other"))
    gateway = GatewayProcess(settings)
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        gateway.start()
        first, theirs = (
            open_session(store, audit, settings, person="rosa", project=project)
            for project in (mine, OTHER)
        )
        yield Place(settings, store, audit, gateway, first, theirs)
    finally:
        gateway.stop()
        store.close()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


@pytest.fixture(scope="module")
def service() -> Iterator[AuditProcess]:
    """An audit service for the tests that share a place."""
    home = Path(tempfile.mkdtemp(prefix="enc-"))
    settings = Settings(
        state_dir=home / "s",
        run_dir=home / "r",
        audit_grace_seconds=1.0,
        gateway_silence_seconds=6.0,
    )
    audit = AuditProcess(settings).start()
    yield audit
    audit.stop()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def shared(service: AuditProcess) -> Iterator[Place]:
    with service.client() as audit, _place(service.settings, audit) as opened:
        yield opened


@pytest.fixture
def place(shared: Place) -> Place:
    """The place that tests share: each leaves it as it was, so that it need not start again."""
    tell(shared.settings)  # what failed before is no reason to wait
    shared.recovers()
    shared.serves_the_other()
    return shared


def check_sentence(said: str, place: Place) -> None:
    """A code in brackets, no traceback, no path of the server."""
    assert "Traceback" not in said
    assert str(place.settings.state_dir) not in said
    assert ".py" not in said


def test_a_killed_engine_harms_nobody_else_and_comes_back(place: Place) -> None:
    failures: list[str] = []
    stop = threading.Event()

    def ask_on() -> None:
        while not stop.is_set():
            said = place.told(place.theirs)
            if said:
                failures.append(said)

    asking = threading.Thread(target=ask_on)
    asking.start()
    try:
        for _ in range(2):
            place.kill(PROJECT)
            place.recovers()
    finally:
        stop.set()
        asking.join()
    assert failures == []


# A worker that hangs ------------------------------------------------------------------------------


def test_a_worker_that_hangs_is_replaced_and_disturbs_nobody(
    place: Place, service: AuditProcess
) -> None:
    hung, other = place.worker(PROJECT), place.worker(OTHER)
    said: list[str] = []
    asking = threading.Thread(target=lambda: said.append(place.told(place.mine, LONG)))
    asking.start()
    wait_until(lambda: _logged(service, "query.intent", "wages c"), "it did not begin")
    os.kill(hung, signal.SIGSTOP)
    assert place.answers(place.theirs)
    asking.join()
    # What the workspace's client makes of a broken connection:
    assert "The gateway does not answer." in str(refusal(RuntimeError(said[0])))
    place.recovers()
    assert place.worker(PROJECT) != hung
    assert place.worker(OTHER) == other
    wait_until(
        lambda: _logged(service, "service.interrupted"),
        "the open intent of the worker that hung was not closed",
    )


def _logged(audit: AuditProcess, action: str, sql: str = "") -> bool:
    """Whether audit has such an event, of a query with these words."""
    facts = (fact for fact in audit.facts() if fact["action"] == action)
    return any(sql in fact["detail"].get("sql", "") for fact in facts)


BOMB = (
    "WITH c0 AS (SELECT * FROM wages)"
    + "".join(f", c{i} AS (SELECT * FROM c{i - 1} a, c{i - 1} b)" for i in range(1, 40))
    + " SELECT count(*) FROM c39"
)


def test_a_query_that_hears_no_stop_ends_its_worker_alone(
    settings: Settings, audit: AuditClient, audit_service: AuditProcess
) -> None:
    """DuckDB's planner hears nothing (2.0.0); the inspector, blinded here, lets no such text in."""
    small = settings.model_copy(
        update={"gateway_memory_mib": 512, "gateway_silence_seconds": 5.0, "gateway_spill_mib": 0}
    )
    with _place(small, audit, PYTHONPATH=str(SABOTAGE), SABOTAGE="blind") as place:
        place.recovers()
        place.serves_the_other()
        ravi = open_session(place.store, audit, small, person="ravi", project=PROJECT)
        deaf, other, before = place.worker(PROJECT), place.worker(OTHER), _count(audit_service)
        asking = threading.Thread(target=place.told, args=(place.mine, BOMB))
        asking.start()
        wait_until(lambda: _count(audit_service) > before, "the bomb was not lit")
        close_session(place.store, audit, place.settings, session=place.mine.id)
        asking.join()
        wait_until(lambda: deaf not in place.gateway.workers(), "it goes on")
        place.mine = ravi
        place.recovers()
        assert place.worker(OTHER) == other
        assert place.answers(place.theirs)


def _count(audit: AuditProcess) -> int:
    return sum(fact["action"] == "query.intent" for fact in audit.facts())


def test_a_damaged_extract_says_so_until_it_is_whole_again(place: Place) -> None:
    file = next(place.settings.state_dir.glob(f"extracts/{PROJECT}/1/wages.parquet"))
    whole = file.read_bytes()
    body = bytearray(whole)
    body[200] ^= 1
    file.write_bytes(bytes(body))
    place.kill(PROJECT)
    said = place.becomes(place.mine, "extract.unreadable")
    assert "The extract was changed or damaged. [extract.unreadable]" in said
    assert "opens by itself" in said
    check_sentence(said, place)
    assert place.answers(place.theirs)
    file.write_bytes(whole)
    place.recovers()


def test_a_missing_key_says_so_until_it_is_back(place: Place) -> None:
    key = place.settings.state_dir / "keys" / f"{PROJECT}.key"
    key.rename(key.with_suffix(".away"))
    place.kill(PROJECT)
    said = place.becomes(place.mine, "key.missing")
    check_sentence(said, place)
    assert place.answers(place.theirs)
    key.with_suffix(".away").rename(key)
    place.recovers()


def test_an_extract_that_is_away_says_so_until_it_is_back(place: Place) -> None:
    extract = place.settings.state_dir / "extracts" / PROJECT
    extract.rename(extract.with_name("away"))
    place.kill(PROJECT)
    said = place.becomes(place.mine, "input.not-found")
    check_sentence(said, place)
    extract.with_name("away").rename(extract)
    place.recovers()


def test_without_audit_nobody_is_told_anything_else(place: Place, service: AuditProcess) -> None:
    service.kill()
    said = place.told(place.mine)
    assert "audit.unavailable" in said
    check_sentence(said, place)
    service.start()
    place.recovers()


@pytest.fixture
def small_disk(settings: Settings) -> Iterator[Path]:
    """A journal directory of one megabyte."""
    journal = settings.state_dir / "gateway" / PROJECT
    journal.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", journal], check=True)
    yield journal
    subprocess.run(["umount", "--lazy", journal], check=True)


def test_a_full_disk_refuses_and_recovers_when_there_is_room(
    small_disk: Path, settings: Settings, audit: AuditClient
) -> None:
    with _place(settings, audit) as place:
        place.recovers()
        place.serves_the_other()
        filler = small_disk / "filler"
        with pytest.raises(OSError, match="No space"), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

        def refused() -> bool:
            return "journal cannot be written" in place.told(place.mine)

        wait_until(refused, "the gateway did not notice that the disk is full")
        check_sentence(place.told(place.mine), place)
        assert place.told(place.theirs) == ""
        filler.unlink()
        place.recovers()


def test_the_control_store_may_go_and_come(place: Place) -> None:
    """Workers go on with what they know; a session opened afterwards is served again."""
    table, away = "ALTER TABLE sessions RENAME TO sessions_away", "sessions_away RENAME TO sessions"
    with place.store.engine.begin() as connection:
        connection.exec_driver_sql(table)
    time.sleep(2 * supervisor.TICK_SECONDS)
    assert place.answers(place.mine)
    with place.store.engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {away}")
    ravi = open_session(place.store, place.audit, place.settings, person="ravi", project=PROJECT)
    wait_until(lambda: place.answers(ravi), "the new session is not served")


# A worker whose inspector lets everything pass ----------------------------------------------------

CANARY = hashlib.md5(b"9000017", usedforsecurity=False).hexdigest().encode()
SORT = (
    "SELECT * FROM (SELECT md5(range::VARCHAR) AS m, range AS n FROM range(9000000, 10500000))"
    " ORDER BY m"
)


@pytest.fixture
def blind(settings: Settings, audit: AuditClient) -> Iterator[Place]:
    small = settings.model_copy(update={"gateway_memory_mib": 64, "gateway_spill_mib": 160})
    with _place(small, audit, PYTHONPATH=str(SABOTAGE), SABOTAGE="blind") as opened:
        opened.recovers()
        yield opened


def test_what_a_query_spills_lies_on_no_disk_and_goes_with_the_worker(blind: Place) -> None:
    worker = blind.worker(PROJECT)
    seen = _look(lambda: blind.told(blind.mine, SORT), Path(f"/proc/{worker}/root/spill"))
    assert seen > 0  # it did spill …
    assert _told_size(Path(f"/proc/{worker}/root/spill")) == 0  # … and left nothing
    asking = threading.Thread(target=blind.told, args=(blind.mine, SORT))
    asking.start()
    spill = Path(f"/proc/{worker}/root/spill")
    wait_until(lambda: _told_size(spill) > 1 << 20, "the second query did not spill")
    blind.kill(PROJECT)
    asking.join()
    blind.recovers()
    places = (blind.settings.state_dir, blind.settings.run_dir, Path("/dev/shm"))
    assert [path for root in places for path in _files(root) if _holds_canary(path)] == []


def test_more_than_the_cap_is_refused_with_a_sentence(blind: Place) -> None:
    said = blind.told(blind.mine, SORT.replace("10500000", "14000000"))
    assert "needs more memory than it may have" in said
    check_sentence(said, blind)
    assert blind.answers(blind.mine)


def _look(work: Callable[[], object], place: Path) -> int:
    """Return the most bytes of files seen in a directory while some work was done."""
    task, most = threading.Thread(target=work), 0
    task.start()
    while task.is_alive():
        most = max(most, _told_size(place))
    return most


def _files(place: Path) -> Iterator[Path]:
    """Return every file below; a directory that goes meanwhile is an error to `rglob`."""
    return (Path(at, name) for at, _, names in os.walk(place) for name in names)


def _told_size(place: Path) -> int:
    total = 0
    for path in _files(place):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue
    return total


def _holds_canary(path: Path) -> bool:
    try:
        return path.is_file() and CANARY in path.read_bytes()
    except OSError:  # another test's, gone meanwhile
        return False


def test_a_worker_that_dies_at_once_says_so_and_delays_nobody(
    settings: Settings, audit: AuditClient
) -> None:
    sabotage = {"PYTHONPATH": str(SABOTAGE), "SABOTAGE": PROJECT}
    with _place(settings, audit, mine=OTHER, **sabotage) as place:
        with pytest.raises(Unavailable, match="is being started again") as refused:
            open_session(place.store, audit, settings, person="rosa", project=PROJECT)
        check_sentence(refused.value.explain(), place)
        wait_until(lambda: place.answers(place.theirs), "the other project waits for this one")


# An engine beyond use -----------------------------------------------------------------------------

INVALIDATE = """
import resource, signal, sys
import duckdb
from enclave.gateway import worker
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
one = duckdb.connect(sys.argv[1], config={"checkpoint_threshold": "1TB"})
pulse = one.cursor()
one.execute("CREATE TABLE t (a BIGINT PRIMARY KEY)")
one.execute("CHECKPOINT")
one.execute("INSERT INTO t SELECT (random() * 1e15)::BIGINT FROM range(50000)")
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 18, 1 << 18))
try:
    one.execute("CHECKPOINT")
except duckdb.FatalException:
    worker.watch((lambda: "", worker.Database(pulse).check))
"""


def test_a_worker_whose_engine_was_invalidated_ends_itself(tmp_path: Path) -> None:
    """A real fatal error: a checkpoint that cannot be written. Every later query would fail."""
    argv = [sys.executable, "-c", INVALIDATE, str(tmp_path / "x.db")]
    done = subprocess.run(argv, capture_output=True, timeout=60, check=False)
    assert done.returncode == 70, done.stderr


def test_a_worker_whose_inspector_is_beyond_use_ends_itself(
    settings: Settings, audit: AuditClient
) -> None:
    """Else every query of the project would be refused until somebody noticed."""
    with _place(settings, audit, PYTHONPATH=str(SABOTAGE), SABOTAGE="spoilt") as place:
        place.recovers()
        spoilt = place.worker(PROJECT)
        place.told(place.mine, "SELECT 'spoilt' AS word FROM wages")
        wait_until(lambda: spoilt not in place.gateway.workers(), "the worker lives on")
        place.recovers()
