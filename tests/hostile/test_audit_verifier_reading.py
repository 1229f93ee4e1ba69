"""More attacks, one for each check of how the verifier reads: places, types, trust, proofs.

Each was found missing by taking that check out and seeing every test pass. (SATRE 2.5.03; R4)
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from audit.keys import COSIGNATURE, Signer
from audit.log import Sender, open_reader
from audit.note import with_lines
from audit.policy import Policy
from audit.proof import make
from audit.tiles import export
from audit.verifier.checks import Unreadable
from audit.verifier.reading import Stretch
from audit.verifier.receipt import check_receipt
from audit.verifier.sources import LARGEST_FILE, read_small
from audit.verifier.tiles import Tiles
from audit.verifier.tree import Whole
from audit.verifier.trust import Trust, judge_cosigned
from enclave.events import Action, Event, Scalar, Stamp, encode
from tests.hostile.test_audit_verifier_checks import LOGIN, OUTPUT, RELEASED, VOTES, vote
from tests.support.audit_story import DAY
from tests.support.forged import START, Forged, found, judge
from tests.support.rewrites import tamper
from tests.support.verifier import run_here


@pytest.fixture
def forged(tmp_path: Path) -> Iterator[Forged]:
    log = Forged(tmp_path / "log")
    with closing(log):
        yield log


def wrong(forged: Forged, kept: str, *, stretch: int = 8192) -> str:
    return found(judge(forged.files.directory, [forged.key], kept, stretch=stretch))


def test_a_hole_as_long_as_what_is_read_at_once_is_named(forged: Forged) -> None:
    """The operator signs what stands before the hole: nothing else would tell of the rest."""
    kept = forged.note
    forged.write(*[LOGIN] * 256)
    shown = forged.sign()
    forged.write(*[LOGIN] * 300)
    forged.files.checkpoint.write_text(shown)
    tamper(forged.files, "DELETE FROM entry WHERE idx >= 256 AND idx < 512")
    assert "entries 256 to 511 are missing or out of place" in wrong(forged, kept, stretch=256)


def test_one_person_spelt_in_two_ways_votes_once(forged: Forged) -> None:
    forged.write(OUTPUT, vote("dol", "dora"), source="egress")
    voted = encode(vote("cscu", "dora"), Stamp(START, "egress", "i", 2, "00" * 16))
    spelt = voted.replace(b'"uid":"dora"', rb'"uid":"d\u006fra"')
    forged.text(spelt, Sender("egress", "i", 2))
    forged.text(
        encode(RELEASED, Stamp(START, "egress", "i", 3, "00" * 16)), Sender("egress", "i", 3)
    )
    assert "one person voted for several agencies" in wrong(forged, forged.sign())


def test_a_removed_text_excuses_no_gap_of_another_sender(forged: Forged) -> None:
    forged.write(LOGIN, LOGIN)
    forged.write(LOGIN, source="hub")
    forged.write(LOGIN, source="hub", seq=2)
    kept = forged.sign()
    tamper(forged.files, "UPDATE entry SET body = NULL WHERE idx = 0")
    assert "hub sent 2, 1 was due" in wrong(forged, kept)


@pytest.mark.parametrize(
    "change",
    ["source = 7", "instance = 7", "seq = 'x'", "leaf = 7", "leaf = NULL", "leaf = zeroblob(31)"],
)
def test_columns_of_any_kind_beside_a_removed_text_are_a_finding(
    forged: Forged, change: str
) -> None:
    forged.write(LOGIN, LOGIN, LOGIN)
    kept = forged.sign()
    tamper(
        forged.files,
        "ALTER TABLE entry RENAME TO held",
        "CREATE TABLE entry (idx INTEGER PRIMARY KEY, leaf, body, source, instance, seq)",
        "INSERT INTO entry SELECT * FROM held",
        f"UPDATE entry SET body = NULL, {change} WHERE idx = 1",
    )
    assert wrong(forged, kept)


def test_numbers_that_are_texts_are_refused(forged: Forged) -> None:
    forged.write(LOGIN, LOGIN)
    kept = forged.sign()
    tamper(
        forged.files,
        "ALTER TABLE entry RENAME TO held",
        "CREATE TABLE entry (idx, leaf, body, source, instance, seq)",
        "INSERT INTO entry SELECT 'x' || idx, leaf, body, source, instance, seq FROM held",
    )
    with pytest.raises(Unreadable, match="not numbered as a log's"):
        wrong(forged, kept)


@pytest.mark.parametrize("told", [True, False])
def test_a_young_text_removed_with_all_its_neighbours_is_known_by_those_before(
    forged: Forged, told: bool
) -> None:
    forged.time = START + 100 * DAY
    forged.write(*[LOGIN] * 512)
    gone = list(range(256, 512))
    tamper(forged.files, "UPDATE entry SET body = NULL WHERE idx >= 256")
    if told:
        digest = hashlib.sha256(b"".join(index.to_bytes(8, "big") for index in gone)).hexdigest()
        before = datetime.fromtimestamp(START / 1000, UTC).date().isoformat()
        detail: dict[str, Scalar] = {
            "log": forged.origin, "entries": 256, "removed": 256, "digest": digest,
            "before": before, "ground": "a law",
        }  # fmt: skip
        forged.write(Event(Action.AUDIT_PURGED, "adam", detail=detail), source="audit")
    said = wrong(forged, forged.sign())
    sentence = "written later than any removal's day" if told else "and no event says so"
    assert (
        f"entry 256: {'removed, though ' if told else 'its text was removed, '}{sentence}" in said
    )


def test_each_tile_of_tiles_is_compared_with_its_own_hashes_only() -> None:
    chunks = [hashlib.sha256(b"%d" % number).digest() for number in range(258)]
    tiles = {(1, 0): b"".join(chunks[:256]), (1, 1): b"".join(chunks[256:])}

    def read(stored: dict[tuple[int, int], bytes]) -> Whole:
        whole = Whole()

        def tile(level: int, n: int, width: int) -> bytes | None:
            return stored.get((level, n), b"")[: width * 32]

        whole.add(Stretch(0, 256 * 258, chunks=chunks), tile)
        whole.finish(tile)
        return whole

    assert not any(name.startswith("tile 1/") for name in read(tiles).tiles.places)
    for n in (0, 1):
        assert f"tile 1/{n}" in read({**tiles, (1, n): bytes(32 * 256)}).tiles.places


# Trust -------------------------------------------------------------------------------------------


class Witnessed:
    """A log and a witness that cosigns what it is given; the policy wants it."""

    def __init__(self, forged: Forged):
        self.forged = forged
        self.signer = Signer.generate("w.example/a", COSIGNATURE)
        known = f"witness a {self.signer.verifier.export()}\n"
        self.policy = f"log {forged.key}\n{known}quorum a\n".encode()

    def cosign(self, note: str) -> str:
        text = note.partition("\n\n")[0] + "\n"
        return with_lines(note, [self.signer.line(text, at=1_790_000_000)])


@pytest.fixture
def witnessed(forged: Forged) -> Witnessed:
    return Witnessed(forged)


def test_no_checkpoint_at_all_has_no_quorum(witnessed: Witnessed) -> None:
    marks, check = judge_cosigned(Trust.of([], witnessed.policy), [], [])
    assert marks == []
    assert not check.passed


@pytest.mark.parametrize("order", [1, -1])
def test_the_largest_cosigned_checkpoint_counts_wherever_it_stands(
    witnessed: Witnessed, order: int
) -> None:
    notes = [witnessed.cosign(witnessed.forged.note)]
    witnessed.forged.write(LOGIN, LOGIN)
    notes.append(witnessed.cosign(witnessed.forged.sign()))
    (mark,), check = judge_cosigned(Trust.of([], witnessed.policy), notes[::order], [])
    assert mark.checkpoint.size == 2
    assert check.passed


def test_a_key_file_may_have_empty_lines(forged: Forged) -> None:
    assert Trust.of([f"\n{forged.key}\n\n  \n"]).keys == Trust.of([forged.key]).keys


def test_a_file_without_end_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    path.touch()
    os.truncate(path, LARGEST_FILE + 1)
    with pytest.raises(Unreadable, match="Too large to be what it should be"):
        read_small(path)
    os.truncate(path, LARGEST_FILE)
    assert len(read_small(path)) == LARGEST_FILE


# Proofs ------------------------------------------------------------------------------------------


def proof_of(forged: Forged, index: int, note: str) -> tuple[bytes, bytes]:
    """Return a proof, and the leaf it is of."""
    with closing(open_reader(forged.files.log)) as log:
        entry = log.entry(index)
        assert entry is not None
        return make(log, index, note).encode(), entry.leaf


def test_a_proof_under_a_policy_needs_the_witness_and_names_it(witnessed: Witnessed) -> None:
    witnessed.forged.write(LOGIN, LOGIN)
    note, trust = witnessed.forged.sign(), Trust.of([], witnessed.policy)
    for cosigned, kept in ((False, note), (True, witnessed.cosign(note))):
        content, leaf = proof_of(witnessed.forged, 1, kept)
        (check,) = check_receipt(content, trust, leaf=leaf)
        assert check.passed is cosigned
        assert any("cosigned by a, since 2026" in said for said in check.notes) is cosigned


def test_a_key_beside_a_policy_signs_for_the_log_and_a_witness_s_key_does_not(
    witnessed: Witnessed,
) -> None:
    forged = witnessed.forged
    forged.write(LOGIN)
    content, leaf = proof_of(forged, 0, forged.sign())
    (check,) = check_receipt(content, Trust.of([forged.key]), leaf=leaf)
    assert check.passed
    (check,) = check_receipt(content, Trust.of([witnessed.signer.verifier.export()]), leaf=leaf)
    assert not check.passed
    assert len(Policy.parse(witnessed.policy).logs) == 1


def test_a_proof_without_an_entry_is_answered_in_a_sentence(forged: Forged) -> None:
    forged.write(LOGIN)
    content, leaf = proof_of(forged, 0, forged.sign())
    with pytest.raises(Unreadable, match="A proof is of an entry"):
        check_receipt(content, Trust.of([forged.key]))
    with pytest.raises(Unreadable, match="This is not a text"):
        check_receipt(content + b"\xff", Trust.of([forged.key]), leaf=leaf)


# An export's files -------------------------------------------------------------------------------


def exported(forged: Forged, place: Path) -> Path:
    with closing(open_reader(forged.files.log)) as log:
        export(log, forged.note, place)
    return place


def judged(directory: Path, forged: Forged) -> str:
    return found(judge(directory, [forged.key], forged.note))


def _cut(directory: Path) -> None:
    tile = next((directory / "tile" / "0").rglob("*.p/*"))
    tile.write_bytes(tile.read_bytes()[:-32])


def _shorten(directory: Path) -> None:
    bundle = next((directory / "tile" / "entries").rglob("*.p/*"))
    content = bundle.read_bytes()
    bundle.write_bytes(content[: 2 + int.from_bytes(content[:2], "big")])


@pytest.mark.parametrize(
    ("change", "sentence"), [(_cut, "is missing or of another length"), (_shorten, "holds 1 for 3")]
)
def test_a_tile_or_bundle_cut_short_is_named(
    forged: Forged, tmp_path: Path, change: Callable[[Path], None], sentence: str
) -> None:
    forged.write(LOGIN, LOGIN, LOGIN)
    forged.sign()
    directory = exported(forged, tmp_path / "tiles")
    assert judged(directory, forged) == ""
    change(directory)
    assert sentence in judged(directory, forged)


def test_a_number_written_as_a_text_beside_a_removed_one_is_a_finding(
    forged: Forged, tmp_path: Path
) -> None:
    forged.write(LOGIN, LOGIN, LOGIN)
    tamper(forged.files, "UPDATE entry SET body = NULL WHERE idx = 1")
    forged.sign()
    directory = exported(forged, tmp_path / "tiles")
    (sidecar,) = (path for path in (directory / "enclave").rglob("*.p/*") if path.is_file())
    lines = [json.loads(line) for line in sidecar.read_text().splitlines()]
    lines[1]["seq"] = str(lines[1]["seq"])
    sidecar.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "is broken" in judged(directory, forged)


def test_a_tile_beyond_the_thousandth_lies_where_tlog_tiles_says(
    forged: Forged, tmp_path: Path
) -> None:
    directory = exported(forged, tmp_path / "tiles")
    for number, name in ((1_234_067, "x001/x234/067"), (1000, "x001/000")):
        path = directory / "tile" / "0" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%032d" % number * 256)
        assert Tiles(directory).tile(0, number, 1) == b"%032d" % number


# Certificates ------------------------------------------------------------------------------------


def certificate(forged: Forged, **changed: object) -> dict[str, Any]:
    """Return what a release's certificate says, with a proof of each entry but the submission."""
    note, proofs = forged.note, []
    with closing(open_reader(forged.files.log)) as log:
        for entry in log.entries(1):
            action = json.loads(entry.body or b"")["unmapped"]["enclave"]["action"]
            proof = {"action": action, "entry": entry.index, "leaf": entry.leaf.hex()}
            proofs.append({**proof, "proof": make(log, entry.index, note)})
    return {
        "certificate": "enclave/release/1",
        "request": "r",
        "file": {"name": "t.csv", "sha256": "aa"},
        "lineage": {"agencies": ["cscu", "dol"]},
        "votes": [{"agency": agency, "approve": True} for agency in ("cscu", "dol")],
        "proofs": proofs,
        **changed,
    }


