"""Finds what is out of the ordinary for one person, by counting: no model is trained anywhere.

Pure: facts go in, in the order of the log, findings come out, and what must be remembered of each
person lies in a `Past`. Never judges: a finding is a reason to look. An agency's findings come
from the entries on its own data alone (`scope`), so they tell its steward of nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from statistics import median
from typing import Any, NamedTuple

from audit.sentences import Fact, is_person
from audit.thresholds import Kind, Thresholds
from enclave.events import Action, Scalar, Verdict

EVERYTHING = ""  # the scope of those who may see every entry
UNKNOWN = "unknown"  # who failed to log in without a name we know
MOST_DAYS = 90  # past days that are compared with
MOST_LINKS = 12  # entries a finding links to, from its first
MOST_NAMES = 12
MOST_TOLD = 2**40  # rows that one answer is believed to have had
MAD_TO_DEVIATION = 1.4826  # of a normal distribution; Hampel 1974
MINUTE, DAY = 60_000, 86_400_000

# What comes through these sockets is an administrator's command.
COMMANDS = frozenset({"admin", "vault", "linkage"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing out of the ordinary; times in ms since 1970, `first` and `last` entry numbers.

    `numbers` holds what made it and the limits it passed, as `explaining` puts into words. `about`
    tells two findings of one kind apart: the dataset, or what was counted.
    """

    kind: Kind
    scope: str
    person: str
    about: str
    first: int
    last: int
    began: int
    ended: int
    entries: tuple[int, ...]
    numbers: dict[str, Scalar]

    @property
    def id(self) -> str:
        """Return the same name whenever the same log is read with the same thresholds."""
        parts = (self.kind.value, self.scope, self.person, self.about, str(self.first))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


