"""Tells the audit log that a service starts and stops, and which commands failed.

One place for what every program's edge owes the log. Nothing is served before audit has taken the
start. Never keeps a program from stopping, and never tells more of a failure than its code: its
sentence may name what was in a file.
"""

from __future__ import annotations

import atexit
import functools
import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import click

from enclave.audit_client import AuditClient, socket_path
from enclave.errors import AuditUnavailable, Denied, EnclaveError
from enclave.events import Action, Event, Verdict
from enclave.settings import Settings
from enclave.terminal import actor

STOP_SECONDS = 2.0
START_SECONDS = 5.0
AGAIN_SECONDS = 0.2
_ID = re.compile(r"[a-z][a-z0-9-]{0,62}")

_log = logging.getLogger(__name__)


@contextmanager
def running(settings: Settings, source: str) -> Iterator[None]:
    """Log the start and the stop of the service that speaks as `source`.

    Until audit answers nobody knows whether the control store is older than the log, so a service
    that starts while audit is away waits for it here and has opened nothing to anybody. Raises
    `StoreOlder`: over a control store that lacks what audit knows of, nothing starts.
    """
    _begin(settings, source)
    try:
        yield
    finally:
        stopped = Event(Action.SERVICE_STOPPED, source, detail={"service": source})
        _tell(settings, source, stopped)


def _begin(settings: Settings, source: str) -> None:
    """Return once audit has taken the start, and with it the control store's state."""
    from enclave.store import ControlStore  # noqa: PLC0415 - commands that only speak stay quick

    started = Event(Action.SERVICE_STARTED, source, detail={"service": source})
    with closing(ControlStore(settings.database_url)) as store:
        has_said_so = False
        while not _is_taken(settings, source, store.standing(started), seconds=START_SECONDS):
            if not has_said_so:
                _log.warning("%s waits for audit and serves nobody before it answers", source)
                has_said_so = True
            time.sleep(AGAIN_SECONDS)


def until_exit(settings: Settings, source: str) -> None:
    """Log the start now and the stop when this process ends, for a program that is not ours."""
    presence = ExitStack()
    presence.enter_context(running(settings, source))
    atexit.register(presence.close)


def _tell(settings: Settings, source: str, event: Event) -> None:
    """Append one event if audit answers in time; say on standard error when it did not."""
    if not _is_taken(settings, source, event, seconds=STOP_SECONDS):
        _log.warning("%s is not in the audit log: audit does not answer", event.action.value)


def _is_taken(settings: Settings, source: str, event: Event, *, seconds: float) -> bool:
    """Append one event; say whether audit took it in time. Raises `AuditRefused`."""
    if not socket_path(settings, source).exists():
        return False
    try:
        with AuditClient(settings, source, timeout=seconds) as audit:
            audit.append(event)
    except (AuditUnavailable, RuntimeError):  # no thread can be started in the last moments
        return False
    return True


def failures_told(command: click.Command, path: str, *, source: str = "admin") -> click.Command:
    """Have every command below `path` that changes something log its failure; return it."""
    from enclave.told import COMMANDS  # noqa: PLC0415 - it names every room's commands

    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            failures_told(child, f"{path} {name}", source=source)
    elif isinstance(COMMANDS.get(path), tuple) and not hasattr(command.callback, "tells"):
        assert command.callback is not None
        command.callback = _telling(command.callback, path, source)
    return command


def _telling(work: Callable[..., Any], path: str, source: str) -> Callable[..., Any]:
    @functools.wraps(work)
    def run(*given: Any, **named: Any) -> Any:
        try:
            return work(*given, **named)
        except (click.Abort, click.exceptions.Exit, AuditUnavailable):
            raise  # not carried out: nobody confirmed it, or audit is away and says so itself
        except Exception as error:
            _tell(Settings(), source, _failure(error, path, named))
            raise

    run.tells = True  # type: ignore[attr-defined]
    return run


def _failure(error: Exception, path: str, named: dict[str, Any]) -> Event:
    project = str(named.get("project") or (named.get("id") if " project " in path else None) or "")
    return Event(
        Action.COMMAND_FAILED,
        actor(),
        Verdict.DENIED if isinstance(error, Denied) else Verdict.FAILED,
        project=project if _ID.fullmatch(project) else None,
        detail={
            "command": path,
            "code": error.code if isinstance(error, EnclaveError) else type(error).__name__,
        },
    )
