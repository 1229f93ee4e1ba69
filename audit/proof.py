"""Proofs that one entry is in the log, as C2SP tlog-proof writes them: checked offline, for ever.

Never believes what it carries: `check` hashes the entry, climbs the path and asks a policy about
the checkpoint. Reading and checking are pure; the offline verifier carries this module.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Protocol

from audit.keys import decode, whole_number
from audit.merkle import HASH_SIZE, Node, ProofError, inclusion_proof, leaf_hash, verify_inclusion
from audit.note import Checkpoint, NoteError, split_note
from audit.policy import Judgement, Policy

HEADER = "c2sp.org/tlog-proof@v1"
_LONGEST = 63  # steps of a path in a tree that could exist


class Tree(Protocol):
    """What a proof is made from: a `LogReader` or an export."""

    def node(self, level: int, n: int) -> bytes:
        """Return the hash of a perfect subtree (see `merkle.Node`)."""


@dataclass(frozen=True, slots=True)
class Proof:
    """One proof: where the entry stands, its path upwards, the signed checkpoint it leads to.

    `extra` is opaque and believed by nobody; None when there is none.
    """

    index: int
    path: tuple[bytes, ...]
    note: str
    extra: bytes | None = None

    @classmethod
    def parse(cls, text: str) -> Proof:
        """Read a proof; raises NoteError when it is not one."""
        head, blank, note = text.partition("\n\n")
        lines = head.split("\n")
        if not blank or lines.pop(0) != HEADER:
            raise NoteError("not a proof of this kind")
        extra = decode(lines.pop(0)[6:]) if lines and lines[0].startswith("extra ") else None
        if not lines or not lines[0].startswith("index "):
            raise NoteError("a proof names an index")
        index = whole_number(lines.pop(0)[6:])
        path = tuple(map(decode, lines))
        if len(path) > _LONGEST or any(len(each) != HASH_SIZE for each in path):
            raise NoteError("a proof's path is of hashes of 32 bytes")
        split_note(note)
        return cls(index, path, note, extra)

    def text(self) -> str:
        """Return the proof as it is written to a file."""
        extra = [] if self.extra is None else [f"extra {base64.b64encode(self.extra).decode()}"]
        path = (base64.b64encode(each).decode() for each in self.path)
        return "\n".join([HEADER, *extra, f"index {self.index}", *path, "", self.note])

    def check_leaf(self, leaf: bytes, policy: Policy) -> Judgement:
        """Return what the policy says of the checkpoint that this leaf stands under.

        Raises NoteError when the policy does not believe the checkpoint (QuorumMissing when only
        cosignatures are lacking), ProofError when the path does not lead from the leaf to it.
        """
        judgement = policy.open(self.note)
        checkpoint = judgement.checkpoint
        verify_inclusion(leaf, self.index, checkpoint.size, proof=self.path, root=checkpoint.root)
        return judgement

    def check(self, body: bytes, policy: Policy) -> Judgement:
        """Like `check_leaf`, for the entry's own bytes."""
        return self.check_leaf(leaf_hash(body), policy)


def make(tree: Tree, index: int, note: str) -> str:
    """Return the proof that entry `index` stands under the signed checkpoint `note`.

    Raises ProofError when the checkpoint does not cover the entry, LookupError when the tree is
    shorter than the checkpoint says.
    """
    checkpoint = Checkpoint.parse(split_note(note)[0])
    if not 0 <= index < checkpoint.size:
        raise ProofError("the checkpoint does not cover this entry yet")
    node: Node = tree.node
    return Proof(index, tuple(inclusion_proof(node, index, checkpoint.size)), note).text()
