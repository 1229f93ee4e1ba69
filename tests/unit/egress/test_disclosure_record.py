"""What was applied to a release travels with it in a form a machine reads (SATRE 3.3.09)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from importlib.metadata import version

from egress_review.model import State
from egress_review.submission import DISCLOSURE
from enclave.model import DisclosureRules
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
