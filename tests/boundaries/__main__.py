"""Remove one boundary at a time and see that the tests which guard it fail.

    python -m tests.boundaries                 every boundary, some seconds each
    python -m tests.boundaries gateway         those of one room
    python -m tests.boundaries "receipt"       those whose promise has the word

Every removal is made in a copy of the sources that git knows. First the tests run as they are:
one that fails without any removal shows nothing. The exit code is 1 if a boundary went unnoticed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import track

from tests.boundaries import ROOT, Boundary, boundaries

AT_ONCE = int(os.environ.get("JOBS", "2"))
SECONDS = 900  # a removal that makes a test wait for ever is stopped, and counts as unnoticed


@contextmanager
def copied() -> Iterator[Path]:
    """Yield a copy of the sources, as they are now."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True)
    with tempfile.TemporaryDirectory(prefix="boundary-") as name:
        for each in filter(None, listed.stdout.decode().split("\0")):
            if (ROOT / each).is_file():
                (Path(name) / each).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / each, Path(name) / each)
        (Path(name) / ".venv").symlink_to(Path(sys.prefix))
        yield Path(name)


def failed(place: Path, tests: Iterable[str]) -> set[str]:
    """Return which of these tests fail in `place`; one that cannot even begin is not among them."""
    report = place / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    with open(os.devnull, "wb") as nowhere:
        subprocess.run(
            [*command, f"--junitxml={report}", *tests],
            cwd=place,
            env=os.environ | {"PYTHONPATH": str(place)},
            stdout=nowhere,
            stderr=nowhere,
            timeout=SECONDS,
            check=False,
        )
    if not report.is_file():
        return set()
    cases = ET.parse(report).iter("testcase")
    return {_name(case) for case in cases if case.find("failure") is not None}


def _name(case: ET.Element) -> str:
    """Return a test as file and function: parameters left out."""
    parts = case.get("classname", "").split(".")
    return f"{'/'.join(parts)}.py::{case.get('name', '').split('[')[0]}"


def unnoticed(boundary: Boundary) -> list[str]:
    """Return the tests that pass although the boundary is gone."""
    with copied() as place:
        path = place / boundary.file
        path.write_text(boundary.removed(path.read_text(encoding="utf-8")), encoding="utf-8")
        try:
            noticed = failed(place, boundary.tests)
        except subprocess.TimeoutExpired:
            return list(boundary.tests)
    return [each for each in boundary.tests if each not in noticed]


def main(words: list[str]) -> int:
    """Try every boundary of these rooms or words; return 1 where one went unnoticed."""
    console = Console()
    chosen = [
        each
        for each in boundaries()
        if not words or any(word == each.room or word in each.promise for word in words)
    ]
    with copied() as place:
        broken = failed(place, sorted({test for each in chosen for test in each.tests}))
    for test in sorted(broken):
        console.print(f"fails with every boundary in place: {test}", style="red", soft_wrap=True)
    wrong = len(broken)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = track(pool.map(unnoticed, chosen), "Removing", len(chosen), console=console)
        for boundary, passed in zip(chosen, results, strict=True):
            wrong += bool(passed)
            said = f"UNNOTICED by {', '.join(passed)}" if passed else "noticed"
            console.print(f"{boundary.room}: {boundary.promise} {said}", soft_wrap=True)
    console.print(f"{len(chosen)} boundaries removed, {wrong} of them or of their tests wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
