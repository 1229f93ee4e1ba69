"""Outputs of queries that the gateway held to groups of enough persons (R22, R78)."""

from __future__ import annotations

from egress_review.model import Request, State
from tests.support.review import SUMS, World, table

# What the policy makes of a query has this shape: no plain SELECT over views.
HELD = f"WITH held AS ({SUMS}) SELECT * FROM held"
FOLDED = f"{HELD} WHERE n > 50"


def submit(world: World, sql: str) -> Request:
    query, answer = world.ask(sql, asked=SUMS)
    return world.hand_in(table(answer, query))


def test_the_answer_of_a_held_query_leaves_like_any_other_when_no_group_was_too_small(
    world: World,
) -> None:
    request = submit(world, HELD)
    assert request.state is State.PROTECTED, request.sentence
    assert request.persons == 400


def test_an_answer_with_folded_groups_is_refused_without_saying_how_many_there_were(
    world: World,
) -> None:
    request = submit(world, FOLDED)
    assert request.state is State.REFUSED
    assert "put groups of too few persons together" in request.sentence
    assert not any(letter.isdigit() for letter in request.sentence)
