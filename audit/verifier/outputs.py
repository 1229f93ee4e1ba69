"""Each release has every agency's vote and not its author's; nothing else is downloaded.

Where retention has removed the text of a submission it says how much could no longer be judged; it
never takes the removed for granted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from audit.verifier.checks import Check, Findings
from audit.verifier.facts import Facts, strict_json
from audit.verifier.queries import beyond


@dataclass(slots=True)
class _Output:
    """One output on its way: its author, and each agency's latest approval by whom."""

    author: bytes | None = None
    agencies: set[str] = field(default_factory=set)  # as it was submitted: a release needs them all
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
            output.agencies = set(map(str, agencies))
            output.votes.clear()  # they were on something else
        elif action == b"output.withdrawn":
            output.votes.clear()
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
        needed = sorted(output.agencies.union(map(str, agencies)))
        missing = [agency for agency in needed if not output.votes.get(agency)]
        if missing or not agencies:
            lacking = ", ".join(missing) or "any agency"
            self._wrong.add(f"{place}: released without the vote of {lacking}")
        if output.author is None:
            self._wrong.add(f"{place}: released without having been submitted")
        elif output.author in output.votes.values():
            self._wrong.add(f"{place}: its author voted on it")

    def checks(self) -> tuple[Check, ...]:
        """Return the answers."""
        notes = beyond(self._beyond, "releases and downloads", "submissions")
        return (
            self._wrong.answer(
                "Does each release have the vote of every agency, and not its author's?",
                f"yes, {self._releases:,} releases",
                notes,
            ),
            self._left.answer("Was nothing downloaded that was not released?", "nothing was"),
        )
