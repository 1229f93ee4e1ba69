"""One attack for each check of the verifier: removing the check lets the attack through.

The attacker holds the signing key, so nothing here is caught by a signature alone. Rewrites of what
a kept checkpoint covers stand in `test_audit_rewrites.py`. (SATRE 2.5.03; R4)
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

import audit.verifier.engine
from audit.log import Sender
from audit.note import Signer
from audit.signers import Signers
from audit.tiles import export
from audit.verifier.checks import Unreadable
from audit.verifier.known import KNOWN
from audit.verifier.reading import Stretch
from audit.verifier.sources import Source
from audit.verifier.tree import Whole
from enclave.events import Action, Event, Scalar, Stamp, Verdict, encode
from tests.support.audit_story import DAY, HOUR, PAIR
from tests.support.forged import START, Forged, found, judge, remarked
from tests.support.rewrites import tamper

LOGIN = Event(Action.LOGIN, "rosa")
OUTPUT = replace(PAIR, action=Action.OUTPUT_SUBMITTED, actor="rosa", detail={"request": "r"})
INTENT = replace(PAIR, action=Action.QUERY_INTENT, actor="rosa", intent="q")
OUTCOME = replace(INTENT, action=Action.QUERY_OUTCOME, detail={"rows": 3})
DENIED = replace(INTENT, action=Action.QUERY_DENIED, verdict=Verdict.DENIED)


def output(action: Action, actor: str = "egress", **detail: Scalar) -> Event:
    return replace(OUTPUT, action=action, actor=actor, detail={"request": "r", **detail})


def vote(agency: str, person: str, **more: Scalar) -> Event:
    detail = {"agency": agency, "decision": "approve", **more}
    return output(Action.OUTPUT_VOTED, person, **detail)


VOTES = (vote("dol", "dora"), vote("cscu", "carl"))
RELEASED = output(Action.OUTPUT_RELEASED, sha256="aa")
OUT = (OUTPUT, *VOTES, RELEASED)


def download(**detail: Scalar) -> Event:
    return output(Action.OUTPUT_DOWNLOADED, "rosa", **detail)


@pytest.fixture
def forged(tmp_path: Path) -> Iterator[Forged]:
    log = Forged(tmp_path / "log")
    with closing(log):
        yield log


LIES: dict[str, tuple[tuple[Event, ...], str]] = {
    "a download before the release": ((OUTPUT, *VOTES, download()), "not released before"),
    "a download of another request": (
        (*OUT, replace(download(), detail={"request": "s"})),
        "not released before",
    ),
    "another file at the second download": (
        (*OUT, download(file="t.csv", sha256="01"), download(file="t.csv", sha256="02")),
        "another file than at an earlier download",
    ),
    "a second release with other files": (
        (*OUT, output(Action.OUTPUT_RELEASED, sha256="bb")),
        "released again, with other files",
    ),
    "a vote that was refused": (
        (OUTPUT, VOTES[0], replace(VOTES[1], verdict=Verdict.DENIED), RELEASED),
        "without the vote of cscu",
    ),
    "a vote that asks for a rejection": (
        (OUTPUT, VOTES[0], vote("cscu", "carl", decision="reject"), RELEASED),
        "without the vote of cscu",
    ),
    "a rejection after the vote": (
        (OUTPUT, *VOTES, output(Action.OUTPUT_REJECTED, "carl", agency="cscu"), RELEASED),
        "without the vote of cscu",
    ),
    "a remark that passes for a vote": (
        (OUTPUT, VOTES[0], replace(VOTES[1], action=Action.OUTPUT_COMMENTED), RELEASED),
        "without the vote of cscu",
    ),
    "one person for two agencies": (
        (OUTPUT, vote("dol", "dora"), vote("cscu", "dora"), RELEASED),
        "one person voted for several agencies",
    ),
    "votes on two versions": (
        (OUTPUT, vote("dol", "dora", shown="1"), vote("cscu", "carl", shown="2"), RELEASED),
        "voted on different versions",
    ),
    "a query told again at once": ((INTENT, OUTCOME, INTENT, OUTCOME), "intent q begins twice"),
    "a query without an id": ((replace(INTENT, intent=None),), "a query without an id"),
    "an answer without an id": ((replace(OUTCOME, intent=None),), "a query without an id"),
    "a refusal that reports bytes": (
        (INTENT, replace(DENIED, detail={"bytes": 9})),
        "a refusal reports rows",
    ),
    "a refusal that says it was allowed": (
        (INTENT, replace(DENIED, verdict=Verdict.ALLOWED, detail={"rows": 9})),
        "a refusal reports rows",
    ),
    "an answer after the refusal": ((INTENT, DENIED, OUTCOME), "ends twice"),
    "an end before the beginning": ((OUTCOME, INTENT), "an end without an intent before it"),
    "an interruption of nothing": (
        (replace(INTENT, action=Action.INTERRUPTED),),
        "an end without an intent before it",
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_entries_say_together_is_checked(forged: Forged, lie: str) -> None:
    events, sentence = LIES[lie]
    forged.write(*events)
    forged.time += 2 * HOUR
    forged.write(LOGIN)
    reports = judge(forged.files.directory, [forged.key], forged.sign())
    assert sentence in found(reports)


def test_what_may_be_said_is_no_finding(forged: Forged) -> None:
    again = (download(file="t.csv", sha256="01"), download(file="t.csv", sha256="01"))
    proofs = (download(file="certificate.json", sha256="1"), download(file="certificate.json"))
    twice = output(Action.OUTPUT_RELEASED, sha256="aa")
    changed = replace(vote("cscu", "carl"), detail={"request": "r", "agency": "cscu"})
    forged.write(OUTPUT, changed, *VOTES, RELEASED, twice, *again, *proofs, INTENT, OUTCOME)
    assert found(judge(forged.files.directory, [forged.key], forged.sign())) == ""


def broken(event: Event, sender: Sender, at: int = START) -> bytes:
    """A text of the usual shape whose detail is no JSON."""
    stamp = Stamp(at, sender.source, sender.instance, sender.seq, "00" * 16)
    return encode(replace(event, detail={"x": 1}), stamp).replace(b'{"x":1}', b'{"request":}')


@pytest.mark.parametrize(
    ("event", "source", "sentence"),
    [
        (RELEASED, "egress", "its detail cannot be read"),
        (replace(LOGIN, action=Action.AUDIT_PURGED), "audit", "its detail cannot be read"),
        (DENIED, "gateway", "a refusal reports rows"),
    ],
)
def test_a_detail_that_cannot_be_read_is_no_evidence_of_nothing(
    forged: Forged, event: Event, source: str, sentence: str
) -> None:
    sender = Sender(source, "i", 0)
    forged.text(broken(event, sender), sender)
    assert sentence in found(judge(forged.files.directory, [forged.key], forged.sign()))


def test_an_action_that_is_not_known_is_named_and_not_passed_over_in_silence(
    forged: Forged,
) -> None:
    for seq, name in enumerate(("query.outcomes", "output.handed-out", "audit.forgot")):
        sender = Sender("gateway", "i", seq)
        stamp = Stamp(START, "gateway", "i", seq, "00" * 16)
        forged.text(encode(LOGIN, stamp).replace(b'"login"', f'"{name}"'.encode()), sender)
    reports = judge(forged.files.directory, [forged.key], forged.sign())
    assert found(reports) == ""
    for place in ("entry 0: query.outcomes", "entry 1: output.handed-out", "entry 2: audit.forgot"):
        assert f"an action unknown here, and passed over: {place}" in remarked(reports)


def test_every_action_of_the_log_in_these_rooms_is_known() -> None:
    rooms = ("query.", "output.", "audit.")
    assert {action.value.encode() for action in Action if action.startswith(rooms)} <= KNOWN


# -- the log's own keeping ------------------------------------------------------------------------


def told(action: Action, **detail: Scalar) -> Event:
    return Event(action, "host:adam", detail=detail)


def removal(forged: Forged, *gone: int, **change: Scalar) -> Event:
    """An honest event on the removal of these texts, but for what is changed."""
    digest = hashlib.sha256(b"".join(n.to_bytes(8, "big") for n in gone)).hexdigest()
    detail: dict[str, Scalar] = {
        "log": forged.origin,
        "before": "2025-10-10",
        "ground": "clause 9",
        "removed": 1,
    }
    return told(Action.AUDIT_PURGED, **{**detail, "digest": digest, **change})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, ""),
        ({"ground": " "}, "a removal without a ground"),
        ({"ground": None}, "a removal without a ground"),
        ({"before": "2125-10-09"}, "a removal of what was not yet old"),
        ({"before": "soon"}, "a removal of what was not yet old"),
        ({"before": "2025-10-01"}, "written later than any removal's day"),
        ({"digest": "00"}, "tells of 1 removed texts in all, but 1, or others"),
        ({"removed": 2}, "tells of 2 removed texts in all, but 1, or others"),
        ({"log": "another"}, "and no event says so"),
    ],
)
def test_a_removal_is_as_its_event_says(
    forged: Forged, change: dict[str, Scalar], sentence: str
) -> None:
    forged.write(LOGIN, LOGIN, LOGIN)
    forged.time += DAY
    forged.write(removal(forged, 1, **change), source="audit")
    note = forged.sign()
    tamper(forged.files, "UPDATE entry SET body = NULL WHERE idx = 1")
    assert sentence in found(judge(forged.files.directory, [forged.key], note))
    assert bool(sentence) is bool(found(judge(forged.files.directory, [forged.key], note)))


def test_an_event_on_a_removal_that_never_was_is_found(forged: Forged) -> None:
    forged.write(LOGIN)
    forged.time += DAY
    forged.write(removal(forged, 0), source="audit")
    reports = judge(forged.files.directory, [forged.key], forged.sign())
    assert "tells of 1 removed texts in all, but 0" in found(reports)


def nameless(forged: Forged, *gone: int) -> None:
    """Remove texts, and who sent them: the table made again without what forbids that."""
    columns = "idx, leaf, body, source, instance, seq"
    places = ",".join(map(str, gone))
    tamper(
        forged.files,
        "CREATE TABLE loose (idx INTEGER PRIMARY KEY, leaf, body, source, instance, seq)",
        f"INSERT INTO loose SELECT {columns} FROM entry",
        f"UPDATE loose SET body = NULL, source = NULL, seq = NULL WHERE idx IN ({places})",
        "DROP TABLE entry",
        "ALTER TABLE loose RENAME TO entry",
    )


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ((0, 1, 2, 3), ""),
        ((0, 1, 3), "sent 3, 1 was due"),
        ((0, 1, 2, 4), "sent 4, 3 was due"),
    ],
)
def test_no_more_numbers_are_missing_than_texts_that_name_nobody(
    forged: Forged, numbers: tuple[int, ...], sentence: str
) -> None:
    """The second entry's text is gone, and with it whose it was; one number may be missing."""
    for seq in numbers:
        forged.write(LOGIN, seq=seq)
    forged.time += DAY
    forged.write(removal(forged, 1), source="audit")
    note = forged.sign()
    nameless(forged, 1)
    reports = judge(forged.files.directory, [forged.key], note)
    assert sentence in found(reports)
    assert bool(found(reports)) is bool(sentence)
    assert sentence or "1 numbers stood in texts that retention removed" in remarked(reports)


