"""Whom the auditor believes: public keys, a policy with its quorum, checkpoints kept elsewhere.

Judges signatures and nothing else. Never takes a key or a checkpoint from the log's own directory
for one of the auditor's.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from audit.keys import MARK, decode
from audit.note import Checkpoint, NoteError, Unsupported, Verifier, read_note, split_note
from audit.policy import Judgement, Policy
from audit.verifier.checks import Check, counted, plain

_AHEAD = 600.0  # seconds by which two clocks may differ without a word
_SIGNED_BY = re.compile(rf"^{MARK}(\S+) ([A-Za-z0-9+/]{{8}})", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Trust:
    """The auditor's own: log keys (the policy's included) and, perhaps, a policy."""

    keys: tuple[Verifier, ...]
    policy: Policy | None = None

    @classmethod
    def of(cls, keys: Iterable[str], policy: bytes | None = None) -> Trust:
        """Read key texts (one key a line) and a policy's; raises NoteError."""
        lines = [line for text in keys for line in text.splitlines() if line.strip()]
        given = [Verifier.parse(line.strip()) for line in lines]
        read = None if policy is None else Policy.parse(policy).for_log(given)
        logs = () if read is None else (log.verifier for log in read.logs)
        return cls(tuple(dict.fromkeys([*given, *logs])), read)

    def open(self, note: str) -> tuple[Checkpoint, tuple[str, ...]]:
        """Return a checkpoint one of the keys has signed, and remarks; raises NoteError."""
        opened = read_note(note, self.keys)
        checkpoint = Checkpoint.parse(opened.text)
        remarks = tuple(
            f"the signature of kind 0x{key.kind:02x} by {plain(key.name)} was not checked: the "
            "package cryptography is not here or too old"
            for key in opened.unchecked
        )
        if not opened.signed:
            if opened.unchecked:
                raise Unsupported("its signature cannot be checked here")
            raise NoteError("no key of yours has signed it")
        if all(signed.verifier.name != checkpoint.origin for signed in opened.signed):
            raise NoteError("it belongs to another log than its key")
        return checkpoint, remarks

    def with_keys(self, keys: Iterable[Verifier]) -> Trust:
        """Return the same trust extended to keys that the log itself has handed over to."""
        return Trust(tuple(dict.fromkeys([*self.keys, *keys])), self.policy)


@dataclass(frozen=True, slots=True)
class Mark:
    """A believed checkpoint the log is compared with, and whose it is. `kept`: not the log's."""

    name: str
    checkpoint: Checkpoint
    kept: bool


def judge(trust: Trust, note: str, *, name: str, kept: bool) -> tuple[list[Mark], Check]:
    """Judge one checkpoint: `kept` by the auditor, or the one the log shows today."""
    question = f"Is {name} signed by a key you believe?"
    try:
        checkpoint, remarks = trust.open(note)
    except (NoteError, UnicodeError) as error:
        return [], Check(question, "no", (plain(str(error)),))
    answer = f"yes, it covers {counted(checkpoint.size, 'entry')}"
    return [Mark(name, checkpoint, kept)], Check(question, answer, (), remarks)


def judge_cosigned(trust: Trust, kept: list[str], shown: list[str]) -> tuple[list[Mark], Check]:
    """Find the largest checkpoint the policy's quorum has cosigned, and every one the log shows.

    The witnesses' word, not the operator's: such a checkpoint counts like one kept elsewhere.
    """
    question = "Has the policy's quorum of witnesses cosigned?"
    assert trust.policy is not None
    held, remarks, wrong = dict[str, Judgement](), set[str](), []
    for note in (*kept, *shown):
        try:
            judged = trust.policy.judge(note)
        except (NoteError, UnicodeError) as error:
            wrong.append(f"a checkpoint could not be judged: {plain(str(error))}")
            continue
        remarks |= {
            f"{plain(name)}'s cosignature was not checked here" for name in judged.unchecked
        } | {
            f"{plain(name)} names a time ahead of this computer's clock: {spoken_time(at)}"
            for name, at in judged.cosigned.items()
            if at > time.time() + _AHEAD
        }
        if not judged.quorum:
            names = ", ".join(map(plain, judged.cosigned)) or "nobody"
            covered = counted(judged.checkpoint.size, "entry")
            wrong.append(f"a checkpoint of {covered} is cosigned by {names} only")
        else:
            held[note] = judged
    if not held:
        return [], Check(question, "no", tuple(wrong) or ("no cosigned checkpoint",))
    best = max(held.values(), key=lambda judged: judged.checkpoint.size)
    since = "" if best.since is None else f", at {spoken_time(best.since)}"
    who = ", ".join(map(plain, best.cosigned))
    answer = f"yes, {counted(best.checkpoint.size, 'entry')}{since}, by {who}"
    others = (held[note].checkpoint for note in shown if note in held)
    marks = [
        Mark("the cosigned checkpoint", checkpoint, kept=True)
        for checkpoint in dict.fromkeys((best.checkpoint, *others))
    ]
    return marks, Check(question, answer, (), tuple(sorted(remarks)))


def spoken_time(seconds: float) -> str:
    """Return a time in UTC for a person; a number where no calendar reaches."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, ValueError, OSError):
        return f"second {seconds}"


def size_of(note: str) -> int | None:
    """Return the size a note names, believed or not; None when it is no checkpoint."""
    try:
        return Checkpoint.parse(split_note(note)[0]).size
    except NoteError:
        return None


def signed_by(note: str) -> frozenset[tuple[str, bytes]]:
    """Return (name, key id) of each signature line of a note, unchecked; none of a broken one."""
    try:
        _, block = split_note(note)
        return frozenset((name, decode(head)[:4]) for name, head in _SIGNED_BY.findall(block))
    except NoteError:
        return frozenset()
