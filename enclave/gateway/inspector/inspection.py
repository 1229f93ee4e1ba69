"""What the inspector says of a query that may run. A noun only."""

from __future__ import annotations

from dataclasses import dataclass

from enclave.events import Verdict


@dataclass(frozen=True, slots=True)
class Inspection:
    """An allowed query: what it reads, under which clause, and its text without literals.

    `sql` is the text to run, `asked` the researcher's own; they differ when the verdict is
    rewritten. `reasons` are sentences a researcher can be told.
    """

    sql: str
    asked: str
    redacted: str
    views: tuple[str, ...]
    columns: tuple[str, ...]
    agencies: tuple[str, ...]
    datasets: tuple[str, ...]
    clause: str
    verdict: Verdict = Verdict.ALLOWED
    reasons: tuple[str, ...] = ()