def test_what_retention_put_beyond_judging_is_counted_and_not_taken_for_granted(
    forged: Forged,
) -> None:
    forged.write(OUTPUT, INTENT)
    forged.time += DAY
    forged.write(*VOTES, RELEASED, download(), OUTCOME)
    digest = hashlib.sha256(bytes(8) + (1).to_bytes(8, "big")).hexdigest()
    forged.write(removal(forged, 1, removed=2, digest=digest), source="audit")
    note = forged.sign()
    tamper(forged.files, "UPDATE entry SET body = NULL WHERE idx < 2")
    reports = judge(forged.files.directory, [forged.key], note)
    assert found(reports) == ""
    assert "1 releases and downloads could not be judged" in remarked(reports)
    assert "1 ends could not be judged" in remarked(reports)


@pytest.mark.parametrize(
    ("events", "sentence"),
    [
        ((OUTPUT, download()), "downloaded, and not released before"),
        ((OUTPUT, VOTES[0], RELEASED), "released without the vote of cscu"),
        ((DENIED, OUTCOME), "a denied query has an outcome"),
    ],
)
def test_a_removal_excuses_nothing_whose_beginning_is_still_there(
    forged: Forged, events: tuple[Event, ...], sentence: str
) -> None:
    forged.write(LOGIN)
    forged.time += DAY
    forged.write(*events)
    forged.write(removal(forged, 0), source="audit")
    note = forged.sign()
    tamper(forged.files, "UPDATE entry SET body = NULL WHERE idx = 0")
    assert sentence in found(judge(forged.files.directory, [forged.key], note))