def answered(forged: Forged, body: dict[str, Any], log: Path | None = None) -> str:
    """Return what is wrong with a certificate, beside the log or a copy of it."""
    found = check_receipt(
        json.dumps(body).encode(), Trust.of([forged.key]), log=log or forged.files.directory
    )
    return " | ".join(place for check in found for place in check.wrong)


@pytest.fixture
def released(forged: Forged) -> Forged:
    forged.write(OUTPUT, *VOTES, RELEASED, source="egress")
    forged.sign()
    return forged


def test_an_honest_certificate_passes_beside_the_log_and_beside_its_export(
    released: Forged, tmp_path: Path
) -> None:
    body = certificate(released)
    assert answered(released, body) == ""
    assert answered(released, body, exported(released, tmp_path / "tiles")) == ""


@pytest.mark.parametrize("format", ["enclave/release/9", "", None, 1])
def test_a_certificate_of_another_format_is_none(released: Forged, format: object) -> None:
    with pytest.raises(Unreadable, match="no certificate of a release"):
        answered(released, certificate(released, certificate=format, files=[]))


@pytest.mark.parametrize("entry", ["1", 1.0, None, True])
def test_an_entry_that_is_no_number_makes_no_certificate(released: Forged, entry: object) -> None:
    body = certificate(released)
    body["proofs"][0]["entry"] = entry
    with pytest.raises(Unreadable, match="an entry is a number"):
        answered(released, body)


