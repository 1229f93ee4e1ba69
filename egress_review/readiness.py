"""Whether an output is ready to be handed in: its words, its names, what goes with what.

Asked at the intake before anything is stored, and by whoever wants to know before they submit.
Reads a file only for the latter; decides nothing that the check itself would not.
"""

from __future__ import annotations

from egress_review.errors import OutputRefused
from egress_review.files.names import kind_of
from egress_review.files.precheck import Advice, Offered, Source, from_lineage, precheck, refuse
from egress_review.files.reading import read
from egress_review.submission import Handed, Submission
from enclave.errors import NotFound
from enclave.gateway.journal import lineage
from enclave.model import Session
from enclave.settings import Settings


def ready(submission: Submission) -> Submission:
    """Return the submission. Raises `OutputRefused` for what a reviewer would send back unread."""
    offered = [_named(one) for one in submission.files]
    refuse(precheck(submission.title, submission.context, offered, {}))
    return submission


def advice(submission: Submission) -> tuple[Advice, ...]:
    """Return everything that a reviewer would send it back for, as far as its files tell.

    Nothing is stored or recomputed: which rows would be hidden is said once it is submitted.
    """
    offered = [_read(one) for one in submission.files]
    return precheck(submission.title, submission.context, offered, {})


def known(settings: Settings, session: Session, submission: Submission) -> str:
    """Return what the context need not say: what the session's own queries read, one a line."""
    queries = dict.fromkeys(query for one in submission.files for query in one.file.queries)
    try:
        found = lineage(settings, session.project, tuple(queries))
    except NotFound:
        return ""
    own = [one for one in found if (one.person, one.project) == (session.person, session.project)]
    return from_lineage(
        [Source(one.query, one.views, tuple(sorted(one.agencies)), one.epoch) for one in own]
    )


def _named(one: Handed) -> Offered:
    file = one.file
    try:
        kind_of(file.name)
    except OutputRefused as refused:
        return Offered(file.name, refused=refused.explain())
    return Offered(file.name, queries=len(file.queries), drawn_from=file.drawn_from)


def _read(one: Handed) -> Offered:
    file = one.file
    try:
        content = read(file.name, one.content)
    except OutputRefused as refused:
        return Offered(file.name, refused=refused.explain())
    return Offered(file.name, content, queries=len(file.queries), drawn_from=file.drawn_from)
