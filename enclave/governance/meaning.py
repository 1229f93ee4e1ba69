"""Why a change matters, in sentences: who sees what, who loses it, who must sign again.

Pure text over two policies or two documents. Decides nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from enclave.model import (
    Aggregation,
    Budget,
    Budgets,
    Column,
    ColumnRole,
    DisclosureRules,
    EngineKind,
    Method,
    Policy,
    Protection,
    QueryMode,
    Review,
    SmallGroups,
    View,
)


def grant(policy: Policy) -> Iterator[str]:
    """Say what a new project gives to whom."""
    people = ", ".join(sorted(policy.researchers))
    yield f"{people} may work from {policy.starts} to {policy.ends} ({policy.mode.value})."
    yield from terms(policy)
    for view in policy.views:
        columns = ", ".join(column.name for column in view.columns)
        rows = f", rows where {view.rows}" if view.rows else ", all rows"
        yield f"The view {view.name} of {view.agency} becomes visible: {columns}{rows}."
    yield f"All project data is destroyed by {policy.destroy_by}."


def terms(policy: Policy) -> Iterator[str]:
    """Say what the gateway holds a project to besides, as far as it is not the usual."""
    if _uses_groups(policy):
        yield f"Answers about groups: {_groups(policy.aggregation)}."
    for whom, budget in _budgets(policy.budgets):
        if bounds := ", ".join(f"{value:,} {name}" for name, value in _bounds(budget).items()):
            yield f"In a day {whom} may use {bounds}."
    if policy.engine is not EngineKind.DUCKDB:
        yield f"Queries run on {policy.engine.value}."
    if policy.network_clients:
        yield "Clients outside the workspace may connect with a researcher's token."
    if policy.protection.method is not Method.SUPPRESS:
        yield f"Outputs are protected so: {protection(policy.protection)}."
    if policy.review != Review():
        yield f"Outputs are reviewed so: {review(policy.review)}."


def review(terms: Review) -> str:
    """Return how outputs are reviewed beside the agencies' votes, in words."""
    within = f"decided within {terms.days} working days" if terms.days else "decided in due time"
    if not terms.checkers:
        return within
    who = ", ".join(sorted(terms.persons))
    return f"{within}, after {terms.checkers} of {who} each found them fit on their own"


def protection(terms: Protection) -> str:
    """Return how outputs are protected, in words."""
    match terms.method:
        case Method.SUPPRESS:
            return "small numbers are hidden, and others with them"
        case Method.ROUND:
            return f"every count becomes a multiple of {terms.base}"
        case Method.NOISE:
            return f"every count is changed, by {terms.spread} as a rule"
        case Method.PRIVATE:
            return _private(terms)


def _private(terms: Protection) -> str:
    private = terms.private
    assert private is not None  # `checks` has found it
    amounts = "".join(
        f"; a row's {column} counts as {bound.least / 100:g} to {bound.most / 100:g}"
        for column, bound in sorted(private.amounts.items())
    )
    groups = "".join(
        f"; {column} is one of {', '.join(labels)}"
        for column, labels in sorted(private.groups.items())
    )
    return (
        f"by differential privacy of persons, ε {private.release / 1000:g} an answer and "
        f"{private.total / 1000:g} in all, each person with up to {private.rows} rows"
        f"{amounts}{groups}"
    )


def _uses_groups(policy: Policy) -> bool:
    """Whether any query of the project is held to the rules for groups."""
    columns = (column for view in policy.views for column in view.columns)
    return policy.mode is QueryMode.AGGREGATE_ONLY or any(
        column.role is ColumnRole.AGGREGATE_ONLY for column in columns
    )


def _groups(rule: Aggregation) -> str:
    """Return what a group must satisfy, in words."""
    small = {
        SmallGroups.REMAINDER: "smaller groups are folded together",
        SmallGroups.DROP: "smaller groups are left out",
        SmallGroups.REFUSE: "a query with a smaller group is refused",
    }[rule.small]
    return (
        f"each at least {rule.persons} persons, none of them more than {rule.share:.0%} of a sum; "
        f"{small}"
    )


def _budgets(both: Budgets) -> tuple[tuple[str, Budget], ...]:
    """Return whose budget is which, in words."""
    return (("the project", both.project), ("each person", both.person))


def _bounds(budget: Budget) -> Mapping[str, int]:
    found = {each.name: getattr(budget, each.name) for each in fields(Budget)}
    return {name.replace("_", " "): value for name, value in found.items() if value is not None}


def policy_changes(old: Policy, new: Policy) -> Iterator[str]:
    """Say what follows when one policy takes another's place."""
    signed_again = old.agreement_sha256 != new.agreement_sha256
    for person in sorted(new.researchers - old.researchers):
        yield f"{person} may open workspaces of project {new.project}."
    for person in sorted(old.researchers - new.researchers):
        yield f"{person} loses project {new.project} at once."
    yield from _view_changes(old, new)
    yield from _rule_changes(old, new)
    yield from _term_changes(old, new)
    for name in ("title", "purpose", "mode", "starts", "ends", "destroy_by"):
        was, becomes = getattr(old, name), getattr(new, name)
        if was != becomes:
            yield f"{name}: “{was}” becomes “{becomes}”."
    if signed_again:
        yield f"The text of {new.agreement} changes, so every party signs it again."
    yield "Open sessions close, and the extract must be built again."


