"""Puts a finding into words: what was counted, which limit it passed, what would be innocent.

Never says more than the finding's numbers, and never that somebody did wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from urllib.parse import urlencode

from audit.anomalies import EVERYTHING, UNKNOWN, Finding
from audit.thresholds import Kind, Thresholds


@dataclass(frozen=True, slots=True)
class Explanation:
    """A finding in words. `limits` are (what, amount, reason); `events` leads to the entries."""

    title: str
    sentence: str
    scope: str
    numbers: tuple[tuple[str, str], ...]
    limits: tuple[tuple[str, str, str], ...]
    innocent: str
    events: str


def explain(finding: Finding, thresholds: Thresholds, name: str) -> Explanation:
    """Return the finding in words; `name` is the person's."""
    rule, shown = thresholds.rules[finding.kind], _Shown(finding, thresholds.zone)
    sentence = _SENTENCES[finding.kind](shown)
    return Explanation(
        title=rule.title,
        sentence=f"{_who(finding, name)} {sentence}.",
        scope=_scope(finding),
        numbers=shown.table(),
        limits=tuple(
            (_spelt(what), f"{amount:,}", rule.reasons[what])
            for what, amount in rule.limits.items()
        ),
        innocent=rule.innocent,
        events=events_link(finding),
    )


def events_link(finding: Finding) -> str:
    """Return the address of the list of entries around a finding."""
    began = datetime.fromtimestamp(finding.began / 1000, tz=UTC)
    ended = datetime.fromtimestamp(finding.ended / 1000, tz=UTC)
    asked = {"person": finding.person, "since": f"{began:%Y-%m-%d}", "until": f"{ended:%Y-%m-%d}"}
    if finding.kind is Kind.DENIALS:
        asked["verdict"] = "denied"
    if finding.kind is Kind.LOGINS:
        asked["action"] = "login"
    return f"/events?{urlencode(asked)}"


class _Shown:
    """A finding's numbers as words."""

    def __init__(self, finding: Finding, zone: tzinfo):
        self.finding, self._zone = finding, zone

    def __getitem__(self, name: str) -> str:
        value = self.finding.numbers.get(name)
        return f"{value:,.10g}" if isinstance(value, int | float) else str(value)

    def count(self, name: str, noun: str) -> str:
        """Return a number with its noun."""
        return f"{self[name]} {noun if self.finding.numbers.get(name) == 1 else noun + 's'}"

    @property
    def night(self) -> str:
        """Return the night's two dates, in the network's time zone."""
        began = datetime.fromtimestamp(self.finding.began / 1000, tz=self._zone)
        evening = began if began.hour >= 12 else began - timedelta(days=1)
        return f"{evening:%-d %B} to {evening + timedelta(days=1):%-d %B %Y}"

    @property
    def at(self) -> str:
        """Return when it began, in the network's time zone."""
        began = datetime.fromtimestamp(self.finding.began / 1000, tz=self._zone)
        return f"{began:%A, %-d %B %Y, %H:%M} ({began:%Z})"

    @property
    def span(self) -> str:
        """Return how long it went on."""
        minutes = (self.finding.ended - self.finding.began) // 60_000
        return "within a minute" if minutes < 1 else f"within {minutes + 1:,} minutes"

    def table(self) -> tuple[tuple[str, str], ...]:
        """Return every number with its label."""
        stored = [
            (_spelt(name), self._date(name) if name == "seen" else self[name])
            for name, value in self.finding.numbers.items()
            if not isinstance(value, bool)
        ]
        return (("Began", self.at), *stored)

    def _date(self, name: str) -> str:
        value = self.finding.numbers[name]
        at = datetime.fromtimestamp(float(value or 0) / 1000, tz=self._zone)
        return f"{at:%Y-%m-%d}"


def _denials(at: _Shown) -> str:
    return f"was refused {at.count('counted', 'time')} {at.span}"


def _night(at: _Shown) -> str:
    before = f"on {at['nights']} of {at.count('days', 'day')} before"
    return (
        f"did {at.count('acts', 'thing')} in the night of {at.night}, and worked at night {before}"
    )


def _volume(at: _Shown) -> str:
    about = at.finding.about
    verb = "received" if about == "rows" else "asked"
    return (
        f"{verb} {at['today']} {about} in one day; on {at.count('days', 'past day')} with queries "
        f"the median is {at['median']}"
    )


def _dormant(at: _Shown) -> str:
    return f"was active again after {at.count('days', 'day')}"


def _dataset(at: _Shown) -> str:
    return (
        f"asked for data of {at.finding.about} for the first time, after "
        f"{at.count('days', 'day')} of work without it"
    )


def _columns(at: _Shown) -> str:
    return (
        f"asked for {at.count('columns', 'column')} in one day that they had never asked for "
        f"before; {at['known']} were known"
    )


def _logins(at: _Shown) -> str:
    return f"failed to log in {at.count('counted', 'time')} in a row {at.span}"


def _command(at: _Shown) -> str:
    when = "at a weekend" if at.finding.numbers["weekend"] else "outside office hours"
    commands = at.count("commands", "administrator's command")
    return f"gave {commands} {when}, from {at.at}"


_SENTENCES: Mapping[Kind, Callable[[_Shown], str]] = {
    Kind.DENIALS: _denials,
    Kind.NIGHT: _night,
    Kind.VOLUME: _volume,
    Kind.DORMANT: _dormant,
    Kind.DATASET: _dataset,
    Kind.COLUMNS: _columns,
    Kind.LOGINS: _logins,
    Kind.ADMIN: _command,
}

_LABELS: Mapping[str, str] = {
    "acts": "Entries in the night",
    "commands": "Commands",
    "columns": "New columns",
    "counted": "Counted",
    "days": "Days compared with",
    "deviation": "Robust deviation",
    "deviations": "Robust deviations above the median",
    "denials": "Refusals",
    "failures": "Failed log-ins in a row",
    "from_hour": "From hour",
    "known": "Known before",
    "least_queries": "Queries a day that are never named",
    "least_rows": "Rows a day that are never named",
    "limit": "Limit",
    "median": "Median",
    "minutes": "Within minutes",
    "names": "Among them",
    "nights": "Of them with work at night",
    "past_days": "Least days of past work",
    "seen": "Last seen",
    "times_median": "Times the median",
    "to_hour": "To hour",
    "today": "On this day",
    "usual_percent": "Percent of nights that make a habit",
}


def _spelt(name: str) -> str:
    return _LABELS[name]


def _who(finding: Finding, name: str) -> str:
    return "Somebody without a known name" if finding.person == UNKNOWN else name


def _scope(finding: Finding) -> str:
    if finding.scope == EVERYTHING:
        return "Counted over all entries."
    return f"Counted over the entries on data of {finding.scope.upper()} alone."
