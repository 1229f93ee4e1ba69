"""Texts are removed and everything that proves the rest stays; what is intended is logged first."""

from __future__ import annotations

import json
import time
from contextlib import closing
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path

import pytest
from typing_extensions import override

from audit import retention
from audit.admit import facts
from audit.closed import closed_logs
from audit.custody import AuditFiles, LogRefused
from audit.keeper import keeping
from audit.log import LogReader, open_reader
from audit.merkle import consistency_proof, inclusion_proof, verify_inclusion
from audit.retention import KEPT, Removal, choose, preview, purge
from audit.rotation import rotate
from audit.store import StoreError
from audit.watch import Level, Watch
from enclave.errors import Invalid
from enclave.events import Action, Event
from enclave.settings import Settings
from tests.support.audit import AuditProcess
from tests.support.audit_story import tell
from tests.support.cut import cuts

HAND = "host:adam"
GROUND = "DSA clause 9.2: query texts are kept for ten days"
NOW = datetime.now(UTC)
TODAY = NOW.date()
CUT = TODAY - timedelta(days=12)


class Stopped(datetime):
    """The clock of the product's days, stopped: midnight comes in the middle of some runs."""

    @classmethod
    @override
    def now(cls, tz: tzinfo | None = None) -> datetime:
        return NOW


@pytest.fixture(autouse=True)
def the_same_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "datetime", Stopped)


@pytest.fixture
def told(settings: Settings) -> Settings:
    """A month of work in a log whose texts may be removed after ten days."""
    tell(settings, days=30)
    return settings.model_copy(update={"audit_retention_days": 10})


def remove(settings: Settings, before: date = CUT, ground: str = GROUND) -> list[Removal]:
    with keeping(settings, actor=HAND) as hand:
        return purge(hand, before, ground)


def opened(settings: Settings) -> closing[LogReader]:
    return closing(open_reader(AuditFiles.of(settings).place))


def bodies(settings: Settings) -> dict[int, bytes | None]:
    with opened(settings) as log:
        return {entry.index: entry.body for entry in log.entries()}


def action(body: bytes) -> str:
    return str(facts(body)["action"])


def test_root_leaves_and_proofs_are_the_same_before_and_after(told: Settings) -> None:
    def evidence(size: int) -> object:
        with opened(told) as log:
            leaves = [entry.leaf for entry in log.entries(0, size)]
            proofs = [inclusion_proof(log.node, index, size) for index in range(size)]
            for index, proof in enumerate(proofs):
                verify_inclusion(leaves[index], index, size, proof=proof, root=log.root(size))
            grown = [consistency_proof(log.node, old, size) for old in range(size)]
            return log.root(size), leaves, proofs, grown

    with opened(told) as log:
        size = log.count()
    before = evidence(size)
    (removal,) = remove(told)
    assert len(removal.indices) > 100
    assert evidence(size) == before
    assert Watch(AuditFiles.of(told)).look().level is Level.GREEN


def test_exactly_the_old_texts_go_and_a_query_goes_whole_or_stays(told: Settings) -> None:
    before = bodies(told)
    (removal,) = remove(told)
    after = bodies(told)
    gone = {index for index, body in after.items() if body is None}
    assert gone == set(removal.indices)
    limit = datetime(CUT.year, CUT.month, CUT.day, tzinfo=UTC).timestamp() * 1000
    for index, body in before.items():
        assert body is not None
        old = json.loads(body)["time"] < limit
        assert (index in gone) == (old and Action(action(body)) not in KEPT)
    assert {action(body) for index, body in before.items() if body and index in gone} >= {
        "query.intent",
        "query.outcome",
        "query.denied",
        "service.interrupted",
        "login",
    }


