"""The nouns of the enclave as frozen dataclasses. No I/O, no rules beyond what a value may be.

Names are the field's (docs/reference/glossary.md). Everything here is safe to hand between rooms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from enum import StrEnum
from typing import Any


class FieldType(StrEnum):
    """The types a dictionary may give a field; each maps to one Arrow type."""

    STRING = "string"
    INTEGER = "integer"
    DECIMAL = "decimal"
    DATE = "date"
    BOOLEAN = "boolean"


class FieldKind(StrEnum):
    """Where a delivered field goes: identifiers and content never share a process later on."""

    IDENTIFIER = "identifier"
    CONTENT = "content"


class ColumnRole(StrEnum):
    """What a query may do with a column of a linked view."""

    PROJECTABLE = "projectable"
    FILTER_ONLY = "filter-only"
    JOIN_ONLY = "join-only"
    AGGREGATE_ONLY = "aggregate-only"
    HIDDEN = "hidden"


class QueryMode(StrEnum):
    """What an agreement lets a query return."""

    ROW_LEVEL = "row-level"
    AGGREGATE_ONLY = "aggregate-only"


class SmallGroups(StrEnum):
    """What becomes of a group with too few persons in an aggregate-only answer."""

    REMAINDER = "remainder"
    DROP = "drop"
    REFUSE = "refuse"


class Method(StrEnum):
    """How the small numbers of an output are protected; one an agreement."""

    SUPPRESS = "suppress"
    ROUND = "round"
    NOISE = "noise"
    PRIVATE = "private"


class EngineKind(StrEnum):
    """Which engine runs a project's queries, behind the same inspector."""

    DUCKDB = "duckdb"
    SPARK = "spark"


class Role(StrEnum):
    """What a person does here. One person may hold several, but never votes on their own output."""

    RESEARCHER = "researcher"
    REVIEWER = "reviewer"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"
    STEWARD = "steward"


class ProjectState(StrEnum):
    """Where a project stands; docs/reference/states.md is generated from `PROJECT_MOVES`."""

    PROVISIONED = "provisioned"
    ACTIVE = "active"
    CLOSED = "closed"


PROJECT_MOVES: Mapping[ProjectState, frozenset[ProjectState]] = {
    ProjectState.PROVISIONED: frozenset({ProjectState.ACTIVE, ProjectState.CLOSED}),
    ProjectState.ACTIVE: frozenset({ProjectState.ACTIVE, ProjectState.CLOSED}),
    ProjectState.CLOSED: frozenset(),
}


class ClassDisclosure(StrEnum):
    """What becomes of a category that holds (nearly) all of a group; the later is the stricter."""

    NOTE = "note"
    SUPPRESS = "suppress"


class Unverified(StrEnum):
    """What becomes of a file that cannot be recomputed; the later is the stricter."""

    REVIEW = "review"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class DisclosureRules:
    """An agency's rules for what may leave; parameter names are ACRO's where it has them.

    Units: persons for `safe_threshold`, contributors for `safe_nk_n`, degrees of freedom for
    `safe_dof_threshold`, employers and households as named, shares of 1 for the others. What each
    is for and whose default it is: docs/reference/disclosure-rules.md.
    """

    safe_threshold: int = 10
    safe_nk_n: int = 2
    safe_nk_k: float = 0.9
    safe_pratio_p: float = 0.1
    safe_dof_threshold: int = 10
    safe_employers: int = 3
    safe_employer_k: float = 0.8
    safe_households: int = 3
    safe_mode_share: float = 0.9
    safe_class_share: float = 0.9
    class_disclosure: ClassDisclosure = ClassDisclosure.NOTE
    unverified: Unverified = Unverified.REVIEW

    def strictest(self, other: DisclosureRules) -> DisclosureRules:
        """Return the rules that satisfy both: the strictest of every agency involved wins (R22)."""
        mine = {each.name: getattr(self, each.name) for each in fields(self)}
        return DisclosureRules(
            **{name: _stricter(name, value, getattr(other, name)) for name, value in mine.items()}
        )


_LESS_IS_STRICTER = frozenset(
    {"safe_nk_k", "safe_employer_k", "safe_mode_share", "safe_class_share"}
)


def _stricter(name: str, one: Any, other: Any) -> Any:
    if isinstance(one, StrEnum):
        order = list(type(one))
        return max(one, other, key=order.index)
    return min(one, other) if name in _LESS_IS_STRICTER else max(one, other)


@dataclass(frozen=True, slots=True)
class Aggregation:
    """What a group must satisfy in an aggregate-only answer, or where it uses such a column.

    `persons` is the least number of distinct persons in a group; `share` the largest part of 1
    that one person may have in a sum or average (dominance); `small` what becomes of the others.
    """

    persons: int = 10
    share: float = 0.8
    small: SmallGroups = SmallGroups.REMAINDER


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be asked in one day (UTC): queries, rows, bytes, CPU seconds; None is no bound."""

    queries: int | None = None
    rows: int | None = None
    bytes: int | None = None
    cpu_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Budgets:
    """A project's budgets: one for all its people together, one for each of them."""

    project: Budget = Budget()
    person: Budget = Budget()


