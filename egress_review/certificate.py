"""The certificate that travels with a released file: what it is, where from, who agreed.

Names queries, agencies, rules and hashes; holds no number of the table and no reviewer's remark.
What it says of hidden content is a salted commitment (`Custody.commit`), never a plain hash. When
it is handed out it carries, for each vote and for the release itself, the proof that the audit log
holds the entry (C2SP tlog-proof): checked offline with nothing but the log's policy.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from egress_review.model import Request, Vote
from enclave.events import Action, Receipt

PROVED = frozenset({Action.OUTPUT_VOTED, Action.OUTPUT_RELEASED})


def release_certificate(
    request: Request,
    *,
    content: bytes,
    votes: Sequence[Vote],
    receipts: Sequence[tuple[str, Receipt]],
) -> bytes:
    """Return the certificate as JSON: anyone with the audit log can check every line of it."""
    rules = ("safe_threshold", "safe_nk_n", "safe_nk_k", "safe_pratio_p")
    counts = ("rows", "hidden")
    body = {
        "certificate": "enclave/release/1",
        "request": request.id,
        "project": request.project,
        "file": {"name": request.filename, "sha256": hashlib.sha256(content).hexdigest()},
        "lineage": {
            "queries": list(request.queries),
            "views": list(request.views),
            "agencies": list(request.agencies),
        },
        "rules": {name: request.summary[name] for name in rules},
        "suppression": {
            # primary and complementary are not told apart outside: that would undo some of it
            **{name: request.summary[name] for name in counts},
            "standard": "strict",
            "commitment": request.summary["suppression_commitment"],
        },
        "shown": request.shown,
        "votes": [
            {
                "agency": vote.agency,
                "person": vote.person,
                "approve": vote.approve,
                "shown": vote.shown,
                "at": vote.at.isoformat(timespec="seconds"),
            }
            for vote in votes
        ],
        "audit": [
            {"action": action, "entry": receipt.index, "leaf": receipt.leaf}
            for action, receipt in receipts
        ],
    }
    return (json.dumps(body, indent=1, ensure_ascii=False) + "\n").encode()


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
