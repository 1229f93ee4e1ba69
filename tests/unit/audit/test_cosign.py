"""The service beside its witnesses: rounds, troubles, proofs, releases that wait for a quorum."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

import pytest

from audit.cosign import Caller, Cosigner, WitnessState, WitnessTrouble, _Asked, read_states
from audit.keys import Signer
from audit.note import Checkpoint, read_note
from audit.policy import Policy
from audit.policy import Witness as Named
from audit.proof import Proof
from audit.publication import PolicyRefused, best_note, load_policy, lodged_policy
from audit.witness import SIZE_TYPE, Reply, Witness
from enclave.errors import AuditRefused
from enclave.events import Action, Event
from enclave.settings import Settings
from tests.support.audit import AuditProcess
from tests.support.audit_bulk import write_log
from tests.support.witnesses import RunningWitness, log_keys, witnesses, write_policy
from tests.unit.audit.trees import Leaves

ORIGIN = "enclave.test/audit"
LOG = Signer.generate(ORIGIN)
TREE = Leaves([b"%d" % n for n in range(40)])


def note(size: int) -> tuple[Checkpoint, str]:
    checkpoint = Checkpoint(ORIGIN, size, TREE.root(size))
    return checkpoint, LOG.sign(checkpoint.text())


@pytest.fixture
def running(tmp_path: Path) -> Iterator[RunningWitness]:
    with witnesses(tmp_path, "a", [LOG.verifier]) as made:
        yield made[0]


def named(running: RunningWitness) -> Named:
    return Policy.parse(f"{running.line}quorum a\n").witnesses[0]


def test_the_first_question_learns_the_witnesss_size_and_goes_on_from_there(
    running: RunningWitness,
) -> None:
    Caller(named(running)).cosign(TREE, *note(7))
    lines = Caller(named(running)).cosign(TREE, *note(31))  # which knows nothing of the first
    assert read_note(note(31)[1] + lines, [running.signer.verifier]).signed


def test_a_witness_that_has_seen_more_or_another_log_contradicts_ours(
    running: RunningWitness,
) -> None:
    caller = Caller(named(running))
    caller.cosign(TREE, *note(31))
    with pytest.raises(WitnessTrouble, match="has cosigned 31 entries") as behind:
        Caller(named(running)).cosign(TREE, *note(30))
    other = Checkpoint(ORIGIN, 31, bytes(32))
    with pytest.raises(WitnessTrouble, match="another log of the same size") as same:
        caller.cosign(TREE, other, LOG.sign(other.text()))
    grown = Checkpoint(ORIGIN, 40, bytes(32))
    with pytest.raises(WitnessTrouble, match="another past") as past:
        Caller(named(running)).cosign(TREE, grown, LOG.sign(grown.text()))
    assert behind.value.conflict
    assert same.value.conflict
    assert past.value.conflict


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(400, "no\n"), "could not read"),
        (Reply(403, "no\n"), "does not know our key"),
        (Reply(404, "no\n"), "does not know our log"),
        (Reply(503, "no\n"), "status 503"),
        (Reply(200, "nonsense\n"), "no signature by the key"),
        (Reply(200, ""), "no signature by the key"),
        (Reply(409, "3\n"), "not of the protocol"),
        (Reply(409, "-3\n", SIZE_TYPE), "not of the protocol"),
        (Reply(409, "9" * 30, SIZE_TYPE), "not of the protocol"),
    ],
)
def test_each_wrong_answer_is_trouble_and_no_contradiction(
    running: RunningWitness, monkeypatch: pytest.MonkeyPatch, reply: Reply, said: str
) -> None:
    monkeypatch.setattr(Witness, "add_checkpoint", lambda self, body: reply)
    with pytest.raises(WitnessTrouble, match=said) as trouble:
        Caller(named(running)).cosign(TREE, *note(7))
    assert not trouble.value.conflict


def test_a_witness_that_never_agrees_with_itself_is_left(
    running: RunningWitness, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = iter(range(1, 30))
    answer = lambda self, body: Reply(409, f"{next(sizes)}\n", SIZE_TYPE)  # noqa: E731
    monkeypatch.setattr(Witness, "add_checkpoint", answer)
    with pytest.raises(WitnessTrouble, match="changes its mind"):
        Caller(named(running)).cosign(TREE, *note(31))


def test_a_witness_that_is_away_is_asked_again_and_named_meanwhile(
    running: RunningWitness, tmp_path: Path
) -> None:
    policy = Policy.parse(f"log {LOG.verifier.export()}\n{running.line}quorum a\n")
    kept: list[int] = []
    running.stop()
    cosigner = Cosigner(
        policy,
        lambda: nullcontext(TREE),
        lambda checkpoint, note: kept.append(checkpoint.size),
        states=tmp_path / "witnesses.json",
        heartbeat=60,
    )
    cosigner.start()
    try:
        cosigner.publish(note(7)[1])
        _until(lambda: read_states(tmp_path / "witnesses.json"))
        assert read_states(tmp_path / "witnesses.json")["a"].trouble == "It does not answer."
        assert kept == []
        running.start()
        assert cosigner.wait(7, 60)
        _until(lambda: not read_states(tmp_path / "witnesses.json")["a"].trouble)
    finally:
        cosigner.stop()
    assert kept[0] == 7


def test_a_witness_that_was_away_before_a_restart_is_soon_asked_again(
    running: RunningWitness, tmp_path: Path
) -> None:
    """It may have come with it, as the demo's: its longest pause is a minute."""
    policy = Policy.parse(f"log {LOG.verifier.export()}\n{running.line}quorum a\n")
    states = tmp_path / "witnesses.json"
    states.write_text(json.dumps([asdict(WitnessState("a", failures=5000))]))
    running.stop()
    cosigner = Cosigner(
        policy,
        lambda: nullcontext(TREE),
        lambda checkpoint, note: None,
        states=states,
        heartbeat=60,
    )
    cosigner.start()
    try:
        cosigner.publish(note(7)[1])
        _until(lambda: read_states(states)["a"].failures == 5001)
        running.start()
        assert cosigner.wait(7, 40)
    finally:
        cosigner.stop()


