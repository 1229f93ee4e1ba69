"""Each query's intent has exactly one end, and a denied query returns nothing.

Most queries begin and end within one stretch and contradict nobody: those are settled where they
are read, and only their names are compared with all others. The rest is followed in order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from operator import itemgetter

from audit.verifier.checks import Check, Findings, counted
from audit.verifier.facts import Facts, strict_json

INTENT, OUTCOME, DENIED = b"query.intent", b"query.outcome", b"query.denied"
QUERIES = frozenset({INTENT, OUTCOME, DENIED, b"service.interrupted"})

_ENDED, _REFUSED = -1, -2  # what became of an intent; the index of its beginning while it is open

Event = tuple[int, bytes, bytes | None, bool, bool]
"""(index, action, intent, whether it is a refusal, whether it reports anything returned)."""
IsOpen = Callable[[int], bool]
"""Whether an intent at this index may still be running."""


@dataclass(slots=True)
class Answered:
    """The queries of one stretch: those settled within it, and the events of all others."""

    settled: dict[bytes, int] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    _begun: dict[bytes, int] = field(default_factory=dict)

    def take(self, index: int, facts: Facts) -> None:
        """Learn from one event."""
        action, intent, begun = facts[2], facts[5], self._begun
        refused = facts[3] == b"denied" or action == DENIED
        new = not (intent in begun or intent in self.settled)
        if action == INTENT and intent and new and not refused:
            begun[intent] = index
        elif action != INTENT and intent in begun and not refused:
            del begun[intent]
            self.settled[intent] = _ENDED
        else:
            self.events.append((index, action, intent, refused, refused and _returned(facts[9])))

    def unsettled(self) -> list[Event]:
        """Return, in order, what only the whole log can judge."""
        begun = [(index, INTENT, intent, False, False) for intent, index in self._begun.items()]
        return sorted([*begun, *self.events], key=itemgetter(0))


def _returned(detail: bytes) -> bool:
    """Say whether an event reports anything that left."""
    try:
        found = strict_json(detail)
    except ValueError:
        return True  # an unreadable refusal is not evidence of nothing
    return any(found.get(name) for name in ("rows", "bytes"))


class Queries:
    """What is known of every query so far."""

    def __init__(self) -> None:
        self._state: dict[bytes, int] = {}
        self._begun = 0
        self._ends, self._denied = Findings(), Findings()
        self._beyond = 0  # ends whose beginning retention has removed
        self.removed = False  # whether any text before this point was removed

    def add(self, answered: Answered) -> None:
        """Learn from the next stretch."""
        settled = answered.settled
        if not self._state.keys().isdisjoint(settled):
            for intent in self._state.keys() & settled.keys():
                self._ends.add(f"intent {_name(intent)} begins twice")
        self._state.update(settled)
        self._begun += len(settled)
        for event in answered.unsettled():
            self._take(event)

    def _take(self, event: Event) -> None:
        index, action, intent, refused, returned = event
        if refused and returned:
            self._denied.add(f"entry {index:,}: a refusal reports rows")
        if intent is None:
            if action in (INTENT, OUTCOME):
                self._ends.add(f"entry {index:,}: a query without an id")
            return
        state = self._state.get(intent)
        if action != INTENT:
            self._end(event, intent, state)
            return
        if state is not None:
            self._ends.add(f"entry {index:,}: intent {_name(intent)} begins twice")
        self._state[intent] = _REFUSED if refused else index
        self._begun += 1

    def _end(self, event: Event, intent: bytes, state: int | None) -> None:
        index, action, _, refused, _ = event
        if action == OUTCOME and (refused or state == _REFUSED):
            self._denied.add(f"entry {index:,}: a denied query has an outcome")
        if state is not None and state < 0:
            self._ends.add(f"entry {index:,}: intent {_name(intent)} ends twice")
        elif state is None and action != DENIED:
            if self.removed:
                self._beyond += 1
            else:
                self._ends.add(f"entry {index:,}: an end without an intent before it")
        self._state[intent] = _REFUSED if refused else _ENDED

    def checks(self, is_open: IsOpen) -> tuple[Check, ...]:
        """Return the answers; an intent without an end is named with its place."""
        running, ends = 0, Findings()
        ends.absorb(self._ends)
        for intent, index in self._state.items():
            if index >= 0:
                if is_open(index):
                    running += 1
                else:
                    ends.add(f"entry {index:,}: intent {_name(intent)} has no end")
        answer = f"yes, {counted(self._begun, 'intent')}" + (
            f"; still open: {running:,}" if running else ""
        )
        notes = beyond(self._beyond, "ends", "beginnings")
        return (
            ends.answer("Does each query's intent have exactly one end?", answer, notes),
            self._denied.answer("Did no denied query return anything?", "none did"),
        )


def beyond(count: int, what: str, of: str) -> tuple[str, ...]:
    """Return a remark on what retention has put beyond judging."""
    if not count:
        return ()
    return (f"{count:,} {what} could not be judged: retention removed the texts of their {of}",)


def _name(intent: bytes) -> str:
    return intent.decode(errors="replace")
