"""What somebody with the log's key, a share of the files or a place on the way can still try.

Each manipulation must be named by the verifier in a sentence, or be shown to gain nothing. The
attacker signs with the real key wherever that helps. (SATRE 2.5.03; R4)
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from audit.keys import COSIGNATURE, MARK, NoteError, Signer
from audit.log import Sender, open_reader
from audit.merkle import leaf_hash
from audit.note import Checkpoint, lines_of, split_note, with_lines
from audit.policy import Policy
from audit.proof import make
from audit.tiles import export
from audit.verifier.chain import verify_chain
from audit.verifier.checks import Unreadable
from audit.verifier.engine import Question, Report
from audit.verifier.receipt import check_receipt
from audit.verifier.report import lines
from audit.verifier.tiles import Tiles
from audit.verifier.trust import Trust
from enclave.events import Action, Event, Stamp, Verdict, encode
from tests.support.audit_story import HOUR, PAIR
from tests.support.forged import START, Forged, found, judge, remarked
from tests.support.rewrites import tamper

LOGIN = Event(Action.LOGIN, "rosa")
OUTPUT = replace(PAIR, action=Action.OUTPUT_SUBMITTED, actor="rosa", detail={"request": "r"})
INTENT = replace(PAIR, action=Action.QUERY_INTENT, actor="rosa", intent="q")
OUTCOME = replace(INTENT, action=Action.QUERY_OUTCOME, detail={"rows": 3})
DENIED = replace(INTENT, action=Action.QUERY_DENIED, verdict=Verdict.DENIED)
SEEN = 1_760_000_000  # seconds since 1970, when the witness signed
RELEASED = replace(OUTPUT, action=Action.OUTPUT_RELEASED, detail={"request": "r", "sha256": "aa"})
DOWNLOADED = replace(OUTPUT, action=Action.OUTPUT_DOWNLOADED)


def vote(agency: str, person: str, action: Action = Action.OUTPUT_VOTED) -> Event:
    said = "approve" if action is Action.OUTPUT_VOTED else "reject"
    detail = {"request": "r", "agency": agency, "decision": said, "shown": "1"}
    return replace(OUTPUT, action=action, actor=person, detail=detail)


VOTES = (vote("dol", "dora"), vote("cscu", "carl"))


class World:
    """A log of three entries, an auditor who kept its key, and a witness of another party."""

    def __init__(self, place: Path):
        self.place = place
        self.forged = Forged(place / "log")
        self.forged.write(LOGIN, LOGIN, LOGIN)
        self.forged.sign()
        self.witness = Signer.generate("w.example/a", COSIGNATURE)

    @property
    def policy(self) -> str:
        return f"log {self.forged.key}\nwitness a {self.witness.verifier.export()}\nquorum a\n"

    def cosigned(self, note: str, at: int = SEEN) -> str:
        return with_lines(note, [self.witness.line(split_note(note)[0], at)])

    def other(self) -> str:
        """Another history of the same size, under the same key."""
        root = bytes(31) + b"\1"
        text = Checkpoint(self.forged.origin, 3, root).text()
        return self.forged.signers.sign(text)

    def ask(self, kept: dict[str, str], policy: str | None = None) -> list[Report]:
        trust = Trust.of([self.forged.key], None if policy is None else policy.encode())
        return verify_chain(Question(self.forged.files.directory, trust, kept), (), _silent)

    def exported(self) -> Path:
        with closing(open_reader(self.forged.files.log)) as log:
            export(log, self.forged.note, self.place / "export")
        return self.place / "export"


def _silent(done: int, total: int) -> None:
    pass


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    with closing(made.forged):
        yield made


# Notes, keys and cosignatures --------------------------------------------------------------------


def _with_text(change: Callable[[str], str]) -> Callable[[World], str]:
    def signed(world: World) -> str:
        return world.forged.signers.sign(change(split_note(world.forged.note)[0]))

    return signed


def _with_line(line: str) -> Callable[[World], str]:
    return lambda world: world.forged.note + line


def _junk_of(world: World) -> str:
    """A line under the real key's name and hash that it never wrote."""
    name, _, encoded = lines_of(split_note(world.forged.note)[1])[0].rpartition(" ")
    return f"{world.forged.note}{name} {encoded[:12]}{'A' * 76}\n"


