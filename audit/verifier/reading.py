"""Reads a stretch of a log: hashes every byte, and collects what only the whole can judge.

One stretch knows nothing of another, so that several processes can read at once. Judges only what
an entry says of itself: that its text has its leaf's hash, is an event, and names its own sender.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from audit.merkle import HASH_SIZE, Frontier, leaf_hash, leaf_hashes, parents
from audit.verifier.checks import Findings, Unreadable, plain
from audit.verifier.facts import SHAPE, Facts, NotAnEvent, is_simple, parse
from audit.verifier.queries import QUERIES, Answered
from audit.verifier.sources import CHUNK, Row, Source

STRETCH = 32 * CHUNK  # entries read at once; whole tiles

Sender = tuple[bytes, bytes]
"""A source and its instance."""
Told = tuple[int, Facts]
"""An entry's index and facts."""

_ROOMS = (b"output.", b"audit.", b"query.", b"access.")


@dataclass(slots=True)
class Stretch:
    """What is learnt from the entries [begin, end)."""

    begin: int
    end: int
    chunks: list[bytes] = field(default_factory=list)  # roots over each 256 entries
    rest: list[bytes] = field(default_factory=list)  # frontier of a last, partial chunk
    marks: dict[int, list[bytes]] = field(default_factory=dict)  # size -> frontier in its chunk
    queries: Answered = field(default_factory=Answered)
    told: list[Told] = field(default_factory=list)  # on outputs, the log's keeping, unknown queries
    first: dict[Sender, int] = field(default_factory=dict)  # each sender's first number here
    following: dict[Sender, int] = field(default_factory=dict)  # and the one due after these
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
    places = range(found.end, found.end + CHUNK)
    present = [row[0] for row in rows]
    if present == list(places[: len(rows)]):
        return True
    missing = next((place for place in places if place not in present), found.end)
    found.order.add(f"entry {missing:,} is missing")
    return False


def _read_rows(found: Stretch, rows: list[Row]) -> list[bytes]:
    """Learn from up to 256 entries; return the hashes that stand for them in the tree.

    What is hashed is what is read: a text that was changed changes the root as well.
    """
    try:
        leaves = leaf_hashes([row[2] for row in rows])  # type: ignore[misc]  # None: TypeError
        usual = leaves == [row[1] for row in rows]
    except TypeError:  # a text that was removed, or columns of a hostile file
        usual = False
    times: list[bytes] = []
    if not usual:
        leaves = [_read_unusual(found, row, times) for row in rows]
    else:
        _read_texts(found, rows, times)
    if times:
        moments = list(map(int, times))
        found.times.append((rows[0][0], min(moments), max(moments)))
    return leaves


def _read_texts(found: Stretch, rows: list[Row], times: list[bytes]) -> None:
    """Learn from entries what their texts say."""
    shape, following, take = SHAPE, found.following, found.queries.take
    for index, _, body, source, instance, number in rows:
        assert body is not None
        match = shape(body) if is_simple(body) else None
        try:
            facts: Facts = match.groups() if match else parse(body)  # type: ignore[assignment]
        except NotAnEvent as error:
            found.strange.add(f"entry {index:,}: {plain(str(error))}")
            continue
        time, _, action, _, _, _, named, of, sent, _ = facts
        times.append(time)
        seq = int(sent)
        if number is not None and (number != seq or named != source or of != instance):
            found.forged.add(f"entry {index:,}: its text names another sender")
        sender = (named, of)
        if following.get(sender) != seq:
            _number(found, index, sender, seq)
        following[sender] = seq + 1
        if action in QUERIES:
            take(index, facts)
        elif action.startswith(_ROOMS):
            found.told.append((index, facts))


def _number(found: Stretch, index: int, sender: Sender, seq: int) -> None:
    """Note a number that does not follow: a sender's first here, or a gap."""
    due = found.following.get(sender)
    if due is None:
        found.first[sender] = seq
    elif due != seq:
        found.gaps.append((index, sender, due, seq))
    found.following[sender] = seq + 1


def _read_unusual(found: Stretch, row: Row, times: list[bytes]) -> bytes:
    """Learn from one entry that may be anything; return the hash that stands for it in the tree."""
    index, leaf, body, source, instance, number = row
    if type(body) is bytes:
        if leaf_hash(body) != leaf:
            found.hashes.add(f"entry {index:,}")
        _read_texts(found, [row], times)
        return leaf_hash(body)
    if type(leaf) is not bytes or len(leaf) != HASH_SIZE:
        found.hashes.add(f"entry {index:,} has no leaf")
        return bytes(HASH_SIZE)
    if body is not None:
        found.hashes.add(f"entry {index:,} has no text but a number")
        return leaf
    found.removed.append((index, int(times[-1]) if times else 0))
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
    """Return the root over a power of two of hashes (RFC 6962 section 2.1)."""
    while len(hashes) > 1:
        hashes = parents(hashes)
    return hashes[0]
