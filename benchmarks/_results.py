"""Where the numbers of the benchmarks are kept: a JSON file each, for whoever compares runs."""

from __future__ import annotations

import json
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def keep(name: str, found: object) -> None:
    """Write what a benchmark has measured in place of its last numbers."""
    RESULTS.mkdir(exist_ok=True)
    body = json.dumps(found, indent=1, ensure_ascii=False)
    (RESULTS / f"{name}.json").write_text(f"{body}\n", encoding="utf-8")
