"""Reads what an auditor asks for out of the address, and offers the fields to ask with.

Never trusts the address: what does not parse is refused in a sentence, and what is looked for in
free text is counted in the log, not repeated there, since it may name a person in the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from urllib.parse import quote

from starlette.requests import Request

from audit.search import Browser, Wanted
from audit.sentences import TITLES, Fact
from enclave.errors import Invalid
from enclave.events import Action, Scalar, Verdict
from enclave.web.tables import Filter, in_order

VERDICTS: Mapping[Verdict, str] = {
    Verdict.ALLOWED: "Allowed",
    Verdict.DENIED: "Denied",
    Verdict.REWRITTEN: "Rewritten",
    Verdict.FAILED: "Failed",
}


def segment(name: str) -> str:
    """Return a name as one segment of an address: a slash in it ends nothing."""
    return quote(name, safe="")


def wanted(request: Request) -> Wanted:
    """Return what the address asks for; raises Invalid for a day that is none."""
    return read(request.query_params)


def read(asked: Mapping[str, str]) -> Wanted:
    """Return what an address's parameters ask for; saved searches keep nothing else."""
    return Wanted(
        person=asked.get("person") or None,
        project=asked.get("project") or None,
        agency=asked.get("agency") or None,
        dataset=asked.get("dataset") or None,
        column=asked.get("column") or None,
        action=asked.get("action") or None,
        verdict=asked.get("verdict") or None,
        since=_day(asked.get("since")),
        until=_day(asked.get("until"), days=1),
        words=asked.get("words") or None,
        lookups=asked.get("lookups") == "yes",
    )


def _day(text: str | None, *, days: int = 0) -> int | None:
    """Return the start of a day (or of the one `days` after) in ms since 1970."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
        start = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=days)
    except (ValueError, OverflowError) as error:
        raise Invalid(
            "The day asked for is not one.", hint="Write it as 2026-01-31, in UTC."
        ) from error
    return int(start.timestamp() * 1000)


def logged(asked: Wanted) -> dict[str, Scalar]:
    """Return what the log keeps of a search: every filter, but of free text the number of words."""
    kept = {
        "person": asked.person,
        "project": asked.project,
        "agency": asked.agency,
        "dataset": asked.dataset,
        "column": asked.column,
        "action": asked.action,
        "verdict": asked.verdict,
        "since": asked.since,
        "until": asked.until,
        "words": len(asked.words.split()) if asked.words else None,
    }
    return {f"asked_{name}": value for name, value in kept.items() if value is not None}


def filters(browser: Browser, names: Mapping[str, str]) -> tuple[Filter[Fact], ...]:
    """Return the fields above the list, offering what really occurs in the log."""
    people = [(id, names.get(id, id)) for id in browser.choices("actor")]
    occurring = set(browser.choices("action"))
    actions = [(a.value, TITLES[a]) for a in Action if a.value in occurring]
    return (
        Filter("words", "Words in the event"),
        Filter("person", "Person", "select", tuple(sorted(people, key=lambda p: in_order(p[1])))),
        _of(browser, "project", "Project"),
        Filter("agency", "Agency", "select", _pairs(browser.choices("agency"), upper=True)),
        _of(browser, "dataset", "Dataset"),
        _of(browser, "column", "Column"),
        Filter("action", "What happened", "select", tuple(sorted(actions, key=lambda a: a[1]))),
        Filter("verdict", "Verdict", "select", tuple((v.value, w) for v, w in VERDICTS.items())),
        Filter("since", "From day (UTC)", "date"),
        Filter("until", "To day (UTC)", "date"),
    )


def _of(browser: Browser, column: str, label: str) -> Filter[Fact]:
    return Filter(column, label, "select", _pairs(browser.choices(column)))


def _pairs(values: list[str], *, upper: bool = False) -> tuple[tuple[str, str], ...]:
    ordered = sorted(values, key=in_order)
    return tuple((value, value.upper() if upper else value) for value in ordered)
