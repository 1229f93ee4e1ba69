"""Asks the policy's witnesses to cosign each checkpoint, and keeps what their quorum has cosigned.

Runs beside the log in a thread of its own. Never holds up an append: a witness that is away, slow
or wrong is tried again later and named, and the log goes on. Never writes a cosigned checkpoint
whose signatures it has not checked against the policy itself.
"""

from __future__ import annotations

import http.client
import json
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from audit.merkle import consistency_proof
from audit.note import Checkpoint, NoteError, read_note, split_note, with_lines
from audit.policy import Policy, Witness
from audit.proof import Tree
from audit.witness import SIZE_TYPE, Submission

TIMEOUT = 5.0  # seconds a witness may take for one answer
_BACKOFF = (1.0, 60.0)  # seconds: first and longest pause after a witness has failed
_TRIES = 3  # requests in one round: the first may only learn the witness's size
_MAX_ANSWER = 256 * 1024  # bytes

logger = logging.getLogger("audit.cosign")

OpenTree = Callable[[], AbstractContextManager[Tree]]
Keep = Callable[[Checkpoint, str], None]
"""`keep(checkpoint, note)`: make a checkpoint durable that the quorum has cosigned."""


class WitnessTrouble(Exception):
    """A witness did not cosign. `conflict`: it has cosigned a log that contradicts ours."""

    def __init__(self, sentence: str, *, conflict: bool = False):
        super().__init__(sentence)
        self.conflict = conflict


@dataclass(frozen=True, slots=True)
class WitnessState:
    """What is known of one witness: its newest cosignature and, if any, its trouble since.

    `size` is what it has cosigned last, as far as we know; `at` when (seconds since 1970);
    `failures` counts the rounds it has missed since then.
    """

    name: str
    size: int = 0
    at: int | None = None
    trouble: str = ""
    conflict: bool = False
    failures: int = 0


def read_states(path: Path) -> dict[str, WitnessState]:
    """Return the states kept in a file, by the witnesses' names; none from a file that is not one.

    They inform; they prove nothing.
    """
    try:
        found = [WitnessState(**each) for each in json.loads(path.read_text())]
    except (OSError, ValueError, TypeError):
        return {}
    return {state.name: state for state in found}


class Caller:
    """Speaks tlog-witness to one witness; remembers how much that witness has cosigned."""

    def __init__(self, witness: Witness, *, timeout: float = TIMEOUT):
        if witness.url is None:
            raise ValueError("a witness without an address cannot be asked")
        self._witness, self._timeout = witness, timeout
        self._size = 0

    def cosign(self, tree: Tree, checkpoint: Checkpoint, note: str) -> str:
        """Return this witness's signature lines on a checkpoint; raises WitnessTrouble."""
        for _ in range(_TRIES):
            status, kind, answer = self._post(self._request(tree, checkpoint, note))
            if status == 200:
                self._size = checkpoint.size
                return self._lines(note, answer)
            if status != 409:
                raise self._refused(status)
            self._learn(checkpoint, kind, answer)
        raise WitnessTrouble("It changes its mind about what it has cosigned.")

    def _request(self, tree: Tree, checkpoint: Checkpoint, note: str) -> bytes:
        try:
            proof = consistency_proof(tree.node, self._size, checkpoint.size)
        except LookupError as error:
            raise WitnessTrouble("The log's own tiles are incomplete.") from error
        return Submission(self._size, tuple(proof), note).text()

    def _learn(self, checkpoint: Checkpoint, kind: str, answer: str) -> None:
        """Take the size a witness says it has cosigned (409, tlog-witness)."""
        if kind != SIZE_TYPE or not answer.strip().isdecimal() or len(answer) > 20:
            raise WitnessTrouble("Its answer is not of the protocol.")
        size = int(answer)
        if size > checkpoint.size:
            raise WitnessTrouble(
                f"It has cosigned {size} entries, this log has {checkpoint.size}.", conflict=True
            )
        if size == self._size:
            raise WitnessTrouble("It has cosigned another log of the same size.", conflict=True)
        self._size = size

    def _refused(self, status: int) -> WitnessTrouble:
        self._size = 0  # ask anew next time
        if status == 422:
            return WitnessTrouble("It has cosigned another past of this log.", conflict=True)
        words = {
            400: "It could not read our request.",
            403: "It does not know our key.",
            404: "It does not know our log.",
        }
        return WitnessTrouble(words.get(status, f"It answered with status {status}."))

    def _lines(self, note: str, answer: str) -> str:
        """Return the lines of an answer that are this witness's; others are ignored."""
        text, _ = split_note(note)
        verifier = self._witness.verifier
        kept = ""
        for line in answer.splitlines(keepends=True):
            try:
                opened = read_note(f"{text}\n{line}", [verifier])
            except NoteError:
                continue
            kept += line if opened.signed else ""
        if not kept:
            raise WitnessTrouble("Its answer holds no signature by the key in the policy.")
        return kept

    def _post(self, body: bytes) -> tuple[int, str, str]:
        """Return (status, type, text) of the answer."""
        parts = urlsplit(self._witness.url or "")
        secure = parts.scheme == "https"
        connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        try:
            connection = connect(parts.hostname or "", parts.port, timeout=self._timeout)
            try:
                path = f"{parts.path.rstrip('/')}/add-checkpoint"
                connection.request("POST", path, body, {"Content-Type": "text/plain"})
                answer = connection.getresponse()
                text = answer.read(_MAX_ANSWER).decode()
                return answer.status, answer.headers.get_content_type(), text
            finally:
                connection.close()
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise WitnessTrouble("It does not answer.") from error


