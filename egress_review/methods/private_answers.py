"""Answers a table under differential privacy: understood, recomputed in bounds, drawn and paid for.

What the answer shows hangs on the data only through the numbers drawn in `sdc.private`: its rows
are those of public labels, in their order; no negative count is shown and an average is a drawn
sum by a drawn count, both of which change nothing of the guarantee (post-processing).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from egress_review.earlier.ledger import Entry
from egress_review.evidence.aggregates import Of
from egress_review.evidence.answers import columns
from egress_review.methods import bounded
from egress_review.methods.bounded import Asked, Cells, Column
from egress_review.methods.case import Case, Perturbed
from egress_review.methods.privacy_budget import PrivacyBudget, Question, shown
from egress_review.model import Note
from egress_review.render import write_csv
from egress_review.sdc import private
from egress_review.sdc.private import Key
from egress_review.sdc.tables import Level
from enclave.model import PrivateTerms

CENT = Decimal("0.01")


def answered(case: Case, budget: PrivacyBudget) -> Perturbed:
    """Return the private answer. Raises `OutputRefused`, or `BudgetSpent` before anything is drawn.

    The same question about the same version of the data has the answer it had before.
    """
    terms = case.policy.protection.private
    assert terms is not None  # the compiler refuses the method without its terms
    labels = {**case.labels, **terms.groups}
    with case.engine() as engine:
        views = columns(engine, [view.name for view in case.policy.views])
        asked = bounded.understand(case.evidence.sql, views, terms, labels)
        true = bounded.recompute(engine, asked)
    drawn = budget.answer(
        _question(case, asked, terms),
        lambda: _dump(private.draw(asked.plan, _epsilon(terms), true)),
    )
    rows = list(_rows(asked))
    return Perturbed(
        content=_written(case, asked, _load(asked, drawn)),
        full=_written(case, asked, true),
        entry=_nothing(case),
        summary={"rows": len(rows), "hidden": 0, "primary": 0, **_told(terms)},
        notes=tuple(_notes(asked, terms)),
    )


def _question(case: Case, asked: Asked, terms: PrivateTerms) -> Question:
    about = (case.policy.project, str(case.epoch), str(terms.release))
    return Question(
        policy=case.policy,
        request=case.request.id,
        person=case.request.person,
        session=case.request.session,
        agencies=case.agencies,
        fingerprint=asked.fingerprint(*about),
    )


def _epsilon(terms: PrivateTerms) -> Fraction:
    return Fraction(terms.release, 1000)


def _told(terms: PrivateTerms) -> dict[str, str | int]:
    return {
        "complementary": 0,
        "method": "private",
        "epsilon": shown(terms.release),
        "rows_per_person": str(terms.rows),
    }


def _nothing(case: Case) -> Entry:
    """Return an entry without cells: nothing exact is known of the table to anybody."""
    table = replace(case.evidence.table, cells=())
    return Entry(table, {}, {}, case.evidence.numbers, case.evidence.labels)


# Keeping what was drawn ------------------------------------------------------------------------


def _dump(drawn: Cells) -> bytes:
    """Return the numbers drawn, question by question, in the order of the public cells."""
    return json.dumps([list(cells.values()) for cells in drawn.values()]).encode()


def _load(asked: Asked, content: bytes) -> Cells:
    """Return what `_dump` wrote for the same question."""
    return {
        (one.measure, one.level): dict(zip(asked.keys(one.level), values, strict=True))
        for one, values in zip(asked.plan.questions, json.loads(content), strict=True)
    }


# Drawing up the table --------------------------------------------------------------------------


def _rows(asked: Asked) -> Iterator[tuple[Level, Key]]:
    """Yield every public cell; totals stand after what they total, as evidence's do."""
    places = [{label: n for n, label in enumerate(labels)} for labels in asked.labels]

    def order(row: tuple[Level, Key]) -> list[int]:
        level, key = row
        parts = dict(zip(sorted(level), key, strict=True))
        return [places[n][parts[n]] if n in level else len(places[n]) for n in range(len(places))]

    yield from sorted(
        ((level, key) for level in asked.levels for key in asked.keys(level)), key=order
    )


