"""What was applied to a release travels with it in a form a machine reads (SATRE 3.3.09)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from importlib.metadata import version

import pytest

from egress_review.model import State
from egress_review.submission import DISCLOSURE
from enclave.model import DisclosureRules, Protection
from tests.support.methods import NOISE, PRIVATE, ROUND, agree
from tests.support.review import PEOPLE, World


def test_a_release_carries_every_rule_that_was_applied_tied_to_its_very_files(
    world: World,
) -> None:
    request = world.in_review()
    world.vote("dora", request)
    assert world.vote("carl", request).state is State.RELEASED
    _, content = world.service.download(PEOPLE["rosa"], request.id, "pay.csv")
    record = json.loads(world.service.download(PEOPLE["rosa"], request.id, DISCLOSURE)[1])
    assert record["request"] == request.id
    (file,) = record["files"]
    assert file["sha256"] == hashlib.sha256(content).hexdigest()
    assert "independent attack" in file["checks"]
    assert {each.name for each in fields(DisclosureRules)} <= record["criteria"].keys()
    assert record["criteria"]["safe_threshold"] == 11, "the strictest agency's"
    assert record["protection"] == "suppress"
    assert record["versions"]["enclave"] == version("enclave")


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        (ROUND, {"method": "round", "base": "11"}),
        (NOISE, {"method": "noise", "spread": "6"}),
        (PRIVATE, {"method": "private", "epsilon": "2", "rows_per_person": "2"}),
    ],
)
def test_a_change_by_chance_is_recorded_with_its_terms_and_with_no_check_that_was_not_made(
    world: World, monkeypatch: pytest.MonkeyPatch, terms: Protection, said: dict[str, str]
) -> None:
    agree(world, monkeypatch, terms)
    request = world.submit()
    assert world.vote("dora", request).state is State.RELEASED
    record = json.loads(world.service.download(PEOPLE["rosa"], request.id, DISCLOSURE)[1])
    (file,) = record["files"]
    assert file["terms"] == said
    assert file["checks"] == ["recomputed", "rules", "changed by chance"]
    assert record["protection"] == said["method"]