def test_the_event_says_range_number_ground_and_date_and_stands_before_anything_goes(
    told: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []
    real = retention.remove

    def look(*given: object) -> None:
        stored = bodies(told)
        events = [b for b in stored.values() if b is not None and action(b) == "audit.purged"]
        seen.append((len(events), sum(body is None for body in stored.values())))
        with opened(told) as log:  # and it is under a signed checkpoint
            assert Watch(AuditFiles.of(told)).look().uncovered == 0, log
        real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(retention, "remove", look)
    (removal,) = remove(told)
    assert seen == [(1, 0)]
    (event,) = [b for b in bodies(told).values() if b is not None and action(b) == "audit.purged"]
    assert facts(event)["detail"] == {
        "log": told.origin,
        "first": removal.indices[0],
        "last": removal.indices[-1],
        "entries": len(removal.indices),
        "before": CUT.isoformat(),
        "ground": GROUND,
        "removed": len(removal.indices),
        "digest": removal.digest,
    }
    assert json.loads(event)["actor"]["user"]["uid"] == HAND


def test_a_second_removal_counts_all_that_is_gone(told: Settings) -> None:
    (first,) = remove(told, TODAY - timedelta(days=20))
    (second,) = remove(told)
    assert not set(first.indices) & set(second.indices)
    assert second.removed == len(first.indices) + len(second.indices)
    gone = [index for index, body in bodies(told).items() if body is None]
    assert second.digest == retention._digest(gone)
    assert remove(told) == []  # nothing is left, so nothing is logged


def test_nothing_is_removed_unless_a_setting_says_from_which_age_on(told: Settings) -> None:
    never = told.model_copy(update={"audit_retention_days": None})
    with pytest.raises(Invalid, match="No retention is set"):
        remove(never)
    with pytest.raises(Invalid, match="No retention is set"):
        preview(never, CUT, GROUND)
    with pytest.raises(Invalid, match="kept for 10 days"):
        remove(told, TODAY - timedelta(days=9))
    for ground in ("", "  ", "x" * 301):
        with pytest.raises(Invalid, match="legal ground"):
            remove(told, ground=ground)
    assert None not in bodies(told).values()
    assert remove(told, TODAY - timedelta(days=10))


def test_open_intents_and_queries_that_ended_later_stay_whole(settings: Settings) -> None:
    settings = settings.model_copy(update={"audit_retention_days": 1})
    real, day = time.time_ns, 86_400 * 10**9
    with keeping(settings, actor=HAND) as hand, pytest.MonkeyPatch.context() as clock:
        clock.setattr(time, "time_ns", lambda: real() - 9 * day)
        for name in ("open", "long", "short"):
            hand.append(Event(Action.QUERY_INTENT, "rosa", intent=name))
        hand.append(Event(Action.QUERY_OUTCOME, "rosa", intent="short"))
        hand.append(Event(Action.QUERY_DENIED, "rosa", intent="denied"))
        clock.setattr(time, "time_ns", real)
        hand.append(Event(Action.QUERY_OUTCOME, "rosa", intent="long"))
        hand.sign()
    (removal,) = remove(settings, TODAY - timedelta(days=2))
    assert removal.indices == (2, 3, 4)
    assert removal.kept == 2


def test_a_preview_changes_nothing_and_says_what_would_happen(
    audit_service: AuditProcess,
) -> None:
    audit_service.stop()
    tell(audit_service.settings, days=30)
    audit_service.start()  # it may run meanwhile
    settings = audit_service.settings.model_copy(update={"audit_retention_days": 10})
    stored = bodies(settings)
    (removal,) = preview(settings, CUT, GROUND)
    assert "older than" in retention.spoken(removal)
    assert bodies(settings) == stored
    with pytest.raises(LogRefused, match="already writes"):
        remove(settings)


def nonces(stored: dict[int, bytes | None]) -> set[bytes]:
    return {facts(body)["nonce"].encode() for body in stored.values() if body is not None}


def found(directory: Path, wanted: set[bytes]) -> set[bytes]:
    """Which of these byte strings stand in any file below."""
    files = [path.read_bytes() for path in directory.rglob("*") if path.is_file()]
    return {word for word in wanted if any(word in content for content in files)}


def test_no_file_holds_anything_of_a_removed_text(told: Settings) -> None:
    before = bodies(told)
    index = AuditFiles.of(told).index
    index.write_bytes(b"".join(body or b"" for body in before.values()))
    with opened(told) as log:  # a reader has the file open, as the site may
        log.count()
        (removal,) = remove(told)
    gone = nonces({index: before[index] for index in removal.indices})
    assert not index.exists()
    assert found(told.audit_dir, gone) == set()
    assert found(told.audit_dir, nonces(bodies(told))) == nonces(bodies(told))  # the rest is there


def test_a_reader_of_an_older_state_is_in_the_way_and_the_next_run_completes(
    told: Settings,
) -> None:
    before = bodies(told)
    with opened(told) as log:
        log._store._connection.execute("BEGIN")  # type: ignore[attr-defined]
        log.count()
        with pytest.raises(StoreError):
            remove(told)
    assert remove(told) == []
    gone = nonces({index: before[index] for index, body in bodies(told).items() if body is None})
    assert gone
    assert found(told.audit_dir, gone) == set()


@pytest.mark.parametrize(("end", "stride"), [("an error", 2), ("kill -9", 3)])
def test_a_removal_that_is_cut_anywhere_is_completed_by_the_next_run(
    settings: Settings, end: str, stride: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(settings, days=60)
    settings = settings.model_copy(update={"audit_retention_days": 1})
    monkeypatch.setattr(retention, "STEP", 4)
    days = iter(range(58, 1, -1))
    befores = [TODAY - timedelta(days=next(days))]
    done = 0
    for _ in cuts(lambda: remove(settings, befores[-1]), end=end, stride=stride):
        remove(settings, befores[-1])
        done += 1
        stored = bodies(settings)
        gone = [index for index, body in stored.items() if body is None]
        last = [b for b in stored.values() if b is not None and action(b) == "audit.purged"][-1]
        assert facts(last)["detail"]["digest"] == retention._digest(gone)
        assert choose_count(settings, befores[-1]) == 0
        done_up_to = int(AuditFiles.of(settings).purged.read_text())
        assert stored[done_up_to] == last  # carried out to its end, the file written anew
        befores.append(TODAY - timedelta(days=next(days)))
    assert done > 4


def choose_count(settings: Settings, before: date) -> int:
    with opened(settings) as log:
        return len(choose(log, settings.origin, before).indices)


def test_a_removal_whose_texts_are_others_than_it_said_is_not_completed(told: Settings) -> None:
    with keeping(told, actor=HAND) as hand:
        removal = choose(hand.log, told.origin, CUT)
        forged = {**removal.detail(GROUND), "digest": "00" * 32}
        hand.record(Action.AUDIT_PURGED, forged)
        with pytest.raises(LogRefused, match="not those"):
            purge(hand, CUT, GROUND)
    assert None not in bodies(told).values()


def test_closed_logs_forget_too_and_the_present_log_says_so(told: Settings) -> None:
    before = bodies(told)
    rotate(told, actor=HAND)
    (removal,) = remove(told)
    assert removal.origin == told.origin
    (old,) = closed_logs(AuditFiles.of(told))
    with closing(open_reader(old.files.place)) as log:
        assert log.root(log.count()) == old.checkpoint.root
        gone = {entry.index for entry in log.entries() if entry.body is None}
    assert gone == set(removal.indices)
    assert found(told.audit_dir, nonces({index: before[index] for index in gone})) == set()
    events = [facts(body) for body in bodies(told).values() if body is not None]
    assert [each["detail"]["log"] for each in events if each["action"] == "audit.purged"] == [
        told.origin
    ]
    assert remove(told) == []


@pytest.mark.postgres
def test_a_log_in_postgresql_forgets_as_well(settings: Settings, postgres: object) -> None:
    url = postgres.database()  # type: ignore[attr-defined]
    settings = settings.model_copy(update={"audit_database_url": url, "audit_retention_days": 1})
    real, day = time.time_ns, 86_400 * 10**9
    with keeping(settings, actor=HAND) as hand, pytest.MonkeyPatch.context() as clock:
        clock.setattr(time, "time_ns", lambda: real() - 9 * day)
        for number in range(20):
            hand.append(Event(Action.LOGIN, f"p{number}"))
        clock.setattr(time, "time_ns", real)
        hand.append(Event(Action.LOGIN, "late"))
        hand.sign()
        root = hand.log.root(21)
    (removal,) = remove(settings, TODAY - timedelta(days=2))
    assert removal.indices == tuple(range(20))
    with opened(settings) as log:
        assert log.root(21) == root
        assert [entry.body is None for entry in log.entries(0, 21)] == [True] * 20 + [False]
    assert remove(settings, TODAY - timedelta(days=2)) == []
