"""The verifier over a log's life: texts removed, keys and logs replaced, exports, a quorum."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit.closed import closed_logs
from audit.custody import AuditFiles
from audit.keeper import keeping
from audit.log import open_reader
from audit.note import COSIGNATURE, Signer, with_lines
from audit.rekeying import rotate_key
from audit.retention import purge
from audit.rotation import rotate
from audit.tiles import export
from audit.verifier.chain import verify_chain
from audit.verifier.engine import Question, Report
from audit.verifier.facts import SHAPE, parse
from audit.verifier.trust import Trust
from audit.verify import verify
from enclave.events import Action, Event, Stamp, encode
from enclave.settings import Settings
from tests.support.audit_bulk import steps, write_log
from tests.support.audit_story import tell
from tests.support.postgres import Postgres
from tests.support.rewrites import tamper
from tests.support.verifier import verify_log

HAND = "host:adam"


@pytest.fixture
def told(settings: Settings) -> Settings:
    """A month of work."""
    tell(settings, days=30)
    return settings.model_copy(update={"audit_retention_days": 10})


@pytest.fixture
def kept(told: Settings) -> tuple[str, str]:
    """The checkpoint and key the auditor saved after it."""
    files = AuditFiles(told.audit_dir)
    return files.checkpoint.read_text(), files.public_key.read_text()


def check(
    settings: Settings,
    kept: tuple[str, str],
    *,
    directory: Path | None = None,
    policy: str | None = None,
    older: tuple[Path, ...] = (),
) -> list[Report]:
    trust = Trust.of([kept[1]], None if policy is None else policy.encode())
    question = Question(directory or settings.audit_dir, trust, {"your checkpoint": kept[0]})
    return verify_chain(question, older, lambda done, total: None)


def wrong(reports: list[Report]) -> list[str]:
    return [place for each in reports for check in each.checks for place in check.wrong]


def notes(reports: list[Report]) -> str:
    return " | ".join(n for each in reports for check in each.checks for n in check.notes)


def remove(settings: Settings) -> None:
    before = datetime.now(UTC).date() - timedelta(days=12)
    with keeping(settings, actor=HAND) as hand:
        purge(hand, before, "DSA clause 9.2")


def test_texts_removed_by_retention_pass_and_the_ground_is_in_the_report(
    told: Settings, kept: tuple[str, str]
) -> None:
    remove(told)
    reports = check(told, kept)
    assert wrong(reports) == []
    assert "on the ground: DSA clause 9.2" in notes(reports)


def test_one_text_more_than_the_event_says_is_found(told: Settings, kept: tuple[str, str]) -> None:
    remove(told)
    files = AuditFiles(told.audit_dir)
    with closing(open_reader(files.place)) as log:
        last = max(entry.index for entry in log.entries() if entry.body is not None) - 3
    tamper(files, f"UPDATE entry SET body = NULL WHERE idx = {last}")
    found = " | ".join(wrong(check(told, kept)))
    assert "removed texts in all, but" in found
    assert "written later than any removal's day" in found


def test_a_text_put_in_place_of_a_removed_one_is_found(
    told: Settings, kept: tuple[str, str]
) -> None:
    remove(told)
    files = AuditFiles(told.audit_dir)
    with closing(open_reader(files.place)) as log:
        gone = next(entry.index for entry in log.entries() if entry.body is None)
    tamper(files, f"UPDATE entry SET body = CAST('{{}}' AS BLOB) WHERE idx = {gone}")
    assert f"entry {gone:,}" in wrong(check(told, kept))


def test_an_old_key_carries_belief_to_the_key_that_replaced_it(
    told: Settings, kept: tuple[str, str]
) -> None:
    with keeping(told, actor=HAND) as hand:
        rotate_key(hand, overlap_days=0.0)
        hand.append(Event(Action.LOGIN, "rosa"))
        hand.sign()  # with the new key alone: the overlap is over
    reports = check(told, kept)
    assert wrong(reports) == []
    assert "believed from now on" in notes(reports)


def test_a_key_that_only_lies_in_the_directory_is_not_believed(
    told: Settings, kept: tuple[str, str]
) -> None:
    files = AuditFiles(told.audit_dir)
    with keeping(told, actor=HAND) as hand:
        done = rotate_key(hand, overlap_days=0.0)
        hand.append(Event(Action.LOGIN, "rosa"))
        hand.sign()
    # without the checkpoints that the old key signed over the event, nothing hands over to it
    tamper(files, f"DELETE FROM checkpoint WHERE size > {done.index - 1} AND size < 1000000")
    reports = check(told, kept)
    assert "no key of yours has signed it" in wrong(reports)
    assert "so its new key is not believed" in notes(reports)


def test_a_log_and_the_one_it_followed_are_verified_together(
    told: Settings, kept: tuple[str, str]
) -> None:
    rotate(told, actor=HAND, origin=f"{told.origin}/2031")
    reports = check(told, kept)
    assert wrong(reports) == []
    assert [report.origin for report in reports] == [f"{told.origin}/2031", told.origin]
    link = next(c for c in reports[0].checks if "begin with the final checkpoint" in c.question)
    assert link.answer.startswith("yes, ")
    # the kept checkpoint is of the old log; nobody kept anything of the new one
    assert (reports[0].covered, reports[1].covered > 0) == (0, True)


def test_a_checkpoint_kept_of_the_new_log_covers_all_of_the_old_one(told: Settings) -> None:
    rotate(told, actor=HAND, origin=f"{told.origin}/2031")
    files = AuditFiles(told.audit_dir)
    newer = (files.checkpoint.read_text(), files.public_key.read_text())
    reports = check(told, newer)
    assert wrong(reports) == []
    assert [report.exposed for report in reports] == [0, 0]
    (old,) = closed_logs(files)
    old.files.log.chmod(0o644)
    tamper(old.files, "UPDATE entry SET body = CAST('{}' AS BLOB) WHERE idx = 5")
    assert "entry 5" in wrong(check(told, newer))


def test_a_closed_log_that_is_not_given_is_said_to_be_missing(told: Settings) -> None:
    rotate(told, actor=HAND, origin=f"{told.origin}/2031")
    files = AuditFiles(told.audit_dir)
    newer = (files.checkpoint.read_text(), files.public_key.read_text())
    shutil.rmtree(files.closed)
    reports = check(told, newer)
    assert wrong(reports) == []
    assert f"the log before, {told.origin}, was not given" in notes(reports)


def test_texts_removed_from_a_closed_log_are_covered_by_the_event_in_the_newer_one(
    told: Settings, kept: tuple[str, str]
) -> None:
    rotate(told, actor=HAND, origin=f"{told.origin}/2031")
    remove(told)
    reports = check(told, kept)
    assert wrong(reports) == []
    (old,) = closed_logs(AuditFiles(told.audit_dir))
    alone = check(told, kept, directory=old.files.directory)
    assert "no event says so" in " ".join(wrong(alone))


@pytest.fixture(params=["whole", "removed"])
def exported(told: Settings, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """The log as tiles, with and without texts that retention has removed."""
    if request.param == "removed":
        remove(told)
    files = AuditFiles(told.audit_dir)
    with closing(open_reader(files.place)) as log:
        export(log, files.checkpoint.read_text(), tmp_path / "tiles")
    yield tmp_path / "tiles"


def test_an_export_verifies_like_the_log_itself(
    told: Settings, kept: tuple[str, str], exported: Path
) -> None:
    (mine,), (theirs,) = check(told, kept, directory=exported), check(told, kept)
    assert wrong([mine]) == []
    assert (mine.entries, mine.root) == (theirs.entries, theirs.root)


@pytest.mark.parametrize("name", ["texts", "tile/0"])
def test_a_changed_file_of_an_export_is_found(
    told: Settings, kept: tuple[str, str], exported: Path, name: str
) -> None:
    if name == "texts":  # in a bundle, or beside it where texts were removed
        name = "tile/entries" if (exported / "tile" / "entries").exists() else "enclave/entries"
    path = next(each for each in sorted(exported.glob(f"{name}/**/*")) if each.is_file())
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert wrong(check(told, kept, directory=exported))


def cosigned(settings: Settings, *names: str) -> str:
    """Have the log's checkpoint cosigned by witnesses of these names; return the policy."""
    files = AuditFiles(settings.audit_dir)
    note = files.checkpoint.read_text()
    text = note.partition("\n\n")[0] + "\n"
    signers = [Signer.generate(f"w.example/{name}", COSIGNATURE) for name in ("a", "b", "c")]
    lines = [s.line(text, at=1_790_000_000) for s in signers if s.name[-1] in names]
    files.cosigned.write_text(with_lines(note, lines))
    known = "".join(f"witness {s.name[-1]} {s.verifier.export()}\n" for s in signers)
    log = f"log {files.public_key.read_text().strip()}\n"
    return f"{log}{known}group g 2 a b c\nquorum g\n"


