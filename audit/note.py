"""Signed notes and checkpoints as C2SP writes them (signed-note, tlog-checkpoint), many signatures.

Pure: text and keys in, text out. Never reads a file or a clock. The offline verifier carries this
module, so it needs nothing of ours but `keys` (and that `ed25519`).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from audit.keys import (
    COSIGNATURE,
    ED25519,
    MARK,
    ML_DSA_44,
    NoteError,
    Signer,
    Unsupported,
    Verifier,
    decode,
    whole_number,
)

__all__ = [
    "COSIGNATURE",
    "ED25519",
    "ML_DSA_44",
    "Checkpoint",
    "NoteError",
    "Opened",
    "Signed",
    "Signer",
    "Unsupported",
    "Verifier",
    "lines_of",
    "open_note",
    "read_note",
    "sign_note",
    "split_note",
    "with_lines",
]

MAX_SIGNATURES = 128  # signed-note asks for at least 16 and for a limit
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that was checked: whose it is, and the time it names (seconds since 1970)."""

    verifier: Verifier
    at: int | None


@dataclass(frozen=True, slots=True)
class Opened:
    """A note's text, who has signed it, and whose signature could not be checked here."""

    text: str
    signed: tuple[Signed, ...]
    unchecked: tuple[Verifier, ...] = ()


def split_note(note: str) -> tuple[str, str]:
    """Return (text, signature lines) of a note; raises NoteError when it has not that form."""
    text, blank, block = note.rpartition("\n\n")
    if not blank or not block.endswith("\n"):
        raise NoteError("a note has a text, an empty line and signature lines")
    if _CONTROL.search(note):
        raise NoteError("a note has no control characters")
    return text + "\n", block


def lines_of(block: str) -> list[str]:
    """Return the signature lines of a note, each with its newline: nothing else ends one."""
    return [f"{line}\n" for line in block.removesuffix("\n").split("\n")]


def _signatures(block: str) -> Iterator[tuple[str, bytes, bytes]]:
    """Yield (name, key id, signature) of each signature line."""
    lines = lines_of(block)
    if len(lines) > MAX_SIGNATURES:
        raise NoteError("a note with too many signatures")
    for line in lines:
        name, _, encoded = line.removeprefix(MARK).removesuffix("\n").partition(" ")
        raw = decode(encoded)
        if not line.startswith(MARK) or not name or len(raw) < 5:
            raise NoteError("a signature line is malformed")
        yield name, raw[:4], raw[4:]


def read_note(note: str, verifiers: Iterable[Verifier]) -> Opened:
    """Return a note's text and which of `verifiers` have signed it, perhaps none.

    Signatures by unknown keys are ignored, as the specification says. Raises NoteError when a
    known key's signature is wrong (the specification allows it) or when the form is broken.
    """
    text, block = split_note(note)
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    signed: dict[Verifier, Signed] = {}
    unchecked: dict[Verifier, None] = {}
    for name, key_id, signature in _signatures(block):
        verifier = known.get((name, key_id))
        if verifier is None:
            continue
        try:
            if not verifier.accepts(text, signature):
                raise NoteError("the signature is wrong")
        except Unsupported:
            unchecked[verifier] = None
        else:
            signed[verifier] = Signed(verifier, verifier.stamp(signature))
    return Opened(text, tuple(signed.values()), tuple(unchecked))


def open_note(note: str, verifiers: Iterable[Verifier]) -> str:
    """Return the text of a note that at least one of `verifiers` has signed.

    Raises NoteError when none has, when one's signature is wrong, or when the form is broken.
    """
    opened = read_note(note, verifiers)
    if opened.signed:
        return opened.text
    if opened.unchecked:
        raise Unsupported("its signature cannot be checked here")
    raise NoteError("no known key has signed this")


def sign_note(text: str, signers: Iterable[Signer], *, at: int = 0) -> str:
    """Return the note over `text` with one line by each of `signers` (keys may overlap)."""
    return f"{text}\n{''.join(signer.line(text, at) for signer in signers)}"


def with_lines(note: str, lines: Iterable[str]) -> str:
    """Return the note with further signature lines; a line it already has is not repeated."""
    text, block = split_note(note)
    kept = dict.fromkeys([*lines_of(block), *lines])
    return f"{text}\n{''.join(kept)}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log commits to: its origin, its number of entries, its root hash (tlog-checkpoint)."""

    origin: str
    size: int
    root: bytes

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read a checkpoint's text; extension lines are allowed and ignored."""
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() or not all(lines):
            raise NoteError("a checkpoint is origin, size and root, each on a line")
        root = decode(lines[2])
        if len(root) != 32:
            raise NoteError("a root hash has 32 bytes")
        return cls(lines[0], whole_number(lines[1]), root)

    @classmethod
    def open(cls, note: str, *verifiers: Verifier) -> Checkpoint:
        """Read a signed checkpoint; raises NoteError unless one of `verifiers` signed it as it.

        A log has several keys while one replaces another; all bear the log's origin as name.
        """
        checkpoint = cls.parse(open_note(note, verifiers))
        if checkpoint.origin not in {verifier.name for verifier in verifiers}:
            raise NoteError("the checkpoint belongs to another log")
        return checkpoint

    def text(self) -> str:
        """Return the text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"
