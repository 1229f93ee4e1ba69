"""The one tree of errors: each has a stable code, a sentence for a person and an HTTP status.

Never carries a value of personal data, a token, a key or a path of the server.
"""

from __future__ import annotations

from typing import ClassVar


class EnclaveError(Exception):
    """Something the person can be told: a code to look up, one sentence, what to do next."""

    code: ClassVar[str] = "enclave.error"
    status: ClassVar[int] = 500

    def __init__(self, sentence: str, *, clause: str | None = None, hint: str | None = None):
        super().__init__(sentence)
        self.sentence = sentence
        self.clause = clause
        self.hint = hint

    def explain(self) -> str:
        """Return the sentence with its code, the clause that denied it and the next step."""
        parts = [f"{self.sentence} [{self.code}]"]
        if self.clause:
            parts.append(f"Clause: {self.clause}.")
        if self.hint:
            parts.append(self.hint)
        return " ".join(parts)


class Invalid(EnclaveError):
    """What was handed in does not have the form it must have."""

    code = "input.invalid"
    status = 422


class NotFound(EnclaveError):
    """No such thing, or none this person may know of: the two are told apart to nobody."""

    code = "input.not-found"
    status = 404


class Conflict(EnclaveError):
    """The thing has moved on since the person looked at it."""

    code = "state.conflict"
    status = 409


class Denied(EnclaveError):
    """An agreement, a role or a rule says no; names the clause where there is one."""

    code = "access.denied"
    status = 403


class Unavailable(EnclaveError):
    """A part that must answer does not; the door stays shut until it does."""

    code = "service.unavailable"
    status = 503


class AuditUnavailable(Unavailable):
    """No receipt from audit, so no data."""

    code = "audit.unavailable"


class AuditRefused(Conflict):
    """Audit answered, and does not take this event: it contradicts what is already logged."""

    code = "audit.event-refused"


class StoreOlder(AuditRefused):
    """The control store lacks changes that the audit log has: it was restored from a backup."""

    code = "store.older"
    status = 503
    SENTENCE: ClassVar[str] = (
        "The control store is older than the audit log: it lacks changes made since, so a closed "
        "project or a revoked access would be back."
    )

    def __init__(self) -> None:
        super().__init__(
            self.SENTENCE,
            hint="Nothing was opened or changed. The administrator restores the newest copy, or "
            "does again what `audit store` lists: docs/how-to/backup.md, “Restore”.",
        )


class KeyMissing(Unavailable):
    """The key that opens this is not there, or was destroyed on purpose."""

    code = "key.missing"
    status = 410
