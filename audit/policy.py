"""Whom one believes about a log: its keys, its witnesses and their quorum (C2SP tlog-policy).

Pure: text in, judgement out. Never reads a file or a clock, and never asks a witness anything. The
offline verifier carries this module; it needs nothing of ours but `note` and `keys`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from audit.note import COSIGNATURE, ED25519, ML_DSA_44, Checkpoint, NoteError, Verifier, read_note

NONE = "none"
_LIMIT = 256  # logs, witnesses and groups; the specification asks for at least 32 of each
_BLANK = re.compile("[ \t]+")
_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")


class PolicyError(NoteError):
    """A policy file that is not one."""


class QuorumMissing(NoteError):
    """A checkpoint that too few witnesses have cosigned."""


@dataclass(frozen=True, slots=True)
class LogKey:
    """A log one believes, by one of its keys. Its name is the log's origin."""

    verifier: Verifier
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Witness:
    """Another party's witness, under the name this file gives it."""

    name: str
    verifier: Verifier
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """So many of these witnesses and groups stand for the group."""

    name: str
    needed: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a policy says of a checkpoint that one of its logs has signed.

    `cosigned` maps each witness whose cosignature is valid to its time in seconds since 1970;
    `unchecked` names those whose kind of signature cannot be checked in this environment.
    """

    checkpoint: Checkpoint
    cosigned: dict[str, int]
    quorum: bool
    since: int | None
    unchecked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy file, read."""

    logs: tuple[LogKey, ...]
    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    quorum: str

    @classmethod
    def parse(cls, file: bytes | str) -> Policy:
        """Read a policy file; raises PolicyError with the number of the line that is wrong."""
        raw = file.encode() if isinstance(file, str) else file
        if _FORBIDDEN.search(raw):
            raise PolicyError("a policy has no control characters but tab and newline")
        reading = _Reading()
        # Octets above 0x7f are opaque: what is not UTF-8 survives as it is.
        for number, line in enumerate(raw.decode("utf-8", "surrogateescape").split("\n"), 1):
            words = [word for word in _BLANK.split(line) if word]
            if words and not words[0].startswith("#"):
                try:
                    reading.take(words)
                except NoteError as error:
                    raise PolicyError(f"line {number} of the policy: {error}") from error
        return reading.finish()

    def for_log(self, verifiers: Iterable[Verifier]) -> Policy:
        """Return this policy with these keys as its logs if the file names none itself.

        Raises PolicyError where a witness has a log's own key: that is no other party's word.
        """
        logs = self.logs or tuple(map(LogKey, verifiers))
        own = {log.verifier.public for log in logs}
        for witness in self.witnesses:
            if witness.verifier.public in own:
                raise PolicyError(f"the witness {witness.name} has the log's own key")
        return self if self.logs else replace(self, logs=logs)

    @property
    def needs_witnesses(self) -> bool:
        """Whether any cosignature is asked for at all."""
        return self.quorum != NONE

    def _reached(self, times: dict[str, int]) -> int | None:
        """Return since when the quorum holds: its last needed cosignature's time; None if not."""
        if self.quorum == NONE:
            return 0
        held = {
            witness.name: times[witness.name] for witness in self.witnesses if witness.name in times
        }
        for group in self.groups:  # each refers only to what stands above it
            counted = sorted((held[name] for name in group.members if name in held), reverse=True)
            if len(counted) >= group.needed:
                held[group.name] = counted[group.needed - 1]
        return held.get(self.quorum)

    def judge(self, note: str) -> Judgement:
        """Return what this policy says of a signed checkpoint, quorum or not.

        Raises NoteError unless a log of this policy signed it under its own name, or when the
        signature of a witness this policy knows is wrong.
        """
        logs = [log.verifier for log in self.logs]
        opened = read_note(note, [*logs, *(witness.verifier for witness in self.witnesses)])
        checkpoint = Checkpoint.parse(opened.text)
        times = {signed.verifier: signed.at or 0 for signed in opened.signed}
        if not any(log in times and log.name == checkpoint.origin for log in logs):
            raise NoteError("no log of the policy has signed this")
        cosigned = {w.name: times[w.verifier] for w in self.witnesses if w.verifier in times}
        since = self._reached(cosigned)
        unchecked = tuple(w.name for w in self.witnesses if w.verifier in opened.unchecked)
        held = since is not None
        return Judgement(
            checkpoint, cosigned, held, since if self.needs_witnesses else None, unchecked
        )

    def open(self, note: str) -> Judgement:
        """Like `judge`, but raises QuorumMissing unless the quorum has cosigned."""
        judgement = self.judge(note)
        if not judgement.quorum:
            names = ", ".join(judgement.cosigned) or "nobody"
            raise QuorumMissing(f"cosigned by {names}, which is not the quorum {self.quorum}")
        return judgement


