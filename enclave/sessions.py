"""Open and close a researcher's session on a project: the row, its directories, its witnesses.

A session opens only for a named researcher of an active project whose agreement is in force, and
only after audit has a receipt. Never starts a container and never opens a data socket itself.
"""

from __future__ import annotations

import logging
import secrets
import shutil
import socket
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy import insert, select, update

from enclave import tables
from enclave.durable import make_directory
from enclave.errors import AuditUnavailable, Denied, EnclaveError, NotFound, Unavailable
from enclave.events import Action, Event, Verdict
from enclave.model import Policy, ProjectState, Role, Session
from enclave.settings import Settings
from enclave.store import Appends, ControlStore, find_project

log = logging.getLogger(__name__)

PARTS = ("gateway", "egress", "server")
WITNESSES = ("gateway", "egress")
POKE_SECONDS = 10.0
_AMEND = "Ask the project's lead to have the agreement amended."
_SAYS_MORE = "Try again; if it stays so, tell the administrator: `enclave doctor` says more."


def open_session(
    store: ControlStore, audit: Appends, settings: Settings, *, person: str, project: str
) -> Session:
    """Open a session and return it once the gateway and egress have been told.

    Raises `Denied` with the clause (logged), `NotFound`, `AuditUnavailable`, and `Unavailable`
    when a service answers that it cannot serve the session; then the session is closed again.
    """
    policy = store.policy(project)
    try:
        check_may_open(store, policy, person=person, today=date.today())
    except Denied as denied:
        log_denial(audit, denied, person=person, project=project)
        raise
    session = Session(secrets.token_hex(8), person, project)
    make_directories(settings, session.id)
    try:
        _insert(store, audit, session, policy)
    except BaseException:
        shutil.rmtree(directory(settings, session.id), ignore_errors=True)
        raise
    try:
        tell(settings)
    except Unavailable:
        close_session(store, audit, settings, session=session.id, reason="a service refused it")
        raise
    return session


def _insert(store: ControlStore, audit: Appends, session: Session, policy: Policy) -> None:
    with store.record(audit, _event(Action.SESSION_OPENED, session, policy)) as connection:
        _check_active(find_project(connection, session.project).state, policy)  # it may have closed
        row = {
            "id": session.id,
            "person": session.person,
            "project": session.project,
            "opened_at": _now(),
        }
        connection.execute(insert(tables.sessions).values(row))


def close_session(
    store: ControlStore, audit: Appends, settings: Settings, *, session: str, reason: str = "ended"
) -> None:
    """Close a session, if it is open, and take its sockets away.

    Raises `AuditUnavailable` with the session still open, `Unavailable` when a service says it
    cannot let go of it.
    """
    try:
        found = find(store, session)
    except NotFound:
        return
    event = _event(Action.SESSION_CLOSED, found, store.policy(found.project), reason=reason)
    with store.record(audit, event) as connection:
        table = tables.sessions
        connection.execute(update(table).where(table.c.id == session).values(closed_at=_now()))
    try:
        tell(settings)
    finally:
        shutil.rmtree(directory(settings, session), ignore_errors=True)


def close_groundless(store: ControlStore, audit: Appends, settings: Settings) -> int:
    """Close every open session that could not be opened today; return how many those were.

    For the day an agreement ends, a person loses a role or a program died half way. Raises as
    `close_session` does; `Unavailable` only once all of them are closed.
    """
    count, trouble = 0, None
    for session in store.sessions():
        policy = store.policy(session.project)
        try:
            check_may_open(store, policy, person=session.person, today=date.today())
        except Denied as denied:
            try:
                close_session(store, audit, settings, session=session.id, reason=denied.sentence)
            except AuditUnavailable:
                raise
            except Unavailable as error:  # it is closed; a service that hangs holds no other open
                trouble = error
            count += 1
    if trouble is not None:
        raise trouble
    return count


