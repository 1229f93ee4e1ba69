"""Reads one entry's text: who sent it, when, and what it says that other entries must fit.

Two ways to the same facts. Texts of the exact shape the service writes are matched by one regular
expression, several times quicker than a JSON parser; any other text is parsed as JSON, strictly.
Never repairs anything: what is neither is no event.
"""

from __future__ import annotations

import json
import re
from typing import Any, cast

Facts = tuple[bytes, bytes, bytes, bytes, bytes, bytes | None, bytes, bytes, bytes, bytes]
"""(time, actor, action, verdict, agencies, intent, source, instance, seq, detail).

UTF-8 bytes without their quotes; time and seq in decimal; agencies and detail as JSON.
"""

LARGEST = 1 << 20  # bytes; the service takes no event near this size
_NO_NUMBER = 10**15  # no time and no sender's number has more digits than `SHAPE` reads


class NotAnEvent(ValueError):
    """A text that is not an event as the service writes them."""


# Without a backslash a quote always begins or ends a string. Then a text that is JSON at all and
# matches this has been read as JSON reads it: were a bracket that ends a list or object part of a
# string, the names that follow it here would stand outside every string. Other texts, those with a
# backslash or with such a bracket among them, take the other way.
# A possessive quantifier ends before the one character that must follow it: the same texts match.
_TEXT = rb'"[^"]*+"'
_SAID = rb'"([^"]*+)"'
_MAYBE = rb'(?:null|"[^"]*+")'
_LIST = rb"\[[^]]*+\]"
_NAMES = rb'\[(?:"[^"]*+"(?:,"[^"]*+")*+)?+\]'  # of texts and nothing else
SHAPE = re.compile(
    rb'\{"class_uid":[0-9]++,"class_name":' + _TEXT + rb',"time":([0-9]{1,15}),"status_id":[0-9]++,'
    rb'"disposition_id":[0-9]++,"actor":\{"user":\{"uid":' + _SAID + rb"\}\},"
    rb'"authorizations":\[(?:\{"policy":\{"desc":' + _TEXT + rb"\}\})?\],"
    rb'"metadata":\{"version":' + _TEXT + rb',"product":\{"name":' + _TEXT
    + rb'\},"sequence":[0-9]++\},'
    rb'"unmapped":\{"enclave":\{"action":' + _SAID + rb',"verdict":' + _SAID
    + rb',"project":' + _MAYBE + rb',"agencies":(' + _NAMES + rb'),"datasets":' + _LIST
    + rb',"columns":' + _LIST + rb',"intent":(?:null|' + _SAID + rb'),"session":' + _MAYBE
    + rb',"source":' + _SAID + rb',"instance":' + _SAID + rb',"seq":([0-9]{1,15}),"nonce":' + _TEXT
    + rb',"detail":(\{[^}]*+\})\}\}\}'
).fullmatch  # fmt: skip
"""Matches a text of the service's own shape; its groups are the facts. Not for a backslash."""


def read(body: bytes) -> Facts:
    """Return an entry's facts; raises NotAnEvent."""
    found = SHAPE(body) if is_simple(body) else None
    return cast(Facts, found.groups()) if found else parse(body)


def is_simple(body: bytes) -> bool:
    """Say whether `SHAPE` may read a text: it has no backslash and is UTF-8."""
    if b"\\" in body:
        return False
    try:
        return body.isascii() or bool(body.decode())
    except UnicodeDecodeError:
        return False


def parse(body: bytes) -> Facts:
    """Return the facts of a text of any shape, as JSON reads it; raises NotAnEvent."""
    try:
        event = strict_json(body)
        ours, time = event["unmapped"]["enclave"], event["time"]
        texts = [event["actor"]["user"]["uid"], ours["action"], ours["verdict"]]
        sender = [ours["source"], ours["instance"]]
        agencies, intent, seq, detail = (
            ours[name] for name in ("agencies", "intent", "seq", "detail")
        )
        if not all(type(text) is str for text in [*texts, *sender, intent or "", *agencies]):
            raise NotAnEvent("a name that is no text")
        if not all(type(number) is int and 0 <= number < _NO_NUMBER for number in (time, seq)):
            raise NotAnEvent("a number that is none")
        if type(agencies) is not list or type(detail) is not dict:
            raise NotAnEvent("a list or object that is none")
        return (
            b"%d" % time,
            *(text.encode() for text in texts),
            json.dumps(agencies).encode(),
            None if intent is None else intent.encode(),
            *(text.encode() for text in sender),
            b"%d" % seq,
            json.dumps(detail).encode(),
        )
    except KeyError as error:
        raise NotAnEvent(f"it says nothing of {error}") from error
    except (TypeError, AttributeError) as error:
        raise NotAnEvent("it has not the form of an event") from error
    except ValueError as error:
        raise NotAnEvent(str(error)) from error


def strict_json(text: bytes) -> Any:
    """Return parsed JSON that no two readers can read differently; raises ValueError.

    Refuses names that stand twice in one object, NaN and infinities, nesting without end and
    anything larger than an event can be.
    """
    if len(text) > LARGEST:
        raise ValueError("too large")
    try:
        return json.loads(text.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is no number")
