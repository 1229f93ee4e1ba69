"""Where a table that nobody recomputed shows how many people there are, said or implied.

Counts are looked for by the names of columns and rows, by what is in a crosstab's columns, and
inside cells (`12 (3.4%)`, `6/11`, `n = 4`); what shares and differences of them imply is worked
out. Guesses, for `precheck`; says no value of a table.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise, permutations

from egress_review.files.headings import (
    is_amount,
    is_count,
    is_derived,
    is_money,
    is_of_nobody,
    is_plural,
    is_running,
    is_setting,
    is_share,
    is_tally,
    words,
)
from egress_review.files.looks import is_numbering, is_total, number, number_columns, plain
from egress_review.files.model import Sheet

MANY_COLUMNS = 2  # so many alike are a crosstab
MANY_COUNTS = 4  # so many that are all multiples of five are not so by chance
ALIKE = 50  # a column of the same number: so many are people, and fewer a setting
FIGURES = 3  # of a share; more of them say more than a rounded count does
_WHOLE = re.compile(r"\d+(\.0+)?")
_STATED = re.compile(r"(?<![a-z_])n ?[=:] ?(\d[\d,]{0,15})(?!\d|\.\d)", re.IGNORECASE)
_WITH_SHARE = re.compile(r"(\d[\d,]{0,15}) ?[(\[] ?(\d{1,3}(?:\.\d+)?) ?(%?) ?[)\]]%?")
_SHARE_WITH = re.compile(r"(\d{1,3}(?:\.\d+)?) ?% ?[(\[] ?(?:n ?= ?)?(\d[\d,]{0,15}) ?[)\]]")
_OF = re.compile(r"(\d{1,12}) ?(?:/|of|out of) ?(\d{1,12})", re.IGNORECASE)
_ANY_VALUE = frozenset(
    ("value", "values", "val", "result", "figure", "statistic", "stat", "measure", "number")
)
_ALL = frozenset(("all", "total", "overall", "base", "eligible"))
_BARE = (("n",), ("count",), ("size",))  # the number of a row: others of it are of those
_OTHER_TIME = re.compile(r"q\d|(19|20)\d\d|prev|previous|prior|last|next|change|\d+")


def shown(sheet: Sheet, threshold: int) -> list[float]:
    """Return the numbers of people that seem to stand in a table."""
    bare = plain(sheet)
    found = [
        value
        for place in count_columns(bare, threshold)
        for row in bare.rows
        if (value := number(row[place])) is not None
    ]
    found += (count for count, _ in _in_cells(sheet))
    found += _in_rows(bare)
    return found


def stated(text: str) -> list[float]:
    """Return the counts that a text states as such: `Windham (n = 4)`."""
    return [_count(one) for one in _STATED.findall(text)]


def implied(sheet: Sheet) -> Iterator[float]:
    """Yield numbers of people that what a table shows implies: shares, their rest, differences."""
    bare = plain(sheet)
    for part, whole in _parts(bare):
        yield part
        yield whole - part
    yield from (rest for _, rest in _in_cells(sheet))
    yield from _nested(bare)
    yield from _rests(bare)
    yield from _steps(bare)


def apart(one: Sheet, other: Sheet) -> Iterator[float]:
    """Yield by how many people two tables of the same rows differ, where one is of a part.

    One of the two counts is named as a part of the other, or is never more and has its name.
    """
    one, other = plain(one), plain(other)
    rows = {row[0]: row for row in other.rows}
    if len(one.rows) < MANY_COLUMNS or {row[0] for row in one.rows} != set(rows):
        return
    if len(rows) < len(one.rows) or len(rows) < len(other.rows):
        return
    beside = [(row, rows[row[0]]) for row in one.rows]
    for here in _named(one):
        for there in _named(other):
            rests = [_value(row[here]) - _value(of[there]) for row, of in beside]
            names = (words(one.columns[here]), words(other.columns[there]))
            part = _is_part_of(*names) or _is_part_of(*names[::-1]) or names[0] == names[1]
            if part and (min(rests) >= 0 or max(rests) <= 0):
                yield from map(abs, rests)


def are_behind(sheet: Sheet) -> bool:
    """Say whether anything in a table seems to be the counts behind its other numbers."""
    bare = plain(sheet)
    if _named(bare) or any(True for _ in _in_cells(sheet)):
        return True
    if any(is_tally(cell) for row in sheet.rows for cell in row[:1]):
        return True
    return any(
        not is_derived(bare.columns[place])
        and not is_amount(bare.columns[place])
        and _has_whole_amounts([row[place] for row in bare.rows if row[place]])
        for place in number_columns(bare)
    )


def are_needed(sheet: Sheet) -> bool:
    """Say whether a table has means, rates, shares, money or other numbers made from people."""
    bare = plain(sheet)
    if any(map(is_derived, sheet.columns)) or _holds_only_shares(bare):
        return True
    return any(
        is_money(bare.columns[place])
        or (not is_of_nobody(bare.columns[place]) and _has_decimals(bare, place))
        for place in number_columns(bare)
    )


def _has_decimals(sheet: Sheet, place: int) -> bool:
    cells = [row[place] for row in sheet.rows]
    return any(not _is_whole(cell) and number(cell) is not None for cell in cells)


def undo_rounding(sheet: Sheet, threshold: int) -> bool:
    """Say whether counts are rounded by hand beside what was worked out from the exact ones."""
    bare = plain(sheet)
    places = count_columns(bare, threshold)
    found = [_value(row[place]) for place in places for row in bare.rows]
    if len(found) < MANY_COUNTS or any(count % 5 for count in found):
        return False
    means = any("mean" in said or "average" in said or "avg" in said for said in _said(bare))
    sums = any(said and not {"total", "sum"}.isdisjoint(said) for said in _said(bare, money=True))
    return (means and sums) or any(
        _is_exact(bare, place, places)
        for place in number_columns(bare)
        if _is_of_shares(bare, place)
    )


def _said(sheet: Sheet, *, money: bool = False) -> Iterator[tuple[str, ...]]:
    for place in number_columns(sheet):
        if is_money(sheet.columns[place]) or not money:
            yield words(sheet.columns[place])


def _is_exact(sheet: Sheet, place: int, counts: Sequence[int]) -> bool:
    """Say whether a column's shares are finer than three figures and not of the counts shown."""
    shares = [row[place].rstrip("%") for row in sheet.rows]
    if all(len(re.sub(r"\D", "", share).strip("0")) <= FIGURES for share in shares):
        return False
    return not any(_agree(shares, ratios) for ratios in _ratios(sheet, counts))


