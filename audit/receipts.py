"""Checks the proofs that travel with a released file: offline, with nothing but a policy.

Says only what a proof shows: that an entry with this leaf is in the log its checkpoint is of, and
who has cosigned that. What the entry says, whoever may read the log says.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from audit.keys import NoteError
from audit.policy import Judgement, Policy
from audit.proof import Proof


def check_one(text: str, body: bytes, policy: Policy) -> str:
    """Return a sentence on one proof and the entry's own bytes; raises NoteError or ProofError."""
    proof = Proof.parse(text)
    return f"entry {proof.index} {_under(proof.check(body, policy))}"


def check_certificate(certificate: bytes, policy: Policy) -> list[str]:
    """Return a sentence for each proof of a certificate.

    Raises NoteError or ProofError for the first that does not hold, and when the release itself
    has none.
    """
    try:
        body = json.loads(certificate)
        claims = [
            (each["action"], each["entry"], bytes.fromhex(each["leaf"]), each["proof"])
            for each in body["proofs"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise NoteError("this is no certificate with proofs") from error
    sentences = []
    for action, index, leaf, text in claims:
        proof = Proof.parse(text)
        if proof.index != index:
            raise NoteError(f"the proof of entry {index} is of entry {proof.index}")
        sentences.append(f"{action}: entry {index} {_under(proof.check_leaf(leaf, policy))}")
    if not any(action == "output.released" for action, *_ in claims):
        raise NoteError("the certificate has no proof of its release")
    return sentences


def _under(judgement: Judgement) -> str:
    checkpoint = judgement.checkpoint
    base = f"is in {checkpoint.origin} of {checkpoint.size} entries"
    if judgement.since is None:
        return f"{base}; the policy asks for no witness"
    names = ", ".join(judgement.cosigned)
    when = datetime.fromtimestamp(judgement.since, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"{base}, cosigned by {names}; the quorum since {when}"
