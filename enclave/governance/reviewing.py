"""What an agreement may get wrong about the review of its outputs (`review`).

Each problem with its line and a sentence. Pure: reads no file, store or clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from enclave.governance.files import DsaFile, PersonFile, Sourced
from enclave.governance.source import Problem
from enclave.model import Role


def problems(dsa: Sourced[DsaFile], people: Sequence[Sourced[PersonFile]]) -> Iterator[Problem]:
    """Yield who cannot be an output checker, and too few of them."""
    form, where = dsa.form.review, dsa.source
    reviewers = {each.form.id for each in people if Role.REVIEWER in each.form.roles}
    for person in form.persons:
        if person not in reviewers:
            sentence = f"“{person}” is no reviewer, so no output checker."
            yield where.problem(sentence, "review", "persons")
    if len(set(form.persons)) < form.checkers:
        sentence = f"{form.checkers} output checkers are asked for, and fewer are named."
        yield where.problem(sentence, "review", "checkers")
    if form.persons and not form.checkers:
        sentence = "Output checkers are named, and none is asked for."
        yield where.problem(sentence, "review", "persons")