def _ratios(sheet: Sheet, counts: Sequence[int]) -> Iterator[list[float]]:
    """Yield what shares worked out from the counts shown would be, by column."""
    for place in counts:
        column = [_value(row[place]) for row in sheet.rows]
        parts = [_value(row[place]) for row in sheet.rows if not is_total(row)]
        for whole in {sum(parts), max(column)} - {0.0}:
            yield [one / whole for one in column]
    for part, whole in permutations(counts, 2):
        pairs = [(_value(row[part]), _value(row[whole])) for row in sheet.rows]
        yield [one / of if of else 0.0 for one, of in pairs]


def _agree(shares: Sequence[str], ratios: Sequence[float]) -> bool:
    for times in (1, 100):
        pairs = zip(shares, ratios, strict=True)
        if all(abs(_value(share) - times * ratio) <= _last_place(share) for share, ratio in pairs):
            return True
    return False


def _last_place(share: str) -> float:
    decimals = min(12, len(share.partition(".")[2]))
    return float(f"0.51e-{decimals}") + 1e-9


def count_columns(sheet: Sheet, threshold: int) -> list[int]:
    """Return the columns that seem to hold counts: by their names, or by what is in them.

    A crosstab's columns are named after categories. Where no column is named like a count, or
    several are not, whole numbers that go on from small to large are counts; years and what is
    numbered one after the other (quarters, grades) are not, nor what passes its row's only count.
    """
    named = _named(sheet)
    others = _like_counts(sheet, named)
    named += [place for place in others if is_plural(sheet.columns[place])]
    others = [place for place in others if place not in named]
    cells = [float(row[place]) for place in others for row in sheet.rows if _is_whole(row[place])]
    large = sum(1 for cell in cells if cell >= threshold)
    if (named and len(others) < MANY_COLUMNS) or 2 * large < len(cells):
        return named
    return [*named, *others]


