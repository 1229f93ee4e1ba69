"""The runner of all tests runs few failures once more, says so, and lets no real one through."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

RUNNER = Path(__file__).parents[3] / ".ci" / "tests"
PASSES = "def test_it(): pass\n"
FAILS = "def test_it(): assert False\n"
FAILS_ONCE = """
from pathlib import Path

def test_it():
    mark = Path(__file__).with_suffix(".mark")
    there = mark.exists()
    mark.touch()
    assert there
"""


def run(place: Path, **parts: list[str]) -> tuple[int, str]:
    """Run the runner over tests made of these texts; return its code and what it printed."""
    for folder in ("flow", "unit", "hostile", "web", "fuzz"):
        for n, text in enumerate(parts.get(folder, [PASSES])):
            file = place / "tests" / folder / f"test_{n}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    command = [sys.executable, RUNNER, "-q", f"--rootdir={place}"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_what_fails_once_passes_the_second_time_and_is_named(tmp_path: Path) -> None:
    code, printed = run(tmp_path, unit=[FAILS_ONCE, PASSES])
    end = printed[printed.index("[flow] passed") :].splitlines()
    assert code == 0
    assert end[1] == "[unit] passed, but only when run again:"
    assert end[2].startswith("[unit] FAILED tests/unit/test_0.py::test_it")
    assert end[3:] == ["[attacks] passed", "[pages] passed", "[gateway] passed"]


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param([FAILS, PASSES], id="fails twice"),
        pytest.param([FAILS_ONCE, FAILS], id="one of two fails twice"),
        pytest.param([FAILS_ONCE] * 4, id="too many fail"),
        pytest.param(["import nothing_of_this_name", PASSES], id="cannot be collected"),
    ],
)
def test_what_fails_fails(tmp_path: Path, texts: list[str]) -> None:
    code, printed = run(tmp_path, web=texts)
    assert code == 1
    assert "\n[pages] FAILED\n" in printed
    assert "\n[unit] passed\n" in printed
