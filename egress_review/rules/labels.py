"""What the words of a table give away beside its numbers: values in labels, and what was typed.

A row that is hidden keeps its label, so a label must not be somebody's amount. And what a query
types itself is printed with what it recomputes: reviewers are told which columns hold some of it.
Sentences name columns and counts, never a label.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from egress_review.evidence import sql_tree
from egress_review.evidence.aggregates import BOOLEANS
from egress_review.evidence.recompute import Evidence
from egress_review.evidence.sql_tree import Node, is_a
from egress_review.model import Note
from egress_review.rules.judging import passed
from enclave.model import DisclosureRules, FieldType, Method, Policy

MOST_TYPED_DIGITS = 4  # of one number or word: a year, a limit of a band
MOST_TYPED = 40  # digits of a column in all
LEAST_LABELS = 8  # fewer are no list
LIST = 0.75  # so much of a group's labels of few people each make it one
_COARSE = frozenset({"year", "quarter", "month", "date_trunc", "date_part", "datepart", "isoyear"})
_DIGITS = re.compile(r"\d[\d.,]*")

Types = Mapping[str, frozenset[FieldType]]


def check_labels(evidence: Evidence, policy: Policy, rules: DisclosureRules) -> tuple[Note, ...]:
    """Return what reviewers should know of a table's words. Raises `OutputRefused`."""
    return passed(judge_labels(evidence, policy, rules))


def judge_labels(evidence: Evidence, policy: Policy, rules: DisclosureRules) -> tuple[Note, ...]:
    """Return why a recomputed table's labels send it back, or what reviewers should know.

    A private answer has the listed labels whoever is in it, and no refusal may hang on who is.
    """
    private = policy.protection.method is Method.PRIVATE
    values = () if private else _values(evidence, _types(policy), rules)
    return (*values, *_typed(evidence))


def _types(policy: Policy) -> Types:
    """Return what a column of a name may be, in any view."""
    found: dict[str, set[FieldType]] = defaultdict(set)
    for view in policy.views:
        for column in view.columns:
            found[column.name.lower()].add(column.type)
    return {name: frozenset(types) for name, types in found.items()}


# Values in labels ------------------------------------------------------------------------------


def _values(evidence: Evidence, types: Types, rules: DisclosureRules) -> Iterator[Note]:
    for dimension, group in enumerate(evidence.groups):
        persons = _by_label(evidence, dimension)
        few = {one for one, count in persons.items() if 0 < count < rules.safe_threshold}
        typed = {text for one in _printed(group) if (text := _constant(one)) is not None}
        if _prints_amounts(group, types) and few - typed:
            yield Note(
                "labels.amounts",
                f"Group {dimension + 1} prints amounts or dates in its labels, and some of them "
                f"are of fewer than {rules.safe_threshold} people: a row that is hidden keeps its "
                "label, which tells what they have.",
            )
        elif (
            not _is_text(group, types)
            and len(persons) >= LEAST_LABELS
            and len(few) >= LIST * len(persons)
        ):
            yield Note(
                "labels.list",
                f"{len(few)} of the {len(persons)} labels of group {dimension + 1} are of fewer "
                f"than {rules.safe_threshold} people: they list values, not groups.",
            )


def _by_label(evidence: Evidence, dimension: int) -> Mapping[str, int]:
    """Return how many people each label of a group stands for, where it stands for most."""
    counts: dict[tuple[str, frozenset[int]], int] = defaultdict(int)
    for cell in evidence.table.cells:
        if dimension in cell.level and cell.key[dimension].startswith("="):
            counts[cell.key[dimension][1:], cell.level] += cell.persons
    most: dict[str, int] = defaultdict(int)
    for (label, _), persons in counts.items():
        most[label] = max(most[label], persons)
    return most


def _prints_amounts(group: Node, types: Types) -> bool:
    """Say whether a label holds an amount, or a date as it is, beside or inside other text.

    A column's own dates are no more than what is there; `year(…)` and the like are coarse.
    """
    plain = group
    while is_a(plain, "CAST"):
        plain = plain["child"]
    columns = [_name(one) for one in _printed(group) if is_a(one, "COLUMN_REF")]
    found = frozenset[FieldType]().union(*(types.get(name, frozenset()) for name in columns))
    coarse = is_a(plain, "COLUMN_REF") or sql_tree.calls(plain, *_COARSE)
    return FieldType.DECIMAL in found or (FieldType.DATE in found and not coarse)


def _is_text(group: Node, types: Types) -> bool:
    return is_a(group, "COLUMN_REF") and types.get(_name(group)) == frozenset({FieldType.STRING})


def _name(reference: Node) -> str:
    return str(reference["column_names"][-1]).lower()


# What was typed --------------------------------------------------------------------------------


def _typed(evidence: Evidence) -> Iterator[Note]:
    """Say which columns print more than a few digits of the query's own text."""
    named = [
        name
        for name, item in zip(evidence.columns, evidence.items, strict=True)
        if _says_much(item, name)
    ]
    if named:
        yield Note(
            "query.typed",
            f"{', '.join(named)[:200]}: what stands there is, in part, typed in the query itself. "
            "Nothing of that was recomputed; the query's text says what it is.",
        )


def _says_much(item: Node, name: str) -> bool:
    words = [name, *(text for one in _printed(item) if (text := _constant(one)) is not None)]
    digits = [_significant(number) for text in words for number in _DIGITS.findall(text)]
    return max(digits, default=0) > MOST_TYPED_DIGITS or sum(digits) > MOST_TYPED


def _significant(number: str) -> int:
    """Return how many digits of a number say something: 20,000 has one, 0.05 too."""
    return len(re.sub(r"[.,]", "", number).strip("0"))


def _constant(node: Node) -> str | None:
    if not is_a(node, "CONSTANT") or sql_tree.is_null(node):
        return None
    return str(node["literal"]["text"])


def _printed(node: object) -> Iterator[Node]:
    """Yield the columns and constants whose values a value is made of: not its conditions."""
    if isinstance(node, list):
        for one in node:
            yield from _printed(one)
    elif isinstance(node, dict):
        kind = node.get("class")
        if kind in ("COLUMN_REF", "CONSTANT"):
            yield node
        elif kind == "CASE":
            yield from _printed([one["then_expr"] for one in node["case_checks"]])
            yield from _printed(node["else_expr"])
        elif kind not in BOOLEANS:
            yield from _printed([value for name, value in node.items() if name != "filter"])
