"""What the supervisor and a worker say to each other: the key, then one JSON document a line.

The key travels over the worker's standard input only: never an argument, an environment variable
or a file, and never inside a document, whose text could not be wiped. Nothing of a row is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from enclave import documents
from enclave.model import Policy, Session
from enclave.settings import Settings

KEY_BYTES = 32
NO_KEY = bytes(KEY_BYTES)
BEAT = -1  # the number of a report that only says: the interpreter runs


@dataclass(frozen=True, slots=True)
class Start:
    """The first line, after the key: which project, under which agreement.

    `withheld` names, by view, the columns that the datasets have and nobody granted. `versions`
    are older epochs to open beside `epoch`. `uid` is the worker's own user (0: it keeps its own).
    `closed`: what to tell whoever asks, instead of opening anything; then there is no key.
    """

    settings: Mapping[str, object]
    policy: Policy
    epoch: int
    withheld: Mapping[str, tuple[str, ...]]
    parent: int
    versions: tuple[int, ...] = ()
    uid: int = 0
    closed: str = ""


@dataclass(frozen=True, slots=True)
class Sessions:
    """Every later line: exactly these sessions are open. `number` comes back in the answer."""

    number: int
    sessions: tuple[Session, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """A worker's word: the number of the order it has carried out (0: it has begun), or BEAT."""

    number: int
    error: str = ""


def line(order: Start | Sessions | Report) -> bytes:
    """Return an order as one line."""
    return documents.canonical(order) + b"\n"


def settings_of(start: Start) -> Settings:
    """Return the settings the supervisor runs with."""
    return Settings.model_validate(dict(start.settings))
