"""What a researcher hands in, made into a new request: names, words and limits, nothing else.

Reads no byte of a file; whether the files may leave is `checking`'s to find out.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from egress_review.errors import OutputRefused
from egress_review.files.model import MOST_BYTES
from egress_review.files.names import MOST_LETTERS, kind_of, safe_name
from egress_review.model import OutputFile, Request, State
from enclave.errors import Invalid
from enclave.model import Session

CERTIFICATE = "certificate.json"
DISCLOSURE = "disclosure.json"
OURS = frozenset({CERTIFICATE, DISCLOSURE})  # no file of a researcher's may have these names
MOST_FILES = 20
MOST_TOGETHER = 4 * MOST_BYTES
MOST_TITLE, MOST_CONTEXT = 200, 5_000


@dataclass(frozen=True, slots=True)
class Handed:
    """One file as a researcher hands it in: what it claims to be, and its bytes."""

    file: OutputFile
    content: bytes


@dataclass(frozen=True, slots=True)
class Submission:
    """What a researcher hands in; `replaces` is the request this is a new version of, if any."""

    title: str
    context: str
    files: tuple[Handed, ...]
    replaces: str = ""


def new_request(session: Session, submission: Submission) -> Request:
    """Return a request not stored yet. Raises `Invalid` or `OutputRefused`."""
    now = datetime.now(UTC)
    return Request(
        id=secrets.token_hex(8),
        project=session.project,
        person=session.person,
        session=session.id,
        title=cleaned(submission.title, "title", MOST_TITLE),
        context=cleaned(submission.context, "context", MOST_CONTEXT, may_be_empty=True),
        files=_new_files(submission.files),
        state=State.SUBMITTED,
        submitted_at=now,
        changed_at=now,
        replaces=submission.replaces,
    )


def _new_files(handed: Sequence[Handed]) -> tuple[OutputFile, ...]:
    """Return the files under safe names. Raises `Invalid` or `OutputRefused`."""
    if not 1 <= len(handed) <= MOST_FILES:
        raise Invalid(f"A request holds between 1 and {MOST_FILES} files.")
    if any(len(one.content) > MOST_BYTES for one in handed):
        raise Invalid(f"The file is larger than {MOST_BYTES:,} bytes.", hint="Submit it in parts.")
    if sum(len(one.content) for one in handed) > MOST_TOGETHER:
        raise Invalid(f"Together the files are larger than {MOST_TOGETHER:,} bytes.")
    made = tuple(_new_file(one.file) for one in handed)
    names = {one.name.casefold() for one in made} - OURS
    if len(names) < len(made):
        raise Invalid(
            "Every file of a request needs a name of its own, and none of "
            f"{', '.join(sorted(OURS))}.",
            hint=f"Names are cut to {MOST_LETTERS} letters: let them differ before that.",
        )
    return made


def _new_file(file: OutputFile) -> OutputFile:
    queries = tuple(dict.fromkeys(file.queries))
    drawn_from = safe_name(file.drawn_from) if file.drawn_from else ""
    made = OutputFile(safe_name(file.name), file.kind, queries, drawn_from)
    if kind_of(made.name) is not made.kind:
        raise OutputRefused(
            f"{made.name} is a {kind_of(made.name).value} by its name, not a {made.kind.value}."
        )
    return made


def cleaned(text: str, what: str, most: int, *, may_be_empty: bool = False) -> str:
    """Return a person's words without control characters. Raises `Invalid` for none or too many."""
    clean = "".join(c for c in text if c.isprintable() or c == "\n").strip()
    if len(clean) > most or not (clean or may_be_empty):
        raise Invalid(f"The {what} must have between 1 and {most:,} characters.")
    return clean
