"""Files: every error is named with its file, its line and a sentence; nothing unknown is let by."""

from __future__ import annotations

from pathlib import Path

import pytest

from enclave.governance.files import FORMS, read_network
from enclave.governance.source import InvalidFiles, Problem
from tests.support.governance import NetworkFiles

DSA = "agreements/dsa-credential-pay"
EMOU = "agreements/e-mou"


@pytest.fixture
def files(tmp_path: Path) -> NetworkFiles:
    return NetworkFiles(tmp_path)


def problems(files: NetworkFiles) -> tuple[Problem, ...]:
    with pytest.raises(InvalidFiles) as invalid:
        files.compiled()
    return invalid.value.problems


def test_the_demo_network_is_valid_and_fully_signed(files: NetworkFiles) -> None:
    network = files.compiled()
    assert set(network.policies) == {"credential-pay", "early-start"}
    assert not any(network.unsigned.values())


# file, text in it, what takes its place, a text on the line to be named, the sentence
WRONG = [
    (DSA, "mode: row-level", "mode: everything", "mode:", "“mode” must be one of 'row-level'"),
    (DSA, "mode: row-level", "mode: row-level\nmoode: x", "moode:", "Did you mean “mode”?"),
    (DSA, "destroy_by: 2034-12-31\n", "", "kind: dsa", "“destroy_by” is missing"),
    (DSA, "ends: 2034-06-30", "ends: soon", "ends:", "“ends” must be a date like 2026-12-31"),
    (DSA, "project: credential-pay", "project: credential--pay", "project:", "single dashes"),
    (DSA, "project: credential-pay", "project: Credential", "project:", "lower-case letters"),
    (DSA, "project: credential-pay", "project: credential-", "project:", "single dashes"),
    (DSA, "project: credential-pay", "project: 2pay", "project:", "starts with a letter"),
    (DSA, "project: credential-pay", f"project: {'a' * 31}", "project:", "at most 30 characters"),
    (DSA, "  lead: rosa", "  lead: rosa\n  phone: '5'", "phone:", "“recipient.phone” is not known"),
    (DSA, "dataset: wages", "dataset: wages\n    row: x", "row: x", "Did you mean “rows”?"),
    (DSA, "agencies: [cscu, dol]", "agencies: []", "agencies:", "at least 1 item"),
    (DSA, "title: What", "title: [What", "purpose:", "This is not YAML"),
    (DSA, "kind: dsa", "kind: treaty", "kind:", "“kind” must be e-mou or dsa"),
    (DSA, "kind: dsa\n", "", "id: dsa-credential-pay", "“kind” must be e-mou or dsa"),
    (DSA, "under: e-mou", "under: e-mou\nunder: other", "under: other", "“under” is given twice"),
    (DSA, "    safe_threshold: 11", "    safe_threshold: 0", "safe_threshold: 0", "greater than"),
    (DSA, "title: What", "? [a, b]\n: 1\ntitle: What", "? [a, b]", "A key must be a plain word"),
    ("people/rosa", "roles: [researcher]", "roles: [boss]", "roles:", "must be one of"),
    ("people/rosa", "roles: [researcher]", "roles: []", "roles:", "at least 1 item"),
    ("people/rosa", "email: rosa@university.example", "email: rosa", "email:", "name@host"),
    ("people/rosa", "name: Rosa Rivera", "name: 7", "name:", "must be text, but is 7: put it in"),
    ("datasets/wic", "update_schedule: quarterly", "update_schedule: hourly", "hourly", "one of"),
    ("agencies/dol", "safe_nk_k: 0.8", "safe_nk_k: 8", "safe_nk_k:", "less than or equal to 1"),
    (EMOU, "starts: 2024-07-01", "starts: 2024-02-31", "starts:", "no day of the calendar"),
]


@pytest.mark.parametrize(("name", "old", "new", "at", "sentence"), WRONG)
def test_a_wrong_value_is_named_with_file_line_and_sentence(
    files: NetworkFiles, name: str, old: str, new: str, at: str, sentence: str
) -> None:
    files.replace(name, old, new)
    found = problems(files)
    assert len(found) == 1, found
    assert found[0].file == f"{name}.yml"
    assert sentence in found[0].sentence
    assert found[0].line == files.line(name, at)


def test_all_problems_of_all_files_are_named_at_once(files: NetworkFiles) -> None:
    files.replace(DSA, "mode: row-level", "mode: all")
    files.replace("people/ravi", "roles: [researcher]", "roles: [boss]")
    files.replace("agencies/oec", "id: oec", "id: OEC")
    assert {problem.file for problem in problems(files)} == {
        f"{DSA}.yml",
        "people/ravi.yml",
        "agencies/oec.yml",
    }


def test_the_error_prints_one_line_a_problem_and_its_code(files: NetworkFiles) -> None:
    files.replace(DSA, "mode: row-level", "mode: all")
    with pytest.raises(InvalidFiles) as invalid:
        files.compiled()
    first, last = invalid.value.explain().splitlines()
    assert first.startswith(f"{DSA}.yml:{files.line(DSA, 'mode:')}: ")
    assert last == "1 problem in the files. [governance.invalid]"


def test_a_directory_without_a_network_says_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidFiles, match="1 problem"):
        read_network(tmp_path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\xff\xfe\x00", "UTF-8"),
        (b"a: \x07", "UTF-8"),
        (b"- a\n- b\n", "key: value"),
        (b"", "key: value"),
        (b"a: !no-such-tag x\n", "cannot be read"),
        (b"a: &x [*x]\n", "An alias (*) must be written out"),
        (b"a: &x {b: 1}\nc: *x\n", "An alias (*) must be written out"),
        (b"<<: x\n", "cannot be read"),
        (b"a: !!python/object/apply:os.system ['true']\n", "cannot be read"),
        (b"a: 1\n--- \nb: 2\n", "This is not YAML"),
    ],
)
def test_a_file_that_is_no_plain_yaml_mapping_is_refused(
    files: NetworkFiles, content: bytes, sentence: str
) -> None:
    files.path("network").write_bytes(content)
    (problem,) = problems(files)
    assert sentence in problem.sentence


@pytest.mark.parametrize("kind", FORMS)
def test_no_form_lets_an_unknown_key_by(kind: str) -> None:
    assert FORMS[kind].model_config["extra"] == "forbid"
