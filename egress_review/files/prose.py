"""The reader of text and code: one plain form, nothing that runs or loads, and what it prints.

Rows printed into a text, pseudonyms and secrets are refused: a table has a way of its own, on which
it is checked. Numbers in sentences only a person can judge; how many there are is noted.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence

from egress_review.errors import OutputRefused
from egress_review.files import printed, sentences
from egress_review.files.characters import decode
from egress_review.files.model import Prose
from egress_review.files.persons import names_one
from egress_review.model import Note

MOST_TEXT = 200 * 1024
MOST_LINES = 5_000
MOST_LETTERS = 1_000  # in one line
MOST_NUMBERS = 200  # in prose; code has as many as it likes
_MARKUP = re.compile(r"<\s*[A-Za-z/!?]|&#|&[A-Za-z]{2,8};")
_PICTURE = re.compile(r"!\[")
_LINK = re.compile(r"\]\(\s*<?([A-Za-z][A-Za-z0-9+.-]*):|^\s*\[[^\]]+\]:\s*([A-Za-z][\w+.-]*):")
_SECRETS: Mapping[str, re.Pattern[str]] = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    "a cloud key": re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    "an access token": re.compile(r"\b(gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk-)[\w-]{16,}"),
    "a signed token": re.compile(r"\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*"),
    "a password": re.compile(
        r"(?i)\b(password|passwd|pwd|secret|api_?key|token)\b['\"]?\s*[:=]\s*['\"][^'\"\s]{6,}['\"]"
    ),
    "a password in an address": re.compile(r"\b[a-z][a-z0-9+]*://[^\s/:@]+:[^\s/@]+@"),
}
_MARKED_UP = (".md", ".txt")
_MERGED = "Say it of a larger group, or leave it out."
_INSTEAD = (
    "Submit the table as .csv, where its numbers are checked, and name it in the text; a "
    "regression as summarise(results)."
)


def read_prose(name: str, content: bytes) -> Prose:
    """Return a text in its one form. Raises `OutputRefused`, naming lines and never their words."""
    if len(content) > MOST_TEXT:
        raise OutputRefused(f"A text can have {MOST_TEXT // 1024} KiB at most.")
    text = _one_form(decode(content))
    lines = text.split("\n")
    if not text.strip():
        raise OutputRefused("The text is empty.")
    if len(lines) > MOST_LINES or any(len(line) > MOST_LETTERS for line in lines):
        raise OutputRefused(
            f"A text can have {MOST_LINES:,} lines of {MOST_LETTERS:,} characters at most."
        )
    is_prose = name.lower().endswith(_MARKED_UP)
    if text.lstrip().startswith("{") and '"cells"' in text:
        raise OutputRefused("The text is a notebook.", hint="Submit its code alone.")
    _refuse_first(lines, _secret, "{what} stands in line {line}.", "Take it out, and change it.")
    _refuse_first(
        lines, _person(is_prose=is_prose), "{what} stands in line {line}.", "Leave persons out."
    )
    if is_prose:
        _refuse_first(lines, _loads, "Line {line} has {what}.", "Write plain Markdown or text.")
    _refuse_tables(lines, is_prose=is_prose)
    _refuse_first(lines, _few(lines, is_prose=is_prose), "Line {line} tells {what}.", _MERGED)
    _refuse_first(lines, _unreadable, "Line {line} has {what}.", "Take it out, or write words.")
    return Prose(name, text, _notes(lines, is_prose=is_prose))


def _refuse_tables(lines: Sequence[str], *, is_prose: bool) -> None:
    """Raise `OutputRefused` where a text holds printed rows, listed numbers or small counts."""
    few = f"shows counts below {sentences.FEW}"
    for first, what in (
        (printed.rows(lines), "holds rows of a table, which nobody checked"),
        (printed.exact_numbers(lines), "lists many exact numbers, which nobody checked"),
        (printed.amounts(lines, is_prose=is_prose), "holds printed values, which nobody checked"),
        (printed.small_rows(lines), few),
        (printed.small_items(lines) if is_prose else 0, few),
        (printed.small_numbers(lines) if is_prose else 0, few),
        (printed.observed(lines) if is_prose else 0, "holds printed values, which nobody checked"),
        (printed.pieces(lines), "has letters and digits that nobody can read"),
    ):
        if first:
            raise OutputRefused(f"From line {first} on the text {what}.", hint=_INSTEAD)


def _one_form(text: str) -> str:
    """Return text without the choices that could carry a message: ends of lines, kinds of blank."""
    plain = "".join(" " if unicodedata.category(c) == "Zs" else c for c in text)
    plain = unicodedata.normalize("NFC", plain).replace("\r\n", "\n").replace("\r", "\n")
    return "\n".join(line.rstrip() for line in plain.split("\n")).strip("\n") + "\n"


def _unreadable(line: str) -> str:
    found = printed.unreadable(line)
    return "a word of letters and digits that nobody can read" if found else ""


def _refuse_first(
    lines: Sequence[str], find: Callable[[str], str], sentence: str, hint: str
) -> None:
    for number, line in enumerate(lines, start=1):
        what = find(line)
        if what:
            said = sentence.format(what=what, line=number)
            raise OutputRefused(said[0].upper() + said[1:], hint=hint)


def _secret(line: str) -> str:
    return next((what for what, pattern in _SECRETS.items() if pattern.search(line)), "")


def _person(*, is_prose: bool) -> Callable[[str], str]:
    def found(line: str) -> str:
        one = names_one(line) or sentences.of_a_person(line, is_prose=is_prose)
        return "something like the number or address of one person" if one else ""

    return found


def _few(lines: Sequence[str], *, is_prose: bool) -> Callable[[str], str]:
    """Return what says of a line how it tells of few people; code has numbers of its own."""
    after = dict(zip(lines, [*lines[1:], ""], strict=True))

    def found(line: str) -> str:
        if sentences.few_people(line) or (is_prose and sentences.few_stated(line)):
            return f"of fewer than {sentences.FEW} people"
        if is_prose and sentences.quoted_error(line):
            return "what value of the data a program failed on"
        if is_prose and (sentences.extreme(line) or sentences.summary(line, after[line])):
            return "a largest or smallest value, which is one person's own"
        return ""

    return found


def _loads(line: str) -> str:
    if _MARKUP.search(line):
        return "HTML"
    if _PICTURE.search(line):
        return "a picture that is loaded from elsewhere"
    scheme = _LINK.search(line)
    if scheme and (scheme[1] or scheme[2]).lower() not in ("http", "https", "mailto"):
        return "a link that runs something"
    return ""


def _notes(lines: Sequence[str], *, is_prose: bool) -> tuple[Note, ...]:
    numbers = sum(len(printed.NUMBER.findall(printed.unaddressed(line))) for line in lines)
    addresses = sum(len(printed.ADDRESS.findall(line)) for line in lines)  # each may carry one too
    if is_prose and max(numbers, addresses) > MOST_NUMBERS:
        raise OutputRefused(
            f"The text holds more than {MOST_NUMBERS} numbers or addresses.", hint=_INSTEAD
        )
    links = sum(line.count("://") for line in lines)
    found = [Note("text.unchecked", "A text is not checked against data: please read all of it.")]
    if numbers:
        found.append(Note("text.numbers", f"It has {numbers} number{'s' * (numbers != 1)}."))
    if links:
        said = f"It has {links} link{'s' * (links != 1)}; a link can carry a message."
        found.append(Note("text.links", said))
    return tuple(found)
