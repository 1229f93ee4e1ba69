"""The one place where an agreement's method of protection decides what becomes of a table.

`suppress` is `protect`; `round` and `noise` change counts by keyed chance; `private` draws an
answer that is paid for from the agreement's budget. Each hands back what would leave, row for row
beside what reviewers see, with a note of what was done and what error to expect. A table that the
method does not cover is refused: no method stands in for another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from egress_review.custody import Custody
from egress_review.earlier.against import CONFLICT, ELSE
from egress_review.earlier.ledger import Entry
from egress_review.earlier.partitions import People
from egress_review.errors import OutputRefused
from egress_review.evidence.recompute import Evidence
from egress_review.files.tables import read_csv
from egress_review.methods.case import Case, Perturbed
from egress_review.methods.privacy_budget import PrivacyBudget
from egress_review.methods.protect import MOST_ROUNDS, Protected, protect, released_bytes
from egress_review.model import FileKind, Note
from egress_review.render import MARK
from egress_review.sdc import noise, rounding
from egress_review.sdc.chance import Chances, chances
from egress_review.sdc.primary import Reason, sensitive
from egress_review.sdc.tables import Cell, Kind
from enclave.errors import Unavailable
from enclave.events import Scalar
from enclave.model import Dataset, Method, Policy, Protection

_ALL_HIDDEN = "Every row of the table would have to be hidden."
COUNTS = frozenset({Kind.ROWS, Kind.PERSONS, Kind.NONNULL})
SHARE = 0.95
# Of a few people one always has most of the rows: smallness again, and no more than that.
_OF_FEW = frozenset({Reason.THRESHOLD, Reason.DOMINANCE, Reason.P_RATIO})


class Methods:
    """Protects tables by the method of their agreement. Used by one thread at a time."""

    def __init__(self, custody: Custody, people: People, budget: PrivacyBudget):
        self._people, self._budget = people, budget
        _, self._key = custody.drawer("chance")

    def protect(self, case: Case) -> Protected | Perturbed:
        """Return the protected table. Raises `OutputRefused` or `BudgetSpent`."""
        match case.policy.protection.method:
            case Method.SUPPRESS:
                return protect(case.evidence, case.earlier, case.rules, against=case.against)
            case Method.ROUND | Method.NOISE:
                return self._by_chance(case)
            case Method.PRIVATE:
                # scikit-learn comes with diffprivlib: only who needs it waits for it
                from egress_review.methods import private_answers

                return private_answers.answered(case, self._budget)

    def _by_chance(self, case: Case) -> Perturbed:
        """Return the table with every count changed, and rows hidden that single people out."""
        _refuse_mixture(case)
        evidence = case.evidence
        _refuse_all_but_counts(evidence)
        change = _change(case, self._chances(case))
        reasons = _reasons(case)
        hidden = frozenset(reasons)
        content = released_bytes(evidence, hidden, change)
        _check_written(content, case)
        table = replace(evidence.table, hidden=hidden)
        told = summary(case.policy.protection)
        return Perturbed(
            content=content,
            full=released_bytes(evidence, frozenset()),
            entry=Entry(table, reasons, {}, evidence.numbers, evidence.labels),
            summary={"rows": len(table.cells), "hidden": len(hidden), "primary": 0, **told},
            notes=(_note(case),),
        )

    def _chances(self, case: Case) -> Chances:
        population = case.evidence.population
        persons = self._people.hashes(population.pseudonyms, case.key)
        return chances(persons, population.cells, key=self._key)


def summary(terms: Protection) -> dict[str, Scalar]:
    """Return what a certificate may say of a method; keys and what was drawn stay secret."""
    told: dict[str, Scalar] = {"method": terms.method.value, "complementary": 0}
    match terms.method:
        case Method.ROUND:
            told["base"] = str(terms.base)
        case Method.NOISE:
            told["spread"] = str(terms.spread)
        case _:
            pass
    return told


def _refuse_mixture(case: Case) -> None:
    """Refuse changed numbers beside hidden ones: together they would tell more of the hidden."""
    if any(entry.table.primary for entry in case.earlier):
        raise OutputRefused(
            "This project has outputs with hidden numbers, protected before its agreement changed "
            "the method; changed numbers beside them would tell of the hidden ones.",
            hint="Ask the agencies' reviewers: the earlier outputs would have to be withdrawn.",
        )


def _refuse_all_but_counts(evidence: Evidence) -> None:
    """Refuse a table unless each of its numbers is a count of its own row's people or rows."""
    kinds = {measure.kind for measure in evidence.table.measures}
    lines = zip(evidence.lines, evidence.table.cells, strict=True)
    if kinds - COUNTS or not all(_only_counts(evidence, line, cell) for line, cell in lines):
        raise OutputRefused(
            "This agreement's outputs are counts, which are rounded or changed a little; sums, "
            "means, shares and other numbers are not covered.",
            hint="Submit the counts themselves: count(*), count(column), count(DISTINCT "
            "person_id). Shares can be made of them after release.",
        )


def _only_counts(evidence: Evidence, line: Sequence[object], cell: Cell) -> bool:
    counts = set(cell.values.values())
    numbers = [value for value, number in zip(line, evidence.numbers, strict=True) if number]
    return all(type(value) is int and value in counts for value in numbers)


