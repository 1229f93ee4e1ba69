"""What reviewers do to a request: look, comment, ask for changes, find fit or not, and vote.

Every act but a comment is bound to the hash of exactly what was shown. An act that was late, was
made twice, or met another at the same time is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from egress_review import permissions, policy, store
from egress_review.model import Comment, Opinion, Request, Vote
from egress_review.notices import Notice
from egress_review.permissions import Check
from egress_review.policy import Act
from egress_review.releasing import Releasing, check_found_fit
from egress_review.submission import cleaned
from egress_review.transactions import now
from enclave.errors import Conflict, Invalid, NotFound
from enclave.events import Action, Verdict
from enclave.model import Person

MOST_COMMENT = 2_000


@dataclass(frozen=True, slots=True)
class Ballot:
    """A decision as cast, on the version `shown`; `ticked` is what unverified files need."""

    approve: bool
    shown: str
    comment: str = ""
    ticked: bool = False


class Reviewing(Releasing):
    """The reviewers' verbs."""

    def view_raw(self, person: Person, request: Request, *, file: int = 1) -> tuple[bytes, bytes]:
        """Return a file's (unprotected, protected) bytes to a reviewer, once audit knows of it."""
        permissions.check_see_raw(person, request)
        if not 1 <= file <= len(request.files):
            raise NotFound("This request has no such file.")
        name = request.files[file - 1].name
        event = self._event(
            Action.OUTPUT_VIEWED, request, person.id, shown=request.shown, file=name
        )
        self.audit.append(event)
        shown = self._shown(request)[file - 1]
        return shown.full, shown.content

    def comment(self, person: Person, id: str, text: str, *, private: bool = False) -> None:
        """Say something to everyone who may see the request, or to its reviewers alone."""
        request = self.reviews.request(id)
        check = permissions.check_speak_privately if private else permissions.check_see
        check(person, request)
        said = Comment(id, person.id, cleaned(text, "comment", MOST_COMMENT), now(), private)
        event = self._event(
            Action.OUTPUT_COMMENTED,
            request,
            person.id,
            characters=len(said.text),
            private=private,
        )
        with self._record(event, id) as connection:
            held = _hold(connection, id, person, check)
            policy.next_state(held.state, Act.COMMENT)
            _check_new(connection, said)
            store.add_comment(connection, said)
            hears = self._reviewers(held) | (set() if private else {held.person})
            opinions = store.read_opinions(connection, id)
            if permissions.is_blind(person, held, opinions):  # that one spoke is a sign too
                hears -= set(held.checkers)
            self._tell(connection, held, Notice.COMMENT, hears - {person.id})

    def ask_for_changes(self, person: Person, id: str, reason: str, *, shown: str) -> Request:
        """Send the request back to who made it, with what should change in the version `shown`.

        Raises `Conflict` when that is not the version in review, or it is no longer in review.
        """
        request = self.reviews.request(id)
        permissions.check_return(person, request)
        text = cleaned(reason, "reason", MOST_COMMENT)
        said = Comment(id, person.id, text, now(), asks_for_changes=True)
        event = self._event(
            Action.OUTPUT_RETURNED, request, person.id, agency=person.agency, shown=shown
        )
        with self._record(event, id) as connection:
            held = _hold(connection, id, person, permissions.check_return)
            policy.next_state(held.state, Act.RETURN)
            self._check_shown(held, shown)
            store.add_comment(connection, said)
            return self._move(connection, held, Act.RETURN)

    def find(self, person: Person, id: str, *, fit: bool, shown: str, text: str = "") -> None:
        """Give an output checker's own finding; nobody else reads it until all are in.

        Raises `Conflict` when it is given already, or of another version than the one in review.
        """
        request = self.reviews.request(id)
        permissions.check_find(person, request)
        said = cleaned(text, "opinion", MOST_COMMENT, may_be_empty=fit)
        opinion = Opinion(id, person.id, fit, said, shown, now())
        event = self._event(Action.OUTPUT_CHECKED, request, person.id, shown=shown)
        with self._record(event, id) as connection:
            held = _hold(connection, id, person, permissions.check_find)
            policy.next_state(held.state, Act.CHECK)
            self._check_shown(held, shown)
            store.add_opinion(connection, opinion)

    def vote(self, person: Person, id: str, ballot: Ballot) -> Request:
        """Decide for one's agency on exactly the bytes with the hash the ballot names.

        Raises `Conflict` when they are not the request's, when the agency has decided, or when
        the request is no longer in review; `Invalid` when a file that could not be recomputed would
        be approved without the reviewer saying that they looked at it.
        """
        request = self.reviews.request(id)
        permissions.check_vote(person, request)
        vote = _vote(person, request, ballot)
        approve, shown = vote.approve, vote.shown
        action = Action.OUTPUT_VOTED if approve else Action.OUTPUT_REJECTED
        verdict = Verdict.ALLOWED if approve else Verdict.DENIED
        detail = {"agency": vote.agency, "decision": "approve" if approve else "reject"}
        event = self._event(action, request, person.id, verdict=verdict, shown=shown, **detail)
        with self._record(event, id) as connection:
            held = _hold(connection, id, person, permissions.check_vote)
            policy.next_state(held.state, Act.VOTE)
            self._check_shown(held, shown)
            if approve:
                check_found_fit(held, store.read_opinions(connection, id))
            store.add_vote(connection, vote)
            decided = self._decide(connection, held, vote)
        return self._release_if_approved(decided)

    def _decide(self, connection: Connection, request: Request, vote: Vote) -> Request:
        """Move the request if this vote settles it: one no, or a yes of every agency."""
        if not vote.approve:
            return self._move(connection, request, Act.REJECT)
        if waiting_for(request, store.read_votes(connection, request.id)):
            return request
        return self._move(connection, request, Act.APPROVE)


def waiting_for(request: Request, votes: tuple[Vote, ...]) -> tuple[str, ...]:
    """Return the agencies that have not decided yet."""
    return tuple(sorted(set(request.agencies) - {vote.agency for vote in votes}))


def _hold(connection: Connection, id: str, person: Person, check: Check) -> Request:
    """Lock a request for one act, which the agreement may have forbidden while this waited."""
    held = store.hold(connection, id)
    check(person, held)
    return held


def _vote(person: Person, request: Request, ballot: Ballot) -> Vote:
    assert person.agency is not None  # `check_vote` found it among the request's
    if ballot.approve and request.unverified and not ballot.ticked:
        raise Invalid(
            "Part of this output could not be recomputed: say that you have looked at it yourself.",
            hint="Tick the box beside your decision once you have read those files.",
        )
    said = cleaned(ballot.comment, "reason", MOST_COMMENT, may_be_empty=ballot.approve)
    return Vote(
        request=request.id,
        agency=person.agency,
        person=person.id,
        approve=ballot.approve,
        comment=said,
        shown=ballot.shown,
        at=now(),
        ticked=ballot.ticked,
    )


def _check_new(connection: Connection, said: Comment) -> None:
    """Refuse the very words a person said last: a form sent twice."""
    mine = [
        one for one in store.read_comments(connection, said.request) if one.person == said.person
    ]
    if mine and (mine[-1].text, mine[-1].private) == (said.text, said.private):
        raise Conflict("You have said just this already.")
