"""Schemas for editors: generated, and in agreement with what `enclave plan` accepts (R34)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from enclave.governance.files import FORMS
from enclave.governance.schemas import drifted, main, schemas
from tests.support.governance import DEMO

WRITTEN = Path(__file__).parents[3] / "docs" / "reference" / "schemas"
FILES = sorted([DEMO / "network.yml", *DEMO.glob("*/*.yml")])


def test_the_written_schemas_are_those_of_the_code() -> None:
    assert drifted(WRITTEN) == [], (
        "run: python -m enclave.governance.schemas docs/reference/schemas"
    )


def test_a_schema_that_was_changed_by_hand_is_found(tmp_path: Path) -> None:
    place = tmp_path / "schemas"
    shutil.copytree(WRITTEN, place)
    (place / "dsa.json").write_text("{}")
    (place / "old.json").write_text("{}")
    (place / "person.json").unlink()
    said = CliRunner().invoke(main, [str(place), "--check"])
    assert (said.exit_code, said.output.split()) == (1, ["dsa.json", "old.json", "person.json"])
    assert CliRunner().invoke(main, [str(place)]).exit_code == 0
    (place / "old.json").unlink()
    assert CliRunner().invoke(main, [str(place), "--check"]).exit_code == 0


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(DEMO)))
def test_every_demo_file_names_its_schema_and_fits_it(file: Path) -> None:
    first = file.read_text().splitlines()[0]
    schema = file.parent / first.removeprefix("# yaml-language-server: $schema=")
    assert schema.resolve().parent == WRITTEN
    # JSON Schema knows dates only as text
    data = json.loads(json.dumps(yaml.safe_load(file.read_text()), default=str))
    Draft202012Validator(json.loads(schema.read_text())).validate(data)


@pytest.mark.parametrize("kind", FORMS)
def test_an_editor_marks_an_unknown_key(kind: str) -> None:
    schema = json.loads(schemas()[f"{kind}.json"])
    assert schema["additionalProperties"] is False