@dataclass(slots=True)
class _Asked:
    """One witness with an address: how to ask it, how it stands, when it may be asked again.

    `missed` counts the rounds since its last answer or our start, whichever is later: what was away
    before a restart may have come with it.
    """

    caller: Caller
    state: WitnessState
    due: float = 0.0
    missed: int = 0

    def succeeded(self, checkpoint: Checkpoint, at: int) -> None:
        self.state = WitnessState(self.state.name, checkpoint.size, at)
        self.missed = 0

    def failed(self, trouble: WitnessTrouble) -> None:
        self.missed += 1
        failures = self.state.failures + 1
        self.state = replace(
            self.state, trouble=str(trouble), conflict=trouble.conflict, failures=failures
        )
        doublings = min(self.missed - 1, 10)  # after 17 hours 2.0**1024 overflows
        self.due = time.monotonic() + min(_BACKOFF[0] * 2.0**doublings, _BACKOFF[1])


class Cosigner:
    """Takes the newest checkpoint to all witnesses, again and again, until told to stop.

    One round takes one checkpoint to every witness at once, so that a quorum meets on the same
    one. What is newest when a round ends is next; in between nothing is lost, since a checkpoint
    covers all before it. While the log rests, the last one is cosigned anew every `heartbeat`
    seconds: a quorum's time is then evidence that the log has not been put back since.
    """

    def __init__(
        self, policy: Policy, open_tree: OpenTree, keep: Keep, *, states: Path, heartbeat: float
    ):
        self._policy, self._open_tree, self._keep = policy, open_tree, keep
        self._states, self._heartbeat = states, heartbeat
        before = read_states(states)
        self._asked = {
            witness.name: _Asked(
                Caller(witness), before.get(witness.name, WitnessState(witness.name))
            )
            for witness in policy.witnesses
            if witness.url is not None
        }
        self._changed = threading.Condition()
        self._newest: str | None = None
        self._done: str | None = None  # what the last round took to the witnesses
        self._cosigned = -1  # size under the newest quorum
        self._confirmed = 0.0  # on the monotonic clock: when the newest round with a quorum began
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="audit-cosign", daemon=True)

    def start(self) -> None:
        """Begin. Without a witness that has an address there is nothing to do."""
        if self._asked:
            self._thread.start()

    def stop(self) -> None:
        """Finish the round that runs and end."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=_TRIES * TIMEOUT)

    def publish(self, note: str) -> None:
        """Take a newly signed checkpoint; returns at once."""
        with self._changed:
            self._newest = note
            self._changed.notify_all()

    def wait(self, size: int, seconds: float) -> bool:
        """Wait until the quorum has cosigned at least `size` entries; say whether it has."""
        with self._changed:
            return self._changed.wait_for(lambda: self._cosigned >= size, timeout=seconds)

    def confirm(self, size: int, seconds: float) -> bool:
        """Like `wait`, but the quorum must answer now: what it cosigned before is not enough."""
        asked = time.monotonic()
        with self._changed:
            self._done = None
            for each in self._asked.values():
                each.due = 0.0  # whoever was away may be back
            self._changed.notify_all()
            return self._changed.wait_for(
                lambda: self._confirmed >= asked and self._cosigned >= size, timeout=seconds
            )

    def states(self) -> tuple[WitnessState, ...]:
        """Return how each witness with an address stands."""
        return tuple(asked.state for asked in self._asked.values())

    # -- rounds ------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._has_work, timeout=self._pause())
                if self._stopping:
                    return
                note = self._done = self._newest
            if note is not None:
                self._round(note)

    def _has_work(self) -> bool:
        return self._stopping or self._newest != self._done

    def _pause(self) -> float:
        """Return for how long to rest: until a failed witness is due again, or the heartbeat."""
        now = time.monotonic()
        waits = [asked.due - now for asked in self._asked.values() if asked.state.failures]
        return max(0.05, min([self._heartbeat, *waits]))

    def _round(self, note: str) -> None:
        """Ask every witness that is due; keep the checkpoint as soon as the quorum holds."""
        checkpoint = Checkpoint.parse(split_note(note)[0])
        now = time.monotonic()
        due = [asked for asked in self._asked.values() if asked.due <= now]
        if not due:
            return
        with ThreadPoolExecutor(len(due), thread_name_prefix="audit-witness") as pool:
            asking = {pool.submit(self._ask, asked, checkpoint, note): asked for asked in due}
            for answer in as_completed(asking):
                lines = answer.result()
                if lines:
                    note = with_lines(note, lines.splitlines(keepends=True))
                    self._settle(checkpoint, note, began=now)
        self._write_states()

    def _ask(self, asked: _Asked, checkpoint: Checkpoint, note: str) -> str:
        """Return one witness's lines, or nothing; its state says why."""
        try:
            with self._open_tree() as tree:
                lines = asked.caller.cosign(tree, checkpoint, note)
        except WitnessTrouble as trouble:
            if not asked.state.failures or trouble.conflict:
                logger.warning("witness %s: %s", asked.state.name, trouble)
            asked.failed(trouble)
            return ""
        except Exception as error:  # the thread's edge: the log must not be held up by this
            logger.error("witness %s: %s", asked.state.name, type(error).__name__)
            asked.failed(WitnessTrouble("Our own log could not be read for it."))
            return ""
        asked.succeeded(checkpoint, int(time.time()))
        return lines

    def _settle(self, checkpoint: Checkpoint, note: str, *, began: float) -> None:
        """Keep the checkpoint if the policy is content with its cosignatures."""
        try:
            judgement = self._policy.judge(note)
            if not judgement.quorum:
                return
            self._keep(checkpoint, note)
        except (NoteError, OSError) as error:
            logger.error("a cosigned checkpoint cannot be kept: %s", error)
            return
        with self._changed:
            self._cosigned = max(self._cosigned, checkpoint.size)
            self._confirmed = began
            self._changed.notify_all()

    def _write_states(self) -> None:
        draft = self._states.with_name(self._states.name + ".new")
        try:
            draft.write_text(json.dumps([asdict(state) for state in self.states()], indent=1))
            draft.replace(self._states)
        except OSError as error:
            logger.error("the witnesses' states cannot be kept: %s", error)
