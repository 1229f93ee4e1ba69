"""Boundaries, each with the lines that hold it and the tests that must fail without them.

A test of a boundary that passes when the boundary is gone is worth nothing, and nobody sees that
by reading. So each file here lists, for one room, what the enclave promises, the very lines that
keep it, and what these lines become when the promise is broken: `python -m tests.boundaries` breaks
one promise at a time, in a copy of the sources, and says which tests did not notice.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path

import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


class NotThere(ValueError):
    """The lines that hold a boundary are not in its file exactly once."""


@dataclass(frozen=True)
class Boundary:
    """One promise, the lines of one file that keep it, and the tests that notice their absence."""

    room: str
    promise: str
    file: str
    lines: str
    without: str
    tests: tuple[str, ...]

    def removed(self, source: str) -> str:
        """Return the file's text without the boundary; raises NotThere.

        Lines are compared without the indentation they have in common, and put back with it.
        """
        held = textwrap.dedent(self.lines).strip("\n").split("\n")
        rows = source.split("\n")
        places = [
            place
            for place in range(len(rows) - len(held) + 1)
            if textwrap.dedent("\n".join(rows[place : place + len(held)])).split("\n") == held
        ]
        if len(places) != 1:
            raise NotThere(
                f"{self.file} has these lines {len(places)} times, not once:\n{self.lines}"
            )
        first = rows[places[0]]
        margin = first[: len(first) - len(first.lstrip())]
        instead = textwrap.indent(textwrap.dedent(self.without).strip("\n"), margin).split("\n")
        rows[places[0] : places[0] + len(held)] = instead
        return "\n".join(rows)


def boundaries() -> list[Boundary]:
    """Return every boundary of every room, in the order of their files."""
    return [
        Boundary(
            room=path.stem,
            promise=each["promise"],
            file=each["file"],
            lines=each["lines"],
            without=each.get("without") or "pass",
            tests=tuple(each["tests"]),
        )
        for path in sorted(HERE.glob("*.yml"))
        for each in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]