def test_a_quorum_s_cosigned_checkpoint_counts_like_one_kept_elsewhere(told: Settings) -> None:
    policy = cosigned(told, "a", "c")
    question = Question(told.audit_dir, Trust.of([], policy.encode()), {})
    (report,) = verify_chain(question, (), lambda done, total: None)
    assert report.passed
    assert report.exposed == 0


def test_fewer_cosignatures_than_the_quorum_are_named(
    told: Settings, kept: tuple[str, str]
) -> None:
    found = " ".join(wrong(check(told, kept, policy=cosigned(told, "b"))))
    assert "is cosigned by b only" in found
    assert "is cosigned by nobody only" in found


def test_a_live_intent_is_still_open_and_an_old_one_is_not(settings: Settings) -> None:
    with keeping(settings, actor=HAND) as hand:
        hand.append(Event(Action.QUERY_INTENT, "rosa", intent="q"))
        hand.sign()
    files = AuditFiles(settings.audit_dir)
    kept = files.checkpoint.read_text(), files.public_key.read_text()
    (report,) = check(settings, kept)
    assert report.passed
    assert "still open: 1" in " ".join(check.answer for check in report.checks)
    trust = Trust.of([kept[1]])
    strict = Question(files.directory, trust, {"your checkpoint": kept[0]}, open_seconds=-1)
    (report,) = verify_chain(strict, (), lambda done, total: None)
    assert "intent q has no end" in " ".join(wrong([report]))