def _written(case: Case, asked: Asked, cells: Cells) -> bytes:
    found = {
        (name, level): private.totals(cells[name, finest], finest, level)
        for (name, level), finest in asked.plan.sources.items()
    }
    rows = [
        [_shown(asked, column, (level, key), found) for column in asked.columns]
        for level, key in _rows(asked)
    ]
    return write_csv(case.evidence.columns, rows)


def _shown(asked: Asked, column: Column, row: tuple[Level, Key], found: Cells) -> str:
    level, key = row
    if column.group is not None:
        return key[sorted(level).index(column.group)] if column.group in level else ""
    value = _value(asked, column.measure, row, found)
    if column.divisor:
        count = _value(asked, column.divisor, row, found)
        return str((Decimal(value) / 100 / count).quantize(CENT)) if count > 0 else ""
    if asked.measures[column.measure][0].of is Of.SUM:
        return str((Decimal(value) / 100).quantize(CENT))
    return str(value)


def _value(asked: Asked, name: str, row: tuple[Level, Key], found: Cells) -> int:
    """Return a number of a row; none is below zero that cannot be."""
    level, key = row
    value = found[name, level][key]
    _, bound = asked.measures[name]
    return value if bound.least < 0 else max(0, value)


# What error to expect --------------------------------------------------------------------------


def _notes(asked: Asked, terms: PrivateTerms) -> Iterator[Note]:
    yield Note(
        "method.private",
        f"Differential privacy of persons with ε {shown(terms.release)}: each person counts with "
        f"up to {terms.rows} rows, further ones not at all; rows without a listed label are not "
        "counted. Every listed group has a row, whether anybody is in it or not. What is drawn "
        "below zero and cannot be is shown as 0: its total, which counts it as drawn, is then "
        "less than the sum of the parts shown.",
    )
    for name, within in errors(asked, terms).items():
        fine = f"{within[0]:,}" if within[0] == within[1] else f"{within[0]:,} to {within[1]:,}"
        yield Note("method.error", f"{name}: 95 of 100 numbers are off by at most {fine}.")
    yield Note(
        "method.budgets",
        "The budget is this agreement's alone. What other agreements release of the same people "
        "adds to what can be learnt of them, and nothing here sums it: weigh it before approving.",
    )


def errors(asked: Asked, terms: PrivateTerms) -> Mapping[str, tuple[Decimal | int, Decimal | int]]:
    """Return, per measure, the least and the most of its groupings' 95 % errors, in its unit.

    Of the noise alone: what bounding left out comes on top.
    """
    by = {(one.measure, one.level): one for one in asked.plan.questions}
    found: dict[str, list[Decimal | int]] = {}
    for (name, level), finest in asked.plan.sources.items():
        parts = _parts(asked, level, finest)
        within = private.reach(asked.plan.scale(_epsilon(terms), by[name, finest]), parts)
        base, _ = asked.measures[name]
        amount = (Decimal(within) / 100).quantize(CENT) if base.of is Of.SUM else within
        found.setdefault(_words(base.of, name), []).append(amount)
    return {name: (min(amounts), max(amounts)) for name, amounts in found.items()}


def _parts(asked: Asked, level: Level, finest: Level) -> int:
    """Return how many drawn numbers one number of a grouping is the sum of."""
    parts = 1
    for place in finest - level:
        parts *= len(asked.labels[place])
    return parts


def _words(of: Of, name: str) -> str:
    kind, _, rest = name.partition(":")
    words = {Of.ROWS: "Rows", Of.PERSONS: "Persons", Of.NONNULL: "Values", Of.SUM: "Sums"}
    return f"{words.get(of, kind)} {rest}".strip().removesuffix(".person_id")