NOTES: dict[str, tuple[Callable[[World], str], str]] = {
    "an empty line within the text": (_with_text(lambda t: t + "\nmore\n"), "is origin, size"),
    "a size with a zero before it": (_with_text(lambda t: t.replace("\n3\n", "\n03\n")), "number"),
    "a size that is negative": (_with_text(lambda t: t.replace("\n3\n", "\n-3\n")), "number"),
    "a size of 2^63": (_with_text(lambda t: t.replace("\n3\n", f"\n{2**63}\n")), "number"),
    "a size of other digits": (_with_text(lambda t: t.replace("\n3\n", "\n٣\n")), "number"),
    "a root that is too short": (_with_text(lambda t: t[:-6] + "AA==\n"), "no"),
    "the origin twice": (_with_text(lambda t: t.split("\n")[0] + "\n" + t), "not base64"),
    "another log's origin": (_with_text(lambda t: "other.example" + t[12:]), "another log"),
    "a carriage return": (
        lambda world: world.forged.note.replace("\n", "\r\n"), "a note has a text",
    ),
    "no signature": (lambda world: split_note(world.forged.note)[0] + "\n", "a note has a text"),
    "a junk signature beside the real one": (_junk_of, "the signature is wrong"),
    "129 signatures": (
        lambda world: world.forged.note + f"{MARK}x AAAAAAAA\n" * 128, "too many signatures",
    ),
    "a line that is none": (_with_line("AAAA\n"), "malformed"),
    "a line that is no base64": (_with_line(f"{MARK}x !!!!\n"), "not base64"),
    "a line with two words": (_with_line(f"{MARK}x AAAAAAAA AAAAAAAA\n"), "not base64"),
    "another root of the same size": (World.other, "another root over the first 3 entries"),
}  # fmt: skip


@pytest.mark.parametrize("name", NOTES)
def test_a_checkpoint_that_was_tampered_with_is_refused(world: World, name: str) -> None:
    change, sentence = NOTES[name]
    assert sentence in found(world.ask({"your checkpoint": change(world)}))


@pytest.mark.parametrize(
    "line",
    ["x AAAAAAAA", "enclave.demo/audit AAAAAAAA", "x\N{LINE SEPARATOR}y AAAAAAAA", "x //////8="],
)
def test_a_line_by_nobody_you_know_changes_nothing(world: World, line: str) -> None:
    assert found(world.ask({"your checkpoint": f"{world.forged.note}{MARK}{line}\n"})) == ""


def test_lines_end_where_the_specification_says_and_nowhere_else() -> None:
    block = f"{MARK}x\N{LINE SEPARATOR}y AAAAAAAA\n{MARK}z\x85 AAAAAAAA\n"
    assert lines_of(block) == [f"{MARK}x\N{LINE SEPARATOR}y AAAAAAAA\n", f"{MARK}z\x85 AAAAAAAA\n"]
    assert with_lines(f"text\n\n{block}", [f"{MARK}z\x85 AAAAAAAA\n"]) == f"text\n\n{block}"


def test_two_checkpoints_of_one_size_that_you_kept_cannot_both_hold(world: World) -> None:
    reports = world.ask({"one": world.forged.note, "two": world.other()})
    assert "another root over the first 3 entries" in found(reports)


def test_a_smaller_cosigned_checkpoint_of_another_past_is_not_passed_over(world: World) -> None:
    """The largest alone would hide that the witnesses have seen another history before."""
    text = Checkpoint(world.forged.origin, 2, bytes(32)).text()
    world.forged.files.cosigned.write_text(world.cosigned(world.forged.signers.sign(text)))
    kept = {"your checkpoint": world.cosigned(world.forged.note)}
    assert "another root over the first 2 entries" in found(world.ask(kept, world.policy))
    world.forged.files.cosigned.unlink()
    assert found(world.ask(kept, world.policy)) == ""


