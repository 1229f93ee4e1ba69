"""Keeps what must outlive a damaged or rewritten database: signing keys and the checkpoint file.

Never trusts the database about itself: a log that is shorter than, or different from, the last
checkpoint kept in the file beside it is refused at start (a flipped bit in SQLite's WAL drops
every later commit without a word). Never makes a key for a log that exists: that is a rotation,
and stands in the log (`audit.rotation`).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from audit.log import Log, LogReader, exists, open_writer
from audit.merkle import EMPTY_ROOT
from audit.note import Checkpoint, NoteError, Unsupported, Verifier
from audit.signers import Signers, generate
from audit.store import StoreDamaged, place_in
from enclave.durable import sync_directory
from enclave.errors import EnclaveError
from enclave.settings import Settings


class LogRefused(EnclaveError):
    """The stored log is not the one its last checkpoint was signed over."""

    code = "audit.log-refused"
    status = 503


class AuditFiles:
    """Names of the files in the audit service's own directory, or in that of a closed log."""

    def __init__(self, directory: Path, *, database: str | None = None):
        self.directory = directory
        self.log = directory / "log.db"
        self.schema = directory / "schema"
        self._database = database
        self.checkpoint = directory / "checkpoint"
        self.cosigned = directory / "checkpoint.cosigned"
        self.seen = directory / "checkpoint.seen-by-site"
        self.signing_key = directory / "signing.key"
        self.next_key = directory / "signing.key.next"
        self.public_key = directory / "public.key"
        self.public_keys = directory / "public.keys"
        self.index = directory / "index.db"
        self.findings = directory / "findings.db"
        self.site = directory / "site.db"
        self.lock = directory / "lock"
        self.purged = directory / "purged"
        self.closed = directory / "closed"
        self.closed_at = directory / "closed-at"
        self.rotating = directory / "rotating"

    @property
    def place(self) -> str | Path:
        """Where the log itself lies, at this moment: a rotation changes it."""
        return place_in(self.directory, self._database)

    def within(self, directory: Path) -> AuditFiles:
        """Return the files of another log of the same enclave, closed or to come."""
        closed_as_file = (directory / "log.db").exists()
        return AuditFiles(directory, database=None if closed_as_file else self._database)

    @classmethod
    def of(cls, settings: Settings) -> AuditFiles:
        """Return the files of an enclave, wherever its log lies."""
        return cls(settings.audit_dir, database=settings.audit_database_url)


class OneWriter:
    """Holds a lock on the directory: two writers would fork the log. Raises LogRefused."""

    def __init__(self, files: AuditFiles):
        files.directory.mkdir(parents=True, exist_ok=True)
        self._path = files.lock

    def __enter__(self) -> None:
        self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._handle)
            raise LogRefused(
                "Another process already writes this log.",
                hint="The audit service, or a command for its administrator: stop it first.",
            ) from error

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)


