"""What a column granted for one use may be used for, and what a refusal of another use says."""

from __future__ import annotations

import pytest

from enclave.events import Verdict
from enclave.gateway.inspector import values
from enclave.gateway.inspector.flow import Flow
from enclave.gateway.inspector.rules import Rules
from enclave.gateway.inspector.values import Relation, Shape, Value
from enclave.gateway.refusals import ConstructRefused, UseNotGranted
from tests.support import held

PASS = held.queries("held_granted.sql")


@pytest.mark.parametrize("question", PASS)
def test_a_use_that_is_granted_passes_as_it_was_typed(question: str) -> None:
    seen, _ = held.ask(question, policy="roles")
    assert (seen.verdict, seen.sql) == (Verdict.ALLOWED, question)


@pytest.mark.parametrize(
    ("question", "column", "says"),
    [
        ("SELECT town FROM wages", "wages, field town", "not in the answer"),
        ("SELECT count(*) FROM wages GROUP BY town", "wages, field town", "not to group by"),
        ("SELECT year FROM wages ORDER BY town", "wages, field town", "not to sort by"),
        ("SELECT max(town) FROM wages", "wages, field town", "not in an aggregate"),
        ("SELECT employer FROM wages", "wages, field employer", "not in the answer"),
        ("SELECT year FROM wages WHERE employer = 'e1'", "wages, field employer", "another view"),
    ],
)  # fmt: skip
def test_a_refusal_names_the_columns_own_clause(question: str, column: str, says: str) -> None:
    with pytest.raises(UseNotGranted) as refusal:
        held.ask(question, policy="roles")
    assert refusal.value.code == "query.column-role"
    assert refusal.value.clause == f"{held.AGREEMENT}, view {column}"
    assert says in refusal.value.sentence
    assert "asks the agency to amend" in (refusal.value.hint or "")


def test_a_star_over_a_restricted_column_is_told_what_to_type() -> None:
    with pytest.raises(UseNotGranted) as refusal:
        held.ask("SELECT * FROM wages", policy="roles")
    assert "`SELECT * EXCLUDE (town, employer)`" in (refusal.value.hint or "")
    assert held.ask("SELECT * EXCLUDE (town, employer) FROM wages", policy="roles")[1]


def test_a_step_the_flow_does_not_know_is_refused() -> None:
    flow = Flow(Rules(held.inspector().catalogue))
    with pytest.raises(ConstructRefused, match="step"):
        flow.step({"type": "LOGICAL_SOMETHING_NEW", "children": []})


def test_an_expression_the_flow_does_not_know_is_refused() -> None:
    flow = Flow(Rules(held.inspector().catalogue))
    with pytest.raises(ConstructRefused, match="expression"):
        flow.value({"expression_class": "BOUND_SOMETHING_NEW"}, Relation(()))


def test_a_value_of_constants_alone_tells_of_nothing() -> None:
    assert values.combine([Value(), Value()]).is_constant
    assert not values.combine([Value(), Value(literal=True, shape=Shape.ANY)]).is_constant
