"""YAML files with line numbers: read them, and say of any place in them which line it stands on.

Refuses a key given twice, which YAML would silently let win. Never builds Python objects.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from typing_extensions import override

from enclave.errors import Invalid

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong: where, and a sentence that says what and, where it can, what to do."""

    file: str
    line: int
    sentence: str

    @override
    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.sentence}"


class InvalidFiles(Invalid):
    """The files of a network do not hold together; names every problem, not only the first."""

    code = "governance.invalid"

    def __init__(self, problems: Iterable[Problem]):
        self.problems = tuple(sorted(set(problems)))
        count = len(self.problems)
        super().__init__(f"{count} {'problem' if count == 1 else 'problems'} in the files.")

    @override
    def explain(self) -> str:
        """Return one line for each problem, then the code."""
        return "\n".join([*map(str, self.problems), super().explain()])


@dataclass(frozen=True, slots=True)
class Source:
    """What one file says, and the line of each of its places (a path of keys and indexes)."""

    path: Path
    name: str
    data: Mapping[str, Any]
    lines: Mapping[Place, int] = field(default_factory=dict)

    def line(self, *place: str | int) -> int:
        """Return the line of a place, or of the nearest place around it, from 1."""
        for end in range(len(place), -1, -1):
            if place[:end] in self.lines:
                return self.lines[place[:end]]
        return 1

    def problem(self, sentence: str, *place: str | int) -> Problem:
        """Return a problem at a place in this file."""
        return Problem(self.name, self.line(*place), sentence)


def read(path: Path, *, name: str) -> Source:
    """Read one file; raises `InvalidFiles` when it is no YAML mapping or repeats a key."""
    try:
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = mark.line + 1 if mark else 1
        raise _invalid(name, line, f"This is not YAML: {error.problem}.") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise _invalid(name, 1, "This is not a text file in UTF-8.") from None
    if not isinstance(node, yaml.MappingNode):
        raise _invalid(name, 1, "A file must hold “key: value” lines.")
    lines: dict[Place, int] = {}
    problems = list(_walk(node, (), lines, name))
    if problems:
        raise InvalidFiles(problems)
    try:
        data = loader.construct_document(node)
    except (yaml.MarkedYAMLError, ValueError) as error:
        raise _invalid(name, 1, f"A value cannot be read: {error}.") from None
    return Source(path, name, data, lines)


def _walk(node: yaml.Node, place: Place, lines: dict[Place, int], name: str) -> Iterable[Problem]:
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _walk(item, (*place, index), lines, name)
    if isinstance(node, yaml.MappingNode):
        seen: set[Hashable] = set()
        for key, item in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                yield Problem(name, line, "A key must be a plain word.")
                continue
            if key.value in seen:
                yield Problem(name, line, f"“{key.value}” is given twice.")
            seen.add(key.value)
            lines[(*place, key.value)] = line
            yield from _walk(item, (*place, key.value), lines, name)


def _invalid(name: str, line: int, sentence: str) -> InvalidFiles:
    return InvalidFiles([Problem(name, line, sentence)])