@dataclass(frozen=True, slots=True)
class Amounts:
    """What one row may add to a sum, in hundredths of the column's unit (cents), both inclusive."""

    least: int
    most: int


@dataclass(frozen=True, slots=True)
class PrivateTerms:
    """Differential privacy of persons: what an agreement may spend, and what one person adds.

    `total` and `release` are thousandths of ε: of all answers together, and of each one. A person
    is protected together with up to `rows` rows of an answer; further rows are left out of it.
    `amounts` bounds each summed column, `groups` names the labels of grouped columns whose
    dictionary lists no codes; both by `view.column`.
    """

    total: int
    release: int
    rows: int
    amounts: Mapping[str, Amounts] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Protection:
    """What becomes of an output's numbers: the method, and the terms of that method only.

    `base` is what counts are rounded to multiples of; `spread` the standard deviation, in persons
    or rows, of the noise on a count.
    """

    method: Method = Method.SUPPRESS
    base: int = 0
    spread: int = 0
    private: PrivateTerms | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """How an agreement has its outputs reviewed, beside every agency's vote.

    `days` are the working days until a decision is due (0: as the house has it); `checkers` how
    many of `persons` must each find an output fit, none knowing another's opinion.
    """

    days: int = 0
    checkers: int = 0
    persons: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Agency:
    """A Participating Agency: the administrative authority over its data (R31)."""

    id: str
    name: str
    rules: DisclosureRules = DisclosureRules()


@dataclass(frozen=True, slots=True)
class Person:
    """Someone with a log-in: `id` is the identity provider's subject, roles are ours."""

    id: str
    name: str
    email: str
    roles: frozenset[Role]
    agency: str | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a delivered dataset, as its data dictionary describes it (R12)."""

    name: str
    type: FieldType
    kind: FieldKind
    label: str
    required: bool = False
    codes: Mapping[str, str] = field(default_factory=dict)
    link_as: str | None = None  # what linkage may compare it as: ssn, first_name, birth_date ...


@dataclass(frozen=True, slots=True)
class Dataset:
    """A described table one agency delivers; `key` names the fields that identify a row.

    `units` names the fields that tell employers or households apart, where it has such.
    """

    id: str
    agency: str
    label: str
    description: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    update_schedule: str
    units: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a linked view, with the clause that grants it."""

    name: str
    type: FieldType
    label: str
    role: ColumnRole
    clause: str


@dataclass(frozen=True, slots=True)
class View:
    """A linked view: approved columns and rows of one dataset under this project's pseudonyms.

    `person_id` (the project's pseudonym, a UUID) stands first in every view and is not listed.
    `rows` is the agreement's row filter in SQL over the dataset's content fields, or None.
    """

    name: str
    dataset: str
    agency: str
    label: str
    columns: tuple[Column, ...]
    clause: str
    rows: str | None = None


PERSON_ID = "person_id"


def versioned(view: str, number: int) -> str:
    """Return the name of a view's table in an older version of the extract."""
    return f"{view}@{number}"


@dataclass(frozen=True, slots=True)
class Policy:
    """What one Data Sharing Agreement allows, compiled. What it does not grant, nobody has."""

    project: str
    title: str
    purpose: str
    agreement: str
    agreement_sha256: str
    researchers: frozenset[str]
    views: tuple[View, ...]
    rules: Mapping[str, DisclosureRules]
    mode: QueryMode
    starts: date
    ends: date
    destroy_by: date
    aggregation: Aggregation = Aggregation()
    budgets: Budgets = Budgets()
    engine: EngineKind = EngineKind.DUCKDB
    network_clients: bool = False  # may a client outside the workspace connect, with a token?
    protection: Protection = Protection()
    review: Review = Review()

    @property
    def agencies(self) -> frozenset[str]:
        """Every agency whose data this project may see."""
        return frozenset(view.agency for view in self.views)


@dataclass(frozen=True, slots=True)
class Session:
    """One researcher's open workspace on one project; its sockets are its credential."""

    id: str
    person: str
    project: str


@dataclass(frozen=True, slots=True)
class Lineage:
    """What one allowed query really read: the ground of every approval that follows.

    `sql` is the text that was run: the researcher's own, or what the policy made of it. `columns`
    are `view.column` names. `epoch` is the version of the extract it ran on. `asked` is the
    researcher's own text where the policy made another of it.
    """

    query: str
    project: str
    person: str
    sql: str
    views: tuple[str, ...]
    columns: tuple[str, ...]
    agencies: frozenset[str]
    receipt: int
    epoch: int = 0
    asked: str | None = None
