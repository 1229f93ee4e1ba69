"""Layers that stand behind or before another: each is asked by itself, with the others off.

Taken away one at a time nobody noticed these, because the next wall still held.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import duckdb
import pytest

from enclave.errors import AuditUnavailable, Unavailable
from enclave.events import Receipt
from enclave.gateway import cgroup, child, service, supervisor, worker
from enclave.gateway.budgets import Lease
from enclave.gateway.child import HUNG, Worker
from enclave.gateway.duck import DuckWork
from enclave.gateway.engine_duckdb import Limits, settings_of
from enclave.gateway.inspector import engine_json, engine_tree, limits
from enclave.gateway.journal import Journal
from enclave.gateway.records import Records
from enclave.gateway.refusals import (
    BudgetSpent,
    NotAQuestion,
    OddText,
    QueryDenied,
    QueryStopped,
    TooLarge,
)
from enclave.gateway.running import Run
from enclave.settings import Settings
from tests.support.gateway import ROSA, make_policy, make_test_inspector, wait_until

LATE = 10.0


def make_run(lease: Lease | Mock, *, until: float = LATE) -> Run:
    return Run("q", ROSA, Mock(), Mock(cpu_seconds=lambda: 0.0), lease, until=until)


# What ends a query, without the engine's own limit behind it --------------------------------------


def test_the_gateways_own_clock_ends_what_is_late() -> None:
    run = make_run(Mock(overdrawn=lambda: None))
    run.look(LATE - 1)
    assert run.why is None
    run.look(LATE + 1)
    assert isinstance(run.why, QueryStopped)
    run.work.interrupt.assert_called_once_with()


def test_the_gateways_own_clock_ends_what_has_used_its_cpu_seconds() -> None:
    spent = BudgetSpent("This project has used 1 of 1 CPU seconds for today.")
    run = make_run(Mock(overdrawn=lambda: spent))
    run.look(LATE - 1)
    assert run.why is spent
    run.work.interrupt.assert_called_once_with()


def test_an_intent_that_audit_does_not_take_stops_the_engine_at_once() -> None:
    run, intent = make_run(Mock()), Future[Receipt]()
    intent.set_exception(AuditUnavailable("Away."))
    service._stop_without_receipt(run, intent)
    assert isinstance(run.why, AuditUnavailable)
    run.work.interrupt.assert_called_once_with()


# Each reader, without the others ------------------------------------------------------------------


def test_half_a_character_is_refused_before_any_parser_has_it() -> None:
    with pytest.raises(OddText):
        limits.read("SELECT '\ud800'")


@pytest.mark.parametrize("sql", ["SELECT 1; SELECT 2", "DELETE FROM wages", "SET threads = 1"])
def test_the_second_reader_alone_takes_one_question_only(sql: str) -> None:
    with pytest.raises(NotAQuestion):
        make_test_inspector().second.parse(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT COLUMNS('y.*') FROM wages",
        "SELECT * FROM wages PIVOT (sum(wage) FOR year IN (2021))",
        "SELECT * FROM wages MATCH_RECOGNIZE (PATTERN (a) DEFINE a AS true)",
    ],
)
def test_the_second_reader_alone_refuses_what_is_on_no_list(sql: str) -> None:
    with pytest.raises(QueryDenied):
        make_test_inspector().second.parse(sql)


def test_the_second_reader_alone_refuses_a_whole_row_as_a_value() -> None:
    second = make_test_inspector().second
    with pytest.raises(QueryDenied, match="whole row"):
        second.look("SELECT credentials FROM credentials")


def test_the_engine_tree_alone_refuses_what_doubles_with_each_step() -> None:
    """The planner's memory is under no limit of the engine's."""
    chain = ["a0 AS (SELECT year FROM credentials)"]
    chain += [f"a{n} AS (SELECT * FROM a{n - 1} x, a{n - 1} y)" for n in range(1, 9)]
    inspector = make_test_inspector()
    sql = f"WITH {', '.join(chain)} SELECT count(*) FROM a8"
    with pytest.raises(TooLarge):
        engine_tree.read(engine_json.open_reader(inspector.empty), sql, inspector.catalogue)


# The engine, without what stands around it --------------------------------------------------------


def test_each_setting_that_shuts_the_engine_says_so_itself() -> None:
    """With files shut Python's variables are too: only the setting's own word tells them apart."""
    given = settings_of(Limits())
    for name in ("enable_external_access", "python_enable_replacements", "python_scan_all_frames"):
        assert given[name] == "false"
    assert given["disabled_filesystems"] == "LocalFileSystem"
    assert list(given.items())[-1] == ("lock_configuration", "true")


def test_a_stop_before_the_engine_has_begun_lets_it_not_begin() -> None:
    work = DuckWork(Mock(), "SELECT 1", 1024)
    work.interrupt()
    with pytest.raises(duckdb.InterruptException):
        _ = work.reader
    assert not work.has_begun


def test_an_error_of_the_engine_that_nobody_knows_tells_nothing() -> None:
    told = DuckWork(Mock(), "SELECT 1", 1024).failure(duckdb.Error("of the value Hartford"))
    assert "Hartford" not in told.explain()


# What a worker may know and keep ------------------------------------------------------------------


def test_a_worker_inherits_none_of_our_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A control store's password may stand in the environment."""
    monkeypatch.setenv("ENCLAVE_CONTROL_URL", "postgresql://enclave:password@db/enclave")
    assert "password" not in str(child._without_settings())
    assert "PATH" in child._without_settings()


