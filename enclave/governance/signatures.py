"""Who must sign an agreement, what they sign, and whether their signature still holds.

A signature records that a named officer signed this very text: it carries the text's hash and
lapses when the text changes. It is no cryptographic signature; where the paper lies is the
network's matter. Never writes a file (see `sign`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from enclave import documents
from enclave.governance.files import DsaFile, EMouFile, Sourced
from enclave.governance.source import Problem

HUB, RECIPIENT = "hub", "recipient"

Agreement = Sourced[DsaFile] | Sourced[EMouFile]


def body_sha256(data: Mapping[str, Any]) -> str:
    """Return the hash of an agreement as written, without its signatures: what is signed."""
    return documents.sha256(
        documents.canonical({key: value for key, value in data.items() if key != "signatures"})
    )


def required(agreement: DsaFile | EMouFile) -> tuple[str, ...]:
    """Return the parties that must sign: agencies, and for a DSA hub and recipient (R11, R26)."""
    others = (HUB, RECIPIENT) if isinstance(agreement, DsaFile) else ()
    return (*agreement.agencies, *others)


def unsigned(agreement: Agreement) -> tuple[str, ...]:
    """Return the parties whose signature is missing or has lapsed."""
    sha256 = body_sha256(agreement.source.data)
    valid = {each.party for each in agreement.form.signatures if each.sha256 == sha256}
    return tuple(party for party in required(agreement.form) if party not in valid)


def problems(agreement: Agreement) -> Iterator[Problem]:
    """Yield a problem for every party whose signature is missing or has lapsed."""
    signed = [each.party for each in agreement.form.signatures]
    for party in unsigned(agreement):
        where = ("signatures", signed.index(party)) if party in signed else ("signatures",)
        what = "was given to an earlier text and has lapsed" if party in signed else "is missing"
        yield agreement.source.problem(
            f"The signature of {party} {what}: `enclave agreement sign` adds one to the file.",
            *where,
        )


def misplaced(agreement: Agreement) -> Iterator[Problem]:
    """Yield a problem for every signature of someone who is no party, or who signs twice."""
    parties, seen = required(agreement.form), set[str]()
    for index, signature in enumerate(agreement.form.signatures):
        if signature.party not in parties:
            sentence = f"{signature.party} is no party to this agreement."
            yield agreement.source.problem(sentence, "signatures", index, "party")
        if signature.party in seen:
            sentence = f"{signature.party} has signed twice."
            yield agreement.source.problem(sentence, "signatures", index, "party")
        seen.add(signature.party)
