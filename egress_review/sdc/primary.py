"""Which cells are sensitive by themselves, and how wide an attacker's guess must stay.

Rules and defaults: threshold on distinct persons; (n,k) dominance and the p % rule for sums
(Handbook on Statistical Disclosure Control, 2nd ed., section 4.2; parameter names are ACRO's).
Zeros are publishable; nobody stands behind them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import StrEnum

from egress_review.sdc.tables import Cell, Contributors, Kind, Measure, Table
from enclave.model import DisclosureRules


class Reason(StrEnum):
    """Why a cell may not be published by itself."""

    THRESHOLD = "threshold"
    MISSING = "missing-values"
    DOMINANCE = "dominance"
    P_RATIO = "p-ratio"
    DIFFERENCING = "differencing"


def sensitive(table: Table, rules: DisclosureRules) -> dict[int, tuple[Reason, ...]]:
    """Return, by index, the cells that are sensitive and every reason why."""
    found = {index: _reasons(cell, table, rules) for index, cell in enumerate(table.cells)}
    return {index: reasons for index, reasons in found.items() if reasons}


def _reasons(cell: Cell, table: Table, rules: DisclosureRules) -> tuple[Reason, ...]:
    reasons = {Reason.THRESHOLD} if _too_few(cell.persons, rules) else set()
    for measure in table.measures:
        if measure.name in cell.contributors:
            reasons |= set(_measure_reasons(measure, cell.contributors[measure.name], rules))
    return tuple(sorted(reasons))


def _too_few(persons: int, rules: DisclosureRules) -> bool:
    return 0 < persons < rules.safe_threshold


def _measure_reasons(
    measure: Measure, who: Contributors, rules: DisclosureRules
) -> Iterator[Reason]:
    if _too_few(who.persons, rules):
        yield Reason.THRESHOLD
    if measure.kind is Kind.NONNULL and _too_few(who.missing, rules):
        yield Reason.MISSING  # rows minus non-NULL rows would give the few who lack a value
    if measure.kind is Kind.SUM and who.total > 0:
        if sum(who.top[: rules.safe_nk_n]) > rules.safe_nk_k * who.total:
            yield Reason.DOMINANCE
        if _remainder(who) < rules.safe_pratio_p * who.top[0]:
            yield Reason.P_RATIO


def _remainder(who: Contributors) -> float:
    """Return what the second largest contributor stays unsure of when guessing the largest."""
    return who.total - sum(who.top[:2])


def owed(
    cell: Cell, measure: Measure, rules: DisclosureRules, *, floor: float
) -> tuple[float, float]:
    """Return (up, down): how far from the truth an attacker's bounds must reach (standard R).

    Counts below the threshold: up to the threshold, and down by max(1, half), but never below
    `floor`, which the row's mere presence gives away. Larger counts and sums: p % of the value,
    and for sums at least p % of the largest contribution.
    """
    value = cell.values[measure.name]
    if measure.kind is Kind.SUM:
        who = cell.contributors.get(measure.name)
        largest = who.top[0] if who and who.top else 0.0
        reach = rules.safe_pratio_p * max(abs(value), largest)
        return reach, min(reach, value - floor)
    if value == 0:
        return 0.0, 0.0
    tenth = max(1.0, math.ceil(rules.safe_pratio_p * value))
    if value < rules.safe_threshold:
        return max(rules.safe_threshold - value, 1.0), min(max(1.0, value // 2), value - floor)
    return tenth, min(tenth, value - floor)
