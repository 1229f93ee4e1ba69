"""The offline verifier: an honest log passes, and each lie about meaning is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from audit.custody import AuditFiles, load_signer, open_log, sign_checkpoint
from audit.keeper import keeping
from audit.log import Log, Sender
from audit.rotation import rotate
from audit.verifier.chain import verify_chain
from audit.verifier.engine import Question
from audit.verifier.trust import Trust
from audit.verify import Report, verify
from enclave.events import Action, Event, Stamp, Verdict, encode
from enclave.settings import Settings
from tests.support.audit_story import HOUR, PAIR, tell

LOGIN = Event(Action.LOGIN, "rosa")
OUTPUT = replace(PAIR, action=Action.OUTPUT_SUBMITTED, actor="rosa", detail={"request": "r"})


def report(settings: Settings) -> Report:
    files = AuditFiles(settings.audit_dir)
    return verify(
        files.directory, checkpoint=files.checkpoint.read_text(), key=files.public_key.read_text()
    )


def wrong(found: Report) -> list[str]:
    return [place for check in found.checks for place in check.wrong]


class Forger:
    """Whoever holds the signing key: writes what the service would refuse."""

    def __init__(self, settings: Settings, log: Log):
        self.settings, self.log, self.seq = settings, log, 0
        self.time = 1_760_000_000_000  # ms since 1970, UTC

    def write(self, *events: Event, seqs: tuple[int, ...] | None = None) -> None:
        for place, event in enumerate(events):
            seq = seqs[place] if seqs else self.seq
            self.seq += 1
            stamp = Stamp(self.time, "gateway", "forger", seq, "00" * 16)
            with self.log.write() as batch:
                batch.add(encode(event, stamp), Sender("gateway", "forger", seq))

    def sign(self) -> None:
        files = AuditFiles(self.settings.audit_dir)
        sign_checkpoint(self.log, files, load_signer(files, self.settings.origin))


@pytest.fixture
def forger(settings: Settings) -> Iterator[Forger]:
    log, _ = open_log(AuditFiles(settings.audit_dir), settings.origin)
    with closing(log):
        yield Forger(settings, log)


def test_an_honest_month_passes_every_check(settings: Settings) -> None:
    entries = tell(settings, days=12)
    found = report(settings)
    assert wrong(found) == []
    assert found.passed
    assert found.entries == entries


def vote(agency: str, person: str, decision: str = "approve") -> Event:
    return replace(
        OUTPUT,
        action=Action.OUTPUT_VOTED,
        actor=person,
        detail={"request": "r", "agency": agency, "decision": decision},
    )


def named(person: str, action: Action = Action.ACCESS_GRANTED) -> Event:
    detail = {"person": person, "project": "p"}
    return replace(PAIR, action=action, actor="adam", detail=detail)


OF_PROJECT = replace(OUTPUT, detail={"request": "r", "project": "p"})
RELEASED = replace(OUTPUT, action=Action.OUTPUT_RELEASED, actor="egress")
INTENT = replace(PAIR, action=Action.QUERY_INTENT, actor="rosa", intent="q")
OUTCOME = replace(INTENT, action=Action.QUERY_OUTCOME, detail={"rows": 3})
DENIED = replace(INTENT, action=Action.QUERY_DENIED, verdict=Verdict.DENIED)

LIES = {
    "an intent without an end": ([INTENT], "has no end"),
    "an outcome without an intent": ([OUTCOME], "without an intent"),
    "two outcomes of one query": ([INTENT, OUTCOME, OUTCOME], "ends twice"),
    "an intent begun twice": ([INTENT, INTENT, OUTCOME], "begins twice"),
    "a denied query with an outcome": ([DENIED, OUTCOME], "denied query has an outcome"),
    "an outcome whose verdict is denied": (
        [INTENT, replace(OUTCOME, verdict=Verdict.DENIED)],
        "denied query has an outcome",
    ),
    "a refusal that reports rows": ([replace(DENIED, detail={"rows": 1})], "reports rows"),
    "a release nobody voted on": ([OUTPUT, RELEASED], "without the vote of cscu, dol"),
    "a release one agency did not vote on": (
        [OUTPUT, vote("dol", "dora"), RELEASED],
        "without the vote of cscu",
    ),
    "a release one agency rejected": (
        [OUTPUT, vote("dol", "dora"), vote("cscu", "carl", "reject"), RELEASED],
        "without the vote of cscu",
    ),
    "a release its author voted on": (
        [OUTPUT, vote("dol", "dora"), vote("cscu", "rosa"), RELEASED],
        "its author voted",
    ),
    "a vote of somebody the log names as a researcher of the project": (
        [named("carl"), OF_PROJECT, vote("dol", "dora"), vote("cscu", "carl"), RELEASED],
        "a researcher of the project voted",
    ),
    "a release that leaves out an agency of its submission": (
        [OUTPUT, vote("dol", "dora"), replace(RELEASED, agencies=("dol",))],
        "without the vote of cscu",
    ),
    "votes on what was submitted before under the same name": (
        [OUTPUT, vote("dol", "dora"), vote("cscu", "carl"), OUTPUT, RELEASED],
        "without the vote of cscu, dol",
    ),
    "a release after a withdrawal": (
        [
            OUTPUT,
            vote("dol", "dora"),
            vote("cscu", "carl"),
            replace(OUTPUT, action=Action.OUTPUT_WITHDRAWN),
            RELEASED,
        ],
        "without the vote of cscu, dol",
    ),
    "a room that names a signing key": (
        [replace(PAIR, action=Action.AUDIT_KEY_ROTATED, detail={"key": "mallory"})],
        "speaks for the log",
    ),
    "a room that tells of a removal": (
        [replace(PAIR, action=Action.AUDIT_PURGED, detail={"removed": 0})],
        "speaks for the log",
    ),
    "a release of nobody's data": (
        [replace(OUTPUT, agencies=()), replace(RELEASED, agencies=())],
        "without the vote of any agency",
    ),
    "a release that was never submitted": (
        [vote("dol", "dora"), vote("cscu", "carl"), RELEASED],
        "without having been submitted",
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_log_that_contradicts_itself_is_found_out_though_signed(
    settings: Settings, forger: Forger, lie: str
) -> None:
    events, sentence = LIES[lie]
    forger.write(*events)
    forger.time += 2 * HOUR
    forger.write(PAIR)
    forger.sign()
    found = report(settings)
    assert not found.passed
    assert sentence in " ".join(wrong(found))


def test_who_no_longer_does_research_in_a_project_may_vote(
    settings: Settings, forger: Forger
) -> None:
    gone = named("carl", Action.ACCESS_REVOKED)
    votes = [vote("dol", "dora"), vote("cscu", "carl")]
    forger.write(named("carl"), gone, named("rosa"), OF_PROJECT, *votes, RELEASED)
    forger.sign()
    assert wrong(report(settings)) == []


def test_a_name_that_no_encoding_has_does_not_end_the_verification(
    settings: Settings, forger: Forger
) -> None:
    """One such entry, and the site's button answered with a fault instead of what is wrong."""
    odd = encode(named("carl"), Stamp(forger.time, "gateway", "forger", 0, "00" * 16))
    with forger.log.write() as batch:
        batch.add(odd.replace(b'"carl"', b'"carl\\ud800"'), Sender("gateway", "forger", 0))
    forger.sign()
    assert wrong(report(settings)) == []


