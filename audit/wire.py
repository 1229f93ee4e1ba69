"""The lines of the audit socket: JSON, one to a line, each way. Anything else is refused.

A sender says `{"hello": instance}`, then any of `{"seq": n, "event": {...}}`, `{"prove": index,
"leaf": hex}`
and `{"bye": true}`. It hears `{"welcome": source}`, then for each event a receipt or a refusal, for
each question a proof or why there is none, and `{"error": sentence}` before the connection closes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from audit.admit import Answer
from enclave.errors import AuditRefused
from enclave.events import Action, Event, Scalar, Verdict

# NaN and infinities are no JSON: a log with one could not be read by everybody.
_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
_Number = Annotated[int, Field(ge=0, lt=1 << 62)]  # what both databases can count to
# PostgreSQL stores no NUL in a text, and one event that cannot be stored stops those beside it.
_Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


class _Hello(BaseModel):
    model_config = _STRICT
    hello: _Name


@with_config(_STRICT)
class _WireEvent(TypedDict):
    action: Action
    actor: str
    verdict: Verdict
    project: str | None
    agencies: tuple[str, ...]
    datasets: tuple[str, ...]
    columns: tuple[str, ...]
    clause: str | None
    intent: _Name | None
    session: str | None
    detail: dict[str, Scalar]


@with_config(_STRICT)
class _Line(TypedDict, total=False):
    seq: _Number
    event: _WireEvent
    prove: _Number
    leaf: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    bye: bool


_LINE = TypeAdapter(_Line)


@dataclass(frozen=True, slots=True)
class Sent:
    """An event and its sender's number for it."""

    seq: int
    event: Event


@dataclass(frozen=True, slots=True)
class Question:
    """A wish for the proof of an entry: after a rotation its index alone would name another."""

    index: int
    leaf: str


@dataclass(frozen=True, slots=True)
class Goodbye:
    """Nothing more will come."""


def read_hello(line: bytes) -> str:
    """Return the instance a sender calls itself; raises ValueError."""
    return _Hello.model_validate_json(line).hello


def read_line(line: bytes) -> Sent | Question | Goodbye:
    """Read what a sender says after its greeting; raises ValueError (pydantic's is one)."""
    said = _LINE.validate_json(line)
    if "seq" in said and "event" in said and len(said) == 2:
        return Sent(said["seq"], Event(**said["event"]))
    if "prove" in said and "leaf" in said and len(said) == 2:
        return Question(said["prove"], said["leaf"])
    if said == {"bye": True}:
        return Goodbye()
    raise ValueError("neither an event, nor a question, nor a goodbye")


def welcome(source: str) -> bytes:
    """Return the answer to a greeting."""
    return _line({"welcome": source})


def failure(sentence: str) -> bytes:
    """Return what is said before a connection is closed."""
    return _line({"error": sentence})


def answer(seq: int, given: Answer) -> bytes:
    """Return the answer to an event."""
    if isinstance(given, AuditRefused):
        return _line({"seq": seq, "refused": given.sentence})
    # The leaf is hexadecimal: nothing here needs JSON's escapes.
    return b'{"seq":%d,"index":%d,"leaf":"%s"}\n' % (seq, given.index, given.leaf.encode())


def proof(asked: Question, text: str | None, *, refused: str | None = None) -> bytes:
    """Return the answer to a question: a proof, or why there is none."""
    said: dict[str, Scalar] = {"index": asked.index, "leaf": asked.leaf, "proof": text}
    return _line(said if refused is None else {**said, "refused": refused})


def _line(message: dict[str, Scalar]) -> bytes:
    return json.dumps(message).encode() + b"\n"