def test_several_processes_read_what_one_reads(settings: Settings) -> None:
    write_log(settings, 1500)
    files = AuditFiles(settings.audit_dir)
    trust = Trust.of([files.public_key.read_text()])
    kept = {"your checkpoint": files.checkpoint.read_text()}
    one, two = (
        verify_chain(
            Question(files.directory, trust, kept, jobs=jobs, stretch=256),
            (),
            lambda done, total: None,
        )
        for jobs in (1, 2)
    )
    assert wrong(one) == []
    assert one == two


INTENT = Event(Action.QUERY_INTENT, "rosa", intent="q")
OUTCOME = replace(INTENT, action=Action.QUERY_OUTCOME)


def test_a_text_with_a_backslash_is_read_among_the_others(settings: Settings) -> None:
    """Those of the usual shape are read together, the one that is not is parsed in its place."""
    odd = replace(INTENT, actor='ro"sa', intent='q"1')
    with keeping(settings, actor=HAND) as hand:
        for event in (INTENT, odd, OUTCOME):
            hand.append(event)
        hand.sign()
    files = AuditFiles(settings.audit_dir)
    trust = Trust.of([files.public_key.read_text()])
    kept = {"your checkpoint": files.checkpoint.read_text()}
    strict = Question(files.directory, trust, kept, open_seconds=-1)
    found = wrong(verify_chain(strict, (), lambda done, total: None))
    assert found == ['entry 1: intent q"1 has no end']


def test_the_service_s_own_texts_are_read_without_a_json_parser() -> None:
    for step in steps(500):
        stamp = Stamp(step.time, step.source, "i", 7, "00" * 16)
        body = encode(step.event, stamp)
        matched = SHAPE(body)
        assert matched, body
        facts = parse(body)
        assert matched.groups()[:4] == facts[:4]
        assert matched.groups()[5:9] == facts[5:9]
        for place in (4, 9):
            assert json.loads(matched.groups()[place]) == json.loads(facts[place])


@pytest.mark.postgres
def test_the_site_verifies_a_log_that_lies_in_postgresql(
    settings: Settings, postgres: Postgres
) -> None:
    there = settings.model_copy(update={"audit_database_url": postgres.database()})
    with keeping(there, actor=HAND) as hand:
        for number in range(300):
            hand.append(Event(Action.LOGIN, f"p{number}"))
        hand.sign()
    files = AuditFiles.of(there)
    report = verify(
        files.directory,
        checkpoint=files.checkpoint.read_text(),
        key=files.public_key.read_text(),
        place=files.place,
    )
    assert wrong([report]) == []
    assert (report.entries, report.exposed) == (300, 0)


@pytest.mark.postgres
def test_an_export_from_postgresql_is_verified_by_the_one_file(
    settings: Settings, postgres: Postgres, tmp_path: Path
) -> None:
    there = settings.model_copy(update={"audit_database_url": postgres.database()})
    with keeping(there, actor=HAND) as hand:
        for number in range(300):
            hand.append(Event(Action.LOGIN, f"p{number}"))
        hand.sign()
    files = AuditFiles.of(there)
    with closing(open_reader(files.place)) as log:
        export(log, files.checkpoint.read_text(), tmp_path / "tiles")
    found = verify_log(tmp_path / "tiles", files.checkpoint, files.public_key)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "VERIFIED: 300 entries" in found.stdout
