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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection

from egress_review import partitions, permissions, policy, store
from egress_review.certificate import PROVED, digest, release_certificate, with_proofs
from egress_review.checking import Checked, Checker, Finding
from egress_review.custody import Custody, Piece
from egress_review.ledger import dump, load
from egress_review.model import Comment, Request, State, Vote
from egress_review.policy import Act
from egress_review.sdc.certificate import as_json
from egress_review.store import ReviewStore
from egress_review.submission import CERTIFICATE, Submission, cleaned, new_request
from enclave.errors import Conflict, EnclaveError, NotFound, Unavailable
from enclave.events import Action, Event, Receipt, Scalar, Verdict
from enclave.model import DisclosureRules, Person, Session
from enclave.settings import Settings
from enclave.store import Appends, ControlStore

log = logging.getLogger(__name__)

DOWNLOAD_DAYS = 30
MOST_COMMENT = 2_000


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
            request = new_request(session, submission)
        except EnclaveError as error:
            self.audit.append(_refused_unread(session, error))
            raise
        contents = [handed.content for handed in submission.files]
        for number, content in enumerate(contents, start=1):
            self.custody.keep(request.id, Piece.RAW, content, file=number)
        self.custody.keep(request.id, Piece.SALT, secrets.token_bytes(32))
        commitment = self.custody.commit(request.id, *contents)
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
        return self._shown(request)[file - 1]

    def comment(self, person: Person, id: str, text: str) -> None:
        """Say something to everyone who may see the request."""
        request = self.reviews.request(id)
        permissions.check_see(person, request)
        said = Comment(id, person.id, cleaned(text, "comment", MOST_COMMENT), _now())
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
        """Return (file name, bytes) of a released file, or of the certificate."""
        request = self.reviews.request(id)
        permissions.check_download(person, request)
        policy.next_state(request.state, Act.DOWNLOAD)
        if _now() > available_until(request):
            raise Conflict("The time to download this release is over.")
        if name not in released_names(request):
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
        for number, checked in enumerate(finding.files, start=1):
            self._keep(request, number, checked)
        summaries = [self._summary(request, checked) for checked in finding.files]
        found = replace(
            request,
            files=tuple(
                replace(
                    one,
                    standing=checked.standing,
                    persons=checked.persons,
                    notes=checked.notes,
                    summary=summary,
                )
                for one, checked, summary in zip(
                    request.files, finding.files, summaries, strict=True
                )
            ),
            agencies=finding.agencies,
            views=finding.views,
            persons=max(checked.persons for checked in finding.files),
            summary=_together(summaries, finding.rules),
        )
        pairs = [(checked.full, checked.content) for checked in finding.files]
        found = replace(found, shown=self._commitment(found, pairs))
        rewritten = bool(found.summary["hidden"])
        event = replace(
            self._event(Action.OUTPUT_PROTECTED, found, request.person),
            detail={"request": request.id, "files": len(found.files), **found.summary},
            columns=finding.columns,
            verdict=Verdict.REWRITTEN if rewritten else Verdict.ALLOWED,
        )
        with self._record(event, request.id) as connection:
            held = store.hold(connection, request.id)
            return _move(connection, replace(found, state=held.state), Act.PROTECT)

    def _keep(self, request: Request, number: int, checked: Checked) -> None:
        """Seal what a file's review, and every later check, will need."""
        pieces = {Piece.PROTECTED: checked.content, Piece.FULL: checked.full}
        if checked.table is not None:
            conflicts = [[one.request, one.persons] for one in checked.table.conflicts]
            pieces |= {
                Piece.LEDGER: dump(checked.table.protected.entry),
                Piece.PARTITIONS: partitions.dump(checked.table.kept),
                Piece.ROWS: partitions.dump_rows(checked.table.kept),
                Piece.CONFLICTS: json.dumps(conflicts).encode(),
            }
        for piece, content in pieces.items():
            self.custody.keep(request.id, piece, content, file=number)

    def _summary(self, request: Request, checked: Checked) -> dict[str, Scalar]:
        if checked.table is None:
            return {}
        protected = checked.table.protected
        entry = protected.entry
        reasons = Counter(reason for found in entry.reasons.values() for reason in found)
        plain = json.dumps(as_json(protected.certificate), sort_keys=True)
        return {
            "rows": len(entry.table.cells),
            "hidden": len(entry.table.hidden),
            "primary": len(entry.table.primary),
            "complementary": protected.complementary,
            "optimal": protected.optimal,
            "suppression_commitment": self.custody.commit(request.id, plain.encode()),
            **{f"reason {name}": count for name, count in sorted(reasons.items())},
        }

    def _commitment(self, request: Request, pairs: Sequence[tuple[bytes, bytes]]) -> str:
        """Return the salted hash of all that a reviewer decides on: the files, and what is said."""
        contents = (content for pair in pairs for content in pair)
        return self.custody.commit(request.id, statement(request), *contents)

    def _shown(self, request: Request) -> list[tuple[bytes, bytes]]:
        """Return each file's (unprotected, protected) bytes, if all are what was put in review."""
        pairs = [
            (
                self.custody.open(request.id, Piece.FULL, file=number),
                self.custody.open(request.id, Piece.PROTECTED, file=number),
            )
            for number in range(1, len(request.files) + 1)
        ]
        # Until requests could hold several files, only a table's two files were committed to.
        before = self.custody.commit(request.id, *pairs[0]) if len(pairs) == 1 else ""
        good = (self._commitment(request, pairs), before)
        if not any(secrets.compare_digest(one, request.shown) for one in good):
            raise Unavailable("The files of this request are not the ones it was made with.")
        return pairs

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
        contents = [content for _, content in self._shown(request)]
        certificate = release_certificate(
            request,
            contents=contents,
            votes=self.reviews.votes(request.id),
            receipts=self.reviews.receipts(request.id),
        )
        names = [one.name for one in request.files]
        files = dict(zip(names, contents, strict=True)) | {CERTIFICATE: certificate}
        self.custody.release(request.id, files)
        sha256 = digest(zip(names, contents, strict=True))
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


