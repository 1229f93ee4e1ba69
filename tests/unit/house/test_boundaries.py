"""Every boundary's lines are where the list says, once, and so are the tests that guard it.

That these tests fail without the lines is tried by `python -m tests.boundaries` (`make nightly`).
"""

from __future__ import annotations

import ast
from functools import cache

import pytest

from tests.boundaries import ROOT, Boundary, NotThere, boundaries


@pytest.mark.parametrize("boundary", boundaries(), ids=lambda each: each.promise)
def test_a_boundary_stands_where_it_is_said_to(boundary: Boundary) -> None:
    source = (ROOT / boundary.file).read_text(encoding="utf-8")
    removed = boundary.removed(source)
    assert removed != source
    if boundary.file.endswith(".py"):
        ast.parse(removed)  # a file that cannot be read at all would fail any test


@pytest.mark.parametrize("boundary", boundaries(), ids=lambda each: each.promise)
def test_a_boundary_names_tests_that_exist(boundary: Boundary) -> None:
    assert boundary.tests
    for test in boundary.tests:
        file, name = test.split("::")
        assert name in functions(file), test


def test_lines_that_moved_or_are_twice_are_refused() -> None:
    boundary = Boundary("room", "A door is shut.", "door.py", "shut()\n", "pass", ("t::t",))
    assert boundary.removed("def door():\n    shut()\n") == "def door():\n    pass\n"
    for source in ("open()\n", "shut()\nshut()\n"):
        with pytest.raises(NotThere):
            boundary.removed(source)


@cache
def functions(file: str) -> frozenset[str]:
    """Return the names of a file's functions."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return frozenset(each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef))
