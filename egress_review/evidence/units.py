"""Which columns of a project's views tell employers and households apart, so as to count them.

A dataset names them (`units`); an agreement may not grant the column, and then nobody can count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from egress_review.evidence.evidence_sql import Units
from egress_review.model import Note
from enclave.model import ColumnRole, Dataset, Policy, View


def known(policy: Policy, datasets: Mapping[str, Dataset]) -> Units:
    """Return, per view, the columns that can be counted by."""
    return {view.name: dict(_granted(view, datasets)) for view in policy.views}


def uncounted(
    policy: Policy, datasets: Mapping[str, Dataset], views: Sequence[str]
) -> tuple[Note, ...]:
    """Return a note for each view read whose employers or households nobody could count."""
    return tuple(
        Note(
            "units.uncounted",
            f"{view.name} tells {kind} apart, but the agreement does not grant that column: how "
            f"many {kind} stand behind each number was not counted.",
        )
        for view in policy.views
        if view.name in views and view.dataset in datasets
        for kind in datasets[view.dataset].units
        if kind not in dict(_granted(view, datasets))
    )


def _granted(view: View, datasets: Mapping[str, Dataset]) -> Iterator[tuple[str, str]]:
    columns = {column.name for column in view.columns if column.role is not ColumnRole.HIDDEN}
    if view.dataset in datasets:
        for kind, column in datasets[view.dataset].units.items():
            if column in columns:
                yield kind, column
