"""What in a text names one person: numbers, addresses and dates of birth, by their form.

Used for cells, names of columns and files, words of a request, texts and code alike. Guesses: a
name like any other word, or what somebody said, only a person can notice.
"""

from __future__ import annotations

import re

_SURE = (
    r"(?<![\w-])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![\w-])",
    r"(?<![0-9a-z.])[0-9a-f]{32}(?![0-9a-z])",
    r"(?<![\d.-])\d{3}(?P<mark>[-. ])\d{2}(?P=mark)\d{4}(?![\d-]|\.\d)",
    r"\bssn\W{0,5}\d{9}\b",
    r"\b(dob|date[ _]of[ _]birth|birth[ _]?dat[ea]|born( on)?)[^\w<>\n]{1,5}(date\W{1,3})?"
    r"(\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4})",
)
_IN_CELLS = (
    r"[^@\s]{1,64}@[^@\s]{1,190}\.[a-z]{2,}",
    r"(?<![0-9a-z.])([0-9a-f]{40}|[0-9a-f]{64})(?![0-9a-z])",
    r"(?<!\d)(\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4}(?!\d)",
    r"(?<![\d.])\d{1,3}(\.\d{1,3}){3}(?![\d.])",
    r"(?<![\d-])\d{5}-\d{4}(?![\d-])",  # a post code of few houses
    r"\b\d{1,5} [\w']{1,20}( [\w']{1,20})? "
    r"(street|st|avenue|ave|road|rd|lane|ln|drive|dr|court|boulevard|blvd|terrace)\b",
)
_NUMBERED = re.compile(r"(?<!\d)\d{9,}(?!\d)")
_SAID = re.compile("|".join(_SURE), re.IGNORECASE)
_IN_CELL = re.compile("|".join(f"(?:{one})" for one in _IN_CELLS), re.IGNORECASE)


def names_one(text: str) -> bool:
    """Say whether a text holds a pseudonym, a social security number or a date of birth."""
    return bool(_SAID.search(text))


def cell_names_one(cell: str) -> bool:
    """Say whether a cell does, or holds an address of any kind: of a table's rows none is meant."""
    if len(cell) < 7 or (not any(map(str.isdigit, cell)) and "@" not in cell):
        return False
    return names_one(cell) or bool(_IN_CELL.search(cell))


def heading_names_one(name: str) -> bool:
    """Say whether a column's or file's name does, or has a number as long as a person's."""
    return cell_names_one(name) or bool(_NUMBERED.search(name))
