"""Signed notes and checkpoints: the published example verifies, and nothing forged does."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audit.keys import cosigned_message
from audit.note import (
    COSIGNATURE,
    ED25519,
    ML_DSA_44,
    Checkpoint,
    NoteError,
    Signer,
    Unsupported,
    Verifier,
    open_note,
    read_note,
    sign_note,
    split_note,
    with_lines,
)
from audit.policy import Policy
from tests.support.ml_dsa import needs_ml_dsa

# The example of Go's golang.org/x/mod/sumdb/note, the origin of the format.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_SECRET = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
GO_NOTE = (
    f"{GO_TEXT}\n\N{EM DASH} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FF"
    "YC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ORIGIN = "enclave.test/audit"


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer.generate(ORIGIN)


def test_the_published_example_verifies() -> None:
    assert open_note(GO_NOTE, [Verifier.parse(GO_KEY)]) == GO_TEXT


def test_signing_the_published_example_gives_its_published_bytes() -> None:
    signer = Signer.parse(GO_SECRET)
    assert signer.verifier.export() == GO_KEY
    assert signer.sign(GO_TEXT) == GO_NOTE


def test_keys_survive_their_text_form(signer: Signer) -> None:
    assert Verifier.parse(signer.verifier.export()) == signer.verifier
    assert Signer.parse(signer.export()) == signer


def test_a_private_key_does_not_show_in_its_repr(signer: Signer) -> None:
    secret = base64.b64encode(signer.seed).decode()
    assert secret not in repr(signer)
    assert signer.seed.hex() not in repr(signer)
    assert repr(signer.seed) not in repr(signer)


def test_a_signed_checkpoint_opens_under_its_key_only(signer: Signer) -> None:
    checkpoint = Checkpoint(ORIGIN, 7, bytes(range(32)))
    note = signer.sign(checkpoint.text())
    assert Checkpoint.open(note, signer.verifier) == checkpoint
    stranger = Signer.generate(ORIGIN).verifier
    with pytest.raises(NoteError, match="no known key"):
        Checkpoint.open(note, stranger)


def test_a_checkpoint_of_another_log_is_not_taken_for_ours(signer: Signer) -> None:
    note = signer.sign(Checkpoint("elsewhere", 7, bytes(32)).text())
    with pytest.raises(NoteError, match="another log"):
        Checkpoint.open(note, signer.verifier)


def test_extension_lines_are_allowed_and_unknown_signatures_ignored(signer: Signer) -> None:
    text = Checkpoint(ORIGIN, 7, bytes(32)).text() + "extension\n"
    note = signer.sign(text) + "\N{EM DASH} somebody " + base64.b64encode(bytes(68)).decode() + "\n"
    assert Checkpoint.open(note, signer.verifier).size == 7


@pytest.mark.parametrize("place", range(0, 60, 7))
def test_a_changed_character_breaks_the_signature(signer: Signer, place: int) -> None:
    note = signer.sign(Checkpoint(ORIGIN, 7, bytes(32)).text())
    changed = note[:place] + ("x" if note[place] != "x" else "y") + note[place + 1 :]
    with pytest.raises(NoteError):
        Checkpoint.open(changed, signer.verifier)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "no signatures\n",
        "text\n\nnot a signature line\n",
        "text\n\n\N{EM DASH} name %%%\n",
        "text\n\n\N{EM DASH} name AAAA\n",
        "text\n\n\N{EM DASH} name AAAAAAAA",
    ],
)
def test_a_malformed_note_is_refused(signer: Signer, note: str) -> None:
    with pytest.raises(NoteError):
        open_note(note, [signer.verifier])


@pytest.mark.parametrize("encoded", ["AAAAAAA==", "AAAAAAB="])
def test_padding_too_many_and_bits_of_no_byte_are_no_base64_as_elsewhere(
    signer: Signer, encoded: str
) -> None:
    note = signer.sign(Checkpoint(ORIGIN, 7, bytes(32)).text())
    Checkpoint.open(f"{note}\N{EM DASH} name AAAAAAA=\n", signer.verifier)
    with pytest.raises(NoteError, match="base64"):
        Checkpoint.open(f"{note}\N{EM DASH} name {encoded}\n", signer.verifier)


@pytest.mark.parametrize(
    "text",
    [
        "origin\n7\n",
        "origin\n07\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "origin\n-1\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "origin\n7\n" + base64.b64encode(bytes(31)).decode() + "\n",
        "\n7\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "origin\n7\n" + base64.b64encode(bytes(32)).decode(),
        "origin\n7\n" + base64.b64encode(bytes(32)).decode() + "=\n",
        "origin\n7\n" + "A" * 42 + "B=\n",
    ],
)
def test_a_malformed_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "name",
        "name+00000000+AQ==",
        GO_KEY.replace("c74f20a3", "00000000"),
        GO_KEY.replace("Peter", "Pe ter"),
    ],
)
def test_a_malformed_public_key_is_refused(key: str) -> None:
    with pytest.raises(NoteError):
        Verifier.parse(key)


def test_a_malformed_private_key_is_refused(signer: Signer) -> None:
    good = signer.export()
    for bad in ("x" + good, good.replace(signer.verifier.key_id.hex(), "00000000"), good[:40]):
        with pytest.raises(NoteError):
            Signer.parse(bad)


def test_a_text_without_a_final_newline_is_not_signed(signer: Signer) -> None:
    with pytest.raises(NoteError, match="newline"):
        signer.sign("text")


# Further kinds of key: C2SP tlog-cosignature, with the specifications' own examples.

SPEC_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_TEXT = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
GOLDEN = Path(__file__).parents[2] / "data" / "audit"


def test_the_specifications_verifier_key_is_read_and_written_back() -> None:
    assert Verifier.parse(SPEC_KEY).export() == SPEC_KEY


def test_an_ml_dsa_44_key_signs_the_structure_of_the_specification() -> None:
    name = "example.com/behind-the-sofa"
    size, root = SPEC_TEXT.split("\n")[1:3]
    message = cosigned_message(
        name, 1679315147, origin=name, size=int(size), root=base64.b64decode(root)
    )
    named = b"\x1bexample.com/behind-the-sofa"
    place = bytes.fromhex("0000000000000000 00000000013e2dc3")
    stamp = bytes.fromhex("00000000641850cb")
    tail = bytes.fromhex("0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62")
    assert message == b"subtree/v1\n\x00" + named + stamp + named + place + tail


def test_a_cosignature_signs_the_specifications_header_time_and_whole_text() -> None:
    witness = Signer.generate("witness.example.com/w1", COSIGNATURE)
    line = witness.line(SPEC_TEXT, 1679315147)
    raw = base64.b64decode(line.split(" ")[2])
    assert (len(raw), raw[:4]) == (4 + 72, witness.verifier.key_id)
    assert int.from_bytes(raw[4:12], "big") == 1679315147
    message = f"cosignature/v1\ntime 1679315147\n{SPEC_TEXT}".encode()
    Ed25519PublicKey.from_public_bytes(witness.verifier.public).verify(raw[12:], message)


@needs_ml_dsa
def test_the_golden_checkpoint_is_made_and_believed_byte_for_byte() -> None:
    log = Signer("golden.example/log", bytes(range(32)))
    witness = Signer("golden.example/witness", bytes(range(32, 64)), COSIGNATURE)
    note = (GOLDEN / "checkpoint").read_text()
    cosigned = (GOLDEN / "checkpoint.cosigned").read_text()
    text, _ = split_note(note)
    assert log.sign(text) == note
    assert witness.line(text, 1_700_000_000) in cosigned
    judgement = Policy.parse((GOLDEN / "policy").read_bytes()).open(cosigned)
    assert judgement.cosigned == {"one": 1_700_000_000, "two": 1_700_000_000}


@pytest.mark.parametrize("kind", [COSIGNATURE, pytest.param(ML_DSA_44, marks=needs_ml_dsa)])
def test_a_cosignature_moved_to_another_time_or_checkpoint_is_wrong(kind: int) -> None:
    witness = Signer.generate("w", kind)
    raw = base64.b64decode(witness.line(SPEC_TEXT, 1679315147).split(" ")[2])
    good, later = raw[4:], (1679315148).to_bytes(8, "big") + raw[12:]
    verifier = witness.verifier
    assert verifier.accepts(SPEC_TEXT, good)
    assert verifier.stamp(good) == 1679315147
    assert not verifier.accepts(SPEC_TEXT, later)
    assert not verifier.accepts(SPEC_TEXT.replace("2085", "2086"), good)
    assert not verifier.accepts(SPEC_TEXT, b"\xff" * 8 + raw[12:])
    assert not verifier.accepts(SPEC_TEXT, b"short")


@needs_ml_dsa
@pytest.mark.parametrize("kind", [ED25519, COSIGNATURE, ML_DSA_44])
def test_keys_of_every_kind_survive_their_text_form_and_are_not_mixed_up(kind: int) -> None:
    signer = Signer.generate("name", kind)
    assert Signer.parse(signer.export()) == signer
    assert Verifier.parse(signer.verifier.export()) == signer.verifier
    others = {Signer("name", signer.seed, other).verifier.key_id for other in (1, 4, 6)}
    assert len(others) == 3


@needs_ml_dsa
def test_ml_dsa_44_signs_checkpoints_and_nothing_else() -> None:
    signer = Signer.generate("w", ML_DSA_44)
    with pytest.raises(NoteError):
        signer.line("words\n")
    with pytest.raises(NoteError, match="255"):
        Signer("n" * 256, signer.seed, ML_DSA_44).line(SPEC_TEXT)
    signature = base64.b64decode(signer.line(SPEC_TEXT, 5).split(" ")[2])[4:]
    assert not signer.verifier.accepts("words\n", signature)
    assert not signer.verifier.accepts("o\n1\nAAAA\n", signature)


@needs_ml_dsa
def test_where_ml_dsa_44_cannot_be_computed_that_is_said_and_ed25519_still_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old, new = Signer.generate(ORIGIN), Signer.generate(ORIGIN, ML_DSA_44)
    verifier = new.verifier
    text = Checkpoint(ORIGIN, 7, bytes(32)).text()
    note, alone = sign_note(text, [old, new]), new.sign(text)
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.mldsa", None)
    opened = read_note(note, [old.verifier, verifier])
    assert [signed.verifier for signed in opened.signed] == [old.verifier]
    assert opened.unchecked == (verifier,)
    with pytest.raises(Unsupported, match="cannot be checked"):
        open_note(alone, [verifier])
    with pytest.raises(Unsupported, match="cannot sign"):
        new.sign(text)


def test_keys_overlap_and_a_line_is_not_repeated() -> None:
    old, new = Signer.generate(ORIGIN), Signer.generate(ORIGIN)
    text = Checkpoint(ORIGIN, 7, bytes(32)).text()
    note = sign_note(text, [old, new])
    for verifier in (old.verifier, new.verifier):
        assert Checkpoint.open(note, verifier).size == 7
    assert with_lines(note, [new.line(text)]) == note


@needs_ml_dsa
def test_sixteen_signatures_are_read_and_there_is_an_end_to_it() -> None:
    signers = [Signer.generate(ORIGIN, ML_DSA_44) for _ in range(16)]
    text = Checkpoint(ORIGIN, 7, bytes(32)).text()
    note = sign_note(text, signers)
    assert len(read_note(note, [signer.verifier for signer in signers]).signed) == 16
    many = note + "".join(f"\N{EM DASH} w{n} {'A' * 8}\n" for n in range(200))
    with pytest.raises(NoteError, match="too many"):
        read_note(many, [])


def test_control_characters_are_refused() -> None:
    note = Signer.generate(ORIGIN).sign("a\tb\n")
    with pytest.raises(NoteError, match="control"):
        read_note(note, [])
