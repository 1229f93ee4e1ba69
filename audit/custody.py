"""Keeps what must outlive a damaged or rewritten database: the signing key and the checkpoint file.

Never trusts the database about itself: a log that is shorter than, or different from, the last
checkpoint kept in the file beside it is refused at start (a flipped bit in SQLite's WAL drops
every later commit without a word).
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from audit.log import Log, LogReader
from audit.merkle import EMPTY_ROOT
from audit.note import Checkpoint, NoteError, Signer, Verifier
from enclave.errors import EnclaveError


class LogRefused(EnclaveError):
    """The stored log is not the one its last checkpoint was signed over."""

    code = "audit.log-refused"
    status = 503


class AuditFiles:
    """Names of the files in the audit service's own directory."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.log = directory / "log.db"
        self.checkpoint = directory / "checkpoint"
        self.signing_key = directory / "signing.key"
        self.public_key = directory / "public.key"
        self.index = directory / "index.db"
        self.lock = directory / "lock"


def write_durably(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Replace a file so that a crash leaves the old or the new one, never a piece of either."""
    draft = path.with_name(path.name + ".new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        os.write(handle, text.encode())
        os.fsync(handle)
    finally:
        os.close(handle)
    draft.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def load_signer(files: AuditFiles, origin: str) -> Signer:
    """Return the log's key; make one only for a log that does not exist yet."""
    if not files.signing_key.exists():
        if files.log.exists():
            raise LogRefused(
                "The audit log is there but its signing key is not.",
                hint="Restore signing.key from its backup; a new key would begin another log.",
            )
        signer = Signer.generate(origin)
        write_durably(files.signing_key, signer.export() + "\n", mode=0o600)
    try:
        signer = Signer.parse(files.signing_key.read_text())
    except NoteError as error:
        raise LogRefused("The audit log's signing key cannot be read.") from error
    if signer.name != origin:
        raise LogRefused(
            "The signing key belongs to another log.", hint="Check the setting `origin`."
        )
    write_durably(files.public_key, signer.verifier.export() + "\n")
    return signer


def kept_checkpoint(files: AuditFiles, verifier: Verifier) -> Checkpoint:
    """Return the checkpoint kept in the file; raises LogRefused when it is missing or not ours."""
    try:
        return Checkpoint.open(files.checkpoint.read_text(), verifier)
    except FileNotFoundError as error:
        raise LogRefused(
            "The checkpoint file beside the audit log is missing.",
            hint="Restore it from a backup or an auditor's copy.",
        ) from error
    except NoteError as error:
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


def sign_checkpoint(log: Log, files: AuditFiles, signer: Signer) -> Checkpoint:
    """Sign the committed log, keep the checkpoint in the database and in the file (fsync)."""
    checkpoint = Checkpoint(signer.name, log.size, log.root(log.size))
    note = signer.sign(checkpoint.text())
    log.keep_checkpoint(checkpoint.size, note)
    write_durably(files.checkpoint, note)
    return checkpoint


def open_log(files: AuditFiles, origin: str) -> tuple[Log, Signer]:
    """Open the log for writing after comparing it with its last checkpoint; or begin a new one."""
    files.directory.mkdir(parents=True, exist_ok=True)
    signer = load_signer(files, origin)
    if not files.log.exists() and not files.checkpoint.exists():
        empty = Checkpoint(origin, 0, EMPTY_ROOT)
        write_durably(files.checkpoint, signer.sign(empty.text()))
    checkpoint = kept_checkpoint(files, signer.verifier)
    try:
        log = Log(files.log)
    except LookupError as error:
        raise LogRefused("The audit log's tiles are incomplete.") from error
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise  # disk full or busy: worth another attempt
        raise LogRefused("The audit log's file is damaged.") from error
    try:
        compare(log, checkpoint)
    except LogRefused:
        log.close()
        raise
    return log, signer
