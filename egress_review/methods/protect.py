"""Protects one recomputed table against itself and everything that was released before.

Suppression proposes, the independent attacker disposes: nothing passes here that the attacker
could undo. Raises rather than release less than was asked without saying so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from egress_review.earlier.against import CONFLICT, ELSE, Against
from egress_review.earlier.ledger import Entry
from egress_review.errors import OutputRefused
from egress_review.evidence.recompute import Evidence
from egress_review.files.tables import read_csv
from egress_review.render import MARK, show, write_csv
from egress_review.sdc import proofs
from egress_review.sdc.attacker import Interval, Unknown, attack, attack_inside
from egress_review.sdc.certificate import Certificate, certify, insiders, publish
from egress_review.sdc.choices import advise
from egress_review.sdc.linking import Problem, link
from egress_review.sdc.primary import Reason, sensitive
from egress_review.sdc.suppress import Pattern, suppress
from egress_review.sdc.system import Need
from egress_review.sdc.tables import Table
from egress_review.sdc.until import Until
from egress_review.sdc.witness import prove
from enclave.errors import Unavailable
from enclave.model import DisclosureRules

NOTHING_LEFT = 0.75  # a table this much of which is sensitive is a list of people, not a summary
MOST_ROUNDS = 12
PROVING = 20.0  # seconds
ADVISED, ADVISING = 3, 3.0  # rows that a choice is looked for, and seconds
_COARSER = "Group more coarsely: merge categories, drop a breakdown, or leave out a margin."


@dataclass(frozen=True, slots=True)
class Solved:
    """A system of equations and the pattern found for it."""

    problem: Problem
    pattern: Pattern


@dataclass(frozen=True, slots=True)
class Protected:
    """The bytes that may be released, the same unprotected, and why the former are safe.

    `certificate` is what the independent attacker found; `proof` (`sdc.proofs`) can be checked
    without a solver.
    """

    content: bytes
    full: bytes
    entry: Entry
    certificate: Certificate
    optimal: bool
    proof: bytes

    @property
    def complementary(self) -> int:
        """How many rows are hidden only to protect others."""
        return len(self.entry.table.hidden - self.entry.table.primary)


def protect(
    evidence: Evidence,
    earlier: Sequence[Entry],
    rules: DisclosureRules,
    *,
    against: Against,
    budget: float = 20.0,
) -> Protected:
    """Return the protected table. Raises `OutputRefused` with what would help.

    `earlier` is what the project released or has in review; `against` knows every project's.
    """
    reasons = sensitive(evidence.table, rules)
    before = [entry.table for entry in earlier]
    nested = against.nested(evidence.table, before)
    evidence = replace(evidence, table=replace(evidence.table, sums=nested.sums, held=nested.held))
    until = Until(budget)
    table, solved = _hide(evidence, reasons, before, rules, budget)
    for _ in range(MOST_ROUNDS):
        more = against.must_yield(table)
        if not more:
            break
        reasons |= {i: (*reasons.get(i, ()), Reason.DIFFERENCING) for i in sorted(more)}
        table, solved = _hide(evidence, reasons, before, rules, max(1.0, until.left))
    else:
        raise OutputRefused(CONFLICT, hint=ELSE)
    content = released_bytes(evidence, table.hidden)
    proof = prove_pattern(table, solved)
    certificate, bounds = _certify(table, before, rules, content=content)
    _certify_inside((*before, table), _lone(evidence))
    named = {index: tuple(r.value for r in found) for index, found in reasons.items()}
    entry = Entry(table, named, _cell_bounds(table, bounds), evidence.numbers, evidence.labels)
    full = released_bytes(evidence, frozenset())
    return Protected(content, full, entry, certificate, solved.pattern.proved, proof)


def _hide(
    evidence: Evidence,
    reasons: Mapping[int, tuple[Reason, ...]],
    before: Sequence[Table],
    rules: DisclosureRules,
    budget: float,
) -> tuple[Table, Solved]:
    """Return the table with its pattern. Raises `OutputRefused`."""
    table = evidence.table
    conflict = any(Reason.DIFFERENCING in found for found in reasons.values())
    if reasons and len(reasons) >= NOTHING_LEFT * len(table.cells):
        if conflict:
            raise OutputRefused(CONFLICT, hint=ELSE)
        raise OutputRefused(
            f"{len(reasons)} of {len(table.cells)} rows are too small or too dominated "
            "to publish, so nearly nothing would be left.",
            hint=_COARSER,
        )
    table = replace(table, primary=frozenset(reasons))
    problem = link(table, before, rules, lone=_lone(evidence))
    pattern = suppress(problem.system, budget=budget)
    if conflict and (problem.conflicts or pattern.unprotected):
        raise OutputRefused(CONFLICT, hint=ELSE)
    check_possible(table, problem, pattern, before=before)
    hidden = frozenset(i for i, gate in enumerate(problem.gates) if pattern.hidden[gate])
    return replace(table, hidden=hidden), Solved(problem, pattern)


def _lone(evidence: Evidence) -> dict[int, int]:
    """Return, by row, who its only person is."""
    cells = enumerate(evidence.population.cells)
    return {index: int(members[0]) for index, members in cells if len(members) == 1}


def prove_pattern(table: Table, solved: Solved) -> bytes:
    """Return the proof of a pattern, checked as it will be kept. Raises `OutputRefused`."""
    system, pattern = solved.problem.system, solved.pattern.hidden.astype(float)
    found = prove(system, pattern, budget=PROVING)
    proof = proofs.dump(proofs.Proven(system, pattern, found, solved.problem.gates))
    kept = proofs.load(proof)
    if not kept.holds() or kept.hidden != table.hidden:
        raise OutputRefused(
            "No proof was found in time that nothing hidden can be worked out.",
            hint="Submit it in smaller tables, or group more coarsely.",
        )
    return proof


def released_bytes(
    evidence: Evidence, hidden: frozenset[int], change: Callable[[int, Any], Any] | None = None
) -> bytes:
    """Return the file as released: labels, and numbers or the one mark.

    `change` makes of a shown number of a row (by index) the one that is released in its place.
    """

    def released(index: int, value: Any) -> str:
        if index in hidden:
            return MARK
        return show(value if change is None else change(index, value))

    rows = [
        [
            released(index, value) if number else show(value)
            for value, number in zip(line, evidence.numbers, strict=True)
        ]
        for index, line in enumerate(evidence.lines)
    ]
    return write_csv(evidence.columns, rows)


def check_possible(
    table: Table, problem: Problem, pattern: Pattern, *, before: Sequence[Table] = ()
) -> None:
    """Raise `OutputRefused`, saying why, unless the pattern protects every sensitive row."""
    if problem.conflicts:
        raise OutputRefused(
            f"{len(problem.conflicts)} rows may not be published now, but an earlier output of "
            "this project already shows them.",
            hint="Ask the agencies' reviewers; the rules have become stricter since.",
        )
    if pattern.impossible:
        rows = _rows(problem, (need.variable for need in pattern.impossible), (table,))
        raise OutputRefused(
            "Even with every number hidden these rows could be worked out from what was released "
            f"before or from what is always known: {rows or 'an earlier output'}.",
            hint=_choices(problem, pattern.impossible, before),
        )
    if pattern.unprotected:
        raise OutputRefused(
            "No way was found in time to protect this table's sensitive rows: it is too large.",
            hint="Submit it in smaller tables, or group more coarsely.",
        )


def _choices(problem: Problem, impossible: Sequence[Need], before: Sequence[Table]) -> str:
    """Say what would help rows that nothing protects: what shows too much, or coarser groups."""
    advice = advise(problem.system, impossible[:ADVISED], budget=ADVISING)
    shown = {variable for one in advice for variable in one.hide}
    rows = _rows(problem, shown, before)
    if not rows:
        return _COARSER
    return (
        f"Earlier outputs of this project show what gives them away: {rows}. Leave out what, with "
        f"these, leads to the rows; or group more coarsely."
    )


def _rows(problem: Problem, variables: Iterable[int], tables: Sequence[Table]) -> str:
    """Return the labels of the rows that some unknowns stand for, in one short text."""
    owners = (problem.owners[variable] for variable in variables)
    marks = {owner[0] for owner in owners if owner}
    rows = dict.fromkeys(
        " / ".join(
            part.removeprefix("=") if place in cell.level else "(total)"
            for place, part in enumerate(cell.key)
        )
        for table in tables
        for cell in table.cells
        if cell.mark in marks
    )
    return "; ".join(rows)[:300]


def _certify(
    table: Table, before: Sequence[Table], rules: DisclosureRules, *, content: bytes
) -> tuple[Certificate, dict[Unknown, Interval]]:
    """Let the independent attacker at the bytes; raises `Unavailable` if it wins."""
    if hidden_in(content) != table.hidden:
        raise Unavailable("The protected file does not hide what it should; nothing was released.")
    tables = (*before, table)
    bounds = attack([publish(one) for one in tables])
    certificate = certify(tables, bounds, rules)
    if certificate.exposed:
        raise OutputRefused(
            f"{len(certificate.exposed)} hidden numbers could still be worked out, so the table "
            "was not accepted.",
            hint=_COARSER,
        )
    return certificate, bounds


def _certify_inside(tables: Sequence[Table], lone: Mapping[int, int]) -> None:
    """Let the independent attacker in as each person who is alone in a hidden row, in its time."""
    seen = attack_inside([publish(one) for one in tables], insiders(tables, lone))
    if seen:
        raise OutputRefused(
            f"{len(seen)} hidden numbers could still be worked out by who is alone in another "
            "row, so the table was not accepted.",
            hint=_COARSER,
        )


def hidden_in(content: bytes) -> frozenset[int]:
    """Return the rows of a released file that carry the mark, by reading the file."""
    return frozenset(i for i, row in enumerate(read_csv(content).rows) if MARK in row)


def _cell_bounds(
    table: Table, bounds: dict[Unknown, Interval]
) -> dict[int, dict[str, tuple[float, float]]]:
    found: dict[int, dict[str, tuple[float, float]]] = {}
    for index in table.hidden:
        mark = table.cells[index].mark
        names = [m.name for m in table.measures if (mark, m.name) in bounds]
        found[index] = {name: bounds[mark, name] for name in names}
    return found