def test_a_download_whose_release_was_removed_is_counted(forged: Forged) -> None:
    forged.write(LOGIN)
    forged.time += DAY
    forged.write(download())
    forged.write(removal(forged, 0), source="audit")
    note = forged.sign()
    tamper(forged.files, "UPDATE entry SET body = NULL WHERE idx = 0")
    reports = judge(forged.files.directory, [forged.key], note)
    assert found(reports) == ""
    assert "1 releases and downloads could not be judged" in remarked(reports)


# -- keys -----------------------------------------------------------------------------------------


def test_a_key_that_is_none_is_found(forged: Forged) -> None:
    forged.write(told(Action.AUDIT_KEY_ROTATED, key="no key"), source="audit")
    reports = judge(forged.files.directory, [forged.key], forged.sign())
    assert "a replaced key without a key" in found(reports)


def test_an_old_note_over_another_history_hands_over_to_no_key(
    forged: Forged, tmp_path: Path
) -> None:
    """The old key is gone; a true checkpoint of it is put beside a log that names a new one."""
    forged.write(LOGIN)
    kept = forged.sign()
    forged.write(*[LOGIN] * 9)
    true = forged.sign()
    mallory = Signer.generate(forged.origin)
    other = Forged(tmp_path / "other")
    with closing(other):
        other.write(LOGIN)
        other.write(told(Action.AUDIT_KEY_ROTATED, key=mallory.verifier.export()), source="audit")
        other.write(*[replace(LOGIN, actor="ravi")] * 9)
        other.signers = Signers.of(mallory)
        other.sign()
        other.log.keep_checkpoint(10, true)
    reports = judge(other.files.directory, [forged.key], kept)
    assert "no key of yours has signed it" in found(reports)
    assert "so its new key is not believed" in remarked(reports)


