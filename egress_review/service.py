"""The verbs of egress review: submit, vote, comment, withdraw, view, download; and recover.

Every change is one transaction with its audit event. Asks `permissions` who may and `policy` in
which state. Never shows an unprotected byte without an event, never releases without every vote.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection

from egress_review import partitions, permissions, policy, store
from egress_review.certificate import PROVED, release_certificate, with_proofs
from egress_review.checking import Checker, Finding
from egress_review.custody import Custody, Piece
from egress_review.ledger import dump, load
from egress_review.model import Comment, Request, State, Vote
from egress_review.policy import Act
from egress_review.read import MOST_BYTES, safe_name
from egress_review.sdc.certificate import as_json
from egress_review.store import ReviewStore
from enclave.errors import Conflict, EnclaveError, Invalid, NotFound, Unavailable
from enclave.events import Action, Event, Receipt, Scalar, Verdict
from enclave.model import Person, Session
from enclave.settings import Settings
from enclave.store import Appends, ControlStore

log = logging.getLogger(__name__)

CERTIFICATE = "certificate.json"
DOWNLOAD_DAYS = 30
MOST_TITLE, MOST_CONTEXT, MOST_COMMENT = 200, 5_000, 2_000


@dataclass(frozen=True, slots=True)
class Submission:
    """What a researcher hands in; `content` is the file's bytes."""

    title: str
    context: str
    filename: str
    queries: tuple[str, ...]
    content: bytes


class Proves(Appends, Protocol):
    """An audit that also proves what it has given a receipt for: the audit client."""

    def prove(self, receipt: Receipt) -> str:
        """Return a proof (tlog-proof), or raise `AuditUnavailable` or `AuditRefused`."""
        ...


class _Noting:
    """An audit that also notes each receipt inside the transaction that waits for it."""

    def __init__(self, audit: Appends, request: str):
        self._audit, self._request = audit, request
        self.connection: Connection | None = None

    def append(self, event: Event) -> Receipt:
        receipt = self._audit.append(event)
        assert self.connection is not None
        store.add_receipt(self.connection, self._request, event.action, receipt)
        return receipt


