"""The scorecard against SATRE is whole, and what it names as evidence is there.

Whether a score is deserved no test can say; that it rests on something that exists, these do.
"""

from __future__ import annotations

import ast
import re
import runpy
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
STATEMENTS: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "statements.yml").read_text()
)
PAGE = ROOT / "docs/reference/satre.md"

# SATRE v2.0.1, as we divided it: what software alone can satisfy, and what is mandatory and needs
# an organisation that software can supply with a tool or evidence.
SOFTWARE = {
    "Mandatory": """1.2.02 1.2.09 1.3.02 1.4.01 1.4.02 1.4.04 1.5.02 1.5.03 1.5.04 1.5.05 1.5.06
    1.6.04 2.1.01 2.1.05 2.1.08 2.1.09 2.1.14 2.2.01 2.2.06 2.2.10 2.2.11 2.2.13 2.3.01 2.3.03
    2.4.01 2.4.05 2.5.03 2.8.01 2.8.02 3.1.03 3.1.04 3.1.05 3.1.06 3.1.08 3.1.12 3.1.17 3.2.01
    3.2.03 3.2.04 3.3.04 3.3.05 3.3.07 4.3.01 4.4.01""",
    "Mandatory*": "1.7.02",
    "Recommended": """1.2.03 1.2.11 1.4.06 1.6.05 1.7.04 2.1.02 2.1.04 2.1.11 2.1.15 2.1.16 2.2.02
    2.2.12 2.2.14 2.2.15 2.4.02 2.4.03 2.4.04 2.6.01 2.6.03 2.8.03 2.8.04 3.1.02 3.1.10 3.1.11
    3.1.13 3.1.14 3.1.15 3.1.20 3.3.01 3.3.02 3.3.03 3.3.06 3.4.01 3.4.02 4.2.01 4.2.02 4.4.02""",
    "Optional": """1.4.05 2.1.03 2.1.07 2.1.12 2.1.13 2.1.17 2.1.18 3.1.07 3.1.18 3.1.19 3.2.05
    3.2.06 3.3.08 3.3.09 3.4.03 3.4.04""",
}
EVIDENCE = {
    "Mandatory": """1.1.01 1.1.02 1.2.01 1.2.04 1.2.05 1.2.10 1.3.01 1.3.03 1.3.04 1.4.03 1.5.01
    1.6.01 1.6.03 2.1.10 2.2.03 2.2.04 2.2.09 2.3.04 2.5.01 2.6.04 2.7.02 3.1.01 3.1.09 3.2.02""",
    "Mandatory*": "1.4.07 1.7.03",
}
# Where SATRE asks for a document, a page may show all of it; everywhere else a test has to.
DOCUMENTS = {"3.1.17"}

each_statement = pytest.mark.parametrize("told", STATEMENTS, ids=lambda told: told["id"])


def test_every_statement_is_there_once_with_its_importance() -> None:
    asked = {
        (kind, importance, id)
        for kind, lists in (("software", SOFTWARE), ("evidence", EVIDENCE))
        for importance, ids in lists.items()
        for id in ids.split()
    }
    said = [(told["kind"], told["importance"], told["id"]) for told in STATEMENTS]
    assert set(said) == asked
    assert [id for id, times in Counter(id for *_, id in said).items() if times > 1] == []
    assert Counter(kind for kind, *_ in said) == {"software": 98, "evidence": 26}


@each_statement
def test_a_score_has_a_note_and_what_is_met_names_what_shows_it(told: dict[str, Any]) -> None:
    known = {"id", "importance", "kind", "title", "score", "document", "shown_by", "note"}
    assert set(told) <= known
    assert type(told["score"]) is int and told["score"] in (0, 1, 2)
    assert told["title"].strip() and told["note"].strip().endswith(".")
    assert "|" not in told["title"] + told["note"], "they stand in a table"
    assert not re.search(r"\bcompliant", told["title"] + told["note"]), "nobody can claim that"
    shown = told.get("shown_by", [])
    assert bool(shown) == (told["score"] > 0)
    assert len(set(shown)) == len(shown)


@each_statement
def test_whoever_has_the_full_score_names_a_test(told: dict[str, Any]) -> None:
    document = told.get("document", False)
    assert document == (told["id"] in DOCUMENTS)
    if told["score"] == 2:
        wanted = ".md" if document else "::"
        assert any(wanted in evidence for evidence in told["shown_by"])


@each_statement
def test_all_evidence_exists(told: dict[str, Any]) -> None:
    for evidence in told.get("shown_by", []):
        path, _, test = evidence.partition("::")
        if test:
            assert test in named_in(path), evidence
        elif path.endswith(".md"):
            assert (ROOT / path).is_file(), evidence
        else:
            assert path in commands(), evidence


def test_the_page_says_what_the_statements_say() -> None:
    made: str = runpy.run_path(str(ROOT / "docs/scorecard.py"))["page"]()
    assert PAGE.read_text() == made, "run `make docs`"
    rows = re.findall(r"^\| (\d\.\d\.\d\d) \| (\S+) \| (\w+) \| (\d) \|", made, re.MULTILINE)
    said = [(t["id"], t["importance"], t["kind"], str(t["score"])) for t in STATEMENTS]
    assert sorted((id, heft.replace("\\", ""), *rest) for id, heft, *rest in rows) == sorted(said)


def test_the_sums_of_the_page_are_those_of_the_statements() -> None:
    by = {"software alone": "software", "a tool or evidence": "evidence"}
    pattern = r"^\| \*\*all\*\* \| (\S+) \| ([\w ]+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|"
    sums = re.findall(pattern, PAGE.read_text(), re.MULTILINE)
    assert len(sums) == 6
    for heft, satisfied, total, *counts in sums:
        kind = by[satisfied], heft.replace("\\", "")
        scores = [t["score"] for t in STATEMENTS if (t["kind"], t["importance"]) == kind]
        assert [len(scores), *map(scores.count, (2, 1, 0))] == [int(total), *map(int, counts)]


@cache
def named_in(path: str) -> frozenset[str]:
    """Return the names of a file's tests, without running any of it."""
    file = ROOT / path
    assert file.is_file() and file.name.startswith("test_"), path
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    body = ast.parse(file.read_text()).body
    return frozenset(
        node.name for node in body if isinstance(node, functions) and node.name.startswith("test_")
    )


@cache
def commands() -> frozenset[str]:
    """Return every command, as the generated list of them has it."""
    page = (ROOT / "docs/reference/commands.md").read_text()
    return frozenset(re.findall(r"^## `([^`]+)`$", page, re.MULTILINE))
