"""Short-lived tokens for clients outside a workspace: who has one may ask as one session.

A token is 256 random bits; only its SHA-256 is kept, beside what it stands for, in the run
directory, which a restart of the machine empties. It is worth nothing once its session is closed,
its time is over, or the agreement no longer admits network clients. Never written to a log.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from pydantic import ValidationError

from enclave import documents, sessions
from enclave.durable import write_durably
from enclave.errors import Denied, NotFound, Unavailable
from enclave.events import Action, Event
from enclave.gateway.refusals import NetworkNotGranted, TokenRefused
from enclave.model import Policy, Session
from enclave.settings import Settings
from enclave.store import Appends, ControlStore

PREFIX = "enclave_"  # lets a scanner for leaked secrets know one when it sees it
LONGEST_MINUTES = 60


@dataclass(frozen=True, slots=True)
class Token:
    """What is kept of a token. `expires` is in seconds since 1970; `id` names it in logs."""

    id: str
    session: Session
    expires: int


@dataclass(frozen=True, slots=True)
class Issued:
    """A token as it is handed over, once."""

    token: Token
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens in force, one file each, named by the hash of its secret."""

    directory: Path

    def keep(self, token: Token) -> str:
        """Keep a token under a new secret and return that."""
        secret = PREFIX + secrets.token_urlsafe(32)
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_durably(self._path(secret), documents.canonical(token))
        return secret

    def find(self, secret: str) -> Token | None:
        """Return the token with this secret, however old."""
        return _read(self._path(secret))

    def all(self) -> Iterator[Token]:
        """Return every token that is kept."""
        for path in sorted(self.directory.glob("*.json")):
            token = _read(path)
            if token is not None:
                yield token

    def forget(self, token: Token) -> None:
        """Keep a token no more: from now on nobody has ever heard of it."""
        for path in self.directory.glob("*.json"):
            if _read(path) == token:
                path.unlink(missing_ok=True)

    def _path(self, secret: str) -> Path:
        digest = hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()
        return self.directory / f"{digest}.json"


def tokens(settings: Settings) -> Tokens:
    """Return where the tokens of this enclave are kept."""
    return Tokens(settings.run_dir / "gateway" / "tokens")


def issue(
    settings: Settings,
    store: ControlStore,
    audit: Appends,
    *,
    session: tuple[str, str],
    minutes: int,
    by: str,
) -> Issued:
    """Open a session for a (person, project) and return a token that speaks for it.

    Raises Unavailable where no address is set, NetworkNotGranted (logged), whatever opening a
    session raises, and AuditUnavailable; then there is neither token nor session.
    """
    person, project = session
    if settings.gateway_address is None:
        raise Unavailable(
            "The gateway listens on no network address.", hint="Set ENCLAVE_GATEWAY_ADDRESS."
        )
    policy = store.policy(project)
    if not policy.network_clients:
        denied = not_granted(policy)
        log_denial(audit, denied, person=person, project=project)
        raise denied
    opened = sessions.open_session(store, audit, settings, person=person, project=project)
    expires = int(time.time()) + 60 * min(minutes, LONGEST_MINUTES)
    token = Token(f"t-{secrets.token_hex(4)}", opened, expires)
    try:
        audit.append(_issued(token, policy, by))
        return Issued(token, tokens(settings).keep(token))
    except BaseException:
        sessions.close_session(store, audit, settings, session=opened.id, reason="no token for it")
        raise


def revoke(
    settings: Settings, store: ControlStore, audit: Appends, *, token: Token, reason: str
) -> None:
    """Forget a token, then close its session, which stops what runs. Raises as closing does."""
    tokens(settings).forget(token)
    sessions.close_session(store, audit, settings, session=token.session.id, reason=reason)


def check(store: ControlStore, token: Token | None, *, now: float, today: date) -> Token:
    """Return the token if it is in force, else raise Denied: TokenRefused or why not any more."""
    if token is None:
        raise TokenRefused("This token is not known.", hint="Ask for a new one.")
    if now >= token.expires:
        raise TokenRefused("This token has expired.", hint="Ask for a new one.")
    try:
        sessions.find(store, token.session.id)
        policy = store.policy(token.session.project)
    except NotFound:
        raise TokenRefused("This token's session has ended.", hint="Ask for a new one.") from None
    if not policy.network_clients:
        raise not_granted(policy)
    sessions.check_may_open(store, policy, person=token.session.person, today=today)
    return token


def not_granted(policy: Policy) -> NetworkNotGranted:
    """Return the refusal of an agreement that does not name network clients."""
    return NetworkNotGranted(
        "The agreement admits no clients from outside the workspace.",
        clause=f"{policy.agreement}, network_clients",
        hint="Work in the workspace, or ask the project's lead to have the agreement amended.",
    )


def log_denial(audit: Appends, denied: Denied, *, person: str, project: str | None) -> None:
    """Log a refused token or the refusal to issue one; never the token."""
    sessions.log_denial(audit, denied, person=person, project=project, what="token")


def _issued(token: Token, policy: Policy, by: str) -> Event:
    return Event(
        Action.TOKEN_ISSUED,
        actor=token.session.person,
        project=token.session.project,
        agencies=tuple(sorted(policy.agencies)),
        clause=f"{policy.agreement}, network_clients",
        session=token.session.id,
        detail={"token": token.id, "expires": token.expires, "by": by},
    )


def _read(path: Path) -> Token | None:
    try:
        return documents.read(Token, path.read_bytes())
    except (OSError, ValidationError):
        return None
