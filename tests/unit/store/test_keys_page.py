"""docs/how-to/keys.md names every file in which the code keeps a key or a secret."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from enclave.events import Action
from enclave.settings import Settings

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "how-to" / "keys.md").read_text()
ROOMS = ("enclave", "audit", "egress_review", "linkage", "hub_config")
_FILE = re.compile(r"[\w.-]*\.(key|keys|secret|token|destroyed)(\.next)?")


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (
                part.value if isinstance(part, ast.Constant) else "<project>"
                for part in node.values
            )
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def key_files() -> list[str]:
    """Return the names of files of keys that stand in the code."""
    sources = (path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    texts = (text for path in sources for text in _texts(ast.parse(path.read_text())))
    named = {text for text in texts if _FILE.fullmatch(text)} - set(Action)
    return sorted(name if not name.startswith(".") else f"<project>{name}" for name in named)


def test_the_search_finds_the_files_there_are() -> None:
    assert {"root.key", "<project>.key", "signing.key", "cookie.secret"} <= set(key_files())


@pytest.mark.parametrize("name", [*key_files(), "egress/key"])
def test_a_file_of_a_key_stands_on_the_page(name: str) -> None:
    assert re.search(rf"`([\w<>/-]+/)?{re.escape(name)}`", PAGE)


@pytest.mark.parametrize(
    "setting",
    [name for name in Settings.model_fields if re.search("key_file|_key$|secret|password", name)],
)
def test_a_setting_that_leads_to_a_secret_stands_on_the_page(setting: str) -> None:
    assert f"`ENCLAVE_{setting.upper()}`" in PAGE
