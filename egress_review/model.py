"""The nouns of egress review: a request to release output files, its votes and its comments."""

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
    RETURNED = "returned"
    REPLACED = "replaced"
    APPROVED = "approved"
    RELEASED = "released"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"


class FileKind(StrEnum):
    """What an output file is; what is asked of each kind stands in `intake`."""

    TABLE = "table"
    PLOT = "plot"
    MODEL = "model"
    TEXT = "text"


class Standing(StrEnum):
    """What the check established of a file."""

    UNCHECKED = "unchecked"
    RECOMPUTED = "recomputed"  # a table that is exactly what its query answers
    UNVERIFIED = "unverified"  # whatever could not be recomputed: a reviewer's eyes alone


@dataclass(frozen=True, slots=True)
class Note:
    """A finding that a reviewer, or whoever asked, should read; `code` is stable."""

    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class OutputFile:
    """One file of a request; a plot names in `drawn_from` the table of the same request it shows.

    From `standing` on it is what the check found: `persons` described, counts in `summary`.
    """

    name: str
    kind: FileKind
    queries: tuple[str, ...]
    drawn_from: str = ""
    standing: Standing = Standing.UNCHECKED
    persons: int = 0
    notes: tuple[Note, ...] = ()
    summary: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Vote:
    """One agency's decision on exactly the bytes with hash `shown`.

    `ticked`: the reviewer said that they have looked at what could not be recomputed.
    """

    request: str
    agency: str
    person: str
    approve: bool
    comment: str
    shown: str
    at: datetime
    ticked: bool = False


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one output checker found, alone, of exactly the bytes with hash `shown`."""

    request: str
    person: str
    fit: bool
    text: str
    shown: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Comment:
    """A remark; a private one is the reviewers' own, `asks_for_changes` what sent it back."""

    request: str
    person: str
    text: str
    at: datetime
    private: bool = False
    asks_for_changes: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """A request to release one or several files together.

    `agencies` is the approval set: every agency whose data the lineage touched. `persons` is of the
    file that describes most. `shown` is the salted hash of all that a reviewer decides on: what a
    vote is bound to. `replaces` is the version before it. `checkers` may give opinions; so many
    as `checkers_needed` must before an agency approves. Reviewers could act from `opened_at` on.
    `researchers` are whom the agreement names as such now, not when it was submitted.
    """

    id: str
    project: str
    person: str
    session: str
    title: str
    context: str
    files: tuple[OutputFile, ...]
    state: State
    submitted_at: datetime
    changed_at: datetime
    agencies: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    persons: int = 0
    shown: str = ""
    sentence: str = ""
    summary: Mapping[str, Scalar] = field(default_factory=dict)
    replaces: str = ""
    checkers: tuple[str, ...] = ()
    checkers_needed: int = 0
    opened_at: datetime | None = None
    due_at: datetime | None = None
    destroyed_at: datetime | None = None
    researchers: frozenset[str] = frozenset()

    @property
    def unverified(self) -> tuple[OutputFile, ...]:
        """Return the files that nothing but a reviewer's eyes stands for."""
        return tuple(one for one in self.files if one.standing is Standing.UNVERIFIED)

    @property
    def filename(self) -> str:
        """Return the first file's name."""
        return self.files[0].name

    @property
    def queries(self) -> tuple[str, ...]:
        """Return the queries of all files, each once."""
        return tuple(dict.fromkeys(query for one in self.files for query in one.queries))

    def tables(self) -> tuple[int, ...]:
        """Return the numbers (from 1) of the files that later tables are checked against."""
        return tuple(
            number
            for number, one in enumerate(self.files, start=1)
            if one.kind is FileKind.TABLE and one.standing is Standing.RECOMPUTED
        )
