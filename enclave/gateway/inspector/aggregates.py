"""The reviewed list of aggregates that may leave a group of persons, read from `aggregates.yml`.

What stands in no family is refused. Never asks the engine what it has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict

from enclave.gateway.inspector.functions import Family

MOST_QUANTILES = 5  # in one grouping: each is the value of one person, or lies between two
_MIDDLE = (0.25, 0.75)  # the quantiles that may leave a group: those of its middle half
# What has values between two values: of these a quantile is interpolated.
_BETWEEN = frozenset(
    {
        *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL"),
        *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "DATE", "TIME", "INTERVAL"),
        *("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"),
    }
)
Test = Literal["count", "share", "middle"]


class _Allowed(Family):
    tests: Test
    of_products: bool = False


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    allowed: tuple[_Allowed, ...]
    refused: tuple[Family, ...]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What the review says of one aggregate: how it is tested, or why it is refused."""

    test: Test | None
    refusal: str | None
    of_products: bool = False

    @property
    def counts(self) -> bool:
        """Say whether it only counts."""
        return self.test == "count"

    def check_parameters(self, call: Mapping[str, Any], refuse: Callable[..., Exception]) -> None:
        """Raise what `refuse` makes if a quantile is not one of the middle half of numbers.

        Between two texts there is nothing: the middle one is one row's, a name or a person_id.
        """
        if self.test != "middle":
            return
        kind = call["children"][0].get("return_type", {}).get("id")  # a constant has none
        if kind is not None and kind not in _BETWEEN:
            raise refuse(
                "The middle of what is no number or date is one row's value.",
                hint="Group by it and count, or take the middle of a number.",
            )
        found = fractions(call)
        if not found or not all(_MIDDLE[0] <= part <= _MIDDLE[1] for part in found):
            raise refuse("The quantile is near an end.", hint="Ask for one from 0.25 to 0.75.")


def fractions(call: Mapping[str, Any]) -> list[float]:
    """Return the fractions that an aggregate of the plan is the quantiles of; none for others."""
    found = (call.get("function_data") or {}).get("quantiles", ())
    return [float(item["value"]) / 10 ** _scale(item) for item in found]


def _scale(item: Mapping[str, Any]) -> int:
    """Return how many digits of a decimal stand behind the point: it is kept as a whole number."""
    kind = item["type"]
    is_decimal = kind["id"] == "DECIMAL" and isinstance(item["value"], int)
    return int(kind["type_info"]["scale"]) if is_decimal else 0


_UNKNOWN = Aggregate(None, "It is on no list of reviewed aggregates.")


def reviewed(name: str) -> Aggregate:
    """Return what the review says of an aggregate, by its name in the plan."""
    return _reviews().get(name.lower(), _UNKNOWN)


@cache
def _reviews() -> Mapping[str, Aggregate]:
    body = (Path(__file__).parent / "aggregates.yml").read_text(encoding="utf-8")
    file = _File.model_validate(yaml.safe_load(body))
    allowed = {
        n: Aggregate(f.tests, None, f.of_products) for f in file.allowed for n in f.functions
    }
    refused = {n: Aggregate(None, f.reason.strip()) for f in file.refused for n in f.functions}
    return {**refused, **allowed}