def _like_counts(sheet: Sheet, named: Sequence[int]) -> list[int]:
    """Return the other columns with numbers that could be counts: of those of the one named."""
    others = [
        place
        for place in number_columns(sheet)
        if place not in named
        and not is_derived(sheet.columns[place])
        and not is_amount(sheet.columns[place])
        and not is_setting(sheet.columns[place])
        and _has_whole_amounts([row[place] for row in sheet.rows if row[place]])
    ]
    if len(named) == 1:
        others = [place for place in others if _stays_within(sheet, place, named[0])]
    return others


def _named(sheet: Sheet) -> list[int]:
    """Return the columns named like counts that hold numbers which are not shares."""
    found = []
    for place in number_columns(sheet):
        cells = [row[place] for row in sheet.rows if row[place]]
        shares = any(cell.endswith("%") for cell in cells) or (
            not all(map(_is_whole, cells)) and all(abs(_value(cell)) <= 100 for cell in cells)
        )
        if is_count(sheet.columns[place]) and not shares:
            found.append(place)
    return [
        place
        for place in found
        if len(found) == 1 or not is_numbering([row[place] for row in sheet.rows])
    ]


def _is_of_shares(sheet: Sheet, place: int) -> bool:
    name = sheet.columns[place]
    in_percent = is_count(name) and any(row[place].endswith("%") for row in sheet.rows)
    return is_share(name) or in_percent


def _stays_within(sheet: Sheet, place: int, count: int) -> bool:
    """Say whether a column could be of some of those whom another counts: wages are more."""
    return all(_value(row[place]) <= _value(row[count]) for row in sheet.rows if row[count])


def _has_whole_amounts(cells: Sequence[str]) -> bool:
    if not all(map(_is_whole, cells)):
        return False
    found = {int(cell.partition(".")[0]) for cell in cells}
    alike = len(found) == 1 and len(cells) > 1 and min(found) >= ALIKE
    in_order = not found or (max(found) - min(found) == len(found) - 1 and not alike)
    return not in_order and not all(1900 <= one < 2100 for one in found)


def _in_cells(sheet: Sheet) -> Iterator[tuple[float, float]]:
    """Yield (count, rest of its whole) for each count that a cell or column's name holds."""
    for name in sheet.columns:
        yield from ((_count(one), 0.0) for one in _STATED.findall(name))
    for row in sheet.rows:
        label = next((cell for cell in row if _is_of_counts(cell)), "")
        for name, cell in zip(sheet.columns, row, strict=True):
            if any(map(str.isdigit, cell)):
                yield from _in_cell(f"{name} {label}", unicodedata.normalize("NFKC", cell.strip()))


def _in_cell(name: str, cell: str) -> Iterator[tuple[float, float]]:
    of = _OF.fullmatch(cell)
    if of and int(of[1]) <= int(of[2]) and not is_amount(name):
        yield float(of[1]), float(of[2]) - float(of[1])
        yield float(of[2]), 0.0
        return
    found = _WITH_SHARE.fullmatch(cell)
    if found and (found[3] or _is_of_counts(name)):
        yield _with_rest(_count(found[1]), float(found[2]))
        return
    found = _SHARE_WITH.fullmatch(cell)
    if found:
        yield _with_rest(_count(found[2]), float(found[1]))
        return
    yield from ((_count(one), 0.0) for one in _STATED.findall(cell))


def _with_rest(count: float, percent: float) -> tuple[float, float]:
    return count, count * (100 - percent) / percent if 0 < percent < 100 else 0.0


def _is_of_counts(name: str) -> bool:
    return "%" in name or "n" in words(name) or bool(_STATED.search(name))


def _in_rows(sheet: Sheet) -> Iterator[float]:
    """Yield the counts of rows that are named like counts, in a column named like anything."""
    places = number_columns(sheet)
    if len(places) != 1 or not _ANY_VALUE.issuperset(words(sheet.columns[places[0]])):
        return
    for row in sheet.rows:
        labels = [cell for place, cell in enumerate(row) if place != places[0]]
        if any(map(is_count, labels)) and _is_whole(row[places[0]]):
            yield float(row[places[0]])


