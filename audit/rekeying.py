"""Replaces a log's signing keys: the new ones are announced in the log under the old signature.

Steps, each durable before the next: the new keys lie beside the old; the event names them; the old
key signs the event; both sign from then on; when the overlap ends, `custody` deletes the old
private key. Whatever step a crash interrupts, the log goes on with the old key or with both, and
running the command again completes the rest. Never adds a key that no event names.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from audit.admit import facts
from audit.custody import (
    AuditFiles,
    LogRefused,
    erase,
    make_keys,
    private_keys,
    replace_keys,
    show_public,
)
from audit.keeper import Keeper
from audit.log import LogReader
from audit.note import NoteError
from audit.publication import check_names
from audit.signers import Signers
from enclave.events import Action

_DAY = 86_400.0
_EVENT = Action.AUDIT_KEY_ROTATED.value.encode()


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """What was done: the new keys' texts, the event's index, the end of the overlap."""

    keys: tuple[str, ...]
    index: int
    until: datetime


def rotate_key(keeper: Keeper, *, overlap_days: float | None = None) -> Rekeyed:
    """Replace the keys; raises LogRefused when a draft of them cannot be read.

    Both sign for `overlap_days`, else for as long as the setting says. Raises PolicyRefused for a
    policy by which the service could not start once the old key is gone; nothing is replaced then.
    """
    files, settings = keeper.files, keeper.settings
    new = _drafted(files, keeper.signers.name, ml_dsa=settings.audit_ml_dsa)
    check_names(settings, new.verifiers)
    announced = _announced(keeper.log, new)
    if announced is None:
        days = settings.audit_key_overlap_days if overlap_days is None else overlap_days
        until = int(time.time() + days * _DAY)
        announced = _announce(keeper, new, until)
    else:
        keeper.sign()  # it was cut short, perhaps before the old key had signed the event
    index, until = announced
    keeper.signers = _put_in_force(keeper, new, until)
    keeper.sign()
    erase(files.next_key)
    keys = tuple(verifier.export() for verifier in new.verifiers)
    return Rekeyed(keys, index, datetime.fromtimestamp(until, UTC))


def _drafted(files: AuditFiles, origin: str, *, ml_dsa: bool) -> Signers:
    """Return the keys that lie ready; make them first unless an earlier run did."""
    if not files.next_key.exists():
        make_keys(files.next_key, origin, ml_dsa=ml_dsa)
    try:
        return private_keys(files.next_key)
    except NoteError as error:
        raise LogRefused(
            "The keys that lie ready cannot be read.",
            hint=f"Remove {files.next_key.name} and run this again: nothing was signed with them.",
        ) from error


def _announce(keeper: Keeper, new: Signers, until: int) -> tuple[int, int]:
    detail = {
        "key": new.verifiers[0].export(),
        "second_key": new.verifiers[1].export() if len(new.verifiers) > 1 else None,
        "replaces": keeper.signers.verifier.export(),
        "until": until,
    }
    return keeper.record(Action.AUDIT_KEY_ROTATED, detail).index, until


def _announced(log: LogReader, new: Signers) -> tuple[int, int] | None:
    """Return the index of the event that names these keys, and the end of the overlap."""
    key = new.verifier.export()
    for entry in log.entries():
        if entry.body is not None and _EVENT in entry.body:
            detail = facts(entry.body)["detail"]
            if detail.get("key") == key:
                return entry.index, int(detail["until"])
    return None


def _put_in_force(keeper: Keeper, new: Signers, until: int) -> Signers:
    """Let new and old keys sign side by side from now on."""
    if new.verifier in keeper.signers.verifiers:
        return keeper.signers
    both = keeper.signers.replaced_by(new, until)
    replace_keys(keeper.files, both)
    show_public(keeper.files, both)
    return both
