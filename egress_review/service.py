"""The verbs of egress review: submit, vote, comment, withdraw, view, download; and recover.

Every change is one transaction with its audit event. Asks `permissions` who may and `policy` in
which state. Never shows an unprotected byte without an event, never releases without every vote.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from egress_review import notices, permissions, policy, store
from egress_review.checking import Checked, Checker, Finding
from egress_review.custody import Piece
from egress_review.destruction import Destroying
from egress_review.earlier import partitions
from egress_review.earlier.comparison import Comparing
from egress_review.earlier.ledger import dump, load
from egress_review.earlier.restoring import Restoring
from egress_review.errors import FAULTS, NoReviewer, OutputRefused
from egress_review.methods.case import Perturbed
from egress_review.model import Request, State
from egress_review.notices import Notice
from egress_review.policy import Act
from egress_review.readiness import ready
from egress_review.releasing import Shown, available_until, is_over, released_names, statement
from egress_review.reviewing import Reviewing, waiting_for
from egress_review.sdc.certificate import as_json
from egress_review.submission import Submission, new_request
from egress_review.transactions import Proves, now
from egress_review.turnaround import Timing
from egress_review.working_days import due
from enclave.errors import Conflict, EnclaveError, NotFound
from enclave.events import Action, Event, Scalar, Verdict
from enclave.model import DisclosureRules, Person, Session
from enclave.settings import Settings
from enclave.store import ControlStore

log = logging.getLogger(__name__)

NOT_CHECKED = "The output could not be checked, by a fault of egress review and not of yours."
TELL = "Tell the operating group the number of this request."

__all__ = [
    "ReviewService",
    "available_until",
    "is_over",
    "released_names",
    "statement",
    "waiting_for",
]


class ReviewService(Reviewing, Comparing, Timing, Destroying):
    """Everything that can happen to a request. Safe to call from many threads."""

    def __init__(self, settings: Settings, control: ControlStore, audit: Proves):
        super().__init__(settings, control, audit)
        self.checker = Checker(settings, control, self.reviews, self.custody, audit)
        # Two tables checked at once would not know of each other, whatever projects they are of.
        self._turn = threading.Lock()

    # The researcher's side ---------------------------------------------------------------------

    def submit(self, session: Session, submission: Submission) -> Request:
        """Store, check and protect an output; the request returned is in review or refused.

        Raises `EnclaveError` for what is not even a submission; that leaves no request.
        """
        try:
            request = new_request(session, submission)
            ready(submission)
            self._check_replaceable(request)
        except EnclaveError as error:
            self.audit.append(_refused_unread(session, error))
            raise
        contents = [handed.content for handed in submission.files]
        for number, content in enumerate(contents, start=1):
            self.custody.keep(request.id, Piece.RAW, content, file=number)
        self.custody.keep(request.id, Piece.SALT, secrets.token_bytes(32))
        commitment = self.custody.commit(request.id, *contents)
        event = self._event(
            Action.OUTPUT_SUBMITTED,
            request,
            session.person,
            project=request.project,  # the verifier reads details alone
            commitment=commitment,
        )
        with self._record(event, request.id) as connection:
            store.add_request(connection, request)
        return self._check(self.reviews.request(request.id))

    def withdraw(self, person: Person, id: str) -> Request:
        """Take a request back. Raises `NotFound`, `Denied` or `Conflict`."""
        request = self.reviews.request(id)
        permissions.check_withdraw(person, request)
        event = self._event(Action.OUTPUT_WITHDRAWN, request, person.id)
        with self._record(event, id) as connection:
            return self._move(connection, store.hold(connection, id), Act.WITHDRAW)

    def choose_notices(self, person: Person, kinds: Collection[Notice]) -> None:
        """Write down which notices a person wants by mail."""
        detail = {"notices": ", ".join(sorted(kinds)) or "none"}
        event = Event(Action.OUTPUT_NOTICES_CHOSEN, person.id, detail=detail)
        with self.control.record(self.audit, event) as connection:
            notices.choose(connection, person.id, kinds)

    def deliver_notices(self) -> int:
        """Send the mails that are due; return how many were taken."""
        return notices.deliver(self.settings, self.control, at=now())

    def recover(self) -> None:
        """Finish what a crash interrupted: check what was stored, release what was approved.

        Completes the record of earlier releases before anything is checked against it.
        """
        self.custody.strays(frozenset(request.id for request in self.reviews.requests()))
        Restoring(self.settings, self.control, self.reviews, self.custody).run()
        for request in self.reviews.requests(states={State.SUBMITTED}):
            self._check(request)
        self.finish_releases()

    def _check_replaceable(self, request: Request) -> None:
        """Refuse a new version of what is not one's own, of this project, and open to a new one."""
        if not request.replaces:
            return
        old = self.reviews.request(request.replaces)
        if (old.person, old.project) != (request.person, request.project):
            raise NotFound("There is no such request.", hint="Your list shows what you may open.")
        policy.next_state(old.state, Act.REPLACE)

    # Inside ------------------------------------------------------------------------------------

    def _check(self, request: Request) -> Request:
        with self._turn:
            done: dict[int, Checked] = {}
            try:
                finding = self.checker.check(request, done)
            except EnclaveError as error:
                for number, checked in done.items():  # to draw a plot from, or to do without
                    self._hand_back(request, number, checked)
                return self._refuse(request, error)
            except FAULTS as fault:
                kind = type(fault).__name__  # and no more: a trace may hold values
                log.error("%s could not be checked: %s", request.id, kind)
                return self._refuse(request, OutputRefused(NOT_CHECKED, hint=TELL))
            try:
                return self._accept(request, finding)
            except Conflict as error:  # what it replaces was decided on in the meantime
                return self._refuse(request, error)

    def _hand_back(self, request: Request, number: int, checked: Checked) -> None:
        """Keep the protected table of a request that is refused, for its author alone."""
        self.custody.keep(request.id, Piece.HANDED_BACK, checked.leaves, file=number)

    def handed_back(self, request: Request, name: str) -> bytes:
        """Return a file of one's own as it would leave, inside the workspace. Raises `NotFound`."""
        for number, one in enumerate(request.files, start=1):
            if one.name == name and request.shown:
                return self._shown(request)[number - 1].leaves
            if one.name == name:
                return self.custody.open(request.id, Piece.HANDED_BACK, file=number)
        raise NotFound("This request has no such file.")

    def _refuse(self, request: Request, error: EnclaveError) -> Request:
        event = self._event(
            Action.OUTPUT_REFUSED, request, request.person, verdict=Verdict.DENIED, code=error.code
        )
        with self._record(event, request.id) as connection:
            held = store.hold(connection, request.id)
            return self._move(connection, replace(held, sentence=error.explain()), Act.REFUSE)

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
            **self._terms(request),
        )
        self._check_decidable(found)
        files = [Shown(one.full, one.content, one.leaves) for one in finding.files]
        found = replace(found, shown=self._commitment(found, files))
        rewritten = bool(found.summary["hidden"])
        event = replace(
            self._event(Action.OUTPUT_PROTECTED, found, request.person),
            detail={
                "request": request.id,
                "replaces": request.replaces or None,
                "files": len(found.files),
                "unverified": len(found.unverified),
                **found.summary,
            },
            columns=finding.columns,
            verdict=Verdict.REWRITTEN if rewritten else Verdict.ALLOWED,
        )
        with self._record(event, request.id) as connection:
            held = store.hold(connection, request.id)
            if request.replaces:
                old = store.hold(connection, request.replaces)
                self._move(connection, old, Act.REPLACE)
            return self._move(connection, replace(found, state=held.state), Act.PROTECT)

    def _terms(self, request: Request) -> dict[str, Any]:
        """Return what the agreement says of the review: by when, and who else checks.

        Raises `Conflict` when too few output checkers are left beside the author.
        """
        terms = self.control.policy(request.project).review
        checkers = tuple(sorted(terms.persons - request.researchers - {request.person}))
        if len(checkers) < terms.checkers:
            raise Conflict(
                f"The agreement asks for {terms.checkers} output checkers, and names "
                f"{len(checkers)} who have no part in the project.",
                hint="The agreement has to name more.",
            )
        opened = now()
        return {
            "checkers": checkers if terms.checkers else (),
            "checkers_needed": terms.checkers,
            "opened_at": opened,
            "due_at": due(opened, terms.days or self.settings.review_days),
        }

    def _check_decidable(self, request: Request) -> None:
        """Raise `NoReviewer` where an agency has nobody who could decide: it would never end."""
        people = self.control.people().values()
        able = {one.agency for one in people if permissions.is_reviewer(one, request)}
        lacking = ", ".join(agency.upper() for agency in request.agencies if agency not in able)
        if lacking:
            raise NoReviewer(
                f"Nobody could decide on this output for {lacking}: researchers of a project do "
                "not review what leaves it, and no other reviewer is named.",
                hint="Ask the agency to name one, then submit again.",
            )

    def _keep(self, request: Request, number: int, checked: Checked) -> None:
        """Seal what a file's review, and every later check, will need."""
        pieces = {Piece.PROTECTED: checked.content, Piece.FULL: checked.full}
        if checked.leaving is not None:
            pieces[Piece.LEAVING] = checked.leaving
        if checked.table is not None:
            conflicts = [[one.request, one.persons] for one in checked.table.conflicts]
            pieces |= {
                Piece.LEDGER: dump(checked.table.protected.entry),
                Piece.PARTITIONS: partitions.dump(checked.table.kept),
                Piece.ROWS: partitions.dump_rows(checked.table.kept),
                Piece.CONFLICTS: json.dumps(conflicts).encode(),
            }
            if not isinstance(checked.table.protected, Perturbed):
                pieces[Piece.PROOF] = checked.table.protected.proof
        for piece, content in pieces.items():
            self.custody.keep(request.id, piece, content, file=number)

    def _summary(self, request: Request, checked: Checked) -> dict[str, Scalar]:
        if checked.table is None:
            return {}
        protected = checked.table.protected
        if isinstance(protected, Perturbed):
            return dict(protected.summary)
        entry = protected.entry
        reasons = Counter(reason for found in entry.reasons.values() for reason in found)
        plain = json.dumps(as_json(protected.certificate), sort_keys=True)
        return {
            "rows": len(entry.table.cells),
            "hidden": len(entry.table.hidden),
            "primary": len(entry.table.primary),
            "complementary": protected.complementary,
            "optimal": protected.optimal,
            "suppression_commitment": self.custody.commit(
                request.id, plain.encode(), protected.proof
            ),
            **{f"reason {name}": count for name, count in sorted(reasons.items())},
        }


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