DOWNLOADED = replace(OUTPUT, action=Action.OUTPUT_DOWNLOADED)
OVER_A_YEAR = {
    "an honest review": (
        [OF_PROJECT, vote("dol", "dora")], [vote("cscu", "carl"), RELEASED, DOWNLOADED], "",
    ),
    "an honest download": (
        [OUTPUT, vote("dol", "dora"), vote("cscu", "carl"), RELEASED], [DOWNLOADED], "",
    ),
    "a vote that is missing": (
        [OUTPUT, vote("dol", "dora")], [RELEASED], "without the vote of cscu",
    ),
    "a release of nothing": ([LOGIN], [RELEASED], "without having been submitted"),
    "a download of what was not released": ([OUTPUT], [DOWNLOADED], "not released before"),
    "a researcher named the year before": (
        [named("carl"), OF_PROJECT, vote("dol", "dora")], [vote("cscu", "carl"), RELEASED],
        "a researcher of the project voted",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OVER_A_YEAR)
def test_an_output_on_its_way_when_the_log_was_closed_is_judged_over_both(
    settings: Settings, name: str
) -> None:
    before, after, sentence = OVER_A_YEAR[name]
    with keeping(settings, actor="host:adam") as hand:
        for event in before:
            hand.append(event)
        hand.sign()
    rotate(settings, actor="host:adam", origin=f"{settings.origin}/2031")
    with keeping(settings, actor="host:adam") as hand:
        for event in after:
            hand.append(event)
        hand.sign()
    files = AuditFiles(settings.audit_dir)
    trust = Trust.of([files.public_key.read_text()])
    question = Question(files.directory, trust, {"yours": files.checkpoint.read_text()})
    found = verify_chain(question, (), lambda done, total: None)
    assert len(found) == 2
    said = " | ".join(place for one in found for place in wrong(one))
    assert (sentence in said) if sentence else said == ""
    alone = report(settings)  # the site's button: the year before is not read
    assert wrong(alone) == []
    notes = [note for check in alone.checks for note in check.notes]
    assert any("a log before this one that was not given" in note for note in notes)


def test_a_query_told_again_in_another_stretch_is_found(settings: Settings, forger: Forger) -> None:
    """Each stretch by itself shows one beginning and one end."""
    events = [INTENT, OUTCOME, *[replace(PAIR, action=Action.LOGIN)] * 300, INTENT, OUTCOME]
    with forger.log.write() as batch:
        for seq, event in enumerate(events):
            stamp = Stamp(forger.time, "gateway", "forger", seq, "00" * 16)
            batch.add(encode(event, stamp), Sender("gateway", "forger", seq))
    forger.sign()
    files = AuditFiles(settings.audit_dir)
    trust = Trust.of([files.public_key.read_text()])
    kept = {"your checkpoint": files.checkpoint.read_text()}
    question = Question(files.directory, trust, kept, stretch=256)
    (found,) = verify_chain(question, (), lambda done, total: None)
    assert "intent q begins twice" in wrong(found)


def test_a_missing_number_of_a_sender_is_found(settings: Settings, forger: Forger) -> None:
    forger.write(PAIR, PAIR, seqs=(0, 2))
    forger.sign()
    assert "sent 2, 1 was due" in " ".join(wrong(report(settings)))


def test_a_text_that_names_another_sender_is_found(settings: Settings, forger: Forger) -> None:
    stamp = Stamp(0, "hub", "x", 0, "00" * 16)
    with forger.log.write() as batch:
        batch.add(encode(PAIR, stamp), Sender("gateway", "y", 0))
    forger.sign()
    assert "names another sender" in " ".join(wrong(report(settings)))


def test_bytes_that_are_no_event_are_found(settings: Settings, forger: Forger) -> None:
    with forger.log.write() as batch:
        batch.add(b"[]", Sender("gateway", "y", 0))
    forger.sign()
    assert "entry 0: it has not the form of an event" in " ".join(wrong(report(settings)))


def test_many_faults_of_a_kind_are_counted_and_a_few_named(
    settings: Settings, forger: Forger
) -> None:
    forger.write(*[replace(INTENT, intent=f"q{n}") for n in range(9)])
    forger.time += 2 * HOUR
    forger.write(PAIR)
    forger.sign()
    check = next(check for check in report(settings).checks if not check.passed)
    assert check.answer == "9 found"
    assert check.wrong[-1] == "and 4 more"


def test_a_checkpoint_by_another_key_is_not_believed(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tell(settings, days=2)
    other = settings.model_copy(update={"state_dir": tmp_path_factory.mktemp("other")})
    tell(other, days=2)
    mine, theirs = AuditFiles(settings.audit_dir), AuditFiles(other.audit_dir)
    found = verify(
        mine.directory,
        checkpoint=theirs.checkpoint.read_text(),
        key=mine.public_key.read_text(),
    )
    assert not found.passed


@pytest.mark.parametrize("damage", ["missing", "not a database", "a tree of pages cut short"])
def test_a_log_that_cannot_be_read_is_a_finding_and_no_fault(
    settings: Settings, damage: str
) -> None:
    tell(settings, days=2)
    files = AuditFiles(settings.audit_dir)
    content = files.log.read_bytes()
    files.log.unlink()
    if damage != "missing":
        half = content[:4096] + bytes(len(content) - 4096)
        files.log.write_bytes(half if damage.startswith("a tree") else b"no database" * 999)
    found = report(settings)
    assert not found.passed
    assert [check.question for check in found.checks] == ["Can the log be read?"]


def test_progress_ends_at_the_whole(settings: Settings) -> None:
    entries = tell(settings, days=3)
    files, seen = AuditFiles(settings.audit_dir), []
    verify(
        files.directory,
        checkpoint=files.checkpoint.read_text(),
        key=files.public_key.read_text(),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen[-1] == (entries, entries)
