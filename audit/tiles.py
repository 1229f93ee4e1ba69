"""A log as a tree of files (C2SP tlog-tiles): for whoever keeps or verifies a copy elsewhere.

Reads a log, whatever its database, and writes `checkpoint`, `tile/<L>/<N>`, `tile/entries/<N>` and
our sidecar. Never changes the log, and never pretends to hold an entry it does not: a bundle of
entries is written only when every entry of it is there and short enough for the format.

The sidecar `enclave/entries/<N>[.p/<W>]` has one JSON object a line for each entry of the bundle
with the same number: `source`, `instance` and `seq` of its sender and, only where there is no such
bundle, `body`: the entry's text, or null when retention has removed it. Its leaf is in the tile.
`enclave/export.json` says what the export covers.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typing_extensions import override

from audit.log import Entry, LogReader
from audit.merkle import HASH_SIZE
from audit.note import Checkpoint, split_note

WIDTH = 256  # hashes of a full tile, entries of a full bundle
FORMAT = "enclave/export/1"
_LONGEST = 0xFFFF  # bytes of an entry in a bundle: its length is a uint16
_SIDECAR = Path("enclave/entries")
_BUNDLE = Path("tile/entries")

Progress = Callable[[int, int], None]
"""`progress(done, total)` in entries."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export covers, how many files this run has written, and what could not be given.

    `removed` counts entries of the files written whose text retention has removed; `bare` the
    bundles that are missing for that reason or because an entry is too long for the format.
    """

    size: int
    written: int
    removed: int
    bare: int


def resource(kind: str, n: int, width: int = WIDTH) -> str:
    """Return the path of a tile or bundle: groups of three digits, `.p/<W>` when it is partial."""
    digits = f"{n % 1000:03d}"
    while n := n // 1000:
        digits = f"x{n % 1000:03d}/{digits}"
    return f"{kind}/{digits}" + (f".p/{width}" if width < WIDTH else "")


def tile_path(level: int, n: int, width: int = WIDTH) -> str:
    """Return the path of tile `n` of a level."""
    return resource(f"tile/{level}", n, width)


def pieces(count: int) -> Iterator[tuple[int, int]]:
    """Yield (n, width) of what `count` hashes or entries are divided into; the last is partial."""
    for n in range(-(-count // WIDTH)):
        yield n, min(WIDTH, count - n * WIDTH)


@dataclass(slots=True)
class _Count:
    removed: int = 0
    bare: int = 0


@dataclass(slots=True)
class _Source:
    """The files of an export, made one after the other; `has` says which are there already."""

    reader: LogReader
    size: int
    has: Callable[[str], bool] = lambda path: False
    progress: Progress = lambda done, total: None
    count: _Count = field(default_factory=_Count)

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield (path, content) of every tile, bundle and sidecar that is not there yet."""
        level, hashes = 0, self.size
        while hashes:
            for n, width in pieces(hashes):
                path = tile_path(level, n, width)
                if not self.has(path):
                    yield path, self._tile(level, n, width)
            level, hashes = level + 1, hashes // WIDTH
        for n, width in pieces(self.size):
            if not self.has(resource(str(_SIDECAR), n, width)):
                yield from self._entries(n, width)
            self.progress(min((n + 1) * WIDTH, self.size), self.size)

    def _tile(self, level: int, n: int, width: int) -> bytes:
        hashes = self.reader.tile(level, n)[: width * HASH_SIZE]
        if len(hashes) != width * HASH_SIZE:
            raise LookupError(f"tile {level}/{n} is missing or too short")
        return hashes

    def _entries(self, n: int, width: int) -> Iterator[tuple[str, bytes]]:
        """Yield a bundle, if it can be made, then its sidecar: whose presence says both are."""
        entries = list(self.reader.entries(n * WIDTH, n * WIDTH + width))
        if len(entries) != width:
            raise LookupError(f"entries are missing after {n * WIDTH}")
        bundle = _bundle(entries)
        self.count.removed += sum(entry.body is None for entry in entries)
        if bundle is None:
            self.count.bare += 1
        else:
            yield resource(str(_BUNDLE), n, width), bundle
        lines = (json.dumps(_line(entry, bundle is None), ensure_ascii=False) for entry in entries)
        yield resource(str(_SIDECAR), n, width), ("\n".join(lines) + "\n").encode()


