"""Record a party's signature in an agreement's file, leaving its text and comments as they are."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import yaml

from enclave.errors import Invalid
from enclave.governance import signatures
from enclave.governance.files import Signature, read_agreement
from enclave.governance.source import Source

BLOCK = "signatures"


def sign(file: Path, *, party: str, name: str, on: date) -> str:
    """Put the party's signature over the present text into the file; return the text's SHA-256.

    Takes the place of the party's earlier one. Raises `InvalidFiles`, `Invalid` for a party the
    agreement does not have or a file whose signatures are not its last block.
    """
    agreement = read_agreement(file)
    parties = signatures.required(agreement.form)
    if party not in parties:
        raise Invalid(
            f"{party} is no party to {agreement.form.id}.", hint=f"Parties: {', '.join(parties)}."
        )
    sha256 = signatures.body_sha256(agreement.source.data)
    others = [each for each in agreement.form.signatures if each.party != party]
    all_signed = [*others, Signature(party=party, name=name, date=on, sha256=sha256)]
    text = file.read_text(encoding="utf-8")
    file.write_text(_text(text, agreement.source) + _block(all_signed), encoding="utf-8")
    return sha256


def _text(text: str, read: Source) -> str:
    """Return the file's text before its signatures."""
    if BLOCK not in read.data:
        return text.rstrip("\n") + "\n"
    if list(read.data)[-1] != BLOCK:
        raise Invalid("“signatures” must be the last block of the file, so that it can be renewed.")
    return "".join(text.splitlines(keepends=True)[: read.line(BLOCK) - 1])


def _block(given: list[Signature]) -> str:
    rows = [{**each.model_dump(mode="json"), "date": each.date} for each in given]
    written: str = yaml.safe_dump({BLOCK: rows}, sort_keys=False, allow_unicode=True, width=1000)
    return written
