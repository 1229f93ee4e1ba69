"""What words, column names and cells look like: guesses from their form, for `precheck`.

A guess is only ever a reason to ask the researcher; nothing passes because of one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from egress_review.files.model import Sheet

MANY_COLUMNS = 2  # so many alike are a crosstab
_WORD = re.compile(r"[^\W\d_]{3,}")
_FILLER_WORDS = (
    "the and for with from this that see above below please thanks attached here new final latest "
    "test tests table tables output outputs result results data file files figure figures plot "
    "plots analysis release request review export update updated draft version misc stuff tbd todo "
    "none nothing untitled asap same before again usual know you already said title context"
)
_FILLERS = frozenset(_FILLER_WORDS.split())
_CRYPTIC = re.compile(
    r"(v|var|variable|x|y|z|col|column|field|feature|level_|index_?|q)\d+|unnamed.*|"
    r"(?!(19|20)\d\d$)\d+",  # a year says what it is
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
_SHARE = re.compile(r"(.*_)?(pct|percent|percentage|share|proportion)(_.*)?", re.IGNORECASE)
_CHANGE = re.compile(
    r"chang|growth|diff|gap|delta|increas|decreas|premium|effect|error|inflation", re.IGNORECASE
)
_DRESSED = re.compile(
    r"(?:n ?=)?[$€£~≈=+' ]*(\d{1,3}(?:[ ,'\u2019_]\d{3})+|\d+)(\.\d*)?(?:[eE]\+?0+)?"
    r" ?(?:(%)?[*†‡]*|people|persons?|students|graduates|workers)",
    re.IGNORECASE,
)


def meaningful(text: str) -> set[str]:
    """Return the words of a text that say something of their own."""
    return set(_WORD.findall(text.lower())) - _FILLERS


def is_count(column: str) -> bool:
    """Say whether a column is named like a count."""
    return bool(_COUNT.fullmatch(column))


def is_derived(column: str) -> bool:
    """Say whether a column is named like a mean, rate or share."""
    return bool(_DERIVED.fullmatch(column))


def is_share(column: str) -> bool:
    """Say whether a column is named like a part of a group, and not like a change of one."""
    return bool(_SHARE.fullmatch(column)) and not _CHANGE.search(column)


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
        numbers = sum(1 for cell in cells if _number(cell) is not None)
        if numbers and 2 * numbers >= len(cells):
            found.append(place)
    return found


def count_columns(sheet: Sheet, threshold: int) -> list[int]:
    """Return the columns that seem to hold counts: by their names, or by what is in them.

    A crosstab's columns are named after categories. Where no column is named like a count, or
    several are not, whole numbers that go on from small to large are counts; years and what is
    numbered one after the other (quarters, grades) are not, nor what passes its row's only count.
    """
    named = [place for place in number_columns(sheet) if is_count(sheet.columns[place])]
    others = [
        place
        for place in number_columns(sheet)
        if place not in named
        and not is_derived(sheet.columns[place])
        and _has_whole_amounts([row[place] for row in sheet.rows if row[place]])
    ]
    if len(named) == 1:
        others = [place for place in others if _stays_within(sheet, place, named[0])]
    cells = [float(row[place]) for place in others for row in sheet.rows if is_whole(row[place])]
    large = sum(1 for cell in cells if cell >= threshold)
    if (named and len(others) < MANY_COLUMNS) or 2 * large < len(cells):
        return named
    return [*named, *others]


def _stays_within(sheet: Sheet, place: int, count: int) -> bool:
    """Say whether a column could be of some of those whom another counts: wages are more."""
    return all(_value(row[place]) <= _value(row[count]) for row in sheet.rows if row[count])


def _has_whole_amounts(cells: Sequence[str]) -> bool:
    if not all(map(is_whole, cells)):
        return False
    found = {int(cell.partition(".")[0]) for cell in cells}
    in_order = not found or max(found) - min(found) == len(found) - 1
    return not in_order and not all(1900 <= one < 2100 for one in found)


def holds_only_shares(sheet: Sheet) -> bool:
    """Say whether each row is a whole taken apart: numbers that add up to 1 or 100."""
    places = [n for n in number_columns(sheet) if not is_count(sheet.columns[n])]
    if len(places) < MANY_COLUMNS or len(sheet.rows) < MANY_COLUMNS:
        return False
    sums = [sum(_value(row[place]) for place in places) for row in sheet.rows]
    return all(abs(one - 1) < 0.02 for one in sums) or all(abs(one - 100) < 2 for one in sums)


def _value(cell: str) -> float:
    number = _number(cell)
    return 0.0 if number is None else number


def parts(sheet: Sheet) -> Iterator[tuple[float, float]]:
    """Yield (part, whole) in persons for each share that stands beside the one count of its row.

    A share of a column's own total, which goes up with the count, is none of the row's people.
    """
    counts = [place for place in number_columns(sheet) if is_count(sheet.columns[place])]
    if len(counts) != 1:
        return
    for place in number_columns(sheet):
        pairs = [(_value(row[place]), _value(row[counts[0]])) for row in sheet.rows]
        ratios = [share / count for share, count in pairs if count]
        if not is_share(sheet.columns[place]) or not ratios:
            continue
        if len(ratios) > 1 and max(ratios) - min(ratios) <= 0.05 * max(ratios):
            continue
        whole = 1 if all(share <= 1 for share, _ in pairs) else 100
        yield from ((share * count / whole, count) for share, count in pairs if count)


def plain(sheet: Sheet) -> Sheet:
    """Return a table whose numbers are written plainly: 1,234 as 1234, $45 as 45, 45 % as 45%."""
    rows = tuple(tuple(map(_plain, row)) for row in sheet.rows)
    return Sheet(sheet.columns, rows)


def _plain(cell: str) -> str:
    found = _DRESSED.fullmatch(unicodedata.normalize("NFKC", cell.strip()))
    if not found:
        return cell
    return re.sub(r"[ ,'\u2019_]", "", found[1]) + (found[2] or "") + (found[3] or "")


def _number(cell: str) -> float | None:
    """Return what a cell says, 45% as 0.45; None where it is no number."""
    try:
        return float(cell[:-1]) / 100 if cell.endswith("%") else float(cell)
    except ValueError:
        return None
