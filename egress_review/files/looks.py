"""What words, column names and cells look like: guesses from their form, for `precheck`.

A guess is only ever a reason to ask the researcher; nothing passes because of one.
"""

from __future__ import annotations

import re

from egress_review.files.model import Sheet

_WORD = re.compile(r"[^\W\d_]{3,}")
_FILLER_WORDS = (
    "the and for with from this that see above below please thanks attached here new final latest "
    "test tests table tables output outputs result results data file files figure figures plot "
    "plots analysis release request review export update updated draft version misc stuff tbd todo "
    "none nothing untitled asap same before again usual know you already said title context"
)
_FILLERS = frozenset(_FILLER_WORDS.split())
_CRYPTIC = re.compile(
    r"(v|var|variable|x|y|z|col|column|field|feature|level_|index_?|q)\d+|unnamed.*|\d+",
    re.IGNORECASE,
)
_BY_HAND = re.compile(
    r"<\s*\d+|≤\s*\d+|\d+\s*-\s*\d+\*?|\*+|\[?(redacted|suppressed|hidden|masked|removed)\]?|n/?p|"
    r"x{2,}|\.{2,}|-{2,}|#+",
    re.IGNORECASE,
)
_PERSON = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}|\d{3}-\d{2}-\d{4}|"
    r"[^@\s]+@[^@\s]+\.[a-z]{2,}",
    re.IGNORECASE,
)
_PERSON_COLUMN = re.compile(
    r"(person|student|client|patient|case|record|respondent|employee|participant)_?(id|key|no|number)"
    r"|ssn|(full|first|last|sur)_?name|e_?mail|phone|address|(date_of_birth|birth_?date|dob)",
    re.IGNORECASE,
)
_COUNT = re.compile(
    r"n(_.*)?|(.*_)?(count|counts|number|people|persons|students|freq|frequency|size|obs|total)(_.*)?"
    r"|count(_star)?\(.*",
    re.IGNORECASE,
)
_DERIVED = re.compile(
    r"(.*_)?(mean|avg|average|median|rate|pct|percent|percentage|share|ratio|odds|sd|std|var|"
    r"p\d{1,2}|proportion)(_.*)?|(avg|mean|median|stddev|quantile\w*)\(.*",
    re.IGNORECASE,
)
_EXTREME = re.compile(
    r"(.*_)?(max|min|maximum|minimum|largest|smallest|highest|lowest|top|bottom|mode)(_.*)?"
    r"|(max|min|mode|first|last|any_value|arg_max|arg_min)\(.*",
    re.IGNORECASE,
)
_WHOLE = re.compile(r"\d+(\.0+)?")


def meaningful(text: str) -> set[str]:
    """Return the words of a text that say something of their own."""
    return set(_WORD.findall(text.lower())) - _FILLERS


def is_count(column: str) -> bool:
    """Say whether a column is named like a count."""
    return bool(_COUNT.fullmatch(column))


def is_derived(column: str) -> bool:
    """Say whether a column is named like a mean, rate or share."""
    return bool(_DERIVED.fullmatch(column))


def is_extreme(column: str) -> bool:
    """Say whether a column is named like a value that one person has alone."""
    return bool(_EXTREME.fullmatch(column))


def is_unclear(column: str) -> bool:
    """Say whether a column's name says nothing."""
    return not column.strip() or bool(_CRYPTIC.fullmatch(column.strip()))


def names_persons(sheet: Sheet) -> bool:
    """Say whether a column is named like, or a cell looks like, what names one person."""
    if any(map(_PERSON_COLUMN.fullmatch, sheet.columns)):
        return True
    return any(_PERSON.fullmatch(cell.strip()) for row in sheet.rows for cell in row)


def is_hidden_by_hand(cell: str) -> bool:
    """Say whether a cell looks like a number that was hidden, rounded to a range or starred."""
    return bool(_BY_HAND.fullmatch(cell.strip()))


def is_whole(cell: str) -> bool:
    """Say whether a cell is a whole number."""
    return bool(_WHOLE.fullmatch(cell))


def number_columns(sheet: Sheet) -> list[int]:
    """Return the columns of which at least half of what is there are numbers."""
    found = []
    for place in range(len(sheet.columns)):
        cells = [row[place] for row in sheet.rows if row[place]]
        numbers = sum(1 for cell in cells if _is_number(cell))
        if numbers and 2 * numbers >= len(cells):
            found.append(place)
    return found


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