def test_a_text_that_was_changed_in_the_copy_is_not_taken_for_the_proved_one(
    released: Forged,
) -> None:
    body = certificate(released)
    tamper(
        released.files,
        "UPDATE entry SET body = CAST(replace(CAST(body AS TEXT), 'dora', 'doro') AS BLOB)",
    )
    assert "entry 1: the log holds another text, or none" in answered(released, body)


def test_a_remark_or_a_rejection_is_no_vote_whatever_a_certificate_calls_it(
    forged: Forged,
) -> None:
    said = replace(VOTES[0], action=Action.OUTPUT_COMMENTED)
    forged.write(OUTPUT, said, vote("cscu", "carl", decision="reject"), RELEASED, source="egress")
    forged.sign()
    body = certificate(forged)
    body["proofs"][0]["action"] = "output.voted"
    found = answered(forged, body)
    assert "entry 1: is not output.voted of this request" in found
    assert "no vote of cscu is among them" in found


# The command line --------------------------------------------------------------------------------


def test_a_policy_on_the_command_line_is_what_is_asked(
    witnessed: Witnessed, tmp_path: Path
) -> None:
    forged = witnessed.forged
    forged.write(LOGIN)
    kept, policy = tmp_path / "kept", tmp_path / "policy"
    kept.write_text(forged.sign())
    policy.write_bytes(witnessed.policy)
    asked = ("log", forged.files.directory, "--jobs", "1", "--policy", policy)
    assert "cosigned by nobody only" in run_here(*asked, "--checkpoint", kept).stdout
    forged.files.cosigned.write_text(witnessed.cosign(forged.note))
    found = run_here(*asked)  # the quorum's checkpoint is as good as one kept elsewhere
    assert found.returncode == 0, found.stdout + found.stderr
    policy.write_bytes(witnessed.policy.replace(b"quorum a", b"quorum none"))
    found = run_here(*asked)
    assert found.returncode == 2
    assert "Give --checkpoint" in found.stderr


def test_a_signed_note_that_is_no_checkpoint_stops_nothing(forged: Forged) -> None:
    forged.write(LOGIN)
    kept = forged.sign()
    note = forged.signers.sign("words\n")
    tamper(forged.files, f"INSERT INTO checkpoint VALUES (99, '{note}')")
    assert wrong(forged, kept) == ""


def test_a_checkpoint_that_the_log_no_longer_holds_covers_nothing(forged: Forged) -> None:
    forged.write(LOGIN, LOGIN)
    kept = forged.sign()
    tamper(forged.files, "DELETE FROM entry WHERE idx = 1")
    (report,) = judge(forged.files.directory, [forged.key], kept)
    assert (report.covered, report.exposed) == (0, 1)
    (clock,) = (check for check in report.checks if "run forward" in check.question)
    assert clock.answer == "yes"