def test_a_key_of_yours_speaks_only_for_the_log_it_is_named_for(
    forged: Forged, tmp_path: Path
) -> None:
    """Two logs' keys are believed; the one signs in the other's name."""
    other = Forged(tmp_path / "other", "enclave.demo/other")
    with closing(other):
        forged.write(LOGIN)
        kept = forged.sign()
        forged.signers = other.signers
        text = kept.partition("\n\n")[0] + "\n"
        forged.files.checkpoint.write_text(other.signers.sign(text))
        reports = judge(forged.files.directory, [forged.key, other.key], kept)
    assert "it belongs to another log than its key" in found(reports)


# -- the tree -------------------------------------------------------------------------------------


@pytest.fixture
def long(forged: Forged) -> Forged:
    """More than two tiles."""
    forged.write(*[LOGIN] * 600)
    forged.sign()
    return forged


@pytest.mark.parametrize("size", [1, 255, 256, 257, 512, 599, 600])
def test_a_checkpoint_of_any_size_is_compared_with_the_root_there(
    forged: Forged, size: int
) -> None:
    forged.write(*[LOGIN] * size)
    kept = forged.sign()
    forged.write(*[LOGIN] * (600 - size))
    forged.sign()
    for stretch in (256, 8192):
        assert found(judge(forged.files.directory, [forged.key], kept, stretch=stretch)) == ""
    origin, number, *_ = kept.split("\n")
    other = forged.signers.sign(f"{origin}\n{number}\n{'A' * 43}=\n")
    reports = judge(forged.files.directory, [forged.key], other)
    assert f"another root over the first {size:,} entr" in found(reports)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE tile SET hashes = zeroblob(length(hashes)) WHERE level = 1",
        "DELETE FROM tile WHERE level = 1",
    ],
)
def test_a_tile_above_the_first_level_is_compared(long: Forged, change: str) -> None:
    tamper(long.files, change)
    assert "tile 1/0" in found(judge(long.files.directory, [long.key], long.note))


