"""Checks Ed25519 signatures (RFC 8032) in plain Python, for an auditor's bare installation.

Only verification: nothing secret passes through here, so nothing needs constant time. Never signs,
reads no file, imports nothing of ours. Decides exactly as OpenSSL does, edge cases included:
S must be below the group's order, the cofactor is not multiplied away, and the point R is compared
as bytes.
"""

from __future__ import annotations

import hashlib

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:  # the empty environment of `verify.pyz`
    Ed25519PublicKey = None  # type: ignore[assignment,misc]

# RFC 8032 section 5.1: the field's prime, the group's order, the curve's constant
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, P - 2, P) % P
_ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)

_Point = tuple[int, int, int, int]
"""Extended homogeneous coordinates (X, Y, Z, T), with x = X/Z, y = Y/Z, xy = T/Z."""
_NEUTRAL: _Point = (0, 1, 1, 0)


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether `signature` is over `message` by the key `public`.

    Uses `cryptography` where it is installed and this module's arithmetic where it is not.
    """
    if Ed25519PublicKey is None:
        return verify_plainly(public, message, signature)
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def arithmetic() -> str:
    """Return whose arithmetic `verify` uses, for a report."""
    return "its own" if Ed25519PublicKey is None else "the package cryptography"


def verify_plainly(public: bytes, message: bytes, signature: bytes) -> bool:
    """Say the same as `verify`, by this module's own arithmetic (RFC 8032 section 5.1.7)."""
    if len(public) != 32 or len(signature) != 64:
        return False
    scalar = int.from_bytes(signature[32:], "little")
    key = _decode(public)
    if key is None or scalar >= ORDER:  # a larger S is a second form of the same signature
        return False
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    challenge = int.from_bytes(digest, "little") % ORDER
    x, y, z, t = key
    point = _sum_of_multiples(scalar, _BASE, challenge, (P - x, y, z, P - t))
    return _encode(point) == signature[:32]


def _decode(encoded: bytes) -> _Point | None:
    """Return the point with this encoding, or None; y is reduced as OpenSSL reduces it."""
    number = int.from_bytes(encoded, "little")
    odd, y = number >> 255, (number & (2**255 - 1)) % P
    above, below = (y * y - 1) % P, (_D * y * y + 1) % P
    # RFC 8032 section 5.1.3: one power gives the root of a quotient
    x = above * pow(below, 3, P) * pow(above * pow(below, 7, P), (P - 5) // 8, P) % P
    if below * x * x % P == P - above:
        x = x * _ROOT_OF_MINUS_ONE % P
    if below * x * x % P != above % P:
        return None
    if x & 1 != odd:
        x = -x % P
    return (x, y, 1, x * y % P)


def _encode(point: _Point) -> bytes:
    x, y, z, _ = point
    inverse = pow(z, P - 2, P)
    x, y = x * inverse % P, y * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _add(first: _Point, second: _Point) -> _Point:
    """Return the sum (RFC 8032 section 5.1.4; complete, so it doubles as well)."""
    x1, y1, z1, t1 = first
    x2, y2, z2, t2 = second
    a = (y1 - x1) * (y2 - x2) % P
    b = (y1 + x1) * (y2 + x2) % P
    c = 2 * t1 * t2 * _D % P
    d = 2 * z1 * z2 % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _sum_of_multiples(first: int, one: _Point, second: int, other: _Point) -> _Point:
    """Return first * one + second * other, both walked through at once."""
    table = (_NEUTRAL, one, other, _add(one, other))
    result = _NEUTRAL
    for place in reversed(range(max(first.bit_length(), second.bit_length()))):
        result = _add(result, result)
        chosen = (first >> place & 1) | (second >> place & 1) << 1
        if chosen:
            result = _add(result, table[chosen])
    return result


def _base() -> _Point:
    """Return the generator: y = 4/5, x even."""
    y = 4 * pow(5, P - 2, P) % P
    point = _decode(y.to_bytes(32, "little"))
    assert point is not None
    return point


_BASE = _base()
