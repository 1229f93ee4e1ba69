"""The nouns of egress review: a request to release an output, its votes and its comments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from enclave.events import Scalar


class State(StrEnum):
    """Where a request stands; which moves there are is `policy.MOVES`."""

    SUBMITTED = "submitted"
    PROTECTED = "protected"
    APPROVED = "approved"
    RELEASED = "released"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Vote:
    """One agency's decision on exactly the bytes with hash `shown`; `receipt` is audit's index."""

    request: str
    agency: str
    person: str
    approve: bool
    comment: str
    shown: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Comment:
    """A remark that everyone who may see the request can read."""

    request: str
    person: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Request:
    """A request to release one table.

    `agencies` is the approval set: every agency whose data the lineage touched. `shown` is the
    salted hash of the unprotected and protected bytes together: what a vote is bound to.
    """

    id: str
    project: str
    person: str
    session: str
    title: str
    context: str
    filename: str
    queries: tuple[str, ...]
    state: State
    submitted_at: datetime
    changed_at: datetime
    agencies: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    persons: int = 0
    shown: str = ""
    sentence: str = ""
    summary: Mapping[str, Scalar] = field(default_factory=dict)
