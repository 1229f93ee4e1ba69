"""What the log says of its own keeping: texts removed, keys replaced, an older log closed.

Each is an event; this checks that the log is as its events say, and that a new key was handed over
under the signature of an old one. Never believes a key because the log's directory has it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from audit.note import NoteError, Verifier
from audit.verifier.checks import Check, Findings, counted, plain
from audit.verifier.facts import Facts, strict_json
from audit.verifier.trust import Trust, signed_by, size_of, spoken_time

_SLACK = 600_000  # ms by which a clock may have been put back
_WRITER = b"audit"  # the log's own source: no socket speaks for it
_SERIES = 64  # groups of signatures a log is believed to have had


@dataclass(frozen=True, slots=True)
class Told:
    """An event on the log's own keeping."""

    index: int
    time: int
    detail: Mapping[str, Any]


@dataclass(slots=True)
class Keeping:
    """The events of one log on its own keeping, and on that of the logs it followed."""

    purged: list[Told] = field(default_factory=list)
    rotated: list[Told] = field(default_factory=list)
    closed: list[Told] = field(default_factory=list)
    begun: list[Told] = field(default_factory=list)
    broken: Findings = field(default_factory=Findings)

    def take(self, index: int, facts: Facts) -> None:
        """Learn from one event."""
        lists = {
            b"audit.purged": self.purged,
            b"audit.key-rotated": self.rotated,
            b"audit.closed": self.closed,
            b"audit.rotated": self.begun,
        }
        if facts[2] in lists:
            if facts[6] != _WRITER:
                source = facts[6].decode(errors="replace")
                self.broken.add(f"entry {index:,}: {plain(source)} speaks for the log")
                return
            try:
                detail = strict_json(facts[9])
            except ValueError:
                self.broken.add(f"entry {index:,}: its detail cannot be read")
                return
            lists[facts[2]].append(Told(index, int(facts[0]), detail))


def check_removed(
    origin: str, removed: list[tuple[int, int]], events: Iterable[Told], broken: Findings
) -> Check:
    """Compare the entries without a text with the events that say which were removed.

    `removed` has each such entry's index and the time of the newest text before it (ms). The last
    event names the hash over the indices of all that are removed: no other may be, and none less.
    """
    wrong, notes = Findings(), []
    wrong.absorb(broken)
    mine = [each for each in events if each.detail.get("log") == origin]
    for told in mine:
        notes.append(_spoken(told))
        _check_ground(told, wrong)
    indices = b"".join(index.to_bytes(8, "big") for index, _ in removed)
    digest = hashlib.sha256(indices).hexdigest()
    if not mine and removed:
        wrong.add(f"entry {removed[0][0]:,}: its text was removed, and no event says so")
    if mine and (mine[-1].detail.get("removed"), mine[-1].detail.get("digest")) != (
        len(removed), digest,
    ):  # fmt: skip
        wrong.add(
            f"entry {mine[-1].index:,} tells of {_number(mine[-1].detail.get('removed'))} removed "
            f"texts in all, but {len(removed):,}, or others, are removed"
        )
    if mine:
        _check_young(removed, mine, wrong)
    answer = (
        f"yes, {len(removed):,} in {counted(len(mine), 'removal')}"
        if removed
        else "none was removed"
    )
    return wrong.answer("Is each removed text covered by an event?", answer, tuple(notes))


def _check_ground(told: Told, wrong: Findings) -> None:
    """See that a removal names a ground and a day that had passed."""
    before = _day(told.detail.get("before"))
    if before is None or before > told.time:
        wrong.add(f"entry {told.index:,}: a removal of what was not yet old")
    if not str(told.detail.get("ground") or "").strip():
        wrong.add(f"entry {told.index:,}: a removal without a ground")


def _check_young(removed: list[tuple[int, int]], events: list[Told], wrong: Findings) -> None:
    """See that nothing younger than the latest day named is gone."""
    latest = max((_day(told.detail.get("before")) or 0) for told in events)
    for index, after in removed:
        if after > latest + _SLACK:
            wrong.add(f"entry {index:,}: removed, though written later than any removal's day")


def _day(text: object) -> int | None:
    """Return a day's beginning in ms since 1970, UTC."""
    try:
        day = date.fromisoformat(str(text))
        return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _spoken(told: Told) -> str:
    detail = told.detail
    return plain(
        f"entry {told.index:,}, {spoken_time(told.time / 1000)}: {_number(detail.get('entries'))} "
        f"texts older than {detail.get('before')}, on the ground: {detail.get('ground')}"
    )


def _number(value: object) -> str:
    return f"{value:,}" if type(value) is int else plain(str(value))


def candidates(notes: Iterable[str]) -> list[str]:
    """Return, for each key that signed any of these notes, the largest note it signed.

    Unchecked; whoever uses one checks it.
    """
    largest: dict[tuple[str, bytes], tuple[int, str]] = {}
    for note in notes:
        size = size_of(note)
        if size is None:
            continue
        for key in signed_by(note):
            if size >= largest.get(key, (-1, ""))[0] and (key in largest or len(largest) < _SERIES):
                largest[key] = (size, note)
    return list(dict.fromkeys(note for _, note in largest.values()))


RootAt = Callable[[int], bytes | None]
"""The root over the first so many entries as they were re-hashed; None where unknown."""


def hand_over(
    trust: Trust, events: list[Told], notes: list[str], root_at: RootAt
) -> tuple[Trust, Check]:
    """Follow the keys: each new one is named by an event that an older key has signed over."""
    wrong, notes_said = Findings(), []
    for told in events:
        keys = named_keys(told)
        if not keys:
            wrong.add(f"entry {told.index:,}: a replaced key without a key")
        elif all(key in trust.keys for key in keys):
            notes_said.append(f"entry {told.index:,}: names a key you believe already")
        elif any(_covers(trust, note, told.index, root_at) for note in notes):
            trust = trust.with_keys(keys)
            notes_said.append(
                f"entry {told.index:,}, {spoken_time(told.time / 1000)}: believed from now on, "
                f"{', '.join(plain(key.export()[:80]) for key in keys)}"
            )
        else:
            notes_said.append(
                f"entry {told.index:,}: no checkpoint here that covers it has a signature by a key "
                "you believe, so its new key is not believed"
            )
    answer = f"yes, {len(events):,} replaced" if events else "none was replaced"
    return trust, wrong.answer(
        "Was each new signing key named under an older one's signature?", answer, tuple(notes_said)
    )


def named_keys(told: Told) -> list[Verifier]:
    """Return the new keys an event names; none when it names what is no key."""
    keys = [told.detail.get("key"), told.detail.get("second_key")]
    try:
        return [Verifier.parse(str(key)) for key in keys if key is not None]
    except (NoteError, UnicodeError):
        return []


def _covers(trust: Trust, note: str, index: int, root_at: RootAt) -> bool:
    """Say whether a note signed by a believed key covers an entry as it was re-hashed."""
    try:
        checkpoint, _ = trust.open(note)
    except (NoteError, UnicodeError):
        return False
    return checkpoint.size > index and root_at(checkpoint.size) == checkpoint.root
