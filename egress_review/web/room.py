"""What every page of the review site shares: names, words for states, ages and whose turn it is.

Reads the people and agencies once a page, whatever number of requests it lists. Decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from egress_review.model import OutputFile, Request, State
from egress_review.service import ReviewService
from enclave.model import Agency, Person
from enclave.web.tables import Cell

Tone = Literal["neutral", "info", "good", "warn", "bad"]
TONES: Mapping[State, Tone] = {
    State.SUBMITTED: "neutral",
    State.PROTECTED: "info",
    State.RETURNED: "warn",
    State.REPLACED: "neutral",
    State.APPROVED: "good",
    State.RELEASED: "good",
    State.REJECTED: "bad",
    State.WITHDRAWN: "neutral",
    State.REFUSED: "warn",
}
IN_WORDS: Mapping[State, str] = {
    State.SUBMITTED: "being checked",
    State.PROTECTED: "in review",
    State.RETURNED: "changes asked for",
    State.REPLACED: "replaced",
    State.APPROVED: "approved",
    State.RELEASED: "released",
    State.REJECTED: "rejected",
    State.WITHDRAWN: "withdrawn",
    State.REFUSED: "refused",
}
TURN: Mapping[State, str] = {
    State.SUBMITTED: "the checker",
    State.PROTECTED: "the reviewers",
    State.RETURNED: "the researcher",
    State.APPROVED: "egress review, which writes the release",
}
"""Who has to do something next; a state that is not here is closed."""

_REFUSED = re.compile(
    r"(?P<sentence>.*?) \[(?P<code>[a-z.-]+)\]"
    r"(?: Clause: (?P<clause>.*?)\.(?= |$))?(?: (?P<hint>.*))?",
    re.DOTALL,
)

SOON = 24 * 60 * 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Names:
    """What people and agencies are called."""

    people: Mapping[str, Person]
    agencies: Mapping[str, Agency]

    def person(self, id: str) -> str:
        """Return a person's name, or the id of one who is gone."""
        return self.people[id].name if id in self.people else id

    def agency(self, id: str) -> str:
        """Return an agency's name."""
        return self.agencies[id].name if id in self.agencies else id

    def listed(self, ids: Sequence[str]) -> str:
        """Return agencies by their short names, as lists show them."""
        return ", ".join(id.upper() for id in ids)


def names_of(service: ReviewService) -> Names:
    """Read everyone's names."""
    return Names(service.control.people(), service.control.agencies())


def state_cell(request: Request) -> Cell:
    """Return a request's state as a tag."""
    return Cell(IN_WORDS[request.state], tone=TONES[request.state])


def is_changed(file: OutputFile) -> bool:
    """Say whether a file's numbers were rounded, noised or drawn instead of hidden."""
    return file.summary.get("method", "suppress") != "suppress"


def refusal(told: str) -> dict[str, str | None] | None:
    """Return what a refused request was told, in its parts; none for one that was not refused."""
    if not told:
        return None
    found = _REFUSED.fullmatch(told)
    empty = {"sentence": told, "code": None, "clause": None, "hint": None}
    return found.groupdict() if found else empty


def due_cell(request: Request) -> Cell | None:
    """Return by when reviewers should decide, in words: what is overdue says so."""
    if request.due_at is None or request.state is not State.PROTECTED:
        return None
    left = (request.due_at - datetime.now(UTC)).total_seconds()
    day = f"{request.due_at:%Y-%m-%d}"
    if left < 0:
        return Cell(f"overdue by {lasting(-left)}", tone="bad", note=day)
    soon: Tone = "warn" if left < SOON else "neutral"
    return Cell(f"in {lasting(left)}", tone=soon, note=day)


def age(since: datetime) -> str:
    """Return how long ago something was, in the largest unit that says enough."""
    passed = (datetime.now(UTC) - since).total_seconds()
    return "just now" if passed < 60 else f"{lasting(passed)} ago"


def lasting(seconds: float) -> str:
    """Return a time span in the largest unit that says enough: 3 days, 2 hours."""
    minutes = int(seconds // 60)
    for size, unit in ((24 * 60, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size:
            count = minutes // size
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "less than a minute"
