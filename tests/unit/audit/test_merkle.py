"""The tree against Certificate Transparency's vectors and against the RFC's own recursion."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import merkle

# Inputs and roots of the Certificate Transparency reference implementation's tests.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCY = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}


def _hexed(hashes: Sequence[bytes]) -> list[str]:
    return [digest.hex() for digest in hashes]


def _naive_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return merkle.leaf_hash(leaves[0])
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    left, right = _naive_root(leaves[:k]), _naive_root(leaves[k:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def _naive_path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return [*_naive_path(m, leaves[:k]), _naive_root(leaves[k:])]
    return [*_naive_path(m - k, leaves[k:]), _naive_root(leaves[:k])]


def _naive_subproof(m: int, leaves: Sequence[bytes], whole: bool) -> list[bytes]:
    if m == len(leaves):
        return [] if whole else [_naive_root(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m <= k:
        return [*_naive_subproof(m, leaves[:k], whole), _naive_root(leaves[k:])]
    return [*_naive_subproof(m - k, leaves[k:], False), _naive_root(leaves[:k])]


def _node(leaves: Sequence[bytes]) -> merkle.Node:
    def node(level: int, n: int) -> bytes:
        part = leaves[n << level : (n + 1) << level]
        assert len(part) == 1 << level, "a node was asked for that is not perfect"
        return _naive_root(part)

    return node


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert merkle.root_hash(_node([]), 0) == merkle.EMPTY_ROOT == merkle.Frontier().root()


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_certificate_transparency(size: int) -> None:
    frontier = merkle.Frontier()
    for leaf in LEAVES[:size]:
        frontier.append(merkle.leaf_hash(leaf))
    assert frontier.root().hex() == ROOTS[size - 1]
    assert merkle.root_hash(_node(LEAVES), size).hex() == ROOTS[size - 1]


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_inclusion_proofs_are_those_of_certificate_transparency(index: int, size: int) -> None:
    proof = merkle.inclusion_proof(_node(LEAVES), index, size)
    assert _hexed(proof) == INCLUSION[index, size]


@pytest.mark.parametrize(("old", "new"), CONSISTENCY)
def test_consistency_proofs_are_those_of_certificate_transparency(old: int, new: int) -> None:
    proof = merkle.consistency_proof(_node(LEAVES), old, new)
    assert _hexed(proof) == CONSISTENCY[old, new]


leaves_ = st.lists(st.binary(max_size=4), min_size=1, max_size=70)


@given(leaves_, st.data())
def test_every_inclusion_proof_is_the_naive_one_and_proves(
    leaves: list[bytes], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof = merkle.inclusion_proof(_node(leaves), index, len(leaves))
    assert proof == _naive_path(index, leaves)
    leaf, root = merkle.leaf_hash(leaves[index]), _naive_root(leaves)
    merkle.verify_inclusion(leaf, index, len(leaves), proof=proof, root=root)


@given(leaves_, st.data())
def test_every_consistency_proof_is_the_naive_one_and_proves(
    leaves: list[bytes], data: st.DataObject
) -> None:
    old = data.draw(st.integers(0, len(leaves)))
    proof = merkle.consistency_proof(_node(leaves), old, len(leaves))
    if old:
        assert proof == _naive_subproof(old, leaves, True)
    merkle.verify_consistency(
        old,
        len(leaves),
        old_root=_naive_root(leaves[:old]),
        new_root=_naive_root(leaves),
        proof=proof,
    )


@given(leaves_, st.data())
def test_a_proof_that_was_tampered_with_proves_nothing(
    leaves: list[bytes], data: st.DataObject
) -> None:
    size = len(leaves)
    index = data.draw(st.integers(0, size - 1))
    leaf, root = merkle.leaf_hash(leaves[index]), _naive_root(leaves)
    proof = merkle.inclusion_proof(_node(leaves), index, size)
    broken = _tamper(proof, data)
    with pytest.raises(merkle.ProofError):
        merkle.verify_inclusion(leaf, index, size, proof=broken, root=root)
    with pytest.raises(merkle.ProofError):
        other = merkle.leaf_hash(leaves[index] + b"!")
        merkle.verify_inclusion(other, index, size, proof=proof, root=root)


@given(st.lists(st.binary(max_size=4), min_size=2, max_size=70), st.data())
def test_a_changed_past_is_never_consistent(leaves: list[bytes], data: st.DataObject) -> None:
    old = data.draw(st.integers(1, len(leaves)))
    forged = list(leaves)
    place = data.draw(st.integers(0, old - 1))
    forged[place] = forged[place] + b"!"
    proof = merkle.consistency_proof(_node(forged), old, len(forged))
    with pytest.raises(merkle.ProofError):
        merkle.verify_consistency(
            old,
            len(leaves),
            old_root=_naive_root(leaves[:old]),
            new_root=_naive_root(forged),
            proof=proof,
        )
    honest = merkle.consistency_proof(_node(leaves), old, len(leaves))
    roots = {"old_root": _naive_root(leaves[:old]), "new_root": _naive_root(leaves)}
    with pytest.raises(merkle.ProofError):
        merkle.verify_consistency(old, len(leaves), proof=_tamper(honest, data), **roots)


def _tamper(proof: list[bytes], data: st.DataObject) -> list[bytes]:
    kind = data.draw(st.sampled_from(["longer", "shorter", "changed"] if proof else ["longer"]))
    if kind == "longer":
        return [*proof, bytes(32)]
    if kind == "shorter":
        return proof[:-1]
    place = data.draw(st.integers(0, len(proof) - 1))
    return [*proof[:place], bytes(32), *proof[place + 1 :]]


@given(leaves_)
def test_a_frontier_read_back_from_nodes_goes_on_where_it_stopped(leaves: list[bytes]) -> None:
    frontier = merkle.Frontier.read(_node(leaves), len(leaves))
    assert frontier.root() == _naive_root(leaves)
    frontier.append(merkle.leaf_hash(b"next"))
    assert frontier.root() == _naive_root([*leaves, b"next"])


def test_appending_completes_the_subtrees_it_says() -> None:
    frontier = merkle.Frontier()
    for index in range(16):
        completed = frontier.append(merkle.leaf_hash(bytes([index])))
        for level, digest in enumerate(completed):
            part = [bytes([i]) for i in range(((index >> level) << level), index + 1)]
            assert digest == _naive_root(part)
        assert len(completed) == ((index + 1) & -(index + 1)).bit_length()


def test_a_copied_frontier_is_independent() -> None:
    frontier = merkle.Frontier()
    copy = frontier.copy()
    copy.append(merkle.leaf_hash(b""))
    assert (frontier.size, copy.size) == (0, 1)


def test_impossible_questions_are_refused() -> None:
    node = _node(LEAVES)
    with pytest.raises(ValueError, match="one hash for each set bit"):
        merkle.Frontier(3, [bytes(32)])
    with pytest.raises(ValueError, match="no such leaf"):
        merkle.inclusion_proof(node, 8, 8)
    with pytest.raises(ValueError, match="larger"):
        merkle.consistency_proof(node, 9, 8)
    with pytest.raises(merkle.ProofError, match="outside the tree"):
        merkle.verify_inclusion(bytes(32), 1, 1, proof=[], root=bytes(32))
    with pytest.raises(merkle.ProofError, match="shorter than it was"):
        merkle.verify_consistency(2, 1, old_root=bytes(32), new_root=bytes(32), proof=[])


def test_an_empty_or_equal_tree_needs_no_proof_and_takes_none() -> None:
    root = _naive_root(LEAVES)
    same = {"old_root": root, "new_root": root}
    merkle.verify_consistency(8, 8, proof=[], **same)
    with pytest.raises(merkle.ProofError, match="too long"):
        merkle.verify_consistency(8, 8, proof=[bytes(32)], **same)
    with pytest.raises(merkle.ProofError, match="past was changed"):
        merkle.verify_consistency(8, 8, proof=[], old_root=root, new_root=bytes(32))
    with pytest.raises(merkle.ProofError, match="past was changed"):
        merkle.verify_consistency(0, 8, proof=[], **same)
    with pytest.raises(merkle.ProofError, match="too short"):
        merkle.verify_consistency(3, 8, proof=[], **same)


@given(st.lists(st.integers(0, 40), max_size=12))
def test_many_leaves_at_once_make_the_tree_that_one_by_one_make(sizes: list[int]) -> None:
    single, many = merkle.Frontier(), merkle.Frontier()
    for size in sizes:
        leaves = [merkle.leaf_hash(b"%d %d" % (many.size, n)) for n in range(size)]
        completed: dict[tuple[int, int], bytes] = {}
        for leaf in leaves:
            place = single.size
            for level, digest in enumerate(single.append(leaf)):
                completed[level, place >> level] = digest
        grown = {
            (level, first + n): digest
            for level, (first, hashes) in enumerate(many.extend(leaves))
            for n, digest in enumerate(hashes)
        }
        assert grown == completed
        assert (many.size, many.hashes) == (single.size, single.hashes)
