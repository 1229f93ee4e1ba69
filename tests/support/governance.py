"""A network's files to change and break, and the nouns compiled from them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

from enclave.governance.compile import Network, compile_network
from enclave.governance.files import read_agreement, read_network
from enclave.governance.sign import sign
from enclave.governance.signatures import required

DEMO = Path(__file__).parents[2] / "examples" / "demo-network"


class NetworkFiles:
    """A copy of the demo network's files in a directory of the test's own."""

    def __init__(self, place: Path):
        self.place = place / "network"
        shutil.copytree(DEMO, self.place, ignore=shutil.ignore_patterns("*.py"))

    def path(self, name: str) -> Path:
        return self.place / f"{name}.yml"

    def text(self, name: str) -> str:
        return self.path(name).read_text()

    def replace(self, name: str, old: str, new: str) -> NetworkFiles:
        """Change text in a file; the text must be there exactly once."""
        text = self.text(name)
        assert text.count(old) == 1, f"“{old}” stands {text.count(old)} times in {name}.yml"
        self.path(name).write_text(text.replace(old, new))
        return self

    def update(self, name: str, **values: Any) -> NetworkFiles:
        """Set top-level keys of a file; None takes one away."""
        data = yaml.safe_load(self.text(name)) | values
        kept = {key: value for key, value in data.items() if value is not None}
        self.path(name).write_text(yaml.safe_dump(kept, sort_keys=False))
        return self

    def line(self, name: str, text: str) -> int:
        """Return the number of the first line that holds a text."""
        lines = self.text(name).splitlines()
        return next(number for number, line in enumerate(lines, 1) if text in line)

    def sign(self, name: str) -> NetworkFiles:
        """Have every party sign the text as it stands."""
        for party in required(read_agreement(self.path(name)).form):
            sign(self.path(name), party=party, name=f"Officer of {party}", on=date(2025, 6, 1))
        return self

    def compiled(self) -> Network:
        return compile_network(read_network(self.place))


def in_force(**values: Any) -> Mapping[str, Any]:
    """Return an agreement's dates such that it is in force on whatever day the test runs."""
    today = date.today()
    return {
        "starts": today - timedelta(days=30),
        "ends": today + timedelta(days=300),
        "destroy_by": today + timedelta(days=400),
        **values,
    }
