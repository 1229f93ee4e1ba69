"""kill -9 of the audit service while 64 callers append: nothing acknowledged is lost or doubled.

Six kills each time; INJECTIONS=all makes it fifty. With PostgreSQL the service is killed, and the
server process that serves it, in turn.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest
from sqlalchemy import make_url

from audit.custody import AuditFiles, compare, kept_checkpoint, load_signer
from audit.log import open_reader
from enclave.audit_client import AuditClient
from enclave.settings import Settings
from tests.support.audit import AuditProcess
from tests.support.faults import Hammer, assert_kept, assert_stored
from tests.support.postgres import USER, Postgres

CALLERS = 64
KILLS = 50 if os.environ.get("INJECTIONS") == "all" else 6
SECONDS_BETWEEN = 0.15


def test_kill_9_under_a_hammer_loses_nothing_acknowledged_and_senders_go_on(
    audit_service: AuditProcess,
) -> None:
    hammer = _hammered(audit_service, [lambda: _restart(audit_service)] * KILLS)
    audit_service.stop()
    assert_kept(audit_service, hammer.told.receipts)
    assert _starts(audit_service) == KILLS + 1


@pytest.mark.postgres
def test_kill_9_of_the_service_or_of_postgres_loses_nothing_acknowledged(
    settings: Settings, postgres: Postgres
) -> None:
    there = settings.model_copy(update={"audit_database_url": postgres.database()})
    service = AuditProcess(there).start()
    try:
        kills = [lambda: _restart(service), lambda: _kill_backend(there, postgres)] * (KILLS // 2)
        hammer = _hammered(service, kills)
        service.stop()
        assert_stored(service, hammer.told.receipts)
        files = AuditFiles.of(there)
        verifier = load_signer(files, there.origin).verifier
        with closing(open_reader(there)) as log:
            compare(log, kept_checkpoint(files, verifier))
    finally:
        service.kill()


def _hammered(service: AuditProcess, kills: list[Callable[[], None]]) -> Hammer:
    """Append from all callers while things are killed; every caller must get every receipt."""
    hammer, done = Hammer(), threading.Event()
    with service.client("egress", timeout=120) as client, ThreadPoolExecutor(CALLERS) as callers:
        hammer.begin(client)
        working = [callers.submit(_go_on, hammer, client, done) for _ in range(CALLERS)]
        try:
            for number, kill in enumerate(kills):
                before = len(hammer.told.receipts)
                time.sleep(SECONDS_BETWEEN + number % 7 * 0.01)  # at another point each time
                kill()
                _until_more_than(hammer, before)
        finally:
            done.set()
        for each in working:
            each.result()
    assert hammer.told.errors == []
    assert len(hammer.told.receipts) == hammer.asked
    return hammer


def _restart(service: AuditProcess) -> None:
    service.kill()
    service.start()


def _kill_backend(settings: Settings, postgres: Postgres) -> None:
    """kill -9 the server processes of this database; PostgreSQL then recovers as after a crash."""
    name = make_url(str(settings.audit_database_url)).database
    with psycopg.connect(host=str(postgres.place), user=USER, autocommit=True) as over:
        rows = over.execute("SELECT pid FROM pg_stat_activity WHERE datname = %s", [name])
        for (pid,) in rows.fetchall():
            os.kill(pid, signal.SIGKILL)


def _go_on(hammer: Hammer, client: AuditClient, done: threading.Event) -> None:
    while not done.is_set():
        hammer.one(client)


def _until_more_than(hammer: Hammer, before: int) -> None:
    """Wait until senders that were in the middle of something have been served again."""
    for _ in range(3000):
        if len(hammer.told.receipts) > before + CALLERS:
            return
        time.sleep(0.01)
    raise AssertionError("senders did not go on after a restart")


def _starts(service: AuditProcess) -> int:
    return sum(fact["action"] == "service.started" for fact in service.facts())