def _bundle(entries: list[Entry]) -> bytes | None:
    """Return the entries with a uint16 length before each, or None if one does not go into it."""
    bundle = bytearray()
    for entry in entries:
        if entry.body is None or len(entry.body) > _LONGEST:
            return None
        bundle += len(entry.body).to_bytes(2, "big") + entry.body
    return bytes(bundle)


def _line(entry: Entry, with_body: bool) -> dict[str, Any]:
    sender = entry.sender
    line = {"source": sender.source, "instance": sender.instance, "seq": sender.seq}
    if not with_body:
        return line
    return line | {"body": None if entry.body is None else entry.body.decode()}


def _summary(checkpoint: Checkpoint) -> bytes:
    facts = {"format": FORMAT, "origin": checkpoint.origin, "size": checkpoint.size}
    return (json.dumps(facts) + "\n").encode()


def export(
    reader: LogReader,
    note: str,
    directory: Path,
    *,
    extras: Mapping[str, bytes] | None = None,
    progress: Progress = lambda done, total: None,
) -> Exported:
    """Bring a directory up to the signed checkpoint `note`; return what that took.

    What is there already is left alone, so an interrupted run goes on where it stopped, and a
    later one adds what is new. The checkpoint is replaced last: it never promises what is not on
    the disk. `extras` are further files, by name (keys, the policy). Raises LookupError when the
    log is shorter than the checkpoint, OSError when the directory cannot be written.
    """
    checkpoint = Checkpoint.parse(split_note(note)[0])
    source = _Source(
        reader, checkpoint.size, has=lambda path: (directory / path).exists(), progress=progress
    )
    written = 0
    for path, content in source.files():
        _write(directory / path, content)
        written += 1
    for path, content in {**(extras or {}), "enclave/export.json": _summary(checkpoint)}.items():
        _write(directory / path, content)
    os.sync()  # one for all of them: the checkpoint must not reach the disk before its tiles
    _write(directory / "checkpoint", note.encode())
    os.sync()
    _remove_outgrown(directory)
    return Exported(checkpoint.size, written, source.count.removed, source.count.bare)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.write_bytes(content)
    draft.replace(path)


def _remove_outgrown(directory: Path) -> None:
    """Remove what is partial where the whole is there.

    Not before: whoever reads along by an older checkpoint needs the narrower ones (tlog-tiles).
    """
    for partial in [*directory.glob("tile/**/*.p"), *directory.glob("enclave/**/*.p")]:
        whole = partial.relative_to(directory).with_suffix("")
        if whole.is_relative_to(_BUNDLE):  # one with removed texts is never written: its sidecar is
            whole = _SIDECAR / whole.relative_to(_BUNDLE)
        if (directory / whole).exists():
            shutil.rmtree(partial)


def stream(
    reader: LogReader, note: str, *, extras: Mapping[str, bytes] | None = None
) -> Iterator[bytes]:
    """Yield an export as one tar file, in pieces, without a temporary copy on the disk."""
    checkpoint = Checkpoint.parse(split_note(note)[0])
    pipe = _Pipe()
    with tarfile.open(fileobj=pipe, mode="w|", format=tarfile.USTAR_FORMAT) as tar:
        last = {**(extras or {}), "enclave/export.json": _summary(checkpoint)}
        for path, content in _Source(reader, checkpoint.size).files():
            _add(tar, path, content)
            yield pipe.take()
        for path, content in {**last, "checkpoint": note.encode()}.items():
            _add(tar, path, content)
    yield pipe.take()


def _add(tar: tarfile.TarFile, path: str, content: bytes) -> None:
    member = tarfile.TarInfo(f"log/{path}")
    member.size, member.mtime, member.mode = len(content), int(time.time()), 0o644
    tar.addfile(member, io.BytesIO(content))


class _Pipe(io.RawIOBase):
    """Holds what the tar writer has written until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self._held = bytearray()

    @override
    def write(self, data: Any) -> int:
        self._held += data
        return len(data)

    def take(self) -> bytes:
        """Return what has been written since the last time."""
        held, self._held = bytes(self._held), bytearray()
        return held
