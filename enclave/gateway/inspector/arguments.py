"""Arguments that make an allowed function another one: an aggregate's name, the size of a text.

For what the review of names cannot see. Reads the engine's own syntax tree, before anything binds:
the binder already evaluates constants, where no deadline reaches it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from enclave.gateway.inspector import functions
from enclave.gateway.inspector.names import names
from enclave.gateway.refusals import ConstructRefused

Node = Mapping[str, Any]

MAX_WIDTH = 10_000  # characters that one call may pad a value to

_BY_NAME = names("list_aggr list_aggregate array_aggr array_aggregate aggregate")
_PADDED = {"lpad": 1, "rpad": 1, "bitstring": 1, "bar": 3, "to_base": 2}
_PRINTED = names("format printf")
_LISTED = names("range generate_series")
_LONG = names("to_days to_weeks to_months to_quarters to_years")
_DAYS = re.compile(r"-?\d+ (day|week|month|quarter|year)s?", re.IGNORECASE)


def check(call: Node) -> None:
    """Raise ConstructRefused or FunctionRefused for arguments that no review has seen."""
    name = call["function_name"].lower()
    rule = _RULES.get(name)
    if rule is not None:
        rule(name, [item["expression"] for item in call["arguments"]])


def _by_name(_name: str, given: Sequence[Node]) -> None:
    """Look up the aggregate that a list function is told to use."""
    if len(given) < 2:
        return
    text = _literal(given[1], "STRING")
    if text is None:
        raise ConstructRefused(
            "The name of an aggregate is computed.", hint="Write list_sum(x), list_max(x) …"
        )
    functions.review().expressions.check(text)


def _padded(name: str, given: Sequence[Node]) -> None:
    """Bound the size of a text that one call makes out of nothing."""
    at = _PADDED[name]
    if at >= len(given):
        return
    text = _literal(given[at], "INTEGER")
    if text is None or int(text) > MAX_WIDTH:
        raise _too_wide(name)


def _printed(name: str, given: Sequence[Node]) -> None:
    text = _literal(given[0], "STRING") if given else ""
    if text is None or re.search(r"\d{5,}|\*|\{[^}]*\{", text):
        raise _too_wide(name)


def _too_wide(name: str) -> ConstructRefused:
    return ConstructRefused(
        f"The function `{name}` could make a text of any size.",
        hint=f"Give it a width of at most {MAX_WIDTH:,} as a number in the query.",
    )


def _listed(_name: str, given: Sequence[Node]) -> None:
    """Refuse lists of moments: a year of microseconds is one value, and no clock stops it."""
    if len(given) == 3 and not _is_long(given[2]):
        raise ConstructRefused(
            "A list goes up by a step that may be shorter than a day.",
            hint="Write the step as a number or as INTERVAL 1 MONTH, or put the series into FROM: "
            "`FROM range(start, stop, step)`.",
        )


def _is_long(step: Node) -> bool:
    """Say whether a step is a whole number, or a whole number of days or more."""
    if step["class"] == "CAST":
        text = _literal(step["child"], "STRING")
        return text is not None and _DAYS.fullmatch(text.strip()) is not None
    if step["class"] == "FUNCTION":
        given = [item["expression"] for item in step["arguments"]]
        is_negative = step["function_name"] == "-" and len(given) == 1
        return step["function_name"] in _LONG or (is_negative and _is_long(given[0]))
    return _literal(step, "INTEGER") is not None


def _literal(expression: Node, kind: str) -> str | None:
    literal = expression.get("literal") if expression["class"] == "CONSTANT" else None
    return str(literal["text"]) if literal and literal["kind"] == kind else None


_RULES: Mapping[str, Callable[[str, Sequence[Node]], None]] = {
    **dict.fromkeys(_BY_NAME, _by_name),
    **dict.fromkeys(_PADDED, _padded),
    **dict.fromkeys(_PRINTED, _printed),
    **dict.fromkeys(_LISTED, _listed),
}