def test_a_full_tile_above_the_first_level_is_compared() -> None:
    stretch = Stretch(0, 65_536, chunks=[bytes([n]) * 32 for n in range(256)])
    tiles = {(1, 0): b"".join(stretch.chunks)}
    for places in ([], ["tile 1/0"]):
        whole = Whole()
        whole.add(stretch, lambda level, n, width: tiles.get((level, n)))
        assert whole.tiles.places == places
        tiles.clear()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("DELETE FROM loose WHERE idx = 300",), "entry 300 is missing"),
        (("DELETE FROM loose WHERE idx = 0",), "entry 0 is missing"),
        (("DELETE FROM loose WHERE idx >= 590",), "the log has 590 entries"),
        (("UPDATE loose SET idx = 301 WHERE idx = 300",), "entry 300 is missing"),
        (("UPDATE loose SET body = 7 WHERE idx = 300",), "entry 300 has no text but a number"),
        (("UPDATE loose SET body = NULL, leaf = x'00' WHERE idx = 3",), "entry 3 has no leaf"),
        (("UPDATE loose SET leaf = zeroblob(32) WHERE idx = 300",), "entry 300"),
        (("UPDATE loose SET instance = 'j' WHERE idx = 9",), "entry 9: its text names another"),
        (("UPDATE loose SET seq = 10 WHERE idx = 9",), "entry 9: its text names another sender"),
    ],
)
def test_a_table_that_forbids_nothing_is_read_row_by_row(
    long: Forged, change: tuple[str, ...], sentence: str
) -> None:
    """The file is the operator's to make: without a primary key, with anything in its columns."""
    tamper(
        long.files,
        "CREATE TABLE loose (idx, leaf, body, source, instance, seq)",
        "INSERT INTO loose SELECT idx, leaf, body, source, instance, seq FROM entry",
        *change,
        "DROP TABLE entry",
        "ALTER TABLE loose RENAME TO entry",
    )
    for stretch in (256, 8192):
        reports = judge(long.files.directory, [long.key], long.note, stretch=stretch)
        assert sentence in found(reports)


def test_a_number_that_is_missing_between_two_stretches_is_found(forged: Forged) -> None:
    forged.write(*[LOGIN] * 256)
    forged.write(LOGIN, seq=257)
    reports = judge(forged.files.directory, [forged.key], forged.sign(), stretch=256)
    assert "from entry 256 on: gateway sent 257, 256 was due" in found(reports)


def test_a_page_of_the_file_that_cannot_be_read_is_a_finding(long: Forged) -> None:
    long.close()  # all of it is in the file then
    content = bytearray(long.files.log.read_bytes())
    place = content.rindex(b'"sequence":300}') // 4096 * 4096
    content[place : place + 4096] = b"\xff" * 4096
    long.files.log.write_bytes(content)
    assert "log.db is damaged" in found(judge(long.files.directory, [long.key], long.note))


def test_a_clock_put_back_is_remarked(forged: Forged) -> None:
    forged.write(*[LOGIN] * 256)
    forged.time -= 2 * HOUR
    forged.write(LOGIN)
    reports = judge(forged.files.directory, [forged.key], forged.sign())
    assert "near entry 256 the clock stood 2.0 hours back" in remarked(reports)


def test_an_intent_dated_ahead_is_no_younger_for_it(forged: Forged) -> None:
    forged.time += DAY
    forged.write(INTENT)
    forged.time = START
    forged.write(*[LOGIN] * 256)
    forged.time += 2 * HOUR
    forged.write(LOGIN)
    assert "intent q has no end" in found(
        judge(forged.files.directory, [forged.key], forged.sign())
    )


# -- exports --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("tile/0/000", "tile 0/0 is missing"),
        ("tile/0/002.p/88", "tile 0/2 is missing"),
        ("tile/1/000.p/2", "tile 1/0"),
        ("tile/entries/001", "the sidecar entries/001 is broken"),
    ],
)
def test_a_file_that_an_export_lacks_is_found(
    long: Forged, tmp_path: Path, name: str, sentence: str
) -> None:
    export(long.log, long.note, tmp_path / "tiles")
    assert found(judge(tmp_path / "tiles", [long.key], long.note)) == ""
    (tmp_path / "tiles" / name).unlink()
    assert sentence in found(judge(tmp_path / "tiles", [long.key], long.note))


