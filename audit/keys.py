"""Named keys that sign notes: C2SP signed-note and tlog-cosignature, three algorithms.

Pure: never reads a file or a clock. The offline verifier carries this module, so it needs nothing
of ours but `ed25519`, and says plainly when an algorithm cannot be checked where it runs.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
import struct
from dataclasses import dataclass

from audit import ed25519

ED25519 = 0x01  # signature types of C2SP signed-note: Ed25519 over the note's text
COSIGNATURE = 0x04  # Ed25519 over time and text: tlog-cosignature, `cosignature/v1`
ML_DSA_44 = 0x06  # ML-DSA-44 (FIPS 204) over time, name, origin, size and root: tlog-cosignature

MARK = "\N{EM DASH} "
_PUBLIC_BYTES = {ED25519: 32, COSIGNATURE: 32, ML_DSA_44: 1312}
_SEED_BYTES = 32
_STAMP = struct.Struct(">Q")
_LATEST = 2**63 - 1
_NAME = re.compile(r"[^\s+\x00-\x1f]+")
_TEXT = re.compile(r"[^\ud800-\udfff]+")  # a policy's octets that are no UTF-8 are read as these
_SIZE = re.compile(r"0|[1-9][0-9]*")


class NoteError(ValueError):
    """A note, key or checkpoint that is malformed, or that no known key has signed."""


class Unsupported(NoteError):
    """A signature whose algorithm cannot be computed in this environment."""


def decode(text: str) -> bytes:
    """Return the bytes of standard base64; raises NoteError for anything else.

    Padding too many and bits beyond the last byte are refused (RFC 4648 3.5): Python forgives both,
    and what one verifier forgives another does not.
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError("not base64") from error
    if base64.b64encode(raw).decode() != text:
        raise NoteError("not base64 as it is written")
    return raw


def whole_number(text: str) -> int:
    """Return a decimal number below 2^63, without sign or leading zeroes; raises NoteError."""
    if not _SIZE.fullmatch(text) or len(text) > 19 or int(text) > _LATEST:
        raise NoteError("not a number as the specification writes one")
    return int(text)


