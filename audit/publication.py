"""What becomes of a signed checkpoint: it is shown to witnesses, and entries are proved by it.

Holds the policy, the witnesses' side and the newest cosigned checkpoint. Never touches the log's
tables: it reads through readers of its own, and keeps what the quorum cosigned in a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from audit.closed import closed_logs
from audit.cosign import Cosigner, WitnessState, read_states
from audit.custody import AuditFiles, known_keys, write_durably
from audit.log import LogReader, open_reader
from audit.merkle import ProofError
from audit.note import Checkpoint, NoteError, Verifier, split_note
from audit.policy import Policy
from audit.proof import make
from enclave.errors import EnclaveError
from enclave.settings import Settings

PATIENCE = 2.0  # seconds a proof waits for the quorum before it makes do with the log's signature


class PolicyRefused(EnclaveError):
    """The policy file that names the audit log's witnesses is not one, or is for another log."""

    code = "audit.policy-refused"
    status = 503


def policy_file(settings: Settings) -> Path:
    """Return where the policy lies."""
    return settings.audit_policy or settings.audit_dir / "policy"


def states_file(files: AuditFiles) -> Path:
    """Return where the service says how each witness stands."""
    return files.directory / "witnesses.json"


def load_policy(settings: Settings, verifiers: tuple[Verifier, ...]) -> Policy | None:
    """Return the policy, with these keys as its log unless it names logs; None without a file.

    Raises PolicyRefused when there is a file that cannot be followed.
    """
    path = policy_file(settings)
    if not path.exists():
        if settings.audit_policy is not None:
            raise PolicyRefused(f"The audit policy {path} is missing.")
        return None
    try:
        policy = Policy.parse(path.read_bytes()).for_log(verifiers)
    except NoteError as error:
        raise PolicyRefused(
            f"The audit policy {path} cannot be followed: {error}.",
            hint="docs/how-to/witness.md shows one.",
        ) from error
    if not {log.verifier for log in policy.logs} & set(verifiers):
        raise PolicyRefused(
            "The audit policy names no key of this log.",
            hint="Put the line of `public.key` into it: log KEY.",
        )
    return policy


def check_names(settings: Settings, verifiers: tuple[Verifier, ...]) -> None:
    """Raise PolicyRefused, with the lines to add, unless a log of these keys could be opened."""
    try:
        load_policy(settings, verifiers)
    except PolicyRefused as error:
        lines = "".join(f"\nlog {verifier.export()}" for verifier in verifiers)
        raise PolicyRefused(
            error.sentence, hint=f"Add to it, then run this again:{lines}"
        ) from error


class Publication:
    """The newest checkpoints, and who has cosigned them."""

    def __init__(self, settings: Settings, verifiers: tuple[Verifier, ...]):
        self._files = AuditFiles.of(settings)
        self.policy = load_policy(settings, verifiers)
        self._cosigner: Cosigner | None = None
        if self.policy is not None and any(witness.url for witness in self.policy.witnesses):
            self._cosigner = Cosigner(
                self.policy,
                self._reader,
                self._keep,
                states=states_file(self._files),
                heartbeat=settings.audit_cosign_late_seconds / 2,
            )
            self._cosigner.start()

    @contextmanager
    def _reader(self) -> Iterator[LogReader]:
        with closing(open_reader(self._files.place)) as reader:
            yield reader

    def _keep(self, checkpoint: Checkpoint, note: str) -> None:
        write_durably(self._files.cosigned, note)

    def publish(self, note: str) -> None:
        """Take a newly signed checkpoint; returns at once."""
        if self._cosigner is not None:
            self._cosigner.publish(note)

    def cosigned(self, size: int, seconds: float) -> bool:
        """Wait until the quorum has cosigned `size` entries; say whether it has."""
        return self._cosigner is not None and self._cosigner.wait(size, seconds)

    def confirmed(self, size: int, seconds: float) -> bool:
        """Ask the quorum to cosign `size` entries now; say whether it has."""
        return self._cosigner is not None and self._cosigner.confirm(size, seconds)

    def states(self) -> tuple[WitnessState, ...]:
        """Return how each witness with an address stands."""
        return self._cosigner.states() if self._cosigner is not None else ()

    def proof(self, index: int, leaf: str) -> str:
        """Return the proof of an entry (tlog-proof), under a cosigned checkpoint if one covers it.

        Waits a little for the witnesses. An entry of a closed log is proved under that log's last
        checkpoint. Raises ProofError while no checkpoint covers it, or when no log here holds it.
        """
        with self._reader() as reader:
            if _holds(reader, index, leaf):
                self.cosigned(index + 1, PATIENCE)
                return make(reader, index, best_note(self._files, index))
        for each in closed_logs(self._files):
            with closing(open_reader(each.files.place)) as reader:
                if _holds(reader, index, leaf):
                    return make(reader, index, newest_note(each.files))
        raise ProofError("no log here holds this entry")

    def stop(self) -> None:
        """End the rounds."""
        if self._cosigner is not None:
            self._cosigner.stop()


def _holds(reader: LogReader, index: int, leaf: str) -> bool:
    entry = reader.entry(index)
    return entry is not None and entry.leaf.hex() == leaf


def newest_note(files: AuditFiles) -> str:
    """Return the newest checkpoint the quorum has cosigned; the newest signed one without any."""
    return (files.cosigned if files.cosigned.exists() else files.checkpoint).read_text()


def best_note(files: AuditFiles, index: int) -> str:
    """Return the cosigned checkpoint if it covers entry `index`, else the newest signed one."""
    note = newest_note(files)
    if Checkpoint.parse(split_note(note)[0]).size > index:
        return note
    return files.checkpoint.read_text()


def lodged_policy(settings: Settings, files: AuditFiles) -> bytes:
    """Return the policy as it is lodged with others: with this log's keys if it names none.

    Without a policy file: one that asks for no witness.
    """
    path = policy_file(settings)
    text = path.read_bytes() if path.exists() else b"quorum none\n"
    if Policy.parse(text).logs:
        return text
    keys = "".join(f"log {key.export()}\n" for key in known_keys(files))
    return keys.encode() + text


def export_extras(settings: Settings, files: AuditFiles) -> dict[str, bytes]:
    """Return what goes with an export besides the log: its public keys and its policy."""
    keys = "".join(f"{key.export()}\n" for key in known_keys(files))
    return {"public.keys": keys.encode(), "policy": lodged_policy(settings, files)}


def witness_states(files: AuditFiles) -> dict[str, WitnessState]:
    """Return what the service last wrote about its witnesses."""
    return read_states(states_file(files))
