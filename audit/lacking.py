"""What the log has of the control store that the store has not: what a restored copy lacks.

For `audit store`, which the administrator reads before doing it again. Changes neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing

from audit import succession
from audit.closed import closed_logs
from audit.custody import AuditFiles
from audit.log import LogReader, open_reader
from audit.sentences import Fact, told
from enclave.events import Action, Event
from enclave.settings import Settings
from enclave.store import ControlStore
from enclave.succession import LEFT

_RIGHTS = (Action.ACCESS_GRANTED, Action.ACCESS_REVOKED)
_MARKS = tuple(f'"{word}"'.encode() for word in (LEFT, *_RIGHTS))


def lacking(settings: Settings) -> list[Fact] | None:
    """Return the changes the store lacks and the rights they gave or took, oldest first.

    None where the store lacks nothing. What retention has removed is not listed.
    """
    store = ControlStore(settings.database_url, only_looks=True)
    standing = store.standing(Event(Action.SERVICE_STARTED, "audit"))
    store.close()
    files = AuditFiles.of(settings)
    with ExitStack() as opened:
        places = [*(each.files.place for each in closed_logs(files)), files.place]
        logs = [opened.enter_context(closing(open_reader(place))) for place in places]
        if succession.objection(logs, standing) is None:
            return None
        return list(_since(logs, succession.names(standing)[0]))


def _since(logs: Sequence[LogReader], state: str) -> Iterator[Fact]:
    """Yield what came once the state was left, log by log."""
    begun = False
    for log in logs:
        left = log.intent(state)
        if not begun and left is None:
            continue
        begin = 0 if begun or left is None else _with_its_rights(log, left[1] or 0)
        begun = True
        for entry in log.entries(begin):
            if entry.body is not None and any(mark in entry.body for mark in _MARKS):
                fact = told(entry.index, entry.body)
                if fact is not None and (LEFT in fact.detail or fact.action in _RIGHTS):
                    yield fact


def _with_its_rights(log: LogReader, index: int) -> int:
    """Return where a change begins: the rights it gives or takes are told just before it."""
    entry = log.entry(index)
    while entry is not None:
        index = entry.index
        entry = log.find(entry.sender._replace(seq=entry.sender.seq - 1))
        fact = told(entry.index, entry.body) if entry is not None else None
        if fact is None or fact.action not in _RIGHTS:
            break
    return index