def _parts(sheet: Sheet) -> Iterator[tuple[float, float]]:
    """Yield (part, whole) in persons for each share that stands beside the one count of its row.

    A share of a column's own total, which goes up with the count, is none of the row's people.
    """
    counts = _named(sheet) or [
        place for place in _like_counts(sheet, ()) if is_plural(sheet.columns[place])
    ]
    if len(counts) != 1:
        return
    for place in number_columns(sheet):
        pairs = [(_value(row[place]), _value(row[counts[0]])) for row in sheet.rows]
        ratios = [share / count for share, count in pairs if count]
        if not _is_of_shares(sheet, place) or not ratios:
            continue
        if len(ratios) > 1 and max(ratios) - min(ratios) <= 0.05 * max(ratios):
            continue
        whole = 1 if all(share <= 1 for share, _ in pairs) else 100
        yield from ((share * count / whole, count) for share, count in pairs if count)


def _nested(sheet: Sheet) -> Iterator[float]:
    """Yield the differences of two counts of which one, by its name, is a part of the other.

    What stands beside the only count and is never more is taken for a part of it; events, which are
    many to a person, only beside a bare `n`.
    """
    counts = _named(sheet)
    if len(counts) == 1:
        bare = words(sheet.columns[counts[0]]) in _BARE
        others = _like_counts(sheet, counts)
        parts = [place for place in others if bare or not is_plural(sheet.columns[place])]
        for part in parts if not bare else ():
            yield from (_value(row[counts[0]]) - _value(row[part]) for row in sheet.rows)
        counts = [*counts, *parts]
    for one, other in combinations(counts, 2):
        for part, whole in ((one, other), (other, one)):
            if _is_part_of(words(sheet.columns[part]), words(sheet.columns[whole])):
                rests = [_value(row[whole]) - _value(row[part]) for row in sheet.rows]
                yield from rests if min(rests, default=-1) >= 0 else ()


def _rests(sheet: Sheet) -> Iterator[float]:
    """Yield what the rows of a table leave of its own totals: of a row that was taken out.

    A total is labelled so or, as CUBE writes it, blank. Counts rounded to fives do not add up.
    """
    numbers = number_columns(sheet)
    labels = [place for place in range(len(sheet.columns)) if place not in numbers]
    keys = [tuple(_label(row[place]) for place in labels) for row in sheet.rows]
    places = [
        place
        for place in _named(sheet)
        if any(_value(row[place]) % 5 for row in sheet.rows)
        and not is_running(sheet.columns[place])
    ]
    if not places or not labels or len(set(keys)) < len(keys):
        return
    for total, key in zip(sheet.rows, keys, strict=True):
        for n, label in enumerate(key):
            if label:
                continue
            parts = [
                row
                for row, other in zip(sheet.rows, keys, strict=True)
                if other[n] and other[:n] + other[n + 1 :] == key[:n] + key[n + 1 :]
            ]
            for place in places if parts else ():
                yield _value(total[place]) - sum(_value(row[place]) for row in parts)


def _label(cell: str) -> str:
    """Return a row's label, blank for that of a total."""
    return "" if is_total((cell,)) else cell


def _steps(sheet: Sheet) -> Iterator[float]:
    """Yield the differences of a column that counts on from row to row."""
    for place in number_columns(sheet):
        cells = [row[place] for row in sheet.rows]
        if is_running(sheet.columns[place]) and all(map(_is_whole, cells)):
            yield from (abs(after - before) for before, after in pairwise(map(_value, cells)))


def _is_part_of(part: Sequence[str], whole: Sequence[str]) -> bool:
    more = set(part) - set(whole)
    of_all = (not _ALL.isdisjoint(whole) or whole in _BARE) and _ALL.isdisjoint(part)
    of_those = of_all or set(whole) < set(part)
    return bool(more) and of_those and not any(map(_OTHER_TIME.fullmatch, more))


def _holds_only_shares(sheet: Sheet) -> bool:
    """Say whether each row is a whole taken apart: numbers that add up to 1 or 100."""
    named = _named(sheet)
    places = [place for place in number_columns(sheet) if place not in named]
    if len(places) < MANY_COLUMNS or len(sheet.rows) < MANY_COLUMNS:
        return False
    sums = [sum(_value(row[place]) for place in places) for row in sheet.rows]
    return all(abs(one - 1) < 0.02 for one in sums) or all(abs(one - 100) < 2 for one in sums)


def _is_whole(cell: str) -> bool:
    return bool(_WHOLE.fullmatch(cell))


def _count(digits: str) -> float:
    return float(digits.replace(",", ""))


def _value(cell: str) -> float:
    found = number(cell)
    return 0.0 if found is None else found
