"""What an entry can be found by: the values of each filter, and the words of free text.

One definition for the index and for whoever checks it by reading the log from end to end.
Never reads a store.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any

from audit.sentences import LAST_DAY, TITLES, Fact, sentence
from enclave.events import Action, Verdict

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
MOST_WORDS = 20  # of a search
MOST_LETTERS = 64  # of a word
ID_LETTERS = 8  # so many are needed to find an id by its beginning

_WORD = re.compile(r"\w+")
_ID = re.compile(r"[0-9a-f]{16,}")


class Kind(StrEnum):
    """What a set of entries has in common. The values stand in the index."""

    ALL = "all"  # every entry whose text is still there
    ENDED = "ended"  # a query's beginning whose end is logged
    ACTOR = "actor"
    PROJECT = "project"
    ACTION = "action"
    VERDICT = "verdict"
    AGENCY = "agency"
    DATASET = "dataset"
    COLUMN = "column"
    INTENT = "intent"
    SESSION = "session"
    DAY = "day"
    HOUR = "hour"
    WORD = "word"
    ID = "id"  # long hexadecimal words: hashes, ids of requests


ID_KINDS = (Kind.ID, Kind.INTENT, Kind.SESSION)
Term = tuple[str, str | int]
Part = tuple[str, Any]
"""A piece of an event that many events repeat, and what it is called here."""


def parts(event: Mapping[str, Any]) -> Iterator[Part]:
    """Take a stored event apart; what is no event raises KeyError, TypeError or ValueError."""
    ours, policies = event["unmapped"]["enclave"], event["authorizations"]
    yield "actor", event["actor"]["user"]["uid"]
    yield "act", (ours["action"], ours["verdict"])
    yield "source", ours["source"]
    if type(event["time"]) is not int or not 0 <= event["time"] < LAST_DAY:
        raise ValueError("no time")
    yield "hour", event["time"] // HOUR_MS
    for name in ("project", "intent", "session"):
        if ours[name] is not None:
            yield name, ours[name]
    if policies:
        yield "clause", policies[0]["policy"]["desc"]
    for kind, values in (("agency", "agencies"), ("dataset", "datasets"), ("column", "columns")):
        for value in ours[values]:
            yield kind, value
    for value in ours["detail"].values():
        if isinstance(value, str):
            yield "text", value
        elif value is not None:
            yield "number", str(value)


def of_part(part: Part) -> set[Term]:
    """Return what a part makes its events be found by."""
    name, value = part
    match name:
        case "act":
            return _of_act(*value)
        case "hour":
            hours = DAY_MS // HOUR_MS
            return {(Kind.DAY.value, value // hours), (Kind.HOUR.value, value)}
        case "intent" | "session":
            return {(name, "" + value)}  # TypeError for what is no text
        case "number":
            return {(Kind.WORD.value, folded(value))}
        case "text" | "clause" | "source":
            return set(_words(value))
        case kind:  # actor, project, agency, dataset, column
            return {(kind, value), *_words(value)}


def _of_act(action: str, verdict: str) -> set[Term]:
    """Return the words in which an action is told, whoever did it and with whichever data."""
    told = _told(Action(action), Verdict(verdict))
    return {
        (Kind.ALL.value, ""),
        (Kind.ACTION.value, action),
        (Kind.VERDICT.value, verdict),
        *_words(f"{told} {action} {verdict}"),
    }


def _told(action: Action, verdict: Verdict) -> str:
    nobody = Fact(
        index=0, time=0, actor="", action=action, verdict=verdict, project=None, agencies=(),
        datasets=(), columns=(), clause=None, intent=None, session=None, source="", detail={},
    )  # fmt: skip
    return f"{sentence(nobody)} {TITLES[action]}"


def _words(text: str) -> Iterator[Term]:
    """Yield the words of a text, and what stands between spaces where that is not one word."""
    for piece in folded(text).split():
        whole = piece.strip(".,;:()\"'")[:MOST_LETTERS]
        parts = _WORD.findall(piece)
        for word in (whole, *(part for part in parts if part != whole)):
            if _ID.fullmatch(word):
                yield Kind.ID.value, word[:MOST_LETTERS]
            elif word:
                yield Kind.WORD.value, word[:MOST_LETTERS]


def folded(text: str) -> str:
    """Return a text without case and without accents."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).casefold()


@dataclass(frozen=True, slots=True)
class Beginning:
    """One asked word: an entry fits when some word or id of it begins with `text`.

    Or, where `parts` are given, when each of them begins some word.
    """

    text: str
    parts: tuple[str, ...] = ()


def asked(words: str | None) -> tuple[Beginning, ...]:
    """Return what each word of a search must begin; nothing where nothing was asked.

    What goes beyond `MOST_WORDS` is not looked for, counting the parts of `a.b.c` as words: each
    is a reading of the index, and an address can hold thousands.
    """
    found, left = [], MOST_WORDS
    for piece in folded(words or "").replace("\0", " ").split()[:MOST_WORDS]:
        parts = tuple(part[:MOST_LETTERS] for part in islice(_WORD.findall(piece), left))
        if parts:  # else it is punctuation alone, or one too many
            found.append(Beginning(piece[:MOST_LETTERS], () if parts == (piece,) else parts))
        left -= len(parts)
    return tuple(found)


def kinds_of(text: str) -> tuple[Kind, ...]:
    """Return where a word is looked for: among ids only when it is long enough."""
    return (Kind.WORD, *ID_KINDS) if len(text) >= ID_LETTERS else (Kind.WORD,)
