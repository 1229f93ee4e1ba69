"""An export is C2SP tlog-tiles: every path, every hash, every entry; what is missing is said."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from audit.custody import AuditFiles, open_log, sign_checkpoint
from audit.keeper import keeping
from audit.log import Entry, LogReader, Sender, open_reader
from audit.merkle import Frontier, Node, leaf_hash, root_hash
from audit.note import Checkpoint, split_note
from audit.tiles import Exported, export, pieces, resource, stream, tile_path
from enclave.settings import Settings
from tests.support.audit_bulk import write_log


@pytest.mark.parametrize(
    ("n", "width", "path"),
    [
        (0, 256, "tile/0/000"),
        (273, 112, "tile/0/273.p/112"),
        (1234067, 256, "tile/0/x001/x234/067"),
        (1000, 1, "tile/0/x001/000.p/1"),
    ],
)
def test_paths_are_those_of_the_specification(n: int, width: int, path: str) -> None:
    assert tile_path(0, n, width) == path


def test_a_tree_of_70000_has_the_tiles_the_specification_counts() -> None:
    widths, hashes = [], 70_000
    while hashes:
        found = [width for _, width in pieces(hashes)]
        widths.append((found.count(256), [width for width in found if width < 256]))
        hashes //= 256
    assert widths == [(273, [112]), (1, [17]), (0, [1])]


@pytest.fixture
def reader(settings: Settings) -> Iterator[LogReader]:
    write_log(settings, 700)
    with closing(open_reader(settings)) as opened:
        yield opened


def note(settings: Settings) -> str:
    return AuditFiles.of(settings).checkpoint.read_text()


def files(directory: Path) -> dict[str, bytes]:
    found = [path for path in directory.rglob("*") if path.is_file()]
    return {str(path.relative_to(directory)): path.read_bytes() for path in found}


def bundle(content: bytes) -> list[bytes]:
    """Read a bundle as the specification says: a big-endian uint16 length before each entry."""
    entries, at = [], 0
    while at < len(content):
        length = int.from_bytes(content[at : at + 2], "big")
        entries.append(content[at + 2 : at + 2 + length])
        at += 2 + length
    return entries


def check(exported: dict[str, bytes], size: int) -> list[bytes]:
    """Check an export with nothing but its files; return the leaves."""
    checkpoint = Checkpoint.parse(split_note(exported["checkpoint"].decode())[0])
    assert checkpoint.size == size
    leaves: list[bytes] = []
    for n, width in pieces(size):
        tile = exported[tile_path(0, n, width)]
        assert len(tile) == 32 * width
        hashes = [tile[i : i + 32] for i in range(0, len(tile), 32)]
        held = exported.get(resource("tile/entries", n, width))
        if held is not None:
            assert [leaf_hash(entry) for entry in bundle(held)] == hashes
        leaves += hashes
    assert root_hash(_node(leaves), size) == checkpoint.root
    for n, width in pieces(size // 256):  # a hash of each full tile below
        above = exported[tile_path(1, n, width)]
        assert above == b"".join(_node(leaves)(8, k) for k in range(width))
    return leaves


def _node(leaves: list[bytes]) -> Node:
    def node(level: int, n: int) -> bytes:
        frontier = Frontier()
        for leaf in leaves[n << level : (n + 1) << level]:
            frontier.append(leaf)
        return frontier.root()

    return node


def test_an_export_stands_on_its_own_feet(
    settings: Settings, reader: LogReader, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []
    done = export(
        reader, note(settings), tmp_path, extras={"policy": b"quorum none\n"},
        progress=lambda reached, total: seen.append((reached, total)),
    )  # fmt: skip
    assert done == Exported(reader.count(), done.written, 0, 0)
    assert seen[-1] == (done.size, done.size)
    exported = files(tmp_path)
    check(exported, done.size)
    assert exported["policy"] == b"quorum none\n"
    assert json.loads(exported["enclave/export.json"])["size"] == done.size
    senders = [json.loads(line) for line in exported["enclave/entries/000"].splitlines()]
    first = next(reader.entries())
    assert senders[0] == {
        "source": first.sender.source, "instance": first.sender.instance, "seq": first.sender.seq
    }  # fmt: skip


def test_a_later_run_adds_what_is_new_and_one_cut_short_goes_on(
    settings: Settings, reader: LogReader, tmp_path: Path
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    export(reader, note(settings), whole)
    shutil.copytree(whole, cut)
    (cut / "checkpoint").unlink()
    (cut / "enclave/entries/001").unlink()
    assert export(reader, note(settings), cut).written == 2  # the bundle and its sidecar
    assert files(cut) == files(whole)
    _append(settings, 100)
    with closing(open_reader(settings)) as later:
        done = export(later, note(settings), whole)
        check(files(whole), done.size)
    assert 0 < done.written < 12
    partial = {name for name in files(whole) if ".p/" in name}
    assert not {name for name in partial if "/002.p/" in name}  # that one is whole by now
    # what is not whole stays for whoever still reads by the older checkpoint
    assert {name for name in partial if "tile/1" in name} == {"tile/1/000.p/2", "tile/1/000.p/3"}


def test_a_run_that_fails_leaves_the_old_checkpoint_and_all_it_promises(
    settings: Settings, reader: LogReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = export(reader, note(settings), tmp_path).size
    _append(settings, 300)

    def broken(self: LogReader, begin: int = 0, end: int | None = None) -> Iterator[Entry]:
        raise OSError("the disk is full")

    monkeypatch.setattr(LogReader, "entries", broken)
    with closing(open_reader(settings)) as later, pytest.raises(OSError, match="full"):
        export(later, note(settings), tmp_path)
    check(files(tmp_path), before)


def test_what_retention_removed_or_the_format_cannot_hold_is_missing_and_said_to_be(
    settings: Settings, reader: LogReader, tmp_path: Path
) -> None:
    _append(settings, 1, b"x" * 70_000)
    with keeping(settings, actor="test") as keeper, keeper.log.write() as batch:
        batch.forget(10, 20)
    with closing(open_reader(settings)) as later:
        done = export(later, note(settings), tmp_path)
        bodies = [entry.body for entry in later.entries()]
    assert (done.removed, done.bare) == (10, 2)
    exported = files(tmp_path)
    check(exported, done.size)  # the tree is whole: proofs do not need the texts
    assert "tile/entries/000" not in exported
    lines = [json.loads(line) for line in exported["enclave/entries/000"].splitlines()]
    assert [line["body"] for line in lines[10:20]] == [None] * 10
    assert lines[9]["body"].encode() == bodies[9]
    last = next(name for name in exported if name.startswith("enclave/entries/002.p"))
    assert json.loads(exported[last].splitlines()[-1])["body"] == "x" * 70_000


def _append(settings: Settings, count: int, body: bytes | None = None) -> None:
    files = AuditFiles.of(settings)
    log, signers = open_log(files, settings.origin)
    with closing(log):
        with log.write() as batch:
            for number in range(count):
                batch.add(body or b"%d" % number, Sender("hub", f"more-{count}", number))
        sign_checkpoint(log, files, signers)


def test_as_one_tar_file_it_is_the_same(
    settings: Settings, reader: LogReader, tmp_path: Path
) -> None:
    export(reader, note(settings), tmp_path)
    content = b"".join(stream(reader, note(settings)))
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        held = {
            member.name.removeprefix("log/"): tar.extractfile(member).read()  # type: ignore[union-attr]
            for member in tar
        }
    assert held == files(tmp_path)


def test_a_log_shorter_than_its_checkpoint_is_not_exported(
    settings: Settings, reader: LogReader, tmp_path: Path
) -> None:
    text = Checkpoint("o", reader.count() + 300, bytes(32)).text()
    with pytest.raises(LookupError):
        export(reader, f"{text}\n\N{EM DASH} o AAAAAAAA\n", tmp_path)
    assert not (tmp_path / "checkpoint").exists()
