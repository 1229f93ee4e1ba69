"""Whatever a log's files hold, the verifier answers with a finding or one sentence.

Damaged, truncated and hostile input of every kind: random bytes, a database made to mislead, JSON
of any depth and size, keys, policies, proofs. FUZZ=20000 makes it long.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.custody import AuditFiles
from audit.log import open_reader
from audit.tiles import export
from audit.verifier.checks import plain
from audit.verifier.facts import LARGEST, SHAPE, NotAnEvent, parse, read, strict_json
from audit.verifier.main import main
from enclave.events import Action, Event, Stamp, encode
from enclave.settings import Settings
from tests.support.audit_story import tell
from tests.support.rewrites import tamper

EXAMPLES = int(os.environ.get("FUZZ", "60"))
bounded = settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("honest")
    configured = Settings(state_dir=place / "s", run_dir=place / "r")
    tell(configured, days=3)
    files = AuditFiles(configured.audit_dir)
    with closing(open_reader(files.place)) as log:
        export(log, files.checkpoint.read_text(), place / "tiles")
    with closing(sqlite3.connect(files.log)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return place


def answer(*arguments: str | Path) -> tuple[int, str]:
    """Run the verifier here; fail on anything but a report or one sentence."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(each) for each in arguments])
    said = err.getvalue()
    assert "failed" not in said, said
    assert "Traceback" not in out.getvalue() + said
    assert code in (0, 1, 2)
    assert code != 2 or len(said.splitlines()) == 1, said
    return code, out.getvalue() + said


def against(honest: Path, directory: Path) -> tuple[int, str]:
    kept = honest / "s" / "audit"
    given = ("--checkpoint", kept / "checkpoint", "--key", kept / "public.key", "--jobs", "1")
    return answer("log", directory, *given)


def spoil(content: bytes, cut: float, place: float, noise: bytes) -> bytes:
    at = int(len(content) * place)
    spoilt = content[:at] + noise + content[at + len(noise) :]
    return spoilt[: int(len(spoilt) * cut)]


Spoiling = st.tuples(
    st.sampled_from([1.0, 1.0, 1.0, 0.99, 0.5, 0.0]), st.floats(0, 0.999), st.binary(max_size=64)
)


@bounded
@given(how=Spoiling)
def test_a_damaged_database_is_a_finding_or_a_sentence(
    honest: Path, tmp_path: Path, how: tuple[float, float, bytes]
) -> None:
    source, copy = honest / "s" / "audit", tmp_path / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    shutil.copy(source / "checkpoint", copy)
    content = spoil((source / "log.db").read_bytes(), *how)
    (copy / "log.db").write_bytes(content)
    code, said = against(honest, copy)
    assert code == 0 or said


@bounded
@given(how=Spoiling, choice=st.integers(0, 10_000))
def test_a_damaged_export_is_a_finding_or_a_sentence(
    honest: Path, tmp_path: Path, how: tuple[float, float, bytes], choice: int
) -> None:
    copy = tmp_path / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(honest / "tiles", copy)
    files = sorted(path for path in copy.rglob("*") if path.is_file())
    victim = files[choice % len(files)]
    before = victim.read_bytes()
    victim.write_bytes(spoil(before, *how))
    code, _ = against(honest, copy)
    # nothing that is under the tree can differ without being found; the sidecar is not under it
    under = victim.relative_to(copy).parts[0] == "tile" and "enclave" not in victim.parts
    assert code == 1 or not under or victim.read_bytes() == before


