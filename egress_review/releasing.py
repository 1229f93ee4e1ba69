"""Lets approved files out, and nothing else: what every agency agreed to, byte for byte.

Releases again whatever a crash cut short; a repeated release changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from egress_review import permissions, policy, store
from egress_review.certificate import PROVED, Grounds, digest, release_certificate, with_proofs
from egress_review.custody import Piece
from egress_review.disclosure import disclosure_record
from egress_review.model import FileKind, Opinion, Request, State, Vote
from egress_review.policy import Act
from egress_review.submission import CERTIFICATE, DISCLOSURE
from egress_review.transactions import Transactions, now
from enclave.errors import Conflict, EnclaveError, NotFound, Unavailable
from enclave.events import Action, Receipt
from enclave.model import Person

log = logging.getLogger(__name__)

DOWNLOAD_DAYS = 30


@dataclass(frozen=True, slots=True)
class Shown:
    """One file as reviewers see it, unprotected and protected, and as it leaves."""

    full: bytes
    content: bytes
    leaves: bytes


class Releasing(Transactions):
    """The release, its files and their certificate."""

    def download(self, person: Person, id: str, name: str) -> tuple[str, bytes]:
        """Return (file name, bytes) of a released file, or of the certificate."""
        request = self.reviews.request(id)
        permissions.check_download(person, request)
        policy.next_state(request.state, Act.DOWNLOAD)
        if is_over(request):
            raise Conflict(
                "The time to download this release is over.",
                hint="If you still need the files, submit the output again from your workspace.",
            )
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

    def finish_releases(self) -> None:
        """Release whatever every agency has approved and no release was written of."""
        for request in self.reviews.requests(states={State.APPROVED}):
            self._release_if_approved(request)

    def _commitment(self, request: Request, files: Sequence[Shown]) -> str:
        """Return the salted hash of all that a reviewer decides on: the files, and what is said."""
        contents = (content for one in files for content in (one.full, one.content, one.leaves))
        return self.custody.commit(request.id, statement(request), *contents)

    def _shown(self, request: Request) -> list[Shown]:
        """Return each file's bytes, if all are what was put in review. Raises `Unavailable`."""
        files = [self._file(request, number) for number in range(1, len(request.files) + 1)]
        # Until requests could hold several files, only a table's two files were committed to.
        pair = (files[0].full, files[0].content)
        before = self.custody.commit(request.id, *pair) if len(files) == 1 else ""
        good = (self._commitment(request, files), before)
        if not any(secrets.compare_digest(one, request.shown) for one in good):
            raise Unavailable("The files of this request are not the ones it was made with.")
        return files

    def _file(self, request: Request, number: int) -> Shown:
        full, content = (
            self.custody.open(request.id, piece, file=number)
            for piece in (Piece.FULL, Piece.PROTECTED)
        )
        is_table = request.files[number - 1].kind is FileKind.TABLE
        if not is_table or request.files[number - 1].name.lower().endswith(".csv"):
            return Shown(full, content, content)
        return Shown(full, content, self.custody.open(request.id, Piece.LEAVING, file=number))

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
        except (EnclaveError, OSError) as error:  # a full disk, say
            said = error.sentence if isinstance(error, EnclaveError) else type(error).__name__
            log.warning("release of %s waits: %s", request.id, said)
            return request

    def _release(self, request: Request) -> Request:
        contents = [one.leaves for one in self._shown(request)]
        record = disclosure_record(request, self.control.policy(request.project), contents)
        certificate = release_certificate(
            request,
            contents=contents,
            disclosure=hashlib.sha256(record).hexdigest(),
            grounds=Grounds(
                self.reviews.votes(request.id),
                self.reviews.opinions(request.id),
                self.reviews.receipts(request.id),
            ),
        )
        names = [one.name for one in request.files]
        files = dict(zip(names, contents, strict=True))
        files |= {CERTIFICATE: certificate, DISCLOSURE: record}
        self.custody.release(request.id, files)
        sha256 = digest(zip(names, contents, strict=True))
        event = self._event(Action.OUTPUT_RELEASED, request, "egress", sha256=sha256)
        with self._record(event, request.id) as connection:
            held = store.hold(connection, request.id)
            votes = store.read_votes(connection, request.id)
            opinions = store.read_opinions(connection, request.id)
            _check_everyone_agreed(held, votes)
            check_found_fit(held, opinions)
            return self._move(connection, held, Act.RELEASE)


def available_until(request: Request) -> datetime:
    """Return when the download of a release ends."""
    return request.changed_at + timedelta(days=DOWNLOAD_DAYS)


def is_over(request: Request) -> bool:
    """Say whether the time to download a release has ended."""
    return now() > available_until(request)


def _check_everyone_agreed(request: Request, votes: tuple[Vote, ...]) -> None:
    """Refuse a release that is not, vote by vote, what every agency agreed to."""
    yes = {vote.agency for vote in votes if vote.approve and vote.shown == request.shown}
    authors = any(vote.person == request.person for vote in votes)
    if not request.agencies or yes != set(request.agencies) or authors:
        raise Conflict("Not every agency has approved exactly this output.")


def check_found_fit(request: Request, opinions: Sequence[Opinion]) -> None:
    """Refuse what not every output checker that the agreement asks for found fit, alone."""
    given = [one for one in opinions if one.shown == request.shown]
    if len({one.person for one in given}) < request.checkers_needed:
        raise Conflict("The output checkers that the agreement asks for have not all reported.")
    if any(one.person == request.person or one.person not in request.checkers for one in given):
        raise Conflict("A finding is not of a checker whom the agreement names.")
    if not all(one.fit for one in given):
        raise Conflict(
            "An output checker found the output unfit, so it cannot be approved.",
            hint="Ask for changes, or reject it.",
        )


def released_names(request: Request) -> tuple[str, ...]:
    """Return the names of what a release hands out."""
    return (*(one.name for one in request.files), CERTIFICATE, DISCLOSURE)


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