def _view_changes(old: Policy, new: Policy) -> Iterator[str]:
    before = {view.name: view for view in old.views}
    after = {view.name: view for view in new.views}
    for name in sorted(before.keys() | after.keys()):
        was, becomes = before.get(name), after.get(name)
        yield from _column_changes(was, becomes, project=new.project)
        if was and becomes and was.rows != becomes.rows:
            rows = (was.rows or "all", becomes.rows or "all")
            yield f"Rows of {name}: were {rows[0]}, become {rows[1]}; {_sign(becomes)}."
        if was and becomes and was.dataset != becomes.dataset:
            yield f"{name} shows {becomes.dataset} in place of {was.dataset}; {_sign(becomes)}."


def _column_changes(was: View | None, becomes: View | None, *, project: str) -> Iterator[str]:
    before, after = _columns(was), _columns(becomes)
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if new and becomes and old is None:
            full = f"{becomes.name}.{name}"
            yield f"{full} becomes visible to project {project}; {_sign(becomes)}."
        elif old and was and new is None:
            yield f"{was.name}.{name} is no longer visible to project {project}."
        elif old and new and becomes and old.role is not new.role:
            full = f"{becomes.name}.{name}"
            yield f"{full} was {old.role.value}, becomes {new.role.value}; {_sign(becomes)}."
        elif old and new and becomes and old != new:
            yield f"{becomes.name}.{name} is described anew."


def _columns(view: View | None) -> Mapping[str, Column]:
    return {column.name: column for column in view.columns} if view else {}


def _sign(view: View) -> str:
    return f"needs {view.agency.upper()}'s signature again"


def _rule_changes(old: Policy, new: Policy) -> Iterator[str]:
    for agency in sorted(old.rules.keys() & new.rules.keys()):
        for rule in fields(DisclosureRules):
            was = getattr(old.rules[agency], rule.name)
            becomes = getattr(new.rules[agency], rule.name)
            if was != becomes:
                yield f"{agency}'s {rule.name} for outputs: {was} becomes {becomes}."


def _term_changes(old: Policy, new: Policy) -> Iterator[str]:
    if old.aggregation != new.aggregation and (_uses_groups(old) or _uses_groups(new)):
        yield f"Answers about groups: were {_groups(old.aggregation)}."
        yield f"Answers about groups: become {_groups(new.aggregation)}."
    before = dict(_budgets(old.budgets))
    for whom, budget in _budgets(new.budgets):
        was, becomes = _bounds(before[whom]), _bounds(budget)
        for name in sorted(was.keys() | becomes.keys()):
            if was.get(name) != becomes.get(name):
                amounts = (_amount(was.get(name)), _amount(becomes.get(name)))
                yield f"In a day {whom} may use {amounts[1]} {name}; it was {amounts[0]}."
    if old.engine is not new.engine:
        yield f"Queries run on {new.engine.value} in place of {old.engine.value}."
    if new.network_clients and not old.network_clients:
        yield "Clients outside the workspace may connect with a researcher's token."
    if old.network_clients and not new.network_clients:
        yield "Clients outside the workspace may no longer connect."
    if old.review != new.review:
        yield f"Outputs were reviewed so: {review(old.review)}."
        yield f"Outputs become reviewed so: {review(new.review)}."
    if old.protection != new.protection:
        yield f"Outputs were protected so: {protection(old.protection)}."
        yield f"Outputs become protected so: {protection(new.protection)}."


def _amount(bound: int | None) -> str:
    return "any number of" if bound is None else f"{bound:,}"


def differences(old: str, new: str) -> Iterator[str]:
    """Say which values differ between two JSON documents, each by its path."""
    yield from _walk(json.loads(old), json.loads(new), "")


def _walk(old: Any, new: Any, path: str) -> Iterator[str]:
    before, after = _keyed(old), _keyed(new)
    if before is None or after is None:
        if old != new:
            yield f"{path}: {_show(old)} becomes {_show(new)}."
        return
    for key in [*before, *(key for key in after if key not in before)]:
        place = f"{path}.{key}" if path else key
        if key not in after:
            yield f"{place} is taken away."
        elif key not in before:
            yield f"{place} is added."
        else:
            yield from _walk(before[key], after[key], place)


def _keyed(value: Any) -> Mapping[str, Any] | None:
    """Return a mapping, or a list of named things by their names, or None for a plain value."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        # A signature is its party's: one person may sign for two.
        names = [str(item.get("party", item.get("name", ""))) for item in value]
        return dict(zip(names, value, strict=True)) if len(set(names)) == len(names) else None
    return None


def _show(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
