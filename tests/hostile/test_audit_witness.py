"""An operator with root, the database and the log's real key against witnesses they do not own.

Each attack is tried on a real log with real witnesses over HTTP; each test says what catches it.
SATRE 2.5.03: security logs that cannot be tampered with unseen.
"""

from __future__ import annotations

import base64
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace

import pytest

from audit.custody import AuditFiles, open_log, sign_checkpoint
from audit.keys import NoteError, Signer
from audit.log import Sender, open_reader
from audit.merkle import ProofError, consistency_proof
from audit.note import Checkpoint, split_note, with_lines
from audit.policy import Policy, QuorumMissing
from audit.proof import Proof, make
from audit.publication import Publication, load_policy, states_file
from audit.watch import Level, Standing, Watch
from audit.witness import Reply, Submission, Witness
from enclave.settings import Settings
from tests.support.audit_bulk import write_log
from tests.support.witnesses import RunningWitness, log_keys, witnesses, write_policy


@dataclass
class World:
    """A log of a few entries, its host's files, and three witnesses of which two are needed."""

    settings: Settings
    running: list[RunningWitness]

    @property
    def files(self) -> AuditFiles:
        return AuditFiles.of(self.settings)

    def grow(self, count: int, *, seed: int = 0) -> str:
        """Add entries and sign, as the service does; return the checkpoint."""
        if self.files.log.exists():
            log, signers = open_log(self.files, self.settings.origin)
            with closing(log):
                event = log.entry(0)
                assert event is not None
                assert event.body is not None
                with log.write() as batch:
                    for number in range(count):
                        sender = Sender("hub", f"test-{log.size}-{seed}", number)
                        batch.add(event.body + b" " * seed, sender)
                sign_checkpoint(log, self.files, signers)
        else:
            write_log(self.settings, count, seed=seed)
        return self.files.checkpoint.read_text()

    def publish(self, note: str | None = None) -> Publication:
        """Take the newest checkpoint to the witnesses once, and wait for the round's end."""
        states_file(self.files).unlink(missing_ok=True)  # what earlier rounds have learnt
        publication = Publication(self.settings, log_keys(self.settings))
        publication.publish(note or self.files.checkpoint.read_text())
        for _ in range(500):
            if all(state.at or state.trouble for state in publication.states()):
                break
            time.sleep(0.02)
        publication.stop()
        return publication

    def look(self, *, later: float = 0.0) -> Standing:
        policy = load_policy(self.settings, log_keys(self.settings))
        watch = Watch(
            self.files,
            late=1e12,  # what waits for the log's own signature is not what is looked at here
            policy=lambda: policy,
            late_quorum=1e9 if not later else 60,
            clock=lambda: time.time() + later,
        )
        return watch.look()

    def policy(self) -> Policy:
        return Policy.parse((self.settings.audit_dir / "policy").read_bytes())


@pytest.fixture
def world(settings: Settings) -> Iterator[World]:
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    with witnesses(settings.state_dir, "abc", log_keys(settings)) as running:
        write_policy(settings, running, "2")
        made = World(settings, running)
        write_log(settings, 20)
        made.publish()
        assert made.look().level is Level.GREEN
        yield made


def copy_of(world: World, name: str) -> World:
    """Return the same host's things in another directory, keys included."""
    state = world.settings.state_dir / name
    other = world.settings.model_copy(update={"state_dir": state})
    shutil.copytree(world.settings.audit_dir, other.audit_dir)
    return World(other, world.running)


def test_a_log_rewritten_and_signed_with_the_real_key_turns_red_and_leaves_evidence(
    world: World,
) -> None:
    forged = copy_of(world, "forged")
    for path in (forged.files.log, forged.files.checkpoint, forged.files.cosigned,
                 forged.files.seen, forged.files.log.with_name("log.db-wal")):  # fmt: skip
        path.unlink(missing_ok=True)
    forged.grow(25, seed=99)
    assert Watch(forged.files, late=1e12).look().level is Level.GREEN  # its own word is worth that
    forged.publish()
    standing = forged.look()
    assert standing.level is Level.RED
    assert "contradicts this log" in standing.sentence
    assert not forged.files.cosigned.exists()
    for witness in world.running:
        (refusal,) = witness.store.all()[1]
        assert Checkpoint.open(refusal.note, *log_keys(forged.settings)).size == 25


