"""What a text holds that belongs in a table: printed rows, listed amounts, counts, packed bytes.

Each search returns the first line of what it found, from 1, or 0. Guesses, for `prose`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from egress_review.files import counts
from egress_review.files.headings import PEOPLE
from egress_review.files.model import Sheet
from egress_review.files.sentences import FEW

PRINTED_ROWS = 4  # so many lines of numbers one after the other are a table
LISTED = 24  # so many exact numbers within as many lines are a list of values
ADDRESSED = 4  # so many numbers an address may hold: a year, a month, a day and an article's
AMOUNTS = 4  # so many of somebody's money within three lines are a list of it
AMOUNT_ROWS = 3  # short lines with one each
SHORT = 9  # words in a printed row at most
LOG_LINES = 3  # that are alike but for their labels and numbers
ITEMS = 3  # so many things counted one after the other are a list
PACKED = 5  # letters of packed bytes to a turn at most; words in a path or an address turn seldom
PIECES = 3  # lines one after the other with a piece of packed bytes
ADDRESS = re.compile(r"\bhttps?://\S+|\b10\.\d{4,9}/\S+")
NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?%?(?![\w.]*\w)")
_FIELDS = re.compile(r"\s*[|,;\t]\s*|\s{2,}")
_COLUMNS = re.compile(r"\s*[|\t]\s*|\s{2,}")
_WORD = re.compile(r"[A-Za-z0-9+/=_-]{40,}")
_PIECE = re.compile(r"[A-Za-z0-9+/=]{24,}")
_TURN = re.compile(r"[a-z](?=[A-Z0-9])|[0-9](?=[A-Za-z])|[A-Z](?=[0-9])")
_HASH = re.compile(r"(?<![0-9A-Za-z])(?:[0-9a-fA-F]{40}|[0-9a-fA-F]{64})(?![0-9A-Za-z])")
_HEX = re.compile(r"[0-9a-fA-F]{41,}")
_AMOUNT = re.compile(r"(?<![\w.])\d[\d,]{2,}\d\.\d{2}(?!\w|\.\d)")
_OBSERVED = re.compile(
    r"\W{0,4}(?:obs(?:ervation)?|record|case|student|person|pupil|child|patient|client|member|id)"
    r"\W{0,3}#?\d+\b(?=.*\d\.\d|.*\d{4}|(?:.*?\b\d+\b){2}).*",
    re.IGNORECASE,
)
_ARRAY = re.compile(r"[\s(\[a-z=]*\[((?: *\d{1,7} *,?)+)\][\])\s,]*", re.IGNORECASE)
_NODE = re.compile(r" *\d{1,7}\) \S.{0,60}? (\d{1,7})(?: [\d.]+){1,3} (?:\S+ )?.*")
_LABEL = re.compile(r"(.{1,60}?[:=\u2013>]) ?(.*\d.*)")
_DIGITS = re.compile(r"\d[\d,]*(?:\.\d+)?")
_THINGS = re.compile(
    r"\b(?:rows?|records?|pairs?|match(?:ed|es)?|cases?|obs|visits?|kept|dropped|lost|found|left)\b",
    re.IGNORECASE,
)
_RULE = re.compile(r"\\(?:top|mid|bottom|h|c)(?:rule|line)(?:\{[\d-]*\})?")
_COMMENT = re.compile(r"^\s*(?:#+[>']?|\*+|--|//)\s?")
_PRINTED = re.compile(r"\s*(?:#+>?|\*|--|//)\s*\d[\d,]*(?:\s+\d[\d,]*)+\s*")
_INSERTED = re.compile(r"\binsert\s+into\b.*\bvalues\b.*\d", re.IGNORECASE)
_ITEM = re.compile(
    r"(?:(?:[-*+•]|\d{1,3}[.)]) {1,3})?([^\s\d:=](?:[^\d:=]{0,58}[^\s\d:=])?) ?[:=\u2013] ?"
    r"(\d{1,7}|\d{1,3}(?:,\d{3})+)(?: [a-z]{3,20})?\.?",
    re.IGNORECASE,
)
_PAIR = re.compile(r"([A-Z][A-Za-z'-]{2,20}(?: [A-Z][a-z]{2,20})?):? (\d{1,7})(?=[,;.)]|$| and\b)")
_REFERENCE = re.compile(
    r"tables?|figures?|fig|sections?|chapters?|pages?|appendix|part|steps?|grades?|wave|version|"
    r"january|february|march|april|may|june|july|august|september|october|november|december|"
    r"quarter|year|week|day|python|model|columns?|rows?",
    re.IGNORECASE,
)
_WHO = re.compile(rf"\b(?:{'|'.join(sorted(PEOPLE))})\b", re.IGNORECASE)


def rows(lines: Sequence[str]) -> int:
    """Find a block that looks like printed rows.

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