@bounded
@given(note=st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_any_checkpoint_key_policy_or_proof_is_answered(
    honest: Path, tmp_path: Path, note: bytes
) -> None:
    odd, kept = tmp_path / "odd", honest / "s" / "audit"
    odd.write_bytes(note)
    assert answer("log", kept, "--checkpoint", odd, "--key", kept / "public.key")[0] in (1, 2)
    assert answer("log", kept, "--checkpoint", kept / "checkpoint", "--key", odd)[0] in (1, 2)
    assert answer("log", kept, "--checkpoint", kept / "checkpoint", "--policy", odd)[0] in (1, 2)
    assert answer("proof", odd, "--key", kept / "public.key", "--leaf", "00" * 32)[0] in (1, 2)


DEEP = b"[" * 200_000
HUGE = b'{"unmapped":{"enclave":{"seq":1' + b"0" * 20_000 + b"}}}"


@bounded
@given(
    body=st.one_of(
        st.binary(max_size=200),
        st.sampled_from([DEEP, HUGE, b"", b"null", b'{"a":NaN}', b'"\\ud800"', b"\xff" * 9]),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
            lambda inner: st.one_of(
                st.lists(inner, max_size=4),
                st.dictionaries(
                    st.sampled_from(["unmapped", "enclave", "actor", "seq", "detail", "time", "x"]),
                    inner,
                    max_size=5,
                ),
            ),
            max_leaves=12,
        ).map(lambda value: json.dumps(value).encode(errors="replace")),
    )
)
def test_a_text_of_any_shape_is_read_or_refused(body: bytes) -> None:
    for reader in (read, parse):
        with contextlib.suppress(NotAnEvent):
            reader(body)


PIECES = (
    *(b'"', b"]", b"[", b"}", b"{", b",", b":", b"\\", b" ", b"0", b"-", b"null", b'","'),
    *(b'"],"intent":"x', b'},"action":"login"', b'"seq":9,', b'"source":"hub",'),
)


@bounded
@given(data=st.data())
def test_the_quick_way_never_reads_what_json_reads_differently(
    honest: Path, data: st.DataObject
) -> None:
    """Pieces of JSON put anywhere into a real event: both ways agree, or the quick one declines."""
    with closing(open_reader(honest / "s" / "audit" / "log.db")) as log:
        entry = log.entry(data.draw(st.integers(0, log.count() - 1)))
    assert entry is not None
    body = bytearray(entry.body or b"")
    for _ in range(data.draw(st.integers(1, 3))):
        piece = data.draw(st.sampled_from(PIECES))
        at = data.draw(st.integers(0, len(body)))
        body[at : at + data.draw(st.integers(0, 3))] = piece
    try:
        slow = parse(bytes(body))
    except NotAnEvent:
        return  # no JSON event: there is no other reading to differ from
    quick = read(bytes(body))
    assert quick[:4] == slow[:4]
    assert quick[5:9] == slow[5:9]
    assert [strict_json(quick[i]) for i in (4, 9)] == [strict_json(slow[i]) for i in (4, 9)]


EVENT = encode(
    Event(Action.QUERY_INTENT, "rosa", agencies=("dol",), intent="q", detail={"sql": "SELECT 1"}),
    Stamp(1_760_000_000_000, "gateway", "i", 0, "00" * 16),
)
OURS = ("unmapped", "enclave")
ODD: dict[tuple[str, ...], tuple[object, ...]] = {
    ("time",): (None, "1", 1.5, -1, True),
    ("actor", "user", "uid"): (None, 1, ["rosa"]),
    OURS: (None, [], "x"),
    (*OURS, "action"): (None, 1),
    (*OURS, "verdict"): (None, 1),
    (*OURS, "agencies"): (None, "dol", ["dol", 1], {"dol": 1}),
    (*OURS, "intent"): (0, False, 1, []),
    (*OURS, "source"): (None, 1),
    (*OURS, "instance"): (None, 1),
    (*OURS, "seq"): (None, "0", 0.5, -1, False),
    (*OURS, "detail"): (None, [], "{}", 1),
}


@pytest.mark.parametrize(
    ("place", "odd"), [(place, odd) for place, values in ODD.items() for odd in values]
)
def test_a_value_of_another_kind_makes_no_event(place: tuple[str, ...], odd: object) -> None:
    event = json.loads(EVENT)
    within = event
    for name in place[:-1]:
        within = within[name]
    within[place[-1]] = odd
    body = json.dumps(event, separators=(",", ":")).encode()
    for reader in (read, parse):
        with pytest.raises(NotAnEvent):
            reader(body)


@pytest.mark.parametrize("place", [place for place in ODD if place[-1] != "uid"])
def test_an_event_that_lacks_something_is_none(place: tuple[str, ...]) -> None:
    event = json.loads(EVENT)
    within = event
    for name in place[:-1]:
        within = within[name]
    del within[place[-1]]
    with pytest.raises(NotAnEvent, match="it says nothing of"):
        read(json.dumps(event).encode())