def test_a_worker_is_told_no_password(settings: Settings) -> None:
    told = settings.model_copy(update={"control_url": "postgresql://enclave:password@db/enclave"})
    policy = replace(make_policy(), views=())
    start = supervisor.Supervisor(told, Mock())._orders(
        Mock(id="pay", extract_epoch=1, older=()), policy, "x"
    )
    assert "state_dir" in start.settings
    assert "password" not in str(start.settings)


def test_a_worker_writes_over_the_key_once_the_extract_is_open_or_cannot_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for opened in (Mock(), Mock(side_effect=Unavailable("Damaged."))):
        entered = Mock(key=bytearray(b"k" * 32), start=Mock(closed=""))
        monkeypatch.setattr(worker, "make_gateway", opened)
        monkeypatch.setattr(worker, "_report", Mock())
        worker._gateway(entered)
        assert entered.key == bytes(32)


def test_a_worker_in_a_control_group_is_bounded_in_memory_and_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroup, "BASE", tmp_path)
    (tmp_path / "cgroup.controllers").touch()
    assert cgroup.hold("pay.7", 7, memory=1 << 30, processes=512)
    group = tmp_path / cgroup.PARENT / "pay.7"
    said = {path.name: path.read_text() for path in group.iterdir()}
    assert said == {"memory.max": str(1 << 30), "pids.max": "512", "cgroup.procs": "7"}


ORPHAN = """
import os, signal, subprocess, sys, time
child = '''
import os, sys, time
from enclave.gateway import confine
confine.die_with_parent(os.getppid())
print(os.getpid(), flush=True)
time.sleep(600)
'''
one = subprocess.Popen([sys.executable, "-c", child], stdout=subprocess.PIPE)
print(one.stdout.readline().decode().strip(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_worker_is_killed_with_its_supervisor_by_the_kernel() -> None:
    """Also one that hears nothing: its standard input is not what ends it here."""
    argv = [sys.executable, "-c", ORPHAN]
    root = Path(__file__).parents[3]
    done = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=root)
    assert done.stdout is not None
    orphan = int(done.stdout.readline())
    done.wait()
    done.stdout.close()
    try:
        wait_until(lambda: _is_gone(orphan), "it outlived its parent", 10)
    finally:
        if not _is_gone(orphan):
            os.kill(orphan, 9)


def _is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", maxsplit=1)[1].split()[0]
    except OSError:
        return True
    return state in ("Z", "X")


def make_worker() -> Worker:
    return Worker(Mock(), Mock(), time.monotonic())


def test_a_silent_worker_is_killed() -> None:
    hung = make_worker()
    hung.has_spoken, hung.silent = True, 7.0
    assert hung.end_if_hung(6.0)
    hung.process.kill.assert_called_once_with()
    assert hung.error == HUNG
    assert not make_worker().end_if_hung(6.0)


@pytest.mark.parametrize("said", [b"x" * 100_000, b"{}\n", b"not a report\n"])
def test_a_worker_that_says_what_is_no_report_is_killed(said: bytes) -> None:
    one = make_worker()
    one.process.stdout.readline.side_effect = [said, b""]
    one.listen()
    one.process.kill.assert_called_once_with()
    assert one.error


# What the log says of a text ----------------------------------------------------------------------


def test_a_guess_at_a_querys_text_cannot_be_tested_against_the_log(settings: Settings) -> None:
    journal = Mock(spec=Journal)
    marks = {
        Records(Mock(), journal, make_policy(), str, key, epoch=1)._fingerprint("SELECT 1")
        for key in (b"one project's", b"another's")
    }
    assert len(marks) == 2