class ReviewService:
    """Everything that can happen to a request. Safe to call from many threads."""

    def __init__(self, settings: Settings, control: ControlStore, audit: Proves):
        self.control, self.audit = control, audit
        self.reviews = ReviewStore(control.engine)
        self.custody = Custody(settings)
        self.checker = Checker(settings, control, self.reviews, self.custody)
        # Two tables checked at once would not know of each other, whatever projects they are of.
        self._turn = threading.Lock()

    # The researcher's side ---------------------------------------------------------------------

    def submit(self, session: Session, submission: Submission) -> Request:
        """Store, check and protect an output; the request returned is in review or refused.

        Raises `EnclaveError` for what is not even a submission; that leaves no request.
        """
        try:
            request = _new_request(session, submission)
        except EnclaveError as error:
            self.audit.append(_refused_unread(session, error))
            raise
        self.custody.keep(request.id, Piece.RAW, submission.content)
        self.custody.keep(request.id, Piece.SALT, secrets.token_bytes(32))
        commitment = self.custody.commit(request.id, submission.content)
        event = self._event(Action.OUTPUT_SUBMITTED, request, session.person, commitment=commitment)
        with self._record(event, request.id) as connection:
            store.add_request(connection, request)
        return self._check(request)

    def withdraw(self, person: Person, id: str) -> Request:
        """Take a request back. Raises `NotFound`, `Denied` or `Conflict`."""
        request = self.reviews.request(id)
        permissions.check_withdraw(person, request)
        event = self._event(Action.OUTPUT_WITHDRAWN, request, person.id)
        with self._record(event, id) as connection:
            return _move(connection, store.hold(connection, id), Act.WITHDRAW)

    # The reviewers' side -----------------------------------------------------------------------

    def view_raw(self, person: Person, request: Request) -> tuple[bytes, bytes]:
        """Return (unprotected, protected) bytes for a reviewer, once audit knows of it."""
        permissions.check_see_raw(person, request)
        event = self._event(Action.OUTPUT_VIEWED, request, person.id, shown=request.shown)
        self.audit.append(event)
        return self._shown(request)

    def comment(self, person: Person, id: str, text: str) -> None:
        """Say something to everyone who may see the request."""
        request = self.reviews.request(id)
        permissions.check_see(person, request)
        said = Comment(id, person.id, _text(text, "comment", MOST_COMMENT), _now())
        event = self._event(Action.OUTPUT_COMMENTED, request, person.id, characters=len(said.text))
        with self._record(event, id) as connection:
            held = store.hold(connection, id)
            policy.next_state(held.state, Act.COMMENT)
            store.add_comment(connection, said)

    def vote(
        self, person: Person, id: str, *, approve: bool, shown: str, comment: str = ""
    ) -> Request:
        """Decide for one's agency on exactly the bytes with the hash `shown`.

        Raises `Conflict` when they are not the request's, when the agency has decided, or when
        the request is no longer in review.
        """
        request = self.reviews.request(id)
        permissions.check_vote(person, request)
        vote = _vote(person, id, approve=approve, shown=shown, comment=comment)
        action = Action.OUTPUT_VOTED if approve else Action.OUTPUT_REJECTED
        verdict = Verdict.ALLOWED if approve else Verdict.DENIED
        detail = {"agency": vote.agency, "decision": "approve" if approve else "reject"}
        event = self._event(action, request, person.id, verdict=verdict, shown=shown, **detail)
        with self._record(event, id) as connection:
            held = store.hold(connection, id)
            policy.next_state(held.state, Act.VOTE)
            self._check_shown(held, shown)
            store.add_vote(connection, vote)
            decided = _decide(connection, held, vote)
        return self._release_if_approved(decided)

    # Release -----------------------------------------------------------------------------------

    def download(self, person: Person, id: str, name: str) -> tuple[str, bytes]:
        """Return (file name, bytes) of a released file: the table or its certificate."""
        request = self.reviews.request(id)
        permissions.check_download(person, request)
        policy.next_state(request.state, Act.DOWNLOAD)
        if _now() > available_until(request):
            raise Conflict("The time to download this release is over.")
        if name not in (request.filename, CERTIFICATE):
            raise NotFound("There is no such released file.")
        content = self.custody.released(id, name)
        if name == CERTIFICATE:
            content = with_proofs(content, self._proofs(id))
        sha256 = hashlib.sha256(content).hexdigest()
        event = self._event(Action.OUTPUT_DOWNLOADED, request, person.id, file=name, sha256=sha256)
        self.audit.append(event)
        return name, content

    def _proofs(self, id: str) -> list[tuple[str, Receipt, str]]:
        """Return the proofs of the votes and of the release, under the newest checkpoint."""
        steps = [step for step in self.reviews.receipts(id) if step[0] in PROVED]
        return [(action, receipt, self.audit.prove(receipt)) for action, receipt in steps]

    def recover(self) -> None:
        """Finish what a crash interrupted: check what was stored, release what was approved."""
        self.custody.strays(frozenset(request.id for request in self.reviews.requests()))
        for request in self.reviews.requests(states={State.SUBMITTED}):
            self._check(request)
        self.finish_releases()

    def finish_releases(self) -> None:
        """Release whatever every agency has approved and no release was written of."""
        for request in self.reviews.requests(states={State.APPROVED}):
            self._release_if_approved(request)

    # Inside ------------------------------------------------------------------------------------

    def _check(self, request: Request) -> Request:
        with self._turn:
            try:
                finding = self.checker.check(request)
            except EnclaveError as error:
                return self._refuse(request, error)
            return self._accept(request, finding)

    def _refuse(self, request: Request, error: EnclaveError) -> Request:
        event = self._event(
            Action.OUTPUT_REFUSED, request, request.person, verdict=Verdict.DENIED, code=error.code
        )
        with self._record(event, request.id) as connection:
            held = store.hold(connection, request.id)
            return _move(connection, replace(held, sentence=error.explain()), Act.REFUSE)

    def _accept(self, request: Request, finding: Finding) -> Request:
        protected = finding.protected
        self.custody.keep(request.id, Piece.PROTECTED, protected.content)
        self.custody.keep(request.id, Piece.FULL, protected.full)
        self.custody.keep(request.id, Piece.LEDGER, dump(protected.entry))
        self.custody.keep(request.id, Piece.PARTITIONS, partitions.dump(finding.kept))
        self.custody.keep(request.id, Piece.ROWS, partitions.dump_rows(finding.kept))
        conflicts = json.dumps([[one.request, one.persons] for one in finding.conflicts])
        self.custody.keep(request.id, Piece.CONFLICTS, conflicts.encode())
        found = replace(
            request,
            agencies=finding.agencies,
            views=finding.views,
            persons=finding.persons,
            shown=self.custody.commit(request.id, protected.full, protected.content),
            summary=_summary(finding, self._suppression(request, finding)),
        )
        event = replace(
            self._event(Action.OUTPUT_PROTECTED, found, request.person),
            detail={"request": request.id, **found.summary},
            columns=finding.columns,
            verdict=Verdict.REWRITTEN if protected.entry.table.hidden else Verdict.ALLOWED,
        )
        with self._record(event, request.id) as connection:
            held = store.hold(connection, request.id)
            return _move(connection, replace(found, state=held.state), Act.PROTECT)

    def _suppression(self, request: Request, finding: Finding) -> str:
        plain = json.dumps(as_json(finding.protected.certificate), sort_keys=True)
        return self.custody.commit(request.id, plain.encode())

    def _shown(self, request: Request) -> tuple[bytes, bytes]:
        full = self.custody.open(request.id, Piece.FULL)
        protected = self.custody.open(request.id, Piece.PROTECTED)
        if not secrets.compare_digest(
            self.custody.commit(request.id, full, protected), request.shown
        ):
            raise Unavailable("The files of this request are not the ones it was made with.")
        return full, protected

    def _check_shown(self, request: Request, shown: str) -> None:
        self._shown(request)
        if not secrets.compare_digest(request.shown.encode(), shown.encode()):
            raise Conflict(
                "Your decision was for another version than the one in review.",
                hint="Open the request again and decide on what it shows now.",
            )

    def _release_if_approved(self, request: Request) -> Request:
        """Write the release; if that fails now the votes stand and `finish_releases` does it."""
        if request.state is not State.APPROVED:
            return request
        try:
            return self._release(request)
        except EnclaveError as error:
            log.warning("release of %s waits: %s", request.id, error.sentence)
            return request

    def _release(self, request: Request) -> Request:
        _, content = self._shown(request)
        certificate = release_certificate(
            request,
            content=content,
            votes=self.reviews.votes(request.id),
            receipts=self.reviews.receipts(request.id),
        )
        files = {request.filename: content, CERTIFICATE: certificate}
        self.custody.release(request.id, files)
        sha256 = hashlib.sha256(content).hexdigest()
        event = self._event(Action.OUTPUT_RELEASED, request, "egress", sha256=sha256)
        with self._record(event, request.id) as connection:
            held = store.hold(connection, request.id)
            votes = store.read_votes(connection, request.id)
            _check_everyone_agreed(held, votes)
            return _move(connection, held, Act.RELEASE)

    @contextmanager
    def _record(self, event: Event, request: str) -> Iterator[Connection]:
        noting = _Noting(self.audit, request)
        with self.control.record(noting, event) as connection:
            noting.connection = connection
            yield connection

    def _event(
        self,
        action: Action,
        request: Request,
        actor: str,
        *,
        verdict: Verdict = Verdict.ALLOWED,
        **detail: Scalar,
    ) -> Event:
        views = {view.name: view for view in self.control.policy(request.project).views}
        return Event(
            action=action,
            actor=actor,
            verdict=verdict,
            project=request.project,
            agencies=request.agencies,
            datasets=tuple(sorted({views[v].dataset for v in request.views if v in views})),
            clause=self.control.policy(request.project).agreement,
            session=request.session,
            detail={"request": request.id, **detail},
        )


