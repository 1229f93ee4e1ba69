"""What an agreement may get wrong about how its outputs are protected (`protection`).

Each problem with its line and a sentence. Pure: reads no file, store or clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from enclave.governance.files import DatasetFile, DsaFile, PrivateFile, Sourced
from enclave.governance.source import Problem
from enclave.model import DisclosureRules, FieldType, Method

SUMMABLE = frozenset({FieldType.INTEGER, FieldType.DECIMAL})


def problems(
    dsa: Sourced[DsaFile], datasets: Sequence[Sourced[DatasetFile]], rules: DisclosureRules
) -> Iterator[Problem]:
    """Yield what does not fit the method, the agencies' strictest rules or the granted columns."""
    form, where = dsa.form.protection, dsa.source
    for name, method in (("base", "round"), ("spread", "noise"), ("private", "private")):
        if getattr(form, name) is not None and form.method != method:
            yield where.problem(f"{name} belongs to the method {method}.", "protection", name)
    if form.base is not None and form.base < rules.safe_threshold:
        # a smaller base would tell more of a small count than hiding it does
        sentence = f"The base {form.base} is smaller than the strictest safe_threshold"
        yield where.problem(f"{sentence}, {rules.safe_threshold}.", "protection", "base")
    if form.private is not None:
        yield from _private_problems(dsa, form.private, _columns(dsa.form, datasets))
    elif form.method is Method.PRIVATE:
        yield where.problem("The method private needs its terms.", "protection", "method")


def _private_problems(
    dsa: Sourced[DsaFile], form: PrivateFile, columns: Mapping[str, FieldType]
) -> Iterator[Problem]:
    where, at = dsa.source, ("protection", "private")
    if form.epsilon_release > form.epsilon_total:
        yield where.problem("One answer would spend more than all may.", *at, "epsilon_release")
    for part in ("amounts", "groups"):
        for name in getattr(form, part):
            if name not in columns:
                sentence = f"“{name}” is no column of this agreement's views."
                yield where.problem(sentence, *at, part, name)
    for name, bound in form.amounts.items():
        if bound.least >= bound.most:
            yield where.problem("The least must be below the most.", *at, "amounts", name)
        if name in columns and columns[name] not in SUMMABLE:
            yield where.problem(f"“{name}” holds no numbers.", *at, "amounts", name)
    for name, labels in form.groups.items():
        if len(set(labels)) < len(labels):
            yield where.problem(f"A label of “{name}” stands twice.", *at, "groups", name)


def _columns(form: DsaFile, datasets: Sequence[Sourced[DatasetFile]]) -> Mapping[str, FieldType]:
    """Return every granted column as `view.column`, with its type."""
    types = {
        (each.form.id, described.name): described.type
        for each in datasets
        for described in each.form.fields
    }
    return {
        f"{view.name}.{column.name}": types[view.dataset, column.name]
        for view in form.views
        for column in view.fields
        if (view.dataset, column.name) in types
    }
