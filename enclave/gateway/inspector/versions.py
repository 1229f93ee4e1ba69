"""`FROM wages AT (VERSION => 2)`: the words for an older version become the name of its table.

On our own words and before any parser, so that every reader sees an ordinary table. Never guesses:
a version that is not open is refused with those that are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from enclave.gateway.inspector import agreement
from enclave.gateway.inspector.catalogue import Catalogue
from enclave.gateway.inspector.limits import Text, Word
from enclave.gateway.inspector.names import names
from enclave.gateway.refusals import ConstructRefused, NotGranted
from enclave.model import versioned

# The engine's words that can be no alias: what stands behind a table and goes on with the query.
RESERVED = names(
    """all analyse analyze and anti any array as asc asof asymmetric at authorization binary both by
    case cast check collate collation column columns concurrently constraint create cross default
    deferrable desc describe distinct do else end except false fetch for foreign freeze from full
    generated glob group having ilike in initially inner intersect into is isnull join lambda
    lateral leading left like limit map natural not notnull null offset on only or order outer
    overlaps pivot pivot_longer pivot_wider placing positional primary qualify references returning
    right select semi show similar some struct summarize symmetric table tablesample then to
    trailing true try_cast tuple union unique unpack unpivot using variadic verbose when where
    window with"""
)


@dataclass(frozen=True, slots=True)
class _Edit:
    """A stretch of the text, and what stands there instead."""

    start: int
    end: int
    text: str


def pin(text: Text, catalogue: Catalogue) -> tuple[str, tuple[str, ...]]:
    """Return the text with each AT clause spelt as a table, and a sentence for each.

    Raises NotGranted for a version or view that is not open, ConstructRefused for other AT clauses.
    """
    edits: list[_Edit] = []
    reasons: list[str] = []
    for place in _clauses(text.words):
        found = list(_edits(text.words, place, catalogue))
        edits += found
        reasons.append(f"The version is read from the table {found[0].text}.")
    return _edited(text.sql, edits), tuple(dict.fromkeys(reasons))


_AT = names("at At aT AT")


def _clauses(words: Sequence[Word]) -> Iterator[int]:
    """Yield where `AT (VERSION =>` or its like begins; a column called `at` is none."""
    for place in range(1, len(words) - 4):
        if words[place].text not in _AT:
            continue
        bracket, kind, equals, more = words[place + 1 : place + 5]
        if bracket.text == "(" and kind.kind == "name" and (equals.text, more.text) == ("=", ">"):
            yield place


def _edits(words: Sequence[Word], place: int, catalogue: Catalogue) -> Iterator[_Edit]:
    number, closing = _number(words, place, catalogue), words[place + 6]
    at = _view_at(words, place, catalogue)
    view = _name(words[at])
    if view is None or view not in catalogue.views:
        raise agreement.unknown_view(catalogue)
    if number not in catalogue.versions:
        raise _unknown_version(catalogue, view)
    table = view if number == catalogue.epoch else versioned(view, number)
    yield _Edit(words[at].at, words[at].at + len(words[at].text), f'"{table}"')
    has_alias = at != place - 1 or _is_alias(words[place + 7 : place + 8]) or _is_named(words, at)
    instead = "" if has_alias else f'AS "{view}"'
    yield _Edit(words[place].at, closing.at + 1, instead)


def _number(words: Sequence[Word], place: int, catalogue: Catalogue) -> int:
    kind, *rest = words[place + 2], *words[place + 5 : place + 7]
    is_number = len(rest) == 2 and rest[0].kind == "number" and rest[0].text.isdigit()
    if not kind.says("version") or not is_number or rest[1].text != ")":
        raise ConstructRefused(
            "A version is named by its number.", hint=f"AT (VERSION => n): {_listed(catalogue)}"
        )
    return int(rest[0].text[:9])


def _view_at(words: Sequence[Word], place: int, catalogue: Catalogue) -> int:
    """Return where the view stands: directly before AT, or before an alias that does."""
    if place > 2 and words[place - 2].says("as"):
        return place - 3
    if place > 1 and _name(words[place - 2]) in catalogue.views:
        return place - 2
    return place - 1


def _name(word: Word) -> str | None:
    if word.kind == "quoted":
        return word.text[1:-1].replace('""', '"').lower()
    return word.text.lower() if word.kind == "name" else None


def _is_named(words: Sequence[Word], at: int) -> bool:
    """Say whether an alias stands before the view, as in `FROM w: wages`."""
    return at > 1 and words[at - 1].text == ":" and words[at - 2].text != ":"


def _is_alias(following: Sequence[Word]) -> bool:
    if not following:
        return False
    word = following[0]
    if word.kind == "quoted" or word.says("as"):
        return True
    return word.kind == "name" and word.text.lower() not in RESERVED


def _unknown_version(catalogue: Catalogue, view: str) -> NotGranted:
    return NotGranted(
        f"There is no such version of {view} open to this project.",
        clause=catalogue.views[view].clause,
        hint=_listed(catalogue),
    )


def _listed(catalogue: Catalogue) -> str:
    others = ", ".join(str(number) for number in catalogue.versions if number != catalogue.epoch)
    now = f"{catalogue.epoch} is the one read without AT."
    return f"Open beside it: {others}; {now}" if others else f"No other is open; {now}"


def _edited(sql: str, edits: Sequence[_Edit]) -> str:
    pieces: list[str] = []
    at = 0
    for edit in sorted(edits, key=lambda edit: edit.start):
        pieces += (sql[at : edit.start], edit.text)
        at = edit.end
    return "".join((*pieces, sql[at:]))