def exact_numbers(lines: Sequence[str]) -> int:
    """Find a stretch with as many exact numbers as lines.

    Numbers of four figures with decimals, or of five and more: amounts, in whatever form they are
    dumped (JSON, bullets, a vector in code), and not years, pages or counts in sentences.
    """
    filled = [(number, _exact(line)) for number, line in enumerate(lines, start=1) if line.strip()]
    for start in range(len(filled)):
        stretch = filled[start : start + LISTED]
        if stretch[0][1] and sum(count for _, count in stretch) >= LISTED:
            return stretch[0][0]
    return 0


def amounts(lines: Sequence[str], *, is_prose: bool) -> int:
    """Find what a program printed of single amounts or counts, or what was put into a database.

    Three short lines of text or comment with an amount each, a comment of numbers alone, and
    amounts listed one after the other.
    """
    found = [_AMOUNT.findall(unaddressed(line)) for line in lines]
    run = 0
    for number, line in enumerate(lines, start=1):
        if (not is_prose and _PRINTED.fullmatch(line)) or _INSERTED.search(line):
            return number
        here = found[number - 1]
        if here and sum(map(len, found[number - 1 : number + 2])) >= AMOUNTS:
            return number
        is_said = is_prose or _COMMENT.match(line)
        run = run + 1 if is_said and here and len(line.split()) <= SHORT else 0
        if run >= AMOUNT_ROWS:
            return number - run + 1
    return 0


def small_rows(lines: Sequence[str]) -> int:
    """Find two rows and more below a heading with small counts in a column."""
    block: list[tuple[str, ...]] = []
    for number, line in enumerate([*lines, ""], start=1):
        said = _plain(_COMMENT.sub("", line, count=1).strip())
        if block and said and _is_rule(said):
            continue
        fields = tuple(field.strip(" ~`$\\") for field in _COLUMNS.split(said))
        if len(fields) >= 2 and (not block or len(fields) == len(block[0])):
            block.append(fields)
            continue
        if len(block) > 2 and _has_small(Sheet(block[0], tuple(block[1:]))):
            return number - len(block)
        block = [fields] if len(fields) >= 2 else []
    return 0


def small_numbers(lines: Sequence[str]) -> int:
    """Find what a program printed line by line with few of something in one: arrays, nodes, logs.

    Two lines of a matrix in brackets, two nodes of a tree, three lines that differ only by their
    labels and numbers and speak of rows or people.
    """
    for find, least in ((_in_array, 2), (_in_node, 2), (_in_log, LOG_LINES)):
        before, block = "", list[tuple[str, ...]]()
        for number, line in enumerate([*lines, ""], start=1):
            form, found = find(line)
            if found and form == before and len(found) == len(block[-1]):
                block.append(found)
                continue
            if len(block) >= least and any(map(_is_small, zip(*block, strict=True))):
                return number - len(block)
            before, block = form, [found] if found else []
    return 0


def _in_array(line: str) -> tuple[str, tuple[str, ...]]:
    found = _ARRAY.fullmatch(line)
    return ("array", tuple(_DIGITS.findall(found[1].replace(",", " ")))) if found else ("", ())


def _in_node(line: str) -> tuple[str, tuple[str, ...]]:
    found = _NODE.fullmatch(line)
    return ("node", (found[1],)) if found else ("", ())


def _in_log(line: str) -> tuple[str, tuple[str, ...]]:
    found = _LABEL.fullmatch(line)
    if not found or not (_THINGS.search(found[2]) or _WHO.search(found[2])):
        return "", ()
    return _DIGITS.sub("#", found[2]), tuple(_DIGITS.findall(found[2]))


