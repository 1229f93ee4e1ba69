"""What the readers found in one question, and what the agreement made of it. Nouns only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from enclave.events import Verdict


@dataclass(frozen=True, slots=True)
class Reading:
    """One question that all readers agree on.

    `sql` is the question as one SELECT; `tree` is the engine's own syntax tree of it and `plan`
    the plan it binds to, both as JSON gave them, so that each is made once. `views` and `columns`
    are what it names: columns that no row of the answer needs are among them.
    """

    sql: str
    tree: Mapping[str, Any]
    plan: Mapping[str, Any]
    views: frozenset[str]
    columns: frozenset[str]


@dataclass(frozen=True, slots=True)
class Held:
    """A question held to the agreement: the text to run, and sentences that say what changed."""

    sql: str
    verdict: Verdict = Verdict.ALLOWED
    reasons: tuple[str, ...] = ()