def _change(case: Case, drawn: Chances) -> Callable[[int, int], int]:
    """Return the function from a cell and its count to the count that is shown."""
    terms = case.policy.protection
    threshold = case.rules.safe_threshold
    if terms.method is Method.NOISE:
        return lambda cell, count: noise.noisy(
            drawn, cell, count, spread=terms.spread, threshold=threshold
        )
    if terms.base < threshold:  # an agency's rules have become stricter since the agreement
        raise OutputRefused(
            f"Counts are rounded to multiples of {terms.base} under this agreement, and an agency "
            f"whose data is used asks for at least {threshold}.",
            hint="The agreement has to be amended.",
        )
    return lambda cell, count: rounding.rounded(drawn, cell, count, base=terms.base)


def _reasons(case: Case) -> dict[int, tuple[str, ...]]:
    """Return the rows to hide, and why: changing a number helps against smallness alone.

    Two rows, or two counts of one row, of nearly the same people are changed apart: that they
    differ would tell that the few people between them are there.
    """
    evidence = case.evidence
    found = {
        cell: tuple(
            sorted(set(reasons) - (_OF_FEW if Reason.THRESHOLD in reasons else frozenset()))
        )
        for cell, reasons in sensitive(evidence.table, case.rules).items()
    }
    hidden = evidence.dropped | {cell for cell, reasons in found.items() if reasons}
    near = _near(case, hidden)
    told = {cell: found.get(cell) or (Reason.DROPPED,) for cell in hidden}
    told |= {cell: (*told.get(cell, ()), Reason.DIFFERENCING) for cell in near}
    if told and len(told) == len(evidence.lines):
        raise OutputRefused(CONFLICT if near else _ALL_HIDDEN, hint=ELSE)
    return {cell: tuple(reason.value for reason in reasons) for cell, reasons in told.items()}


def _near(case: Case, hidden: frozenset[int]) -> frozenset[int]:
    """Return the further rows that nearly describe the people of a row that is known."""
    near: frozenset[int] = frozenset()
    for _ in range(MOST_ROUNDS):
        table = replace(case.evidence.table, hidden=hidden | near, primary=frozenset())
        more = case.against.resembling(table) - hidden - near
        if not more:
            return near
        near |= more
    raise OutputRefused(CONFLICT, hint=ELSE)


def _check_written(content: bytes, case: Case) -> None:
    """Read the file back; raise `Unavailable` if it shows what the method never shows."""
    terms, threshold = case.policy.protection, case.rules.safe_threshold
    for row in read_csv(content).rows:
        for text, number in zip(row, case.evidence.numbers, strict=True):
            if not number or text == MARK:
                continue
            count = int(text)
            wrong = count % terms.base if terms.method is Method.ROUND else 0 < count < threshold
            if count < 0 or wrong:
                raise Unavailable("The protected file is not what the agreement's method writes.")


def _note(case: Case) -> Note:
    terms = case.policy.protection
    if terms.method is Method.ROUND:
        return Note(
            "method.round",
            f"Every count is a multiple of {terms.base}: one of the two nearest, by chance that is "
            f"the same whenever the same people are counted. Each is off by at most "
            f"{terms.base - 1}; totals are rounded by themselves and need not be sums.",
        )
    within = _within(terms.spread, case.rules.safe_threshold)
    return Note(
        "method.noise",
        "Every count is changed by chance that is the same whenever the same people are counted: "
        f"95 of 100 by no more than {within}. None from 1 to {case.rules.safe_threshold - 1} is "
        "shown; totals are changed by themselves and need not be sums.",
    )


def _within(spread: int, threshold: int) -> int:
    """Return the x such that 95 % of changes of large counts lie within -x and x."""
    change = noise.changes(10**9, spread=spread, threshold=threshold)
    order = np.argsort(np.abs(change.by), kind="stable")
    place = int(np.searchsorted(np.cumsum(change.chance[order]), SHARE))
    return int(np.abs(change.by)[order][place])


def public_labels(policy: Policy, datasets: Mapping[str, Dataset]) -> Mapping[str, Sequence[str]]:
    """Return the labels that data dictionaries list, by `view.column`, of granted columns."""
    described = {
        (dataset.id, field.name): tuple(field.codes)
        for dataset in datasets.values()
        for field in dataset.fields
    }
    return {
        f"{view.name}.{column.name}": codes
        for view in policy.views
        for column in view.columns
        if (codes := described.get((view.dataset, column.name)))
    }


def check_covers(policy: Policy, kind: FileKind, *, recomputed: bool) -> None:
    """Raise `OutputRefused` for a file by which true numbers would pass the agreement's method by.

    A plot or summary shows numbers as they are, and so does a table nobody recomputed. Texts pass:
    they are read by people, and code has no numbers of persons.
    """
    changed = policy.protection.method is not Method.SUPPRESS
    if changed and not recomputed and kind is not FileKind.TEXT:
        raise OutputRefused(
            "Under this agreement only tables leave whose numbers were recomputed and then "
            "rounded, changed or drawn; this file would show them as they are.",
            hint="Submit the query's answer as a table. Plots and models can be made of what was "
            "released.",
        )
