"""What an expression of the bound plan tells of, from the columns it is made of.

For the flow: a case, a cast, a comparison of person_ids or any call over a relation's columns.
An expression that is not known here is refused. Looks at bindings, never at names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from enclave.gateway.inspector import values
from enclave.gateway.inspector.values import Node, Relation, Shape, Value
from enclave.gateway.refusals import ConstructRefused

if TYPE_CHECKING:
    from enclave.gateway.inspector.rules import Rules

_EXPRESSIONS = frozenset(
    {"BOUND_FUNCTION", "BOUND_OPERATOR", "BOUND_UNNEST", "BOUND_CONJUNCTION", "BOUND_BETWEEN"}
)
_LOGIC = frozenset({"and", "or", "not"})


def value(expression: Node, below: Relation, rules: Rules) -> Value:
    """Return what an expression over a relation's columns tells of."""
    kind = expression["expression_class"]
    if kind == "BOUND_REF":
        return below.values[expression.get("index", 0)]
    if kind == "BOUND_COLUMN_REF":
        return _bound(expression["binding"], below)
    if kind == "BOUND_CONSTANT":
        return Value(constant=_constant(expression))
    if kind in ("BOUND_LAMBDA", "BOUND_LAMBDA_REF"):
        return Value(literal=True, shape=Shape.ANY)
    if kind == "BOUND_CASE":
        return _case(expression, below, rules)
    if kind not in _EXPRESSIONS:
        raise ConstructRefused(
            "The plan holds an expression whose flow is not known.", hint="Write it in plainer SQL."
        )
    return _combined(expression, parts(expression, below, rules), rules)


def parts(expression: Node, below: Relation, rules: Rules) -> tuple[Value, ...]:
    """Return what each of the expressions directly below one tells of."""
    return tuple([value(part, below, rules) for part in values.children(expression)])


def condition(expression: Node, told: tuple[Value, ...], below: Relation, rules: Rules) -> Value:
    """Return what `value` does, of an expression whose `parts` are known already."""
    if expression["expression_class"] in _EXPRESSIONS:
        return _combined(expression, told, rules)
    return value(expression, below, rules)


def _combined(expression: Node, parts: tuple[Value, ...], rules: Rules) -> Value:
    if values.function_name(expression) == "__cast" and len(parts) == 1:
        cast = parts[0].keyless()
        if rules.is_held and not cast.is_constant and values.is_rounding(expression):
            is_number = not values.is_boolean(expression["children"][0])
            cast = cast._replace(is_coarse=True, is_rounded=is_number or cast.is_rounded)
        return cast._replace(plain=None) if values.is_tried(expression) else cast
    if values.is_person_comparison(expression, parts):
        origins = values.beside_person(parts)
        is_filter = bool(origins) and expression.get("type") in values.NULL_TESTS  # as NOT EXISTS
        return Value(origins, literal=not is_filter, shape=Shape.CHOSEN, is_coarse=True)
    if expression.get("type") == "OPERATOR_COALESCE" and all(p.is_person for p in parts):
        return parts[0].nullable()
    if all(part.is_constant for part in parts):
        return Value(constant=object())
    told = values.combine(parts, shape=values.shape_of(expression, parts))
    is_truth = values.is_boolean(expression)
    if rules.is_held and (is_truth or values.is_rounding(expression)):
        told = told._replace(is_coarse=True, is_rounded=not is_truth)
    if rules.is_held and values.function_name(expression) in ("*", "/"):
        told = values.product(told, parts)
    if told.gathers and len(parts) > 1:
        rules.gathered()
    if is_truth and values.function_name(expression) not in _LOGIC:
        rules.comparison(told, parts)
    return told


def _case(expression: Node, below: Relation, rules: Rules) -> Value:
    checks = expression["case_checks"]
    tests = [value(check["when_expr"], below, rules) for check in checks]
    branches = [value(check["then_expr"], below, rules) for check in checks]
    branches.append(value(expression["else_expr"], below, rules))
    for test in tests:
        rules.comparison(test, (test,))
    told = values.combine([*tests, *branches], shape=values.chosen(tuple(branches)))
    varying = [branch for branch in branches if not branch.is_constant]
    is_coarse = not varying or any(branch.is_coarse for branch in varying)
    blank = all(branch.constant is None for branch in branches if branch.is_constant)
    is_person = blank and bool(varying) and all(branch.is_person for branch in varying)
    return told._replace(is_person=is_person, is_coarse=is_coarse)


def _bound(binding: Mapping[str, int], below: Relation) -> Value:
    """Return a column named by its step's number, as below a function in FROM."""
    if below.table != binding["table_index"]:
        raise ConstructRefused(
            "A function in FROM is given a subquery, whose flow is not known.",
            hint="Name its values first: `WITH b AS (SELECT …) … FROM b, range(b.lo, b.hi) r(n)`.",
        )
    return below.values[binding["column_index"]]


def _constant(expression: Node) -> object:
    value = expression["value"]
    if value.get("is_null"):
        return None
    inner = value.get("value")
    return inner if isinstance(inner, (str, int, float, bool)) else object()
