"""The table of rules, the strictest of several agencies', and what only a whole output shows.

R3, R22: the strictest rule of every agency involved holds.
"""

from __future__ import annotations

import importlib
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egress_review.errors import OutputRefused
from egress_review.files.model import Dummy, Model, Parameter
from egress_review.rules import check_model, check_table, judge_model, judge_table, rules
from egress_review.rules.labels import check_labels, judge_labels
from egress_review.rules.table import Rule
from egress_review.sdc.primary import Reason, sensitive
from enclave.governance.nouns import NO_RULES
from enclave.model import (
    ClassDisclosure,
    Column,
    ColumnRole,
    DisclosureRules,
    FieldType,
    Method,
    Protection,
    Unverified,
    View,
)
from tests.support.pay import RULES, ask, people
from tests.support.review import policy

SHARE = st.floats(0.01, 1)
PROFILES = st.builds(
    DisclosureRules,
    safe_threshold=st.integers(1, 50),
    safe_nk_n=st.integers(1, 3),
    safe_nk_k=SHARE,
    safe_pratio_p=SHARE,
    safe_dof_threshold=st.integers(1, 50),
    safe_employers=st.integers(1, 9),
    safe_employer_k=SHARE,
    safe_households=st.integers(1, 9),
    safe_mode_share=SHARE,
    safe_class_share=SHARE,
    class_disclosure=st.sampled_from(ClassDisclosure),
    unverified=st.sampled_from(Unverified),
)


@given(PROFILES, PROFILES, PROFILES)
def test_the_strictest_of_profiles_does_not_depend_on_order_or_repetition(
    a: DisclosureRules, b: DisclosureRules, c: DisclosureRules
) -> None:
    assert a.strictest(b) == b.strictest(a)
    assert a.strictest(b).strictest(c) == a.strictest(b.strictest(c))
    assert a.strictest(a) == a
    assert NO_RULES.strictest(a) == a


PEOPLE = people(24) + people(7, town="B", start=100)
TABLE = ask("SELECT town, sex, count(*) AS n, sum(wage) AS s FROM pay GROUP BY CUBE (1, 2)", PEOPLE)


@given(PROFILES, PROFILES)
def test_the_strictest_hides_whatever_either_would_hide(
    a: DisclosureRules, b: DisclosureRules
) -> None:
    both = set(sensitive(TABLE.table, a.strictest(b)))
    assert both >= set(sensitive(TABLE.table, a)) | set(sensitive(TABLE.table, b))


@given(PROFILES, PROFILES)
def test_the_strictest_refuses_whatever_either_would_refuse(
    a: DisclosureRules, b: DisclosureRules
) -> None:
    model = regression(n=60, dof=20, dummies=[("C(sex)[T.M]", 30)])
    codes = [{note.code for note in judge_model(model, one)} for one in (a, b, a.strictest(b))]
    assert codes[0] | codes[1] <= codes[2]


def test_every_parameter_of_an_agency_stands_in_the_table_of_rules() -> None:
    named = {name for rule in rules() for name in rule.parameters}
    assert named == {each.name for each in fields(DisclosureRules)}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.check[:40])
def test_every_rule_names_code_that_exists(rule: Rule) -> None:
    module, _, name = rule.enforced.rpartition(".")
    assert callable(getattr(importlib.import_module(module), name))


# Whole tables ----------------------------------------------------------------------------------


def test_a_category_that_is_nearly_all_of_a_group_is_noted_or_hidden_as_the_agency_says() -> None:
    """Handbook on SDC, 5.2: who is known to be in the group is known to be in the category."""
    women = [(*row[:2], "F", *row[3:]) for row in people(38)]
    sql = "SELECT town, sex, count(*) AS n FROM pay GROUP BY CUBE (town, sex)"
    rows = [*women, *people(2, start=100), *people(40, town="B", start=200)]
    found = ask(sql, rows)
    (note,) = judge_table(found, RULES)
    assert note.code == "class.disclosure"
    hiding = DisclosureRules(safe_threshold=5, class_disclosure=ClassDisclosure.SUPPRESS)
    reasons = sensitive(found.table, hiding)
    hidden = {found.lines[index][:2] for index, why in reasons.items() if Reason.CLASS in why}
    assert hidden == {("A", "F"), ("B", "M")}  # nearly all in A are women, nearly all men in B
    assert Reason.CLASS not in {
        why for each in sensitive(found.table, RULES).values() for why in each
    }


def test_a_rate_of_everybody_is_a_class_disclosed() -> None:
    women = [(*row[:2], "F", *row[3:]) for row in people(40)]
    sql = "SELECT town, avg(CASE WHEN sex = 'F' THEN 1 ELSE 0 END) AS r FROM pay GROUP BY town"
    assert [note.code for note in judge_table(ask(sql, women), RULES)] == ["class.disclosure"]


