"""Says at every moment what the log's evidence is worth: green, amber or red, and why.

Compares the log with its signed checkpoint, with the newest one this site has itself seen, and
with what the witnesses' quorum has cosigned. Green only while that quorum is recent: whoever holds
the log's key can make a checkpoint, and only other parties' signatures say that they saw it grow.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from audit.cosign import WitnessState
from audit.custody import (
    AuditFiles,
    LogRefused,
    compare,
    kept_checkpoint,
    known_keys,
    write_durably,
)
from audit.log import LogReader, open_reader
from audit.merkle import ProofError, consistency_proof, verify_consistency
from audit.note import Checkpoint, NoteError, Verifier
from audit.policy import Judgement, Policy
from audit.publication import PolicyRefused, load_policy, witness_states
from audit.sentences import Fact, told
from audit.store import StoreError
from enclave.events import Action, Verdict
from enclave.settings import Settings

VERIFIED_ALL = "verification"  # the page of the site that verifies everything
_RED = "Not verified"
LATE_SECONDS = 60.0  # entries that wait longer than this for a checkpoint are late


class Level(StrEnum):
    """How things stand."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True, slots=True)
class WitnessStanding:
    """One witness of the policy: its newest cosignature known here, and its trouble, if any.

    `at` is in seconds since 1970. `counted`: its signature, checked here, is under the cosigned
    checkpoint shown; the rest is what the service says of it.
    """

    name: str
    key_name: str
    counted: bool
    size: int
    at: int | None
    trouble: str = ""

    @property
    def when(self) -> str:
        """The time of its newest cosignature, in words; empty without one."""
        if self.at is None:
            return ""
        return datetime.fromtimestamp(self.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of verification, for the bar on every page. Ages in seconds.

    `checkpoint` is the newest the log has signed, `cosigned` the newest the quorum has cosigned
    and `quorum_age` how long ago the last cosignature came that the quorum needed. `is_known` is
    false for a moment after a start: it may turn out worse, and nobody is told of it before.
    """

    level: Level
    heading: str
    sentence: str
    entries: int = 0
    checkpoint: Checkpoint | None = None
    age: float | None = None
    cosigned: Checkpoint | None = None
    quorum_age: float | None = None
    witnesses: tuple[WitnessStanding, ...] = ()
    is_known: bool = True

    @property
    def uncovered(self) -> int:
        """How many entries are newer than the checkpoint that counts: the cosigned one if any."""
        covered = self.cosigned or self.checkpoint
        return max(0, self.entries - (covered.size if covered else 0))


class Watch:
    """Looks at the log and remembers the newest checkpoint it has believed.

    Without `policy` it looks at the log's own evidence only and asks nothing of witnesses. One that
    does not remember compares with what the site has seen and writes nothing.
    """

    def __init__(
        self,
        files: AuditFiles,
        *,
        late: float = LATE_SECONDS,
        policy: Callable[[], Policy | None] | None = None,
        late_quorum: float = LATE_SECONDS,
        clock: Callable[[], float] = time.time,
        remembers: bool = True,
    ):
        self._files, self._late, self._clock = files, late, clock
        self._remembers = remembers
        self._policy, self._late_quorum = policy, late_quorum
        self._seen_file = files.seen
        self._lock = threading.Lock()

    @classmethod
    def of(cls, settings: Settings, *, remembers: bool = True) -> Watch:
        """Return the watch of an enclave's log, witnesses included."""
        files = AuditFiles.of(settings)
        return cls(
            files,
            policy=lambda: load_policy(settings, known_keys(files)),
            late_quorum=settings.audit_cosign_late_seconds,
            remembers=remembers,
        )

    def verifiers(self) -> tuple[Verifier, ...]:
        """Return the log's public keys as this host knows them, those it has replaced included."""
        return known_keys(self._files)

    def look(self) -> Standing:
        """Return how things stand now."""
        try:
            with self._lock, closing(open_reader(self._files.place)) as log:
                return self._judge(log)
        except (LogRefused, PolicyRefused) as error:
            return Standing(Level.RED, _RED, error.sentence)
        except (NoteError, ProofError, LookupError) as error:
            sentence = f"{error}."
            return Standing(Level.RED, _RED, sentence[:1].upper() + sentence[1:])
        except (OSError, StoreError):
            return Standing(Level.RED, _RED, "The audit log cannot be read.")

    def _judge(self, log: LogReader) -> Standing:
        verifiers = self.verifiers()
        checkpoint = kept_checkpoint(self._files, *verifiers)
        age = max(0.0, self._clock() - self._files.checkpoint.stat().st_mtime)
        compare(log, checkpoint)
        self._compare_with_seen(log, checkpoint, verifiers)
        waiting = self._waiting(log, checkpoint.size)
        own = Standing(
            Level.GREEN,
            "Verified",
            "The log contains everything its signed checkpoint covers, unchanged.",
            log.count(),
            checkpoint,
            age,
        )
        own = own if self._policy is None else self._ask_witnesses(log, own, self._policy())
        if waiting > self._late and own.level is not Level.RED:
            return replace(
                own,
                level=Level.AMBER,
                heading="A checkpoint is overdue",
                sentence=f"Entries have waited {spoken(waiting)} for a checkpoint: the audit "
                "service may be down. What is newer than the checkpoint cannot be verified yet.",
            )
        return own

    def _ask_witnesses(self, log: LogReader, own: Standing, policy: Policy | None) -> Standing:
        """Return the standing with what other parties have signed; never better than that."""
        if policy is None or not policy.needs_witnesses:
            return replace(
                own,
                level=Level.AMBER,
                heading="No witness",
                sentence="The log agrees with its own signature, but no other party cosigns it: "
                "whoever runs it could rewrite it and sign it anew. Only a checkpoint kept "
                "elsewhere would show that.",
            )
        judgement = self._cosigned(log, policy)
        states = witness_states(self._files)
        seen = replace(own, witnesses=_witnesses(policy, judgement, states))
        conflicts = [state for state in states.values() if state.conflict]
        if conflicts:
            first = conflicts[0]
            sentence = f"The witness {first.name} contradicts this log: {first.trouble}"
            return replace(seen, level=Level.RED, heading=_RED, sentence=sentence)
        if judgement is None or not judgement.quorum or judgement.since is None:
            return replace(
                seen,
                level=Level.AMBER,
                heading="Not cosigned",
                sentence=f"The quorum of the policy ({policy.quorum}) has not cosigned this log.",
            )
        return self._by_age(log, seen, judgement.checkpoint, judgement.since)

    def _cosigned(self, log: LogReader, policy: Policy) -> Judgement | None:
        """Return the newest cosigned checkpoint, believed and compared with the log."""
        try:
            note = self._files.cosigned.read_text()
        except FileNotFoundError:
            return None
        judgement = policy.judge(note)
        compare(log, judgement.checkpoint)
        return judgement

    def _by_age(self, log: LogReader, seen: Standing, cosigned: Checkpoint, since: int) -> Standing:
        """Return green while the quorum is recent and covers all but the newest entries."""
        age = max(0.0, self._clock() - since)
        seen = replace(seen, cosigned=cosigned, quorum_age=age)
        waiting = self._waiting(log, cosigned.size)
        if max(age, waiting) > self._late_quorum:
            return replace(
                seen,
                level=Level.AMBER,
                heading="Cosignatures are late",
                sentence=f"The witnesses' quorum last cosigned {spoken(age)} ago. What is newer "
                "is under the log's own signature alone.",
            )
        sentence = "The log contains everything the witnesses' quorum has cosigned, unchanged."
        return replace(seen, sentence=sentence)

    def _waiting(self, log: LogReader, covered: int) -> float:
        """Return for how many seconds the first uncovered entry has waited."""
        entry = log.entry(covered)
        fact = told(covered, entry.body) if entry is not None else None
        return 0.0 if fact is None else max(0.0, self._clock() - fact.time / 1000)

    def _compare_with_seen(
        self, log: LogReader, checkpoint: Checkpoint, verifiers: tuple[Verifier, ...]
    ) -> None:
        """Raise ProofError if the log has forgotten what this site saw before; else remember."""
        if self._seen_file.exists():
            seen = Checkpoint.open(self._seen_file.read_text(), *verifiers)
            if seen == checkpoint:
                return
            if seen.size > checkpoint.size:
                raise ProofError("the log is shorter than this site has seen it")
            verify_consistency(
                seen.size,
                checkpoint.size,
                old_root=seen.root,
                new_root=checkpoint.root,
                proof=consistency_proof(log.node, seen.size, checkpoint.size),
            )
        if self._remembers:
            write_durably(self._seen_file, self._files.checkpoint.read_text())

    def seen(self) -> str:
        """Return the newest checkpoint this site has believed, as a signed note."""
        return self._seen_file.read_text()


def _witnesses(
    policy: Policy, judgement: Judgement | None, states: dict[str, WitnessState]
) -> tuple[WitnessStanding, ...]:
    """Return the policy's witnesses, each with its newest cosignature."""
    found = []
    for witness in policy.witnesses:
        state = states.get(witness.name, WitnessState(witness.name))
        at = judgement.cosigned.get(witness.name) if judgement else None
        size, when = state.size, state.at
        if judgement is not None and at is not None and at >= (when or 0):
            size, when = judgement.checkpoint.size, at
        found.append(
            WitnessStanding(
                witness.name, witness.verifier.name, at is not None, size, when, state.trouble
            )
        )
    return tuple(found)


def spoken(seconds: float) -> str:
    """Return a length of time in words, in its largest unit."""
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {unit}{'s' * (number != 1)}"
    number = int(seconds)
    return f"{number} second{'s' * (number != 1)}"


def shows_wrong(fact: Fact) -> bool | None:
    """Whether a verification on the site found something wrong; None: it clears nothing either."""
    if fact.detail.get("page") == VERIFIED_ALL:
        return fact.detail.get("passed") is not True
    return True if fact.verdict is Verdict.FAILED else None


def and_found_wrong(seen: Standing, settings: Settings) -> Standing:
    """Return the standing, red where a verification on the site left something wrong.

    Reads every entry: for whoever asks once. The site remembers instead.
    """
    if seen.level is Level.RED:
        return seen
    with closing(open_reader(settings)) as log:
        wrong = left_wrong(entry.body or b"" for entry in log.entries())
    sentence = "The site has verified this log, and something was wrong."
    return replace(seen, level=Level.RED, heading=_RED, sentence=sentence) if wrong else seen


def left_wrong(texts: Iterable[bytes]) -> bool:
    """Whether the site found something wrong in a log and did not verify all of it afterwards.

    `texts` are the log's entries in order; a log that followed another inherits its answer.
    """
    wrong = False
    for text in texts:
        if b'"audit.verified"' not in text and b'"audit.rotated"' not in text:
            continue
        fact = told(0, text)
        if fact is None:
            continue
        if fact.action is Action.AUDIT_ROTATED:
            wrong = fact.detail.get("found_wrong") is True
        elif fact.action is Action.AUDIT_VERIFIED:
            found = shows_wrong(fact)
            wrong = wrong if found is None else found
    return wrong
