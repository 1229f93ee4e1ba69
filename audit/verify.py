"""Offline verification of a log against a checkpoint its owner did not keep for you.

Believes nothing the log says of itself: re-hashes every stored byte, compares with a checkpoint
and a public key the auditor kept, then checks meaning. Imports nothing of ours but `merkle` and
`note`, opens nothing for writing, and talks to nobody.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audit.merkle import Frontier, leaf_hash
from audit.note import Checkpoint, NoteError, Verifier

Progress = Callable[[int, int], None]
"""`progress(done, total)`, called every so often while entries are hashed."""

_STRIDE = 2048  # entries between two calls of `progress`
_SHOWN = 5  # examples named for one kind of finding
_ENDS = ("query.outcome", "query.denied", "service.interrupted")


@dataclass(frozen=True, slots=True)
class Check:
    """One question put to the log and its answer; `wrong` names up to five places."""

    question: str
    answer: str
    wrong: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing was found against it."""
        return not self.wrong


@dataclass(frozen=True, slots=True)
class Report:
    """What was checked, in order, over how many entries."""

    entries: int
    root: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)


@dataclass(slots=True)
class _Findings:
    """Counts what is wrong and keeps the first few places."""

    count: int = 0
    places: list[str] = field(default_factory=list)

    def add(self, place: str) -> None:
        self.count += 1
        if self.count <= _SHOWN:
            self.places.append(place)

    def answer(self, question: str, good: str) -> Check:
        more = self.count - len(self.places)
        places = [*self.places, f"and {more} more"] if more else self.places
        return Check(question, good if not self.count else f"{self.count} found", tuple(places))


@dataclass(frozen=True, slots=True)
class _Row:
    index: int
    leaf: bytes
    body: bytes | None
    sender: tuple[str, str]
    seq: int


def _rows(connection: sqlite3.Connection) -> Iterator[_Row]:
    query = "SELECT idx, leaf, body, source, instance, seq FROM entry ORDER BY idx"
    with closing(connection.execute(query)) as rows:
        for index, leaf, body, source, instance, seq in rows:
            yield _Row(index, leaf, body, (source, instance), seq)


def verify(
    directory: Path, *, checkpoint: str, key: str, progress: Progress = lambda done, total: None
) -> Report:
    """Check the log in `directory` against the signed `checkpoint` and public `key` texts.

    Raises sqlite3.Error when the file is no log. Everything else wrong is in the report.
    """
    try:
        verifier = Verifier.parse(key)
        saved = Checkpoint.open(checkpoint, verifier)
    except NoteError as error:
        wrong = Check("Is your checkpoint signed by your key?", "no", (str(error),))
        return Report(0, "", (wrong,))
    signed = Check("Is your checkpoint signed by your key?", f"yes, {saved.size} entries")
    present, present_check = _present(directory, verifier)
    address = (directory / "log.db").resolve().as_uri()
    connection = sqlite3.connect(f"{address}?mode=ro", uri=True)
    with closing(connection):
        reading = _Reading(saved, present)
        (last,) = connection.execute("SELECT max(idx) FROM entry").fetchone()
        total = 0 if last is None else last + 1
        for row in _rows(connection):
            reading.take(row)
            if row.index % _STRIDE == 0:
                progress(row.index, total)
        progress(total, total)
    root = reading.frontier.root().hex()
    return Report(reading.frontier.size, root, (signed, present_check, *reading.checks()))


def _present(directory: Path, verifier: Verifier) -> tuple[Checkpoint | None, Check]:
    """Return the checkpoint the log shows today."""
    question = "Is the log's present checkpoint signed by your key?"
    try:
        present = Checkpoint.open((directory / "checkpoint").read_text(), verifier)
    except (OSError, NoteError) as error:
        return None, Check(question, "no", (str(error),))
    return present, Check(question, f"yes, {present.size} entries")