@pytest.mark.parametrize(("at", "said"), [(SEEN, ""), (2**62, "ahead of this computer's clock")])
def test_a_cosignature_of_the_future_is_remarked(world: World, at: int, said: str) -> None:
    kept = {"your checkpoint": world.cosigned(world.forged.note, at)}
    reports = world.ask(kept, world.policy)
    assert found(reports) == ""
    assert said in remarked(reports) and ("ahead" in remarked(reports)) is bool(said)


def test_a_cosignature_by_a_key_of_the_same_name_is_nobody_s(world: World) -> None:
    twin = Signer.generate(world.witness.name, COSIGNATURE)
    note = with_lines(world.forged.note, [twin.line(split_note(world.forged.note)[0], SEEN)])
    reports = world.ask({"your checkpoint": note}, world.policy)
    assert "cosigned by nobody only" in found(reports)


# Policies ----------------------------------------------------------------------------------------

_W = Signer.generate("w.example/w", COSIGNATURE)
_V = Signer.generate("w.example/v", COSIGNATURE)
_TWO = f"witness w {_W.verifier.export()}\nwitness v {_V.verifier.export()}\n"

POLICIES = {
    "a quorum of none of them": f"{_TWO}group g 0 w v\nquorum g\n",
    "a negative quorum": f"{_TWO}group g -1 w v\nquorum g\n",
    "a quorum with a plus": f"{_TWO}group g +1 w v\nquorum g\n",
    "a quorum of more than there are": f"{_TWO}group g 3 w v\nquorum g\n",
    "a quorum of very many": f"{_TWO}group g {'9' * 5000} w v\nquorum g\n",
    "a witness twice in a group": f"{_TWO}group g 2 w w\nquorum g\n",
    "a witness in two groups": f"{_TWO}group g 1 w v\ngroup h 1 w\nquorum h\n",
    "a key under two names": f"{_TWO}witness u {_W.verifier.export()}\nquorum u\n",
    "a group within itself": f"{_TWO}group g 1 g\nquorum g\n",
    "two quorums": f"{_TWO}quorum w\nquorum v\n",
    "no quorum": _TWO,
    "a witness called none": f"witness none {_W.verifier.export()}\nquorum none\n",
}


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_that_asks_for_less_than_it_seems_is_refused(world: World, name: str) -> None:
    with pytest.raises(NoteError):
        Policy.parse(f"log {world.forged.key}\n{POLICIES[name]}")


@pytest.mark.parametrize("names_log", [True, False])
def test_a_witness_with_the_log_s_own_key_is_no_other_party(world: World, names_log: bool) -> None:
    (seed,) = [held.signer.seed for held in world.forged.signers._held]
    itself = Signer("w.example/itself", seed, COSIGNATURE)
    log = f"log {world.forged.key}\n" if names_log else ""
    policy = f"{log}witness a {itself.verifier.export()}\nquorum a\n"
    with pytest.raises(NoteError, match="the log's own key"):
        Trust.of([world.forged.key], policy.encode())


# Texts -------------------------------------------------------------------------------------------

_HONEST = encode(LOGIN, Stamp(START, "gateway", "i", 3, "00" * 16)).decode()


def _said(old: str, new: str) -> bytes:
    assert old in _HONEST
    return _HONEST.replace(old, new).encode(errors="surrogatepass")


