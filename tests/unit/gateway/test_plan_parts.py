"""What `values.children` leaves out of its search of a plan's expression holds no expression."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from enclave.gateway.inspector import bound_plan, engine_json, make_inspector, values
from enclave.gateway.inspector.catalogue import compile_catalogue
from tests.support import tpc


def _everywhere(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the outermost expressions in a value, wherever they are."""
    if isinstance(value, dict) and "expression_class" in value:
        yield value
        return
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, (dict, list)):
            yield from _everywhere(item)


def _all(value: Any) -> Iterator[dict[str, Any]]:
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, (dict, list)):
            if isinstance(item, dict) and "expression_class" in item:
                yield item
            yield from _all(item)


@pytest.mark.parametrize("suite", tpc.SUITES)
def test_no_expression_of_a_plan_is_overlooked(suite: str) -> None:
    schemas = {name: table.schema for name, table in tpc.tables(suite).items()}
    inspector = make_inspector(compile_catalogue(tpc.policy(suite), schemas))
    reader = engine_json.open_reader(inspector.empty)
    seen = 0
    for sql in tpc.queries(suite):
        for expression in _all(bound_plan.plan(reader, sql)):
            if expression["expression_class"] == "BOUND_CONSTANT":
                continue
            seen += 1
            known = {**expression, "function_data": None}
            parts = [item for item in known.values() if isinstance(item, (dict, list))]
            found = [part for item in parts for part in _everywhere(item)]
            assert values.children(expression) == found
    assert seen > 500
