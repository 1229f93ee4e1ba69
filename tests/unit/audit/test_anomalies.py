"""Anomalies: what is planted is found, ordinary months are left alone, an agency sees its own."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from audit.anomalies import MOST_LINKS, Detector, Finding, Past
from audit.custody import AuditFiles, open_log
from audit.explaining import explain
from audit.findings import Findings, Sought
from audit.log import Sender, open_reader
from audit.sentences import Fact
from audit.thresholds import LIMITS, SHIPPED, Kind, Thresholds, load, zone_of
from enclave.errors import Invalid
from enclave.events import Action, Event, Stamp, Verdict, encode
from enclave.settings import Settings
from tests.support import audit_story
from tests.support.audit_bulk import write_log

HOUR, DAY = 3_600_000, 86_400_000
MONDAY = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp() * 1000)
MONTH = 28


@pytest.fixture(scope="module")
def thresholds(tmp_path_factory: pytest.TempPathFactory) -> Thresholds:
    return load(Settings(state_dir=tmp_path_factory.mktemp("state")))


class Log:
    """Facts in the order of a log, and what a detector says of them."""

    def __init__(self, thresholds: Thresholds):
        self.thresholds = thresholds
        self.pasts: dict[tuple[str, str], Past] = {}
        self.found: dict[str, Finding] = {}
        self.facts: list[Fact] = []
        self._detector = Detector(thresholds, self._recall)

    def _recall(self, scope: str, person: str) -> Past:
        return self.pasts.setdefault((scope, person), Past())

    def add(self, time: int, source: str, event: Event) -> Fact:
        fact = Fact(
            index=len(self.facts), time=time, actor=event.actor, action=event.action,
            verdict=event.verdict, project=event.project, agencies=event.agencies,
            datasets=event.datasets, columns=event.columns, clause=event.clause,
            intent=event.intent, session=event.session, source=source, detail=event.detail,
        )  # fmt: skip
        self.facts.append(fact)
        self.found.update((each.id, each) for each in self._detector.see(fact))
        return fact

    def months(self, days: int, *, seed: int = 0) -> None:
        """The story's working days, each starting at a morning hour of its own."""
        chance = random.Random(seed)
        for source, event in audit_story.beginning():
            self.add(MONDAY + 9 * HOUR, source, event)
        for day in range(1, days):
            start = MONDAY + day * DAY + chance.randrange(7 * HOUR, 10 * HOUR)
            work = list(audit_story.working_day(day))
            for place, (source, event) in enumerate(work):
                self.add(start + place * 9 * HOUR // len(work), source, event)

    def query(self, time: int, person: str = "rosa", *, rows: int = 24, **changes: object) -> None:
        columns = ("wages.industry", "wages.wage", "wages.year")
        both = replace(audit_story.PAIR, actor=person, columns=columns, **changes)
        self.add(time, "gateway", replace(both, action=Action.QUERY_INTENT))
        ended = replace(both, action=Action.QUERY_OUTCOME, columns=(), detail={"rows": rows})
        self.add(time + 1000, "gateway", ended)

    def of(self, scope: str = "") -> list[Finding]:
        return [each for each in self.found.values() if each.scope == scope]

    def kinds(self, scope: str = "") -> set[Kind]:
        return {each.kind for each in self.of(scope)}


@pytest.fixture
def log(thresholds: Thresholds) -> Log:
    return Log(thresholds)


@pytest.fixture
def month(log: Log) -> Log:
    log.months(MONTH)
    assert log.of() == []
    return log


LATER = MONDAY + MONTH * DAY


def refused(log: Log, time: int, many: int, apart: int = 60_000) -> None:
    event = replace(
        audit_story.PAIR, action=Action.QUERY_DENIED, actor="rosa", verdict=Verdict.DENIED
    )
    for number in range(many):
        log.add(time + number * apart, "gateway", event)


def test_many_refusals_in_a_short_time_are_one_finding_that_grows(month: Log) -> None:
    refused(month, LATER + 10 * HOUR, 30)
    (found,) = month.of()
    assert (found.kind, found.numbers["counted"]) == (Kind.DENIALS, 30)
    assert found.last - found.first == 29
    assert len(found.entries) == MOST_LINKS


@pytest.mark.parametrize(("many", "apart"), [(5, 60_000), (30, 4 * 60_000)])
def test_few_refusals_or_slow_ones_are_none(month: Log, many: int, apart: int) -> None:
    refused(month, LATER + 10 * HOUR, many, apart)
    assert month.of() == []


def test_work_at_night_is_found_once_and_names_the_night(month: Log) -> None:
    for minute in range(0, 90, 10):
        month.query(LATER + 25 * HOUR + minute * 60_000)
    (found,) = month.of()
    assert found.kind is Kind.NIGHT
    told = explain(found, month.thresholds, "Rosa Rivera")
    assert "in the night of 30 March to 31 March 2026" in told.sentence
    assert "on 0 of 18 days before" in told.sentence


def test_who_often_works_at_night_is_not_named_for_it(log: Log) -> None:
    for day in range(30):
        for minute in range(0, 90, 10):
            log.query(MONDAY + day * DAY + 23 * HOUR + minute * 60_000)
    assert [(each.kind, each.began // DAY) for each in log.of()] == [(Kind.NIGHT, MONDAY // DAY)]


def test_night_is_night_where_the_network_is(thresholds: Thresholds) -> None:
    found = []
    for zone in ("UTC", "America/New_York"):
        log = Log(replace(thresholds, zone=zone_of(zone)))
        log.months(MONTH)
        before = len(log.of())
        for minute in range(0, 90, 10):
            log.query(LATER + 25 * HOUR + minute * 60_000)  # 20:00 to 21:30 in New York
        found.append(len(log.of()) - before)
    assert found == [1, 0]


def test_sudden_volume_is_measured_against_the_persons_own_past(month: Log) -> None:
    month.query(LATER + 10 * HOUR, rows=40_000)
    (found,) = month.of()
    assert (found.kind, found.about) == (Kind.VOLUME, "rows")
    assert found.numbers["today"] == 40_000
    assert found.numbers["median"] == 96  # four queries a day of 24 rows each
    told = explain(found, month.thresholds, "Rosa Rivera")
    assert "received 40,000 rows in one day" in told.sentence
    assert told.sentence.endswith("the median is 96.")


def test_rows_beyond_belief_neither_end_the_detector_nor_hide_what_else_was_received(
    month: Log,
) -> None:
    month.query(LATER + 9 * HOUR, rows=-(10**9))
    month.query(LATER + 10 * HOUR, rows=40_000)
    assert {found.about for found in month.found.values()} == {"rows"}
    for day in range(1, 4):
        month.query(LATER + day * DAY + 10 * HOUR, rows=10**400)


def test_many_queries_in_a_day_are_a_volume_too(month: Log) -> None:
    for number in range(100):
        month.query(LATER + 9 * HOUR + number * 60_000)
    assert {(each.kind, each.about) for each in month.of()} == {(Kind.VOLUME, "queries")}


def test_who_always_takes_much_is_not_named_for_it(log: Log) -> None:
    for day in range(30):
        log.query(MONDAY + day * DAY + 10 * HOUR, rows=40_000 + 500 * (day % 5))
    assert log.of() == []


def test_an_account_that_comes_back_is_found(month: Log) -> None:
    month.add(LATER + 70 * DAY + 10 * HOUR, "hub", Event(Action.LOGIN, "rosa"))
    month.add(LATER + 70 * DAY + 10 * HOUR, "hub", Event(Action.LOGIN, "nova"))
    (found,) = month.of()
    assert (found.kind, found.person) == (Kind.DORMANT, "rosa")
    assert found.numbers["days"] == 71


def test_a_first_look_at_a_dataset_is_found_after_weeks_without_it(month: Log) -> None:
    month.query(LATER + 10 * HOUR, datasets=("wic",), agencies=("oec",))
    month.query(LATER + 11 * HOUR, datasets=("wic",), agencies=("oec",))
    (found,) = month.of()
    assert (found.kind, found.about) == (Kind.DATASET, "wic")
    assert month.of("oec") == []  # to that agency rosa is new: it has nothing to compare with


def test_many_new_columns_are_found_with_their_names(month: Log) -> None:
    for number in range(9):
        month.add(
            LATER + 10 * HOUR + number,
            "gateway",
            replace(
                audit_story.PAIR, actor="rosa", action=Action.QUERY_INTENT,
                columns=(f"wages.new{number}",),
            ),
        )  # fmt: skip
    (found,) = month.of()
    assert (found.kind, found.numbers["columns"]) == (Kind.COLUMNS, 9)
    assert "wages.new0" in str(found.numbers["names"])


@pytest.mark.parametrize("who", ["rosa", "unknown"])
def test_log_ins_that_fail_in_a_row_are_found(month: Log, who: str) -> None:
    for minute in range(6):
        failed = Event(Action.LOGIN, who, Verdict.DENIED)
        month.add(LATER + 10 * HOUR + minute * 60_000, "hub", failed)
    (found,) = month.of()
    assert (found.kind, found.numbers["counted"]) == (Kind.LOGINS, 6)


def test_a_log_in_that_works_ends_the_row_and_an_outage_is_no_failure(month: Log) -> None:
    for minute in range(12):
        verdict = Verdict.ALLOWED if minute % 4 == 3 else Verdict.DENIED
        month.add(LATER + 10 * HOUR + minute * 60_000, "hub", Event(Action.LOGIN, "rosa", verdict))
        month.add(LATER + 10 * HOUR, "hub", Event(Action.LOGIN, "ravi", Verdict.FAILED))
    assert month.of() == []


@pytest.mark.parametrize(("hour", "day", "found"), [(10, 0, 0), (20, 0, 1), (3, 1, 1), (12, 5, 1)])
def test_an_administrators_command_out_of_hours_is_found(
    month: Log, hour: int, day: int, found: int
) -> None:
    act = Event(Action.PROJECT_PROVISIONED, "adam", project="x")
    month.add(LATER + day * DAY + hour * HOUR, "admin", act)
    month.add(LATER + day * DAY + hour * HOUR, "admin", replace(act, actor="system"))
    assert [each.kind for each in month.of()] == [Kind.ADMIN] * found


def test_an_agencys_findings_are_made_from_its_own_entries_alone(month: Log) -> None:
    ours = replace(
        audit_story.PAIR, action=Action.QUERY_DENIED, actor="rosa", verdict=Verdict.DENIED
    )
    for number in range(10):
        agencies = ("dol",) if number < 3 else ("dss",)
        month.add(LATER + 10 * HOUR + number, "gateway", replace(ours, agencies=agencies))
    assert month.kinds() == {Kind.DENIALS}
    assert month.kinds("dss") == {Kind.DENIALS}
    assert month.of("dss")[0].numbers["counted"] == 7
    assert month.kinds("dol") == set()


def test_ordinary_months_raise_no_alarm(
    thresholds: Thresholds, capsys: pytest.CaptureFixture[str]
) -> None:
    alarms = entries = 0
    for seed in range(6):
        log = Log(thresholds)
        log.months(120, seed=seed)
        alarms, entries = alarms + len(log.of()), entries + len(log.facts)
    with capsys.disabled():
        print(f"\nfalse alarms: {alarms} in {entries:,} entries of 24 ordinary months")
    assert alarms == 0


def test_every_kind_is_explained_with_its_numbers_limits_and_innocent_reason(
    month: Log,
) -> None:
    refused(month, LATER + 10 * HOUR, 7)
    for minute in range(6):
        month.add(LATER + 12 * HOUR + minute, "hub", Event(Action.LOGIN, "ada", Verdict.DENIED))
    month.add(LATER + 21 * HOUR, "admin", Event(Action.PROJECT_CLOSED, "adam", project="x"))
    month.query(LATER + DAY + 10 * HOUR, rows=40_000, datasets=("wic",))
    new = tuple(f"wic.c{number}" for number in range(8))
    month.add(LATER + DAY + 11 * HOUR, "gateway", replace(_intent(), columns=new))
    for minute in range(12):
        month.query(LATER + DAY + 23 * HOUR + minute * 60_000)
    month.query(LATER + 100 * DAY + 10 * HOUR)
    assert month.kinds() == set(Kind)
    for found in month.of():
        told = explain(found, month.thresholds, "Somebody")
        assert told.sentence.startswith("Somebody ")
        assert "None" not in told.sentence
        assert len(told.numbers) > 1
        assert {name for name, *_ in told.limits}
        assert all(len(reason) > 10 for *_, reason in told.limits)
        assert told.events.startswith("/events?person=")


def _intent() -> Event:
    return replace(audit_story.PAIR, action=Action.QUERY_INTENT, actor="rosa")


# The file that keeps them ---------------------------------------------------------------------


@pytest.fixture
def kept(settings: Settings, thresholds: Thresholds) -> Iterator[tuple[Settings, Findings]]:
    write_log(settings, 6_000, seed=3)
    yield settings, _findings(settings, thresholds)


def _findings(settings: Settings, thresholds: Thresholds, name: str = "findings.db") -> Findings:
    files = AuditFiles(settings.audit_dir)
    return Findings(files.directory / name, lambda: open_reader(settings), thresholds)


def _all(findings: Findings, scope: str = "") -> list[Finding]:
    with findings.read() as reader:
        return reader.find(Sought(scope), limit=100_000)


def test_findings_are_the_same_read_at_once_or_in_pieces_and_after_a_rebuild(
    kept: tuple[Settings, Findings], thresholds: Thresholds
) -> None:
    settings, at_once = kept
    at_once.catch_up()
    whole = _all(at_once)
    assert whole
    pieces = _findings(settings, thresholds, "other.db")
    while pieces.catch_up(701):
        pass
    assert _all(pieces) == whole
    AuditFiles(settings.audit_dir).findings.write_bytes(b"not a database" * 500)
    at_once.catch_up()
    assert _all(at_once) == whole
    assert at_once.behind() == 0


def test_other_thresholds_or_another_log_rebuild_the_findings(
    kept: tuple[Settings, Findings], thresholds: Thresholds
) -> None:
    settings, first = kept
    first.catch_up()
    limits = {**thresholds.rules[Kind.NIGHT].limits, "acts": 100_000}
    rules = {**thresholds.rules, Kind.NIGHT: replace(thresholds.rules[Kind.NIGHT], limits=limits)}
    stricter = _findings(settings, replace(thresholds, rules=rules, mark="other"))
    stricter.catch_up()
    assert {f.kind for f in _all(stricter)} == {f.kind for f in _all(first)} - {Kind.NIGHT}


def test_a_scope_is_never_open_and_filters_cut(kept: tuple[Settings, Findings]) -> None:
    _, findings = kept
    findings.catch_up()
    with findings.read() as reader:
        everything = reader.find(Sought(""), limit=100_000)
        ours = reader.find(Sought("dol"), limit=100_000)
        assert all(each.scope == "dol" for each in ours)
        assert reader.one("dol", everything[0].id) is None
        one = everything[0]
        sought = Sought("", kind=one.kind, person=one.person, since=one.began, until=one.ended + 1)
        assert one in reader.find(sought)
        assert reader.count(sought) <= reader.count(Sought(""))
        assert sum(reader.per(Sought(""), "kind").values()) == len(everything)


def test_findings_on_entries_that_retention_emptied_are_removed(
    kept: tuple[Settings, Findings], thresholds: Thresholds
) -> None:
    settings, findings = kept
    findings.catch_up()
    old = [each for each in _all(findings) if each.last < 3_000]
    new = [each for each in _all(findings) if each.last >= 3_000]
    assert old
    assert new
    files = AuditFiles.of(settings)
    log, _ = open_log(files, settings.origin)
    with closing(log), closing(sqlite3.connect(files.log)) as connection:
        connection.execute("UPDATE entry SET body = NULL WHERE idx < 3000")
        connection.commit()
        with log.write() as batch:
            purge = Event(Action.AUDIT_PURGED, "adam", detail={"ground": "the schedule"})
            stamp = Stamp(max(each.ended for each in new), "admin", "test", 0, "0" * 32)
            batch.add(encode(purge, stamp), Sender("admin", "test", 0))
    findings.catch_up()
    assert {each.id for each in _all(findings)} >= {each.id for each in new}
    assert not {each.id for each in _all(findings)} & {each.id for each in old}


# The thresholds -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("is: 6\n", "is: six\n", 1),
        lambda text: text.replace("  innocent:", "  harmless:", 1),
        lambda text: text.replace("minutes:", "hours:", 1),
        lambda text: text.replace("denial-burst:", "bursts:", 1),
        lambda text: text.replace("reason:", "because:", 1),
        lambda text: text + "\nnew-kind: {}\n",
        lambda _: "[",
        lambda _: "",
    ],
)
def test_a_file_of_thresholds_that_lacks_anything_is_refused(tmp_path: Path, change) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "thresholds.yml"
    file.write_text(change(SHIPPED.read_text()))
    with pytest.raises(Invalid):
        load(Settings(state_dir=tmp_path, audit_thresholds=file))


def test_every_number_has_its_reason(thresholds: Thresholds) -> None:
    for kind, names in LIMITS.items():
        rule = thresholds.rules[kind]
        assert rule.limits.keys() == rule.reasons.keys() == names


def test_a_time_zone_must_be_one() -> None:
    assert zone_of("America/New_York") == ZoneInfo("America/New_York")
    for name in ("Nowhere/Town", "../../etc/passwd", ""):
        with pytest.raises(Invalid):
            zone_of(name)


def test_the_findings_reader_needs_no_writer(kept: tuple[Settings, Findings]) -> None:
    settings, findings = kept
    findings.catch_up(100)
    with closing(open_reader(settings)) as log:
        assert findings.behind() == log.count() - 100
    assert findings.keep_level(10) > 0  # the rest is read in the background
