"""What words, column names and cells look like: guesses from their form, for `precheck`.

A guess is only ever a reason to ask the researcher; nothing passes because of one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise

from egress_review.files.headings import (
    PEOPLE,
    is_amount,
    is_count,
    is_derived,
    is_extreme,
    is_of_a_person,
    is_percentile,
    is_share,
    words,
)
from egress_review.files.model import Sheet
from egress_review.files.persons import cell_names_one, heading_names_one

_WORD = re.compile(r"[^\W\d_]{3,}")
_FILLER_WORDS = (
    "the and for with from this that see above below please thanks attached here new final latest "
    "test tests table tables output outputs result results data file files figure figures plot "
    "plots analysis release request review export update updated draft version misc stuff tbd todo "
    "none nothing untitled asap same before again usual know you already said title context "
    "approve approved approval urgent urgently need needed needs want wanted today tomorrow "
    "yesterday monday tuesday wednesday thursday friday week meeting boss supervisor email mail "
    "fixed fix changed changes things thing mentioned asked discussed problem problems question "
    "questions let can could would should will may this these those last first time but not are is "
    "was has have had one two out send sent resubmission resubmit revised revision hello dear "
    "kind regards number ready three four five count counts csv xlsx readme paper page use mine "
    "kindly like some any all your our their script code run lorem ipsum dolor sit amet "
    "what which who whom whose when where how why about after again also been being both but by do "
    "does done each else everything everyone few get gets got had her here him his into its just "
    "look looks many more most much must nor off only other over own per same she so such than "
    "them then there they through too under until very via we were while within without yet "
    "describe describes deadline tonight morning afternoon soon quick quickly chance talked talk "
    "spoke said says told discussed rerun reran redo again bug typo unchanged submission submit "
    "submitted submitting system testing great appreciated sorry sincerely cheers team colleague "
    "colleagues "
    "purpose population fill insert placeholder deck slide slides numbers double checked good fine "
    "side okay correct"
)
_TO_FILL_IN = re.compile(r"[\[<{](?:fill|insert|your|add|describe|todo|tbd)\b[^\]>}]*[\]>}]", re.I)
_FILLERS = frozenset(_FILLER_WORDS.split())
_CRYPTIC = re.compile(
    r"(v|var|variable|x|y|z|col|column|field|feature|level_|index_?|q|recode)_?\d+|[xyz]|"
    r"unnamed.*|q\d+(_\d+)+(_\w+)?|"
    r"(?!(19|20)\d\d$)\d+",  # a year says what it is
    re.IGNORECASE,
)
_SHORT_WORDS = (
    "n pct sd std se df dof p t z f r x q ci cv hs ft pt hr rr yr yrs qtr mth wk st nd rd th sq "
    "fy lb ub nr vs gdp"
)
_SHORT = frozenset(_SHORT_WORDS.split())
_BY_HAND = re.compile(
    r"<\s*\d+|≤\s*\d+|\d+\s*-\s*\d+\*?|\*+|[\[(]?(redacted|suppressed|supp\.?|hidden|masked|removed|"
    r"confidential|small|few|too (few|small)|low n)[\])]?|n/?p|[\[(]?[sc†‡§][\])]?|ds|"
    r"((fewer|less|lower) than|under|below|at most|up to) \w+|x{2,}|\.{2,}|-{2,}|#+",
    re.IGNORECASE,
)
_RANGE = re.compile(r"\d+\s*-\s*\d+")
_FROM_TO = re.compile(r"\$?(\d+(?:\.\d+)?) ?(?:-|\u2013|to) ?\$?(\d+(?:\.\d+)?)")
EXACT = 5  # figures: a percentile of fewer is nobody's own value
_MISSING = frozenset(
    {"", "-", ".", "na", "n/a", "nan", "none", "null", "nil", "\u2013", "\u2014", "..."}
)
_TOTAL = re.compile(r"(grand |sub)?totals?|all|overall|sum|state(wide)?", re.IGNORECASE)
_DRESSED = re.compile(
    r"(?:n ?=)?[$€£~≈=+' ]*(\d{1,3}(?:[ ,'\u2019_]\d{3})+|\d+)(\.\d*)?(?:[eE]\+?(\d))?"
    rf" ?(?:(%)?[*†‡]*|person|{'|'.join(sorted(PEOPLE))})",
    re.IGNORECASE,
)
_UNIT_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_UNITS = _UNIT_WORDS.split()
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
NUMBER_WORDS = {
    **{word: number for number, word in enumerate(_UNITS)},
    **{word: 10 * number for number, word in enumerate(_TENS, start=2)},
}
_SCALES = {"hundred": 100, "thousand": 1_000}


def meaningful(text: str) -> set[str]:
    """Return the words of a text that say something of their own; `[fill in]` says nothing."""
    text = _TO_FILL_IN.sub(" ", text)
    return set(_WORD.findall(text.lower())) - _FILLERS


def unclear(sheet: Sheet, said: str) -> list[str]:
    """Return the columns whose names say nothing and are not explained in what is said.

    The labels of rows may stand below no name, as in a crosstab; a numbering may not.
    """
    found = []
    tested = any(map(is_derived, sheet.columns)) and "n" in map(str.lower, sheet.columns)
    for place, name in enumerate(sheet.columns):
        if tested and name == "z":  # of a test, beside its estimates
            continue
        if not name.strip():
            numbered = all(row[place].strip().isdigit() for row in sheet.rows)
            if place or numbered:
                found.append("(blank)")
        elif _is_unclear(name.strip()) and not _names(said, name.strip().lower()):
            found.append(name)
    return found


def _names(said: str, name: str) -> bool:
    """Say whether a name stands in a text as a word of its own: `k` does not in `take`."""
    return bool(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said))


def _is_unclear(name: str) -> bool:
    if _CRYPTIC.fullmatch(name):
        return True
    letters = [re.sub(r"\d", "", word) for word in words(name)]
    written = [word for word in letters if word and word not in ("%", "#")]
    known = any(word in _SHORT or re.search("[aeiouy]", word) for word in written)
    return name.islower() and ("_" in name or len(written) == 1) and bool(written) and not known


def names_persons(sheet: Sheet) -> bool:
    """Say whether a column is named like, or a name or cell looks like, what names one person."""
    if any(is_of_a_person(name) or heading_names_one(name) for name in sheet.columns):
        return True
    return any(cell_names_one(cell) for row in sheet.rows for cell in row)


def shows_extremes(sheet: Sheet) -> bool:
    """Say whether a column or row is named like a largest or smallest value and holds one.

    A row does among means and deviations, or where it has decimals; `Top` may be any row's label.
    """
    for place, name in enumerate(sheet.columns):
        if is_extreme(name) and any(_has_digit(row[place]) for row in sheet.rows):
            return True
    described = any(is_derived(cell) for row in sheet.rows for cell in row[:2])
    return any(
        any(len(cell) <= 20 and is_extreme(cell) for cell in row[:2])
        and any((described or "." in cell) and number(cell) is not None for cell in row[1:])
        for row in sheet.rows
    )


def exact_percentiles(sheet: Sheet) -> bool:
    """Say whether a column or row named like a percentile holds money to the last figure."""
    rows = [(name, row[n]) for n, name in enumerate(sheet.columns) for row in sheet.rows]
    rows += [(row[0], cell) for row in sheet.rows for cell in row[1:]]
    return any(is_percentile(name) and _figures(cell) >= EXACT for name, cell in rows)


def _figures(cell: str) -> int:
    said = plain_cell(cell)
    return 0 if number(said) is None else len(re.sub(r"\D", "", said).strip("0"))


def ranges_of_values(sheet: Sheet) -> bool:
    """Say whether a column tells from where to where values go: bands do not overlap, ranges do."""
    for place, name in enumerate(sheet.columns):
        found = {one for row in sheet.rows if (one := _FROM_TO.fullmatch(row[place].strip()))}
        ends = sorted({(float(one[1]), float(one[2])) for one in found})
        named = "range" in words(name) or "span" in words(name)
        if named and any(one[1] > after[0] for one, after in pairwise(ends)):
            return True
    return False


def hidden_by_hand(sheet: Sheet, mark: str) -> bool:
    """Say whether a number looks as if it was hidden, starred, blanked or turned into a range."""
    numbers = number_columns(sheet)
    for place, name in enumerate(sheet.columns):
        cells = [row[place].strip() for row in sheet.rows]
        by_hand = [cell for cell in cells if _BY_HAND.fullmatch(cell) and cell != mark]
        if is_amount(name):  # 44-45 is an industry, 25-34 an age
            by_hand = [cell for cell in by_hand if not _RANGE.fullmatch(cell)]
        if place in numbers and by_hand:
            return True
        if is_count(name) and any(_is_said_beside(sheet, row, place) for row in sheet.rows):
            return True
        if is_count(name) and _is_part_unreadable(cells, mark):
            return True
        if place in numbers and _is_blank_beside_total(sheet, place):
            return True
    return False


def _is_part_unreadable(cells: list[str], mark: str) -> bool:
    """Say whether some cells of a column hold numbers and others what is no number."""
    told = [cell for cell in cells if cell.lower() not in _MISSING and cell != mark]
    if is_numbering([cell.removesuffix("+") for cell in told]):  # of jobs or children: 0, 1, 2+
        return False
    digits = [cell for cell in told if _has_digit(plain_cell(cell))]
    bare = [cell for cell in told if number(plain_cell(cell)) is not None]
    return (bool(digits) and len(digits) < len(told)) or (bool(bare) and len(bare) < len(digits))


def _is_said_beside(sheet: Sheet, row: tuple[str, ...], place: int) -> bool:
    """Say whether a count is blank whose share of all stands in the same row."""
    if row[place].strip().lower() not in _MISSING:
        return False
    shares = [n for n, name in enumerate(sheet.columns) if is_share(name) and n != place]
    return any(number(plain_cell(row[n])) is not None for n in shares)


def _is_blank_beside_total(sheet: Sheet, place: int) -> bool:
    totals = [row for row in sheet.rows if any(_TOTAL.fullmatch(cell.strip()) for cell in row)]
    blank = [row for row in sheet.rows if not row[place].strip()]
    return is_count(sheet.columns[place]) and len(totals) == 1 == len(blank) and totals != blank


def is_total(row: tuple[str, ...]) -> bool:
    """Say whether a row is labelled as what the others add up to."""
    return any(_TOTAL.fullmatch(cell.strip()) for cell in row)


def is_numbering(cells: list[str]) -> bool:
    """Say whether the numbers of a column go on one by one from 0 or 1: they name categories."""
    found = sorted({int(cell) for cell in cells if cell.isascii() and cell.isdigit()})
    return len(found) > 2 and found[0] < 2 and found[-1] - found[0] == len(found) - 1


def _has_digit(cell: str) -> bool:
    return any(map(str.isdigit, cell))


def number_columns(sheet: Sheet) -> list[int]:
    """Return the columns of which at least half of what is there are numbers."""
    found = []
    for place in range(len(sheet.columns)):
        cells = [row[place] for row in sheet.rows if row[place]]
        numbers = sum(1 for cell in cells if number(cell) is not None)
        if numbers and 2 * numbers >= len(cells):
            found.append(place)
    return found


def plain(sheet: Sheet) -> Sheet:
    """Return a table whose numbers are written plainly: 1,234 as 1234, $45 as 45, four as 4."""
    rows = tuple(tuple(map(plain_cell, row)) for row in sheet.rows)
    return Sheet(sheet.columns, rows)


def plain_cell(cell: str) -> str:
    """Return a cell's number without what it is dressed in; the cell, where it is none."""
    said = unicodedata.normalize("NFKC", cell.strip())
    found = _DRESSED.fullmatch(said)
    if not found:
        return _in_words(said) or cell
    digits = re.sub(r"[ ,'\u2019_]", "", found[1]) + (found[2] or "")
    if found[3]:
        return f"{float(digits) * 10 ** int(found[3]):g}"
    return digits + (found[4] or "")


def _in_words(said: str) -> str:
    """Return a number written in words in digits; blank where it is none."""
    tokens = said.lower().replace("-", " ").split()
    if not 0 < len(tokens) <= 6:
        return ""
    total = part = 0
    for word in tokens:
        if word in NUMBER_WORDS:
            part += NUMBER_WORDS[word]
        elif word in _SCALES:
            total, part = total + max(1, part) * _SCALES[word], 0
        elif word != "and":
            return ""
    return str(total + part)


def number(cell: str) -> float | None:
    """Return what a cell says, 45% as 0.45; None where it is no number."""
    try:
        return float(cell[:-1]) / 100 if cell.endswith("%") else float(cell)
    except ValueError:
        return None


def numbers(cells: Iterator[str]) -> Iterator[float]:
    """Yield what cells say that are numbers."""
    for cell in cells:
        found = number(cell)
        if found is not None:
            yield found
