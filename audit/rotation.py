"""Closes a log for good and begins the next, whose first entry holds the last word of the old one.

Everything that can fail is done before anything moves: the old log has its last entry, its last
checkpoint and its witnesses' signatures, the new one lies complete in `next/`. Then files change
places, step by step; a crash in between is finished by the next run or the next start. Never signs
for the old log again: its private keys are deleted.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from audit import closed, retention
from audit.admit import Request, admit, facts, interruption
from audit.custody import (
    AuditFiles,
    LogRefused,
    OneWriter,
    erase,
    load_signer,
    make_keys,
    show_public,
    sign_checkpoint,
    write_durably,
)
from audit.keeper import SOURCE, Keeper, keeping
from audit.log import Sender, open_writer
from audit.publication import Publication, check_names, newest_note
from audit.signers import Signers
from audit.watch import left_wrong
from enclave.durable import sync_directory
from enclave.errors import Conflict, Invalid
from enclave.events import Action, Event, Scalar
from enclave.settings import Settings

MOVED = (
    "log.db",
    "schema",
    "checkpoint",
    "checkpoint.cosigned",
    "checkpoint.seen-by-site",
    "witnesses.json",
    "public.key",
    "public.keys",
    "purged",
    "signing.key",
)
DERIVED = ("index.db", "findings.db")  # copies of the log for the site, which it makes again
COSIGN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Rotated:
    """What was done: the old log's origin, size and directory, the new one's origin and keys."""

    closed: str
    size: int
    directory: Path
    origin: str
    keys: tuple[str, ...]


def rotate(
    settings: Settings, *, actor: str, origin: str | None = None, without_witnesses: bool = False
) -> Rotated:
    """Close the log and begin the next.

    Raises Invalid for an origin that will not do, Conflict when the witnesses' quorum does not
    cosign the last checkpoint, LogRefused, PolicyRefused or StoreError; then nothing has moved.
    """
    with keeping(settings, actor=actor) as keeper:
        retention.complete(keeper)
        new = keeper.files.within(keeper.files.directory / "next")
        signers = _next_keys(keeper, new, origin)
        check_names(settings, signers.verifiers)
        _close(keeper, signers)
        _cosign(keeper, without_witnesses=without_witnesses)
        _begin(keeper, new, signers)
        name = _directory_name(keeper.files, keeper.signers.name)
        _write_plan(keeper.files, {"directory": name, "phase": "out", "at": int(time.time())})
        _switch(keeper.files)
        old = closed.read(keeper.files.within(keeper.files.closed / name))
        keys = tuple(verifier.export() for verifier in signers.verifiers)
        directory = old.files.directory
        return Rotated(keeper.signers.name, old.checkpoint.size, directory, signers.name, keys)


def finish(settings: Settings) -> bool:
    """Finish a rotation that was cut short while files changed places; say whether one was."""
    files = AuditFiles.of(settings)
    if not files.rotating.exists():
        return False
    with OneWriter(files):
        if files.rotating.exists():
            _switch(files)
    return True


# -- before anything moves ------------------------------------------------------------------------


def _next_keys(keeper: Keeper, new: AuditFiles, origin: str | None) -> Signers:
    """Return the next log's keys; made once, so that an earlier run's announcement still holds."""
    base = keeper.settings.origin
    if new.signing_key.exists():
        signers = load_signer(new, base)
        if origin in (None, signers.name):
            return signers
        raise Invalid(f"A rotation to {signers.name} has begun.", hint="Finish that one first.")
    wanted = origin or f"{base}/{datetime.now(UTC).year}"
    taken = {
        keeper.signers.name,
        *(each.checkpoint.origin for each in closed.closed_logs(keeper.files)),
    }
    if wanted in taken:
        raise Invalid(f"There is a log {wanted} already.", hint="Name another with --origin.")
    if not re.fullmatch(re.escape(base) + r"(/[A-Za-z0-9._-]+)+", wanted):
        raise Invalid(f"The new log's origin begins with {base}/.")
    new.directory.mkdir(exist_ok=True)
    return make_keys(new.signing_key, wanted, ml_dsa=keeper.settings.audit_ml_dsa)


def _close(keeper: Keeper, signers: Signers) -> None:
    """End what is open, and let the log's last entry name the next log and its keys."""
    for intent in keeper.log.open_intents():
        keeper.append(interruption(intent))
    first, *second = (verifier.export() for verifier in signers.verifiers)
    detail = {"next": signers.name, "key": first, "second_key": second[0] if second else None}
    last = keeper.log.entry(keeper.log.count() - 1)
    said = facts(last.body) if last is not None and last.body is not None else {}
    if said.get("action") != Action.AUDIT_CLOSED or said["detail"] != detail:
        keeper.append(Event(Action.AUDIT_CLOSED, keeper.actor, detail=detail))
    keeper.sign()