def test_a_log_rewritten_beside_the_cosigned_checkpoint_of_the_honest_one_turns_red(
    world: World,
) -> None:
    """The operator asks no witness any more, and shows what they cosigned before."""
    forged = copy_of(world, "forged")
    for path in (forged.files.log, forged.files.checkpoint, forged.files.seen,
                 forged.files.log.with_name("log.db-wal")):  # fmt: skip
        path.unlink(missing_ok=True)
    forged.grow(25, seed=99)
    assert forged.look().level is Level.RED


def test_a_log_put_back_with_all_its_files_turns_red(world: World) -> None:
    before = copy_of(world, "before")
    world.grow(5)
    world.publish()
    assert Watch(before.files, late=1e12).look().level is Level.GREEN  # everything in it agrees
    before.publish()
    standing = before.look()
    assert standing.level is Level.RED
    assert "has cosigned 25 entries, this log has 20" in standing.sentence


def test_a_log_put_back_whose_service_asks_nobody_turns_amber_by_age(world: World) -> None:
    assert world.look(later=20).level is Level.GREEN
    standing = world.look(later=3600)
    assert (standing.level, standing.heading) == (Level.AMBER, "Cosignatures are late")


def test_an_old_cosignature_under_a_new_checkpoint_is_a_wrong_signature(world: World) -> None:
    old = world.files.cosigned.read_text()
    note = world.grow(5)
    block = split_note(old)[1]
    lines = [line for line in block.splitlines(keepends=True) if "witness" in line]
    world.files.cosigned.write_text(with_lines(note, lines))
    assert world.look().level is Level.RED
    with pytest.raises(NoteError, match="wrong"):
        world.policy().judge(world.files.cosigned.read_text())


def test_an_old_cosigned_checkpoint_shown_again_covers_only_what_it_covered(world: World) -> None:
    old = world.files.cosigned.read_text()
    world.grow(5)
    world.publish()
    assert world.look().cosigned.size == 25  # type: ignore[union-attr]
    world.files.cosigned.write_text(old)
    standing = world.look()
    assert (standing.uncovered, standing.cosigned.size) == (5, 20)  # type: ignore[union-attr]
    with (
        closing(open_reader(world.files.place)) as reader,
        pytest.raises(ProofError, match="not cover"),
    ):
        make(reader, 22, old)


@pytest.mark.parametrize("own_id", [False, True])
def test_a_forged_cosignature_makes_no_quorum(world: World, *, own_id: bool) -> None:
    """By a key of the same name it is nobody's; under the real key's id it is wrong."""
    note = world.grow(5)
    text, _ = split_note(note)
    now = int(time.time())
    lines = []
    for witness in world.running:
        stranger = replace(witness.signer, seed=bytes(32))
        line = stranger.line(text, now)
        if own_id:
            line = _with_id(line, witness.signer)
        lines.append(line)
    world.files.cosigned.write_text(with_lines(note, lines))
    assert world.look().level is (Level.RED if own_id else Level.AMBER)
    with pytest.raises(NoteError):
        world.policy().open(world.files.cosigned.read_text())


def _with_id(line: str, signer: Signer) -> str:
    mark, name, encoded = line.rstrip("\n").split(" ")
    raw = signer.verifier.key_id + base64.b64decode(encoded)[4:]
    return f"{mark} {name} {base64.b64encode(raw).decode()}\n"


