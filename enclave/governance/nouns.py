"""From the forms of files to the nouns of `model`. Pure; checks nothing, `checks` has done so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from functools import reduce

from enclave.governance.files import (
    AgencyFile,
    AggregationFile,
    BudgetFile,
    BudgetsFile,
    DatasetFile,
    Disclosure,
    PersonFile,
    PrivateFile,
    ProtectionFile,
)
from enclave.model import (
    Agency,
    Aggregation,
    Amounts,
    Budget,
    Budgets,
    Dataset,
    DisclosureRules,
    Field,
    Method,
    Person,
    PrivateTerms,
    Protection,
)

# A bound's name in `model.Budget`, and in a file.
BUDGET_KEYS = {each.name: f"{each.name}_per_day" for each in fields(Budget)}
NO_RULES = DisclosureRules(
    safe_threshold=1,
    safe_nk_n=1,
    safe_nk_k=1.0,
    safe_pratio_p=0.0,
    safe_dof_threshold=1,
    safe_employers=1,
    safe_employer_k=1.0,
    safe_households=1,
    safe_mode_share=1.0,
    safe_class_share=1.0,
)


def agency(form: AgencyFile) -> Agency:
    """Return an agency with its own rules; what its file leaves out is the default."""
    return Agency(form.id, form.name, rules(form.disclosure, DisclosureRules()))


def rules(form: Disclosure, otherwise: DisclosureRules) -> DisclosureRules:
    """Return the rules a file gives, and `otherwise` for what it leaves out."""
    given = {each.name: getattr(form, each.name) for each in fields(DisclosureRules)}
    known = {each.name: getattr(otherwise, each.name) for each in fields(DisclosureRules)}
    return DisclosureRules(**known | {key: value for key, value in given.items() if value})


def strictest(rules: Iterable[DisclosureRules]) -> DisclosureRules:
    """Return the rules that satisfy all of these (R22)."""
    return reduce(DisclosureRules.strictest, rules, NO_RULES)


def aggregation(form: AggregationFile, rules: DisclosureRules) -> Aggregation:
    """Return what a group must satisfy; what the file leaves out, the agencies' rules say."""
    return Aggregation(
        persons=rules.safe_threshold if form.persons is None else form.persons,
        share=min(Aggregation().share, rules.safe_nk_k) if form.share is None else form.share,
        small=form.small,
    )


def protection(form: ProtectionFile, rules: DisclosureRules) -> Protection:
    """Return how outputs are protected; what the file leaves out, the agencies' rules say."""
    match form.method:
        case Method.SUPPRESS:
            return Protection()
        case Method.ROUND:
            return Protection(form.method, base=form.base or rules.safe_threshold)
        case Method.NOISE:
            half = max(3, -(-rules.safe_threshold // 2))
            return Protection(form.method, spread=form.spread or half)
        case Method.PRIVATE:
            return Protection(form.method, private=_private(form.private) if form.private else None)


def _private(form: PrivateFile) -> PrivateTerms:
    bounds = {
        column: Amounts(round(each.least * 100), round(each.most * 100))
        for column, each in form.amounts.items()
    }
    return PrivateTerms(
        total=round(form.epsilon_total * 1000),
        release=round(form.epsilon_release * 1000),
        rows=form.rows_per_person,
        amounts=bounds,
        groups={column: tuple(labels) for column, labels in form.groups.items()},
    )


def budgets(form: BudgetsFile) -> Budgets:
    """Return a project's budgets."""
    return Budgets(project=_budget(form.project), person=_budget(form.person))


def _budget(form: BudgetFile) -> Budget:
    return Budget(**{name: getattr(form, key) for name, key in BUDGET_KEYS.items()})


def person(form: PersonFile) -> Person:
    """Return someone with a log-in."""
    return Person(form.id, form.name, form.email, frozenset(form.roles), form.agency)


def dataset(form: DatasetFile) -> Dataset:
    """Return a dataset with its dictionary."""
    return Dataset(
        id=form.id,
        agency=form.agency,
        label=form.label,
        description=form.description,
        fields=tuple(Field(**field.model_dump()) for field in form.fields),
        key=tuple(form.key),
        update_schedule=form.update_schedule,
        units={str(unit): column for unit, column in form.units.items()},
    )
