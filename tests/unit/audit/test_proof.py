"""Proofs (C2SP tlog-proof): golden, for every entry of every small tree, and nothing forged."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import merkle, proof
from audit.note import Checkpoint, NoteError, Signer
from audit.policy import Policy, QuorumMissing
from audit.proof import Proof
from tests.unit.audit.trees import Leaves

GOLDEN = Path(__file__).parents[2] / "data" / "audit"
ORIGIN = "enclave.test/audit"
LOG = Signer.generate(ORIGIN)
ALONE = Policy.parse(f"log {LOG.verifier.export()}\nquorum none\n")


def signed(tree: Leaves, size: int) -> str:
    return LOG.sign(Checkpoint(ORIGIN, size, tree.root(size)).text())


def test_the_golden_proof_is_made_and_believed_byte_for_byte() -> None:
    text = (GOLDEN / "entry-123.tlog-proof").read_text()
    note = (GOLDEN / "checkpoint.cosigned").read_text()
    policy = Policy.parse((GOLDEN / "policy").read_bytes())
    tree = Leaves([b"entry %d" % n for n in range(300)])
    assert proof.make(tree, 123, note) == text
    assert Proof.parse(text).text() == text
    judged = Proof.parse(text).check(b"entry 123", policy)
    assert (judged.checkpoint.size, set(judged.cosigned)) == (300, {"one", "two"})


@given(st.integers(1, 70).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1))))
def test_every_entry_is_proved_and_no_other_bytes_are(place: tuple[int, int]) -> None:
    size, index = place
    tree = Leaves([b"%d" % n for n in range(size)])
    made = Proof.parse(proof.make(tree, index, signed(tree, size)))
    made.check(b"%d" % index, ALONE)
    with pytest.raises(merkle.ProofError):
        made.check(b"other", ALONE)


def test_an_entry_the_checkpoint_does_not_cover_has_no_proof() -> None:
    tree = Leaves([b"a", b"b"])
    for index in (-1, 1, 2):
        with pytest.raises(merkle.ProofError, match="not cover"):
            proof.make(tree, index, signed(tree, 1))


def test_extra_data_is_carried_and_believed_by_nobody() -> None:
    tree = Leaves([b"a", b"b"])
    made = Proof.parse(proof.make(tree, 0, signed(tree, 2)))
    with_extra = Proof(made.index, made.path, made.note, b"whatever")
    assert Proof.parse(with_extra.text()) == with_extra
    assert Proof.parse(with_extra.text()).check(b"a", ALONE) == made.check(b"a", ALONE)


def test_a_proof_without_the_quorum_is_no_proof() -> None:
    policy = Policy.parse((GOLDEN / "policy").read_bytes())
    text = (GOLDEN / "entry-123.tlog-proof").read_text()
    one_short = "\n".join(line for line in text.split("\n") if "witness-pq" not in line)
    with pytest.raises(QuorumMissing):
        Proof.parse(one_short).check(b"entry 123", policy)


GOOD = (GOLDEN / "entry-123.tlog-proof").read_text()


@pytest.mark.parametrize(
    "text",
    [
        "",
        GOOD.replace("@v1", "@v2"),
        GOOD.replace("index 123", "index 0123"),
        GOOD.replace("index 123", "index -1"),
        GOOD.replace("index 123\n", ""),
        GOOD.replace("index 123\n", "index 123\nAAAA\n"),
        GOOD.replace("index 123\n", "index 123\nnot base64\n"),
        GOOD.replace("index 123\n", "index 123\n" + ("A" * 43 + "=\n") * 64),
        GOOD.replace("index 123\n", "extra !\nindex 123\n"),
        GOOD.split("\n\n")[0],
    ],
)
def test_what_is_not_a_proof_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        Proof.parse(text)
