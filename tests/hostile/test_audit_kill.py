"""kill -9 of the audit service while 64 callers append: nothing acknowledged is lost or doubled.

Six kills each time; INJECTIONS=all makes it fifty.
"""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from enclave.audit_client import AuditClient
from tests.support.audit import AuditProcess
from tests.support.faults import Hammer, assert_kept

CALLERS = 64
KILLS = 50 if os.environ.get("INJECTIONS") == "all" else 6
SECONDS_BETWEEN = 0.15


def test_kill_9_under_a_hammer_loses_nothing_acknowledged_and_senders_go_on(
    audit_service: AuditProcess,
) -> None:
    hammer, done = Hammer(), threading.Event()
    with audit_service.client(timeout=120) as client, ThreadPoolExecutor(CALLERS) as callers:
        hammer.begin(client)
        working = [callers.submit(_go_on, hammer, client, done) for _ in range(CALLERS)]
        try:
            for kill in range(KILLS):
                before = len(hammer.told.receipts)
                time.sleep(SECONDS_BETWEEN + kill % 7 * 0.01)  # at another point each time
                audit_service.kill()
                audit_service.start()
                _until_more_than(hammer, before)
        finally:
            done.set()
        for each in working:
            each.result()
    audit_service.stop()
    assert hammer.told.errors == []
    assert len(hammer.told.receipts) == hammer.asked  # each caller has one receipt for each event
    assert_kept(audit_service, hammer.told.receipts)
    assert _starts(audit_service) == KILLS + 1


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
