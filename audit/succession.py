"""Refuses what a control store does that is older than the log: each of its states is left once.

An event of a change names the state the store was in and the one it goes to (`enclave.succession`).
Both are kept beside the intents, as names that have ended, so one look into an index tells whether
a state was left before, and for which. Left for another: the store is an older copy. Left for the
same: the change was logged, the store crashed before its commit and comes again. Never reads an
entry's text, which retention may have removed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Protocol

from enclave.errors import StoreOlder
from enclave.events import Action, Event
from enclave.succession import AT, LEFT, NEXT, REACHED

PREFIX = "store:"
"""What the names of states begin with, among intents; no intent's own id may."""

_STEP = re.compile(r"store:[0-9a-f]{0,32}(>(None|[0-9a-f]{1,32}))?")
Ended = tuple[int | None, int | None]


class Knows(Protocol):
    """A log, or a batch of one: what it has of a name among its intents."""

    def intent(self, name: str) -> Ended | None:
        """Return (beginning, end) of a name, or None."""
        ...


def names(event: Event) -> tuple[str, ...]:
    """Return the names to look up for an event: the state that is left, and the step itself."""
    said = event.detail
    state, to = (said[LEFT], said.get(REACHED)) if LEFT in said else (said.get(AT), said.get(NEXT))
    return () if state is None else (f"{PREFIX}{state}", f"{PREFIX}{state}>{to}")


def objection(logs: Collection[Knows], event: Event) -> str | None:
    """Return why this event's control store is not believed, or None."""
    if (event.intent or "").startswith(PREFIX):
        return "No query has such an id."
    looked_up = names(event)
    if not all(map(_STEP.fullmatch, looked_up)):
        return "No state of the control store has such a name."
    if not looked_up or event.action is Action.STORE_ACCEPTED:
        return None
    left, gone_there = (any(map(_ended, _of(logs, name))) for name in looked_up)
    return StoreOlder.SENTENCE if left and not gone_there else None


def _of(logs: Collection[Knows], name: str) -> Iterator[Ended | None]:
    return (log.intent(name) for log in logs)


def _ended(found: Ended | None) -> bool:
    return found is not None and found[1] is not None


def left(batch: Knows, event: Event) -> Iterator[str]:
    """Yield the names to end with this event: those of a change that have not ended yet."""
    if LEFT in event.detail:
        yield from (name for name in names(event) if not _ended(batch.intent(name)))