def test_two_views_shown_to_two_witnesses_never_both_have_a_quorum(world: World) -> None:
    """Two quorums of two out of three share a witness, and a witness cosigns one view."""
    fork = copy_of(world, "fork")
    notes = (world.grow(3, seed=1), fork.grow(3, seed=2))
    views = (world, fork)
    cosigned = []
    for order in ((0, 1, 2), (1, 2, 0)):
        view = views[len(cosigned)]
        note = notes[len(cosigned)]
        for number in order:
            note = _push(view, world.running[number], note)
        cosigned.append(note)
    held = []
    for note in cosigned:
        try:
            held.append(world.policy().open(note))
        except QuorumMissing:
            continue
    assert len(held) == 1
    evidence = [refusal for witness in world.running for refusal in witness.store.all()[1]]
    assert evidence, "the witness asked twice keeps the second view, with the log's signature"


def _push(view: World, witness: RunningWitness, note: str) -> str:
    """Take one view to one witness by hand; return the note with what it gave."""
    checkpoint = Checkpoint.parse(split_note(note)[0])
    latest = witness.store.latest(checkpoint.origin)
    old = latest.size if latest else 0
    with closing(open_reader(view.files.place)) as reader:
        proof = tuple(consistency_proof(reader.node, old, checkpoint.size)) if old else ()
    reply = witness.witness.add_checkpoint(Submission(old, proof, note).text())
    if reply.status != 200:
        return note
    return with_lines(note, reply.body.splitlines(keepends=True))


@pytest.mark.parametrize("away", ["", "a", "ab", "abc"])
def test_one_fewer_than_the_quorum_is_never_green(world: World, away: str) -> None:
    for witness in world.running:
        if witness.name in away:
            witness.stop()
    world.grow(5)
    world.files.cosigned.unlink()
    publication = world.publish()
    enough = len(away) <= 1
    assert publication.cosigned(25, 0.0) is enough
    assert world.look().level is (Level.GREEN if enough else Level.AMBER)
    assert world.files.cosigned.exists() is enough


def test_a_policy_the_operator_made_weaker_is_shown_as_such_and_convinces_nobody_else(
    world: World,
) -> None:
    lodged = world.policy()
    note = world.grow(5)
    path = world.settings.audit_dir / "policy"
    path.write_text("quorum none\n")
    standing = world.look()
    assert (standing.level, standing.heading) == (Level.AMBER, "No witness")
    with pytest.raises(QuorumMissing):
        lodged.open(note)
    path.write_text("quorum nobody\n")
    with pytest.raises(Exception, match="cannot be followed"):
        load_policy(world.settings, log_keys(world.settings))


def test_a_witness_whose_answers_are_forged_on_the_way_gives_nothing(world: World) -> None:
    """Plain HTTP may be altered: only a line by the key in the policy counts."""
    stranger = Signer.generate("stranger", world.running[0].signer.kind)
    for witness in world.running:
        witness.witness.signers = (stranger,)
    world.grow(5)
    world.files.cosigned.unlink()
    publication = world.publish()
    assert all("no signature" in state.trouble for state in publication.states())
    assert world.look().level is Level.AMBER


def test_a_proof_under_the_operators_own_signature_alone_is_refused_offline(world: World) -> None:
    note = world.grow(5)
    with closing(open_reader(world.files.place)) as reader:
        alone, cosigned = make(reader, 7, note), make(reader, 7, world.files.cosigned.read_text())
        entry = reader.entry(7)
    assert entry is not None
    assert entry.body is not None
    Proof.parse(cosigned).check(entry.body, world.policy())
    with pytest.raises(QuorumMissing):
        Proof.parse(alone).check(entry.body, world.policy())


def test_a_witness_that_answers_nonsense_holds_up_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other two carry the quorum; the third is named with its trouble."""
    honest = Witness.add_checkpoint

    def answer(witness: Witness, body: bytes) -> Reply:
        return Reply(200, "nonsense\n") if witness is liar else honest(witness, body)

    liar = world.running[2].witness
    monkeypatch.setattr(Witness, "add_checkpoint", answer)
    world.grow(5)
    publication = world.publish()
    assert publication.cosigned(25, 5.0)
    assert {state.name for state in publication.states() if state.trouble} == {"c"}
    assert world.look().level is Level.GREEN