def available_until(request: Request) -> datetime:
    """Return when the download of a release ends."""
    return request.changed_at + timedelta(days=DOWNLOAD_DAYS)


def waiting_for(request: Request, votes: tuple[Vote, ...]) -> tuple[str, ...]:
    """Return the agencies that have not decided yet."""
    return tuple(sorted(set(request.agencies) - {vote.agency for vote in votes}))


def _move(connection: Connection, request: Request, act: Act) -> Request:
    moved = replace(request, state=policy.next_state(request.state, act), changed_at=_now())
    store.change(connection, moved)
    return moved


def _decide(connection: Connection, request: Request, vote: Vote) -> Request:
    """Move the request if this vote settles it: one no, or a yes of every agency."""
    if not vote.approve:
        return _move(connection, request, Act.REJECT)
    votes = store.read_votes(connection, request.id)
    if waiting_for(request, votes):
        return request
    return _move(connection, request, Act.APPROVE)


def _check_everyone_agreed(request: Request, votes: tuple[Vote, ...]) -> None:
    """Refuse a release that is not, vote by vote, what every agency agreed to."""
    yes = {vote.agency for vote in votes if vote.approve and vote.shown == request.shown}
    authors = any(vote.person == request.person for vote in votes)
    if not request.agencies or yes != set(request.agencies) or authors:
        raise Conflict("Not every agency has approved exactly this output.")


