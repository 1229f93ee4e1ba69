"""One log is closed, the next begins with its last word; whatever interrupts it loses nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from audit import rotation
from audit.admit import Request, admit, facts
from audit.closed import Earlier, closed_logs
from audit.custody import AuditFiles, LogRefused, known_keys, open_log
from audit.keeper import keeping
from audit.log import Sender, open_reader
from audit.note import COSIGNATURE, ML_DSA_44, Checkpoint, Signer, Verifier
from audit.policy import LogKey, Policy
from audit.proof import Proof
from audit.publication import PolicyRefused
from audit.rekeying import rotate_key
from audit.retention import purge
from audit.rotation import finish, rotate
from audit.store import StoreError
from audit.watch import Level, Watch, left_wrong
from audit.web.memory import ALL, ONE
from audit.web.room import Room
from enclave.errors import Conflict, Invalid
from enclave.events import Action, Event, Receipt, Stamp, Verdict, encode
from enclave.settings import Settings
from enclave.store import ControlStore
from tests.support.audit import AuditProcess
from tests.support.audit_story import tell
from tests.support.cut import cuts
from tests.support.ml_dsa import needs_ml_dsa
from tests.support.watching import Book

HAND = "host:adam"


def content(files: AuditFiles) -> list[dict[str, Any]]:
    with closing(open_reader(files.place)) as log:
        return [facts(entry.body) for entry in log.entries() if entry.body is not None]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def told(settings: Settings, request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """An enclave with a few days in its log, in each database."""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").database()
        settings = settings.model_copy(update={"audit_database_url": url})
    with keeping(settings, actor=HAND) as hand:
        for number in range(5):
            hand.append(Event(Action.LOGIN, f"p{number}"))
        hand.sign()
    return settings


def test_the_new_log_begins_with_the_last_word_of_the_old_one(told: Settings) -> None:
    files = AuditFiles.of(told)
    old_key = Verifier.parse(files.public_key.read_text())
    before = content(files)
    done = rotate(told, actor=HAND, origin=f"{told.origin}/2031")
    (old,) = closed_logs(files)
    assert content(old.files)[: len(before)] == before
    *_, last = content(old.files)
    (first,) = content(files)
    new_key = Verifier.parse(files.public_key.read_text())
    assert last["action"] == "audit.closed"
    assert last["detail"] == {"next": new_key.name, "key": new_key.export(), "second_key": None}
    assert first["action"] == "audit.rotated"
    assert Checkpoint.open(first["detail"]["checkpoint"], old_key) == old.checkpoint
    assert (first["detail"]["log"], first["detail"]["size"]) == (told.origin, len(before) + 1)
    assert first["detail"]["key"] == old_key.export()
    assert done.keys == (new_key.export(),)
    assert new_key.name == done.origin == f"{told.origin}/2031"


def test_the_closed_log_stays_readable_and_can_never_be_signed_again(told: Settings) -> None:
    files = AuditFiles.of(told)
    key = files.signing_key.read_text().strip()
    done = rotate(told, actor=HAND)
    (old,) = closed_logs(files)
    assert old.files.directory == done.directory
    with closing(open_reader(old.files.place)) as log:
        assert log.root(log.count()) == old.checkpoint.root
    for path in files.directory.rglob("*"):
        assert not path.is_file() or key.encode() not in path.read_bytes()
    assert not old.files.signing_key.exists()
    with pytest.raises(LogRefused, match="signing key is not"):
        open_log(old.files, told.origin)


def test_logs_follow_one_another_for_years_and_are_listed_in_order(told: Settings) -> None:
    files = AuditFiles.of(told)
    for year in (2031, 2032, 2033):
        rotate(told, actor=HAND, origin=f"{told.origin}/{year}")
    origins = [each.checkpoint.origin for each in closed_logs(files)]
    assert origins == [told.origin, f"{told.origin}/2031", f"{told.origin}/2032"]
    for older, newer in zip(
        [each.files for each in closed_logs(files)],
        [*[each.files for each in closed_logs(files)[1:]], files],
        strict=True,
    ):
        said = content(newer)[0]["detail"]
        assert Checkpoint.open(said["checkpoint"], *known_keys(older)).size == len(content(older))
    assert len({each.name for each in closed_logs(files)}) == 3


@pytest.mark.parametrize("origin", ["elsewhere", "{}", "{}/", "{}/a b", "{}/a+b", "{}2031"])
def test_an_origin_that_is_not_below_the_networks_is_refused(
    settings: Settings, origin: str
) -> None:
    tell(settings, days=2)
    with pytest.raises(Invalid):
        rotate(settings, actor=HAND, origin=origin.format(settings.origin))
    assert closed_logs(AuditFiles.of(settings)) == []


def test_an_origin_is_used_once(settings: Settings) -> None:
    tell(settings, days=2)
    rotate(settings, actor=HAND)
    with pytest.raises(Invalid, match="already"):
        rotate(settings, actor=HAND)
    with pytest.raises(Invalid, match="already"):
        rotate(settings, actor=HAND, origin=settings.origin)


def test_queries_that_run_over_the_end_end_as_interrupted(settings: Settings) -> None:
    intent = Event(Action.QUERY_INTENT, "rosa", project="p", intent="q1")
    with keeping(settings, actor=HAND) as hand:
        hand.append(intent)
    rotate(settings, actor=HAND)
    (old,) = closed_logs(AuditFiles.of(settings))
    assert [each["action"] for each in content(old.files)] == [
        "query.intent",
        "service.interrupted",
        "audit.closed",
    ]


@needs_ml_dsa
def test_a_new_log_gets_the_second_algorithm_if_wanted(settings: Settings) -> None:
    tell(settings, days=2)
    wanted = settings.model_copy(update={"audit_ml_dsa": True})
    done = rotate(wanted, actor=HAND)
    assert Verifier.parse(done.keys[1]).kind == ML_DSA_44
    (old,) = closed_logs(AuditFiles.of(settings))
    assert content(old.files)[-1]["detail"]["second_key"] == done.keys[1]


def test_while_the_service_runs_nothing_is_rotated(audit_service: AuditProcess) -> None:
    with pytest.raises(LogRefused, match="already writes"):
        rotate(audit_service.settings, actor=HAND)


def test_a_site_that_looks_on_stays_green(settings: Settings) -> None:
    tell(settings, days=2)
    watch = Watch(AuditFiles.of(settings))
    assert watch.look().level is Level.GREEN
    rotate(settings, actor=HAND)
    assert watch.look().level is Level.GREEN


def test_a_reader_in_the_way_is_waited_for_and_nothing_has_moved(settings: Settings) -> None:
    tell(settings, days=2)
    files = AuditFiles.of(settings)
    with closing(open_reader(files.place)) as reader:
        reader._store._connection.execute("BEGIN")  # type: ignore[attr-defined]
        reader.count()
        with pytest.raises(StoreError):
            rotate(settings, actor=HAND)
    assert not files.rotating.exists()
    rotate(settings, actor=HAND)
    assert len(closed_logs(files)) == 1


@pytest.mark.parametrize("ml_dsa", [False, pytest.param(True, marks=needs_ml_dsa)])
def test_a_policy_that_names_only_the_old_log_stops_it_and_says_which_lines_are_missing(
    settings: Settings, ml_dsa: bool
) -> None:
    tell(settings, days=2)
    settings = settings.model_copy(update={"audit_ml_dsa": ml_dsa})
    files = AuditFiles.of(settings)
    policy = files.directory / "policy"
    policy.write_text(f"log {files.public_key.read_text().strip()}\nquorum none\n")
    with pytest.raises(PolicyRefused) as refused:
        rotate(settings, actor=HAND)
    assert refused.value.hint is not None
    lines = refused.value.hint.partition(":\n")[2]
    policy.write_text(f"{lines}\n{policy.read_text()}")  # as they stand there
    assert [f"log {key}" for key in rotate(settings, actor=HAND).keys] == lines.split("\n")


def _looked(told: Settings, page: str, *, passed: bool) -> None:
    verdict = Verdict.ALLOWED if passed else Verdict.FAILED
    detail = {"page": page, "passed": passed}
    with keeping(told, actor=HAND) as hand:
        hand.append(Event(Action.AUDIT_VERIFIED, "alma", verdict, detail=detail))
        hand.sign()


@pytest.mark.parametrize("page", [ALL, ONE])
def test_closing_a_log_does_not_clear_what_was_found_wrong_in_it(
    settings: Settings, page: str
) -> None:
    """The bar stays red over closed logs, until everything verifies."""
    store = ControlStore(settings.database_url)
    _looked(settings, page, passed=False)
    _looked(settings, ONE, passed=True)  # one good entry proves nothing of the others
    for year in ("2031", "2032"):
        rotate(settings, actor=HAND, origin=f"{settings.origin}/{year}")
        standing = Room(settings, store, Book()).standing()
        assert (standing.level, standing.sentence) == (
            Level.RED, "Something was found wrong in the log before this one.",
        )  # fmt: skip
    _looked(settings, ALL, passed=True)
    assert Room(settings, store, Book()).standing().level is Level.AMBER  # no witness
    rotate(settings, actor=HAND, origin=f"{settings.origin}/2033")
    assert Room(settings, store, Book()).standing().level is Level.AMBER
    store.close()


def test_a_full_verification_that_did_not_pass_counts_whatever_its_verdict_says() -> None:
    """Before a failed one had a verdict of its own it was logged as allowed."""

    def said(page: str, *, passed: bool) -> bytes:
        event = Event(Action.AUDIT_VERIFIED, "alma", detail={"page": page, "passed": passed})
        return encode(event, Stamp(1_760_000_000_000, "audit-web", "i", 0, "00" * 16))

    failed, proved, passed = said(ALL, passed=False), said(ONE, passed=True), said(ALL, passed=True)
    assert left_wrong([failed, proved])
    assert not left_wrong([failed, passed, proved])


def test_without_its_witnesses_it_stops_unless_told_to_go_on(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(settings, days=2)
    monkeypatch.setattr(rotation, "COSIGN_SECONDS", 0.1)
    key = Signer.generate("w", COSIGNATURE).verifier.export()
    policy = AuditFiles.of(settings).directory / "policy"
    policy.write_text(f"witness w {key} http://127.0.0.1:9\nquorum w\n")
    with pytest.raises(Conflict):
        rotate(settings, actor=HAND)
    assert closed_logs(AuditFiles.of(settings)) == []
    rotate(settings, actor=HAND, without_witnesses=True)
    assert len(closed_logs(AuditFiles.of(settings))) == 1


@pytest.mark.parametrize(("end", "stride"), [("an error", 4), ("kill -9", 5)])
def test_a_rotation_that_is_cut_anywhere_loses_nothing_and_is_finished(
    settings: Settings, end: str, stride: int
) -> None:
    with keeping(settings, actor=HAND) as hand:
        hand.append(Event(Action.LOGIN, "first"))
        hand.sign()
    files = AuditFiles.of(settings)
    years = iter(range(2031, 2200))
    done = 0
    asked = [f"{settings.origin}/{next(years)}"]
    for _ in cuts(lambda: rotate(settings, actor=HAND, origin=asked[-1]), end=end, stride=stride):
        over = finish(settings) or known_keys(files)[0].name == asked[-1]
        if not over:
            with closing(open_log(files, settings.origin)[0]):
                pass  # nothing had moved: the log goes on as it was
            rotate(settings, actor=HAND, origin=asked[-1])
        done += 1
        logs = [*(each.files for each in closed_logs(files)), files]
        assert [known_keys(each)[0].name for each in logs] == [settings.origin, *asked]
        assert content(logs[0])[0]["action"] == "login"
        assert content(files)[0]["detail"]["log"] == known_keys(logs[-2])[0].name
        assert not (files.directory / "next").exists()
        assert not any(each.signing_key.exists() for each in logs[:-1])
        with keeping(settings, actor=HAND) as hand:
            hand.record(Action.AUDIT_VERIFIED, {})
        asked.append(f"{settings.origin}/{next(years)}")
    assert done > 10


def test_a_log_in_the_middle_of_a_rotation_is_not_opened(settings: Settings) -> None:
    tell(settings, days=2)
    files = AuditFiles.of(settings)
    files.rotating.write_text("{}")
    with pytest.raises(LogRefused, match="rotation was interrupted"):
        open_log(files, settings.origin)
    with pytest.raises(LogRefused, match="plan"):
        finish(settings)


def test_a_client_that_was_there_before_goes_on_after_and_nothing_is_logged_twice(
    audit_service: AuditProcess,
) -> None:
    settings = audit_service.settings
    with audit_service.client("gateway") as client:
        before = [client.append(Event(Action.CATALOGUE_READ, f"before-{n}")) for n in range(3)]
        audit_service.stop()
        waiting = [
            client.send(Event(Action.CATALOGUE_READ, f"during-{number}")) for number in range(3)
        ]
        rotate(settings, actor=HAND)
        audit_service.start()
        assert [isinstance(each.result(), Receipt) for each in waiting] == [True] * 3
        client.append(Event(Action.CATALOGUE_READ, "after"))
        instance = client._instance
        audit_service.kill()
        audit_service.start()
        client.append(Event(Action.CATALOGUE_READ, "after a restart"))
        assert client._instance == instance
        proofs = [Proof.parse(client.prove(each)) for each in before]
    (old,) = closed_logs(audit_service.files)
    policy = Policy((LogKey(known_keys(old.files)[0]),), (), (), "none")
    for receipt, proof in zip(before, proofs, strict=True):  # a number alone names another by now
        assert proof.check_leaf(bytes.fromhex(receipt.leaf), policy).checkpoint == old.checkpoint
    sent = [
        (fact["actor"], fact["seq"])
        for fact in audit_service.facts()
        if fact["source"] == "gateway"
    ]
    assert sent == [
        ("during-0", 0), ("during-1", 1), ("during-2", 2), ("after", 3), ("after a restart", 4),
    ]  # fmt: skip
    assert [fact["seq"] for fact in content(old.files) if fact["source"] == "gateway"] == [0, 1, 2]


def test_a_retry_of_what_a_closed_log_holds_is_answered_with_its_first_receipt(
    settings: Settings,
) -> None:
    sender = Sender("gateway", "i", 0)
    with keeping(settings, actor=HAND) as hand:
        (receipt,) = admit(hand.log, [Request(sender, Event(Action.LOGIN, "rosa"))])
    rotate(settings, actor=HAND)
    with closing(Earlier(AuditFiles.of(settings))) as earlier:
        assert earlier
        assert earlier.here(sender).seq == -1
        assert earlier.here(Sender("gateway", "i", 1)).seq == 0
        found = earlier.find(sender)
        assert found is not None
        assert isinstance(receipt, Receipt)
        assert (found.index, found.leaf.hex()) == (receipt.index, receipt.leaf)
        assert earlier.find(Sender("gateway", "i", 1)) is None
        assert earlier.here(Sender("hub", "j", 7)).seq == 7


def test_a_kept_checkpoint_of_a_log_that_was_not_given_is_named_as_such(
    settings: Settings, tmp_path: Path
) -> None:
    """An export of the present log holds no closed one: that is no history cut off."""
    tell(settings, days=3)
    files = AuditFiles.of(settings)
    kept, key = tmp_path / "kept", tmp_path / "key"
    shutil.copy(files.checkpoint, kept)
    shutil.copy(files.public_key, key)
    rotate(settings, actor=HAND)
    copy = tmp_path / "copy"
    shutil.copytree(files.directory, copy, ignore=shutil.ignore_patterns("closed", "signing.key"))
    given = ["--checkpoint", str(kept), "--key", str(key), "--key", str(files.public_key)]
    command = [sys.executable, "-m", "audit.cli", "verify", str(copy), "--jobs", "1", *given]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"it is of {settings.origin}: give that log too, with --older" in done.stdout


def test_an_auditor_with_the_first_key_and_checkpoint_can_verify_all_that_followed(
    settings: Settings, tmp_path: Path
) -> None:
    tell(settings, days=30)
    settings = settings.model_copy(update={"audit_retention_days": 1})
    files = AuditFiles.of(settings)
    kept, key = tmp_path / "kept", tmp_path / "key"
    shutil.copy(files.checkpoint, kept)
    shutil.copy(files.public_key, key)
    days = iter(datetime.now(UTC).date() - timedelta(days=20 - n) for n in range(0, 10, 5))

    def forget() -> None:
        with keeping(settings, actor=HAND) as hand:
            assert len(purge(hand, next(days), "DSA 9.2")) == 1

    forget()
    with keeping(settings, actor=HAND) as hand:
        rotate_key(hand)
    rotate(settings, actor=HAND)
    forget()  # in the closed log
    with keeping(settings, actor=HAND) as hand:
        rotate_key(hand, overlap_days=0)
    copy = tmp_path / "copy"
    shutil.copytree(files.directory, copy, ignore=shutil.ignore_patterns("signing.key"))
    command = [sys.executable, "-m", "audit.cli", "verify", str(copy), "--jobs", "1"]
    given = ["--checkpoint", str(kept), "--key", str(key)]
    done = subprocess.run([*command, *given], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "in 2 removals" in done.stdout
    assert done.stdout.count("1 replaced") == 2
    assert "Does this log begin with the final checkpoint of the one before? yes" in done.stdout
