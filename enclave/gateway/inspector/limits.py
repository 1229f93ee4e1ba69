"""Read a query's characters before any parser does: size, alphabet, nesting.

For handing both parsers only text that they split into the same words (of 19 Unicode spaces they
disagree on six), and for giving the log a text without literals. Never parses SQL.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from enclave.gateway.refusals import NotUnderstood, OddText, TooLarge

MAX_BYTES = 20_000
MAX_DEPTH = 40
MAX_WORDS = 4_000
MAX_WITHS = 3  # in one another; any number may follow each other
MAX_SIGNS = 20  # one behind the other: the engine's parser reads the rest anew at each

# One alternative per kind of word, with the space before it, so that there are half as many to look
# at. The commonest come first; of those that begin alike the longer does: `--` before `-`.
_WORDS = re.compile(
    r"""
    (?:[ \t\n]|\r\n)*+
    (?: (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<number>(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<comment>--[^\r\n]*|/\*(?:(?!/\*|\*/)[\s\S])*\*/)
    | (?P<string>'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")+")
    | (?P<parameter>\$(?:\d+|[A-Za-z_][A-Za-z0-9_]*)(?![$A-Za-z0-9_]))
    | (?P<symbol>(?!/\*)[!%&()*+,\-./:;<=>?@\[\]^{|}~#])
    | (?P<end>\Z)
    )
    """,
    re.VERBOSE,
)
_KINDS = ("", *_WORDS.groupindex)  # by the number of their group
_SPACE = re.compile(r"(?:[ \t\n]|\r\n)*")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SIGNS = frozenset("+-")
_BRACKETS = dict.fromkeys("([{", 1) | dict.fromkeys(")]}", -1)


class Word(NamedTuple):
    """One word of a query: its kind (a group of `_WORDS`), its text and where it starts."""

    kind: str
    text: str
    at: int

    def says(self, *names: str) -> bool:
        """Say whether this is one of the given bare words, in any case."""
        return self.kind == "name" and self.text.lower() in names


@dataclass(frozen=True, slots=True)
class Text:
    """A query that passed the limits, and its words without spaces and comments."""

    sql: str
    words: tuple[Word, ...]

    def redacted(self, known: Collection[str]) -> str:
        """Return the text without comments, with `?` for each literal and each unknown quoted name.

        A quoted name may hold anything, so only names of granted views and columns are kept.
        """
        return " ".join(_redact(word, known) for word in self.words)


def read(sql: str) -> Text:
    """Split a query into words. Raises TooLarge, OddText or NotUnderstood.

    A `$` that no value was put in for is odd; `?` is left to the engine's own parser.
    """
    text = split(sql)
    if "$" in sql and any(word.kind == "parameter" for word in text.words):
        raise OddText(
            "The query holds a parameter without a value.",
            hint="Hand the values over with the query, or write them into it.",
        )
    return text


def split(sql: str) -> Text:
    """Split a query that may still hold parameters. Raises as `read` does."""
    if len(_encoded(sql)) > MAX_BYTES:
        raise TooLarge(
            f"The query is longer than {MAX_BYTES:,} bytes.",
            hint="Join against a view or a VALUES list in a shorter query instead of long lists.",
        )
    words = _split(sql)
    if len(words) > MAX_WORDS:
        raise TooLarge(f"The query has more than {MAX_WORDS:,} words.", hint="Split it in steps.")
    _check_depth(words)
    if not words:
        raise NotUnderstood("The query is empty.", hint="Try SHOW TABLES.")
    return Text(sql, words)


def _encoded(sql: str) -> bytes:
    try:
        return sql.encode()
    except UnicodeEncodeError:  # half a character, which the engine cannot be handed
        raise OddText("The query holds a broken character.", hint="Type it again.") from None


def _split(sql: str) -> tuple[Word, ...]:
    words: list[Word] = []
    at = 0
    previous = "space"
    while found := _WORDS.match(sql, at):
        index = found.lastindex or 0
        kind = _KINDS[index]
        start, end = found.span(index)
        text = sql[start:end]
        previous = "space" if start != at else previous
        if kind in ("comment", "quoted", "string"):
            _check_quoted(kind, text, previous)
        if kind == "parameter" and previous in ("name", "number", "parameter"):
            raise _odd(sql, start)
        if kind == "name" and previous == "number":  # 0x1F: the log would show half of a literal
            raise OddText(
                "A number runs into a word, as in 0x1F or 1e3x.",
                hint="Put a space between them, and write numbers in decimal.",
            )
        if kind == "end":
            return tuple(words)
        if kind != "comment":
            words.append(Word(kind, text, start))
        previous, at = kind, end
    raise _odd(sql, _after_space(sql, at))


def _after_space(sql: str, at: int) -> int:
    space = _SPACE.match(sql, at)
    return at if space is None else space.end()


def _check_quoted(kind: str, text: str, previous: str) -> None:
    if "\0" in text:
        raise OddText("The query holds a NUL character.", hint="Leave it out.")
    if kind == "comment" and not (text.isascii() and _CONTROL.search(text) is None):
        raise OddText(
            "A comment holds control characters, or some outside ASCII.", hint="Leave it out."
        )
    if kind == "string" and previous in ("name", "string", "quoted", "number", "parameter"):
        raise OddText(
            "A string stands directly behind another word, as in E'…' or X'…'.",
            hint="Put a space before it; escape a quote by doubling it.",
        )


def _odd(sql: str, at: int) -> NotUnderstood | OddText:
    character = sql[at]
    if character == "$":
        return OddText(
            "The query holds a `$` that is no parameter such as $1 or $year.",
            hint="Put strings in single quotes, and a space before a parameter.",
        )
    if character in "'\"/":
        return NotUnderstood(
            "A quote or comment is not closed, or a comment stands in a comment.",
            hint="Close it; a quote in a text is doubled.",
        )
    if character == "`":
        return OddText("Names are not quoted with backticks.", hint='Write "name".')
    name = f"U+{ord(character):04X}"
    return OddText(
        f"The character {name} may stand only inside a string or a quoted name.",
        hint="It often comes in by copying from a web page or a document: type it again.",
    )


def _check_depth(words: tuple[Word, ...]) -> None:
    """Bound the brackets in one another, the WITHs, and signs one behind the other.

    On a text with an error inside, the engine's parser tries each WITH around it in six ways: eight
    in one another kept it busy for twenty seconds, and it hears no interruption.
    """
    around = [0]  # per open bracket, how many WITHs stand around it; the last is where we are
    begun = [False]  # and whether one has stood in it
    signs = 0
    for word in words:
        signs = signs + 1 if word.text in _SIGNS else 0
        if signs > MAX_SIGNS:
            raise TooLarge(
                f"More than {MAX_SIGNS} signs stand one behind the other.", hint="Leave them out."
            )
        step = _BRACKETS.get(word.text, 0)
        if step > 0:
            around.append(around[-1] + begun[-1])
            begun.append(False)
        elif step < 0 and len(around) > 1:
            around.pop()
            begun.pop()
        elif word.says("with"):
            begun[-1] = True
        if len(around) - 1 > MAX_DEPTH:
            raise TooLarge(
                f"The query nests deeper than {MAX_DEPTH} brackets.",
                hint="Name its steps with WITH.",
            )
        if around[-1] + begun[-1] > MAX_WITHS:
            raise TooLarge(
                f"The query nests more than {MAX_WITHS} WITHs in one another.",
                hint="Name all steps in one WITH, one after the other.",
            )


def _redact(word: Word, known: Collection[str]) -> str:
    if word.kind in ("string", "number"):
        return "?"
    if word.kind == "quoted" and word.text.strip('"').lower() not in known:
        return '"?"'
    return word.text
