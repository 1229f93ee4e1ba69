"""Everything that one file may get wrong about another, each with its file, line and a sentence.

Yields all of it, not only the first. Pure: reads no file, store or clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields

from enclave.governance import nouns, protecting, reviewing, rows, signatures
from enclave.governance.files import (
    AgencyFile,
    DatasetFile,
    Disclosure,
    DsaFile,
    FieldFile,
    Files,
    PersonFile,
    Sourced,
)
from enclave.governance.source import Problem, Source
from enclave.model import PERSON_ID, DisclosureRules, FieldKind, Role

# Words with a meaning of their own where an id would stand: as a party, or beside the root key.
RESERVED_AGENCIES = frozenset({signatures.HUB, signatures.RECIPIENT})
RESERVED_PROJECTS = frozenset({"root"})
# Columns the enclave itself adds to a dataset or view.
RESERVED_FIELDS = frozenset({PERSON_ID, "record_key"})


def problems(files: Files) -> Iterator[Problem]:
    """Yield every way in which the files do not hold together, signatures aside."""
    for group in (files.agencies, files.datasets, files.people, files.agreements):
        yield from _repeated((each.form.id, each.source, ("id",)) for each in group)
    yield from _repeated((each.form.project, each.source, ("project",)) for each in files.dsas)
    agencies = {each.form.id: each.form for each in files.agencies}
    yield from _network_problems(files, agencies)
    for dataset in files.datasets:
        yield from _dataset_problems(dataset, agencies)
    for person in files.people:
        yield from _person_problems(person, agencies)
    for emou in files.emous:
        yield from _unknown(emou.form.agencies, agencies, emou.source, "agencies", noun="agency")
        yield from signatures.misplaced(emou)
    for dsa in files.dsas:
        yield from _dsa_problems(dsa, files, agencies)


def _repeated(
    uses: Iterable[tuple[str, Source, tuple[str | int, ...]]],
) -> Iterator[Problem]:
    seen: dict[str, Problem] = {}
    for id, where, place in uses:
        problem = where.problem(f"“{id}” is used twice", *place)
        if id in seen:
            first = seen[id]
            sentence = f"“{id}” is used already in {first.file}, line {first.line}."
            yield where.problem(sentence, *place)
        seen.setdefault(id, problem)


def _unknown(
    ids: Iterable[str], known: Iterable[str], where: Source, *place: str, noun: str
) -> Iterator[Problem]:
    for index, id in enumerate(ids):
        if id not in known:
            yield where.problem(f"There is no {noun} “{id}”.", *place, index)


def _network_problems(files: Files, agencies: Mapping[str, AgencyFile]) -> Iterator[Problem]:
    network = files.network
    if network.form.hub not in agencies:
        yield network.source.problem(f"There is no agency “{network.form.hub}”.", "hub")
    for agency in files.agencies:
        if agency.form.id in RESERVED_AGENCIES:
            yield agency.source.problem(f"No agency may be called {agency.form.id}.", "id")


def _person_problems(
    person: Sourced[PersonFile], agencies: Mapping[str, AgencyFile]
) -> Iterator[Problem]:
    form, where = person.form, person.source
    if form.agency is not None and form.agency not in agencies:
        yield where.problem(f"There is no agency “{form.agency}”.", "agency")
    if Role.REVIEWER in form.roles and form.agency is None:
        yield where.problem("A reviewer votes for an agency: “agency” is missing.", "roles")
    if Role.STEWARD in form.roles and form.agency is None:
        yield where.problem("A steward sees one agency's data: “agency” is missing.", "roles")


def _dataset_problems(
    dataset: Sourced[DatasetFile], agencies: Mapping[str, AgencyFile]
) -> Iterator[Problem]:
    form, where = dataset.form, dataset.source
    if form.agency not in agencies:
        yield where.problem(f"There is no agency “{form.agency}”.", "agency")
    names = [field.name for field in form.fields]
    yield from _unknown(form.key, names, where, "key", noun="field")
    yield from _repeated((name, where, ("fields", i)) for i, name in enumerate(names))
    content = {field.name for field in form.fields if field.kind is FieldKind.CONTENT}
    for unit, name in form.units.items():
        if name not in content:
            yield where.problem(f"“{name}” is no content field.", "units", unit)
    for index, field in enumerate(form.fields):
        yield from _field_problems(field, where, index)


def _field_problems(field: FieldFile, where: Source, index: int) -> Iterator[Problem]:
    if field.name in RESERVED_FIELDS:
        sentence = f"“{field.name}” is a name the enclave gives itself."
        yield where.problem(sentence, "fields", index, "name")
    if field.link_as is not None and field.kind is FieldKind.CONTENT:
        sentence = f"“{field.name}” is content, which never goes to linkage."
        yield where.problem(sentence, "fields", index, "link_as")


def _dsa_problems(
    dsa: Sourced[DsaFile], files: Files, agencies: Mapping[str, AgencyFile]
) -> Iterator[Problem]:
    yield from _date_problems(dsa)
    yield from _party_problems(dsa, files, agencies)
    yield from _researcher_problems(dsa, {each.form.id: each.form for each in files.people})
    yield from _disclosure_problems(dsa, agencies)
    yield from _aggregation_problems(dsa, agencies, files)
    yield from _budget_problems(dsa)
    strict = nouns.strictest(_rules_touched(dsa, agencies, files).values())
    yield from protecting.problems(dsa, files.datasets, strict)
    yield from reviewing.problems(dsa, files.people)
    yield from signatures.misplaced(dsa)
    form, where = dsa.form, dsa.source
    if form.project in RESERVED_PROJECTS:
        yield where.problem(f"No project may be called {form.project}.", "project")
    yield from _repeated((view.name, where, ("views", i)) for i, view in enumerate(form.views))
    datasets = {each.form.id: each.form for each in files.datasets}
    for index, view in enumerate(form.views):
        yield from _view_problems(dsa, index, datasets.get(view.dataset))


def _date_problems(dsa: Sourced[DsaFile]) -> Iterator[Problem]:
    form, where = dsa.form, dsa.source
    if form.ends < form.starts:
        yield where.problem(f"The agreement ends before it starts ({form.starts}).", "ends")
    if form.destroy_by < form.ends:
        sentence = f"Data must be destroyed after the agreement ends ({form.ends}), not before."
        yield where.problem(sentence, "destroy_by")


def _party_problems(
    dsa: Sourced[DsaFile], files: Files, agencies: Mapping[str, AgencyFile]
) -> Iterator[Problem]:
    form, where = dsa.form, dsa.source
    yield from _unknown(form.agencies, agencies, where, "agencies", noun="agency")
    emous = {each.form.id: each.form for each in files.emous}
    if form.under not in emous:
        yield where.problem(f"There is no E-MOU “{form.under}”.", "under")
        return
    for index, id in enumerate(form.agencies):
        if id in agencies and id not in emous[form.under].agencies:  # R26
            sentence = f"{id} has not joined the E-MOU “{form.under}”, so it cannot share data."
            yield where.problem(sentence, "agencies", index)


def _researcher_problems(
    dsa: Sourced[DsaFile], people: Mapping[str, PersonFile]
) -> Iterator[Problem]:
    form, where = dsa.form, dsa.source
    yield from _unknown(form.researchers, people, where, "researchers", noun="person")
    for index, id in enumerate(form.researchers):
        if id in people and Role.RESEARCHER not in people[id].roles:
            sentence = f"{people[id].name} ({id}) does not have the role researcher."
            yield where.problem(sentence, "researchers", index)
    if form.recipient.lead not in form.researchers:
        sentence = f"The lead “{form.recipient.lead}” is none of the researchers."
        yield where.problem(sentence, "recipient", "lead")


def _disclosure_problems(
    dsa: Sourced[DsaFile], agencies: Mapping[str, AgencyFile]
) -> Iterator[Problem]:
    for id, given in dsa.form.disclosure.items():
        if id not in agencies or id not in dsa.form.agencies:
            sentence = f"“{id}” is no agency of this agreement."
            yield dsa.source.problem(sentence, "disclosure", id)
            continue
        own = nouns.agency(agencies[id]).rules
        agreed = nouns.rules(given, own)
        strict = own.strictest(agreed)
        for name in (each.name for each in fields(DisclosureRules)):
            if getattr(strict, name) != getattr(agreed, name):
                sentence = (
                    f"{name} {getattr(agreed, name)} is laxer than {id}'s own {getattr(own, name)}."
                )
                yield dsa.source.problem(sentence, "disclosure", id, name)


def _aggregation_problems(
    dsa: Sourced[DsaFile], agencies: Mapping[str, AgencyFile], files: Files
) -> Iterator[Problem]:
    """Find what the gateway would let out and an agency touched would not (R22)."""
    where, given = dsa.source, dsa.form.aggregation
    rules = _rules_touched(dsa, agencies, files)
    touched, strict = sorted(rules), nouns.strictest(rules.values())
    if given.persons is not None and given.persons < strict.safe_threshold:
        who = next(id for id in touched if rules[id].safe_threshold == strict.safe_threshold)
        sentence = f"persons {given.persons} is laxer than {who}'s safe_threshold"
        yield where.problem(f"{sentence}, {strict.safe_threshold}.", "aggregation", "persons")
    if given.share is not None and given.share > strict.safe_nk_k:
        who = next(id for id in touched if rules[id].safe_nk_k == strict.safe_nk_k)
        sentence = f"share {given.share} is laxer than {who}'s safe_nk_k"
        yield where.problem(f"{sentence}, {strict.safe_nk_k}.", "aggregation", "share")


def _rules_touched(
    dsa: Sourced[DsaFile], agencies: Mapping[str, AgencyFile], files: Files
) -> Mapping[str, DisclosureRules]:
    """Return the rules of every agency whose data the agreement grants, as it makes them."""
    belongs = {each.form.id: each.form.agency for each in files.datasets}
    touched = {belongs.get(view.dataset, "") for view in dsa.form.views} & agencies.keys()
    return {
        id: nouns.rules(dsa.form.disclosure.get(id, Disclosure()), nouns.agency(agencies[id]).rules)
        for id in touched
    }


def _budget_problems(dsa: Sourced[DsaFile]) -> Iterator[Problem]:
    whole, each = dsa.form.budgets.project, dsa.form.budgets.person
    for key in nouns.BUDGET_KEYS.values():
        most, one = getattr(whole, key), getattr(each, key)
        if most is not None and one is not None and one > most:
            sentence = f"One person's {key} {one} is more than the whole project's {most}."
            yield dsa.source.problem(sentence, "budgets", "person", key)


def _view_problems(
    dsa: Sourced[DsaFile], index: int, dataset: DatasetFile | None
) -> Iterator[Problem]:
    view, where = dsa.form.views[index], dsa.source
    at = ("views", index)
    if dataset is None:
        yield where.problem(f"There is no dataset “{view.dataset}”.", *at, "dataset")
        return
    if dataset.agency not in dsa.form.agencies:
        sentence = f"{dataset.id} belongs to {dataset.agency}, which is no party."
        yield where.problem(sentence, *at, "dataset")
    content = {field.name: field.kind for field in dataset.fields}
    for number, field in enumerate(view.fields):
        if content.get(field.name) is not FieldKind.CONTENT:
            sentence = (
                f"“{field.name}” is an identifier and never leaves the linkage zone."
                if field.name in content
                else f"There is no field “{field.name}” in {dataset.id}."
            )
            yield where.problem(sentence, *at, "fields", number)
    yield from _repeated(
        (field.name, where, (*at, "fields", number)) for number, field in enumerate(view.fields)
    )
    if view.rows is not None:
        try:
            rows.normal(view.rows, nouns.dataset(dataset))
        except ValueError as wrong:
            yield where.problem(f"The row filter {wrong}.", *at, "rows")
