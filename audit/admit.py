"""Decides what may enter the log, and stamps it: sequence numbers, intents and their ends.

Never talks to a socket and never signs. Rules kept here, each checked again by the verifier:
a sender's events are gapless; a retry is the same entry; a query's outcome follows its intent;
an intent ends once. One is for the enclave itself: a state of the control store is left once.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from audit import succession
from audit.log import Batch, Entry, Log, Sender
from enclave.errors import AuditRefused
from enclave.events import Action, Event, Receipt, Scalar, Stamp, Verdict, encode

ENDS = frozenset({Action.QUERY_OUTCOME, Action.QUERY_DENIED, Action.INTERRUPTED})

# Social security numbers have no business in an event. Rooms leave them out; should one slip
# through, it must not become permanent.
_IDENTIFIER = re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])")
MASK = "[identifier removed]"
_NONCE = 16  # bytes
LONGEST_NAME = 500  # letters of who, where and on which data: each stands on many pages at once


@dataclass(frozen=True, slots=True)
class Request:
    """One event as it arrived: the socket says the source, the client the instance and number.

    `objection` is a reason not to take it that lies outside the log (a witness that is away).
    """

    sender: Sender
    event: Event
    objection: str | None = None


class SequenceGap(Exception):
    """A sender skipped a number: either it or we have lost something, so nothing is taken."""

    def __init__(self, sender: Sender, due: int):
        super().__init__(f"{sender.source} sent {sender.seq} where {due} was due")
        self.sender = sender


Answer = Receipt | AuditRefused


def admit(log: Log, requests: Sequence[Request]) -> list[Answer]:
    """Append a batch in one transaction; return a receipt or a refusal for each request.

    Raises SequenceGap (nothing of the batch is stored) or StoreError (likewise).
    """
    with log.write() as batch:
        intents = {request.event.intent for request in requests}
        batch.foresee([intent for intent in intents if intent is not None])
        random = secrets.token_hex(_NONCE * len(requests))  # the system is asked once a batch
        nonces = (random[at : at + 2 * _NONCE] for at in range(0, len(random), 2 * _NONCE))
        return [_admit_one(batch, *each) for each in zip(requests, nonces, strict=True)]


def _admit_one(batch: Batch, request: Request, nonce: str) -> Answer:
    sender = request.sender
    due = batch.next_seq(sender.source, sender.instance)
    if sender.seq > due:
        raise SequenceGap(sender, due)
    if sender.seq < due:
        return repeat(batch.find(sender), request.event)
    objection = (
        request.objection
        or _object(batch, request.event)
        or succession.objection((batch,), request.event)
    )
    event = request.event if objection is None else _refusal(request.event, objection)
    receipt = batch.add(_stamp(event, sender, nonce), sender)
    if objection is not None:
        return AuditRefused(objection)
    _follow_intent(batch, event, receipt.index)
    for name in succession.left(batch, event):
        batch.end_intent(name, receipt.index)
    return receipt


def repeat(entry: Entry | None, event: Event) -> Answer:
    """Return what was answered the first time; refuse another event under the same number.

    Two processes that count as one sender (a client taken over a fork) would else hold receipts
    for events that nobody stored.
    """
    assert entry is not None  # its number is below the next one, and numbers are gapless
    if entry.body is not None:
        stored = facts(entry.body)["detail"]
        if "attempted" in stored and stored["attempted"] == event.action.value:
            return AuditRefused(str(stored["refused"]))
        if not _is_of(entry.body, event):
            return AuditRefused("Another event was logged under this number.")
    return Receipt(entry.index, entry.leaf.hex())


def _is_of(body: bytes, event: Event) -> bool:
    """Say whether a stored text is of this event."""
    when, ours = json.loads(body)["time"], facts(body)
    stamp = Stamp(when, ours["source"], ours["instance"], ours["seq"], ours["nonce"])
    return encode(_clean(event), stamp) == body


def _object(batch: Batch, event: Event) -> str | None:
    """Return why this event may not stand in the log as it is, or None."""
    if max(map(len, _names(event))) > LONGEST_NAME:
        return f"A name in this event has more than {LONGEST_NAME} letters."
    if event.intent is None:
        missing = event.action in (Action.QUERY_INTENT, Action.QUERY_OUTCOME)
        return "A query's intent and outcome carry the query's id." if missing else None
    known = batch.intent(event.intent)
    if event.action is Action.QUERY_INTENT and known is not None:
        return "An intent with this id is already logged."
    if event.action is Action.QUERY_OUTCOME and known is None:
        return "No intent was logged before this outcome."
    if event.action in ENDS and known is not None and known[1] is not None:
        return "This intent has already ended."
    return None


def _names(event: Event) -> Iterator[str]:
    """Yield the names in an event: what lists, filters and charts are made of."""
    yield event.actor
    yield event.project or ""
    yield event.session or ""
    yield from event.agencies
    yield from event.datasets
    yield from event.columns


def _cut(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name[:LONGEST_NAME] for name in names)


def _refusal(event: Event, objection: str) -> Event:
    """Return what is stored in place of a refused event, so that its number is not missing."""
    return replace(
        event,
        actor=event.actor[:LONGEST_NAME],
        project=event.project and event.project[:LONGEST_NAME],
        session=event.session and event.session[:LONGEST_NAME],
        agencies=_cut(event.agencies),
        datasets=_cut(event.datasets),
        columns=_cut(event.columns),
        action=Action.ACCESS_DENIED,
        verdict=Verdict.DENIED,
        detail={"refused": objection, "attempted": event.action.value},
    )


def _follow_intent(batch: Batch, event: Event, index: int) -> None:
    if event.intent is None:
        return
    if event.action is Action.QUERY_INTENT:
        batch.begin_intent(event.intent, index)
    elif event.action in ENDS:
        batch.end_intent(event.intent, index)


def _stamp(event: Event, sender: Sender, nonce: str) -> bytes:
    stamp = Stamp(
        time=time.time_ns() // 1_000_000,
        source=sender.source,
        instance=sender.instance,
        seq=sender.seq,
        nonce=nonce,
    )
    return encode(_clean(event), stamp)


def _clean(event: Event) -> Event:
    """Return the event as it may be stored."""
    if any(isinstance(value, str) and "-" in value for value in event.detail.values()):
        return replace(event, detail=_masked(event.detail))
    return event


def _masked(detail: Mapping[str, Scalar]) -> dict[str, Scalar]:
    return {
        key: _IDENTIFIER.sub(MASK, value) if isinstance(value, str) else value
        for key, value in detail.items()
    }


def facts(body: bytes) -> dict[str, Any]:
    """Return our own part of a stored event: `unmapped.enclave`."""
    part: dict[str, Any] = json.loads(body)["unmapped"]["enclave"]
    return part


def interruption(intent: Entry) -> Event:
    """Return the event that ends an intent whose sender is gone."""
    assert intent.body is not None  # retention never reaches an open intent
    body, ours = json.loads(intent.body), facts(intent.body)
    return Event(
        action=Action.INTERRUPTED,
        actor=body["actor"]["user"]["uid"],
        verdict=Verdict.FAILED,
        project=ours["project"],
        agencies=tuple(ours["agencies"]),
        datasets=tuple(ours["datasets"]),
        intent=ours["intent"],
        session=ours["session"],
        detail={"interrupted_source": intent.sender.source, "intent_index": intent.index},
    )
