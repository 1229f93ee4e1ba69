"""What has been said of a request, over all its versions, to whoever may read it.

A private comment is never its author's to read, and an output checker's opinion nobody's but their
own until all that the agreement asks for are in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from egress_review import permissions
from egress_review.model import Opinion, Request
from egress_review.transactions import Transactions
from enclave.model import Person

MOST_ROUNDS = 100


class Manner(StrEnum):
    """As what something was said."""

    COMMENT = "comment"
    PRIVATE = "private"
    CHANGES = "changes"
    VOTE = "vote"
    OPINION = "opinion"


@dataclass(frozen=True, slots=True)
class Said:
    """One remark; `round` counts the versions from 1; `yes` is what a vote or an opinion says."""

    round: int
    request: str
    person: str
    manner: Manner
    text: str
    at: datetime
    yes: bool | None = None


class Conversing(Transactions):
    """Reading the discussion."""

    def rounds(self, person: Person, id: str) -> tuple[Request, ...]:
        """Return the versions of a request that a person may see, oldest first.

        Raises `NotFound` unless they may see the one they ask by.
        """
        permissions.check_see(person, self.reviews.request(id))
        return tuple(one for one in self.chain(id) if permissions.may_see(person, one))

    def chain(self, id: str) -> tuple[Request, ...]:
        """Return every version of a request, oldest first. Raises `NotFound`."""
        found = [self.reviews.request(id)]
        while found[0].replaces and len(found) < MOST_ROUNDS:
            found.insert(0, self.reviews.request(found[0].replaces))
        while len(found) < MOST_ROUNDS and (newer := self.reviews.replacing(found[-1].id)):
            found.append(newer[-1])  # those before it were refused
        return tuple(found)

    def thread(self, person: Person, id: str) -> tuple[Said, ...]:
        """Return all that was said over the versions and that a person may read, oldest first."""
        permissions.check_see(person, self.reviews.request(id))
        said = [
            one
            for number, request in enumerate(self.chain(id), start=1)
            if permissions.may_see(person, request)
            for one in self._said(number, request, person)
        ]
        return tuple(sorted(said, key=lambda one: one.at))

    def opinions(self, person: Person, request: Request) -> tuple[Opinion, ...]:
        """Return the output checkers' opinions a person may read: their own, or all once in."""
        if not permissions.may_speak_privately(person, request):
            return ()
        given = self.reviews.opinions(request.id)
        if len(given) >= request.checkers_needed:
            return given
        return tuple(one for one in given if one.person == person.id)

    def _said(self, number: int, request: Request, person: Person) -> Iterator[Said]:
        privy = permissions.may_speak_privately(person, request)
        is_blind = permissions.is_blind(person, request, self.reviews.opinions(request.id))
        unread = set(request.checkers) - {person.id} if is_blind else set()
        for one in self.reviews.comments(request.id):
            if (one.private and not privy) or one.person in unread:
                continue
            manner = Manner.PRIVATE if one.private else Manner.COMMENT
            manner = Manner.CHANGES if one.asks_for_changes else manner
            yield Said(number, request.id, one.person, manner, one.text, one.at)
        for vote in self.reviews.votes(request.id):
            said = (vote.person, Manner.VOTE, vote.comment, vote.at, vote.approve)
            yield Said(number, request.id, *said)
        for opinion in self.opinions(person, request):
            told = (opinion.person, Manner.OPINION, opinion.text, opinion.at, opinion.fit)
            yield Said(number, request.id, *told)