@dataclass(slots=True)
class Past:
    """What is remembered of one person: the day that is running, and what came before it."""

    seen: int = 0
    day: int = 0
    queries: int = 0
    rows: int = 0
    night: int = 0
    late: list[list[int]] = field(default_factory=list)
    commands: int = 0
    days: int = 0
    nights: int = 0
    work_days: int = 0
    work: list[list[int]] = field(default_factory=list)
    denials: list[list[int]] = field(default_factory=list)
    failures: list[list[int]] = field(default_factory=list)
    fresh: list[str] = field(default_factory=list)
    columns: set[str] = field(default_factory=set)
    datasets: set[str] = field(default_factory=set)
    running: dict[str, Finding] = field(default_factory=dict)

    def stored(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        sets = {"columns": sorted(self.columns), "datasets": sorted(self.datasets)}
        running = {name: asdict(each) for name, each in self.running.items()}
        return {**plain, **sets, "running": running}

    @classmethod
    def read(cls, stored: dict[str, Any]) -> Past:
        """Return what `stored` returned."""
        running = {name: finding(each) for name, each in stored["running"].items()}
        sets = {"columns": set(stored["columns"]), "datasets": set(stored["datasets"])}
        return cls(**{**stored, **sets, "running": running})


def finding(stored: dict[str, Any]) -> Finding:
    """Read a finding that was stored as JSON."""
    kind, entries = Kind(stored["kind"]), tuple(stored["entries"])
    return Finding(**{**stored, "kind": kind, "entries": entries})


class _Moment(NamedTuple):
    """One entry as one scope sees it: the person's past, the working day, the local hour."""

    fact: Fact
    scope: str
    past: Past
    day: int
    hour: int
    is_weekend: bool


Check = Callable[["Detector", _Moment], Iterable[Finding]]


class Detector:
    """Reads facts in the order of the log. `recall(scope, person)` gives the past to go on from.

    A finding that grows is returned again under the same id.
    """

    def __init__(self, thresholds: Thresholds, recall: Callable[[str, str], Past]) -> None:
        self._zone, self._recall = thresholds.zone, recall
        self._limits = {kind: rule.limits for kind, rule in thresholds.rules.items()}

    def see(self, fact: Fact) -> list[Finding]:
        """Return what this entry makes known, for those who see all and for each agency."""
        if not is_person(fact.actor) or fact.action is Action.AUDIT_ALERTED:
            return []
        local = datetime.fromtimestamp(fact.time / 1000, tz=self._zone)
        # a night belongs to the day before it
        day = local.toordinal() - (local.hour < self._limits[Kind.NIGHT]["to_hour"])
        weekend, checks = local.weekday() >= 5, _checks(fact)
        found: list[Finding] = []
        for scope in (EVERYTHING, *dict.fromkeys(fact.agencies)):
            past = self._recall(scope, fact.actor)
            found += self._judge(_Moment(fact, scope, past, day, local.hour, weekend), checks)
        return found

    def _judge(self, at: _Moment, checks: Iterable[Check]) -> list[Finding]:
        found = [*self._dormant(at)]
        if at.day > at.past.day:
            self._turn(at)
        at.past.seen = max(at.past.seen, at.fact.time)
        for check in checks:
            found += check(self, at)
        return found

    def _turn(self, at: _Moment) -> None:
        """End the person's last day and begin this one."""
        past = at.past
        if past.queries:
            past.work_days += 1
            past.work = [*past.work, [past.queries, past.rows]][-MOST_DAYS:]
        if past.day:
            past.days += 1
            past.nights += past.night >= self._limits[Kind.NIGHT]["acts"]
        past.columns.update(past.fresh)
        past.fresh, past.late, past.running = [], [], {}
        past.queries = past.rows = past.night = past.commands = 0
        past.day = at.day

    # -- one check a kind -------------------------------------------------------------------------

    def _dormant(self, at: _Moment) -> Iterable[Finding]:
        away = (at.fact.time - at.past.seen) // DAY
        limit = self._limits[Kind.DORMANT]["days"]
        if at.past.seen and at.fact.actor != UNKNOWN and away >= limit:
            yield _new(at, Kind.DORMANT, "", {"days": away, "limit": limit, "seen": at.past.seen})

    def denials(self, at: _Moment) -> Iterable[Finding]:
        """Find many refusals in a short time."""
        limits = self._limits[Kind.DENIALS]
        at.past.denials = _latest(
            _recent(at.past.denials, at.fact, limits["minutes"]), limits["denials"]
        )
        yield from _series(at, Kind.DENIALS, at.past.denials, limits["denials"], limits["minutes"])

    def logins(self, at: _Moment) -> Iterable[Finding]:
        """Find log-ins that failed in a row; one that a provider's outage ended counts as none."""
        limits = self._limits[Kind.LOGINS]
        if at.fact.verdict is Verdict.ALLOWED:
            at.past.failures = []
            at.past.running.pop(f"{Kind.LOGINS}/", None)
        elif at.fact.verdict is Verdict.DENIED:
            at.past.failures = _latest(
                _recent(at.past.failures, at.fact, limits["minutes"]), limits["failures"]
            )
            yield from _series(
                at, Kind.LOGINS, at.past.failures, limits["failures"], limits["minutes"]
            )

    def night(self, at: _Moment) -> Iterable[Finding]:
        """Find work at night by someone who does not work at night."""
        limits, past = self._limits[Kind.NIGHT], at.past
        if not _within(at.hour, limits["from_hour"], limits["to_hour"]):
            return
        past.night += 1
        past.late = _latest([*past.late, [at.fact.time, at.fact.index]], limits["acts"])
        usual = 100 * past.nights // past.days if past.days else 0
        if past.night >= limits["acts"] and usual <= limits["usual_percent"]:
            numbers: dict[str, Scalar] = {
                "acts": past.night, "limit": limits["acts"], "nights": past.nights,
                "days": past.days, "from_hour": limits["from_hour"], "to_hour": limits["to_hour"],
            }  # fmt: skip
            yield _grown(at, Kind.NIGHT, "", numbers, past.late)

    def command(self, at: _Moment) -> Iterable[Finding]:
        """Find an administrator's command outside office hours."""
        limits = self._limits[Kind.ADMIN]
        if not at.is_weekend and _within(at.hour, limits["from_hour"], limits["to_hour"]):
            return
        at.past.commands += 1
        if at.past.commands >= limits["acts"]:
            numbers: dict[str, Scalar] = {
                "commands": at.past.commands, "limit": limits["acts"], "weekend": at.is_weekend,
                "from_hour": limits["from_hour"], "to_hour": limits["to_hour"],
            }  # fmt: skip
            yield _grown(at, Kind.ADMIN, "", numbers)

    def begun(self, at: _Moment) -> Iterable[Finding]:
        """Find too many queries, and what was never asked for before."""
        at.past.queries += 1
        yield from self._volume(at, "queries", at.past.queries, 0)
        yield from self._datasets(at)
        yield from self._columns(at)

    def answered(self, at: _Moment) -> Iterable[Finding]:
        """Find too many rows."""
        rows = at.fact.detail.get("rows")  # its sender's word: any number, or none
        at.past.rows += min(max(rows, 0), MOST_TOLD) if isinstance(rows, int) else 0
        yield from self._volume(at, "rows", at.past.rows, 1)

    def _volume(self, at: _Moment, what: str, today: int, place: int) -> Iterable[Finding]:
        limits, before = self._limits[Kind.VOLUME], at.past.work
        if today <= limits[f"least_{what}"] or len(before) < limits["past_days"]:
            return
        amounts = [day[place] for day in before]
        middle = median(amounts)
        deviation = MAD_TO_DEVIATION * median(abs(amount - middle) for amount in amounts)
        limit = max(
            limits[f"least_{what}"],
            middle + limits["deviations"] * deviation,
            middle * limits["times_median"],
        )
        if today > limit:
            numbers: dict[str, Scalar] = {
                "today": today, "median": middle, "deviation": round(deviation, 1),
                "days": len(before), "limit": round(limit, 1),
            }  # fmt: skip
            yield _grown(at, Kind.VOLUME, what, numbers)

    def _datasets(self, at: _Moment) -> Iterable[Finding]:
        least, past = self._limits[Kind.DATASET]["past_days"], at.past
        for dataset in at.fact.datasets:
            if dataset not in past.datasets and past.work_days >= least:
                numbers: dict[str, Scalar] = {
                    "days": past.work_days, "limit": least, "known": len(past.datasets)
                }  # fmt: skip
                yield _new(at, Kind.DATASET, dataset, numbers)
        past.datasets.update(at.fact.datasets)

    def _columns(self, at: _Moment) -> Iterable[Finding]:
        limits, past = self._limits[Kind.COLUMNS], at.past
        new = [c for c in at.fact.columns if c not in past.columns and c not in past.fresh]
        past.fresh += new
        enough = past.work_days >= limits["past_days"] and len(past.fresh) >= limits["columns"]
        if new and enough:
            numbers: dict[str, Scalar] = {
                "columns": len(past.fresh), "limit": limits["columns"],
                "known": len(past.columns), "names": ", ".join(past.fresh[:MOST_NAMES]),
            }  # fmt: skip
            yield _grown(at, Kind.COLUMNS, "", numbers)


_OF_ACTION: Mapping[Action, Check] = {
    Action.QUERY_INTENT: Detector.begun,
    Action.QUERY_OUTCOME: Detector.answered,
}


def _checks(fact: Fact) -> list[Check]:
    checks: list[Check] = []
    if fact.action is Action.LOGIN:
        checks.append(Detector.logins)
    elif fact.verdict is Verdict.DENIED:
        checks.append(Detector.denials)
    elif fact.action in _OF_ACTION:
        checks.append(_OF_ACTION[fact.action])
    if fact.source in COMMANDS:
        checks.append(Detector.command)
    elif fact.actor != UNKNOWN:
        checks.append(Detector.night)
    return checks


def _series(
    at: _Moment, kind: Kind, kept: list[list[int]], limit: int, minutes: int
) -> Iterable[Finding]:
    """Find a series of at least `limit` in so many minutes, and count it while it goes on."""
    running = at.past.running.get(f"{kind}/")
    if len(kept) < limit:
        at.past.running.pop(f"{kind}/", None)
        return
    counted = int(running.numbers["counted"] or 0) + 1 if running else len(kept)
    yield _grown(at, kind, "", {"counted": counted, "limit": limit, "minutes": minutes}, kept)


def _latest(entries: list[list[int]], most: int) -> list[list[int]]:
    return entries[-most:]


def _recent(before: list[list[int]], fact: Fact, minutes: int) -> list[list[int]]:
    since = fact.time - minutes * MINUTE
    return [*(each for each in before if each[0] >= since), [fact.time, fact.index]]


def _within(hour: int, start: int, end: int) -> bool:
    """Whether an hour lies in [start, end), which may run over midnight."""
    return start <= hour < end if start <= end else hour >= start or hour < end


def _new(at: _Moment, kind: Kind, about: str, numbers: dict[str, Scalar]) -> Finding:
    fact = at.fact
    return Finding(
        kind, at.scope, fact.actor, about, fact.index, fact.index, fact.time, fact.time,
        (fact.index,), numbers,
    )  # fmt: skip


def _grown(
    at: _Moment,
    kind: Kind,
    about: str,
    numbers: dict[str, Scalar],
    entries: list[list[int]] | None = None,
) -> Finding:
    """Return the running finding of this kind grown by this entry, or begin one.

    `entries` are (time, number) of those that made it, where it is not this one alone.
    """
    name = f"{kind}/{about}"
    known = at.past.running.get(name)
    if known is None:
        known = _new(at, kind, about, numbers)
        if entries:
            first, numbered = entries[0], tuple(number for _, number in entries[:MOST_LINKS])
            known = replace(known, began=first[0], first=first[1], entries=numbered)
    elif len(known.entries) < MOST_LINKS:
        known = replace(known, entries=(*known.entries, at.fact.index))
    grown = replace(known, last=at.fact.index, ended=at.fact.time, numbers=numbers)
    at.past.running[name] = grown
    return grown
