"""A month in the life of the demo network, written straight into a log with times of its own.

For pages and verification: who is who, what they did, refusals, an interrupted query, a release.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

from audit.custody import AuditFiles, open_log, sign_checkpoint
from audit.log import Sender
from enclave.events import Action, Event, Stamp, Verdict, encode
from enclave.model import Person, Role
from enclave.settings import Settings
from enclave.store import Appends, ControlStore, put

PEOPLE = {
    "rosa": Person("rosa", "Rosa Rivera", "rosa@uni.example", frozenset({Role.RESEARCHER})),
    "ravi": Person("ravi", "Ravi Rao", "ravi@uni.example", frozenset({Role.RESEARCHER})),
    "dora": Person("dora", "Dora Diaz", "dora@dol.example", frozenset({Role.REVIEWER}), "dol"),
    "carl": Person("carl", "Carl Chen", "carl@cscu.example", frozenset({Role.REVIEWER}), "cscu"),
    "alma": Person("alma", "Alma Alvarez", "alma@audit.example", frozenset({Role.AUDITOR})),
    "stella": Person(
        "stella", "Stella Stone", "stella@dol.example", frozenset({Role.STEWARD}), "dol"
    ),
    "adam": Person("adam", "Adam Ames", "adam@hub.example", frozenset({Role.ADMINISTRATOR})),
}
CLAUSE = "dsa-credential-pay, views.wages.columns"
HOUR = 3_600_000
DAY = 24 * HOUR
PAIR = Event(
    Action.LOGIN, "", project="credential-pay", agencies=("cscu", "dol"),
    datasets=("credentials", "wages"), clause="dsa-credential-pay",
)  # fmt: skip


def enter_people(store: ControlStore, audit: Appends) -> None:
    """Enter the cast into the control store."""
    with store.record(audit, Event(Action.AGREEMENT_APPLIED, "adam")) as connection:
        for id, person in PEOPLE.items():
            put(connection, "person", id, person)


def beginning() -> Iterator[tuple[str, Event]]:
    """What happens once: agreements, deliveries, linkage, the project's extract."""
    yield "admin", Event(Action.AGREEMENT_APPLIED, "adam", detail={"agreements": 3})
    for agency, dataset in (("dol", "wages"), ("cscu", "credentials"), ("oec", "wic")):
        delivery = Event(
            Action.DELIVERY_STORED, "adam", agencies=(agency,), datasets=(dataset,),
            detail={"rows": 10_512, "version": 0, "sha256": "5e" * 32},
        )  # fmt: skip
        yield "vault", delivery
    yield "linkage", Event(Action.LINKAGE_RUN, "linkage", datasets=("wages", "credentials", "wic"))
    for project in ("credential-pay", "early-start"):
        yield "admin", Event(Action.PROJECT_PROVISIONED, "adam", project=project)
    yield "admin", replace(PAIR, action=Action.PROJECT_BUILT, actor="adam", detail={"epoch": 1})


def working_day(day: int) -> Iterator[tuple[str, Event]]:
    """A researcher's day: a workspace, some queries, one of them refused, one interrupted."""
    session = f"s-{day:04}"
    person = "rosa" if day % 3 else "ravi"
    yield "hub", Event(Action.LOGIN, person, detail={"site": "hub"})
    yield "hub", replace(PAIR, action=Action.SESSION_OPENED, actor=person, session=session)
    for number in range(2 + day % 5):
        yield from query(f"q-{day:04}-{number:02}", person, session)
    if day % 2:
        yield "gateway", replace(
            PAIR, action=Action.QUERY_DENIED, actor=person, session=session,
            verdict=Verdict.DENIED, intent=f"q-{day:04}-no", clause=CLAUSE,
            detail={"code": "gateway.not-approved", "sql": "SELECT employer_id FROM wages"},
        )  # fmt: skip
    if day % 7 == 3:
        lost = replace(PAIR, action=Action.QUERY_INTENT, actor=person, intent=f"q-{day:04}-lost")
        yield "gateway", lost
        yield "audit", replace(lost, action=Action.INTERRUPTED, verdict=Verdict.FAILED)
    if day % 4 == 1:
        yield from release(f"r-{day:04}", person)
    yield "hub", replace(PAIR, action=Action.SESSION_CLOSED, actor=person, session=session)


def query(id: str, person: str, session: str) -> Iterator[tuple[str, Event]]:
    sql = "SELECT industry, avg(wage) FROM wages WHERE year = ? GROUP BY industry"
    both = replace(PAIR, action=Action.QUERY_INTENT, actor=person, session=session, intent=id)
    columns = ("wages.industry", "wages.wage", "wages.year")
    yield "gateway", replace(both, columns=columns, detail={"sql": sql, "sql_hmac": "ab" * 32})
    yield "gateway", replace(both, action=Action.QUERY_OUTCOME, detail={"rows": 24, "bytes": 1_536})


def release(id: str, person: str) -> Iterator[tuple[str, Event]]:
    def event(action: Action, actor: str, **detail: str | int) -> tuple[str, Event]:
        return "egress", replace(PAIR, action=action, actor=actor, detail={"request": id, **detail})

    yield event(Action.OUTPUT_SUBMITTED, person)
    yield event(Action.OUTPUT_PROTECTED, person, suppressed=4)
    for reviewer, agency in (("dora", "dol"), ("carl", "cscu")):
        yield "egress", Event(Action.LOGIN, reviewer, detail={"site": "review"})
        yield event(Action.OUTPUT_VIEWED, reviewer)
        yield event(Action.OUTPUT_VOTED, reviewer, agency=agency, decision="approve")
    yield event(Action.OUTPUT_RELEASED, "egress", sha256="7f" * 32)
    yield event(Action.OUTPUT_DOWNLOADED, person, file="table.csv")


def office_hours(at: int) -> int:
    """Return eight in the morning (UTC) of that day, or of the Friday before a weekend."""
    morning = at - at % DAY + 8 * HOUR
    weekday = (at // DAY + 3) % 7  # the first of 1970 was a Thursday
    return morning - max(0, weekday - 4) * DAY


def tell(settings: Settings, *, days: int = 30) -> int:
    """Write the story of the last `days` days; return how many entries there are."""
    files = AuditFiles.of(settings)
    log, signer = open_log(files, settings.origin)
    start = int(time.time() * 1000) - days * DAY
    numbers: dict[str, int] = {}

    def write(events: list[tuple[str, Event]], at: int) -> None:
        with log.write() as batch:
            for place, (source, event) in enumerate(events):
                seq = numbers.get(source, 0)
                numbers[source] = seq + 1
                when = at + place * 9 * HOUR // len(events)
                stamp = Stamp(when, source, f"story-{source}", seq, f"{batch.size:032x}")
                receipt = batch.add(encode(event, stamp), Sender(source, stamp.instance, seq))
                if event.intent and event.action is Action.QUERY_INTENT:
                    batch.begin_intent(event.intent, receipt.index)
                elif event.intent:
                    batch.end_intent(event.intent, receipt.index)

    with closing(log):
        write(list(beginning()), office_hours(start))
        for day in range(1, days):
            write(list(working_day(day)), start - start % DAY + day * DAY + 8 * HOUR)
        sign_checkpoint(log, files, signer)
        return log.size
