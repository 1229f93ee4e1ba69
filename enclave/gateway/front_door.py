"""Who may pass the gateway's network door: checks tokens, logs refusals, ends what is over.

Asks the control store anew for every call. Never sees a query or an answer, and never lets anyone
pass when it cannot ask.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from datetime import date

from enclave.errors import Denied
from enclave.gateway import tokens
from enclave.gateway.flight_calls import Calls
from enclave.gateway.refusals import TokenRefused
from enclave.gateway.tokens import Token
from enclave.model import Session
from enclave.settings import Settings
from enclave.store import Appends, ControlStore

log = logging.getLogger(__name__)

LOGGED_A_MINUTE = 60  # refusals of unknown callers logged one by one; the rest as a number


@dataclass(slots=True)
class Door:
    """The tokens in force, and the calls that are on their way for each."""

    settings: Settings
    store: ControlStore
    audit: Appends
    calls: dict[str, Calls] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _minute: int = 0
    _refused: int = 0

    def admit(self, header: str) -> Token:
        """Return the token in an `Authorization` header; a refusal is logged and raised."""
        token = None
        try:
            if not header.startswith("Bearer "):
                raise TokenRefused("There is no token.", hint="Send it as a bearer token.")
            token = tokens.tokens(self.settings).find(header.removeprefix("Bearer ").strip())
            return tokens.check(self.store, token, now=time.time(), today=date.today())
        except Denied as denied:
            self._log(denied, token)
            raise

    def calls_of(self, session: Session) -> Calls:
        """Return the calls that are on their way for a session."""
        with self._lock:
            return self.calls.setdefault(session.id, Calls())

    def tend(self) -> None:
        """End every token that is no longer in force, and stop what it has running."""
        known = list(tokens.tokens(self.settings).all())
        for token in known:
            try:
                tokens.check(self.store, token, now=time.time(), today=date.today())
            except Denied as denied:
                self._end(token, denied.sentence)
        alive = {token.session.id for token in known}
        with self._lock:
            gone = [self.calls.pop(session) for session in self.calls.keys() - alive]
        for calls in gone:
            calls.cancel_all()

    def stop(self) -> None:
        """Stop every call there is."""
        with self._lock:
            calls = list(self.calls.values())
        for each in calls:
            each.cancel_all()

    def _end(self, token: Token, why: str) -> None:
        with self._lock:
            calls = self.calls.pop(token.session.id, None)
        if calls is not None:
            calls.cancel_all()
        tokens.revoke(self.settings, self.store, self.audit, token=token, reason=why)

    def _log(self, denied: Denied, token: Token | None) -> None:
        """Log a refusal; of callers nobody knows, only so many a minute one by one.

        Anyone on the network can knock: the log must not be theirs to fill.
        """
        if token is not None:
            person, project = token.session.person, token.session.project
            tokens.log_denial(self.audit, denied, person=person, project=project)
            return
        minute = int(time.monotonic()) // 60
        with self._lock:
            before = self._refused if minute != self._minute else 0
            self._refused = 1 if minute != self._minute else self._refused + 1
            self._minute = minute
            loud = self._refused <= LOGGED_A_MINUTE
        if before > LOGGED_A_MINUTE:
            log.warning("%d more calls without a valid token", before - LOGGED_A_MINUTE)
        if loud:
            tokens.log_denial(self.audit, denied, person="unknown", project=None)
