"""The documentation says what the code does, and every link in it leads somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def test_generated_reference_pages_say_what_the_code_says():
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file(page: Path):
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    missing = [
        link for link in links if "://" not in link and not (page.parent / link).resolve().exists()
    ]
    assert not missing


def test_every_direct_dependency_has_its_line_of_reason():
    reasons = (ROOT / "docs/decisions/0002-dependencies.md").read_text().lower()
    wanted = set()
    for name in ("runtime", "dev", "demo-data"):
        for line in (ROOT / f"locks/{name}.in").read_text().splitlines():
            if line and not line.startswith(("#", "-")):
                wanted.add(re.split(r"[\[<>=]", line)[0].strip().lower())
    missing = sorted(name for name in wanted if not re.search(rf"\b{re.escape(name)}\b", reasons))
    assert not missing


def test_no_lock_file_names_an_address():
    for lock in [*ROOT.glob("locks/*.lock"), *ROOT.glob("images/**/*.lock")]:
        assert "://" not in lock.read_text(), lock.name
        assert "--hash=sha256:" in lock.read_text(), lock.name
