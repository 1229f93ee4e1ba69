"""What the room's own key promises."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from egress_review.custody import Custody, Piece
from enclave.errors import KeyMissing
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