def _key_id(name: str, kind: int, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise NoteError("a key name has no spaces and no plus sign")
    if not _TEXT.fullmatch(name):
        raise NoteError("a key name is UTF-8")


def _split(text: str) -> tuple[str, str, bytes]:
    """Return (name, hash, kind and key) of a key's text form."""
    name, _, rest = text.partition("+")
    digest, _, encoded = rest.partition("+")
    _check_name(name)
    raw = decode(encoded)
    if not raw or raw[0] not in _PUBLIC_BYTES:
        raise NoteError("a key of an unknown kind")
    return name, digest, raw


def cosigned_message(name: str, at: int, *, origin: str, size: int, root: bytes) -> bytes:
    """Return what an ML-DSA-44 key signs for a whole tree (tlog-cosignature, cosigned_message)."""

    def opaque(text: str) -> bytes:
        raw = text.encode()
        if not 1 <= len(raw) <= 255:
            raise NoteError("a name has 1 to 255 bytes")
        return bytes([len(raw)]) + raw

    place = struct.pack(">QQ", 0, size)
    return b"subtree/v1\n\x00" + opaque(name) + _STAMP.pack(at) + opaque(origin) + place + root


def _message(kind: int, name: str, text: str, at: int) -> bytes:
    """Return the bytes a key of this kind signs for a note's text."""
    if kind == ED25519:
        return text.encode()
    if kind == COSIGNATURE:
        return f"cosignature/v1\ntime {at}\n{text}".encode()
    origin, size, root = [*text.split("\n"), "", ""][:3]  # its extension lines are not signed
    return cosigned_message(name, at, origin=origin, size=whole_number(size), root=_root(root))


def _root(text: str) -> bytes:
    root = decode(text)
    if len(root) != 32:
        raise NoteError("a root hash has 32 bytes")
    return root


def _ml_dsa_accepts(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
    except ImportError as error:
        raise Unsupported("ML-DSA-44 cannot be checked here") from error
    try:
        MLDSA44PublicKey.from_public_bytes(public).verify(signature, message)
    except UnsupportedAlgorithm as error:
        raise Unsupported("ML-DSA-44 cannot be checked here") from error
    except InvalidSignature:
        return False
    return True


def _ml_dsa(seed: bytes, message: bytes | None) -> bytes:
    """Return the signature over `message`, or the public key when there is none."""
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

        private = MLDSA44PrivateKey.from_seed_bytes(seed)
    except (ImportError, UnsupportedAlgorithm) as error:
        raise Unsupported(
            "this installation of `cryptography` cannot sign with ML-DSA-44"
        ) from error
    return private.public_key().public_bytes_raw() if message is None else private.sign(message)


def _ed25519(seed: bytes, message: bytes | None) -> bytes:
    """Return the signature over `message`, or the public key when there is none."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.from_private_bytes(seed)
    return private.public_key().public_bytes_raw() if message is None else private.sign(message)


@dataclass(frozen=True, slots=True)
class Verifier:
    """A named public key: `name+hash+base64`, the form in which an auditor keeps it."""

    name: str
    public: bytes
    kind: int = ED25519

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """Read the text form; raises NoteError when it is not one or its hash does not fit."""
        name, digest, raw = _split(text.strip())
        if len(raw) != _PUBLIC_BYTES[raw[0]] + 1:
            raise NoteError("a key of the wrong length")
        if digest != _key_id(name, raw[0], raw[1:]).hex():
            raise NoteError("the key's hash does not fit the key")
        return cls(name, raw[1:], raw[0])

    @property
    def key_id(self) -> bytes:
        """Four bytes that tell this key from others of the same name."""
        return _key_id(self.name, self.kind, self.public)

    def export(self) -> str:
        """Return the text form, which anyone may have."""
        encoded = base64.b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    def stamp(self, signature: bytes) -> int | None:
        """Return the time a signature names, in seconds since 1970; None when its kind has none."""
        if self.kind == ED25519 or len(signature) < _STAMP.size:
            return None
        return int(_STAMP.unpack(signature[: _STAMP.size])[0])

    def accepts(self, text: str, signature: bytes) -> bool:
        """Say whether `signature` is this key's over `text`; raises Unsupported if nobody can."""
        at = self.stamp(signature)
        if at is not None:
            signature = signature[_STAMP.size :]
        if self.kind != ED25519 and (at is None or at > _LATEST):
            return False
        try:
            message = _message(self.kind, self.name, text, at or 0)
        except Unsupported:
            raise
        except NoteError:
            return False  # not a checkpoint: there is nothing this kind of key could have signed
        check = _ml_dsa_accepts if self.kind == ML_DSA_44 else ed25519.verify
        return check(self.public, message, signature)


@dataclass(frozen=True, slots=True, repr=False)
class Signer:
    """A named private key. Its repr is empty on purpose: keys do not belong in tracebacks."""

    name: str
    seed: bytes
    kind: int = ED25519

    @classmethod
    def generate(cls, name: str, kind: int = ED25519) -> Signer:
        """Return a new random key under `name`."""
        _check_name(name)
        return cls(name, secrets.token_bytes(_SEED_BYTES), kind)

    @classmethod
    def parse(cls, text: str) -> Signer:
        """Read the text form `PRIVATE+KEY+name+hash+base64`; raises NoteError."""
        head, _, rest = text.strip().partition("PRIVATE+KEY+")
        if head:
            raise NoteError("not a private key")
        name, digest, raw = _split(rest)
        if len(raw) != _SEED_BYTES + 1:
            raise NoteError("a key of the wrong length")
        signer = cls(name, raw[1:], raw[0])
        if digest != signer.verifier.key_id.hex():
            raise NoteError("the key's hash does not fit the key")
        return signer

    @property
    def verifier(self) -> Verifier:
        """The public half; raises Unsupported for ML-DSA-44 where it cannot be computed."""
        return Verifier(self.name, self._compute(None), self.kind)

    def _compute(self, message: bytes | None) -> bytes:
        return (_ml_dsa if self.kind == ML_DSA_44 else _ed25519)(self.seed, message)

    def export(self) -> str:
        """Return the text form of the private key, for a file nobody else can read."""
        encoded = base64.b64encode(bytes([self.kind]) + self.seed).decode()
        return f"PRIVATE+KEY+{self.name}+{self.verifier.key_id.hex()}+{encoded}"

    def line(self, text: str, at: int = 0) -> str:
        """Return this key's signature line over `text`, which ends with a newline.

        `at` is in seconds since 1970 and part of what is signed, unless the kind has no time. A
        cosignature says what its signer had seen at that time; 0 (a log's own ML-DSA-44) says
        nothing of the sort.
        """
        if not text.endswith("\n"):
            raise NoteError("a note's text ends with a newline")
        signature = self._compute(_message(self.kind, self.name, text, at))
        stamp = b"" if self.kind == ED25519 else _STAMP.pack(at)
        encoded = base64.b64encode(self.verifier.key_id + stamp + signature).decode()
        return f"{MARK}{self.name} {encoded}\n"

    def sign(self, text: str, at: int = 0) -> str:
        """Return the signed note over `text`; more lines may follow it (`note.with_lines`)."""
        return f"{text}\n{self.line(text, at)}"
