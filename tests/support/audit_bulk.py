"""A year of an enclave's life at any size, written straight into a log: `write_log(settings, n)`.

For tests and benchmarks of searching, verifying and proving: researchers, reviewers and systems at
work, refusals, interrupted queries, releases with their votes, nights, weekends, bursts of denials.
Everything the verifier checks holds. The same seed gives the same events; nonces and keys differ
from run to run only where a key is made anew. About 40 microseconds an entry.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace

from audit.custody import AuditFiles, open_log, sign_checkpoint
from audit.log import Log, Sender
from enclave.events import Action, Event, Scalar, Stamp, Verdict, encode
from enclave.settings import Settings

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
FIELDS = {
    "wages": ("person_id", "year", "quarter", "industry", "county", "wage", "employer_size"),
    "credentials": ("person_id", "year", "institution", "level", "field", "status"),
    "enrolment": ("person_id", "year", "school", "grade", "attendance"),
    "wic": ("person_id", "year", "county", "category", "months"),
    "benefits": ("person_id", "year", "programme", "months", "household_size"),
    "early-care": ("person_id", "year", "provider", "hours", "subsidised"),
}
OWNER = {
    "wages": "dol", "credentials": "cscu", "enrolment": "csde",
    "wic": "dss", "benefits": "dss", "early-care": "oec",
}  # fmt: skip
PROJECTS = {
    "credential-pay": ("credentials", "wages"),
    "early-start": ("wic", "enrolment", "early-care"),
    "school-to-work": ("enrolment", "credentials", "wages"),
    "benefit-cliffs": ("benefits", "wages"),
    "child-care-work": ("early-care", "wages"),
    "college-access": ("enrolment", "credentials"),
    "hunger-school": ("wic", "benefits", "enrolment"),
    "earnings-panel": ("wages",),
}
RESEARCHERS = ("rosa", "ravi", *(f"r{number:03}" for number in range(60)))
REVIEWERS = {"dol": "dora", "cscu": "carl", "csde": "edna", "dss": "dina", "oec": "otto"}
SQL = (
    "SELECT {0}, count(*) AS n FROM {1} WHERE year = ? GROUP BY {0}",
    "SELECT {0}, {2} FROM {1} WHERE year BETWEEN ? AND ? ORDER BY {2}",
    "WITH t AS (SELECT {0}, {2}, row_number() OVER (PARTITION BY {0} ORDER BY {2}) AS k FROM {1})"
    " SELECT {0}, count(*) FROM t WHERE k < ? GROUP BY {0}",
)
CODES = ("gateway.not-approved", "gateway.too-few", "gateway.not-understood", "gateway.budget")


@dataclass(frozen=True, slots=True)
class Step:
    """One event to come: when (ms since 1970, UTC), through which socket."""

    time: int
    source: str
    event: Event


def write_log(settings: Settings, count: int, *, seed: int = 0) -> None:
    """Write a new, signed log of exactly `count` entries that end about now."""
    files = AuditFiles.of(settings)
    log, signer = open_log(files, settings.origin)
    with closing(log):
        if log.size:
            raise ValueError("the log has entries already")
        _Scribe(log).write(steps(count, seed=seed))
        sign_checkpoint(log, files, signer)


def steps(count: int, *, seed: int = 0) -> Iterator[Step]:
    """Yield `count` events in the order of their times, over a year or what `count` fills."""
    days = max(1, min(365, count // 60))
    today = time.time_ns() // 1_000_000 // DAY * DAY
    life, left = _Life(random.Random(seed)), count
    for number in range(days):
        share = left // (days - number)
        day = life.day(today - (days - number) * DAY, share)
        yield from day
        left -= len(day)


class _Scribe:
    """Numbers the events of each source and writes them in large transactions."""

    CHUNK = 20_000

    def __init__(self, log: Log):
        self._log = log
        self._next: dict[str, int] = {}

    def write(self, steps: Iterator[Step]) -> None:
        """Write everything."""
        more = True
        while more:
            with self._log.write() as batch:
                for _ in range(self.CHUNK):
                    step = next(steps, None)
                    more = step is not None
                    if step is None:
                        break
                    seq = self._next.get(step.source, 0)
                    self._next[step.source] = seq + 1
                    sender = Sender(step.source, f"bulk-{step.source}", seq)
                    nonce = f"{batch.size:032x}"
                    stamp = Stamp(step.time, sender.source, sender.instance, seq, nonce)
                    receipt = batch.add(encode(step.event, stamp), sender)
                    intent, action = step.event.intent, step.event.action
                    if intent and action is Action.QUERY_INTENT:
                        batch.begin_intent(intent, receipt.index)
                    elif intent:
                        batch.end_intent(intent, receipt.index)


class _Life:
    """Makes up who does what; every answer comes out of one seeded source of chance."""

    def __init__(self, chance: random.Random):
        self._chance = chance
        self._made = 0

    def day(self, midnight: int, most: int) -> list[Step]:
        """Return exactly `most` events of one day, in order."""
        found: list[Step] = []
        quiet = time.gmtime(midnight // 1000).tm_wday >= 5
        while (left := most - len(found)) > 0:
            story = self._story(midnight, quiet=quiet)
            if len(story) <= left:
                found += story
            elif left < 40:  # what is left of the day's share is small talk: nothing stays open
                found += [self._door(midnight + self._within_day(quiet)) for _ in range(left)]
        return sorted(found, key=lambda step: step.time)

    def _story(self, midnight: int, *, quiet: bool) -> list[Step]:
        at, roll = midnight + self._within_day(quiet), self._chance.random()
        if roll < 0.86:
            return self._session(at)
        if roll < 0.89:
            return self._release(at)
        if roll < 0.90:
            return self._burst(at)
        if roll < 0.94:
            return [self._delivery(at)]
        return [self._door(at)]

    def _within_day(self, quiet: bool) -> int:
        """Return a time of day in ms: office hours mostly, some of it at night."""
        if self._chance.random() < (0.5 if quiet else 0.05):
            return self._chance.randrange(DAY - 3 * HOUR)
        hour = min(16.0, max(7.0, self._chance.gauss(12.0, 2.2)))
        return int(hour * HOUR)

    def _id(self, letter: str) -> str:
        self._made += 1
        return f"{letter}-{self._made:016x}"

    def _project(self, person: str, project: str | None = None) -> Event:
        """Return what events of this person's project have in common."""
        name = project or self._chance.choice(tuple(PROJECTS))
        datasets = PROJECTS[name]
        agencies = tuple(sorted({OWNER[dataset] for dataset in datasets}))
        return Event(
            Action.CATALOGUE_READ, person, project=name, agencies=agencies, datasets=datasets,
            clause=f"dsa-{name}",
        )  # fmt: skip

    def _person(self) -> str:
        """Return a researcher; a few do most of the work."""
        return RESEARCHERS[min(int(self._chance.expovariate(0.08)), len(RESEARCHERS) - 1)]

    def _door(self, at: int) -> Step:
        person = self._chance.choice((*RESEARCHERS, *REVIEWERS.values(), "alma", "adam"))
        site = self._chance.choice(("hub", "review", "audit"))
        refused = self._chance.random() < 0.06
        verdict = Verdict.DENIED if refused else Verdict.ALLOWED
        action = self._chance.choice((Action.LOGIN, Action.LOGOUT)) if not refused else Action.LOGIN
        return Step(at, "hub", Event(action, person, verdict, detail={"site": site}))

    def _delivery(self, at: int) -> Step:
        dataset = self._chance.choice(tuple(FIELDS))
        self._made += 1
        detail: dict[str, Scalar] = {
            "rows": self._chance.randrange(1000, 500_000),
            "version": self._made,
            "sha256": f"{self._chance.getrandbits(256):064x}",
        }
        stored = Event(
            Action.DELIVERY_STORED, "adam", agencies=(OWNER[dataset],), datasets=(dataset,),
            clause="e-mou, article 4", detail=detail,
        )  # fmt: skip
        return Step(at, "vault", stored)

    def _session(self, at: int) -> list[Step]:
        """A researcher's sitting: log-in, workspace, queries, some of them refused."""
        person = self._person()
        shared = replace(self._project(person), session=self._id("s"))
        found = [
            Step(at, "hub", Event(Action.LOGIN, person, detail={"site": "hub"})),
            Step(at + 2000, "hub", replace(shared, action=Action.SESSION_OPENED)),
            Step(at + 9000, "gateway", shared),
        ]
        for _ in range(self._chance.randrange(1, 25)):
            at += self._chance.randrange(5000, 6 * MINUTE)
            found += self._query(at, shared)
        closed = replace(shared, action=Action.SESSION_CLOSED)
        return [*found, Step(at + MINUTE, "hub", closed)]

    def _query(self, at: int, shared: Event) -> list[Step]:
        intent, roll = self._id("q"), self._chance.random()
        if roll < 0.07:
            return [self._denied(at, shared, intent)]
        dataset = self._chance.choice(shared.datasets)
        group, measure = self._chance.sample(FIELDS[dataset], 2)
        text = self._chance.choice(SQL).format(group, dataset, measure)
        asked = replace(
            shared,
            action=Action.QUERY_INTENT,
            verdict=Verdict.REWRITTEN if roll < 0.3 else Verdict.ALLOWED,
            agencies=(OWNER[dataset],),
            datasets=(dataset,),
            columns=(f"{dataset}.{group}", f"{dataset}.{measure}"),
            clause=f"{shared.clause}, views.{dataset}.columns",
            intent=intent,
            detail={"sql": text, "sql_hmac": f"{self._chance.getrandbits(128):032x}", "epoch": 1},
        )
        took = self._chance.randrange(20, 4000)
        if roll > 0.995:
            end = replace(asked, action=Action.INTERRUPTED, verdict=Verdict.FAILED, detail={})
            return [Step(at, "gateway", asked), Step(at + took, "audit", end)]
        rows = self._chance.randrange(0, 5000)
        sizes: dict[str, Scalar] = {"rows": rows, "bytes": rows * 64, "seconds": took / 1000}
        end = replace(asked, action=Action.QUERY_OUTCOME, detail=sizes)
        return [Step(at, "gateway", asked), Step(at + took, "gateway", end)]

    def _denied(self, at: int, shared: Event, intent: str) -> Step:
        dataset = self._chance.choice(tuple(FIELDS))
        denied = replace(
            shared,
            action=Action.QUERY_DENIED,
            verdict=Verdict.DENIED,
            clause=f"{shared.clause}, views",
            intent=intent,
            detail={
                "sql": f"SELECT * FROM {dataset} WHERE person_id = ?",
                "sql_hmac": f"{self._chance.getrandbits(128):032x}",
                "code": self._chance.choice(CODES),
            },
        )
        return Step(at, "gateway", denied)

    def _burst(self, at: int) -> list[Step]:
        """Somebody tries and tries: what an anomaly rule should see."""
        shared = replace(self._project(self._person()), session=self._id("s"))
        return [self._denied(at + n * 4000, shared, self._id("q")) for n in range(30)]

    def _release(self, at: int) -> list[Step]:
        """An output from submission to download, with the vote of every agency; or a rejection."""
        person, output = self._person(), self._id("r")
        shared = self._project(person)

        def step(after: int, action: Action, actor: str, **detail: Scalar) -> Step:
            event = replace(
                shared, action=action, actor=actor, detail={"request": output, **detail}
            )
            return Step(at + after * MINUTE, "egress", event)

        found = [
            step(0, Action.OUTPUT_SUBMITTED, person),
            step(1, Action.OUTPUT_PROTECTED, person, suppressed=self._chance.randrange(20)),
        ]
        rejected = self._chance.random() < 0.2
        for place, agency in enumerate(shared.agencies):
            voter, after = REVIEWERS[agency], 5 + place * 9
            found.append(step(after, Action.OUTPUT_VIEWED, voter))
            action = Action.OUTPUT_REJECTED if rejected else Action.OUTPUT_VOTED
            decision = "reject" if rejected else "approve"
            found.append(step(after + 1, action, voter, agency=agency, decision=decision))
            if rejected:
                return found
        digest = f"{self._chance.getrandbits(256):064x}"
        found.append(step(60, Action.OUTPUT_RELEASED, "egress", sha256=digest))
        return [*found, step(65, Action.OUTPUT_DOWNLOADED, person, file="table.csv")]
