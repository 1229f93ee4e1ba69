"""What this site has found wrong with the log, until everything verifies again.

The record is the log's own: each verification made here is an entry, and after a restart those are
read again. So nobody clears it but by a verification that passes, or by changing the log, which the
witnesses see. Names no entry: stewards see the bar too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from audit.search import Browser, Wanted
from audit.sentences import Fact
from audit.watch import VERIFIED_ALL, shows_wrong, spoken
from enclave.events import Action

ALL, ONE = VERIFIED_ALL, "proof"  # the pages on which everything and one entry are verified
_AT_ONCE = 100


class Memory:
    """What was found wrong here. `is_known`: whether the log was asked about earlier starts."""

    def __init__(self) -> None:
        self.is_known = False
        self._lock = threading.Lock()
        self._inherited = False  # from the log before this one
        self._failed_at: float | None = None  # seconds since 1970
        self._contradicted = False

    def note(self, page: str) -> None:
        """Remember that a verification on this page found something wrong."""
        if page == ALL:
            self._failed_at = time.time()
        else:
            self._contradicted = True

    def clear(self) -> None:
        """Forget it all: everything verifies now."""
        with self._lock:  # what is being recalled meanwhile is older than this
            self._failed_at, self._contradicted, self._inherited = None, False, False

    def recall(self, browser: Browser) -> None:
        """Learn from the log what was found wrong since everything last verified."""
        with self._lock:
            for fact in _verifications(browser):
                found = shows_wrong(fact)
                if found is False:
                    break
                if found and fact.detail.get("page") == ALL:
                    self._failed_at = self._failed_at or fact.time / 1000
                elif found:
                    self._contradicted = True
            else:
                begun = browser.find(Wanted(action=Action.AUDIT_ROTATED.value), limit=1)
                self._inherited = any(fact.detail.get("found_wrong") is True for fact in begun)
            self.is_known = True

    def sentence(self) -> str | None:
        """Return what is wrong, for the bar, or None."""
        if self._failed_at is not None:
            ago = spoken(max(0.0, time.time() - self._failed_at))
            return f"Every entry was verified here {ago} ago, and something was wrong."
        if self._contradicted:
            return "An entry was verified here, and it is not what the log signed."
        if self._inherited:
            return "Something was found wrong in the log before this one."
        return None


def _verifications(browser: Browser) -> Iterator[Fact]:
    """Yield what the log says of verifications, the newest first."""
    asked = Wanted(action=Action.AUDIT_VERIFIED.value)
    for offset in range(0, browser.count(asked), _AT_ONCE):
        yield from browser.find(asked, offset=offset, limit=_AT_ONCE)
