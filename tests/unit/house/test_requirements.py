"""What the page of requirements claims is backed by a test that cites the number, and only that.

The page itself is docs/reference/requirements.md, one way to show compliance to who asks (R8).
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import yaml

DOCS = Path(__file__).parents[3] / "docs"
ASKED = yaml.safe_load((DOCS / "requirements.yml").read_text())
STATES = ("enforced", "in part", "not built")


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """docs/generate.py, which is a program and no package."""
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_all_eighty_are_there_with_a_state_and_a_sentence() -> None:
    assert list(ASKED) == [f"R{number}" for number in range(1, 81)]
    for each in ASKED.values():
        assert set(each) == {"asks", "is", "how"}
        assert each["is"] in STATES
        assert each["how"].endswith(".")


def test_what_is_met_is_cited_by_a_test_and_what_is_not_by_none(generate: ModuleType) -> None:
    cited = generate.citations()
    assert set(cited) <= set(ASKED)
    for number, each in ASKED.items():
        assert bool(cited[number]) is (each["is"] != "not built"), number