TEXTS: dict[str, bytes] = {
    "a name twice": _said('"detail":{}', '"detail":{},"detail":{}'),
    "a time of 300 digits": _said(str(START), "9" * 300),
    "a time of 5,000 digits": _said(str(START), "9" * 5_000),
    "a time before time": _said(str(START), "-1"),
    "a time with a point": _said(str(START), "1.5e12"),
    "a number that is none": _said('"seq":3', '"seq":NaN'),
    "a number without end": _said('"seq":3', '"seq":Infinity'),
    "a number that is true": _said('"seq":3', '"seq":true'),
    "half a letter": _said('"rosa"', '"\\ud800"'),
    "bytes that are no letter": _said('"rosa"', '"\udcff"'),
    "lists in lists": _said('"detail":{}', '"detail":' + "[" * 50_000 + "]" * 50_000),
    "two texts": (_HONEST + _HONEST).encode(),
    "a byte order mark": b"\xef\xbb\xbf" + _HONEST.encode(),
    "nothing": b"",
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_that_readers_may_read_differently_is_no_event(world: World, name: str) -> None:
    world.forged.text(TEXTS[name], Sender("gateway", "i", 3))
    note = world.forged.sign()
    said = found(world.ask({"your checkpoint": note}))
    assert "entry 3: " in said or "gateway sent" in said
    assert "verifier" not in said


# What entries say together -----------------------------------------------------------------------

STORIES: dict[str, tuple[tuple[Event, ...], str]] = {
    "an intent that is a refusal, and an answer": (
        (replace(INTENT, verdict=Verdict.DENIED), OUTCOME), "a denied query has an outcome",
    ),
    "a refusal without an id that reports rows": (
        (replace(DENIED, intent=None, detail={"rows": 3}),), "a refusal reports rows",
    ),
    "a release that was refused, and a download": (
        (OUTPUT, *VOTES, replace(RELEASED, verdict=Verdict.DENIED), DOWNLOADED),
        "downloaded, and not released before",
    ),
    "a release that was refused": (
        (OUTPUT, *VOTES, replace(RELEASED, verdict=Verdict.DENIED)), "a release that was refused",
    ),
    "a vote after the release": (
        (OUTPUT, *VOTES, RELEASED, vote("dol", "dan")), "voted on after its release",
    ),
    "an author who changes, so that the first may vote": (
        (OUTPUT, replace(OUTPUT, actor="ravi"), vote("dol", "rosa"), VOTES[1], RELEASED),
        "submitted again, by another person",
    ),
    "a release after one agency's no": (
        (OUTPUT, *VOTES, vote("dol", "dan", Action.OUTPUT_REJECTED), RELEASED),
        "without the vote of dol",
    ),
    "a release of what was withdrawn": (
        (OUTPUT, *VOTES, replace(OUTPUT, action=Action.OUTPUT_WITHDRAWN), RELEASED),
        "without the vote of cscu, dol",
    ),
    "a release of a number that reads like a text": (
        (OUTPUT, *VOTES, replace(RELEASED, detail={"request": None})), "without having been sub",
    ),
    "an answer of two": ((INTENT, OUTCOME, OUTCOME), "ends twice"),
    "an answer after the interruption": (
        (INTENT, replace(INTENT, action=Action.INTERRUPTED), OUTCOME), "ends twice",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STORIES)
def test_a_story_that_contradicts_itself_is_named(world: World, name: str) -> None:
    events, sentence = STORIES[name]
    world.forged.write(*events)
    world.forged.time += 2 * HOUR
    world.forged.write(LOGIN)
    assert sentence in found(world.ask({"your checkpoint": world.forged.sign()}))


def test_a_leaf_changed_beside_a_removed_text_is_found(world: World) -> None:
    note = world.forged.note
    tamper(world.forged.files, "UPDATE entry SET body = NULL, leaf = zeroblob(32) WHERE idx = 1")
    assert "another root" in found(world.ask({"your checkpoint": note}))


# Exports -----------------------------------------------------------------------------------------


def _append(path: str, more: bytes) -> Callable[[Path], None]:
    def change(directory: Path) -> None:
        with (directory / path).open("ab") as file:
            file.write(more)

    return change


def _replaced(path: str, change: Callable[[Path], None]) -> Callable[[Path], None]:
    def changed(directory: Path) -> None:
        (directory / path).unlink()
        change(directory / path)

    return changed


def _promise(directory: Path) -> None:
    """A checkpoint that names more entries than any disk holds."""
    text, block = split_note((directory / "checkpoint").read_text())
    (directory / "checkpoint").write_text(f"{text.replace('3', str(10**18), 1)}\n{block}")


TILE, BUNDLE, SIDECAR = "tile/0/000.p/3", "tile/entries/000.p/3", "enclave/entries/000.p/3"

EXPORTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "bytes behind a tile": (_append(TILE, b"\0" * 32), "of another length"),
    "one byte behind a tile": (_append(TILE, b"\0"), "of another length"),
    "an entry more in a bundle": (_append(BUNDLE, b"\0\2{}"), "holds 4 for 3"),
    "a bundle's length without a text": (_append(BUNDLE, b"\0\5"), "holds 4 for 3"),
    "a tile that is a directory": (_replaced(TILE, Path.mkdir), "is missing"),
    "a tile that leads elsewhere": (
        _replaced(TILE, lambda path: path.symlink_to("/etc/hostname")), "of another length",
    ),
    "a tile that leads to a device": (
        _replaced(TILE, lambda path: path.symlink_to("/dev/zero")), "is missing",
    ),
    "a tile that leads to itself": (
        _replaced(TILE, lambda path: path.symlink_to(path.name)), "is missing",
    ),
    "a tile that is a pipe": (_replaced(TILE, os.mkfifo), "is missing"),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPORTS)
def test_a_file_of_an_export_that_was_tampered_with_is_named(world: World, name: str) -> None:
    change, sentence = EXPORTS[name]
    directory = world.exported()
    assert found(judge(directory, [world.forged.key], world.forged.note)) == ""
    change(directory)
    assert sentence in found(judge(directory, [world.forged.key], world.forged.note))


def test_a_checkpoint_that_names_more_entries_than_any_disk_holds_is_not_read_to_its_end(
    world: World,
) -> None:
    directory = world.exported()
    _promise(directory)
    assert Tiles(directory).count() == 256  # else a list of so many stretches fills the memory
    assert "is missing or of another length" in found(
        judge(directory, [world.forged.key], world.forged.note)
    )


def test_lines_behind_a_sidecar_are_found(world: World) -> None:
    tamper(world.forged.files, "UPDATE entry SET body = NULL WHERE idx = 1")
    directory = world.exported()
    line = (directory / SIDECAR).read_text().splitlines()[0]
    _append(SIDECAR, f"{line}\n".encode())(directory)
    assert "holds 4 for 3" in found(judge(directory, [world.forged.key], world.forged.note))


@pytest.mark.parametrize(
    "path",
    ["tile/0/000", "tile/0/001.p/3", "tile/0/000.p/2", "TILE/0/000.p/3", "tile/9/000.p/1",
     "tile/entries/000", "tile/0/../0/000.p/003"],
)  # fmt: skip
def test_a_file_that_no_checkpoint_asks_for_is_not_read(world: World, path: str) -> None:
    directory = world.exported()
    (directory / path).parent.mkdir(parents=True, exist_ok=True)
    (directory / path).write_bytes(b"\1" * 32 * 256)
    assert found(judge(directory, [world.forged.key], world.forged.note)) == ""


def test_a_directory_s_name_never_steers_the_terminal(world: World) -> None:
    """Directories of closed logs come with the copy: their names are the operator's."""
    report = world.ask({"your checkpoint": world.forged.note})[0]
    named = replace(report, directory=Path("\x1b[2JVERIFIED"))
    assert "\x1b" not in "\n".join(lines([named, named]))


# Receipts ----------------------------------------------------------------------------------------


def test_a_receipt_of_another_log_is_refused(world: World) -> None:
    with closing(Forged(world.place / "other", "other.example/log")) as other:
        other.write(LOGIN)
        note = other.sign()
        proof, leaf = make(other.log, 0, note), leaf_hash(next(other.log.entries()).body or b"")
        (check,) = check_receipt(proof.encode(), Trust.of([other.key]), leaf=leaf)
        assert check.passed
        (check,) = check_receipt(proof.encode(), Trust.of([world.forged.key]), leaf=leaf)
        assert check.wrong == ("no log of the policy has signed this",)


def test_a_receipt_moved_to_another_place_leads_nowhere(world: World) -> None:
    body = next(world.forged.log.entries()).body or b""
    proof = make(world.forged.log, 0, world.forged.note)
    for changed in (proof.replace("index 0", "index 1"), proof.replace("index 0", "index 3")):
        (check,) = check_receipt(
            changed.encode(), Trust.of([world.forged.key]), leaf=leaf_hash(body)
        )
        assert not check.passed


def test_a_certificate_that_leaves_out_an_agency_of_its_release_is_found(world: World) -> None:
    forged = world.forged
    forged.write(OUTPUT, VOTES[1], VOTES[0], RELEASED)
    note = forged.sign()

    def certificate(agencies: list[str], votes: list[int]) -> str:
        proofs = []
        for index in (*votes, 6):
            entry = forged.log.entry(index)
            assert entry is not None
            action = "output.released" if index == 6 else "output.voted"
            proofs.append(
                {"action": action, "entry": index, "leaf": entry.leaf.hex(),
                 "proof": make(forged.log, index, note)}
            )  # fmt: skip
        body = {
            "certificate": "enclave/release/1", "request": "r", "proofs": proofs,
            "file": {"name": "t.csv", "sha256": "aa"}, "lineage": {"agencies": agencies},
            "votes": [{"agency": agency, "approve": True} for agency in agencies],
        }  # fmt: skip
        checks = check_receipt(
            json.dumps(body).encode(), Trust.of([forged.key]), log=forged.files.directory
        )
        return " | ".join(place for check in checks for place in check.wrong)

    assert certificate(["cscu", "dol"], [4, 5]) == ""
    assert certificate(["dol"], [5]) == "entry 6: is on the data of cscu, dol"


@pytest.mark.parametrize("cut", [False, True])
def test_a_certificate_over_a_closed_log_is_compared_with_both(world: World, cut: bool) -> None:
    """Voted on in December, released in January, each the fourth entry of its log."""
    with closing(Forged(world.place / "log" / "closed" / "old", "enclave.demo/audit/old")) as old:
        old.write(LOGIN, OUTPUT, VOTES[1], VOTES[0])
        old.sign()
        world.forged.write(RELEASED)
        world.forged.sign()
        steps = [
            ("output.voted", old, 2), ("output.voted", old, 3),
            ("output.released", world.forged, 3),
        ]  # fmt: skip
        proofs = []
        for action, log, index in steps:
            entry = log.log.entry(index)
            assert entry is not None
            proof = make(log.log, index, log.note)
            proofs.append(
                {"action": action, "entry": index, "leaf": entry.leaf.hex(), "proof": proof}
            )
        body = {
            "certificate": "enclave/release/1", "request": "r", "proofs": proofs,
            "file": {"name": "t.csv", "sha256": "aa"}, "lineage": {"agencies": ["cscu", "dol"]},
            "votes": [{"agency": agency, "approve": True} for agency in ("cscu", "dol")],
        }  # fmt: skip
        trust = Trust.of([world.forged.key, old.key])
        if cut:
            (world.place / "log" / "closed").rename(world.place / "closed")
        directory = world.forged.files.directory
        checks = check_receipt(json.dumps(body).encode(), trust, log=directory)
    places = " | ".join(place for check in checks for place in check.wrong)
    assert ("another text, or none" in places) if cut else places == ""


def test_no_path_out_of_the_folder_is_followed_for_a_log(tmp_path: Path) -> None:
    (tmp_path / "log.db").symlink_to("/dev/zero")
    with pytest.raises(Unreadable, match="Not a file"):
        verify_chain(Question(tmp_path, Trust.of([]), {}), (), _silent)
