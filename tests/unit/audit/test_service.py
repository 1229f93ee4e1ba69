"""The service from its socket: receipts, retries, intents, restarts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from enclave.audit_client import AuditClient
from enclave.events import Action, Event
from tests.support.audit import AuditProcess


def test_an_appended_event_has_a_receipt_and_is_stored(
    audit_service: AuditProcess, audit: AuditClient
) -> None:
    receipt = audit.append(Event(Action.LOGIN, "rosa"))
    stored = audit_service.facts()[receipt.index]
    assert (stored["action"], stored["actor"], stored["source"]) == ("login", "rosa", "admin")


def test_many_threads_append_at_once_and_none_waits_in_vain(
    audit_service: AuditProcess, audit: AuditClient
) -> None:
    with ThreadPoolExecutor(16) as pool:
        events = [Event(Action.LOGIN, f"p{n}") for n in range(400)]
        receipts = list(pool.map(audit.append, events))
    stored = audit_service.facts()
    assert [stored[receipt.index]["actor"] for receipt in receipts] == [e.actor for e in events]
    assert len({receipt.index for receipt in receipts}) == 400
