"""YAML files with line numbers: read them, and say of any place in them which line it stands on.

Refuses a key given twice, which YAML would silently let win. Never builds Python objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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
    lines: Mapping[Place, int]

    def line(self, *place: str | int) -> int:
        """Return the line of a place, or of the nearest place around it, from 1."""
        around = (place[:end] for end in range(len(place), -1, -1))
        return next(self.lines[each] for each in around if each in self.lines)

    def problem(self, sentence: str, *place: str | int) -> Problem:
        """Return a problem at a place in this file."""
        return Problem(self.name, self.line(*place), sentence)


def read(path: Path, *, name: str) -> Source:
    """Read one file; raises `InvalidFiles` when it is no YAML mapping or repeats a key."""
    try:
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        raise _invalid(name, error, f"This is not YAML: {error.problem}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _invalid(name, error, "This is not a text file in UTF-8.") from None
    if not isinstance(node, yaml.MappingNode):
        raise InvalidFiles([Problem(name, 1, "A file must hold “key: value” lines.")])
    walk = _Walk(name, loader)
    if problems := list(walk.over(node, ())):
        raise InvalidFiles(problems)
    try:
        return Source(path, name, loader.construct_document(node), walk.lines)
    except yaml.YAMLError as error:
        raise _invalid(name, error, "A value of this kind cannot be read.") from None


@dataclass(frozen=True, slots=True)
class _Walk:
    """Goes through a file's nodes, notes their lines and finds what YAML would let by."""

    name: str
    loader: yaml.SafeLoader
    lines: dict[Place, int] = field(default_factory=dict)
    met: set[int] = field(default_factory=set)

    def over(self, node: yaml.Node, place: Place) -> Iterator[Problem]:
        self.lines.setdefault(place, _line(node))
        if id(node) in self.met:  # an alias could stand within itself, or for a billion others
            yield Problem(self.name, self.lines[place], "An alias (*) must be written out.")
            return
        self.met.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                yield from self.over(item, (*place, index))
        elif isinstance(node, yaml.MappingNode):
            yield from self._over_pairs(node, place)
        else:
            yield from self._read_scalar(node)

    def _over_pairs(self, node: yaml.MappingNode, place: Place) -> Iterator[Problem]:
        seen: set[str] = set()
        for key, item in node.value:
            if not isinstance(key, yaml.ScalarNode):
                yield Problem(self.name, _line(key), "A key must be a plain word.")
                continue
            if key.value in seen:
                yield Problem(self.name, _line(key), f"“{key.value}” is given twice.")
            seen.add(key.value)
            self.lines[*place, key.value] = _line(key)
            yield from self.over(item, (*place, key.value))

    def _read_scalar(self, node: yaml.Node) -> Iterator[Problem]:
        try:
            self.loader.construct_object(node)
        except ValueError:  # 2024-02-31 looks like a date to YAML
            sentence = f"“{node.value}” is no day of the calendar."
            yield Problem(self.name, _line(node), sentence)
        except yaml.YAMLError:
            yield Problem(self.name, _line(node), f"“{node.value}” cannot be read.")


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1


def _invalid(name: str, error: Exception, sentence: str) -> InvalidFiles:
    mark = getattr(error, "problem_mark", None)
    return InvalidFiles([Problem(name, mark.line + 1 if mark else 1, sentence)])
