"""The certificate that travels with released files: what they are, where from, who agreed.

Names queries, agencies, rules and hashes; holds no number of the table and no reviewer's remark.
What it says of hidden content is a salted commitment (`Custody.commit`), never a plain hash. When
it is handed out it carries, for each vote and for the release itself, the proof that the audit log
holds the entry (C2SP tlog-proof): checked offline with nothing but the log's policy.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from egress_review.model import Opinion, OutputFile, Request, Vote
from enclave.events import Action, Receipt, Scalar

CERTIFICATE = "enclave/release/2"  # 1 named one file; the verifier reads both
_TERMS = ("method", "base", "spread", "epsilon", "rows_per_person")
PROVED = frozenset({Action.OUTPUT_VOTED, Action.OUTPUT_RELEASED})


def digest(files: Iterable[tuple[str, bytes]]) -> str:
    """Return the SHA-256 of the lines `<sha256>  <name>`, one a file in their order, as hex.

    It is what the log's entry of a release says of the files.
    """
    lines = (f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Grounds:
    """Who agreed to a release, and audit's receipts of the way there."""

    votes: Sequence[Vote]
    opinions: Sequence[Opinion]
    receipts: Sequence[tuple[str, Receipt]]


def release_certificate(
    request: Request,
    *,
    contents: Sequence[bytes],
    disclosure: str,
    grounds: Grounds,
) -> bytes:
    """Return the certificate as JSON: anyone with the audit log can check every line of it."""
    rules = ("safe_threshold", "safe_nk_n", "safe_nk_k", "safe_pratio_p")
    body = {
        "certificate": CERTIFICATE,
        "request": request.id,
        "project": request.project,
        "files": [
            _file(one, content) for one, content in zip(request.files, contents, strict=True)
        ],
        "disclosure": {"name": "disclosure.json", "sha256": disclosure},
        "lineage": {
            "queries": list(request.queries),
            "views": list(request.views),
            "agencies": list(request.agencies),
        },
        "rules": {name: request.summary[name] for name in rules},
        "shown": request.shown,
        "votes": [
            {
                "agency": vote.agency,
                "person": vote.person,
                "approve": vote.approve,
                "shown": vote.shown,
                "ticked": vote.ticked,
                "at": vote.at.isoformat(timespec="seconds"),
            }
            for vote in grounds.votes
        ],
        "checkers": [
            {"person": one.person, "fit": one.fit, "shown": one.shown} for one in grounds.opinions
        ],
        "audit": [
            {"action": action, "entry": receipt.index, "leaf": receipt.leaf}
            for action, receipt in grounds.receipts
        ],
    }
    return (json.dumps(body, indent=1, ensure_ascii=False) + "\n").encode()


def _file(one: OutputFile, content: bytes) -> dict[str, object]:
    said: dict[str, object] = {
        "name": one.name,
        "kind": one.kind.value,
        "sha256": hashlib.sha256(content).hexdigest(),
        "standing": one.standing.value,
        "queries": list(one.queries),
    }
    if terms := terms_of(one):
        counts = {name: one.summary[name] for name in ("rows", "hidden") if name in one.summary}
        said["protection"] = terms | counts
    if "suppression_commitment" in one.summary:
        said["suppression"] = {
            # primary and complementary are not told apart outside: that would undo some of it
            "rows": one.summary["rows"],
            "hidden": one.summary["hidden"],
            "standard": "strict",
            "commitment": one.summary["suppression_commitment"],
        }
    return said


def terms_of(one: OutputFile) -> dict[str, Scalar]:
    """Return the method by which a file's numbers were changed, and its terms; none if hidden."""
    return {name: one.summary[name] for name in _TERMS if name in one.summary}


def with_proofs(certificate: bytes, proofs: Sequence[tuple[str, Receipt, str]]) -> bytes:
    """Return the certificate with (action, receipt, proof) of the entries that carry the release.

    The release's own entry is newer than the stored certificate: its hash of the file is in it.
    """
    body = json.loads(certificate)
    body["proofs"] = [
        {"action": action, "entry": receipt.index, "leaf": receipt.leaf, "proof": proof}
        for action, receipt, proof in proofs
    ]
    return (json.dumps(body, indent=1, ensure_ascii=False) + "\n").encode()
