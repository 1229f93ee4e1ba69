"""Checks the proof that is kept of a protected table: without a solver, and against the very file.

For reviewers, auditors and whoever they show it to. Says only whether it holds; never a number.
"""

from __future__ import annotations

import zipfile

from egress_review.custody import Custody, Piece
from egress_review.methods.protect import hidden_in
from egress_review.sdc import proofs
from enclave.errors import NotFound, Unavailable


def checked(custody: Custody, request: str, *, file: int = 1) -> str:
    """Return in words what the proof of a table shows. Raises `Unavailable` where it fails.

    Raises `NotFound` for what has none: rounded and changed tables, and what was destroyed.
    """
    try:
        content = custody.open(request, Piece.PROOF, file=file)
    except NotFound:
        raise NotFound(
            "No proof is kept of this table.",
            hint="Tables that were rounded or changed by chance have none.",
        ) from None
    try:
        proven = proofs.load(content)
        holds = proven.holds()
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile, IndexError):
        holds = False
    if not holds or proven.hidden != hidden_in(custody.open(request, Piece.PROTECTED, file=file)):
        raise Unavailable("The proof of this table does not hold: do not release it.")
    hidden, needs = len(proven.hidden), len(proven.system.needs)
    return f"{hidden} rows hidden, {needs} needs met by {len(proven.proof.witnesses)} witnesses"
