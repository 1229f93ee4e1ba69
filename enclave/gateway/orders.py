"""What the supervisor and a worker say to each other: one JSON document a line.

The key travels over the worker's standard input only: never an argument, an environment variable
or a file. Nothing of a row is ever said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from enclave import documents
from enclave.model import Policy, Session
from enclave.settings import Settings


@dataclass(frozen=True, slots=True)
class Start:
    """The first line: which project, under which agreement, with which key (hex).

    `withheld` names, by view, the columns that the datasets have and nobody granted.
    """

    settings: Mapping[str, object]
    policy: Policy
    epoch: int
    key: str = field(repr=False)
    withheld: Mapping[str, tuple[str, ...]]
    parent: int


@dataclass(frozen=True, slots=True)
class Sessions:
    """Every later line: exactly these sessions are open. `number` comes back in the answer."""

    number: int
    sessions: tuple[Session, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """A worker's answer: the number of the order it has carried out (0: it has started)."""

    number: int
    error: str = ""


def line(order: Start | Sessions | Report) -> bytes:
    """Return an order as one line."""
    return documents.canonical(order) + b"\n"


def settings_of(start: Start) -> Settings:
    """Return the settings the supervisor runs with."""
    return Settings.model_validate(dict(start.settings))