def _is_small(column: tuple[str, ...]) -> bool:
    """Say whether numbers one below the other are counts, and of few in one line."""
    found = [float(one.replace(",", "")) for one in column]
    whole = all(one == int(one) for one in found)
    return whole and any(0 < one < FEW for one in found) and max(found) >= FEW


def observed(lines: Sequence[str]) -> int:
    """Find two observations and more that were printed with their numbers."""
    for number, (line, after) in enumerate(pairwise(lines), start=1):
        if _OBSERVED.fullmatch(line) and _OBSERVED.fullmatch(after):
            return number
    return 0


def small_items(lines: Sequence[str]) -> int:
    """Find a list of how many people there are of each kind, with few of one."""
    said, items, start = "", list[tuple[str, str]](), 0
    for number, line in enumerate([*lines, ""], start=1):
        pairs = [found for found in _PAIR.findall(line) if not _REFERENCE.fullmatch(found[0])]
        if len(pairs) >= ITEMS and _WHO.search(line) and _has_small(_listed(pairs)):
            return number
        item = _ITEM.fullmatch(line.strip())
        if item:
            start = start if items else number
            said += f"\n{line}"
            items.append((item[1], item[2]))
        elif line.strip() or number > len(lines):
            if len(items) >= ITEMS and _WHO.search(said) and _has_small(_listed(items)):
                return start
            said, items = line, []
    return 0


def unreadable(line: str) -> bool:
    """Say whether a line has a word of packed bytes: letters and digits that nobody can read."""
    left = _HASH.sub("", line)
    return any(_is_packed(word, PACKED) for word in _WORD.findall(left)) or bool(_HEX.search(left))


def pieces(lines: Sequence[str]) -> int:
    """Find packed bytes in pieces, one a line."""
    run = 0
    for number, line in enumerate(lines, start=1):
        found = _PIECE.findall(_HASH.sub("", line))
        run = run + 1 if any(_is_packed(word, PACKED - 1) for word in found) else 0
        if run >= PIECES:
            return number - run + 1
    return 0


def unaddressed(line: str) -> str:
    """Return a line without its addresses; what lists numbers is none, whatever it begins with."""

    def left(found: re.Match[str]) -> str:
        return " " if len(NUMBER.findall(found[0])) <= ADDRESSED else found[0]

    return ADDRESS.sub(left, line)


def _exact(line: str) -> int:
    numbers = NUMBER.findall(unaddressed(line))
    return sum(1 for one in numbers if _figures(one) >= (4 if "." in one else 5))


def _figures(number: str) -> int:
    return len(re.sub(r"\D", "", number).strip("0"))


def _is_packed(word: str, letters: int) -> bool:
    return letters * len(_TURN.findall(word)) >= len(word)


def _row_of(line: str) -> int:
    """Return how many fields a line of numbers has, 0 if it is not one."""
    fields = [field for field in _FIELDS.split(line.strip().strip("|[](){},;")) if field.strip()]
    fields = [field.strip("[](){}'\" ") for field in fields]
    numbers = sum(1 for field in fields if NUMBER.fullmatch(field))
    short = all(len(field) <= 40 for field in fields)
    return len(fields) if len(fields) >= 2 and numbers and short else 0


def _plain(line: str) -> str:
    """Return a row of a table without what ends it; LaTeX's fields between strokes."""
    if line.endswith("\\\\") and "&" in line:
        line = line[:-2].replace("\\&", "and").replace("&", "|")
    return line.strip("|").strip()


def _is_rule(line: str) -> bool:
    """Say whether a line only draws: blanks and strokes between rows, in LaTeX too."""
    return bool(_RULE.fullmatch(line.strip())) or not line.strip(" -=+|:_")


def _listed(pairs: Sequence[tuple[str, str]]) -> Sheet:
    return Sheet(("item", "found"), tuple(pairs))


def _has_small(sheet: Sheet) -> bool:
    found = counts.shown(sheet, FEW)
    return any(0 < one < FEW for one in found) and max(found) >= FEW
