"""Nobody may be looked up: person_id meets other person_ids and nothing else (R78)."""

from __future__ import annotations

import pytest

from enclave.gateway.refusals import QueryDenied, SinglePerson
from tests.support import held

ONE = held.people()[0]["person_id"]

LOOKED_UP = [
    line.replace("<ONE>", ONE).replace("<ONE:8>", ONE[:8]).replace("<ONE:4>", ONE[:4])
    for line in held.queries("held_looked_up.sql")
]

JOINED = held.queries("held_joined.sql")


@pytest.mark.parametrize("sql", LOOKED_UP)
@pytest.mark.parametrize("policy", ["roles", "groups"])
def test_nobody_can_be_looked_up(sql: str, policy: str) -> None:
    with pytest.raises(QueryDenied) as refusal:
        held.ask(sql, policy=policy)
    if policy == "roles":
        assert isinstance(refusal.value, SinglePerson), refusal.value.explain()
        assert refusal.value.code == "query.single-person"
        assert held.AGREEMENT in (refusal.value.clause or "")
        assert "TABLESAMPLE" in (refusal.value.hint or "")


@pytest.mark.parametrize("sql", JOINED)
def test_a_person_is_found_again_in_another_view(sql: str) -> None:
    seen, rows = held.ask(sql, policy="roles")
    assert seen.sql == sql
    assert rows or "EXCEPT" in sql or "IN (SELECT person_id, year" in sql