def test_a_sidecar_that_says_a_text_was_removed_is_not_believed(
    long: Forged, tmp_path: Path
) -> None:
    export(long.log, long.note, tmp_path / "tiles")
    sidecar = tmp_path / "tiles" / "enclave" / "entries" / "001"
    lines = [json.loads(line) for line in sidecar.read_text().splitlines()]
    for place, entry in enumerate(long.log.entries(256, 512)):
        lines[place]["body"] = None if place == 9 else (entry.body or b"").decode()
    sidecar.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "tiles" / "tile" / "entries" / "001").unlink()
    reports = judge(tmp_path / "tiles", [long.key], long.note)
    assert found(reports) == "entry 265: its text was removed, and no event says so"
    lines[9] |= {"body": lines[8]["body"]}
    sidecar.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "entry 265" in found(judge(tmp_path / "tiles", [long.key], long.note))


def test_a_log_that_grows_while_it_is_verified_is_no_finding(
    long: Forged, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The site's button and `audit verify` read where the service writes."""
    opening = audit.verifier.engine.open_source

    def grow(directory: Path) -> Source:
        opened = opening(directory)
        assert opened.count() == 600  # from here on it sees this state
        long.write(LOGIN)
        long.sign()
        return opened

    monkeypatch.setattr(audit.verifier.engine, "open_source", grow)
    assert found(judge(long.files.directory, [long.key], long.note)) == ""


def test_an_export_s_bundle_that_is_too_short_is_found(long: Forged, tmp_path: Path) -> None:
    export(long.log, long.note, tmp_path / "tiles")
    path = tmp_path / "tiles" / "tile" / "entries" / "001"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert found(judge(tmp_path / "tiles", [long.key], long.note))


# -- a log and those it followed ------------------------------------------------------------------


class Chain:
    """Two logs, the newer one as the older one's successor, each part for a test to forge."""

    def __init__(self, place: Path):
        self.older = Forged(place / "older", "enclave.demo/2030")
        self.newer = Forged(place / "newer", "enclave.demo/2031")
        self.older.write(LOGIN, LOGIN)
        self.kept = self.older.sign()
        self.old_key = self.older.key

    def close_older(self, **change: Scalar) -> Event:
        """Return the older log's last entry, but for what is changed."""
        detail = {"next": self.newer.origin, "key": self.newer.key, **change}
        return told(Action.AUDIT_CLOSED, **detail)

    def begin_newer(self, **change: Scalar) -> Event:
        """Return the newer log's first entry, but for what is changed."""
        detail = {"log": self.older.origin, "checkpoint": self.older.note, "key": self.old_key}
        return told(Action.AUDIT_ROTATED, **{**detail, **change})

    def make(self, *, closing: Event | None = None, begin: Event | None = None) -> None:
        """Close the one, begin the other, both signed."""
        self.older.write(closing or self.close_older(), source="audit")
        self.older.sign()
        self.newer.write(begin or self.begin_newer(), source="audit")
        self.newer.write(LOGIN)
        self.newer.sign()

    def found(self, *keys: str, kept: str | None = None) -> str:
        """Return what is wrong from the older log's key and first checkpoint."""
        directories = self.newer.files.directory, self.older.files.directory
        given = list(keys) or [self.old_key]
        return found(judge(directories[0], given, kept or self.kept, directories[1]))


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    made = Chain(tmp_path)
    with closing(made.older), closing(made.newer):
        yield made


def test_an_honest_chain_passes_from_either_end(chain: Chain) -> None:
    chain.make()
    assert chain.found() == ""
    assert chain.found(chain.newer.key, kept=chain.newer.note) == ""


def test_a_log_that_no_other_names_is_not_verified_as_one_of_them(chain: Chain) -> None:
    chain.make(begin=LOGIN)
    with pytest.raises(Unreadable, match="No log here names this one"):
        chain.found()


def test_only_a_log_s_first_entry_says_which_it_follows(chain: Chain) -> None:
    chain.newer.write(LOGIN)
    chain.make()
    with pytest.raises(Unreadable, match="No log here names this one"):
        chain.found()


UNBELIEVED = "no key of yours has signed it"


@pytest.mark.parametrize(
    "change",
    [
        lambda chain: chain.make(closing=chain.close_older(next="enclave.demo/elsewhere")),
        lambda chain: chain.make(closing=chain.close_older(key="no key")),
        lambda chain: (
            chain.older.write(chain.close_older(), source="audit"),
            chain.make(closing=LOGIN),
        ),
    ],
    ids=["for another log", "no key at all", "not its last entry"],
)
def test_a_closed_log_hands_on_only_by_its_last_entry_and_only_to_its_heir(
    chain: Chain, change: Callable[[Chain], object]
) -> None:
    change(chain)
    assert UNBELIEVED in chain.found()


def test_a_closing_that_no_believed_checkpoint_covers_hands_on_to_nobody(chain: Chain) -> None:
    note = chain.older.note
    chain.make(begin=chain.begin_newer(checkpoint=note))
    chain.older.files.checkpoint.write_text(note)
    assert UNBELIEVED in chain.found()


def test_a_closing_in_place_of_another_last_entry_hands_on_to_nobody(chain: Chain) -> None:
    """As many entries as the true checkpoint covers, but the last is the forger's."""
    chain.older.write(LOGIN)
    true = chain.older.sign()
    chain.make()
    chain.older.files.checkpoint.write_text(true)
    files = chain.older.files
    last = encode(chain.close_older(), Stamp(START, "audit", "i", 0, "00" * 16))
    with closing(sqlite3.connect(files.log)) as log:
        tamper(files, "DELETE FROM entry WHERE idx >= 2")
        log.execute(
            "INSERT INTO entry (idx, leaf, body, source, instance, seq) VALUES (2,?,?,?,?,0)",
            (hashlib.sha256(b"\0" + last).digest(), last, "audit", "i"),
        )
        log.commit()
    assert chain.found().count(UNBELIEVED) == 1
    assert "another root over the first 3 entries" in chain.found()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"checkpoint": "none"}, "its first entry holds no checkpoint"),
        ({"checkpoint": "enclave.demo/2030\n2\n" + "A" * 43 + "=\n\n\u2014 a AAAA\n"}, "or others"),
    ],
)
def test_a_log_begins_where_the_one_before_it_ended(
    chain: Chain, change: dict[str, Scalar], sentence: str
) -> None:
    chain.make(begin=chain.begin_newer(**change))
    assert sentence in chain.found()


