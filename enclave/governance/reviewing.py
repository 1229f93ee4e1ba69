"""What an agreement may get wrong about the review of its outputs (`review`).

Each problem with its line and a sentence. Pure: reads no file, store or clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from enclave.governance.files import DsaFile, PersonFile, Sourced
from enclave.governance.source import Problem
from enclave.model import Role


def problems(dsa: Sourced[DsaFile], people: Sequence[Sourced[PersonFile]]) -> Iterator[Problem]:
    """Yield who cannot be an output checker, too few of them, agencies that could not decide."""
    yield from _undecidable(dsa, people)
    form, where = dsa.form.review, dsa.source
    reviewers = {each.form.id for each in people if Role.REVIEWER in each.form.roles}
    for person in form.persons:
        if person not in reviewers:
            sentence = f"“{person}” is no reviewer, so no output checker."
            yield where.problem(sentence, "review", "persons")
        if person in dsa.form.researchers:
            sentence = f"“{person}” is a researcher of this agreement, so no output checker of it."
            yield where.problem(sentence, "review", "persons")
    if len(set(form.persons)) < form.checkers:
        sentence = f"{form.checkers} output checkers are asked for, and fewer are named."
        yield where.problem(sentence, "review", "checkers")
    if form.persons and not form.checkers:
        sentence = "Output checkers are named, and none is asked for."
        yield where.problem(sentence, "review", "persons")


def _undecidable(dsa: Sourced[DsaFile], people: Sequence[Sourced[PersonFile]]) -> Iterator[Problem]:
    """Yield each agency all of whose reviewers do research here: its outputs would never leave."""
    for agency in dsa.form.agencies:
        mine = (each.form for each in people if each.form.agency == agency)
        reviewers = {form.id for form in mine if Role.REVIEWER in form.roles}
        if reviewers and reviewers <= set(dsa.form.researchers):
            sentence = (
                f"{agency} has no reviewer left for this agreement: {', '.join(sorted(reviewers))} "
                "would decide on outputs of a project they do research in. Name another reviewer."
            )
            yield dsa.source.problem(sentence, "researchers")
