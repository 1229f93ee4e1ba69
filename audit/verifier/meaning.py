"""What entries must mean together, whoever wrote them: queries and their ends, outputs and votes.

Sees each entry that can contradict another, once, in order. Where retention has removed texts it
says how much could no longer be judged; it never takes the removed for granted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from audit.verifier.checks import Check, Findings
from audit.verifier.facts import Facts, strict_json

_ENDED, _DENIED = -1, -2  # what became of an intent; the index of its beginning while it is open

IsOpen = Callable[[int], bool]
"""Whether an intent at this index may still be running."""


class Queries:
    """Each intent has one end; a denied query returns nothing."""

    def __init__(self) -> None:
        self._state: dict[bytes, int] = {}
        self._begun = 0
        self._ends, self._denied = Findings(), Findings()
        self._beyond = 0  # ends whose beginning retention has removed
        self.removed = False  # whether any text before this point was removed

    def take(self, index: int, facts: Facts) -> None:
        """Learn from one event."""
        action, intent = facts[2], facts[5]
        if intent is None:
            if action in (b"query.intent", b"query.outcome"):
                self._ends.add(f"entry {index:,}: a query without an id")
            return
        state = self._state.get(intent)
        if action == b"query.intent":
            if state is not None:
                self._ends.add(f"entry {index:,}: intent {_name(intent)} begins twice")
            self._state[intent] = index
            self._begun += 1
        else:
            self._end(index, facts, intent, state)

    def _end(self, index: int, facts: Facts, intent: bytes, state: int | None) -> None:
        action, verdict = facts[2], facts[3]
        refused = action == b"query.denied" or verdict == b"denied"
        if action == b"query.outcome" and (refused or state == _DENIED):
            self._denied.add(f"entry {index:,}: a denied query has an outcome")
        elif refused and _returned(facts[9]):
            self._denied.add(f"entry {index:,}: a refusal reports rows")
        if state is not None and state < 0:
            self._ends.add(f"entry {index:,}: intent {_name(intent)} ends twice")
        elif state is None and action != b"query.denied":
            if self.removed:
                self._beyond += 1
            else:
                self._ends.add(f"entry {index:,}: an end without an intent before it")
        self._state[intent] = _DENIED if refused else _ENDED

    def checks(self, is_open: IsOpen) -> tuple[Check, ...]:
        """Return the answers; an intent without an end is named with its place."""
        running = 0
        for intent, index in self._state.items():
            if index >= 0:
                if is_open(index):
                    running += 1
                else:
                    self._ends.add(f"entry {index:,}: intent {_name(intent)} has no end")
        answer = f"yes, {self._begun:,} intents" + (f"; still open: {running:,}" if running else "")
        notes = _beyond(self._beyond, "ends", "beginnings")
        return (
            self._ends.answer("Does each query's intent have exactly one end?", answer, notes),
            self._denied.answer("Did no denied query return anything?", "none did"),
        )


def _returned(detail: bytes) -> bool:
    """Say whether an outcome reports anything that left."""
    try:
        found = strict_json(detail)
    except ValueError:
        return True  # an unreadable refusal is not evidence of nothing
    return any(found.get(name) for name in ("rows", "bytes"))


@dataclass(slots=True)
class _Output:
    """One output on its way: its author, and each agency's latest approval by whom."""

    author: bytes | None = None
    votes: dict[str, bytes | None] = field(default_factory=dict)
    released: bool = False


class Outputs:
    """A release has the vote of every agency and not its author's; nothing else is downloaded."""

    def __init__(self) -> None:
        self._outputs: dict[str, _Output] = {}
        self._wrong = Findings()
        self._left = Findings()
        self._releases = self._beyond = 0
        self.removed = False

    def take(self, index: int, facts: Facts) -> None:
        """Learn from one event."""
        action, place = facts[2], f"entry {index:,}"
        try:
            detail, agencies = strict_json(facts[9]), strict_json(facts[4])
        except ValueError:
            self._wrong.add(f"{place}: its detail cannot be read")
            return
        output = self._outputs.setdefault(str(detail.get("request")), _Output())
        if action == b"output.submitted":
            output.author = facts[1]
        elif detail.get("decision") is not None:
            # A later decision of the same agency replaces its earlier one.
            approves = detail["decision"] == "approve" and facts[3] == b"allowed"
            output.votes[str(detail.get("agency"))] = facts[1] if approves else None
        elif action == b"output.released":
            self._releases += 1
            output.released = True
            self._check_release(place, output, agencies)
        elif action == b"output.downloaded" and not output.released:
            if self.removed and output.author is None:
                self._beyond += 1
            else:
                self._left.add(f"{place}: downloaded, and not released before")

    def _check_release(self, place: str, output: _Output, agencies: list[Any]) -> None:
        if self.removed and output.author is None:
            self._beyond += 1  # how it came to be released was removed with its submission
            return
        missing = [str(agency) for agency in agencies if not output.votes.get(agency)]
        if missing or not agencies:
            lacking = ", ".join(missing) or "any agency"
            self._wrong.add(f"{place}: released without the vote of {lacking}")
        if output.author is None:
            self._wrong.add(f"{place}: released without having been submitted")
        elif output.author in output.votes.values():
            self._wrong.add(f"{place}: its author voted on it")

    def checks(self) -> tuple[Check, ...]:
        """Return the answers."""
        notes = _beyond(self._beyond, "releases and downloads", "submissions")
        return (
            self._wrong.answer(
                "Does each release have the vote of every agency, and not its author's?",
                f"yes, {self._releases:,} releases",
                notes,
            ),
            self._left.answer("Was nothing downloaded that was not released?", "nothing was"),
        )


def _beyond(count: int, what: str, of: str) -> tuple[str, ...]:
    if not count:
        return ()
    return (f"{count:,} {what} could not be judged: retention removed the texts of their {of}",)


def _name(intent: bytes) -> str:
    return intent.decode(errors="replace")
