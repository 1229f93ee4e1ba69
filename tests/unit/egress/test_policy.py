"""Who may do what, and in which state; the page about it is the code's own."""

from __future__ import annotations

import itertools
import runpy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from egress_review import permissions, policy
from egress_review.errors import OwnProject
from egress_review.model import FileKind, OutputFile, Request, State
from egress_review.policy import LEDGER, MEANING, MOVES, Act, can, next_state
from enclave.errors import Conflict, Denied, NotFound
from tests.support.review import PEOPLE

NOW = datetime(2026, 1, 1, tzinfo=UTC)
REQUEST = Request(
    id="r",
    project="credential-pay",
    person="rosa",
    session="s",
    title="t",
    context="",
    files=(OutputFile("t.csv", FileKind.TABLE, ("q",)),),
    state=State.PROTECTED,
    submitted_at=NOW,
    changed_at=NOW,
    agencies=("cscu", "dol"),
    researchers=frozenset({"rosa", "ravi", "both"}),
)
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "egress-states.md"


def test_the_states_page_is_generated_from_the_code(capsys) -> None:
    assert PAGE.read_text() == policy.states_page()
    runpy.run_path(str(policy.__file__), run_name="__main__")
    assert capsys.readouterr().out == PAGE.read_text()


def test_only_listed_moves_are_possible() -> None:
    for state, act in itertools.product(State, Act):
        request = replace(REQUEST, state=state)
        if act in MOVES[state]:
            assert can(request, act)
            assert next_state(state, act) is MOVES[state][act]
        else:
            assert not can(request, act)
            with pytest.raises(Conflict):
                next_state(state, act)


def test_every_state_is_explained_and_a_release_needs_approval_first() -> None:
    assert set(MEANING) == set(MOVES) == set(State)
    leading = [state for state, moves in MOVES.items() if State.RELEASED in moves.values()]
    assert leading == [State.APPROVED, State.RELEASED]
    assert {State.PROTECTED, State.APPROVED, State.RELEASED} == LEDGER


# person: may see, may see raw, may vote, may withdraw, may download
MATRIX = {
    "rosa": (True, False, False, True, True),
    "dora": (True, True, True, False, True),
    "dirk": (True, True, True, False, True),
    "carl": (True, True, True, False, True),
    "ravi": (False, False, False, False, False),
    "otto": (False, False, False, False, False),
    "adam": (False, False, False, False, False),
    "alma": (False, False, False, False, False),
    "gone": (False, False, False, False, False),
    "both": (False, False, False, False, False),
}


@pytest.mark.parametrize("person", list(MATRIX))
def test_who_may_do_what(person: str) -> None:
    rules = (
        permissions.may_see,
        permissions.may_see_raw,
        permissions.may_vote,
        permissions.may_withdraw,
        permissions.may_download,
    )
    assert tuple(rule(PEOPLE[person], REQUEST) for rule in rules) == MATRIX[person]


def test_a_reviewer_who_is_the_author_is_only_the_author() -> None:
    own = replace(REQUEST, person="both")
    assert permissions.may_withdraw(PEOPLE["both"], own)
    with pytest.raises(Denied, match="of their own"):
        permissions.check_vote(PEOPLE["both"], own)
    with pytest.raises(Denied):
        permissions.check_see_raw(PEOPLE["both"], own)


def test_a_reviewer_who_does_research_in_the_project_is_told_why_they_may_not() -> None:
    for check in (permissions.check_see, permissions.check_vote, permissions.check_find):
        with pytest.raises(OwnProject, match="named as a researcher"):
            check(PEOPLE["both"], replace(REQUEST, checkers=("both",)))
    elsewhere = replace(REQUEST, researchers=frozenset({"rosa"}))
    assert permissions.may_vote(PEOPLE["both"], elsewhere)


def test_a_request_one_may_not_see_is_not_found_rather_than_denied() -> None:
    for check in (permissions.check_see, permissions.check_vote, permissions.check_withdraw):
        with pytest.raises(NotFound):
            check(PEOPLE["otto"], REQUEST)
    with pytest.raises(Denied):
        permissions.check_vote(PEOPLE["rosa"], REQUEST)
    with pytest.raises(Denied):
        permissions.check_withdraw(PEOPLE["dora"], REQUEST)
