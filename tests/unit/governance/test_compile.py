"""Compiling: what the files say together, and every way in which they may not hold together.

R11 (signatures), R13, R15 (destruction date), R21 (named users), R22 (strictest rules), R26
(E-MOU first), R31, R32.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from enclave.governance.signatures import body_sha256
from enclave.governance.source import InvalidFiles
from enclave.model import ColumnRole, DisclosureRules, FieldKind, QueryMode
from tests.support.governance import NetworkFiles

DSA = "agreements/dsa-credential-pay"
EMOU = "agreements/e-mou"
PROJECT = "credential-pay"


@pytest.fixture
def files(tmp_path: Path) -> NetworkFiles:
    return NetworkFiles(tmp_path)


def test_an_agreement_becomes_a_policy_that_grants_what_it_says_and_no_more(
    files: NetworkFiles,
) -> None:
    policy = files.compiled().policies[PROJECT]
    granted = {view.name: [column.name for column in view.columns] for view in policy.views}
    assert granted == {
        "credentials": ["institution", "credential", "field_of_study", "year"],
        "wages": ["year", "quarter", "wage", "industry", "county"],
    }
    assert policy.agencies == {"cscu", "dol"}
    assert policy.researchers == {"rosa", "ravi"}
    assert policy.mode is QueryMode.ROW_LEVEL
    assert (policy.ends, policy.destroy_by) == (date(2034, 6, 30), date(2034, 12, 31))
    wages = policy.views[1]
    assert (wages.agency, wages.rows) == ("dol", "year >= 2019")
    assert wages.columns[2].clause == "dsa-credential-pay, view wages, field wage"
    assert policy.agreement_sha256 == body_sha256(yaml.safe_load(files.text(DSA)))


def test_no_policy_grants_an_identifier(files: NetworkFiles) -> None:
    """R41."""
    network = files.compiled()
    for policy in network.policies.values():
        for view in policy.views:
            kinds = {field.name: field.kind for field in network.datasets[view.dataset].fields}
            assert {kinds[column.name] for column in view.columns} == {FieldKind.CONTENT}


def test_the_strictest_rule_of_agency_and_agreement_is_compiled(files: NetworkFiles) -> None:
    files.replace(DSA, "    safe_threshold: 11", "    safe_threshold: 20").sign(DSA)
    rules = files.compiled().policies[PROJECT].rules
    assert rules["dol"] == DisclosureRules(safe_threshold=20, safe_nk_n=2, safe_nk_k=0.8)
    assert rules["cscu"] == DisclosureRules(safe_threshold=10)


def test_an_agencys_own_rules_hold_where_the_agreement_is_silent(files: NetworkFiles) -> None:
    files.update(DSA, disclosure=None).sign(DSA)
    assert files.compiled().policies[PROJECT].rules["dol"].safe_threshold == 11


def test_a_column_may_be_granted_for_less_than_reading(files: NetworkFiles) -> None:
    column = files.compiled().policies["early-start"].views[1].columns[-1]
    assert (column.name, column.role) == ("sex", ColumnRole.AGGREGATE_ONLY)


# file, text in it, what takes its place, a text on the line to be named, the sentence
WRONG = [
    ("network", "hub: dol", "hub: opm", "hub:", "There is no agency “opm”"),
    ("agencies/oec", "id: oec", "id: hub", "id:", "No agency may be called hub"),
    ("people/dora", "agency: dol", "agency: dot", "agency:", "There is no agency “dot”"),
    ("people/dora", "agency: dol\n", "", "roles:", "A reviewer votes for an agency"),
    ("people/stella", "agency: dol\n", "", "roles:", "A steward sees one agency's data"),
    ("people/ravi", "id: ravi", "id: rosa", "id:", "used already in people/ravi.yml, line 2"),
    ("datasets/wic", "agency: oec", "agency: oce", "agency:", "There is no agency “oce”"),
    ("datasets/wic", "key: [record_id]", "key: [number]", "key:", "There is no field “number”"),
    ("datasets/wic", "name: city", "name: county", "name: county", "“county” is used already"),
    ("datasets/wic", "name: city", "name: person_id", "name: person_id", "the enclave gives"),
    (
        "datasets/wic",
        "name: benefit\n",
        "name: benefit\n    link_as: ssn\n",
        "link_as: ssn",
        "is content, which never goes to linkage",
    ),
    (DSA, "ends: 2034-06-30", "ends: 2025-06-30", "ends:", "ends before it starts"),
    (DSA, "destroy_by: 2034-12-31", "destroy_by: 2034-01-31", "destroy_by:", "must be destroyed"),
    (DSA, "agencies: [cscu, dol]", "agencies: [cscu, dol, dot]", "agencies:", "no agency “dot”"),
    (DSA, "agencies: [cscu, dol]", "agencies: [cscu]", "dataset: wages", "dol, which is no party"),
    (DSA, "under: e-mou", "under: other", "under:", "There is no E-MOU “other”"),
    (DSA, "project: credential-pay", "project: root", "project:", "No project may be called root"),
    (DSA, "project: credential-pay", "project: early-start", "project:", "used already"),
    (DSA, "id: dsa-credential-pay", "id: e-mou", "id:", "“e-mou” is used already"),
    (DSA, "[rosa, ravi]", "[rosa, ravi, mallory]", "researchers:", "There is no person “mallory”"),
    (DSA, "[rosa, ravi]", "[rosa, dora]", "researchers:", "Dora Diaz (dora) does not have the"),
    (DSA, "[rosa, ravi]", "[rosa, dora]", "researchers:", "dol has no reviewer left for this agr"),
    (
        DSA,
        "mode: row-level",
        "mode: row-level\nreview: {checkers: 1, persons: [rosa]}",
        "review:",
        "“rosa” is a researcher of this agreement, so no output checker of it",
    ),
    (DSA, "  lead: rosa", "  lead: dora", "lead:", "The lead “dora” is none of the researchers"),
    (DSA, "    safe_threshold: 11", "    safe_threshold: 10", "old: 10", "laxer than dol's own 11"),
    (DSA, "  dol:\n", "  dss:\n", "dss:", "“dss” is no agency of this agreement"),
    (DSA, "  dol:\n", "  dot:\n", "dot:", "“dot” is no agency of this agreement"),
    (DSA, "dataset: wages", "dataset: wage", "dataset: wage", "There is no dataset “wage”"),
    (DSA, "- name: wages", "- name: credentials", "name: credentials", "used already"),
    (DSA, "name: industry", "name: sector", "name: sector", "no field “sector” in wages"),
    (DSA, "name: industry", "name: ssn", "name: ssn", "an identifier and never leaves"),
    (DSA, "name: industry", "name: wage", "name: wage", "“wage” is used already"),
    (DSA, "rows: year >= 2019", "rows: ssn = '1'", "rows:", "“ssn”, which is no content field"),
    (DSA, "- party: recipient", "- party: dss", "party: dss", "dss is no party to this agreement"),
    (DSA, "- party: recipient", "- party: hub", "party: hub", "hub has signed twice"),
]


@pytest.mark.parametrize(("name", "old", "new", "at", "sentence"), WRONG)
def test_files_that_do_not_hold_together_are_refused_with_the_line(
    files: NetworkFiles, name: str, old: str, new: str, at: str, sentence: str
) -> None:
    files.replace(name, old, new)
    with pytest.raises(InvalidFiles) as invalid:
        files.compiled()
    found = [problem for problem in invalid.value.problems if sentence in problem.sentence]
    assert len(found) == 1, invalid.value.problems
    text = files.path(found[0].file.removesuffix(".yml")).read_text().splitlines()
    assert at in text[found[0].line - 1]


def test_an_agency_without_the_e_mou_shares_nothing(files: NetworkFiles) -> None:
    """R26."""
    files.replace(EMOU, "[oec, csde, cscu, dol, dss]", "[oec, csde, dol, dss]")
    with pytest.raises(InvalidFiles) as invalid:
        files.compiled()
    sentences = [problem.sentence for problem in invalid.value.problems]
    assert any("cscu has not joined the E-MOU “e-mou”" in sentence for sentence in sentences)


@pytest.mark.parametrize("party", ["cscu", "dol", "hub", "recipient"])
def test_without_every_partys_signature_an_agreement_is_not_in_force(
    files: NetworkFiles, party: str
) -> None:
    """R11."""
    data = yaml.safe_load(files.text(DSA))
    kept = [each for each in data["signatures"] if each["party"] != party]
    files.update(DSA, signatures=kept)
    unsigned = files.compiled().unsigned
    assert [str(p) for p in unsigned["dsa-credential-pay"]] == [
        f"{DSA}.yml:{files.line(DSA, 'signatures:')}: The signature of {party} is missing: "
        "`enclave agreement sign` adds one to the file."
    ]
    assert not unsigned["dsa-early-start"]


def test_an_e_mou_nobody_signed_is_not_in_force(files: NetworkFiles) -> None:
    files.update(EMOU, signatures=[])
    assert len(files.compiled().unsigned["e-mou"]) == 5


def test_a_signature_given_before_the_text_changed_has_lapsed(files: NetworkFiles) -> None:
    files.replace(DSA, "title: What", "title: Just what")
    problems = files.compiled().unsigned["dsa-credential-pay"]
    assert len(problems) == 4
    assert "dol was given to an earlier text and has lapsed" in problems[1].sentence
    assert problems[1].line == files.line(DSA, "party: dol")
    files.sign(DSA)
    assert not files.compiled().unsigned["dsa-credential-pay"]


def test_comments_and_layout_are_not_what_is_signed(files: NetworkFiles) -> None:
    files.replace(DSA, "mode: row-level", "# what queries may return\nmode:   'row-level'")
    assert not files.compiled().unsigned["dsa-credential-pay"]


keys_of_a_dsa = st.sampled_from(
    ["title", "purpose", "starts", "ends", "destroy_by", "researchers", "views", "agencies",
     "recipient", "mode", "disclosure", "under", "project", "id", "destruction", "kind"]
)  # fmt: skip


@given(keys_of_a_dsa, st.text(max_size=5) | st.dates() | st.integers())
def test_whatever_changes_in_the_text_changes_what_must_be_signed(key: str, value: object) -> None:
    text = (Path(__file__).parents[3] / "examples/demo-network" / f"{DSA}.yml").read_text()
    data = yaml.safe_load(text)
    assert body_sha256({**data, key: value}) != body_sha256(data)
    assert body_sha256({**data, "signatures": value}) == body_sha256(data)