def find(store: ControlStore, session: str) -> Session:
    """Return an open session; raises `NotFound`."""
    table = tables.sessions
    found = select(table).where(table.c.id == session, table.c.closed_at.is_(None))
    with store.engine.connect() as connection:
        row = connection.execute(found).first()
    if row is None:
        raise NotFound("There is no such open session.")
    return Session(row.id, row.person, row.project)


def check_may_open(store: ControlStore, policy: Policy, *, person: str, today: date) -> None:
    """Raise `Denied` with the clause unless this person may work on this project today."""
    clause = f"{policy.agreement}, researchers"
    known = store.people().get(person)
    if known is None or Role.RESEARCHER not in known.roles or person not in policy.researchers:
        raise Denied(  # R21: authorized users are named in the agreement
            "You are not named as a researcher of this project.",
            clause=clause,
            hint=_AMEND,
        )
    _check_active(store.project(policy.project).state, policy)
    if not policy.starts <= today <= policy.ends:
        raise Denied(
            f"The agreement is in force from {policy.starts} to {policy.ends}, not today.",
            clause=f"{policy.agreement}, starts and ends",
            hint=_AMEND,
        )


def _check_active(state: ProjectState, policy: Policy) -> None:
    if state is not ProjectState.ACTIVE:
        raise Denied(
            "This project is not active.",
            clause=f"{policy.agreement}, starts and ends",
            hint="Ask the project's lead: its data are still to be built, or it is closed.",
        )


def directory(settings: Settings, session: str) -> Path:
    """Return the directory whose parts are mounted into the session's container."""
    return settings.run_dir / "sessions" / session


def make_directories(settings: Settings, session: str) -> None:
    """Make the session's directories, which must exist before anything is mounted from them."""
    home = directory(settings, session)
    for path in (home.parent, home, *(home / part for part in PARTS)):
        make_directory(path, 0o755)


def tell(settings: Settings) -> None:
    """Have every witness make its sockets equal to the store's open sessions.

    One that is down is only noted: it serves nothing now and reads the store when it is back.
    Raises `Unavailable`, once all of them were told, when one could not follow.
    """
    trouble = None
    for service in WITNESSES:
        try:
            poke(settings, service)
        except ConnectionError:
            log.warning("%s is not running; it will read the store when it starts", service)
        except Unavailable as error:
            trouble = trouble or error
    if trouble is not None:
        raise trouble


def poke(settings: Settings, service: str) -> None:
    """Send `sync` to a service's control socket and wait for its `ok`.

    Raises `ConnectionError` when it is not running, `Unavailable` when it says `error` or nothing.
    """
    try:
        answer = _ask(settings.run_dir / service / "control.sock")
    except (FileNotFoundError, ConnectionRefusedError) as away:
        raise ConnectionError(service) from away
    except OSError as broken:
        raise Unavailable(f"The {service} service does not answer.", hint=_SAYS_MORE) from broken
    if answer != "ok":
        said = answer.removeprefix("error").strip() or "it closed the connection"
        raise Unavailable(f"The {service} service could not follow: {said}", hint=_SAYS_MORE)


def _ask(path: Path) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        channel.settimeout(POKE_SECONDS)
        channel.connect(str(path))
        channel.sendall(b"sync\n")
        with channel.makefile("r", encoding="utf-8") as lines:
            return lines.readline().strip()


def _event(action: Action, session: Session, policy: Policy, **detail: str) -> Event:
    return Event(
        action,
        actor=session.person,
        project=session.project,
        agencies=tuple(sorted(policy.agencies)),
        clause=f"{policy.agreement}, researchers",
        session=session.id,
        detail={"agreement_sha256": policy.agreement_sha256, **detail},
    )


def log_denial(
    audit: Appends, denied: EnclaveError, *, person: str, project: str | None, what: str = "session"
) -> None:
    """Log that somebody was refused a session, or what speaks for one."""
    audit.append(
        Event(
            Action.ACCESS_DENIED,
            actor=person,
            verdict=Verdict.DENIED,
            project=project,
            clause=denied.clause,
            detail={"what": what, "code": denied.code, "sentence": denied.sentence},
        )
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
