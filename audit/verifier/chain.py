"""A log and those it followed, verified together: each begins with the last word of the one before.

A log's last entry names the next log and its keys; the next log's first entry holds the old one's
final checkpoint. Either end carries belief to the other: an old key to the new log, a checkpoint
kept of the new log to all of the old one. Never takes a log for part of the chain by its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from audit.note import Checkpoint, NoteError, Verifier, split_note
from audit.verifier.checks import Check, Unreadable, counted, plain
from audit.verifier.engine import (
    Belief,
    Log,
    Progress,
    Question,
    Report,
    believe,
    judge_log,
    read_log,
)
from audit.verifier.keeping import Told, named_keys
from audit.verifier.trust import Mark

_MOST = 100  # logs of one chain

_LINK = "Does this log begin with the final checkpoint of the one before?"


def verify_chain(question: Question, older: Sequence[Path], progress: Progress) -> list[Report]:
    """Verify a log and those it followed, the newest first; raises Unreadable."""
    directories = [question.directory, *(older or closed_beside(question.directory))][:_MOST]
    logs = [_read(question, directory, directories, progress) for directory in directories]
    logs = _in_order(logs)
    return _Chain(logs, question).reports()


def closed_beside(directory: Path) -> list[Path]:
    """Return the directories of closed logs that lie beside a log."""
    place = directory / "closed"
    return sorted(each for each in place.iterdir() if each.is_dir()) if place.is_dir() else []


def _read(question: Question, directory: Path, directories: list[Path], progress: Progress) -> Log:
    """Read one log, with those of the auditor's checkpoints that are of its origin."""
    kept = question.kept
    if len(directories) > 1:
        origins = {each: _origin(each) for each in directories}
        # One that is of none of these logs is the newest log's to contradict.
        kept = {
            name: note
            for name, note in kept.items()
            if (mine := note.partition("\n")[0]) == origins[directory]
            or (directory == question.directory and mine not in origins.values())
        }
    return read_log(replace(question, directory=directory, kept=kept), progress)


def _origin(directory: Path) -> str:
    try:
        return (directory / "checkpoint").read_text().partition("\n")[0]
    except (OSError, UnicodeDecodeError):
        return ""


def _in_order(logs: list[Log]) -> list[Log]:
    """Return the logs from the newest backwards, as their first entries name one another."""
    by_origin, ordered = {log.origin: log for log in logs[1:]}, [logs[0]]
    while (told := _first(ordered[-1])) and (log := by_origin.pop(_text(told, "log"), None)):
        ordered.append(log)
    if by_origin:
        strays = ", ".join(plain(str(log.directory)) for log in by_origin.values())
        raise Unreadable(f"No log here names this one as the one before it: {strays}.")
    return ordered


def _first(log: Log) -> Told | None:
    """Return the event that begins a log after another, if its first entry is one."""
    return next((told for told in log.read.keeping.begun if told.index == 0), None)


def _text(told: Told, name: str) -> str:
    return str(told.detail.get(name) or "")


class _Chain:
    """Logs in order, the newest first, and what the auditor believes of each."""

    def __init__(self, logs: list[Log], question: Question):
        self._logs, self._question = logs, question
        self._trust = question.trust

    def reports(self) -> list[Report]:
        """Carry belief backwards, then forwards, then put every question."""
        beliefs = self._backwards()
        for older, newer in zip(self._logs[:0:-1], self._logs[-2::-1], strict=True):
            self._hand_on(older, newer)
        beliefs = self._backwards()
        before = None
        for log in reversed(self._logs):
            log.read.outputs.follow(before)
            before = log.read.outputs
        reports, purged = [], list[Told]()
        for place, (log, belief) in enumerate(zip(self._logs, beliefs, strict=True)):
            link = self._link(place)
            reports.append(
                judge_log(log, belief, self._seconds(place), purged=purged, further=link)
            )
            purged = [*log.read.keeping.purged, *purged]
        return reports

    def _seconds(self, place: int) -> float:
        """Return how young an intent without an end may be: in a closed log nothing is open."""
        return self._question.open_seconds if place == 0 else -1.0

    def _backwards(self) -> list[Belief]:
        """Judge every log's checkpoints; a newer log's first entry speaks for the older one."""
        beliefs: list[Belief] = []
        more: tuple[Mark, ...] = ()
        for log in self._logs:
            belief = believe(log, self._trust, more)
            beliefs.append(belief)
            more = ()
            told = _first(log)
            if told is not None and belief.covered > 0:
                self._trust = self._trust.with_keys(_key(told))
                checkpoint = _checkpoint(told)
                if checkpoint is not None:
                    more = (Mark("the next log's first entry", checkpoint, kept=True),)
        return beliefs

    def _hand_on(self, older: Log, newer: Log) -> None:
        """Believe the keys that a closed log's last entry names for the log after it."""
        belief = believe(older, self._trust)
        last = older.read.whole.size - 1
        whole = any(
            mark.checkpoint.size == last + 1 and check.passed
            for mark, check in zip(belief.marks, belief.held, strict=True)
        )
        for told in older.read.keeping.closed:
            if whole and told.index == last and _text(told, "next") == newer.origin:
                self._trust = self._trust.with_keys(named_keys(told))

    def _link(self, place: int) -> tuple[Check, ...]:
        """Say whether a log begins where the one before it ended."""
        told = _first(self._logs[place])
        if told is None:
            return ()
        if place + 1 == len(self._logs):
            remark = f"the log before, {plain(_text(told, 'log'))}, was not given"
            return (Check(_LINK, "not asked", (), (remark,), checked=False),)
        older, checkpoint = self._logs[place + 1], _checkpoint(told)
        whole = older.read.whole
        if checkpoint is None:
            return (Check(_LINK, "no", ("its first entry holds no checkpoint",)),)
        ended = (older.origin, whole.size, whole.root())
        if (checkpoint.origin, checkpoint.size, checkpoint.root) != ended:
            said = f"it names {counted(checkpoint.size, 'entry')} of {plain(checkpoint.origin)}"
            return (Check(_LINK, "no", (f"{said}, that log has {whole.size:,}, or others",)),)
        return (Check(_LINK, f"yes, {counted(whole.size, 'entry')} of {plain(older.origin)}"),)


def _checkpoint(told: Told) -> Checkpoint | None:
    """Return the checkpoint a first entry holds, unchecked."""
    try:
        return Checkpoint.parse(split_note(_text(told, "checkpoint"))[0])
    except (NoteError, UnicodeError):
        return None


def _key(told: Told) -> list[Verifier]:
    """Return the old log's key as the new log's first entry names it."""
    try:
        return [Verifier.parse(_text(told, "key"))]
    except (NoteError, UnicodeError):
        return []
