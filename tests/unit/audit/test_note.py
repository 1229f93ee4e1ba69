"""Signed notes and checkpoints: the published example verifies, and nothing forged does."""

from __future__ import annotations

import base64

import pytest

from audit.note import Checkpoint, NoteError, Signer, Verifier, open_note

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


@pytest.mark.parametrize(
    "text",
    [
        "origin\n7\n",
        "origin\n07\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "origin\n-1\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "origin\n7\n" + base64.b64encode(bytes(31)).decode() + "\n",
        "\n7\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "origin\n7\n" + base64.b64encode(bytes(32)).decode(),
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
