"""Reads a stretch of a log: hashes every byte, and collects what only the whole can judge.

One stretch knows nothing of another, so that several processes can read at once. Judges only what
an entry says of itself: that its text has its leaf's hash, is an event, and names its own sender.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from audit.merkle import HASH_SIZE, Frontier, node_hash
from audit.verifier.checks import Findings, Unreadable, plain
from audit.verifier.facts import Facts, NotAnEvent, read
from audit.verifier.sources import CHUNK, Row, Source

STRETCH = 32 * CHUNK  # entries read at once; whole tiles

Sender = tuple[bytes, bytes]
"""A source and its instance."""
Told = tuple[int, Facts]
"""An entry's index and facts."""

# Actions whose entries must fit other entries; of all others nothing is kept.
_QUERIES = frozenset({b"query.intent", b"query.outcome", b"query.denied", b"service.interrupted"})
_ROOMS = (b"output.", b"audit.")


@dataclass(slots=True)
class Stretch:
    """What is learnt from the entries [begin, end)."""

    begin: int
    end: int
    chunks: list[bytes] = field(default_factory=list)  # roots over each 256 entries
    rest: list[bytes] = field(default_factory=list)  # frontier of a last, partial chunk
    marks: dict[int, list[bytes]] = field(default_factory=dict)  # size -> frontier in its chunk
    told: list[Told] = field(default_factory=list)
    senders: dict[Sender, tuple[int, int]] = field(default_factory=dict)  # first and next number
    gaps: list[tuple[int, Sender, int, int]] = field(default_factory=list)  # entry, due, sent
    removed: list[tuple[int, int]] = field(default_factory=list)  # and the time just before
    nameless: int = 0  # those of them of which nobody says who sent them
    times: list[tuple[int, int, int]] = field(default_factory=list)  # chunk, earliest, latest
    order: Findings = field(default_factory=Findings)
    hashes: Findings = field(default_factory=Findings)
    strange: Findings = field(default_factory=Findings)
    forged: Findings = field(default_factory=Findings)
    tiles: Findings = field(default_factory=Findings)


def read_stretch(source: Source, begin: int, end: int, marks: Iterable[int] = ()) -> Stretch:
    """Read the entries [begin, end); `begin` is a multiple of 256.

    `marks` are sizes whose roots will be asked for. Where the file is damaged the reading ends,
    with a finding.
    """
    found = Stretch(begin, begin)
    wanted = sorted(mark for mark in marks if begin < mark <= end)
    try:
        for rows in source.rows(begin, end):
            if not _in_order(found, rows):
                break
            leaves = _read_rows(found, rows)
            _compare_tile(found, source, leaves)
            _grow(found, leaves, wanted)
    except Unreadable as error:
        found.order.add(str(error).rstrip("."))
    if found.end < end:
        found.order.add(f"entries {found.end:,} to {end - 1:,} are missing or out of place")
    return found


def _in_order(found: Stretch, rows: list[Row]) -> bool:
    """Say whether these are the next entries, each in its place."""
    if rows[0][0] == found.end and rows[-1][0] == found.end + len(rows) - 1:
        return True
    present = {row[0] for row in rows}
    places = range(found.end, found.end + CHUNK)
    missing = next((place for place in places if place not in present), found.end)
    found.order.add(f"entry {missing:,} is missing")
    return False


def _read_rows(found: Stretch, rows: list[Row]) -> list[bytes]:
    """Learn from up to 256 entries; return the hashes that stand for them in the tree.

    What is hashed is what is read: a text that was changed changes the root as well.
    """
    sha256, told = hashlib.sha256, found.told
    leaves: list[bytes] = []
    times: list[int] = []
    for row in rows:
        index, leaf, body, source, instance, number = row
        if body.__class__ is not bytes or leaf.__class__ is not bytes:
            leaves.append(_read_unusual(found, row, times[-1] if times else 0))
            continue
        assert body is not None
        digest = sha256(b"\x00" + body).digest()  # RFC 6962 section 2.1, as `merkle.leaf_hash`
        leaves.append(digest)
        if digest != leaf:
            found.hashes.add(f"entry {index:,}")
        try:
            facts = read(body)
        except NotAnEvent as error:
            found.strange.add(f"entry {index:,}: {plain(str(error))}")
            continue
        times.append(int(facts[0]))
        sender, seq = facts[6:8], int(facts[8])
        if number is not None and (source, instance, number) != (*sender, seq):
            found.forged.add(f"entry {index:,}: its text names another sender")
        _number(found, index, sender, seq)
        action = facts[2]
        if action in _QUERIES or action.startswith(_ROOMS):
            told.append((index, facts))
    if times:
        found.times.append((rows[0][0], min(times), max(times)))
    return leaves


def _number(found: Stretch, index: int, sender: Sender, seq: int) -> None:
    """Follow one sender's numbering."""
    known = found.senders.get(sender)
    if known is None:
        found.senders[sender] = (seq, seq + 1)
        return
    if known[1] != seq:
        found.gaps.append((index, sender, known[1], seq))
    found.senders[sender] = (known[0], seq + 1)


def _read_unusual(found: Stretch, row: Row, after: int) -> bytes:
    """Learn from an entry whose text was removed, or whose columns are not what they should be."""
    index, leaf, body, source, instance, number = row
    if type(leaf) is not bytes or len(leaf) != HASH_SIZE:
        found.hashes.add(f"entry {index:,} has no leaf")
        return bytes(HASH_SIZE)
    if body is not None:
        found.hashes.add(f"entry {index:,} has no text but a number")
        return leaf
    found.removed.append((index, after))
    # The columns beside a removed text are under no hash: they only keep the count.
    if type(source) is bytes and type(instance) is bytes and type(number) is int:
        _number(found, index, (source, instance), number)
    else:
        found.nameless += 1
    return leaf


def _compare_tile(found: Stretch, source: Source, leaves: list[bytes]) -> None:
    """Note a stored tile that holds other hashes than the entries have."""
    n = found.end // CHUNK
    stored = source.tile(0, n, len(leaves))
    if stored is None or stored != b"".join(leaves):
        found.tiles.add(f"tile 0/{n:,}")


def _grow(found: Stretch, leaves: list[bytes], wanted: list[int]) -> None:
    """Add up to 256 leaves: their root, or the frontier of fewer, and the roots asked for."""
    begin, found.end = found.end, found.end + len(leaves)
    for mark in wanted:
        if begin < mark <= found.end:
            found.marks[mark] = _frontier(leaves[: mark - begin])
    if len(leaves) == CHUNK:
        found.chunks.append(_root(leaves))
    else:
        found.rest = _frontier(leaves)


def _frontier(leaves: list[bytes]) -> list[bytes]:
    growing = Frontier()
    for leaf in leaves:
        growing.append(leaf)
    return growing.hashes


def _root(hashes: list[bytes]) -> bytes:
    """Return the root over a power of two of hashes."""
    while len(hashes) > 1:
        hashes = list(map(node_hash, hashes[::2], hashes[1::2]))
    return hashes[0]