def released_names(request: Request) -> tuple[str, ...]:
    """Return the names of what a release hands out."""
    return (*(one.name for one in request.files), CERTIFICATE)


def statement(request: Request) -> bytes:
    """Return, as canonical JSON, what a reviewer reads of a request beside its files' contents."""
    said = {
        "title": request.title,
        "context": request.context,
        "agencies": list(request.agencies),
        "files": [
            {
                "name": one.name,
                "kind": one.kind.value,
                "queries": list(one.queries),
                "drawn_from": one.drawn_from,
                "standing": one.standing.value,
                "notes": [[note.code, note.sentence] for note in one.notes],
            }
            for one in request.files
        ],
    }
    return json.dumps(said, sort_keys=True, separators=(",", ":")).encode()


def _vote(person: Person, id: str, *, approve: bool, shown: str, comment: str) -> Vote:
    assert person.agency is not None  # `check_vote` found it among the request's
    said = cleaned(comment, "reason", MOST_COMMENT, may_be_empty=approve)
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


def _together(
    summaries: Sequence[Mapping[str, Scalar]], rules: DisclosureRules
) -> dict[str, Scalar]:
    """Return the counts of all files added up, and the rules they were checked by."""
    counts: Counter[str] = Counter({"rows": 0, "hidden": 0, "primary": 0, "complementary": 0})
    for summary in summaries:
        counts.update(
            {name: n for name, n in summary.items() if type(n) is int}  # `optimal` is no count
        )
    return {**counts, **asdict(rules)}


def suppressed_rows(
    service: ReviewService, request: Request, *, file: int = 1
) -> list[dict[str, object]]:
    """Return, for who submitted it, the labels of each row a table hides and why it is hidden."""
    entry = load(service.custody.open(request.id, Piece.LEDGER, file=file))
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


def conflicts(
    service: ReviewService, request: Request, *, file: int = 1
) -> list[tuple[Request | None, int]]:
    """Return, for reviewers only, (earlier request, persons it would have given away) of a table.

    None stands for several earlier requests together. They may be of other projects.
    """
    found = json.loads(service.custody.open(request.id, Piece.CONFLICTS, file=file))
    return [(service.reviews.request(id) if id else None, persons) for id, persons in found]


def _now() -> datetime:
    return datetime.now(UTC)
