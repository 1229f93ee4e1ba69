"""The count of bytes outlives a disk that was full for a while."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from hub_config.proxy import app
from hub_config.proxy.ledger import Ledger


async def turns(happened: Callable[[], bool]) -> None:
    """Let others run until something has happened; bounded in turns, not in time."""
    for _ in range(10_000):
        if happened():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never happened")


def test_bytes_counted_while_the_disk_was_full_are_written_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "bytes.json"
    ledger = Ledger(file)
    (tmp_path / "bytes.new").mkdir()  # no file can be written there: an OSError, as of a full disk
    tries = []
    save = ledger.save
    monkeypatch.setattr(ledger, "save", lambda: (tries.append(1), save()))
    monkeypatch.setattr(app, "SAVE_SECONDS", 0)

    async def work() -> None:
        saving = asyncio.create_task(app.keep_saving(ledger))
        ledger.count("rosa/credential-pay", sent=7)
        await turns(lambda: len(tries) > 2)
        assert not file.exists()
        (tmp_path / "bytes.new").rmdir()
        await turns(file.exists)
        saving.cancel()
        with suppress(asyncio.CancelledError):
            await saving

    asyncio.run(work())
    (day,) = json.loads(file.read_text()).values()
    assert day == {"rosa/credential-pay": [7, 0]}
