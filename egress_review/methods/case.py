"""What a method of protection is given of one recomputed table, and what it hands back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import duckdb

from egress_review.earlier.against import Against
from egress_review.earlier.ledger import Entry
from egress_review.evidence.recompute import Evidence
from egress_review.model import Note, Request
from enclave.events import Scalar
from enclave.model import DisclosureRules, Policy


@dataclass(frozen=True, slots=True)
class Perturbed:
    """A table protected by another method than suppression.

    `content` would leave, `full` is for reviewers; `summary` may be public, `notes` say what was
    done. `entry` is what later tables are held against: true numbers, as if all shown were exact.
    """

    content: bytes
    full: bytes
    entry: Entry
    summary: Mapping[str, Scalar]
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """One recomputed table, and all that its protection may depend on.

    `engine` opens the version of the extract it ran on; `key` is the project's. `earlier` is what
    the project released or has in review; `against` knows every project's. `labels` are those that
    the data dictionaries list, by view.column.
    """

    request: Request
    policy: Policy
    rules: DisclosureRules
    agencies: tuple[str, ...]
    evidence: Evidence
    earlier: Sequence[Entry]
    against: Against
    epoch: int
    key: bytes
    engine: Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]
    labels: Mapping[str, Sequence[str]]


def nothing_known(evidence: Evidence) -> Evidence:
    """Return evidence of no cell and nobody in one: what is known of a table with private numbers.

    Nothing exact was said of anybody, so no later table can be held against it.
    """
    population = replace(evidence.population, cells=(), rows=(), parts=())
    return replace(evidence, table=replace(evidence.table, cells=()), population=population)
