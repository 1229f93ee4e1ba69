"""Which cells are sensitive by themselves, and how wide an attacker's guess must stay.

Rules and defaults: threshold on distinct persons; (n,k) dominance and the p % rule for sums
(Handbook on Statistical Disclosure Control, 2nd ed., section 4.2; parameter names are ACRO's).
Zeros are publishable; nobody stands behind them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum

from egress_review.sdc.classes import disclosed
from egress_review.sdc.tables import Cell, Contributors, Kind, Measure, Table
from enclave.model import ClassDisclosure, DisclosureRules


class Reason(StrEnum):
    """Why a cell may not be published by itself."""

    THRESHOLD = "threshold"
    MISSING = "missing-values"
    DOMINANCE = "dominance"
    P_RATIO = "p-ratio"
    POSITION = "percentile"
    MODE = "mode"
    EMPLOYERS = "employers"
    HOUSEHOLDS = "households"
    CLASS = "class-disclosure"
    DROPPED = "left-out"
    DIFFERENCING = "differencing"


def sensitive(table: Table, rules: DisclosureRules) -> dict[int, tuple[Reason, ...]]:
    """Return, by index, the cells that are sensitive and every reason why."""
    found = {index: _reasons(cell, rules) for index, cell in enumerate(table.cells)}
    if rules.class_disclosure is ClassDisclosure.SUPPRESS:
        for index in disclosed(table, rules.safe_class_share):
            found[index] = (*found[index], Reason.CLASS)
    return {index: reasons for index, reasons in found.items() if reasons}


def _reasons(cell: Cell, rules: DisclosureRules) -> tuple[Reason, ...]:
    reasons = {Reason.THRESHOLD} if _too_few(cell.persons, rules) else set()
    for name, who in cell.contributors.items():
        reasons |= set(_JUDGES[name.partition(":")[0]](who, rules, name))
    return tuple(sorted(reasons))


def may_be_known(cell: Cell, measure: Measure, rules: DisclosureRules) -> bool:
    """Say whether a sensitive cell is so by other numbers than this one, which tells too little.

    A count may stand in an earlier table though few are in the part that a new column counts.
    """
    why = {
        n
        for n, who in cell.contributors.items()
        if any(_JUDGES[n.partition(":")[0]](who, rules, n))
    }
    return bool(why) and measure.name not in why and not _too_few(cell.persons, rules)


def _too_few(persons: int, rules: DisclosureRules) -> bool:
    return 0 < persons < rules.safe_threshold


def _of_persons(who: Contributors, rules: DisclosureRules, name: str) -> Iterator[Reason]:
    if _too_few(who.persons, rules):
        yield Reason.THRESHOLD


def _of_values(who: Contributors, rules: DisclosureRules, name: str) -> Iterator[Reason]:
    """Judge a number of rows that have something: by who has it, and by who has a row without."""
    yield from _of_persons(who, rules, name)
    if _too_few(who.missing, rules):
        yield Reason.MISSING  # all rows minus these would give the few who lack it


def _of_sum(who: Contributors, rules: DisclosureRules, name: str) -> Iterator[Reason]:
    yield from _of_persons(who, rules, name)
    if who.total > 0 and who.top:
        if sum(who.top[: rules.safe_nk_n]) > rules.safe_nk_k * who.total:
            yield Reason.DOMINANCE
        if _remainder(who) < rules.safe_pratio_p * who.top[0]:
            yield Reason.P_RATIO


def _of_position(who: Contributors, rules: DisclosureRules, name: str) -> Iterator[Reason]:
    """Require enough persons on each side of a percentile (ADRF export handbook)."""
    if _too_few(who.persons, rules):
        yield Reason.POSITION


def _of_mode(who: Contributors, rules: DisclosureRules, name: str) -> Iterator[Reason]:
    """Require the commonest value to be that of enough persons, and not of nearly all."""
    if _too_few(who.persons, rules) or (who.top and who.top[0] >= rules.safe_mode_share):
        yield Reason.MODE


def _of_employers(who: Contributors, rules: DisclosureRules, name: str) -> Iterator[Reason]:
    """Fewer employers than required know of each other; of a sum, none may make up most."""
    if 0 < who.persons < rules.safe_employers:
        yield Reason.EMPLOYERS
    if ":sum:" in name and who.total > 0 and who.top[0] > rules.safe_employer_k * who.total:
        yield Reason.EMPLOYERS


def _of_households(who: Contributors, rules: DisclosureRules, name: str) -> Iterator[Reason]:
    if 0 < who.persons < rules.safe_households:
        yield Reason.HOUSEHOLDS


def _everybody(who: Contributors, rules: DisclosureRules, name: str) -> Iterator[Reason]:
    """Judge nothing here: what holds of everybody is a class disclosed (`sdc.classes`)."""
    yield from ()


def _dropped(who: Contributors, rules: DisclosureRules, name: str) -> Iterator[Reason]:
    yield Reason.DROPPED


_Judge = Callable[[Contributors, DisclosureRules, str], Iterator[Reason]]

# By the first word of what a cell's contributors are listed under: a measure's kind, or a check.
_JUDGES: Mapping[str, _Judge] = {
    Kind.PERSONS: _of_persons,
    Kind.NONNULL: _of_values,
    Kind.SUM: _of_sum,
    "position": _of_position,
    "mode": _of_mode,
    "employers": _of_employers,
    "households": _of_households,
    "everybody": _everybody,
    "dropped": _dropped,
}


def _remainder(who: Contributors) -> float:
    """Return what the second largest contributor stays unsure of when guessing the largest."""
    return who.total - sum(who.top[:2])


def owed(
    cell: Cell,
    measure: Measure,
    rules: DisclosureRules,
    *,
    floor: float,
    ceiling: float = math.inf,
) -> tuple[float, float]:
    """Return (up, down): how far from the truth an attacker's bounds must reach (standard R).

    Counts below the threshold: up to the threshold, and down by max(1, half). Larger counts and
    sums: p % of the value, and for sums at least p % of the largest contribution. Never beyond
    `floor` and `ceiling`: what rows that are there, and numbers published before, say anyway.
    """
    value = cell.values[measure.name]
    up, down = _reach(cell, measure, rules, value)
    return max(0.0, min(up, ceiling - value)), min(down, value - floor)


def _reach(
    cell: Cell, measure: Measure, rules: DisclosureRules, value: float
) -> tuple[float, float]:
    if measure.kind is Kind.SUM:
        who = cell.contributors.get(measure.name)
        largest = who.top[0] if who and who.top else 0.0
        reach = rules.safe_pratio_p * max(abs(value), largest)
        return reach, reach
    if value == 0:
        return 0.0, 0.0
    tenth = max(1.0, math.ceil(rules.safe_pratio_p * value))
    if value < rules.safe_threshold:
        return max(rules.safe_threshold - value, 1.0), max(1.0, value // 2)
    return tenth, tenth
