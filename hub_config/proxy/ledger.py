"""How many bytes went to and from each person's workspace on each project, day by day.

A screen can be read and typed off; what a browser took is at least counted. Written every few
seconds; a kill loses at most those. Holds counts, never content.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path


class Ledger:
    """Counters by owner (`person/project` or `hub`) and day, kept in one small JSON file."""

    def __init__(self, file: Path):
        self._file = file
        self._days: dict[str, dict[str, list[int]]] = (
            json.loads(file.read_text()) if file.exists() else {}
        )
        self._changed = False

    def count(self, owner: str, *, sent: int = 0, received: int = 0) -> None:
        """Add bytes sent to the browser and received from it."""
        day = self._days.setdefault(datetime.now(UTC).date().isoformat(), {})
        totals = day.setdefault(owner, [0, 0])
        totals[0] += sent
        totals[1] += received
        self._changed = True

    def listing(self) -> dict[str, dict[str, list[int]]]:
        """Return `{day: {owner: [sent, received]}}`."""
        return self._days

    def save(self) -> None:
        """Write the file whole, if anything was counted since the last time."""
        if self._changed:
            draft = self._file.with_suffix(".new")
            draft.write_text(json.dumps(self._days))
            draft.replace(self._file)
            self._changed = False