def test_a_text_larger_than_any_event_is_not_parsed() -> None:
    padded = EVENT.replace(b'"SELECT 1"', rb'"\u0053' + b"x" * LARGEST + b'"')
    with pytest.raises(NotAnEvent, match="too large"):
        read(padded)


@pytest.mark.parametrize("text", [b'{"a":1,"a":1}', b'{"a":NaN}', b'{"a":-Infinity}', DEEP])
def test_json_that_readers_may_read_differently_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"stands twice|is no number|nested too deeply"):
        strict_json(text)


def test_a_letter_written_as_an_escape_is_that_letter() -> None:
    """Else one person, written in two ways, could be two who vote."""
    assert SHAPE(EVENT)  # so that the quick way would read it
    escaped = EVENT.replace(b'"uid":"rosa"', rb'"uid":"ros\u0061"')
    assert read(escaped)[1] == b"rosa"


HOSTILE: dict[str, tuple[str, ...]] = {
    "a view for a table": (
        "ALTER TABLE entry RENAME TO held",
        "CREATE VIEW entry AS SELECT * FROM held",
    ),
    "a number beyond every size": ("UPDATE entry SET idx = 4611686018427387904 WHERE idx = 3",),
    "a negative number": ("UPDATE entry SET idx = -1 WHERE idx = 3",),
    "no entries": ("DELETE FROM entry",),
    "no tiles": ("DELETE FROM tile",),
    "a thousand levels of JSON": (
        "UPDATE entry SET body = CAST(replace(hex(zeroblob(100000)), '00', '[') AS BLOB)",
    ),
    "texts of a megabyte": ("UPDATE entry SET body = zeroblob(2000000) WHERE idx < 3",),
    "another table's columns": ("ALTER TABLE entry DROP COLUMN seq",),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_database_made_to_mislead_is_found_out(honest: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(honest / "s" / "audit", tmp_path / "copy")
    files = AuditFiles(tmp_path / "copy")
    _loosen(files)
    tamper(files, *HOSTILE[name])
    code, said = against(honest, files.directory)
    assert code in (1, 2), said


def _loosen(files: AuditFiles) -> None:
    """Make the table again without the checks that a hostile file would not have."""
    tamper(
        files,
        "ALTER TABLE entry RENAME TO strict_entry",
        "CREATE TABLE entry (idx INTEGER PRIMARY KEY, leaf, body, source, instance, seq)",
        "INSERT INTO entry SELECT * FROM strict_entry",
        "DROP TABLE strict_entry",
        "ALTER TABLE checkpoint RENAME TO strict_checkpoint",
        "CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, note)",
        "INSERT INTO checkpoint SELECT * FROM strict_checkpoint",
        "DROP TABLE strict_checkpoint",
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.mkfifo() if hasattr(path, "mkfifo") else os.mkfifo(path),
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.mkdir(),
    ],
)
@pytest.mark.parametrize("name", ["checkpoint", "log.db"])
def test_what_is_no_plain_file_is_never_read(
    honest: Path, tmp_path: Path, name: str, make: Callable[[Path], None]
) -> None:
    shutil.copytree(honest / "s" / "audit", tmp_path / "copy")
    (tmp_path / "copy" / name).unlink()
    make(tmp_path / "copy" / name)
    assert against(honest, tmp_path / "copy")[0] in (1, 2)


@given(st.text(max_size=400))
def test_no_text_leaves_as_control_characters(text: str) -> None:
    assert plain(text).isprintable()


@pytest.mark.parametrize("number", ["18446744073709551616", "9" * 5000, "-1", "1e9", "٣"])
def test_a_checkpoint_s_size_of_any_kind_is_a_finding(
    honest: Path, tmp_path: Path, number: str
) -> None:
    shutil.copytree(honest / "tiles", tmp_path / "copy")
    lines = (tmp_path / "copy" / "checkpoint").read_text().split("\n")
    lines[1] = number
    (tmp_path / "copy" / "checkpoint").write_text("\n".join(lines))
    assert against(honest, tmp_path / "copy")[0] in (1, 2)