def test_a_witness_that_was_away_for_days_is_still_asked(running: RunningWitness) -> None:
    """Doubled a thousand times, the pause was too large for a number, and nobody was asked more."""
    asked = _Asked(Caller(named(running)), WitnessState("a"), missed=5000)
    asked.failed(WitnessTrouble("It does not answer."))
    assert asked.state.failures == 1


def _until(true: object, seconds: float = 60) -> None:
    assert callable(true)
    for _ in range(int(seconds / 0.02)):
        if true():
            return
        time.sleep(0.02)
    pytest.fail("it never happened")


def test_a_resting_log_is_cosigned_anew(running: RunningWitness, tmp_path: Path) -> None:
    policy = Policy.parse(f"log {LOG.verifier.export()}\n{running.line}quorum a\n")
    kept: list[str] = []
    cosigner = Cosigner(
        policy,
        lambda: nullcontext(TREE),
        lambda checkpoint, note: kept.append(note),
        states=tmp_path / "witnesses.json",
        heartbeat=0.1,
    )
    cosigner.start()
    cosigner.publish(note(7)[1])
    _until(lambda: len(kept) >= 3)
    cosigner.stop()
    assert {policy.open(each).checkpoint.size for each in kept} == {7}


def test_a_state_file_that_is_not_one_tells_nothing(tmp_path: Path) -> None:
    for text in ("", "{}", '[{"nothing": 1}]', "[3]"):
        (tmp_path / "states").write_text(text)
        assert read_states(tmp_path / "states") == {}
    assert read_states(tmp_path / "none") == {}


def test_a_policy_is_followed_or_refused_never_ignored(settings: Settings, tmp_path: Path) -> None:
    keys = log_keys(settings)
    assert load_policy(settings, keys) is None
    elsewhere = settings.model_copy(update={"audit_policy": tmp_path / "policy"})
    with pytest.raises(PolicyRefused, match="missing"):
        load_policy(elsewhere, keys)
    for text, said in (
        ("nonsense\n", "line 1"),
        (f"log {LOG.verifier.export()}\nquorum none\n", "no key"),
    ):
        (tmp_path / "policy").write_text(text)
        with pytest.raises(PolicyRefused, match=said):
            load_policy(elsewhere, keys)
    (tmp_path / "policy").write_text("quorum none\n")
    policy = load_policy(elsewhere, keys)
    assert policy is not None
    assert [log.verifier for log in policy.logs] == list(keys)
    lodged = Policy.parse(lodged_policy(elsewhere, AuditProcess(elsewhere).files))
    assert lodged == policy


@pytest.fixture
def service(settings: Settings) -> Iterator[tuple[AuditProcess, RunningWitness]]:
    """A real service that must have its releases cosigned, and its one witness."""
    strict = settings.model_copy(update={"audit_release_needs_cosignature": True})
    strict.state_dir.mkdir(parents=True, exist_ok=True)
    with witnesses(strict.state_dir, "a", log_keys(strict)) as made:
        write_policy(strict, made, "all")
        process = AuditProcess(strict).start()
        yield process, made[0]
        process.stop()


def test_a_release_has_its_receipt_under_a_quorum_only_and_everything_else_goes_on(
    service: tuple[AuditProcess, RunningWitness],
) -> None:
    process, witness = service
    release = Event(Action.OUTPUT_RELEASED, "egress", agencies=("dol",), detail={"request": "r1"})
    policy = Policy.parse((process.files.directory / "policy").read_bytes())
    with process.client("egress") as client:
        receipt = client.append(release)
        note = process.files.cosigned.read_text()
        assert policy.open(note).checkpoint.size > receipt.index
        proof = Proof.parse(client.prove(receipt))
        judged = proof.check_leaf(bytes.fromhex(receipt.leaf), policy)
        assert (proof.index, list(judged.cosigned)) == (receipt.index, ["a"])
        witness.stop()
        with pytest.raises(AuditRefused, match="witnesses do not answer"):
            client.append(release)
        again = client.append(Event(Action.LOGIN, "rosa"))
        late = Proof.parse(client.prove(again))  # it is given, under the log's signature alone
        assert "a.example" not in late.note
        with pytest.raises(AuditRefused, match="No proof"):
            client.prove(type(again)(10**6, again.leaf))
    attempted = process.facts()[-2]
    assert (attempted["action"], attempted["verdict"]) == ("access.denied", "denied")
    assert attempted["detail"]["attempted"] == "output.released"


def test_the_best_checkpoint_for_a_proof_is_the_cosigned_one_that_covers_it(
    settings: Settings,
) -> None:
    write_log(settings, 20)
    files = AuditProcess(settings).files
    newest = files.checkpoint.read_text()
    assert best_note(files, 3) == newest
    (signer,) = [Signer.generate(settings.origin)]
    older = signer.sign(Checkpoint(settings.origin, 10, bytes(32)).text())
    files.cosigned.write_text(older)
    assert best_note(files, 9) == older
    assert best_note(files, 10) == newest