def _cosign(keeper: Keeper, *, without_witnesses: bool) -> None:
    """Have the last checkpoint cosigned by the quorum, where there is one."""
    publication = Publication(keeper.settings, keeper.signers.verifiers)
    try:
        if publication.policy is None or not publication.policy.needs_witnesses:
            return
        publication.publish(keeper.files.checkpoint.read_text())
        held = publication.cosigned(keeper.log.size, COSIGN_SECONDS)
    finally:
        publication.stop()
    if not held and not without_witnesses:
        raise Conflict(
            "The witnesses' quorum has not cosigned the log's last checkpoint.",
            hint="Nothing has moved. `audit status` tells who is away. Try again, or go on with "
            "--without-witnesses.",
        )


def _begin(keeper: Keeper, new: AuditFiles, signers: Signers) -> None:
    """Make the new log in its own directory, with its first entry, signed."""
    wrong = left_wrong(entry.body or b"" for entry in keeper.log.entries())
    keeper.log.seal()  # what is moved is one file, with nothing of it in another
    keeper.log.close()
    for path in new.directory.iterdir():
        if path != new.signing_key:
            path.unlink()
    if (database := keeper.settings.audit_database_url) is not None:
        from audit.postgres import make_schema  # noqa: PLC0415 - the driver only where it is used

        write_durably(new.schema, f"log_{secrets.token_hex(8)}\n")
        make_schema(database, new.schema.read_text().strip())
    show_public(new, signers)
    detail: dict[str, Scalar] = {
        "log": keeper.signers.name,
        "size": keeper.log.size,
        "checkpoint": _last_note(keeper),
        "key": keeper.signers.verifier.export(),
        "found_wrong": wrong,
    }
    event = Event(Action.AUDIT_ROTATED, keeper.actor, detail=detail)
    with closing(open_writer(new.place)) as log:
        admit(log, [Request(Sender(SOURCE, keeper.instance, 0), event)])
        sign_checkpoint(log, new, signers)
    sync_directory(new.directory)


def _last_note(keeper: Keeper) -> str:
    """Return the old log's last checkpoint, with its witnesses' signatures if they are there."""
    note, signed = newest_note(keeper.files), keeper.files.checkpoint.read_text()
    return note if note.startswith(signed.partition("\n\n")[0] + "\n\n") else signed


def _directory_name(files: AuditFiles, origin: str) -> str:
    """Return a name nothing has yet: the origin, the year, and a number where that is taken."""
    name = re.sub(r"[^A-Za-z0-9.]+", "-", origin)
    if not re.search(r"-[0-9]{4}$", name):
        name += f"-{datetime.now(UTC).year}"
    number, free = 2, name
    while (files.closed / free).exists():
        free, number = f"{name}-{number}", number + 1
    return free


# -- files change places --------------------------------------------------------------------------


def _write_plan(files: AuditFiles, plan: dict[str, Any]) -> None:
    write_durably(files.rotating, json.dumps(plan) + "\n")


def _switch(files: AuditFiles) -> None:
    """Move the old log's files out and the new one's in; each step may have happened before."""
    try:
        plan = json.loads(files.rotating.read_text())
        old, new = files.within(files.closed / plan["directory"]), files.directory / "next"
    except (ValueError, KeyError) as error:
        raise LogRefused("The plan of the log's rotation cannot be read.") from error
    old.directory.mkdir(parents=True, exist_ok=True)
    if plan["phase"] == "out":
        for name in DERIVED:
            for suffix in ("", "-wal", "-shm"):
                (files.directory / f"{name}{suffix}").unlink(missing_ok=True)
        for name in MOVED:
            _move(files.directory / name, old.directory / name)
        _sync(old.directory, files.closed, files.directory)
        write_durably(old.closed_at, f"{plan['at']}\n")
        _write_plan(files, plan | {"phase": "in"})
    if new.exists():
        for path in sorted(new.iterdir()):
            path.replace(files.directory / path.name)
        _sync(files.directory)
        new.rmdir()
    if old.signing_key.exists():
        erase(old.signing_key)
    closed.seal(old)
    files.rotating.unlink()
    _sync(files.directory)


def _move(source: Path, target: Path) -> None:
    if source.exists() and not target.exists():
        source.rename(target)


def _sync(*directories: Path) -> None:
    for directory in directories:
        sync_directory(directory)
