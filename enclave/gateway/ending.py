"""The clock that closes sessions whose ground has ended: an agreement's last day, a role, a crash.

Runs beside the supervisor, which follows the control store like everyone else. Decides nothing of
its own: `sessions.close_groundless` closes what could not be opened today, with audit's receipt.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from enclave import sessions
from enclave.audit_client import AuditClient
from enclave.errors import EnclaveError
from enclave.settings import Settings
from enclave.store import ControlStore

log = logging.getLogger(__name__)

SECONDS = 60.0
PATIENCE = 10.0  # seconds for a closing that has begun; what is left of it waits for a start


@contextmanager
def running(settings: Settings, store: ControlStore, *, seconds: float = SECONDS) -> Iterator[None]:
    """Close what has ended now and every so many seconds, until the block ends."""
    stop = threading.Event()
    clock = threading.Thread(target=_run, args=(settings, store, stop, seconds), daemon=True)
    clock.start()
    try:
        yield
    finally:
        stop.set()
        clock.join(timeout=PATIENCE)


def _run(settings: Settings, store: ControlStore, stop: threading.Event, seconds: float) -> None:
    while not stop.is_set():
        try:
            close_ended(settings, store)
        except EnclaveError as error:  # audit or the store is away: they stay open until next time
            log.warning("what has ended is not closed yet: %s", error.explain())
        except Exception:
            log.exception("what has ended is not closed yet")
        stop.wait(seconds)


def close_ended(settings: Settings, store: ControlStore) -> int:
    """Close every open session without a ground today; return how many. Raises AuditUnavailable."""
    with AuditClient(settings, "gateway") as audit:  # connects when there is something to say
        count = sessions.close_groundless(store, audit, settings)
    if count:
        log.info("closed %s sessions whose ground has ended", count)
    return count
