"""Signed notes and checkpoints as C2SP writes them (signed-note, tlog-checkpoint), Ed25519.

Pure: text and keys in, text out. Never reads a file or a clock. The offline verifier carries this
module, so it needs nothing of ours and only `cryptography` besides the standard library.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519 = 0x01  # signature type byte, C2SP signed-note
_MARK = "\N{EM DASH} "
_NAME = re.compile(r"[^\s+\x00-\x1f]+")
_SIZE = re.compile(r"0|[1-9][0-9]*")


class NoteError(ValueError):
    """A note, key or checkpoint that is malformed, or that no known key has signed."""


def _key_id(name: str, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([ED25519]) + public).digest()[:4]


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError("not base64") from error


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise NoteError("a key name has no spaces and no plus sign")


@dataclass(frozen=True, slots=True)
class Verifier:
    """A named public key: `name+hash+base64`, the form in which an auditor keeps it."""

    name: str
    public: bytes

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """Read the text form; raises NoteError when it is not one or its hash does not fit."""
        name, _, rest = text.strip().partition("+")
        digest, _, encoded = rest.partition("+")
        _check_name(name)
        raw = _decode(encoded)
        if len(raw) != 33 or raw[0] != ED25519:
            raise NoteError("not an Ed25519 key")
        if digest != _key_id(name, raw[1:]).hex():
            raise NoteError("the key's hash does not fit the key")
        return cls(name, raw[1:])

    @property
    def key_id(self) -> bytes:
        """Four bytes that tell this key from others of the same name."""
        return _key_id(self.name, self.public)

    def export(self) -> str:
        """Return the text form, which anyone may have."""
        encoded = base64.b64encode(bytes([ED25519]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    def accepts(self, text: str, signature: bytes) -> bool:
        """Say whether `signature` is this key's over `text`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True, repr=False)
class Signer:
    """A named private key. Its repr is empty on purpose: keys do not belong in tracebacks."""

    name: str
    seed: bytes

    @classmethod
    def generate(cls, name: str) -> Signer:
        """Return a new random key under `name`."""
        _check_name(name)
        return cls(name, Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def parse(cls, text: str) -> Signer:
        """Read the text form `PRIVATE+KEY+name+hash+base64`; raises NoteError."""
        head, _, rest = text.strip().partition("PRIVATE+KEY+")
        name, _, rest = rest.partition("+")
        digest, _, encoded = rest.partition("+")
        if head:
            raise NoteError("not a private key")
        _check_name(name)
        raw = _decode(encoded)
        if len(raw) != 33 or raw[0] != ED25519:
            raise NoteError("not an Ed25519 key")
        signer = cls(name, raw[1:])
        if digest != signer.verifier.key_id.hex():
            raise NoteError("the key's hash does not fit the key")
        return signer

    @property
    def verifier(self) -> Verifier:
        """The public half."""
        private = Ed25519PrivateKey.from_private_bytes(self.seed)
        return Verifier(self.name, private.public_key().public_bytes_raw())

    def export(self) -> str:
        """Return the text form of the private key, for a file nobody else can read."""
        encoded = base64.b64encode(bytes([ED25519]) + self.seed).decode()
        return f"PRIVATE+KEY+{self.name}+{self.verifier.key_id.hex()}+{encoded}"

    def sign(self, text: str) -> str:
        """Return the signed note over `text`, which ends with a newline."""
        if not text.endswith("\n"):
            raise NoteError("a note's text ends with a newline")
        signature = Ed25519PrivateKey.from_private_bytes(self.seed).sign(text.encode())
        encoded = base64.b64encode(self.verifier.key_id + signature).decode()
        return f"{text}\n{_MARK}{self.name} {encoded}\n"


def _signatures(block: str) -> Iterable[tuple[str, bytes, bytes]]:
    """Yield (name, key id, signature) of each signature line."""
    for line in block.removesuffix("\n").split("\n"):
        name, _, encoded = line.removeprefix(_MARK).partition(" ")
        raw = _decode(encoded)
        if not line.startswith(_MARK) or not name or len(raw) < 5:
            raise NoteError("a signature line is malformed")
        yield name, raw[:4], raw[4:]


def open_note(note: str, verifiers: Iterable[Verifier]) -> str:
    """Return the text of a note that at least one of `verifiers` has signed.

    Raises NoteError when no known key signed it, when one known key's signature is wrong, or when
    the form is broken. Signatures by unknown keys are ignored, as the specification says.
    """
    text, blank, block = note.rpartition("\n\n")
    if not blank or not block.endswith("\n"):
        raise NoteError("a note has a text, an empty line and signature lines")
    text += "\n"
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    accepted = 0
    for name, key_id, signature in _signatures(block):
        verifier = known.get((name, key_id))
        if verifier is None:
            continue
        if not verifier.accepts(text, signature):
            raise NoteError("the signature is wrong")
        accepted += 1
    if not accepted:
        raise NoteError("no known key has signed this")
    return text


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
        if len(lines) < 4 or lines[-1] or not lines[0] or not _SIZE.fullmatch(lines[1]):
            raise NoteError("a checkpoint is origin, size and root, each on a line")
        root = _decode(lines[2])
        if len(root) != 32:
            raise NoteError("a root hash has 32 bytes")
        return cls(lines[0], int(lines[1]), root)

    @classmethod
    def open(cls, note: str, verifier: Verifier) -> Checkpoint:
        """Read a signed checkpoint; raises NoteError unless `verifier` signed it as this origin."""
        checkpoint = cls.parse(open_note(note, [verifier]))
        if checkpoint.origin != verifier.name:
            raise NoteError("the checkpoint belongs to another log")
        return checkpoint

    def text(self) -> str:
        """Return the text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"
