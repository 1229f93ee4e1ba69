"""Our own Ed25519 verification: RFC 8032's vectors, and OpenSSL's answer on everything else."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import ed25519
from audit.ed25519 import ORDER, P, verify, verify_plainly

# RFC 8032 section 7.1: secret key, public key, message, signature
VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]

# The eight points of small order, in their canonical and their two non-canonical encodings.
SMALL = [
    (1).to_bytes(32, "little"),
    (P - 1).to_bytes(32, "little"),
    bytes(32),
    (1 << 255).to_bytes(32, "little"),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
    P.to_bytes(32, "little"),
    (P + 1).to_bytes(32, "little"),
    (1 | 1 << 255).to_bytes(32, "little"),
    (P - 1 | 1 << 255).to_bytes(32, "little"),
    (P | 1 << 255).to_bytes(32, "little"),
    (P + 1 | 1 << 255).to_bytes(32, "little"),
]


@pytest.mark.parametrize(("secret", "public", "message", "signature"), VECTORS)
def test_the_specification_s_vectors_are_accepted_and_nothing_near_them(
    secret: str, public: str, message: str, signature: str
) -> None:
    key, text, signed = (bytes.fromhex(part) for part in (public, message, signature))
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret))
    assert private.public_key().public_bytes_raw() == key
    assert verify_plainly(key, text, signed)
    assert not verify_plainly(key, text + b"\x00", signed)
    for place in (0, 31, 32, 63):
        broken = bytearray(signed)
        broken[place] ^= 1
        assert not verify_plainly(key, text, bytes(broken))


def test_a_signature_has_one_form_only() -> None:
    """S plus the group's order satisfies the equation too (RFC 8032 section 8.4)."""
    private = Ed25519PrivateKey.generate()
    key, signature = private.public_key().public_bytes_raw(), private.sign(b"m")
    larger = int.from_bytes(signature[32:], "little") + ORDER
    second = signature[:32] + larger.to_bytes(32, "little")
    assert verify_plainly(key, b"m", signature)
    assert not verify_plainly(key, b"m", second)
    assert not verify(key, b"m", second)


@pytest.mark.parametrize("key", SMALL)
def test_keys_of_small_order_are_judged_as_openssl_judges_them(key: bytes) -> None:
    for point in SMALL:
        for message in (b"", b"a", b"b", b"checkpoint"):
            for scalar in (0, 1, ORDER - 1, ORDER):
                signature = point + scalar.to_bytes(32, "little")
                expected = verify(key, message, signature)
                assert verify_plainly(key, message, signature) is expected


@settings(max_examples=150)
@given(
    seed=st.binary(min_size=32, max_size=32),
    message=st.binary(max_size=80),
    change=st.sampled_from(["nothing", "key", "message", "R", "S", "order", "torsion", "random"]),
    noise=st.binary(min_size=32, max_size=32),
)
def test_every_answer_is_openssl_s(seed: bytes, message: bytes, change: str, noise: bytes) -> None:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    key, signature = private.public_key().public_bytes_raw(), private.sign(message)
    if change == "key":
        key = noise
    elif change == "message":
        message += noise
    elif change == "R":
        signature = noise + signature[32:]
    elif change == "S":
        signature = signature[:32] + noise
    elif change == "order":
        larger = int.from_bytes(signature[32:], "little") + ORDER
        signature = signature[:32] + larger.to_bytes(32, "little")
    elif change == "torsion":
        key = with_torsion(key, SMALL[noise[0] % 8])
    elif change == "random":
        key, signature = noise, noise + signature[:32]
    answer = verify_plainly(key, message, signature)
    assert answer is verify(key, message, signature)
    assert answer or change != "nothing"


def with_torsion(key: bytes, small: bytes) -> bytes:
    """The same key shifted by a point of small order: only a cofactored check would not see it."""
    one, other = ed25519._decode(key), ed25519._decode(small)
    assert one is not None
    assert other is not None
    return ed25519._encode(ed25519._add(one, other))


@pytest.mark.parametrize(("key", "signature"), [(31, 64), (33, 64), (32, 63), (32, 65), (0, 0)])
def test_what_has_the_wrong_length_is_no_signature(key: int, signature: int) -> None:
    assert not verify_plainly(bytes(key), b"", bytes(signature))
    assert not verify(bytes(key), b"", bytes(signature))


def test_without_the_package_our_own_arithmetic_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    key, message, signature = (bytes.fromhex(part) for part in VECTORS[1][1:])
    assert ed25519.arithmetic() == "the package cryptography"
    monkeypatch.setattr(ed25519, "Ed25519PublicKey", None)
    assert ed25519.arithmetic() == "its own"
    assert verify(key, message, signature)
    assert not verify(key, message + b"!", signature)
