"""Reads an exported log: C2SP tlog-tiles, entry bundles, and the export's own sidecar.

Believes no file about another: hashes come from tiles, texts from bundles, and whether they fit
is for whoever asked. The sidecar is read only where there is no bundle, for texts too long for one
and for entries whose text retention has removed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from audit.merkle import HASH_SIZE
from audit.note import Checkpoint, NoteError, split_note
from audit.verifier.checks import Unreadable, plain
from audit.verifier.sources import CHUNK, Row, read_small, read_text

_Line = tuple[bytes | None, bytes | None, bytes | None, int | None]
"""(text, source, instance, seq) of an entry."""

_LARGEST_BUNDLE = 80 << 20  # bytes: 256 of the largest events the service takes, and their frame


class Tiles:
    """An export's directory."""

    kind = "tiles"

    def __init__(self, directory: Path):
        self.directory = directory
        self._size = self._read_size()

    def _read_size(self) -> int:
        """Return the size its own checkpoint names: how far to read, nothing more."""
        try:
            note = read_text(self.directory / "checkpoint")
            return Checkpoint.parse(split_note(note)[0]).size
        except NoteError as error:
            raise Unreadable(f"The export's checkpoint is none: {plain(str(error))}.") from error

    def count(self) -> int:
        """Return how many entries the export says it has, at most to its first missing tile."""
        n = 0  # what follows a hole is not read, and a checkpoint can name any number
        while n * CHUNK < self._size and self.tile(0, n, min(CHUNK, self._size - n * CHUNK)):
            n += 1
        return min(self._size, (n + 1) * CHUNK)

    def rows(self, begin: int, end: int) -> Iterator[list[Row]]:
        """Yield the entries in order; raises Unreadable where something is missing or broken."""
        for n in range(begin // CHUNK, -(-end // CHUNK)):
            width = min(CHUNK, self._size - n * CHUNK)
            leaves = self.tile(0, n, width)
            if leaves is None or len(leaves) != width * HASH_SIZE:
                raise Unreadable(f"tile 0/{n:,} is missing or of another length.")
            yield self._rows(n, [leaves[i : i + HASH_SIZE] for i in range(0, len(leaves), 32)])

    def _rows(self, n: int, leaves: list[bytes]) -> list[Row]:
        first, path = n * CHUNK, self._path("tile/entries", n, len(leaves))
        if path.is_file():
            texts = _bundle(read_small(path, _LARGEST_BUNDLE))
            lines: list[_Line] = [(text, None, None, None) for text in texts]
        else:
            lines = list(_sidecar(self._path("enclave/entries", n, len(leaves))))
        if len(lines) != len(leaves):
            raise Unreadable(
                f"the bundle of entries {first:,} and on holds {len(lines):,} for {len(leaves):,}."
            )
        return [(first + place, leaf, *lines[place]) for place, leaf in enumerate(leaves)]

    def tile(self, level: int, n: int, width: int) -> bytes | None:
        """Return the first hashes of a stored tile; None where there is none of its length."""
        for stored in dict.fromkeys((width, CHUNK)):
            path = self._path(f"tile/{level}", n, stored)
            if path.is_file():
                hashes = read_small(path)
                return hashes[: width * HASH_SIZE] if len(hashes) == stored * HASH_SIZE else None
        return None

    def _path(self, kind: str, n: int, width: int) -> Path:
        """Return where a tile or bundle lies: groups of three digits, `.p/<W>` when partial."""
        digits = f"{n % 1000:03}"
        while n := n // 1000:
            digits = f"x{n % 1000:03}/{digits}"
        return self.directory / kind / (digits + (f".p/{width}" if width < CHUNK else ""))

    def notes(self) -> Iterator[str]:
        """Yield the one checkpoint an export has."""
        yield read_text(self.directory / "checkpoint")

    def inputs(self) -> list[Path]:
        """Return the checkpoint: its root stands for every tile once all has been verified."""
        return [self.directory / "checkpoint"]

    def close(self) -> None:
        """Nothing is kept open."""


def _bundle(content: bytes) -> Iterator[bytes]:
    """Yield the texts of a bundle: a big-endian uint16 length before each."""
    place = 0
    while place < len(content):
        length = int.from_bytes(content[place : place + 2], "big")
        place += 2
        yield content[place : place + length]
        place += length


def _sidecar(path: Path) -> Iterator[_Line]:
    """Yield (text, source, instance, seq) of each line; raises Unreadable."""
    try:
        for line in read_small(path, _LARGEST_BUNDLE).decode().split("\n")[:-1]:
            found: Any = json.loads(line)
            body = found["body"]
            number = found["seq"]
            if type(number) is not int:
                raise ValueError("seq is no number")
            sender = found["source"].encode(), found["instance"].encode()
            yield (None if body is None else body.encode(), *sender, number)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        name = plain("/".join(path.parts[-2:]))
        raise Unreadable(f"the sidecar {name} is broken: {plain(str(error))}.") from error
