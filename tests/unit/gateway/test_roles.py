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
from tests.unit.gateway.test_aggregate_only import lines

PASS = """
SELECT person_id, year, wage FROM wages WHERE town = 'Ashford'
SELECT year FROM wages WHERE town IN ('Ashford', 'Putnam') AND wage > 1000
SELECT year FROM wages WHERE town LIKE 'A%' OR year = 2021
SELECT year FROM wages WHERE upper(town) = 'ASHFORD'
SELECT year FROM wages WHERE town = industry OR town IS NOT NULL
SELECT * EXCLUDE (town, employer) FROM wages WHERE town <> 'Putnam'
SELECT count(*) FROM wages WHERE town = 'Ashford'
SELECT year, avg(wage) FROM wages WHERE town = 'Ashford' GROUP BY year
SELECT year, count(*) FILTER (WHERE town = 'Ashford') FROM wages GROUP BY year
SELECT year FROM wages GROUP BY year HAVING count(*) FILTER (WHERE town = 'Ashford') > 3
SELECT year FROM wages QUALIFY row_number() OVER (PARTITION BY person_id ORDER BY year) = 1 AND town = 'Ashford'
SELECT w.year FROM wages w JOIN enrolment e ON e.person_id = w.person_id AND w.town = 'Ashford'
SELECT w.year FROM wages w JOIN firms f ON w.person_id = f.person_id AND w.town = f.town
SELECT year FROM wages WHERE person_id IN (SELECT person_id FROM firms WHERE town = 'Ashford')
SELECT e.grade FROM enrolment e WHERE EXISTS (SELECT 1 FROM wages w WHERE w.person_id = e.person_id AND w.town = 'Ashford')
SELECT year FROM wages w WHERE EXISTS (SELECT 1 FROM firms f WHERE f.person_id = w.person_id AND w.town = 'Ashford')
WITH a AS (SELECT * FROM wages) SELECT year FROM a WHERE town = 'Ashford'
SELECT x.year FROM (SELECT town AS t, year FROM wages) x WHERE x.t = 'Ashford'
SELECT year FROM wages WHERE CASE WHEN town = 'Ashford' THEN wage > 1000 ELSE false END
SELECT person_id FROM enrolment EXCEPT SELECT person_id FROM wages WHERE town = 'Ashford'
SELECT w.year, f.size FROM wages w JOIN firms f ON w.employer = f.employer AND w.person_id = f.person_id
SELECT w.year, f.size FROM wages w JOIN firms f USING (person_id, employer) LIMIT 3
SELECT w.year FROM wages w, firms f WHERE w.employer = f.employer LIMIT 3
SELECT w.year, f.employer FROM wages w JOIN firms f ON w.employer = f.employer LIMIT 3
SELECT year FROM wages WHERE employer IN (SELECT employer FROM firms)
SELECT year FROM wages w WHERE EXISTS (SELECT 1 FROM firms f WHERE f.employer = w.employer)
SELECT f.size, w.wage FROM firms f LEFT JOIN wages w ON w.employer = f.employer AND w.person_id = f.person_id
"""  # noqa: E501


@pytest.mark.parametrize(
    "question", [line for line in lines(PASS) if "USING (person_id, emp" not in line]
)
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
