"""What is said of a table that no query of its author answers."""

from __future__ import annotations

from collections.abc import Sequence

from egress_review.errors import NotItsAnswer, OutputRefused


def gravest(refusals: Sequence[OutputRefused]) -> OutputRefused:
    """Return the first refusal that no reviewer could set aside, or else the first."""
    grave = (one for one in refusals if not isinstance(one, NotItsAnswer))
    return next(grave, refusals[0])


def none_of(count: int, first: OutputRefused) -> OutputRefused:
    """Return the refusal of a table that is the answer of none of its queries."""
    if count == 1:
        return first
    return type(first)(
        f"The table is not the answer of any of its {count} queries: {first.sentence}",
        hint=first.hint,
    )


def not_yours() -> OutputRefused:
    """Return the refusal of lineage that is somebody else's."""
    return OutputRefused(
        "One of the queries was not run to its end by you in this project.",
        hint="Run it in this workspace and submit its answer.",
    )