@pytest.mark.parametrize("part", ["origin", "size", "root"])
def test_each_part_of_the_checkpoint_that_a_log_begins_with_is_compared(
    chain: Chain, part: str
) -> None:
    chain.older.write(chain.close_older(), source="audit")
    lines = chain.older.sign().split("\n")
    if part == "origin":
        lines[0] = "enclave.demo/another"
    elif part == "size":
        lines[1] = "2"
    else:
        lines[2] = "A" * 43 + "="
    chain.newer.write(chain.begin_newer(checkpoint="\n".join(lines)), source="audit")
    chain.newer.sign()
    assert "that log has 3, or others" in chain.found()


def test_a_new_log_that_nobody_signed_for_lends_no_belief_to_an_old_one(chain: Chain) -> None:
    """Everything after the kept checkpoint is another's, and a log of his own vouches for him."""
    mallory = Signers.of(Signer.generate(chain.older.origin))
    chain.older.signers = mallory
    chain.older.write(chain.close_older(), source="audit")
    checkpoint, key = chain.older.sign(), mallory.verifier.export()
    chain.newer.write(chain.begin_newer(key=key, checkpoint=checkpoint), source="audit")
    chain.newer.sign()
    assert chain.found().count(UNBELIEVED) == 2


def test_nothing_is_still_open_in_a_closed_log(chain: Chain) -> None:
    chain.older.write(INTENT)
    chain.make()
    assert "intent q has no end" in chain.found()


def test_a_checkpoint_that_is_of_none_of_the_logs_is_no_evidence_of_any(
    chain: Chain, tmp_path: Path
) -> None:
    """Else a log under another name would be free of what the auditor kept."""
    chain.make()
    other = Forged(tmp_path / "true", "enclave.demo/audit")
    with closing(other):
        other.write(*[LOGIN] * 3)
        kept = other.sign()
        assert "it is of enclave.demo/audit" in chain.found(chain.old_key, other.key, kept=kept)
