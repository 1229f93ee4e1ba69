"""The audit vocabulary: what can happen here, and the exact bytes that are logged of it.

Events are shaped like OCSF 1.8 (class and activity numbers, actor, status); what is ours stands
under `unmapped.enclave`. Never holds a result value, an SQL literal, a token or a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic_core import to_json


class Action(StrEnum):
    """Everything that is logged. docs/reference/events.md is generated from this and `OCSF`."""

    AGREEMENT_APPLIED = "agreement.applied"
    DELIVERY_STORED = "delivery.stored"
    DELIVERY_REFUSED = "delivery.refused"
    LINKAGE_RUN = "linkage.run"
    LINKAGE_MEASURED = "linkage.measured"
    CROSSWALK_PUBLISHED = "linkage.crosswalk-published"
    PROJECT_PROVISIONED = "project.provisioned"
    PROJECT_AMENDED = "project.amended"
    PROJECT_BUILT = "project.built"
    PROJECT_MOVED = "project.moved"
    PROJECT_FORGOT = "project.forgot-version"
    PROJECT_CLOSED = "project.closed"
    STORE_ACCEPTED = "store.accepted"
    LOGIN = "login"
    LOGOUT = "logout"
    SESSION_OPENED = "session.opened"
    SESSION_CLOSED = "session.closed"
    TOKEN_ISSUED = "session.token-issued"  # noqa: S105 - the name of an action
    QUERY_INTENT = "query.intent"
    QUERY_OUTCOME = "query.outcome"
    QUERY_DENIED = "query.denied"
    QUERY_EXPLAINED = "query.explained"
    CATALOGUE_READ = "catalogue.read"
    OUTPUT_SUBMITTED = "output.submitted"
    OUTPUT_REFUSED = "output.refused"
    OUTPUT_PROTECTED = "output.protected"
    OUTPUT_BUDGET_SPENT = "output.budget-spent"
    OUTPUT_VIEWED = "output.viewed"
    OUTPUT_COMMENTED = "output.commented"
    OUTPUT_RETURNED = "output.returned"
    OUTPUT_CHECKED = "output.checked"
    OUTPUT_VOTED = "output.voted"
    OUTPUT_RELEASED = "output.released"
    OUTPUT_REJECTED = "output.rejected"
    OUTPUT_WITHDRAWN = "output.withdrawn"
    OUTPUT_DOWNLOADED = "output.downloaded"
    OUTPUT_DESTROYED = "output.destroyed"
    OUTPUT_NOTICES_CHOSEN = "output.notices-chosen"
    AUDIT_SEARCHED = "audit.searched"
    AUDIT_VERIFIED = "audit.verified"
    AUDIT_RULE_CHANGED = "audit.rule-changed"
    AUDIT_ALERTED = "audit.alerted"
    AUDIT_PURGED = "audit.purged"
    AUDIT_KEY_ROTATED = "audit.key-rotated"
    AUDIT_CLOSED = "audit.closed"
    AUDIT_ROTATED = "audit.rotated"
    ACCESS_DENIED = "access.denied"
    ACCESS_GRANTED = "access.granted"
    ACCESS_REVOKED = "access.revoked"
    COMMAND_FAILED = "command.failed"
    SERVICE_STARTED = "service.started"
    SERVICE_STOPPED = "service.stopped"
    INTERRUPTED = "service.interrupted"


class Verdict(StrEnum):
    """OCSF's disposition words, ours to read."""

    ALLOWED = "allowed"
    DENIED = "denied"
    REWRITTEN = "rewritten"
    FAILED = "failed"


# OCSF 1.8.0 class per family of actions; the family is the word before the first dot.
OCSF: Mapping[str, tuple[int, str]] = {
    "agreement": (3004, "Entity Management"),
    "delivery": (6006, "File Hosting Activity"),
    "linkage": (6005, "Datastore Activity"),
    "project": (3004, "Entity Management"),
    "store": (3004, "Entity Management"),
    "login": (3002, "Authentication"),
    "logout": (3002, "Authentication"),
    "session": (6002, "Application Lifecycle"),
    "query": (6005, "Datastore Activity"),
    "catalogue": (6005, "Datastore Activity"),
    "output": (6006, "File Hosting Activity"),
    "audit": (6003, "API Activity"),
    "access": (3005, "User Access Management"),
    "command": (6003, "API Activity"),
    "service": (6002, "Application Lifecycle"),
}

_DISPOSITION: Mapping[Verdict, int] = {
    Verdict.ALLOWED: 1,
    Verdict.DENIED: 2,
    Verdict.REWRITTEN: 4,
    Verdict.FAILED: 99,
}

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened: who, what, on whose data, under which clause, with which verdict.

    `intent` is the id that ties an intent to its outcome. `detail` takes counts, hashes and names
    of things, never values from a dataset.
    """

    action: Action
    actor: str
    verdict: Verdict = Verdict.ALLOWED
    project: str | None = None
    agencies: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    clause: str | None = None
    intent: str | None = None
    session: str | None = None
    detail: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the writer adds: when (ms since 1970, UTC), by whom, and a nonce against guessing."""

    time: int
    source: str
    instance: str
    seq: int
    nonce: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that an event is durable: its place in the log and the hex hash of its leaf."""

    index: int
    leaf: str


def encode(event: Event, stamp: Stamp) -> bytes:
    """Return the exact UTF-8 bytes that are stored and hashed as the leaf (RFC 6962 2.1)."""
    number, name = OCSF[event.action.split(".", maxsplit=1)[0]]
    body = {
        "class_uid": number,
        "class_name": name,
        "time": stamp.time,
        "status_id": 1 if event.verdict in (Verdict.ALLOWED, Verdict.REWRITTEN) else 2,
        "disposition_id": _DISPOSITION[event.verdict],
        "actor": {"user": {"uid": event.actor}},
        "authorizations": [{"policy": {"desc": event.clause}}] if event.clause else [],
        "metadata": {"version": "1.8.0", "product": {"name": "Enclave"}, "sequence": stamp.seq},
        "unmapped": {
            "enclave": {
                "action": event.action.value,
                "verdict": event.verdict.value,
                "project": event.project,
                "agencies": list(event.agencies),
                "datasets": list(event.datasets),
                "columns": list(event.columns),
                "intent": event.intent,
                "session": event.session,
                "source": stamp.source,
                "instance": stamp.instance,
                "seq": stamp.seq,
                "nonce": stamp.nonce,
                "detail": dict(event.detail),
            }
        },
    }
    return to_json(body)  # a quarter of the time of the standard library, the same bytes
