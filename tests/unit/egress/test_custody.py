"""What the room's own key promises."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from egress_review.custody import Custody, Piece
from enclave.errors import KeyMissing, Unavailable
from enclave.settings import Settings


def test_a_key_that_is_gone_is_not_made_anew_beside_what_it_sealed(settings: Settings) -> None:
    key = settings.state_dir / "egress" / "key"
    Custody(settings)
    key.unlink()
    Custody(settings).keep("r-1", Piece.RAW, b"a,b\n")  # nothing was sealed yet: a new one is right
    kept = key.read_bytes()
    key.unlink()
    with pytest.raises(KeyMissing, match="Egress review's key is gone"):
        Custody(settings)
    assert not key.exists()
    key.write_bytes(kept)
    assert Custody(settings).open("r-1", Piece.RAW) == b"a,b\n"


def test_a_start_that_was_killed_while_making_the_key_does_not_stop_the_next(
    settings: Settings,
) -> None:
    """Nor does another program that is making it now: its draft lies beside."""
    draft = settings.state_dir / "egress" / ".key.0123456789abcdef"
    draft.parent.mkdir(parents=True)
    draft.write_bytes(b"half a k")
    Custody(settings).keep("r-1", Piece.RAW, b"a,b\n")
    assert Custody(settings).open("r-1", Piece.RAW) == b"a,b\n"


def test_what_another_start_clears_away_meanwhile_does_not_stop_this_one(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    stray, list_of = settings.state_dir / "egress" / "quarantine" / "0000", os.scandir

    def late(place: str | Path) -> Any:
        if Path(place) == stray and stray.exists():
            stray.rmdir()
        return list_of(place)

    stray.mkdir(parents=True)
    monkeypatch.setattr(os, "scandir", late)
    Custody(settings)
    assert not stray.exists()


@pytest.mark.parametrize(
    "other", [("r-2", Piece.RAW, 1), ("r-1", Piece.FULL, 1), ("r-1", Piece.RAW, 2)]
)
def test_a_piece_in_anothers_place_is_not_opened(
    settings: Settings, other: tuple[str, Piece, int]
) -> None:
    """Whoever may write files there could have reviewers approve one table and another leave."""
    custody, quarantine = Custody(settings), settings.state_dir / "egress" / "quarantine"
    request, piece, file = other
    custody.keep("r-1", Piece.RAW, b"a,b\n")
    (theirs,) = (path for path in quarantine.rglob("*") if path.name == Piece.RAW.value)
    sealed = theirs.read_bytes()
    custody.keep(request, piece, b"c,d\n", file=file)
    (ours,) = (path for path in quarantine.rglob("*") if path.is_file() and path != theirs)
    ours.write_bytes(sealed)
    with pytest.raises(Unavailable, match="changed on disk"):
        custody.open(request, piece, file=file)