def write_durably(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Replace a file so that a crash leaves the old or the new one, never a piece of either."""
    draft = path.with_name(path.name + ".new")  # one writer, so one name: a crash leaves no heap
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(handle)
    draft.replace(path)
    sync_directory(path.parent)


def erase(path: Path) -> None:
    """Remove a file that held a secret, then its bytes, as far as the file system lets us."""
    handle = os.open(path, os.O_WRONLY)
    try:
        path.unlink()
        sync_directory(path.parent)
        _overwrite(handle)
    finally:
        os.close(handle)


def _overwrite(handle: int) -> None:
    os.write(handle, bytes(os.fstat(handle).st_size))
    os.fsync(handle)


@contextmanager
def _saying_where_ml_dsa_is_missing() -> Iterator[None]:
    """Raise LogRefused where a key needs what this installation cannot compute."""
    try:
        yield
    except Unsupported as error:
        raise LogRefused(
            "The audit log's key is of ML-DSA-44, which cannot be computed here.",
            hint="Install `cryptography` with ML-DSA. A log not begun yet can do without: turn"
            " the setting `audit_ml_dsa` off.",
        ) from error


def make_keys(path: Path, origin: str, *, ml_dsa: bool) -> Signers:
    """Make keys and keep them in a file. Raises LogRefused where they cannot be computed."""
    with _saying_where_ml_dsa_is_missing():
        made = generate(origin, ml_dsa=ml_dsa)
        text = made.export()
    write_durably(path, text, mode=0o600)
    return made


def private_keys(path: Path) -> Signers:
    """Return the keys of a file. Raises NoteError, or LogRefused where they cannot be computed."""
    with _saying_where_ml_dsa_is_missing():
        return Signers.parse(path.read_text())


def load_signer(files: AuditFiles, origin: str, *, ml_dsa: bool = False) -> Signers:
    """Return the log's keys; make them only for a log that does not exist yet.

    `origin` is the network's; a log that followed another has a name below it (`audit.rotation`).
    """
    if not files.signing_key.exists():
        if exists(files.place) or files.checkpoint.exists():
            raise LogRefused(
                "The audit log is there but its signing key is not.",
                hint="Restore signing.key from its backup; a new key would begin another log.",
            )
        make_keys(files.signing_key, origin, ml_dsa=ml_dsa)
    try:
        signers = private_keys(files.signing_key)
    except (NoteError, UnicodeDecodeError) as error:
        raise LogRefused("The audit log's signing key cannot be read.") from error
    if signers.name != origin and not signers.name.startswith(f"{origin}/"):
        raise LogRefused(
            "The signing key belongs to another log.", hint="Check the setting `origin`."
        )
    show_public(files, signers)
    return signers


def show_public(files: AuditFiles, signers: Signers) -> None:
    """Write the public halves where sites read them: the newest, and all there ever were."""
    known = dict.fromkeys([*known_keys(files), *signers.verifiers])
    write_durably(files.public_keys, "".join(f"{each.export()}\n" for each in known))
    write_durably(files.public_key, signers.verifier.export() + "\n")


def known_keys(files: AuditFiles) -> tuple[Verifier, ...]:
    """Return every public key this log has had, the oldest first.

    For those who remember checkpoints from before a rotation; the private halves of the older
    ones no longer exist.
    """
    for path in (files.public_keys, files.public_key):
        if path.exists():
            return tuple(Verifier.parse(line) for line in path.read_text().splitlines() if line)
    return ()


def kept_checkpoint(files: AuditFiles, *verifiers: Verifier) -> Checkpoint:
    """Return the checkpoint kept in the file; raises LogRefused when it is missing or not ours."""
    try:
        return Checkpoint.open(files.checkpoint.read_text(), *verifiers)
    except FileNotFoundError as error:
        raise LogRefused(
            "The checkpoint file beside the audit log is missing.",
            hint="Restore it from a backup or an auditor's copy.",
        ) from error
    except (NoteError, UnicodeDecodeError) as error:
        raise LogRefused(f"The checkpoint file cannot be believed: {error}.") from error


def compare(log: LogReader, checkpoint: Checkpoint) -> None:
    """Raise LogRefused unless the log still contains everything the checkpoint covers."""
    size = log.count()
    if size < checkpoint.size:
        raise LogRefused(
            f"The audit log has {size} entries, its last checkpoint covers {checkpoint.size}.",
            hint="Something was lost or removed. Do not start a new log; restore this one.",
        )
    try:
        root = log.root(checkpoint.size)
    except LookupError as error:
        raise LogRefused("The audit log's tiles are incomplete.") from error
    if root != checkpoint.root:
        raise LogRefused(
            "The audit log's past differs from its last checkpoint.",
            hint="Run `audit verify` with a checkpoint kept elsewhere.",
        )


def sign_checkpoint(log: Log, files: AuditFiles, signer: Signers) -> Checkpoint:
    """Sign the committed log, keep the checkpoint in the database and in the file (fsync).

    A key whose time has ended is removed only now, when a checkpoint without it is durable.
    """
    checkpoint = Checkpoint(signer.name, log.size, log.root(log.size))
    note = signer.sign(checkpoint.text())
    log.keep_checkpoint(checkpoint.size, note)
    write_durably(files.checkpoint, note)
    if signer.expired:
        signer.drop_expired()
        replace_keys(files, signer)
    return checkpoint


def replace_keys(files: AuditFiles, signers: Signers) -> None:
    """Put other keys into the key file; what stood there before is overwritten on the disk."""
    old = os.open(files.signing_key, os.O_WRONLY)
    try:
        write_durably(files.signing_key, signers.export(), mode=0o600)
        _overwrite(old)
    finally:
        os.close(old)


def open_log(files: AuditFiles, origin: str, *, ml_dsa: bool = False) -> tuple[Log, Signers]:
    """Open the log for writing after comparing it with its last checkpoint; or begin a new one."""
    files.directory.mkdir(parents=True, exist_ok=True)
    if files.rotating.exists():
        raise LogRefused("The log's rotation was interrupted.", hint="`audit rotate` finishes it.")
    signer = load_signer(files, origin, ml_dsa=ml_dsa)
    if not exists(files.place) and not files.checkpoint.exists():
        empty = Checkpoint(signer.name, 0, EMPTY_ROOT)
        write_durably(files.checkpoint, signer.sign(empty.text()))
    checkpoint = kept_checkpoint(files, *signer.verifiers)
    try:
        log = open_writer(files.place)
    except LookupError as error:
        raise LogRefused("The audit log's tiles are incomplete.") from error
    except StoreDamaged as error:
        raise LogRefused(error.sentence) from error
    try:
        compare(log, checkpoint)
    except LogRefused:
        log.close()
        raise
    return log, signer
