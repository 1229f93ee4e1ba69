"""From the forms of files to the nouns of `model`. Pure; checks nothing, `checks` has done so."""

from __future__ import annotations

from dataclasses import fields

from enclave.governance.files import AgencyFile, DatasetFile, Disclosure, PersonFile
from enclave.model import Agency, Dataset, DisclosureRules, Field, Person


def agency(form: AgencyFile) -> Agency:
    """Return an agency with its own rules; what its file leaves out is the default."""
    return Agency(form.id, form.name, rules(form.disclosure, DisclosureRules()))


def rules(form: Disclosure, otherwise: DisclosureRules) -> DisclosureRules:
    """Return the rules a file gives, and `otherwise` for what it leaves out."""
    given = {each.name: getattr(form, each.name) for each in fields(DisclosureRules)}
    known = {each.name: getattr(otherwise, each.name) for each in fields(DisclosureRules)}
    return DisclosureRules(**known | {key: value for key, value in given.items() if value})


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
    )
