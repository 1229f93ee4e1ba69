"""How long agencies take to decide, from the times that are stored anyway."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from egress_review.conversation import Conversing
from egress_review.model import Request, State, Vote
from egress_review.transactions import now

DAY = 24 * 60 * 60.0


@dataclass(frozen=True, slots=True)
class Turnaround:
    """One agency's decisions: how many, their median time in days, how many wait, and are late."""

    decided: int
    median_days: float | None
    waiting: int
    late: int


class Timing(Conversing):
    """Reading how long things take."""

    def turnaround(self) -> Mapping[str, Turnaround]:
        """Return each agency's turnaround, over every request there was."""
        known = self.reviews.requests()
        votes = self.reviews.votes_on([one.id for one in known])
        agencies = sorted({agency for one in known for agency in one.agencies})
        return {agency: measured(agency, known, votes) for agency in agencies}


def measured(
    agency: str, requests: Iterable[Request], votes: Mapping[str, tuple[Vote, ...]]
) -> Turnaround:
    """Return one agency's turnaround."""
    days: list[float] = []
    waiting = late = 0
    for one in requests:
        if agency not in one.agencies or one.opened_at is None:
            continue
        at = next((vote.at for vote in votes[one.id] if vote.agency == agency), None)
        if at is not None:
            days.append((at - one.opened_at).total_seconds() / DAY)
        elif one.state is State.PROTECTED:
            waiting += 1
            late += one.due_at is not None and one.due_at < now()
    return Turnaround(len(days), median(days) if days else None, waiting, late)
