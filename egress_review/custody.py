"""Keeps what must not be seen: originals and evidence, sealed on disk under egress's own key.

Only released bytes lie open, and only once they are released. Every file is written whole and
synced before the state that needs it is committed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from enum import StrEnum
from pathlib import Path

from cryptography.exceptions import InvalidTag

from enclave.durable import sync_directory, write_durably
from enclave.errors import NotFound, Unavailable
from enclave.settings import Settings
from enclave.vault.keys import derive, room_key, seal, unseal


class Piece(StrEnum):
    """What is kept, sealed, of each file of a request; the salt is the whole request's."""

    RAW = "raw.csv"  # as submitted
    FULL = "full.csv"  # the same table, unprotected, row for row beside the protected one
    PROTECTED = "protected.csv"
    LEAVING = "leaving"  # as it is released, where that is not the protected CSV itself
    HANDED_BACK = "handed-back"  # a protected table of a request that was refused for another file
    LEDGER = "ledger.json"
    PARTITIONS = "partitions.2.npz"  # who is in which cell, as numbers (`partitions`)
    ROWS = "rows.npz"  # a hash of each person's rows in each cell; seldom needed, so kept apart
    PROOF = "proof.npz"  # that the pattern holds, to be checked without a solver (`sdc.proofs`)
    CONFLICTS = "conflicts.json"  # for reviewers: earlier releases that this one had to yield to
    SALT = "salt"


KEPT_OF_A_RELEASE = frozenset({Piece.LEDGER, Piece.PARTITIONS, Piece.ROWS, Piece.SALT})
"""What later tables are checked against, and what commitments are proved by."""


class Custody:
    """The egress room's files: S/egress/{key,quarantine,released}."""

    def __init__(self, settings: Settings):
        self._root = settings.state_dir / "egress"
        for name in ("quarantine", "released"):
            (self._root / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        # A draft (`.key.…`) is a key that another starter is making, or died making. Directories
        # may go while we look (`strays`): to `os.walk` that is no error, to `rglob` it is.
        names = (name for _, _, files in os.walk(self._root) for name in files)
        used = any(name != "key" and not name.startswith(".") for name in names)
        self._key = room_key(self._root / "key", whose="Egress review's key", used=used)

    def keep(self, request: str, piece: Piece, content: bytes, *, file: int = 1) -> None:
        """Seal one piece of a request's file durably; replaces what was there."""
        first, place = self._quarantine(request, 1), self._quarantine(request, file)
        for made in dict.fromkeys((first, place)):
            made.mkdir(exist_ok=True, mode=0o700)
            sync_directory(made.parent)
        context = _context(request, piece, file)
        write_durably(place / piece.value, seal(self._key, content, context=context))

    def open(self, request: str, piece: Piece, *, file: int = 1) -> bytes:
        """Return one piece. Raises `NotFound`, or `Unavailable` if it was changed on disk."""
        try:
            sealed = (self._quarantine(request, file) / piece.value).read_bytes()
            return unseal(self._key, sealed, context=_context(request, piece, file))
        except FileNotFoundError:
            raise NotFound("This part of the request is no longer kept.") from None
        except InvalidTag:
            raise Unavailable("A file of this request was changed on disk.") from None

    def holds(self, request: str, piece: Piece, *, file: int = 1) -> bool:
        """Say whether a piece of a request's file is kept."""
        return (self._quarantine(request, file) / piece.value).exists()

    def commit(self, request: str, *contents: bytes) -> str:
        """Return a SHA-256 commitment to contents under the request's secret salt, as hex.

        Without the salt, whoever holds a plain hash of an original could try values for its few
        hidden numbers until the hash fits. So no plain hash of anything hidden leaves this room.
        """
        digest = hashlib.sha256(self.open(request, Piece.SALT))
        for content in contents:
            digest.update(hashlib.sha256(content).digest())
        return digest.hexdigest()

    def drawer(self, name: str) -> tuple[Path, bytes]:
        """Return a directory of this room and the key of its files: one key a drawer."""
        place = self._root / name
        place.mkdir(exist_ok=True, mode=0o700)
        return place, derive(self._key, f"egress-{name}")

    def release(self, request: str, files: dict[str, bytes]) -> None:
        """Put the released files where the site may hand them out; repeating it changes nothing."""
        place = self._root / "released" / request
        place.mkdir(exist_ok=True, mode=0o700)
        for name, content in files.items():
            write_durably(place / name, content)
        sync_directory(place.parent)

    def released(self, request: str, name: str) -> bytes:
        """Return one released file. Raises `NotFound`."""
        try:
            return (self._root / "released" / request / name).read_bytes()
        except FileNotFoundError:
            raise NotFound("There is no such released file.") from None

    def destroy(self, request: str, *, keep: frozenset[Piece]) -> None:
        """Remove a request's pieces, all but some kinds, durably; repeating it changes nothing."""
        place = self._quarantine(request, 1)
        names = {piece.value for piece in keep}
        for path in sorted(place.rglob("*"), reverse=True):  # a directory after what is in it
            if path.is_dir():
                sync_directory(path)
            elif path.name not in names:
                path.unlink(missing_ok=True)
        if place.exists():
            sync_directory(place)

    def strays(self, known: frozenset[str]) -> None:
        """Remove what a crash left of requests that never came to be."""
        for place in (self._root / "quarantine").iterdir():
            if place.name not in known:
                shutil.rmtree(place)

    def _quarantine(self, request: str, file: int) -> Path:
        """Return where a file's pieces lie: the first's where they lay when it was the only one."""
        place = self._root / "quarantine" / request
        return place if file == 1 else place / str(file)


def _context(request: str, piece: Piece, file: int) -> bytes:
    """Return what a piece is sealed to: its request, its file and what it is."""
    which = request if file == 1 else f"{request}/{file}"
    return f"enclave/egress/1/{which}/{piece.value}".encode()