class _Reading:
    """A policy as far as it has been read."""

    def __init__(self) -> None:
        self._logs: list[LogKey] = []
        self._witnesses: list[Witness] = []
        self._groups: list[Group] = []
        self._quorum: str | None = None
        self._grouped: set[str] = set()

    def take(self, words: list[str]) -> None:
        """Read one line; raises NoteError."""
        keyword, *rest = words
        readers: dict[str, Callable[[list[str]], None]] = {
            "log": self._log,
            "witness": self._witness,
            "group": self._group,
            "quorum": self._quorum_line,
        }
        if keyword not in readers:
            raise PolicyError("it begins with no word of the format")
        if len(self._logs) + len(self._witnesses) + len(self._groups) > 3 * _LIMIT:
            raise PolicyError("too many lines")
        readers[keyword](rest)

    def _known(self, name: str) -> bool:
        named = {witness.name for witness in self._witnesses}
        return name in named | {group.name for group in self._groups}

    def _new_name(self, name: str) -> None:
        if name == NONE or self._known(name):
            raise PolicyError("this name is taken")

    def _log(self, rest: list[str]) -> None:
        if not 1 <= len(rest) <= 2:
            raise PolicyError("log KEY [URL]")
        verifier = Verifier.parse(rest[0])
        if verifier.kind not in (ED25519, ML_DSA_44):
            raise PolicyError("a log's key is of kind 0x01 or 0x06")
        if any(log.verifier.public == verifier.public for log in self._logs):
            raise PolicyError("a log's key stands twice")
        self._logs.append(LogKey(verifier, *rest[1:]))

    def _witness(self, rest: list[str]) -> None:
        if not 2 <= len(rest) <= 3:
            raise PolicyError("witness NAME KEY [URL]")
        self._new_name(rest[0])
        verifier = Verifier.parse(rest[1])
        if verifier.kind not in (COSIGNATURE, ML_DSA_44):
            raise PolicyError("a witness's key is of kind 0x04 or 0x06")
        if any(witness.verifier.public == verifier.public for witness in self._witnesses):
            raise PolicyError("a witness's key stands twice")
        self._witnesses.append(Witness(rest[0], verifier, *rest[2:]))

    def _group(self, rest: list[str]) -> None:
        if len(rest) < 3:
            raise PolicyError("group NAME all|any|K MEMBER...")
        name, count, *members = rest
        self._new_name(name)
        needed = {"any": "1", "all": str(len(members))}.get(count, count)
        if not re.fullmatch("[1-9][0-9]{0,3}", needed) or int(needed) > len(members):
            raise PolicyError("so many cannot be asked of this group")
        for member in members:
            if not self._known(member):
                raise PolicyError("a member is not defined above")
            if member in self._grouped:
                raise PolicyError("a member is in a group already")
            self._grouped.add(member)
        self._groups.append(Group(name, int(needed), tuple(members)))

    def _quorum_line(self, rest: list[str]) -> None:
        if len(rest) != 1 or self._quorum is not None:
            raise PolicyError("one line: quorum NAME")
        if rest[0] != NONE and not self._known(rest[0]):
            raise PolicyError("the quorum is not defined above")
        self._quorum = rest[0]

    def finish(self) -> Policy:
        """Return the policy; raises PolicyError without a quorum."""
        if self._quorum is None:
            raise PolicyError("a policy has one line: quorum NAME")
        return Policy(tuple(self._logs), tuple(self._witnesses), tuple(self._groups), self._quorum)