def test_bands_whose_ends_are_few_people_are_refused() -> None:
    """A histogram's outermost bin tells where the largest wage is, its number hidden or not."""
    rows = [*people(40), ("0" * 8 + "-0000-0000-0000-" + "0" * 12, "A", "F", 987654, *[None] * 4)]
    sql = "SELECT CAST(floor(wage / 20) * 20 AS INTEGER) AS band, count(*) AS n FROM pay GROUP BY 1"
    with pytest.raises(OutputRefused, match="first or last band"):
        check_table(ask(sql, rows), RULES)
    assert check_table(ask(sql, people(40)), RULES) == ()
    capped = sql.replace("wage / 20", "least(wage, 120) / 20")
    assert check_table(ask(capped, rows), RULES) == ()


def test_labels_that_print_what_few_people_have_are_refused_but_of_a_private_answer() -> None:
    """A private answer's labels are public ones, and a refusal would tell who is in it."""
    kinds = {"wage": FieldType.DECIMAL, "town": FieldType.STRING, "age": FieldType.INTEGER}
    columns = tuple(
        Column(name, kind, name, ColumnRole.PROJECTABLE, "pay") for name, kind in kinds.items()
    )
    agreed = replace(policy(), views=(View("pay", "pay", "dol", "pay", columns, "pay"),))
    private = replace(agreed, protection=Protection(Method.PRIVATE))
    rows = [row for n in range(8) for row in people(3 if n else 40, start=100 * n)]
    spread = [(*row[:7], n // 3) for n, row in enumerate(rows)]
    for sql, code in (
        ("SELECT 'about ' || wage AS w, count(*) AS n FROM pay GROUP BY 1", "labels.amounts"),
        ("SELECT age, count(*) AS n FROM pay GROUP BY 1", "labels.list"),
    ):
        found = ask(sql, spread)
        assert [note.code for note in judge_labels(found, agreed, RULES)] == [code]
        assert judge_labels(found, private, RULES) == ()
        with pytest.raises(OutputRefused):
            check_labels(found, agreed, RULES)


def test_a_columns_own_extreme_values_are_noted() -> None:
    rows = [*people(40), *[(*row[:7], 97) for row in people(1, start=90)]]
    found = ask("SELECT age, count(*) AS n FROM pay GROUP BY age", rows)
    assert [note.code for note in judge_table(found, RULES)] == ["groups.outermost"]


# Models ----------------------------------------------------------------------------------------


def regression(
    *,
    n: int = 100,
    dof: int = 90,
    dummies: list[tuple[str, int]] | None = None,
    others: tuple[str, ...] = (),
    r_squared: float = 0.3,
) -> Model:
    found = tuple(Dummy(name, ones, n - ones) for name, ones in dummies or [])
    names = ["Intercept", *(dummy.name for dummy in found), *others]
    parameters = tuple(Parameter(name, 1.0, 0.1) for name in names)
    fit = {"r_squared": r_squared}
    return Model("pay", "ols", "wage", n, dof, parameters, dummies=found, fit=fit)


REFUSED = [
    (regression(dof=9), "model.dof"),
    (regression(n=10, dof=9_999), "model.dof"),
    (regression(n=4, dof=50), "model.n"),
    (regression(dummies=[("C(town)[T.B]", 2)], others=("age",)), "model.category"),
    (regression(dummies=[("C(town)[T.B]", 98)], others=("age",)), "model.category"),
    (regression(dummies=[("C(town)[T.B]", 50), ("C(town)[T.C]", 48)]), "model.category"),
    (regression(others=("C(town)[T.B]",)), "model.uncounted"),
    (regression(others=("age",), r_squared=1.0), "model.fit"),
]


@pytest.mark.parametrize(("model", "code"), REFUSED, ids=lambda value: str(value)[:30])
def test_a_model_that_tells_of_few_people_is_refused(model: Model, code: str) -> None:
    """ACRO passes a two-person dummy: its coefficient is the pair's mean."""
    assert code in {note.code for note in judge_model(model, RULES)}
    with pytest.raises(OutputRefused):
        check_model(model, RULES)


def test_a_model_of_many_people_passes_and_one_of_dummies_alone_is_called_a_table() -> None:
    fine = regression(dummies=[("C(town)[T.B]", 40)], others=("age",))
    assert check_model(fine, RULES) == ()
    means = check_model(regression(dummies=[("C(town)[T.B]", 40)]), RULES)
    assert [note.code for note in means] == ["model.means"]
