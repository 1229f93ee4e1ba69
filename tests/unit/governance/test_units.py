"""A dataset names the fields that tell employers apart, for rules about them (R10, R12, R22)."""

from __future__ import annotations

from pathlib import Path

import pytest

from egress_review.evidence import units
from enclave.governance.source import InvalidFiles
from tests.support.governance import NetworkFiles


def test_a_unit_has_to_be_a_content_field(tmp_path: Path) -> None:
    files = NetworkFiles(tmp_path)
    assert files.compiled().datasets["wages"].units == {"employers": "employer_id"}
    files.update("datasets/wages", units={"employers": "ssn"})
    with pytest.raises(InvalidFiles) as invalid:
        files.compiled()
    (problem,) = invalid.value.problems
    assert problem.sentence == "“ssn” is no content field."


def test_employers_that_an_agreement_does_not_grant_are_said_not_to_be_counted(
    tmp_path: Path,
) -> None:
    compiled = NetworkFiles(tmp_path).compiled()
    policy = compiled.policies["credential-pay"]
    assert units.known(policy, compiled.datasets) == {"credentials": {}, "wages": {}}
    (note,) = units.uncounted(policy, compiled.datasets, ["wages"])
    assert note.code == "units.uncounted"
    assert units.uncounted(policy, compiled.datasets, ["credentials"]) == ()
