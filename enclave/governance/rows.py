"""Row filters of agreements: comparisons over a dataset's content fields and nothing else.

What is returned is written again from what was understood, so that what was checked is what runs.
Never runs anything.
"""

from __future__ import annotations

from datetime import date

from sqlglot import exp, parse

from enclave.model import Dataset, Field, FieldKind, FieldType
from enclave.sqlglot_faults import FAULTS

DIALECT = "duckdb"
COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In, exp.Between, exp.Is)
JOINERS = (exp.And, exp.Or, exp.Not, exp.Paren)
VALUES = (exp.Literal, exp.Boolean, exp.Null, exp.Neg)
TEXTS = frozenset({FieldType.STRING, FieldType.DATE})
NUMBERS = frozenset({FieldType.INTEGER, FieldType.DECIMAL})


def normal(filter_sql: str, dataset: Dataset) -> str:
    """Return the filter in one normal spelling; raises `ValueError` with a sentence."""
    try:
        statements = parse(filter_sql, dialect=DIALECT)
    except (*FAULTS, RecursionError):
        raise ValueError("is not a comparison in SQL") from None
    if len(statements) != 1 or statements[0] is None:
        raise ValueError("must be one condition")
    tree = statements[0]
    try:
        _check_condition(tree, dataset)
        return tree.sql(dialect=DIALECT, comments=False)
    except RecursionError:
        raise ValueError("is too long: thousands of comparisons; use IN or BETWEEN") from None


def _check_condition(node: exp.Expr, dataset: Dataset) -> None:
    if isinstance(node, JOINERS):
        for part in _parts(node):
            _check_condition(part, dataset)
    elif isinstance(node, COMPARISONS):
        _check_comparison(node, dataset)
    else:
        raise ValueError(f"may only compare fields with values, but has “{node.sql(DIALECT)}”")


def _check_comparison(node: exp.Expr, dataset: Dataset) -> None:
    column, *values = _parts(node)
    if not isinstance(column, exp.Column) or column.table:
        raise ValueError(f"must have a field on the left of “{node.sql(DIALECT)}”")
    content = {field.name: field for field in dataset.fields if field.kind is FieldKind.CONTENT}
    if column.name not in content:
        raise ValueError(f"names “{column.name}”, which is no content field of {dataset.id}")
    if not values:
        raise ValueError(f"compares “{column.name}” with nothing")
    for value in values:
        _check_value(value, content[column.name])


def _check_value(node: exp.Expr, field: Field) -> None:
    if not isinstance(node, VALUES):
        raise ValueError(f"may only compare “{field.name}” with a value, not “{node.sql(DIALECT)}”")
    if isinstance(node, exp.Neg):
        _check_value(node.this, field)
    if isinstance(node, exp.Literal):
        _check_literal(node, field)


def _check_literal(literal: exp.Literal, field: Field) -> None:
    shown = literal.sql(DIALECT)
    if field.type not in (TEXTS if literal.is_string else NUMBERS):
        raise ValueError(f"compares “{field.name}”, which is {field.type.value}, with {shown}")
    if field.codes and literal.name not in field.codes:
        raise ValueError(f"compares “{field.name}” with {shown}, which is none of its codes")
    if field.type is FieldType.DATE and not _is_date(literal.name):
        raise ValueError(f"compares “{field.name}” with {shown}, which is no date like 2026-12-31")


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _parts(node: exp.Expr) -> list[exp.Expr]:
    """Return the children; an argument that is no expression (a flag that is set) is refused."""
    parts: list[exp.Expr] = []
    for value in node.args.values():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, exp.Expr):
                parts.append(part)
            elif part:
                raise ValueError(f"has something not allowed in “{node.sql(DIALECT)}”")
    return parts