class _Reading:
    """Everything that is learnt on one pass over the entries."""

    def __init__(self, saved: Checkpoint, present: Checkpoint | None):
        self.frontier = Frontier()
        self._marks = {"your checkpoint": saved}
        if present is not None:
            self._marks["its present checkpoint"] = present
        self._roots: dict[str, bytes] = {}
        self._order, self._hashes, self._sequence = _Findings(), _Findings(), _Findings()
        self._next: dict[tuple[str, str], int] = {}
        self._removed = 0
        self._meaning = _Meaning()
        self._mark()

    def take(self, row: _Row) -> None:
        """Learn from one entry."""
        if row.index != self.frontier.size:
            self._order.add(f"entry {self.frontier.size} is missing")
        if row.body is not None and leaf_hash(row.body) != row.leaf:
            self._hashes.add(f"entry {row.index}")
        # What is hashed is what is read: a body that was changed changes the root as well.
        self.frontier.append(row.leaf if row.body is None else leaf_hash(row.body))
        self._mark()
        self._number(row)
        if row.body is None:
            self._removed += 1
        else:
            self._read(row.index, row.sender, row.seq, row.body)

    def _mark(self) -> None:
        for name, checkpoint in self._marks.items():
            if checkpoint.size == self.frontier.size:
                self._roots[name] = self.frontier.root()

    def _number(self, row: _Row) -> None:
        due = self._next.get(row.sender, 0)
        if row.seq != due:
            self._sequence.add(f"entry {row.index}: {row.sender[0]} sent {row.seq}, {due} was due")
        self._next[row.sender] = row.seq + 1

    def _read(self, index: int, sender: tuple[str, str], seq: int, body: bytes) -> None:
        try:
            event = json.loads(body)
            ours = event["unmapped"]["enclave"]
            if (ours["source"], ours["instance"], ours["seq"]) != (*sender, seq):
                self._sequence.add(f"entry {index}: its text names another sender")
            self._meaning.take(index, event["actor"]["user"]["uid"], ours)
        except (ValueError, KeyError, TypeError):
            self._hashes.add(f"entry {index} is not an event")

    def checks(self) -> tuple[Check, ...]:
        """Return the answers."""
        size = self.frontier.size
        kept = f"all {size} entries re-hashed" + (
            f", {self._removed} of them removed by retention" if self._removed else ""
        )
        return (
            self._hashes.answer("Does every entry's text fit its leaf?", kept),
            self._order.answer("Are the entries numbered without a gap?", f"yes, 0 to {size - 1}"),
            *(self._against(name, mark) for name, mark in self._marks.items()),
            self._sequence.answer(
                "Is every sender's numbering gapless?", f"yes, {len(self._next)} senders"
            ),
            *self._meaning.checks(),
        )

    def _against(self, name: str, mark: Checkpoint) -> Check:
        question = f"Does the log still contain what {name} covers, unchanged?"
        if name not in self._roots:
            held = f"the log has {self.frontier.size} entries, the checkpoint covers {mark.size}"
            return Check(question, "no", (held,))
        if self._roots[name] != mark.root:
            return Check(question, "no", (f"another root over the first {mark.size} entries",))
        later = self.frontier.size - mark.size
        newer = f"; newer and not covered: {later}" if later else ""
        return Check(question, f"yes, {mark.size} entries{newer}")


class _Meaning:
    """What entries must mean together, whoever wrote them."""

    def __init__(self) -> None:
        self._begun: dict[str, int] = {}
        self._ended: dict[str, str] = {}
        self._ends, self._denied, self._released = _Findings(), _Findings(), _Findings()
        self._authors: dict[str, str] = {}
        self._votes: dict[str, dict[str, str]] = {}
        self._releases = 0

    def take(self, index: int, actor: str, ours: dict[str, Any]) -> None:
        """Learn from one event."""
        action, intent = ours["action"], ours["intent"]
        if intent is not None and (action == "query.intent" or action in _ENDS):
            self._query(index, action, intent, ours)
        elif action.startswith("output."):
            self._output(index, action, actor, ours)

    def _query(self, index: int, action: str, intent: str, ours: dict[str, Any]) -> None:
        if action == "query.intent":
            if intent in self._begun or intent in self._ended:
                self._ends.add(f"entry {index}: intent {intent} begins twice")
            self._begun[intent] = index
            return
        before = self._ended.get(intent)
        if before == "query.denied" or ours["verdict"] == "denied":
            if action == "query.outcome":
                self._denied.add(f"entry {index}: a denied query has an outcome")
            elif ours["detail"].get("rows"):
                self._denied.add(f"entry {index}: a refusal reports rows")
        if before is not None:
            self._ends.add(f"entry {index}: intent {intent} ends twice")
        if action != "query.denied" and intent not in self._begun:
            self._ends.add(f"entry {index}: an end without an intent before it")
        self._ended[intent] = action

    def _output(self, index: int, action: str, actor: str, ours: dict[str, Any]) -> None:
        detail = ours["detail"]
        output = str(detail.get("request"))
        if action == "output.submitted":
            self._authors[output] = actor
        elif detail.get("decision") is not None:
            # A later decision of the same agency replaces its earlier one.
            approves = detail["decision"] == "approve" and ours["verdict"] == "allowed"
            decisions = self._votes.setdefault(output, {})
            decisions[str(detail.get("agency"))] = actor if approves else ""
        elif action == "output.released":
            self._releases += 1
            self._check_release(f"entry {index}", output, ours["agencies"])

    def _check_release(self, place: str, output: str, agencies: list[str]) -> None:
        votes = self._votes.get(output, {})
        missing = [agency for agency in agencies if not votes.get(agency)]
        if missing or not agencies:
            lacking = ", ".join(missing) or "any agency"
            self._released.add(f"{place}: released without the vote of {lacking}")
        if output not in self._authors:
            self._released.add(f"{place}: released without having been submitted")
        elif self._authors[output] in votes.values():
            self._released.add(f"{place}: its author voted on it")

    def checks(self) -> tuple[Check, ...]:
        """Return the answers; an intent without an end is named with its place."""
        for intent, index in self._begun.items():
            if intent not in self._ended:
                self._ends.add(f"entry {index}: intent {intent} has no end yet")
        return (
            self._ends.answer(
                "Does each query's intent have exactly one end?", f"yes, {len(self._begun)} intents"
            ),
            self._denied.answer("Did no denied query return anything?", "none did"),
            self._released.answer(
                "Does each release have the vote of every agency, and not its author's?",
                f"yes, {self._releases} releases",
            ),
        )
