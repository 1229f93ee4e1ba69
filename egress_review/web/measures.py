"""How long agencies take to decide, as a chart and a table. Says nothing of any single person."""

from __future__ import annotations

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from egress_review.turnaround import Turnaround
from egress_review.web.acts import service_of
from egress_review.web.room import names_of
from enclave.web import charts, tables
from enclave.web.app import render
from enclave.web.tables import Column

Line = tuple[str, Turnaround]


def turnaround(request: HttpRequest) -> Response:
    """Show every agency's median time to a decision, what waits with it and what is overdue."""
    service = service_of(request)
    names = names_of(service)
    lines = [(names.agency(agency), found) for agency, found in service.turnaround().items()]
    columns: tuple[Column[Line], ...] = (
        Column("agency", "Agency", lambda line: line[0]),
        Column("median", "Median days to decide", _days, sort=_median, numeric=True),
        Column("decided", "Decisions", lambda line: line[1].decided, numeric=True),
        Column("waiting", "Waiting", lambda line: line[1].waiting, numeric=True),
        Column("late", "Of these overdue", lambda line: line[1].late, numeric=True),
    )
    drawn = [
        (name, round(found.median_days, 2))
        for name, found in lines
        if found.median_days is not None
    ]
    return render(
        request,
        "turnaround.html",
        chart=charts.bars("Median days to decide", drawn, label="Agency", unit="days"),
        table=tables.of(
            lines,
            columns,
            tables.state(request, columns, sort="agency"),
            caption="Turnaround by agency",
            empty="Nothing has been submitted yet, so there is nothing to measure.",
        ),
    )


def _days(line: Line) -> str | None:
    days = line[1].median_days
    return None if days is None else f"{days:.1f}"


def _median(line: Line) -> float | None:
    return line[1].median_days
