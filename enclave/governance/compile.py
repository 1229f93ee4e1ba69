"""Compile a network's files into what is enforced: nouns and one `Policy` for each agreement.

What an agreement does not grant, nobody has. Pure: reads no file, store or clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from enclave.governance import checks, nouns, rows, signatures
from enclave.governance.files import Disclosure, DsaFile, Files, NetworkFile, Sourced, ViewFile
from enclave.governance.source import InvalidFiles, Problem
from enclave.model import Agency, Column, Dataset, DisclosureRules, Person, Policy, Review, View


@dataclass(frozen=True, slots=True)
class Network:
    """What the files say, compiled. `unsigned` is, by agreement, what keeps it out of force."""

    file: NetworkFile
    agencies: Mapping[str, Agency]
    datasets: Mapping[str, Dataset]
    people: Mapping[str, Person]
    agreements: Mapping[str, Mapping[str, Any]]
    policies: Mapping[str, Policy]
    unsigned: Mapping[str, tuple[Problem, ...]]


def compile_network(files: Files) -> Network:
    """Return the compiled network; raises `InvalidFiles` with every problem but signatures."""
    if problems := tuple(checks.problems(files)):
        raise InvalidFiles(problems)
    agencies = {each.form.id: nouns.agency(each.form) for each in files.agencies}
    datasets = {each.form.id: nouns.dataset(each.form) for each in files.datasets}
    return Network(
        file=files.network.form,
        agencies=agencies,
        datasets=datasets,
        people={each.form.id: nouns.person(each.form) for each in files.people},
        agreements={each.form.id: each.source.data for each in files.agreements},
        policies={each.form.project: _policy(each, agencies, datasets) for each in files.dsas},
        unsigned={each.form.id: tuple(signatures.problems(each)) for each in files.agreements},
    )


def _policy(
    dsa: Sourced[DsaFile], agencies: Mapping[str, Agency], datasets: Mapping[str, Dataset]
) -> Policy:
    form = dsa.form
    views = tuple(_view(form.id, view, datasets[view.dataset]) for view in form.views)
    involved = {view.agency for view in views}
    rules = {id: _rules_of(form, agencies[id]) for id in sorted(involved)}
    return Policy(
        project=form.project,
        title=form.title,
        purpose=form.purpose,
        agreement=form.id,
        agreement_sha256=signatures.body_sha256(dsa.source.data),
        researchers=frozenset(form.researchers),
        views=views,
        rules=rules,
        mode=form.mode,
        starts=form.starts,
        ends=form.ends,
        destroy_by=form.destroy_by,
        aggregation=nouns.aggregation(form.aggregation, nouns.strictest(rules.values())),
        budgets=nouns.budgets(form.budgets),
        engine=form.engine,
        network_clients=form.network_clients,
        review=Review(form.review.days, form.review.checkers, frozenset(form.review.persons)),
        protection=nouns.protection(form.protection, nouns.strictest(rules.values())),
    )


def _rules_of(form: DsaFile, agency: Agency) -> DisclosureRules:
    return nouns.rules(form.disclosure.get(agency.id, Disclosure()), agency.rules)


def _view(agreement: str, form: ViewFile, dataset: Dataset) -> View:
    clause = f"{agreement}, view {form.name}"
    described = {field.name: field for field in dataset.fields}
    columns = tuple(
        Column(
            name=each.name,
            type=described[each.name].type,
            label=described[each.name].label,
            role=each.role,
            clause=f"{clause}, field {each.name}",
        )
        for each in form.fields
    )
    return View(
        name=form.name,
        dataset=dataset.id,
        agency=dataset.agency,
        label=dataset.label,
        columns=columns,
        clause=clause,
        rows=rows.normal(form.rows, dataset) if form.rows else None,
    )
