"""The machine-readable record of every disclosure-control criterion applied to a release.

SATRE 3.3.09: rules, thresholds, methods and versions, tied to the very files by their hashes. It
travels with them; it holds no number of a table, no person's remark, and nothing that would tell
rows hidden by a rule from rows hidden for them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from importlib.metadata import version

from egress_review.certificate import terms_of
from egress_review.model import FileKind, OutputFile, Request, Standing
from enclave.model import Policy

RECORD = "enclave/disclosure/1"
ENGINES = ("enclave", "duckdb", "highspy", "numpy", "scipy")
_APART = ("primary", "complementary")  # what may not be told apart outside
_COUNTS = frozenset({"rows", "hidden", "optimal", "suppression_commitment", *_APART})


def disclosure_record(request: Request, policy: Policy, contents: Sequence[bytes]) -> bytes:
    """Return the record as JSON; `contents` are the files as they leave, in their order."""
    criteria = {
        name: value
        for name, value in request.summary.items()
        if name not in _COUNTS and not name.startswith("reason ")
    }
    body = {
        "record": RECORD,
        "request": request.id,
        "project": request.project,
        "agreement": {"id": policy.agreement, "sha256": policy.agreement_sha256},
        "agencies": list(request.agencies),
        "criteria": criteria,
        "protection": policy.protection.method.value,
        "unverified_files": len(request.unverified),
        "files": [_file(*pair) for pair in zip(request.files, contents, strict=True)],
        "versions": {name: version(name) for name in ENGINES},
    }
    return (json.dumps(body, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _file(one: OutputFile, content: bytes) -> dict[str, object]:
    return {
        "name": one.name,
        "kind": one.kind.value,
        "sha256": hashlib.sha256(content).hexdigest(),
        "standing": one.standing.value,
        "checks": list(_checks(one)),
        "terms": terms_of(one),
        "findings": sorted({note.code for note in one.notes}),
        "rows": one.summary.get("rows"),
        "hidden": one.summary.get("hidden"),
    }


def _checks(one: OutputFile) -> tuple[str, ...]:
    """Return what was done to a file of this kind and standing before a person looked."""
    if terms_of(one):
        return ("recomputed", "rules", "changed by chance")
    if one.standing is Standing.RECOMPUTED:
        return ("recomputed", "rules", "protected", "earlier releases", "independent attack")
    if one.kind is FileKind.TABLE:
        return ("small counts", "contents")
    return (
        ("rules", "contents", "written anew") if one.kind is FileKind.MODEL else ("written anew",)
    )
