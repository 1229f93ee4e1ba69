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


def test_every_help_text_shows_an_example_on_a_line_of_its_own():
    _, *blocks = (ROOT / "docs/reference/commands.md").read_text().split("\n## `")
    ours = [block for block in blocks if block.startswith(("enclave", "linkage"))]
    assert ours
    assert [b.split("`")[0] for b in ours if not re.search(r"\n  Examples?:\n    \w", b)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file(page: Path):
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    missing = [
        link for link in links if "://" not in link and not (page.parent / link).resolve().exists()
    ]
    assert not missing


def test_every_direct_dependency_has_its_line_of_reason():
    rows = (ROOT / "docs/decisions/0002-dependencies.md").read_text().lower().splitlines()
    named = "\n".join(row.split("|")[1] for row in rows if row.startswith("|"))
    wanted = {
        re.split(r"[\[<>=#\s]", line)[0].lower()
        for listed in [*ROOT.glob("locks/*.in"), *ROOT.glob("images/**/*.in")]
        for line in listed.read_text().splitlines()
        if line and not line.startswith(("#", "-"))
    }
    missing = {
        name for name in wanted if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", named)
    }
    assert not missing


def test_no_lock_file_names_an_address():
    for lock in [*ROOT.glob("locks/*.lock"), *ROOT.glob("images/**/*.lock")]:
        assert "://" not in lock.read_text(), lock.name
        assert "--hash=sha256:" in lock.read_text(), lock.name
