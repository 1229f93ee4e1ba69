"""A privacy budget is spent before an answer is given, never undercounted or overspent (R22)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from egress_review.custody import Custody
from egress_review.errors import BudgetSpent
from egress_review.methods.privacy_budget import PrivacyBudget, spending
from enclave.errors import Unavailable
from enclave.store import ControlStore
from tests.support.privacy import (
    POINTS,
    PROJECT,
    TERMS,
    Receipts,
    answers,
    make_store,
    question,
    settings_at,
    spend,
    start,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ControlStore]:
    made = make_store(tmp_path)
    yield made
    made.close()


@pytest.fixture
def audit(tmp_path: Path) -> Receipts:
    return Receipts(tmp_path / "log")


@pytest.fixture
def budget(store: ControlStore, audit: Receipts, tmp_path: Path) -> PrivacyBudget:
    return PrivacyBudget(store, audit, Custody(settings_at(tmp_path)))


def used(store: ControlStore) -> int:
    found = spending(store, PROJECT)
    assert found is not None
    return found.used


def test_each_new_question_is_paid_for_and_the_last_is_refused_with_a_code(
    budget: PrivacyBudget, store: ControlStore, audit: Receipts
) -> None:
    for name in ("a", "b", "c"):
        assert budget.answer(question(name), name.encode) == name.encode()
    with pytest.raises(BudgetSpent) as refused:
        budget.answer(question("d"), lambda: pytest.fail("was drawn"))
    assert "of ε 3, 3 are used, and an answer needs 1" in refused.value.explain()
    assert "[privacy.budget-spent]" in refused.value.explain()
    found = spending(store, PROJECT)
    assert found is not None
    assert (found.used, found.left, found.answers_left) == (3000, 0, 0)
    assert [one.request for one in found.answers] == ["a", "b", "c"] == audit.logged


def test_the_same_question_has_the_same_answer_and_spends_nothing(
    budget: PrivacyBudget, store: ControlStore, audit: Receipts, tmp_path: Path
) -> None:
    first = budget.answer(question("a"), lambda: b"drawn once")
    again = replace(question("a"), request="another", person="ravi")
    assert budget.answer(again, lambda: b"drawn twice") == first
    later = PrivacyBudget(store, audit, Custody(settings_at(tmp_path)))
    assert later.answer(question("a"), lambda: b"drawn thrice") == first
    assert used(store) == 1000
    assert audit.logged == ["a"]


def test_an_answer_that_somebody_else_has_paid_for_meanwhile_is_not_paid_for_twice(
    budget: PrivacyBudget, store: ControlStore, audit: Receipts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Race: both looked before either had paid; the second looks again once it is its turn."""
    assert budget.answer(question("a"), lambda: b"first") == b"first"
    looks = iter([None, b"first"])
    monkeypatch.setattr(budget, "_stored", lambda _: next(looks))
    assert budget.answer(question("a"), lambda: b"second") == b"first"
    assert used(store) == 1000
    assert audit.logged == ["a"]


def test_an_amendment_below_what_is_spent_leaves_nothing(budget: PrivacyBudget) -> None:
    budget.answer(question("a"), lambda: b"1")
    lower = replace(TERMS, total=1500)
    with pytest.raises(BudgetSpent):
        budget.answer(question("b", lower), lambda: b"2")


def test_a_stored_answer_that_was_changed_is_not_given(
    budget: PrivacyBudget, store: ControlStore
) -> None:
    """Nor is another question's answer, moved in its place."""
    for name in ("a", "b"):
        budget.answer(question(name), name.encode)
    with store.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE privacy_spent SET answer = "
            "(SELECT answer FROM privacy_spent AS other WHERE other.question = 'b') "
            "WHERE question = 'a'"
        )
    with pytest.raises(Unavailable):
        budget.answer(question("a"), lambda: b"x")


@pytest.mark.parametrize("point", POINTS)
def test_a_spender_killed_anywhere_leaves_no_answer_unpaid(
    budget: PrivacyBudget, store: ControlStore, tmp_path: Path, point: str
) -> None:
    """kill -9 before and after drawing, writing, the receipt, the commit; then asked again."""
    assert spend(tmp_path, "a", killed=point) == -9
    paid = used(store)
    assert paid == (1000 if point == "answered" else 0)
    assert not answers(tmp_path)  # what was not committed was not given
    told = {budget.answer(question("a"), lambda: b"drawn anew") for _ in range(2)}
    assert len(told) == 1
    assert (told == {b"drawn anew"}) == (point != "answered")  # what was paid for is kept
    assert used(store) == 1000
    assert len(Receipts(tmp_path / "log").logged) * 1000 >= used(store)  # the log counts no less


def test_concurrent_spenders_never_spend_more_than_there_is(
    store: ControlStore, tmp_path: Path
) -> None:
    """Three programs at once, each with its own questions and all with one in common."""
    names = [[f"{who}1", "same", f"{who}2"] for who in "abc"]
    running = [start(tmp_path, mine) for mine in names]
    assert [one.wait(timeout=120) for one in running] == [0, 0, 0]
    given = [(name, answer) for name, answer in answers(tmp_path) if answer != "BudgetSpent"]
    assert len({name for name, _ in given}) == 3 == used(store) / 1000
    assert len(set(given)) == 3  # one answer a question, whoever asks
    assert len(answers(tmp_path)) == 9
