"""The reader of text and code: one plain form, nothing that runs or loads, and what it prints.

Rows printed into a text, pseudonyms and secrets are refused: a table has a way of its own, on which
it is checked. Numbers in sentences only a person can judge; how many there are is noted.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence

from egress_review.errors import OutputRefused
from egress_review.files.characters import decode
from egress_review.files.model import Prose
from egress_review.model import Note

MOST_TEXT = 200 * 1024
MOST_LINES = 5_000
MOST_LETTERS = 1_000  # in one line
MOST_NUMBERS = 200  # in prose; code has as many as it likes
PRINTED_ROWS = 4  # so many lines of numbers one after the other are a table
LISTED = 24  # so many exact numbers within as many lines are a list of values
ADDRESSED = 4  # so many numbers an address may hold: a year, a month, a day and an article's
_ADDRESS = re.compile(r"\bhttps?://\S+|\b10\.\d{4,9}/\S+")
_WORD = re.compile(r"[A-Za-z0-9+/=_-]{60,}")
_TURN = re.compile(r"[a-z](?=[A-Z0-9])|[0-9](?=[A-Za-z])|[A-Z](?=[0-9])")
PACKED = 5  # letters of packed bytes to a turn at most; words in a path or an address turn seldom
_HASH = re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{40,64}(?![0-9A-Za-z])")  # SHA-1 to SHA-256
_HEX = re.compile(r"[0-9a-fA-F]{65,}")
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?%?(?![\w.]*\w)")
_FIELDS = re.compile(r"\s*[|,;\t]\s*|\s{2,}")
_MARKUP = re.compile(r"<\s*[A-Za-z/!?]|&#|&[A-Za-z]{2,8};")
_PICTURE = re.compile(r"!\[")
_LINK = re.compile(r"\]\(\s*<?([A-Za-z][A-Za-z0-9+.-]*):|^\s*\[[^\]]+\]:\s*([A-Za-z][\w+.-]*):")
_PERSON = re.compile(
    r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b[0-9a-f]{32}\b"
    r"|\b\d{3}-\d{2}-\d{4}\b",
    re.IGNORECASE,
)
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
    _refuse_first(lines, _secret, "{what} stands in line {line}.", "Take it out, and change it.")
    _refuse_first(lines, _person, "{what} stands in line {line}.", "Leave persons out.")
    if is_prose:
        _refuse_first(lines, _loads, "Line {line} has {what}.", "Write plain Markdown or text.")
    first = printed_rows(lines)
    if first:
        raise OutputRefused(
            f"From line {first} on the text holds rows of a table, which nobody checked.",
            hint=_INSTEAD,
        )
    listed = listed_numbers(lines)
    if listed:
        raise OutputRefused(
            f"From line {listed} on the text lists many exact numbers, which nobody checked.",
            hint=_INSTEAD,
        )
    _refuse_first(lines, _unreadable, "Line {line} has {what}.", "Take it out, or write words.")
    return Prose(name, text, _notes(lines, is_prose=is_prose))


def _one_form(text: str) -> str:
    """Return text without the choices that could carry a message: ends of lines, kinds of blank."""
    plain = "".join(" " if unicodedata.category(c) == "Zs" else c for c in text)
    plain = unicodedata.normalize("NFC", plain).replace("\r\n", "\n").replace("\r", "\n")
    return "\n".join(line.rstrip() for line in plain.split("\n")).strip("\n") + "\n"


def printed_rows(lines: Sequence[str]) -> int:
    """Return the first line, from 1, of a block that looks like printed rows; 0 if there is none.

    A row has two fields or more of which one is a number and which stand apart as columns do.
    """
    run, shape = 0, 0
    for number, line in enumerate(lines, start=1):
        fields = _row_of(line)
        if _is_rule(line) and run:
            continue
        run = run + 1 if fields and (fields == shape or not run) else int(bool(fields))
        shape = fields
        if run >= PRINTED_ROWS:
            return number - run + 1
    return 0


def listed_numbers(lines: Sequence[str]) -> int:
    """Return the first line, from 1, of a stretch with as many exact numbers as lines; else 0.

    Numbers of four figures with decimals, or of five and more: amounts, in whatever form they are
    dumped (JSON, bullets, a vector in code), and not years, pages or counts in sentences.
    """
    filled = [(number, _exact(line)) for number, line in enumerate(lines, start=1) if line.strip()]
    for start in range(len(filled)):
        stretch = filled[start : start + LISTED]
        if stretch[0][1] and sum(count for _, count in stretch) >= LISTED:
            return stretch[0][0]
    return 0


def _exact(line: str) -> int:
    numbers = _NUMBER.findall(_unaddressed(line))
    return sum(1 for one in numbers if _figures(one) >= (4 if "." in one else 5))


def _unaddressed(line: str) -> str:
    """Return a line without its addresses; what lists numbers is none, whatever it begins with."""

    def left(found: re.Match[str]) -> str:
        return " " if len(_NUMBER.findall(found[0])) <= ADDRESSED else found[0]

    return _ADDRESS.sub(left, line)


def _figures(number: str) -> int:
    return len(re.sub(r"\D", "", number).strip("0"))


def _unreadable(line: str) -> str:
    words = _WORD.findall(_HASH.sub("", line))
    packed = any(PACKED * len(_TURN.findall(word)) >= len(word) for word in words)
    unread = packed or _HEX.search(line)
    return "a word of letters and digits that nobody can read" if unread else ""


def _row_of(line: str) -> int:
    """Return how many fields a line of numbers has, 0 if it is not one."""
    fields = [field for field in _FIELDS.split(line.strip().strip("|[](){},;")) if field.strip()]
    fields = [field.strip("[](){}'\" ") for field in fields]
    numbers = sum(1 for field in fields if _NUMBER.fullmatch(field))
    short = all(len(field) <= 40 for field in fields)
    return len(fields) if len(fields) >= 2 and numbers and short else 0


def _is_rule(line: str) -> bool:
    """Say whether a line only draws: blanks and strokes between rows."""
    return not line.strip(" -=+|:_")


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


def _person(line: str) -> str:
    return "something like the number of one person" if _PERSON.search(line) else ""


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
    numbers = sum(len(_NUMBER.findall(_unaddressed(line))) for line in lines)
    addresses = sum(len(_ADDRESS.findall(line)) for line in lines)  # each may carry one too
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