def _new_request(session: Session, submission: Submission) -> Request:
    if len(submission.content) > MOST_BYTES:
        raise Invalid(f"The file is larger than {MOST_BYTES:,} bytes.", hint="Submit it in parts.")
    now = _now()
    return Request(
        id=secrets.token_hex(8),
        project=session.project,
        person=session.person,
        session=session.id,
        title=_text(submission.title, "title", MOST_TITLE),
        context=_text(submission.context, "context", MOST_CONTEXT, may_be_empty=True),
        filename=safe_name(submission.filename),
        queries=tuple(dict.fromkeys(submission.queries)),
        state=State.SUBMITTED,
        submitted_at=now,
        changed_at=now,
    )


def _text(text: str, what: str, most: int, *, may_be_empty: bool = False) -> str:
    clean = "".join(c for c in text if c.isprintable() or c == "\n").strip()
    if len(clean) > most or not (clean or may_be_empty):
        raise Invalid(f"The {what} must have between 1 and {most:,} characters.")
    return clean


def _vote(person: Person, id: str, *, approve: bool, shown: str, comment: str) -> Vote:
    assert person.agency is not None  # `check_vote` found it among the request's
    said = _text(comment, "reason", MOST_COMMENT, may_be_empty=approve)
    return Vote(id, person.agency, person.id, approve, said, shown, _now())


def _refused_unread(session: Session, error: EnclaveError) -> Event:
    return Event(
        action=Action.OUTPUT_REFUSED,
        actor=session.person,
        verdict=Verdict.DENIED,
        project=session.project,
        session=session.id,
        detail={"code": error.code},
    )


def _summary(finding: Finding, suppression: str) -> dict[str, Scalar]:
    entry = finding.protected.entry
    reasons = Counter(reason for found in entry.reasons.values() for reason in found)
    return {
        "rows": len(entry.table.cells),
        "hidden": len(entry.table.hidden),
        "primary": len(entry.table.primary),
        "complementary": finding.protected.complementary,
        "optimal": finding.protected.optimal,
        "suppression_commitment": suppression,
        **{f"reason {name}": count for name, count in sorted(reasons.items())},
        **asdict(finding.rules),
    }


def suppressed_rows(service: ReviewService, request: Request) -> list[dict[str, object]]:
    """Return, for who submitted it, each hidden row's labels and why it is hidden."""
    entry = load(service.custody.open(request.id, Piece.LEDGER))
    return [
        {
            "row": [
                part.removeprefix("=") if place in cell.level else "(total)"
                for place, part in enumerate(cell.key)
            ],
            "why": list(entry.reasons.get(index, ("complementary",))),
        }
        for index, cell in enumerate(entry.table.cells)
        if index in entry.table.hidden
    ]


def conflicts(service: ReviewService, request: Request) -> list[tuple[Request | None, int]]:
    """Return, for reviewers only, (earlier request, persons it would have given away).

    None stands for several earlier requests together. They may be of other projects.
    """
    found = json.loads(service.custody.open(request.id, Piece.CONFLICTS))
    return [(service.reviews.request(id) if id else None, persons) for id, persons in found]


def _now() -> datetime:
    return datetime.now(UTC)
